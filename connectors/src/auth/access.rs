//! What a connection puts into its requests to prove who asks: a fixed header, or tokens by client credentials.
//!
//! Invariant: a credential is put on a request by [`Access::put`] only, which [`crate::remote`] calls after it has looked at
//! the request's origin.
//! Invariant: a secret is read when it is needed; a refusal reads it once more, so that a rotated one takes effect without a
//! restart.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{AccessToken, AuthError, ClientCredentials, TokenCache};
use crate::error::PullErrorKind;
use crate::http::Answer;
use crate::secret::SecretSource;

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
    /// HTTP Basic.
    Basic {
        /// The user name.
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
    Token(AccessToken),
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Put")
    }
}

impl Access {
    /// Puts the credential on a request. To be called for every attempt: a proof of possession is good for one only.
    ///
    /// # Errors
    /// If the secret cannot be read, or no token can be had.
    pub async fn put(&self, _method: &Method, _url: &Url, headers: &mut HeaderMap) -> Result<Put, AuthError> {
        let read = |source: &SecretSource| {
            source.read().map_err(|error| AuthError::new(PullErrorKind::Unauthorized, error.to_string(), error.hint()))
        };
        let (name, text, sent) = match self {
            Self::Scheme { scheme, secret } => {
                let secret = read(secret)?;
                (AUTHORIZATION, format!("{scheme} {}", secret.expose_secret()), Sent::Secret(secret))
            }
            Self::Basic { username, password } => {
                let secret = read(password)?;
                let pair = STANDARD.encode(format!("{username}:{}", secret.expose_secret()));
                (AUTHORIZATION, format!("Basic {pair}"), Sent::Secret(secret))
            }
            Self::Header { name, secret } => {
                let secret = read(secret)?;
                (name.clone(), secret.expose_secret().to_owned(), Sent::Secret(secret))
            }
            Self::OAuth(tokens) => {
                let token = tokens.get().await?;
                (AUTHORIZATION, format!("Bearer {}", token.token.expose_secret()), Sent::Token(token))
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            let hint = "store the token alone, on one line";
            AuthError::new(PullErrorKind::Unauthorized, "the secret holds characters that no header can carry", hint)
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(Put(sent))
    }

    /// Whether the same request is worth another attempt at once, with what [`put`](Self::put) gives next: after a 401, when
    /// the token is replaced or the secret has changed. Whoever asks bounds how often.
    #[must_use]
    pub fn refused(&self, put: &Put, answer: &Answer) -> bool {
        if answer.status.as_u16() != 401 {
            return false;
        }
        match (self, &put.0) {
            (Self::OAuth(tokens), Sent::Token(token)) => {
                tokens.invalidate(token);
                true
            }
            (
                Self::Scheme { secret, .. } | Self::Basic { password: secret, .. } | Self::Header { secret, .. },
                Sent::Secret(sent),
            ) => secret.read().is_ok_and(|now| now.expose_secret() != sent.expose_secret()),
            _ => false,
        }
    }
}
