//! Pulls the directories, asks about those who are missing, and puts together what a plan is made of.
//!
//! Invariant: a source that could not be read to its end freezes its people for this run; the others go on.
//! Invariant: absence without a tombstone is confirmed by asking for the person, before anything follows from it. Where
//! too many are missing together to be asked for, a sample is, and the others stay unconfirmed until a second complete
//! listing agrees; one who is there voids both.
//! Invariant: a directory that knows none of the people it is asked for, and nobody else of ours, is another directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::SecondsFormat;
use connectors::{
    ExternalId, PersonKey, Presence, PullError, PullErrorKind, PullRequest, Source, SourceName, attributes,
};
use futures_util::future::join_all;

use super::progress::{Progress, SourceSeen, SourcesSeen};
use super::quarantine::{self, Health};
use super::{Centre, Run, RunError, Stopped};
use crate::model::{
    DirectoryView, Finding, FindingCode, FrozenSource, JournalEntry, Quarantine, Target, Time, Trouble,
};
use crate::store::StoreError;

/// Most people that are asked for by id in one run.
pub(super) const MOST_CONFIRMED: usize = 200;

/// Fewer people than this may all be gone from a directory that knows nobody else of theirs.
const FEW: usize = 2;

/// What the directories brought.
#[derive(Debug)]
pub(super) struct Observed {
    /// Everybody that is stored.
    pub(super) directory: DirectoryView,
    /// What each source brought.
    pub(super) sources: SourcesSeen,
    /// Sources that were not read, and why; without a hint where nothing is wrong.
    pub(super) frozen: BTreeMap<SourceName, FrozenSource>,
    /// People about whom a directory's answer proved nothing, and why.
    pub(super) unproven: BTreeMap<PersonKey, String>,
    /// What the sources say about themselves, as findings.
    pub(super) notes: Vec<Finding>,
}

/// What one pull brought besides what is stored.
struct Pulled {
    seen: SourceSeen,
    unproven: Vec<(ExternalId, String)>,
}

enum Stumble {
    Source(FrozenSource),
    /// The directory said so, and whether that lasts is in the error.
    Pull(PullError),
    /// Refused us before, and is not asked in this run.
    Resting(Box<Quarantine>),
    Stopped,
    Store(StoreError),
}

impl From<PullError> for Stumble {
    fn from(error: PullError) -> Self {
        Self::Pull(error)
    }
}

