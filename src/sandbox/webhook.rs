//! A receiver of webhooks: whatever is posted to it, under any path, is kept and answered with 200.
//!
//! Deliberately absent: any meaning of what is posted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde::Serialize;

use super::faults::{FaultKind, Faults};
use super::wire::{Demanded, lost, redirect, refused, strike, with_type};

/// One request that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// Path and query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

#[derive(Debug, Default)]
struct Store {
    posts: Vec<Post>,
    /// What the `Authorization` header must be, if anything.
    wanted: Option<String>,
}

/// The receiver. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct WebhookState(Arc<Mutex<Store>>);

impl WebhookState {
    /// The HTTP service.
    pub fn router(&self, faults: Faults) -> Router {
        Router::new().fallback(serve).with_state((self.clone(), faults))
    }

    /// Everything that was posted, in order.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.with(|store| store.posts.clone())
    }

    /// From now on only requests with this `Authorization` are taken.
    pub fn demand(&self, authorization: &str) {
        self.with(|store| store.wanted = Some(authorization.to_owned()));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(
    State((state, faults)): State<(WebhookState, Faults)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let answer = |status, text: &str| with_type(status, "text/plain", text.to_owned());
    let fault = match strike(&faults, "webhook", method.as_str()).await {
        Ok(fault) => fault,
        Err(Demanded { status, code, message: _, retry_after }) => {
            return refused(status, "text/plain", code, retry_after);
        }
    };
    if method != Method::POST {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "post something");
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let refused =
        state.with(|store| store.wanted.as_ref().is_some_and(|wanted| headers.get("authorization") != Some(wanted)));
    if refused {
        return answer(StatusCode::UNAUTHORIZED, "who are you");
    }
    if matches!(fault, Some(FaultKind::Redirect)) {
        return redirect();
    }
    let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let post = Post { path, headers, body: String::from_utf8_lossy(&body).into_owned() };
    state.with(|store| store.posts.push(post));
    match fault {
        Some(FaultKind::LostReply) => lost(),
        Some(FaultKind::Html) => with_type(StatusCode::OK, "text/html", "<html>thank you</html>".to_owned()),
        _ => answer(StatusCode::OK, "ok"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::faults::Fault;
    use crate::sandbox::{Sandbox, Settings, tests as raw};

    #[tokio::test]
    async fn what_is_posted_is_kept_unless_it_is_refused() {
        let company = crate::sandbox::company::Company::plain(3);
        let sandbox = Sandbox::start(Settings::new(raw::start_of_story(), company)).await.unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let url = format!("{}/a/b?c=d", sandbox.addresses.webhook_url);
        let post = async |authorization: &str| {
            let answer = http.post(&url).header("authorization", authorization).body("{}").send().await;
            answer.ok().map(|answer| answer.status().as_u16())
        };
        assert_eq!(post("x").await, Some(200));
        let posts = sandbox.webhook.posts();
        assert_eq!((posts[0].path.as_str(), posts[0].body.as_str()), ("/a/b?c=d", "{}"));
        assert_eq!(posts[0].headers["authorization"], "x");
        assert_eq!(http.get(&url).send().await.unwrap().status().as_u16(), 405);
        sandbox.webhook.demand("y");
        assert_eq!((post("x").await, post("y").await), (Some(401), Some(200)));
        let fault = |kind| {
            sandbox.faults.add(Fault { service: "webhook".to_owned(), operation: None, skip: 0, times: 1, kind });
        };
        let (code, message) = ("Slow down".to_owned(), String::new());
        fault(FaultKind::Status { status: 429, code, message, retry_after: Some("7".to_owned()) });
        assert_eq!(post("y").await, Some(429));
        fault(FaultKind::Redirect);
        assert_eq!(post("y").await, Some(302));
        assert_eq!(sandbox.webhook.posts().len(), 2, "neither was taken");
        fault(FaultKind::LostReply);
        assert_eq!(post("y").await, None);
        assert_eq!(sandbox.webhook.posts().len(), 3, "this one was");
    }
}
