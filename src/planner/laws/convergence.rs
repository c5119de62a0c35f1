//! Carrying a plan out, on a model of Connect and memory, leaves nothing to do.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::testing::render;
use super::hold;
use super::worlds::worlds;
use crate::model::{Action, Change, FindingCode, Plan, Reason};

#[test]
fn carrying_a_plan_out_leaves_nothing_to_do() {
    hold(worlds(), &["second round", "create", "delete", "adopt"], |mut world, tally| {
        // A deleted user frees a name that somebody was held for, so more than one round may be needed, but never many.
        let mut rounds = Vec::new();
        for round in 0..4 {
            let plan = world.plan();
            if plan.is_empty() {
                return Ok(());
            }
            tally.saw_plan(&plan);
            if round == 1 {
                tally.saw("second round");
            }
            rounds.push(render(&plan));
            world.apply(&plan);
        }
        prop_assert!(world.plan().is_empty(), "{rounds:#?} and then {:#?}", render(&world.plan()));
        Ok(())
    });
}

#[test]
fn without_deletions_rehires_and_ambiguity_one_round_is_enough() {
    hold(worlds(), &["create", "adopt", "write routing_profile", "returned"], |mut world, tally| {
        let plan = world.plan();
        // A deletion frees a name; a re-hire or a hand-over leaves the former record with whatever else it has.
        let chained =
            |change: &Change| matches!(change.action, Action::Delete { .. }) || change.because.taken_from().is_some();
        // Who is held because two claims meet may be told apart by what is written for the others.
        let ambiguous = plan.findings.iter().any(|finding| finding.code == FindingCode::AmbiguousMatch);
        if ambiguous || plan.changes.iter().any(chained) {
            return Ok(());
        }
        tally.saw_plan(&plan);
        world.apply(&plan);
        prop_assert!(world.plan().is_empty(), "{:#?} and then {:#?}", render(&plan), render(&world.plan()));
        Ok(())
    });
}

#[test]
fn a_hand_over_is_not_taken_back() {
    let handed = |plan: &Plan| -> BTreeSet<_> {
        let changes = plan.changes.iter().filter(|change| matches!(change.because, Reason::HandedOver { .. }));
        changes.filter_map(|change| change.connect.clone()).collect()
    };
    hold(worlds(), &["handed over"], |mut world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let first = handed(&plan);
        if first.is_empty() {
            return Ok(());
        }
        world.apply(&plan);
        let again = world.plan();
        prop_assert!(handed(&again).is_disjoint(&first), "{:#?} and then {:#?}", render(&plan), render(&again));
        Ok(())
    });
}
