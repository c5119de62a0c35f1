//! Token requests against a token endpoint that remembers what it was asked.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::auth::{AccessToken, TokenCache};
use crate::http::{HttpLimits, RetryRules};

const SECRET: &str = "s3cr3t&with=odd+chars";
const PEM: &str = include_str!("../testdata/test-only-certificate-and-key.pem");

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_446_500, 0).unwrap()
}

/// A private file of its own for each secret, gone with the test.
struct SecretFile(PathBuf);

impl SecretFile {
    fn new(text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("rollcall-{}", uuid::Uuid::new_v4())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Answers with the rules of `decide`, which sees the form and how often it was asked before.
struct Login<F>(Mutex<u32>, F);

impl<F: Fn(&[(String, String)], u32) -> ResponseTemplate + Send + Sync> Respond for Login<F> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let form: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        (self.1)(&form, *asked - 1)
    }
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value)
}

fn refusal(code: u64) -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({
        "error": "invalid_client", "error_codes": [code],
        "error_description": format!("AADSTS{code}: sent {SECRET}"),
    }))
}

/// Mints once at a login with these rules and says how often it was asked.
async fn check(
    proof: Proof,
    decide: impl Fn(&[(String, String)], u32) -> ResponseTemplate + Send + Sync + 'static,
) -> (Result<AccessToken, AuthError>, usize) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Login(Mutex::new(0), decide)).mount(&server).await;
    let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
    let http = HttpClient::new(HttpLimits { retry, direct: true, ..HttpLimits::default() }).unwrap();
    let url = Url::parse(&server.uri()).unwrap().join("/tenant/oauth2/v2.0/token").unwrap();
    let scope = "https://graph.example.com/.default".to_owned();
    let credentials = ClientCredentials::new(http, url, "client".into(), scope, proof, now);
    let token = TokenCache::new(credentials).get().await;
    if let Err(error) = &token {
        let shown = format!("{error} {error:?} {}", error.hint);
        assert!(!shown.contains(SECRET), "{shown}");
    }
    (token, server.received_requests().await.unwrap().len())
}

#[tokio::test]
async fn the_secret_travels_in_the_form() {
    let file = SecretFile::new(SECRET);
    let (token, _) = check(Proof::Secret(SecretSource::File(file.0.clone())), |form, _| {
        for (name, expected) in [
            ("grant_type", "client_credentials"),
            ("client_id", "client"),
            ("client_secret", SECRET),
            ("scope", "https://graph.example.com/.default"),
        ] {
            assert_eq!(field(form, name), expected, "{name}");
        }
        ResponseTemplate::new(200)
            .set_body_json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t1"}))
    })
    .await;
    assert_eq!(token.unwrap().token.expose_secret(), "t1");
}

