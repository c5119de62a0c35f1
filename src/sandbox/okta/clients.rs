//! Who may ask the org: API tokens, service apps, access tokens; and what must not be used twice.
//!
//! Invariant: an access token carries the scopes its app had when it was issued.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::settings::ServiceApp;

/// An API token that nobody uses for this long is void.
const IDLE: TimeDelta = TimeDelta::days(30);
/// A new nonce after this long; the old one is good for longer.
const NONCE_RENEWED: TimeDelta = TimeDelta::hours(24);
const NONCE_GOOD: TimeDelta = TimeDelta::days(3);

/// What an access token stands for.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) scopes: BTreeSet<String>,
    pub(super) expires: DateTime<Utc>,
    /// Thumbprint of the key the token is bound to.
    pub(super) bound_to: Option<String>,
}

/// All clients of the org.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) apps: BTreeMap<String, ServiceApp>,
    pub(super) grants: HashMap<String, Grant>,
    /// API tokens and when they were used last; `None` is never.
    tokens: BTreeMap<String, Option<DateTime<Utc>>>,
    /// Ids of assertions and proofs, until when they are remembered.
    used: HashMap<String, DateTime<Utc>>,
    nonces: Vec<(String, DateTime<Utc>)>,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { apps, grants, tokens, used: _, nonces: _ } = self;
        let mut shown = f.debug_struct("Clients");
        shown.field("apps", apps).field("grants", &grants.len()).field("tokens", &tokens.len()).finish_non_exhaustive()
    }
}

impl Clients {
    pub(super) fn add_token(&mut self, token: &str) {
        self.tokens.insert(token.to_owned(), None);
    }

    /// Whether there was one.
    pub(super) fn revoke_token(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    /// Whether an API token is good; that is a use of it.
    pub(super) fn knows(&mut self, token: &str, now: DateTime<Utc>) -> bool {
        let Some(last) = self.tokens.get_mut(token) else { return false };
        if last.is_some_and(|last| now - last > IDLE) {
            return false;
        }
        *last = Some(now);
        true
    }

    /// Notes the id of an assertion or proof; `false` is a second use.
    pub(super) fn first_use(&mut self, id: String, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        if self.used.len() > 10_000 {
            self.used.retain(|_, end| *end >= now);
        }
        self.used.insert(id, until).is_none_or(|end| end < now)
    }

    /// The nonce to hand out now.
    pub(super) fn nonce(&mut self, now: DateTime<Utc>) -> String {
        if let Some((nonce, _)) = self.nonces.last().filter(|(_, made)| now - *made < NONCE_RENEWED) {
            return nonce.clone();
        }
        let nonce = crate::sandbox::fresh_id().simple().to_string();
        self.nonces.push((nonce.clone(), now));
        nonce
    }

    /// Whether a nonce is one of ours, and not too old.
    pub(super) fn takes_nonce(&mut self, nonce: &str, now: DateTime<Utc>) -> bool {
        self.nonces.retain(|(_, made)| now - *made < NONCE_GOOD);
        self.nonces.iter().any(|(own, _)| own == nonce)
    }

    /// Voids every nonce.
    pub(super) fn forget_nonces(&mut self) {
        self.nonces.clear();
    }
}
