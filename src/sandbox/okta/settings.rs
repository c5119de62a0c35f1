//! What an administrator of the org would set, and what a test sets for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Requests a minute, by bucket. The defaults are those of the Workforce plans.
///
/// (Okta documentation, "Additional rate limits", as last published.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// `/api/v1/users` and its searches.
    pub users: u32,
    /// `GET /api/v1/users/{id}`.
    pub user: u32,
    /// `/api/v1/groups`.
    pub groups: u32,
    /// `/api/v1/groups/{id}` itself.
    pub group: u32,
    /// `/api/v1/apps` and everything below, except the instance itself.
    pub apps: u32,
    /// `/api/v1/apps/{id}` itself.
    pub app: u32,
    /// `/api/v1/logs`.
    pub logs: u32,
    /// Everything else, members of groups and the token endpoint included.
    pub other: u32,
    /// Requests at the same time, for the whole org.
    pub concurrent: usize,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            users: 600,
            user: 2_000,
            groups: 500,
            group: 1_000,
            apps: 100,
            app: 500,
            logs: 120,
            other: 1_200,
            concurrent: 75,
        }
    }
}

/// The largest pages the org gives, whatever was asked for. What may be asked for does not change with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCaps {
    /// `GET /api/v1/users`.
    pub users: usize,
    /// `GET /api/v1/groups`.
    pub groups: usize,
    /// `GET /api/v1/groups/{id}/users`.
    pub members: usize,
    /// `GET /api/v1/apps/{id}/users`.
    pub app_users: usize,
    /// `GET /api/v1/logs`.
    pub logs: usize,
}

impl Default for PageCaps {
    fn default() -> Self {
        Self { users: 200, groups: 10_000, members: 1_000, app_users: 500, logs: 1_000 }
    }
}

/// Whom the clients of the org may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Role {
    /// Everybody and everything, to read.
    #[default]
    Full,
    /// These groups (by the tenant's ids) and the people in them.
    Groups(BTreeSet<String>),
    /// All groups, the built-in one of everybody too, and everybody but these people (by the tenant's ids).
    Without(BTreeSet<String>),
    /// No role at all: every call is refused.
    Nobody,
}

/// A group whose members have the application.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupAssignment {
    /// The tenant's id of the group.
    pub group: String,
    /// Who gives the application profile where groups disagree: the lowest number.
    pub priority: u32,
    /// Attributes of the application profile; lists are combined across groups, everything else is the first group's.
    pub profile: Map<String, Value>,
}

/// The application people are assigned to.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSettings {
    /// Its label, as administrators see it.
    pub label: String,
    /// Through groups.
    pub groups: Vec<GroupAssignment>,
    /// One by one: the tenant's id of the user, and attributes that beat those of groups.
    pub users: BTreeMap<String, Map<String, Value>>,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self { label: "Amazon Connect".to_owned(), groups: Vec::new(), users: BTreeMap::new() }
    }
}

impl AppSettings {
    /// With one more group, behind those it has, without attributes of its own.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        let priority = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.groups.push(GroupAssignment { group: group.to_owned(), priority, profile: Map::new() });
        self
    }
}

/// A service app: a client that signs in with a key.
#[derive(Clone, Default)]
pub struct ServiceApp {
    pub(super) client_id: String,
    /// Public keys by `kid`, as PEM or JWK.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) dpop: bool,
}

impl std::fmt::Debug for ServiceApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client_id, keys, scopes, dpop } = self;
        let kids: Vec<_> = keys.keys().collect();
        let mut shown = f.debug_struct("ServiceApp");
        shown.field("client_id", client_id).field("kids", &kids).field("scopes", scopes).field("dpop", dpop).finish()
    }
}

impl ServiceApp {
    /// An app with this client id, without keys and without scopes.
    #[must_use]
    pub fn new(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), ..Self::default() }
    }

    /// With one more public key: PEM (`PUBLIC KEY` or a certificate) or a JWK.
    #[must_use]
    pub fn key(mut self, kid: &str, public: &str) -> Self {
        self.keys.insert(kid.to_owned(), public.to_owned());
        self
    }

    /// With these scopes granted (`okta.users.read`).
    #[must_use]
    pub fn scopes(mut self, names: &[&str]) -> Self {
        self.scopes.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// With "Require Demonstrating Proof of Possession (DPoP) header in token requests".
    #[must_use]
    pub fn dpop(mut self) -> Self {
        self.dpop = true;
        self
    }
}

/// What can differ from org to org, or from day to day.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Requests a minute.
    pub limits: RateLimits,
    /// Largest pages.
    pub caps: PageCaps,
    /// What the clients' administrator role shows.
    pub role: Role,
    /// The application.
    pub app: AppSettings,
    /// How long `search`, `filter` and `q` go on showing what was, in milliseconds. Point reads are never late.
    pub index_lag_millis: u32,
    /// Whether calls with a bound token must carry a nonce in their proof.
    pub api_nonce: bool,
}
