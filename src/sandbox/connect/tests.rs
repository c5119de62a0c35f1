//! The instance, driven by the client AWS publishes, and by hand where that client would not send bad input.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_connect::Client;
use aws_sdk_connect::config::retry::RetryConfig;
use aws_sdk_connect::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_connect::error::ProvideErrorMetadata;
use aws_sdk_connect::operation::RequestId;
use aws_sdk_connect::operation::create_user::builders::CreateUserFluentBuilder;
use aws_sdk_connect::types::{ControlPlaneTagFilter, TagCondition};
use aws_sdk_connect::types::{
    HierarchyGroupCondition, HierarchyGroupMatchType, PhoneNumberQuickConnectConfig, PhoneType, QuickConnectConfig,
    QuickConnectType, StringComparisonType, StringCondition, UserIdentityInfo, UserPhoneConfig, UserQuickConnectConfig,
    UserSearchCriteria, UserSearchFilter,
};
use serde_json::{Value, json};

use super::{ConnectSettings, ConnectState, IdentityManagement, User};
use crate::sandbox::faults::{Fault, FaultKind};
use crate::sandbox::quota::{Bucket, QuotaSettings};
use crate::sandbox::{Sandbox, Settings, tests as raw};

struct Rig {
    sandbox: Sandbox,
    client: Client,
    routing: String,
    security: String,
}

impl Rig {
    async fn start(change: impl FnOnce(&mut ConnectSettings)) -> Self {
        let mut settings = Settings::new(raw::start_of_story(), crate::sandbox::company::Company::plain(3));
        settings.connect.search_lag = Duration::ZERO;
        settings.connect.quota = QuotaSettings::unlimited();
        change(&mut settings.connect);
        let sandbox = Sandbox::start(settings).await.unwrap();
        let config = aws_sdk_connect::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(&sandbox.addresses.connect_url)
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        let routing = sandbox.connect.add_routing_profile("Basic");
        let security = sandbox.connect.add_security_profile("Agent");
        Self { client: Client::from_conf(config), sandbox, routing, security }
    }

    fn state(&self) -> &ConnectState {
        &self.sandbox.connect
    }

    fn instance(&self) -> String {
        self.state().settings().instance_id
    }

    fn create(&self, username: &str) -> CreateUserFluentBuilder {
        self.client
            .create_user()
            .instance_id(self.instance())
            .username(username)
            .identity_info(names("Anna", "Meier").build())
            .security_profile_ids(&self.security)
            .routing_profile_id(&self.routing)
    }

    async fn created(&self, username: &str) -> String {
        self.create(username).send().await.unwrap().user_id.unwrap()
    }

    async fn search(&self, criteria: UserSearchCriteria) -> BTreeSet<String> {
        let found = self.client.search_users().instance_id(self.instance()).search_criteria(criteria).send().await;
        found.unwrap().users.unwrap().into_iter().map(|user| user.username.unwrap()).collect()
    }

    /// A request the client would not send, signed well enough.
    async fn raw(&self, method: &str, path: &str, body: &Value) -> raw::Answer {
        let path = path.replace("{i}", &self.instance());
        raw::signed(&self.sandbox.addresses.connect_url, "connect", method, &path, &[], &body.to_string()).await
    }

    fn valid(&self) -> Value {
        json!({
            "Username": "anna", "IdentityInfo": { "FirstName": "Anna", "LastName": "Meier" },
            "SecurityProfileIds": [self.security], "RoutingProfileId": self.routing,
        })
    }
}

fn names(first: &str, last: &str) -> aws_sdk_connect::types::builders::UserIdentityInfoBuilder {
    UserIdentityInfo::builder().first_name(first).last_name(last)
}

