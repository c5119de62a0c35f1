//! One exchange with a token endpoint: the `oauth2` crate on our own HTTP client.
//!
//! The crate hands our client a finished request; there we see status and headers, and put an answer that is right in
//! substance into the form the crate insists on (`expires_in` as a number, a `token_type`, a JSON content type).
//!
//! Invariant: nothing of a body leaves this file but the token, its life and its scopes, and of a refusal its OAuth error,
//! numeric codes, and which of the known reasons it states.
//! Invariant: what is sent and what comes back is wiped here once it is used, and the token goes from the body into a type that
//! wipes itself. The crate and the HTTP client below keep copies of the form that nobody can wipe.
//! Invariant: a token that is bound to a key is taken only if possession of the key was proved with the request.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, Scope, TokenResponse, TokenUrl, http,
};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::client::OAuthClient;
use super::dpop::{Party, Possession, Proven};
use super::refusal::{Known, stated};
use super::{ClockOffset, Dpop, Minted, TokenKind, WallClock};
use crate::http::{Answer, HttpClient, Meter, Outgoing, TransportError, retry_after};
use crate::secret::sealed;

/// Stands for the access token in what the crate reads.
const TAKEN: &str = "taken";

/// RFC 7523, section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is the same in every exchange of a connection.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) http: HttpClient,
    pub(super) client: OAuthClient,
    pub(super) clock: WallClock,
    pub(super) offset: ClockOffset,
    pub(super) possession: Possession,
}

/// How the client proves itself this time.
pub(super) enum Presented<'a> {
    Secret(&'a SecretString),
    Basic(&'a SecretString),
    Assertion(SecretString),
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
        /// What the description was recognised as.
        stated: Option<&'static Known>,
        asked: Option<Duration>,
    },
    /// A 200 that is not a token.
    NotAToken(&'static str),
    /// A token for whoever has it, although possession of a key was to be proved.
    Unbound,
}

/// A token and what it is good for.
pub(super) struct Granted {
    pub(super) minted: Minted,
    /// The scopes, if the server says them.
    pub(super) scopes: Option<Vec<String>>,
}

/// What the crate does not take along.
#[derive(Default)]
pub(super) struct Record {
    pub(super) refused: Option<Refused>,
    token: Option<SecretString>,
    scopes: Option<Vec<String>>,
}

/// What the crate is told when our client has no answer for it; the reason is in the record.
#[derive(Debug, thiserror::Error)]
#[error("no answer that can be used")]
pub(super) struct SeeRecord;

/// Our HTTP client, as the crate wants to see it.
struct Adaptor<'a> {
    endpoint: &'a Endpoint,
    proof: Option<&'a Proven>,
    record: &'a Mutex<Record>,
}

impl<'c> AsyncHttpClient<'c> for Adaptor<'_> {
    type Error = SeeRecord;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SeeRecord>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.endpoint.carry(request, self.proof, self.record))
    }
}

