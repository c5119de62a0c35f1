//! Looks and changes against a small stateful Connect on loopback.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::json;

use super::fake::{Fake, Fault, INSTANCE_ARN, State, config};
use super::*;
use crate::model::{
    Action, Attribute, AttributeSet, DesiredUser, Disposition, Facet, FacetUpdate, Named, QuickConnectMove, Reason,
    Seen, Stage, Value,
};

fn at(secs: i64) -> Time {
    Time::from_timestamp(1_800_000_000 + secs, 0).unwrap()
}

/// Nobody asks for a stop.
fn go_on() -> Stop {
    tokio::sync::watch::channel(false).1
}

fn change(action: Action) -> Change {
    Change {
        seq: 0,
        person: "entra/1".parse().unwrap(),
        label: "ada@example.com".to_owned(),
        connect: Some("u-1".into()),
        arn: Some(format!("{INSTANCE_ARN}/agent/u-1")),
        action,
        because: Reason::Drift,
    }
}

fn create() -> Change {
    let attributes = [
        (Attribute::FirstName, Value::text("Ada")),
        (Attribute::LastName, Value::text("Lovelace")),
        (Attribute::Email, Value::text("ada@example.com")),
        (Attribute::SecondaryEmail, Value::text("ada@example.com")),
        (Attribute::RoutingProfile, Value::Named(Named::new("rp-1", "Basic"))),
        (Attribute::SecurityProfiles, Value::NamedSet([Named::new("sp-1", "Agent")].into())),
        (Attribute::HierarchyGroup, Value::None),
        (Attribute::Tags, Value::Tags([("tier".to_owned(), "2".to_owned())].into())),
    ];
    let desired = DesiredUser {
        person: "entra/1".parse().unwrap(),
        username: "ada@example.com".to_owned(),
        attributes: attributes.into_iter().collect(),
        stage: Stage::Active,
        wished: None,
    };
    Change { connect: None, arn: None, ..change(Action::Create(Box::new(desired))) }
}

fn update(facet: Facet, after: &[(Attribute, Value)], untag: &[&str]) -> Change {
    let after: AttributeSet = after.iter().cloned().collect();
    let untag = untag.iter().map(|key| (*key).to_owned()).collect();
    let before = AttributeSet::default();
    change(Action::Update(Box::new(FacetUpdate {
        facet,
        before,
        wished: after.clone(),
        after,
        untag,
        stage: Stage::Active,
    })))
}

fn delete() -> Change {
    change(Action::Delete { username: "ada@example.com".to_owned(), before: AttributeSet::default() })
}

fn routing() -> Change {
    update(Facet::Routing, &[(Attribute::RoutingProfile, Value::Named(Named::new("rp-2", "Care")))], &[])
}

#[tokio::test]
async fn a_create_carries_everything_in_one_call() {
    for (management, secret) in [("SAML", false), ("CONNECT_MANAGED", true)] {
        let fake = Fake::start().await;
        fake.state().identity_management = Some(management);
        let connect = fake.connect().await;
        let done = connect.perform(&create(), &go_on()).await.unwrap();
        let (id, arn) = done.created.unwrap();
        assert_eq!((id.as_str(), done.attempts), ("new-1", 1));
        assert_eq!(arn, format!("{INSTANCE_ARN}/agent/new-1"));
        assert!(done.request_id.is_some());
        let state = fake.state();
        let user = &state.users["new-1"];
        assert_eq!(user["Tags"], json!({"rollcall:person": "entra/1", "tier": "2"}));
        assert_eq!(user["IdentityInfo"]["Email"].is_string(), secret, "{management}");
        assert_eq!(user["Password"].is_string(), secret, "{management}");
        assert_eq!(user["PhoneConfig"]["PhoneType"], "SOFT_PHONE", "set although nobody asked for it");
        assert_eq!(user["HierarchyGroupId"], json!(null));
        assert_eq!(state.calls_of("CreateUser"), 1);
    }
}

