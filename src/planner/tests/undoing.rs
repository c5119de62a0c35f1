//! Runs taken back: what is given back, what is not, and what ordinary plans make of it.

use chrono::TimeDelta;
use connectors::Standing;
use proptest::prelude::*;

use crate::model::{
    Action, Attribute, AttributeSet, Change, Facet, FindingCode, LeaveReason, Outcome, Plan, Reason, RunId, Seen,
    Stage, Value,
};
use crate::planner::laws::worlds::worlds;
use crate::planner::rules::RenamePolicy;
use crate::planner::testing::{World, now, render, routing};
use crate::planner::undo::{Taken, undo};

fn run(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

fn done() -> Outcome {
    Outcome::Done { request_id: None, millis: 1, attempts: 1, created: None }
}

/// A run as the ledger has it.
fn ledger(number: u128, plan: &Plan) -> Taken {
    let changes = plan.changes.iter().map(|change| (change.clone(), done())).collect();
    Taken { run: run(number), started: plan.at, changes, later: Default::default() }
}

/// A world after one ordinary run, and the run.
fn after_a_run(directory: &str, connect: &str) -> (World, Taken) {
    let mut world = World::new(directory, connect);
    let taken = run_once(&mut world, 1);
    (world, taken)
}

fn run_once(world: &mut World, number: u128) -> Taken {
    let plan = world.plan();
    world.apply(&plan);
    ledger(number, &plan)
}

fn back(world: &World, taken: &Taken) -> Plan {
    undo(&world.seen, &world.rules, taken, &|_| (2.0, 5))
}

#[track_caller]
fn check(plan: &Plan, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(render(plan), expected);
}

#[track_caller]
fn take_back(world: &mut World, taken: &Taken, expected: &str) -> Plan {
    let plan = back(world, taken);
    check(&plan, expected);
    apply(world, &plan);
    plan
}

/// An undo says nothing about who is leaving; that stays as it is.
fn apply(world: &mut World, plan: &Plan) {
    let mut applied = plan.clone();
    let leaving = world.seen.memory.iter().filter_map(|(person, memory)| Some((person.clone(), memory.absent_since?)));
    applied.leaving.extend(leaving.map(|(person, since)| (person, (since, LeaveReason::Disabled))));
    world.apply(&applied);
}

/// Somebody edits the only user by hand.
fn edit(world: &mut World, attribute: Attribute, value: Value) {
    let user = world.seen.connect.users.values_mut().next().unwrap();
    user.attributes.insert(attribute, Seen::Known(value));
}

fn later(world: &mut World, days: i64) {
    world.seen.at = now() + TimeDelta::days(days);
}

fn directory(world: &mut World, text: &str) {
    let other = World::new(text, "");
    world.seen.directory.people = other.seen.directory.people;
}

const MOVED: &str = "entra/1 ada.king dept=Sales";
const CARE: &str = "c-1 ada.king owner=entra/1 route=Care_Voice\n memory entra/1 link=c-1 wrote.route=Care_Voice";

#[test]
fn a_mover_is_moved_back_and_stays_until_the_rules_want_something_else() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    take_back(&mut world, &taken, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    check(&world.plan(), "? entra/1 KeptUndone");
    check(&back(&world, &taken), "");
    let held = world.plan();
    world.apply(&held);
    check(&world.plan(), "? entra/1 KeptUndone");

    directory(&mut world, "entra/1 ada.king dept=London");
    let moved = world.plan();
    assert!(render(&moved)[0].starts_with("~ c-1 routing: Care Voice → Basic"), "{:?}", render(&moved));
    world.apply(&moved);
    assert!(world.seen.undone.is_empty(), "forgotten with the wish");
    directory(&mut world, MOVED);
    assert!(render(&world.plan())[0].starts_with("~ c-1 routing: Basic → Sales Voice"));
}

#[test]
fn what_was_taken_back_is_copied_to_the_user_of_another_name() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    take_back(&mut world, &taken, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    world.rules.rename = RenamePolicy::Recreate;
    directory(&mut world, "entra/1 ada.lovelace dept=Sales");
    let renamed = world.plan();
    check(
        &renamed,
        "+ ada.lovelace Agent / Care Voice [renamed from ada.king]
         - c-1 [renamed from ada.king]
         ? entra/1 KeptUndone",
    );
    world.apply(&renamed);
    check(&world.plan(), "? entra/1 KeptUndone");
    directory(&mut world, "entra/1 ada.lovelace dept=London");
    let moved = world.plan();
    assert!(render(&moved)[0].contains("routing: Care Voice → Basic"), "{:?}", render(&moved));
}

#[test]
fn what_is_released_is_written_again() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    take_back(&mut world, &taken, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    for undone in world.seen.undone.values_mut() {
        undone.release(run(1));
    }
    let plan = world.plan();
    check(&plan, "~ c-1 routing: Care Voice → Sales Voice [mapped]");
}

#[test]
fn a_wish_that_somebody_fulfils_by_hand_is_held_no_longer() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    take_back(&mut world, &taken, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    edit(&mut world, Attribute::RoutingProfile, routing("Sales Voice"));
    let plan = world.plan();
    check(&plan, "");
    world.apply(&plan);
    assert!(world.seen.undone.is_empty());
}

#[test]
fn what_somebody_changed_since_is_left_and_named() {
    let (mut world, mut taken) = after_a_run(MOVED, CARE);
    edit(&mut world, Attribute::RoutingProfile, routing("Holding"));
    let plan = back(&world, &taken);
    check(&plan, "? entra/1 NotUndone");
    assert_eq!(plan.findings[0].message, "routing was changed since, in Connect, by hand; left as it is");
    assert!(plan.undone.is_empty(), "what is not taken back is not held");
    taken.later.entry("entra/1".parse().unwrap()).or_default().insert(Facet::Routing, run(7));
    assert!(back(&world, &taken).findings[0].message.contains(&format!("by run {}", run(7))));
}

#[test]
fn what_somebody_put_back_by_hand_is_held_all_the_same() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    edit(&mut world, Attribute::RoutingProfile, routing("Care Voice"));
    take_back(&mut world, &taken, "");
    // Under `shared` nothing would be written anyway.
    check(&world.plan(), "? entra/1 DriftLeftAlone");
}

