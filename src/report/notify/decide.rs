//! What is told now: a function of what was told, what is, and the time.
//!
//! Trouble is told at once, and while it lasts again 1 hour, 6 hours and 24 hours later, then daily. Its end is told once,
//! and only if it was told itself. What comes back within a day after its end was told rests first: for an hour, then six,
//! then a day.
//!
//! Invariant: how much is told depends on time, never on the number of runs.
//! Invariant: the order in which conditions are given means nothing.
//! Invariant: a clock that was set back neither silences trouble for more than a day nor repeats what was told.
//! Invariant: only [`delivered`] counts a message; one that did not arrive is due again.
//! Deliberately absent: clocks, and how a message reads.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use connectors::PersonKey;

use super::message::{Message, Over, Trouble};
use crate::model::{Book, Episode, Subject, SubjectKind, Time};

/// From one message about lasting trouble to the next, by how many there were; then the last.
const AGAIN: [TimeDelta; 4] = [TimeDelta::hours(1), TimeDelta::hours(5), TimeDelta::hours(18), TimeDelta::hours(24)];
/// From the told end of trouble to the next message about the same, by how many ends were told; then the last.
const BACK: [TimeDelta; 3] = [TimeDelta::hours(1), TimeDelta::hours(6), TimeDelta::hours(24)];
/// After this long without it, trouble is new trouble.
const FORGOTTEN: TimeDelta = TimeDelta::hours(24);
/// How long a report may be behind before that is trouble.
const BEHIND: TimeDelta = TimeDelta::hours(1);
/// Wait after failed deliveries, by how many in a row; then the last. The first is repeated by the next run. A far side that
/// takes a message and then fails to say so must not get it at every run.
const REST: [TimeDelta; 6] = [
    TimeDelta::zero(),
    TimeDelta::minutes(5),
    TimeDelta::minutes(10),
    TimeDelta::minutes(20),
    TimeDelta::minutes(40),
    TimeDelta::minutes(60),
];
/// Nothing waits longer than this, whatever the clock did.
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// People who are named in one message.
const NAMED: usize = 20;

/// Trouble that is there now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// What it is about.
    pub subject: Subject,
    /// Since when, if that is known.
    pub since: Option<Time>,
    /// What happened; without personal values.
    pub what: String,
    /// One thing to do.
    pub hint: String,
    /// Kinds of trouble that this one is a part of: whoever hears of one of them is not told of this one as well.
    pub part_of: Vec<SubjectKind>,
}

/// What is known after a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Trouble.
    pub met: Vec<Condition>,
    /// Kinds that were looked at as a whole: what is not met of them is over.
    pub looked: BTreeSet<SubjectKind>,
    /// People who are held, if that was looked at.
    pub held: Option<BTreeSet<PersonKey>>,
}

/// Of what a notifier is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hears {
    /// These kinds.
    pub on: BTreeSet<SubjectKind>,
    /// People are trouble when more than this many are held who were not before.
    pub newly_held: u32,
}

/// What is to be told now, if anything is, and the book after this look. The book counts the message once it is
/// [`delivered`].
#[must_use]
pub fn decide(book: &Book, seen: &Circumstances, hears: &Hears, now: Time) -> (Book, Option<Message>) {
    let mut book = set_right(book.clone(), now);
    let Heard { met, left_out } = heard(&mut book, seen, hears);
    book.subjects.retain(|subject, _| hears.on.contains(&subject.kind()));
    for (subject, Met { condition, people: _ }) in &met {
        meet(&mut book.subjects, subject, condition.since, now);
    }
    let gone = |subject: &Subject| {
        seen.looked.contains(&subject.kind()) && !met.contains_key(subject) && !left_out.contains(subject)
    };
    book.subjects.retain(|subject, episode| !gone(subject) || end(episode, now));
    book.subjects.retain(|_, episode| {
        episode.told > 0 || episode.over.is_none_or(|over| now.signed_duration_since(over) < FORGOTTEN)
    });
    if book.rests_until.is_some_and(|until| now < until) {
        return (book, None);
    }
    let troubles = met.into_iter().filter_map(|(subject, Met { condition, people })| {
        let Condition { what, hint, .. } = condition;
        let episode = book.subjects.get(&subject).filter(|episode| episode.due <= now)?;
        let Episode { since, last, times, told, .. } = *episode;
        Some(Trouble { subject, what, hint, people, since, last, times, number: told + 1 })
    });
    // What goes on as a part of something else is not over.
    let ended = book.subjects.iter().filter(|(subject, _)| !left_out.contains(subject));
    let overs = ended.filter_map(|(subject, episode)| {
        let Episode { since, times, told, over, .. } = *episode;
        (told > 0).then_some(Over { subject: subject.clone(), since, until: over?, times })
    });
    let message = Message { at: now, troubles: troubles.collect(), over: overs.collect() };
    let message = Some(message).filter(|message| !message.troubles.is_empty() || !message.over.is_empty());
    (book, message)
}

