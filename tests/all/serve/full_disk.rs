//! No room for the state file: nothing is done that could not be written down first, everybody is told, and it goes on by
//! itself once there is room.
//!
//! The kernel lets the process's files grow no further (`RLIMIT_FSIZE`), as a quota would; nothing has to be mounted.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use rollcall::sandbox::faults::FaultKind;
use serde_json::Value;
use tokio::process::Command;

use super::house::{House, Served};
use crate::process::output;

/// From now on no file of the process grows beyond this.
async fn limit(service: &Served, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let set = Command::new("prlimit").args(["--pid", &service.pid(), &limit]).status().await.unwrap();
    assert!(set.success());
}

/// A process that takes a limit as an error, not as its end.
fn rollcall() -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rollcall")]);
    command
}

/// What a probe that shows the token is told.
async fn ready(origin: &str, token: &str) -> (StatusCode, Value) {
    let asked = Client::new().get(format!("{origin}/readyz")).bearer_auth(token).send().await.unwrap();
    (asked.status(), asked.json().await.unwrap())
}

/// Asks until the answer is this one; gives what it said.
async fn until_ready(origin: &str, token: &str, wanted: StatusCode) -> Value {
    let wait = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let (status, told) = ready(origin, token).await;
            if status == wanted {
                return told;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never {wanted}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_before_anything_is_done_and_is_over_once_there_is_room() {
    let mut house = House::of(10, "every = \"1s\"").await;
    house.world.text.more = "\n[console]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    house.write("every = \"1s\"");
    house.world.sync().await.unwrap();
    let (code, token, _) = output(&house.world, &["token", "rotate", "--json"]).await;
    assert_eq!(code, 0);
    let token: Value = serde_json::from_str(&token).unwrap();
    let token = token["token"].as_str().unwrap();
    let mut service = house.serve_by(rollcall());
    let line = service.says("the console is at").await.pop().unwrap();
    let bound = line.split("bound=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let origin = format!("http://{bound}");
    service.says("run ended: nothing_to_do").await;
    until_ready(&origin, token, StatusCode::OK).await;

    limit(&service, "0").await;
    let (_, login) = house.world.hire("Care");
    let before = house.world.sandbox.connect.journal().len();
    let failed = service.says("run failed").await.pop().unwrap();
    assert!(failed.contains("the state file cannot be used") && failed.contains("check the disk"), "{failed}");
    let told = until_ready(&origin, token, StatusCode::SERVICE_UNAVAILABLE).await;
    let reason = &told["centres"][0]["reasons"][0];
    assert_eq!(reason["reason"], "unwritable", "{told}");
    assert!(!reason["message"].as_str().unwrap().is_empty() && !reason["hint"].as_str().unwrap().is_empty());
    service.says("run failed").await;
    assert_eq!(house.world.sandbox.connect.journal().len(), before, "what cannot be written down is not done");

    limit(&service, "unlimited").await;
    house.until("it goes on by itself", |world| world.user(&login).is_some()).await;
    until_ready(&origin, token, StatusCode::OK).await;
    assert_eq!(service.stop().await, Some(0));
    house.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_in_the_middle_of_an_apply_doubles_nobody_and_every_change_is_told_once() {
    let mut house = House::of(10, "every = \"1s\"").await;
    house.world.sync().await.unwrap();
    house.world.text.quota = Some((20.0, 2, 1.0));
    house.write("every = \"1s\"");
    house.world.fault("connect", "CreateUser", 0, u32::MAX, FaultKind::Delay { millis: 100 });
    let hired: Vec<String> = (0..40).map(|_| house.world.hire("Care").1).collect();
    let before = house.world.sandbox.connect.journal().len();
    let mut service = house.serve_by(rollcall());
    house.until("the middle of an apply", |world| world.sandbox.connect.journal().len() >= before + 10).await;
    limit(&service, "0").await;
    service.says("run failed").await;
    service.says("run failed").await;
    let stuck = house.world.sandbox.connect.journal().len() - before;
    assert!((10..40).contains(&stuck), "{stuck} of 40 were created");
    let open = house.world.store().await.open_intents().await.unwrap();
    assert!(!open.is_empty(), "what was under way is in doubt");

    limit(&service, "unlimited").await;
    house.until("everybody is there", |world| hired.iter().all(|login| world.user(login).is_some())).await;
    house.world.sandbox.faults.clear();
    service.says("run ended: nothing_to_do").await;
    assert_eq!(service.stop().await, Some(0));
    let users = house.world.sandbox.connect.users();
    for login in &hired {
        assert_eq!(users.iter().filter(|user| &user.username == login).count(), 1, "{login}");
        assert_eq!(crate::process::reported(&house.world, login), 1, "{login}");
    }
    house.world.nothing_more_happens().await;
}