fn string(field: &str, kind: StringComparisonType, value: &str) -> UserSearchCriteria {
    let condition = StringCondition::builder().field_name(field).comparison_type(kind).value(value).build();
    UserSearchCriteria::builder().string_condition(condition).build()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_user_lives_from_creation_to_deletion() {
    let rig = Rig::start(|_| ()).await;
    let (client, instance) = (&rig.client, rig.instance());
    let group = rig.state().add_group(&["EMEA", "Berlin"]);
    let second = rig.state().add_security_profile("Supervisor");
    let other = rig.state().add_routing_profile("Premium");
    let created = rig
        .create("anna.meier@example.com")
        .identity_info(names("Anna", "Meier").secondary_email("anna@example.com").mobile("+4917012345").build())
        .tags("team", "blue")
        .send()
        .await
        .unwrap();
    let request_id = created.request_id().unwrap().to_owned();
    let (id, arn) = (created.user_id.unwrap(), created.user_arn.unwrap());
    assert!(arn.ends_with(&format!("/agent/{id}")));
    let user = async || client.describe_user().instance_id(&instance).user_id(&id).send().await.unwrap().user.unwrap();
    let fresh = user().await;
    let phone = fresh.phone_config.clone().unwrap();
    assert_eq!(phone.phone_type, PhoneType::SoftPhone);
    assert_eq!(phone.desk_phone_number.as_deref(), Some(""), "an absent number is shown as an empty text");
    assert_eq!(fresh.tags.as_ref().unwrap()["team"], "blue");

    let info = names("Anne", "Meier").build();
    client.update_user_identity_info().instance_id(&instance).user_id(&id).identity_info(info).send().await.unwrap();
    let desk = UserPhoneConfig::builder()
        .phone_type(PhoneType::DeskPhone)
        .desk_phone_number("+49301234")
        .after_contact_work_time_limit(30)
        .auto_accept(true)
        .build();
    client.update_user_phone_config().instance_id(&instance).user_id(&id).phone_config(desk).send().await.unwrap();
    client
        .update_user_routing_profile()
        .instance_id(&instance)
        .user_id(&id)
        .routing_profile_id(&other)
        .send()
        .await
        .unwrap();
    let profiles = client.update_user_security_profiles().instance_id(&instance).user_id(&id);
    profiles.security_profile_ids(&second).security_profile_ids(&rig.security).send().await.unwrap();
    client.update_user_hierarchy().instance_id(&instance).user_id(&id).hierarchy_group_id(&group).send().await.unwrap();
    client.tag_resource().resource_arn(&arn).tags("site", "Köln").send().await.unwrap();
    client.untag_resource().resource_arn(&arn).tag_keys("team").tag_keys("absent").send().await.unwrap();

    let changed = user().await;
    let info = changed.identity_info.unwrap();
    assert_eq!(info.first_name.as_deref(), Some("Anne"));
    assert_eq!((info.secondary_email, info.mobile), (None, None), "members that were not sent are cleared");
    assert_eq!(changed.phone_config.unwrap().after_contact_work_time_limit, 30);
    assert_eq!(changed.security_profile_ids.unwrap(), [second, rig.security.clone()]);
    assert_eq!(changed.hierarchy_group_id, Some(group));
    assert_eq!(changed.tags.unwrap(), HashMap::from([("site".to_owned(), "Köln".to_owned())]));
    assert!(changed.last_modified_time > fresh.last_modified_time);
    let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags["site"], "Köln");

    client.update_user_hierarchy().instance_id(&instance).user_id(&id).send().await.unwrap();
    assert_eq!(user().await.hierarchy_group_id, None);
    client.delete_user().instance_id(&instance).user_id(&id).send().await.unwrap();
    let again = client.delete_user().instance_id(&instance).user_id(&id).send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceNotFoundException"));

    let journal = rig.state().journal();
    let operations: Vec<&str> = journal.iter().map(|write| write.operation.as_str()).collect();
    assert_eq!(operations.len(), 10, "{operations:?}");
    assert_eq!((operations[0], operations[9]), ("CreateUser", "DeleteUser"));
    assert_eq!(journal[0].request_id, request_id);
    assert!(
        journal.iter().all(|write| write.resource == id && write.username.as_deref() == Some("anna.meier@example.com"))
    );
    assert_eq!(rig.state().quota().calls()["DeleteUser"].calls, 2);
}

