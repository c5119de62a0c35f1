//! Talking to Microsoft Graph: one request, one page, one listing.
//!
//! Invariant: the token is attached only after the link's origin was found to be the configured root's.
//! Invariant: a link that came with a retried page is not followed; the page is fetched once more (Graph forgets page
//! tokens it handed out with a failed attempt).
//! Invariant: a listing that starts again starts empty; nothing of the broken walk is kept.

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde::de::DeserializeSeed;
use url::Url;

use super::fault::{Fault, request_id};
use super::wire::{self, Page};
use crate::auth::{AccessToken, ClientCredentials, TokenCache};
use crate::directory::LastPageSeen;
use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, HttpClient, Meter, Outgoing, Tried};
use crate::paging::{Ending, Links, PagingError, Turn, Walker, same_origin};

/// How often a listing is started again because its page token expired.
const RESTARTS: u32 = 5;

/// How often a page is fetched once more because the attempt before was a retried one.
const REFETCHES: u32 = 5;

/// The tenant's Graph, ready to be asked.
#[derive(Debug)]
pub(super) struct Graph {
    http: HttpClient,
    tokens: TokenCache<ClientCredentials>,
    root: Url,
}

/// One pull's (or check's) conversation; counts its requests.
#[derive(Debug)]
pub(super) struct Session<'g> {
    graph: &'g Graph,
    meter: Meter,
}

/// One listing to be read.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    /// As an administrator knows it.
    pub(super) operation: &'a str,
    pub(super) first: Url,
    pub(super) ending: Ending,
    /// Whether it is an advanced query: the consistency header goes with every page, as links do not carry it.
    pub(super) advanced: bool,
}

/// What a listing came to.
#[derive(Debug)]
pub(super) struct Listed<A> {
    pub(super) content: A,
    pub(super) proof: LastPageSeen,
    pub(super) delta: Option<Url>,
    pub(super) count: Option<u64>,
}

impl Graph {
    pub(super) fn new(http: HttpClient, tokens: TokenCache<ClientCredentials>, root: Url) -> Self {
        Self { http, tokens, root }
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session { graph: self, meter: Meter::default() }
    }

    pub(super) fn tokens(&self) -> &TokenCache<ClientCredentials> {
        &self.tokens
    }

    /// `path` under `/v1.0`; values in it are already encoded ([`encode`]).
    pub(super) fn url(&self, path: &str) -> Result<Url, PullError> {
        let text = format!("{}/v1.0{path}", self.root.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|_| {
            PullError::new(PullErrorKind::Refused, "GET", "the request's URL cannot be built", "check graph_url")
        })
    }
}

/// Percent-encodes a value of a query or a segment of a path.
pub(super) fn encode(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',') {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            text.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
        text
    })
}

impl<'g> Session<'g> {
    pub(super) fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u32 {
        self.meter.requests()
    }

