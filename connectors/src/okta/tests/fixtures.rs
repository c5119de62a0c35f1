//! Answers in the forms the documentation shows, and answers nobody would expect.

use serde_json::{Value, json};

use super::super::fields::Fields;
use super::super::items::{GroupItem, LogEvent};
use super::super::people::{Statuses, Told};
use super::super::wire::{self, Assignments, Plain, UserItem, Users};
use super::*;
use crate::attributes::{DEPARTMENT, ENTITLEMENTS, MOBILE_PHONE, ROLES, STATUS};
use crate::directory::Standing;

fn parts(app: bool) -> (Fields, Statuses) {
    let scope = if app { OktaScope::App("x".into()) } else { OktaScope::Everybody };
    let config = OktaConfig {
        name: "okta".into(),
        org_url: Url::parse("https://example.okta.com").unwrap(),
        credential: OktaCredential::Token(SecretSource::Env("UNUSED".into())),
        scope,
        rule_groups: BTreeSet::new(),
        wanted: ["department", "mobilePhone"].into_iter().map(Into::into).collect(),
        fields: if app {
            let own = [("entitlements", "connectSecurityProfiles"), ("roles", "routingProfile")];
            own.into_iter().map(|(name, field)| (name.into(), field.to_owned())).collect()
        } else {
            BTreeMap::new()
        },
        statuses: BTreeMap::new(),
        rate_share: 0.5,
    };
    (Fields::new(&config).unwrap(), Statuses::new(&config))
}

fn told(items: Vec<UserItem>, statuses: &Statuses) -> Told {
    let mut told = Told::default();
    items.into_iter().for_each(|item| told.take(statuses, item, 1, |_| true));
    told
}

#[test]
fn an_expired_password_stays_and_a_leaver_is_disabled() {
    let text = r#"[{"id":"00u0000000000000001","status":"PASSWORD_EXPIRED","created":"2024-01-08T09:00:00.000Z","lastUpdated":"2026-03-02T10:16:10.000Z","statusChanged":"2026-03-02T10:16:10.000Z",
      "type":{"id":"oty1"},"profile":{"login":"mara.lind@example.com","email":"mara.lind@example.com","firstName":"Mara","lastName":"Lind","department":"Support"}},
     {"id":"00u0000000000000002","status":"DEPROVISIONED","created":"2023-05-02T09:00:00.000Z","lastUpdated":"2026-03-02T10:17:44.000Z","statusChanged":"2026-03-02T10:17:44.000Z",
      "type":{"id":"oty1"},"profile":{"login":"tom.rae@example.com","email":"tom.rae@example.com","firstName":"Tom","lastName":"Rae","mobilePhone":null}}]"#;
    let (fields, statuses) = parts(false);
    let told = told(wire::page(text.as_bytes(), Users(&fields)).unwrap(), &statuses);
    let one = &told.records[&"00u0000000000000001".into()].record;
    assert_eq!((one.standing, one.attributes.get(STATUS)), (Standing::Active, Some("PASSWORD_EXPIRED")));
    assert_eq!((one.attributes.get(DEPARTMENT), one.attributes.get(MOBILE_PHONE)), (Some("Support"), None));
    let other = &told.records[&"00u0000000000000002".into()].record;
    assert_eq!((other.standing, other.attributes.get(DEPARTMENT)), (Standing::Disabled, None));
    assert_eq!(told.newest, wire::time("2026-03-02T10:17:44.000Z"));
}

#[test]
fn a_group_whose_members_changed_has_two_clocks() {
    let text = r#"[{"id":"00g0000000000000001","created":"2022-01-01T00:00:00.000Z","lastUpdated":"2022-01-01T00:00:00.000Z","lastMembershipUpdated":"2026-03-02T10:18:03.000Z",
      "objectClass":["okta:user_group"],"type":"OKTA_GROUP","profile":{"name":"CC Berlin","description":null}}]"#;
    let items: Vec<GroupItem> = wire::page(text.as_bytes(), Plain::new()).unwrap();
    assert_eq!((items[0].name(), items[0].count()), (Some("CC Berlin"), None));
    assert_eq!(
        (items[0].members_changed(), items[0].changed()),
        (items[0].changed(), wire::time("2026-03-02T10:18:03.000Z"))
    );
}

#[test]
fn an_assignment_carries_its_user_and_its_roles() {
    let text = r#"[{"id":"00u0000000000000001","scope":"GROUP","status":"ACTIVE","created":"2026-02-01T08:00:00.000Z","lastUpdated":"2026-03-01T08:00:00.000Z",
      "credentials":{"userName":"mara.lind"},"profile":{"connectSecurityProfiles":["Supervisor","QA"],"routingProfile":"Tier2"},
      "_embedded":{"user":{"id":"00u0000000000000001","status":"ACTIVE","lastUpdated":"2026-03-01T08:00:00.000Z","profile":{"login":"mara.lind@example.com","email":"mara.lind@example.com","firstName":"Mara","lastName":"Lind"}}}}]"#;
    let (fields, statuses) = parts(true);
    let told = told(wire::page(text.as_bytes(), Assignments(&fields)).unwrap(), &statuses);
    let one = &told.records[&"00u0000000000000001".into()].record.attributes;
    assert_eq!((one.get(ENTITLEMENTS), one.get(ROLES)), (Some("Supervisor\nQA"), Some("Tier2")));
}