#[tokio::test]
async fn bad_users_are_refused_and_change_nothing() {
    let rig = Rig::start(|_| ()).await;
    let fifty_one: BTreeMap<String, String> = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
    for (member, value, code) in [
        ("Username", json!(null), "InvalidParameterException"),
        ("Username", json!("anna+1"), "InvalidParameterException"),
        ("Username", json!(7), "InvalidRequestException"),
        ("IdentityInfo", json!(null), "InvalidParameterException"),
        ("IdentityInfo", json!({ "FirstName": "A" }), "InvalidParameterException"),
        ("IdentityInfo", json!({ "FirstName": "a".repeat(256), "LastName": "M" }), "InvalidParameterException"),
        (
            "IdentityInfo",
            json!({ "FirstName": "A", "LastName": "M", "Email": "a@example.com" }),
            "InvalidParameterException",
        ),
        (
            "IdentityInfo",
            json!({ "FirstName": "A", "LastName": "M", "SecondaryEmail": "a" }),
            "InvalidParameterException",
        ),
        ("IdentityInfo", json!({ "FirstName": "A", "LastName": "M", "Mobile": "0301" }), "InvalidParameterException"),
        ("Password", json!("Secret123"), "InvalidParameterException"),
        ("DirectoryUserId", json!("d"), "InvalidParameterException"),
        ("SecurityProfileIds", json!([]), "InvalidParameterException"),
        ("SecurityProfileIds", json!(vec![rig.security.clone(); 11]), "InvalidParameterException"),
        ("SecurityProfileIds", json!(["unknown"]), "ResourceNotFoundException"),
        ("RoutingProfileId", json!("unknown"), "ResourceNotFoundException"),
        ("HierarchyGroupId", json!("unknown"), "ResourceNotFoundException"),
        ("PhoneConfig", json!({ "PhoneType": "FAX" }), "InvalidParameterException"),
        ("PhoneConfig", json!({ "AfterContactWorkTimeLimit": -1 }), "InvalidParameterException"),
        ("PhoneConfig", json!({ "AfterContactWorkTimeLimit": 2_000_001 }), "InvalidParameterException"),
        ("PhoneConfig", json!({ "DeskPhoneNumber": "123" }), "InvalidParameterException"),
        ("AutoAcceptConfigs", json!([{ "Channel": "FAX", "AutoAccept": true }]), "InvalidParameterException"),
        ("Tags", json!({}), "InvalidParameterException"),
        ("Tags", json!({ "aws:x": "1" }), "InvalidParameterException"),
        ("Tags", json!(fifty_one), "InvalidParameterException"),
    ] {
        let mut body = rig.valid();
        body[member] = value.clone();
        let answer = rig.raw("PUT", "/users/{i}", &body).await;
        assert_eq!(answer.header("x-amzn-errortype"), Some(code), "{member}: {value}");
        assert!(answer.body.contains("\"Message\""));
    }
    let mut both = rig.valid();
    both["PhoneConfig"] = json!({ "AutoAccept": true });
    both["AutoAcceptConfigs"] = json!([{ "Channel": "VOICE", "AutoAccept": true }]);
    assert_eq!(rig.raw("PUT", "/users/{i}", &both).await.status, 400);
    assert!(rig.state().users().is_empty() && rig.state().journal().is_empty());

    assert_eq!(rig.raw("PUT", "/users/{i}", &rig.valid()).await.status, 200, "the pattern of all of the above is fine");
    let twice = rig.raw("PUT", "/users/{i}", &rig.valid()).await;
    assert_eq!((twice.status, twice.header("x-amzn-errortype")), (409, Some("DuplicateResourceException")));
    let mut other_case = rig.valid();
    other_case["Username"] = json!("Anna");
    assert_eq!(rig.raw("PUT", "/users/{i}", &other_case).await.status, 200, "usernames are case sensitive");
    assert_eq!(rig.raw("GET", "/users/other/x", &json!(null)).await.status, 404);
    assert_eq!(rig.raw("GET", "/nothing", &json!(null)).await.status, 404);
    let path = format!("/users/{{i}}/{}/hierarchy", rig.state().users()[0].id);
    assert_eq!(rig.raw("POST", &path, &json!([])).await.header("x-amzn-errortype"), Some("InvalidRequestException"));
}

