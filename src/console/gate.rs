//! What every request passes before a page sees it, and what every answer carries, whatever became of the request.
//!
//! ```text
//! time-out → size → Host → Origin (of a POST) → session → the session's word (of a POST) → the page
//! ```
//!
//! Invariant: every answer has every header of [`HEADERS`], also one that refuses.
//! Invariant: nothing but the sign-in page and the style sheet is served without a session.
//! Invariant: no POST is carried out that did not come from a form of this origin and of this session.
//! Deliberately absent: pages, and what a session is (see [`super::session`]).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN,
    REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::{Console, page, secret, session};
use crate::store::Hash;

/// Longest body of a request, in bytes. Forms here have two short fields.
pub(super) const LONGEST_BODY: usize = 64 * 1024;
/// The same where a text of rules is sent.
pub(super) const LONGEST_TEXT: usize = 256 * 1024;
/// How long a request may take, body included.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nothing is loaded, framed or sent anywhere but here; no script but our own file.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const TOO_MUCH: Refused = Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "that is too much", "what is sent here is small");
const FOREIGN: Refused =
    Refused::new(StatusCode::FORBIDDEN, "that form is of another site", "open the console itself and do it there");

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: with it a browser sends `Origin: null` with forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where a request came from; put there by the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Who acts.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// The words for log lines and for the audit.
    pub(super) actor: String,
    /// The word that the forms of the session carry.
    pub(super) csrf: String,
    /// The session, if there is one: streams end with it.
    pub(super) session: Option<Hash>,
}

/// Why a request goes no further.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
    pub(super) hint: &'static str,
}

impl Refused {
    const fn new(status: StatusCode, text: &'static str, hint: &'static str) -> Self {
        Self { status, text, hint }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        page::plain(self.status, self.text, self.hint).into_response()
    }
}

/// The answer. What is done is done to its end, and written down, also if whoever asked for it is gone by then.
async fn done(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let broken = || page::plain(StatusCode::INTERNAL_SERVER_ERROR, "that broke off", "look at the service's log");
    tokio::spawn(next.run(request)).await.unwrap_or_else(|_| broken().into_response())
}

/// Puts the headers on every answer, and ends what takes too long.
pub(super) async fn outermost(State(console): State<Console>, request: Request, next: Next) -> Response {
    let late = || page::plain(StatusCode::SERVICE_UNAVAILABLE, "that took too long", "try again in a moment");
    let mut response =
        tokio::time::timeout(PATIENCE, done(request, next)).await.unwrap_or_else(|_| late().into_response());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if console.secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Assets say otherwise.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses what is too large, is meant for another host, or was sent by another site.
pub(super) async fn outer(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    let form = request.method() == Method::POST;
    match admitted(&console, &request)
        .and_then(|address| if form { of_our_own(&console, &request, address) } else { Ok(address) })
    {
        Ok(address) => {
            request.extensions_mut().insert(address);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Who asks, unless it is too much, is meant for another host, or cannot be done here.
///
/// # Errors
/// Why it is refused.
pub(super) fn admitted(console: &Console, request: &Request) -> Result<IpAddr, Refused> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > longest(request.uri().path())) {
        return Err(TOO_MUCH);
    }
    // A page of another site whose name was made to point here would be asked with its own name.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| console.is_called(host)) {
        let hint = "use the address of [console] listen, or set [console] public_host to this name";
        return Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, "this console goes by another name", hint));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        let text = "that cannot be done here";
        return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, text, "pages are read; what is done is posted"));
    }
    Ok(address(request, console.behind_proxy()))
}

/// Refuses what was sent by another site. Browsers name the origin of every form they send; what names none is no browser
/// that is signed in here.
fn of_our_own(console: &Console, request: &Request, address: IpAddr) -> Result<IpAddr, Refused> {
    let named = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let scheme = if console.secure() { "https" } else { "http" };
    let ours = named(&HOST).map(|host| format!("{scheme}://{host}"));
    let same = named(&ORIGIN).zip(ours).is_some_and(|(origin, ours)| origin.eq_ignore_ascii_case(&ours));
    if same { Ok(address) } else { Err(FOREIGN) }
}

/// How long the body of a request may be.
fn longest(path: &str) -> usize {
    let text = path.ends_with("/rules/what-if") || path.ends_with("/rules/what-if.csv");
    if text && path.starts_with("/c/") { LONGEST_TEXT } else { LONGEST_BODY }
}

/// Asks for a session, and for its word where something is done.
pub(super) async fn inner(State(console): State<Console>, request: Request, next: Next) -> Response {
    let session = match session::of(&console, request.headers()).await {
        Ok(session) => session,
        Err(error) => return page::broken(&error.into()).into_response(),
    };
    let Some(session) = session else {
        return turned_away(&request);
    };
    let mut request = request;
    if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, longest(parts.uri.path())).await else { return TOO_MUCH.into_response() };
        if !carries(&body, &session.csrf) {
            let (text, hint) = ("that form is of another session", "go back, reload the page, and send it again");
            return page::plain(StatusCode::FORBIDDEN, text, hint).into_response();
        }
        request = Request::from_parts(parts, Body::from(body));
    }
    let address = request.extensions().get::<IpAddr>().copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let (actor, csrf) = (actor(&session, address), session.csrf.clone());
    request.extensions_mut().insert(Who { actor, csrf, session: Some(session.hash) });
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// Nobody is signed in: to the sign-in page, and back from there.
fn turned_away(request: &Request) -> Response {
    let html = request.headers().get(ACCEPT).is_none_or(|accept| {
        let accept = accept.to_str().unwrap_or_default();
        accept.contains("text/html") || accept.contains("*/*")
    });
    if *request.method() == Method::POST || !html {
        let (text, hint) = ("nobody is signed in", "sign in first");
        return page::plain(StatusCode::UNAUTHORIZED, text, hint).into_response();
    }
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let to = if wanted == "/" {
        "/login".to_owned()
    } else {
        let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        format!("/login?next={next}")
    };
    see(&to)
}

/// An answer that leads to another page of ours.
pub(super) fn see(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response
}

/// An answer to somebody who tries too often.
pub(super) fn later(secs: u64) -> HeaderMap {
    HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from(secs))])
}

fn carries(body: &Bytes, word: &str) -> bool {
    let mut words = form_urlencoded::parse(body).filter(|(name, _)| name == "csrf");
    let given = words.next().map(|(_, value)| value.into_owned()).unwrap_or_default();
    words.next().is_none() && given.as_bytes().ct_eq(word.as_bytes()).into()
}

/// Who asks: the peer, or whom our proxy names. Of several names the last one is the proxy's own.
pub(super) fn address(request: &Request, behind_proxy: bool) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    if !behind_proxy {
        return peer;
    }
    let named = request.headers().get_all("x-forwarded-for").iter().next_back();
    let last = named.and_then(|names| names.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or(peer)
}

/// The words for whoever acts, in log lines and in the audit.
pub(super) fn actor(session: &session::Session, address: IpAddr) -> String {
    format!("session {} from {address}", secret::short(&session.hash))
}
