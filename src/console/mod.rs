//! The console: web pages over the state file. They show what `rollcall` shows on a terminal, in the same words and order, and
//! have done what it does: runs, approvals, undo, pauses. `/api` is the same for programs.
//!
//! ```text
//! server    the socket: TLS, bounds on connections and time, a graceful stop · seats
//! gate      what every request passes and every answer carries
//! login     signing in with the token · session: cookies · secret: random ids and their hashes
//! known     what the state file means, derived once for each state of it · index: everybody, searchable · planned: the plan, too
//! view      what every page has at hand · page: the frame and what pages share · sort · csv_file · assets
//! parts     what the configuration says, handed in as values
//! live      what is going on, as events · asked: runs that were asked for here · health: probes and metrics
//! today · plan · people · person · rules · what_if · sources · connect · runs · changes · approve · acts · audit     one page each;
//!           quota and delivered are parts of connect, check is a part of sources and connect
//! api       the same as JSON, with its document
//! ```
//!
//! Addresses: `/c/<contact centre>/…` for everything about one, so that several fit side by side; `/` leads to the only one,
//! or shows which there are. A table at `…/people` is a file at `…/people.csv`, with the same query.
//!
//! Invariant: nothing here reaches a remote, and nothing here decides: pages are made of what the state file holds and what the
//! planner says about it, and a run is asked for at the service ([`crate::serve::Handle`]). What a check reaches, it reaches
//! through a closure that was handed in, and because somebody asked.
//! Invariant: a page writes nothing; whatever is done is a POST, and each is audited.
//! Invariant: a console that fails never stops the service it shows.
//! Deliberately absent: user accounts. Whoever has the token may see everybody, and do everything that is done here.

mod acts;
mod api;
mod approve;
mod asked;
mod assets;
mod audit;
mod changes;
mod check;
mod config;
mod connect;
mod csv_file;
mod delivered;
mod gate;
mod health;
mod index;
mod known;
mod live;
mod login;
mod page;
mod parts;
mod people;
mod person;
mod plan;
mod planned;
mod quota;
mod rules;
mod runs;
mod seats;
mod secret;
mod server;
mod session;
mod sort;
mod sources;
mod today;
mod view;
mod what_if;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::html;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::asked::Tickets;
pub use self::check::CheckNow;
use self::check::Checks;
pub use self::config::{ConsoleConfig, Transport};
use self::known::Cache;
pub use self::known::{Centre, FieldNames, PATIENCE, QuotaOf};
use self::login::Attempts;
use self::page::Page;
pub use self::parts::{AbilitiesOf, ConnectPart, NamedPart, Parts, RulesText, RulesWith, SourcePart, Wrong};
pub use self::secret::{NoRandomness, hash, new_token};
pub use self::server::{ConsoleError, run, usable};
use self::session::Used;
use crate::model::Time;

/// A running console. Cheap to clone.
#[derive(Debug, Clone)]
struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The contact centre whose state file holds the token, the sessions and the audit.
    access: Arc<Room>,
    rooms: BTreeMap<String, Arc<Room>>,
    config: ConsoleConfig,
    /// Where it really listens.
    bound: SocketAddr,
    attempts: Attempts,
    used: Used,
    tickets: Tickets,
    /// For what needs so much memory that it is done one at a time.
    alone: Arc<Semaphore>,
    now: fn() -> Time,
}

/// One contact centre and what is known of it.
#[derive(Debug)]
struct Room {
    centre: Arc<Centre>,
    cache: Cache,
    checks: Checks,
}

impl Room {
    fn new(centre: Centre) -> Self {
        let centre = Arc::new(centre);
        Self { cache: Cache::new(centre.clone()), centre, checks: Checks::default() }
    }
}

impl Console {
    /// A console of these contact centres; the first one's state file says who may look.
    fn new(
        config: ConsoleConfig,
        bound: SocketAddr,
        centres: Vec<Centre>,
        now: fn() -> Time,
    ) -> Result<Self, ConsoleError> {
        let rooms: Vec<Arc<Room>> = centres.into_iter().map(|centre| Arc::new(Room::new(centre))).collect();
        let access = rooms.first().ok_or(ConsoleError::NoCentre)?.clone();
        let rooms = rooms.into_iter().map(|room| (room.centre.name.clone(), room)).collect();
        let (attempts, used, tickets) = (Attempts::default(), Used::default(), Tickets::default());
        let alone = Arc::new(Semaphore::new(1));
        Ok(Self(Arc::new(Inner { access, rooms, config, bound, attempts, used, tickets, alone, now })))
    }

    fn access(&self) -> &Centre {
        &self.0.access.centre
    }

    fn room(&self, name: &str) -> Option<Arc<Room>> {
        self.0.rooms.get(name).cloned()
    }

    fn rooms(&self) -> &BTreeMap<String, Arc<Room>> {
        &self.0.rooms
    }

    fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    fn used(&self) -> &Used {
        &self.0.used
    }

    fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    /// The right to do something large; `None` while somebody else has it.
    fn alone(&self) -> Option<OwnedSemaphorePermit> {
        self.0.alone.clone().try_acquire_owned().ok()
    }

    fn secure(&self) -> bool {
        self.0.config.secure()
    }

