//! What is configured about a client: where its tokens come from, what it asks for, and how it proves who it is.
//!
//! Invariant: a secret is read when it is needed and forgotten after the exchange.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::assertion::NamedKey;
use super::exchange::Presented;
use super::{AssertionError, AuthError, Dpop, SigningCertificate};
use crate::error::PullErrorKind;
use crate::http::require_safe;
use crate::secret::{SecretError, SecretSource, sealed};

/// How the client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A secret, sent in the form (`client_secret_post`).
    Secret(SecretSource),
    /// A secret, sent in an `Authorization: Basic` header, both halves form-encoded (`client_secret_basic`; RFC 6749,
    /// section 2.3.1).
    SecretBasic(SecretSource),
    /// A PEM with certificate and private key, which signs an assertion that names the certificate (Entra ID).
    Certificate(SecretSource),
    /// A private key, which signs an assertion that names the key (`private_key_jwt`; Okta).
    PrivateKey {
        /// PEM (PKCS#8, PKCS#1, SEC1) or a private JWK.
        source: SecretSource,
        /// The id under which the server knows the key; may be absent when a JWK says it.
        key_id: Option<String>,
    },
}

/// A client of a token endpoint.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// The token endpoint; letter by letter the audience of assertions.
    pub token_url: Url,
    /// The client id.
    pub client_id: String,
    /// What is asked for. Entra takes exactly one `{resource}/.default`, Okta a list, other servers often none.
    pub scopes: Vec<String>,
    /// Further form parameters, such as `audience` or `resource`.
    pub extra: BTreeMap<String, String>,
    /// How the client proves who it is.
    pub proof: Proof,
    /// When to prove possession of a key.
    pub dpop: Dpop,
}

/// Form parameters that are set here and nowhere else.
const RESERVED: &[&str] =
    &["grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

impl OAuthClient {
    /// A client that asks for nothing in particular and proves no possession.
    #[must_use]
    pub fn new(token_url: Url, client_id: impl Into<String>, proof: Proof) -> Self {
        let (scopes, extra) = (Vec::new(), BTreeMap::new());
        Self { token_url, client_id: client_id.into(), scopes, extra, proof, dpop: Dpop::Never }
    }

    /// Refuses an address that no credential may be sent to, and extra parameters that would be sent twice.
    pub(super) fn require_sane(&self) -> Result<(), AuthError> {
        require_safe(&self.token_url).map_err(|error| {
            AuthError::new(PullErrorKind::Refused, error.to_string(), "use the https address of the token endpoint")
        })?;
        match self.extra.keys().find(|name| RESERVED.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(AuthError::new(
                PullErrorKind::Refused,
                format!("the extra parameter `{name}` is one of the request's own"),
                format!("take `{name}` out of the extra parameters; it has a setting of its own"),
            )),
        }
    }

    /// The first scope that was asked for and is not among the granted ones. A server that says nothing granted all (RFC
    /// 6749, section 5.1). Entra answers `/.default` with what it stands for.
    pub(super) fn missing(&self, granted: Option<&[String]>) -> Option<&str> {
        let granted = granted?;
        let lacks = |scope: &&String| !scope.ends_with("/.default") && !granted.contains(scope);
        self.scopes.iter().find(lacks).map(String::as_str)
    }
}

impl Proof {
    fn source(&self) -> &SecretSource {
        let (Self::Secret(source)
        | Self::SecretBasic(source)
        | Self::Certificate(source)
        | Self::PrivateKey { source, .. }) = self;
        source
    }

    /// Reads the secret now.
    pub(super) async fn read(&self) -> Result<SecretString, AuthError> {
        self.source().read().await.map_err(AuthError::from)
    }

    /// Reads it once more, after `refused` was refused.
    pub(super) async fn read_again(&self, refused: &SecretString) -> Result<SecretString, AuthError> {
        self.source().read_again(refused).await.map_err(AuthError::from)
    }

    /// What is sent this time: the secret, or a new assertion, at the server's time `at`.
    pub(super) fn present<'a>(
        &self,
        secret: &'a SecretString,
        client: &OAuthClient,
        at: DateTime<Utc>,
    ) -> Result<Presented<'a>, AuthError> {
        let (text, id, url) = (secret.expose_secret(), client.client_id.as_str(), client.token_url.as_str());
        let assertion = match self {
            Self::Secret(_) => return Ok(Presented::Secret(secret)),
            Self::SecretBasic(_) => return Ok(Presented::Basic(secret)),
            Self::Certificate(_) => SigningCertificate::from_pem(text).and_then(|key| key.assertion(id, url, at)),
            Self::PrivateKey { key_id, .. } => {
                NamedKey::read(text, key_id.as_deref()).and_then(|key| key.assertion(id, url, at))
            }
        };
        assertion.map(|jwt| Presented::Assertion(sealed(jwt))).map_err(AuthError::from)
    }

    /// Whether assertions are signed, so that clocks matter.
    pub(super) fn signs(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::PrivateKey { .. })
    }

    /// Until when the certificate is valid, if there is one and that can be read.
    pub(super) async fn ends(&self) -> Option<DateTime<Utc>> {
        let Self::Certificate(_) = self else { return None };
        SigningCertificate::from_pem(self.read().await.ok()?.expose_secret()).ok()?.ends()
    }

    /// Algorithm and id of a private key, if there is one and it can be read.
    pub(super) async fn named_key(&self) -> Option<(String, String)> {
        let Self::PrivateKey { key_id, .. } = self else { return None };
        Some(NamedKey::read(self.read().await.ok()?.expose_secret(), key_id.as_deref()).ok()?.describe())
    }
}

impl From<SecretError> for AuthError {
    fn from(error: SecretError) -> Self {
        Self::new(PullErrorKind::Unauthorized, error.to_string(), error.hint())
    }
}

impl From<AssertionError> for AuthError {
    fn from(error: AssertionError) -> Self {
        Self::new(PullErrorKind::Unauthorized, error.to_string(), error.hint())
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "client_secret_post",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::Certificate(_) => "certificate",
            Self::PrivateKey { .. } => "private_key_jwt",
        })
    }
}
