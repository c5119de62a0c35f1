//! A contact centre in virtual time: remote systems without sockets, and the service on the test's own runtime, so that days
//! pass in seconds.
//!
//! SQLite works on threads of its own; while it does, the paused clock stands still ([`Still`]).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_connect::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use chrono::TimeDelta;
use connectors::http::{Carried, Carrier, Cause, Parcel};
use rollcall::assemble::{Assembled, Surroundings, assemble_in};
use rollcall::config::{self, Config};
use rollcall::connect::AmazonConnect;
use rollcall::model::Time;
use rollcall::sandbox::company::Company;
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::scene::{self, AGENTS, CLIENT_SECRET, ConfigText, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use rollcall::serve::{self, Departure, Handle, Maker, Serving};
use rollcall::store::{RunLease, Store, Turn, Turnstile};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;

use super::house::reschedule;

thread_local! {
    /// When the test began, and how far the machine's clock is off. A test stays on its thread.
    static CLOCK: Cell<Option<(Instant, TimeDelta)>> = const { Cell::new(None) };
}

/// What the machine's clock shows.
pub(super) fn now() -> Time {
    let (since, off) = CLOCK.get().unwrap_or_else(|| {
        let begun = (Instant::now(), TimeDelta::zero());
        CLOCK.set(Some(begun));
        begun
    });
    Time::from_timestamp(1_772_323_200, 0).unwrap() + since.elapsed() + off
}

/// Somebody sets the machine's clock. That of the remote systems is right.
pub(super) fn set_clock_by(by: TimeDelta) {
    now();
    CLOCK.set(CLOCK.get().map(|(since, off)| (since, off + by)));
}

/// Lets time pass.
pub(super) async fn pass(minutes: u64) {
    tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
}

/// A turn on the state file is a task that blocks: while there is one, the paused clock stands still.
#[derive(Debug)]
struct Still;

impl Turnstile for Still {
    fn turn(&self) -> Pin<Box<dyn Future<Output = Turn> + Send + '_>> {
        Box::pin(async {
            let (held, given_back) = std::sync::mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || given_back.recv());
            Turn::new(held)
        })
    }
}

/// The way to the remote systems, in the process.
#[derive(Debug, Clone)]
struct Wire(Arc<BTreeMap<u16, Router>>);

