//! The token endpoint of Microsoft Entra ID for daemons: client credentials, by secret or by certificate.
//!
//! Invariant: a token is opaque; what it stands for is known to the tenant alone.
//! Deliberately absent: users, refresh tokens, federated credentials, the OpenID metadata.
//!
//! (Microsoft Learn, "OAuth 2.0 client credentials flow on the Microsoft identity platform" and "Microsoft identity
//! platform application authentication certificate credentials".) One point is stricter than anything published: an
//! assertion's `jti` works once.

mod assertion;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, header};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::faults::{FaultKind, Faults};
use super::graph::{CloseConnection, broken_body};
use super::tenant::access::Grant;
use super::tenant::{State as TenantState, Tenant};
use super::wire::redirect;

/// The token endpoint, `POST /{tenant}/oauth2/v2.0/token`.
pub fn router(tenant: Tenant, faults: Faults) -> Router {
    Router::new().route("/{tenant}/oauth2/v2.0/token", post(token)).with_state((tenant, faults))
}

async fn token(
    State((tenant, faults)): State<(Tenant, Faults)>,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    *tenant.lock().requests.entry("POST /token".to_owned()).or_default() += 1;
    let fault = faults.take("login", "POST /token");
    if let Some(FaultKind::Delay { millis }) = fault {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    if let Some(FaultKind::Status { status, code, message, retry_after }) = fault {
        return stated(status, &code, message, retry_after);
    }
    let request = Request::read(named, &headers, &body);
    let answer = tenant.lock().issue(&request);
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err(refusal) => (refusal.status, refusal.body(&tenant.lock())),
    };
    spoiled(fault, status, &body)
}

