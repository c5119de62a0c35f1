//! Runs taken back, end to end: what Connect has afterwards, and what later runs make of it.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::time::Duration;

use rollcall::model::{Action, FindingCode, RunId, Trigger};
use rollcall::reconcile::{Ended, Order};
use rollcall::sandbox::connect::{IdentityInfo, User};
use serde_json::Value;
use tokio::process::Command;

use crate::world::World;

/// A contact centre whose guard lets everything pass, after its first run.
async fn world(people: usize, leaver: Option<&str>) -> World {
    let world = World::with(
        people,
        |_| {},
        |text| {
            text.guard = Some(rollcall::sandbox::scene::OPEN_GUARD.to_owned());
            text.leaver = leaver.map(str::to_owned);
        },
    )
    .await;
    world.sync().await.unwrap();
    world
}

/// What a user is, apart from its id and its clocks.
type Persona = (IdentityInfo, Vec<String>, String, Option<String>, BTreeMap<String, String>);

fn personas(world: &World) -> BTreeMap<String, Persona> {
    let persona = |user: User| {
        let User { identity_info, security_profile_ids, routing_profile_id, hierarchy_group_id, tags, .. } = user;
        (identity_info, security_profile_ids, routing_profile_id, hierarchy_group_id, tags)
    };
    world.sandbox.connect.users().into_iter().map(|user| (user.username.clone(), persona(user))).collect()
}

/// One ordinary run with its id.
async fn run(world: &World) -> (RunId, Ended) {
    let order = Order::new(RunId::fresh(), Trigger::Hand);
    let id = order.run;
    (id, world.run(order).await.unwrap())
}

fn undo(run: RunId) -> Order {
    Order { undo: Some(run), ..Order::new(RunId::fresh(), Trigger::Undo) }
}

