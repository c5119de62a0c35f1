//! What a fault does to an answer that was right.

use serde_json::{Value, json};

use super::listing::LIST;
use super::reply::{Form, Reply};
use crate::sandbox::faults::FaultKind;

/// Somebody else: a credential must not travel there.
const ELSEWHERE: &str = "https://example.org";

/// The answer with the fault's mark on it. [`FaultKind::LoopingLink`] has struck already, where pages are made.
pub(super) fn mark(mut reply: Reply, fault: Option<&FaultKind>, target: &str) -> Reply {
    match fault {
        Some(FaultKind::LostReply) => reply.form = Form::Lost,
        Some(FaultKind::Truncated) => reply.form = Form::Truncated,
        Some(FaultKind::Html) => {
            reply.status = 200;
            reply.form = Form::Html;
        }
        Some(FaultKind::EmptyPage) => {
            if is_list(&reply.body) {
                reply.body = json!({ "schemas": [LIST], "totalResults": 0 });
            } else if reply.body.get("access_token").is_some() {
                reply.body = json!({});
            }
        }
        // SCIM has no links: the nearest thing is to be sent away.
        Some(FaultKind::ForeignLink | FaultKind::Redirect) => {
            reply = Reply::new(302, Value::Null).with("location", format!("{ELSEWHERE}{target}"));
        }
        Some(FaultKind::NullFields) => match reply.body.get_mut("Resources").and_then(Value::as_array_mut) {
            Some(resources) => resources.iter_mut().for_each(hollow),
            None => hollow(&mut reply.body),
        },
        Some(FaultKind::LoopingLink | FaultKind::Status { .. } | FaultKind::Delay { .. }) | None => {}
    }
    reply
}

fn is_list(body: &Value) -> bool {
    body["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|schema| schema == LIST))
}

fn hollow(object: &mut Value) {
    for (name, value) in object.as_object_mut().into_iter().flatten() {
        if name != "id" {
            *value = Value::Null;
        }
    }
}
