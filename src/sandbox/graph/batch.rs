//! `POST /$batch`: up to twenty requests in one, each answered for itself.
//!
//! Invariant: every part goes the way a lone request goes: counted, struck by faults, charged.
//! The answers come in another order than the parts, as they may.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::{Form, HTML, Refusal, Reply, Service, fault};
use crate::sandbox::faults::FaultKind;

/// Parts a batch may have.
const PARTS: usize = 20;

/// One part, as far as it could be read.
struct Part {
    id: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Value,
    depends_on: Vec<String>,
}

impl Service {
    /// Answers a whole batch.
    pub(super) async fn batch(&self, call: &Call) -> Reply {
        let struck = self.meet_fault(call.operation.name()).await;
        if let Some(FaultKind::Status { status, code, message, retry_after }) = struck {
            return self.finish(call, Reply::stated(self, call, status, &code, message, retry_after));
        }
        let allowed = self.authorize(&self.tenant.lock(), call).map(|_| ());
        let reply = match allowed.and_then(|()| parts(&call.body)) {
            Ok(parts) => Reply::json(200, json!({ "responses": self.answer_parts(call, parts).await })),
            Err(refusal) => Reply::from(refusal),
        };
        self.finish(call, fault::mark(reply, struck, call, &self.base_url))
    }

    async fn answer_parts(&self, outer: &Call, parts: Vec<Part>) -> Vec<Value> {
        let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
        let mut responses = Vec::with_capacity(parts.len());
        for part in parts {
            let Part { id, method, url, mut headers, body, depends_on } = part;
            headers.extend(outer.authorization());
            let target = if url.starts_with('/') { url } else { format!("/{url}") };
            let failed =
                depends_on.iter().any(|other| statuses.get(&other.to_lowercase()).is_none_or(|status| *status >= 400));
            let reply = if failed {
                Reply::from(Refusal::new(424, "FailedDependency", "A request this one depends on has failed."))
            } else {
                // A batch inside of a batch takes this way too, and is refused on it.
                self.single(&Call::read(&method, &target, headers, body)).await
            };
            statuses.insert(id.to_lowercase(), reply.status);
            responses.push(response(&id, reply));
        }
        responses.reverse();
        responses
    }
}

/// One answer. What would have broken a connection breaks only the part.
fn response(id: &str, reply: Reply) -> Value {
    let Reply { status, headers, body, form } = reply;
    let mut shown = Map::from_iter([("Content-Type".to_owned(), json!("application/json"))]);
    for (name, value) in headers {
        let name = if name == "retry-after" { "Retry-After" } else { name };
        if matches!(name, "Retry-After" | "location") || name.starts_with("x-ms-") {
            shown.insert(name.to_owned(), json!(value));
        }
    }
    let (status, body) = match form {
        Form::Json => (status, body),
        Form::Truncated => (status, json!(fault::half(&body.to_string()))),
        Form::Html => (status, json!(HTML)),
        Form::Lost => (504, json!({ "error": { "code": "UnknownError", "message": "" } })),
    };
    json!({ "id": id, "status": status, "headers": shown, "body": body })
}

/// Reads the parts; one that cannot be read refuses the batch.
fn parts(body: &Value) -> Result<Vec<Part>, Refusal> {
    let bad = |message: &str| Refusal::new(400, "BadRequest", message);
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| bad("Invalid batch payload format."))?;
    if requests.len() > PARTS {
        return Err(bad("Number of batch request steps exceeds the maximum value of 20."));
    }
    let mut parts: Vec<Part> = Vec::with_capacity(requests.len());
    for request in requests {
        let text = |name: &str| request.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(id), Some(method), Some(url)) = (text("id"), text("method"), text("url")) else {
            return Err(bad("A batch request step must have an id, a method and a url."));
        };
        if parts.iter().any(|other| other.id.to_lowercase() == id.to_lowercase()) {
            return Err(bad("Batch request ids must be unique."));
        }
        if url.contains("://") {
            return Err(bad("The url of a batch request step must be relative."));
        }
        let headers = request.get("headers").and_then(Value::as_object).into_iter().flatten();
        let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let others = request.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        parts.push(Part {
            id: id.to_owned(),
            method: method.to_owned(),
            url: url.to_owned(),
            headers,
            body: request.get("body").cloned().unwrap_or(Value::Null),
            depends_on: others.filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
        });
    }
    Ok(parts)
}
