//! The main job, end to end over real wire traffic: a person becomes, changes and leaves as a Connect user.

use rollcall::model::{Decision, Outcome};
use rollcall::sandbox::faults::FaultKind;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_becomes_changes_and_leaves_as_a_connect_user() {
    let mut world = World::of(12).await;
    world.sync().await.unwrap();
    let before = world.managed();
    assert!(before > 0);
    world.nothing_more_happens().await;

    let (id, login) = world.hire("Care");
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.summary.created, 1);
    assert_eq!(world.routing_of(&login), world.routing("Care Voice"));
    let user = world.user(&login).unwrap();
    assert_eq!(user.tags["rollcall:person"], format!("entra/{id}"));
    world.nothing_more_happens().await;

    world.move_to(&id, "Sales");
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.summary.updated, 2, "routing and hierarchy: {:#?}", ended.plan.changes);
    assert_eq!(world.routing_of(&login), world.routing("Sales Voice"));
    world.nothing_more_happens().await;

    world.sandbox.tenant.disable(&id).unwrap();
    world.sync().await.unwrap();
    let user = world.user(&login).unwrap();
    assert_eq!(user.security_profile_ids, [world.security("No Access")]);
    assert_eq!(user.routing_profile_id, world.routing("Holding"));
    assert_eq!(world.deletes(), 0);
    world.nothing_more_happens().await;

    world.sandbox.tenant.enable(&id).unwrap();
    world.sync().await.unwrap();
    let user = world.user(&login).unwrap();
    assert_eq!(user.security_profile_ids, [world.security("Agent")]);
    assert_eq!(user.routing_profile_id, world.routing("Sales Voice"));
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_cycle_costs_two_directory_requests_and_no_connect_call() {
    let world = World::of(30).await;
    world.sync().await.unwrap();
    let (graph, connect) = (world.graph_requests(), world.sandbox.connect.quota().calls());
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty());
    assert_eq!(world.graph_requests() - graph, 2);
    assert_eq!(world.sandbox.connect.quota().calls(), connect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_without_a_suspended_step_is_deleted_with_the_quick_connects() {
    let world =
        World::with(20, |scene| scene.existing = 10, |text| text.leaver = Some("delete = true".to_owned())).await;
    world.sync().await.unwrap();
    assert!(!world.sandbox.connect.quick_connects().is_empty());
    let with_quick = world.sandbox.connect.quick_connects();
    let named = with_quick[0].name.strip_prefix("Call ").unwrap().to_owned();
    let person = world.user(&named).unwrap().tags["rollcall:person"].strip_prefix("entra/").unwrap().to_owned();
    world.sandbox.tenant.hard_delete(&person).unwrap();
    world.sync().await.unwrap();
    assert!(world.user(&named).is_none());
    assert!(world.sandbox.connect.quick_connects().iter().all(|quick| quick.name != with_quick[0].name));
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manual_changes_stay_or_go_as_the_authority_says() {
    let world = World::with(
        12,
        |_| {},
        |text| {
            text.authority = Some(
                "routing_profile = \"shared\"\nsecurity_profiles = \"directory\"\nhierarchy = \"connect\"".to_owned(),
            );
        },
    )
    .await;
    world.sync().await.unwrap();
    let user =
        world.sandbox.connect.users().into_iter().find(|user| user.tags.contains_key("rollcall:person")).unwrap();
    let (holding, admin) = (world.routing("Holding"), world.security("Admin"));
    world.edit(&user.username, |user| {
        user.routing_profile_id.clone_from(&holding);
        user.security_profile_ids = vec![admin.clone()];
        user.hierarchy_group_id = None;
    });
    world.sync_full().await.unwrap();
    let after = world.user(&user.username).unwrap();
    assert_eq!(after.routing_profile_id, holding, "shared: the supervisor's change stays");
    assert_eq!(after.security_profile_ids, user.security_profile_ids, "directory: put back");
    assert_eq!(after.hierarchy_group_id, None, "connect: never written after creation");
    world.nothing_more_happens().await;

    let person = user.tags["rollcall:person"].strip_prefix("entra/").unwrap().to_owned();
    let other = if user.routing_profile_id == world.routing("Care Voice") { "Sales" } else { "Care" };
    world.move_to(&person, other);
    world.sync().await.unwrap();
    let moved = world.user(&user.username).unwrap();
    assert_ne!(moved.routing_profile_id, holding, "shared: the wish changed, so it is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_of_create_is_settled_by_looking_and_nobody_is_there_twice() {
    let mut world = World::of(8).await;
    world.sync().await.unwrap();
    let (_, login) = world.hire("Sales");
    world.fault("connect", "CreateUser", 0, 1, FaultKind::LostReply);
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.summary.in_doubt, 1, "{:?}", ended.summary);
    assert!(world.user(&login).is_some(), "the call had happened");
    let users = world.sandbox.connect.users().len();
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    assert_eq!(world.sandbox.connect.users().len(), users);
    world.nothing_more_happens().await;
    assert_eq!(reported_creates(&world, &login), 1);
}

/// Events of the report that say that this user was created.
fn reported_creates(world: &World, login: &str) -> usize {
    let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    report
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| {
            event["event"] == "change"
                && event["action"] == "create"
                && event["username"] == login
                && ["done", "already_so"]
                    .iter()
                    .any(|word| event["outcome"]["result"] == *word || event["outcome"] == *word)
        })
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_in_connects_own_journal_is_reported_once() {
    let mut world = World::with(20, |scene| scene.existing = 6, |_| {}).await;
    world.sync().await.unwrap();
    let (id, _) = world.hire("Care");
    world.sync().await.unwrap();
    world.move_to(&id, "Support");
    world.sync().await.unwrap();
    world.sandbox.tenant.disable(&id).unwrap();
    world.sync().await.unwrap();
    let mut done: Vec<String> = world.sandbox.connect.journal().iter().map(|write| write.request_id.clone()).collect();
    let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
    let mut told: Vec<String> = report
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["event"] == "change")
        .map(|event| event["request_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    done.sort();
    told.sort();
    assert_eq!(done, told);
    let in_cloud = world.sandbox.logs.events().len();
    assert_eq!(in_cloud, report.lines().count(), "both sinks have the same events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_state_file_adopts_its_own_people_again() {
    let world = World::of(15).await;
    world.sync().await.unwrap();
    let users = world.sandbox.connect.users().len();
    world.lose_state();
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.summary.created + ended.summary.deleted + ended.summary.adopted, 0, "{:#?}", ended.plan.changes);
    assert_eq!(world.sandbox.connect.users().len(), users);
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_a_lifelike_company_gets_a_decision() {
    let world = World::with(300, |scene| scene.plain = false, |_| {}).await;
    let ended = world.sync().await.unwrap();
    let everybody = world.store().await.people_count().await.unwrap();
    assert_eq!(ended.plan.decisions.len() as u64, everybody);
    assert!(ended.plan.decisions.values().any(|decision| matches!(decision, Decision::Quarantined(_))));
    assert_eq!(ended.summary.failed, 0, "what Connect would refuse is found in the plan");
    world.nothing_more_happens().await;
    let store = world.store().await;
    for (_, outcome, _) in store.run_changes(store.runs(10).await.unwrap().last().unwrap().run).await.unwrap() {
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_re_hire_with_a_new_directory_id_keeps_the_connect_user() {
    let mut world = World::of(10).await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    let user = world.user(&login).unwrap();
    let former = world.sandbox.tenant.users().into_iter().find(|user| user.id == id).unwrap();
    world.sandbox.tenant.hard_delete(&id).unwrap();
    let (new_id, new_login) = world.hire("Care");
    let patch = serde_json::json!({"userPrincipalName": former.user_principal_name});
    assert_ne!(login, new_login);
    world.sandbox.tenant.update_user(&new_id, patch.as_object().cloned().unwrap()).unwrap();
    world.sync().await.unwrap();
    let after = world.user(&login).unwrap();
    assert_eq!(after.id, user.id, "not deleted, not doubled");
    assert_eq!(after.tags["rollcall:person"], format!("entra/{new_id}"));
    assert_eq!(after.security_profile_ids, user.security_profile_ids);
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grace_counts_from_the_first_time_and_ends_with_a_return() {
    let mut world =
        World::with(10, |_| {}, |text| text.leaver = Some("grace = \"2d\"\ndelete = true".to_owned())).await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    world.sandbox.tenant.disable(&id).unwrap();
    for _ in 0..2 {
        let ended = world.sync().await.unwrap();
        assert!(ended.plan.is_empty());
        let person = format!("entra/{id}").parse().unwrap();
        assert!(
            matches!(ended.plan.decisions[&person], Decision::Waiting { .. }),
            "{:?}",
            ended.plan.decisions[&person]
        );
    }
    world.sandbox.tenant.enable(&id).unwrap();
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty());
    assert!(world.store().await.memory().await.unwrap().values().all(|memory| memory.absent_since.is_none()));
    assert!(world.user(&login).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_signs_in_as_well_as_a_secret() {
    use std::os::unix::fs::PermissionsExt;
    let pem = include_str!("../../src/sandbox/login/fixture.pem");
    let world = World::of(8).await;
    let app = rollcall::sandbox::tenant::App::new(rollcall::sandbox::scene::CLIENT_ID)
        .certificate(pem)
        .permissions(&["User.Read.All", "GroupMember.Read.All"]);
    world.sandbox.tenant.set_app(app);
    let file = world.folder.path().join("entra.pem");
    std::fs::write(&file, pem).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let config =
        config.replace("client_secret = { file = \"client-secret\" }", "certificate = { file = \"entra.pem\" }");
    std::fs::write(world.config_path(), config).unwrap();
    world.sync().await.unwrap();
    assert!(world.managed() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_nobody_claims_are_never_touched() {
    let world = World::with(
        12,
        |scene| {
            scene.existing = 4;
            scene.foreign = 3;
        },
        |_| {},
    )
    .await;
    let foreign = |world: &World| -> Vec<_> {
        world.sandbox.connect.users().into_iter().filter(|user| user.username.starts_with("vendor.bot")).collect()
    };
    let before = foreign(&world);
    assert_eq!(before.len(), 3);
    world.sync().await.unwrap();
    world.nothing_more_happens().await;
    assert_eq!(foreign(&world), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_keeps_its_own_passwords_gets_e_mail_and_short_usernames() {
    let world = World::with(
        12,
        |scene| scene.connect.identity = rollcall::sandbox::connect::IdentityManagement::ConnectManaged,
        |_| {},
    )
    .await;
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let config = config.replace("username     = \"user_principal_name\"", "username     = \"mailbox_name\"");
    std::fs::write(world.config_path(), config).unwrap();
    let ended = world.sync().await.unwrap();
    assert_eq!(ended.summary.failed, 0, "{:?}", ended.summary);
    let users = world.sandbox.connect.users();
    assert!(!users.is_empty());
    for user in &users {
        assert!(user.username.len() <= 20 && !user.username.contains('@'), "{}", user.username);
        assert!(user.identity_info.email.is_some() && user.identity_info.secondary_email.is_none());
    }
    world.nothing_more_happens().await;
}
