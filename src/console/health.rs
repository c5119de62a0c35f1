//! What machines ask: `/healthz` and `/readyz` for probes, `/metrics` for Prometheus.
//!
//! Probes are answered to everybody, with one word: a probe has neither a token nor the right name of the host. Whoever
//! shows the token, or is signed in, hears which contact centre is not well and why. Metrics are for whoever shows the token,
//! and for this machine.
//!
//! Invariant: no question costs more than a few words of memory; a probe cannot hang.
//! Invariant: a probe that shows no token learns nothing but whether all is well.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::api::caller;
use super::{Console, Room, gate};
use crate::serve::{self, Handle, Health, METRICS_TYPE};

/// The addresses for machines.
pub(super) fn routes() -> Router<Console> {
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// What a probe is told.
#[derive(Debug, Serialize)]
struct Told {
    ok: bool,
    /// Each contact centre, for whoever may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    centres: Option<Vec<One>>,
}

#[derive(Debug, Serialize)]
struct One {
    centre: String,
    #[serde(flatten)]
    health: Health,
}

/// `GET /healthz`: 503 if only another process would help.
async fn live(State(console): State<Console>, request: Request) -> Response {
    probe(&console, request, |health| health.live).await
}

/// `GET /readyz`: 503 if some contact centre is not kept in agreement and nobody wanted that.
async fn ready(State(console): State<Console>, request: Request) -> Response {
    probe(&console, request, |health| health.ready).await
}

async fn probe(console: &Console, request: Request, well: fn(&Health) -> bool) -> Response {
    let all: Vec<One> = services(console)
        .map(|service| One { centre: service.centre().to_owned(), health: service.health() })
        .collect();
    let ok = all.iter().all(|one| well(&one.health));
    let may_know = gate::admitted(console, &request).is_ok() && caller::known(console, request.headers()).await;
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Told { ok, centres: may_know.then_some(all) })).into_response()
}

/// `GET /metrics`.
async fn metrics(State(console): State<Console>, request: Request) -> Response {
    let address = match gate::admitted(&console, &request) {
        Ok(address) => address,
        Err(refused) => return refused.into_response(),
    };
    // Who stands behind a proxy is not on this machine, whatever its address.
    let here = is_here(address) && !console.behind_proxy();
    if !here && !caller::known(&console, request.headers()).await {
        return caller::nobody();
    }
    let services: Vec<&Handle> = services(&console).collect();
    ([(CONTENT_TYPE, METRICS_TYPE)], serve::metrics(&services, console.now())).into_response()
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn services(console: &Console) -> impl Iterator<Item = &Handle> {
    console.rooms().values().filter_map(|room: &std::sync::Arc<Room>| room.centre.service.as_ref())
}
