//! Whatever holds a secret, `Debug` shows nothing of it, before it was used and after.

use std::fmt::Debug;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::testing::{CERTIFICATE, P256, SecretFile, http, now, server, token};
use super::{Access, ClientCredentials, Dpop, Mint, OAuthClient, Proof, SigningCertificate, TokenCache};
use crate::http::{Answer, Meter, Outgoing};
use crate::remote::{Ask, Remote, Unpaced};
use crate::secret::{Fetched, SecretSource, SecretVault, VaultName, VaultSecret};

const SECRET: &str = "hunter2-and-more";
const TOKEN: &str = "tok3n-of-the-server";

/// A store with one secret in it.
#[derive(Debug)]
struct Shelf;

impl SecretVault for Shelf {
    fn fetch<'a>(&'a self, _: &'a VaultName, _: Option<&'a SecretString>) -> Fetched<'a> {
        Box::pin(async { Ok(SECRET.into()) })
    }
}

fn shelved() -> SecretSource {
    let mut secret = SecretSource::Vault(VaultSecret::new(VaultName { store: "shelf", name: "s".into(), key: None }));
    let vault: Arc<dyn SecretVault> = Arc::new(Shelf);
    secret.bind(&vault);
    secret
}

/// Lines of both forms of `Debug`, checked.
fn check(what: &str, value: &dyn Debug) {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let shown = format!("{value:?}\n{value:#?}");
    let mut parts = vec![SECRET.to_owned(), TOKEN.to_owned(), encode(&format!("rollcall:{SECRET}"))];
    let keys = P256.lines().chain(CERTIFICATE.lines());
    parts.extend(keys.filter(|line| !line.starts_with('-')).map(str::to_owned));
    // Bytes that are shown as numbers are as good as text.
    let numbers = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
    parts.extend([numbers(SECRET), numbers(TOKEN)]);
    for part in parts {
        assert!(!shown.contains(&part), "{what} shows {part}: {shown}");
    }
}

/// Every way to prove who asks, used once against a server that grants a token.
#[tokio::test]
async fn no_way_of_signing_in_shows_its_secret() {
    let server = server(|_| token(json!({"access_token": TOKEN, "expires_in": 3600}))).await;
    let url = Url::parse(&server.uri()).unwrap();
    let (plain, key, certificate) = (SecretFile::new(SECRET), SecretFile::new(P256), SecretFile::new(CERTIFICATE));
    let key = Proof::PrivateKey { source: key.source(), key_id: Some("k".into()) };
    let proofs =
        [Proof::Secret(plain.source()), Proof::SecretBasic(shelved()), Proof::Certificate(certificate.source()), key];
    for proof in proofs {
        let client = OAuthClient::new(url.join("token").unwrap(), "rollcall", proof);
        check("client", &client);
        let credentials = ClientCredentials::new(http(1), client, now);
        if let Err(error) = credentials.mint().await {
            check("error", &error);
        }
        check("credentials", &credentials);
        let cache = TokenCache::new(credentials);
        check("empty cache", &cache);
        if let Ok(token) = cache.get().await {
            check("token", &token);
        }
        check("full cache", &cache);
        check("what is held", &cache.held());
    }
    check("certificate", &SigningCertificate::from_pem(CERTIFICATE).unwrap());
}

#[tokio::test]
async fn no_connection_shows_its_credential() {
    let server = server(|_| token(json!({"access_token": TOKEN, "expires_in": 3600}))).await;
    let root = Url::parse(&server.uri()).unwrap();
    let plain = SecretFile::new(SECRET);
    let client = OAuthClient::new(root.join("token").unwrap(), "rollcall", Proof::Secret(shelved()));
    let oauth = OAuthClient { dpop: Dpop::WhenAsked, ..client };
    for access in [
        Access::Scheme { scheme: "Bearer", secret: plain.source() },
        Access::Scheme { scheme: "SSWS", secret: shelved() },
        Access::basic("rollcall", plain.source()),
        Access::Header { name: HeaderName::from_static("x-api-key"), secret: plain.source() },
        Access::oauth(http(1), oauth, now),
    ] {
        check("access", &access);
        let mut headers = HeaderMap::new();
        let put = access.put(&Method::GET, &root, &mut headers).await.unwrap();
        assert!(headers.values().all(reqwest::header::HeaderValue::is_sensitive), "a credential in an open header");
        check("headers", &headers);
        check("what was put", &put);
        check("facts", &access.facts().await);
        check("request", &Outgoing { method: Method::GET, url: &root, headers, body: Some(SECRET.into()) });
        let remote = Remote::new(http(1), access, root.clone());
        let ask = Ask { method: Method::GET, url: &root, headers: HeaderMap::new(), body: None };
        let replied = remote.ask(&ask, &Unpaced, &Meter::default()).await.unwrap();
        check("answer", &replied);
        check("remote", &remote);
    }
    let (status, headers) = (reqwest::StatusCode::OK, HeaderMap::new());
    let answer = Answer { status, headers, body: SECRET.into(), client_request_id: String::new() };
    check("answer", &answer);
}

#[test]
fn no_reference_shows_what_it_leads_to() {
    let plain = SecretFile::new(SECRET);
    for source in [plain.source(), shelved(), SecretSource::Env("ROLLCALL_TEST_NO_SUCH_VARIABLE".into())] {
        check("reference", &source);
        check("error", &source.check());
    }
    plain.write("\n");
    check("error", &plain.source().check());
}
