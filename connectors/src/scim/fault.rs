//! What an error answer of a SCIM server means.
//!
//! Statuses and `scimType`: RFC 7644, 3.12; RFC 9865, 2.1 (cursor errors). The HTTP status decides; `scimType` refines it.
//!
//! Invariant: a server's `detail` is never matched on and never shown: it may name people.

use url::Url;

use super::fault_body::{ScimType, error};
use super::wire::{NotAList, NotAResource};
use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, GaveUp, TransportError, UNTRUSTED};
use crate::remote::RemoteError;

/// An error, with what is needed to go on in another way.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    error: PullError,
    status: Option<u16>,
    scim_type: Option<ScimType>,
    too_big: bool,
    /// The page of a listing, counted from 1; 0 elsewhere.
    page: u32,
}

impl From<PullError> for Fault {
    fn from(error: PullError) -> Self {
        Self(Box::new(Inner { error, status: None, scim_type: None, too_big: false, page: 0 }))
    }
}

impl From<Fault> for PullError {
    fn from(fault: Fault) -> Self {
        fault.0.error
    }
}

impl Fault {
    /// The same, on this page of a listing.
    pub(super) fn on_page(mut self, page: u32) -> Self {
        self.0.page = page;
        self
    }

    /// The HTTP status, if there was an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The server does not know this resource.
    pub(super) fn is_gone(&self) -> bool {
        self.0.status == Some(404)
    }

    /// Fewer records a page may help.
    pub(super) fn is_too_much(&self) -> bool {
        self.0.too_big || self.0.status == Some(413) || self.0.scim_type == Some(ScimType::TooMany)
    }

    /// The token of a page is no longer good: the listing has to be started again.
    pub(super) fn is_dead_cursor(&self) -> bool {
        matches!(self.0.scim_type, Some(ScimType::ExpiredCursor | ScimType::InvalidCursor))
    }

    /// The request was understood as wrong or as something the server cannot do; without an optional parameter it may work.
    /// Beyond the first page it is no such thing: the same parameters worked before.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.0.status, Some(400 | 404 | 405 | 500 | 501)) && !self.is_too_much() && self.0.page <= 1
    }

    /// The whole endpoint is not there or not for us.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.0.status, Some(403 | 404 | 405 | 501))
    }

    /// No answer at all.
    pub(super) fn remote(operation: &str, error: RemoteError) -> Self {
        let (kind, hint) = match &error {
            RemoteError::Foreign => {
                (PullErrorKind::ForeignLink, "check base_url; the credential is sent to this host only")
            }
            RemoteError::Paced(_) => (PullErrorKind::Throttled, "wait and try again"),
            RemoteError::Auth(error) => return PullError::from(error.clone()).into(),
            RemoteError::Transport(TransportError::Unreachable(_)) => {
                (PullErrorKind::Unreachable, "check base_url, name resolution, proxy and firewall")
            }
            RemoteError::Transport(TransportError::Untrusted(_)) => (PullErrorKind::Unreachable, UNTRUSTED),
            RemoteError::Transport(TransportError::CutShort(_)) => {
                (PullErrorKind::Protocol, "check proxies between here and the SCIM server")
            }
            RemoteError::Transport(TransportError::TooBig { .. }) => {
                (PullErrorKind::BoundReached, "lower page_size, or raise max_response_bytes")
            }
        };
        let too_big = matches!(error, RemoteError::Transport(TransportError::TooBig { .. }));
        let error = PullError::new(kind, operation, error.to_string(), hint).with_source(error);
        Self(Box::new(Inner { error, status: None, scim_type: None, too_big, page: 0 }))
    }

    /// An answer that is not a success.
    pub(super) fn answer(operation: &str, answer: &Answer, gave_up: Option<GaveUp>) -> Self {
        let status = answer.status.as_u16();
        let scim_type = error(&answer.body).scim_type;
        tracing::debug!(
            operation,
            status,
            ?scim_type,
            id = answer.client_request_id,
            "the SCIM server refused a request"
        );
        let (kind, hint) = meaning(operation, status, gave_up);
        let waited = match gave_up {
            Some(GaveUp::WaitTooLong(wait)) => format!("; it asks to wait for {} s", wait.as_secs()),
            Some(GaveUp::Tries(tries)) => format!(" after {tries} tries"),
            None => String::new(),
        };
        let named = scim_type.as_ref().map(|named| format!(", {named:?}")).unwrap_or_default();
        let mut message = format!("answered with status {status}{named}{waited}");
        let mut hint = hint.to_owned();
        if (300..400).contains(&status) {
            if let Some(host) = redirect_host(answer) {
                message.push_str(&format!("; it redirects to {host}"));
            }
            "set base_url to the final address; redirects are never followed with a credential".clone_into(&mut hint);
        }
        let error = PullError::new(kind, operation, message, hint).with_request_id(request_id(answer));
        Self(Box::new(Inner { error, status: Some(status), scim_type, too_big: false, page: 0 }))
    }
}

/// A 200 that is not a list: a proxy, a login page, another API.
pub(super) fn not_a_list(operation: &str, answer: &Answer, error: &NotAList) -> PullError {
    misread(operation, answer, &error.to_string())
}

/// A 200 that is not the resource that was asked for.
pub(super) fn not_a_resource(operation: &str, answer: &Answer, error: &NotAResource) -> PullError {
    misread(operation, answer, &error.to_string())
}

fn misread(operation: &str, answer: &Answer, what: &str) -> PullError {
    let hint = "check base_url, and proxies or login pages that may answer in the server's place";
    PullError::new(PullErrorKind::Protocol, operation, what, hint).with_request_id(request_id(answer))
}

/// The id under which the server's own log knows this request.
fn request_id(answer: &Answer) -> Option<String> {
    let names = ["x-request-id", "x-correlation-id", "request-id"];
    let found = names.iter().find_map(|name| answer.headers.get(*name)?.to_str().ok());
    found.map(|id| id.chars().take(200).collect())
}

/// Where a redirect points, scheme and host only: the rest may carry personal values.
fn redirect_host(answer: &Answer) -> Option<String> {
    let location = Url::parse(answer.headers.get("location")?.to_str().ok()?).ok()?;
    Some(format!("{}://{}", location.scheme(), location.host_str()?))
}

fn meaning(operation: &str, status: u16, gave_up: Option<GaveUp>) -> (PullErrorKind, &'static str) {
    let single = operation.ends_with("{id}");
    match status {
        _ if matches!(gave_up, Some(GaveUp::WaitTooLong(_))) => {
            (PullErrorKind::Throttled, "wait; something else uses this server heavily")
        }
        300..=399 => (PullErrorKind::ForeignLink, "set base_url to the final address"),
        401 => (PullErrorKind::Unauthorized, "check the credential of this source"),
        403 => (PullErrorKind::Forbidden, "give the credential the right to read users and groups"),
        404 if single => (PullErrorKind::NotFound, "check that the named object still exists"),
        404 => (
            PullErrorKind::NotFound,
            "check base_url (with or without a version such as /v2), users_path and groups_path",
        ),
        429 => (PullErrorKind::Throttled, "wait and try again"),
        501 => (PullErrorKind::Refused, "the server cannot do this; run `rollcall check` to see what it can do"),
        408 | 500.. => (PullErrorKind::RemoteFailure, "wait and try again; see the server's own log"),
        _ => (PullErrorKind::Refused, "run `rollcall check` to see what the server can do"),
    }
}
