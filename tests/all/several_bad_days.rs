//! Bad days of two directories that know the same people: one fails, both fail, somebody moves, one is taken away.

use rollcall::model::{Decision, FindingCode, RunId, Trigger};
use rollcall::reconcile::{Order, RunError};
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::okta::AppSettings;
use rollcall::sandbox::scene::SceneSource;

use crate::world::World;

const ENTRA: &str = "entra/";
const OKTA: &str = "okta/";
/// Who is in Okta's scope in the stories of people who move.
const OTHERS: &str = "0a51de00-0000-4000-8000-000000000002";

async fn both(app: bool) -> World {
    let world =
        World::with(14, |_| {}, |text| text.sources = vec![SceneSource::Entra, SceneSource::Okta { app }]).await;
    if app {
        world.sandbox.tenant.add_group(OTHERS, "Others").unwrap();
        world.sandbox.okta.configure(|settings| settings.app = AppSettings::default().group(OTHERS));
    }
    world
}

fn fails(world: &World, service: &str) {
    let kind = FaultKind::Status { status: 403, code: "E0000006".into(), message: "no".into(), retry_after: None };
    let operations: &[&str] = match service {
        "okta" => &["GET /api/v1/groups", "GET /api/v1/groups/{id}", "GET /api/v1/groups/{id}/users"],
        _ => &["GET /groups/delta", "GET /groups/{id}/members"],
    };
    for operation in operations {
        world.fault(service, operation, 0, 10_000, kind.clone());
    }
}

fn owner(world: &World, login: &str) -> String {
    world.user(login).unwrap_or_else(|| panic!("{login} has no user")).tags["rollcall:person"].clone()
}

