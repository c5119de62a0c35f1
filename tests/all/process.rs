//! The real binary: exit codes, a crash in the middle, the service and those who ask it.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::world::World;

/// Longest wait for another process before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn rollcall(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).args(arguments).kill_on_drop(true);
    command
}

pub(crate) async fn output(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = rollcall(world, arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Reads a process's log up to a line that holds this word.
async fn wait_for(lines: &mut Lines<BufReader<ChildStderr>>, word: &str) {
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(word) {
                return;
            }
        }
        panic!("the process ended without saying `{word}`");
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no `{word}` in time"));
}

fn started(mut command: Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    (child, BufReader::new(stderr).lines())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_say_how_it_ended() {
    let mut world = World::of(10).await;
    assert_eq!(output(&world, &["plan", "--detailed-exit-code"]).await.0, 2);
    assert_eq!(output(&world, &["sync", "now"]).await.0, 0);
    assert_eq!(output(&world, &["plan", "--detailed-exit-code"]).await.0, 0);
    assert_eq!(output(&world, &["sync", "then"]).await.0, 64);
    assert_eq!(output(&world, &["--version"]).await.0, 0);
    assert_eq!(output(&world, &["check"]).await.0, 0);

    world.text.guard = Some("max_removed = { count = 0 }".to_owned());
    world.write_config();
    let someone = world.sandbox.connect.users()[0].tags["rollcall:person"].strip_prefix("entra/").unwrap().to_owned();
    world.sandbox.tenant.disable(&someone).unwrap();
    let (code, _, stderr) = output(&world, &["sync", "now"]).await;
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("rollcall approve"), "{stderr}");
    assert_eq!(output(&world, &["approve", "dead-beef"]).await.0, 1);
    let digest = world.store().await.held().await.unwrap().unwrap().digest;
    assert_eq!(output(&world, &["approve", &digest]).await.0, 0);
    assert_eq!(output(&world, &["sync", "now"]).await.0, 0);

    std::fs::write(world.config_path(), "name = \"x\"\nstat = \"y\"\n[conect]\n").unwrap();
    let (code, _, stderr) = output(&world, &["plan"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("did you mean state?") && stderr.contains("did you mean connect?"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_that_prints_data_prints_json() {
    let world = World::of(10).await;
    world.sync().await.unwrap();
    let login = world.sandbox.connect.users()[0].username.clone();
    let verbs: &[&[&str]] =
        &[&["check"], &["plan"], &["sync", "now"], &["status"], &["history"], &["rules"], &["explain", &login]];
    for verb in verbs {
        let (code, stdout, stderr) = output(&world, &[&["--json"], *verb].concat()).await;
        assert_ne!(code, 1, "{verb:?}: {stderr}");
        serde_json::from_str::<Value>(&stdout).unwrap_or_else(|error| panic!("{verb:?}: {error}: {stdout}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_refused_and_nothing_is_lost() {
    let world = World::of(10).await;
    world.sync().await.unwrap();
    let store = rollcall::store::Store::open(&world.state_path(), crate::world::now()).await.unwrap();
    let lease = store.acquire("a test that holds it", crate::world::now()).await.unwrap();
    let (code, _, stderr) = output(&world, &["sync", "now"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("a test that holds it"), "{stderr}");
    store.release(lease).await.unwrap();
    assert_eq!(output(&world, &["sync", "now"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_the_next_run_puts_it_right_and_reports_each_change_once() {
    let mut world = World::with(10, |_| {}, |_| {}).await;
    world.sync().await.unwrap();
    world.text.quota = Some((20.0, 2, 1.0));
    world.write_config();
    let hired: Vec<String> = (0..20).map(|_| world.hire("Care").1).collect();
    let before = world.sandbox.connect.journal().len();
    let (mut child, _lines) = started(rollcall(&world, &["sync", "now"]));
    let half_way = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while world.sandbox.connect.journal().len() < before + 7 {
            look.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, half_way).await.unwrap();
    child.kill().await.unwrap();
    let (code, _, stderr) = output(&world, &["sync", "now"]).await;
    assert_eq!(code, 0, "{stderr}");
    for login in &hired {
        let users = world.sandbox.connect.users();
        assert_eq!(users.iter().filter(|user| &user.username == login).count(), 1, "{login}");
        assert_eq!(reported(&world, login), 1, "{login}");
    }
    world.nothing_more_happens().await;
}

/// Events that say that this user was created.
pub(crate) fn reported(world: &World, login: &str) -> usize {
    let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    let events = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut ids = std::collections::BTreeSet::new();
    events
        .filter(|event| event["event"] == "change" && event["action"] == "create" && event["username"] == login)
        .filter(|event| event["outcome"] == "done" || event["outcome"] == "already_so")
        .filter(|event| ids.insert(event["event_id"].as_str().unwrap().to_owned()))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_runs_by_itself_answers_who_asks_and_stops_when_told() {
    let mut world = World::of(10).await;
    let (mut service, mut lines) = started(rollcall(&world, &["serve"]));
    wait_for(&mut lines, "run ended: done").await;
    assert!(world.managed() > 0, "the first run comes at once");

    let (_, login) = world.hire("Sales");
    let (code, stdout, stderr) = output(&world, &["sync", "now"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("by hand") && stdout.contains("1 done"), "the run is followed: {stdout}{stderr}");
    assert!(world.user(&login).is_some());
    wait_for(&mut lines, "run ended: done").await;

    let pid = service.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = tokio::time::timeout(PATIENCE, service.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!world.folder.path().join("rollcall.db.sock").exists());
    assert_eq!(output(&world, &["sync", "now"]).await.0, 0, "the lease was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_name_the_directories_where_there_are_several() {
    let world = World::of(10).await;
    let one = output(&world, &["plan"]).await.1;
    assert!(!one.contains("sources"), "{one}");
    crate::several::with_second(&world, "mirror", false, false);
    let (code, plan, _) = output(&world, &["plan"]).await;
    assert_eq!(code, 0, "{plan}");
    assert!(plan.contains("sources") && plan.contains("decided by entra"), "{plan}");
    assert_eq!(output(&world, &["sync", "now"]).await.0, 0);

    // Both records have the login name; the one that decides is meant.
    let login = world.sandbox.connect.users()[0].username.clone();
    let (code, explained, stderr) = output(&world, &["explain", &login]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(explained.contains("entra/") && explained.contains("decides for mirror/"), "{explained}");

    let rules = output(&world, &["rules"]).await.1;
    let heads = rules.lines().find(|line| line.contains("gives")).unwrap();
    assert!(heads.contains("entra") && heads.contains("mirror") && rules.contains("decided by entra"), "{rules}");

    crate::several::with_second(&world, "mirror", false, true);
    let (code, plan, _) = output(&world, &["plan"]).await;
    assert_eq!(code, 4, "{plan}");
    assert!(plan.contains("could not be read; its people are left as they are"), "{plan}");
    assert_eq!(output(&world, &["sync", "now"]).await.0, 4);
    let status: Value = serde_json::from_str(&output(&world, &["status", "--json"]).await.1).unwrap();
    for key in ["message", "hint"] {
        assert!(!status["frozen"]["mirror"][key].as_str().unwrap().is_empty(), "{status}");
    }
}
