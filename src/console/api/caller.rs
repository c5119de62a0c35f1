//! Who asks: whoever shows the token (`Authorization: Bearer …`), or a session of the console, which may only look.
//!
//! Invariant: a token is compared by its hash, in constant time; one that is wrong counts as an attempt to sign in.
//! Invariant: a cookie changes nothing here: a browser sends it by itself, also for somebody else.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::zeroize::Zeroizing;

use super::super::gate::{self, Who};
use super::super::{Console, login, secret, session};
use super::Problem;

const SHOW: &str = "send the token of `rollcall token rotate` as: Authorization: Bearer …";

/// What every request below `/api` passes.
pub(super) async fn door(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    let address = match gate::admitted(&console, &request) {
        Ok(address) => address,
        Err(refused) => return Problem::from(refused).into_response(),
    };
    let looks = request.method() != Method::POST;
    match who(&console, request.headers(), address, looks).await {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn who(console: &Console, headers: &HeaderMap, address: IpAddr, looks: bool) -> Result<Who, Problem> {
    if let Some(token) = shown(headers) {
        return match may(console, &token).await? {
            true => Ok(Who { actor: format!("the token from {address}"), csrf: String::new(), session: None }),
            false => Err(refused(console, address).await?),
        };
    }
    let Some(session) = session::of(console, headers).await? else { return Err(unknown()) };
    if !looks {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a session of the console only looks here", SHOW));
    }
    Ok(Who { actor: gate::actor(&session, address), csrf: session.csrf, session: Some(session.hash) })
}

/// The token of a request, if it shows one.
fn shown(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Zeroizing::new(token.trim().to_owned()))
}

async fn may(console: &Console, token: &str) -> Result<bool, Problem> {
    let made = console.access().look.console_token().await?;
    Ok(made.is_some_and(|(hash, _)| secret::same(&hash, &secret::hash(token))))
}

/// A wrong token: counted, and written down while there are few.
async fn refused(console: &Console, address: IpAddr) -> Result<Problem, Problem> {
    if !console.attempts().may(address) {
        let text = "too many wrong tokens";
        return Ok(Problem::new(StatusCode::TOO_MANY_REQUESTS, text, "wait a minute and try again"));
    }
    login::note(console, format!("somebody from {address}"), "token refused", None).await?;
    Ok(Problem::new(StatusCode::UNAUTHORIZED, "that is not the token", "make a new one with: rollcall token rotate"))
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in", SHOW)
}

/// Whether these headers are of somebody who may look. Asking is no attempt.
pub(in crate::console) async fn known(console: &Console, headers: &HeaderMap) -> bool {
    match shown(headers) {
        Some(token) => may(console, &token).await.unwrap_or(false),
        None => matches!(session::of(console, headers).await, Ok(Some(_))),
    }
}

/// The answer to somebody who may not.
pub(in crate::console) fn nobody() -> Response {
    unknown().into_response()
}