#[tokio::test]
async fn identities_connect_manages_need_a_password_and_an_address() {
    let rig = Rig::start(|settings| settings.identity = IdentityManagement::ConnectManaged).await;
    let refused = rig.create("anna").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterException"));
    let info = || names("Anna", "Meier").email("anna@example.com").build();
    for (password, fine) in
        [("short1A", false), ("alllower1", false), ("NoDigitsHere", false), ("Secret 123", false), ("Secret123", true)]
    {
        let result = rig.create("anna").identity_info(info()).password(password).send().await;
        assert_eq!(result.is_ok(), fine, "{password}");
    }
    let id = rig.state().user_by_username("anna").unwrap().id;
    let update = rig.client.update_user_identity_info().instance_id(rig.instance()).user_id(id);
    assert!(update.identity_info(names("Anna", "Meier").build()).send().await.is_err(), "Email may not be cleared");
}

#[tokio::test]
async fn limits_of_the_instance_answer_like_throttling() {
    let rig = Rig::start(|settings| (settings.user_limit, settings.quick_connect_limit) = (1, 1)).await;
    let id = rig.created("one").await;
    let refused = rig.create("two").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 429);
    assert_eq!(refused.code(), Some("LimitExceededException"));

    let quick = |name: &str, config: QuickConnectConfig| {
        rig.client.create_quick_connect().instance_id(rig.instance()).name(name).quick_connect_config(config).send()
    };
    let user = UserQuickConnectConfig::builder().user_id(&id).contact_flow_id("flow").build().unwrap();
    let to_user =
        QuickConnectConfig::builder().quick_connect_type(QuickConnectType::User).user_config(user).build().unwrap();
    let number = PhoneNumberQuickConnectConfig::builder().phone_number("+49301").build().unwrap();
    let to_number = QuickConnectConfig::builder()
        .quick_connect_type(QuickConnectType::PhoneNumber)
        .phone_config(number)
        .build()
        .unwrap();
    let made = quick("Anna", to_user.clone()).await.unwrap().quick_connect_id.unwrap();
    assert_eq!(quick("Anna", to_user.clone()).await.unwrap_err().code(), Some("DuplicateResourceException"));
    assert_eq!(quick("Other", to_number).await.unwrap_err().code(), Some("LimitExceededException"));

    let point = |quick: &str, config: QuickConnectConfig| {
        let request = rig.client.update_quick_connect_config().instance_id(rig.instance()).quick_connect_id(quick);
        request.quick_connect_config(config).send()
    };
    let nobody = UserQuickConnectConfig::builder().user_id("nobody").contact_flow_id("flow").build().unwrap();
    let nobody =
        QuickConnectConfig::builder().quick_connect_type(QuickConnectType::User).user_config(nobody).build().unwrap();
    assert_eq!(point(&made, nobody).await.unwrap_err().code(), Some("ResourceNotFoundException"));
    assert_eq!(point("none", to_user.clone()).await.unwrap_err().code(), Some("ResourceNotFoundException"));
    point(&made, to_user.clone()).await.unwrap();
    assert_eq!(rig.state().journal().last().unwrap().operation, "UpdateQuickConnectConfig");

    rig.client.delete_user().instance_id(rig.instance()).user_id(&id).send().await.unwrap();
    let found = rig.client.search_quick_connects().instance_id(rig.instance()).send().await.unwrap();
    let entry = &found.quick_connects.unwrap()[0];
    assert_eq!(entry.quick_connect_config.as_ref(), Some(&to_user), "it outlives the user it leads to");
    rig.client.delete_quick_connect().instance_id(rig.instance()).quick_connect_id(&made).send().await.unwrap();
    let listed = rig.client.list_quick_connects().instance_id(rig.instance()).send().await.unwrap();
    assert!(listed.quick_connect_summary_list.unwrap().is_empty());
}

