//! The service as processes: signals, pauses, several contact centres, what systemd hears.
//!
//! What takes days happens in virtual time, in one process ([`indoors`]).
//!
//! A house is a company, some contact centres of one AWS account with a file each, and the processes that serve them.

mod bad_days;
mod full_disk;
mod house;
mod indoors;
mod shared;
mod systemd;

use rollcall::sandbox::scene::OPEN_GUARD;
use serde_json::Value;

use self::house::House;
use crate::process::output;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_changes_nothing_and_a_good_one_takes_effect_without_a_restart() {
    let mut house = House::of(10, "every = \"1s\"").await;
    let mut service = house.serve().await;
    service.says("run ended: done").await;
    let before = house.in_force().await;

    let good = std::fs::read_to_string(house.world.config_path()).unwrap();
    let broken = good.replace("every = \"1s\"", "every = \"ada@contoso.example\"\ncolour = 1");
    std::fs::write(house.world.config_path(), broken).unwrap();
    service.signal("HUP").await;
    let refused = service.says("stays in force").await;
    assert!(refused.iter().any(|line| line.contains("[schedule] every: expected a duration")), "{refused:#?}");
    assert!(refused.iter().any(|line| line.contains("[schedule] colour: unknown key")), "{refused:#?}");
    assert!(!refused.iter().any(|line| line.contains("ada@")), "no value is logged: {refused:#?}");
    service.says("run ended").await;
    assert_eq!(house.in_force().await, before);

    // What cannot change without a restart.
    std::fs::write(house.world.config_path(), good.replace("rollcall.db", "other.db")).unwrap();
    service.signal("HUP").await;
    let refused = service.says("stays in force").await;
    assert!(refused.iter().any(|line| line.contains("state: cannot change while it is served")), "{refused:#?}");

    // Another routing profile for everybody in Care: the rules of the new file decide in the next run.
    let (_, login) = house.world.hire("Care");
    house.world.text.guard = Some(OPEN_GUARD.to_owned());
    house.write("every = \"2s\"");
    let changed =
        std::fs::read_to_string(house.world.config_path()).unwrap().replace("\"Care Voice\"", "\"Sales Voice\"");
    std::fs::write(house.world.config_path(), changed).unwrap();
    service.signal("HUP").await;
    service.says("is in force").await;
    service.says("run ended").await;
    house
        .until("the new rules hold", |world| {
            world.user(&login).is_some_and(|user| user.routing_profile_id == world.routing("Sales Voice"))
        })
        .await;
    assert_ne!(house.in_force().await, before);
    assert_eq!(service.stop().await, Some(0));
    house.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_of_an_apply_it_ends_in_seconds_and_the_next_run_does_the_rest() {
    let mut house = House::of(10, "every = \"1s\"").await;
    house.world.sync().await.unwrap();
    house.world.text.quota = Some((5.0, 2, 1.0));
    house.write("every = \"1s\"");
    let hired: Vec<String> = (0..30).map(|_| house.world.hire("Care").1).collect();
    let before = house.world.sandbox.connect.journal().len();
    let mut service = house.serve().await;
    house.until("the middle of an apply", |world| world.sandbox.connect.journal().len() >= before + 5).await;
    let told = std::time::Instant::now();
    assert_eq!(service.stop().await, Some(0));
    let taken = told.elapsed();
    assert!(taken.as_secs() < 10, "{taken:?}");

    let created = |world: &World| hired.iter().filter(|login| world.user(login).is_some()).count();
    let in_time = created(&house.world);
    assert!((5..30).contains(&in_time), "{in_time} were created before the end");
    assert_eq!(house.world.store().await.open_intents().await.unwrap(), [], "nothing is in doubt");
    let last = house.world.store().await.runs(1).await.unwrap().remove(0).summary.unwrap();
    assert_eq!((last.result.as_str(), last.created as usize), ("partly", in_time));
    assert_eq!(last.not_attempted as usize, 30 - in_time);
    house.world.text.quota = Some((10_000.0, 10_000, 1.0));
    house.world.write_config();
    house.world.sync().await.unwrap();
    assert_eq!(created(&house.world), 30);
    house.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_ends_is_in_doubt_after_the_bound_and_a_second_signal_does_not_wait() {
    use rollcall::sandbox::faults::FaultKind;
    for twice in [false, true] {
        let mut house = House::of(10, "every = \"1s\"\nstop_within = \"2s\"").await;
        house.world.sync().await.unwrap();
        let (_, login) = house.world.hire("Care");
        house.world.fault("connect", "CreateUser", 0, 1, FaultKind::Delay { millis: 25_000 });
        let mut service = house.serve().await;
        house.until_store("an intent", async |store| !store.open_intents().await.unwrap().is_empty()).await;
        let told = std::time::Instant::now();
        service.signal("TERM").await;
        if twice {
            service.says("what is in flight finishes").await;
            service.signal("TERM").await;
        }
        assert_eq!(service.ended().await, Some(4), "twice: {twice}");
        let taken = told.elapsed().as_secs_f64();
        assert!(taken < 12.0 && (twice || taken >= 2.0), "{taken} s");
        assert_eq!(house.world.store().await.open_intents().await.unwrap().len(), 1, "it is left to the ledger");
        house.world.settle().await;
        let named = house.world.sandbox.connect.users().into_iter().filter(|user| user.username == login).count();
        assert_eq!(named, 1);
        house.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_nothing_runs_and_everything_says_so() {
    let mut house = House::of(10, "every = \"1s\"").await;
    house.world.sync().await.unwrap();
    let (code, _, stderr) = output(&house.world, &["pause", "--for", "2h"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("paused until") && stderr.contains("rollcall resume"), "{stderr}");
    assert_eq!(output(&house.world, &["pause", "--for", "soon"]).await.0, 64);
    let (code, _, stderr) = output(&house.world, &["sync", "now"]).await;
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("is paused until") && stderr.contains("rollcall resume"), "{stderr}");
    assert_eq!(output(&house.world, &["plan"]).await.0, 0, "looking is allowed");

    // A restart does not end it.
    let (_, login) = house.world.hire("Care");
    let mut service = house.serve().await;
    service.says("is paused").await;
    let (code, _, stderr) = output(&house.world, &["sync", "now"]).await;
    assert_eq!(code, 1, "the service refuses, too: {stderr}");
    assert!(house.world.user(&login).is_none());
    let status: Value = serde_json::from_str(&output(&house.world, &["status", "--json"]).await.1).unwrap();
    assert!(status["paused"]["until"].is_string(), "{status}");
    assert_eq!(status["configuration"]["file"], status["configuration"]["in_force"]["digest"], "{status}");
    let screen = output(&house.world, &["status"]).await.1;
    assert!(screen.contains("nothing runs by the clock") && screen.contains("in force since"), "{screen}");
    let someone = house.world.sandbox.connect.users()[0].username.clone();
    assert!(output(&house.world, &["explain", &someone]).await.1.contains("paused until"));

    let (code, _, stderr) = output(&house.world, &["sync", "now", "--while-paused"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(house.world.user(&login).is_some());
    let (_, login) = house.world.hire("Care");
    assert_eq!(output(&house.world, &["resume"]).await.0, 0);
    service.says("goes on after a pause").await;
    house.until("a run by the clock", |world| world.user(&login).is_some()).await;
    assert!(output(&house.world, &["resume"]).await.2.contains("was not paused"));
    assert_eq!(service.stop().await, Some(0));
    house.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_off_it_stays_up_until_the_file_switches_it_on() {
    let house = House::of(10, "every = \"1s\"").await;
    let on = std::fs::read_to_string(house.world.config_path()).unwrap();
    std::fs::write(house.world.config_path(), format!("enabled = false\n{on}")).unwrap();
    let mut service = house.serve().await;
    service.says("is switched off").await;
    assert_eq!(output(&house.world, &["sync", "now"]).await.0, 1);
    assert_eq!(house.world.managed(), 0);
    std::fs::write(house.world.config_path(), on).unwrap();
    service.signal("HUP").await;
    service.says("run ended: done").await;
    assert!(house.world.managed() > 0);
    assert_eq!(service.stop().await, Some(0));
    house.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_serve_takes_several_files() {
    let world = World::of(10).await;
    let again = world.config_path().display().to_string();
    for verb in [&["status"][..], &["sync", "now"], &["pause"], &["check"]] {
        let (code, _, stderr) = output(&world, &[&["--config", &again], verb].concat()).await;
        assert_eq!(code, 64, "{verb:?}: {stderr}");
        assert!(stderr.contains("every verb but serve is about one contact centre"), "{stderr}");
    }
    let (code, _, stderr) = output(&world, &["serve", "--config", &again]).await;
    assert_eq!(code, 64, "one of them would be left out in silence: {stderr}");
    let (code, _, stderr) = output(&world, &["--config", &again, "serve"]).await;
    assert_eq!(code, 1);
    for what in ["same contact centre", "same state file", "same instance"] {
        assert!(stderr.contains(what), "{stderr}");
    }
}
