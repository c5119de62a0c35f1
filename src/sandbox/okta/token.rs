//! The token endpoint of the org authorization server: client credentials, with a signed assertion and nothing else.
//!
//! Deliberately absent: users, refresh tokens, custom authorization servers.
//!
//! (okta-developer-docs, "Implement OAuth for Okta with a service app" and "OAuth 2.0 and OpenID Connect error codes";
//! RFC 7523, 3.)

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::call::Call;
use super::clients::{Clients, Grant};
use super::dpop::{self, Demand, Doubt};
use super::jwt::{self, Jwt};
use super::reply::Refusal;
use super::settings::ServiceApp;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Life of an access token, which nobody can change.
const LIFE_SECS: u32 = 3_600;
/// How far ahead an assertion may end.
const LONGEST_SECS: i64 = 3_600;

impl Clients {
    /// Answers a token request. `url` is the endpoint as clients call it.
    pub(super) fn issue(&mut self, call: &Call, url: &str, now: DateTime<Utc>) -> Result<Value, Refusal> {
        match call.field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                let message = "The authorization grant type is not supported by the authorization server.";
                return Err(Refusal::oauth(400, "unsupported_grant_type", message));
            }
            None => return Err(Refusal::oauth(400, "invalid_request", "The request is missing 'grant_type'.")),
        }
        let Some(assertion) = call.field("client_assertion") else {
            let secret = call.field("client_secret").is_some() || call.header("authorization").is_some();
            return Err(if secret || call.field("client_id").is_some() {
                let message = "Client Credentials requests to the Org Authorization Server must use the \
                               private_key_jwt token_endpoint_auth_method.";
                Refusal::client(message)
            } else {
                Refusal::oauth(400, "invalid_client", "A client_id must be provided in the request.")
            });
        };
        if call.field("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(Refusal::client("The client_assertion_type is missing or invalid."));
        }
        let assertion =
            Jwt::read(assertion).ok_or_else(|| Refusal::client("The parsing of the client_assertion failed."))?;
        let app = self.authenticated(&assertion, call.field("client_id"), url, now)?;
        let scopes = scopes(&app, call.field("scope"))?;
        let bound_to = self.bound(call, &app, url, now)?;
        let kind = if bound_to.is_some() { "DPoP" } else { "Bearer" };
        let token = format!("eyJraWQi.{}.{}", crate::sandbox::fresh_id().simple(), crate::sandbox::fresh_id().simple());
        let answer = json!({
            "token_type": kind,
            "expires_in": LIFE_SECS,
            "access_token": token,
            "scope": scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        });
        let expires = now + TimeDelta::seconds(i64::from(LIFE_SECS));
        self.grants.insert(token, Grant { scopes, expires, bound_to });
        Ok(answer)
    }

    /// The app whose assertion this is. An assertion that could have been right is used up.
    fn authenticated(
        &mut self,
        assertion: &Jwt,
        named: Option<&str>,
        url: &str,
        now: DateTime<Utc>,
    ) -> Result<ServiceApp, Refusal> {
        let (issuer, subject) = (assertion.text("iss"), assertion.text("sub"));
        let client = subject.filter(|subject| issuer == Some(*subject) && named.is_none_or(|named| named == *subject));
        let client = client.ok_or_else(|| {
            Refusal::client("The issuer and subject claims for client_assertion must be the client_id of the client.")
        })?;
        let app = self.apps.get(client).cloned();
        let app = app.ok_or_else(|| Refusal::client("Invalid value for 'client_id' parameter."))?;
        let algorithm = assertion.algorithm();
        let algorithm =
            algorithm.ok_or_else(|| Refusal::client("The client_assertion signing algorithm is not supported."))?;
        let key = assertion.header["kid"].as_str().and_then(|kid| app.keys.get(kid));
        let key = key.ok_or_else(|| Refusal::client("The client_assertion JWT kid is invalid."))?;
        if !jwt::registered(key, algorithm).is_some_and(|key| assertion.is_signed_by(&key)) {
            return Err(Refusal::client("The client_assertion signature is invalid."));
        }
        // One audience, as a text or as a list of one; not a character may differ.
        let audience = &assertion.claims["aud"];
        if audience != url && *audience != json!([url]) {
            let message = "The audience claim for client_assertion must be the endpoint invoked for the request.";
            return Err(Refusal::client(message));
        }
        let exp = assertion.seconds("exp");
        let exp = exp.ok_or_else(|| Refusal::client("The client_assertion token must have an expiration."))?;
        if exp <= now.timestamp() {
            return Err(Refusal::client("The client_assertion token is expired."));
        }
        if exp > now.timestamp() + LONGEST_SECS {
            return Err(Refusal::client("The client_assertion token has an expiration too far into the future."));
        }
        if assertion.seconds("iat").is_some_and(|made| made > now.timestamp()) {
            return Err(Refusal::client("The client_assertion token must be issued before the current time."));
        }
        if let Some(id) = assertion.text("jti") {
            let until = DateTime::from_timestamp(exp, 0).unwrap_or(now);
            if !self.first_use(format!("assertion {client} {id}"), until, now) {
                return Err(Refusal::client("The client_assertion token has already been used."));
            }
        }
        Ok(app)
    }

    /// The key the token will be bound to, if it will be.
    fn bound(
        &mut self,
        call: &Call,
        app: &ServiceApp,
        url: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Refusal> {
        match dpop::proven(self, call, &Demand { url, nonce: true, token: None }, now) {
            Ok(None) if app.dpop => {
                Err(Refusal::oauth(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."))
            }
            Ok(proven) => Ok(proven),
            Err(Doubt::Invalid(why)) => Err(Refusal::oauth(400, "invalid_dpop_proof", why)),
            Err(Doubt::Nonce) => {
                let message = "Authorization server requires nonce in DPoP proof.";
                Err(Refusal::oauth(400, "use_dpop_nonce", message).header("dpop-nonce", self.nonce(now)))
            }
        }
    }
}

/// The scopes asked for, all of which must have been granted.
fn scopes(app: &ServiceApp, asked: Option<&str>) -> Result<BTreeSet<String>, Refusal> {
    let asked: BTreeSet<String> = asked.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if asked.is_empty() {
        return Err(Refusal::oauth(400, "invalid_scope", "The request must name at least one scope."));
    }
    if asked.is_subset(&app.scopes) {
        return Ok(asked);
    }
    let message = "One or more scopes are not allowed for this client: an administrator must grant them.";
    Err(Refusal::oauth(400, "invalid_scope", message))
}
