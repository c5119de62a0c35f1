//! A changed username under `recreate`: nobody is without a user at any moment, and nobody has two in the end.

use std::collections::BTreeSet;

use connectors::PersonKey;
use proptest::prelude::*;

use super::super::rules::RenamePolicy;
use super::super::testing::{World, render};
use super::hold;
use super::worlds::worlds;
use crate::model::{Action, Change, ConnectUserId, Plan, Reason};

fn renamed(change: &Change) -> bool {
    matches!(change.because, Reason::Renamed { .. })
}

fn deletes<'a>(plan: &'a Plan, person: &'a PersonKey) -> impl Iterator<Item = &'a Change> {
    plan.of(person).filter(|change| matches!(change.action, Action::Delete { .. }))
}

fn owned(world: &World, person: &PersonKey) -> BTreeSet<ConnectUserId> {
    let users = world.seen.connect.users.values();
    users.filter(|user| user.owner.as_ref() == Some(person)).map(|user| user.id.clone()).collect()
}

#[test]
fn a_rename_deletes_only_behind_a_new_user_and_leaves_everybody_with_one() {
    hold(worlds(), &["renamed", "create", "delete"], |mut world, tally| {
        world.rules.rename = RenamePolicy::Recreate;
        let plan = world.plan();
        tally.saw_plan(&plan);
        let people: BTreeSet<_> = plan.changes.iter().filter(|c| renamed(c)).map(|c| c.person.clone()).collect();
        for person in &people {
            for delete in deletes(&plan, person).filter(|change| renamed(change)) {
                let before = |change: &Change| matches!(change.action, Action::Create(_)) && change.seq < delete.seq;
                let created = plan.of(person).any(before);
                let gone: BTreeSet<_> = deletes(&plan, person).filter_map(|change| change.connect.clone()).collect();
                let left = plan.of(person).any(|change| matches!(change.because, Reason::Left { .. }));
                let stays = !owned(&world, person).is_subset(&gone);
                prop_assert!(created || stays || left, "{:#?}", render(&plan));
            }
        }
        world.apply(&plan);
        for person in &people {
            prop_assert!(owned(&world, person).len() <= 1, "{:#?}", render(&plan));
        }
        // A name has to be free, and a user adopted, before it is the next one's turn.
        let mut rounds = vec![render(&plan)];
        for _ in 0..6 {
            let plan = world.plan();
            if plan.is_empty() {
                return Ok(());
            }
            rounds.push(render(&plan));
            world.apply(&plan);
        }
        prop_assert!(world.plan().is_empty(), "{rounds:#?} and then {:#?}", render(&world.plan()));
        Ok(())
    });
}
