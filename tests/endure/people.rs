//! The people of one company: who joins, moves, leaves and comes back, and what Connect should hold because of it.
//!
//! What somebody should have is said here in our own words, from the directory as it is, without the program under test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::company::Company;
use rollcall::sandbox::connect::{ConnectState, User};
use rollcall::sandbox::scene::{AGENTS, SceneSource};
use rollcall::sandbox::tenant::{Tenant, UserView};
use serde_json::{Map, Value, json};

const DEPARTMENTS: [&str; 5] = ["Care", "Sales", "Support", "Billing", "Customer Success"];
/// Where the rules put leavers.
const HOLDING: &str = "Holding";

/// What can happen to a company, and how many of a hundred times.
const EVENTS: [(u32, Event); 4] = [(35, Event::Joins), (70, Event::Moves), (90, Event::Leaves), (100, Event::Returns)];

#[derive(Debug, Clone, Copy)]
enum Event {
    Joins,
    Moves,
    Leaves,
    Returns,
}

/// A company.
pub(crate) struct People {
    tenant: Tenant,
    agents: String,
    /// Whether members of groups in the group are in scope: Okta flattens groups.
    nested: bool,
    hired: AtomicUsize,
    happened: AtomicUsize,
    rng: Mutex<Rng>,
}

impl People {
    pub(crate) fn of(sandbox: &Sandbox, source: SceneSource, seed: u64) -> Self {
        Self {
            tenant: sandbox.tenant.clone(),
            agents: sandbox.tenant.group_id(AGENTS).unwrap(),
            nested: matches!(source, SceneSource::Okta { .. }),
            hired: AtomicUsize::new(0),
            happened: AtomicUsize::new(0),
            rng: Mutex::new(Rng::with_seed(seed)),
        }
    }

    fn dice(&self, below: usize) -> usize {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).usize(0..below)
    }

    fn in_scope(&self) -> Vec<UserView> {
        let members = self.tenant.members(&self.agents, self.nested);
        self.tenant.users().into_iter().filter(|user| members.contains(&user.id)).collect()
    }

    /// How many are agents now.
    pub(crate) fn agents(&self) -> usize {
        self.in_scope().iter().filter(|user| user.account_enabled).count()
    }

    /// How many things have happened.
    pub(crate) fn happened(&self) -> usize {
        self.happened.load(Ordering::Relaxed)
    }

    /// Hires somebody into the agents' group; gives the login name.
    pub(crate) fn hire(&self, department: &str) -> String {
        let number = 9_000 + self.hired.fetch_add(1, Ordering::Relaxed);
        let mut person = Company::newcomer(3, number);
        person.properties.insert("department".to_owned(), json!(department));
        let login = person.properties["userPrincipalName"].as_str().unwrap().to_owned();
        let id = person.id.clone();
        self.tenant.add_user(person).unwrap();
        self.tenant.add_member(&self.agents, &id).unwrap();
        login
    }

    fn somebody(&self, enabled: bool) -> Option<UserView> {
        let mut all: Vec<UserView> =
            self.in_scope().into_iter().filter(|user| user.account_enabled == enabled).collect();
        (!all.is_empty()).then(|| all.swap_remove(self.dice(all.len())))
    }

    /// Somebody joins, moves to another department, leaves or comes back.
    pub(crate) fn something_happens(&self) {
        let of_hundred = u32::try_from(self.dice(100)).unwrap();
        let (_, event) = EVENTS.into_iter().find(|(below, _)| of_hundred < *below).unwrap();
        let department = DEPARTMENTS[self.dice(DEPARTMENTS.len())];
        match event {
            Event::Joins => drop(self.hire(department)),
            Event::Moves => {
                let Some(user) = self.somebody(true) else { return };
                let patch = Map::from_iter([("department".to_owned(), Value::from(department))]);
                self.tenant.update_user(&user.id, patch).unwrap();
            }
            Event::Leaves => {
                let Some(user) = self.somebody(true) else { return };
                match self.dice(3) {
                    // For good, or so that the account can come back.
                    0 => self.tenant.soft_delete(&user.id).unwrap(),
                    _ => self.tenant.disable(&user.id).unwrap(),
                }
            }
            Event::Returns => {
                let Some(user) = self.somebody(false) else { return };
                self.tenant.enable(&user.id).unwrap();
            }
        }
        self.happened.fetch_add(1, Ordering::Relaxed);
    }

    /// What in Connect is not as the directory and the rules want it; `success` is the routing profile of Customer Success.
    pub(crate) fn disagreements(&self, connect: &ConnectState, success: &str) -> Vec<String> {
        let users = connect.users();
        let routing =
            |user: &User, name: &str| connect.routing_profile_id(name).as_ref() == Some(&user.routing_profile_id);
        let mut wrong = Vec::new();
        let mut owned: BTreeMap<&String, usize> = BTreeMap::new();
        for owner in users.iter().filter_map(|user| user.tags.get("rollcall:person")) {
            *owned.entry(owner).or_default() += 1;
        }
        wrong.extend(owned.into_iter().filter(|(_, n)| *n > 1).map(|(owner, n)| format!("{owner} has {n} users")));
        let mut known = Vec::new();
        for person in self.in_scope().into_iter().filter(|user| user.account_enabled) {
            let login = person.user_principal_name;
            let wanted = routing_of(person.department.as_deref(), success);
            let found: Vec<&User> = users.iter().filter(|user| goes_by(&login, &user.username)).collect();
            match found[..] {
                [user] if !user.tags.contains_key("rollcall:person") => wrong.push(format!("{login} is not marked")),
                [user] if !routing(user, wanted) => wrong.push(format!("{login} is not in {wanted}")),
                [_] => {}
                [] => wrong.push(format!("{login} has no user")),
                _ => wrong.push(format!("{login} has {} users", found.len())),
            }
            known.extend(found.into_iter().map(|user| user.id.clone()));
        }
        let left = users.iter().filter(|user| user.tags.contains_key("rollcall:person") && !known.contains(&user.id));
        let kept = left.filter(|user| !routing(user, HOLDING));
        wrong.extend(kept.map(|user| format!("{} has left and keeps access", user.username)));
        wrong
    }
}

fn goes_by(login: &str, username: &str) -> bool {
    login.eq_ignore_ascii_case(username) || login.split('@').next() == Some(username)
}

/// The routing profile that the rules of the scene give.
fn routing_of<'a>(department: Option<&str>, success: &'a str) -> &'a str {
    match department {
        Some("Care") => "Care Voice",
        Some("Sales") => "Sales Voice",
        Some("Support") => "Support Voice",
        Some("Customer Success") => success,
        _ => "Basic Routing Profile",
    }
}
