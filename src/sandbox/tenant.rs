//! An Entra ID tenant: the state behind the sign-in and Graph routers, and the levers of a test or demo on it.
//!
//! Invariant: every change made here is in the log, so that a delta round shows it.
//! Invariant: time is the moment the tenant was made for plus what tokio's clock says has passed, so that a paused
//! clock pauses token lives, page lives and throttling too.
//! Deliberately absent: read lag, dynamic groups, licences.

pub(in crate::sandbox) mod access;
mod control;
pub(in crate::sandbox) mod properties;
pub(in crate::sandbox) mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::sandbox::company::{Company, Person};

use access::Access;
pub use access::{App, Throttle};
pub use control::control_router;
use store::{Hired, Store, User};

/// Why a lever did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// No such user, group or device, or not in the state the step needs. Look the id up with [`Tenant::users`].
    #[error("the tenant has no such object in that state; look its id up first")]
    NoSuchObject,
    /// The property is not one of Microsoft Graph's.
    #[error("Microsoft Graph knows no such user property; see its \"user resource type\"")]
    NoSuchProperty,
    /// Another object has the id or login name.
    #[error("the id or login name is taken; choose another")]
    Taken,
}

/// How a delta link says that it is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadToken {
    /// 410 Gone, `resyncRequired`, with a `Location`.
    Gone,
    /// 400 `syncStateNotFound`.
    SyncStateNotFound,
    /// 400 `Request_UnsupportedQuery`, "DeltaLink older than 30 days is not supported."
    UnsupportedQuery,
}

/// What can differ from tenant to tenant, or from day to day.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Life of an access token in seconds.
    pub token_life_secs: u32,
    /// Life of a page token of a plain listing in seconds.
    pub page_life_secs: u32,
    /// Life of a delta link in seconds; seven days for directory objects.
    pub delta_life_secs: u32,
    /// Objects a page of the user delta.
    pub user_delta_page: usize,
    /// Objects a page of a plain listing at most, whatever is asked for.
    pub plain_page: usize,
    /// Memberships a page of the group delta.
    pub member_delta_page: usize,
    /// Resource units.
    pub throttle: Throttle,
    /// Root of the token authority as clients call it; without it, `http://` and the `Host` header.
    pub login_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_life_secs: 3599,
            page_life_secs: 600,
            delta_life_secs: 7 * 86_400,
            user_delta_page: 200,
            plain_page: 999,
            member_delta_page: 500,
            throttle: Throttle::BySize,
            login_url: None,
        }
    }
}

/// One user as a test or demo sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserView {
    /// Object id.
    pub id: String,
    /// Login name.
    pub user_principal_name: String,
    /// Name shown.
    pub display_name: String,
    /// Whether it may sign in.
    pub account_enabled: bool,
    /// Department, as written.
    pub department: Option<String>,
}

impl UserView {
    fn of(user: &User) -> Self {
        let text = |name| user.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: user.id.clone(),
            user_principal_name: text("userPrincipalName").unwrap_or_default(),
            display_name: text("displayName").unwrap_or_default(),
            account_enabled: user.get("accountEnabled") == Some(&Value::Bool(true)),
            department: text("department"),
        }
    }
}

/// Everything behind the lock.
#[derive(Debug)]
pub(in crate::sandbox) struct State {
    pub(in crate::sandbox) tenant_id: String,
    pub(in crate::sandbox) domain: String,
    pub(in crate::sandbox) store: Store,
    pub(in crate::sandbox) access: Access,
    pub(in crate::sandbox) settings: Settings,
    pub(in crate::sandbox) requests: BTreeMap<String, u64>,
    /// Delta links of earlier generations are dead, in this way.
    pub(in crate::sandbox) generation: u32,
    pub(in crate::sandbox) dead: DeadToken,
    started_at: DateTime<Utc>,
    started: Instant,
    skipped: Duration,
}

impl State {
    /// The time of this tenant.
    pub(in crate::sandbox) fn now(&self) -> DateTime<Utc> {
        self.started_at + (self.started.elapsed() + self.skipped)
    }

    /// Resource units per 10 s, if there is a limit.
    pub(in crate::sandbox) fn units_per_10s(&self) -> Option<u32> {
        match self.settings.throttle {
            Throttle::Off => None,
            Throttle::Units(units) => Some(units),
            Throttle::BySize => Some(match self.store.users.len() {
                0..50 => 3_500,
                50..=500 => 5_000,
                _ => 8_000,
            }),
        }
    }
}