#[tokio::test]
async fn tolerant_where_the_substance_is_right() {
    let table: &[(Value, Result<&str, PullErrorKind>)] = &[
        (json!({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"t1"}), Ok("t1")),
        (json!({"token_type":"bearer","expires_in":"3599","access_token":"t2","scope":"a b"}), Ok("t2")),
        (json!({"access_token":"t3"}), Ok("t3")),
        (json!({"token_type":"Bearer","expires_in":3600}), Err(PullErrorKind::Protocol)),
        (json!({"token_type":"N_A","access_token":"t5"}), Err(PullErrorKind::Protocol)),
        (json!(["t6"]), Err(PullErrorKind::Protocol)),
    ];
    for (body, expected) in table {
        let file = SecretFile::new(SECRET);
        let sent = body.clone();
        let (token, _) = check(Proof::Secret(SecretSource::File(file.0.clone())), move |_, _| {
            ResponseTemplate::new(200).set_body_string(sent.to_string())
        })
        .await;
        let got = token.as_ref().map(|token| token.token.expose_secret()).map_err(|error| error.kind);
        assert_eq!(got, *expected, "{body}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_to_do() {
    for (code, word) in [
        (7_000_215, "wrong"),
        (7_000_222, "expired"),
        (700_016, "not known in this tenant"),
        (700_027, "certificate"),
        (90_002, "does not exist"),
        (424_242, "no token was given"),
    ] {
        let file = SecretFile::new(SECRET);
        let (token, asked) = check(Proof::Secret(SecretSource::File(file.0.clone())), move |_, _| refusal(code)).await;
        let error = token.unwrap_err();
        assert_eq!((error.kind, asked), (PullErrorKind::Unauthorized, 1), "{code}");
        assert!(error.message.contains(word) && error.message.contains(&code.to_string()), "{error}");
        assert!(!error.hint.is_empty());
    }
}

#[tokio::test]
async fn a_secret_that_changed_meanwhile_is_tried_once() {
    let file = std::sync::Arc::new(SecretFile::new("old"));
    let rotated = std::sync::Arc::clone(&file);
    let (token, asked) = check(Proof::Secret(SecretSource::File(file.0.clone())), move |form, _| {
        if field(form, "client_secret") == "new" {
            return ResponseTemplate::new(200).set_body_json(json!({"access_token": "t"}));
        }
        rotated.write("new");
        refusal(7_000_215)
    })
    .await;
    assert_eq!((token.is_ok(), asked), (true, 2));
}

#[tokio::test]
async fn what_is_passing_is_asked_again_with_a_new_assertion() {
    let file = SecretFile::new(PEM);
    let seen = Mutex::new(std::collections::BTreeSet::new());
    let (token, asked) = check(Proof::Certificate(SecretSource::File(file.0.clone())), move |form, asked| {
        assert_eq!(field(form, "client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!((field(form, "client_id"), field(form, "client_secret")), ("client", ""));
        assert!(seen.lock().unwrap().insert(field(form, "client_assertion").to_owned()), "an assertion was replayed");
        match asked {
            0 => ResponseTemplate::new(503),
            1 => ResponseTemplate::new(429).insert_header("retry-after", "0.01"),
            _ => ResponseTemplate::new(200).set_body_json(json!({"access_token": "t"})),
        }
    })
    .await;
    assert_eq!((token.is_ok(), asked), (true, 3));
}

/// The claims of the assertion in a form.
fn claims(form: &[(String, String)]) -> Value {
    use base64::Engine as _;
    let payload = field(form, "client_assertion").split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_servers_once() {
    let server_time = now() + TimeDelta::minutes(20);
    let file = SecretFile::new(PEM);
    let (token, asked) = check(Proof::Certificate(SecretSource::File(file.0.clone())), move |form, _| {
        let exp = claims(form)["exp"].as_i64().unwrap();
        let answer = if exp > server_time.timestamp() {
            ResponseTemplate::new(200).set_body_json(json!({"access_token": "t"}))
        } else {
            refusal(CLOCK_WRONG)
        };
        answer.insert_header("date", server_time.format("%a, %d %b %Y %H:%M:%S GMT").to_string().as_str())
    })
    .await;
    assert_eq!((token.is_ok(), asked), (true, 2));
    let file = SecretFile::new(PEM);
    let (token, asked) = check(Proof::Certificate(SecretSource::File(file.0.clone())), |_, _| {
        refusal(CLOCK_WRONG).insert_header("date", "Mon, 02 Mar 2026 12:00:00 GMT")
    })
    .await;
    assert!(token.unwrap_err().hint.contains("clock"));
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn neither_redirects_nor_html_give_a_token() {
    for (answer, kind) in [
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), PullErrorKind::ForeignLink),
        (ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html"), PullErrorKind::Protocol),
        (ResponseTemplate::new(500), PullErrorKind::RemoteFailure),
        (ResponseTemplate::new(429).insert_header("retry-after", "301"), PullErrorKind::Throttled),
    ] {
        let file = SecretFile::new(SECRET);
        let (token, _) = check(Proof::Secret(SecretSource::File(file.0.clone())), move |_, _| answer.clone()).await;
        assert_eq!(token.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_pem_without_a_key_is_not_even_sent() {
    let file = SecretFile::new("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----");
    let (token, asked) =
        check(Proof::Certificate(SecretSource::File(file.0.clone())), |_, _| ResponseTemplate::new(200)).await;
    assert_eq!((token.unwrap_err().kind, asked), (PullErrorKind::Unauthorized, 0));
}

#[test]
fn only_a_certificate_ends() {
    let ends = |text: &str, proof: fn(SecretSource) -> Proof| {
        let file = SecretFile::new(text);
        let http = HttpClient::new(HttpLimits::default()).unwrap();
        let url = Url::parse("https://login.example.com/token").unwrap();
        let proof = proof(SecretSource::File(file.0.clone()));
        ClientCredentials::new(http, url, "client".into(), "scope".into(), proof, now).certificate_ends()
    };
    assert!(ends(PEM, Proof::Certificate).is_some_and(|(_, days)| days > 30_000));
    assert_eq!(ends(SECRET, Proof::Secret), None);
    assert_eq!(ends("no certificate", Proof::Certificate), None);
}