impl From<Stopped> for Stumble {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<StoreError> for Stumble {
    fn from(error: StoreError) -> Self {
        match error {
            // Nobody, or nobody but strangers, where there were people is an error of the pull, never data.
            StoreError::EmptiedOut { .. } | StoreError::Strangers { .. } | StoreError::OtherPeople { .. } => {
                Self::Source(FrozenSource { message: error.to_string(), hint: error.hint().to_owned() })
            }
            other => Self::Store(other),
        }
    }
}

pub(super) async fn observe<T: Target>(run: &Run<'_, T>) -> Result<Observed, RunError> {
    let Run { centre, order, clock, watch, .. } = run;
    let pulls = centre.sources.iter().map(|source| async move {
        if order.source.as_ref().is_some_and(|only| only != source.name()) {
            let failure = FrozenSource { message: "not asked for in this run".to_owned(), hint: String::new() };
            return (source.name().clone(), Err(Stumble::Source(failure)));
        }
        let started = clock.millis();
        let result = pull(run, source).await.map(|mut pulled| {
            pulled.seen.millis = clock.millis() - started;
            pulled
        });
        (source.name().clone(), result)
    });
    let mut sources = SourcesSeen::new();
    let mut frozen = BTreeMap::new();
    let mut unproven = BTreeMap::new();
    let mut troubles = Vec::new();
    for (name, result) in join_all(pulls).await {
        let result = match result {
            Err(Stumble::Pull(error)) => {
                let trouble = quarantine::of_pull(&name, &error);
                run.source_answered(&name, trouble.clone().map_or(Health::Unclear, Health::Trouble)).await?;
                troubles.push(trouble);
                Err(Stumble::Source(FrozenSource { message: error.to_string(), hint: error.hint }))
            }
            other => other,
        };
        match result {
            Ok(Pulled { seen, unproven: of_source }) => {
                let key = |id| PersonKey::new(name.clone(), id);
                unproven.extend(of_source.into_iter().map(|(id, why)| (key(id), why)));
                run.source_answered(&name, Health::Well).await?;
                watch.tell(Progress::SourceRead { source: name.clone(), seen: seen.clone() });
                sources.insert(name, seen);
            }
            Err(Stumble::Store(error)) => return Err(error.into()),
            Err(Stumble::Stopped) => return Err(RunError::Stopped),
            Err(Stumble::Resting(quarantine)) => {
                let Quarantine { trouble: Trouble { message, hint, class: _ }, until, .. } = *quarantine;
                let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
                // The journal was told in the run that asked.
                let message = format!("{message} (not asked again by the schedule before {until})");
                frozen.insert(name, FrozenSource { message, hint });
            }
            Err(Stumble::Pull(_)) => {}
            Err(Stumble::Source(failure)) => {
                if !failure.hint.is_empty() {
                    tell_failure(run, &name, &failure).await?;
                }
                frozen.insert(name, failure);
            }
        }
    }
    if sources.is_empty()
        && let Some(error) = nobody_answered(&centre.sources, &frozen)
    {
        // One that was not asked, or that may answer again, is enough for a run.
        let asked = troubles.len() == centre.sources.len();
        run.met(
            troubles.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().next().filter(|_| asked)),
        );
        return Err(error);
    }
    let why = frozen.iter().map(|(name, failure)| (name.clone(), failure.message.clone())).collect();
    let (directory, notes) = stored(centre, &why).await?;
    Ok(Observed { directory, sources, frozen, unproven, notes })
}

/// Everybody as the state file has them now, and what the sources say about themselves.
async fn stored<T: Target>(
    centre: &Centre<T>,
    why: &BTreeMap<SourceName, String>,
) -> Result<(DirectoryView, Vec<Finding>), RunError> {
    let configured: Vec<SourceName> = centre.sources.iter().map(|source| source.name().clone()).collect();
    let directory = centre.store.directory_view(why, &configured).await?;
    let mut notes = Vec::new();
    for name in &configured {
        notes.extend(centre.store.source_notes(name).await?.into_iter().map(|note| source_note(name, note)));
    }
    Ok((directory, notes))
}

/// The error of a run in which no source could be read: of the first in the order of precedence that was asked.
fn nobody_answered(sources: &[Arc<Source>], frozen: &BTreeMap<SourceName, FrozenSource>) -> Option<RunError> {
    let failed = || sources.iter().filter_map(|source| frozen.get(source.name()));
    let FrozenSource { message, hint } = failed().find(|failure| !failure.hint.is_empty()).or(failed().next())?;
    Some(RunError::NoDirectory { message: message.clone(), hint: hint.clone(), frozen: told(frozen) })
}

/// The sources that failed; a source that nobody asked for is none of them.
pub(super) fn told(frozen: &BTreeMap<SourceName, FrozenSource>) -> BTreeMap<SourceName, FrozenSource> {
    let failed = frozen.iter().filter(|(_, failure)| !failure.hint.is_empty());
    failed.map(|(name, failure)| (name.clone(), failure.clone())).collect()
}

/// What a source says about itself; the same words are no news in the next run.
fn source_note(source: &SourceName, message: String) -> Finding {
    Finding {
        code: FindingCode::SourceNote,
        person: None,
        label: source.to_string(),
        message,
        hint: format!("see to it in {source}, or ask its administrator"),
    }
}

/// Somebody who is missing, and the directory's answer proves nothing: stays as it is.
pub(super) fn not_proven(person: &PersonKey, why: &str, directory: &DirectoryView) -> Finding {
    let username = directory.people.get(person).and_then(|user| user.attributes.get(attributes::USERNAME));
    Finding {
        code: FindingCode::Unproven,
        person: Some(person.clone()),
        label: username.map_or_else(|| person.to_string(), str::to_owned),
        message: format!("missing, and {} cannot say whether it is gone: {why}", person.source),
        hint: format!("let the reader of {} see everybody in scope, or look this record up there", person.source),
    }
}

