//! Credentials on requests, through the one door they go through: a login and an API on one server.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::auth::testing::{Asked, Ear, P256, RSA_JWK, SECRET, SecretFile, http, now, refusal, server, token};
use crate::auth::{Dpop, Proof};
use crate::http::Meter;
use crate::remote::{Ask, Remote, RemoteError, Replied, Unpaced};

const TOKEN: &str = "/oauth2/v1/token";

fn remote(server: &MockServer, file: &SecretFile, dpop: Dpop) -> Remote {
    let root = Url::parse(&server.uri()).unwrap();
    let proof = Proof::PrivateKey { source: file.source(), key_id: Some("k1".to_owned()) };
    let client = OAuthClient { dpop, ..OAuthClient::new(root.join(TOKEN).unwrap(), "0oa1", proof) };
    Remote::new(http(1), Access::oauth(http(1), client, now), root)
}

async fn get(remote: &Remote, path: &str) -> Result<Replied, RemoteError> {
    let url = remote.root().join(path).unwrap();
    let ask = Ask { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
    remote.ask(&ask, &Unpaced, &Meter::default()).await
}

async fn status(remote: &Remote, path: &str) -> u16 {
    get(remote, path).await.unwrap().answer.status.as_u16()
}

/// How often the login and the API were asked.
async fn asked(server: &MockServer) -> (usize, usize) {
    let requests = server.received_requests().await.unwrap();
    let logins = requests.iter().filter(|request| request.url.path() == TOKEN).count();
    (logins, requests.len() - logins)
}

/// The token `t{n}` of the n-th login.
fn bearer() -> impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync {
    let logins = Mutex::new(0);
    move |_| {
        let mut logins = logins.lock().unwrap();
        *logins += 1;
        token(json!({"access_token": format!("t{logins}"), "expires_in": 3600}))
    }
}

#[tokio::test]
async fn twenty_callers_make_one_token_request_and_twenty_refusals_one_more() {
    let login = bearer();
    let server = server(move |asked| match (asked.path(), asked.header("authorization")) {
        (TOKEN, _) => login(asked),
        ("/revoked", "Bearer t1") => ResponseTemplate::new(401),
        _ => ResponseTemplate::new(200),
    })
    .await;
    let file = SecretFile::new(P256);
    let remote = Arc::new(remote(&server, &file, Dpop::Never));
    for (path, logins) in [("/users", 1), ("/revoked", 2), ("/users", 2)] {
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let remote = Arc::clone(&remote);
                tokio::spawn(async move { status(&remote, path).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 200);
        }
        assert_eq!(asked(&server).await.0, logins, "{path}");
    }
}

#[tokio::test]
async fn a_token_that_ends_in_a_listing_is_replaced_and_the_listing_goes_on() {
    // A token is good for two pages, whatever its life is said to be; or its life is nothing.
    for life in [3600, 0] {
        let login = bearer();
        let used = Mutex::new(Vec::new());
        let server = server(move |asked| {
            if asked.path() == TOKEN {
                let over = || token(json!({"access_token": format!("over{}", asked.before), "expires_in": 0}));
                return if life == 0 { over() } else { login(asked) };
            }
            let mut used = used.lock().unwrap();
            let token = asked.header("authorization").to_owned();
            if used.iter().filter(|have| **have == token).count() >= 2 {
                return ResponseTemplate::new(401);
            }
            used.push(token);
            ResponseTemplate::new(200)
        })
        .await;
        let file = SecretFile::new(P256);
        let remote = remote(&server, &file, Dpop::Never);
        for page in 0..7 {
            assert_eq!(status(&remote, &format!("/users?page={page}")).await, 200);
        }
        assert_eq!(asked(&server).await, if life == 0 { (7, 7) } else { (4, 10) });
    }
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_the_answer() {
    let login = bearer();
    let server =
        server(move |asked| if asked.path() == TOKEN { login(asked) } else { ResponseTemplate::new(401) }).await;
    let file = SecretFile::new(P256);
    assert_eq!(status(&remote(&server, &file, Dpop::Never), "/users").await, 401);
    assert_eq!(asked(&server).await, (2, 2));
}

/// What an API that takes bound tokens only has seen, and what it does beside checking.
#[derive(Default)]
struct Api {
    seen: BTreeSet<String>,
    key: Option<Value>,
}

impl Api {
    /// Checks token and proof as RFC 9449, section 4.3, says; gives back the nonce.
    fn check(&mut self, asked: &Asked<'_>) -> Option<String> {
        let token = asked.header("authorization").strip_prefix("DPoP ").expect("a bound token").to_owned();
        let (header, claims) = asked.proof().expect("a proof with every request");
        assert!(self.seen.insert(claims["jti"].to_string()), "a proof was replayed");
        let address = format!("http://{}{}", asked.header("host"), asked.path());
        assert_eq!((&claims["htm"], &claims["htu"]), (&json!("GET"), &json!(address)));
        assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        assert_eq!(claims["iat"], now().timestamp());
        assert_eq!(self.key.get_or_insert(header["jwk"].clone()), &header["jwk"], "one key per connection");
        asked.nonce()
    }
}

/// A login that wants proofs with the nonce `login`, and gives bound tokens `t{n}`.
fn login_with_nonce() -> impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync {
    let logins = Mutex::new(0);
    move |asked| match asked.nonce().as_deref() {
        Some("login") => {
            let mut logins = logins.lock().unwrap();
            *logins += 1;
            token(json!({"access_token": format!("t{logins}"), "token_type": "DPoP", "expires_in": 3600}))
        }
        Some(other) => panic!("the nonce {other} is not the login's"),
        None => refusal(400, "use_dpop_nonce", "").insert_header("dpop-nonce", "login"),
    }
}

fn challenge(nonce: &str) -> ResponseTemplate {
    ResponseTemplate::new(401)
        .append_header("www-authenticate", "Bearer realm=\"x\"")
        .append_header("www-authenticate", "DPoP error=\"use_dpop_nonce\", error_description=\"nonce\"")
        .insert_header("dpop-nonce", nonce)
}

#[tokio::test]
async fn every_request_proves_possession_with_the_newest_nonce() {
    let (login, api) = (login_with_nonce(), Mutex::new(Api::default()));
    let server = server(move |asked| {
        if asked.path() == TOKEN {
            return login(asked);
        }
        let nonce = api.lock().unwrap().check(asked);
        match (asked.path(), nonce.as_deref()) {
            ("/quiet", None) | ("/next", Some("a2")) => ResponseTemplate::new(200),
            // Any answer may bring a new nonce, also a good one.
            ("/strict", Some("a1")) => ResponseTemplate::new(200).insert_header("dpop-nonce", "a2"),
            ("/strict", _) => challenge("a1"),
            (path, nonce) => panic!("{path} with {nonce:?}"),
        }
    })
    .await;
    let file = SecretFile::new(P256);
    let remote = remote(&server, &file, Dpop::Always);
    for (path, requests) in [("/quiet?limit=200", 1), ("/strict?after=x", 3), ("/next", 4)] {
        assert_eq!(status(&remote, path).await, 200, "{path}");
        assert_eq!(asked(&server).await, (2, requests), "{path}: no new token for a nonce");
    }
    let facts = remote.access().facts().await.unwrap();
    assert_eq!(facts.token.map(|held| held.kind), Some(TokenKind::Dpop));
}

#[tokio::test]
async fn a_nonce_and_a_new_token_may_both_be_needed_once() {
    for nonce_first in [true, false] {
        let (login, api) = (login_with_nonce(), Mutex::new(Api::default()));
        let server = server(move |asked| {
            if asked.path() == TOKEN {
                return login(asked);
            }
            let nonce = api.lock().unwrap().check(asked);
            let stale = asked.header("authorization") == "DPoP t1";
            match (nonce.as_deref(), stale) {
                (None, true) if !nonce_first => ResponseTemplate::new(401),
                (None, _) => challenge("a1"),
                (Some(_), true) => {
                    ResponseTemplate::new(401).insert_header("www-authenticate", "DPoP error=\"invalid_token\"")
                }
                (Some(_), false) => ResponseTemplate::new(200),
            }
        })
        .await;
        let file = SecretFile::new(P256);
        assert_eq!(status(&remote(&server, &file, Dpop::WhenAsked), "/users").await, 200);
        // The first login is asked without a proof.
        assert_eq!(asked(&server).await, (3, 3), "nonce first: {nonce_first}");
    }
}

#[tokio::test]
async fn an_api_that_is_never_content_is_asked_a_bounded_number_of_times() {
    for (always_new, requests) in [(true, 2), (false, 3)] {
        let (login, count) = (login_with_nonce(), Mutex::new(0));
        let server = server(move |asked| {
            if asked.path() == TOKEN {
                return login(asked);
            }
            let mut count = count.lock().unwrap();
            *count += u32::from(always_new);
            challenge(&format!("a{count}"))
        })
        .await;
        let file = SecretFile::new(P256);
        assert_eq!(status(&remote(&server, &file, Dpop::Always), "/users").await, 401);
        assert_eq!(asked(&server).await.1, requests, "always new: {always_new}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_gets_no_token() {
    let login = bearer();
    let elsewhere = server(|_| ResponseTemplate::new(200)).await;
    let target = elsewhere.uri();
    let server = server(move |asked| {
        let redirect = || ResponseTemplate::new(307).insert_header("location", target.as_str());
        if asked.path() == TOKEN { login(asked) } else { redirect() }
    })
    .await;
    let file = SecretFile::new(P256);
    let remote = remote(&server, &file, Dpop::Never);
    assert_eq!(status(&remote, "/users").await, 307);
    assert!(matches!(get(&remote, &elsewhere.uri()).await, Err(RemoteError::Foreign)));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// The header a fixed credential becomes, or what is wrong with it.
async fn put(access: &Access) -> Result<String, AuthError> {
    let mut headers = HeaderMap::new();
    access.put(&Method::GET, &Url::parse("https://scim.example.com/Users").unwrap(), &mut headers).await?;
    assert_eq!(headers.len(), 1);
    let (name, value) = headers.iter().next().unwrap();
    assert!(value.is_sensitive());
    Ok(format!("{name}: {}", value.to_str().unwrap()))
}

#[tokio::test]
async fn a_fixed_credential_is_put_as_it_is() {
    let file = SecretFile::new("pässwort:1");
    // RFC 7617, section 2.1: UTF-8, and only the first colon divides.
    let expected = format!("authorization: Basic {}", STANDARD.encode("José:pässwort:1"));
    assert_eq!(put(&Access::basic("José", file.source())).await.unwrap(), expected);
    file.write("s3cr3t");
    assert_eq!(
        put(&Access::Scheme { scheme: "SSWS", secret: file.source() }).await.unwrap(),
        "authorization: SSWS s3cr3t"
    );
    let name = HeaderName::from_static("x-api-key");
    assert_eq!(put(&Access::Header { name, secret: file.source() }).await.unwrap(), "x-api-key: s3cr3t");
    assert!(Access::basic("a", file.source()).facts().await.is_none());
    assert!(put(&Access::basic("a:b", file.source())).await.unwrap_err().message.contains("colon"));
    file.write("two\nlines");
    for access in [
        Access::basic("a", file.source()),
        Access::Scheme { scheme: "Bearer", secret: file.source() },
        Access::Header { name: HeaderName::from_static("x-api-key"), secret: file.source() },
    ] {
        let error = put(&access).await.unwrap_err();
        assert!(error.hint.contains("one line") && !error.message.contains("two"), "{error}");
    }
    assert!(Access::basic("a", file.source()).prepare().await.is_err());
    let gone = SecretFile::new("x").source();
    assert!(Access::basic("a", gone).prepare().await.is_err());
}

#[tokio::test]
async fn a_fixed_secret_that_changed_is_tried_once() {
    let file = Arc::new(SecretFile::new("old"));
    let rotated = Arc::clone(&file);
    let server = server(move |asked| match (asked.path(), asked.header("authorization")) {
        ("/never", _) => ResponseTemplate::new(401),
        (_, "SSWS new") => ResponseTemplate::new(200),
        _ => {
            rotated.write("new");
            ResponseTemplate::new(401)
        }
    })
    .await;
    let access = Access::Scheme { scheme: "SSWS", secret: file.source() };
    let remote = Remote::new(http(1), access, Url::parse(&server.uri()).unwrap());
    for (path, expected, requests) in [("/users", 200, 2), ("/never", 401, 3)] {
        assert_eq!(status(&remote, path).await, expected);
        assert_eq!(server.received_requests().await.unwrap().len(), requests, "{path}");
    }
}

#[tokio::test]
async fn what_a_check_needs_can_be_told() {
    let login = bearer();
    let server = server(move |asked| login(asked)).await;
    let file = SecretFile::new(RSA_JWK);
    let root = Url::parse(&server.uri()).unwrap();
    let proof = Proof::PrivateKey { source: file.source(), key_id: None };
    let access = Access::oauth(http(1), OAuthClient::new(root, "0oa1", proof), now);
    let before = access.facts().await.unwrap();
    assert_eq!((before.clock_offset, before.token, before.certificate_ends), (None, None, None));
    assert_eq!(before.key, Some(("RS256".to_owned(), "rsa-2026".to_owned())));
    access.prepare().await.unwrap();
    let after = access.facts().await.unwrap();
    let token = after.token.unwrap();
    assert_eq!((after.clock_offset, token.kind), (Some(0), TokenKind::Bearer));
    assert!((3590..=3600).contains(&token.left.as_secs()), "{token:?}");
}

#[tokio::test]
async fn nothing_secret_is_ever_shown() {
    let ear = Ear::default();
    let _listening = tracing::subscriber::set_default(ear.clone());
    let (login, api) = (login_with_nonce(), Mutex::new(Api::default()));
    let server = server(move |asked| {
        if asked.path() == TOKEN {
            return if asked.before == 0 { refusal(401, "invalid_client", SECRET) } else { login(asked) };
        }
        if asked.path() == "/refused" {
            return ResponseTemplate::new(401);
        }
        if api.lock().unwrap().check(asked).is_some() { ResponseTemplate::new(200) } else { challenge("api-nonce") }
    })
    .await;
    let file = SecretFile::new(P256);
    let remote = remote(&server, &file, Dpop::WhenAsked);
    let mut shown = String::new();
    let failed = get(&remote, "/users").await.unwrap_err();
    shown += &format!("{failed} {failed:?}");
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    tokio::time::resume();
    for path in ["/users", "/refused"] {
        shown += &format!("{:?}", get(&remote, path).await.unwrap());
    }
    shown += &format!("{remote:?} {:?} {:?}", remote.access(), remote.access().facts().await);
    let heard = ear.heard();
    assert!(heard.contains("access token") && heard.contains("invalid_client"), "the ear is deaf: {heard}");
    let mut secrets: Vec<String> = P256.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
    secrets.push(SECRET.to_owned());
    for request in server.received_requests().await.unwrap() {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        secrets.extend(form.into_iter().filter(|(name, _)| name == "client_assertion").map(|(_, value)| value));
        for name in ["dpop", "authorization"] {
            secrets.extend(request.headers.get(name).map(|value| value.to_str().unwrap().to_owned()));
        }
    }
    assert!(secrets.len() > 10);
    for secret in &secrets {
        for part in secret.split(['.', ' ']).filter(|part| part.len() > 7) {
            assert!(!heard.contains(part), "logged: {part}");
            assert!(!shown.contains(part), "shown: {part}");
        }
    }
    assert!(!heard.contains("Bearer") && !shown.contains("DPoP t"), "{heard} {shown}");
}
