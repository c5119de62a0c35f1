//! `rename = "recreate"`, end to end: one run when nothing fails, and one user in the end wherever a run is cut short.

use rollcall::model::{Decision, FindingCode};
use rollcall::sandbox::connect::{Destination, User};
use rollcall::sandbox::faults::FaultKind;
use serde_json::{Value, json};

use crate::world::World;

/// A renamed person of somebody who had everything: facets of every authority, some by hand, and two quick connects.
struct Story {
    world: World,
    id: String,
    old: User,
    new_login: String,
}

const WRITES: usize = 4;
/// The calls of one rename, in order.
const CALLS: [&str; WRITES] = ["CreateUser", "UpdateQuickConnectConfig", "UpdateQuickConnectConfig", "DeleteUser"];

async fn story() -> Story {
    let mut world = World::with(
        8,
        |_| {},
        |text| {
            text.recreate = true;
            text.authority = Some(
                "routing_profile = \"shared\"\nsecurity_profiles = \"connect\"\nhierarchy = \"connect\"".to_owned(),
            );
        },
    )
    .await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    let (holding, admin) = (world.routing("Holding"), world.security("Admin"));
    let group = world.sandbox.connect.add_group(&["EMEA", "Berlin", "Support"]);
    world.edit(&login, |user| {
        user.routing_profile_id = holding;
        user.security_profile_ids.push(admin);
        user.hierarchy_group_id = Some(group);
        user.identity_info.mobile = user.identity_info.mobile.take().or(Some("+442079460123".to_owned()));
        user.phone_config.after_contact_work_time_limit = Some(45);
        user.phone_config.persistent_connection = Some(true);
        user.tags.insert("theirs".to_owned(), "1".to_owned());
    });
    world.sync_full().await.unwrap();
    let old = world.user(&login).unwrap();
    for name in ["Call the desk", "Call the person"] {
        let leads_to = Destination::User { user: old.id.clone(), flow: format!("flow of {name}") };
        world.sandbox.connect.add_quick_connect(name, leads_to);
    }
    let new_login = format!("renamed.{login}");
    call(&world, &id, &new_login);
    Story { world, id, old, new_login }
}

/// Gives somebody another login in the directory.
fn call(world: &World, id: &str, login: &str) {
    let patch = json!({"userPrincipalName": login});
    world.sandbox.tenant.update_user(id, patch.as_object().cloned().unwrap()).unwrap();
}

impl Story {
    /// Exactly one user, with everything the old one had but for id and name, and with its quick connects.
    fn check(&self, when: &str) {
        let Self { world, id, old, new_login } = self;
        let owner = format!("entra/{id}");
        let owned = |user: &User| user.tags.get("rollcall:person") == Some(&owner);
        let owned: Vec<User> = world.sandbox.connect.users().into_iter().filter(owned).collect();
        assert_eq!(owned.len(), 1, "{when}: {owned:#?}");
        let sorted = |user: &User| {
            let mut user = user.clone();
            user.security_profile_ids.sort();
            user
        };
        let (new, old) = (sorted(&owned[0]), sorted(old));
        assert_ne!(new.id, old.id, "{when}");
        let (user_id, arn, last_modified) = (new.id.clone(), new.arn.clone(), new.last_modified);
        let expected = User { id: user_id.clone(), arn, last_modified, username: new_login.clone(), ..old.clone() };
        assert_eq!(new, expected, "{when}");
        let quick = world.sandbox.connect.quick_connects();
        let mine = |name: &str| quick.iter().find(|quick| quick.name == name).map(|quick| quick.leads_to.clone());
        for name in ["Call the desk", "Call the person"] {
            let leads_to = Destination::User { user: user_id.clone(), flow: format!("flow of {name}") };
            assert_eq!(mine(name), Some(leads_to), "{when}");
        }
    }

