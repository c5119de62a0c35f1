//! What an error answer of Okta means.
//!
//! Codes and shape: Okta reference, "Error codes" (`errorCode`, `errorSummary`, `errorId`).
//!
//! Invariant: `errorSummary` is never matched on and never shown: it can hold what somebody typed. Code and status decide.

use serde::Deserialize;

use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, GaveUp, TransportError, UNTRUSTED};
use crate::remote::RemoteError;

/// An error, with what is needed to tell a missing person from a missing permission.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    error: PullError,
    status: Option<u16>,
}

impl From<PullError> for Fault {
    fn from(error: PullError) -> Self {
        Self(Box::new(Inner { error, status: None }))
    }
}

impl From<Fault> for PullError {
    fn from(fault: Fault) -> Self {
        fault.0.error
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    error_id: Option<String>,
}

impl Fault {
    /// The remote says that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        self.0.status == Some(404)
    }

    /// The remote says that this may not be read, or that the feature is off.
    pub(super) fn is_forbidden(&self) -> bool {
        self.0.error.kind == PullErrorKind::Forbidden
    }

    /// The remote refused the request as such: a link that is no longer good.
    pub(super) fn is_dead_link(&self) -> bool {
        matches!(self.0.error.kind, PullErrorKind::Refused | PullErrorKind::NotFound | PullErrorKind::ForeignLink)
    }

    /// The query took the remote too long.
    pub(super) fn is_too_large(&self) -> bool {
        self.0.status == Some(500)
    }

    /// The request itself was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.0.status == Some(400)
    }

    /// Something the next attempt may not meet.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self.0.error.kind,
            PullErrorKind::RemoteFailure
                | PullErrorKind::Throttled
                | PullErrorKind::Protocol
                | PullErrorKind::BoundReached
        )
    }

    /// What went wrong, in a few words.
    pub(super) fn in_words(&self) -> &'static str {
        match self.0.error.kind {
            PullErrorKind::Throttled => "it is throttled",
            PullErrorKind::RemoteFailure => "it fails",
            PullErrorKind::Forbidden => "it is not permitted",
            _ => "its answers cannot be used",
        }
    }

    /// The same with another message and hint, where a 404 is about something the configuration names.
    pub(super) fn missing(self, message: String, hint: &str) -> Self {
        let PullError { operation, request_id, .. } = self.0.error;
        PullError::new(PullErrorKind::NotFound, operation, message, hint).with_request_id(request_id).into()
    }

    /// Nothing came that could be read.
    pub(super) fn remote(operation: &str, error: RemoteError) -> Self {
        match error {
            RemoteError::Foreign => PullError::new(
                PullErrorKind::ForeignLink,
                operation,
                "a link leads to another host than the configured one",
                "write the org's own address into org_url (the host its links name); credentials are sent to it only",
            )
            .into(),
            RemoteError::Auth(error) => PullError::from(error).into(),
            RemoteError::Paced(wait) => PullError::new(
                PullErrorKind::Throttled,
                operation,
                format!("the share of the rate limit is used up for another {} s", wait.as_secs()),
                "wait; or raise rate_share, if the org's other clients can spare it",
            )
            .into(),
            RemoteError::Transport(error) => Self::transport(operation, error),
        }
    }

    /// No whole answer arrived.
    pub(super) fn transport(operation: &str, error: TransportError) -> Self {
        let (kind, hint) = match &error {
            TransportError::Unreachable(_) => {
                (PullErrorKind::Unreachable, "check org_url, name resolution, proxy and firewall")
            }
            TransportError::Untrusted(_) => (PullErrorKind::Unreachable, UNTRUSTED),
            TransportError::CutShort(_) => (PullErrorKind::Protocol, "check proxies between here and Okta"),
            TransportError::TooBig { .. } => (PullErrorKind::BoundReached, "check org_url: this is not a page of Okta"),
        };
        PullError::new(kind, operation, error.to_string(), hint).with_source(error).into()
    }

    /// An answer that is not a success.
    pub(super) fn answer(operation: &str, answer: &Answer, gave_up: Option<GaveUp>) -> Self {
        let status = answer.status.as_u16();
        let body = serde_json::from_slice::<Body>(&answer.body).ok();
        let (code, error_id) = body.map_or((None, None), |body| (body.error_code, body.error_id));
        // Codes and ids are shown; text that is neither is not.
        let code = code.filter(|code| is_plain(code));
        let request_id = request_id(answer).or(error_id.filter(|id| is_plain(id)));
        tracing::debug!(
            operation,
            status,
            code,
            request_id,
            client_request_id = answer.client_request_id,
            "Okta refused a request"
        );
        let (kind, hint) = meaning(operation, status, code.as_deref(), gave_up);
        let shown = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
        let waited = match gave_up {
            Some(GaveUp::WaitTooLong(wait)) => format!("; it asks to wait for {} s", wait.as_secs()),
            Some(GaveUp::Tries(tries)) => format!(" after {tries} tries"),
            None => String::new(),
        };
        let message = format!("answered with status {status}{shown}{waited}");
        let error = PullError::new(kind, operation, message, hint).with_request_id(request_id);
        Self(Box::new(Inner { error, status: Some(status) }))
    }

    /// A successful answer that is not what was asked for. The parser's own words may quote a value.
    pub(super) fn unreadable(operation: &str, answer: &Answer, error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the answer ends before its end",
            serde_json::error::Category::Syntax => "the answer is not JSON",
            _ => "the answer is JSON, but not what was asked for",
        };
        let hint = "check org_url, and proxies that may answer in its place";
        PullError::new(PullErrorKind::Protocol, operation, what, hint).with_request_id(request_id(answer)).into()
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.len() <= 100 && text.bytes().all(plain)
}

