//! What one call did, and what an error means for the rest of the run.
//!
//! Reporting and handling are apart: the message is for a person, [`Disposition`] is for the `match`. Nobody parses messages.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::user::ConnectUserId;

/// What to do after an error. Throttling is not among them: the target waits and tries again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Connect already is as the change wants it (for example a delete of somebody who is gone).
    AlreadySo,
    /// This change cannot be made, and another try at once would not change that; go on with other people.
    SkipPerson,
    /// This change was not made for a reason that passes by itself or that the next look settles: go on with other people,
    /// the next run tries again.
    NextRun,
    /// The call may or may not have happened: the reply was lost.
    InDoubt,
    /// A stop was asked for before anything was sent: this change was not attempted.
    NotSent,
    /// Nothing further can succeed now: stop the run. A later one may find it passed.
    StopRun,
    /// Nothing further can succeed, and waiting will not mend it (credentials refused, a permission missing, no such
    /// instance): stop the run.
    Misconfigured,
}

/// A call to Connect failed.
#[derive(Debug, thiserror::Error)]
pub struct CallError {
    /// Which call.
    pub operation: Operation,
    /// What it means for the run.
    pub disposition: Disposition,
    /// The exception's name as Connect says it (`DuplicateResourceException`), or a word of ours (`timeout`).
    pub code: String,
    /// What happened, for a person; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// Connect's request id.
    pub request_id: Option<String>,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.operation, self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// A change was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The id of a created user.
    pub created: Option<(ConnectUserId, String)>,
    /// Connect's request id.
    pub request_id: Option<String>,
    /// Attempts it took, throttled ones included.
    pub attempts: u32,
    /// Time of the last attempt, without waiting for quota.
    pub latency: Duration,
}

/// Why a change was not attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAttempted {
    /// An earlier change of the same person failed.
    EarlierChangeFailed,
    /// The run was stopped by an error that nothing could survive.
    RunStopped,
    /// The process was asked to stop.
    Shutdown,
    /// The changed configuration was tried on others first, and Connect refused it.
    TrialFailed,
}

/// What became of one change. Every change gets one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// Made.
    Done {
        /// Connect's request id.
        request_id: Option<String>,
        /// Time of the call in milliseconds.
        millis: u64,
        /// Attempts it took.
        attempts: u32,
        /// The id of a created user.
        created: Option<ConnectUserId>,
    },
    /// Connect already was like that; also: a change in doubt that turned out to have happened.
    AlreadySo {
        /// Connect's request id, if a call said so.
        request_id: Option<String>,
        /// The id of a created user, if it was a create.
        created: Option<ConnectUserId>,
    },
    /// Refused.
    Failed {
        /// The exception's name.
        code: String,
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
        /// Connect's request id.
        request_id: Option<String>,
    },
    /// The reply was lost; settled by looking at Connect before the next plan.
    InDoubt {
        /// Why.
        message: String,
    },
    /// In doubt before, and looking showed that it did not happen.
    DidNotHappen,
    /// Not attempted.
    NotAttempted {
        /// Why.
        why: NotAttempted,
    },
}

impl Outcome {
    /// In a few words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Done { request_id, .. } => {
                format!("done{}", request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default())
            }
            Self::AlreadySo { .. } => "was so already".to_owned(),
            Self::Failed { code, message, .. } => format!("failed: {code}: {message}"),
            Self::InDoubt { message } => format!("in doubt: {message}"),
            Self::DidNotHappen => "did not happen".to_owned(),
            Self::NotAttempted { .. } => "not attempted".to_owned(),
        }
    }

    /// Whether Connect now is as the change wanted it.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::AlreadySo { .. })
    }

    /// The id of a user that this call created.
    #[must_use]
    pub fn created(&self) -> Option<&ConnectUserId> {
        match self {
            Self::Done { created, .. } | Self::AlreadySo { created, .. } => created.as_ref(),
            Self::Failed { .. } | Self::InDoubt { .. } | Self::DidNotHappen | Self::NotAttempted { .. } => None,
        }
    }

    /// Whether nothing more will be learned about it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::InDoubt { .. })
    }
}