#[tokio::test]
async fn every_facet_is_one_call() {
    let fake = Fake::start().await;
    fake.state().user("u-1", "ada@example.com")["Tags"] = json!({"old": "1", "rollcall:person": "entra/1"});
    let connect = fake.connect().await;
    let identity = [
        (Attribute::FirstName, Value::text("Ada")),
        (Attribute::LastName, Value::text("Byron")),
        (Attribute::SecondaryEmail, Value::text("ada@example.com")),
        (Attribute::Mobile, Value::None),
    ];
    let phone = [
        (Attribute::PhoneType, Value::text("DESK_PHONE")),
        (Attribute::DeskPhoneNumber, Value::text("+442079460000")),
        (Attribute::AutoAccept, Value::Flag(false)),
        (Attribute::AfterContactWorkSecs, Value::Seconds(30)),
        (Attribute::PersistentConnection, Value::Flag(true)),
    ];
    let profiles = Value::NamedSet([Named::new("sp-1", "Agent"), Named::new("sp-2", "Admin")].into());
    let changes = [
        update(Facet::Identity, &identity, &[]),
        update(Facet::Phone, &phone, &[]),
        routing(),
        update(Facet::Security, &[(Attribute::SecurityProfiles, profiles)], &[]),
        update(Facet::Hierarchy, &[(Attribute::HierarchyGroup, Value::Named(Named::new("g-1", "EMEA")))], &[]),
        update(Facet::Tags, &[(Attribute::Tags, Value::Tags([("tier".to_owned(), "2".to_owned())].into()))], &[]),
        update(Facet::Tags, &[], &["old"]),
        change(Action::Adopt { username: "ada@example.com".to_owned() }),
    ];
    for change in &changes {
        let before = connect.calls();
        let operation = change.action.operation();
        connect.perform(change, &go_on()).await.unwrap_or_else(|error| panic!("{error}"));
        let called = connect.calls()[&operation] - before.get(&operation).copied().unwrap_or(0);
        assert_eq!(called, 1, "{operation}");
    }
    {
        let state = fake.state();
        let user = &state.users["u-1"];
        assert_eq!(
            user["IdentityInfo"],
            json!({"FirstName": "Ada", "LastName": "Byron", "SecondaryEmail": "ada@example.com"})
        );
        assert_eq!(user["PhoneConfig"]["AfterContactWorkTimeLimit"], 30);
        assert_eq!(user["RoutingProfileId"], "rp-2");
        assert_eq!(user["SecurityProfileIds"], json!(["sp-1", "sp-2"]));
        assert_eq!(user["HierarchyGroupId"], "g-1");
        assert_eq!(user["Tags"], json!({"tier": "2", "rollcall:person": "entra/1"}));
    }
    connect
        .perform(&update(Facet::Hierarchy, &[(Attribute::HierarchyGroup, Value::None)], &[]), &go_on())
        .await
        .unwrap();
    assert!(fake.state().users["u-1"]["HierarchyGroupId"].is_null());
    connect.perform(&delete(), &go_on()).await.unwrap();
    assert!(fake.state().users.is_empty());
    // One DescribeInstance, because the identity depends on it, and one call for each change.
    assert_eq!(fake.state().calls.len(), 1 + changes.len() + 2);
}

#[tokio::test]
async fn what_could_clear_something_is_not_sent() {
    let fake = Fake::start().await;
    fake.state().user("u-1", "ada");
    let connect = fake.connect().await;
    let check = async |change: Change, code: &str| {
        let error = connect.perform(&change, &go_on()).await.unwrap_err();
        assert_eq!((error.disposition, error.code.as_str()), (Disposition::SkipPerson, code));
    };
    check(update(Facet::Identity, &[(Attribute::FirstName, Value::text("Ada"))], &[]), "incomplete").await;
    check(update(Facet::Phone, &[(Attribute::AutoAccept, Value::Flag(true))], &[]), "incomplete").await;
    check(update(Facet::Security, &[], &[]), "no_security_profile").await;
    check(update(Facet::Tags, &[], &[]), "no_tags").await;
    check(update(Facet::Tags, &[], &["rollcall:person"]), "owner_tag").await;
    check(update(Facet::Routing, &[(Attribute::RoutingProfile, Value::Flag(true))], &[]), "wrong_shape").await;
    let state = fake.state();
    let writes = state.calls.iter().filter(|(operation, _)| *operation != "DescribeInstance").count();
    assert_eq!(writes, 0);
}