    fn behind_proxy(&self) -> bool {
        self.0.config.transport == Transport::BehindProxy
    }

    /// Whether somebody who asks for this host means us.
    fn is_called(&self, host: &str) -> bool {
        let Inner { config, bound, .. } = &*self.0;
        let is = |name: &str| host.eq_ignore_ascii_case(name);
        if config.public_host.as_ref().is_some_and(|public| is(public)) {
            return true;
        }
        if self.behind_proxy() {
            return false;
        }
        let port = bound.port();
        let names = [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
        let local = bound.ip().is_loopback() && names.iter().any(|name| is(name));
        local || (!bound.ip().is_unspecified() && is(&bound.to_string()))
    }

    fn now(&self) -> Time {
        (self.0.now)()
    }
}

/// Every page, without a socket: for those who bring their own. `bound` is where it listens; the first contact centre's state
/// file says who may look.
///
/// # Errors
/// If there is no contact centre.
pub fn pages(
    config: ConsoleConfig,
    bound: SocketAddr,
    centres: Vec<Centre>,
    now: fn() -> Time,
) -> Result<Router, ConsoleError> {
    Console::new(config, bound, centres, now).map(router)
}

/// Every address there is.
fn router(console: Console) -> Router {
    let pages = Router::new()
        .route("/", get(start))
        .route("/logout", post(login::out))
        .route("/c/{centre}", get(home))
        .route("/c/{centre}/today", get(today::page))
        .route("/c/{centre}/plan", get(plan::page))
        .route("/c/{centre}/plan.csv", get(plan::file))
        .route("/c/{centre}/people", get(people::page))
        .route("/c/{centre}/people.csv", get(people::file))
        .route("/c/{centre}/people/{source}/{id}", get(person::page))
        .route("/c/{centre}/people/{source}/{id}/history.csv", get(person::file))
        .route("/c/{centre}/rules", get(rules::page))
        .route("/c/{centre}/rules.csv", get(rules::file))
        .route("/c/{centre}/rules/what-if", get(what_if::page).post(what_if::ask).layer(long_text()))
        .route("/c/{centre}/rules/what-if.csv", post(what_if::file).layer(long_text()))
        .route("/c/{centre}/departments.csv", get(rules::departments_file))
        .route("/c/{centre}/sources", get(sources::page))
        .route("/c/{centre}/sources.csv", get(sources::file))
        .route("/c/{centre}/connect", get(connect::page))
        .route("/c/{centre}/connect/names.csv", get(connect::names_file))
        .route("/c/{centre}/connect/quota.csv", get(connect::quota_file))
        .route("/c/{centre}/check", post(check::check))
        .route("/c/{centre}/changes", get(changes::page))
        .route("/c/{centre}/changes.csv", get(changes::file))
        .route("/c/{centre}/runs", get(runs::page))
        .route("/c/{centre}/runs.csv", get(runs::file))
        .route("/c/{centre}/runs/{run}", get(runs::one))
        .route("/c/{centre}/runs/{run}/changes.csv", get(runs::changes_file))
        .route("/c/{centre}/runs/{run}/undo", get(acts::ask_undo).post(acts::undo))
        .route("/c/{centre}/audit", get(audit::page))
        .route("/c/{centre}/audit.csv", get(audit::file))
        .route("/c/{centre}/approve", get(approve::ask).post(approve::approve))
        .route("/c/{centre}/sync", post(acts::sync))
        .route("/c/{centre}/asked/{id}", get(acts::asked))
        .route("/c/{centre}/pause", get(acts::ask_pause).post(acts::pause))
        .route("/c/{centre}/resume", post(acts::resume))
        .route("/c/{centre}/live", get(live::stream))
        .fallback(page::nowhere)
        .layer(from_fn_with_state(console.clone(), gate::inner));
    // What is there is known to those who are signed in only: also addresses that are none lead to the sign-in page.
    let pages = pages.layer(from_fn_with_state(console.clone(), gate::outer));
    let open = Router::new()
        .route("/login", get(login::form).post(login::sign))
        .route("/assets/{version}/{name}", get(assets::serve))
        .route_layer(from_fn_with_state(console.clone(), gate::outer));
    open.merge(pages)
        .merge(health::routes())
        .merge(api::routes(&console))
        .layer(DefaultBodyLimit::max(gate::LONGEST_BODY))
        .layer(from_fn_with_state(console.clone(), gate::outermost))
        .with_state(console)
}

/// For forms with a text; the gate knows where they are.
fn long_text() -> DefaultBodyLimit {
    DefaultBodyLimit::max(gate::LONGEST_TEXT)
}

/// `GET /`: the only contact centre, or a choice.
async fn start(State(console): State<Console>) -> Response {
    let mut names = console.rooms().keys();
    match (names.next(), names.next()) {
        (Some(only), None) => gate::see(&format!("{}/today", view::home(only))),
        _ => {
            let body = html! {
                div.door {
                    h1 { "Contact centres" }
                    ul { @for name in console.rooms().keys() { li { a href={ (view::home(name)) "/today" } { (name) } } } }
                }
            };
            Page::outside("Contact centres", body).into_response()
        }
    }
}

/// `GET /c/{centre}`.
async fn home(view: view::View) -> Response {
    gate::see(&view.url("/today"))
}
