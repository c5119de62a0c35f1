//! The remote systems, on loopback: for the demonstration, for rehearsals, for tests.
//!
//! Each service speaks the wire protocol of the real one and keeps its rules: what it refuses, how it pages, how it
//! throttles, how late its searches are. [`Faults`] adds what happens on bad days.
//!
//! Invariant: listens on loopback only, or not at all ([`Sandbox::indoors`]); reads no clock but [`Clock`]; knows nothing of
//! the program it serves.

mod aws_json;
mod clock;
pub mod company;
pub mod connect;
mod control;
pub mod faults;
pub mod graph;
pub mod login;
pub mod logs;
pub mod okta;
mod quota;
pub mod scene;
pub mod scim;
pub mod secrets;
pub mod sns;
pub mod tenant;
#[cfg(test)]
mod tests;
pub mod webhook;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use clock::Clock;
pub use quota::{Bucket, Calls, Quota, QuotaSettings};

use company::Company;
use connect::{ConnectSettings, ConnectState};
use faults::Faults;
use logs::{LogsSettings, LogsState};
use okta::OktaOrg;
use scim::ScimServer;
use secrets::SecretsState;
use sns::SnsState;
use tenant::{App, Tenant};
use webhook::WebhookState;

/// How long answers in progress may take at the end.
const GRACE: Duration = Duration::from_secs(1);
/// How many services there are.
const SERVICES: usize = 10;

/// Loopback ports; 0 = any free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// Sign-in service.
    pub login: u16,
    /// Directory.
    pub graph: u16,
    /// The same people as an Okta org.
    pub okta: u16,
    /// The same people, or a partner's, as a SCIM server.
    pub scim: u16,
    /// Amazon Connect.
    pub connect: u16,
    /// CloudWatch Logs.
    pub logs: u16,
    /// Secrets Manager and Parameter Store.
    pub secrets: u16,
    /// Simple Notification Service.
    pub sns: u16,
    /// A receiver of webhooks.
    pub webhook: u16,
    /// The sandbox's own interface.
    pub control: u16,
}

impl Ports {
    fn in_order(self) -> [u16; SERVICES] {
        let Self { login, graph, okta, scim, connect, logs, secrets, sns, webhook, control } = self;
        [login, graph, okta, scim, connect, logs, secrets, sns, webhook, control]
    }
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the clock of the remote systems shows at the start.
    pub now: DateTime<Utc>,
    /// Where to listen.
    pub ports: Ports,
    /// The Connect instance.
    pub connect: ConnectSettings,
    /// CloudWatch Logs.
    pub logs: LogsSettings,
    /// Who is in the directory.
    pub company: Company,
    /// The application that may sign in.
    pub app: Option<App>,
    /// Who is on the SCIM server, if not the same company.
    pub partner: Option<Company>,
}

impl Settings {
    /// Defaults of the real services, on any free ports.
    #[must_use]
    pub fn new(now: DateTime<Utc>, company: Company) -> Self {
        Self {
            now,
            ports: Ports::default(),
            connect: ConnectSettings::default(),
            logs: LogsSettings::default(),
            company,
            app: None,
            partner: None,
        }
    }
}

/// Where the services are, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Sign-in service.
    pub login_url: String,
    /// Directory.
    pub graph_url: String,
    /// The same people as an Okta org.
    pub okta_url: String,
    /// The same people, or a partner's, as a SCIM server; the base URL.
    pub scim_url: String,
    /// Amazon Connect.
    pub connect_url: String,
    /// CloudWatch Logs.
    pub logs_url: String,
    /// Secrets Manager and Parameter Store.
    pub secrets_url: String,
    /// Simple Notification Service.
    pub sns_url: String,
    /// A receiver of webhooks.
    pub webhook_url: String,
    /// The sandbox's own interface.
    pub control_url: String,
}

impl Addresses {
    /// In the order of [`Ports`].
    fn of(urls: [String; SERVICES]) -> Self {
        let [
            login_url,
            graph_url,
            okta_url,
            scim_root,
            connect_url,
            logs_url,
            secrets_url,
            sns_url,
            webhook_url,
            control_url,
        ] = urls;
        let scim_url = format!("{scim_root}/scim/v2");
        Self {
            login_url,
            graph_url,
            okta_url,
            scim_url,
            connect_url,
            logs_url,
            secrets_url,
            sns_url,
            webhook_url,
            control_url,
        }
    }
}

