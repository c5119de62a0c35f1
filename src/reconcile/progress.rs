//! What a run says while it works: to a terminal, to a test, or over the control socket to another process.
//!
//! Invariant: progress is told, never asked; a run does not depend on anybody listening.

use std::collections::{BTreeMap, BTreeSet};

use connectors::SourceName;
use serde::{Deserialize, Serialize};

use crate::model::{Action, Decision, Operation, Outcome, Plan, Quarantine, Reason, RunId, RunSummary, Trigger};

/// How one source was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSeen {
    /// People stored for it now.
    pub people: u32,
    /// People that came, changed or went in this pull.
    pub changed: u32,
    /// Whether everything was read.
    pub full: bool,
    /// Requests it took.
    pub requests: u32,
    /// Milliseconds it took.
    pub millis: u64,
    /// What an administrator should know about this pull, each with what to do; without personal values.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A plan in numbers of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCounts {
    /// People who get a user.
    pub joins: u32,
    /// People whose existing user gets our mark.
    pub adopts: u32,
    /// People whose user changes.
    pub changes: u32,
    /// People who are suspended or deleted.
    pub leaves: u32,
    /// People whose user is created anew under another username.
    #[serde(default)]
    pub renames: u32,
    /// People who are held, or for whom all that is to be done rests.
    pub held: u32,
    /// People whose record of another source decides.
    #[serde(default)]
    pub shadowed: u32,
    /// Calls it takes.
    pub calls: u32,
}

impl PlanCounts {
    /// Counts a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut joins = BTreeSet::new();
        let mut adopts = BTreeSet::new();
        let mut changes = BTreeSet::new();
        let mut leaves = BTreeSet::new();
        let mut renames = BTreeSet::new();
        for change in &plan.changes {
            let people = match (&change.action, &change.because) {
                (_, Reason::Renamed { .. }) => &mut renames,
                (Action::Create(_), _) => &mut joins,
                (_, Reason::Left { .. }) => &mut leaves,
                (Action::Adopt { .. }, _) => &mut adopts,
                _ => &mut changes,
            };
            people.insert(&change.person);
        }
        let held = |decision: &&Decision| matches!(decision, Decision::Quarantined(_) | Decision::Resting { .. });
        let held = plan.decisions.values().filter(held).count();
        let shadowed = plan.decisions.values().filter(|decision| matches!(decision, Decision::Shadowed { .. })).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            joins: count(joins.len()),
            adopts: count(adopts.len()),
            changes: count(changes.difference(&adopts).count()),
            leaves: count(leaves.len()),
            renames: count(renames.len()),
            held: count(held),
            shadowed: count(shadowed),
            calls: count(plan.changes.len()),
        }
    }
}

/// One thing a run says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "told")]
pub enum Progress {
    /// A run began.
    Started {
        /// The contact centre.
        centre: String,
        /// Which run.
        run: RunId,
        /// What started it.
        trigger: Trigger,
    },
    /// A source was read.
    SourceRead {
        /// Which.
        source: SourceName,
        /// What it brought.
        seen: SourceSeen,
    },
    /// A source could not be read; its people are frozen.
    SourceFailed {
        /// Which.
        source: SourceName,
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// Connect was looked at.
    Looked {
        /// Users known now.
        users: u32,
        /// Whether everybody was looked at, or only those that matter.
        everybody: bool,
        /// Milliseconds it took.
        millis: u64,
    },
    /// More existing users were read in detail.
    Details {
        /// How many are read now.
        read: u32,
        /// How many there are.
        of: u32,
    },
    /// Calls in doubt from an earlier run were settled.
    Settled {
        /// How many had happened.
        happened: u32,
        /// How many had not.
        did_not: u32,
    },
    /// The plan is made. The whole of it comes with the end of the run; it may be large.
    Planned {
        /// In numbers.
        counts: PlanCounts,
    },
    /// The guard let it through.
    Passed {
        /// The digest that was approved by hand, if it needed one.
        approved: Option<String>,
    },
    /// The guard refused it.
    Refused {
        /// What would let exactly this plan through.
        digest: String,
        /// Why.
        message: String,
    },
    /// The plan cannot be weighed before more existing users are read.
    NotYet {
        /// How many are, and how long the others take.
        message: String,
    },
    /// A change has an outcome.
    Applied {
        /// Its place in the plan.
        seq: u32,
        /// How many the plan has.
        total: u32,
        /// The call.
        operation: Operation,
        /// What became of it.
        outcome: Outcome,
    },
    /// A report sink did not take everything; it catches up later.
    SinkBehind {
        /// Which.
        sink: String,
        /// Events it refused for good.
        rejected: u32,
        /// Why it stopped, if it did.
        message: Option<String>,
    },
    /// Somebody who should hear of trouble could not be told; it is tried again.
    Untold {
        /// The notifier.
        notifier: String,
        /// Why.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// The contact centre is in quarantine: the same trouble with the configuration once more.
    Quarantined {
        /// What, since when, and when the schedule tries again.
        quarantine: Box<Quarantine>,
    },
    /// The quarantine is over.
    Lifted,
    /// The run ended.
    Finished {
        /// In numbers.
        summary: Box<RunSummary>,
    },
}

impl Progress {
    /// A word for a log line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::SourceRead { .. } => "source read",
            Self::SourceFailed { .. } => "source failed",
            Self::Looked { .. } => "looked at Connect",
            Self::Details { .. } => "read users in detail",
            Self::Settled { .. } => "settled what was in doubt",
            Self::Planned { .. } => "planned",
            Self::Passed { .. } => "passed the guard",
            Self::Refused { .. } => "refused by the guard",
            Self::NotYet { .. } => "not weighed yet",
            Self::Applied { .. } => "applied a change",
            Self::SinkBehind { .. } => "a report sink is behind",
            Self::Untold { .. } => "a notifier could not be told",
            Self::Quarantined { .. } => "in quarantine",
            Self::Lifted => "out of quarantine",
            Self::Finished { .. } => "finished",
        }
    }
}

/// Somebody who listens.
pub trait Watch: Send + Sync {
    /// Takes one thing a run says. Must not block.
    fn tell(&self, progress: Progress);
}

/// Nobody.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Watch for Quiet {
    fn tell(&self, _: Progress) {}
}

/// What all sources brought, for the summary.
pub(super) type SourcesSeen = BTreeMap<SourceName, SourceSeen>;