impl Endpoint {
    /// Asks once.
    pub(super) async fn exchange(&self, presented: &Presented<'_>, proof: Option<&Proven>) -> Result<Granted, Refused> {
        let auth_type = match presented {
            Presented::Basic(_) => AuthType::BasicAuth,
            Presented::Secret(_) | Presented::Assertion(_) => AuthType::RequestBody,
        };
        let client = BasicClient::new(ClientId::new(self.client.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(self.client.token_url.clone()))
            .set_auth_type(auth_type);
        let client = match presented {
            Presented::Secret(secret) | Presented::Basic(secret) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            Presented::Assertion(_) => client,
        };
        let mut request =
            client.exchange_client_credentials().add_scopes(self.client.scopes.iter().cloned().map(Scope::new));
        for (name, value) in &self.client.extra {
            request = request.add_extra_param(name, value);
        }
        if let Presented::Assertion(jwt) = presented {
            request = request
                .add_extra_param("client_assertion_type", JWT_BEARER)
                .add_extra_param("client_assertion", jwt.expose_secret());
        }
        let record = Mutex::default();
        let answer = request.request_async(&Adaptor { endpoint: self, proof, record: &record }).await;
        let Record { refused, token: kept, scopes } = record.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = refused {
            return Err(refused);
        }
        // The crate's error may show the body; it is dropped.
        let token = answer.map_err(|_| Refused::NotAToken("it holds no access token"))?;
        let kind = match token.token_type() {
            BasicTokenType::Bearer if proof.is_some() && self.client.dpop == Dpop::Always => {
                return Err(Refused::Unbound);
            }
            BasicTokenType::Bearer => TokenKind::Bearer,
            BasicTokenType::Extension(kind) if kind == "dpop" && proof.is_some() => TokenKind::Dpop,
            BasicTokenType::Extension(kind) if kind == "dpop" => {
                return Err(Refused::NotAToken("it is bound to a key that was not proved"));
            }
            _ => return Err(Refused::NotAToken("its token type is neither Bearer nor DPoP")),
        };
        let kept = kept.ok_or(Refused::NotAToken("it holds no access token"))?;
        let minted = Minted { token: kept, life: token.expires_in(), kind };
        Ok(Granted { minted, scopes })
    }

    async fn carry(
        &self,
        request: HttpRequest,
        proof: Option<&Proven>,
        record: &Mutex<Record>,
    ) -> Result<HttpResponse, SeeRecord> {
        let refuse = |refused| {
            record.lock().unwrap_or_else(PoisonError::into_inner).refused = Some(refused);
            SeeRecord
        };
        let (parts, body) = request.into_parts();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(mut basic) = parts.headers.get(AUTHORIZATION).cloned() {
            basic.set_sensitive(true);
            headers.insert(AUTHORIZATION, basic);
        }
        if let Some(proof) = proof {
            proof.put(&mut headers);
        }
        let mut out = Outgoing { method: parts.method, url: &self.client.token_url, headers, body: Some(body) };
        let answer = self.http.once(&out, &Meter::default()).await;
        out.body.zeroize();
        let mut answer = answer.map_err(|error| refuse(Refused::Transport(error)))?;
        self.offset.measure(&answer.headers, (self.clock)());
        self.possession.note(Party::Authorization, &answer.headers);
        let usable = understood(&answer, record);
        answer.body.zeroize();
        usable
    }
}

/// An answer in the form the crate insists on; what it does not take along, and why there is no token, go into the record.
pub(super) fn understood(answer: &Answer, record: &Mutex<Record>) -> Result<HttpResponse, SeeRecord> {
    let note = || record.lock().unwrap_or_else(PoisonError::into_inner);
    let refuse = |refused| {
        note().refused = Some(refused);
        SeeRecord
    };
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    if answer.status != http::StatusCode::OK {
        let (error, codes, stated) = body.as_ref().map(error_codes).unwrap_or_default();
        let asked = retry_after(&answer.headers);
        return Err(refuse(Refused::Status { status: answer.status.as_u16(), error, codes, stated, asked }));
    }
    let Some(Value::Object(mut body)) = body else {
        return Err(refuse(Refused::NotAToken("it is not a JSON object")));
    };
    note().scopes = body.get("scope").and_then(scopes);
    // The token itself stays here, in memory that is wiped; the crate is shown that there is one.
    if let Some(Value::String(token)) = body.get_mut("access_token")
        && !token.is_empty()
    {
        note().token = Some(sealed(std::mem::replace(token, TAKEN.to_owned())));
    }
    let life = body.get("expires_in").and_then(seconds);
    body.remove("expires_in");
    body.extend(life.map(|life| ("expires_in".to_owned(), Value::from(life))));
    let kind = match body.get("token_type") {
        None | Some(Value::Null) => "bearer".to_owned(),
        Some(kind) => kind.as_str().unwrap_or_default().to_ascii_lowercase(),
    };
    body.insert("token_type".to_owned(), Value::from(kind));
    body.retain(|key, _| ["access_token", "token_type", "expires_in"].contains(&key.as_str()));
    http::Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Value::Object(body).to_string().into_bytes())
        .map_err(|_| SeeRecord)
}

/// Scopes, divided by spaces as RFC 6749, section 3.3, has it, or by commas, or as a list.
fn scopes(value: &Value) -> Option<Vec<String>> {
    let divided = |text: &str| text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    match value {
        Value::String(text) => Some(divided(text)),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
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

/// The OAuth error, the AADSTS numbers, and the known reason an error body states; the description is not taken along, as
/// it may echo the request.
fn error_codes(body: &Value) -> (String, Vec<u64>, Option<&'static Known>) {
    let error = body["error"].as_str().unwrap_or_default();
    let plain = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let error = if plain { error.to_owned() } else { String::new() };
    let description = body["error_description"].as_str().unwrap_or_default();
    let listed = body["error_codes"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let described = description.split("AADSTS").skip(1).filter_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    });
    let mut codes: Vec<u64> = listed.chain(described).collect();
    codes.dedup();
    let stated = stated(&codes, description);
    (error, codes, stated)
}
