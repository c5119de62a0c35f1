//! What is wrong after a run, told to whoever wants to know.
//!
//! Invariant: a failing notifier never fails a run, and one does not hold up the others for longer than a delivery may take.
//! Invariant: what was told by a notifier that is not configured any more is forgotten.
//! Invariant: what was told is stored once the far side has confirmed it, all of it in one step.
//! Deliberately absent: when something is told and how it reads (see [`crate::report::notify`]).

use std::collections::BTreeSet;

use connectors::{PersonKey, SourceName};
use futures_util::future::join_all;

use super::deliver::Delivery;
use super::{Ended, Order, RunError, chain};
use crate::model::{Book, Decision, FrozenSource, Quarantine, Subject, SubjectKind, Time};
use crate::report::notify::{self, Circumstances, Condition, Notifier};
use crate::store::{Held, Patient, RunLease, Store, StoreError};

/// A notifier with what it has told so far.
#[derive(Debug)]
pub struct Teller {
    notifier: Notifier,
    /// Read once; from then on this process alone writes it. Where the state file fails it is still here.
    book: Option<Book>,
}

impl Teller {
    /// One whose book is not read yet.
    #[must_use]
    pub fn new(notifier: Notifier) -> Self {
        Self { notifier, book: None }
    }
}

/// A notifier that could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Which.
    pub notifier: String,
    /// Why; without addresses and people.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

/// What a run left behind, for those who are told of it.
#[derive(Debug)]
pub struct Aftermath<'a> {
    /// What was asked of the run.
    pub order: &'a Order,
    /// How it ended.
    pub result: &'a Result<Ended, RunError>,
    /// What became of its reports; `None` if nobody could look.
    pub deliveries: Option<&'a [Delivery]>,
}

/// Tells every notifier what it is due. Gives those that could not be told.
pub async fn notify(
    store: &Store,
    lease: &RunLease,
    aftermath: &Aftermath<'_>,
    tellers: &mut [Teller],
    now: Time,
) -> Vec<Untold> {
    let known: Vec<&str> = tellers.iter().map(|teller| teller.notifier.name()).collect();
    if let Err(error) = store.keep_notify_books(lease, &known).await {
        tracing::warn!(error = %error, "what notifiers that are gone have told cannot be forgotten");
    }
    if tellers.is_empty() {
        return Vec::new();
    }
    let seen = circumstances(store, aftermath).await;
    let each = tellers.iter_mut().map(|teller| tell(store, lease, &seen, teller, now));
    join_all(each).await.into_iter().flatten().collect()
}

/// Tells one notifier what it is due.
async fn tell(store: &Store, lease: &RunLease, seen: &Circumstances, teller: &mut Teller, now: Time) -> Option<Untold> {
    let Teller { notifier, book } = teller;
    let name = notifier.name().to_owned();
    let before = match book.take() {
        Some(book) => book,
        None => match store.notify_book(&name).await {
            Ok(book) => book,
            Err(error) => {
                tracing::warn!(notifier = name, error = %error, "what `{name}` was told cannot be read; it may be told again");
                Book::default()
            }
        },
    };
    let (mut after, message) = notify::decide(&before, seen, notifier.hears(), now);
    let mut untold = None;
    if let Some(message) = message {
        after = match notifier.deliver(&message, now).await {
            Ok(()) => notify::delivered(after, &message, now),
            Err(error) => {
                untold = Some(Untold { notifier: name.clone(), message: chain(&error), hint: error.hint });
                notify::failed(after, now)
            }
        };
    }
    if !after.same(&before)
        && let Err(error) = store.set_notify_book(lease, &name, &after).await
    {
        tracing::warn!(notifier = name, error = %error, "what `{name}` was told cannot be stored");
    }
    *book = Some(after);
    untold
}

/// Everything that is wrong, and what could be looked at.
async fn circumstances(store: &Store, aftermath: &Aftermath<'_>) -> Circumstances {
    let mut seen = Circumstances::default();
    let quarantine = known(store.quarantine(Patient::Centre).await);
    let entered = quarantine.clone().flatten().filter(Quarantine::entered);
    run(&mut seen, aftermath.result, entered.is_some());
    sources(&mut seen, aftermath);
    if let Some(held) = known(store.held().await) {
        seen.looked.insert(SubjectKind::Approval);
        seen.met.extend(held.map(|held| approval(&held, aftermath.result)));
    }
    if quarantine.is_some() {
        seen.looked.insert(SubjectKind::Quarantine);
        seen.met.extend(entered.map(|quarantine| in_quarantine(&quarantine)));
    }
    people(&mut seen, aftermath);
    if let Some(deliveries) = aftermath.deliveries {
        seen.looked.insert(SubjectKind::Report);
        seen.met.extend(deliveries.iter().filter_map(behind));
    }
    seen
}

