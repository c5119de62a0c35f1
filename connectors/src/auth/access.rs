//! What a connection puts into its requests to prove who asks: a fixed header, or tokens by client credentials.
//!
//! Invariant: a credential is put on a request by [`Access::put`] only, which [`crate::remote`] calls after it has looked at
//! the request's origin.
//! Invariant: a secret is read when it is needed; a refusal reads it once more, so that a rotated one takes effect without a
//! restart.
//! Invariant: a token that is bound to a key is never sent without a proof of its own for that request.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::dpop::asks_for_nonce;
use super::{AccessToken, AuthError, ClientCredentials, Held, OAuthClient, TokenCache, TokenKind, WallClock};
use crate::error::PullErrorKind;
use crate::http::{Answer, HttpClient};
use crate::secret::{SecretSource, joined};

/// How one connection proves who asks.
#[derive(Debug)]
pub enum Access {
    /// `Authorization: {scheme} {secret}`: `SSWS` of Okta, `Bearer` of SCIM servers.
    Scheme {
        /// The word before the secret.
        scheme: &'static str,
        /// The token.
        secret: SecretSource,
    },
    /// HTTP Basic (RFC 7617), in UTF-8.
    Basic {
        /// The user name; without a colon.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A header of its own with nothing but the secret in it (`x-api-key`).
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value.
        secret: SecretSource,
    },
    /// Tokens by client credentials.
    OAuth(TokenCache<ClientCredentials>),
}

/// What was put on a request.
pub struct Put(Sent);

enum Sent {
    Secret(SecretString),
    Token {
        token: AccessToken,
        /// The nonce in the proof beside a bound token.
        nonce: Option<String>,
    },
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Put")
    }
}

/// What may be told about tokens and the way they are had; for `rollcall check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Seconds the token endpoint's clock is ahead of ours (negative: behind); `None` before the first answer.
    pub clock_offset: Option<i64>,
    /// Until when the certificate is valid, and how many days that is from now; for certificates.
    pub certificate_ends: Option<(DateTime<Utc>, i64)>,
    /// Algorithm (`RS256`) and id of the private key; for `private_key_jwt`.
    pub key: Option<(String, String)>,
    /// The token that is held.
    pub token: Option<Held>,
}

fn unauthorized(message: impl Into<String>, hint: impl Into<String>) -> AuthError {
    AuthError::new(PullErrorKind::Unauthorized, message, hint)
}

async fn read(source: &SecretSource) -> Result<SecretString, AuthError> {
    source.read().await.map_err(AuthError::from)
}

/// `user:password` as RFC 7617, section 2, has it: no colon in the name, no control characters.
fn pair(username: &str, password: &SecretString) -> Result<Zeroizing<String>, AuthError> {
    let password = password.expose_secret();
    if username.contains(':') {
        return Err(unauthorized("the user name holds a colon, which HTTP Basic cannot carry", "check the user name"));
    }
    if username.chars().chain(password.chars()).any(char::is_control) {
        let message = "user name or password hold control characters, which HTTP Basic cannot carry";
        return Err(unauthorized(message, "store the password alone, on one line"));
    }
    Ok(Zeroizing::new(STANDARD.encode(joined(&[username, ":", password]))))
}

impl Access {
    /// HTTP Basic.
    #[must_use]
    pub fn basic(username: impl Into<String>, password: SecretSource) -> Self {
        Self::Basic { username: username.into(), password }
    }

    /// Tokens by client credentials. Nothing is sent yet.
    #[must_use]
    pub fn oauth(http: HttpClient, client: OAuthClient, clock: WallClock) -> Self {
        Self::OAuth(TokenCache::new(ClientCredentials::new(http, client, clock)))
    }

    /// Whether there is a credential to ask with: reads the secret, or has a token fetched. Nothing is sent to the API.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn prepare(&self) -> Result<(), AuthError> {
        match self {
            Self::Scheme { secret, .. } | Self::Header { secret, .. } => read(secret).await.map(drop),
            Self::Basic { username, password } => pair(username, &read(password).await?).map(drop),
            Self::OAuth(tokens) => tokens.get().await.map(drop),
        }
    }

    /// What may be told about tokens; `None` for fixed credentials.
    #[must_use]
    pub async fn facts(&self) -> Option<Facts> {
        let Self::OAuth(tokens) = self else { return None };
        let credentials = tokens.mint();
        Some(Facts {
            clock_offset: credentials.clock_offset().seconds(),
            certificate_ends: credentials.certificate_ends().await,
            key: credentials.client().proof.named_key().await,
            token: tokens.held(),
        })
    }

    /// Puts the credential on a request. To be called for every attempt: a proof of possession is good for one only.
    ///
    /// # Errors
    /// If the secret cannot be read, or no token can be had.
    pub async fn put(&self, method: &Method, url: &Url, headers: &mut HeaderMap) -> Result<Put, AuthError> {
        let (name, text, sent) = match self {
            Self::Scheme { scheme, secret } => {
                let secret = read(secret).await?;
                (AUTHORIZATION, joined(&[scheme, " ", secret.expose_secret()]), Sent::Secret(secret))
            }
            Self::Basic { username, password } => {
                let secret = read(password).await?;
                (AUTHORIZATION, joined(&["Basic ", &pair(username, &secret)?]), Sent::Secret(secret))
            }
            Self::Header { name, secret } => {
                let secret = read(secret).await?;
                (name.clone(), joined(&[secret.expose_secret()]), Sent::Secret(secret))
            }
            Self::OAuth(tokens) => {
                let token = tokens.get().await?;
                let (scheme, nonce) = match token.kind {
                    TokenKind::Bearer => ("Bearer", None),
                    TokenKind::Dpop => ("DPoP", tokens.mint().prove(method, url, &token, headers)?.nonce),
                };
                let text = joined(&[scheme, " ", token.token.expose_secret()]);
                (AUTHORIZATION, text, Sent::Token { token, nonce })
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            unauthorized("the secret holds characters that no header can carry", "store the token alone, on one line")
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(Put(sent))
    }

    /// Whether an answer asks for the same credential with the server's nonce in the proof. To be called for every answer:
    /// any of them may bring a new nonce. Whoever asks bounds how often that is followed.
    #[must_use]
    pub fn challenged(&self, put: &Put, answer: &Answer) -> bool {
        let (Self::OAuth(tokens), Sent::Token { token, nonce }) = (self, &put.0) else { return false };
        if token.kind != TokenKind::Dpop {
            return false;
        }
        let newest = tokens.mint().note(&answer.headers);
        asks_for_nonce(answer.status, &answer.headers) && newest != *nonce
    }

    /// Whether the same request is worth another attempt at once, with what [`put`](Self::put) gives next: after a
    /// challenge, when the token is replaced, or when the secret has changed. Whoever asks bounds how often.
    #[must_use]
    pub async fn refused(&self, put: &Put, answer: &Answer) -> bool {
        if self.challenged(put, answer) {
            return true;
        }
        if answer.status.as_u16() != 401 {
            return false;
        }
        match (self, &put.0) {
            (Self::OAuth(tokens), Sent::Token { token, .. }) => {
                tokens.invalidate(token);
                true
            }
            (
                Self::Scheme { secret, .. } | Self::Basic { password: secret, .. } | Self::Header { secret, .. },
                Sent::Secret(sent),
            ) => secret.read_again(sent).await.is_ok_and(|now| now.expose_secret() != sent.expose_secret()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
