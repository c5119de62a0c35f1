//! What a fault does to an answer that was right.

use serde_json::{Value, json};

use super::call::Call;
use super::{Form, Reply};
use crate::sandbox::faults::FaultKind;

/// A link to nobody: the token must not travel there.
const FOREIGN: &str = "http://127.0.0.2:1/v1.0/users/delta?$skiptoken=elsewhere";

/// The answer with the fault's mark on it. Error answers are left as they are, except on the wire.
pub(super) fn mark(mut reply: Reply, fault: Option<FaultKind>, call: &Call, base_url: &str) -> Reply {
    match fault {
        Some(FaultKind::LostReply) => reply.form = Form::Lost,
        Some(FaultKind::Truncated) => reply.form = Form::Truncated,
        Some(FaultKind::Html) => {
            reply.status = 200;
            reply.form = Form::Html;
        }
        Some(FaultKind::EmptyPage) => empty(&mut reply.body),
        Some(FaultKind::LoopingLink) => next(&mut reply.body, &format!("{base_url}/v1.0{}", call.target)),
        Some(FaultKind::ForeignLink) => next(&mut reply.body, FOREIGN),
        Some(FaultKind::Redirect) => {
            reply.status = 302;
            reply.headers.push(("location", FOREIGN.to_owned()));
            reply.body = Value::Null;
        }
        Some(FaultKind::NullFields) => nulls(&mut reply.body),
        Some(FaultKind::Status { .. } | FaultKind::Delay { .. }) | None => {}
    }
    reply
}

/// No objects and no further page. A delta round is made empty where its links are made; the next one begins where it
/// stood, so that changes are late and not lost.
fn empty(body: &mut Value) {
    for list in ["value", "responses"] {
        if let Some(list) = body.get_mut(list) {
            *list = json!([]);
        }
    }
    if let Some(object) = body.as_object_mut() {
        object.remove("@odata.nextLink");
    }
}

fn next(body: &mut Value, link: &str) {
    let Some(object) = body.as_object_mut().filter(|object| object.contains_key("value")) else { return };
    object.remove("@odata.deltaLink");
    object.insert("@odata.nextLink".to_owned(), json!(link));
}

/// Every field but the id and what says what the object is.
fn nulls(body: &mut Value) {
    let blank = |object: &mut Value| {
        for (name, value) in object.as_object_mut().into_iter().flatten() {
            if name != "id" && !name.starts_with('@') && !name.ends_with("@delta") {
                *value = Value::Null;
            }
        }
    };
    let one = body.get("id").is_some();
    if one {
        return blank(body);
    }
    for list in ["value", "responses"] {
        for item in body.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            blank(if list == "value" { item } else { &mut item["body"] });
        }
    }
}

/// The first half of a text.
pub(super) fn half(text: &str) -> String {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..middle].to_owned()
}
