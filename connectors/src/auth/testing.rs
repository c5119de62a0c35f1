//! What the tests of this folder share: secrets in files, a server with rules, and an ear for what is logged.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tracing::span;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::http::{HttpClient, HttpLimits, RetryRules};
use crate::secret::SecretSource;

pub(super) const SECRET: &str = "s3cr3t&with=odd+chars: 100%";
pub(super) const CERTIFICATE: &str = include_str!("testdata/test-only-certificate-and-key.pem");
pub(super) const P256: &str = include_str!("testdata/test-only-p256.pem");
pub(super) const P256_PUBLIC: &str = include_str!("testdata/test-only-p256pub.pem");
pub(super) const RSA_JWK: &str = include_str!("testdata/test-only-rsa.jwk.json");

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_446_500, 0).unwrap()
}

/// An HTTP client that does not wait, with this many tries.
pub(super) fn http(tries: u32) -> HttpClient {
    let retry = RetryRules { tries, first_pause: Duration::from_millis(1), ..RetryRules::default() };
    HttpClient::new(HttpLimits { retry, ..HttpLimits::default() }).unwrap()
}

/// A private file of its own for each secret, gone with the test.
pub(super) struct SecretFile(PathBuf);

impl SecretFile {
    pub(super) fn new(text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("rollcall-{}", uuid::Uuid::new_v4())));
        file.write(text);
        file
    }

    pub(super) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn source(&self) -> SecretSource {
        SecretSource::File(self.0.clone())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A request as the rules of a server see it.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    /// How many requests came before it.
    pub(super) before: u32,
    form: Vec<(String, String)>,
}

impl Asked<'_> {
    pub(super) fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.request.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn path(&self) -> &str {
        self.request.url.path()
    }

    /// Header and claims of the assertion.
    pub(super) fn assertion(&self) -> (Value, Value) {
        jwt(self.field("client_assertion"))
    }

    /// Header and claims of the proof of possession, if there is one.
    pub(super) fn proof(&self) -> Option<(Value, Value)> {
        assert!(self.request.headers.get_all("dpop").iter().count() <= 1, "more than one proof");
        Some(self.header("dpop")).filter(|proof| !proof.is_empty()).map(jwt)
    }

    /// The nonce of the proof of possession.
    pub(super) fn nonce(&self) -> Option<String> {
        self.proof()?.1["nonce"].as_str().map(str::to_owned)
    }
}

/// Header and claims of a JWT, unverified.
pub(super) fn jwt(text: &str) -> (Value, Value) {
    let part = |at| {
        let part = text.split('.').nth(at).unwrap_or_default();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), part(1))
}

struct Rules<F>(Mutex<u32>, F);

impl<F: Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync> Respond for Rules<F> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let form = url::form_urlencoded::parse(&request.body).into_owned().collect();
        (self.1)(&Asked { request, before: *asked - 1, form })
    }
}

/// A server that answers by rules.
pub(super) async fn server(rules: impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Rules(Mutex::new(0), rules)).mount(&server).await;
    server
}

/// An answer by a clock that agrees with ours.
fn answer(status: u16) -> ResponseTemplate {
    let date = now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    ResponseTemplate::new(status).insert_header("date", date.as_str())
}

pub(super) fn token(body: Value) -> ResponseTemplate {
    answer(200).set_body_json(body)
}

/// A refusal that echoes the secret, as some servers do.
pub(super) fn refusal(status: u16, error: &str, description: &str) -> ResponseTemplate {
    let body = json!({"error": error, "error_description": format!("{description} Sent: {SECRET}")});
    answer(status).set_body_json(body)
}

/// Hears what is logged on this thread, with all fields.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<Mutex<String>>);

impl Ear {
    pub(super) fn heard(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl tracing::field::Visit for Ear {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        write!(self.0.lock().unwrap(), "{field}={value:?} ").unwrap();
    }
}

impl tracing::Subscriber for Ear {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
        self.0.lock().unwrap().push('\n');
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
