//! The first day of an instance that had users before, as an administrator sees it: nobody is asked before there is a whole
//! plan to be asked about. Quotas and the time it takes are the simulation's (`tests/simulate/first_day.rs`).

use std::sync::Mutex;

use rollcall::assemble::{self, Assembled};
use rollcall::model::{RunId, Trigger};
use rollcall::reconcile::{Ended, Order, Progress, Watch};
use rollcall::sandbox::scene;
use serde_json::Value;
use tokio::sync::watch;

use crate::process::output;
use crate::world::{World, now};

/// An instance with so many users whom nobody has read, and whose first run waits for somebody.
async fn with_users(existing: usize) -> World {
    let people = existing * 6 / 5 + 20;
    let mut world = World::with(people, |scene| scene.existing = existing, |text| text.first_run_applies = false).await;
    world.text.more = scene::notifier(&world.sandbox);
    world.write_config();
    world
}

fn reads(world: &World) -> u64 {
    world.sandbox.connect.quota().calls().get("DescribeUser").map_or(0, |calls| calls.calls)
}

/// Asks a run to stop as soon as it has read anybody.
struct StopsReading(Mutex<watch::Sender<bool>>);

impl Watch for StopsReading {
    fn tell(&self, progress: Progress) {
        if matches!(progress, Progress::Details { .. }) {
            self.0.lock().unwrap().send(true).unwrap();
        }
    }
}

/// A run that is asked to stop after the first users it reads.
async fn stopped(world: &World) -> Ended {
    let Assembled { service, lease } = assemble::assemble(&world.config(), now, "test").await.unwrap();
    let (sender, stop) = watch::channel(false);
    let ear = StopsReading(Mutex::new(sender));
    let ended = service.run_once(&lease, &Order::new(RunId::fresh(), Trigger::Hand), &stop, &ear).await.unwrap();
    service.centre.store.release(lease).await.unwrap();
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_grows_names_no_digest_and_the_whole_one_names_the_same_until_it_is_approved() {
    let world = with_users(230).await;
    let (code, plan, said) = output(&world, &["plan"]).await;
    assert_eq!((code, reads(&world)), (4, 100), "a look at the plan reads a portion: {said}");
    assert!(plan.contains("130 to read") && plan.contains("230 matched"), "{plan}");
    assert!(plan.contains("e-mail and mobile number of 130 of 230 existing users are still to be read"), "{plan}");
    assert!(said.contains("not weighed yet: 100 of 230 existing users are read"), "{said}");
    assert!(said.contains("rollcall plan --full") && !said.contains("approve "), "{said}");

    let (code, plan, _) = output(&world, &["--json", "plan"]).await;
    let told: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!((code, reads(&world)), (4, 200));
    assert_eq!((&told["ran"]["refusal"], &told["ran"]["not_yet"]["read"]), (&Value::Null, &Value::from(200)));
    assert_eq!(told["ran"]["summary"]["result"], "reading");

    let (code, _, said) = output(&world, &["plan", "--full"]).await;
    assert_eq!((code, reads(&world)), (3, 230), "{said}");
    let refused = output(&world, &["sync", "now"]).await;
    assert_eq!(refused.0, 3);
    let digest = world.store().await.held().await.unwrap().expect("now somebody is asked").digest;
    for said in [&said, &refused.2] {
        assert!(said.contains(&format!("approve {digest}")), "{digest}: {said}");
    }
    assert_eq!(output(&world, &["sync", "now", "--approve", &digest]).await.0, 0);
    assert_eq!(world.managed(), world.sandbox.connect.users().len());
    world.nothing_more_happens().await;
    assert_eq!(reads(&world), 230, "everybody once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_while_it_reads_keeps_what_it_has_and_asks_nobody() {
    let world = with_users(130).await;
    let ended = stopped(&world).await;
    let not_yet = ended.not_yet.expect("it is not whole");
    assert_eq!((not_yet.read, not_yet.existing, ended.summary.unread), (10, 130, 120));
    assert_eq!((ended.summary.result.as_str(), ended.refusal.is_none()), ("reading", true));
    assert!(world.sandbox.connect.journal().is_empty(), "nothing is written");
    assert!(world.store().await.held().await.unwrap().is_none(), "nothing is held");
    assert!(world.sandbox.webhook.posts().is_empty(), "nobody is told to approve anything");
    let (code, status, _) = output(&world, &["status"]).await;
    assert_eq!(code, 0);
    assert!(status.contains("10 of 130 existing users are read") && !status.contains("held"), "{status}");
    let status: Value = serde_json::from_str(&output(&world, &["--json", "status"]).await.1).unwrap();
    assert_eq!((&status["last_run"]["summary"]["unread"], &status["held_plan"]), (&Value::from(120), &Value::Null));

    let ended = world.run(Order::new(RunId::fresh(), Trigger::Schedule)).await.unwrap();
    assert!(ended.refusal.is_some() && ended.not_yet.is_none(), "{:?}", ended.summary);
    assert_eq!(reads(&world), 130, "nobody is read again");
    assert_eq!(world.sandbox.webhook.posts().len(), 1, "now somebody is told");

    // Whoever was asked is not asked any more once the plan grows again.
    let users = world.sandbox.connect.users();
    world.sandbox.clock.advance(std::time::Duration::from_secs(3_600));
    for user in users.iter().take(125) {
        assert!(
            world.sandbox.connect.edit_user(&user.username, |user| user.tags.extend([("team".into(), "x".into())]))
        );
    }
    let ended = stopped(&world).await;
    assert!(ended.not_yet.is_some(), "{:?}", ended.summary);
    assert!(world.store().await.held().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_of_many_is_read_alone() {
    let world = with_users(130).await;
    let user = world.sandbox.connect.users().last().unwrap().username.clone();
    let order = || Order { user: Some(user.clone()), ..Order::new(RunId::fresh(), Trigger::Hand) };
    let ended = world.run(order()).await.unwrap();
    assert_eq!(reads(&world), 1);
    let digest = ended.refusal.expect("a first run").digest;
    let ended = world.run(Order { approve: Some(digest), ..order() }).await.unwrap();
    assert_eq!((ended.summary.adopted, ended.summary.failed, world.managed()), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_run_that_needs_no_approval_adopts_portion_by_portion() {
    let mut world = with_users(230).await;
    world.text.first_run_applies = true;
    world.write_config();
    for (adopted, unread) in [(100, 130), (100, 30), (30, 0)] {
        let ended = world.run(Order::new(RunId::fresh(), Trigger::Schedule)).await.unwrap();
        assert_eq!((ended.summary.adopted, ended.summary.unread), (adopted, unread), "{:?}", ended.summary);
        assert_eq!(ended.summary.result, "done", "{}", ended.summary.message);
    }
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_state_file_keeps_nobody_waiting_who_leaves() {
    let mut world = with_users(130).await;
    world.text.first_run_applies = true;
    world.write_config();
    world.settle().await;
    world.lose_state();
    let gone =
        world.sandbox.connect.users().into_iter().find_map(|user| Some(user.tags.get("rollcall:person")?.clone()));
    let gone = gone.unwrap();
    world.sandbox.tenant.disable(gone.trim_start_matches("entra/")).unwrap();
    let ended = world.run(Order::new(RunId::fresh(), Trigger::Schedule)).await.unwrap();
    assert_eq!((ended.summary.suspended, ended.summary.result.as_str()), (1, "done"), "{}", ended.summary.message);
    assert!(ended.summary.unread > 0, "the others are read by the runs that follow");
    world.settle().await;
    world.nothing_more_happens().await;
}
