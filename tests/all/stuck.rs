//! Days on a moved clock: a person whom Connect refuses, and configurations that are broken.

use std::cell::Cell;

use chrono::TimeDelta;
use connectors::PersonKey;
use rollcall::assemble::{self, Assembled};
use rollcall::model::{Decision, FindingCode, Operation, RunId, Time, Trigger};
use rollcall::reconcile::{Ended, Order, Quiet, RunError};
use rollcall::sandbox::faults::FaultKind;
use rollcall::store::Patient;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::several::with_second;
use crate::world::World;

thread_local! {
    /// Minutes by which the clock was moved. The tests run on one thread each.
    static MOVED: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Time {
    crate::world::now() + TimeDelta::minutes(MOVED.get())
}

/// Moves the clock to so many minutes after the start of the test.
fn at(minutes: i64) {
    MOVED.set(minutes);
}

async fn run(world: &World, order: Order) -> Result<Ended, RunError> {
    world.sandbox.clock.set(now());
    let Assembled { service, lease } = assemble::assemble(&world.config(), now, "test").await.unwrap();
    let (_sender, stop) = watch::channel(false);
    let result = service.run_once(&lease, &order, &stop, &Quiet).await;
    service.centre.store.release(lease).await.unwrap();
    result
}

/// A run by the clock.
async fn tick(world: &World) -> Result<Ended, RunError> {
    run(world, Order::new(RunId::fresh(), Trigger::Schedule)).await
}

fn by_hand() -> Order {
    Order::new(RunId::fresh(), Trigger::Hand)
}

fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: "not like this".to_owned(), retry_after: None }
}

fn calls(ended: &Ended, operation: Operation) -> u32 {
    ended.summary.calls.get(&operation).copied().unwrap_or(0)
}

/// Events of the report of one kind.
fn told(world: &World, event: &str) -> Vec<Value> {
    let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    let events = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|one| one["event"] == event).collect()
}

fn key(id: &str) -> PersonKey {
    PersonKey::new("entra", id)
}

#[tokio::test]
async fn one_refused_person_is_tried_six_times_a_day_and_everybody_else_flows() {
    let mut world = World::of(12).await;
    let (id, login) = world.hire("Care");
    tick(&world).await.unwrap();
    world.move_to(&id, "Sales");
    world.fault("connect", "UpdateUserRoutingProfile", 0, u32::MAX, status(400, "InvalidParameterException"));
    let tries = [0, 5, 20, 65, 200, 605];
    for minute in [0, 2, 4, 5, 7, 12, 19, 20, 30, 64, 65, 120, 199, 200, 400, 604, 605, 1_000, 1_439] {
        at(minute);
        let joiner = (minute == 30).then(|| world.hire("Care").1);
        let ended = tick(&world).await.unwrap();
        let tried = u32::from(tries.contains(&minute));
        assert_eq!(calls(&ended, Operation::UpdateUserRoutingProfile), tried, "minute {minute}");
        assert!(ended.summary.partly(), "minute {minute}: a resting person counts as held");
        if minute == 0 {
            assert_eq!(ended.summary.updated, 1, "the hierarchy is another facet: {:#?}", ended.plan.changes);
        } else if tried == 0 {
            assert!(matches!(ended.plan.decisions[&key(&id)], Decision::Resting { .. }), "minute {minute}");
            assert_eq!((ended.summary.resting, ended.summary.failed), (1, 0));
        }
        if let Some(joiner) = joiner {
            assert!(world.user(&joiner).is_some(), "a stuck person stops nobody");
        }
    }
    let retries = world.store().await.retries().await.unwrap();
    assert_eq!(retries[&key(&id)].clocks[&Operation::UpdateUserRoutingProfile].attempts, 6);
    let news: Vec<Value> = told(&world, "finding").into_iter().filter(|one| one["code"] == "call_failed").collect();
    assert_eq!(news.len(), 1, "news once: {news:#?}");
    assert_eq!(news[0]["person"], json!(format!("entra/{id}")));

    world.sandbox.faults.clear();
    at(605 + 1_215);
    let ended = tick(&world).await.unwrap();
    assert_eq!(ended.summary.updated, 1);
    assert_eq!(world.routing_of(&login), world.routing("Sales Voice"));
    assert!(!ended.summary.partly());
    assert!(world.store().await.retries().await.unwrap().is_empty(), "a success forgets the clock");
    let before = world.sandbox.connect.journal().len();
    assert!(tick(&world).await.unwrap().plan.is_empty());
    assert_eq!(world.sandbox.connect.journal().len(), before);
}

