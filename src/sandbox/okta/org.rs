//! What the org remembers beside the tenant: statuses, clocks, the application's assignments, clients, its log.
//!
//! Invariant: it has read the tenant's log to its end whenever a request is answered.
//! Invariant: locks are taken in one order, the tenant's before the org's.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::clients::Clients;
use super::index::Index;
use super::log::Log;
use super::rates::Rates;
use super::settings::{Role, Settings};
use crate::sandbox::tenant::State as TenantState;
use crate::sandbox::tenant::store::{Life, Member, Object, User};

/// What Okta knows of a user and the tenant does not. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Account {
    /// As the tenant's log was read last.
    pub(super) life: Life,
    pub(super) enabled: bool,
    /// A status that was set by hand, until the tenant changes the account's state.
    pub(super) status: Option<String>,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) status_changed: i64,
}

impl Account {
    pub(super) fn of(user: &User) -> Self {
        let (created, updated) = (user.created.timestamp_millis(), user.modified.timestamp_millis());
        let enabled = is_enabled(user);
        Self { life: user.life.clone(), enabled, status: None, created, updated, status_changed: created }
    }
}

pub(super) fn is_enabled(user: &User) -> bool {
    user.get("accountEnabled") == Some(&serde_json::Value::Bool(true))
}

/// Everything behind the org's lock.
#[derive(Debug)]
pub(super) struct Org {
    pub(super) settings: Settings,
    pub(super) clients: Clients,
    pub(super) rates: Rates,
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) log: Log,
    /// By the tenant's index of the user.
    pub(super) people: Vec<Account>,
    /// Everybody who is not gone, by the time of the last update.
    pub(super) order: BTreeSet<(i64, usize)>,
    /// By the tenant's index of the group: whether it was there when the tenant's log was read last.
    pub(super) groups: Vec<bool>,
    /// When somebody came into or left the org.
    pub(super) everyone_changed: i64,
    /// Who has the application, and through which of its group assignments, the first priority first.
    pub(super) assigned: BTreeMap<usize, Vec<usize>>,
    /// When an assignment of somebody's began.
    pub(super) assigned_at: HashMap<usize, i64>,
    /// The late view of `search`, `filter` and `q`, if it is late.
    pub(super) index: Option<Index>,
    /// How far the tenant's log was read.
    pub(super) read: usize,
    /// Members of groups, nested ones included; forgotten when a membership changes.
    flat: RefCell<HashMap<usize, Arc<Vec<usize>>>>,
    visible: RefCell<Option<Arc<Vec<bool>>>>,
}

impl Org {
    pub(super) fn new(tenant: &TenantState) -> Self {
        let people: Vec<Account> = tenant.store.users.iter().map(Account::of).collect();
        let here = people.iter().enumerate().filter(|(_, account)| account.life != Life::Gone);
        let order = here.map(|(index, account)| (account.updated, index)).collect();
        let everyone_changed = people.iter().map(|account| account.created).max().unwrap_or_default();
        Self {
            settings: Settings::default(),
            clients: Clients::default(),
            rates: Rates::default(),
            requests: BTreeMap::new(),
            log: Log::default(),
            people,
            order,
            groups: tenant.store.groups.iter().map(|group| group.life == Life::Active).collect(),
            everyone_changed,
            assigned: BTreeMap::new(),
            assigned_at: HashMap::new(),
            index: None,
            read: tenant.store.version(),
            flat: RefCell::default(),
            visible: RefCell::default(),
        }
    }

    /// Forgets who is in which group.
    pub(super) fn forget_members(&mut self) {
        self.flat.get_mut().clear();
        self.forget_role();
    }

    /// Forgets whom the role shows.
    pub(super) fn forget_role(&mut self) {
        *self.visible.get_mut() = None;
    }

    /// Moves the time of a user's last update.
    pub(super) fn touch(&mut self, index: usize, at: i64) {
        let account = &mut self.people[index];
        self.order.remove(&(account.updated, index));
        account.updated = account.updated.max(at);
        if account.life != Life::Gone {
            self.order.insert((account.updated, index));
        }
    }

    /// Users in a group or in groups in it, by index.
    pub(super) fn flat(&self, tenant: &TenantState, group: usize) -> Arc<Vec<usize>> {
        let mut known = self.flat.borrow_mut();
        let found = known.entry(group).or_insert_with(|| {
            let members = tenant.store.transitive(group).into_iter().filter_map(|member| match member {
                Member::User(index) if tenant.store.users[index].life != Life::Gone => Some(index),
                Member::User(_) | Member::Group(_) | Member::Device(_) => None,
            });
            let mut members: Vec<usize> = members.collect();
            members.sort_unstable();
            Arc::new(members)
        });
        Arc::clone(found)
    }

    /// Whom the role shows, by index; `None` is everybody.
    pub(super) fn visible(&self, tenant: &TenantState) -> Option<Arc<Vec<bool>>> {
        let groups = match &self.settings.role {
            Role::Full => return None,
            Role::Without(hidden) => {
                let users = tenant.store.users.iter();
                return Some(Arc::new(users.map(|user| !hidden.contains(&user.id)).collect()));
            }
            Role::Groups(groups) => groups.clone(),
            Role::Nobody => BTreeSet::new(),
        };
        let mut known = self.visible.borrow_mut();
        let found = known.get_or_insert_with(|| {
            let mut visible = vec![false; tenant.store.users.len()];
            for index in groups.iter().filter_map(|id| tenant.store.group(id)) {
                for &user in self.flat(tenant, index).iter() {
                    visible[user] = true;
                }
            }
            Arc::new(visible)
        });
        Some(Arc::clone(found))
    }

    /// Whether the role shows a group.
    pub(super) fn shows_group(&self, tenant: &TenantState, index: usize) -> bool {
        match &self.settings.role {
            Role::Full | Role::Without(_) => true,
            Role::Groups(groups) => groups.iter().any(|id| tenant.store.group(id).is_some_and(|shown| shown == index)),
            Role::Nobody => false,
        }
    }

    /// Who has the application. A deactivated user has none: deactivation takes every application away.
    pub(super) fn assignments(&self, tenant: &TenantState) -> BTreeMap<usize, Vec<usize>> {
        let app = &self.settings.app;
        let mut assigned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut order: Vec<usize> = (0..app.groups.len()).collect();
        order.sort_by_key(|at| (app.groups[*at].priority, *at));
        for at in order {
            let Some(group) = tenant.store.group(&app.groups[at].group) else { continue };
            for &user in self.flat(tenant, group).iter() {
                assigned.entry(user).or_default().push(at);
            }
        }
        for id in app.users.keys() {
            if let Some(Object::User(user)) = tenant.store.object(id) {
                assigned.entry(user).or_default();
            }
        }
        assigned.retain(|user, _| tenant.store.users[*user].life == Life::Active);
        assigned
    }
}
