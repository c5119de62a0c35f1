//! One remote system and the way it is asked: every request of the Okta and SCIM connectors goes through [`Remote::ask`].
//!
//! Invariant: a credential is attached only after the link's origin was found to be the configured root's.
//! Invariant: every attempt carries a credential of its own; a refused one is replaced once, not in a loop, and a nonce is
//! followed once.
//! Invariant: the loop over attempts is bounded by [`RetryRules`], and so is every wait.
//! Deliberately absent: what an answer means. Any whole answer is given back, whatever its status.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use crate::auth::{Access, AuthError};
use crate::http::RetryRules;
use crate::http::{
    Answer, Attempt, GaveUp, HttpClient, Meter, Outgoing, TransportError, is_passing, retry_after, retrying,
};
use crate::paging::same_origin;

/// A remote system, ready to be asked. Credentials go to this origin only.
#[derive(Debug)]
pub struct Remote {
    http: HttpClient,
    access: Access,
    root: Url,
}

/// One request.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// Where to, whole; a link is taken as it is.
    pub url: &'a Url,
    /// Headers beside credential and user agent.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// How fast a remote may be asked, by what its answers say about it.
pub trait Pace: Sync {
    /// How long to wait before a request to this address.
    fn before(&self, url: &Url) -> Duration;

    /// Takes note of an answer. `Some` says that it is worth another attempt after that time, although its status or its
    /// headers do not say so in the ordinary way.
    fn after(&self, url: &Url, answer: &Answer) -> Option<Duration>;

    /// Whether another attempt at this very address would end the same way, whatever the status says (a query that is too
    /// large for the remote). Such an answer is given back at once.
    fn settled(&self, url: &Url, answer: &Answer) -> bool {
        let _ = (url, answer);
        false
    }
}

/// As fast as it answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpaced;

impl Pace for Unpaced {
    fn before(&self, _url: &Url) -> Duration {
        Duration::ZERO
    }

    fn after(&self, _url: &Url, _answer: &Answer) -> Option<Duration> {
        None
    }
}

/// The last answer to a request.
#[derive(Debug)]
pub struct Replied {
    /// The answer, of any status.
    pub answer: Answer,
    /// How many attempts it took.
    pub tries: u32,
    /// Why there was no other attempt, although the answer asked for one.
    pub gave_up: Option<GaveUp>,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The link leads to another scheme, host or port than the configured one; nothing was sent.
    #[error("a link leads to another host than the configured one")]
    Foreign,
    /// There is no credential to ask with.
    #[error("{0}")]
    Auth(AuthError),
    /// The remote's own word says that asking must wait longer than allowed; nothing was sent.
    #[error("the rate limit is used up for another {} s", .0.as_secs())]
    Paced(Duration),
    /// No whole answer.
    #[error("{0}")]
    Transport(#[source] TransportError),
}

impl Remote {
    /// A remote. Nothing is sent yet.
    #[must_use]
    pub fn new(http: HttpClient, access: Access, root: Url) -> Self {
        Self { http, access, root }
    }

    /// Pages of one listing; reaching it is an error.
    #[must_use]
    pub fn most_pages(&self) -> u32 {
        self.http.limits().pages
    }

    /// The configured root.
    #[must_use]
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// The rules of the loop over attempts.
    #[must_use]
    pub fn retry_rules(&self) -> &RetryRules {
        &self.http.limits().retry
    }

    /// How it is proved who asks.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Asks until there is an answer that another attempt would not change, within the bounds.
    ///
    /// # Errors
    /// If nothing may be sent, or no whole answer arrives. Any status is an answer.
    pub async fn ask(&self, ask: &Ask<'_>, pace: &impl Pace, meter: &Meter) -> Result<Replied, RemoteError> {
        if !same_origin(&self.root, ask.url) {
            return Err(RemoteError::Foreign);
        }
        let longest = self.http.limits().retry.longest_wait;
        let tried = retrying(&self.http.limits().retry, || async {
            let wait = pace.before(ask.url);
            if wait > longest {
                return Attempt::Take(Err(RemoteError::Paced(wait)));
            }
            tokio::time::sleep(wait).await;
            match self.once(ask, meter).await {
                Ok(answer) => {
                    let own = pace.after(ask.url, &answer);
                    if own.is_none() && pace.settled(ask.url, &answer) {
                        return Attempt::Take(Ok(answer));
                    }
                    let asked = own.or_else(|| retry_after(&answer.headers));
                    if own.is_some() || is_passing(answer.status) {
                        tracing::debug!(status = answer.status.as_u16(), ?asked, "will be retried");
                        return Attempt::Again(Ok(answer), asked);
                    }
                    Attempt::Take(Ok(answer))
                }
                Err(RemoteError::Transport(error))
                    if !matches!(error, TransportError::TooBig { .. } | TransportError::Untrusted(_)) =>
                {
                    Attempt::Again(Err(RemoteError::Transport(error)), None)
                }
                Err(error) => Attempt::Take(Err(error)),
            }
        })
        .await;
        let (tries, gave_up) = (tried.tries, tried.gave_up);
        tried.got.map(|answer| Replied { answer, tries, gave_up })
    }

    /// One attempt, repeated at once if the server asks for its nonce in a proof, and if the credential was refused and can
    /// be replaced; once each.
    async fn once(&self, ask: &Ask<'_>, meter: &Meter) -> Result<Answer, RemoteError> {
        let (mut may_renew, mut may_replace) = (true, true);
        loop {
            let mut headers = ask.headers.clone();
            let put = self.access.put(&ask.method, ask.url, &mut headers).await.map_err(RemoteError::Auth)?;
            let out = Outgoing { method: ask.method.clone(), url: ask.url, headers, body: ask.body.clone() };
            let answer = self.http.once(&out, meter).await.map_err(RemoteError::Transport)?;
            if self.access.challenged(&put, &answer) {
                // A token is not to blame for a nonce.
                if std::mem::take(&mut may_renew) {
                    continue;
                }
                return Ok(answer);
            }
            if may_replace && self.access.refused(&put, &answer).await {
                may_replace = false;
                continue;
            }
            return Ok(answer);
        }
    }
}
