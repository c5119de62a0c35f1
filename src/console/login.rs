//! Signing in with the token, and out again.
//!
//! Invariant: an attempt is counted before anything is compared, for its address and for everybody together.
//! Invariant: a refused attempt says nothing but that it was refused.

use std::net::IpAddr;
use std::num::NonZeroU32;

use axum::Extension;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use maud::html;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::page::Page;
use super::seats::network;
use super::session::{self, Session};
use super::{Console, gate, page, secret};
use crate::store::{AuditRow, StoreError};

/// Attempts of one address, at once and then a minute.
const OF_ONE: NonZeroU32 = NonZeroU32::new(5).expect("it is not nothing");
/// Attempts of everybody, at once and then a minute.
const OF_ALL: NonZeroU32 = NonZeroU32::new(60).expect("it is not nothing");
/// Addresses that are counted apart; beyond that, those that rest are forgotten.
const MOST_ADDRESSES: usize = 10_000;
/// What somebody is told to wait, in seconds.
const WAIT_SECS: u64 = 60;

type PerAddress = RateLimiter<IpAddr, governor::state::keyed::HashMapStateStore<IpAddr>, governor::clock::DefaultClock>;

/// How often may be tried.
#[derive(Debug)]
pub(super) struct Attempts {
    one: PerAddress,
    all: DefaultDirectRateLimiter,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            one: RateLimiter::hashmap(Quota::per_minute(OF_ONE)),
            all: RateLimiter::direct(Quota::per_minute(OF_ALL)),
        }
    }
}

impl Attempts {
    /// Whether this address may try now; it has tried then.
    pub(super) fn may(&self, address: IpAddr) -> bool {
        if self.one.len() > MOST_ADDRESSES {
            self.one.retain_recent();
        }
        self.one.check_key(&network(address)).is_ok() && self.all.check().is_ok()
    }
}

/// What the sign-in form sends.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`.
pub(super) async fn form(State(console): State<Console>, Query(Next { next }): Query<Next>) -> Response {
    match console.access().look.console_token().await {
        Ok(made) => sign_in(StatusCode::OK, &next, made.is_some(), None).into_response(),
        Err(error) => page::broken(&error.into()).into_response(),
    }
}

