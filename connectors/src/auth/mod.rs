//! Access tokens by the client-credentials grant (RFC 6749, section 4.4), and every other way to prove who asks.
//!
//! ```text
//! access       what goes into a request: a fixed header, or a token with whatever must stand beside it
//! cache        one token per connection: shared, fetched once at a time, renewed early
//! credentials  one token request, and what may be tried again
//! client       what is configured: token endpoint, scopes, and how the client proves itself
//! refusal      what a token endpoint's refusal means: Entra's numbers, Okta's sentences, OAuth's errors
//! exchange     the `oauth2` crate on our own HTTP client, which sees status and headers
//! assertion    the signed statement a key makes instead of a secret (RFC 7523)
//! dpop         the proof that the sender holds the key its token is bound to (RFC 9449)
//! key          private keys from PEM and JWK, and how they sign
//! ```
//!
//! Invariant: no token, secret, assertion, proof or body of the token endpoint is in any error, `Debug` text or log line.
//! Invariant: a repeated token request is a new request, with a new assertion.
//! Deliberately absent: other grants, refresh tokens, reading what is inside an access token.

mod access;
mod assertion;
mod cache;
mod client;
mod credentials;
mod dpop;
mod exchange;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod key;
mod refusal;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};

use crate::error::{PullError, PullErrorKind};

pub use access::{Access, Facts, Put};
pub use assertion::{AssertionError, SigningCertificate};
pub use cache::{AccessToken, Held, Mint, Minted, TokenCache, TokenKind};
pub use client::{OAuthClient, Proof};
pub use credentials::ClientCredentials;
pub use dpop::Dpop;

/// Where the wall-clock time comes from. A library does not read the clock by itself; whoever builds the parts says how.
pub type WallClock = fn() -> DateTime<Utc>;

/// No token could be had. Cheap to clone: everybody who waited for the same fetch gets it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthError {
    /// What went wrong, for a `match`.
    pub kind: PullErrorKind,
    /// What happened, without secrets.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

impl AuthError {
    pub(crate) fn new(kind: PullErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into() }
    }
}

impl From<AuthError> for PullError {
    fn from(error: AuthError) -> Self {
        Self::new(error.kind, "POST token endpoint", error.message, error.hint)
    }
}

/// How far the server's clock is ahead of ours, as last seen.
#[derive(Debug, Clone)]
pub struct ClockOffset(Arc<AtomicI64>);

/// Nothing has been measured yet.
const UNMEASURED: i64 = i64::MIN;

impl Default for ClockOffset {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNMEASURED)))
    }
}

impl ClockOffset {
    /// Whole seconds the server is ahead (negative: behind); `None` before the first answer.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds != UNMEASURED)
    }

    /// Compares an answer's `Date` with our time.
    pub(crate) fn measure(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(server) = date.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok()) {
            self.0.store(server.signed_duration_since(now).num_seconds(), Ordering::Relaxed);
        }
    }
}
