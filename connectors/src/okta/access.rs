//! How the org is told who asks: an API token, or a service app.
//!
//! Okta reference, "Okta API authentication methods": the token goes as `SSWS`; a service app signs its requests for tokens
//! at the org's own authorization server.

use url::Url;

use super::config::{OktaConfig, OktaCredential, OktaScope};
use crate::auth::{Access, Dpop, OAuthClient, Proof, WallClock};
use crate::error::{PullError, PullErrorKind};
use crate::http::HttpClient;

/// The scope of the System Log, which is only a source of hints.
const LOGS: &str = "okta.logs.read";

/// What a service app asks for. One scope that is not granted fails the whole request, so the System Log's can be left out.
pub(super) fn scopes(config: &OktaConfig, logs: bool) -> Vec<&'static str> {
    let mut scopes = vec!["okta.users.read", "okta.groups.read"];
    if matches!(config.scope, OktaScope::App(_)) {
        scopes.push("okta.apps.read");
    }
    if logs {
        scopes.push(LOGS);
    }
    scopes
}

impl OktaConfig {
    /// The OAuth scopes that a service app asks for; an API token has none.
    #[must_use]
    pub fn scopes(&self) -> Vec<&'static str> {
        scopes(self, true)
    }
}

/// The org's token endpoint (not the one of a custom authorization server).
pub(super) fn token_url(config: &OktaConfig) -> Result<Url, PullError> {
    let text = format!("{}/oauth2/v1/token", config.org_url.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| {
        let message = "the token endpoint's URL cannot be built";
        PullError::new(PullErrorKind::Refused, "configuration", message, "check org_url")
    })
}

/// How requests prove who asks.
pub(super) fn access(
    config: &OktaConfig,
    scopes: &[&'static str],
    http: HttpClient,
    clock: WallClock,
) -> Result<Access, PullError> {
    match &config.credential {
        OktaCredential::Token(secret) => Ok(Access::Scheme { scheme: "SSWS", secret: secret.clone() }),
        OktaCredential::Service { client_id, private_key, key_id, dpop } => {
            let proof = Proof::PrivateKey { source: private_key.clone(), key_id: key_id.clone() };
            let client = OAuthClient {
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
                dpop: if *dpop { Dpop::Always } else { Dpop::WhenAsked },
                ..OAuthClient::new(token_url(config)?, client_id.clone(), proof)
            };
            Ok(Access::oauth(http, client, clock))
        }
    }
}
