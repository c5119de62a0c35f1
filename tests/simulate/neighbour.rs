//! Another program of the same account: it uses the quota, and changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

/// The port of Connect in a sandbox without listeners.
const CONNECT: u16 = 5;
/// Calls about nobody: each takes a token of its operation's bucket, and is then refused.
const CALLS: &[(&str, &str)] = &[
    ("GET", "/users/nowhere/nobody"),
    ("GET", "/users-summary/nowhere"),
    ("PUT", "/users/nowhere"),
    ("DELETE", "/users/nowhere/nobody"),
    ("POST", "/users/nowhere/nobody/routing-profile"),
    ("POST", "/users/nowhere/nobody/security-profiles"),
    ("POST", "/users/nowhere/nobody/hierarchy"),
    ("POST", "/users/nowhere/nobody/identity-info"),
    ("POST", "/search-users"),
    ("POST", "/tags/nothing"),
];

/// Calls every operation `permille` times in 1000 s, as long as it is polled; with 0 not at all.
pub(crate) async fn calls(routers: Arc<BTreeMap<u16, Router>>, permille: u32) {
    let Some(router) = routers.get(&CONNECT).filter(|_| permille > 0) else { return };
    loop {
        tokio::time::sleep(Duration::from_secs_f64(1000.0 / f64::from(permille))).await;
        for (method, path) in CALLS {
            let credential =
                "AWS4-HMAC-SHA256 Credential=N/20260101/eu/connect/aws4_request, SignedHeaders=host, Signature=0";
            let request = Request::builder()
                .method(*method)
                .uri(format!("http://127.0.0.1:{CONNECT}{path}"))
                .header("authorization", credential)
                .header("x-amz-date", "20260101T000000Z")
                .header("content-type", "application/json")
                .body(Body::from("{}"))
                .expect("a request");
            let _ = router.clone().oneshot(request).await;
        }
    }
}
