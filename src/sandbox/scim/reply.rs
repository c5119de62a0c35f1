//! Answers before they are bytes, and errors in SCIM's shape.
//!
//! (RFC 7644, 3.12.)

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::manners::Manners;
use crate::sandbox::graph::{CloseConnection, broken_body};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An error answer.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The keyword of RFC 7644, table 9, and of RFC 9865.
    pub(super) kind: Option<String>,
    pub(super) detail: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), headers: Vec::new() }
    }

    /// A 400 with its keyword.
    pub(super) fn bad(kind: &str, detail: impl Into<String>) -> Self {
        Self { kind: Some(kind.to_owned()), ..Self::new(400, detail) }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How a body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Truncated,
    Html,
    Lost,
}

/// An answer before it is bytes.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Null is no body.
    pub(super) body: Value,
    pub(super) media_type: &'static str,
    pub(super) form: Form,
}

pub(super) const SCIM: &str = "application/scim+json";
pub(super) const JSON: &str = "application/json";

const HTML: &str = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>";

impl Reply {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, media_type: SCIM, form: Form::Json }
    }

    pub(super) fn refused(refusal: Refusal, manners: &Manners) -> Self {
        let Refusal { status, kind, detail, headers } = refusal;
        let shown = if manners.number_status { json!(status) } else { json!(status.to_string()) };
        let mut body = json!({ "schemas": [ERROR], "status": shown, "detail": detail });
        if let Some(kind) = kind {
            body["scimType"] = json!(kind);
        }
        Self { headers, ..Self::new(status, body) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let Self { status, headers, body, media_type, form } = self;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let bare = text.is_empty();
        let (kind, body) = match form {
            Form::Json => (media_type, Body::from(text)),
            Form::Truncated => (media_type, Body::from(text[..text.floor_char_boundary(text.len() / 2)].to_owned())),
            Form::Html => ("text/html", Body::from(HTML)),
            Form::Lost => (media_type, broken_body()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !bare || form != Form::Json {
            response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        if form == Form::Lost {
            response.extensions_mut().insert(CloseConnection);
        }
        response
    }
}
