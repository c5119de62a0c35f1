//! Who is read, and what is read of them.

use serde_json::Value;

use super::*;
use crate::attributes::{DEPARTMENT, ENTITLEMENTS, MANAGER, MOBILE_PHONE, ROLES, STATUS, USERNAME};
use crate::directory::{DirectoryGroup, Edge, Scope, Silence, Standing};

#[tokio::test]
async fn every_scope_finds_its_people() {
    let everybody: Vec<u32> = (1..=10).collect();
    let table: [(&str, OktaScope, Scope, &[u32], usize); 5] = [
        ("everybody", OktaScope::Everybody, Scope::Everybody, &everybody, 4),
        ("a group", groups(&["Agents"]), Scope::Groups([group_id(1).into()].into()), &[1, 2, 3, 4, 5], 9),
        ("a group by id", groups(&[&group_id(1)]), Scope::Groups([group_id(1).into()].into()), &[1, 2, 3, 4, 5], 9),
        (
            "an application",
            OktaScope::App("Contact centre".into()),
            Scope::Groups([app_id(1).into()].into()),
            &[1, 2, 3],
            7,
        ),
        ("an application by id", OktaScope::App(app_id(1)), Scope::Groups([app_id(1).into()].into()), &[1, 2, 3], 7),
    ];
    for (name, scope, expected_scope, expected, edges) in table {
        let mut rig = Rig::new(company().await, scope, &[RULE]);
        let (content, _) = rig.full().await.into_parts();
        let expected: Vec<ExternalId> = expected.iter().map(|number| person(*number)).collect();
        assert_eq!(content.users.keys().cloned().collect::<Vec<_>>(), expected, "{name}");
        assert_eq!(content.edges.len(), edges, "{name}");
        assert_eq!(content.scope, Some(expected_scope), "{name}");
        let one = &content.users[&person(1)];
        assert_eq!((one.attributes.get(DEPARTMENT), one.standing), (Some("Care"), Standing::Active), "{name}");
        assert_eq!(one.attributes.get(STATUS), Some("ACTIVE"), "{name}");
        assert!(content.unreadable.is_empty() && content.notes.is_empty(), "{name}: {:?}", content.notes);
        // Who left is told by the log and by point reads; a role may hide somebody and look whole.
        assert_eq!(content.silence, Silence::MustBeAsked, "{name}");
        assert_eq!(content.requests as usize, rig.seen().len(), "{name}");
        let rule = DirectoryGroup { id: group_id(2).into(), name: Some(RULE.to_owned()) };
        assert!(content.groups.contains(&rule), "{name}: {:?}", content.groups);
    }
}

#[tokio::test]
async fn statuses_mean_what_the_table_says_or_the_configuration() {
    use StatusMeaning::{Active, Disabled, Hold};
    let own = [("suspended".to_owned(), Active), ("RECOVERY".to_owned(), Hold), ("ODD".to_owned(), Disabled)];
    let table: [(&str, Option<Standing>, Option<Standing>); 11] = [
        ("ACTIVE", Some(Standing::Active), Some(Standing::Active)),
        ("PASSWORD_EXPIRED", Some(Standing::Active), Some(Standing::Active)),
        ("LOCKED_OUT", Some(Standing::Active), Some(Standing::Active)),
        ("RECOVERY", Some(Standing::Active), None),
        ("STAGED", Some(Standing::Disabled), Some(Standing::Disabled)),
        ("PROVISIONED", Some(Standing::Disabled), Some(Standing::Disabled)),
        ("SUSPENDED", Some(Standing::Disabled), Some(Standing::Active)),
        ("DEPROVISIONED", Some(Standing::Disabled), Some(Standing::Disabled)),
        ("ACTIVATING", None, None),
        ("ODD", None, Some(Standing::Disabled)),
        ("see mara@example.com", None, None),
    ];
    for overridden in [false, true] {
        let fake = Fake::start().await;
        for (number, (status, ..)) in (1..).zip(&table) {
            fake.world().put(number, json!({}));
            fake.world().status(number, status);
        }
        let mut rig = Rig::with(fake, OktaScope::Everybody, &[], |config| {
            if overridden {
                config.statuses.extend(own.clone());
            }
        });
        let (content, _) = rig.full().await.into_parts();
        for (number, (status, usual, with_own)) in (1..).zip(&table) {
            let expected = if overridden { with_own } else { usual };
            let read = content.users.get(&person(number));
            assert_eq!(read.map(|record| record.standing), *expected, "{status}");
            assert_eq!(read.and_then(|record| record.attributes.get(STATUS)), expected.map(|_| *status), "{status}");
            let held = content.unreadable.iter().find(|one| one.id == Some(person(number)));
            assert_eq!(held.is_none(), expected.is_some(), "{status}");
            if let Some(held) = held {
                assert_eq!(held.why.contains(&format!("status \"{status}\"")), !status.contains('@'), "{}", held.why);
                assert!(!held.why.contains('@'), "{}", held.why);
            }
        }
    }
}