    /// The report tells each thing that Connect did once.
    fn check_report(&self, when: &str) {
        let Self { world, old, new_login, .. } = self;
        let report = std::fs::read_to_string(world.folder.path().join("report.jsonl")).unwrap();
        let events: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told = |action: &str, username: &str| {
            let of = |event: &&Value| {
                event["event"] == "change"
                    && event["action"] == action
                    && event["username"] == username
                    && (event["outcome"] == "done" || event["outcome"] == "already_so")
            };
            events.iter().filter(of).count()
        };
        assert_eq!((told("create", new_login), told("delete", &old.username)), (1, 1), "{when}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_takes_one_run_and_loses_nothing() {
    let story = story().await;
    let world = &story.world;
    let before = world.sandbox.connect.journal().len();
    let ended = world.sync().await.unwrap();
    let journal = world.sandbox.connect.journal();
    let calls: Vec<&str> = journal[before..].iter().map(|write| write.operation.as_str()).collect();
    assert_eq!(calls, CALLS, "{:#?}", ended.summary);
    assert_eq!((ended.summary.created, ended.summary.deleted, ended.summary.failed), (1, 1, 0));
    let counted: u32 = ended.plan.forecast.calls.values().sum();
    assert_eq!(counted as usize, WRITES, "the forecast counts every part");
    story.check("in one run");
    story.check_report("in one run");
    world.nothing_more_happens().await;
    story.check("and after another run");
    let person = format!("entra/{}", story.id).parse().unwrap();
    let memory = &world.store().await.memory().await.unwrap()[&person];
    assert_eq!(memory.username.as_deref(), Some(story.new_login.as_str()));
    assert!(memory.retiring.is_empty());
}

/// Cut short after the k-th outcome was written down, while the k-th reply is on its way, and before the k-th call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_short_after_every_step_it_converges() {
    for step in 1..WRITES {
        let story = story().await;
        assert!(story.world.cut_short(|settled| settled >= step).await);
        let when = format!("cut after {step}");
        story.world.settle().await;
        story.check(&when);
        story.check_report(&when);
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_short_while_a_reply_is_on_its_way_it_converges() {
    for step in 1..=WRITES {
        let story = story().await;
        let connect = &story.world.sandbox.connect;
        let before = connect.journal().len();
        assert!(story.world.cut_short(|_| connect.journal().len() >= before + step).await);
        let when = format!("cut within {step}");
        story.world.settle().await;
        story.check(&when);
        story.check_report(&when);
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_short_with_a_call_that_never_happened_it_converges() {
    for (operation, skip) in
        [("CreateUser", 0), ("UpdateQuickConnectConfig", 0), ("UpdateQuickConnectConfig", 1), ("DeleteUser", 0)]
    {
        let story = story().await;
        let connect = &story.world.sandbox.connect;
        let calls = || connect.quota().calls().get(operation).map_or(0, |calls| calls.calls);
        let before = calls();
        story.world.fault("connect", operation, skip, 1, FaultKind::Delay { millis: 600_000 });
        let asked = u64::from(skip) + 1;
        assert!(story.world.cut_short(|_| calls() >= before + asked).await);
        story.world.sandbox.faults.clear();
        let when = format!("{operation} {skip} never happened");
        story.world.settle().await;
        story.check(&when);
        story.check_report(&when);
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_replies_are_settled_by_looking() {
    for (operation, skip) in [("CreateUser", 0), ("UpdateQuickConnectConfig", 0), ("DeleteUser", 0)] {
        for times in [1, 20] {
            let story = story().await;
            story.world.fault("connect", operation, skip, times, FaultKind::LostReply);
            story.world.sync().await.unwrap();
            story.world.sandbox.faults.clear();
            let when = format!("{times} replies of {operation} lost");
            story.world.settle().await;
            story.check(&when);
            story.check_report(&when);
            story.world.nothing_more_happens().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_step_keeps_the_old_user_and_the_next_run_goes_on() {
    for operation in ["CreateUser", "UpdateQuickConnectConfig", "DeleteUser"] {
        let story = story().await;
        let refused = FaultKind::Status {
            status: 400,
            code: "InvalidRequestException".to_owned(),
            message: "not today".to_owned(),
            retry_after: None,
        };
        story.world.fault("connect", operation, 0, 1, refused);
        let ended = story.world.sync().await.unwrap();
        assert_eq!(ended.summary.failed, 1, "{:?}", ended.summary);
        assert!(
            story.world.user(&story.old.username).is_some(),
            "{operation}: nobody is deleted before the new one is whole"
        );
        // What was refused rests, unless somebody asks for everything.
        story.world.sync_full().await.unwrap();
        story.world.settle().await;
        story.check(operation);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_lost_in_the_middle_finishes_by_the_owner_tag() {
    let story = story().await;
    assert!(story.world.cut_short(|settled| settled >= 1).await);
    story.world.lose_state();
    story.world.settle().await;
    let owner = format!("entra/{}", story.id);
    let mine = |user: &&User| user.tags.get("rollcall:person") == Some(&owner);
    let users = story.world.sandbox.connect.users();
    let names: Vec<&str> = users.iter().filter(mine).map(|user| user.username.as_str()).collect();
    assert_eq!(names, [story.new_login.as_str()]);
    story.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_goes_through_and_a_swap_is_held_without_losing_anybody() {
    let mut world = World::with(10, |_| {}, |text| text.recreate = true).await;
    let (one, a) = world.hire("Care");
    let (two, b) = world.hire("Sales");
    world.sync().await.unwrap();
    let owner = |world: &World, login: &str| world.user(login).map(|user| user.tags["rollcall:person"].clone());
    let (first, second) = (format!("entra/{one}"), format!("entra/{two}"));

    // A → B while B → C.
    let c = format!("third.{b}");
    call(&world, &two, &c);
    call(&world, &one, &b);
    world.settle().await;
    assert_eq!(
        (owner(&world, &a), owner(&world, &b), owner(&world, &c)),
        (None, Some(first.clone()), Some(second.clone()))
    );
    world.nothing_more_happens().await;

    // B ↔ C. Nobody can go first, and nobody is touched.
    let spare = format!("spare.{a}");
    call(&world, &one, &spare);
    call(&world, &two, &b);
    call(&world, &one, &c);
    let before = world.sandbox.connect.journal().len();
    let ended = world.sync().await.unwrap();
    for key in [&first, &second] {
        let Decision::Quarantined(finding) = &ended.plan.decisions[&key.parse().unwrap()] else { panic!("{key}") };
        assert_eq!(finding.code, FindingCode::DuplicateUsername);
        assert!(finding.message.contains("neither can go first"), "{}", finding.message);
    }
    assert_eq!(world.sandbox.connect.journal().len(), before);

    // What the hint says: a third name for one run.
    call(&world, &one, &spare);
    world.settle().await;
    call(&world, &one, &c);
    world.settle().await;
    assert_eq!((owner(&world, &b), owner(&world, &c), owner(&world, &spare)), (Some(second), Some(first), None));
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_that_a_foreign_user_has_holds_the_person() {
    let mut world = World::with(10, |scene| scene.foreign = 1, |text| text.recreate = true).await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    call(&world, &id, "vendor.bot00");
    let ended = world.sync().await.unwrap();
    let person = format!("entra/{id}").parse().unwrap();
    let Decision::Quarantined(finding) = &ended.plan.decisions[&person] else { panic!("held") };
    assert_eq!(finding.code, FindingCode::DuplicateUsername);
    assert_eq!(world.deletes(), 0);
    assert!(world.user(&login).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_form_of_username_is_listed_or_held_by_the_guard_and_doubles_nobody() {
    let mut world = World::of(30).await;
    world.sync().await.unwrap();
    let users = world.managed();
    assert!(users > 3);
    let mailbox = |world: &World| {
        let config = std::fs::read_to_string(world.config_path()).unwrap();
        let config = config.replace("username     = \"user_principal_name\"", "username     = \"mailbox_name\"");
        std::fs::write(world.config_path(), config).unwrap();
    };
    mailbox(&world);
    let ended = world.sync().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    let listed = ended.plan.findings.iter().filter(|finding| finding.code == FindingCode::Rename).count();
    assert_eq!((listed, world.managed()), (users, users), "everybody is listed, nobody doubled");

    world.text.recreate = true;
    world.write_config();
    mailbox(&world);
    let before = world.sandbox.connect.journal().len();
    let refusal = world.sync().await.unwrap().refusal.expect("the guard counts removals");
    assert!(refusal.approvable && refusal.message.contains("would be removed"), "{}", refusal.message);
    assert_eq!(world.sandbox.connect.journal().len(), before);
    let approve = |digest: &str| rollcall::reconcile::Order {
        approve: Some(digest.to_owned()),
        ..rollcall::reconcile::Order::new(rollcall::model::RunId::fresh(), rollcall::model::Trigger::Hand)
    };
    let ended = world.run(approve(&refusal.digest)).await.unwrap();
    let everybody = u32::try_from(users).unwrap();
    assert_eq!((ended.summary.created, ended.summary.deleted), (everybody, everybody));
    assert_eq!(world.managed(), users);
    let whole = |user: &User| user.tags.contains_key("rollcall:person") && user.username.contains('@');
    assert!(!world.sandbox.connect.users().iter().any(whole));
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_instance_keeps_the_old_user_whether_the_plan_or_connect_says_so() {
    let mut world = World::with(10, |_| {}, |text| text.recreate = true).await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    let users = world.sandbox.connect.users().len();
    world.sandbox.connect.configure(|settings| settings.user_limit = users);
    let new_login = format!("new.{login}");
    call(&world, &id, &new_login);
    let ended = world.sync().await.unwrap();
    assert_eq!((ended.summary.failed, ended.summary.not_attempted), (1, 1), "{:?}", ended.summary);
    assert!(world.user(&login).is_some() && world.deletes() == 0);

    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let config = config.replace("[connect]\n", &format!("[connect]\nuser_limit = {users}\n"));
    std::fs::write(world.config_path(), config).unwrap();
    let ended = world.sync().await.unwrap();
    let person = format!("entra/{id}").parse().unwrap();
    let Decision::Quarantined(finding) = &ended.plan.decisions[&person] else { panic!("held") };
    assert_eq!(finding.code, FindingCode::UserLimit);
    assert_eq!((ended.summary.failed, world.deletes()), (0, 0));

    world.sandbox.connect.configure(|settings| settings.user_limit = users + 1);
    world.write_config();
    world.settle().await;
    assert!(world.user(&login).is_none() && world.user(&new_login).is_some());
}