const LEFT: &str = "entra/1 ada.king standing=disabled";
const GIVEN_BACK: &str = "~ c-1 security: No Access → Agent [undone]\n ~ c-1 routing: Holding → Basic [undone]";

#[test]
fn a_leaver_who_was_given_back_is_kept_for_a_while_and_then_leaves() {
    let (mut world, taken) = after_a_run(LEFT, "c-1 ada.king owner=entra/1");
    assert_eq!(taken.changes.len(), 2);
    take_back(&mut world, &taken, GIVEN_BACK);
    for day in [0, 3, 6] {
        later(&mut world, day);
        let plan = world.plan();
        check(&plan, &format!(". entra/1 waits {} days until Suspended\n ? entra/1 KeptUndone", 7 - day));
        world.apply(&plan);
        check(&back(&world, &taken), "");
    }
    later(&mut world, 7);
    let plan = world.plan();
    assert_eq!(render(&plan)[0], "~ c-1 security: Agent → No Access [left: disabled]");
    world.apply(&plan);
    assert!(world.seen.undone.is_empty());
}

#[test]
fn a_leaver_who_leaves_anew_is_not_kept() {
    let (mut world, taken) = after_a_run(LEFT, "c-1 ada.king owner=entra/1");
    take_back(&mut world, &taken, GIVEN_BACK);
    let mut other = world.clone();
    other.seen.directory.people.values_mut().for_each(|person| person.standing = Standing::Deleted);
    assert_eq!(render(&other.plan())[0], "~ c-1 security: Agent → No Access [left: deleted]");
    // Works here again, and leaves again.
    directory(&mut world, "entra/1 ada.king");
    let here = world.plan();
    world.apply(&here);
    assert!(world.seen.undone.is_empty());
    later(&mut world, 1);
    directory(&mut world, LEFT);
    assert_eq!(render(&world.plan())[0], "~ c-1 security: Agent → No Access [left: disabled]");
}