/// An Entra ID tenant. Clones are the same tenant.
#[derive(Debug, Clone)]
pub struct Tenant(Arc<Mutex<State>>);

impl Tenant {
    /// The tenant of this company, at this moment. Nobody can sign in before [`Tenant::set_app`].
    ///
    /// # Panics
    /// When two accounts of the company share an id or login name, which [`Company::generate`] never does.
    #[must_use]
    pub fn new(company: Company, at: DateTime<Utc>) -> Self {
        Self::of(company, at, Hired::AtOnce)
    }

    /// The same; its people came one after the other, long before this moment.
    ///
    /// # Panics
    /// See [`new`](Self::new).
    #[must_use]
    pub fn with_history(company: Company, at: DateTime<Utc>) -> Self {
        Self::of(company, at, Hired::OneByOne)
    }

    fn of(company: Company, at: DateTime<Utc>, hired: Hired) -> Self {
        let (tenant_id, domain) = (company.tenant_id.clone(), company.domain.clone());
        let store = Store::new(company, at, hired).expect("a generated company has unique ids and login names");
        Self(Arc::new(Mutex::new(State {
            tenant_id,
            domain,
            store,
            access: Access::default(),
            settings: Settings::default(),
            requests: BTreeMap::new(),
            generation: 0,
            dead: DeadToken::SyncStateNotFound,
            started_at: at,
            started: Instant::now(),
            skipped: Duration::ZERO,
        })))
    }

    pub(in crate::sandbox) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, for a change that happens now.
    fn changing(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.store.now = state.now();
        state
    }

    /// The tenant's id, a GUID.
    #[must_use]
    pub fn tenant_id(&self) -> String {
        self.lock().tenant_id.clone()
    }

