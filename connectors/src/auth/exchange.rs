//! One exchange with a token endpoint: the `oauth2` crate on our own HTTP client.
//!
//! The crate hands our client a finished request; there we see status and headers, and put an answer that is right in
//! substance into the form the crate insists on (`expires_in` as a number, a `token_type`, a JSON content type).
//!
//! Invariant: nothing of a body leaves this file but the token, and of a refusal its OAuth error and numeric codes.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, Scope, TokenResponse, TokenUrl, http,
};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{ClockOffset, Minted, WallClock};
use crate::http::{HttpClient, Meter, Outgoing, TransportError, retry_after};

/// RFC 7523, section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is the same in every exchange of a connection.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) clock: WallClock,
    pub(super) offset: ClockOffset,
}

/// How the client proves itself this time.
pub(super) enum Presented<'a> {
    Secret(&'a SecretString),
    Assertion(String),
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refused {
    /// No whole answer.
    Transport(TransportError),
    /// An answer with another status than 200.
    Status {
        status: u16,
        /// The OAuth error code.
        error: String,
        /// The numbers of the AADSTS codes.
        codes: Vec<u64>,
        asked: Option<Duration>,
    },
    /// A 200 that is not a token.
    NotAToken(&'static str),
}

/// What the crate is told when our client has no answer for it; the reason is in the record.
#[derive(Debug, thiserror::Error)]
#[error("no answer that can be used")]
struct SeeRecord;

/// Our HTTP client, as the crate wants to see it.
struct Adaptor<'a> {
    endpoint: &'a Endpoint,
    record: &'a Mutex<Option<Refused>>,
}

impl<'c> AsyncHttpClient<'c> for Adaptor<'_> {
    type Error = SeeRecord;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SeeRecord>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.endpoint.carry(request, self.record))
    }
}

impl Endpoint {
    /// Asks once.
    pub(super) async fn exchange(&self, presented: &Presented<'_>) -> Result<Minted, Refused> {
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(self.url.clone()))
            .set_auth_type(AuthType::RequestBody);
        let client = match presented {
            Presented::Secret(secret) => client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
            Presented::Assertion(_) => client,
        };
        let mut request = client.exchange_client_credentials().add_scope(Scope::new(self.scope.clone()));
        if let Presented::Assertion(jwt) = presented {
            request = request
                .add_extra_param("client_assertion_type", JWT_BEARER)
                .add_extra_param("client_assertion", jwt.clone());
        }
        let record = Mutex::new(None);
        let answer = request.request_async(&Adaptor { endpoint: self, record: &record }).await;
        if let Some(refused) = record.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(refused);
        }
        // The crate's error may show the body; it is dropped.
        let token = answer.map_err(|_| Refused::NotAToken("it holds no access token"))?;
        if *token.token_type() != BasicTokenType::Bearer {
            return Err(Refused::NotAToken("its token type is not Bearer"));
        }
        Ok(Minted { token: token.access_token().secret().clone().into(), life: token.expires_in() })
    }

    async fn carry(&self, request: HttpRequest, record: &Mutex<Option<Refused>>) -> Result<HttpResponse, SeeRecord> {
        let refuse = |refused| {
            *record.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
            SeeRecord
        };
        let (parts, body) = request.into_parts();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let out = Outgoing { method: parts.method, url: &self.url, headers, body: Some(body) };
        let answer =
            self.http.once(&out, &Meter::default()).await.map_err(|error| refuse(Refused::Transport(error)))?;
        self.offset.measure(&answer.headers, (self.clock)());
        let body = serde_json::from_slice::<Value>(&answer.body).ok();
        if answer.status != http::StatusCode::OK {
            let (error, codes) = body.as_ref().map(error_codes).unwrap_or_default();
            let asked = retry_after(&answer.headers);
            return Err(refuse(Refused::Status { status: answer.status.as_u16(), error, codes, asked }));
        }
        let Some(Value::Object(mut body)) = body else {
            return Err(refuse(Refused::NotAToken("it is not a JSON object")));
        };
        let life = body.get("expires_in").and_then(seconds);
        body.remove("expires_in");
        body.extend(life.map(|life| ("expires_in".to_owned(), Value::from(life))));
        let bearer = body
            .get("token_type")
            .is_none_or(|kind| kind.is_null() || kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
        if bearer {
            body.insert("token_type".to_owned(), Value::from("bearer"));
        }
        body.retain(|key, _| ["access_token", "token_type", "expires_in"].contains(&key.as_str()));
        http::Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(Value::Object(body).to_string().into_bytes())
            .map_err(|_| SeeRecord)
    }
}

/// A life in seconds, as a number or as text (the Azure instance metadata service writes text).
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The OAuth error and the AADSTS numbers of an error body; the description is not taken along, as it may echo the
/// request.
fn error_codes(body: &Value) -> (String, Vec<u64>) {
    let error = body["error"].as_str().unwrap_or_default();
    let plain = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let error = if plain { error.to_owned() } else { String::new() };
    let listed = body["error_codes"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let described = body["error_description"].as_str().unwrap_or_default().split("AADSTS").skip(1).filter_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    });
    let mut codes: Vec<u64> = listed.chain(described).collect();
    codes.dedup();
    (error, codes)
}
