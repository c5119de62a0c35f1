//! Tokens from `oidc-provider`, and an API behind it that checks them with `jose`.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use connectors::auth::{Access, AuthError, Dpop, OAuthClient, Proof, TokenKind};
use connectors::error::PullErrorKind;
use connectors::http::{HttpClient, HttpLimits, Meter, RetryRules};
use connectors::remote::{Ask, Remote, RemoteError, Unpaced};
use connectors::secret::SecretSource;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::server::Server;

#[expect(clippy::disallowed_methods, reason = "a server of somebody else's goes by the real time")]
fn clock() -> DateTime<Utc> {
    Utc::now()
}

fn http() -> HttpClient {
    let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
    HttpClient::new(HttpLimits { retry, ..HttpLimits::default() }).unwrap()
}

/// A secret in a private file that lives as long as this.
struct Kept(NamedTempFile);

impl Kept {
    fn new(text: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self(file)
    }

    fn source(&self) -> SecretSource {
        SecretSource::File(self.0.path().to_owned())
    }
}

/// A client that asks for both scopes.
fn client(server: &Server, id: &str, proof: Proof) -> OAuthClient {
    let scopes = ["users:read", "groups:read"].map(str::to_owned).to_vec();
    OAuthClient { scopes, ..OAuthClient::new(server.origin().join("/token").unwrap(), id, proof) }
}

fn remote(server: &Server, client: OAuthClient) -> Remote {
    Remote::new(http(), Access::oauth(http(), client, clock), server.origin())
}

/// What the API says of the token, and in how many requests.
async fn call(remote: &Remote, path: &str) -> Result<(u16, Value, u32), RemoteError> {
    let url = remote.root().join(path).unwrap();
    let ask = Ask { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
    let meter = Meter::default();
    let answer = remote.ask(&ask, &Unpaced, &meter).await?.answer;
    Ok((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap(), meter.requests()))
}

/// The API takes the token of this client at the first attempt, for both scopes.
async fn check(server: &Server, client: OAuthClient) {
    let id = client.client_id.clone();
    let remote = remote(server, client);
    let (status, said, requests) = call(&remote, "/api/users?limit=1").await.unwrap();
    assert_eq!((status, requests), (200, 1), "{id}");
    assert_eq!((said["client"].as_str(), said["scope"].as_str()), (Some(id.as_str()), Some("users:read groups:read")));
    let facts = remote.access().facts().await.unwrap();
    assert_eq!(facts.token.unwrap().kind, TokenKind::Bearer);
    assert!(facts.clock_offset.unwrap().abs() <= 2, "{:?}", facts.clock_offset);
}

async fn refusal(client: OAuthClient) -> AuthError {
    Access::oauth(http(), client, clock).prepare().await.unwrap_err()
}

fn key(source: &Kept, id: &str) -> Proof {
    Proof::PrivateKey { source: source.source(), key_id: Some(id.to_owned()) }
}

#[tokio::test]
async fn every_kind_of_key_is_accepted() {
    let server = Server::node("oidc.mjs", &[]).await;
    for name in ["rsa", "p256", "p384"] {
        let secret = Kept::new(&server.text(name));
        check(&server, client(&server, name, key(&secret, &format!("{name}-key")))).await;
    }
    // The JWK names its key itself.
    let secret = Kept::new(&server.text("p256"));
    check(&server, client(&server, "p256", Proof::PrivateKey { source: secret.source(), key_id: None })).await;
}

#[tokio::test]
async fn a_secret_is_accepted_in_the_form_and_in_the_header() {
    let server = Server::node("oidc.mjs", &[]).await;
    let secret = Kept::new(&server.text("secret"));
    check(&server, client(&server, "post", Proof::Secret(secret.source()))).await;
    check(&server, client(&server, "basic: +%&", Proof::SecretBasic(secret.source()))).await;
    let wrong = Kept::new("not the secret");
    for (id, proof) in [("post", Proof::Secret(wrong.source())), ("basic: +%&", Proof::SecretBasic(wrong.source()))] {
        let error = refusal(client(&server, id, proof)).await;
        assert_eq!(error.kind, PullErrorKind::Unauthorized);
        assert!(error.message.contains("invalid_client, status 401"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_right_is_refused() {
    let server = Server::node("oidc.mjs", &[]).await;
    let (rsa, p256) = (Kept::new(&server.text("rsa")), Kept::new(&server.text("p256")));
    let good = || client(&server, "p256", key(&p256, "p256-key"));
    let mut audience = good();
    audience.token_url.set_query(Some("tenant=1"));
    for (what, client) in [
        ("an audience that is not letter by letter the endpoint", audience),
        ("a key id nobody registered", client(&server, "p256", key(&p256, "other"))),
        ("another client's key", client(&server, "p256", key(&rsa, "p256-key"))),
        ("a client nobody registered", client(&server, "other", key(&p256, "p256-key"))),
    ] {
        let error = refusal(client).await;
        assert_eq!(error.kind, PullErrorKind::Unauthorized, "{what}");
        assert!(error.message.contains("invalid_client"), "{what}: {error}");
    }
    let secret = Kept::new(&server.text("secret"));
    let error = refusal(client(&server, "narrow", Proof::Secret(secret.source()))).await;
    assert!(error.message.contains("invalid_scope") && error.hint.contains("grant"), "{error}");
    // The server leaves out what the resource does not have, and says so.
    let mut less = good();
    less.extra.insert("resource".to_owned(), server.origin().join("/less").unwrap().to_string());
    let error = refusal(less).await;
    assert_eq!(error.kind, PullErrorKind::Forbidden);
    assert!(error.message.contains("groups:read"), "{error}");
    // A scope that it does not know at all it leaves out without a word; only the API can tell.
    let unknown = OAuthClient { scopes: vec!["users:write".to_owned()], ..good() };
    let (status, said, _) = call(&remote(&server, unknown), "/api/users").await.unwrap();
    assert_eq!((status, said.get("scope")), (200, None));
}

/// Passes bytes on to the server and keeps what the client sent.
async fn tee(server: &Server) -> (Url, Arc<Mutex<Vec<u8>>>) {
    let target = format!("127.0.0.1:{}", server.origin().port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = socket.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(&target).await.unwrap().into_split();
            let kept = Arc::clone(&kept);
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                    kept.lock().unwrap().extend_from_slice(&piece[..length]);
                    to_server.write_all(&piece[..length]).await.unwrap();
                }
            });
        }
    });
    (url, sent)
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let server = Server::node("oidc.mjs", &[]).await;
    let (url, sent) = tee(&server).await;
    let p256 = Kept::new(&server.text("p256"));
    let client =
        OAuthClient { token_url: url.join("/token").unwrap(), ..client(&server, "p256", key(&p256, "p256-key")) };
    let remote = Remote::new(http(), Access::oauth(http(), client, clock), server.origin());
    // A new token for a revoked one: the second assertion is another one, and is taken.
    for path in ["/api/revoke", "/api/users"] {
        assert_eq!(call(&remote, path).await.unwrap().0, 200, "{path}");
    }
    let sent = String::from_utf8(sent.lock().unwrap().clone()).unwrap();
    let assertions: Vec<_> = sent.split("client_assertion=").skip(1).collect();
    assert_eq!(assertions.len(), 2);
    let first = &sent[..sent.rfind("POST ").unwrap()];
    let port = server.origin().port().unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(first.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("invalid_client"), "{answer}");
}

