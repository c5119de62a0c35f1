//! Every switchable fault, the levers over HTTP, and the cost of a page of a large company.

use std::time::Duration;

use super::*;
use crate::sandbox::graph::CloseConnection;

#[tokio::test]
async fn faults_bend_answers() {
    let lab = Lab::of(250, Character::Strict);
    let status = |code: &str, retry_after: Option<&str>| FaultKind::Status {
        status: 503,
        code: code.to_owned(),
        message: "Later.".to_owned(),
        retry_after: retry_after.map(str::to_owned),
    };
    lab.strike("GET /Users", status("tooMany", Some("7")));
    let answer = lab.get("/Users").await;
    answer.refused(503, Some("tooMany"));
    assert_eq!(answer.header("retry-after"), "7");
    lab.strike("GET /ResourceTypes", status("", None));
    lab.get("/ResourceTypes").await.refused(503, None);
    lab.strike("GET /Users", FaultKind::EmptyPage);
    let empty = lab.get("/Users").await.body;
    assert_eq!((&empty["totalResults"], empty.get("Resources"), empty.get("nextCursor")), (&json!(0), None, None));
    for kind in [FaultKind::Html, FaultKind::Truncated] {
        lab.strike("GET /Groups", kind);
        let answer = lab.get("/Groups").await;
        assert_eq!((answer.status, answer.text.is_empty(), answer.body), (200, false, Value::Null));
    }
    for kind in [FaultKind::ForeignLink, FaultKind::Redirect] {
        lab.strike("GET /Users/{id}", kind);
        let answer = lab.get(&format!("/Users/{}", lab.user(0))).await;
        assert_eq!((answer.status, answer.text.as_str()), (302, ""));
        assert_eq!(answer.header("location"), format!("https://example.org/scim/v2/Users/{}", lab.user(0)));
    }
    lab.strike("GET /Users", FaultKind::NullFields);
    let nulls = lab.get("/Users?attributes=userName").await.body;
    assert_eq!(nulls["Resources"][0], json!({ "id": lab.user(0), "userName": null, "schemas": null }));
    lab.strike("GET /Groups/{id}", FaultKind::NullFields);
    let group = lab.get("/Groups/0b000000-0000-4000-8000-000000000000").await.body;
    assert_eq!((group["id"].is_string(), &group["displayName"]), (true, &Value::Null));
    assert_eq!(lab.get("/Users").await.body["totalResults"], 250);
}

