//! What machines ask: probes and metrics.

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use rollcall::console::{ConsoleConfig, Transport};
use serde_json::{Value, json};

use super::served::Office;
use super::{Desk, HERE, bound};
use crate::world::World;

async fn office() -> Office {
    let world = World::of(6).await;
    world.sync().await.unwrap();
    Office::of(world).await
}

/// A question of somebody unknown.
fn unknown(path: &str, host: Option<&str>) -> Request<Body> {
    let request = Request::get(path);
    let request = host.iter().fold(request, |request, host| request.header(HOST, *host));
    request.body(Body::empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_is_answered_to_everybody_with_one_word_and_to_those_who_may_know_with_why() {
    let office = office().await;
    for path in ["/healthz", "/readyz"] {
        // A probe of an orchestrator asks by address.
        for host in [None, Some("10.0.0.7:7655"), Some(HERE)] {
            let answer = office.desk.ask(unknown(path, host)).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "{\"ok\":true}"), "{path} {host:?}");
        }
        let (status, told) = office.api("GET", path, None).await;
        let centre = json!({"centre": "support-emea", "live": true, "ready": true, "reasons": []});
        assert_eq!((status, told), (StatusCode::OK, json!({"ok": true, "centres": [centre]})));
    }
    // What somebody wanted is no alarm, and is told.
    office.serving.handle.pause(None).await.unwrap();
    let (status, told) = office.api("GET", "/readyz", None).await;
    assert_eq!((status, &told["centres"][0]["reasons"][0]["reason"]), (StatusCode::OK, &json!("paused")));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_refuses_us_again_and_again_is_not_ready_and_says_why() {
    use rollcall::sandbox::faults::{Fault, FaultKind};
    let office = office().await;
    let kind = FaultKind::Status {
        status: 403,
        code: "Authorization_RequestDenied".to_owned(),
        message: "not like this".to_owned(),
        retry_after: None,
    };
    let (service, times) = ("graph".to_owned(), u32::MAX);
    office.desk.world.sandbox.faults.add(Fault { service, operation: None, skip: 0, times, kind });
    let form: [(&str, &str); 0] = [];
    for _ in 0..4 {
        office.followed(&office.send("/today", "/sync", &form).await).await;
    }
    let answer = office.desk.ask(unknown("/readyz", None)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "{\"ok\":false}"));
    let (_, told) = office.api("GET", "/readyz", None).await;
    let reasons = told["centres"][0]["reasons"].as_array().unwrap();
    let quarantined = reasons.iter().find(|reason| reason["reason"] == "quarantined");
    assert!(quarantined.is_some_and(|reason| reason["hint"].is_string()), "{told}");
    assert_eq!(
        office.desk.ask(unknown("/healthz", None)).await.status,
        StatusCode::OK,
        "another process would not help"
    );
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_for_this_machine_and_for_whoever_shows_the_token() {
    let office = office().await;
    let answer = office.desk.ask(unknown("/metrics", Some(HERE))).await;
    assert_eq!(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.ok();
    assert!(text.contains("centre=\"support-emea\"") && text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains('@'), "nobody is named: {text}");
    assert_eq!(
        office.desk.ask(unknown("/metrics", Some("evil.example"))).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    office.close().await;

    let (transport, host) = (Transport::BehindProxy, "rollcall.example.com");
    let config = ConsoleConfig { listen: bound(), transport, public_host: Some(host.to_owned()) };
    let desk = Desk::with(World::of(6).await, config).await;
    let answer = desk.ask(unknown("/metrics", Some(host))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "whoever stands behind a proxy is not here");
    let mut request = unknown("/metrics", Some(host));
    request.headers_mut().insert("authorization", format!("Bearer {}", desk.token).parse().unwrap());
    assert_eq!(desk.ask(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_probe_costs_no_attempt_and_no_answer_is_kept() {
    let desk = Desk::of(World::of(6).await).await;
    for _ in 0..200 {
        let mut request = unknown("/readyz", Some(HERE));
        request.headers_mut().insert("authorization", "Bearer rollcall_wrong".parse().unwrap());
        let answer = desk.ask(request).await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), json!({"ok": true}));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    desk.sign_in().await;
}