#[tokio::test]
async fn possession_is_proved_to_both_servers() {
    for dpop in [Dpop::Always, Dpop::WhenAsked] {
        let server = Server::node("oidc.mjs", &[]).await;
        let p256 = Kept::new(&server.text("p256"));
        let client = OAuthClient { dpop, ..client(&server, "bound", key(&p256, "p256-key")) };
        let remote = remote(&server, client);
        for (path, requests) in [
            // The API asks for its nonce.
            ("/api/users?limit=200&after=x", 2),
            ("/api/users?limit=200&after=y", 1),
            // It gives the next one with a good answer.
            ("/api/announce", 1),
            ("/api/users", 1),
            // It changes it without a word.
            ("/api/forget", 1),
            ("/api/users", 2),
            // The token ends; a new one is bound to the same key.
            ("/api/revoke", 1),
            ("/api/users", 2),
        ] {
            let (status, said, asked) = call(&remote, path).await.unwrap();
            assert_eq!((status, asked), (200, requests), "{dpop:?} {path}: {said}");
            assert_eq!(said["bound"], true);
        }
        assert_eq!(remote.access().facts().await.unwrap().token.unwrap().kind, TokenKind::Dpop);
    }
}

#[tokio::test]
async fn a_server_that_binds_tokens_is_not_satisfied_with_less() {
    let server = Server::node("oidc.mjs", &[]).await;
    let p256 = Kept::new(&server.text("p256"));
    let error = refusal(client(&server, "bound", key(&p256, "p256-key"))).await;
    assert_eq!(error.kind, PullErrorKind::Unauthorized);
    // A client that may do without is given a bound token if it proves possession.
    let may = OAuthClient { dpop: Dpop::Always, ..client(&server, "p256", key(&p256, "p256-key")) };
    let (status, said, _) = call(&remote(&server, may), "/api/users").await.unwrap();
    assert_eq!((status, &said["bound"]), (200, &Value::Bool(true)));
}
