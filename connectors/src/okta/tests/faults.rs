//! What goes wrong: every fault is an error, never an empty list.

use serde_json::Value;
use wiremock::ResponseTemplate;

use super::fake::refusal;
use super::*;
use PullErrorKind::{Forbidden, ForeignLink, NotFound, Protocol, Refused, RemoteFailure, Throttled, Unauthorized};

fn page(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn scope_of(part: &str) -> OktaScope {
    match part {
        "/users?" => OktaScope::Everybody,
        "/users?expand=user" => OktaScope::App(app_id(1)),
        _ => groups(&["Agents"]),
    }
}

#[tokio::test]
async fn no_broken_page_becomes_a_list() {
    let broken = |own: &str| -> Vec<(&'static str, ResponseTemplate, PullErrorKind)> {
        let item = json!([{"id": id(1), "status": "ACTIVE", "profile": {"login": "a@example.com"}}]);
        let with = |links: &[String]| {
            links.iter().fold(page(&item), |answer, link| answer.append_header("link", link.as_str()))
        };
        let next = |link: &str| format!("<{link}>; rel=\"next\"");
        let html = ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html");
        let cut = ResponseTemplate::new(200).set_body_raw(r#"[{"id":"00u"#, "application/json");
        let far_away = refusal(429, "E0000047")
            .insert_header("x-rate-limit-limit", "600")
            .insert_header("x-rate-limit-remaining", "0")
            .insert_header("x-rate-limit-reset", "1999999999");
        let after = ResponseTemplate::new(200).set_body_raw("[] x", "application/json");
        vec![
            ("loop", with(&[next(&format!("{own}/api/v1/loop?after=1"))]), Protocol),
            ("two next links", with(&[next(&format!("{own}/a")), next(&format!("{own}/b"))]), Protocol),
            ("half a link", with(&[format!("<{own}/a; rel=\"next\"")]), Protocol),
            ("a relative link", with(&[next("/api/v1/users?after=1")]), Protocol),
            ("a foreign link", with(&[next("https://evil.example.com/api/v1/users?after=1")]), ForeignLink),
            ("a foreign port", with(&[next("http://127.0.0.1:1/api/v1/users?after=1")]), ForeignLink),
            ("an error with 200", page(&json!({"errorCode": "E0000009"})), Protocol),
            ("an object", page(&json!({"value": []})), Protocol),
            ("null", page(&Value::Null), Protocol),
            ("html", html, Protocol),
            ("cut short", cut, Protocol),
            ("more than a page", after, Protocol),
            ("empty", ResponseTemplate::new(200), Protocol),
            ("redirect", ResponseTemplate::new(302).insert_header("location", own), ForeignLink),
            ("bad search", refusal(400, "E0000031"), Refused),
            ("bad filter", refusal(400, "E0000053"), Refused),
            ("invalid token", refusal(401, "E0000011"), Unauthorized),
            ("feature off", refusal(401, "E0000015"), Forbidden),
            ("no permission", refusal(403, "E0000006"), Forbidden),
            ("cookie expected", refusal(403, "E0000005"), Unauthorized),
            ("not there", refusal(404, "E0000007"), NotFound),
            ("throttled for long", refusal(429, "E0000047").insert_header("retry-after", "301"), Throttled),
            ("throttled until far away", far_away, Throttled),
            ("throttled for ever", refusal(429, "E0000047").insert_header("retry-after", "0"), Throttled),
            ("timed out for ever", refusal(500, "E0000009"), RemoteFailure),
            ("down", refusal(503, "E0000010"), RemoteFailure),
        ]
    };
    let count = broken("x").len();
    for part in ["/users?", "/users?limit", "/users?expand=user"] {
        for at in 0..count {
            let fake = company().await;
            let (name, answer, kind) = broken(&fake.server.uri()).swap_remove(at);
            fake.world().fault(part, 100, answer.clone());
            // A walk is sent round in circles by the page it is sent to.
            fake.world().fault("/loop", 100, answer);
            let error = Rig::new(fake, scope_of(part), &[]).pull().await.expect_err(name);
            assert_eq!(error.kind, kind, "{part}, {name}: {error}");
            let shown = format!("{error} {error:?}");
            assert!(
                !error.hint.is_empty() && !shown.contains('@') && !shown.contains("after="),
                "{part}, {name}: {shown}"
            );
            assert!(error.operation.starts_with("GET /api/v1/"), "{error}");
        }
    }
}

/// The same in mid-list, where the first pages were good.
#[tokio::test]
async fn a_fault_in_mid_list_loses_the_whole_list() {
    for (part, status, kind) in [
        ("after=", 401, Unauthorized),
        ("after=", 403, Forbidden),
        ("after=", 404, NotFound),
        ("after=", 503, RemoteFailure),
    ] {
        for scope in [OktaScope::Everybody, groups(&["Agents"])] {
            for followed in [false, true] {
                let mut rig = Rig::new(company().await, scope.clone(), &[]);
                if followed {
                    rig.start().await;
                    (1..=9).for_each(|number| rig.fake.world().put(number, json!({"department": "Sales"})));
                    rig.fake.world().join(1, 9);
                }
                rig.fake.world().fault(part, 100, refusal(status, ""));
                let error = rig.pull().await.unwrap_err();
                assert_eq!(error.kind, kind, "{status}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_takes_too_long_is_read_in_smaller_pages() {
    let fake = company().await;
    fake.world().page_size = 200;
    for large in ["limit=200", "limit=100", "limit=50"] {
        fake.world().fault(&format!("/users?{large}"), 100, refusal(500, "E0000009"));
    }
    let mut rig = Rig::new(fake, OktaScope::Everybody, &[]);
    assert_eq!(rig.full().await.content().users.len(), 10);
    let asked: Vec<String> = rig.seen().into_iter().filter(|address| address.starts_with("/users?")).collect();
    let sizes: Vec<&str> =
        asked.iter().filter_map(|address| address.strip_prefix("/users?")?.split('&').next()).collect();
    assert_eq!(sizes, ["limit=200", "limit=100", "limit=50", "limit=25"], "{asked:?}");
    assert!(
        asked.iter().all(|address| address.contains("search=lastUpdated ge") && address.contains("sortBy=lastUpdated"))
    );
}

/// From the page that failed, not from the start; and the link as it is first, because it is to be taken so.
#[tokio::test]
async fn a_link_that_takes_too_long_is_asked_for_again_and_then_read_in_smaller_pieces_from_its_place() {
    for (failures, expected) in [(1, &[true, true, true, true, true][..]), (4, &[true, true, true, true, true, false])]
    {
        let fake = company().await;
        fake.world().fault("/users?after", failures, refusal(500, "E0000009"));
        let mut rig = Rig::new(fake, OktaScope::Everybody, &[]);
        assert_eq!(rig.full().await.content().users.len(), 10);
        let asked: Vec<String> = rig.seen().into_iter().filter(|address| address.starts_with("/users?")).collect();
        let limits: Vec<bool> = asked.iter().map(|address| address.contains("limit=200")).collect();
        assert_eq!(limits[..expected.len()], *expected, "{failures} failures: {asked:?}");
    }
}

/// An org that refuses a link that was altered: the failure before is what is told.
#[tokio::test]
async fn a_link_that_may_not_be_altered_fails_with_what_was_wrong_before() {
    let fake = company().await;
    fake.world().fault("limit=100", 9, refusal(400, "E0000001"));
    fake.world().fault("/users?after", 9, refusal(500, "E0000009"));
    let rig = Rig::new(fake, OktaScope::Everybody, &[]);
    let error = rig.pull().await.unwrap_err();
    assert!(error.message.contains("500"), "{error}");
}

#[tokio::test]
async fn passing_failures_are_waited_out() {
    for answer in [refusal(503, ""), refusal(502, ""), refusal(429, "E0000047").insert_header("retry-after", "0.01")] {
        let fake = company().await;
        fake.world().fault("/users?", 2, answer);
        let mut rig = Rig::new(fake, OktaScope::Everybody, &[]);
        assert_eq!(rig.full().await.content().users.len(), 10);
    }
}

#[tokio::test]
async fn an_error_names_the_request_and_what_is_missing_and_no_person() {
    let table = [
        (OktaScope::Everybody, "/users?", "GET /api/v1/users", "okta.users.read"),
        (groups(&["Agents"]), "/users?limit", "GET /api/v1/groups/{id}/users", "okta.groups.read"),
        (OktaScope::App(app_id(1)), "/apps/", "GET /api/v1/apps/{id}", "okta.apps.read"),
    ];
    for (scope, part, operation, hint) in table {
        let fake = company().await;
        let answer = refusal(403, "E0000006").insert_header("x-okta-request-id", "req-1");
        fake.world().fault(part, 1, answer);
        let error = Rig::new(fake, scope.clone(), &[]).pull().await.unwrap_err();
        assert_eq!(error.to_string(), format!("{operation}: answered with status 403, E0000006 (request req-1)"));
        assert!(error.hint.contains(hint), "{}", error.hint);
        let fake = company().await;
        fake.world().fault(part, 1, refusal(403, "E0000006"));
        let error = Rig::new(fake, scope, &[]).pull().await.unwrap_err();
        assert_eq!(error.request_id.as_deref(), Some("oaeTest1"), "the error's own id, where the header is missing");
    }
}

#[tokio::test]
async fn a_group_or_application_that_is_gone_holds_its_people() {
    for count in [1, 6] {
        let fake = company().await;
        (11..16).for_each(|number| fake.world().group(number, &format!("G{number}")));
        let names = ["Agents", "G11", "G12", "G13", "G14", "G15"];
        let mut rig = Rig::new(fake, groups(&names[..count]), &[]);
        rig.start().await;
        {
            let mut world = rig.fake.world();
            world.groups.remove(&group_id(1));
            world.log("group.lifecycle.delete", "SUCCESS", &[("UserGroup", group_id(1))]);
        }
        let error = rig.pull().await.unwrap_err();
        assert_eq!(error.kind, NotFound, "{count}");
        assert!(error.message.contains(&group_id(1)) && error.hint.contains("held"), "{error}");
    }
    let mut rig = Rig::new(company().await, OktaScope::App("Contact centre".into()), &[]);
    rig.start().await;
    rig.fake.world().apps.clear();
    let error = rig.pull().await.unwrap_err();
    assert!(error.kind == NotFound && error.message.contains(&app_id(1)), "{error}");
}

#[tokio::test]
async fn a_token_that_was_changed_is_taken_up_in_mid_pull() {
    let rig = Rig::new(company().await, OktaScope::Everybody, &[]);
    let path = rig.secret.0.clone();
    rig.fake.world().happens("/users?limit", move |world| {
        world.credential = "SSWS another".to_owned();
        std::fs::write(&path, "another").unwrap();
    });
    // The first page is answered with the old one; the second one asks anew.
    assert!(matches!(rig.pull().await, Ok(Pull::Full(_))));
}

#[tokio::test]
async fn a_credential_goes_nowhere_else() {
    let elsewhere = wiremock::MockServer::start().await;
    let fake = company().await;
    let link = format!("<{}/api/v1/users?after=1>; rel=\"next\"", elsewhere.uri());
    let item = json!([{"id": id(1), "status": "ACTIVE", "profile": {"login": "a@example.com"}}]);
    fake.world().fault("/users?", 1, page(&item).append_header("link", link.as_str()));
    assert_eq!(Rig::new(fake, OktaScope::Everybody, &[]).pull().await.unwrap_err().kind, ForeignLink);
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_group_that_lists_nobody_any_more_is_told_and_no_list_of_nobody_is_made_up() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.start().await;
    (1..=5).for_each(|member| rig.fake.world().leave(1, member));
    let delta = rig.delta().await;
    // It is the truth here; the store refuses to believe that everybody left.
    assert!(delta.relisted.into_values().all(|list| list.into_members().is_empty()));
    rig.fake.world().join(1, 1);
    rig.fake.world().fault("/users?limit", 1, page(&json!([])));
    rig.fake.world().fault("/users?limit", 1, page(&json!([])));
    let delta = rig.delta().await;
    assert!(delta.relisted.is_empty() && delta.joined.is_empty() && delta.notes.len() == 1, "{:?}", delta.notes);
}