async fn calm(world: &World) {
    let before = world.sandbox.connect.journal().len();
    for _ in 0..2 {
        let ended = world.sync_full().await.unwrap();
        assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    }
    assert_eq!(world.sandbox.connect.journal().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_fails_and_comes_back_neither_doubles_nor_flips_anybody() {
    let mut world = both(false).await;
    world.sync().await.unwrap();
    let managed = world.managed();
    assert!(managed > 5);
    fails(&world, "graph");
    calm(&world).await;
    // Somebody whom only the one that works can tell of; when the first one is back, its record decides.
    let (_, login) = world.hire("Care");
    world.sync().await.unwrap();
    assert!(owner(&world, &login).starts_with(OKTA));
    calm(&world).await;
    world.sandbox.faults.clear();
    world.sync().await.unwrap();
    assert!(owner(&world, &login).starts_with(ENTRA));
    calm(&world).await;
    for service in ["graph", "okta"] {
        fails(&world, service);
        calm(&world).await;
        world.sandbox.faults.clear();
    }
    fails(&world, "graph");
    fails(&world, "okta");
    let before = world.sandbox.connect.journal().len();
    for _ in 0..2 {
        match world.sync_full().await {
            Err(RunError::NoDirectory { frozen, .. }) => assert_eq!(frozen.len(), 2),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((world.sandbox.connect.journal().len(), world.managed()), (before, managed + 1));
    world.sandbox.faults.clear();
    calm(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_human_who_moves_to_the_other_directory_and_back_keeps_the_user() {
    for gap in [false, true] {
        let mut world = both(true).await;
        // Okta's application has people of its own, so that it is never empty.
        for user in world.sandbox.tenant.users().into_iter().take(6) {
            world.sandbox.tenant.add_member(OTHERS, &user.id).unwrap();
        }
        let (id, login) = world.hire("Care");
        world.sync().await.unwrap();
        let (user, agents) = (world.user(&login).unwrap(), world.agents());
        assert!(owner(&world, &login).starts_with(ENTRA));
        for _ in 0..2 {
            for (from, to, owned_by) in [(agents.as_str(), OTHERS, OKTA), (OTHERS, agents.as_str(), ENTRA)] {
                if !gap {
                    world.sandbox.tenant.add_member(to, &id).unwrap();
                    world.sync().await.unwrap();
                }
                world.sandbox.tenant.remove_member(from, &id).unwrap();
                world.sync().await.unwrap();
                if gap {
                    world.sandbox.tenant.add_member(to, &id).unwrap();
                    world.sync().await.unwrap();
                }
                world.sync().await.unwrap();
                let now = world.user(&login).unwrap();
                assert_eq!(now.id, user.id, "gap {gap}, to {owned_by}");
                assert_eq!(now.security_profile_ids, user.security_profile_ids, "gap {gap}, to {owned_by}");
                assert_eq!(now.routing_profile_id, user.routing_profile_id, "gap {gap}, to {owned_by}");
                assert!(owner(&world, &login).starts_with(owned_by), "gap {gap}");
                calm(&world).await;
            }
        }
        assert_eq!(world.deletes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_happens_to_people_of_a_directory_that_is_taken_out_of_the_configuration_and_it_is_said() {
    for left in [SceneSource::Entra, SceneSource::Okta { app: false }] {
        let mut world = World::with(
            14,
            |_| {},
            |text| {
                text.sources = vec![SceneSource::Okta { app: false }];
            },
        )
        .await;
        world.sync().await.unwrap();
        let managed = world.managed();
        assert!(managed > 5);
        // Taken out, with the same people elsewhere or with nobody else in sight.
        world.text.sources = vec![match left {
            SceneSource::Entra => SceneSource::Entra,
            _ => SceneSource::Okta { app: true },
        }];
        world.write_config();
        if left != SceneSource::Entra {
            let text = std::fs::read_to_string(world.config_path()).unwrap();
            std::fs::write(world.config_path(), text.replace("[source.okta]", "[source.other]")).unwrap();
        }
        let before = world.sandbox.connect.journal().len();
        for _ in 0..2 {
            let ended = world.sync_full().await.unwrap();
            assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
            let said = ended.plan.findings.iter().find(|finding| finding.code == FindingCode::SourceNote);
            let said = said.expect("nothing is said of it");
            assert_eq!(said.label, "okta");
            assert!(said.message.contains(&format!("its {managed} Connect users")), "{}", said.message);
            let decided =
                |wanted: fn(&Decision) -> bool| ended.plan.decisions.values().filter(|one| wanted(one)).count();
            assert_eq!(decided(|one| matches!(one, Decision::NotObserved { .. })), managed);
        }
        assert_eq!((world.sandbox.connect.journal().len(), world.managed()), (before, managed));
        world.text.sources = vec![SceneSource::Okta { app: false }];
        world.write_config();
        calm(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_over_one_directory_changes_nobody_of_the_other() {
    let mut world = both(false).await;
    world.sync().await.unwrap();
    let users: Vec<_> = world.sandbox.tenant.users();
    let login = |at: usize| users[at].user_principal_name.clone();
    let managed: Vec<usize> = (0..users.len()).filter(|at| world.user(&login(*at)).is_some()).collect();
    world.sandbox.tenant.disable(&users[managed[0]].id).unwrap();
    world.move_to(&users[managed[1]].id, "Sales");
    let before = world.sandbox.connect.journal().len();
    for full in [false, true] {
        let order = Order { full, source: Some("okta".into()), ..Order::new(RunId::fresh(), Trigger::Hand) };
        let ended = world.run(order).await.unwrap();
        assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
        assert_eq!((ended.summary.result.as_str(), ended.summary.frozen.len()), ("nothing_to_do", 0));
    }
    assert_eq!(world.sandbox.connect.journal().len(), before);
    // The first directory was asked for nothing; now it is, and its word counts.
    let (_, newcomer) = world.hire("Care");
    let ended = world.sync().await.unwrap();
    assert!(!ended.plan.is_empty());
    assert!(owner(&world, &newcomer).starts_with(ENTRA));
    calm(&world).await;
}
