//! What an error answer of Graph means.
//!
//! Codes and shapes: Microsoft Graph, "Error responses", "Use delta query", "Paging", "Throttling guidance".
//!
//! Invariant: a message of Graph is never matched on and never shown; codes and status decide.

use serde::Deserialize;

use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, GaveUp, TransportError, UNTRUSTED};

/// An error, with what is needed to tell a dead link from a dead tenant.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    error: PullError,
    status: Option<u16>,
    codes: Vec<String>,
    page: u32,
}

impl From<PullError> for Fault {
    fn from(error: PullError) -> Self {
        Self(Box::new(Inner { error, status: None, codes: Vec::new(), page: 0 }))
    }
}

impl From<Fault> for PullError {
    fn from(fault: Fault) -> Self {
        fault.0.error
    }
}

#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    code: Option<String>,
    #[serde(rename = "innerError", alias = "innererror", default)]
    inner: Option<Box<Detail>>,
    #[serde(rename = "request-id", default)]
    request_id: Option<String>,
}

impl Fault {
    /// The same, on this page of a listing.
    pub(super) fn on_page(mut self, page: u32) -> Self {
        self.0.page = page;
        self
    }

    /// Whether a stored delta link, or the round it started, is no longer good. The code of a malformed query means "too
    /// old" only on the first page: that link was stored, and it worked before.
    pub(super) fn is_dead_link(&self) -> bool {
        let says = |code: &str| self.0.codes.iter().any(|have| have.eq_ignore_ascii_case(code));
        match self.0.status {
            Some(410) => true,
            Some(400..=499) if says("syncStateNotFound") || says("resyncRequired") => true,
            Some(400) => self.0.page == 1 && says("Request_UnsupportedQuery"),
            _ => false,
        }
    }

    /// Whether the listing has to be started again from its first page.
    pub(super) fn is_expired_page(&self) -> bool {
        let says = |code: &str| self.0.codes.iter().any(|have| have.eq_ignore_ascii_case(code));
        matches!(self.0.status, Some(400..=499))
            && (says("Directory_ExpiredPageToken") || says("DirectoryPageTokenNotFoundException"))
    }

    /// No whole answer arrived.
    pub(super) fn transport(operation: &str, error: TransportError) -> Self {
        let (kind, hint) = match &error {
            TransportError::Unreachable(_) => {
                (PullErrorKind::Unreachable, "check graph_url, name resolution, proxy and firewall")
            }
            TransportError::Untrusted(_) => (PullErrorKind::Unreachable, UNTRUSTED),
            TransportError::CutShort(_) => (PullErrorKind::Protocol, "check proxies between here and Microsoft Graph"),
            TransportError::TooBig { .. } => (PullErrorKind::BoundReached, "check graph_url: this is not a Graph page"),
        };
        PullError::new(kind, operation, error.to_string(), hint).with_source(error).into()
    }

    /// An answer that is not a success.
    pub(super) fn answer(operation: &str, answer: &Answer, gave_up: Option<GaveUp>) -> Self {
        let status = answer.status.as_u16();
        let (mut codes, mut request_id) = (Vec::new(), request_id(answer));
        let mut detail = serde_json::from_slice::<Body>(&answer.body).ok().map(|body| body.error);
        while let Some(Detail { code, inner, request_id: inner_id }) = detail {
            // Codes and ids are compared and shown; text that is neither is not.
            codes.extend(code.filter(|code| is_plain(code)));
            request_id = request_id.or(inner_id.filter(|id| is_plain(id)));
            detail = inner.map(|inner| *inner);
        }
        tracing::debug!(
            operation,
            status,
            ?codes,
            request_id,
            client_request_id = answer.client_request_id,
            date = header(answer, "date"),
            throttle_scope = header(answer, "x-ms-throttle-scope"),
            throttle_information = header(answer, "x-ms-throttle-information"),
            "Microsoft Graph refused a request"
        );
        let code = codes.last().map(|code| format!(", {code}")).unwrap_or_default();
        let (kind, hint) = meaning(operation, status, gave_up);
        let waited = match gave_up {
            Some(GaveUp::WaitTooLong(wait)) => format!("; it asks to wait for {} s", wait.as_secs()),
            Some(GaveUp::Tries(tries)) => format!(" after {tries} tries"),
            None => String::new(),
        };
        let message = format!("answered with status {status}{code}{waited}");
        let error = PullError::new(kind, operation, message, hint).with_request_id(request_id);
        Self(Box::new(Inner { error, status: Some(status), codes, page: 0 }))
    }
}

/// Whether a text of an answer may be shown: a code or an id, and no sentence.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.len() <= 100 && text.bytes().all(plain)
}

/// The id Graph gave the request, if it is one.
pub(super) fn request_id(answer: &Answer) -> Option<String> {
    let text = answer.headers.get("request-id")?.to_str().ok()?;
    is_plain(text).then(|| text.to_owned())
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    let text = answer.headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(200).collect())
}

fn meaning(operation: &str, status: u16, gave_up: Option<GaveUp>) -> (PullErrorKind, &'static str) {
    match status {
        _ if matches!(gave_up, Some(GaveUp::WaitTooLong(_))) => {
            (PullErrorKind::Throttled, "wait; something else uses the tenant's Graph quota heavily")
        }
        300..=399 => (PullErrorKind::ForeignLink, "check graph_url; redirects are never followed with a token"),
        401 => (PullErrorKind::Unauthorized, "check that login_url and graph_url belong to the same cloud"),
        403 => (PullErrorKind::Forbidden, permission(operation)),
        404 => (PullErrorKind::NotFound, "check graph_url, and that the named object still exists"),
        429 => (PullErrorKind::Throttled, "wait; the next run goes on from where this one started"),
        408 | 500.. => (PullErrorKind::RemoteFailure, "wait and try again; see the Microsoft 365 service health page"),
        _ => (PullErrorKind::Refused, "report this with the request id; the request itself was refused"),
    }
}

/// The application permission an operation needs, as least privilege has it.
pub(super) fn permission(operation: &str) -> &'static str {
    if operation.contains("/groups") {
        "grant the application permission GroupMember.Read.All (and Member.Read.Hidden for groups with hidden members), \
         then admin consent"
    } else {
        "grant the application permission User.Read.All, then admin consent"
    }
}
