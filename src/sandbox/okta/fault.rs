//! What a fault does to an answer that was right.

use serde_json::{Value, json};

use super::call::{Call, Operation};
use super::rates::Standing;
use super::reply::{Form, Refusal, Reply};
use crate::sandbox::faults::FaultKind;

/// Links to nobody: no credential must travel there.
const FOREIGN: &str = "http://127.0.0.2:1/api/v1/users?after=elsewhere";
const FOREIGN_ROOT: &str = "http://127.0.0.2:1";

/// The code of a fault that means too many requests at the same time, instead of too many a minute.
const CONCURRENCY: &str = "concurrency";

/// An error a test asked for, and the rate limit headers that go with it.
pub(super) fn stated(
    call: &Call,
    fault: (u16, String, String, Option<String>),
    standing: Standing,
    now: i64,
) -> (Refusal, Standing) {
    let (status, code, message, retry_after) = fault;
    let crowded = status == 429 && code == CONCURRENCY;
    let code = if crowded { "E0000047" } else { &code };
    let mut refusal = match call.operation {
        Operation::Token if !crowded => Refusal::oauth(status, code, message),
        _ => Refusal::new(status, code, message),
    };
    if let Some(after) = retry_after {
        refusal = refusal.header("retry-after", after);
    }
    let standing = match status {
        _ if crowded => standing.crowded(now),
        429 => standing.spent(),
        _ => standing,
    };
    (refusal, standing)
}

/// The answer with the fault's mark on it. Error answers are left as they are, except on the wire.
pub(super) fn mark(mut reply: Reply, fault: Option<FaultKind>, call: &Call, root: &str) -> Reply {
    match fault {
        Some(FaultKind::LostReply) => reply.form = Form::Lost,
        Some(FaultKind::Truncated) => reply.form = Form::Truncated,
        Some(FaultKind::Html) => {
            reply.status = 200;
            reply.form = Form::Html;
        }
        Some(FaultKind::Redirect) => {
            reply = Reply { status: 302, ..Reply::new(Value::Null) };
            reply.headers.push(("location", format!("{FOREIGN_ROOT}{}", call.target)));
        }
        Some(FaultKind::EmptyPage) if reply.status == 200 => {
            reply.next = None;
            reply.body = if reply.body.is_array() { json!([]) } else { json!({}) };
        }
        Some(FaultKind::LoopingLink) if reply.is_list() => reply.next = Some(format!("{root}{}", call.target)),
        Some(FaultKind::ForeignLink) if reply.is_list() => reply.next = Some(FOREIGN.to_owned()),
        Some(FaultKind::NullFields) if reply.status == 200 => match &mut reply.body {
            Value::Array(items) => items.iter_mut().for_each(blank),
            one => blank(one),
        },
        Some(
            FaultKind::EmptyPage
            | FaultKind::LoopingLink
            | FaultKind::ForeignLink
            | FaultKind::NullFields
            | FaultKind::Status { .. }
            | FaultKind::Delay { .. },
        )
        | None => {}
    }
    reply
}

/// Every field but the id.
fn blank(object: &mut Value) {
    for (name, value) in object.as_object_mut().into_iter().flatten() {
        if name != "id" {
            *value = Value::Null;
        }
    }
}