#[test]
fn a_correction_of_somebody_who_had_left_before_gives_no_access_back() {
    let connect = "c-1 ada.king owner=entra/1 sec=Agent route=Holding\n memory entra/1 link=c-1 absent=9 suspended=9 former.sec=Lead";
    let (world, taken) = after_a_run(LEFT, connect);
    assert_eq!(taken.changes.len(), 1);
    check(&back(&world, &taken), "? entra/1 NotUndone");
}

#[test]
fn a_deleted_user_is_made_again_and_leaves_after_all_once_released() {
    let mut world =
        World::new(LEFT, "c-1 ada.king owner=entra/1 sec=Lead hier=EMEA/Paris tags=theirs:1\n quick q-1 c-1");
    world.rules.leaver.suspend = None;
    let before = world.seen.connect.users.values().next().unwrap().clone();
    let taken = run_once(&mut world, 1);
    take_back(&mut world, &taken, "+ ada.king Lead / Basic [undone]\n ? entra/1 NotUndone");
    let after = world.seen.connect.users.values().next().unwrap();
    for attribute in [Attribute::FirstName, Attribute::HierarchyGroup, Attribute::Tags, Attribute::SecurityProfiles] {
        assert_eq!(after.seen(attribute), before.seen(attribute));
    }
    assert_eq!(after.owner, before.owner);
    check(&world.plan(), ". entra/1 waits 7 days until Deleted\n ? entra/1 KeptUndone");
    check(&back(&world, &taken), "? entra/1 NotUndone");
    world.seen.undone.clear();
    check(&world.plan(), "- n-1 [left: disabled]");
}

#[test]
fn a_user_that_was_suspended_before_the_deletion_is_suspended_again() {
    let connect = "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 absent=40 suspended=31 former.sec=Admin former.route=Care_Voice";
    let (mut world, taken) = after_a_run(LEFT, connect);
    take_back(&mut world, &taken, "+ ada.king No Access / Holding [undone]");
    let memory = &world.seen.memory[&"entra/1".parse().unwrap()];
    assert_eq!((memory.stage, memory.suspended_since), (Stage::Suspended, Some(now())));
    assert!(memory.absent_since.is_some_and(|since| since < now()), "grace does not begin anew");
    assert!(render(&world.plan())[0].starts_with(". entra/1 waits 30 days until Deleted"));
    directory(&mut world, "entra/1 ada.king dept=Care");
    assert_eq!(render(&world.plan())[0], "~ n-1 security: No Access → Admin [returned]");
}

#[test]
fn a_user_whose_name_somebody_else_has_by_now_is_not_made_again() {
    let mut world = World::new(LEFT, "c-1 ada.king owner=entra/1");
    world.rules.leaver.suspend = None;
    let taken = run_once(&mut world, 1);
    let other = World::new("", "c-9 ADA.king");
    world.seen.connect.users.extend(other.seen.connect.users);
    check(&back(&world, &taken), "? entra/1 NotUndone");
}

#[test]
fn a_returner_is_suspended_again_and_not_restored_by_the_next_plan() {
    let connect = "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 suspended=3 wrote.sec=No_Access wrote.route=Holding former.sec=Admin former.route=Basic";
    let (mut world, taken) = after_a_run("entra/1 ada.king dept=Care", connect);
    let plan = take_back(
        &mut world,
        &taken,
        "~ c-1 security: Admin → No Access [undone]\n ~ c-1 routing: Care Voice → Holding [undone]",
    );
    assert!(plan.changes.iter().all(|change| matches!(change.because, Reason::Undone { was: Stage::Active, .. })));
    check(&world.plan(), "? entra/1 KeptUndone\n ? entra/1 KeptUndone");
}

