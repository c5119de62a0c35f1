//! An Okta org over a tenant: the same people and groups, in Okta's wire form and by Okta's rules.
//!
//! One way through for every request: count, fault, rate limit, token, role, answer. What is Okta's own (statuses, ids,
//! the application, the System Log, clients) lives here; people and groups live in the tenant, whose log is read before
//! every answer.
//!
//! | file | what |
//! |---|---|
//! | [`call`] | what a request asks for |
//! | [`access`], [`clients`], [`token`], [`jwt`], [`dpop`] | who may ask |
//! | [`rates`], [`settings`] | how often, and how much |
//! | [`org`], [`changes`], [`index`] | what the org remembers, and how it follows the tenant |
//! | [`users`], [`groups`], [`apps`], [`logs`] | the answers; [`people`], [`log`] are what is in them |
//! | [`expression`], [`cursor`], [`world`] | searches and pages |
//! | [`fault`], [`control`] | bad days, and the levers over HTTP |
//!
//! Invariant: links are absolute; a cursor works for its own listing only.
//! Deliberately absent: writes, custom user types, event hooks, group rules, `fields`.
//!
//! (Okta reference, "Users", "Groups", "Applications", "System Log"; okta-developer-docs, "Core Okta API".)

mod access;
mod apps;
mod call;
mod changes;
mod clients;
mod control;
mod cursor;
mod dpop;
mod expression;
mod fault;
mod groups;
mod ids;
mod index;
mod jwt;
mod log;
mod logs;
mod org;
mod people;
mod rates;
mod reply;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod users;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use chrono::{DateTime, Utc};

use super::faults::{FaultKind, Faults};
use super::tenant::store::{Life, Object};
use super::tenant::{State as TenantState, Tenant, TenantError};
use call::{Call, Operation};
pub use control::control_router;
use index::Index;
use log::{Event, Target};
use org::Org;
use reply::{Refusal, Reply};
pub use settings::{AppSettings, GroupAssignment, PageCaps, RateLimits, Role, ServiceApp, Settings};
use world::World;

/// An Okta org over a tenant: the same people and groups, in Okta's wire form. Clones are the same one.
#[derive(Debug, Clone)]
pub struct OktaOrg {
    tenant: Tenant,
    org: Arc<Mutex<Org>>,
}

impl OktaOrg {
    /// One over this tenant. Nobody can sign in before [`add_api_token`](Self::add_api_token) or
    /// [`set_service_app`](Self::set_service_app).
    #[must_use]
    pub fn new(tenant: Tenant) -> Self {
        let org = Org::new(&tenant.lock());
        Self { tenant, org: Arc::new(Mutex::new(org)) }
    }

    /// Its HTTP interface; `root` is its own address as clients call it: links, audiences and proofs are about it.
    ///
    /// Faults are those of the service `okta`. A status of 429 with the code `concurrency` is the refusal of too many
    /// requests at once: limit and remaining read 0.
    pub fn router(&self, faults: Faults, root: String) -> Router {
        let service = Service { okta: self.clone(), faults, root: root.trim_end_matches('/').to_owned() };
        Router::new().fallback(serve).with_state(service)
    }

    fn lock(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both locks, with everything read that happened.
    fn with<T>(&self, work: impl FnOnce(&TenantState, &mut Org) -> T) -> T {
        let tenant = self.tenant.lock();
        let mut org = self.lock();
        org.catch_up(&tenant);
        work(&tenant, &mut org)
    }

    /// Changes settings. Assignments made here are not told in the System Log; those that follow from a membership are.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        // Outside of the locks: a change may ask for ids.
        let mut settings = self.lock().settings.clone();
        change(&mut settings);
        self.with(|tenant, org| {
            org.settings = settings;
            org.forget_role();
            org.assigned = org.assignments(tenant);
            match (org.settings.index_lag_millis, &org.index) {
                (0, _) => org.index = None,
                (_, None) => org.index = Some(Index::of(org, tenant)),
                (_, Some(_)) => {}
            }
        });
    }

