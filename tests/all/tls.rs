//! Who is trusted: a company's own authority is, once it is configured; a wrong name never is.
//!
//! Certificates and keys in `testdata` were made for these tests with `openssl req` and `openssl x509 -req`; the authority's
//! key is gone, and they are trusted nowhere.

use std::net::SocketAddr;
use std::sync::Arc;

use connectors::http::{HttpClient, HttpLimits, Meter, Outgoing, RetryRules, Roots, Tls, TransportError};
use connectors::{SecretVault, VaultName};
use reqwest::Method;
use reqwest::header::HeaderMap;
use rollcall::aws::Reach;
use rollcall::sandbox::scene::SceneSource;
use rollcall::sandbox::scim::Character;
use rollcall::sandbox::secrets::Content;
use rollcall::secrets::{AWS_SECRET, AwsVault};
use secrecy::ExposeSecret;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::world::World;

const AUTHORITY: &str = include_str!("testdata/test-only-ca.pem");
const LOCALHOST: &str = include_str!("testdata/test-only-localhost.pem");
const ELSEWHERE: &str = include_str!("testdata/test-only-elsewhere.pem");

/// Speaks TLS before a service that does not. Dropped, it stops.
struct Front {
    port: u16,
    task: JoinHandle<()>,
}

impl Front {
    async fn before(service: &str, pem: &str) -> Self {
        let service: SocketAddr = service.strip_prefix("http://").unwrap().parse().unwrap();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us hangs up.
                    let Ok(mut client) = acceptor.accept(socket).await else { return };
                    let mut server = TcpStream::connect(service).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port, task }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn trusting(roots: Roots) -> Tls {
    Tls::new(roots, Some(AUTHORITY)).unwrap()
}

async fn ask(url: &str, tls: Tls) -> Result<u16, TransportError> {
    let retry = RetryRules { first_pause: std::time::Duration::from_millis(1), ..RetryRules::default() };
    let client = HttpClient::new(HttpLimits { tls, retry, ..HttpLimits::default() }).unwrap();
    let (url, meter) = (url.parse().unwrap(), Meter::default());
    let out = Outgoing { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
    let tried = client.send(&out, &meter).await;
    if matches!(tried.got, Err(TransportError::Untrusted(_))) {
        assert_eq!(meter.requests(), 1, "a certificate does not get better by asking again");
    }
    tried.got.map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn a_companys_authority_is_trusted_once_it_is_configured() {
    let World { sandbox, .. } = World::of(1).await;
    let front = Front::before(&sandbox.addresses.graph_url, LOCALHOST).await;
    for refused in [Tls::default(), Tls::new(Roots::Bundled, None).unwrap()] {
        let got = ask(&front.url(), refused.clone()).await;
        assert!(matches!(got, Err(TransportError::Untrusted(_))), "{refused:?}: {got:?}");
    }
    for roots in [Roots::System, Roots::Bundled] {
        assert!(ask(&front.url(), trusting(roots)).await.is_ok(), "{roots:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let World { sandbox, .. } = World::of(1).await;
    let elsewhere = Front::before(&sandbox.addresses.graph_url, ELSEWHERE).await;
    let localhost = Front::before(&sandbox.addresses.graph_url, LOCALHOST).await;
    // The certificate names a host, not its address.
    for url in [elsewhere.url(), format!("https://127.0.0.1:{}", localhost.port)] {
        let got = ask(&url, trusting(Roots::System)).await;
        assert!(matches!(got, Err(TransportError::Untrusted(_))), "{url}: {got:?}");
    }
}

#[tokio::test]
async fn plain_http_does_not_leave_this_machine() {
    // An address that answers nobody: a client that tried would hang until its time is up.
    let got = ask("http://192.0.2.1/", Tls::default()).await;
    let Err(TransportError::Unreachable(error)) = got else { panic!("{got:?}") };
    let error = error.downcast_ref::<reqwest::Error>().expect("the client below");
    assert!(error.is_builder(), "it was tried: {error:?}");
}

#[tokio::test]
async fn aws_is_trusted_by_the_same_word() {
    let World { sandbox, .. } = World::of(1).await;
    sandbox.secrets.put("s", Content::Text("s3cret".to_owned()));
    let name = VaultName { store: AWS_SECRET, name: "s".to_owned(), key: None };
    let get = async |front: &Front, tls: Tls| {
        let vault = AwsVault::new(Reach {
            region: "eu-central-1".to_owned(),
            profile: None,
            assume_role: None,
            endpoint_url: Some(front.url().parse().unwrap()),
            tls,
        });
        vault.fetch(&name, None).await.map(|secret| secret.expose_secret().to_owned())
    };
    let front = Front::before(&sandbox.addresses.secrets_url, LOCALHOST).await;
    for refused in [Tls::default(), Tls::new(Roots::Bundled, None).unwrap()] {
        let error = get(&front, refused).await.unwrap_err();
        assert!(
            error.hint().contains("ca_file") && error.to_string().contains("certificate"),
            "{error} {}",
            error.hint()
        );
    }
    for roots in [Roots::System, Roots::Bundled] {
        assert_eq!(get(&front, trusting(roots)).await.unwrap(), "s3cret");
    }
    let elsewhere = Front::before(&sandbox.addresses.secrets_url, ELSEWHERE).await;
    assert!(get(&elsewhere, trusting(Roots::System)).await.is_err());
}

/// The whole way: a directory behind a company's authority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_behind_a_companys_authority_is_read() {
    let character = Character::Strict;
    let world = World::with(10, |_| {}, |text| text.sources = vec![SceneSource::Scim { character }]).await;
    let root = world.sandbox.addresses.scim_url.strip_suffix("/scim/v2").unwrap().to_owned();
    let front = Front::before(&root, LOCALHOST).await;
    std::fs::write(world.folder.path().join("ca.pem"), AUTHORITY).unwrap();
    let text = std::fs::read_to_string(world.config_path()).unwrap().replace(&root, &front.url());
    std::fs::write(world.config_path(), &text).unwrap();
    let shown = match world.sync().await {
        Ok(ended) => format!("{ended:?}"),
        Err(error) => format!("{error:?}"),
    };
    assert!(shown.contains("the server's certificate is not trusted") && shown.contains("ca_file"), "{shown}");
    assert_eq!(world.managed(), 0);
    std::fs::write(world.config_path(), format!("{text}\n[tls]\nca_file = \"ca.pem\"\n")).unwrap();
    world.sync().await.unwrap();
    assert!(world.managed() > 0);
    world.nothing_more_happens().await;
}
