//! Switchable faults: what real services do on bad days, on demand.
//!
//! Every handler of the sandbox asks [`Faults::take`] first. A fault waits for `skip` matching calls, strikes `times` of
//! them and is then spent, so that a story ("the third page fails twice") is one value.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// `graph`, `login`, `okta`, `scim`, `connect`, `logs`, `secrets`, `sns` or `webhook`.
    pub service: String,
    /// The operation (`CreateUser`, `GET /users/delta`); absent = any of the service.
    #[serde(default)]
    pub operation: Option<String>,
    /// Matching calls that pass before it strikes.
    #[serde(default)]
    pub skip: u32,
    /// How many calls it strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens.
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An error answer in the shape of the service.
    Status {
        /// HTTP status.
        status: u16,
        /// The service's error code (`ThrottlingException`, `resyncRequired`).
        code: String,
        /// Its message.
        #[serde(default)]
        message: String,
        /// A `Retry-After` header, as text (`2.128`).
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The call is carried out, then the connection is dropped without an answer.
    LostReply,
    /// 200 with an empty list and no further page, whatever there is.
    EmptyPage,
    /// 200 with the right page cut off in the middle of the body.
    Truncated,
    /// 200 with an HTML page.
    Html,
    /// The next-page link or token of the answer is the one that led to it: a loop.
    LoopingLink,
    /// The next-page link points to another host.
    ForeignLink,
    /// 302 to another host.
    Redirect,
    /// 200, and every field but the id is null (a permission is missing).
    NullFields,
    /// No answer for this long.
    Delay {
        /// Milliseconds.
        millis: u64,
    },
}

/// All faults that are switched on. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Switches one on.
    pub fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Switches all off.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many are switched on and not spent.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The fault that strikes this call, if one does; counts the call against it.
    #[must_use]
    pub fn take(&self, service: &str, operation: &str) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|fault| {
            fault.service == service && fault.operation.as_deref().is_none_or(|wanted| wanted == operation)
        })?;
        let fault = &mut faults[at];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let kind = fault.kind.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            faults.remove(at);
        }
        Some(kind)
    }
}