#[test]
fn an_undo_is_a_run_that_can_be_taken_back() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    let plan = take_back(&mut world, &taken, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    let undone = ledger(2, &plan);
    take_back(&mut world, &undone, "~ c-1 routing: Care Voice → Sales Voice [undone]");
    check(&world.plan(), "");
    assert!(world.seen.undone.is_empty());

    let (mut world, taken) = after_a_run(LEFT, "c-1 ada.king owner=entra/1");
    let plan = take_back(&mut world, &taken, GIVEN_BACK);
    let undone = ledger(2, &plan);
    let again = "~ c-1 security: Agent → No Access [undone]\n ~ c-1 routing: Basic → Holding [undone]";
    take_back(&mut world, &undone, again);
    assert!(world.seen.undone.is_empty());
    check(&world.plan(), ". entra/1 waits 30 days until Deleted");
    let memory = &world.seen.memory[&"entra/1".parse().unwrap()];
    assert_eq!((memory.stage, memory.suspended_since), (Stage::Suspended, Some(now())));
}

#[test]
fn several_runs_taken_back_one_after_the_other_are_all_held() {
    let (mut world, first) = after_a_run(MOVED, CARE);
    directory(&mut world, "entra/1 ada.king");
    let second = run_once(&mut world, 2);
    take_back(&mut world, &second, "~ c-1 routing: Basic → Sales Voice [undone]");
    take_back(&mut world, &first, "~ c-1 routing: Sales Voice → Care Voice [undone]");
    check(&world.plan(), "? entra/1 KeptUndone\n ? (no department) UnmappedDepartment");
}

#[test]
fn created_and_adopted_users_stay_and_are_listed() {
    let (world, taken) = after_a_run("entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care", "c-2 bob.low");
    check(
        &back(&world, &taken),
        "~ c-2 routing: Care Voice → Basic [undone]\n ? entra/1 NotUndone\n ? entra/2 NotUndone",
    );
}

#[test]
fn a_user_that_is_gone_or_somebody_elses_is_not_touched() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    let mut gone = world.clone();
    gone.seen.connect.users.clear();
    check(&back(&gone, &taken), "? entra/1 NotUndone");
    world.seen.connect.users.values_mut().next().unwrap().owner = Some("entra/9".parse().unwrap());
    check(&back(&world, &taken), "? entra/1 NotUndone");
}

#[test]
fn a_profile_that_does_not_exist_any_more_is_named() {
    let (mut world, taken) = after_a_run(MOVED, CARE);
    world.seen.connect.catalogue.routing_profiles.remove("Care Voice");
    let plan = back(&world, &taken);
    check(&plan, "? entra/1 NotUndone");
    assert!(plan.findings[0].message.contains("Care Voice"), "{}", plan.findings[0].message);
}

#[test]
fn values_that_nobody_has_read_are_not_guessed() {
    let directory = "entra/1 ada.king mail=ada@x.com mobile=+442079460123";
    let connect = "c-1 ada.king owner=entra/1 last=Other mail=ada@x.com mobile=+442079460123";
    let (mut world, mut taken) = after_a_run(directory, connect);
    let Action::Update(update) = &mut taken.changes[0].0.action else { panic!("an update") };
    update.before.remove(Attribute::Mobile);
    let plan = back(&world, &taken);
    assert_eq!(render(&plan), ["~ c-1 identity: King → Other [undone]", "? entra/1 NotUndone"]);
    let user = world.seen.connect.users.values_mut().next().unwrap();
    user.attributes.insert(Attribute::Mobile, Seen::Unread);
    let plan = back(&world, &taken);
    check(&plan, "? entra/1 NotUndone");
    assert_eq!(plan.details.left(), 1, "read it and plan again");
}

