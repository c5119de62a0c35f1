//! The shape of an event on the wire, and how it is shortened.
//!
//! Invariant: fields are serialised in the order they are written here; that order is a part of the format.
//! Invariant: what is left out of an event that would be too long is visible (`"shortened":true`).
//! Deliberately absent: where the values come from and what may be shown of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use connectors::{PersonKey, SourceName};
use serde::Serialize;
use serde_json::Value as Json;

use super::emf;
use super::privacy::Shown;
use crate::model::{ConnectUserId, FindingCode, Operation, RunId, Stage, Trigger};

/// What stands for a value in an event that would be too long with it.
pub(super) const LEFT_OUT: &str = "left out: too long";
/// Characters that are kept of a text in an event that would be too long with it.
pub(super) const SHORT_TEXT_CHARS: usize = 200;
/// Entries that are kept of a list in an event that would be too long with it.
const SHORT_LIST: usize = 20;

/// One event; the head is the same for every kind.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    pub(super) v: u32,
    pub(super) event_id: &'a str,
    pub(super) at: String,
    pub(super) contact_centre: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shortened: Option<bool>,
    #[serde(flatten)]
    pub(super) body: Body<'a>,
    /// Only for CloudWatch, and of a run that has ended.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<emf::Metrics>,
}

impl Event<'_> {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text keys and plain values always serialise")
    }
}

/// What the head does not say; tagged by `event`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Body<'a> {
    RunStarted {
        run: RunId,
        trigger: Trigger,
    },
    Change(Box<ChangeBody<'a>>),
    Finding {
        run: RunId,
        code: FindingCode,
        quarantines: bool,
        person: Option<&'a PersonKey>,
        label: Option<Cow<'a, str>>,
        message: Cow<'a, str>,
        hint: Cow<'a, str>,
    },
    SourceFailed {
        run: RunId,
        source: &'a SourceName,
        message: Cow<'a, str>,
        hint: Cow<'a, str>,
    },
    Refused {
        run: RunId,
        digest: &'a str,
        message: Cow<'a, str>,
    },
    Approved {
        digest: &'a str,
    },
    QuarantineEntered {
        run: RunId,
        failures: u32,
        message: Cow<'a, str>,
        hint: Cow<'a, str>,
    },
    QuarantineLeft {
        run: RunId,
        since: String,
    },
    RunFinished(Box<FinishedBody<'a>>),
    /// What remains of an event that cannot be shortened enough: `event` names the kind.
    #[serde(untagged)]
    LeftOut {
        #[serde(rename = "event")]
        kind: &'static str,
    },
}

/// A change with its outcome.
#[derive(Serialize)]
pub(super) struct ChangeBody<'a> {
    pub(super) run: RunId,
    pub(super) seq: u32,
    pub(super) person: &'a PersonKey,
    pub(super) username: Option<Cow<'a, str>>,
    pub(super) connect_user: Option<&'a ConnectUserId>,
    pub(super) action: &'static str,
    pub(super) operation: Operation,
    pub(super) facet: Option<&'static str>,
    pub(super) stage: Option<Stage>,
    pub(super) quick_connect: Option<Cow<'a, str>>,
    /// The Connect user that the quick connect points to now.
    pub(super) moved_to: Option<&'a ConnectUserId>,
    pub(super) before: Option<Shown>,
    pub(super) after: Option<Shown>,
    pub(super) untagged: Vec<Cow<'a, str>>,
    pub(super) reason: ReasonBody<'a>,
    pub(super) rules: Vec<Cow<'a, str>>,
    #[serde(flatten)]
    pub(super) outcome: OutcomeBody<'a>,
}

/// Why a change was planned.
#[derive(Serialize)]
pub(super) struct ReasonBody<'a> {
    pub(super) code: &'static str,
    pub(super) text: Cow<'a, str>,
}

/// What became of a change.
#[derive(Default, Serialize)]
pub(super) struct OutcomeBody<'a> {
    pub(super) outcome: &'static str,
    pub(super) error: Option<Cow<'a, str>>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) hint: Option<Cow<'a, str>>,
    pub(super) request_id: Option<&'a str>,
    pub(super) millis: Option<u64>,
    pub(super) attempts: Option<u32>,
}

