//! The System Log: what is in it. How it is asked is in [`logs`](super::logs).
//!
//! Invariant: events stand in the order in which they were persisted, which need not be that of `published`.
//!
//! (Okta reference, schemas `LogEvent`, `LogTarget`, `LogOutcome`; okta-developer-docs, "Event types".)

use serde_json::{Value, json};

use super::ids;
use super::people::{login, time};
use crate::sandbox::tenant::State as TenantState;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: &'static str,
    pub(super) id: String,
    alternate: String,
    display: String,
}

impl Target {
    pub(super) fn user(tenant: &TenantState, index: usize) -> Self {
        let user = &tenant.store.users[index];
        let display = user.get("displayName").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { kind: "User", id: ids::user(index), alternate: login(user).to_owned(), display }
    }

    pub(super) fn app_user(tenant: &TenantState, index: usize) -> Self {
        Self { kind: "AppUser", ..Self::user(tenant, index) }
    }

    pub(super) fn group(tenant: &TenantState, index: usize) -> Self {
        let display = tenant.store.groups[index].name.clone();
        Self { kind: "UserGroup", id: ids::group(index), alternate: "unknown".to_owned(), display }
    }

    pub(super) fn app(label: &str) -> Self {
        Self { kind: "AppInstance", id: ids::app(), alternate: label.to_owned(), display: label.to_owned() }
    }
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) published: i64,
    pub(super) kind: String,
    /// `SUCCESS`, `FAILURE`.
    pub(super) result: String,
    pub(super) targets: Vec<Target>,
    pub(super) uuid: String,
}

impl Event {
    /// Something that was done.
    pub(super) fn new(published: i64, kind: &str, targets: Vec<Target>) -> Self {
        let uuid = crate::sandbox::fresh_id().to_string();
        Self { published, kind: kind.to_owned(), result: "SUCCESS".to_owned(), targets, uuid }
    }

    pub(super) fn object(&self) -> Value {
        let Self { published, kind, result, targets, uuid } = self;
        let target = |target: &Target| {
            let Target { kind, id, alternate, display } = target;
            json!({ "id": id, "type": kind, "alternateId": alternate, "displayName": display, "detailEntry": null })
        };
        json!({
            "uuid": uuid,
            "published": time(*published),
            "eventType": kind,
            "version": "0",
            "severity": "INFO",
            "displayMessage": kind,
            "actor": { "id": "00u1rCzzzzzzzzsK5d7X", "type": "User", "alternateId": "system@okta.com" },
            "outcome": { "result": result, "reason": null },
            "target": targets.iter().map(target).collect::<Vec<_>>(),
        })
    }
}

/// All events.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) events: Vec<Event>,
    /// Links of earlier generations do not work any more.
    pub(super) generation: usize,
}

impl Log {
    pub(super) fn push(&mut self, event: Event) {
        self.events.push(event);
    }
}
