//! One person in words: what the directory says, the decision, and what Connect refused before.
//!
//! Plain data; the command line and the console render it.
//!
//! Deliberately absent: colour, columns, markup.

use std::collections::BTreeMap;

use connectors::{DirectoryGroup, GroupKey, PersonKey, attributes};

use super::explain::{Explanation, OtherRecord};
use crate::model::words::{count, moment, relative};
use crate::model::{Authority, Decision, Operation, RetryClock, Stage, Time};

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It says how things are.
    Plain,
    /// Things are well.
    Good,
    /// Somebody must act.
    Bad,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

impl Said {
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// What happens in the next run, and when something happens later.
#[must_use]
pub fn next(decision: Option<&Decision>, now: Time) -> Vec<Said> {
    let one = |tone, text: String| vec![Said::new(tone, text)];
    match decision {
        None => one(Tone::Plain, "nothing is decided about this person".to_owned()),
        Some(Decision::InSync) => one(Tone::Good, "in agreement; nothing to do".to_owned()),
        Some(Decision::Changes { count }) => {
            one(Tone::Plain, format!("{} in the next run", self::count(*count as usize, "call", "calls")))
        }
        Some(Decision::OutOfScope { why }) => one(Tone::Plain, format!("no Connect user is wanted: {why}")),
        Some(Decision::Waiting { until, next, why }) => {
            let step = match next {
                Stage::Active => "restored",
                Stage::Suspended => "suspended",
                Stage::Deleted => "deleted",
            };
            let when = format!("{} ({})", relative(*until, now), moment(*until));
            one(Tone::Plain, format!("a leaver ({why}); {step} {when}"))
        }
        Some(Decision::Shadowed { by, matched }) => {
            one(Tone::Plain, format!("{by} decides: the same person by {matched}"))
        }
        Some(Decision::NotObserved { why }) => one(Tone::Plain, format!("nothing may be concluded: {why}")),
        Some(Decision::Quarantined(finding)) => vec![
            Said::new(Tone::Bad, format!("held: {}", finding.message)),
            Said::new(Tone::Plain, format!("→ {}", finding.hint)),
        ],
        Some(Decision::Resting { until, attempts, why }) => {
            let times = count(*attempts as usize, "time", "times");
            let when = format!("{} ({})", relative(*until, now), moment(*until));
            one(Tone::Bad, format!("rests: {why} ({times}); tried again {when}"))
        }
    }
}

/// How the person is called: the username, or the key where there is none.
#[must_use]
pub fn username(explanation: &Explanation) -> String {
    let record = explanation.directory.as_ref();
    let username = record.and_then(|user| user.attributes.get(attributes::USERNAME));
    username.map_or_else(|| explanation.person.to_string(), str::to_owned)
}

/// The Connect user, as the heading says it.
#[must_use]
pub fn connect_user(explanation: &Explanation) -> String {
    match &explanation.user {
        Some(user) => format!("Connect user {}", user.username),
        None => "no Connect user".to_owned(),
    }
}

/// What the directory says in two lines: who the person is and stands there, and the followed groups. One line if there is no
/// record.
#[must_use]
pub fn directory(explanation: &Explanation, groups: &BTreeMap<GroupKey, DirectoryGroup>) -> Vec<String> {
    let Some(user) = &explanation.directory else { return vec!["no record".to_owned()] };
    let of = |name: &str| user.attributes.get(name);
    let shown = [
        of(attributes::DISPLAY_NAME),
        of(attributes::DEPARTMENT),
        of(attributes::TITLE),
        of(attributes::BUSINESS_PHONE).or(of(attributes::MOBILE_PHONE)),
    ];
    let facts: Vec<&str> = shown.into_iter().flatten().collect();
    let name =
        |key: &GroupKey| groups.get(key).and_then(|group| group.name.clone()).unwrap_or_else(|| key.id.to_string());
    let member: Vec<String> = user.groups.iter().map(name).collect();
    let member =
        if member.is_empty() { "no followed group".to_owned() } else { format!("groups {}", member.join(", ")) };
    let status = explanation.status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
    vec![format!("{} · {}{status}", facts.join(" · "), explanation.presence), member]
}

/// The records of other directories of the same human.
#[must_use]
pub fn same_person(explanation: &Explanation) -> Vec<String> {
    let told =
        |how: &str, other: &OtherRecord| format!("{how} {}: same {}, {}", other.person, other.matched, other.why);
    let decided = explanation.decided_by.iter().map(|other| told("decided by", other));
    decided.chain(explanation.decides_for.iter().map(|other| told("decides for", other))).collect()
}

/// Who decides a facet, in a word.
#[must_use]
pub fn authority(authority: Authority) -> &'static str {
    match authority {
        Authority::Directory => "directory",
        Authority::Connect => "connect",
        Authority::Shared => "shared",
    }
}

/// The word before what a rule gives: rules do not ask a record that another one stands before.
#[must_use]
pub fn gives(explanation: &Explanation) -> &'static str {
    if explanation.decided_by.is_some() { "would give" } else { "gives" }
}

/// What was refused since when, when it is tried again, and what to do.
#[must_use]
pub fn refused(person: &PersonKey, call: Operation, clock: &RetryClock, now: Time) -> [Said; 2] {
    let RetryClock { since, last: _, attempts, until, wish: _, removal, code, message, hint, request_id } = clock;
    let times = count(*attempts as usize, "time", "times");
    let next = if *until <= now { "next run".to_owned() } else { relative(*until, now) };
    let weight = if *removal { ", still has access" } else { "" };
    let request = request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    let since = relative(*since, now);
    [
        Said::new(
            Tone::Bad,
            format!("{call}: {times} since {since}, next try {next}{weight}: {code}: {message}{request}"),
        ),
        Said::new(Tone::Plain, format!("→ {hint}; try at once: rollcall sync now --user {person}")),
    ]
}
