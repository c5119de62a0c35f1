//! One careful HTTP client for every directory and every token endpoint.
//!
//! Invariant: no redirect is ever followed; a 3xx is an answer like any other.
//! Invariant: a body is read up to a bound and not one byte further, however long the header says it is.
//! Invariant: plain `http` is spoken to loopback addresses only ([`require_safe`]); the client that leaves this machine cannot
//! speak it at all. What goes to loopback passes by every proxy, so that it does not leave this machine either.
//! Invariant: a server is who its certificate says, by the roots of trust in [`Tls`], over TLS 1.2 or later.
//!
//! Proxies: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment are followed. What is sent through one is TLS between
//! rollcall and the remote (`CONNECT`), which the proxy carries and cannot read.
//!
//! Invariant: every request that leaves is counted, failed ones included.
//! Deliberately absent: credentials. Whoever attaches one checks the origin first ([`crate::paging::same_origin`]).

mod carrier;
mod retry;
mod tls;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use url::{Host, Url};
use uuid::Uuid;

pub use carrier::{Carried, Carrier, Cause, Parcel};
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use retry::{Attempt, GaveUp, RetryRules, Tried, retry_after, retrying};
pub use tls::{MOST_CERTIFICATES, Roots, Tls, TlsError};

/// Bounds of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until the connection stands.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// For one attempt in all.
    pub total: Duration,
    /// Bytes of one body, unpacked.
    pub body_bytes: usize,
    /// Pages of one listing. Reaching it is an error, never an end.
    pub pages: u32,
    /// The retry loop of [`HttpClient::send`].
    pub retry: RetryRules,
    /// Who is trusted.
    pub tls: Tls,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_secs(120),
            body_bytes: 32 << 20,
            // Five times what a million users take at 200 a page.
            pages: 25_000,
            retry: RetryRules::default(),
            tls: Tls::default(),
        }
    }
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    way: Way,
    limits: HttpLimits,
}

/// How requests leave.
#[derive(Clone)]
enum Way {
    Network {
        /// For everything that is not on this machine.
        far: reqwest::Client,
        /// For what is; made when it is needed.
        near: Arc<OnceLock<reqwest::Client>>,
    },
    Carrier(Arc<dyn Carrier>),
}

impl fmt::Debug for HttpClient {
    // What is below shows the proxies of the environment, and an address of a proxy may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A request to be sent, possibly more than once.
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// Headers beside the ones every request carries.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// A whole answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// The `client-request-id` that was sent.
    pub client_request_id: String,
}

impl fmt::Debug for Answer {
    // Bodies hold people and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes, {})", self.status, self.body.len(), self.client_request_id)
    }
}

impl fmt::Debug for Outgoing<'_> {
    // The query of a link is a token, and so is a header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} {})", self.method, self.url.path())
    }
}

