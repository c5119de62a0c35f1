//! The console on a socket: TLS, a stop, what it refuses to begin with.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use connectors::SecretSource;
use reqwest::{Certificate, Client, StatusCode};
use rollcall::console::{self, ConsoleConfig, ConsoleError, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{centre, now, rotate};
use crate::world::World;

const AUTHORITY: &[u8] = include_bytes!("../testdata/test-only-ca.pem");
const LOCALHOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/testdata/test-only-localhost.pem");

/// An address that was free a moment ago.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn plain(listen: SocketAddr) -> ConsoleConfig {
    ConsoleConfig { listen, transport: Transport::Plain, public_host: None }
}

/// Asks until somebody answers.
async fn answers(client: &Client, url: &str) -> reqwest::Response {
    for _ in 0..2_000 {
        if let Ok(response) = client.get(url).send().await {
            return response;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody answers at {url}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_tls_and_stops_when_asked() {
    let world = World::of(6).await;
    rotate(&world).await;
    let listen = free().await;
    let key = world.folder.path().join("console.key");
    std::fs::copy(LOCALHOST, &key).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let transport = Transport::Tls { certificate: LOCALHOST.into(), key: SecretSource::File(key) };
    let config = ConsoleConfig { listen, transport, public_host: None };
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(console::run(config, vec![centre(&world).await], now, stopped));
    let client = Client::builder().tls_certs_only([Certificate::from_pem(AUTHORITY).unwrap()]).build().unwrap();
    let url = format!("https://localhost:{}/login", listen.port());
    let response = answers(&client, &url).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("strict-transport-security"));
    assert!(response.text().await.unwrap().contains("name=\"token\""));
    // A connection that says nothing holds nothing up.
    let silent = TcpStream::connect(listen).await.unwrap();
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(15), running).await.expect("it stops").unwrap().unwrap();
    drop(silent);
    assert!(client.get(&url).send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_all_the_connections_they_can_keeps_no_probe_out() {
    let world = World::of(6).await;
    let listen = free().await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(console::run(plain(listen), vec![centre(&world).await], now, stopped));
    let client = Client::new();
    let probe = format!("http://{listen}/healthz");
    assert_eq!(answers(&client, &probe).await.status(), StatusCode::OK);
    drop(client);
    let mut silent = Vec::new();
    for _ in 0..300 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        silent.push(socket.connect(listen).await.unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), Client::new().get(&probe).send()).await;
    assert_eq!(answer.expect("in time").unwrap().status(), StatusCode::OK);
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(15), running).await.expect("it stops").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_no_request_is_answered_and_the_next_one_is_served() {
    let world = World::of(6).await;
    let listen = free().await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(console::run(plain(listen), vec![centre(&world).await], now, stopped));
    let client = Client::new();
    let url = format!("http://127.0.0.1:{}/login", listen.port());
    assert_eq!(answers(&client, &url).await.status(), StatusCode::OK);
    let mut raw = TcpStream::connect(listen).await.unwrap();
    raw.write_all(b"\x16\x03\x01 this is not http\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 400"), "{answer:?}");
    assert_eq!(answers(&client, &url).await.status(), StatusCode::OK);
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_cannot_do_it_says_with_a_hint() {
    let world = World::of(6).await;
    let begin = async |config: ConsoleConfig| {
        let (_stop, stopped) = watch::channel(false);
        let error = console::run(config, vec![centre(&world).await], now, stopped).await.unwrap_err();
        assert!(!error.hint().is_empty());
        error
    };
    let public = Some("rollcall.example.com".to_owned());
    let everywhere =
        ConsoleConfig { listen: "0.0.0.0:0".parse().unwrap(), transport: Transport::BehindProxy, public_host: public };
    assert!(matches!(begin(everywhere).await, ConsoleError::NoToken(_)), "nobody could sign in");
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert!(matches!(begin(plain(taken.local_addr().unwrap())).await, ConsoleError::Listen { .. }));
    for (certificate, key) in [("/nowhere.pem", LOCALHOST), (LOCALHOST, "/nowhere.key")] {
        let transport = Transport::Tls {
            certificate: Path::new(certificate).into(),
            key: SecretSource::File(Path::new(key).into()),
        };
        let config = ConsoleConfig { listen: free().await, transport, public_host: None };
        assert!(matches!(begin(config).await, ConsoleError::Tls { .. }));
    }
}
