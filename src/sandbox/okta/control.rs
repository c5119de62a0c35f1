//! The levers of an org over HTTP, for tests that drive a whole process. None of this exists in the real service.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OktaOrg, Role};

/// JSON routes under `/okta`: `GET requests`; `GET ids` (Okta's ids by the tenant's, the application's id);
/// `POST status {id, status}` (the tenant's id or a login name; without `status` the account's own again),
/// `role {full}`, `role {groups}` (names or ids) or `role {}` (nobody), `revoke {token}` (without it all access tokens),
/// `expire-log-links`, `expire-nonces`. 204 is done, 404 is nobody.
pub fn control_router(okta: OktaOrg) -> Router {
    Router::new()
        .route("/okta/requests", get(async |State(okta): State<OktaOrg>| Json(okta.requests())))
        .route("/okta/ids", get(ids))
        .route("/okta/status", post(status))
        .route("/okta/role", post(role))
        .route("/okta/revoke", post(revoke))
        .route("/okta/expire-log-links", post(expire_log_links))
        .route("/okta/expire-nonces", post(expire_nonces))
        .with_state(okta)
}

async fn ids(State(okta): State<OktaOrg>) -> Json<Value> {
    let users: BTreeMap<String, String> = okta
        .tenant
        .users()
        .into_iter()
        .filter_map(|user| Some((okta.okta_id(&user.id)?, user.id)))
        .map(|(own, id)| (id, own))
        .collect();
    let groups: BTreeMap<String, String> =
        okta.tenant.groups().into_iter().filter_map(|(id, name)| Some((name, okta.okta_group_id(&id)?))).collect();
    Json(json!({ "users": users, "groups": groups, "app": okta.app_id() }))
}

#[derive(Deserialize)]
struct Status {
    id: String,
    status: Option<String>,
}

async fn status(State(okta): State<OktaOrg>, Json(body): Json<Status>) -> StatusCode {
    let id = okta.tenant.find_by_upn(&body.id).map_or(body.id, |user| user.id);
    let done = match body.status {
        Some(status) => okta.set_status(&id, &status),
        None => okta.clear_status(&id),
    };
    done.map_or(StatusCode::NOT_FOUND, |()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    full: bool,
    #[serde(default)]
    groups: Vec<String>,
}

async fn role(State(okta): State<OktaOrg>, Json(body): Json<Shown>) -> StatusCode {
    let id = |group: String| okta.tenant.group_id(&group).unwrap_or(group);
    let groups: BTreeSet<String> = body.groups.into_iter().map(id).collect();
    let role = match (body.full, groups.is_empty()) {
        (true, _) => Role::Full,
        (false, false) => Role::Groups(groups),
        (false, true) => Role::Nobody,
    };
    okta.configure(|settings| settings.role = role);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Revoked {
    token: Option<String>,
}

async fn revoke(State(okta): State<OktaOrg>, Json(body): Json<Revoked>) -> StatusCode {
    match body.token {
        Some(token) if !okta.revoke_api_token(&token) => StatusCode::NOT_FOUND,
        Some(_) => StatusCode::NO_CONTENT,
        None => {
            okta.revoke_tokens();
            StatusCode::NO_CONTENT
        }
    }
}

async fn expire_log_links(State(okta): State<OktaOrg>) -> StatusCode {
    okta.expire_log_links();
    StatusCode::NO_CONTENT
}

async fn expire_nonces(State(okta): State<OktaOrg>) -> StatusCode {
    okta.expire_nonces();
    StatusCode::NO_CONTENT
}
