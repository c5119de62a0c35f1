//! Rate limits, and every switchable fault.

use super::*;

const USERS: &str = "GET /api/v1/users";

fn rate(answer: &Answer) -> [i64; 3] {
    ["limit", "remaining", "reset"].map(|part| answer.header(&format!("x-rate-limit-{part}")).parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn buckets_empty_in_a_minute_and_every_answer_says_so() {
    let lab = Lab::new(Company::plain(3));
    lab.okta.configure(|settings| {
        settings.limits.users = 2;
        settings.limits.user = 1;
    });
    lab.tenant.advance(Duration::from_millis(250));
    let now = 1_800_000_000;
    let first = lab.get("/users").await;
    assert_eq!(rate(&first), [2, 1, now + 61], "the window ends within the second that is named");
    assert_eq!(first.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    lab.pass(30);
    assert_eq!(rate(&lab.get("/users?limit=0").await), [2, 0, now + 61], "a bad request costs as well");
    let refused = lab.get("/users").await;
    refused.refused(429, "E0000047");
    assert_eq!((rate(&refused), refused.headers.get("retry-after")), ([2, 0, now + 61], None));
    assert_eq!(lab.get(&format!("/users/{}", lab.okta(0))).await.status, 200, "another bucket");
    assert_eq!(lab.get(&format!("/users/{}", lab.okta(0))).await.status, 429);
    lab.pass(30);
    assert_eq!(lab.get("/users").await.status, 200);
    assert_eq!(rate(&lab.get("/logs").await)[0], 120);
    assert_eq!(rate(&lab.get("/apps/x/users").await)[0], 100);
    assert_eq!(rate(&lab.get("/nowhere").await)[0], 1_200);
    assert_eq!(lab.okta.requests()[USERS], 4);
    assert_eq!(lab.okta.requests()["GET /api/v1/users/{id}"], 2);
}

#[tokio::test(start_paused = true)]
async fn too_many_at_once_are_refused() {
    let lab = Lab::new(Company::plain(3));
    lab.okta.configure(|settings| settings.limits.concurrent = 2);
    for _ in 0..2 {
        lab.strike(USERS, FaultKind::Delay { millis: 1_000 });
    }
    let began = tokio::time::Instant::now();
    let (one, two, three) = tokio::join!(lab.get("/users"), lab.get("/users"), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        lab.get("/users").await
    });
    assert_eq!(began.elapsed(), Duration::from_millis(1_000));
    assert_eq!((one.status, two.status), (200, 200));
    three.refused(429, "E0000047");
    assert_eq!(rate(&three)[..2], [0, 0]);
    let status = |status: u16, code: &str| FaultKind::Status {
        status,
        code: code.to_owned(),
        message: String::new(),
        retry_after: None,
    };
    lab.strike(USERS, status(429, "concurrency"));
    let crowded = lab.get("/users").await;
    crowded.refused(429, "E0000047");
    assert_eq!(rate(&crowded)[..2], [0, 0]);
    lab.strike(USERS, status(500, "E0000009"));
    lab.get("/users").await.refused(500, "E0000009");
    assert_eq!(lab.get("/users").await.status, 200);
}

#[tokio::test]
async fn faults_bend_pages() {
    let lab = Lab::new(company(8, &[("A", 0..5)]));
    let path = "/users?limit=3";
    lab.strike(USERS, FaultKind::LoopingLink);
    assert_eq!(lab.get(path).await.next(), Some(format!("{ROOT}/api/v1{path}")));
    lab.strike(USERS, FaultKind::ForeignLink);
    let foreign = lab.get("/users").await;
    assert!(foreign.next().unwrap().starts_with("http://127.0.0.2:1/"), "even where there was no next page");
    assert_eq!(foreign.links().len(), 2);
    lab.strike(USERS, FaultKind::EmptyPage);
    let empty = lab.get(path).await;
    assert_eq!((empty.items().len(), empty.next()), (0, None));
    lab.strike(USERS, FaultKind::NullFields);
    let blank = lab.get(path).await.body;
    assert_eq!(
        (&blank[0]["id"], &blank[0]["status"], &blank[0]["profile"]),
        (&json!(lab.okta(0)), &Value::Null, &Value::Null)
    );
    lab.strike("GET /api/v1/users/{id}", FaultKind::NullFields);
    let one = lab.get(&format!("/users/{}", lab.okta(0))).await.body;
    assert_eq!((&one["id"], &one["status"]), (&json!(lab.okta(0)), &Value::Null));
    lab.strike(USERS, FaultKind::Truncated);
    let cut = lab.get(path).await;
    assert_eq!((cut.status, &cut.body), (200, &Value::Null));
    lab.strike(USERS, FaultKind::Html);
    let html = lab.get(path).await;
    assert_eq!((html.status, html.header("content-type")), (200, "text/html;charset=utf-8"));
    lab.strike(USERS, FaultKind::Redirect);
    let moved = lab.get(path).await;
    assert_eq!((moved.status, moved.header("location")), (302, "http://127.0.0.2:1/api/v1/users?limit=3"));
    lab.strike(USERS, FaultKind::LostReply);
    let request = Request::get("/api/v1/users").header("authorization", format!("SSWS {TOKEN}"));
    let response = lab.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert!(axum::body::to_bytes(response.into_body(), 1 << 20).await.is_err());
}

#[tokio::test]
async fn every_operation_has_its_name() {
    let lab = Lab::new(company(3, &[("A", 0..3)]));
    let (user, group, app) = (lab.okta(0), lab.okta_group("A"), lab.okta.app_id());
    lab.okta.configure(|settings| settings.app = super::super::AppSettings::default().group(&lab.group("A")));
    for (name, path) in [
        ("GET /api/v1/users", "/users".to_owned()),
        ("GET /api/v1/users/{id}", format!("/users/{user}")),
        ("GET /api/v1/users/{id}/groups", format!("/users/{user}/groups")),
        ("GET /api/v1/groups", "/groups".to_owned()),
        ("GET /api/v1/groups/{id}", format!("/groups/{group}")),
        ("GET /api/v1/groups/{id}/users", format!("/groups/{group}/users")),
        ("GET /api/v1/apps", "/apps".to_owned()),
        ("GET /api/v1/apps/{id}", format!("/apps/{app}")),
        ("GET /api/v1/apps/{id}/users", format!("/apps/{app}/users")),
        ("GET /api/v1/apps/{id}/users/{uid}", format!("/apps/{app}/users/{user}")),
        ("GET /api/v1/logs", "/logs".to_owned()),
    ] {
        assert_eq!(lab.get(&path).await.status, 200, "{name}");
        let (status, code) = (503, "E0000010".to_owned());
        lab.strike(name, FaultKind::Status { status, code, message: String::new(), retry_after: Some("3".to_owned()) });
        let refused = lab.get(&path).await;
        refused.refused(503, "E0000010");
        assert_eq!((refused.header("retry-after"), lab.okta.requests()[name]), ("3", 2), "{name}");
    }
    lab.get("/nowhere").await.refused(404, "E0000007");
    let request = Request::delete("/api/v1/users").header("authorization", format!("SSWS {TOKEN}"));
    lab.send(request.body(Body::empty()).unwrap()).await.refused(405, "E0000022");
}

#[tokio::test]
async fn scripts_pull_the_levers() {
    let lab = Lab::new(company(3, &[("A", 0..2)]));
    lab.okta.set_service_app(super::super::ServiceApp::new("client"));
    let control = super::super::control_router(lab.okta.clone());
    let ask = async |method: &str, path: &str, body: Value| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let response = control.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null))
    };
    let ids = ask("GET", "/okta/ids", Value::Null).await.1;
    assert_eq!((&ids["users"][lab.user(1)], &ids["app"]), (&json!(lab.okta(1)), &json!(lab.okta.app_id())));
    assert_eq!(ids["groups"]["A"], lab.okta_group("A"));
    let login = lab.tenant.users()[1].user_principal_name.clone();
    assert_eq!(ask("POST", "/okta/status", json!({ "id": login, "status": "LOCKED_OUT" })).await.0, 204);
    let user = format!("/users/{}", lab.okta(1));
    assert_eq!(lab.get(&user).await.body["status"], "LOCKED_OUT");
    assert_eq!(ask("POST", "/okta/status", json!({ "id": lab.user(1) })).await.0, 204);
    assert_eq!(lab.get(&user).await.body["status"], "ACTIVE");
    assert_eq!(ask("POST", "/okta/status", json!({ "id": "nobody" })).await.0, 404);
    assert_eq!(ask("POST", "/okta/role", json!({ "groups": ["A"] })).await.0, 204);
    assert_eq!(lab.get("/users").await.items().len(), 2);
    assert_eq!(ask("POST", "/okta/role", json!({})).await.0, 204);
    lab.get("/users").await.refused(403, "E0000006");
    assert_eq!(ask("POST", "/okta/role", json!({ "full": true })).await.0, 204);
    let link = lab.get("/logs").await.next().unwrap();
    assert_eq!(ask("POST", "/okta/expire-log-links", Value::Null).await.0, 204);
    assert_eq!(lab.get(&link).await.status, 400);
    assert_eq!(ask("POST", "/okta/expire-nonces", Value::Null).await.0, 204);
    assert_eq!(ask("GET", "/okta/requests", Value::Null).await.1["GET /api/v1/logs"], 2);
    assert_eq!(ask("POST", "/okta/revoke", json!({})).await.0, 204);
    assert_eq!(lab.get("/users").await.status, 200, "API tokens stay");
    assert_eq!(ask("POST", "/okta/revoke", json!({ "token": TOKEN })).await.0, 204);
    assert_eq!(ask("POST", "/okta/revoke", json!({ "token": TOKEN })).await.0, 404);
    lab.get("/users").await.refused(401, "E0000011");
}