#[tokio::test]
async fn somebody_who_was_corrected_or_is_asked_for_is_tried_at_once() {
    let mut world = World::of(8).await;
    let (id, login) = world.hire("Care");
    tick(&world).await.unwrap();
    world.move_to(&id, "Sales");
    let refuse =
        |times| world.fault("connect", "UpdateUserRoutingProfile", 0, times, status(400, "InvalidParameterException"));
    refuse(4);
    assert_eq!(tick(&world).await.unwrap().summary.failed, 1);
    let resting = async |world: &World| tick(world).await.unwrap().summary.resting;
    assert_eq!(resting(&world).await, 1);
    assert_eq!(run(&world, by_hand()).await.unwrap().summary.resting, 1, "by hand alone asks for nobody");

    let person = Order { user: Some(login.clone()), ..by_hand() };
    assert_eq!(run(&world, person.clone()).await.unwrap().summary.failed, 1);
    assert_eq!(resting(&world).await, 1);
    assert_eq!(run(&world, Order { full: true, ..by_hand() }).await.unwrap().summary.failed, 1);
    let clocks = world.store().await.retries().await.unwrap();
    let clock = &clocks[&key(&id)].clocks[&Operation::UpdateUserRoutingProfile];
    assert_eq!(clock.attempts, 1, "whoever asks for everything begins anew");
    assert_eq!(resting(&world).await, 1);

    world.move_to(&id, "Support");
    let ended = tick(&world).await.unwrap();
    assert_eq!(calls(&ended, Operation::UpdateUserRoutingProfile), 1, "another wish");
    assert_eq!(ended.summary.failed, 1);
    assert_eq!(resting(&world).await, 1);

    world.move_to(&id, "Care");
    let ended = tick(&world).await.unwrap();
    assert_eq!((ended.summary.resting, world.routing_of(&login)), (0, world.routing("Care Voice")));
    assert!(world.store().await.retries().await.unwrap().is_empty(), "what nobody wants has no clock");
}

#[tokio::test]
async fn a_leaver_who_keeps_access_is_tried_every_hour_and_stays_visible() {
    let mut world = World::of(12).await;
    let (id, login) = world.hire("Care");
    tick(&world).await.unwrap();
    world.sandbox.tenant.disable(&id).unwrap();
    world.fault("connect", "UpdateUserSecurityProfiles", 0, u32::MAX, status(400, "InvalidRequestException"));
    let tries = [0, 5, 20, 65, 125, 185, 245];
    for minute in [0, 2, 5, 19, 20, 64, 65, 124, 125, 185, 244, 245] {
        at(minute);
        let ended = tick(&world).await.unwrap();
        let tried = u32::from(tries.contains(&minute));
        assert_eq!(calls(&ended, Operation::UpdateUserSecurityProfiles), tried, "minute {minute}");
        assert_eq!(world.routing_of(&login), world.routing("Holding"), "the other facet of the leaver goes on");
        if minute > 0 {
            let is_told = |finding: &&rollcall::model::Finding| finding.code == FindingCode::CallFailed;
            let finding = ended.plan.findings.iter().find(is_told).expect("stays visible");
            assert!(finding.message.starts_with("keeps access: UpdateUserSecurityProfiles"), "{finding:?}");
        }
    }
    world.sandbox.faults.clear();
    at(305);
    tick(&world).await.unwrap();
    assert_eq!(world.user(&login).unwrap().security_profile_ids, [world.security("No Access")]);
    let before = world.sandbox.connect.journal().len();
    assert!(tick(&world).await.unwrap().plan.is_empty());
    assert_eq!(world.sandbox.connect.journal().len(), before);
}

