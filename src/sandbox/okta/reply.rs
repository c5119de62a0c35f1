//! Answers and refusals, in Okta's shape.
//!
//! (Okta documentation, "Okta API error codes"; okta-developer-docs, "Core Okta API", "Pagination" and "Errors".)

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::sandbox::graph::{CloseConnection, broken_body};

/// Headers of an answer; a name may come more than once.
pub(super) type Headers = Vec<(&'static str, String)>;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `E0000007`, or the word of an OAuth error.
    pub(super) code: String,
    pub(super) summary: String,
    pub(super) headers: Headers,
    /// Whether it is the token endpoint's, which answers in OAuth's shape.
    pub(super) oauth: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, summary: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), summary: summary.into(), headers: Vec::new(), oauth: false }
    }

    /// An error of the token endpoint.
    pub(super) fn oauth(status: u16, error: &str, description: impl Into<String>) -> Self {
        Self { oauth: true, ..Self::new(status, error, description) }
    }

    /// The client could not prove who it is.
    pub(super) fn client(description: impl Into<String>) -> Self {
        Self::oauth(401, "invalid_client", description)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A parameter is out of range.
    pub(super) fn invalid(what: &str) -> Self {
        Self::new(400, "E0000001", format!("Api validation failed: {what}"))
    }

    /// A search or filter that is understood, and not supported.
    pub(super) fn search(why: &str) -> Self {
        Self::new(400, "E0000031", format!("Invalid search criteria. {why}").trim_end())
    }

    /// `kind` is Okta's word for it (`User`).
    pub(super) fn not_found(id: &str, kind: &str) -> Self {
        Self::new(404, "E0000007", format!("Not found: Resource not found: {id} ({kind})"))
    }

    pub(super) fn invalid_token() -> Self {
        Self::new(401, "E0000011", "Invalid token provided")
    }

    pub(super) fn forbidden() -> Self {
        Self::new(403, "E0000006", "You do not have permission to perform the requested action")
    }

    fn body(&self) -> Value {
        let Self { status: _, code, summary, headers: _, oauth } = self;
        if *oauth {
            return json!({ "error": code, "error_description": summary });
        }
        let id = format!("oae{}", &crate::sandbox::fresh_id().simple().to_string()[..22]);
        json!({ "errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": id, "errorCauses": [] })
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
    pub(super) headers: Headers,
    /// Path and query of the next page under the org's root, or a whole link.
    pub(super) next: Option<String>,
    pub(super) body: Value,
    pub(super) form: Form,
}

impl Reply {
    pub(super) fn new(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), next: None, body, form: Form::Json }
    }

    /// Whether it is a page of a listing.
    pub(super) fn is_list(&self) -> bool {
        self.status == 200 && self.body.is_array()
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let Self { status, headers, next, body, form } = self;
        let (kind, body) = match form {
            Form::Json => (JSON, Body::from(body.to_string())),
            Form::Truncated => (JSON, Body::from(half(&body.to_string()))),
            Form::Html => ("text/html;charset=utf-8", Body::from(HTML)),
            Form::Lost => (JSON, broken_body()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let next = next.map(|link| ("link", format!("<{link}>; rel=\"next\"")));
        for (name, value) in headers.into_iter().chain(next) {
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

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = refusal.body();
        Self { status: refusal.status, headers: refusal.headers, ..Self::new(body) }
    }
}

const JSON: &str = "application/json";
const HTML: &str = "<!DOCTYPE html><html><body><h1>This page can't be reached right now</h1></body></html>";

/// The first half of a text.
fn half(text: &str) -> String {
    text[..text.floor_char_boundary(text.len() / 2)].to_owned()
}
