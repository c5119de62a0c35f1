//! The levers of a tenant over HTTP, for tests that drive a whole process. None of this exists in the real service.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Tenant, TenantError, UserView};
use crate::sandbox::company::Person;

/// JSON routes under `/tenant`: `GET users`, `GET groups`, `GET requests`; `POST joiner {id, properties, groups}`,
/// `update {id, properties}`, `disable {id}`, `enable {id}`, `delete {id, hard}`, `restore {id}`,
/// `member {group, id, remove}`. Users are named by id or login name, groups by id or name. 204 is done, 404 is nobody,
/// 409 a taken name, 400 an unknown property.
pub fn control_router(tenant: Tenant) -> Router {
    Router::new()
        .route("/tenant/users", get(async |State(tenant): State<Tenant>| Json::<Vec<UserView>>(tenant.users())))
        .route("/tenant/groups", get(groups))
        .route("/tenant/requests", get(async |State(tenant): State<Tenant>| Json(tenant.requests())))
        .route("/tenant/joiner", post(joiner))
        .route("/tenant/update", post(update))
        .route("/tenant/disable", post(disable))
        .route("/tenant/enable", post(enable))
        .route("/tenant/delete", post(delete))
        .route("/tenant/restore", post(restore))
        .route("/tenant/member", post(member))
        .with_state(tenant)
}

type Done = Result<StatusCode, (StatusCode, Json<Value>)>;

fn done(result: Result<(), TenantError>) -> Done {
    let error = match result {
        Ok(()) => return Ok(StatusCode::NO_CONTENT),
        Err(error) => error,
    };
    let status = match error {
        TenantError::NoSuchObject => StatusCode::NOT_FOUND,
        TenantError::NoSuchProperty => StatusCode::BAD_REQUEST,
        TenantError::Taken => StatusCode::CONFLICT,
    };
    Err((status, Json(json!({ "error": error.to_string() }))))
}

async fn groups(State(tenant): State<Tenant>) -> Json<Value> {
    Json(tenant.groups().into_iter().map(|(id, name)| json!({ "id": id, "name": name })).collect())
}

#[derive(Deserialize)]
struct Joiner {
    id: Option<String>,
    properties: Map<String, Value>,
    #[serde(default)]
    groups: Vec<String>,
}

async fn joiner(
    State(tenant): State<Tenant>,
    Json(body): Json<Joiner>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let id = body.id.unwrap_or_else(|| crate::sandbox::fresh_id().to_string());
    done(tenant.add_user(Person { id: id.clone(), properties: body.properties }))?;
    for group in body.groups {
        done(tenant.add_member(&named(&tenant, &group), &id))?;
    }
    Ok(Json(json!({ "id": id })))
}

/// The id of a group that was given by name or id.
fn named(tenant: &Tenant, group: &str) -> String {
    tenant.group_id(group).unwrap_or_else(|| group.to_owned())
}

/// The id of a user that was given by login name or id.
fn known(tenant: &Tenant, user: &str) -> String {
    tenant.find_by_upn(user).map_or_else(|| user.to_owned(), |user| user.id)
}

#[derive(Deserialize)]
struct Update {
    id: String,
    properties: Map<String, Value>,
}

async fn update(State(tenant): State<Tenant>, Json(body): Json<Update>) -> Done {
    done(tenant.update_user(&body.id, body.properties))
}

#[derive(Deserialize)]
struct One {
    id: String,
    #[serde(default)]
    hard: bool,
}

async fn disable(State(tenant): State<Tenant>, Json(body): Json<One>) -> Done {
    done(tenant.disable(&body.id))
}

async fn enable(State(tenant): State<Tenant>, Json(body): Json<One>) -> Done {
    done(tenant.enable(&body.id))
}

async fn delete(State(tenant): State<Tenant>, Json(body): Json<One>) -> Done {
    let id = known(&tenant, &body.id);
    done(if body.hard { tenant.hard_delete(&id) } else { tenant.soft_delete(&id) })
}

async fn restore(State(tenant): State<Tenant>, Json(body): Json<One>) -> Done {
    done(tenant.restore(&body.id))
}

#[derive(Deserialize)]
struct Membership {
    group: String,
    id: String,
    #[serde(default)]
    remove: bool,
}

async fn member(State(tenant): State<Tenant>, Json(body): Json<Membership>) -> Done {
    let (group, id) = (named(&tenant, &body.group), known(&tenant, &body.id));
    done(if body.remove { tenant.remove_member(&group, &id) } else { tenant.add_member(&group, &id) })
}
