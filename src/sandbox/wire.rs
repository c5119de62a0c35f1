//! What the AWS services of the sandbox do alike on the wire: signatures, request ids, faults.
//!
//! Signatures are looked for, never verified: the sandbox knows no secret keys.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::faults::{FaultKind, Faults};

/// Why a request is not taken as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsigned {
    /// No `Authorization` header.
    Missing,
    /// Not SigV4, or signed for another service.
    Wrong,
}

/// Whether the request carries a SigV4 authorisation for `service` (`connect`, `logs`).
pub(super) fn signed_for(headers: &HeaderMap, service: &str) -> Result<(), Unsigned> {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(Unsigned::Missing)?;
    let rest = text.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(Unsigned::Wrong)?;
    let scope = rest
        .split([',', ' '])
        .find_map(|part| part.strip_prefix("Credential="))
        .and_then(|credential| credential.strip_suffix("/aws4_request"))
        .and_then(|credential| credential.rsplit('/').next());
    let complete = rest.contains("SignedHeaders=") && rest.contains("Signature=");
    if scope == Some(service) && complete && headers.contains_key("x-amz-date") { Ok(()) } else { Err(Unsigned::Wrong) }
}

/// The Region a SigV4 authorisation is for.
pub(super) fn signed_region(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let credential = text.split([',', ' ']).find_map(|part| part.strip_prefix("Credential="))?;
    credential.strip_suffix("/aws4_request")?.rsplit('/').nth(1)
}

/// The `x-amzn-RequestId` of one request.
pub(super) fn request_id() -> String {
    crate::sandbox::fresh_id().to_string()
}

/// An error a fault demands, in no service's shape yet.
#[derive(Debug)]
pub(super) struct Demanded {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after: Option<String>,
}

/// Asks for a fault and sits out a delay. `Err` is an error to answer with; `Ok(Some)` twists the answer, see [`twist`].
pub(super) async fn strike(faults: &Faults, service: &str, operation: &str) -> Result<Option<FaultKind>, Demanded> {
    match faults.take(service, operation) {
        Some(FaultKind::Delay { millis }) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(None)
        }
        Some(FaultKind::Status { status, code, message, retry_after }) => {
            Err(Demanded { status, code, message, retry_after })
        }
        other => Ok(other),
    }
}

/// Renders the answer to a call that succeeded, bent by the fault that struck it. `led_here` is the paging token of the
/// request. [`Value::Null`] is an empty body.
pub(super) fn twist(fault: Option<&FaultKind>, mut answer: Value, led_here: Option<&str>) -> Response<Body> {
    match fault {
        None | Some(FaultKind::Status { .. } | FaultKind::Delay { .. }) => {}
        Some(FaultKind::LostReply) => return lost(),
        Some(FaultKind::Redirect) => return redirect(),
        Some(FaultKind::Html) => {
            let page = "<!DOCTYPE html><html><body><h1>Service unavailable</h1></body></html>";
            return with_type(StatusCode::OK, "text/html; charset=utf-8", page.to_owned());
        }
        Some(FaultKind::Truncated) => {
            let text = answer.to_string();
            let half = text.floor_char_boundary(text.len() / 2);
            return with_type(StatusCode::OK, "application/json", text[..half].to_owned());
        }
        Some(FaultKind::EmptyPage) => each_member(&mut answer, |value| match value {
            Value::Array(list) => list.clear(),
            Value::Number(total) => *total = 0.into(),
            _ => {}
        }),
        Some(FaultKind::NullFields) => each_member(&mut answer, |value| match value {
            Value::Array(list) => list.iter_mut().for_each(hollow),
            value => hollow(value),
        }),
        Some(FaultKind::LoopingLink | FaultKind::ForeignLink) => {}
    }
    match fault {
        Some(FaultKind::EmptyPage) => set_token(&mut answer, None),
        // The first page has no token that led to it: it keeps its ordinary one.
        Some(FaultKind::LoopingLink) if led_here.is_some() => set_token(&mut answer, led_here),
        // Connect and CloudWatch Logs have no links, a token of another service is the nearest thing.
        Some(FaultKind::ForeignLink) => set_token(&mut answer, Some("aHR0cHM6Ly9leGFtcGxlLm9yZy8")),
        _ => {}
    }
    if answer.is_null() {
        return with_type(StatusCode::OK, "application/json", String::new());
    }
    with_type(StatusCode::OK, "application/json", answer.to_string())
}

fn each_member(answer: &mut Value, change: impl Fn(&mut Value)) {
    if let Value::Object(members) = answer {
        members.values_mut().for_each(change);
    }
}

/// Sets everything but the ids of an entry to null.
fn hollow(entry: &mut Value) {
    if let Value::Object(fields) = entry {
        for (name, value) in fields.iter_mut() {
            if !matches!(name.as_str(), "Id" | "QuickConnectId") {
                *value = Value::Null;
            }
        }
    }
}

fn set_token(answer: &mut Value, token: Option<&str>) {
    let Value::Object(members) = answer else { return };
    let name = if members.keys().any(|key| key.starts_with(|first: char| first.is_ascii_lowercase())) {
        "nextToken"
    } else {
        "NextToken"
    };
    replace(members, name, token);
}

fn replace(members: &mut Map<String, Value>, name: &str, token: Option<&str>) {
    members.remove(name);
    if let Some(token) = token {
        members.insert(name.to_owned(), Value::String(token.to_owned()));
    }
}

/// 302 to another host.
pub(super) fn redirect() -> Response<Body> {
    let mut response = with_type(StatusCode::FOUND, "text/plain", String::new());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("http://127.0.0.2:1/elsewhere"));
    response
}

/// A response with a body of the given type.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error answer, with what it says of trying again.
pub(super) fn refused(
    status: u16,
    content_type: &'static str,
    body: String,
    retry_after: Option<String>,
) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_type(status, content_type, body);
    if let Some(Ok(after)) = retry_after.as_deref().map(HeaderValue::from_str) {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}

/// The connection is dropped without a byte of an answer: the server gives up on a body that fails at once before it has
/// flushed the head.
pub(super) fn lost() -> Response<Body> {
    let failure = futures_util::stream::once(async { Err::<String, _>(io::Error::other("the reply is lost")) });
    Response::new(Body::from_stream(failure))
}