#[tokio::test]
async fn what_passes_is_tried_by_the_next_run() {
    let mut world = World::of(8).await;
    let (id, _) = world.hire("Care");
    tick(&world).await.unwrap();
    world.move_to(&id, "Sales");
    // Three attempts of one change.
    world.fault("connect", "UpdateUserRoutingProfile", 0, 3, status(500, "InternalServiceException"));
    assert_eq!(tick(&world).await.unwrap().summary.failed, 1);
    let ended = tick(&world).await.unwrap();
    assert_eq!((ended.summary.failed, ended.summary.updated, ended.summary.resting), (0, 1, 0));
    assert!(world.store().await.retries().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_broken_configuration_is_probed_ever_more_rarely_until_it_is_mended() {
    let world = World::of(8).await;
    world.fault("connect", "ListUsers", 0, u32::MAX, status(403, "AccessDeniedException"));
    let requests = || world.graph_requests();
    for minute in [0, 2, 4] {
        at(minute);
        assert!(matches!(tick(&world).await, Err(RunError::Connect(_))), "minute {minute}");
    }
    assert_eq!(told(&world, "quarantine_entered").len(), 1);
    let entered = &told(&world, "quarantine_entered")[0];
    assert_eq!(entered["failures"], 3);
    assert!(entered["message"].as_str().unwrap().contains("AccessDeniedException"), "{entered}");
    assert!(!entered["hint"].as_str().unwrap().is_empty());
    let (before, runs) = (requests(), world.store().await.runs(100).await.unwrap().len());
    for minute in [6, 8, 12, 18] {
        at(minute);
        let Err(RunError::Quarantined(quarantine)) = tick(&world).await else { panic!("minute {minute}") };
        assert_eq!(quarantine.failures, 3);
    }
    assert_eq!(requests(), before, "nobody is asked for anything");
    assert_eq!(world.store().await.runs(100).await.unwrap().len(), runs, "and nothing is begun");
    for (minute, probes) in [(19, true), (48, false), (49, true), (108, false), (109, true), (168, false), (169, true)]
    {
        at(minute);
        let ended = tick(&world).await;
        assert_eq!(matches!(ended, Err(RunError::Connect(_))), probes, "minute {minute}: {ended:?}");
    }
    at(171);
    assert!(matches!(run(&world, by_hand()).await, Err(RunError::Connect(_))), "by hand it is always tried");
    world.sandbox.faults.clear();
    assert!(matches!(tick(&world).await, Err(RunError::Quarantined(_))));
    run(&world, by_hand()).await.unwrap();
    assert_eq!((told(&world, "quarantine_entered").len(), told(&world, "quarantine_left").len()), (1, 1));
    assert!(world.store().await.quarantine(Patient::Centre).await.unwrap().is_none());
    assert!(world.managed() > 0);
    assert!(tick(&world).await.unwrap().plan.is_empty());
}

#[tokio::test]
async fn a_missing_permission_to_write_is_trouble_too_and_a_failing_server_never_is() {
    let mut world = World::of(8).await;
    tick(&world).await.unwrap();
    world.fault("connect", "ListUsers", 0, u32::MAX, status(503, "ServiceUnavailable"));
    for _ in 0..5 {
        let full = Order { full: true, ..Order::new(RunId::fresh(), Trigger::Schedule) };
        assert!(matches!(run(&world, full).await, Err(RunError::Connect(_))));
    }
    world.sandbox.faults.clear();
    world.fault("connect", "CreateUser", 0, u32::MAX, status(403, "AccessDeniedException"));
    world.hire("Care");
    for minute in [0, 2, 4] {
        at(minute);
        let ended = tick(&world).await.unwrap();
        assert_eq!((ended.summary.failed, ended.summary.resting), (1, 0), "nobody's clock is set");
    }
    at(6);
    assert!(matches!(tick(&world).await, Err(RunError::Quarantined(_))));
    world.sandbox.faults.clear();
    at(19);
    assert_eq!(tick(&world).await.unwrap().summary.created, 1, "a probe is a whole run");
    assert!(world.store().await.quarantine(Patient::Centre).await.unwrap().is_none());
}

#[tokio::test]
async fn a_directory_that_refuses_us_rests_beside_the_others() {
    let mut world = World::of(10).await;
    with_second(&world, "mirror", false, true);
    let tokens = |world: &World| world.sandbox.tenant.requests().get("POST /token").copied().unwrap_or(0);
    for (minute, asks) in
        [(0, true), (2, false), (4, false), (5, true), (19, false), (20, true), (64, false), (65, true)]
    {
        at(minute);
        let joiner = world.hire("Care").1;
        let (before, news) = (tokens(&world), told_or_none(&world, "source_failed"));
        let ended = tick(&world).await.unwrap();
        let asked = tokens(&world) - before > 1;
        assert_eq!(asked, asks, "minute {minute}");
        assert_eq!(told(&world, "source_failed").len() - news, usize::from(asks), "minute {minute}");
        assert_eq!(ended.summary.frozen.len(), 1, "frozen all the same");
        assert!(world.user(&joiner).is_some());
    }
    assert!(
        world.store().await.quarantine(Patient::Centre).await.unwrap().is_none(),
        "the contact centre itself is well"
    );
    with_second(&world, "mirror", false, false);
    at(66);
    assert_eq!(tick(&world).await.unwrap().summary.frozen.len(), 1, "nobody knows that it was mended");
    assert_eq!(run(&world, by_hand()).await.unwrap().summary.frozen.len(), 0);
    assert_eq!(tick(&world).await.unwrap().summary.frozen.len(), 0);
}

fn told_or_none(world: &World, event: &str) -> usize {
    if world.folder.path().join("report.jsonl").exists() { told(world, event).len() } else { 0 }
}

#[tokio::test]
async fn a_configuration_that_connect_refuses_is_tried_on_five_people_and_rests() {
    let world =
        World::with(90, |_| {}, |text| text.guard = Some(rollcall::sandbox::scene::OPEN_GUARD.to_owned())).await;
    tick(&world).await.unwrap();
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let names = ["Care Voice", "Sales Voice", "Support Voice", "Success Voice", "Basic Routing Profile"];
    let text = names.iter().fold(text, |text, name| text.replace(&format!("{name:?}"), "\"Holding\""));
    std::fs::write(world.config_path(), text).unwrap();
    world.fault("connect", "UpdateUserRoutingProfile", 0, u32::MAX, status(400, "InvalidParameterException"));
    let mut held = 0;
    for (minute, tries) in [(0, 5), (2, 0), (4, 0), (6, 5), (20, 0), (22, 5)] {
        at(minute);
        let ended = tick(&world).await.unwrap();
        assert_eq!(calls(&ended, Operation::UpdateUserRoutingProfile), tries, "minute {minute}");
        if tries == 0 {
            assert!(ended.plan.is_empty(), "minute {minute}: {:#?}", ended.plan.changes);
            assert!(ended.summary.resting > 20 && ended.summary.partly());
        } else {
            assert!(ended.summary.message.contains("tried on 5 people"), "{}", ended.summary.message);
            held = ended.summary.not_attempted;
        }
    }
    assert!(held > 15);
    // Mended: everybody but those who rest on a clock of their own, and they a little later.
    world.sandbox.faults.clear();
    at(23);
    assert_eq!(run(&world, Order { full: true, ..by_hand() }).await.unwrap().summary.not_attempted, 0);
    let before = world.sandbox.connect.journal().len();
    assert!(tick(&world).await.unwrap().plan.is_empty());
    assert_eq!(world.sandbox.connect.journal().len(), before);
    assert!(world.store().await.quarantine(Patient::Trial).await.unwrap().is_none());
}
