//! Two directories for one contact centre: one human in both, a change of precedence, one that fails beside the other.

use rollcall::model::{Decision, FindingCode, Reason};

use crate::world::World;

/// The configuration with a second source: the same directory under another name, before or after the first one.
pub(crate) fn with_second(world: &World, name: &str, first: bool, broken: bool) {
    world.write_config();
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let (head, rest) = text.split_once("[source.entra]").unwrap();
    let (entra, tail) = rest.split_once("[connect]").unwrap();
    let entra = format!("[source.entra]{entra}");
    let mut second = entra.replace("[source.entra]", &format!("[source.{name}]"));
    if broken {
        let id = rollcall::sandbox::scene::CLIENT_ID;
        assert!(second.contains(id));
        second = second.replace(id, "00000000-0000-0000-0000-00000000dead");
    }
    let (order, sources) = match first {
        true => ([name, "entra"], format!("{second}{entra}")),
        false => (["entra", name], format!("{entra}{second}")),
    };
    let text = format!("{head}precedence = {order:?}\n{sources}[connect]{tail}");
    std::fs::write(world.config_path(), text).unwrap();
}

/// One run that looks at everything and changes nothing.
async fn nothing_more(world: &World) {
    let before = world.sandbox.connect.journal().len();
    let ended = world.sync_full().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    assert_eq!(world.sandbox.connect.journal().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_human_in_two_directories_has_one_user_and_a_change_of_precedence_hands_it_over() {
    let world = World::of(14).await;
    with_second(&world, "mirror", false, false);
    let ended = world.sync().await.unwrap();
    let managed = world.managed();
    assert!(managed > 5);
    assert_eq!(ended.summary.shadowed as usize, managed, "everybody once, and once more in the mirror");
    assert_eq!(ended.summary.quarantined, 0);
    assert!(!ended.summary.partly());
    nothing_more(&world).await;

    let users = world.sandbox.connect.users().len();
    with_second(&world, "mirror", true, false);
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.plan.changes.len(), managed, "one call each: {:#?}", ended.plan.changes);
    assert!(ended.plan.changes.iter().all(|change| matches!(change.because, Reason::HandedOver { .. })));
    assert_eq!((ended.summary.adopted as usize, world.sandbox.connect.users().len()), (managed, users));
    let tags = world.sandbox.connect.users().into_iter().filter_map(|user| user.tags.get("rollcall:person").cloned());
    assert!(tags.into_iter().all(|owner| owner.starts_with("mirror/")));
    nothing_more(&world).await;

    // The one that decides fails: nobody is handed back, nobody is changed.
    with_second(&world, "mirror", true, true);
    let ended = world.sync_full().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    assert_eq!(ended.summary.shadowed as usize, managed);
    assert!(ended.summary.partly());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_fails_beside_one_that_works_is_named_and_the_run_is_partly_done() {
    let mut world = World::of(10).await;
    with_second(&world, "spare", false, true);
    let ended = world.sync().await.unwrap();
    assert!(ended.summary.created > 0, "the others go on");
    assert_eq!(ended.summary.result, "partly");
    assert!(ended.summary.partly());
    let names: Vec<_> = ended.summary.frozen.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["spare"]);
    let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    let events = report.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let finished = events.into_iter().find(|event| event["event"] == "run_finished").unwrap();
    assert_eq!(finished["frozen"][0]["source"], "spare");
    for key in ["message", "hint"] {
        assert!(!finished["frozen"][0][key].as_str().unwrap().is_empty());
    }
    assert_eq!(world.store().await.runs(1).await.unwrap()[0].summary.as_ref().unwrap().frozen.len(), 1);
    // Whoever asks for one source only is not told that the other one failed.
    let (_, login) = world.hire("Care");
    with_second(&world, "spare", false, true);
    let order = rollcall::reconcile::Order {
        source: Some("entra".into()),
        ..rollcall::reconcile::Order::new(rollcall::model::RunId::fresh(), rollcall::model::Trigger::Hand)
    };
    let ended = world.run(order).await.unwrap();
    assert!(world.user(&login).is_some());
    assert_eq!((ended.summary.result.as_str(), ended.summary.frozen.len()), ("done", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_before_the_directory_that_comes_first_was_read_once() {
    let world = World::of(10).await;
    with_second(&world, "first", true, true);
    let before = world.sandbox.connect.journal().len();
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    assert!(ended.plan.decisions.values().any(|decision| matches!(decision, Decision::NotObserved { .. })));
    assert_eq!(world.sandbox.connect.journal().len(), before);
    with_second(&world, "first", true, false);
    let ended = world.sync().await.unwrap();
    assert!(ended.summary.created > 0);
    assert!(ended.plan.findings.iter().any(|finding| finding.code == FindingCode::Shadowed));
    nothing_more(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_every_directory_fails_every_one_of_them_is_named() {
    use rollcall::reconcile::RunError;
    let world = World::of(6).await;
    world.sync().await.unwrap();
    with_second(&world, "spare", false, true);
    world.fault("graph", "GET /groups/delta", 0, 50, rollcall::sandbox::faults::FaultKind::Truncated);
    world.fault("graph", "GET /groups/{id}/members", 0, 50, rollcall::sandbox::faults::FaultKind::Truncated);
    match world.sync_full().await {
        Err(RunError::NoDirectory { message, frozen, .. }) => {
            assert_eq!(frozen.keys().map(ToString::to_string).collect::<Vec<_>>(), ["entra", "spare"]);
            assert_eq!(message, frozen[&"entra".into()].message, "the first in the order of precedence speaks");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.store().await.runs(1).await.unwrap()[0].summary.as_ref().unwrap().frozen.len(), 2);
}