/// What the state file says, if it says anything: what cannot be read is neither there nor over.
fn known<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(error = %error, "the state file cannot say what is to be told")).ok()
}

fn run(seen: &mut Circumstances, result: &Result<Ended, RunError>, in_quarantine: bool) {
    let error = match result {
        // There was no run, or none that came to anything: it says nothing about whether one would fail.
        Err(RunError::Quarantined(_) | RunError::Stopped) => return,
        Ok(_) => {
            seen.looked.insert(SubjectKind::Run);
            return;
        }
        Err(error) => error,
    };
    let no_directory = matches!(error, RunError::NoDirectory { .. });
    let part_of = [no_directory.then_some(SubjectKind::Source), in_quarantine.then_some(SubjectKind::Quarantine)];
    seen.looked.insert(SubjectKind::Run);
    seen.met.push(Condition {
        subject: Subject::Run,
        since: None,
        what: chain(error),
        hint: error.hint(),
        part_of: part_of.into_iter().flatten().collect(),
    });
}

fn sources(seen: &mut Circumstances, aftermath: &Aftermath<'_>) {
    let Aftermath { order, result, deliveries: _ } = aftermath;
    let frozen = match result {
        Ok(Ended { summary, .. }) if order.undo.is_none() => &summary.frozen,
        Err(RunError::NoDirectory { frozen, .. }) => frozen,
        Ok(_) | Err(_) => return,
    };
    if order.source.is_none() {
        seen.looked.insert(SubjectKind::Source);
    }
    let failed = |(name, FrozenSource { message, hint }): (&SourceName, &FrozenSource)| Condition {
        subject: Subject::Source(name.clone()),
        since: None,
        what: format!("{message}; its people are left as they are"),
        hint: hint.clone(),
        part_of: Vec::new(),
    };
    seen.met.extend(frozen.iter().map(failed));
}

/// The refusal's own words may name protected people; its numbers do not.
fn approval(held: &Held, result: &Result<Ended, RunError>) -> Condition {
    let Held { digest, message: _, run, at } = held;
    let refusal = result.as_ref().ok().and_then(|ended| ended.refusal.as_ref()).filter(|it| it.digest == *digest);
    let why = refusal.map(|refusal| format!(": {}", refusal.numbers)).unwrap_or_default();
    let hint = refusal.map_or_else(|| format!("see why: rollcall history {run}"), |refusal| refusal.hint.clone());
    Condition {
        subject: Subject::Approval,
        since: Some(*at),
        what: format!(
            "the guard refused plan {digest}{why}; nothing is written until it is approved, or another plan is made"
        ),
        hint,
        part_of: Vec::new(),
    }
}

fn in_quarantine(quarantine: &Quarantine) -> Condition {
    let Quarantine { trouble, since, last: _, failures, until } = quarantine;
    let until = until.format("%H:%M UTC");
    Condition {
        subject: Subject::Quarantine,
        since: Some(*since),
        what: format!("met {failures} times in a row: {}; the schedule tries again at {until}", trouble.message),
        hint: trouble.hint.clone(),
        part_of: Vec::new(),
    }
}

/// Whom a whole plan holds. A source that was not read holds nobody and releases nobody.
fn people(seen: &mut Circumstances, aftermath: &Aftermath<'_>) {
    let Aftermath { order, result, deliveries: _ } = aftermath;
    let Ok(Ended { plan, summary, .. }) = result else { return };
    if order.user.is_some() || order.undo.is_some() {
        return;
    }
    let held = |(_, decision): &(&PersonKey, &Decision)| {
        matches!(decision, Decision::Quarantined(_) | Decision::Resting { .. })
    };
    let mut people: BTreeSet<PersonKey> =
        plan.decisions.iter().filter(held).map(|(person, _)| person.clone()).collect();
    people.extend(plan.resting.iter().cloned());
    if summary.frozen.is_empty() && order.source.is_none() {
        seen.looked.insert(SubjectKind::People);
    }
    seen.held = Some(people);
}

fn behind(delivery: &Delivery) -> Option<Condition> {
    let Delivery { sink, failed, delivered: _, rejected: _, waiting_since } = delivery;
    let error = failed.as_ref()?;
    Some(Condition {
        subject: Subject::Report(sink.clone()),
        since: *waiting_since,
        what: format!("{error}; events wait and are delivered when it is back"),
        hint: error.hint.clone(),
        part_of: Vec::new(),
    })
}