#[tokio::test]
async fn pages_end_with_the_missing_token_and_hold_everything_once() {
    for short in [false, true] {
        let rig = Rig::start(|settings| settings.short_pages = short).await;
        rig.state().seed_users(1203, &rig.routing, &rig.security);
        let mut listed = Vec::new();
        let mut pages = rig.client.list_users().instance_id(rig.instance()).into_paginator().page_size(200).send();
        let mut lengths = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let users = page.unwrap().user_summary_list.unwrap();
            lengths.insert(users.len());
            listed.extend(users.into_iter().map(|user| user.username.unwrap()));
        }
        assert_eq!(lengths.contains(&0), short);
        assert_eq!((listed.len(), listed.iter().collect::<BTreeSet<_>>().len()), (1203, 1203));
        let mut found = 0;
        let mut pages = rig.client.search_users().instance_id(rig.instance()).into_paginator().page_size(500).send();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert_eq!(page.approximate_total_count, Some(1203));
            found += page.users.unwrap().len();
        }
        assert_eq!(found, 1203);
    }
}

#[tokio::test]
async fn page_sizes_and_tokens_are_checked() {
    let rig = Rig::start(|_| ()).await;
    rig.state().seed_users(3, &rig.routing, &rig.security);
    let list = || rig.client.list_users().instance_id(rig.instance());
    for size in [0, 1001] {
        assert_eq!(list().max_results(size).send().await.unwrap_err().code(), Some("InvalidParameterException"));
    }
    let search = || rig.client.search_users().instance_id(rig.instance());
    assert_eq!(search().max_results(501).send().await.unwrap_err().code(), Some("InvalidParameterException"));
    let token = list().max_results(1).send().await.unwrap().next_token.unwrap();
    assert_eq!(search().next_token(&token).send().await.unwrap_err().code(), Some("InvalidParameterException"));
    assert_eq!(list().next_token("x").send().await.unwrap_err().code(), Some("InvalidParameterException"));
    assert!(list().next_token(&token).send().await.unwrap().next_token.is_none());
}

#[tokio::test]
async fn searches_find_by_criteria_and_filters() {
    use StringComparisonType::{Contains, Exact, StartsWith};
    let rig = Rig::start(|_| ()).await;
    let (top, leaf) = (rig.state().add_group(&["EMEA"]), rig.state().add_group(&["EMEA", "Berlin"]));
    let anna = rig.created("anna.meier").await;
    rig.create("bob.meier").hierarchy_group_id(&leaf).tags("team", "blue").send().await.unwrap();
    let info = names("Carla", "Klein").build();
    rig.create("carla").hierarchy_group_id(&top).tags("team", "red").identity_info(info).send().await.unwrap();

    assert_eq!(rig.search(string("Username", Exact, "anna.meier")).await, set(["anna.meier"]));
    assert_eq!(rig.search(string("Username", Exact, "anna")).await, set([]));
    assert_eq!(rig.search(string("username", Contains, "meier")).await, set(["anna.meier", "bob.meier"]));
    assert_eq!(rig.search(string("LastName", StartsWith, "Kl")).await, set(["carla"]));
    assert_eq!(rig.search(string("RoutingProfileId", Exact, &rig.routing)).await.len(), 3);
    let (one, two) = (string("resourceId", Exact, &anna), string("FirstName", Exact, "Carla"));
    let either = UserSearchCriteria::builder().or_conditions(one.clone()).or_conditions(two.clone()).build();
    assert_eq!(rig.search(either).await, set(["anna.meier", "carla"]));
    let both = UserSearchCriteria::builder().and_conditions(one).and_conditions(two).build();
    assert_eq!(rig.search(both).await, set([]));
    for (kind, expected) in [
        (HierarchyGroupMatchType::Exact, set(["carla"])),
        (HierarchyGroupMatchType::WithChildGroups, set(["bob.meier", "carla"])),
    ] {
        let condition = HierarchyGroupCondition::builder().value(&top).hierarchy_group_match_type(kind).build();
        assert_eq!(
            rig.search(UserSearchCriteria::builder().hierarchy_group_condition(condition).build()).await,
            expected
        );
    }

    let blue = TagCondition::builder().tag_key("team").tag_value("blue").build();
    let filter =
        UserSearchFilter::builder().tag_filter(ControlPlaneTagFilter::builder().tag_condition(blue).build()).build();
    let found = rig.client.search_users().instance_id(rig.instance()).search_filter(filter).send().await.unwrap();
    assert_eq!(found.approximate_total_count, Some(1));
    assert_eq!(found.users.unwrap()[0].username.as_deref(), Some("bob.meier"));

    for bad in [string("Email", Exact, "x"), string("Username", Contains, "x")] {
        let refused = rig.client.search_users().instance_id(rig.instance()).search_criteria(bad).send().await;
        assert_eq!(refused.unwrap_err().code(), Some("InvalidParameterException"));
    }
}