fn request_id(answer: &Answer) -> Option<String> {
    let text = answer.headers.get("x-okta-request-id")?.to_str().ok()?;
    is_plain(text).then(|| text.to_owned())
}

fn meaning(operation: &str, status: u16, code: Option<&str>, gave_up: Option<GaveUp>) -> (PullErrorKind, &'static str) {
    match (status, code) {
        _ if matches!(gave_up, Some(GaveUp::WaitTooLong(_))) => {
            (PullErrorKind::Throttled, "wait; something else uses the org's rate limit heavily")
        }
        (300..=399, _) => (PullErrorKind::ForeignLink, "check org_url; redirects are never followed with a credential"),
        (401 | 403, Some("E0000005")) => {
            (PullErrorKind::Unauthorized, "use an API token or a service app; this credential is of another kind")
        }
        (401 | 403, Some("E0000015" | "E0000006")) | (403, _) => (PullErrorKind::Forbidden, permission(operation)),
        (401, _) => (
            PullErrorKind::Unauthorized,
            "check the credential: an API token ends with its owner's account and after 30 days without use",
        ),
        (404, _) => (PullErrorKind::NotFound, "check org_url, and that the named object still exists"),
        (429, _) => (PullErrorKind::Throttled, "wait; the next run goes on from where this one started"),
        (408 | 500.., _) => (PullErrorKind::RemoteFailure, "wait and try again; see status.okta.com"),
        _ => (PullErrorKind::Refused, "report this with the request id; the request itself was refused"),
    }
}

/// The scope and role an operation needs.
pub(super) fn permission(operation: &str) -> &'static str {
    if operation.contains("/logs") {
        "grant okta.logs.read to the service app, and a role that may view the System Log (Read-only Administrator)"
    } else if operation.contains("/apps") {
        "grant okta.apps.read to the service app, and a role that may view this application and its assignments"
    } else if operation.contains("/groups") {
        "grant okta.groups.read to the service app, and a role that may view these groups and their members"
    } else {
        "grant okta.users.read to the service app, and a role that may view users (Read-only Administrator)"
    }
}