async fn tell_failure<T: Target>(
    run: &Run<'_, T>,
    source: &SourceName,
    failure: &FrozenSource,
) -> Result<(), StoreError> {
    let Run { centre, lease, order, clock, watch, .. } = run;
    let FrozenSource { message, hint } = failure;
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

async fn pull<T: Target>(run: &Run<'_, T>, source: &Source) -> Result<Pulled, Stumble> {
    let Run { centre, lease, order, clock, .. } = run;
    let at = clock.now();
    let store = &centre.store;
    let name = source.name();
    if let Some(quarantine) = run.source_rests(name).await? {
        return Err(Stumble::Resting(Box::new(quarantine)));
    }
    let due = order.full || full_is_due(store.last_full(name).await?, centre.full_every_secs, at);
    let cursor = if due { None } else { store.cursor(name).await? };
    let known = store.known(name).await?;
    let brought = run.looking(source.pull(PullRequest { cursor: cursor.as_ref(), known: &known, at })).await??;
    let full = matches!(brought, connectors::Pull::Full(_));
    let outcome = store.apply_pull(Some(lease), name, brought, at).await?;
    let mut unproven = Vec::new();
    let ask = outcome.to_ask(MOST_CONFIRMED);
    if !ask.is_empty() {
        unproven = confirm(run, source, &ask, at).await?;
    }
    let seen = SourceSeen {
        people: outcome.people,
        changed: outcome.joined + outcome.changed + outcome.left,
        full,
        requests: outcome.requests,
        millis: 0,
        notes: outcome.notes,
    };
    Ok(Pulled { seen, unproven })
}

fn full_is_due(last: Option<Time>, every_secs: u64, at: Time) -> bool {
    let every = i64::try_from(every_secs).unwrap_or(i64::MAX);
    last.is_none_or(|last| (at - last).num_seconds() >= every)
}

/// Asks the directory for people by id and stores what it says. Gives those about whom the answer proves nothing.
async fn confirm<T: Target>(
    run: &Run<'_, T>,
    source: &Source,
    missing: &[ExternalId],
    at: Time,
) -> Result<Vec<(ExternalId, String)>, Stumble> {
    let answers = run.looking(source.confirm(missing)).await??;
    let outcome = run.centre.store.confirm(source.name(), &answers, at).await?;
    let Some(first) = outcome.contradicted.first() else {
        return Ok(outcome.unproven);
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
/// apart: still there, or gone. `knows_an_owner`: whether the source has listed anybody whom a user in Connect belongs to. A
/// directory that has not, and finds none of those it is asked for, is another directory; its word about them is none.
pub(super) async fn ask_about_owners<T: Target>(
    run: &Run<'_, T>,
    owners: &BTreeSet<PersonKey>,
    knows_an_owner: impl Fn(&SourceName) -> bool,
    unproven: &mut BTreeMap<PersonKey, String>,
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
        match run.looking(source.confirm(&ids)).await? {
            Ok(mut answers) => {
                if ids.len() >= FEW
                    && !knows_an_owner(source.name())
                    && answers.values().all(|one| *one == Presence::Gone)
                {
                    let why = format!(
                        "it knows none of the {} people it was asked for, and may be another directory",
                        ids.len()
                    );
                    answers.values_mut().for_each(|answer| *answer = Presence::Unproven(why.clone()));
                }
                let outcome = centre.store.confirm(source.name(), &answers, clock.now()).await?;
                let key = |id| PersonKey::new(source.name().clone(), id);
                unproven.extend(outcome.unproven.into_iter().map(|(id, why)| (key(id), why)));
                learned |= answers.values().any(|answer| !matches!(answer, Presence::Unproven(_)));
            }
            // They stay as they are: not observed.
            Err(error) => tracing::warn!(source = %source.name(), error = %error, "could not ask about owners"),
        }
    }
    Ok(learned)
}