#[tokio::test]
async fn fields_are_read_from_where_the_configuration_says() {
    let fake = Fake::start().await;
    fake.world().put(1, json!({"managerId": "m-7", "costCenter": 17, "skills": ["b", "a", "b"], "remote": true,
        "primaryPhone": "+44 1", "organization": "Example Ltd", "employeeNumber": "e7", "Abteilung": "Care", "title": ""}));
    fake.world().put(2, json!({"managerId": "m-8", "manager": "Mara Lind"}));
    fake.world().app(1, "Contact centre");
    fake.world().assign(1, 1, json!({"ENTITLEMENTS": "Agent", "connectRole": ["Tier2", "Tier1"]}));
    fake.world().assign(1, 2, json!({"entitlements": [], "roles": null}));
    let wanted = ["manager", "cost_center", "skills", "remote", "work_phone", "company", "employee_id", "department"];
    let mut rig = Rig::with(fake, OktaScope::App("Contact centre".into()), &[], |config| {
        config.wanted = wanted.into_iter().map(Into::into).collect();
        let fields = [("department", "profile.Abteilung"), ("roles", "appuser profile.connectRole"), ("mail", "login")];
        config.fields = fields.into_iter().map(|(name, field)| (name.into(), field.to_owned())).collect();
    });
    let (content, _) = rig.full().await.into_parts();
    let read: Vec<(&str, &str)> =
        content.users[&person(1)].attributes.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(
        read,
        [
            ("business_phone", "+44 1"),
            ("company", "Example Ltd"),
            ("cost_center", "17"),
            ("department", "Care"),
            ("employee_id", "e7"),
            ("entitlements", "Agent"),
            ("family_name", "Lovelace"),
            ("given_name", "Ada"),
            ("mail", "user1@example.com"),
            ("manager", "m-7"),
            ("remote", "true"),
            ("roles", "Tier2\nTier1"),
            ("skills", "b\na"),
            ("status", "ACTIVE"),
            ("username", "user1@example.com"),
        ]
    );
    let other = &content.users[&person(2)].attributes;
    assert_eq!((other.get(MANAGER), other.get(ENTITLEMENTS), other.get(ROLES)), (Some("Mara Lind"), None, None));
    for (name, field) in [
        ("department", "profile.Abteilung"),
        ("login", "profile.login"),
        ("mailbox_name", "profile.login"),
        ("manager", "profile.manager"),
        ("entitlements", "appuser profile.entitlements"),
        ("roles", "appuser profile.connectRole"),
        ("status", "status"),
        ("division", "profile.division"),
        ("badge", "profile.badge"),
    ] {
        assert_eq!(rig.source.field_of(&name.into()), field);
    }
    let rig = Rig::new(Fake::start().await, OktaScope::Everybody, &[]);
    assert_eq!(rig.source.field_of(&"entitlements".into()), "profile.entitlements");
}

#[tokio::test]
async fn an_application_gives_entitlements_and_roles_at_every_pull() {
    let mut rig = Rig::new(company().await, OktaScope::App("Contact centre".into()), &[]);
    let (content, cursor) = rig.full().await.into_parts();
    let app = DirectoryGroup { id: app_id(1).into(), name: Some("Contact centre".into()) };
    assert_eq!(content.groups, [app]);
    let one = &content.users[&person(1)].attributes;
    assert_eq!((one.get(ENTITLEMENTS), one.get(ROLES)), (Some("Agent\nQA"), Some("Tier2")));
    rig.cursor = Some(cursor);
    rig.fake.world().assign(1, 9, json!({"roles": "Tier1"}));
    rig.fake.world().unassign(1, 2);
    rig.fake.world().assign(1, 3, json!({"entitlements": "Supervisor"}));
    let (content, _) = rig.full().await.into_parts();
    assert_eq!(content.users.keys().cloned().collect::<Vec<_>>(), [person(1), person(3), person(9)]);
    let three = &content.users[&person(3)].attributes;
    assert_eq!((three.get(ENTITLEMENTS), three.get(ROLES)), (Some("Supervisor"), None));
    let edge = Edge { group: app_id(1).into(), member: person(9) };
    assert!(content.edges.contains(&edge) && content.edges.len() == 3);
}

#[tokio::test]
async fn deactivated_people_are_read_and_are_disabled() {
    for scope in [OktaScope::Everybody, groups(&["Agents"])] {
        let fake = company().await;
        fake.world().status(1, "DEPROVISIONED");
        let mut rig = Rig::new(fake, scope, &[]);
        let (content, _) = rig.full().await.into_parts();
        assert_eq!(content.users[&person(1)].standing, Standing::Disabled);
    }
}

