//! The plan is a function of the world, and of nothing else.

use proptest::prelude::*;

use super::super::guard::digest;
use super::super::testing::{World, limits, now};
use super::hold;
use super::worlds::{connect, directory, worlds};
use crate::model::{Action, Reason};

/// Lines as they are, and in another order.
fn retold(lines: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    lines.prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle()))
}

/// The order of the directive that sets the order of precedence is kept with it: it is one line.
#[test]
fn the_same_world_gives_the_same_plan_in_whatever_order_it_is_told() {
    let must = ["create", "adopt", "delete", "delete quick connect", "shadowed", "quarantined", "handed over"];
    hold((retold(directory()), retold(connect())), &must, |((told, retold), (users, again)), tally| {
        // Deleted at once, so that quick connects go with their users.
        let world = |directory: &[String], connect: &[String]| {
            let mut world = World::new(&directory.join("\n"), &connect.join("\n"));
            world.rules.leaver.suspend = None;
            world
        };
        let (one, other) = (world(&told, &users), world(&retold, &again));
        tally.saw_plan(&one.plan());
        prop_assert_eq!(one.plan(), one.plan());
        prop_assert_eq!(one.plan(), other.plan());
        Ok(())
    });
}

#[test]
fn the_digest_moves_exactly_with_what_is_guarded() {
    hold(worlds(), &["create", "adopt", "delete", "waiting"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let before = digest(&plan, &limits());
        let mut told = plan.clone();
        told.at = now() + chrono::TimeDelta::hours(1);
        for change in &mut told.changes {
            change.label = "somebody".to_owned();
            if let Reason::Left { since, .. } = &mut change.because {
                *since += chrono::TimeDelta::hours(1);
            }
        }
        told.changes.retain(|change| !matches!(change.action, Action::Create(_)));
        prop_assert_eq!(digest(&told, &limits()), before.clone());
        if told.changes.pop().is_some() {
            prop_assert_ne!(digest(&told, &limits()), before);
        }
        Ok(())
    });
}
