//! Why a directory could not be read: one error type for every connector, with what to do about it.
//!
//! Invariant: an error is never turned into an empty list; whoever gets a [`PullError`] freezes the people of that source.
//! Invariant: no message carries a secret, a token, a full link or a personal value.

use std::fmt;

/// A directory could not be read.
#[derive(Debug, thiserror::Error)]
pub struct PullError {
    /// What went wrong, for a `match`.
    pub kind: PullErrorKind,
    /// The remote operation, as an administrator knows it: `GET /users/delta`.
    pub operation: String,
    /// The remote's own id of the request, for a support case.
    pub request_id: Option<String>,
    /// What happened, for a person; without secrets or personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// The error below, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullErrorKind {
    /// No answer: connection refused, time-out, TLS.
    Unreachable,
    /// The credentials were refused.
    Unauthorized,
    /// A permission is missing (also seen as null in a mandatory field).
    Forbidden,
    /// A named group, application or tenant does not exist.
    NotFound,
    /// Still throttled after the last try.
    Throttled,
    /// The remote failed (5xx) until the last try.
    RemoteFailure,
    /// The answer is not what the protocol says.
    Protocol,
    /// An upper bound was reached: pages, bytes, restarts. Never an end of the list.
    BoundReached,
    /// A link or redirect points to another host than the configured one.
    ForeignLink,
    /// The answer is well-formed and cannot be true: nobody where there were people, or a listing that a point read
    /// contradicts.
    Implausible,
    /// The request itself was refused (4xx); a bug here or an unsupported server.
    Refused,
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl PullError {
    /// An error without a request id or a source.
    #[must_use]
    pub fn new(
        kind: PullErrorKind,
        operation: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation: operation.into(),
            request_id: None,
            message: message.into(),
            hint: hint.into(),
            source: None,
        }
    }

    /// The same with the remote's request id.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// The same with the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