/// A source that could not be read in the run.
#[derive(Serialize)]
pub(super) struct FrozenBody<'a> {
    pub(super) source: &'a SourceName,
    pub(super) message: Cow<'a, str>,
    pub(super) hint: Cow<'a, str>,
}

/// A run in numbers.
#[derive(Serialize)]
pub(super) struct FinishedBody<'a> {
    pub(super) run: RunId,
    pub(super) result: &'a str,
    pub(super) message: Cow<'a, str>,
    pub(super) created: u32,
    pub(super) adopted: u32,
    pub(super) updated: u32,
    pub(super) suspended: u32,
    pub(super) deleted: u32,
    pub(super) failed: u32,
    pub(super) in_doubt: u32,
    pub(super) not_attempted: u32,
    pub(super) quarantined: u32,
    pub(super) resting: u32,
    pub(super) shadowed: u32,
    pub(super) unread: u32,
    pub(super) frozen: Vec<FrozenBody<'a>>,
    pub(super) people: &'a BTreeMap<SourceName, u32>,
    pub(super) directory_requests: &'a BTreeMap<SourceName, u32>,
    pub(super) calls: BTreeMap<&'static str, u32>,
    pub(super) throttled: BTreeMap<&'static str, u32>,
    pub(super) millis: u64,
    pub(super) apply_millis: u64,
    pub(super) least_millis: u64,
    pub(super) propagation_p50_secs: Option<u64>,
    pub(super) propagation_p95_secs: Option<u64>,
    pub(super) propagation_longest_secs: Option<u64>,
    pub(super) propagation_longest_person: Option<&'a PersonKey>,
    pub(super) next_run: Option<String>,
}

impl Body<'_> {
    /// The value of the key `event`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::Change(_) => "change",
            Self::Finding { .. } => "finding",
            Self::SourceFailed { .. } => "source_failed",
            Self::Refused { .. } => "refused",
            Self::Approved { .. } => "approved",
            Self::QuarantineEntered { .. } => "quarantine_entered",
            Self::QuarantineLeft { .. } => "quarantine_left",
            Self::RunFinished(_) => "run_finished",
            Self::LeftOut { kind } => kind,
        }
    }

    pub(super) fn leave_out_values(&mut self) {
        if let Self::Change(change) = self {
            for side in [&mut change.before, &mut change.after].into_iter().flatten() {
                side.values_mut().for_each(|value| *value = Json::from(LEFT_OUT));
            }
        }
    }

    pub(super) fn cut_texts(&mut self) {
        match self {
            Self::Change(change) => {
                for list in [&mut change.untagged, &mut change.rules] {
                    list.truncate(SHORT_LIST);
                    list.iter_mut().for_each(cut);
                }
                let OutcomeBody { error, message, hint, .. } = &mut change.outcome;
                for text in [&mut change.username, &mut change.quick_connect, error, message, hint] {
                    text.iter_mut().for_each(cut);
                }
                cut(&mut change.reason.text);
            }
            Self::Finding { label, message, hint, .. } => {
                label.iter_mut().for_each(cut);
                cut(message);
                cut(hint);
            }
            Self::SourceFailed { message, hint, .. } | Self::QuarantineEntered { message, hint, .. } => {
                cut(message);
                cut(hint);
            }
            Self::Refused { message, .. } => cut(message),
            Self::RunFinished(finished) => {
                cut(&mut finished.message);
                finished.frozen.truncate(SHORT_LIST);
                for FrozenBody { source: _, message, hint } in &mut finished.frozen {
                    cut(message);
                    cut(hint);
                }
            }
            Self::RunStarted { .. } | Self::Approved { .. } | Self::QuarantineLeft { .. } | Self::LeftOut { .. } => {}
        }
    }
}

fn cut(text: &mut Cow<'_, str>) {
    if let Some((at, _)) = text.char_indices().nth(SHORT_TEXT_CHARS) {
        *text = format!("{}…", &text[..at]).into();
    }
}
