//! A small HTTP interface to the sandbox itself, for scripts and for tests of whole processes.
//!
//! | request | effect |
//! |---|---|
//! | `GET /` | addresses of the services |
//! | `POST /faults`, `DELETE /faults` | switches a fault on (JSON of [`Fault`]), all off |
//! | `GET /connect/users`, `/connect/journal`, `/connect/calls` | what the instance holds and what was done to it |
//! | `POST /connect/edit` | a hand edit: `{"username": .., "set": {"RoutingProfileId": ..}}` or `{"username": .., "delete": true}` |
//! | `GET /logs/events` | what arrived in CloudWatch Logs |
//! | `GET /sns/messages`, `GET /webhook/posts` | what was published, and what was posted |
//! | `POST /secrets` | `{"name": .., "text": ..}` a secret, `{"name": .., "parameter": ..}` an encrypted parameter |
//! | `POST /clock` | `{"at": ..}` sets, `{"advance_secs": ..}` moves the clock |

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Addresses;
use super::clock::Clock;
use super::connect::{ConnectState, User};
use super::faults::{Fault, Faults};
use super::logs::LogsState;
use super::secrets::{Content, SecretsState};
use super::sns::SnsState;
use super::webhook::WebhookState;

/// What the interface reaches.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) addresses: Addresses,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) connect: ConnectState,
    pub(super) logs: LogsState,
    pub(super) secrets: SecretsState,
    pub(super) sns: SnsState,
    pub(super) webhook: WebhookState,
}

/// The interface; other services merge their own routes into it.
pub(super) fn router(reach: Reach) -> Router {
    Router::new()
        .route("/", get(|State(reach): State<Reach>| async move { Json(json!(reach.addresses)) }))
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/connect/users", get(users))
        .route("/connect/journal", get(|State(reach): State<Reach>| async move { Json(reach.connect.journal()) }))
        .route("/connect/calls", get(|State(reach): State<Reach>| async move { Json(reach.connect.quota().calls()) }))
        .route("/connect/edit", post(edit))
        .route("/logs/events", get(|State(reach): State<Reach>| async move { Json(reach.logs.events()) }))
        .route("/sns/messages", get(|State(reach): State<Reach>| async move { Json(reach.sns.messages()) }))
        .route("/webhook/posts", get(|State(reach): State<Reach>| async move { Json(reach.webhook.posts()) }))
        .route("/secrets", post(put_secret))
        .route("/clock", post(set_clock))
        .with_state(reach)
}

async fn add_fault(State(reach): State<Reach>, Json(fault): Json<Fault>) -> StatusCode {
    reach.faults.add(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(reach): State<Reach>) -> StatusCode {
    reach.faults.clear();
    StatusCode::NO_CONTENT
}

async fn users(State(reach): State<Reach>) -> Json<Vec<Value>> {
    let shown = |user: User| {
        let mut value = json!(user);
        value["LastModifiedTime"] = json!(user.last_modified);
        value
    };
    Json(reach.connect.users().into_iter().map(shown).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    username: String,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    delete: bool,
}

async fn edit(State(reach): State<Reach>, Json(edit): Json<Edit>) -> StatusCode {
    let Edit { username, set, delete } = edit;
    if delete {
        return if reach.connect.remove_user(&username) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
    }
    let Some(user) = reach.connect.user_by_username(&username) else { return StatusCode::NOT_FOUND };
    let mut fields = json!(user);
    merge(&mut fields, &Value::Object(set));
    let Ok(edited) = serde_json::from_value::<User>(fields) else { return StatusCode::BAD_REQUEST };
    // Id and ARN are the service's own.
    let found = reach.connect.edit_user(&username, |user| {
        *user = User { id: user.id.clone(), arn: user.arn.clone(), ..edited };
    });
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// JSON merge patch (RFC 7396): null removes a member.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(members) = target {
        for (name, value) in patch {
            if value.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Put {
    Text(String),
    Parameter(String),
}

#[derive(Deserialize)]
struct PutSecret {
    name: String,
    #[serde(flatten)]
    content: Put,
}

async fn put_secret(State(reach): State<Reach>, Json(PutSecret { name, content }): Json<PutSecret>) -> StatusCode {
    let content = match content {
        Put::Text(text) => Content::Text(text),
        Put::Parameter(text) => Content::SecureString(text),
    };
    reach.secrets.put(&name, content);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Setting {
    At(DateTime<Utc>),
    AdvanceSecs(u64),
}

async fn set_clock(State(reach): State<Reach>, Json(setting): Json<Setting>) -> Json<DateTime<Utc>> {
    match setting {
        Setting::At(at) => reach.clock.set(at),
        Setting::AdvanceSecs(seconds) => reach.clock.advance(Duration::from_secs(seconds)),
    }
    Json(reach.clock.now())
}
