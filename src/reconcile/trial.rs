//! A changed configuration is tried on a few people first.
//!
//! A mistake in a rule concerns everybody it is about. If a plan changes many people because the configuration changed, the
//! first few in the plan's order go first; if Connect refuses any of them, the others are left as they are, and the schedule
//! tries again on a clock of its own. If all of them succeed, the others follow in the same run.
//!
//! Invariant: nobody but the others waits for the trial, and nobody of the trial waits for the others.
//! Deliberately absent: changes for any other reason. They are about single people.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use connectors::PersonKey;

use super::order::Latch;
use crate::model::quarantine::Trouble;
use crate::model::{Change, Outcome, Plan, Reason};

/// A plan is tried if it changes more than this many times the people of a trial.
const WORTH: usize = 4;

/// Who goes first, and who waits for them.
#[derive(Default)]
pub(super) struct Trial {
    people: BTreeSet<PersonKey>,
    held: BTreeSet<PersonKey>,
    left: Latch,
    refused: AtomicU32,
}

impl Trial {
    /// The trial of a plan with `most` people; with none of them, or with few changes, nobody waits. Whoever was refused
    /// something before is no measure of the configuration.
    pub(super) fn of(plan: &Plan, most: u32) -> Self {
        let most = most as usize;
        let changes = &plan.changes;
        let (mut people, mut held) = (BTreeSet::new(), BTreeSet::new());
        for change in changes.iter().filter(|change| matches!(change.because, Reason::ConfigChanged { .. })) {
            let measures = people.len() < most && !plan.refused.contains_key(&change.person);
            if measures || people.contains(&change.person) {
                people.insert(change.person.clone());
            } else {
                held.insert(change.person.clone());
            }
        }
        if most == 0 || people.len() + held.len() <= most * WORTH {
            return Self::default();
        }
        Self { left: Latch::of(people.len()), people, held, refused: AtomicU32::new(0) }
    }

    /// Whether somebody waits for the trial.
    pub(super) fn holds(&self, person: &PersonKey) -> bool {
        self.held.contains(person)
    }

    /// Takes note of an outcome of the trial.
    pub(super) fn tried(&self, change: &Change, outcome: &Outcome) {
        if matches!(outcome, Outcome::Failed { .. }) && self.people.contains(&change.person) {
            self.refused.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Somebody's changes are through.
    pub(super) fn through(&self, person: &PersonKey) {
        if self.people.contains(person) {
            self.left.done();
        }
    }

    /// Waits until the trial is over.
    pub(super) async fn over(&self) {
        self.left.wait().await;
    }

    /// Whether it failed.
    pub(super) fn failed(&self) -> bool {
        self.refused.load(Ordering::Acquire) > 0
    }

    /// What to say of a trial that failed. `digest` is of the rules that were tried.
    pub(super) fn trouble(&self, digest: &str) -> Option<Trouble> {
        let (tried, held) = (self.people.len(), self.held.len());
        self.failed().then(|| Trouble {
            class: digest.to_owned(),
            message: format!(
                "the changed configuration was tried on {tried} people and Connect refused it; {held} others stay as they are"
            ),
            hint: "see what was refused with `rollcall status`, correct the configuration, then: rollcall sync now"
                .to_owned(),
        })
    }
}