#[tokio::test]
async fn a_name_that_fits_nothing_or_two_things_is_refused() {
    let table: [(&str, OktaScope, PullErrorKind, &str); 7] = [
        ("no group", groups(&["Nobody's"]), PullErrorKind::NotFound, "no group named `Nobody's`"),
        ("other case", groups(&["agents"]), PullErrorKind::NotFound, "there is one named `Agents`"),
        ("two groups", groups(&["Twice"]), PullErrorKind::Refused, "2 groups are named `Twice`"),
        ("an id of nothing", groups(&[&group_id(77)]), PullErrorKind::NotFound, "no group named"),
        ("no application", OktaScope::App("Contact".into()), PullErrorKind::NotFound, "no application labelled"),
        ("two applications", OktaScope::App("Twice".into()), PullErrorKind::Refused, "2 applications are labelled"),
        ("no groups", groups(&[]), PullErrorKind::Refused, "the scope names no group"),
    ];
    for (name, scope, kind, words) in table {
        let fake = company().await;
        for number in 5..7 {
            fake.world().group(number, "Twice");
            fake.world().app(number, "Twice");
        }
        let error = Rig::new(fake, scope, &[]).pull().await.expect_err(name);
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(error.message.contains(words) && !error.hint.is_empty(), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_search_that_is_ignored_names_no_group() {
    let fake = company().await;
    let everything = json!([{"id": group_id(7), "type": "OKTA_GROUP", "profile": {"name": "Something else"},
        "lastMembershipUpdated": "2026-03-02T10:18:03.000Z"}]);
    fake.world().fault("search=profile.name", 1, wiremock::ResponseTemplate::new(200).set_body_json(everything));
    assert_eq!(Rig::new(fake, groups(&["Agents"]), &[]).pull().await.unwrap_err().kind, PullErrorKind::NotFound);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_costs_no_other() {
    let fake = Fake::start().await;
    let user = |number: u32, more: Value| {
        let mut user = json!({"id": id(number), "status": "ACTIVE", "lastUpdated": "2026-03-02T10:16:10.000Z",
            "profile": {"login": "a@example.com"}});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let body = json!([
        user(1, json!({})), user(2, json!({"profile": {"login": "a@example.com", "department": {"a": 1}}})),
        user(3, json!({"status": ["ACTIVE"]})), {"status": "ACTIVE", "profile": {"login": "b@example.com"}}, 5, null, ["x"],
        user(4, json!({"profile": {"login": "a@example.com", "department": 7}})), user(5, json!({"profile": null})),
        user(6, json!({"status": null})), user(7, json!({"profile": "x"})),
    ]);
    fake.world().fault("/users?", 1, wiremock::ResponseTemplate::new(200).set_body_json(body));
    let (content, _) = Rig::new(fake, OktaScope::Everybody, &[]).full().await.into_parts();
    assert_eq!(content.users.keys().cloned().collect::<Vec<_>>(), [person(1), person(4)]);
    let mut spoilt: Vec<_> = content.unreadable.iter().map(|one| one.id.clone()).collect();
    spoilt.sort();
    let held = [2, 3, 5, 6, 7].map(|number| Some(person(number)));
    assert_eq!(spoilt, [[None, None, None, None].as_slice(), &held].concat());
    assert!(content.unreadable.iter().all(|one| one.page == 1 && !one.why.is_empty() && !one.why.contains('@')));
}

#[tokio::test]
async fn logins_that_are_hidden_everywhere_are_a_missing_permission() {
    for scope in [OktaScope::Everybody, groups(&["Agents"]), OktaScope::App("Contact centre".into())] {
        let fake = company().await;
        fake.world().users.values_mut().for_each(|user| user["profile"] = json!({"login": null}));
        let error = Rig::new(fake, scope, &[]).pull().await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::Forbidden);
        assert!(error.hint.contains("okta.users.read"));
    }
}

#[tokio::test]
async fn an_org_of_nobody_is_not_believed() {
    let error = Rig::new(Fake::start().await, OktaScope::Everybody, &[]).pull().await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Implausible);
}

/// In whatever order and in pages of whatever size people come, they are the same people.
#[tokio::test]
async fn the_order_of_pages_does_not_matter() {
    for scope in [OktaScope::Everybody, groups(&["Agents"]), OktaScope::App("Contact centre".into())] {
        let mut shown = Vec::new();
        for (page_size, reversed) in [(1, false), (2, true), (3, false), (4, true), (100, false), (100, true)] {
            let fake = company().await;
            (fake.world().page_size, fake.world().reversed) = (page_size, reversed);
            let (content, _) = Rig::new(fake, scope.clone(), &[RULE]).full().await.into_parts();
            let users: Vec<_> =
                content.users.into_iter().map(|(id, user)| (id, user.attributes, user.standing)).collect();
            shown.push((users, content.edges, content.groups));
        }
        assert!(shown.iter().all(|one| *one == shown[0] && one.0.iter().all(|user| user.1.get(USERNAME).is_some())));
        assert!(shown[0].0.iter().all(|(_, attributes, _)| attributes.get(MOBILE_PHONE).is_none()));
    }
}