#[test]
fn an_assignment_about_two_people_or_none_is_held() {
    let user = |id: &str| json!({"id": id, "status": "ACTIVE", "profile": {"login": "a@example.com"}});
    let table = [
        ("whole", json!({"id": "u1", "_embedded": {"user": user("u1")}}), true),
        ("the user comes first", json!({"_embedded": {"user": user("u1")}, "id": "u1", "profile": {}}), true),
        ("two people", json!({"id": "u1", "_embedded": {"user": user("u2")}}), false),
        ("no user", json!({"id": "u1"}), false),
        ("null user", json!({"id": "u1", "_embedded": {"user": null}}), false),
        ("odd user", json!({"id": "u1", "_embedded": {"user": 5}}), false),
        ("odd embedding", json!({"id": "u1", "_embedded": []}), false),
        ("odd profile", json!({"id": "u1", "profile": 7, "_embedded": {"user": user("u1")}}), false),
        ("odd roles", json!({"id": "u1", "profile": {"routingProfile": {}}, "_embedded": {"user": user("u1")}}), false),
    ];
    let (fields, statuses) = parts(true);
    for (name, item, readable) in table {
        let text = json!([item]).to_string();
        let told = told(wire::page(text.as_bytes(), Assignments(&fields)).unwrap(), &statuses);
        assert_eq!(
            (told.records.len(), told.unreadable.len()),
            (usize::from(readable), usize::from(!readable)),
            "{name}"
        );
        assert!(readable || told.unreadable[0].id == Some("u1".into()), "{name}: {:?}", told.unreadable);
    }
}

#[test]
fn log_targets_are_found_by_type() {
    let text = r#"[{"uuid":"11111111-1111-4111-8111-111111111111","published":"2026-03-02T10:18:03.120Z","eventType":"group.user_membership.remove","outcome":{"result":"SUCCESS"},
      "target":[{"type":"UserGroup","id":"00g0000000000000001","displayName":"CC Berlin"},{"type":"User","id":"00u0000000000000002","alternateId":"tom.rae@example.com"}]},
     {"uuid":"22222222-2222-4222-8222-222222222222","published":"2026-03-02T10:18:01.000Z","eventType":"user.lifecycle.deactivate","outcome":{"result":"FAILURE","reason":"..."},
      "target":[{"type":"User","id":"00u0000000000000003"}]}]"#;
    let events: Vec<LogEvent> = wire::page(text.as_bytes(), Plain::new()).unwrap();
    assert_eq!(events[0].targets("UserGroup").collect::<Vec<_>>(), ["00g0000000000000001"]);
    assert_eq!(events[0].targets("User").collect::<Vec<_>>(), ["00u0000000000000002"]);
    assert!(events[0].succeeded() && !events[1].succeeded() && events[0].published() > events[1].published());
}

#[test]
fn of_two_occurrences_the_later_change_counts() {
    let user = |department: &str, changed: Value| json!({"id": "u1", "status": "ACTIVE", "lastUpdated": changed, "profile": {"login": "a", "department": department}});
    let (older, newer) = (json!("2026-03-02T10:18:01.000Z"), json!("2026-03-02T10:18:02.000Z"));
    let (fields, statuses) = parts(false);
    for (first, second, expected) in [
        (&older, &newer, "second"),
        (&newer, &older, "first"),
        (&newer, &newer, "second"),
        (&newer, &Value::Null, "first"),
    ] {
        let text = json!([user("first", first.clone()), user("second", second.clone())]).to_string();
        let told = told(wire::page(text.as_bytes(), Users(&fields)).unwrap(), &statuses);
        assert_eq!(told.records[&"u1".into()].record.attributes.get(DEPARTMENT), Some(expected));
    }
}

proptest::proptest! {
    /// Whatever arrives, reading it neither panics nor invents people.
    #[test]
    fn nothing_can_be_read_into_noise(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let (fields, _) = parts(true);
        if let Ok(items) = wire::page(&bytes, Users(&fields)) {
            proptest::prop_assert!(items.is_empty() || bytes.contains(&b'['));
        }
        if let Ok(items) = wire::page(&bytes, Assignments(&fields)) {
            proptest::prop_assert!(items.is_empty() || bytes.contains(&b'['));
        }
    }

    /// A value of any type anywhere costs at most its own record.
    #[test]
    fn one_odd_value_costs_one_record(
        property in proptest::sample::select(vec!["id", "status", "lastUpdated", "profile", "_embedded"]),
        value in proptest::sample::select(vec![json!(1), json!(-1), json!(1.5), json!("x"), json!(true), json!([]),
            json!([[1]]), json!({}), json!({"a": {"b": 1}}), json!([null]), json!(null), json!({"login": {}})]),
    ) {
        let mut odd = json!({"id": "u1", "status": "ACTIVE", "profile": {"login": "a"}});
        odd[property] = value;
        let text = json!([odd, {"id": "u2", "status": "ACTIVE", "profile": {"login": "b"}}]).to_string();
        let (fields, statuses) = parts(false);
        let told = told(wire::page(text.as_bytes(), Users(&fields)).unwrap(), &statuses);
        proptest::prop_assert!(told.records.contains_key(&"u2".into()));
        proptest::prop_assert_eq!(told.count(), 2);
    }
}
