//! Why something is planned, and why a person counts as a leaver.
//!
//! Invariant: a reason is for people and for the guard; the executor never looks at it but to know whose user it goes on with.

use std::fmt;

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::Time;
use super::journal::RunId;
use super::user::{ConnectUserId, Stage};

/// Why a person counts as a leaver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Switched off in the directory.
    Disabled,
    /// Deleted in the directory, still restorable.
    SoftDeleted,
    /// Deleted in the directory.
    Deleted,
    /// In no group of the scope any more.
    OutOfScope,
    /// A guest, and guests are not in scope.
    Guest,
    /// Absent from two complete listings.
    Missing,
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::SoftDeleted => "deleted (restorable)",
            Self::Deleted => "deleted",
            Self::OutOfScope => "out of scope",
            Self::Guest => "a guest",
            Self::Missing => "missing from two complete listings",
        })
    }
}

/// Why a change is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Came into scope and has no Connect user.
    Joined {
        /// The rules that gave the persona, in order; `(default)` for the default persona.
        rules: Vec<String>,
    },
    /// The directory changed what the rules give.
    Mapped {
        /// What changed, readable: `department Care → Sales`; empty if it cannot be told.
        what: String,
        /// The rules that give the value now.
        rules: Vec<String>,
    },
    /// The configuration changed since the last run, the directory did not.
    ConfigChanged {
        /// The rules that give the value now.
        rules: Vec<String>,
    },
    /// Connect differs from what we last wrote, although the wish did not change.
    Drift,
    /// Is a leaver.
    Left {
        /// Why.
        why: LeaveReason,
        /// First seen as one.
        since: Time,
    },
    /// Was a leaver and is back.
    Returned,
    /// Matched by an adopt rule.
    Adopted {
        /// Which entry of `[adopt] match`.
        by: String,
    },
    /// Same username, new directory id, and the old id is proven gone.
    Rebound {
        /// The person who had it.
        from: PersonKey,
    },
    /// The record of another directory decides about this human now.
    HandedOver {
        /// The record that decided before.
        from: PersonKey,
    },
    /// Has another username now: a new user takes the place of the old one.
    Renamed {
        /// The old user.
        user: ConnectUserId,
        /// Its username.
        from: String,
        /// The username of the new one.
        to: String,
    },
    /// An administrator takes back what an earlier run did.
    Undone {
        /// The run that is taken back.
        run: RunId,
        /// Where the person stood by what we last did, before this change.
        was: Stage,
    },
}

impl Reason {
    /// Whose Connect user and memory this change carries on with, if it was another record's of the same human.
    #[must_use]
    pub fn taken_from(&self) -> Option<&PersonKey> {
        match self {
            Self::Rebound { from } | Self::HandedOver { from } => Some(from),
            Self::Joined { .. }
            | Self::Mapped { .. }
            | Self::ConfigChanged { .. }
            | Self::Drift
            | Self::Left { .. }
            | Self::Returned
            | Self::Adopted { .. }
            | Self::Renamed { .. }
            | Self::Undone { .. } => None,
        }
    }
}
