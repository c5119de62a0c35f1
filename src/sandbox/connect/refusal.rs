//! Errors in the shape of Connect: header `x-amzn-ErrorType`, body `{"Message": ..}`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::sandbox::wire::{Demanded, with_type};

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
    retry_after: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), retry_after: None }
    }

    /// A member breaks a constraint.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterException", message)
    }

    /// The request cannot be read, or contradicts itself.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestException", message)
    }

    /// An id that does not exist.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "ResourceNotFoundException", format!("{what} not found"))
    }

    /// The name is taken.
    pub(super) fn duplicate(what: &str) -> Self {
        Self::new(409, "DuplicateResourceException", format!("{what} already exists"))
    }

    /// A resource quota of the instance is used up: 429 like throttling, and waiting does not help.
    pub(super) fn limit(what: &str) -> Self {
        Self::new(429, "LimitExceededException", format!("The limit of {what} is reached"))
    }

    /// Not allowed.
    pub(super) fn denied(message: &str) -> Self {
        Self::new(403, "AccessDeniedException", message)
    }

    /// No signature at all.
    pub(super) fn unsigned() -> Self {
        Self::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    }

    /// No such path and method.
    pub(super) fn unknown_operation() -> Self {
        Self::new(404, "UnknownOperationException", "No operation has this path and method")
    }

    /// The bucket is empty. Both codes occur in the service's documentation, so refusals take turns.
    pub(super) fn throttled(count: u64) -> Self {
        if count % 2 == 1 {
            Self::new(429, "ThrottlingException", "Rate exceeded")
        } else {
            Self::new(429, "TooManyRequestsException", "Too Many Requests")
        }
    }

    /// As an HTTP response.
    pub(super) fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = with_type(status, "application/json", json!({ "Message": self.message }).to_string());
        let headers = response.headers_mut();
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-amzn-errortype", code);
        }
        if let Some(Ok(after)) = self.retry_after.as_deref().map(HeaderValue::from_str) {
            headers.insert("retry-after", after);
        }
        response
    }
}

impl From<Demanded> for Refusal {
    fn from(demanded: Demanded) -> Self {
        let Demanded { status, code, message, retry_after } = demanded;
        Self { status, code, message, retry_after }
    }
}