#[tokio::test]
async fn searches_lag_and_show_less() {
    let rig = Rig::start(|settings| settings.search_lag = Duration::from_secs(3600)).await;
    rig.state().seed_users(1, &rig.routing, &rig.security);
    let id = rig.created("anna").await;
    assert!(rig.state().remove_user("agent00001"));
    let all = || UserSearchCriteria::builder().build();
    assert_eq!(rig.search(all()).await, set(["agent00001"]), "the state before the two writes");
    let bert = rig.state().put_user(User { username: "bert".to_owned(), ..User::default() });
    assert_eq!(rig.search(all()).await, set(["agent00001", "bert"]), "what is seeded does not lag");
    assert_eq!(rig.state().user_by_username("bert").unwrap().id, bert);
    assert!(rig.state().remove_user("bert"));
    let listed = rig.client.list_users().instance_id(rig.instance()).send().await.unwrap().user_summary_list.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id.as_ref(), Some(&id));
    rig.state().configure(|settings| settings.search_lag = Duration::ZERO);
    assert_eq!(rig.search(all()).await, set(["anna"]));

    rig.state().edit_user("anna", |user| {
        user.phone_config.after_contact_work_time_limit = Some(30);
        user.identity_info.secondary_email = Some("anna@example.com".to_owned());
    });
    let found = rig.client.search_users().instance_id(rig.instance()).send().await.unwrap().users.unwrap();
    assert_eq!(found[0].phone_config.as_ref().unwrap().after_contact_work_time_limit, 30_000, "milliseconds here only");
    let body = json!({ "InstanceId": rig.instance() });
    let answer = rig.raw("POST", "/search-users", &body).await;
    assert!(!answer.body.contains("anna@example.com") && answer.body.contains("Meier"));
    assert_eq!(rig.state().journal().len(), 1, "hand edits are in no journal");
}

#[tokio::test]
async fn the_catalogue_can_be_read() {
    let rig = Rig::start(|_| ()).await;
    let (client, instance) = (&rig.client, rig.instance());
    let described = client.describe_instance().instance_id(&instance).send().await.unwrap().instance.unwrap();
    assert_eq!(described.identity_management_type.unwrap().as_str(), "SAML");
    assert_eq!(described.instance_status.unwrap().as_str(), "ACTIVE");
    let listed = client.list_instances().send().await.unwrap().instance_summary_list.unwrap();
    assert_eq!(listed[0].arn, described.arn);
    let routing = client.list_routing_profiles().instance_id(&instance).send().await.unwrap();
    assert_eq!(routing.routing_profile_summary_list.unwrap()[0].name.as_deref(), Some("Basic"));
    let security = client.list_security_profiles().instance_id(&instance).send().await.unwrap();
    assert_eq!(security.security_profile_summary_list.unwrap()[0].id.as_ref(), Some(&rig.security));

    let leaf = rig.state().add_group(&["EMEA", "Berlin"]);
    let made = client.create_user_hierarchy_group().instance_id(&instance).name("Desk").parent_group_id(&leaf);
    let desk = made.clone().send().await.unwrap().hierarchy_group_id.unwrap();
    assert_eq!(made.send().await.unwrap_err().code(), Some("DuplicateResourceException"));
    let found =
        client.search_user_hierarchy_groups().instance_id(&instance).send().await.unwrap().user_hierarchy_groups;
    let found = found.unwrap();
    assert_eq!(found.len(), 4, "three groups and the ground");
    assert_eq!(found.iter().filter(|group| group.level_id.as_deref() == Some("0")).count(), 1);
    let entry = found.iter().find(|group| group.id.as_ref() == Some(&desk)).unwrap();
    let path = entry.hierarchy_path.as_ref().unwrap();
    assert_eq!(path.level_one.as_ref().unwrap().name.as_deref(), Some("EMEA"));
    assert_eq!(path.level_three.as_ref().unwrap().id.as_ref(), Some(&desk));
    assert_eq!((path.level_four.is_none(), entry.level_id.as_deref()), (true, Some("3")));
}

