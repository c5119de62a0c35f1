//! Talking to an Okta org: one request, one page, one listing.
//!
//! Invariant: a listing has been read to its end when [`Walker`] says so, and only then.
//! Invariant: a page that takes the org too long is asked for again from the same place, in the end with half the size,
//! down to [`super::pace::SMALLEST_PAGE`]; nothing is skipped by it.
//! Invariant: a scope that only hints need costs nothing but the hints: a service app that is refused a token asks once
//! more without the System Log, and that is remembered until the next full pull.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::de::DeserializeSeed;
use url::Url;

use super::config::OktaCredential;
use super::fault::Fault;
use super::pace::{Buckets, smaller_page};
use super::{OktaConfig, access, links, wire};
use crate::auth::WallClock;
use crate::directory::LastPageSeen;
use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, HttpClient, Meter};
use crate::paging::{Ending, Links, PagingError, Turn, Walker};
use crate::remote::{Ask, Remote, RemoteError, Replied};

/// How often a link is asked for again as it is, when the org takes too long.
const LINK_TRIES: u32 = 3;

/// Leaves out of an answer what nobody reads here; it is faster for orgs with delegated authentication (Okta reference,
/// "List all users", `Content-Type`).
const LEAN: &str = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus";

/// The org, ready to be asked.
#[derive(Debug)]
pub(super) struct Org {
    remote: Remote,
    /// The same without the scope of the System Log; a token has no scopes.
    narrow: Option<Remote>,
    narrowed: AtomicBool,
    pace: Buckets,
    root: Url,
}

/// One pull's (or check's) conversation; counts its requests.
#[derive(Debug)]
pub(super) struct Session<'o> {
    org: &'o Org,
    meter: Meter,
}

/// The items of one page and where the next one is.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

impl Org {
    pub(super) fn new(config: &OktaConfig, http: &HttpClient, clock: WallClock) -> Result<Self, PullError> {
        let remote = |logs: bool| {
            let scopes = access::scopes(config, logs);
            let access = access::access(config, &scopes, http.clone(), clock)?;
            Ok::<_, PullError>(Remote::new(http.clone(), access, config.org_url.clone()))
        };
        let narrow = match config.credential {
            OktaCredential::Token(_) => None,
            OktaCredential::Service { .. } => Some(remote(false)?),
        };
        Ok(Self {
            remote: remote(true)?,
            narrow,
            narrowed: AtomicBool::new(false),
            pace: Buckets::new(config.rate_share, clock),
            root: config.org_url.clone(),
        })
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session { org: self, meter: Meter::default() }
    }

    pub(super) fn pace(&self) -> &Buckets {
        &self.pace
    }

    /// Whether tokens are asked for without the System Log's scope, because with it there was none.
    pub(super) fn is_without_logs(&self) -> bool {
        self.narrowed.load(Ordering::Relaxed)
    }

    /// Asks for everything again: somebody may have granted it.
    pub(super) fn widen(&self) {
        self.narrowed.store(false, Ordering::Relaxed);
    }