/// `POST /login`.
pub(super) async fn sign(
    State(console): State<Console>,
    Extension(address): Extension<IpAddr>,
    given: Result<Form<Given>, FormRejection>,
) -> Response {
    let Form(Given { token, next }) = match given {
        Ok(given) => given,
        Err(rejected) => {
            return page::plain(rejected.status(), "that form cannot be read", "open the sign-in page anew")
                .into_response();
        }
    };
    let token = Zeroizing::new(token);
    match begin(&console, &token, address).await {
        Ok(Begun::Session(id)) => {
            let mut response = gate::see(inside(&next));
            if let Ok(cookie) = HeaderValue::from_str(&session::cookie(&id, console.secure())) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Ok(Begun::TooMany) => {
            tracing::debug!(%address, "console: too many attempts to sign in");
            let text = "Too many attempts. Wait a minute and try again.";
            let page = sign_in(StatusCode::TOO_MANY_REQUESTS, "", true, Some(text));
            (gate::later(WAIT_SECS), page).into_response()
        }
        Ok(Begun::Wrong) => {
            let text = "That is not the token. Make a new one with: rollcall token rotate";
            sign_in(StatusCode::FORBIDDEN, &next, true, Some(text)).into_response()
        }
        Err(error) => page::broken(&error).into_response(),
    }
}

/// What came of a token.
enum Begun {
    /// The id of a new session.
    Session(Zeroizing<String>),
    Wrong,
    /// It is wrong, and so were too many before it.
    TooMany,
}

/// Begins a session, if the token is right. A right one is never held up by the guesses of others.
async fn begin(console: &Console, token: &str, address: IpAddr) -> Result<Begun, page::Trouble> {
    let access = console.access();
    let (now, given) = (console.now(), secret::hash(token.trim()));
    let made = access.look.console_token().await?;
    let right = made.is_some_and(|(hash, _)| secret::same(&hash, &given));
    let id = secret::new_session()?;
    let hash = secret::hash(&id);
    // The file itself compares once more: the token may have been voided since it was read.
    let begun = right && access.keep.begin_session(&hash, &given, now - session::LASTS, now).await?;
    if begun {
        note(console, format!("session {} from {address}", secret::short(&hash)), "signed in", None).await?;
        return Ok(Begun::Session(id));
    }
    if !console.attempts().may(address) {
        return Ok(Begun::TooMany);
    }
    note(console, format!("somebody from {address}"), "token refused", None).await?;
    Ok(Begun::Wrong)
}

/// `POST /logout`.
pub(super) async fn out(
    State(console): State<Console>,
    Extension(session): Extension<Session>,
    Extension(address): Extension<IpAddr>,
) -> Response {
    let ended = async {
        console.access().keep.end_session(&session.hash).await?;
        note(&console, gate::actor(&session, address), "signed out", None).await
    };
    if let Err(error) = ended.await {
        return page::broken(&error.into()).into_response();
    }
    let mut response = gate::see("/login");
    if let Ok(cookie) = HeaderValue::from_str(&session::no_cookie(console.secure())) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Writes down who did what, in the state file and in the log.
///
/// # Errors
/// If the file cannot be written.
pub(super) async fn note(
    console: &Console,
    actor: String,
    action: &str,
    about: Option<String>,
) -> Result<(), StoreError> {
    tracing::info!(actor, action, about = about.as_deref().unwrap_or_default(), "console: {actor}: {action}");
    let row = AuditRow { at: console.now(), actor, action: action.to_owned(), about };
    console.access().keep.audit(&row).await
}

/// Only pages of ours are gone back to; `//host` would be another site.
fn inside(next: &str) -> &str {
    if next.starts_with("/c/") && !next.contains(['\\', '\n', '\r']) { next } else { "/" }
}

fn sign_in(status: StatusCode, next: &str, made: bool, trouble: Option<&str>) -> Page {
    let body = html! {
        div.door {
            h1 { "rollcall" }
            @if let Some(trouble) = trouble {
                p.bad role="alert" { (trouble) }
            }
            @if made {
                form method="post" action="/login" {
                    input type="hidden" name="next" value=(next);
                    // Keepers of passwords keep one under a name. It is not sent.
                    input type="text" value="rollcall" autocomplete="username" readonly hidden;
                    label for="token" { "Token" }
                    input #token type="password" name="token" required autocomplete="current-password" autofocus spellcheck="false";
                    button type="submit" { "Sign in" }
                }
                p.dim { "The token was shown once, by " code { "rollcall token rotate" } "." }
            } @else {
                p { "No token has been made yet." }
                p { "→ On the machine that rollcall runs on: " code { "rollcall token rotate" } }
            }
        }
    };
    Page::outside("Sign in", body).with(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert_eq!(inside("/c/emea/people?q=ada"), "/c/emea/people?q=ada");
        for elsewhere in ["", "https://evil.example/", "//evil.example/c/", "/\\evil.example", "/c/\r\nSet-Cookie: a=b"]
        {
            assert_eq!(inside(elsewhere), "/", "{elsewhere}");
        }
    }

    #[test]
    fn thousands_of_attempts_are_a_handful() {
        let attempts = Attempts::default();
        let address = |n: u32| IpAddr::V4(n.into());
        assert_eq!((0..5_000).filter(|_| attempts.may(address(1))).count(), 5);
        let many = (2..5_000).filter(|n| attempts.may(address(*n))).count();
        assert_eq!(many, 55, "sixty of everybody together");
        let v6 = |n: u128| IpAddr::V6(((0x2001_0db8_u128 << 96) + n).into());
        let attempts = Attempts::default();
        assert_eq!((0..5_000).filter(|n| attempts.may(v6(*n))).count(), 5, "one network is one address");
    }
}