async fn check_error(change: Change, fault: Fault, expected: Disposition, code: &str, sent: usize) {
    let fake = Fake::start().await;
    let operation = change.action.operation().name();
    fake.state().user("u-1", "somebody");
    fake.state().faults.insert(operation, (u32::MAX, fault.clone()));
    let error = fake.connect().await.perform(&change, &go_on()).await.unwrap_err();
    let context = format!("{operation} meets {fault:?}");
    assert_eq!((error.disposition, error.code.as_str()), (expected, code), "{context}");
    assert_eq!(fake.state().calls_of(operation), sent, "{context}");
    assert!(!error.hint.is_empty(), "{context}");
    assert!(error.request_id.is_some(), "{context}");
    assert!(!error.to_string().contains("ada"), "{context}: {error}");
}

#[tokio::test]
async fn errors_are_judged_by_code() {
    use Disposition::{AlreadySo, InDoubt, Misconfigured, NextRun, SkipPerson};
    let answer = |status, code| Fault::Status(status, code, "the user ada@example.com is not right");
    tokio::join!(
        check_error(create(), answer(409, "DuplicateResourceException"), NextRun, "DuplicateResourceException", 1),
        check_error(create(), answer(429, INSTANCE_FULL), SkipPerson, INSTANCE_FULL, 1),
        check_error(create(), answer(400, "InvalidParameterException"), SkipPerson, "InvalidParameterException", 1),
        check_error(create(), answer(500, "InternalServiceException"), InDoubt, "InternalServiceException", 1),
        check_error(create(), answer(502, ""), InDoubt, "http_502", 1),
        check_error(create(), answer(403, "AccessDeniedException"), Misconfigured, "AccessDeniedException", 1),
        check_error(create(), Fault::LostReply, InDoubt, "no_reply", 1),
        check_error(delete(), answer(404, "ResourceNotFoundException"), AlreadySo, "ResourceNotFoundException", 1),
        check_error(routing(), answer(404, "ResourceNotFoundException"), NextRun, "ResourceNotFoundException", 1),
        check_error(routing(), answer(400, "InvalidRequestException"), SkipPerson, "InvalidRequestException", 1),
        check_error(
            routing(),
            answer(403, "UnrecognizedClientException"),
            Misconfigured,
            "UnrecognizedClientException",
            1
        ),
        check_error(routing(), answer(403, "ExpiredTokenException"), Misconfigured, "ExpiredTokenException", 1),
        check_error(routing(), answer(500, "InternalServiceException"), NextRun, "InternalServiceException", 3),
        check_error(routing(), answer(503, ""), NextRun, "http_503", 3),
    );
}

#[tokio::test]
async fn a_lost_reply_creates_nobody_twice() {
    let fake = Fake::start().await;
    fake.state().faults.insert("CreateUser", (1, Fault::LostReply));
    let connect = fake.connect().await;
    assert_eq!(connect.perform(&create(), &go_on()).await.unwrap_err().disposition, Disposition::InDoubt);
    assert_eq!(fake.state().users.len(), 1, "it happened");
    assert_eq!(connect.calls()[&Operation::CreateUser], 1, "one attempt");
    let again = connect.perform(&create(), &go_on()).await.unwrap_err();
    assert_eq!(again.code, "DuplicateResourceException");
}

#[tokio::test]
async fn nobody_listening_stops_the_run() {
    // A port that was free a moment ago and has no listener.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = config(&format!("http://127.0.0.1:{port}"));
    let connect = AmazonConnect::connect(config, &Quotas::new()).await.unwrap();
    let error = connect.perform(&delete(), &go_on()).await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::StopRun, "unreachable"));
}

/// Accepts, reads a little, and hangs up.
async fn hang_up(listener: tokio::net::TcpListener, accepted: std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::AsyncReadExt;
    while let Ok((mut stream, _)) = listener.accept().await {
        accepted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let _ = stream.read(&mut [0; 512]).await;
    }
}

#[tokio::test]
async fn a_dropped_connection_leaves_a_create_in_doubt() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accepted = std::sync::Arc::default();
    tokio::spawn(hang_up(listener, std::sync::Arc::clone(&accepted)));
    let connect = AmazonConnect::connect(config(&url), &Quotas::new()).await.unwrap();
    connect.identity_management.set(IdentityManagement::Saml).unwrap();
    let error = connect.perform(&create(), &go_on()).await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::InDoubt, "no_reply"));
    assert_eq!(accepted.load(std::sync::atomic::Ordering::SeqCst), 1, "one attempt on the wire");
}