/// The book after a message has surely arrived.
#[must_use]
pub fn delivered(mut book: Book, message: &Message, now: Time) -> Book {
    for Trouble { subject, .. } in &message.troubles {
        if let Some(episode) = book.subjects.get_mut(subject) {
            episode.due = now + nth(&AGAIN, episode.told);
            episode.told += 1;
        }
    }
    for Over { subject, .. } in &message.over {
        if let Some(episode) = book.subjects.get_mut(subject) {
            episode.due = now + nth(&BACK, episode.ends);
            (episode.told, episode.ends) = (0, episode.ends.saturating_add(1));
        }
    }
    (book.failures, book.rests_until) = (0, None);
    book
}

/// The book after a message has not arrived, or nobody knows whether it has.
#[must_use]
pub fn failed(mut book: Book, now: Time) -> Book {
    book.rests_until = Some(now + nth(&REST, book.failures));
    book.failures = book.failures.saturating_add(1);
    book
}

/// Trouble that one notifier hears of.
struct Heard {
    met: BTreeMap<Subject, Met>,
    /// What is a part of other trouble that it hears of.
    left_out: BTreeSet<Subject>,
}

struct Met {
    condition: Condition,
    /// Some of the people it is about.
    people: Vec<PersonKey>,
}

fn heard(book: &mut Book, seen: &Circumstances, hears: &Hears) -> Heard {
    let heard_of: BTreeSet<SubjectKind> =
        seen.met.iter().map(|one| one.subject.kind()).filter(|kind| hears.on.contains(kind)).collect();
    let mut left_out = BTreeSet::new();
    let mut met = BTreeMap::new();
    let mut sorted: Vec<&Condition> = seen.met.iter().collect();
    sorted.sort();
    for condition in sorted {
        if condition.part_of.iter().any(|kind| heard_of.contains(kind)) {
            left_out.insert(condition.subject.clone());
        } else if heard_of.contains(&condition.subject.kind()) {
            met.insert(condition.subject.clone(), Met { condition: condition.clone(), people: Vec::new() });
        }
    }
    if let Some(held) = seen.held.as_ref().filter(|_| hears.on.contains(&SubjectKind::People)) {
        let fresh: Vec<PersonKey> = held.difference(&book.held).cloned().collect();
        if fresh.len() > usize::try_from(hears.newly_held).unwrap_or(usize::MAX) {
            let whole = seen.looked.contains(&SubjectKind::People);
            book.held.retain(|person| !whole || held.contains(person));
            let condition = people(fresh.len(), held.len());
            met.insert(Subject::People, Met { condition, people: fresh.into_iter().take(NAMED).collect() });
        } else if seen.looked.contains(&SubjectKind::People) {
            book.held.clone_from(held);
        }
    }
    Heard { met, left_out }
}

fn people(fresh: usize, all: usize) -> Condition {
    let before = all - fresh;
    Condition {
        subject: Subject::People,
        since: None,
        what: format!("{fresh} people are held who were not before, beside {before} others"),
        hint: "see each with its reason: rollcall status, rollcall explain KEY".to_owned(),
        part_of: Vec::new(),
    }
}

/// Trouble is there.
fn meet(subjects: &mut BTreeMap<Subject, Episode>, subject: &Subject, since: Option<Time>, now: Time) {
    let since = since.filter(|since| *since <= now).unwrap_or(now);
    let patience = if subject.kind() == SubjectKind::Report { BEHIND } else { TimeDelta::zero() };
    let begun = Episode { since, last: now, times: 1, told: 0, due: now + patience, over: None, ends: 0 };
    let Some(known) = subjects.get_mut(subject) else {
        subjects.insert(subject.clone(), begun);
        return;
    };
    if known.over.is_some() && known.told == 0 {
        // Its end was told: this is another stretch of it, and rests as long as the ends before say.
        *known = Episode { due: begun.due.max(known.due), ends: known.ends, ..begun };
    } else {
        // Also where it was over and nobody could be told: for whoever was told that it began, it goes on.
        (known.last, known.times, known.over) = (now, known.times.saturating_add(1), None);
    }
}

/// Trouble is not there any more. Whether something remains to be remembered of it.
fn end(episode: &mut Episode, now: Time) -> bool {
    episode.over.get_or_insert(now);
    episode.told > 0 || episode.ends > 0
}

/// A clock that was set back takes what is still to come with it; what has been has not been later than now.
fn set_right(mut book: Book, now: Time) -> Book {
    let back = book.at.map_or(TimeDelta::zero(), |at| (at - now).max(TimeDelta::zero()));
    let sooner = |at: Time| at.checked_sub_signed(back).unwrap_or(now).min(now + LONGEST);
    for Episode { since, last, times: _, told: _, due, over, ends: _ } in book.subjects.values_mut() {
        (*since, *last) = ((*since).min(now), (*last).min(now));
        *due = sooner(*due);
        *over = over.map(|over| over.min(now));
    }
    book.rests_until = book.rests_until.map(sooner);
    book.at = Some(now);
    book
}

fn nth(steps: &[TimeDelta], at: u32) -> TimeDelta {
    let last = steps.len() - 1;
    steps[usize::try_from(at).map_or(last, |at| at.min(last))]
}
