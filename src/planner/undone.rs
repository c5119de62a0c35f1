//! What an administrator has taken back is left alone by ordinary plans, as long as the rules still want the same.
//!
//! Invariant: a hold never causes a step; it only takes steps out.
//! Invariant: a leaver who was given back is kept for the configured time at the most, and told in every run until then.
//! Invariant: whoever leaves anew, or for another reason, goes down the ladder whatever was taken back before.
//! Deliberately absent: taking back itself; see [`undo`](super::undo).

use super::Planning;
use super::draft::{Notes, Step, Whom};
use super::leaver::{Leaver, Rung, later};
use crate::model::{Action, AttributeSet, Decision, Facet, FindingCode, RunId, Stage, Undone, UndoneLeave};
use connectors::PersonKey;

/// What of somebody's undone facets still holds steps back.
pub(super) struct Kept {
    undone: Undone,
    /// Facets whose step is held, and the run that was taken back.
    held: Vec<(Facet, RunId)>,
}

impl Kept {
    /// The steps without those that would repeat what was taken back.
    pub(super) fn without(&self, mut steps: Vec<Step>) -> Vec<Step> {
        steps.retain(|step| match &step.action {
            Action::Update(update) => !self.undone.facets.contains_key(&update.facet),
            _ => true,
        });
        steps
    }
}

impl Planning<'_> {
    /// What holds these steps back; `None` if nothing was taken back from this person.
    pub(super) fn still_undone(&self, person: &PersonKey, steps: &[Step], unread: &[Facet]) -> Option<Kept> {
        let undone = self.seen.undone.get(person)?;
        // Works here: whatever was said about leaving is over.
        let mut kept = Kept { undone: Undone::default(), held: Vec::new() };
        for (facet, wishes) in &undone.facets {
            match wish_of(steps, *facet).map(|wish| undone.holding(*facet, wish)) {
                Some(Some(hold)) => {
                    kept.undone.facets.insert(*facet, wishes.clone());
                    kept.held.push((*facet, hold.run));
                }
                // Nobody has read it yet, so nothing is known of the wish's standing.
                None if unread.contains(facet) => {
                    kept.undone.facets.insert(*facet, wishes.clone());
                }
                Some(None) | None => {}
            }
        }
        Some(kept)
    }

    /// Tells what is held back, and forgets what holds nothing back any more: the wish is another one, or Connect agrees
    /// with it.
    pub(super) fn keep_undone(&mut self, person: &PersonKey, kept: Kept, notes: &mut Notes<'_>) {
        for (facet, run) in kept.held {
            note_facet(person, facet, run, notes);
        }
        if self.seen.undone.get(person) != Some(&kept.undone) {
            self.draft.undone.insert(person.clone(), kept.undone);
        }
    }

    /// The next rung of a leaver, or a rest, if the last one was taken back.
    pub(super) fn undone_leaver(
        &mut self,
        whom: &Whom<'_>,
        leaver: &Leaver<'_>,
        rung: Rung,
        notes: &mut Notes<'_>,
    ) -> Rung {
        let Some(undone) = self.seen.undone.get(whom.person) else { return rung };
        let same = |hold: &&UndoneLeave| hold.why == leaver.why && hold.since == leaver.since;
        let ends = |hold: &UndoneLeave| later(hold.at, self.compiled.rules.leaver.undo_holds_secs);
        let hold = undone.leaving.as_ref().filter(same).filter(|hold| self.seen.at < ends(hold));
        let Some(hold) = hold else {
            let mut kept = undone.clone();
            kept.leaving = None;
            if matches!(rung, Rung::Steps(_)) {
                // Who loses access and comes back gets what the rules want then.
                kept.facets.clear();
            }
            if kept != *undone {
                self.draft.undone.insert(whom.person.clone(), kept);
            }
            return rung;
        };
        let until = ends(hold);
        notes.note(
            FindingCode::KeptUndone,
            format!(
                "a leaver ({}) who was given back by undo of run {}; leaves after all on {}",
                hold.why,
                hold.run,
                until.format("%Y-%m-%d %H:%M UTC")
            ),
            format!("correct the directory before that; or let it go on now: rollcall undo --release {}", whom.person),
        );
        match rung {
            Rung::Steps(steps) => {
                let deletes = steps.iter().any(|step| matches!(step.action, Action::Delete { .. }));
                let next = if deletes { Stage::Deleted } else { Stage::Suspended };
                Rung::Rest(Decision::Waiting { until, next, why: leaver.why.clone() })
            }
            rest => rest,
        }
    }
}

/// What the steps want for a facet. Of two steps for tags the last one has the whole wish.
fn wish_of(steps: &[Step], facet: Facet) -> Option<&AttributeSet> {
    steps.iter().rev().find_map(|step| match &step.action {
        Action::Update(update) if update.facet == facet => Some(&update.wished),
        _ => None,
    })
}

fn note_facet(person: &PersonKey, facet: Facet, run: RunId, notes: &mut Notes<'_>) {
    notes.note(
        FindingCode::KeptUndone,
        format!(
            "{} was taken back by undo of run {run}; left alone until the rules want something else",
            facet.short()
        ),
        format!("to let the rules apply again: rollcall undo --release {person}"),
    );
}
