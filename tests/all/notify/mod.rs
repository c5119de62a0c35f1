//! Who is told of trouble, by whole runs: storms, recoveries, restarts, and far sides that are away.

mod wire;

use std::cell::Cell;

use chrono::TimeDelta;
use rollcall::assemble::{self, Assembled};
use rollcall::model::{Book, RunId, Time, Trigger};
use rollcall::reconcile::{Ended, Order, Quiet, RunError};
use rollcall::sandbox::faults::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::sync::watch;

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

/// A contact centre of which two are told: a topic, and a webhook whose address is a secret.
async fn world(people: usize, more: &str) -> World {
    let mut world = World::of(people).await;
    let topic = world.sandbox.sns.create_topic("ops", 1);
    let addresses = &world.sandbox.addresses;
    world.text.more = format!(
        "[notify.ops]\nkind = \"sns\"\ntopic = \"{topic}\"\nendpoint_url = \"{}\"\nnewly_held = 2\n\
         [notify.chat]\nkind = \"webhook\"\nurl = \"{}/hook\"\nnewly_held = 2\n{more}",
        addresses.sns_url, addresses.webhook_url
    );
    world.write_config();
    world.sync().await.unwrap();
    world
}

/// A process that has the state file.
struct Process(Assembled);

impl Process {
    async fn start(world: &World) -> Self {
        Self(assemble::assemble(&world.config(), now, "test").await.unwrap())
    }

    async fn run(&self, world: &World, order: Order) -> Result<Ended, RunError> {
        world.sandbox.clock.set(now());
        let (_sender, stop) = watch::channel(false);
        self.0.service.run_once(&self.0.lease, &order, &stop, &Quiet).await
    }

    /// A run by the clock.
    async fn tick(&self, world: &World) -> Result<Ended, RunError> {
        self.run(world, Order::new(RunId::fresh(), Trigger::Schedule)).await
    }

    async fn end(self) {
        let Assembled { service, lease } = self.0;
        service.centre.store.release(lease).await.unwrap();
    }
}

fn fault(world: &World, service: &str, kind: FaultKind) {
    world.sandbox.faults.add(Fault { service: service.to_owned(), operation: None, skip: 0, times: u32::MAX, kind });
}

fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: "not like this".to_owned(), retry_after: None }
}

/// What was posted.
fn posted(world: &World) -> Vec<Value> {
    world.sandbox.webhook.posts().iter().map(|post| serde_json::from_str(&post.body).unwrap()).collect()
}

/// What a message says, in short: `!` trouble, `=` over.
fn short(message: &Value) -> String {
    let of = |list: &str, sign: char| {
        let all = message[list].as_array().unwrap().iter();
        all.map(|one| format!("{sign}{}", one["subject"].as_str().unwrap())).collect::<Vec<_>>()
    };
    [of("troubles", '!'), of("over", '=')].concat().join(" ")
}

/// What the webhook and the topic were told. They always hear the same.
fn told(world: &World) -> Vec<String> {
    let posts = posted(world);
    let subjects: Vec<Value> = posts.iter().map(|post| post["subject"].clone()).collect();
    let published: Vec<Value> = world.sandbox.sns.messages().into_iter().map(|one| json!(one.subject)).collect();
    assert_eq!(subjects, published);
    posts.iter().map(short).collect()
}

/// Nobody is named in what was told, but by key.
fn names_nobody(world: &World) {
    let mut text: String = world.sandbox.webhook.posts().into_iter().map(|post| post.body).collect();
    text.extend(world.sandbox.sns.messages().into_iter().map(|one| one.message));
    for user in world.sandbox.tenant.users() {
        assert!(!text.contains(&user.user_principal_name) && !text.contains(&user.display_name), "{text}");
    }
}

/// Five hundred runs in a week fail: the number of messages is that of the hours and days, not of the runs, whether one
/// process lives through it or many.
async fn storm(restart_every: usize) -> usize {
    const RUNS: usize = 500;
    const MINUTES: i64 = 20;
    at(0);
    let world = world(6, "").await;
    let mut process = Process::start(&world).await;
    process.tick(&world).await.unwrap();
    assert_eq!(told(&world), [""; 0], "nothing is wrong");
    fault(&world, "graph", FaultKind::Html);
    let mut hours = Vec::new();
    for run in 0..RUNS {
        let minute = i64::try_from(run).unwrap() * MINUTES;
        at(minute);
        if run > 0 && run % restart_every == 0 {
            process.end().await;
            process = Process::start(&world).await;
        }
        let before = told(&world).len();
        assert!(matches!(process.tick(&world).await, Err(RunError::NoDirectory { .. })), "run {run}");
        hours.extend(std::iter::repeat_n(minute / 60, told(&world).len() - before));
    }
    assert_eq!(hours, [0, 1, 6, 24, 48, 72, 96, 120, 144]);
    assert_eq!(told(&world), ["!source/entra"; 9]);
    let last = posted(&world).pop().unwrap();
    assert_eq!((&last["troubles"][0]["message"], &last["troubles"][0]["runs"]), (&json!(9), &json!(433)));

    world.sandbox.faults.clear();
    let minutes = i64::try_from(RUNS).unwrap() * MINUTES;
    for run in 0..80 {
        at(minutes + run * MINUTES);
        process.tick(&world).await.unwrap();
    }
    assert_eq!(told(&world)[9..], ["=source/entra"], "one recovery, then silence");
    let over = &posted(&world)[9]["over"][0];
    assert_eq!(over["runs"], json!(500));
    process.end().await;
    told(&world).len()
}

