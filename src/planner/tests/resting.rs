//! What Connect refused before: left out while its clock runs, told as long as it is wanted, and nothing else is held.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::model::retry::Said;
use crate::model::{Action, Change, Decision, FindingCode, Operation, Plan, RetryClock, Time};
use crate::planner::testing::{World, now, render};

/// Two facets of ada differ; bob's routing does; cy is a leaver; dee joins; eve would be adopted and changed.
const DIRECTORY: &str = "entra/1 ada.king dept=Care mail=ada@x.com
    entra/2 bob.low dept=Sales
    entra/3 cy.moss standing=disabled
    entra/4 dee.fox dept=Care
    entra/5 eve.ash dept=Care";
const CONNECT: &str = "c-1 ada.king owner=entra/1
    c-2 bob.low owner=entra/2
    c-3 cy.moss owner=entra/3
    c-5 eve.ash";

fn said() -> Said {
    Said {
        code: "InvalidParameterException".to_owned(),
        message: "no".to_owned(),
        hint: "see to it".to_owned(),
        request_id: None,
        passes: false,
    }
}

/// Writes down that a change was refused at the moment of the world.
fn refuse(world: &mut World, change: &Change) {
    let retry = world.seen.retries.entry(change.person.clone()).or_default();
    let clock = RetryClock::refused(retry.of(change), change, said(), world.seen.at);
    retry.clocks.insert(change.action.operation(), clock);
}

fn refuse_all(world: &mut World, which: impl Fn(&Change) -> bool) {
    let plan = world.plan();
    for change in plan.changes.iter().filter(|change| which(change)) {
        refuse(world, change);
    }
}

fn changes(plan: &Plan) -> Vec<String> {
    render(plan).into_iter().filter(|line| "~+-=".contains(&line[..1])).collect()
}

#[track_caller]
fn check(refused: impl Fn(&Change) -> bool, expected: &str) {
    let mut world = World::new(DIRECTORY, CONNECT);
    refuse_all(&mut world, refused);
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(render(&world.plan()), expected);
}

#[test]
fn in_the_order_of_a_plan_access_goes_first_and_a_user_is_ours_before_it_is_changed() {
    check(
        |_| false,
        "~ c-3 security: Agent → No Access [left: disabled]
         ~ c-3 routing: Basic → Holding [left: disabled]
         = c-5 entra/5 [adopted by username]
         ~ c-1 routing: Basic → Care Voice [mapped]
         ~ c-1 identity: (none) → ada@x.com [mapped]
         ~ c-2 routing: Basic → Sales Voice [mapped]
         ~ c-5 routing: Basic → Care Voice [adopted by username]
         + dee.fox Agent / Care Voice [joined]",
    );
}

#[test]
fn a_refused_facet_rests_and_the_others_go_on() {
    check(
        |change| change.action.operation() == Operation::UpdateUserRoutingProfile && change.person.id.as_str() == "1",
        "~ c-3 security: Agent → No Access [left: disabled]
         ~ c-3 routing: Basic → Holding [left: disabled]
         = c-5 entra/5 [adopted by username]
         ~ c-1 identity: (none) → ada@x.com [mapped]
         ~ c-2 routing: Basic → Sales Voice [mapped]
         ~ c-5 routing: Basic → Care Voice [adopted by username]
         + dee.fox Agent / Care Voice [joined]
         ? entra/1 CallFailed",
    );
}

#[test]
fn what_cannot_be_done_without_the_refused_step_rests_with_it() {
    check(
        |change| matches!(change.action, Action::Adopt { .. } | Action::Create(_)),
        "~ c-3 security: Agent → No Access [left: disabled]
         ~ c-3 routing: Basic → Holding [left: disabled]
         ~ c-1 routing: Basic → Care Voice [mapped]
         ~ c-1 identity: (none) → ada@x.com [mapped]
         ~ c-2 routing: Basic → Sales Voice [mapped]
         . entra/4 rests after 1
         . entra/5 rests after 1
         ? entra/5 CallFailed
         ? entra/4 CallFailed",
    );
    let mut world = World::new("entra/1 ada.king standing=disabled", "c-1 ada.king owner=entra/1\n quick q-1 c-1");
    world.rules.leaver.suspend = None;
    assert_eq!(changes(&world.plan()).len(), 2);
    refuse_all(&mut world, |change| matches!(change.action, Action::DeleteQuickConnect(_)));
    assert_eq!(render(&world.plan()), [". entra/1 rests after 1", "? entra/1 CallFailed"]);
}

