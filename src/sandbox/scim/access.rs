//! Who may come in: bearer tokens, Basic, a header of one's own, and the token endpoint for client credentials.
//!
//! Invariant: a token of the endpoint is opaque and lives by the tenant's time.
//!
//! (RFC 6749, 2.3.1 and 4.4; RFC 6750; RFC 7617.)

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::reply::{JSON, Refusal, Reply};
use super::settings::{ClientAuth, Credential, OAuthClient, ScimSettings};

/// Tokens of the endpoint, and when they end.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, DateTime<Utc>>);

fn header_text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What follows the name of a scheme, which is compared without case (RFC 9110, 11.1).
fn after_scheme<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (own, rest) = authorization.split_once(' ')?;
    own.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

fn decoded_pair(encoded: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, secret) = pair.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

impl Tokens {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Lets a request in, or says why not.
    pub(super) fn admit(
        &self,
        settings: &ScimSettings,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let authorization = header_text(headers, header::AUTHORIZATION);
        let bearer = after_scheme(authorization, "Bearer");
        let pair = after_scheme(authorization, "Basic").and_then(decoded_pair);
        let opens = |credential: &Credential| match credential {
            Credential::Bearer(token) => bearer == Some(token.as_str()),
            Credential::Basic { username, password } => {
                pair.as_ref().is_some_and(|(name, secret)| name == username && secret == password)
            }
            Credential::Header { name, value } => header_text(headers, name.as_str()) == value,
            Credential::OAuth(_) => bearer.and_then(|token| self.0.get(token)).is_some_and(|ends| *ends > now),
        };
        if settings.credentials.iter().any(opens) {
            return Ok(());
        }
        let mut challenge = "Bearer realm=\"SCIM\"".to_owned();
        if bearer.is_some() {
            challenge.push_str(", error=\"invalid_token\"");
        }
        let mut refusal = Refusal::new(401, "Authorization failure. The authorization header is invalid or missing.")
            .header("www-authenticate", challenge);
        if settings.credentials.iter().any(|one| matches!(one, Credential::Basic { .. })) {
            refusal = refusal.header("www-authenticate", "Basic realm=\"SCIM\"");
        }
        Err(refusal)
    }

    /// `POST /oauth/token`.
    pub(super) fn answer(
        &mut self,
        settings: &ScimSettings,
        method: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Reply {
        if method != "POST" {
            return oauth_error(405, "invalid_request", "Tokens are asked for by POST.").with("allow", "POST");
        }
        match self.issue(settings, headers, body, now) {
            Ok(answer) => token_reply(200, answer),
            Err(reply) => reply,
        }
    }

    fn issue(
        &mut self,
        settings: &ScimSettings,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Value, Reply> {
        let form = header_text(headers, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
        if !form {
            return Err(oauth_error(400, "invalid_request", "The body is not a form."));
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        match field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(oauth_error(400, "unsupported_grant_type", "Only client_credentials is supported.")),
            None => return Err(oauth_error(400, "invalid_request", "grant_type is missing.")),
        }
        let client = client(settings, headers, field("client_id"), field("client_secret"))?;
        let scope = field("scope").unwrap_or_default();
        let foreign = |scope: &str| !client.scopes.is_empty() && !client.scopes.contains(scope);
        if scope.split(' ').any(|scope| !scope.is_empty() && foreign(scope)) {
            return Err(oauth_error(400, "invalid_scope", "The client may not ask for this scope."));
        }
        if client.audience.is_some() && client.audience.as_deref() != field("audience") {
            return Err(oauth_error(403, "access_denied", "The audience is missing or unknown."));
        }
        let life = settings.token_life_secs;
        let token = format!("scim-{}", crate::sandbox::fresh_id().simple());
        self.0.retain(|_, ends| *ends > now);
        self.0.insert(token.clone(), now + TimeDelta::seconds(i64::from(life)));
        let mut answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": life });
        if !scope.is_empty() {
            answer["scope"] = json!(scope);
        }
        Ok(answer)
    }
}

/// The client that asks, proven by one way alone.
fn client<'a>(
    settings: &'a ScimSettings,
    headers: &HeaderMap,
    id: Option<&str>,
    secret: Option<&str>,
) -> Result<&'a OAuthClient, Reply> {
    let basic = after_scheme(header_text(headers, header::AUTHORIZATION), "Basic");
    if basic.is_some() && secret.is_some() {
        return Err(oauth_error(400, "invalid_request", "Only one way to authenticate may be used."));
    }
    let by_basic = basic.is_some();
    let (id, secret) = match basic {
        // Both halves are form-encoded before they are joined.
        Some(encoded) => {
            let plain = |half: &str| {
                let half = format!("x={half}");
                form_urlencoded::parse(half.as_bytes()).next().map(|(_, value)| value.into_owned())
            };
            let pair = decoded_pair(encoded).and_then(|(id, secret)| Some((plain(&id)?, plain(&secret)?)));
            pair.ok_or_else(unknown_client)?
        }
        None => (id.unwrap_or_default().to_owned(), secret.unwrap_or_default().to_owned()),
    };
    let mut clients = settings.credentials.iter().filter_map(|credential| match credential {
        Credential::OAuth(client) => Some(client),
        _ => None,
    });
    let fits = |auth: ClientAuth| match auth {
        ClientAuth::Any => true,
        ClientAuth::Post => !by_basic,
        ClientAuth::Basic => by_basic,
    };
    clients.find(|client| client.id == id && client.secret == secret && fits(client.auth)).ok_or_else(unknown_client)
}

fn unknown_client() -> Reply {
    oauth_error(401, "invalid_client", "The client is unknown or did not prove who it is.")
        .with("www-authenticate", "Basic realm=\"token\"")
}

/// An error of the token endpoint (RFC 6749, 5.2).
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
    token_reply(status, json!({ "error": error, "error_description": description }))
}

fn token_reply(status: u16, body: Value) -> Reply {
    let reply = Reply { media_type: JSON, ..Reply::new(status, body) };
    reply.with("cache-control", "no-store")
}