#[test]
fn tags_are_given_back_one_by_one() {
    let connect = "c-1 ada.king owner=entra/1 sec=Agent,Lead tags=tier:1,theirs:1,old:1
         memory entra/1 link=c-1 wrote.tags=old:1 wrote.sec=Agent";
    let (mut world, taken) = after_a_run("entra/1 ada.king groups=leads", connect);
    assert_eq!(taken.changes.len(), 2, "one call sets, one removes");
    let before = |world: &World| world.seen.connect.users.values().next().unwrap().seen(Attribute::Tags).clone();
    let mut touched = world.clone();
    take_back(&mut world, &taken, "~ c-1 tags: theirs=1, tier=2 → old=1, tier=1 [undone]");
    assert_eq!(text(&before(&world)), "old=1, theirs=1, tier=1");
    check(&world.plan(), "? entra/1 KeptUndone\n ? (no department) UnmappedDepartment");

    let tags = |pairs: &[(&str, &str)]| Value::Tags(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
    edit(&mut touched, Attribute::Tags, tags(&[("tier", "3"), ("theirs", "1")]));
    let plan = back(&touched, &taken);
    assert_eq!(plan.changes.len(), 1, "the removed one comes back, the edited one stays");
    assert!(plan.findings.iter().any(|finding| finding.code == FindingCode::NotUndone));
}

fn text(seen: &Seen<Value>) -> String {
    seen.known().map(ToString::to_string).unwrap_or_default()
}

/// Whether something of this person was left, apart from what an undo never does.
fn left(plan: &Plan, change: &Change) -> bool {
    let never = ["was created by", "got our owner mark", "a quick connect of"];
    let about = |finding: &&crate::model::Finding| finding.person.as_ref() == Some(&change.person);
    let mut found = plan.findings.iter().filter(about).filter(|finding| finding.code == FindingCode::NotUndone);
    found.any(|finding| never.iter().all(|never| !finding.message.starts_with(never)))
}

fn known(set: impl IntoIterator<Item = (Attribute, Seen<Value>)>) -> AttributeSet {
    let known = set.into_iter().filter_map(|(a, seen)| Some((a, seen.known()?.clone())));
    known.filter(|(_, value)| *value != Value::None).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_taken_back_leaves_everything_as_it_was_and_the_next_plan_leaves_it_so(mut world in worlds()) {
        let before = world.seen.connect.users.clone();
        let taken = run_once(&mut world, 1);
        let plan = back(&world, &taken);
        apply(&mut world, &plan);
        for (change, _) in taken.changes.iter().filter(|(change, _)| !left(&plan, change)) {
            let Some(was) = change.connect.as_ref().map(|id| &before[id]) else { continue };
            let is = world.seen.connect.users.values().find(|user| user.username == was.username);
            prop_assert!(is.is_some(), "{} is gone", was.username);
            let is = known(is.unwrap().attributes.clone());
            for (attribute, value) in known(was.attributes.clone()).iter() {
                prop_assert_eq!(is.get(attribute), Some(value), "{:?} of {}", attribute, &was.username);
            }
        }
        prop_assert!(back(&world, &taken).is_empty(), "taken back twice: {:#?}", render(&back(&world, &taken)));
        let next = world.plan();
        for undone in &plan.changes {
            let Action::Update(given) = &undone.action else { continue };
            let again = next.of(&undone.person).find(|change| match &change.action {
                Action::Update(update) => update.facet == given.facet,
                _ => false,
            });
            prop_assert!(again.is_none(), "written again: {:#?}", again);
        }
        for change in &next.changes {
            let deleted = matches!(change.action, Action::Delete { .. });
            let made_again = plan.of(&change.person).any(|change| matches!(change.action, Action::Create(_)));
            prop_assert!(!(deleted && made_again), "deleted again");
        }
    }
}
