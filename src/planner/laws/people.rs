//! Everybody gets one decision; nobody is touched whom we have no right to touch.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use proptest::prelude::*;

use super::super::fold::fold;
use super::super::testing::{World, render};
use super::hold;
use super::worlds::worlds;
use crate::model::{Action, Change, Decision, Plan, Reason, SourceState};

fn frozen(world: &World, person: &PersonKey) -> bool {
    !matches!(world.seen.directory.sources[&person.source].state, SourceState::Fresh)
}

/// Whether the user is the person's by our mark, by memory, by an adopt rule, or by re-hire.
fn ours(world: &World, plan: &Plan, change: &Change) -> bool {
    let Some(id) = &change.connect else { return true };
    let adopts = |reason: &Reason| matches!(reason, Reason::Adopted { .. });
    let rebinds = |reason: &Reason| reason.taken_from().is_some();
    let mut adoptions = plan.of(&change.person).filter(|change| matches!(change.action, Action::Adopt { .. }));
    match &world.seen.connect.users[id].owner {
        Some(owner) if *owner == change.person => true,
        Some(_) => adoptions.any(|change| rebinds(&change.because)),
        None => {
            let linked = world.seen.memory.get(&change.person).is_some_and(|memory| memory.link.as_ref() == Some(id));
            linked || adoptions.any(|change| adopts(&change.because) || rebinds(&change.because))
        }
    }
}

/// Whether exactly one record in each of the two sources has this username, the same in both.
fn same_username(world: &World, one: &PersonKey, other: &PersonKey) -> bool {
    let people = &world.seen.directory.people;
    let name = |key: &PersonKey| people[key].attributes.get("username").map(|name| fold(name).into_owned());
    let alone =
        |key: &PersonKey| people.keys().filter(|who| who.source == key.source && name(who) == name(key)).count() == 1;
    name(one).is_some() && name(one) == name(other) && alone(one) && alone(other)
}

#[test]
fn everybody_gets_one_decision_and_changes_are_counted() {
    hold(worlds(), &["changes", "in sync", "quarantined", "not observed"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let owners = world.seen.connect.users.values().filter_map(|user| user.owner.clone());
        let everybody: BTreeSet<_> = (world.seen.directory.people.keys().cloned())
            .chain(world.seen.memory.keys().cloned())
            .chain(owners)
            .collect();
        prop_assert_eq!(plan.decisions.keys().cloned().collect::<BTreeSet<_>>(), everybody);
        for (person, decision) in &plan.decisions {
            let count = match decision {
                Decision::Changes { count } => *count as usize,
                _ => 0,
            };
            prop_assert_eq!(plan.of(person).count(), count, "{}: {:?}", person, decision);
        }
        for (at, change) in plan.changes.iter().enumerate() {
            prop_assert_eq!(change.seq as usize, at);
        }
        Ok(())
    });
}

#[test]
fn whoever_is_held_waits_or_cannot_be_seen_is_touched_by_no_change() {
    hold(worlds(), &["held with a user", "waiting", "unseen with a user"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        for (person, decision) in &plan.decisions {
            let rests = match decision {
                Decision::Changes { .. } => false,
                Decision::InSync | Decision::OutOfScope { .. } | Decision::Waiting { .. } => true,
                Decision::NotObserved { .. } | Decision::Quarantined(_) | Decision::Shadowed { .. } => true,
                Decision::Resting { .. } => true,
            };
            prop_assert!(!rests || plan.of(person).next().is_none(), "{person}: {:?}", render(&plan));
            let theirs = |id| world.seen.connect.users[id].owner.as_ref() == Some(person);
            let mut users = world.seen.connect.users.keys();
            match decision {
                Decision::Quarantined(_) if users.any(theirs) => tally.saw("held with a user"),
                Decision::NotObserved { .. } if users.any(theirs) => tally.saw("unseen with a user"),
                _ => {}
            }
        }
        Ok(())
    });
}

#[test]
fn nobody_is_touched_without_mark_memory_or_rule() {
    hold(worlds(), &["adopted", "rebound", "handed over", "foreign"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let mut people_of = BTreeMap::new();
        for change in &plan.changes {
            prop_assert!(ours(&world, &plan, change), "{:?}", render(&plan));
            if let Some(id) = &change.connect {
                prop_assert_eq!(people_of.entry(id.clone()).or_insert(&change.person), &&change.person);
            }
        }
        let foreign = |id| !people_of.contains_key(id) && world.seen.connect.users[id].owner.is_none();
        if world.seen.connect.users.keys().any(foreign) {
            tally.saw("foreign");
        }
        Ok(())
    });
}

#[test]
fn a_source_that_could_not_be_read_has_no_change() {
    hold(worlds(), &["frozen", "never read"], |world, tally| {
        let plan = world.plan();
        for change in &plan.changes {
            prop_assert!(!frozen(&world, &change.person), "{:?}", render(&plan));
            let view = &world.seen.directory.sources[&change.person.source];
            prop_assert!(view.scope.is_some(), "{:?}", render(&plan));
        }
        for person in world.seen.directory.people.keys() {
            if frozen(&world, person) {
                tally.saw("frozen");
            }
            if world.seen.directory.sources[&person.source].scope.is_none() {
                tally.saw("never read");
            }
        }
        Ok(())
    });
}

#[test]
fn one_human_gets_one_user_and_whoever_is_shadowed_is_not_touched() {
    hold(worlds(), &["shadowed", "two creates"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let creates: Vec<&PersonKey> =
            plan.changes.iter().filter(|c| matches!(c.action, Action::Create(_))).map(|c| &c.person).collect();
        for one in &creates {
            for other in creates.iter().filter(|other| other.source != one.source) {
                tally.saw("two creates");
                prop_assert!(!same_username(&world, one, other), "{} and {}: {:?}", one, other, render(&plan));
            }
        }
        for (person, decision) in &plan.decisions {
            let Decision::Shadowed { by, .. } = decision else { continue };
            prop_assert_eq!(plan.of(person).count(), 0);
            prop_assert!(!matches!(plan.decisions[by], Decision::Shadowed { .. }), "{} by {}", person, by);
            prop_assert!(world.rules.rank(&by.source) < world.rules.rank(&person.source));
        }
        Ok(())
    });
}

#[test]
fn a_failing_directory_changes_nothing_for_the_humans_it_decides_about() {
    hold(worlds(), &["shadowed by the one that fails"], |world, tally| {
        let mut before = world.clone();
        for view in before.seen.directory.sources.values_mut() {
            view.state = SourceState::Fresh;
        }
        let mut after = before.clone();
        let first = before.rules.sources[0].name.clone();
        after.seen.directory.sources.get_mut(&first).expect("a source").state =
            SourceState::Frozen { why: "HTTP 503".to_owned() };
        let (before, plan) = (before.plan(), after.plan());
        for (person, decision) in &before.decisions {
            let Decision::Shadowed { by, .. } = decision else { continue };
            prop_assert_eq!(plan.of(person).count(), 0);
            if by.source == first {
                tally.saw("shadowed by the one that fails");
                prop_assert_eq!(&plan.decisions[person], decision);
                prop_assert!(matches!(plan.decisions[by], Decision::NotObserved { .. }), "{:?}", plan.decisions[by]);
                let theirs = |id| [Some(by), Some(person)].contains(&after.seen.connect.users[id].owner.as_ref());
                let touched = plan.changes.iter().filter_map(|change| change.connect.as_ref()).any(theirs);
                prop_assert!(!touched, "{:?}", render(&plan));
            }
        }
        prop_assert!(plan.changes.iter().all(|change| change.person.source != first));
        Ok(())
    });
}
