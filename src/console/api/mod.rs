//! The same as the pages, for programs: JSON below `/api`, described by an OpenAPI document that is made from these very
//! functions.
//!
//! ```text
//! document  what the OpenAPI document says besides the addresses
//! caller    who asks: the token, or a session that only looks · problem: what is told when it cannot be done (RFC 9457)
//! centres   how contact centres stand, pause and resume
//! plan      the plan that would be made now, approval
//! people    everybody, searched; one person
//! rules     what the rules give whom
//! runs      runs and their changes, undo
//! sync      asks for a run and follows it
//! ```
//!
//! Invariant: a page and an answer that tell the same thing are made from the same derivation ([`super::known`]).
//! Invariant: whatever changes something takes the token itself; a cookie, which a browser sends by itself, only looks.
//! Invariant: a body or a query with a field that nobody knows is refused: a misspelt person must not mean everybody.
//! Deliberately absent: anything that the configuration file says. The file is the only place for that.

pub(super) mod caller;
mod centres;
mod document;
mod people;
mod plan;
mod problem;
mod rules;
mod runs;
mod sync;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Deserialize;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::problem::Problem;
use super::Console;

/// Rows of an answer, unless more are asked for.
const SOME: u32 = 100;
/// Rows of an answer at most.
const MOST: u32 = 1_000;

/// Which rows of a longer list.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Rows {
    /// Rows that are left out before the first one.
    #[serde(default)]
    offset: u32,
    /// Rows at most; 100 unless said, and not more than 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Rows {
    fn limit(self) -> u32 {
        limit(self.limit)
    }
}

fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(SOME).clamp(1, MOST)
}

/// Every address, and its description.
fn described() -> (Router<Console>, OpenApi) {
    let (router, api) = OpenApiRouter::with_openapi(document::about())
        .routes(routes!(centres::all))
        .routes(routes!(centres::one))
        .routes(routes!(centres::pause))
        .routes(routes!(centres::resume))
        .routes(routes!(plan::plan))
        .routes(routes!(plan::approve))
        .routes(routes!(people::people))
        .routes(routes!(people::person))
        .routes(routes!(rules::rules))
        .routes(routes!(runs::runs))
        .routes(routes!(runs::run))
        .routes(routes!(runs::changes))
        .routes(routes!(runs::undo))
        .routes(routes!(sync::sync))
        .routes(routes!(sync::asked))
        .routes(routes!(described_as))
        .split_for_parts();
    (router, document::finished(api))
}

/// The addresses below `/api`, behind their own door.
pub(super) fn routes(console: &Console) -> Router<Console> {
    let (router, _) = described();
    router
        .route("/api", axum::routing::any(nowhere))
        .route("/api/{*rest}", axum::routing::any(nowhere))
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(console.clone(), caller::door))
}

async fn nowhere() -> Problem {
    Problem::missing("address", "see /api/openapi.json")
}

async fn not_so() -> Problem {
    Problem::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here", "see /api/openapi.json")
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", operation_id = "document", tag = "about",
    responses((status = 200, description = "The OpenAPI document of this version", body = Object)))]
async fn described_as(State(_): State<Console>) -> Response {
    Json(described().1).into_response()
}