#[tokio::test]
async fn five_hundred_failing_runs_make_nine_messages_and_their_end_makes_one() {
    let messages = storm(usize::MAX).await;
    println!("500 failing runs in 7 days: {} messages and 1 recovery", messages - 1);
    assert_eq!(messages, 10);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_storm_changes_nothing() {
    assert_eq!(storm(50).await, 10);
}

#[tokio::test]
async fn a_notifier_that_is_away_for_a_week_holds_nobody_up_and_is_told_when_it_is_back() {
    at(0);
    let world = world(6, "").await;
    let process = Process::start(&world).await;
    fault(&world, "webhook", status(503, "away"));
    fault(&world, "graph", FaultKind::Html);
    const WEEK: i64 = 7 * 24 * 60;
    for minute in (0..WEEK).step_by(30) {
        at(minute);
        assert!(process.tick(&world).await.is_err());
    }
    assert_eq!(world.sandbox.sns.messages().len(), 9, "the topic heard as ever");
    assert!(posted(&world).is_empty());
    world.sandbox.faults.clear();
    fault(&world, "graph", FaultKind::Html);
    for minute in (WEEK..WEEK + 24 * 60).step_by(30) {
        at(minute);
        assert!(process.tick(&world).await.is_err());
    }
    let posts = posted(&world);
    assert_eq!(posts.iter().map(short).collect::<Vec<_>>(), ["!source/entra"; 3], "at once, after 1 h and 6 h");
    let first = &posts[0]["troubles"][0];
    assert_eq!(first["message"], json!(1));
    assert!(posts[0]["text"].as_str().unwrap().contains("(7 days)"), "{}", posts[0]["text"]);
    world.sandbox.faults.clear();
    process.tick(&world).await.unwrap();
    assert_eq!(posted(&world).iter().map(short).collect::<Vec<_>>()[3..], ["=source/entra"]);

    // Away while something begins and ends: nothing was told, so nothing is taken back.
    fault(&world, "webhook", FaultKind::Redirect);
    fault(&world, "graph", FaultKind::Html);
    at(WEEK + 4 * 24 * 60);
    assert!(process.tick(&world).await.is_err());
    world.sandbox.faults.clear();
    process.tick(&world).await.unwrap();
    assert_eq!(posted(&world).len(), 4);
    process.end().await;
}

/// Whether something stands in the books of the topic and of the webhook.
async fn books(world: &World) -> (bool, bool) {
    let store = world.store().await;
    let told = async |name: &str| !store.notify_book(name).await.unwrap().same(&Book::default());
    (told("ops").await, told("chat").await)
}

#[tokio::test]
async fn what_a_notifier_told_is_forgotten_once_it_is_not_configured_any_more() {
    at(0);
    let mut world = world(6, "").await;
    let process = Process::start(&world).await;
    fault(&world, "graph", FaultKind::Html);
    assert!(process.tick(&world).await.is_err());
    process.end().await;
    assert_eq!((books(&world).await, told(&world).len()), ((true, true), 1));

    let both = world.text.more.clone();
    let chat = both.find("[notify.chat]").unwrap();
    for (more, left) in [(&both[..chat], (true, false)), ("", (false, false)), (&both[..], (true, true))] {
        world.text.more = more.to_owned();
        world.write_config();
        let process = Process::start(&world).await;
        assert!(process.tick(&world).await.is_err());
        process.end().await;
        assert_eq!(books(&world).await, left, "{more}");
    }
    assert_eq!(posted(&world).len(), 2, "who comes back hears of it as of something new");
}

/// The far side took the message and its answer was lost: it gets it again, with the same id, and not at every run.
#[tokio::test]
async fn a_lost_reply_repeats_a_message_under_the_same_id() {
    at(0);
    let world = world(6, "").await;
    let process = Process::start(&world).await;
    fault(&world, "graph", FaultKind::Html);
    fault(&world, "webhook", FaultKind::LostReply);
    for minute in 0..120 {
        at(minute);
        assert!(process.tick(&world).await.is_err());
    }
    let posts = posted(&world);
    let ids: std::collections::BTreeSet<String> =
        posts.iter().map(|post| post["troubles"][0]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert!((4..10).contains(&posts.len()), "{} posts in 120 runs", posts.len());
    process.end().await;
}

#[tokio::test]
async fn a_plan_that_waits_is_told_with_its_digest_and_numbers_and_without_names() {
    at(0);
    let mut world = world(40, "").await;
    let boss = world.sandbox.connect.users()[0].username.clone();
    world.text.guard = Some(format!("max_removed = {{ count = 2 }}\nprotected = [\"{boss}\"]"));
    world.write_config();
    for user in world.sandbox.tenant.users().iter().skip(3).take(20) {
        if user.user_principal_name != boss {
            world.sandbox.tenant.disable(&user.id).unwrap();
        }
    }
    let process = Process::start(&world).await;
    let refusal = process.tick(&world).await.unwrap().refusal.expect("a refusal");
    let message = posted(&world).pop().unwrap();
    assert_eq!(told(&world), ["!approval"]);
    let (what, hint) =
        (message["troubles"][0]["what"].as_str().unwrap(), message["troubles"][0]["hint"].as_str().unwrap());
    assert!(what.contains(&refusal.digest) && what.contains(&refusal.numbers), "{what}");
    assert!(what.contains("managed people would be removed"), "{what}");
    assert_eq!(hint, format!("if this is intended: rollcall approve {}", refusal.digest));
    for minute in [2, 4, 59] {
        at(minute);
        process.tick(&world).await.unwrap();
    }
    assert_eq!(told(&world).len(), 1);
    process.0.service.centre.store.approve(&refusal.digest, now()).await.unwrap();
    process.tick(&world).await.unwrap();
    assert_eq!(told(&world), ["!approval", "=approval"]);
    names_nobody(&world);
    process.end().await;
}

#[tokio::test]
async fn a_quarantine_takes_the_place_of_the_failing_run_and_both_end_in_one_message() {
    at(0);
    let world = world(6, "").await;
    let process = Process::start(&world).await;
    world.fault("connect", "ListUsers", 0, u32::MAX, status(403, "AccessDeniedException"));
    for minute in (30..12 * 60).step_by(2) {
        at(minute);
        assert!(process.tick(&world).await.is_err());
    }
    assert_eq!(
        told(&world),
        ["!run", "!quarantine", "!quarantine", "!quarantine"],
        "at once, in quarantine, 1 h and 6 h later"
    );
    world.sandbox.faults.clear();
    process.run(&world, Order::new(RunId::fresh(), Trigger::Hand)).await.unwrap();
    assert_eq!(told(&world)[4..], ["=run =quarantine"]);
    process.end().await;
}

#[tokio::test]
async fn people_who_are_newly_held_are_told_by_key() {
    at(0);
    let mut world = world(12, "").await;
    let process = Process::start(&world).await;
    let hired: Vec<(String, String)> = (0..3).map(|_| world.hire("Care")).collect();
    for (id, _) in &hired {
        let patch = json!({"surname": null});
        world.sandbox.tenant.update_user(id, patch.as_object().cloned().unwrap()).unwrap();
    }
    let ended = process.tick(&world).await.unwrap();
    assert_eq!(ended.summary.quarantined, 3);
    assert_eq!(told(&world), ["!people"]);
    let message = posted(&world).pop().unwrap();
    for (id, _) in &hired {
        let key = format!("entra/{id}");
        assert!(message["troubles"][0]["people"].as_array().unwrap().contains(&json!(key)), "{message}");
        assert!(message["text"].as_str().unwrap().contains(&key));
    }
    names_nobody(&world);
    for (number, (id, _)) in hired.iter().enumerate() {
        let patch = json!({"surname": format!("Back{number}")});
        world.sandbox.tenant.update_user(id, patch.as_object().cloned().unwrap()).unwrap();
    }
    at(2);
    process.tick(&world).await.unwrap();
    assert_eq!(told(&world), ["!people", "=people"]);
    process.end().await;
}

#[tokio::test]
async fn a_report_that_stays_behind_is_told_after_an_hour_and_only_to_whoever_hears_of_reports() {
    at(0);
    let more = format!("on = [\"people\", \"approval\"]\n{}", "");
    let world = world(6, &more).await;
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    assert!(text.contains("on = [\"people\", \"approval\"]"));
    let process = Process::start(&world).await;
    world.fault("logs", "PutLogEvents", 0, u32::MAX, status(400, "AccessDeniedException"));
    for minute in (0..150).step_by(10) {
        at(minute);
        process.tick(&world).await.unwrap();
    }
    let subjects: Vec<_> = world.sandbox.sns.messages().into_iter().filter_map(|one| one.subject).collect();
    assert_eq!(subjects, ["rollcall support-emea: report audit is behind"; 2], "after an hour, and an hour later");
    assert!(posted(&world).is_empty(), "the webhook hears of something else");
    process.end().await;
}