/// An error a test asked for.
fn stated(status: u16, code: &str, message: String, retry_after: Option<String>) -> Response<Body> {
    let number = code.strip_prefix("AADSTS").and_then(|number| number.parse::<u32>().ok());
    let body = match number {
        Some(number) => json!({ "error": "invalid_client", "error_codes": [number],
            "error_description": format!("{code}: {message}") }),
        None => json!({ "error": code, "error_description": message }),
    };
    let mut response = json_response(status, body.to_string());
    if let Some(after) = retry_after.and_then(|after| after.parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}

/// The answer, with the fault's mark on it.
fn spoiled(fault: Option<FaultKind>, status: u16, body: &Value) -> Response<Body> {
    let mut text = body.to_string();
    match fault {
        Some(FaultKind::LostReply) => {
            let mut response = Response::new(broken_body());
            response.extensions_mut().insert(CloseConnection);
            return response;
        }
        Some(FaultKind::Html) => {
            let mut response = Response::new(Body::from("<!DOCTYPE html><html><body>Sign in</body></html>"));
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
            return response;
        }
        Some(FaultKind::Redirect) => return redirect(),
        Some(FaultKind::Truncated) => text.truncate(text.len() / 2),
        Some(FaultKind::EmptyPage) => "{}".clone_into(&mut text),
        Some(FaultKind::NullFields) => {
            let nulls = body.as_object().into_iter().flatten().map(|(name, _)| (name.clone(), Value::Null)).collect();
            text = Value::Object(nulls).to_string();
        }
        // A token answer has no pages.
        Some(FaultKind::LoopingLink | FaultKind::ForeignLink) => {}
        Some(FaultKind::Status { .. } | FaultKind::Delay { .. }) | None => {}
    }
    json_response(status, text)
}

fn json_response(status: u16, text: String) -> Response<Body> {
    let builder = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store, no-cache")
        .header("x-ms-request-id", crate::sandbox::fresh_id().to_string());
    builder.body(Body::from(text)).unwrap_or_else(|_| Response::new(Body::empty()))
}

/// A token request, as sent.
struct Request {
    tenant: String,
    host: String,
    fields: Vec<(String, String)>,
    /// From HTTP Basic.
    basic: Option<(String, String)>,
}

impl Request {
    fn read(tenant: String, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
        let fields = if form { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() };
        let basic = text(header::AUTHORIZATION).strip_prefix("Basic ").and_then(|encoded| {
            let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
            let (id, secret) = pair.split_once(':')?;
            // RFC 6749, 2.3.1: both halves are form-encoded first.
            let plain = |half: &str| form_urlencoded::parse(half.as_bytes()).next().map(|(name, _)| name.into_owned());
            Some((plain(id)?, plain(secret)?))
        });
        Self { tenant, host: text(header::HOST).to_owned(), fields, basic }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// A refusal with Entra's numbers.
struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    message: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Self {
        Self { status, error, code, message: message.into() }
    }

    fn client(code: u32, message: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, message)
    }

    fn body(&self, state: &TenantState) -> Value {
        let Self { status: _, error, code, message } = self;
        let (trace, correlation) = (crate::sandbox::fresh_id(), crate::sandbox::fresh_id());
        let at = state.now().format("%Y-%m-%d %H:%M:%SZ");
        json!({
            "error": error,
            "error_description":
                format!("AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"),
            "error_codes": [code],
            "timestamp": at.to_string(),
            "trace_id": trace.to_string(),
            "correlation_id": correlation.to_string(),
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        })
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl TenantState {
    fn issue(&mut self, request: &Request) -> Result<Value, Refusal> {
        let named = request.tenant.as_str();
        if !named.eq_ignore_ascii_case(&self.tenant_id) && !named.eq_ignore_ascii_case(&self.domain) {
            let message = format!("Tenant '{named}' not found. Check to make sure you have the correct tenant ID.");
            return Err(Refusal::new(400, "invalid_request", 90002, message));
        }
        match request.field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                return Err(Refusal::new(400, "unsupported_grant_type", 70003, "The grant type is not supported."));
            }
            None => return Err(missing("grant_type")),
        }
        let assertion = self.given_assertion(request)?;
        let client_id = match (request.field("client_id"), &request.basic, &assertion) {
            (Some(id), _, _) => id.to_owned(),
            (None, Some((id, _)), _) => id.clone(),
            (None, None, Some(assertion)) => assertion.claimed_client(),
            (None, None, None) => return Err(missing("client_id")),
        };
        let Some(app) = self.access.apps.get(&client_id) else {
            let message = format!("Application with identifier '{client_id}' was not found in the directory.");
            return Err(Refusal::new(400, "unauthorized_client", 700_016, message));
        };
        let (permissions, certificates, secrets) =
            (app.permissions.clone(), app.certificates.clone(), app.secrets.clone());
        if let Some(assertion) = assertion {
            let now = self.now();
            let id = assertion.verify(&client_id, &certificates, &self.audiences(request), now)?;
            if !self.access.first_use(&format!("{client_id} {id}"), now + TimeDelta::hours(1), now) {
                return Err(Refusal::client(700_027, "The client assertion has been used before."));
            }
        } else {
            let given = request.field("client_secret").or(request.basic.as_ref().map(|(_, secret)| secret.as_str()));
            let given = given.ok_or_else(|| {
                let message =
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Refusal::client(7_000_216, message)
            })?;
            match secrets.iter().find(|secret| secret.value == given) {
                Some(secret) if secret.expired => {
                    return Err(Refusal::client(7_000_222, "The provided client secret keys are expired."));
                }
                Some(_) => {}
                None => return Err(Refusal::client(7_000_215, "Invalid client secret provided.")),
            }
        }
        let audience = audience(request)?;
        Ok(self.grant(client_id, audience, permissions))
    }

    fn given_assertion(&self, request: &Request) -> Result<Option<assertion::Assertion>, Refusal> {
        let Some(text) = request.field("client_assertion") else { return Ok(None) };
        if request.field("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(missing("client_assertion_type"));
        }
        assertion::Assertion::read(text).map(Some)
    }

    /// What an assertion may name as its audience: the URL that was called, with the tenant's id or as it was named.
    fn audiences(&self, request: &Request) -> Vec<String> {
        let root = self.settings.login_url.clone().unwrap_or_else(|| format!("http://{}", request.host));
        let root = root.trim_end_matches('/');
        [request.tenant.as_str(), self.tenant_id.as_str()]
            .map(|name| format!("{root}/{name}/oauth2/v2.0/token"))
            .to_vec()
    }

    fn grant(&mut self, client_id: String, audience: String, permissions: std::collections::BTreeSet<String>) -> Value {
        let life = self.settings.token_life_secs;
        let expires = self.now() + TimeDelta::seconds(i64::from(life));
        let token =
            format!("eyJ0eXAiOiJKV1Qi.{}.{}", crate::sandbox::fresh_id().simple(), crate::sandbox::fresh_id().simple());
        self.access.tokens.insert(token.clone(), Grant { client_id, audience, permissions, expires });
        json!({ "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token })
    }
}

fn missing(field: &str) -> Refusal {
    let message = format!("The request body must contain the following parameter: '{field}'.");
    Refusal::new(400, "invalid_request", 900_144, message)
}

/// The resource of the one scope.
fn audience(request: &Request) -> Result<String, Refusal> {
    let scope = request.field("scope").ok_or_else(|| missing("scope"))?;
    match scope.strip_suffix("/.default") {
        Some(resource) if !resource.contains(' ') && resource.contains("://") => {
            Ok(resource.trim_end_matches('/').to_owned())
        }
        Some(_) => {
            Err(Refusal::new(400, "invalid_scope", 70_011, "The provided request must include one resource only."))
        }
        None => {
            let message = format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a \
                                   scope value with /.default suffixed to the resource identifier."
            );
            Err(Refusal::new(400, "invalid_scope", 1_002_012, message))
        }
    }
}