#[test]
fn another_wish_is_tried_at_once_and_so_is_a_clock_that_ran_out() {
    let routing = |change: &Change| change.person.id.as_str() == "2";
    let mut world = World::new(DIRECTORY, CONNECT);
    refuse_all(&mut world, routing);
    let plan = world.plan();
    assert!(!plan.changes.iter().any(routing));
    let key = "entra/2".parse().unwrap();
    assert_eq!((plan.resting.contains(&key), plan.refused[&key].len()), (true, 1));
    let told: Vec<_> = plan.findings.iter().filter(|found| found.code == FindingCode::CallFailed).cloned().collect();

    let mut moved = world.clone();
    let bob = moved.seen.directory.people.get_mut(&key).unwrap();
    bob.attributes.set("department".into(), "Care");
    let plan = moved.plan();
    assert_eq!((plan.changes.iter().filter(|change| routing(change)).count(), plan.refused.len()), (1, 0));

    world.seen.at = now() + TimeDelta::minutes(5);
    let plan = world.plan();
    assert_eq!(plan.changes.iter().filter(|change| routing(change)).count(), 1);
    assert!(plan.resting.is_empty());
    let again: Vec<_> = plan.findings.iter().filter(|found| found.code == FindingCode::CallFailed).cloned().collect();
    assert_eq!(again, told, "the same words, so that it is no news");
}

#[test]
fn a_deletion_that_rests_makes_no_room() {
    let mut world =
        World::new("entra/1 ada.king standing=disabled\n entra/2 bob.low dept=Care", "c-1 ada.king owner=entra/1");
    world.rules.leaver.suspend = None;
    world.rules.user_limit = Some(1);
    assert_eq!(changes(&world.plan()).len(), 2);
    refuse_all(&mut world, |change| matches!(change.action, Action::Delete { .. }));
    assert_eq!(render(&world.plan()), [". entra/1 rests after 1", "! entra/2 UserLimit", "? entra/1 CallFailed"]);
}

/// One run: what is refused is written down, with what must not be done without it; the rest is carried out.
fn run(world: &mut World, refuses: &dyn Fn(&Change) -> bool, tries: &mut BTreeMap<String, Vec<Time>>) {
    let plan = world.plan();
    let mut left = plan.clone();
    for change in plan.changes.iter().filter(|change| refuses(change)) {
        refuse(world, change);
        tries.entry(format!("{} {}", change.person, change.action.operation())).or_default().push(world.seen.at);
        let stops = !matches!(change.action, Action::Update(_));
        left.changes.retain(|other| {
            other.person != change.person || (!stops && other.action != change.action) || other.seq < change.seq
        });
    }
    world.apply(&left);
    // As the store does after each plan and each success.
    let wanted = &plan.refused;
    let settled: Vec<_> = left.changes.iter().map(|c| (c.person.clone(), c.action.operation())).collect();
    for (person, retry) in &mut world.seen.retries {
        retry.clocks.retain(|operation, clock| {
            let kept = clock.last == world.seen.at || wanted.get(person).is_some_and(|steps| steps.contains(operation));
            kept && !settled.contains(&(person.clone(), *operation))
        });
    }
    world.seen.retries.retain(|_, retry| !retry.clocks.is_empty());
}

const REFUSABLE: [Operation; 5] = [
    Operation::UpdateUserIdentityInfo,
    Operation::UpdateUserRoutingProfile,
    Operation::UpdateUserSecurityProfiles,
    Operation::TagResource,
    Operation::CreateUser,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever is stuck is tried a bounded number of times a day; everybody else agrees after two runs, whoever is stuck;
    /// and once Connect takes it, everybody agrees within a day.
    #[test]
    fn a_stuck_person_neither_stops_nor_floods(
        stuck in prop::collection::btree_set((1..6u8, prop::sample::select(&REFUSABLE[..])), 0..5),
        gaps in prop::collection::vec(1..30i64, 4..80),
    ) {
        let mut world = World::new(DIRECTORY, CONNECT);
        let refuses = |change: &Change| {
            stuck.iter().any(|(n, operation)| {
                change.person.id.as_str() == n.to_string() && change.action.operation() == *operation
            })
        };
        let mut tries = BTreeMap::new();
        for (at, gap) in gaps.iter().enumerate() {
            run(&mut world, &refuses, &mut tries);
            if at >= 2 {
                let plan = world.plan();
                for change in &plan.changes {
                    prop_assert!(refuses(change), "{:?}", change);
                }
                for (person, decision) in &plan.decisions {
                    let is_stuck = stuck.iter().any(|(n, _)| person.id.as_str() == n.to_string());
                    prop_assert!(is_stuck || !matches!(decision, Decision::Changes { .. }), "{} {:?}", person, decision);
                }
            }
            world.seen.at += TimeDelta::minutes(*gap);
        }
        for (step, moments) in &tries {
            for first in moments {
                let day = moments.iter().filter(|at| **at >= *first && **at < *first + TimeDelta::days(1)).count();
                let most = if step.starts_with("entra/3 ") { 30 } else { 6 };
                prop_assert!(day <= most, "{} was tried {} times in a day", step, day);
            }
        }
        for _ in 0..3 {
            world.seen.at += TimeDelta::hours(24);
            run(&mut world, &|_| false, &mut tries);
        }
        let plan = world.plan();
        prop_assert!(plan.is_empty() && plan.resting.is_empty(), "{:?}", render(&plan));
        prop_assert!(world.seen.retries.is_empty());
    }
}
