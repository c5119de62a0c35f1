//! What happened, in order. The ledger is also the outbox: every sink reads the same journal with a cursor of its own.
//!
//! Invariant: an entry is written once, in the transaction that makes it true, and never changed.

use std::collections::BTreeMap;
use std::fmt;

use connectors::{PersonKey, SourceName};
use serde::{Deserialize, Serialize};

use super::Time;
use super::operation::Operation;
use super::outcome::Outcome;
use super::plan::{Change, Finding};
use super::words::number;

/// One run. A version 7 UUID, so runs sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub uuid::Uuid);

impl RunId {
    /// A new one. It reads the clock, so only the edge (`cli`, `serve`) asks for one; a run is given its id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The schedule's interval.
    Schedule,
    /// A person at the command line.
    Hand,
    /// A person who takes an earlier run back.
    Undo,
}

/// One change with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The run that planned it.
    pub run: RunId,
    /// The change.
    pub change: Change,
    /// What became of it; final.
    pub outcome: Outcome,
}

/// Why nothing was done about the people of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenSource {
    /// What happened; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

/// Who waited longest from the directory to Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongestWait {
    /// Who.
    pub person: PersonKey,
    /// How long, in seconds.
    pub secs: u64,
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// `done`, `nothing_to_do`, `partly`, `reading` (existing users, before the plan can be weighed), `refused`, `failed`.
    pub result: String,
    /// One sentence for a person; why it failed or was refused.
    pub message: String,
    /// Created users.
    pub created: u32,
    /// Adopted users.
    pub adopted: u32,
    /// Facets written.
    pub updated: u32,
    /// Users suspended (facet updates of leavers are among `updated` too).
    pub suspended: u32,
    /// Deleted users.
    pub deleted: u32,
    /// Changes that failed.
    pub failed: u32,
    /// Changes in doubt.
    pub in_doubt: u32,
    /// Changes not attempted.
    pub not_attempted: u32,
    /// People held.
    pub quarantined: u32,
    /// People for whom something rests that Connect refused.
    #[serde(default)]
    pub resting: u32,
    /// People whose record of another source decides.
    #[serde(default)]
    pub shadowed: u32,
    /// Existing users whose e-mail address and mobile number are still to be read before everything is decided.
    #[serde(default)]
    pub unread: u32,
    /// Sources that could not be read: their people were left as they are.
    #[serde(default)]
    pub frozen: BTreeMap<SourceName, FrozenSource>,
    /// People seen, by source.
    pub people: BTreeMap<SourceName, u32>,
    /// Requests to the directories, by source.
    pub directory_requests: BTreeMap<SourceName, u32>,
    /// Calls to Connect by operation, every attempt counted.
    pub calls: BTreeMap<Operation, u32>,
    /// Throttled attempts by operation.
    pub throttled: BTreeMap<Operation, u32>,
    /// Milliseconds of the whole run.
    pub millis: u64,
    /// Milliseconds of the apply stage.
    pub apply_millis: u64,
    /// Least milliseconds the token buckets allowed for the apply stage.
    pub least_millis: u64,
    /// Median and 95th percentile of the seconds from the change in the directory (by its own word, else when it was first
    /// seen) to "confirmed in Connect"; a leaver's grace is no wait.
    pub propagation_p50_p95_secs: Option<(u64, u64)>,
    /// The longest of these waits.
    #[serde(default)]
    pub propagation_longest: Option<LongestWait>,
}

impl RunSummary {
    /// In one line: `done · 14 created · 22 facets written`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = vec![self.result.replace('_', " ")];
        let counts = [
            (self.created, "created"),
            (self.adopted, "adopted"),
            (self.updated, "facets written"),
            (self.deleted, "deleted"),
            (self.failed, "failed"),
            (self.in_doubt, "in doubt"),
            (self.quarantined, "held"),
            (self.resting, "resting"),
        ];
        parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))));
        if !self.message.is_empty() {
            parts.push(self.message.clone());
        }
        parts.join(" · ")
    }

    /// Whether the run did what it could: it neither failed nor was refused, whatever is left for the next one.
    #[must_use]
    pub fn carried_out(&self) -> bool {
        matches!(self.result.as_str(), "done" | "nothing_to_do" | "partly" | "reading")
    }

    /// Whether something that was planned is not done.
    #[must_use]
    pub fn incomplete(&self) -> bool {
        self.failed + self.in_doubt + self.not_attempted > 0
    }

    /// Whether a part of the company was not brought up to date: something planned is not done or rests, somebody is held
    /// or still to be read, or a source could not be read.
    #[must_use]
    pub fn partly(&self) -> bool {
        self.incomplete() || self.quarantined + self.resting + self.unread > 0 || !self.frozen.is_empty()
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum JournalEntry {
    /// A run began.
    RunStarted {
        /// Which.
        run: RunId,
        /// Why.
        trigger: Trigger,
    },
    /// A change has its final outcome.
    Change(Box<ChangeRecord>),
    /// A finding appeared that was not there in the run before.
    Finding {
        /// The run that saw it first.
        run: RunId,
        /// What.
        finding: Finding,
    },
    /// A source could not be read.
    SourceFailed {
        /// In which run.
        run: RunId,
        /// Which source.
        source: SourceName,
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// The guard refused a plan.
    Refused {
        /// In which run.
        run: RunId,
        /// The digest that would let exactly this plan through.
        digest: String,
        /// Why, with the numbers.
        message: String,
    },
    /// Somebody approved a digest.
    Approved {
        /// Which.
        digest: String,
    },
    /// The same trouble with the configuration in several runs: from now on the clock only probes.
    QuarantineEntered {
        /// The run that met it last.
        run: RunId,
        /// How many runs in a row met it.
        failures: u32,
        /// What it is.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// The trouble with the configuration is over, or is another one now.
    QuarantineLeft {
        /// The run that did not meet it.
        run: RunId,
        /// When it was met first.
        since: Time,
    },
    /// A run ended.
    RunFinished {
        /// Which.
        run: RunId,
        /// In numbers.
        summary: Box<RunSummary>,
        /// When the next run is due, if there is a schedule.
        next: Option<Time>,
    },
}

impl JournalEntry {
    /// The person it is about, if it is about one.
    #[must_use]
    pub fn person(&self) -> Option<&PersonKey> {
        match self {
            Self::Change(record) => Some(&record.change.person),
            Self::Finding { finding, .. } => finding.person.as_ref(),
            Self::RunStarted { .. }
            | Self::SourceFailed { .. }
            | Self::Refused { .. }
            | Self::Approved { .. }
            | Self::QuarantineEntered { .. }
            | Self::QuarantineLeft { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}