/// No whole answer arrived.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, no answer in time, or TLS.
    #[error("no answer")]
    Unreachable(#[source] Cause),
    /// The server's certificate is none that is trusted, or is another server's.
    #[error("the server's certificate is not trusted")]
    Untrusted(#[source] Cause),
    /// The answer ended before its end, or could not be unpacked.
    #[error("the answer was cut short")]
    CutShort(#[source] Cause),
    /// The body is longer than the bound.
    #[error("the answer is longer than {limit} bytes")]
    TooBig {
        /// The bound in bytes.
        limit: usize,
    },
}

/// Counts requests.
#[derive(Debug, Default)]
pub struct Meter(AtomicU32);

impl Meter {
    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A root URL that credentials must not be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is neither https nor a loopback address")]
pub struct UnsafeRoot(String);

/// Whether a root is on this machine.
#[must_use]
pub fn is_loopback(root: &Url) -> bool {
    match root.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Refuses a root that is not `https`; plain `http` is for loopback (the sandbox).
///
/// # Errors
/// [`UnsafeRoot`], with scheme and host only.
pub fn require_safe(root: &Url) -> Result<(), UnsafeRoot> {
    match root.scheme() {
        "https" if root.host().is_some() => Ok(()),
        "http" if is_loopback(root) => Ok(()),
        scheme => Err(UnsafeRoot(format!("{scheme}://{}", root.host_str().unwrap_or_default()))),
    }
}

impl HttpClient {
    /// A client with these bounds.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`] if TLS cannot be set up on this machine.
    pub fn new(limits: HttpLimits) -> Result<Self, TransportError> {
        let far = builder(&limits).and_then(|builder| builder.https_only(true).build()).map_err(unanswered)?;
        Ok(Self { way: Way::Network { far, near: Arc::default() }, limits })
    }

    /// The same, with every request handed to `carrier` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn over(carrier: Option<&Arc<dyn Carrier>>, limits: HttpLimits) -> Result<Self, TransportError> {
        match carrier {
            Some(carrier) => Ok(Self { way: Way::Carrier(Arc::clone(carrier)), limits }),
            None => Self::new(limits),
        }
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &HttpLimits {
        &self.limits
    }

    /// The client for this machine.
    fn near(&self, near: &OnceLock<reqwest::Client>) -> Result<reqwest::Client, TransportError> {
        if let Some(client) = near.get() {
            return Ok(client.clone());
        }
        let client = builder(&self.limits).and_then(|builder| builder.no_proxy().build()).map_err(unanswered)?;
        Ok(near.get_or_init(|| client).clone())
    }

    /// One attempt.
    ///
    /// # Errors
    /// If no whole answer arrives. Any status is an answer.
    pub async fn once(&self, out: &Outgoing<'_>, meter: &Meter) -> Result<Answer, TransportError> {
        meter.0.fetch_add(1, Ordering::Relaxed);
        let client_request_id = Uuid::new_v4().to_string();
        let mut headers = out.headers.clone();
        // A fresh one per attempt: support can tell the attempts apart.
        headers
            .insert("client-request-id", HeaderValue::from_str(&client_request_id).expect("a GUID is a header value"));
        let (far, near) = match &self.way {
            Way::Network { far, near } => (far, near),
            Way::Carrier(carrier) => {
                let Carried { status, headers, body } = carrier::carry(&**carrier, out, headers, &self.limits).await?;
                return Ok(Answer { status, headers, body, client_request_id });
            }
        };
        let client = if is_loopback(out.url) { self.near(near)? } else { far.clone() };
        let mut request = client.request(out.method.clone(), out.url.clone()).headers(headers);
        if let Some(body) = &out.body {
            request = request.body(body.clone());
        }
        let answer = request.send().await.map_err(unanswered)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.body(answer).await?;
        Ok(Answer { status, headers, body, client_request_id })
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let limit = self.limits.body_bytes;
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(64 << 10);
        let mut body = Vec::with_capacity(announced.min(limit));
        while let Some(piece) = answer.chunk().await.map_err(cut_short)? {
            if body.len() + piece.len() > limit {
                return Err(TransportError::TooBig { limit });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Attempts until there is an answer that another attempt would not change, within the bounds.
    pub async fn send(&self, out: &Outgoing<'_>, meter: &Meter) -> Tried<Result<Answer, TransportError>> {
        retrying(&self.limits.retry, || async { assess(self.once(out, meter).await) }).await
    }
}

/// What is the same for every client.
fn builder(limits: &HttpLimits) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(limits.connect)
        .read_timeout(limits.read)
        .timeout(limits.total);
    limits.tls.apply(builder)
}

/// Tells a certificate that is not trusted, which stays so, from everything that may pass. The libraries below say it in the
/// text of the innermost cause only.
fn unanswered(error: reqwest::Error) -> TransportError {
    // `without_url`: a link in an error text would put its token into a log.
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if one.to_string().contains("invalid peer certificate") {
            return TransportError::Untrusted(Box::new(error));
        }
        cause = one.source();
    }
    TransportError::Unreachable(Box::new(error))
}

/// What to do about [`TransportError::Untrusted`].
pub(crate) const UNTRUSTED: &str = "use the name that is in the server's certificate; if a company's own authority signed it, \
                                    set ca_file under [tls] to that authority's certificate";

fn cut_short(error: reqwest::Error) -> TransportError {
    TransportError::CutShort(Box::new(error.without_url()))
}

/// Whether the same request may fare better later.
#[must_use]
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

fn assess(got: Result<Answer, TransportError>) -> Attempt<Result<Answer, TransportError>> {
    match got {
        Ok(answer) if is_passing(answer.status) => {
            let asked = retry_after(&answer.headers);
            tracing::debug!(status = answer.status.as_u16(), ?asked, id = answer.client_request_id, "will be retried");
            Attempt::Again(Ok(answer), asked)
        }
        Err(error @ (TransportError::Unreachable(_) | TransportError::CutShort(_))) => Attempt::Again(Err(error), None),
        Ok(_) | Err(TransportError::TooBig { .. } | TransportError::Untrusted(_)) => Attempt::Take(got),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn quick() -> HttpLimits {
        let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
        HttpLimits { body_bytes: 1000, retry, ..HttpLimits::default() }
    }

    async fn check(answers: Vec<ResponseTemplate>) -> (Tried<Result<Answer, TransportError>>, u32) {
        let server = MockServer::start().await;
        let last = answers.len();
        for (at, answer) in answers.into_iter().enumerate() {
            let mock = Mock::given(any()).respond_with(answer).with_priority(1 + u8::try_from(at).unwrap());
            if at + 1 < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
        }
        let url = Url::parse(&server.uri()).unwrap();
        let out = Outgoing { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
        let meter = Meter::default();
        let tried = HttpClient::new(quick()).unwrap().send(&out, &meter).await;
        let ids: std::collections::BTreeSet<_> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .map(|request| request.headers["client-request-id"].clone().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), meter.requests() as usize, "a fresh id per attempt");
        (tried, meter.requests())
    }

    #[tokio::test]
    async fn what_is_passing_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            let (tried, requests) = check(vec![ResponseTemplate::new(status), ResponseTemplate::new(200)]).await;
            assert_eq!((tried.got.unwrap().status.as_u16(), requests), (200, 2), "{status}");
        }
        for status in [200, 204, 302, 400, 401, 403, 404, 410, 501] {
            let (tried, requests) = check(vec![ResponseTemplate::new(status)]).await;
            assert_eq!((tried.got.unwrap().status.as_u16(), requests), (status, 1), "{status}");
        }
    }

    #[tokio::test]
    async fn a_server_that_stays_down_is_given_up_on() {
        let (tried, requests) = check(vec![ResponseTemplate::new(503)]).await;
        assert_eq!((tried.gave_up, requests), (Some(GaveUp::Tries(5)), 5));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = MockServer::start().await;
        let redirect = ResponseTemplate::new(307).insert_header("location", elsewhere.uri().as_str());
        let (tried, _) = check(vec![redirect]).await;
        assert_eq!(tried.got.unwrap().status.as_u16(), 307);
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_refused() {
        let (tried, _) = check(vec![ResponseTemplate::new(200).set_body_bytes(vec![b' '; 1000])]).await;
        assert_eq!(tried.got.unwrap().body.len(), 1000);
        let (tried, requests) = check(vec![ResponseTemplate::new(200).set_body_bytes(vec![b' '; 1001])]).await;
        assert!(matches!(tried.got, Err(TransportError::TooBig { limit: 1000 })));
        assert_eq!(requests, 1, "it would be as long the next time");
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let url = Url::parse("http://127.0.0.1:1/").unwrap();
        let out = Outgoing { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
        let tried = HttpClient::new(quick()).unwrap().send(&out, &Meter::default()).await;
        assert!(matches!(tried.got, Err(TransportError::Unreachable(_))));
        assert_eq!(tried.tries, 5);
    }

    /// A server that says how long its answer is and hangs up before its end.
    #[tokio::test]
    async fn an_answer_cut_short_is_asked_for_again_and_never_believed() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"value\":[]}").await;
            }
        });
        let out = Outgoing { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
        let tried = HttpClient::new(quick()).unwrap().send(&out, &Meter::default()).await;
        server.abort();
        assert!(matches!(tried.got, Err(TransportError::CutShort(_))), "{:?}", tried.got);
        assert_eq!(tried.gave_up, Some(GaveUp::Tries(5)));
    }

    #[test]
    fn credentials_travel_safely() {
        let check = |root: &str| require_safe(&Url::parse(root).unwrap()).is_ok();
        for good in ["https://graph.microsoft.com", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"] {
            assert!(check(good), "{good}");
        }
        for bad in ["http://graph.microsoft.com", "http://10.0.0.1", "ftp://localhost", "http://localhost.evil.com"] {
            assert!(!check(bad), "{bad}");
        }
    }
}
