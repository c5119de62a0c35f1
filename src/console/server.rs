//! The socket of the console: TLS, a bound on connections, time-outs, a graceful stop.
//!
//! Invariant: so many connections and no more, and of one network a quarter of them; one that says nothing is closed.
//! Invariant: a connection that fails ends itself and nothing else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use connectors::SecretSource;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::gate::Peer;
use super::live::Stopping;
use super::seats::Seats;
use super::{Centre, Console, ConsoleConfig, Transport, router};
use crate::model::Time;
use crate::store::StoreError;

/// Connections at one time. A browser opens six.
const MOST_CONNECTIONS: usize = 256;
/// How long TLS may take to come about.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may take to say what it wants, or rest between two requests.
const HEADER: Duration = Duration::from_secs(15);
/// The longest life of a connection.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// How long requests may take to end once the service stops.
const GRACE: Duration = Duration::from_secs(3);
/// The pause after the system could not give a connection (too many open files).
const RECOVER: Duration = Duration::from_millis(200);

/// The console cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address cannot be listened on.
    #[error("the console cannot listen on {listen}")]
    Listen {
        /// `[console] listen`.
        listen: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Everybody could ask, and nobody could sign in.
    #[error("the console does not listen on {0} before a token was made")]
    NoToken(SocketAddr),
    /// The certificate or the key cannot be used.
    #[error("{what} cannot be used: {why}")]
    Tls {
        /// Which file or secret.
        what: String,
        /// Why, without its content.
        why: String,
    },
    /// The state file cannot be read.
    #[error("the state file cannot be read")]
    Store(#[from] StoreError),
    /// There is nothing to show.
    #[error("the console has no contact centre to show")]
    NoCentre,
}

impl ConsoleError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Listen { .. } => "choose another [console] listen, or stop what uses it".to_owned(),
            Self::NoToken(_) => "make one with: rollcall token rotate".to_owned(),
            Self::Tls { .. } => "check [console] tls: PEM files, the key of this very certificate".to_owned(),
            Self::Store(error) => error.hint().to_owned(),
            Self::NoCentre => "configure one".to_owned(),
        }
    }
}

/// Shows these contact centres until asked to stop; the first one's state file says who may look.
///
/// # Errors
/// If it cannot begin. What fails later is told in the log and ends one connection.
pub async fn run(
    config: ConsoleConfig,
    centres: Vec<Centre>,
    now: fn() -> Time,
    stop: watch::Receiver<bool>,
) -> Result<(), ConsoleError> {
    let first = centres.first().ok_or(ConsoleError::NoCentre)?;
    if !config.listen.ip().is_loopback() && first.look.console_token().await?.is_none() {
        return Err(ConsoleError::NoToken(config.listen));
    }
    let tls = acceptor(&config.transport).await?;
    let listen = config.listen;
    let told = |source| ConsoleError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(told)?;
    let bound = listener.local_addr().map_err(told)?;
    tracing::info!(%bound, "the console is at {}", config.address());
    let console = Console::new(config, bound, centres, now)?;
    // The first visitor should not wait for what can be known beforehand.
    for room in console.rooms().values().cloned() {
        tokio::spawn(async move { room.cache.known(now()).await.is_ok() });
    }
    accept(listener, tls, console, stop).await;
    Ok(())
}

/// Whether the certificate and the key can be used, if there are any. Nothing is listened on.
///
/// # Errors
/// What cannot be used, and why.
pub async fn usable(config: &ConsoleConfig) -> Result<(), ConsoleError> {
    acceptor(&config.transport).await.map(drop)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, console: Console, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // A declared proxy brings everybody.
    let seats = (!console.behind_proxy()).then(Seats::default);
    let router = router(console);
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let free = tokio::select! {
            biased;
            () = asked(&mut stop) => break,
            free = room.clone().acquire_owned() => free,
        };
        let Ok(free) = free else { break };
        let (stream, peer) = tokio::select! {
            biased;
            () = asked(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(error = %error, "console: a connection could not be taken");
                    tokio::time::sleep(RECOVER).await;
                    continue;
                }
            },
        };
        let seat = seats.as_ref().map(|seats| seats.take(peer.ip()));
        if matches!(seat, Some(None)) {
            tracing::debug!(%peer, "console: too many connections from there");
            continue;
        }
        let router = router.clone().layer(Extension(Peer(peer))).layer(Extension(Stopping(stop.clone())));
        let (tls, stop) = (tls.clone(), stop.clone());
        open.spawn(async move {
            connection(stream, tls, router, stop).await;
            drop((free, seat));
        });
    }
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// Waits until somebody asks for a stop, or nobody is left who could.
async fn asked(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: axum::Router, stop: watch::Receiver<bool>) {
    match tls {
        None => talk(stream, router, stop).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => talk(stream, router, stop).await,
            Ok(Err(error)) => tracing::debug!(error = %error, "console: TLS did not come about"),
            Err(_) => tracing::debug!("console: TLS took too long"),
        },
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(64 * 1024);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = asked(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
        () = tokio::time::sleep(LIFE) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(HEADER, connection.as_mut()).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "console: a connection ended early");
    }
}

async fn acceptor(transport: &Transport) -> Result<Option<TlsAcceptor>, ConsoleError> {
    let Transport::Tls { certificate, key } = transport else { return Ok(None) };
    let chain = certificates(certificate)?;
    let key = private_key(key).await?;
    let bad = |why: rustls::Error| ConsoleError::Tls { what: certificate.display().to_string(), why: why.to_string() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(bad)?;
    let mut server = server.with_no_client_auth().with_single_cert(chain, key).map_err(bad)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConsoleError> {
    let bad =
        |why: &dyn std::fmt::Display| ConsoleError::Tls { what: path.display().to_string(), why: why.to_string() };
    let certificates = CertificateDer::pem_file_iter(PathBuf::from(path)).map_err(|error| bad(&error))?;
    let chain: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| bad(&error))?;
    if chain.is_empty() { Err(bad(&"no certificate is in it")) } else { Ok(chain) }
}

async fn private_key(source: &SecretSource) -> Result<PrivateKeyDer<'static>, ConsoleError> {
    let bad = |why: String| ConsoleError::Tls { what: "the private key".to_owned(), why };
    let text = source.read().await.map_err(|error| bad(error.to_string()))?;
    // What the reader says of a broken key could quote it.
    PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()).map_err(|_| bad("it is no PEM key".to_owned()))
}