/// Remote systems that are running. Dropping it stops them.
#[derive(Debug)]
pub struct Sandbox {
    /// Where they are.
    pub addresses: Addresses,
    /// The time there.
    pub clock: Clock,
    /// What goes wrong.
    pub faults: Faults,
    /// The Connect instance.
    pub connect: ConnectState,
    /// CloudWatch Logs.
    pub logs: LogsState,
    /// Secrets Manager and Parameter Store, in the Region of the instance.
    pub secrets: SecretsState,
    /// Simple Notification Service, in the Region of the instance.
    pub sns: SnsState,
    /// A receiver of webhooks.
    pub webhook: WebhookState,
    /// The directory, as Microsoft Graph and Okta show it.
    pub tenant: Tenant,
    /// Who is on the SCIM server: the directory, or a partner's.
    pub partner: Tenant,
    /// What is Okta's own.
    pub okta: OktaOrg,
    /// What is the SCIM server's own.
    pub scim: ScimServer,
    /// Dropped, it stops the services.
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts all services.
    ///
    /// # Errors
    /// If a port cannot be listened on.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let mut listeners = Vec::with_capacity(SERVICES);
        let mut urls = Vec::with_capacity(SERVICES);
        for port in settings.ports.in_order() {
            let (listener, url) = listen(port).await?;
            listeners.push(listener);
            urls.push(url);
        }
        let urls = urls.try_into().expect("a listener for each service");
        let (mut sandbox, routers) = Self::build(settings, urls);
        let running = listeners.into_iter().zip(routers);
        sandbox.tasks = running.map(|(listener, router)| spawn(listener, router, &sandbox.stop)).collect();
        Ok(sandbox)
    }

    /// The same without a listener: whoever has the routers asks them directly, by the port in an address. Ports that are
    /// not given (0) are numbered; nobody listens there.
    #[must_use]
    pub fn indoors(settings: Settings) -> (Self, BTreeMap<u16, Router>) {
        let given = settings.ports.in_order();
        let numbered = std::array::from_fn(|at| match given[at] {
            0 => u16::try_from(at + 1).unwrap_or(u16::MAX),
            port => port,
        });
        let (sandbox, routers) = Self::build(settings, numbered.map(|port| format!("http://127.0.0.1:{port}")));
        (sandbox, numbered.into_iter().zip(routers).collect())
    }

    /// All services at these addresses, in the order of [`Ports`].
    fn build(settings: Settings, urls: [String; SERVICES]) -> (Self, [Router; SERVICES]) {
        let Settings { now, ports: _, connect, logs, company, app, partner } = settings;
        let clock = Clock::new(now);
        let faults = Faults::default();
        let secrets = SecretsState::new(&connect.region, &connect.account, clock.clone());
        let sns = SnsState::new(&connect.region, &connect.account);
        let webhook = WebhookState::default();
        let connect = ConnectState::new(connect, clock.clone());
        let logs = LogsState::new(logs, clock.clone());
        let tenant = Tenant::with_history(company, now);
        let partner = partner.map_or_else(|| tenant.clone(), |company| Tenant::with_history(company, now));
        let (okta, scim) = (OktaOrg::new(tenant.clone()), ScimServer::new(partner.clone()));
        if let Some(app) = app {
            tenant.set_app(app);
        }
        let addresses = Addresses::of(urls);
        let Addresses { login_url, graph_url, okta_url, scim_url, .. } = addresses.clone();
        tenant.configure(|settings| settings.login_url = Some(login_url));
        let reach = control::Reach {
            addresses: addresses.clone(),
            clock: clock.clone(),
            faults: faults.clone(),
            connect: connect.clone(),
            logs: logs.clone(),
            secrets: secrets.clone(),
            sns: sns.clone(),
            webhook: webhook.clone(),
        };
        let levers = control::router(reach)
            .merge(tenant::control_router(tenant.clone()))
            .merge(okta::control_router(okta.clone()))
            .merge(scim::control_router(scim.clone()));
        let routers = [
            login::router(tenant.clone(), faults.clone()),
            graph::router(tenant.clone(), faults.clone(), graph_url),
            okta.router(faults.clone(), okta_url),
            scim.router(faults.clone(), scim_url),
            connect.router(faults.clone()),
            logs.router(faults.clone()),
            secrets.router(faults.clone()),
            sns.router(faults.clone()),
            webhook.router(faults.clone()),
            levers,
        ];
        let (stop, tasks) = (watch::Sender::new(false), Vec::new());
        let sandbox = Self {
            addresses,
            clock,
            faults,
            connect,
            logs,
            secrets,
            sns,
            webhook,
            tenant,
            partner,
            okta,
            scim,
            stop,
            tasks,
        };
        (sandbox, routers)
    }

    /// Stops all services: what is being answered is answered, for a second at most.
    pub async fn shutdown(self) {
        let Self { stop, tasks, .. } = self;
        drop(stop);
        for mut task in tasks {
            if tokio::time::timeout(GRACE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// An id or a token of the remote systems. It follows from the seed of this thread's generator, so that a story can be
/// told again exactly; nothing real is opened by it.
fn fresh_id() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid()
}

async fn listen(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn spawn(listener: TcpListener, router: Router, stop: &watch::Sender<bool>) -> JoinHandle<()> {
    let mut stopped = stop.subscribe();
    let signal = async move {
        // Nothing is ever sent: the error of a dropped sender is the signal.
        let _ = stopped.changed().await;
    };
    tokio::spawn(async move {
        // It cannot fail: failed accepts are retried within.
        let _ = axum::serve(listener, router).with_graceful_shutdown(signal).await;
    })
}
