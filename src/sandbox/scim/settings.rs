//! What an administrator of the server would set: who may come in, how large pages are, how fast is too fast.
//!
//! Invariant: no secret shows in `Debug`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::manners::Manners;

/// Who may come in.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// `Authorization: Bearer` with this token, which lives until it is taken away.
    Bearer(String),
    /// `Authorization: Basic`.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A header of this name, with nothing but the secret.
    Header {
        /// Its name, compared without case.
        name: String,
        /// Its value.
        value: String,
    },
    /// Tokens of `/oauth/token`.
    OAuth(OAuthClient),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer",
            Self::Basic { .. } => "Basic",
            Self::Header { .. } => "Header",
            Self::OAuth(_) => "OAuth",
        })
    }
}

/// How a client proves who it is to the token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Either way.
    #[default]
    Any,
    /// `client_secret_post` alone.
    Post,
    /// `client_secret_basic` alone.
    Basic,
}

/// A client of the token endpoint.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// Client id.
    pub id: String,
    /// Client secret.
    pub secret: String,
    /// Scopes it may ask for; without any, every scope is taken.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// The `audience` it must ask for.
    #[serde(default)]
    pub audience: Option<String>,
    /// How it proves who it is.
    #[serde(default)]
    pub auth: ClientAuth,
}

impl std::fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, secret: _, scopes, audience, auth } = self;
        let mut shown = f.debug_struct("OAuthClient");
        shown.field("id", id).field("scopes", scopes).field("audience", audience).field("auth", auth);
        shown.finish_non_exhaustive()
    }
}

impl OAuthClient {
    /// One that may ask for any scope, in either way.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            scopes: BTreeSet::new(),
            audience: None,
            auth: ClientAuth::Any,
        }
    }
}

/// How a refusal says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Whole seconds.
    Seconds,
    /// An HTTP date, by the server's clock (see the `Date` header).
    Date,
    /// Not at all.
    Absent,
}

/// A limit on requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests a second of the tenant's time, and the burst.
    pub per_second: u32,
    /// How a refusal says when to come back.
    pub retry_after: RetryAfter,
}

/// What can differ from server to server, or from day to day.
#[derive(Debug, Clone, PartialEq)]
pub struct ScimSettings {
    /// The server's habits.
    pub manners: Manners,
    /// Who may come in; nobody at first.
    pub credentials: Vec<Credential>,
    /// The largest page, whatever was asked for, and the page of those who do not ask.
    pub max_page: usize,
    /// Life of a cursor in seconds.
    pub cursor_life_secs: u32,
    /// Life of a token of `/oauth/token` in seconds.
    pub token_life_secs: u32,
    /// Requests a second; without it, any number.
    pub rate: Option<Rate>,
}

impl Default for ScimSettings {
    fn default() -> Self {
        Self {
            manners: Manners::default(),
            credentials: Vec::new(),
            max_page: 100,
            cursor_life_secs: 600,
            token_life_secs: 3_600,
            rate: None,
        }
    }
}