#[tokio::test]
async fn a_looping_server_does_not_get_on() {
    let lab = Lab::of(250, Character::Strict);
    let all = lab.users();
    lab.strike("GET /Users", FaultKind::LoopingLink);
    assert_eq!(lab.page("startIndex=101").await, all[..100]);
    lab.strike("GET /Users", FaultKind::LoopingLink);
    let first = lab.get("/Users?cursor").await.body;
    let here = first["nextCursor"].as_str().unwrap();
    let again = lab.get(&format!("/Users?cursor={here}")).await.body;
    assert_eq!((ids(&again), ids(&first)), (all[..100].to_vec(), all[..100].to_vec()));
    let next = again["nextCursor"].as_str().unwrap();
    lab.strike("GET /Users", FaultKind::LoopingLink);
    let second = lab.get(&format!("/Users?cursor={next}")).await.body;
    assert_eq!((ids(&second), &second["nextCursor"]), (all[100..200].to_vec(), &json!(next)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_breaks_off_and_a_delay_takes_its_time() {
    let lab = Lab::of(3, Character::Strict);
    lab.strike("GET /Users", FaultKind::LostReply);
    let request = Request::get("/scim/v2/Users").header("authorization", TOKEN).body(Body::empty());
    let response = lab.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert!(response.extensions().get::<CloseConnection>().is_some());
    assert!(axum::body::to_bytes(response.into_body(), 1 << 20).await.is_err());
    let began = tokio::time::Instant::now();
    lab.strike("GET /ServiceProviderConfig", FaultKind::Delay { millis: 1_500 });
    assert_eq!(lab.get("/ServiceProviderConfig").await.status, 200);
    assert_eq!(began.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test]
async fn the_token_endpoint_has_bad_days_too() {
    let lab = Lab::of(1, Character::Strict);
    lab.server.accept(Credential::OAuth(OAuthClient::new("app", "secret")));
    let ask = async || {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        lab.send("POST", "/oauth/token", &form, "grant_type=client_credentials&client_id=app&client_secret=secret")
            .await
    };
    let op = "POST /oauth/token";
    let code = "temporarily_unavailable".to_owned();
    lab.strike(op, FaultKind::Status { status: 503, code: code.clone(), message: String::new(), retry_after: None });
    let answer = ask().await;
    assert_eq!((answer.status, &answer.body["error"]), (503, &json!(code)));
    lab.strike(op, FaultKind::NullFields);
    assert_eq!(ask().await.body["access_token"], Value::Null);
    lab.strike(op, FaultKind::EmptyPage);
    assert_eq!(ask().await.body, json!({}));
    lab.strike(op, FaultKind::ForeignLink);
    assert_eq!(ask().await.header("location"), "https://example.org/oauth/token");
    assert!(ask().await.body["access_token"].is_string());
}

#[tokio::test]
async fn scripts_pull_the_levers() {
    let lab = Lab::of(2, Character::Strict);
    let router = control_router(lab.server.clone());
    let post = async |path: &str, body: Value| {
        let request = Request::post(format!("/scim/{path}")).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(post("character", json!({ "character": "members_cut" })).await, 204);
    assert_eq!(lab.server.lock().settings.manners, Character::MembersCut.manners());
    assert_eq!(post("manners", json!({ "members": { "cut": 3 }, "overlap": 1 })).await, 204);
    let expected = Manners { members: Members::Cut(3), overlap: 1, ..Manners::default() };
    assert_eq!(lab.server.lock().settings.manners, expected);
    assert_eq!(post("manners", json!({ "unknown": 1 })).await, 422);
    assert_eq!(post("credential", json!({ "o_auth": { "id": "app", "secret": "s" } })).await, 204);
    assert_eq!(lab.server.lock().settings.credentials.len(), 2);
    assert!(!format!("{:?}", lab.server).contains("opaque"), "no secret shows");
    let rate = json!({ "per_second": 9, "retry_after": "date" });
    assert_eq!(post("settings", json!({ "max_page": 1, "rate": rate })).await, 204);
    assert_eq!(post("settings", json!({ "cursor_life_secs": 5 })).await, 204);
    let settings = lab.server.lock().settings.clone();
    let kept = (settings.max_page, settings.cursor_life_secs, settings.rate.map(|rate| rate.per_second));
    assert_eq!(kept, (1, 5, Some(9)));
    assert_eq!(post("settings", json!({ "rate": null })).await, 204);
    assert_eq!(lab.server.lock().settings.rate, None);
    assert_eq!(post("manager", json!({ "id": lab.user(0), "manager": lab.user(1) })).await, 204);
    assert_eq!(post("manager", json!({ "id": "nobody" })).await, 404);
    assert_eq!(post("expire_cursors", Value::Null).await, 204);
    lab.get("/Users").await;
    lab.get("/elsewhere").await;
    assert_eq!(lab.server.requests(), [("GET /Users".to_owned(), 1), ("unknown".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_page_of_a_large_company_is_only_a_page() {
    let lab = Lab::of(2_000, Character::Strict);
    let mut found = lab.page("attributes=userName").await;
    let index = lab.server.lock().book.users.clone();
    for page in 1..20 {
        lab.tenant.disable(&found[page]).unwrap();
        found.extend(lab.page(&format!("startIndex={}&attributes=userName", page * 100 + 1)).await);
    }
    assert_eq!(found, lab.users());
    let same = Arc::ptr_eq(&index, &lab.server.lock().book.users);
    assert!(same, "a change of somebody's properties does not count everybody anew");
    let sorted = lab.page("sortBy=id").await;
    let worked = |lab: &Lab| lab.server.lock().worked.as_ref().map(Worked::order).unwrap();
    let order = worked(&lab);
    assert_eq!(lab.page("sortBy=id&startIndex=101").await.len(), sorted.len());
    assert!(Arc::ptr_eq(&order, &worked(&lab)), "the order is worked out once");
    lab.tenant.soft_delete(&found[0]).unwrap();
    lab.page("sortBy=id").await;
    assert!(!Arc::ptr_eq(&order, &worked(&lab)));
}
