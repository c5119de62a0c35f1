//! Where the next pull starts: delta links with everything they depend on.
//!
//! Invariant: a cursor made for another selection, scope or tenant is not used; the next pull is a full one.
//! Invariant: links are kept as they came.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::MicrosoftConfig;
use super::fields::Fields;
use crate::directory::{Cursor, ExternalId, Scope};

/// Raised when the form or the meaning of a cursor changes.
const VERSION: u32 = 1;

/// A delta link of directory objects lives for seven days; a day is left for clocks and for this very pull.
const GOOD_FOR: TimeDelta = TimeDelta::days(6);

/// How many people are waited for at most; more than that heal at the next full pull.
const MOST_AWAITED: usize = 1_000;

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Over everything in the configuration that the links depend on.
    fingerprint: String,
    issued_at: DateTime<Utc>,
    pub(super) scope: Scope,
    /// The delta link of users; absent where every pull is a full one.
    pub(super) users: Option<String>,
    pub(super) chains: Vec<Chain>,
    /// Members of a scope group whom a point read did not find (deleted and restorable, or not replicated yet).
    pub(super) awaited: BTreeSet<ExternalId>,
}

/// The delta link of a block of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) groups: BTreeSet<ExternalId>,
    pub(super) link: String,
}

/// Over everything in the configuration that a delta link depends on.
pub(super) fn fingerprint(config: &MicrosoftConfig, fields: &Fields) -> String {
    // Named one by one: a new setting must be thought about here.
    let MicrosoftConfig {
        name: _,
        tenant,
        client_id: _,
        credential: _,
        graph_url,
        login_url: _,
        scope_groups,
        rule_groups,
        nested,
        wanted: _,
    } = config;
    let scope_groups: Option<BTreeSet<&String>> = scope_groups.as_ref().map(|groups| groups.iter().collect());
    let text = serde_json::json!([tenant, graph_url.as_str(), scope_groups, rule_groups, nested, fields.select()]);
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.to_string()))
}

impl State {
    pub(super) fn new(fingerprint: String, issued_at: DateTime<Utc>, scope: Scope) -> Self {
        let (users, chains, awaited) = (None, Vec::new(), BTreeSet::new());
        Self { version: VERSION, fingerprint, issued_at, scope, users, chains, awaited }
    }

    /// What a cursor holds, if it can be used at `at`.
    pub(super) fn read(cursor: &Cursor, fingerprint: &str, at: DateTime<Utc>) -> Option<Self> {
        let state: Self = serde_json::from_str(cursor.as_str()).ok()?;
        let usable = state.version == VERSION
            && state.fingerprint == fingerprint
            && at.signed_duration_since(state.issued_at) <= GOOD_FOR
            && state.users.is_some();
        usable.then_some(state)
    }

    pub(super) fn write(mut self) -> Cursor {
        while self.awaited.len() > MOST_AWAITED {
            self.awaited.pop_last();
        }
        Cursor::new(serde_json::to_string(&self).expect("a tree of texts is JSON"))
    }

    /// The same for the next round.
    pub(super) fn renewed(self, issued_at: DateTime<Utc>) -> Self {
        Self { issued_at, ..self }
    }

    /// The groups whose members are in scope; `None` is everybody.
    pub(super) fn scope_groups(&self) -> Option<&BTreeSet<ExternalId>> {
        match &self.scope {
            Scope::Everybody => None,
            Scope::Groups(groups) => Some(groups),
        }
    }
}
