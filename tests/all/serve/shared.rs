//! Several contact centres in one process: they share the account's quota, and no trouble.

use rollcall::sandbox::{Bucket, QuotaSettings};
use rollcall::store::Store;
use serde_json::Value;

use super::house::{House, reschedule};
use crate::world::{World, now};

const PER_SECOND: f64 = 8.0;
const BURST: u32 = 4;

/// Contact centres of one account, each with a directory and an instance of its own.
async fn neighbours(people: usize, names: &[&str]) -> House {
    let bucket = Bucket { per_second: PER_SECOND, burst: f64::from(BURST) };
    let mut worlds = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let scenery = |settings: &mut rollcall::sandbox::scene::SceneSettings| {
            settings.connect.quota = QuotaSettings { default: Some(bucket), ..QuotaSettings::unlimited() };
            settings.connect.instance_id = format!("5a1d0c2e-7b34-4f6a-9c58-1e2f3a4b5c{at:02}");
        };
        let world = World::with(people, scenery, |text| text.quota = Some((PER_SECOND, BURST, 1.0))).await;
        let text = std::fs::read_to_string(world.config_path()).unwrap();
        std::fs::write(world.config_path(), text.replace("support-emea", name)).unwrap();
        reschedule(&world.config_path(), "every = \"1s\"");
        worlds.push(world);
    }
    let first = worlds.remove(0);
    for other in &worlds {
        other.sandbox.connect.quota().share(first.sandbox.connect.quota());
    }
    House { world: first, others: worlds, notify: None }
}

fn throttled(house: &House) -> u64 {
    house.world.sandbox.connect.quota().calls().values().map(|calls| calls.throttled).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_contact_centres_share_the_quota_of_their_account_without_one_throttled_call() {
    let names = ["emea", "apac", "latam"];
    let house = neighbours(30, &names).await;
    let mut service = house.serve().await;
    for name in names {
        service.says(&format!("run ended: nothing_to_do centre={name}")).await;
    }
    let done = |world: &World| world.managed() >= 15;
    assert!(done(&house.world) && house.others.iter().all(done), "everybody is there");
    assert_eq!(throttled(&house), 0, "{:?}", house.world.sandbox.connect.quota().calls());
    let created = house.world.sandbox.connect.quota().calls()["CreateUser"].calls;
    assert!(created >= 45, "all three called: {created}");
    assert_eq!(service.stop().await, Some(0));
    for world in [&house.world].into_iter().chain(&house.others) {
        world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_start_is_tried_again_and_stops_nobody() {
    let house = neighbours(10, &["emea", "apac"]).await;
    let apac = &house.others[0];
    let store = Store::open(&apac.state_path(), now()).await.unwrap();
    let lease = store.acquire("somebody else", now()).await.unwrap();
    let mut service = house.serve().await;
    service.says("`apac` is down").await;
    house.until("the other one works", |world| world.managed() > 0).await;
    assert_eq!(apac.managed(), 0);
    store.release(lease).await.unwrap();
    service.says("serving `apac`").await;
    house.until("it works, too", |_| apac.managed() > 0).await;
    assert_eq!(service.stop().await, Some(0));
    let status = crate::process::output(apac, &["status", "--json"]).await.1;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["worked_on_by"], Value::Null, "the lease was given back: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_can_start_the_process_says_so_and_ends() {
    let house = neighbours(10, &["emea"]).await;
    let store = Store::open(&house.world.state_path(), now()).await.unwrap();
    let _lease = store.acquire("somebody else", now()).await.unwrap();
    let mut service = house.serve().await;
    service.says("somebody else").await;
    assert_eq!(service.ended().await, Some(1));
}
