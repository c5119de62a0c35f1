//! Who may ask a tenant what, and how often: app registrations, access tokens, resource units.
//!
//! Invariant: a token carries the permissions the app had when it was issued; a grant afterwards takes a new token.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

/// An app registration.
#[derive(Clone, Default)]
pub struct App {
    pub(in crate::sandbox) client_id: String,
    pub(in crate::sandbox) secrets: Vec<Secret>,
    pub(in crate::sandbox) certificates: Vec<String>,
    pub(in crate::sandbox) permissions: BTreeSet<String>,
}

/// A client secret.
#[derive(Clone)]
pub(in crate::sandbox) struct Secret {
    pub(in crate::sandbox) value: String,
    pub(in crate::sandbox) expired: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client_id, secrets: _, certificates: _, permissions } = self;
        f.debug_struct("App").field("client_id", client_id).field("permissions", permissions).finish_non_exhaustive()
    }
}

impl App {
    /// An app with this client id, without credentials and without permissions.
    #[must_use]
    pub fn new(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), ..Self::default() }
    }

    /// With one more client secret.
    #[must_use]
    pub fn secret(mut self, value: &str) -> Self {
        self.secrets.push(Secret { value: value.to_owned(), expired: false });
        self
    }

    /// With a client secret that has expired.
    #[must_use]
    pub fn expired_secret(mut self, value: &str) -> Self {
        self.secrets.push(Secret { value: value.to_owned(), expired: true });
        self
    }

    /// With one more certificate, PEM. Other blocks of the text are ignored.
    #[must_use]
    pub fn certificate(mut self, pem: &str) -> Self {
        self.certificates.push(pem.to_owned());
        self
    }

    /// With these application permissions (`User.Read.All`), consented to.
    #[must_use]
    pub fn permissions(mut self, names: &[&str]) -> Self {
        self.permissions.extend(names.iter().map(|&name| name.to_owned()));
        self
    }
}

/// What an access token stands for.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Grant {
    pub(in crate::sandbox) client_id: String,
    pub(in crate::sandbox) audience: String,
    pub(in crate::sandbox) permissions: BTreeSet<String>,
    pub(in crate::sandbox) expires: DateTime<Utc>,
}

/// How much a minute of traffic may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Nothing is ever refused.
    Off,
    /// By the size of the tenant: 3,500 resource units per 10 s under 50 users, 5,000 up to 500, else 8,000.
    /// (Microsoft Learn, "Microsoft Graph service-specific throttling limits".)
    BySize,
    /// This many resource units per 10 s.
    Units(u32),
}

/// A bucket of resource units, per app.
#[derive(Debug)]
struct Bucket {
    units: f64,
    at: DateTime<Utc>,
}

/// Apps, their tokens and what they have used.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Access {
    pub(in crate::sandbox) apps: BTreeMap<String, App>,
    pub(in crate::sandbox) tokens: HashMap<String, Grant>,
    /// Ids of client assertions that were used, until they run out.
    pub(in crate::sandbox) used: HashMap<String, DateTime<Utc>>,
    buckets: HashMap<String, Bucket>,
}

impl Access {
    /// Takes `cost` resource units of the app; else the seconds to wait. A refused request costs as well, so that
    /// hammering does not pay, but the debt is bounded.
    pub(in crate::sandbox) fn charge(
        &mut self,
        app: &str,
        cost: u32,
        per_10s: u32,
        now: DateTime<Utc>,
    ) -> Result<(), f64> {
        let full = f64::from(per_10s);
        let bucket = self.buckets.entry(app.to_owned()).or_insert(Bucket { units: full, at: now });
        let passed = (now - bucket.at).as_seconds_f64().max(0.0);
        bucket.units = (bucket.units + passed * full / 10.0).min(full);
        bucket.at = now;
        let missing = f64::from(cost) - bucket.units;
        bucket.units = (bucket.units - f64::from(cost)).max(-full);
        if missing > 0.0 { Err((missing * 10.0 / full).max(0.001)) } else { Ok(()) }
    }

    /// Notes an assertion id; `false` is a replay.
    pub(in crate::sandbox) fn first_use(&mut self, id: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.used.retain(|_, end| *end >= now - TimeDelta::minutes(10));
        self.used.insert(id.to_owned(), until).is_none()
    }
}
