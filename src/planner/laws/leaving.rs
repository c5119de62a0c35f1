//! Who may lose access, why, and not before when; and in what order things happen.

use chrono::TimeDelta;
use connectors::{Standing, attributes};
use proptest::prelude::*;

use super::super::testing::{World, render};
use super::hold;
use super::worlds::worlds;
use crate::model::retry::takes_away;
use crate::model::{Action, Change, Decision, Facet, LeaveReason, Reason, Remembered, Stage};

/// What the directory says for itself about why somebody is gone; `None` if nothing may be concluded.
fn proven(world: &World, change: &Change) -> Option<LeaveReason> {
    let directory = &world.seen.directory;
    let person = directory.people.get(&change.person)?;
    let scope = directory.sources[&change.person.source].scope.as_ref()?;
    if person.unreadable.is_some() {
        return None;
    }
    let guest = person.attributes.get(attributes::USER_TYPE) == Some("Guest");
    let in_scope = match scope {
        connectors::Scope::Everybody => true,
        connectors::Scope::Groups(ids) => person.groups.iter().any(|group| ids.contains(&group.id)),
    };
    match person.standing {
        Standing::Disabled => Some(LeaveReason::Disabled),
        Standing::SoftDeleted => Some(LeaveReason::SoftDeleted),
        Standing::Deleted => Some(LeaveReason::Deleted),
        Standing::MissingConfirmed => Some(LeaveReason::Missing),
        Standing::MissingUnconfirmed => None,
        Standing::Active if !in_scope => Some(LeaveReason::OutOfScope),
        Standing::Active => guest.then_some(LeaveReason::Guest),
    }
}

/// The memories that may count for a change: the person's, and of the record that the user is taken from.
fn memories<'a>(world: &'a World, change: &Change) -> Vec<&'a Remembered> {
    let user = change.connect.as_ref().and_then(|id| world.seen.connect.users.get(id));
    let owner = user.and_then(|user| user.owner.as_ref());
    let whose = [Some(&change.person), owner].into_iter().flatten();
    whose.filter_map(|person| world.seen.memory.get(person)).collect()
}

#[test]
fn nobody_loses_access_but_by_the_directorys_own_word() {
    let must = [
        "left: disabled",
        "left: deleted (restorable)",
        "left: deleted",
        "left: out of scope",
        "left: a guest",
        "left: missing from two complete listings",
        "missing with a user",
    ];
    hold(worlds(), &must, |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        for change in &plan.changes {
            let takes = matches!(change.action, Action::Delete { .. } | Action::DeleteQuickConnect(_));
            let suspends = matches!(&change.action, Action::Update(update) if update.stage == Stage::Suspended);
            let Reason::Left { why, .. } = &change.because else {
                prop_assert!(!takes && !suspends, "without a reason: {:?}", render(&plan));
                continue;
            };
            prop_assert!(takes || suspends, "a leaver is given something: {:?}", render(&plan));
            let said = proven(&world, change);
            prop_assert_eq!(said.as_ref(), Some(why), "{:?}", render(&plan));
        }
        for (key, person) in &world.seen.directory.people {
            let mut owners = world.seen.connect.users.values().filter_map(|user| user.owner.as_ref());
            if person.standing == Standing::MissingUnconfirmed && owners.any(|owner| owner == key) {
                tally.saw("missing with a user");
            }
        }
        Ok(())
    });
}

/// The planner's word for when somebody was first seen as a leaver is checked against the memory, not believed.
#[test]
fn nobody_loses_access_before_the_grace_is_over_or_is_deleted_before_the_suspension_is() {
    let must = ["waits for grace", "grace over", "deleted after suspension", "deleted at once"];
    let graces = (worlds(), prop_oneof![Just(None), Just(Some(2_u64)), Just(Some(5))]);
    hold(graces, &must, |(mut world, grace), tally| {
        if let Some(grace) = grace {
            world.rules.leaver.grace_secs = grace * 86_400;
        }
        let (at, ladder) = (world.seen.at, world.rules.leaver.clone());
        let grace = i64::try_from(ladder.grace_secs).expect("a few days");
        let plan = world.plan();
        let waits = |one: &Decision| matches!(one, Decision::Waiting { next, .. } if *next != Stage::Deleted);
        if plan.decisions.values().any(waits) {
            tally.saw("waits for grace");
        }
        for change in plan.changes.iter().filter(|change| matches!(change.because, Reason::Left { .. })) {
            let remembered = memories(&world, change);
            let suspended = remembered.iter().any(|memory| memory.stage == Stage::Suspended);
            let absent = remembered.iter().filter_map(|memory| memory.absent_since).min().unwrap_or(at);
            prop_assert!(suspended || (at - absent).num_seconds() >= grace, "{:?}", render(&plan));
            if grace > 0 && !suspended {
                tally.saw("grace over");
            }
            let Action::Delete { .. } = change.action else { continue };
            prop_assert!(ladder.delete, "{:?}", render(&plan));
            match &ladder.suspend {
                None => tally.saw("deleted at once"),
                Some(suspend) => {
                    let since = remembered.iter().filter_map(|memory| memory.suspended_since).min();
                    let since = since.expect("suspended before");
                    let least = TimeDelta::seconds(i64::try_from(suspend.for_secs.expect("a period")).expect("days"));
                    prop_assert!(suspended && at - since >= least, "{:?}", render(&plan));
                    tally.saw("deleted after suspension");
                }
            }
        }
        Ok(())
    });
}

/// Access is taken before it is given; what a delete sets free is free before it is wanted.
#[test]
fn changes_come_in_their_order() {
    let must =
        ["create", "adopt", "delete", "delete quick connect", "write routing_profile", "untag", "left: disabled"];
    hold(worlds(), &must, |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        let turn = |change: &Change| match (&change.action, &change.because) {
            (_, Reason::Renamed { .. }) => 6,
            (Action::Update(_), Reason::Left { .. }) => 0,
            (Action::Delete { .. } | Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_), _) => 1,
            (Action::Adopt { .. }, _) => 2,
            (Action::Update(_), _) if takes_away(change) => 3,
            (Action::Update(_), _) => 4,
            (Action::Create(_), _) => 5,
        };
        let part = |change: &Change| match &change.action {
            // Setting tags first: until the old keys are gone the memory keeps them.
            Action::Update(update) => {
                let facet = Facet::ALL.iter().position(|facet| *facet == update.facet);
                facet.expect("a facet") * 2 + usize::from(!update.untag.is_empty())
            }
            Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => 0,
            Action::Delete { .. } => 1,
            Action::Create(_) | Action::Adopt { .. } => 0,
        };
        let places: Vec<_> =
            plan.changes.iter().map(|change| (turn(change), change.person.clone(), part(change))).collect();
        prop_assert!(places.is_sorted(), "{:#?}", render(&plan));
        Ok(())
    });
}