#[tokio::test]
async fn without_credentials_the_run_stops() {
    let fake = Fake::start().await;
    let mut connect = fake.connect().await;
    let bare = aws_sdk_connect::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-2"))
        .endpoint_url("http://127.0.0.1:1");
    connect.caller.client = aws_sdk_connect::Client::from_conf(bare.build());
    let error = connect.perform(&delete(), &go_on()).await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Misconfigured, "no_credentials"));
}

fn text<'a>(inventory: &'a Inventory, user: &str, attribute: Attribute) -> Option<&'a str> {
    match inventory.users[&ConnectUserId::from(user)].seen(attribute) {
        Seen::Known(Value::Text(text)) => Some(text),
        Seen::Known(Value::Named(named)) => Some(&named.name),
        _ => None,
    }
}

fn ids(inventory: &Inventory) -> Vec<&str> {
    inventory.users.keys().map(ConnectUserId::as_str).collect()
}

#[tokio::test]
async fn a_whole_look_joins_the_list_and_the_search() {
    let fake = Fake::start().await;
    {
        let mut state = fake.state();
        for at in 1..=5 {
            state.user(&format!("u-{at}"), &format!("user{at}"))["Tags"] = json!({"rollcall:person": "entra/1"});
        }
        state.user("u-2", "user2")["RoutingProfileId"] = json!("rp-9");
        state.not_indexed.insert("u-4".to_owned());
        let ghost = state.users["u-1"].clone();
        state.ghosts.insert("u-9".to_owned(), json!({"Id": "u-9", "Username": "gone", "Tags": ghost["Tags"]}));
        state.page = Some(2);
    }
    let connect = fake.connect().await;
    let inventory = connect.inventory(&Look::Everybody, false, None, at(0)).await.unwrap();
    assert_eq!(ids(&inventory), ["u-1", "u-2", "u-3", "u-4", "u-5"], "listed, whatever the index says");
    assert_eq!(text(&inventory, "u-1", Attribute::RoutingProfile), Some("Basic"));
    assert_eq!(text(&inventory, "u-2", Attribute::RoutingProfile), Some("rp-9"), "an unknown id is its own name");
    assert_eq!(text(&inventory, "u-1", Attribute::SecondaryEmail), None, "searches do not return it");
    assert_eq!(text(&inventory, "u-4", Attribute::SecondaryEmail), Some("u-4@example.com"), "read on its own");
    let user = &inventory.users[&ConnectUserId::from("u-1")];
    assert_eq!(user.owner, Some("entra/1".parse().unwrap()));
    assert_eq!(user.seen(Attribute::AfterContactWorkSecs), &Seen::Known(Value::Seconds(120)));
    assert_eq!(user.modified_at, Some(at(0)));
    assert_eq!(inventory.catalogue.hierarchy_groups.keys().collect::<Vec<_>>(), ["EMEA"]);
    assert_eq!(inventory.instance.identity_management, IdentityManagement::Saml);
    assert_eq!((connect.calls()[&Operation::SearchUsers], connect.calls()[&Operation::ListUsers]), (3, 3));
    assert_eq!(connect.calls()[&Operation::DescribeUser], 1);
}