    /// Changes settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.lock().settings);
    }

    /// Registers an app, or replaces its registration. Tokens it already has stay as they are.
    pub fn set_app(&self, app: App) {
        self.lock().access.apps.insert(app.client_id.clone(), app);
    }

    /// Lets time pass for this tenant.
    pub fn advance(&self, by: Duration) {
        self.lock().skipped += by;
    }

    /// Voids every access token: the next call of anybody reads 401.
    pub fn revoke_tokens(&self) {
        self.lock().access.tokens.clear();
    }

    /// Every access token that is out now.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.lock().access.tokens.keys().cloned().collect()
    }

    /// Kills every delta link issued so far, in the given way.
    pub fn expire_delta_tokens(&self, shape: DeadToken) {
        let mut state = self.lock();
        state.generation += 1;
        state.dead = shape;
    }

    /// Active users, in the order of their creation.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        self.lock().store.users.iter().filter(|user| user.is_active()).map(UserView::of).collect()
    }

    /// The active user with this login name, compared without case.
    #[must_use]
    pub fn find_by_upn(&self, login: &str) -> Option<UserView> {
        let state = self.lock();
        let index = state.store.user(login)?;
        Some(UserView::of(&state.store.users[index])).filter(|user| user.id != login)
    }

    /// Every property of an account, deleted ones too, as it was last set.
    #[must_use]
    pub fn properties(&self, id: &str) -> Map<String, Value> {
        let state = self.lock();
        let user = state.store.users.iter().find(|user| user.id == id);
        user.map(|user| user.properties().collect()).unwrap_or_default()
    }

    /// Whether an account was deleted for good, or never was.
    #[must_use]
    pub fn is_gone(&self, id: &str) -> bool {
        self.lock().store.users.iter().find(|user| user.id == id).is_none_or(|user| user.life == store::Life::Gone)
    }

    /// Ids and names of the active groups.
    #[must_use]
    pub fn groups(&self) -> Vec<(String, String)> {
        let state = self.lock();
        state.store.groups.iter().filter(|one| one.is_active()).map(|one| (one.id.clone(), one.name.clone())).collect()
    }

    /// The id of the active group with this name.
    #[must_use]
    pub fn group_id(&self, name: &str) -> Option<String> {
        self.groups().into_iter().find(|(_, own)| own == name).map(|(id, _)| id)
    }

    /// Ids of the active accounts in a group: direct members, or also those of the groups in it.
    #[must_use]
    pub fn members(&self, group: &str, transitive: bool) -> Vec<String> {
        let state = self.lock();
        let Some(index) = state.store.group(group) else { return Vec::new() };
        let direct = || state.store.groups[index].members.values().copied().collect();
        let members: Vec<store::Member> = if transitive { state.store.transitive(index) } else { direct() };
        let users = members.into_iter().filter_map(|member| match member {
            store::Member::User(user) => Some(&state.store.users[user]),
            _ => None,
        });
        users.filter(|user| user.is_active()).map(|user| user.id.clone()).collect()
    }

    /// Creates an account.
    ///
    /// # Errors
    /// An id or login name that is taken, or an unknown property.
    pub fn add_user(&self, person: Person) -> Result<(), TenantError> {
        self.changing().store.add_user(person).map(|_| ())
    }

    /// Changes properties of an active user (by id or login name); `null` clears.
    ///
    /// # Errors
    /// Unknown user or property, or a login name somebody else has.
    pub fn update_user(&self, id: &str, patch: Map<String, Value>) -> Result<(), TenantError> {
        self.changing().store.update_user(id, patch)
    }

    /// Bars an account from signing in.
    ///
    /// # Errors
    /// Unknown user.
    pub fn disable(&self, id: &str) -> Result<(), TenantError> {
        self.enabled(id, false)
    }

    /// Lets an account sign in again.
    ///
    /// # Errors
    /// Unknown user.
    pub fn enable(&self, id: &str) -> Result<(), TenantError> {
        self.enabled(id, true)
    }

    fn enabled(&self, id: &str, enabled: bool) -> Result<(), TenantError> {
        self.update_user(id, Map::from_iter([("accountEnabled".to_owned(), Value::Bool(enabled))]))
    }

    /// Moves an account to the deleted items. Its memberships stay.
    ///
    /// # Errors
    /// Unknown user.
    pub fn soft_delete(&self, id: &str) -> Result<(), TenantError> {
        let mut state = self.changing();
        let at = state.now();
        state.store.soft_delete(id, at)
    }

    /// Brings an account (by id) back from the deleted items.
    ///
    /// # Errors
    /// No such deleted account, or its login name has been given away.
    pub fn restore(&self, id: &str) -> Result<(), TenantError> {
        self.changing().store.restore(id)
    }

    /// Deletes an account (by id) for good, and its memberships with it.
    ///
    /// # Errors
    /// Unknown user.
    pub fn hard_delete(&self, id: &str) -> Result<(), TenantError> {
        self.changing().store.hard_delete(id)
    }

    /// Creates an empty group.
    ///
    /// # Errors
    /// [`TenantError::Taken`] when the id is.
    pub fn add_group(&self, id: &str, name: &str) -> Result<(), TenantError> {
        self.changing().store.add_group(id.to_owned(), name.to_owned())
    }

    /// Renames a group.
    ///
    /// # Errors
    /// Unknown group.
    pub fn rename_group(&self, id: &str, name: &str) -> Result<(), TenantError> {
        self.changing().store.change_group(id, |group| name.clone_into(&mut group.name))
    }

    /// Deletes a group for good.
    ///
    /// # Errors
    /// Unknown group.
    pub fn delete_group(&self, id: &str) -> Result<(), TenantError> {
        self.changing().store.delete_group(id)
    }

    /// Hides or shows the membership of a group: a hidden one takes `Member.Read.Hidden` to read.
    ///
    /// # Errors
    /// Unknown group.
    pub fn hide_group(&self, id: &str, hidden: bool) -> Result<(), TenantError> {
        self.changing().store.change_group(id, |group| group.hidden = hidden)
    }

    /// Puts a user, group or device into a group; once is enough.
    ///
    /// # Errors
    /// Unknown group or member.
    pub fn add_member(&self, group: &str, member: &str) -> Result<(), TenantError> {
        self.changing().store.set_member(group, member, true)
    }

    /// Takes a user, group or device out of a group.
    ///
    /// # Errors
    /// Unknown group or member.
    pub fn remove_member(&self, group: &str, member: &str) -> Result<(), TenantError> {
        self.changing().store.set_member(group, member, false)
    }

    /// How many requests came, parts of a batch counted as well as the batch.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.lock().requests.values().sum()
    }

    /// How many requests came, by operation (`GET /users/delta`).
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.lock().requests.clone()
    }
}
