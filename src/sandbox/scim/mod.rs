//! A SCIM 2.0 server over a tenant: the same people and groups, in SCIM's wire form, to read.
//!
//! One way through for every request: count, fault, credential, rate, answer, habits. A conforming server is the default;
//! [`Character`]s and the switches of [`Manners`] make it misbehave the way real servers do.
//!
//! Invariant: what a conforming server refuses is refused here, with the keyword of the standard.
//! Invariant: a page without filter and order costs its own size, however large the company is.
//! Deliberately absent: writes (501), `/Me`, searches at the root, bulk, `previousCursor`.
//!
//! (RFC 7643, RFC 7644, RFC 9865.)

mod access;
mod book;
mod call;
mod control;
mod cursor;
mod discovery;
mod fault;
mod filter;
mod listing;
mod manners;
mod path;
mod query;
mod render;
mod reply;
mod settings;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::sandbox::faults::Faults;
use crate::sandbox::tenant::{State, Tenant, TenantError};

pub use control::control_router;
pub use manners::{ActiveForm, Character, Discovery, EnterpriseForm, Filters, IndexPaging, Manners, Members, Totals};
pub use settings::{ClientAuth, Credential, OAuthClient, Rate, RetryAfter, ScimSettings};

use access::Tokens;
use book::Book;
use call::Service;
use listing::Worked;
use render::Scene;

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    User,
    Group,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }
}

/// Who manages somebody, and since when; a tenant does not know.
#[derive(Debug)]
struct Manager {
    manager: Option<String>,
    at: DateTime<Utc>,
}

/// By the id of who is managed.
type Managers = BTreeMap<String, Manager>;

/// What is the server's own, beside the tenant.
#[derive(Debug, Default)]
struct Own {
    settings: ScimSettings,
    tokens: Tokens,
    book: Book,
    worked: Option<Worked>,
    managers: Managers,
    /// Grows with every change that is not in the tenant's log.
    revision: u64,
    /// Cursors of earlier generations are dead.
    generation: u32,
    requests: BTreeMap<String, u64>,
    /// Listings so far.
    served: u64,
    /// What is left of the rate, and since when.
    bucket: Option<(f64, DateTime<Utc>)>,
}

impl Own {
    fn scene<'a>(&'a self, state: &'a State, root: &'a str) -> Scene<'a> {
        Scene {
            store: &state.store,
            domain: &state.domain,
            book: &self.book,
            managers: &self.managers,
            manners: &self.settings.manners,
            root,
        }
    }
}

/// A SCIM 2.0 server over a tenant: the same people and groups, in SCIM's wire form. Clones are the same one. Nobody may
/// come in before [`ScimServer::accept`].
#[derive(Debug, Clone)]
pub struct ScimServer {
    tenant: Tenant,
    // Locked before the tenant, never after.
    own: Arc<Mutex<Own>>,
}

impl ScimServer {
    /// One over this tenant.
    #[must_use]
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant, own: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it this kind of server. Everything else stays.
    pub fn set_character(&self, character: Character) {
        self.configure(|settings| settings.manners = character.manners());
    }

    /// Changes settings.
    pub fn configure(&self, change: impl FnOnce(&mut ScimSettings)) {
        let mut own = self.lock();
        change(&mut own.settings);
        own.revision += 1;
    }

    /// Lets one more credential in.
    pub fn accept(&self, credential: Credential) {
        self.configure(|settings| settings.credentials.push(credential));
    }

    /// Voids every token of `/oauth/token`.
    pub fn revoke_tokens(&self) {
        self.lock().tokens.clear();
    }

    /// Ends every cursor given out so far: each is `expiredCursor` from now on.
    pub fn expire_cursors(&self) {
        self.lock().generation += 1;
    }

    /// Says who manages somebody (ids of the tenant); `None` is nobody. It moves the user's `lastModified`.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn set_manager(&self, user: &str, manager: Option<&str>) -> Result<(), TenantError> {
        let mut own = self.lock();
        let state = self.tenant.lock();
        let id = |user: &str| state.store.user(user).map(|index| state.store.users[index].id.clone());
        let user = id(user).ok_or(TenantError::NoSuchObject)?;
        let manager = manager.map(|manager| id(manager).ok_or(TenantError::NoSuchObject)).transpose()?;
        own.managers.insert(user, Manager { manager, at: state.now() });
        own.revision += 1;
        Ok(())
    }

    /// How many requests came, by operation (`GET /Users/{id}`), refused ones included.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.lock().requests.clone()
    }

    /// Its HTTP interface, the token endpoint included; `root` is its own address as clients call it, with the path
    /// (`/scim/v2`).
    pub fn router(&self, faults: Faults, root: String) -> Router {
        Service::new(self.clone(), faults, &root).router()
    }
}