#[tokio::test]
async fn details_stay_known_while_nobody_else_changes_the_user() {
    let fake = Fake::start().await;
    for user in ["u-1", "u-2", "u-3", "u-4"] {
        fake.state().user(user, user);
    }
    let connect = fake.connect().await;
    let everybody = BTreeSet::from(["u-1", "u-2", "u-3", "u-4"].map(ConnectUserId::from));
    let first = connect.inventory(&Look::Everybody, false, None, at(0)).await.unwrap();
    let these = Look::These { ids: everybody, usernames: BTreeSet::new() };
    let detailed = connect.inventory(&these, false, Some(&first), at(1)).await.unwrap();
    assert_eq!(text(&detailed, "u-1", Attribute::SecondaryEmail), Some("u-1@example.com"));
    assert_eq!(detailed.at, at(0), "a partial look keeps the time of the whole one");

    {
        let mut state = fake.state();
        state.users.get_mut("u-2").unwrap()["LastModifiedTime"] = json!(1_800_000_100);
        state.users.get_mut("u-3").unwrap()["LastModifiedTime"] = json!(1_800_000_100);
        // Our write of a second ago, which the index has not got yet.
        state.users.get_mut("u-4").unwrap()["LastModifiedTime"] = json!(1_800_000_199);
    }
    connect.set_own_writes(BTreeMap::from([("u-3".into(), at(103)), ("u-4".into(), at(199))]));
    let mut last = detailed;
    let care = [(Attribute::RoutingProfile, Value::Named(Named::new("rp-2", "Care")))].into_iter().collect();
    last.users.get_mut(&"u-4".into()).unwrap().apply(&care);
    let whole = connect.inventory(&Look::Everybody, false, Some(&last), at(200)).await.unwrap();
    assert_eq!(text(&whole, "u-1", Attribute::SecondaryEmail), Some("u-1@example.com"), "unmoved");
    assert_eq!(text(&whole, "u-2", Attribute::SecondaryEmail), None, "changed by somebody else");
    assert_eq!(text(&whole, "u-3", Attribute::SecondaryEmail), Some("u-3@example.com"), "moved by ourselves");
    assert_eq!(text(&whole, "u-4", Attribute::RoutingProfile), Some("Care"), "the index lags behind our write");

    connect.set_own_writes(BTreeMap::from([("u-4".into(), at(199))]));
    let later = at(200) + TimeDelta::seconds(60);
    let whole = connect.inventory(&Look::Everybody, false, Some(&last), later).await.unwrap();
    assert_eq!(text(&whole, "u-3", Attribute::SecondaryEmail), None, "not our write any more");
    assert_eq!(text(&whole, "u-4", Attribute::RoutingProfile), Some("Basic"), "by now the index is right");
}

#[tokio::test]
async fn a_partial_look_is_merged() {
    let fake = Fake::start().await;
    for user in ["u-1", "u-2", "u-3"] {
        fake.state().user(user, &format!("{user}@example.com"));
    }
    let connect = fake.connect().await;
    let last = connect.inventory(&Look::Everybody, false, None, at(0)).await.unwrap();
    {
        let mut state = fake.state();
        state.users.remove("u-2");
        state.users.remove("u-3");
        state.user("u-7", "joiner@example.com");
    }
    let look = Look::These {
        ids: BTreeSet::from(["u-2".into()]),
        usernames: BTreeSet::from(["joiner@example.com".to_owned(), "U-3@example.com".to_owned()]),
    };
    let merged = connect.inventory(&look, false, Some(&last), at(5)).await.unwrap();
    assert_eq!(ids(&merged), ["u-1", "u-7"], "u-3 is asked for because we know the name");
    assert_eq!(text(&merged, "u-7", Attribute::SecondaryEmail), Some("u-7@example.com"), "in every detail");
    assert_eq!(connect.calls()[&Operation::ListUsers], 1);

    let whole = fake.connect().await.inventory(&look, false, None, at(5)).await.unwrap();
    assert_eq!(ids(&whole), ["u-1", "u-7"], "without a last inventory, everybody");
}

#[tokio::test]
async fn only_quick_connects_to_users_come_along() {
    let fake = Fake::start().await;
    {
        let mut state = fake.state();
        let mut add = |id: &str, config: serde_json::Value| {
            let entry = json!({"QuickConnectId": id, "Name": format!("name of {id}"), "QuickConnectConfig": config});
            state.quick_connects.insert(id.to_owned(), entry);
        };
        add("q-1", json!({"QuickConnectType": "USER", "UserConfig": {"UserId": "u-1", "ContactFlowId": "f"}}));
        add("q-2", json!({"QuickConnectType": "PHONE_NUMBER", "PhoneConfig": {"PhoneNumber": "+442079460000"}}));
        state.page = Some(1);
    }
    let connect = fake.connect().await;
    let inventory = connect.inventory(&Look::Everybody, true, None, at(0)).await.unwrap();
    let found: Vec<_> = inventory.quick_connects.iter().map(|q| (q.named.id.as_str(), q.user.as_str())).collect();
    assert_eq!(found, [("q-1", "u-1")]);
    let named = inventory.quick_connects[0].named.clone();
    let flow = inventory.quick_connects[0].flow.clone();
    assert_eq!(flow.as_str(), "f");
    let step = |to| QuickConnectMove { named: named.clone(), flow: flow.clone(), to };
    connect.perform(&change(Action::MoveQuickConnect(Box::new(step(Some("u-2".into()))))), &go_on()).await.unwrap();
    let moved = connect.inventory(&Look::Everybody, true, None, at(0)).await.unwrap().quick_connects.remove(0);
    assert_eq!((moved.user.as_str(), moved.flow.as_str()), ("u-2", "f"), "the flow is sent along");
    let nowhere = connect.perform(&change(Action::MoveQuickConnect(Box::new(step(None)))), &go_on()).await.unwrap_err();
    assert_eq!((nowhere.disposition, nowhere.code.as_str()), (Disposition::SkipPerson, "no_target"));
    connect.perform(&change(Action::DeleteQuickConnect(named.clone())), &go_on()).await.unwrap();
    let again = connect.perform(&change(Action::DeleteQuickConnect(named)), &go_on()).await.unwrap_err();
    assert_eq!(again.disposition, Disposition::AlreadySo);
}