    /// Lets an API token (`SSWS`) in. It dies after 30 days without use.
    pub fn add_api_token(&self, token: &str) {
        self.lock().clients.add_token(token);
    }

    /// Revokes an API token; whether there was one.
    pub fn revoke_api_token(&self, token: &str) -> bool {
        self.lock().clients.revoke_token(token)
    }

    /// Registers a service app, or replaces its registration. Tokens it already has stay as they are.
    pub fn set_service_app(&self, app: ServiceApp) {
        self.lock().clients.apps.insert(app.client_id.clone(), app);
    }

    /// Voids every access token. API tokens stay.
    pub fn revoke_tokens(&self) {
        self.lock().clients.grants.clear();
    }

    /// Voids every nonce for proofs of possession: the next proof is asked for a new one.
    pub fn expire_nonces(&self) {
        self.lock().clients.forget_nonces();
    }

    /// Kills every stored `next` link of the System Log.
    pub fn expire_log_links(&self) {
        self.lock().log.generation += 1;
    }

    /// Writes an event about a user (the tenant's id) into the System Log, with any result and any time, late ones too.
    ///
    /// # Errors
    /// Unknown user.
    pub fn log_event(&self, kind: &str, result: &str, at: DateTime<Utc>, user: &str) -> Result<(), TenantError> {
        self.with(|tenant, org| {
            let Some(Object::User(index)) = tenant.store.object(user) else { return Err(TenantError::NoSuchObject) };
            let event = Event::new(at.timestamp_millis(), kind, vec![Target::user(tenant, index)]);
            org.log.push(Event { result: result.to_owned(), ..event });
            Ok(())
        })
    }

    /// Gives a user (the tenant's id) a status (`LOCKED_OUT`), until the tenant disables, enables, deletes or restores
    /// the account.
    ///
    /// # Errors
    /// Unknown or deleted user.
    pub fn set_status(&self, user: &str, status: &str) -> Result<(), TenantError> {
        self.restate(user, Some(status.to_owned()))
    }

    /// Gives a user (the tenant's id) the status again that the tenant's account has.
    ///
    /// # Errors
    /// Unknown or deleted user.
    pub fn clear_status(&self, user: &str) -> Result<(), TenantError> {
        self.restate(user, None)
    }

    fn restate(&self, user: &str, status: Option<String>) -> Result<(), TenantError> {
        self.with(|tenant, org| {
            let Some(Object::User(index)) = tenant.store.object(user) else { return Err(TenantError::NoSuchObject) };
            if org.people[index].life != Life::Active {
                return Err(TenantError::NoSuchObject);
            }
            let now = tenant.now().timestamp_millis();
            org.people[index].status = status;
            org.people[index].status_changed = now;
            org.touch(index, now);
            if let Some(mut late) = org.index.take() {
                late.note(org, tenant, &[index].into(), &std::collections::BTreeSet::new());
                org.index = Some(late);
            }
            Ok(())
        })
    }

    /// Okta's id of a user of the tenant, deleted ones too.
    #[must_use]
    pub fn okta_id(&self, user: &str) -> Option<String> {
        match self.tenant.lock().store.object(user) {
            Some(Object::User(index)) => Some(ids::user(index)),
            _ => None,
        }
    }

    /// The tenant's id of a user, by Okta's.
    #[must_use]
    pub fn tenant_id(&self, user: &str) -> Option<String> {
        let index = ids::user_index(user)?;
        self.tenant.lock().store.users.get(index).map(|user| user.id.clone())
    }

    /// Okta's id of a group of the tenant.
    #[must_use]
    pub fn okta_group_id(&self, group: &str) -> Option<String> {
        match self.tenant.lock().store.object(group) {
            Some(Object::Group(index)) => Some(ids::group(index)),
            _ => None,
        }
    }

