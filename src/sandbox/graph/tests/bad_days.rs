//! Tokens that are refused, resource units that run out, and every switchable fault.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn tokens_are_checked_for_existence_life_and_audience() {
    let mut lab = Lab::new(Company::plain(3)).await;
    let answer = lab.get_with("/users", &[("client-request-id", "c1d2")]).await;
    assert_eq!(answer.headers["client-request-id"], "c1d2");
    assert_eq!(answer.headers["date"], "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(answer.headers["x-ms-resource-unit"], "2");
    lab.tenant.advance(Duration::from_secs(3598));
    assert_eq!(lab.get("/users").await.status, 200);
    lab.tenant.advance(Duration::from_secs(1));
    lab.get("/users").await.refused(401, "InvalidAuthenticationToken");
    lab.sign_in("http://elsewhere.test").await;
    lab.get("/users").await.refused(401, "InvalidAuthenticationToken");
    lab.sign_in("https://graph.microsoft.com").await;
    assert_eq!(lab.get("/users").await.status, 200);
    lab.tenant.revoke_tokens();
    lab.get("/users").await.refused(401, "InvalidAuthenticationToken");
    lab.token = String::new();
    lab.get("/users").await.refused(401, "InvalidAuthenticationToken");
}

#[tokio::test(start_paused = true)]
async fn resource_units_run_out_and_come_back() {
    let lab = Lab::new(Company::plain(3)).await;
    lab.tenant.configure(|settings| settings.throttle = Throttle::Units(10));
    for _ in 0..5 {
        assert_eq!(lab.get("/users").await.status, 200);
    }
    let answer = lab.get("/users").await;
    answer.refused(429, "TooManyRequests");
    assert_eq!(answer.headers["retry-after"], "2.000");
    assert_eq!(answer.headers["x-ms-throttle-information"], "ResourceUnitLimitExceeded");
    // Asking while throttled has cost two units more.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(lab.get("/users").await.status, 429);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(lab.get("/users?$select=id").await.status, 200);
}

#[tokio::test]
async fn faults_bend_pages() {
    let lab = Lab::new(Company::plain(250)).await;
    let path = "/users/delta?$select=id,displayName";
    let op = "GET /users/delta";
    lab.strike(op, FaultKind::LoopingLink);
    let looping = lab.get(path).await.body;
    assert_eq!(looping["@odata.nextLink"], format!("{BASE}/v1.0{path}"));
    lab.strike(op, FaultKind::ForeignLink);
    let foreign = lab.get(path).await.body;
    assert!(foreign["@odata.nextLink"].as_str().unwrap().starts_with("http://127.0.0.2:1/"));
    lab.strike(op, FaultKind::Redirect);
    let moved = lab.get(path).await;
    assert_eq!(moved.status, 302);
    assert!(moved.headers["location"].to_str().unwrap().starts_with("http://127.0.0.2:1/v1.0/users/delta?"));
    lab.strike(op, FaultKind::NullFields);
    let nulls = lab.get(path).await.body;
    assert_eq!(nulls["value"][0], json!({ "id": lab.user(0), "displayName": null }));
    lab.strike("GET /users/{id}", FaultKind::NullFields);
    let one = lab.get(&format!("/users/{}?$select=id,displayName", lab.user(0))).await.body;
    assert_eq!((&one["id"], &one["displayName"]), (&json!(lab.user(0)), &Value::Null));
    for kind in [FaultKind::Html, FaultKind::Truncated] {
        lab.strike(op, kind);
        let answer = lab.get(path).await;
        assert_eq!((answer.status, answer.body), (200, Value::Null));
    }
    let gone =
        FaultKind::Status { status: 410, code: "resyncRequired".to_owned(), message: String::new(), retry_after: None };
    lab.strike(op, gone);
    let answer = lab.get(path).await;
    answer.refused(410, "resyncRequired");
    assert!(answer.headers.contains_key("location"));
    assert_eq!(lab.get(path).await.body["value"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn an_empty_page_hides_everybody_and_loses_no_later_change() {
    let lab = Lab::new(Company::plain(250)).await;
    let (op, path) = ("GET /users/delta", "/users/delta?$select=id,department");
    lab.strike(op, FaultKind::EmptyPage);
    assert_eq!(lab.round(path).await.0.len(), 0);
    let (_, delta) = lab.round(path).await;
    lab.update(&lab.user(1), json!({ "department": "X" }));
    lab.strike(op, FaultKind::EmptyPage);
    let (items, delta) = lab.round(&delta).await;
    assert_eq!(items.len(), 0);
    assert_eq!(ids(&lab.round(&delta).await.0), [lab.user(1)]);
    lab.strike("GET /users", FaultKind::EmptyPage);
    let page = lab.get("/users").await.body;
    assert_eq!((&page["value"], page.get("@odata.nextLink")), (&json!([]), None));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_breaks_off_and_a_delay_takes_its_time() {
    let lab = Lab::new(Company::plain(3)).await;
    lab.strike("GET /users", FaultKind::LostReply);
    let request = Request::get("/v1.0/users").header("authorization", format!("Bearer {}", lab.token));
    let response = lab.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.extensions().get::<graph::CloseConnection>().is_some());
    assert!(axum::body::to_bytes(response.into_body(), 1 << 20).await.is_err());
    let began = tokio::time::Instant::now();
    lab.strike("GET /users", FaultKind::Delay { millis: 1_500 });
    assert_eq!(lab.get("/users").await.status, 200);
    assert_eq!(began.elapsed(), Duration::from_millis(1_500));
}
