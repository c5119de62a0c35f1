//! A run in numbers.

use std::collections::BTreeMap;

use connectors::{PersonKey, SourceName};

use super::progress::SourcesSeen;
use super::{RunError, chain};
use crate::model::{
    Action, Change, Decision, FrozenSource, LongestWait, NotAttempted, Operation, Outcome, Plan, RunSummary, Stage,
};

/// Attempts so far, by operation. Taken before and after a run; the difference belongs to the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Every attempt, throttled ones included.
    pub calls: BTreeMap<Operation, u32>,
    /// Throttled attempts.
    pub throttled: BTreeMap<Operation, u32>,
}

impl RunCounts {
    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let minus = |now: &BTreeMap<Operation, u32>, then: &BTreeMap<Operation, u32>| {
            now.iter()
                .map(|(operation, n)| (*operation, n - then.get(operation).copied().unwrap_or(0)))
                .filter(|(_, n)| *n > 0)
                .collect()
        };
        Self { calls: minus(&self.calls, &earlier.calls), throttled: minus(&self.throttled, &earlier.throttled) }
    }
}

/// What a plan says before anything of it is carried out.
pub(super) fn of_plan(plan: &Plan, sources: &SourcesSeen, frozen: BTreeMap<SourceName, FrozenSource>) -> RunSummary {
    let quarantined = plan.decisions.values().filter(|decision| matches!(decision, Decision::Quarantined(_))).count();
    let shadowed = plan.decisions.values().filter(|decision| matches!(decision, Decision::Shadowed { .. })).count();
    RunSummary {
        result: if plan.is_empty() { "nothing_to_do" } else { "planned" }.to_owned(),
        quarantined: u32::try_from(quarantined).unwrap_or(u32::MAX),
        resting: u32::try_from(plan.resting.len()).unwrap_or(u32::MAX),
        shadowed: u32::try_from(shadowed).unwrap_or(u32::MAX),
        unread: plan.details.left(),
        frozen,
        people: sources.iter().map(|(name, seen)| (name.clone(), seen.people)).collect(),
        directory_requests: sources.iter().map(|(name, seen)| (name.clone(), seen.requests)).collect(),
        ..RunSummary::default()
    }
}

/// A run that could not be carried out. One that was stopped did not fail.
pub(super) fn of_error(error: &RunError) -> RunSummary {
    let result = if matches!(error, RunError::Stopped) { "interrupted" } else { "failed" }.to_owned();
    RunSummary { result, message: chain(error), frozen: error.frozen(), ..RunSummary::default() }
}

/// Adds what was applied to what was planned.
pub(super) fn add(summary: &mut RunSummary, applied: &RunSummary) {
    summary.created += applied.created;
    summary.adopted += applied.adopted;
    summary.updated += applied.updated;
    summary.suspended += applied.suspended;
    summary.deleted += applied.deleted;
    summary.failed += applied.failed;
    summary.in_doubt += applied.in_doubt;
    summary.not_attempted += applied.not_attempted;
    if summary.message.is_empty() {
        summary.message.clone_from(&applied.message);
    }
}

/// Counts one outcome.
pub(super) fn count(summary: &mut RunSummary, change: &Change, outcome: &Outcome) {
    match outcome {
        Outcome::Done { .. } | Outcome::AlreadySo { .. } => match &change.action {
            Action::Create(_) => summary.created += 1,
            Action::Adopt { .. } => summary.adopted += 1,
            Action::Update(update) => {
                summary.updated += 1;
                if update.stage == Stage::Suspended && update.facet == crate::model::Facet::Security {
                    summary.suspended += 1;
                }
            }
            Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => {}
            Action::Delete { .. } => summary.deleted += 1,
        },
        Outcome::Failed { .. } => summary.failed += 1,
        Outcome::InDoubt { .. } => summary.in_doubt += 1,
        Outcome::DidNotHappen => {}
        Outcome::NotAttempted { why } => {
            summary.not_attempted += 1;
            if *why == NotAttempted::Shutdown && summary.message.is_empty() {
                "stopped on request; the next run goes on".clone_into(&mut summary.message);
            }
        }
    }
}

/// The word for how an applied run ended. A source that could not be read leaves a part of the company undone.
pub(super) fn conclude(summary: &mut RunSummary, plan: &Plan) {
    summary.result = if summary.incomplete() || !summary.frozen.is_empty() {
        "partly"
    } else if plan.is_empty() {
        "nothing_to_do"
    } else {
        "done"
    }
    .to_owned();
}

/// How long people waited: median, 95th percentile and the longest wait.
pub(super) fn waited(summary: &mut RunSummary, secs: &BTreeMap<PersonKey, u64>) {
    let mut sorted: Vec<u64> = secs.values().copied().collect();
    sorted.sort_unstable();
    // The nearest rank below: of a few people the longest wait is told by name, not as a percentile.
    let at = |percent: usize| sorted.get(sorted.len().checked_sub(1)? * percent / 100).copied();
    summary.propagation_p50_p95_secs = at(50).zip(at(95));
    // Of several who waited as long, the first by key: the same run is told in the same way.
    let longest = secs.iter().rev().max_by_key(|(_, secs)| **secs);
    summary.propagation_longest = longest.map(|(person, secs)| LongestWait { person: person.clone(), secs: *secs });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `median, 95th percentile, longest by whom`.
    fn told(waits: &[(&str, u64)]) -> Option<String> {
        let mut summary = RunSummary::default();
        let secs = waits.iter().map(|(id, secs)| (PersonKey::new("entra", *id), *secs)).collect();
        waited(&mut summary, &secs);
        let ((p50, p95), LongestWait { person, secs }) =
            summary.propagation_p50_p95_secs.zip(summary.propagation_longest)?;
        Some(format!("{p50}, {p95}, {secs} by {person}"))
    }

    #[test]
    fn waits_are_told_by_their_middle_their_tail_and_the_longest() {
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("a", 7)]).as_deref(), Some("7, 7, 7 by entra/a"));
        assert_eq!(told(&[("b", 9), ("a", 9), ("c", 1)]).as_deref(), Some("9, 9, 9 by entra/a"));
        let hundred: Vec<(String, u64)> = (0..=100).map(|n| (format!("{n:03}"), n)).collect();
        let hundred: Vec<(&str, u64)> = hundred.iter().map(|(id, n)| (id.as_str(), *n)).collect();
        assert_eq!(told(&hundred).as_deref(), Some("50, 95, 100 by entra/100"));
    }
}