    /// The tenant's id of a group, by Okta's. Everyone has none.
    #[must_use]
    pub fn tenant_group_id(&self, group: &str) -> Option<String> {
        let index = ids::group_index(group)?;
        self.tenant.lock().store.groups.get(index).map(|group| group.id.clone())
    }

    /// The id of the application.
    #[must_use]
    pub fn app_id(&self) -> String {
        ids::app()
    }

    /// How many requests came, by operation (`GET /api/v1/users/{id}`).
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.lock().requests.clone()
    }
}

#[derive(Clone)]
struct Service {
    okta: OktaOrg,
    faults: Faults,
    root: String,
}

/// The largest body read: a token request is far below it.
const BODY_LIMIT: usize = 1 << 20;

/// A request that is being answered, counted until its end, however that comes.
struct Running(OktaOrg);

impl Running {
    fn begin(okta: &OktaOrg, name: &str) -> Self {
        let mut org = okta.lock();
        *org.requests.entry(name.to_owned()).or_default() += 1;
        org.rates.running += 1;
        Self(okta.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut org = self.0.lock();
        org.rates.running = org.rates.running.saturating_sub(1);
    }
}

async fn serve(State(service): State<Service>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let call = Call::read(head.method, &head.uri, head.headers, &body);
    let name = call.operation.name();
    let _running = Running::begin(&service.okta, name);
    let fault = service.faults.take("okta", name);
    if let Some(FaultKind::Delay { millis }) = fault {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    service.okta.with(|tenant, org| service.reply(tenant, org, &call, fault)).into_response()
}

impl Service {
    fn reply(&self, tenant: &TenantState, org: &mut Org, call: &Call, fault: Option<FaultKind>) -> Reply {
        let now = tenant.now();
        let limits = org.settings.limits;
        let mut standing = org.rates.charge(&call.operation, &limits, now.timestamp_millis());
        if org.rates.running > limits.concurrent {
            standing = standing.crowded(now.timestamp_millis());
        }
        let mut reply = match fault {
            Some(FaultKind::Status { status, code, message, retry_after }) => {
                let said = (status, code, message, retry_after);
                let refusal;
                (refusal, standing) = fault::stated(call, said, standing, now.timestamp_millis());
                Reply::from(refusal)
            }
            fault => {
                let answer = if standing.fits { self.answer(tenant, org, call) } else { Err(rates::refusal()) };
                fault::mark(answer.unwrap_or_else(Reply::from), fault, call, &self.root)
            }
        };
        reply.headers.extend(standing.headers());
        reply.headers.push(("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        reply.headers.push(("x-okta-request-id", crate::sandbox::fresh_id().simple().to_string()));
        reply
    }

    fn answer(&self, tenant: &TenantState, org: &mut Org, call: &Call) -> Result<Reply, Refusal> {
        let now = tenant.now();
        if call.operation == Operation::Token {
            let url = format!("{}{}", self.root, call.path);
            let mut reply = Reply::new(org.clients.issue(call, &url, now)?);
            reply.headers.push(("cache-control", "no-cache, no-store".to_owned()));
            return Ok(reply);
        }
        org.admit(call, &self.root, now)?;
        let world = World { tenant, org, call, root: &self.root };
        match &call.operation {
            Operation::Users => world.users(),
            Operation::User(key) => world.user(key),
            Operation::UserGroups(key) => world.groups_of_user(key),
            Operation::Groups => world.groups(),
            Operation::Group(id) => world.group(id),
            Operation::GroupUsers(id) => world.users_of_group(id),
            Operation::Apps => world.apps(),
            Operation::App(id) => world.app(id),
            Operation::AppUsers(id) => world.users_of_app(id),
            Operation::AppUser(id, user) => world.user_of_app(id, user),
            Operation::AppGroups(id) => world.groups_of_app(id),
            Operation::Logs => world.logs(),
            // Refused before.
            Operation::Token | Operation::WrongMethod | Operation::Unknown => {
                Err(Refusal::not_found(&call.path, "Resource"))
            }
        }
    }
}