    /// An address under `/api/v1`.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut()
            .expect("the root has a host, which was checked when the source was made")
            .clear()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl<'o> Session<'o> {
    pub(super) fn org(&self) -> &'o Org {
        self.org
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u32 {
        self.meter.requests()
    }

    /// Now, by the org's clock; by ours before its first answer.
    pub(super) fn org_time(&self, ours: DateTime<Utc>) -> DateTime<Utc> {
        self.org.pace.org_time().unwrap_or(ours)
    }

    /// A successful answer.
    pub(super) async fn get(&self, operation: &str, url: &Url) -> Result<Answer, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(LEAN));
        let ask = Ask { method: Method::GET, url, headers, body: None };
        let Replied { answer, gave_up, .. } = self.ask(&ask).await.map_err(|error| Fault::remote(operation, error))?;
        if answer.status.is_success() && gave_up.is_none() {
            return Ok(answer);
        }
        Err(Fault::answer(operation, &answer, gave_up))
    }

    async fn ask(&self, ask: &Ask<'_>) -> Result<Replied, RemoteError> {
        let Org { remote, narrow, narrowed, pace, .. } = self.org;
        let Some(narrow) = narrow else { return remote.ask(ask, pace, &self.meter).await };
        if narrowed.load(Ordering::Relaxed) {
            return narrow.ask(ask, pace, &self.meter).await;
        }
        let refused = match remote.ask(ask, pace, &self.meter).await {
            Err(RemoteError::Auth(error))
                if matches!(
                    error.kind,
                    PullErrorKind::Unauthorized | PullErrorKind::Forbidden | PullErrorKind::Refused
                ) =>
            {
                error
            }
            other => return other,
        };
        match narrow.ask(ask, pace, &self.meter).await {
            // Without that scope there is no token either: the first refusal says why.
            Err(RemoteError::Auth(_)) => Err(RemoteError::Auth(refused)),
            other => {
                narrowed.store(true, Ordering::Relaxed);
                tracing::info!("a token was given without the System Log's scope only");
                other
            }
        }
    }

    /// One object.
    pub(super) async fn one<S, T>(&self, operation: &str, url: &Url, seed: S) -> Result<T, Fault>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        let answer = self.get(operation, url).await?;
        wire::one(&answer.body, seed).map_err(|error| Fault::unreadable(operation, &answer, &error))
    }

    /// One page, in smaller pieces if it takes the org too long.
    pub(super) async fn page<S, T>(&self, operation: &str, url: &Url, seed: S) -> Result<Page<T>, Fault>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Copy,
    {
        let answer = self.in_time(operation, url).await?;
        let items = wire::page(&answer.body, seed).map_err(|error| Fault::unreadable(operation, &answer, &error))?;
        let next = links::next(&answer.headers).map_err(|error| {
            let hint = "check proxies that may change answers of Okta";
            PullError::new(PullErrorKind::Protocol, operation, error.to_string(), hint)
        })?;
        Ok(Page { items, next })
    }

    /// The answer of a page. A first page that takes too long is asked for with half the size. A link is to be taken as it
    /// is: it is asked for again, and only then tried with half the size, which an org may refuse.
    async fn in_time(&self, operation: &str, url: &Url) -> Result<Answer, Fault> {
        let is_link = url.query_pairs().any(|(name, _)| name == "after");
        let mut again = if is_link { LINK_TRIES } else { 0 };
        let rules = self.org.remote.retry_rules();
        let mut asked = Cow::Borrowed(url);
        let mut too_large: Option<Fault> = None;
        loop {
            match (self.get(operation, &asked).await, too_large.take()) {
                (Ok(answer), _) => return Ok(answer),
                (Err(fault), _) if fault.is_too_large() => {
                    if again > 0 {
                        again -= 1;
                        tokio::time::sleep(rules.pause(LINK_TRIES - again, fastrand::f64())).await;
                    } else {
                        let Some(smaller) = smaller_page(&asked) else { return Err(fault) };
                        asked = Cow::Owned(smaller);
                    }
                    too_large = Some(fault);
                }
                // The link was altered, and is refused for that: what was wrong before is the news.
                (Err(fault), Some(before)) if is_link && fault.is_refused() => return Err(before),
                (Err(fault), _) => return Err(fault),
            }
        }
    }

    /// Reads a listing to its end. `take` gets each item with its page, counted from 1.
    pub(super) async fn listing<S, T, F>(
        &self,
        operation: &str,
        first: Url,
        seed: S,
        mut take: F,
    ) -> Result<LastPageSeen, Fault>
    where
        T: Send,
        S: for<'de> DeserializeSeed<'de, Value = T> + Copy + Send,
        F: FnMut(T, u32) + Send,
    {
        let mut walker = Walker::new(first, Ending::NoLink, self.org.remote.most_pages());
        loop {
            let Page { items, next } = self.page(operation, walker.current(), seed).await?;
            for item in items {
                take(item, walker.page());
            }
            let links = Links { next: next.as_deref(), delta: None };
            match walker.turn(links).map_err(|error| paging_error(operation, &error))? {
                Turn::More(more) => walker = more,
                Turn::Done(end) => return Ok(end.proof),
            }
        }
    }
}

/// What a link that cannot be followed means to the run.
fn paging_error(operation: &str, error: &PagingError) -> PullError {
    let (kind, hint) = match error {
        PagingError::Foreign { .. } => (
            PullErrorKind::ForeignLink,
            "write the org's own address into org_url (the host its links name); credentials are sent to it only",
        ),
        PagingError::TooManyPages { .. } => (PullErrorKind::BoundReached, "name groups as the scope of this source"),
        PagingError::Repeated { .. } | PagingError::BothLinks { .. } => (PullErrorKind::Protocol, "try again later"),
        PagingError::NoLink { .. } | PagingError::NotALink { .. } => {
            (PullErrorKind::Protocol, "check proxies that may answer in the place of Okta")
        }
    };
    PullError::new(kind, operation, error.to_string(), hint)
}
