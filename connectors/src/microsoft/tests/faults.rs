//! What goes wrong: every fault is an error or a full pull, never an empty list.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::tenant::{group_id, id};
use super::*;
use PullErrorKind::{BoundReached, Forbidden, ForeignLink, NotFound, Protocol, Refused, Throttled, Unauthorized};

const AGENTS: Reads<'_> = Reads { scope: Some(&["Agents"]), rules: &[], nested: false };

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"code": code, "message": "Words."}}))
}

fn page(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn every_shape_of_a_dead_link_leads_to_a_full_pull() {
    let inner = json!({"error": {"code": "", "innererror": {"code": "ResyncRequired"}}});
    let located = "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=";
    let table: Vec<(&str, ResponseTemplate, Option<PullErrorKind>)> = vec![
        ("410", ResponseTemplate::new(410).insert_header("location", located), None),
        ("410 with a code", refusal(410, "resyncRequired"), None),
        ("400 sync state", refusal(400, "syncStateNotFound"), None),
        ("404 sync state", refusal(404, "SyncStateNotFound"), None),
        ("inner code", ResponseTemplate::new(400).set_body_json(inner), None),
        ("too old", refusal(400, "Request_UnsupportedQuery"), None),
        ("malformed", refusal(400, "Request_BadRequest"), Some(Refused)),
        ("not there", refusal(404, "Request_ResourceNotFound"), Some(NotFound)),
        ("forbidden", refusal(403, "Authorization_RequestDenied"), Some(Forbidden)),
    ];
    for part in ["/users/delta?$deltatoken=1", "/groups/delta?$deltatoken"] {
        for (name, answer, expected) in &table {
            let mut rig = Rig::new(company().await, AGENTS).await;
            rig.start().await;
            rig.fake.tenant().fault(part, 1, answer.clone());
            match (rig.pull().await, expected) {
                (Ok(Pull::Full(snapshot)), None) => assert_eq!(snapshot.content().users.len(), 5, "{name}"),
                (Err(error), Some(kind)) => assert_eq!(error.kind, *kind, "{name}"),
                (other, _) => panic!("{part}, {name}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_query_is_no_dead_link_where_nothing_was_stored() {
    let rig = Rig::new(company().await, AGENTS).await;
    rig.fake.tenant().fault("/users/delta", 1, refusal(400, "Request_UnsupportedQuery"));
    assert_eq!(rig.pull().await.unwrap_err().kind, Refused);
}

/// Only the first page's link was stored; the code of a malformed query says something else on a later one.
#[tokio::test]
async fn a_malformed_query_is_no_dead_link_on_a_later_page() {
    for (code, dead) in [("Request_UnsupportedQuery", false), ("syncStateNotFound", true)] {
        let mut rig = Rig::new(company().await, AGENTS).await;
        rig.start().await;
        for number in 1..=5 {
            rig.fake.tenant().put(number, json!({"department": "Sales"}));
        }
        rig.fake.tenant().fault("$skiptoken=10_15_3", 1, refusal(400, code));
        let pulled = rig.pull().await;
        assert_eq!(matches!(pulled, Ok(Pull::Full(_))), dead, "{code}: {pulled:?}");
        assert_eq!(pulled.err().map(|error| error.kind), (!dead).then_some(Refused), "{code}");
    }
}

#[tokio::test]
async fn no_broken_page_becomes_a_list() {
    let broken = |fake: &Fake| -> Vec<(&'static str, ResponseTemplate, PullErrorKind)> {
        let own = format!("{}/v1.0/users/delta", fake.server.uri());
        let item = json!({"id": id(1), "userPrincipalName": "a@example.com", "accountEnabled": true});
        let looped = json!({"value": [item], "@odata.nextLink": format!("{own}?$select={SELECT}")});
        let both = json!({"value": [], "@odata.nextLink": format!("{own}?a"), "@odata.deltaLink": format!("{own}?b")});
        let foreign = json!({"value": [], "@odata.nextLink": "https://evil.example.com/v1.0/users/delta?x"});
        let foreign_delta = json!({"value": [], "@odata.deltaLink": "https://evil.example.com/v1.0/users/delta?x"});
        let nulls = json!({"value": [{"id": id(31), "userPrincipalName": null, "accountEnabled": null}]});
        let html = ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html");
        let cut = ResponseTemplate::new(200).set_body_raw(r#"{"value":[{"id":"0a"#, "application/json");
        let redirect = ResponseTemplate::new(302).insert_header("location", own.as_str());
        vec![
            ("loop", page(looped), Protocol),
            ("both links", page(both), Protocol),
            ("neither link", page(json!({"value": []})), Protocol),
            ("no value", page(json!({"@odata.deltaLink": own})), Protocol),
            ("null value", page(json!({"value": null, "@odata.deltaLink": own})), Protocol),
            ("an error with 200", page(json!({"error": {"code": "x"}})), Protocol),
            ("a list", page(json!([])), Protocol),
            ("foreign next link", page(foreign), ForeignLink),
            ("foreign delta link", page(foreign_delta), ForeignLink),
            ("html", html, Protocol),
            ("cut short", cut, Protocol),
            ("empty", ResponseTemplate::new(200), Protocol),
            ("redirect", redirect, ForeignLink),
            ("may not see", page(nulls), Forbidden),
            ("throttled for long", ResponseTemplate::new(429).insert_header("retry-after", "301"), Throttled),
            ("throttled for ever", ResponseTemplate::new(429).insert_header("retry-after", "0"), Throttled),
            ("down", ResponseTemplate::new(503), PullErrorKind::RemoteFailure),
            ("expired for ever", refusal(400, "Directory_ExpiredPageToken"), BoundReached),
        ]
    };
    let names = broken(&Fake::start().await).len();
    for at in 0..names {
        let fake = company().await;
        let (name, answer, kind) = broken(&fake).swap_remove(at);
        fake.tenant().fault("/users/delta", 100, answer);
        let rig = Rig::new(fake, Reads::default()).await;
        let error = rig.pull().await.expect_err(name);
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(!error.hint.is_empty() && !format!("{error} {error:?}").contains("deltatoken"), "{name}: {error:?}");
    }
}

/// What the rig selects.
const SELECT: &str = "id,accountEnabled,department,displayName,givenName,jobTitle,mobilePhone,surname,\
                      userPrincipalName,userType";

#[tokio::test]
async fn a_page_that_was_retried_is_fetched_once_more() {
    let mut rig = Rig::new(company().await, Reads::default()).await;
    let throttled = ResponseTemplate::new(429).insert_header("retry-after", "0.01");
    rig.fake.tenant().fault("$skiptoken=new_10_3", 1, throttled);
    let (content, _) = rig.full().await.into_parts();
    assert_eq!(content.users.len(), 10);
    // Four pages, the failed attempt, and the page once more.
    assert_eq!(content.requests, 4 + 1 + 1);
}

#[tokio::test]
async fn a_token_that_ends_mid_listing_is_renewed() {
    let mut rig = Rig::new(company().await, Reads::default()).await;
    rig.start().await;
    rig.fake.tenant().expire_token();
    rig.cursor = None;
    assert_eq!(rig.full().await.content().users.len(), 10);
    rig.fake.tenant().refuse_tokens = true;
    let error = rig.pull().await.unwrap_err();
    assert_eq!(error.kind, Unauthorized);
}

#[tokio::test]
async fn twenty_refusals_at_once_renew_the_token_once() {
    let rig = Rig::new(company().await, Reads::default()).await;
    let asked = [ExternalId::from(id(1))];
    rig.source.confirm(&asked).await.unwrap();
    rig.fake.tenant().expire_token();
    let all = (0..20).map(|_| rig.source.confirm(&asked));
    for found in futures_util::future::join_all(all).await {
        assert_eq!(found.unwrap().len(), 1);
    }
    let requests = rig.fake.server.received_requests().await.unwrap();
    let tokens = requests.iter().filter(|request| request.url.path().ends_with("/token")).count();
    assert_eq!(tokens, 2);
}

#[tokio::test]
async fn a_scope_of_no_groups_is_not_a_listing_of_nobody() {
    for nested in [false, true] {
        let reads = Reads { scope: Some(&[]), rules: &["Agents"], nested };
        assert_eq!(Rig::new(company().await, reads).await.pull().await.unwrap_err().kind, Refused);
    }
}

#[tokio::test]
async fn a_listing_whose_page_expired_starts_again() {
    let mut rig = Rig::new(company().await, Reads::default()).await;
    rig.fake.tenant().fault("$skiptoken=new_10_6", 2, refusal(400, "Directory_ExpiredPageToken"));
    let (content, _) = rig.full().await.into_parts();
    assert_eq!((content.users.len(), content.requests), (10, 3 + 3 + 4));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_costs_no_other() {
    let fake = company().await;
    let own = format!("{}/v1.0/users/delta?$deltatoken=10", fake.server.uri());
    let user = |number: u32, more: Value| {
        let mut user = json!({"id": id(number), "userPrincipalName": "a@example.com", "accountEnabled": true});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let body = json!({"@odata.deltaLink": own, "value": [
        user(1, json!({})), user(2, json!({"department": {"a": 1}})), user(3, json!({"accountEnabled": "yes"})),
        {"userPrincipalName": "b@example.com", "accountEnabled": true}, 5, null, ["x"],
        user(4, json!({"department": 7})), {"id": id(5), "accountEnabled": true}, {"id": id(6), "@removed": {}},
    ]});
    fake.tenant().fault("/users/delta", 1, page(body));
    let mut rig = Rig::new(fake, Reads::default()).await;
    let (content, _) = rig.full().await.into_parts();
    let read: Vec<String> = content.users.keys().map(ToString::to_string).collect();
    assert_eq!(read, [id(1), id(4)]);
    let mut spoilt: Vec<_> = content.unreadable.iter().map(|one| one.id.as_ref().map(ToString::to_string)).collect();
    spoilt.sort();
    assert_eq!(spoilt, [None, None, None, None, Some(id(2)), Some(id(3)), Some(id(5))]);
    assert!(content.unreadable.iter().all(|one| one.page == 1 && !one.why.is_empty() && !one.why.contains('@')));
}

#[tokio::test]
async fn both_words_about_one_person_are_settled_by_reading() {
    for (there, expected) in [(true, 1), (false, 0)] {
        let mut rig = Rig::new(company().await, AGENTS).await;
        rig.start().await;
        let own = format!("{}/v1.0/users/delta?$deltatoken=10", rig.fake.server.uri());
        let body = json!({"@odata.deltaLink": own, "value": [
            {"id": id(1), "@removed": {"reason": "changed"}},
            {"id": id(1), "userPrincipalName": "a@example.com", "accountEnabled": true}]});
        rig.fake.tenant().fault("/users/delta", 1, page(body));
        if !there {
            rig.fake.tenant().delete(1);
        }
        let delta = rig.delta().await;
        assert_eq!(delta.records.len(), expected);
        let standings: Vec<_> = delta.patches.iter().map(|patch| patch.standing).collect();
        assert_eq!(standings, vec![Some(crate::directory::Standing::SoftDeleted); 1 - expected]);
    }
}

#[tokio::test]
async fn a_group_that_is_gone_holds_its_members() {
    let mut rig = Rig::new(company().await, AGENTS).await;
    rig.start().await;
    let own = format!("{}/v1.0/groups/delta?$deltatoken=x", rig.fake.server.uri());
    let removed = json!({"value": [{"id": group_id(1), "@removed": {"reason": "changed"}}], "@odata.deltaLink": own});
    rig.fake.tenant().fault("/groups/delta", 1, page(removed));
    assert_eq!(rig.pull().await.unwrap_err().kind, NotFound);
    rig.fake.tenant().groups.clear();
    rig.cursor = None;
    assert_eq!(rig.pull().await.unwrap_err().kind, NotFound);
    let by_id = group_id(7);
    let rig = Rig::new(company().await, Reads { scope: Some(&[by_id.as_str()]), ..AGENTS }).await;
    assert_eq!(rig.pull().await.unwrap_err().kind, NotFound);
}

#[tokio::test]
async fn a_name_of_two_groups_is_refused() {
    let fake = company().await;
    fake.tenant().group(3, "Agents");
    let error = Rig::new(fake, AGENTS).await.pull().await.unwrap_err();
    assert_eq!(error.kind, Refused);
    assert!(error.hint.contains("object id"));
}

#[tokio::test]
async fn a_cursor_for_something_else_or_too_old_is_not_used() {
    let mut rig = Rig::new(company().await, AGENTS).await;
    rig.start().await;
    let week_later = now() + TimeDelta::hours(1) + TimeDelta::days(6) + TimeDelta::seconds(1);
    assert!(matches!(rig.pull_at(week_later).await, Ok(Pull::Full(_))));
    let cursor = rig.cursor.clone();
    let mut other = Rig::new(rig.fake, Reads { rules: &["O'Neill's rule"], ..AGENTS }).await;
    other.cursor = cursor;
    assert!(matches!(other.pull().await, Ok(Pull::Full(_))));
    other.cursor = Some(Cursor::new("{}".to_owned()));
    assert!(matches!(other.pull().await, Ok(Pull::Full(_))));
}
