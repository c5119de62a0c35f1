//! The way to the remote systems: in the process, with a latency, and with what goes wrong on the way.
//!
//! Invariant: a remote system answers in one piece; while it does nothing else happens. So a call is either before its
//! effect or after it, and what a trouble does to it is decided once, by the seed.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use connectors::http::{Carried, Carrier, Cause, Parcel};
use rollcall::sandbox::faults::{Fault, FaultKind, Faults};
use tower::ServiceExt;

use crate::door::{Door, Place};
use crate::notes::Notes;

/// A remote system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Login,
    Graph,
    Okta,
    Scim,
    Connect,
    Logs,
}

impl Service {
    /// By the port of its address, in the order in which a sandbox without listeners numbers them.
    fn at(port: u16) -> Option<Self> {
        const ALL: [Service; 6] =
            [Service::Login, Service::Graph, Service::Okta, Service::Scim, Service::Connect, Service::Logs];
        ALL.get(usize::from(port).checked_sub(1)?).copied()
    }

    /// As the sandbox calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Graph => "graph",
            Self::Okta => "okta",
            Self::Scim => "scim",
            Self::Connect => "connect",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Throttled,
    Failing,
    Unavailable,
    LostRequest,
    LostReply,
    Slow,
    Html,
    Truncated,
    EmptyPage,
    LoopingLink,
    Redirect,
}

/// A time in which something goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) service: Service,
    pub(crate) trouble: Trouble,
    /// How many calls of a thousand.
    pub(crate) permille: u32,
    /// How many calls in all; then it is over.
    pub(crate) strikes: u32,
}

/// Everything that goes wrong now.
#[derive(Debug)]
pub(crate) struct Weather {
    rng: fastrand::Rng,
    spells: Vec<Spell>,
    /// Milliseconds a way takes at most.
    latency: u64,
    /// Requests to Connect.
    pub(crate) calls: u64,
    /// Troubles that happened.
    pub(crate) struck: BTreeMap<Trouble, u64>,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), spells: Vec::new(), latency: 60, calls: 0, struck: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, spell: Spell) {
        self.spells.push(spell);
    }

    pub(crate) fn calm(&mut self) {
        self.spells.clear();
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.spells.is_empty()
    }

    fn fate(&mut self, service: Service) -> (Option<Trouble>, Duration, Duration) {
        self.calls += u64::from(service == Service::Connect);
        let mut fate = None;
        for spell in &mut self.spells {
            if fate.is_none() && spell.service == service && self.rng.u32(0..1000) < spell.permille {
                spell.strikes = spell.strikes.saturating_sub(1);
                fate = Some(spell.trouble);
            }
        }
        self.spells.retain(|spell| spell.strikes > 0);
        if let Some(trouble) = fate {
            *self.struck.entry(trouble).or_default() += 1;
        }
        let mut way = || Duration::from_millis(self.rng.u64(1..=self.latency));
        (fate, way(), way())
    }
}

/// How long a slow answer takes: longer than any time-out.
const SLOW: Duration = Duration::from_secs(400);

/// The wire of one process.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) routers: Arc<BTreeMap<u16, Router>>,
    pub(crate) faults: Faults,
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) door: Door,
    pub(crate) notes: Notes,
}

fn lost(what: &'static str) -> Cause {
    Box::new(std::io::Error::new(std::io::ErrorKind::ConnectionReset, what))
}

impl Wire {
    async fn send(self, request: Request<Body>) -> Result<Response<Vec<u8>>, Cause> {
        let port = request.uri().port_u16().unwrap_or_default();
        let service = Service::at(port).ok_or_else(|| lost("nobody lives there"))?;
        let router = self.routers.get(&port).cloned().ok_or_else(|| lost("nobody lives there"))?;
        self.door.pass(Place::Asking(service)).await;
        let what = format!("{} {service} {}", request.method(), request.uri().path());
        let (trouble, there, back) = self.weather.lock().unwrap_or_else(PoisonError::into_inner).fate(service);
        tokio::time::sleep(there).await;
        if trouble == Some(Trouble::LostRequest) {
            self.notes.add(|| format!("{what} never arrives"));
            return Err(lost("the request was lost"));
        }
        // What stays between two calls (a fault of the sandbox that nothing asked for) would strike somebody else.
        self.faults.clear();
        if let Some(kind) = trouble.and_then(|trouble| fault(trouble, service)) {
            self.faults.add(Fault { service: service.name().to_owned(), operation: None, skip: 0, times: 1, kind });
        }
        // Infallible, and at once.
        let (parts, body) = router.oneshot(request).await.unwrap_or_else(|never| match never {}).into_parts();
        let body = to_bytes(body, usize::MAX).await;
        let status = parts.status.as_u16();
        self.notes.add(|| format!("{what} → {status}{}", trouble.map_or(String::new(), |t| format!(" ({t:?})"))));
        tokio::time::sleep(if trouble == Some(Trouble::Slow) { SLOW } else { back }).await;
        self.door.pass(Place::Answered(service)).await;
        let body = body.map_err(|_| lost("the reply was lost"))?;
        if trouble == Some(Trouble::LostReply) {
            return Err(lost("the reply was lost"));
        }
        Ok(Response::from_parts(parts, body.to_vec()))
    }
}

/// What the sandbox itself does about it.
fn fault(trouble: Trouble, service: Service) -> Option<FaultKind> {
    let status = |status, code: &str, after: Option<&str>| {
        let (code, message) = (code.to_owned(), "not now".to_owned());
        Some(FaultKind::Status { status, code, message, retry_after: after.map(str::to_owned) })
    };
    let aws = matches!(service, Service::Connect | Service::Logs);
    match trouble {
        Trouble::Throttled if aws => status(429, "ThrottlingException", None),
        Trouble::Throttled => status(429, "TooManyRequests", Some("7")),
        Trouble::Failing if aws => status(500, "InternalServiceException", None),
        Trouble::Failing => status(500, "InternalServerError", None),
        Trouble::Unavailable => status(503, "ServiceUnavailable", None),
        Trouble::Html => Some(FaultKind::Html),
        Trouble::Truncated => Some(FaultKind::Truncated),
        Trouble::EmptyPage => Some(FaultKind::EmptyPage),
        Trouble::LoopingLink => Some(FaultKind::LoopingLink),
        Trouble::Redirect => Some(FaultKind::Redirect),
        Trouble::LostRequest | Trouble::LostReply | Trouble::Slow => None,
    }
}

impl Carrier for Wire {
    fn carry(&self, parcel: Parcel) -> Pin<Box<dyn Future<Output = Result<Carried, Cause>> + Send + '_>> {
        Box::pin(async move {
            let Parcel { method, url, headers, body } = parcel;
            let mut request = Request::new(Body::from(body));
            *request.method_mut() = method;
            *request.uri_mut() = url.as_str().parse()?;
            *request.headers_mut() = headers;
            let host = url.authority().parse()?;
            request.headers_mut().insert(axum::http::header::HOST, host);
            let (parts, body) = self.clone().send(request).await?.into_parts();
            Ok(Carried { status: parts.status, headers: parts.headers, body })
        })
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (mut parts, body) = request.into_parts();
            parts.extensions.clear();
            let body = Body::from(body.bytes().unwrap_or_default().to_vec());
            let answer = wire.send(Request::from_parts(parts, body)).await.map_err(ConnectorError::io)?;
            HttpResponse::try_from(answer.map(Into::into)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
