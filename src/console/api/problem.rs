//! What is told when something cannot be done, and how questions are read.
//!
//! Source: RFC 9457, "Problem Details for HTTP APIs".
//!
//! Invariant: a problem says what to do next; a broken question says where it is broken, not what stood there.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::super::Console;
use super::super::gate::Refused;
use super::super::known::Unknown;
use super::super::page::Trouble;
use super::super::view::View;
use crate::serve::HandleError;
use crate::store::StoreError;

/// Why it was not done.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct Problem {
    /// The words for the status.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What happened.
    detail: String,
    /// One thing to do.
    hint: String,
}

impl Problem {
    pub(in crate::console) fn new(status: StatusCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem").to_owned();
        Self { title, status: status.as_u16(), detail: detail.into(), hint: hint.into() }
    }

    pub(super) fn missing(what: &str, hint: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"), hint)
    }

    fn store(error: &StoreError) -> Self {
        tracing::error!(hint = error.hint(), "console: the state file cannot be used: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the state file cannot be used: {error}"), error.hint())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rollcall\""));
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(Refused { status, text, hint }: Refused) -> Self {
        Self::new(status, text, hint)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::store(&error)
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let (internal, later) = (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE);
        match trouble {
            Trouble::Store(error) | Trouble::Service(HandleError::Store(error)) => Self::store(&error),
            Trouble::Unknown(Unknown::Unreadable(error)) => Self::store(&error),
            Trouble::Unknown(Unknown::NotLooked) | Trouble::NotYet(_) => {
                Self::new(later, "nobody has looked at Amazon Connect yet", "wait for the first run, or ask for one")
            }
            Trouble::NoService => Self::new(later, trouble.to_string(), "start it with: rollcall serve"),
            Trouble::Service(error @ HandleError::Busy) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string(), "try again once some of them have ended")
            }
            Trouble::Service(error) => Self::new(later, error.to_string(), "try again in a moment"),
            Trouble::Missing(what) => Self::missing(what, "look for it in the lists"),
            other => {
                tracing::error!("console: {other}");
                Self::new(internal, other.to_string(), "try again; if it stays, report this as a bug")
            }
        }
    }
}

/// A contact centre that is asked about by its name in the address.
pub(super) struct At(pub(super) View);

impl FromRequestParts<Console> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        Ok(Self(View::from_request_parts(parts, console).await?))
    }
}

/// What stands behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Console> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, console).await;
        let Query(asked) = read.map_err(|rejected| {
            Problem::new(StatusCode::BAD_REQUEST, rejected.body_text(), "see /api/openapi.json for what may be asked")
        })?;
        Ok(Self(asked))
    }
}

/// What is sent.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Console> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Problem> {
        let read: Result<Json<T>, JsonRejection> = Json::from_request(request, console).await;
        let Json(sent) = read.map_err(|rejected| {
            Problem::new(rejected.status(), rejected.body_text(), "see /api/openapi.json for what may be sent")
        })?;
        Ok(Self(sent))
    }
}