    /// A successful answer, with the number of tries it took.
    pub(super) async fn send(
        &self,
        operation: &str,
        method: Method,
        url: &Url,
        advanced: bool,
        body: Option<Vec<u8>>,
    ) -> Result<(Answer, u32), Fault> {
        if !same_origin(&self.graph.root, url) {
            let hint = "run `rollcall sync now --full`; the token is sent to the configured host only";
            let message = "a link leads to another host than the configured one";
            return Err(PullError::new(PullErrorKind::ForeignLink, operation, message, hint).into());
        }
        let mut out = Outgoing { method, url, headers: HeaderMap::new(), body };
        out.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // A background job is the first to be shed under load; the limits stay the same.
        out.headers.insert("x-ms-throttle-priority", HeaderValue::from_static("Low"));
        if advanced {
            out.headers.insert("consistencylevel", HeaderValue::from_static("eventual"));
        }
        if out.body.is_some() {
            out.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut refused: Option<AccessToken> = None;
        loop {
            let token = self.graph.tokens.get().await.map_err(PullError::from)?;
            out.headers.insert(AUTHORIZATION, bearer(operation, &token)?);
            let Tried { got, tries, gave_up } = self.graph.http.send(&out, &self.meter).await;
            let answer = got.map_err(|error| Fault::transport(operation, error))?;
            if answer.status.as_u16() == 401 && refused.is_none() {
                self.graph.tokens.invalidate(&token);
                refused = Some(token);
                continue;
            }
            if answer.status.is_success() && gave_up.is_none() {
                return Ok((answer, tries));
            }
            return Err(Fault::answer(operation, &answer, gave_up));
        }
    }

    /// One page, fetched without a failed attempt before it if it links to another one.
    pub(super) async fn page<S, T>(&self, operation: &str, url: &Url, advanced: bool, seed: S) -> Result<Page<T>, Fault>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Copy,
    {
        for _ in 0..=REFETCHES {
            let (answer, tries) = self.send(operation, Method::GET, url, advanced, None).await?;
            let page = wire::page(&answer.body, seed).map_err(|error| not_a_page(operation, &answer, &error))?;
            if tries == 1 || (page.next.is_none() && page.delta.is_none()) {
                return Ok(page);
            }
        }
        let message = format!("no page came at the first attempt in {} fetches", REFETCHES + 1);
        let hint = "wait and try again; Microsoft Graph is under load";
        Err(PullError::new(PullErrorKind::RemoteFailure, operation, message, hint).into())
    }

    /// Reads a listing to its end. `take` puts each item into the content.
    pub(super) async fn listing<A, S, T, F>(
        &self,
        listing: &Listing<'_>,
        seed: S,
        mut take: F,
    ) -> Result<Listed<A>, Fault>
    where
        A: Default + Send,
        T: Send,
        S: for<'de> DeserializeSeed<'de, Value = T> + Copy + Send,
        F: FnMut(&mut A, T, u32) -> Result<(), PullError> + Send,
    {
        let Listing { operation, first, ending, advanced } = listing;
        let mut last = None;
        for _ in 0..=RESTARTS {
            let mut content = A::default();
            let mut count = None;
            let mut walker = Walker::new(first.clone(), *ending, self.graph.http.limits().pages);
            loop {
                let page = match self.page(operation, walker.current(), *advanced, seed).await {
                    Ok(page) => page,
                    Err(fault) if fault.is_expired_page() => {
                        last = Some(fault);
                        break;
                    }
                    Err(fault) => return Err(fault.on_page(walker.page())),
                };
                let Page { next, delta, count: said, items } = page;
                count = count.or(said);
                for item in items {
                    take(&mut content, item, walker.page())?;
                }
                let links = Links { next: next.as_deref(), delta: delta.as_deref() };
                match walker.turn(links).map_err(|error| paging_error(operation, &error))? {
                    Turn::More(more) => walker = more,
                    Turn::Done(end) => return Ok(Listed { content, proof: end.proof, delta: end.delta, count }),
                }
            }
        }
        let error = PullError::new(
            PullErrorKind::BoundReached,
            *operation,
            format!("the listing expired before its end {} times", RESTARTS + 1),
            "wait and try again; if it persists, give rollcall a faster connection to Microsoft Graph",
        );
        Err(match last {
            Some(fault) => error.with_source(PullError::from(fault)).into(),
            None => error.into(),
        })
    }
}

fn bearer(operation: &str, token: &AccessToken) -> Result<HeaderValue, PullError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.token.expose_secret())).map_err(|_| {
        PullError::new(PullErrorKind::Protocol, operation, "the access token is not printable", "check login_url")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn not_a_page(operation: &str, answer: &Answer, error: &serde_json::Error) -> PullError {
    // The parser's own words may quote a value.
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the answer ends before its end",
        serde_json::error::Category::Syntax => "the answer is not JSON",
        _ => "the answer is JSON, but not a page of records",
    };
    PullError::new(
        PullErrorKind::Protocol,
        operation,
        what,
        "check graph_url, and proxies that may answer in its place",
    )
    .with_request_id(request_id(answer))
}

/// What a link that cannot be followed means to the run.
fn paging_error(operation: &str, error: &PagingError) -> PullError {
    let (kind, hint) = match error {
        PagingError::Foreign { .. } => {
            (PullErrorKind::ForeignLink, "check graph_url; the token is sent to this host only")
        }
        PagingError::TooManyPages { .. } => (PullErrorKind::BoundReached, "name groups as the scope of this source"),
        PagingError::Repeated { .. } | PagingError::BothLinks { .. } => (PullErrorKind::Protocol, "try again later"),
        PagingError::NoLink { .. } | PagingError::NotALink { .. } => {
            (PullErrorKind::Protocol, "check proxies that may answer in the place of Microsoft Graph")
        }
    };
    PullError::new(kind, operation, error.to_string(), hint)
}