/// Sends everybody with a mapping to one routing profile: the rule somebody got wrong.
fn wrong_rules(world: &World, profile: &str) {
    world.write_config();
    let mut config = std::fs::read_to_string(world.config_path()).unwrap();
    for name in ["Care Voice", "Sales Voice", "Support Voice", "Success Voice"] {
        config =
            config.replace(&format!("routing_profile   = \"{name}\""), &format!("routing_profile   = \"{profile}\""));
    }
    std::fs::write(world.config_path(), config).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_rule_is_taken_back_with_exactly_its_calls_and_stays_so() {
    let world = world(60, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, wrong) = run(&world).await;
    assert!(wrong.summary.updated >= 20, "{:?}", wrong.summary);
    assert_ne!(personas(&world), before);
    world.nothing_more_happens().await;

    let calls = world.sandbox.connect.journal().len();
    let ended = world.run(undo(taken)).await.unwrap();
    assert_eq!((ended.summary.updated, ended.summary.failed), (wrong.summary.updated, 0));
    let journal = world.sandbox.connect.journal();
    assert_eq!(journal.len() - calls, wrong.summary.updated as usize);
    assert!(journal[calls..].iter().all(|write| write.operation == "UpdateUserRoutingProfile"));
    assert_eq!(personas(&world), before);
    world.nothing_more_happens().await;
    world.nothing_more_happens().await;
    let kept = world.store().await.findings().await.unwrap();
    assert!(kept.iter().any(|finding| finding.code == FindingCode::KeptUndone));

    let again = world.run(undo(taken)).await.unwrap();
    assert!(again.plan.is_empty() && again.plan.findings.is_empty(), "{:#?}", again.plan);
    assert_eq!(again.summary.result, "nothing_to_do");

    // Another wish is not what was taken back.
    wrong_rules(&world, "Sales Voice");
    let (_, other) = run(&world).await;
    assert!(other.summary.updated > 0);
    assert!(world.store().await.undone().await.unwrap().is_empty());
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_are_put_right_find_everything_in_agreement() {
    let world = world(20, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, _) = run(&world).await;
    world.run(undo(taken)).await.unwrap();
    world.write_config();
    world.nothing_more_happens().await;
    assert_eq!(personas(&world), before);
    assert!(world.store().await.undone().await.unwrap().is_empty(), "nothing is held back any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_edited_since_is_left_and_listed() {
    let world = world(16, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, wrong) = run(&world).await;
    let edited = wrong.plan.changes[0].label.clone();
    let basic = world.routing("Basic Routing Profile");
    world.edit(&edited, |user| user.routing_profile_id.clone_from(&basic));
    let ended = world.run(undo(taken)).await.unwrap();
    let left: Vec<_> = ended.plan.findings.iter().map(|finding| (finding.code, finding.label.as_str())).collect();
    assert_eq!(left, [(FindingCode::NotUndone, edited.as_str())]);
    assert_eq!(ended.summary.updated + 1, wrong.summary.updated);
    assert_eq!(world.routing_of(&edited), basic);
    for (name, persona) in personas(&world).iter().filter(|(name, _)| **name != edited) {
        assert_eq!(persona, &before[name], "{name}");
    }
    world.nothing_more_happens().await;
    let reported = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    let event = |code: &str| reported.lines().filter(|line| line.contains(code)).count();
    assert_eq!((event("\"not_undone\""), event("\"trigger\":\"undo\"")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_made_again_and_kept_until_it_is_released() {
    let mut world = world(10, Some("delete = true")).await;
    let (id, login) = world.hire("Sales");
    world.sync().await.unwrap();
    let before = personas(&world);
    world.sandbox.tenant.disable(&id).unwrap();
    let (taken, ended) = run(&world).await;
    assert_eq!(ended.summary.deleted, 1);
    let ended = world.run(undo(taken)).await.unwrap();
    assert_eq!((ended.summary.created, ended.summary.failed), (1, 0), "{:#?}", ended.plan);
    assert_eq!(personas(&world), before, "{login} is what it was, with our mark");
    world.nothing_more_happens().await;

    let store = rollcall::store::Store::open(&world.state_path(), crate::world::now()).await.unwrap();
    assert_eq!(store.release_run(taken).await.unwrap(), 1);
    assert_eq!(store.release_run(taken).await.unwrap(), 0);
    drop(store);
    let (_, ended) = run(&world).await;
    assert_eq!(ended.summary.deleted, 1, "the ladder goes on");
    assert!(world.user(&login).is_none());
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_taken_back_and_an_undo_too() {
    let mut world = world(10, None).await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    let before = personas(&world);
    world.sandbox.tenant.disable(&id).unwrap();
    let (taken, _) = run(&world).await;
    let suspended = personas(&world);
    let order = undo(taken);
    let undone = order.run;
    world.run(order).await.unwrap();
    assert_eq!(personas(&world), before);
    world.nothing_more_happens().await;
    let ended = world.run(undo(undone)).await.unwrap();
    assert!(ended.plan.changes.iter().all(|change| matches!(change.action, Action::Update(_))));
    assert_eq!(personas(&world), suspended, "{login} has no access again");
    world.nothing_more_happens().await;
    world.sandbox.tenant.enable(&id).unwrap();
    world.sync().await.unwrap();
    assert_eq!(personas(&world), before, "and comes back as anybody does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_holds_an_undo_that_is_too_large() {
    let mut world = world(20, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, _) = run(&world).await;
    world.text.guard = Some("max_changed = { count = 3 }".to_owned());
    wrong_rules(&world, "Holding");
    let wrong = personas(&world);
    let refusal = world.run(undo(taken)).await.unwrap().refusal.expect("too many");
    assert!(refusal.hint.contains(&format!("rollcall undo {taken} --approve {}", refusal.digest)), "{}", refusal.hint);
    assert_eq!(personas(&world), wrong);
    assert!(
        world.store().await.undone().await.unwrap().is_empty(),
        "nothing is held back for an undo that was refused"
    );
    assert!(world.store().await.held().await.unwrap().is_none(), "the place of the ordinary plan stays free");
    let ended = world.run(Order { approve: Some(refusal.digest), ..undo(taken) }).await.unwrap();
    assert!(ended.refusal.is_none());
    assert_eq!(personas(&world), before);
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_alone_is_taken_back() {
    let world = world(16, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, wrong) = run(&world).await;
    let one = wrong.plan.changes[0].label.clone();
    let ended = world.run(Order { user: Some(one.clone()), ..undo(taken) }).await.unwrap();
    assert_eq!(ended.summary.updated, 1);
    assert_eq!(personas(&world)[&one], before[&one]);
    assert_eq!(world.store().await.undone().await.unwrap().len(), 1);
    world.nothing_more_happens().await;
}

fn rollcall(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).args(arguments).kill_on_drop(true);
    command
}

async fn output(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = rollcall(world, arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_nothing_is_written_again_and_once_more_does_the_rest() {
    let mut world = world(30, None).await;
    let before = personas(&world);
    wrong_rules(&world, "Holding");
    let (taken, wrong) = run(&world).await;
    world.text.quota = Some((20.0, 2, 1.0));
    wrong_rules(&world, "Holding");
    let calls = world.sandbox.connect.journal().len();
    let taken = taken.to_string();
    let mut child = rollcall(&world, &["undo", &taken]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let half_way = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while world.sandbox.connect.journal().len() < calls + 6 {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), half_way).await.unwrap();
    child.kill().await.unwrap();
    let back = world.sandbox.connect.journal().len();
    assert!(back - calls < wrong.summary.updated as usize, "killed too late to prove anything");
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty(), "an ordinary run writes again: {:#?}", ended.plan.changes);
    let (code, _, stderr) = output(&world, &["undo", &taken]).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(personas(&world), before);
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verb_says_what_it_does_and_what_it_cannot() {
    let world = world(12, None).await;
    let (nothing, _) = run(&world).await;
    wrong_rules(&world, "Holding");
    let (taken, wrong) = run(&world).await;
    let (code, _, stderr) = output(&world, &["undo", "ffffffff"]).await;
    assert!(code == 1 && stderr.contains("there is no run ffffffff"), "{stderr}");
    let (code, _, stderr) = output(&world, &["undo", "0"]).await;
    assert!(code == 1 && stderr.contains("runs begin with 0"), "{stderr}");
    let (code, _, stderr) = output(&world, &["undo", &nothing.to_string()]).await;
    assert!(code == 0 && stderr.contains("changed nothing"), "{stderr}");
    assert_eq!(output(&world, &["undo"]).await.0, 64);

    let (calls, taken) = (world.sandbox.connect.journal().len(), taken.to_string());
    let one = &wrong.plan.changes[0].label;
    let (code, stdout, _) = output(&world, &["undo", &taken, "--dry-run"]).await;
    assert!(
        code == 0 && stdout.contains("Nothing was written") && stdout.contains(one.split('@').next().unwrap()),
        "{stdout}"
    );
    assert_eq!(world.sandbox.connect.journal().len(), calls);
    assert!(world.store().await.undone().await.unwrap().is_empty());

    let (code, stdout, stderr) = output(&world, &["undo", &taken]).await;
    assert!(code == 0 && stderr.contains("to take another run back"), "{stderr}");
    assert!(stdout.contains("Holding → ") && stdout.contains("--release"), "{stdout}");
    let (code, stdout, _) = output(&world, &["--json", "undo", &taken]).await;
    let ending: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &ending["ran"]["summary"]["result"]), (0, &Value::from("nothing_to_do")));

    assert!(output(&world, &["status"]).await.1.contains("taken back"));
    let explained = output(&world, &["explain", one]).await.1;
    assert!(explained.contains("rollcall undo --release"), "{explained}");
    let (code, _, stderr) = output(&world, &["undo", "--release", one]).await;
    assert!(code == 0 && stderr.contains("released 1 person"), "{stderr}");
    let (code, _, stderr) = output(&world, &["undo", "--release", "nobody.at.all"]).await;
    assert!(code == 1 && stderr.contains("nothing was released"), "{stderr}");
    let (_, after) = run(&world).await;
    assert_eq!(after.summary.updated, 1, "the rules apply again to whom was released");
}
