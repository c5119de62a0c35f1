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

impl Planning<'_> {
    /// The steps without those that would repeat what was taken back. What holds nothing back any more is forgotten: the
    /// wish is another one, or Connect agrees with it.
    pub(super) fn undone_facets(
        &mut self,
        person: &PersonKey,
        mut steps: Vec<Step>,
        unread: &[Facet],
        notes: &mut Notes<'_>,
    ) -> Vec<Step> {
        let Some(undone) = self.seen.undone.get(person) else { return steps };
        // Works here: whatever was said about leaving is over.
        let mut kept = Undone::default();
        for (facet, wishes) in &undone.facets {
            let held = wish_of(&steps, *facet).map(|wish| undone.holding(*facet, wish));
            match held {
                Some(Some(hold)) => {
                    kept.facets.insert(*facet, wishes.clone());
                    note_facet(person, *facet, hold.run, notes);
                }
                // Nobody has read it yet, so nothing is known of the wish's standing.
                None if unread.contains(facet) => {
                    kept.facets.insert(*facet, wishes.clone());
                }
                Some(None) | None => {}
            }
        }
        steps.retain(|step| match &step.action {
            Action::Update(update) => !kept.facets.contains_key(&update.facet),
            _ => true,
        });
        if kept != *undone {
            self.draft.undone.insert(person.clone(), kept);
        }
        steps
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
