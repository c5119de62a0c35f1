//! Steps that Connect refused before and whose clock has not run out: left out of the plan, and told. So is what a changed
//! configuration wants while its trial rests.
//!
//! Invariant: a refused step holds itself, not the person's other facets; what must not be done without it (the updates of
//! a user that could not be adopted, the deletion of a user whose quick connect is still there) rests with it.
//! Invariant: as long as a refused step is wanted, it is told in the same words, so that it is news once.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use crate::model::{
    Action, Change, Decision, Finding, FindingCode, Observation, Operation, Quarantine, Reason, RetryClock, Trouble,
};

/// What rests.
#[derive(Default)]
pub(super) struct Rests {
    /// Steps that were refused before and are wanted still, resting or not.
    pub(super) refused: BTreeMap<PersonKey, BTreeSet<Operation>>,
    /// What becomes of people all of whose steps rest, as a decision; by person, with the number of steps left out.
    pub(super) resting: BTreeMap<PersonKey, (u32, Decision)>,
    /// One for each refused step.
    pub(super) findings: Vec<Finding>,
    /// People the rest of whose steps must not be taken without the one that rests.
    blocked: BTreeSet<PersonKey>,
}

impl Rests {
    /// Takes out of `changes` what rests. Called for the parts of a plan in their order.
    pub(super) fn take_out(&mut self, changes: &mut Vec<Change>, seen: &Observation) {
        if seen.retries.is_empty() && seen.trial.is_none() {
            return;
        }
        changes.retain(|change| {
            if let (Some(trial), Reason::ConfigChanged { .. }) = (&seen.trial, &change.because) {
                let (until, attempts, why) = (trial.until, trial.failures, trial.trouble.message.clone());
                self.count(&change.person, Some(Decision::Resting { until, attempts, why }));
                return false;
            }
            let Some(retry) = seen.retries.get(&change.person) else { return true };
            if self.blocked.contains(&change.person) {
                self.count(&change.person, None);
                return false;
            }
            let Some(clock) = retry.of(change) else { return true };
            self.refused.entry(change.person.clone()).or_default().insert(change.action.operation());
            // A failure that may have passed already is no news.
            if clock.until > clock.last {
                self.findings.push(finding(change, clock));
            }
            if !clock.rests(seen.at) {
                return true;
            }
            if !matches!(change.action, Action::Update(_)) {
                self.blocked.insert(change.person.clone());
            }
            let (until, attempts) = (clock.until, clock.attempts);
            let why = format!("{} was refused: {}: {}", change.action.operation(), clock.code, clock.message);
            self.count(&change.person, Some(Decision::Resting { until, attempts, why }));
            false
        });
    }

    fn count(&mut self, person: &PersonKey, decision: Option<Decision>) {
        match (self.resting.get_mut(person), decision) {
            (Some((count, known)), decision) => {
                *count += 1;
                // The one that is tried next is what the person waits for.
                if let (Decision::Resting { until: known_until, .. }, Some(other)) = (&*known, decision)
                    && matches!(&other, Decision::Resting { until, .. } if until < known_until)
                {
                    *known = other;
                }
            }
            (None, Some(decision)) => {
                self.resting.insert(person.clone(), (1, decision));
            }
            // Nothing is blocked by nothing.
            (None, None) => {}
        }
    }

    /// The decision about somebody, if it must be another one without the steps that rest.
    pub(super) fn decide(&self, person: &PersonKey, decision: &Decision) -> Option<Decision> {
        let ((left_out, rests), Decision::Changes { count }) = (self.resting.get(person)?, decision) else {
            return None;
        };
        Some(match count.saturating_sub(*left_out) {
            0 => rests.clone(),
            count => Decision::Changes { count },
        })
    }
}

fn finding(change: &Change, clock: &RetryClock) -> Finding {
    let RetryClock { code, message, hint, removal, .. } = clock;
    let operation = change.action.operation();
    let weight = if *removal { "keeps access: " } else { "" };
    Finding {
        code: FindingCode::CallFailed,
        person: Some(change.person.clone()),
        label: change.label.clone(),
        message: format!("{weight}{operation} was refused: {code}: {message}"),
        hint: format!("{hint}; to try at once: rollcall sync now --user {}", change.person),
    }
}

/// What everybody who waits for the trial waits for; about no person.
pub(super) fn of_trial(trial: &Quarantine) -> Finding {
    let Trouble { class: _, message, hint } = trial.trouble.clone();
    Finding { code: FindingCode::CallFailed, person: None, label: "configuration".to_owned(), message, hint }
}
