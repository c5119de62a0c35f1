//! What becomes of a person, in words: the decision, and what Connect refused before.
//!
//! Plain data; the command line and the console render it.
//!
//! Deliberately absent: colour, columns, markup.

use connectors::PersonKey;

use crate::model::words::{count, moment, relative};
use crate::model::{Decision, Operation, RetryClock, Stage, Time};

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
    fn new(tone: Tone, text: impl Into<String>) -> Self {
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