async fn check_look(prepare: impl FnOnce(&mut State), expected: Disposition, code: &str) {
    let fake = Fake::start().await;
    prepare(&mut fake.state());
    let error = fake.connect().await.inventory(&Look::Everybody, false, None, at(0)).await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_str()), (expected, code), "{error}");
}

#[tokio::test]
async fn half_a_look_is_no_look() {
    use Disposition::{Misconfigured, StopRun};
    let fault = |operation, fault| {
        move |state: &mut State| {
            state.faults.insert(operation, (u32::MAX, fault));
        }
    };
    check_look(fault("ListUsers", Fault::LoopingToken), StopRun, "repeated_token").await;
    check_look(fault("SearchUsers", Fault::LoopingToken), StopRun, "repeated_token").await;
    check_look(
        fault("ListSecurityProfiles", Fault::Status(403, "AccessDeniedException", "no")),
        Misconfigured,
        "AccessDeniedException",
    )
    .await;
    check_look(
        fault("DescribeInstance", Fault::Status(404, "ResourceNotFoundException", "no")),
        Misconfigured,
        "ResourceNotFoundException",
    )
    .await;
    check_look(fault("SearchUsers", Fault::LostReply), StopRun, "no_reply").await;
    check_look(|state| state.status = Some("CREATION_FAILED"), StopRun, "not_active").await;
    let lagging = |state: &mut State| {
        for at in 0..201 {
            let id = format!("u-{at}");
            state.user(&id, &id);
            state.not_indexed.insert(id);
        }
    };
    check_look(lagging, StopRun, "index_incomplete").await;
}

#[tokio::test]
async fn check_says_what_is_wrong_and_what_to_do() {
    let fake = Fake::start().await;
    fake.state().user("u-1", "ada");
    let (lines, _) = fake.connect().await.check().await;
    assert!(lines.iter().all(|line| line.ok));
    let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(text[0], "instance emea is active; users sign in by SAML");
    assert_eq!(text[1], "1 users");
    assert_eq!(text[2], "2 routing profiles, 2 security profiles, 1 hierarchy groups");

    fake.state().faults.insert("DescribeInstance", (1, Fault::Status(403, "AccessDeniedException", "not authorized")));
    let (lines, _) = fake.connect().await.check().await;
    assert!(!lines[0].ok);
    assert!(lines[0].hint.as_deref().unwrap().contains("connect:DescribeInstance"));
}

#[test]
fn the_cheapest_look_is_the_one_with_fewer_calls() {
    let check = |ids: usize, usernames: usize, users: usize, expected: bool| {
        let ids: BTreeSet<ConnectUserId> = (0..ids).map(|at| at.to_string().as_str().into()).collect();
        let usernames = (0..usernames).map(|at| at.to_string()).collect();
        let look = cheapest(ids, usernames, users);
        assert_eq!(look == Look::Everybody, expected, "{users} users");
    };
    check(1, 1, 10_000, false);
    check(30, 0, 10_000, false);
    check(31, 0, 10_000, true);
    check(0, 1_500, 10_000, false);
    check(3, 0, 10, true);
    check(0, 0, 0, false);
}