#[tokio::test(start_paused = true)]
async fn throttling_takes_turns_between_two_codes() {
    let operations = BTreeMap::from([("ListUsers".to_owned(), Some(Bucket { per_second: 1.0, burst: 1.0 }))]);
    let rig = Rig::start(|settings| settings.quota = QuotaSettings { default: None, operations }).await;
    let path = "/users-summary/{i}";
    assert_eq!(rig.raw("GET", path, &json!(null)).await.status, 200);
    let mut codes = BTreeSet::new();
    for _ in 0..2 {
        let answer = rig.raw("GET", path, &json!(null)).await;
        assert_eq!(answer.status, 429);
        codes.insert(answer.header("x-amzn-errortype").unwrap().to_owned());
    }
    assert_eq!(codes, set(["ThrottlingException", "TooManyRequestsException"]));
    let calls = rig.state().quota().calls()["ListUsers"];
    assert_eq!((calls.calls, calls.throttled), (3, 2));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(rig.raw("GET", path, &json!(null)).await.status, 200);
}

#[tokio::test]
async fn a_lost_reply_is_a_committed_write_without_an_answer() {
    let rig = Rig::start(|_| ()).await;
    let fault = |operation: &str, kind| Fault {
        service: "connect".to_owned(),
        operation: Some(operation.to_owned()),
        skip: 0,
        times: 1,
        kind,
    };
    rig.sandbox.faults.add(fault("CreateUser", FaultKind::LostReply));
    let lost = rig.create("anna").send().await.unwrap_err();
    assert!(lost.raw_response().is_none(), "no answer at all: {lost:?}");
    assert_eq!(rig.state().journal().len(), 1);
    assert_eq!(rig.create("anna").send().await.unwrap_err().code(), Some("DuplicateResourceException"));

    let list = || rig.client.list_users().instance_id(rig.instance()).send();
    rig.sandbox.faults.add(fault("ListUsers", FaultKind::EmptyPage));
    assert!(list().await.unwrap().user_summary_list.unwrap().is_empty());
    rig.sandbox.faults.add(fault("ListUsers", FaultKind::NullFields));
    let hollow = list().await.unwrap().user_summary_list.unwrap();
    assert!(hollow[0].id.is_some() && hollow[0].username.is_none());
    for kind in [FaultKind::Truncated, FaultKind::Html] {
        rig.sandbox.faults.add(fault("ListUsers", kind));
        assert!(list().await.is_err());
    }
    rig.sandbox.faults.add(fault(
        "ListUsers",
        FaultKind::Status {
            status: 500,
            code: "InternalServiceException".to_owned(),
            message: String::new(),
            retry_after: Some("1".to_owned()),
        },
    ));
    assert_eq!(list().await.unwrap_err().code(), Some("InternalServiceException"));

    rig.created("bob").await;
    rig.created("carl").await;
    let page = async |token: Option<String>| {
        let request = rig.client.list_users().instance_id(rig.instance()).max_results(1).set_next_token(token);
        request.send().await.unwrap().next_token
    };
    let second = page(None).await;
    rig.sandbox.faults.add(fault("ListUsers", FaultKind::LoopingLink));
    assert_eq!(page(second.clone()).await, second);
    assert_eq!(list().await.unwrap().user_summary_list.unwrap().len(), 3, "every fault is spent");
}

#[tokio::test]
async fn only_signed_requests_are_heard() {
    let rig = Rig::start(|_| ()).await;
    let url = &rig.sandbox.addresses.connect_url;
    let path = format!("/users-summary/{}", rig.instance());
    let answer = raw::send(url, "GET", &path, &[], "").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("MissingAuthenticationTokenException")));
    assert!(answer.header("x-amzn-requestid").is_some());
    let answer = raw::signed(url, "logs", "GET", &path, &[], "").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    assert!(rig.state().quota().calls().is_empty());
}