impl Wire {
    async fn send(self, request: Request<Body>) -> Result<Response<Vec<u8>>, Cause> {
        use tower::ServiceExt as _;
        let port = request.uri().port_u16().unwrap_or_default();
        let router = self.0.get(&port).cloned().ok_or("nobody lives there")?;
        let (parts, body) = router.oneshot(request).await.unwrap_or_else(|never| match never {}).into_parts();
        let body = to_bytes(body, usize::MAX).await?;
        Ok(Response::from_parts(parts, body.to_vec()))
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
            request.headers_mut().insert(header::HOST, url.authority().parse()?);
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

/// Builds the service.
struct Builder {
    config: Config,
    surroundings: Surroundings,
}

impl Maker for Builder {
    type Target = AmazonConnect;

    async fn make(&self) -> anyhow::Result<(serve::Service<AmazonConnect>, RunLease)> {
        let Assembled { service, lease } = assemble_in(&self.config, now, "test", &self.surroundings).await?;
        Ok((service, lease))
    }
}

/// A contact centre.
pub(super) struct Indoors {
    pub(super) sandbox: Sandbox,
    folder: TempDir,
    wire: Wire,
    hired: Cell<usize>,
}

impl Indoors {
    /// One of so many people with this schedule, that tells a webhook of trouble; the text of the configuration may be
    /// changed.
    pub(super) fn of(people: usize, schedule: &str, text: impl FnOnce(&mut ConfigText)) -> Self {
        Self::with(people, schedule, |_| {}, text)
    }

    pub(super) fn with(
        people: usize,
        schedule: &str,
        scenery: impl FnOnce(&mut SceneSettings),
        text: impl FnOnce(&mut ConfigText),
    ) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let mut settings = SceneSettings::new(now(), people);
        settings.plain = true;
        settings.connect.quota = QuotaSettings::unlimited();
        settings.connect.user_limit = 5_000;
        settings.connect.search_lag = Duration::ZERO;
        scenery(&mut settings);
        let (sandbox, routers) = scene::indoors(settings);
        let folder = tempfile::tempdir().unwrap();
        let mut config =
            ConfigText { quota: Some((10_000.0, 10_000, 1.0)), first_run_applies: true, ..ConfigText::default() };
        config.more = scene::notifier(&sandbox);
        text(&mut config);
        let file = folder.path().join("rollcall.toml");
        std::fs::write(&file, scene::configuration(&sandbox, &sandbox.tenant, &config)).unwrap();
        reschedule(&file, schedule);
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { sandbox, folder, wire: Wire(Arc::new(routers)), hired: Cell::new(0) }
    }

    /// Serves it while something happens; then asks it to stop.
    pub(super) async fn serve<T>(&self, happens: impl AsyncFnOnce(&Handle) -> T) -> (T, Departure) {
        let config = config::load(&self.folder.path().join("rollcall.toml")).unwrap_or_else(|all| panic!("{all}"));
        let surroundings = Surroundings {
            directories: Some(Arc::new(self.wire.clone())),
            aws: Some(SharedHttpClient::new(self.wire.clone())),
            turnstile: Some(Arc::new(Still)),
        };
        let (stop, stopped) = watch::channel(false);
        let name = config.name.clone();
        let (serving, attending) = serve::attend(Arc::new(Builder { config, surroundings }), &name, now, stopped);
        let Serving { handle, started, departed, .. } = serving;
        let outside = async {
            started.await.unwrap().unwrap();
            let result = happens(&handle).await;
            stop.send_replace(true);
            (result, departed.await.unwrap())
        };
        tokio::join!(outside, attending).0
    }

    /// What the state file says, while the clock stands still.
    pub(super) async fn read<T>(&self, what: impl AsyncFnOnce(&Store) -> T) -> T {
        let turn = Still.turn().await;
        let store = Store::open_read_only(&self.folder.path().join("rollcall.db")).await.unwrap();
        let result = what(&store).await;
        drop(turn);
        result
    }

    /// From now on every call of a service ends like this.
    pub(super) fn fault(&self, service: &str, operation: Option<&str>, kind: FaultKind) {
        let (service, operation) = (service.to_owned(), operation.map(str::to_owned));
        self.sandbox.faults.add(Fault { service, operation, skip: 0, times: u32::MAX, kind });
    }

    /// From now on a service is not there.
    pub(super) fn down(&self, service: &str, operation: Option<&str>) {
        let (code, message, retry_after) = ("ServiceUnavailable".to_owned(), "not now".to_owned(), None);
        self.fault(service, operation, FaultKind::Status { status: 503, code, message, retry_after });
    }

    /// Hires somebody into the agents' group; gives id and login.
    pub(super) fn hire(&self) -> (String, String) {
        self.hired.set(self.hired.get() + 1);
        let mut person = Company::newcomer(3, 9_000 + self.hired.get());
        person.properties.insert("department".to_owned(), json!("Care"));
        let login = person.properties["userPrincipalName"].as_str().unwrap().to_owned();
        let id = person.id.clone();
        self.sandbox.tenant.add_user(person).unwrap();
        self.sandbox.tenant.add_member(&self.sandbox.tenant.group_id(AGENTS).unwrap(), &id).unwrap();
        (id, login)
    }

    /// Whether somebody has a user.
    pub(super) fn has(&self, login: &str) -> bool {
        self.sandbox.connect.user_by_username(login).is_some()
    }

    /// Users without access.
    pub(super) fn suspended(&self) -> usize {
        let none = self.sandbox.connect.security_profile_id("No Access").unwrap();
        self.sandbox.connect.users().iter().filter(|user| user.security_profile_ids == [none.clone()]).count()
    }

    /// What was told, in short: `!` trouble, `=` over.
    pub(super) fn told(&self) -> Vec<String> {
        let posts = self.sandbox.webhook.posts();
        let posts = posts.iter().map(|post| serde_json::from_str::<Value>(&post.body).unwrap());
        let short = |message: Value| {
            let of = |list: &str, sign: char| {
                let all = message[list].as_array().unwrap().iter();
                all.map(|one| format!("{sign}{}", one["subject"].as_str().unwrap())).collect::<Vec<_>>()
            };
            [of("troubles", '!'), of("over", '=')].concat().join(" ")
        };
        posts.map(short).collect()
    }

    /// The lines of the report in the file.
    pub(super) fn report(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("report.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
