//! Pulls the directories, asks about those who are missing, and puts together what a plan is made of.
//!
//! Invariant: a source that could not be read to its end freezes its people for this run; the others go on.
//! Invariant: absence without a tombstone is confirmed by asking for the person, before anything follows from it. Where
//! too many are missing to be asked for, they stay unconfirmed until a second complete listing agrees.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{ExternalId, PersonKey, Presence, PullError, PullErrorKind, PullRequest, Source, SourceName};
use futures_util::future::join_all;

use super::progress::{Progress, SourceSeen, SourcesSeen};
use super::{Run, RunError};
use crate::model::{DirectoryView, JournalEntry, Target, Time};
use crate::store::{Store, StoreError};

/// Most people that are asked for by id in one run.
pub(super) const MOST_CONFIRMED: usize = 200;

/// What the directories brought.
#[derive(Debug)]
pub(super) struct Observed {
    /// Everybody that is stored.
    pub(super) directory: DirectoryView,
    /// What each source brought.
    pub(super) sources: SourcesSeen,
    /// Sources that could not be read, and why.
    pub(super) frozen: BTreeMap<SourceName, String>,
}

/// Why one source is frozen.
struct Failure {
    message: String,
    hint: String,
}

enum Stumble {
    Source(Failure),
    Store(StoreError),
}

impl From<PullError> for Stumble {
    fn from(error: PullError) -> Self {
        Self::Source(Failure { message: error.to_string(), hint: error.hint })
    }
}

impl From<StoreError> for Stumble {
    fn from(error: StoreError) -> Self {
        match error {
            // Nobody where there were people is an error of the pull, never data.
            StoreError::EmptiedOut { .. } => {
                Self::Source(Failure { message: error.to_string(), hint: error.hint().to_owned() })
            }
            other => Self::Store(other),
        }
    }
}

pub(super) async fn observe<T: Target>(run: &Run<'_, T>) -> Result<Observed, RunError> {
    let Run { centre, order, clock, watch, .. } = run;
    let pulls = centre.sources.iter().map(|source| async move {
        if order.source.as_ref().is_some_and(|only| only != source.name()) {
            let failure = Failure { message: "not asked for in this run".to_owned(), hint: String::new() };
            return (source.name().clone(), Err(Stumble::Source(failure)));
        }
        let started = clock.millis();
        let result = pull(run, source).await.map(|mut seen| {
            seen.millis = clock.millis() - started;
            seen
        });
        (source.name().clone(), result)
    });
    let mut sources = SourcesSeen::new();
    let mut frozen = BTreeMap::new();
    let mut first_failure = None;
    for (name, result) in join_all(pulls).await {
        match result {
            Ok(seen) => {
                watch.tell(Progress::SourceRead { source: name.clone(), seen: seen.clone() });
                sources.insert(name, seen);
            }
            Err(Stumble::Store(error)) => return Err(error.into()),
            Err(Stumble::Source(failure)) => {
                if !failure.hint.is_empty() {
                    tell_failure(run, &name, &failure).await?;
                }
                frozen.insert(name, failure.message.clone());
                first_failure.get_or_insert(failure);
            }
        }
    }
    if let (true, Some(failure)) = (sources.is_empty(), first_failure) {
        return Err(RunError::NoDirectory { message: failure.message, hint: failure.hint });
    }
    let configured: Vec<SourceName> = centre.sources.iter().map(|source| source.name().clone()).collect();
    let directory = centre.store.directory_view(&frozen, &configured).await?;
    Ok(Observed { directory, sources, frozen })
}

async fn tell_failure<T: Target>(run: &Run<'_, T>, source: &SourceName, failure: &Failure) -> Result<(), StoreError> {
    let Run { centre, lease, order, clock, watch, .. } = run;
    let Failure { message, hint } = failure;
    watch.tell(Progress::SourceFailed { source: source.clone(), message: message.clone(), hint: hint.clone() });
    if order.rehearse {
        return Ok(());
    }
    let entry = JournalEntry::SourceFailed {
        run: order.run,
        source: source.clone(),
        message: message.clone(),
        hint: hint.clone(),
    };
    centre.store.append(lease, &[entry], clock.now()).await
}

async fn pull<T: Target>(run: &Run<'_, T>, source: &Source) -> Result<SourceSeen, Stumble> {
    let Run { centre, lease, order, clock, .. } = run;
    let at = clock.now();
    let store = &centre.store;
    let name = source.name();
    let due = order.full || full_is_due(store.last_full(name).await?, centre.full_every_secs, at);
    let cursor = if due { None } else { store.cursor(name).await? };
    let known = store.known(name).await?;
    let brought = source.pull(PullRequest { cursor: cursor.as_ref(), known: &known, at }).await?;
    let full = matches!(brought, connectors::Pull::Full(_));
    let outcome = store.apply_pull(Some(lease), name, brought, at).await?;
    if !outcome.missing.is_empty() && outcome.missing.len() <= MOST_CONFIRMED {
        confirm(store, source, &outcome.missing, at).await?;
    }
    Ok(SourceSeen {
        people: outcome.people,
        changed: outcome.joined + outcome.changed + outcome.left,
        full,
        requests: outcome.requests,
        millis: 0,
    })
}

fn full_is_due(last: Option<Time>, every_secs: u64, at: Time) -> bool {
    let every = i64::try_from(every_secs).unwrap_or(i64::MAX);
    last.is_none_or(|last| (at - last).num_seconds() >= every)
}

/// Asks the directory for people by id and stores what it says.
async fn confirm(store: &Store, source: &Source, missing: &[ExternalId], at: Time) -> Result<(), Stumble> {
    let answers = source.confirm(missing).await?;
    let outcome = store.confirm(source.name(), &answers, at).await?;
    let Some(first) = outcome.contradicted.first() else {
        return Ok(());
    };
    Err(PullError::new(
        PullErrorKind::Implausible,
        "full listing",
        format!(
            "{} people were missing from a listing that looked complete, and the directory still has them (for example {}/{first})",
            outcome.contradicted.len(),
            source.name()
        ),
        "nobody was removed; run again, and report it to the directory's administrator if it stays",
    )
    .into())
}

/// Asks the directories about people that only an owner tag in Connect names (a lost state file), so that they can be told
/// apart: still there, or gone.
pub(super) async fn ask_about_owners<T: Target>(
    run: &Run<'_, T>,
    owners: &BTreeSet<PersonKey>,
) -> Result<bool, RunError> {
    let Run { centre, clock, .. } = run;
    let mut learned = false;
    for source in &centre.sources {
        let ids: Vec<ExternalId> = owners
            .iter()
            .filter(|key| &key.source == source.name())
            .map(|key| key.id.clone())
            .take(MOST_CONFIRMED)
            .collect();
        if ids.is_empty() {
            continue;
        }
        match source.confirm(&ids).await {
            Ok(answers) => {
                centre.store.confirm(source.name(), &answers, clock.now()).await?;
                learned |= answers.values().any(|answer| matches!(answer, Presence::Here { .. } | Presence::Gone));
            }
            // They stay as they are: not observed.
            Err(error) => tracing::warn!(source = %source.name(), error = %error, "could not ask about owners"),
        }
    }
    Ok(learned)
}
