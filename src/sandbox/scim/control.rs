//! The levers of the server over HTTP, for tests that drive a whole process. None of this exists in a real one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::{Character, Credential, Manners, Rate, ScimServer};

/// JSON routes under `/scim`: `GET requests`; `POST character {character}`, `manners {..}` (switches that are absent
/// are those of a conforming server), `credential {bearer | basic | header | o_auth}` (one more),
/// `settings {max_page, cursor_life_secs, token_life_secs, rate}` (absent ones stay; a `rate` of null ends the limit),
/// `manager {id, manager}`, and without a body `revoke_tokens` and `expire_cursors`. 204 is done, 404 is nobody.
pub fn control_router(server: ScimServer) -> Router {
    Router::new()
        .route("/scim/requests", get(async |State(server): State<ScimServer>| Json(server.requests())))
        .route("/scim/character", post(character))
        .route("/scim/manners", post(manners))
        .route("/scim/credential", post(credential))
        .route("/scim/settings", post(settings))
        .route("/scim/manager", post(manager))
        .route("/scim/revoke_tokens", post(revoke_tokens))
        .route("/scim/expire_cursors", post(expire_cursors))
        .with_state(server)
}

#[derive(Deserialize)]
struct Which {
    character: Character,
}

async fn character(State(server): State<ScimServer>, Json(body): Json<Which>) -> StatusCode {
    server.set_character(body.character);
    StatusCode::NO_CONTENT
}

async fn manners(State(server): State<ScimServer>, Json(body): Json<Manners>) -> StatusCode {
    server.configure(|settings| settings.manners = body);
    StatusCode::NO_CONTENT
}

async fn credential(State(server): State<ScimServer>, Json(body): Json<Credential>) -> StatusCode {
    server.accept(body);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    max_page: Option<usize>,
    cursor_life_secs: Option<u32>,
    token_life_secs: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    rate: Option<Option<Rate>>,
}

/// Tells null from absent.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Rate>>, D::Error> {
    Option::deserialize(from).map(Some)
}

async fn settings(State(server): State<ScimServer>, Json(body): Json<Patch>) -> StatusCode {
    let Patch { max_page, cursor_life_secs, token_life_secs, rate } = body;
    server.configure(|settings| {
        settings.max_page = max_page.unwrap_or(settings.max_page);
        settings.cursor_life_secs = cursor_life_secs.unwrap_or(settings.cursor_life_secs);
        settings.token_life_secs = token_life_secs.unwrap_or(settings.token_life_secs);
        settings.rate = rate.unwrap_or(settings.rate);
    });
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Manages {
    id: String,
    manager: Option<String>,
}

async fn manager(State(server): State<ScimServer>, Json(body): Json<Manages>) -> StatusCode {
    match server.set_manager(&body.id, body.manager.as_deref()) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::NOT_FOUND,
    }
}

async fn revoke_tokens(State(server): State<ScimServer>) -> StatusCode {
    server.revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn expire_cursors(State(server): State<ScimServer>) -> StatusCode {
    server.expire_cursors();
    StatusCode::NO_CONTENT
}
