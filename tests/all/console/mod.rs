//! The console over a real state file: a contact centre on the sandbox, its runs, and the pages about it.
//!
//! Requests go to the pages as a service, without a socket; `socket` has one.

mod access;
mod acting;
mod api;
mod audit;
mod check;
mod connect;
mod machines;
mod pages;
mod served;
mod socket;
mod sources;
mod tables;
mod what_if;

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use rollcall::assemble;
use rollcall::console::{self, Centre, ConsoleConfig, Transport};
use rollcall::model::Time;
use rollcall::store::Store;
use tower::ServiceExt;

use crate::world::{self, World};

pub(crate) const HERE: &str = "localhost:7655";
const ORIGIN_HERE: &str = "http://localhost:7655";

thread_local! {
    /// How far the console's clock is ahead, in seconds. Tests of the console stay on one thread.
    static AHEAD_SECS: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Time {
    world::now() + chrono::Duration::seconds(AHEAD_SECS.get())
}

fn later(by: Duration) {
    AHEAD_SECS.set(AHEAD_SECS.get() + i64::try_from(by.as_secs()).unwrap());
}

fn local() -> ConsoleConfig {
    ConsoleConfig { listen: bound(), transport: Transport::Plain, public_host: None }
}

fn bound() -> SocketAddr {
    "127.0.0.1:7655".parse().unwrap()
}

/// A contact centre with a console, and its token.
struct Desk {
    world: World,
    pages: Router,
    token: String,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    fn to(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// The cookie that was set, as it is sent back.
    fn cookie(&self) -> String {
        let set = self.headers.get(SET_COOKIE).expect("a cookie").to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}

async fn centre(world: &World) -> Centre {
    let config = world.config();
    let keep = Store::open(&config.state, now()).await.unwrap();
    let sources = assemble::sources(&config, now).unwrap();
    let centre = assemble::console_centre(&config, keep, sources).await.unwrap();
    let check = rollcall::checkup::on_demand(std::sync::Arc::new(config), now);
    // Always the newest: a test looks right after a run.
    Centre { patience: Duration::from_secs(60), check: Some(check), ..centre }
}

async fn rotate(world: &World) -> String {
    let store = Store::open(&world.state_path(), now()).await.unwrap();
    let token = console::new_token().unwrap().to_string();
    store.set_console_token(&console::hash(&token), now()).await.unwrap();
    token
}

impl Desk {
    async fn of(world: World) -> Self {
        Self::with(world, local()).await
    }

    async fn with(world: World, config: ConsoleConfig) -> Self {
        let token = rotate(&world).await;
        let pages = console::pages(config, bound(), vec![centre(&world).await], now).unwrap();
        Self { world, pages, token }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.pages.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header(HOST, HERE).header(COOKIE, cookie).body(Body::empty()).unwrap();
        self.ask(request).await
    }

    /// A form as a browser sends it from a page of ours.
    async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        self.ask(form_of(path, HERE, Some(ORIGIN_HERE), cookie, form)).await
    }

    async fn sign_in(&self) -> String {
        let answer = self.post("/login", "", &[("token", &self.token)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.cookie()
    }

    /// An address of the contact centre.
    fn at(&self, path: &str) -> String {
        format!("/c/{}{path}", self.world.config().name)
    }
}

fn form_of(path: &str, host: &str, origin: Option<&str>, cookie: &str, form: &[(&str, &str)]) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::post(path).header(HOST, host).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    if !cookie.is_empty() {
        request = request.header(COOKIE, cookie);
    }
    request.body(Body::from(body)).unwrap()
}

/// The word that the forms of a page carry.
fn word_of(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form with its word");
    rest.split('"').next().unwrap().to_owned()
}
