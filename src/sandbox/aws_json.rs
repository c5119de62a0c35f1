//! What the services that speak AWS JSON 1.1 have in common: errors, the content type, the signature's refusal, request ids.
//!
//! Source: Smithy 1.0 specification, "AWS JSON 1.1 protocol".

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use serde_json::{Value, json};

use super::faults::FaultKind;
use super::wire::{Demanded, Unsigned, refused, request_id, signed_for, twist};

const JSON_1_1: &str = "application/x-amz-json-1.1";

/// An error: 400 unless a fault demands another status, `__type`, and a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into(), retry_after: None }
    }

    fn into_response(self) -> Response<Body> {
        let Self { status, code, message, retry_after } = self;
        // Secrets Manager writes `Message`, the others `message`; clients read both.
        let body = json!({ "__type": code, "Message": message, "message": message }).to_string();
        refused(status, JSON_1_1, body, retry_after)
    }
}

impl From<Demanded> for Refusal {
    fn from(demanded: Demanded) -> Self {
        let Demanded { status, code, message, retry_after } = demanded;
        Self { status, code, message, retry_after }
    }
}

/// Whether a request is signed for this service.
pub(super) fn ensure_signed(headers: &HeaderMap, service: &str) -> Result<(), Refusal> {
    signed_for(headers, service).map_err(|reason| match reason {
        Unsigned::Missing => Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Unsigned::Wrong => {
            Refusal::new("UnrecognizedClientException", format!("The request is not signed for {service}"))
        }
    })
}

/// A text header, or nothing.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The body of a request.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    if !text(headers, "content-type").starts_with(JSON_1_1) {
        return Err(Refusal::new("SerializationException", "The content type must be application/x-amz-json-1.1"));
    }
    serde_json::from_slice(body).map_err(|_| Refusal::new("SerializationException", "not JSON"))
}

/// An answer, twisted as a fault demands. `led_here` is the page token that the request had.
pub(super) fn reply(fault: Option<&FaultKind>, result: Value, led_here: Option<&str>) -> Response<Body> {
    let mut response = twist(fault, result, led_here);
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON_1_1));
    }
    response
}

/// The answer or the refusal, with a request id.
pub(super) fn sent(answer: Result<Response<Body>, Refusal>) -> Response<Body> {
    let mut response = answer.unwrap_or_else(Refusal::into_response);
    if let Ok(value) = HeaderValue::from_str(&request_id()) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}
