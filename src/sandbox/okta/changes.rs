//! Reading the tenant's log: statuses, clocks and the System Log follow from what changed there.
//!
//! The tenant's log says what was touched, not what became of it. What an entry did follows from what is there now and
//! from the entries behind it.
//! Deliberately absent: the moment of each single change. Of several changes of one object between two requests, all
//! carry the time of the last.

use std::collections::{BTreeSet, HashMap};

use super::ids::EVERYONE;
use super::log::{Event, Target};
use super::org::{Account, Org, is_enabled};
use super::people::login;
use crate::sandbox::tenant::State as TenantState;
use crate::sandbox::tenant::store::{Change, Life, Member};

/// What an entry of the tenant's log did.
enum Step {
    /// A user came, went, or came back; how many more such entries follow.
    Life {
        user: usize,
        more: usize,
    },
    /// Properties changed; whether the account was barred (`false`) or let in again.
    Profile {
        user: usize,
        enabled: Option<bool>,
    },
    Group {
        group: usize,
    },
    Membership {
        group: usize,
        member: Member,
        joined: bool,
    },
}

/// The unread part of the log, with what each entry did; read backwards from what is there now.
fn steps(tenant: &TenantState, from: usize) -> Vec<Step> {
    let store = &tenant.store;
    let mut lives: HashMap<usize, usize> = HashMap::new();
    let mut enabled: HashMap<usize, bool> = HashMap::new();
    let mut joined: HashMap<(usize, Member), bool> = HashMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for change in store.log[from..].iter().rev() {
        steps.push(match change {
            Change::User { user, names: None } => {
                let more = lives.entry(*user).or_default();
                *more += 1;
                Step::Life { user: *user, more: *more - 1 }
            }
            Change::User { user, names: Some(names) } => {
                let switched = names.iter().any(|name| name == "accountEnabled").then(|| {
                    let after = enabled.entry(*user).or_insert_with(|| is_enabled(&store.users[*user]));
                    std::mem::replace(after, !*after)
                });
                Step::Profile { user: *user, enabled: switched }
            }
            Change::Group { group } => Step::Group { group: *group },
            Change::Membership { group, member } => {
                let after = joined.entry((*group, *member)).or_insert_with(|| store.groups[*group].has(*member));
                Step::Membership { group: *group, member: *member, joined: std::mem::replace(after, !*after) }
            }
        });
    }
    steps.reverse();
    steps
}

impl Org {
    /// Reads the tenant's log to its end, and lets the late index catch up as far as it may.
    pub(super) fn catch_up(&mut self, tenant: &TenantState) {
        if self.read < tenant.store.version() {
            let steps = steps(tenant, self.read);
            self.read = tenant.store.version();
            let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
            let moved = steps.iter().any(|step| !matches!(step, Step::Profile { .. }));
            if moved {
                self.forget_members();
            }
            for step in &steps {
                self.take(tenant, step, &mut users, &mut groups);
            }
            for &user in &users {
                self.touch(user, tenant.store.users[user].modified.timestamp_millis());
            }
            if moved {
                self.reassign(tenant);
            }
            if let Some(mut index) = self.index.take() {
                index.note(self, tenant, &users, &groups);
                self.index = Some(index);
            }
        }
        let now = tenant.now().timestamp_millis();
        if let Some(index) = &mut self.index {
            index.advance(now);
        }
    }

    fn take(&mut self, tenant: &TenantState, step: &Step, users: &mut BTreeSet<usize>, groups: &mut BTreeSet<usize>) {
        match *step {
            Step::Life { user, more } => {
                users.insert(user);
                groups.insert(EVERYONE);
                self.live(tenant, user, more);
            }
            Step::Profile { user, enabled } => {
                users.insert(user);
                self.change(tenant, user, enabled);
            }
            Step::Group { group } => {
                groups.insert(group);
                self.group_changed(tenant, group);
            }
            Step::Membership { group, member, joined } => {
                groups.extend(around(tenant, group));
                self.member_changed(tenant, group, member, joined);
            }
        }
    }

    /// One step in the life of an account. Only the end is known; what lies between follows, because nobody comes back
    /// from being gone.
    fn live(&mut self, tenant: &TenantState, index: usize, more: usize) {
        let user = &tenant.store.users[index];
        let at = user.modified.timestamp_millis();
        let target = vec![Target::user(tenant, index)];
        let mut event = |kind: &str| self.log.push(Event::new(at, kind, target.clone()));
        if self.people.len() <= index {
            event("user.lifecycle.create");
            event("user.lifecycle.activate");
            self.everyone_changed = self.everyone_changed.max(at);
            let life = if more > 0 { Life::Active } else { user.life.clone() };
            self.people.push(Account { life, status_changed: at, ..Account::of(user) });
            return;
        }
        let before = self.people[index].life.clone();
        let after = match (&before, more) {
            (_, 0) => user.life.clone(),
            (Life::Active, _) => Life::Deleted { at: user.modified, login: login(user).to_owned() },
            (Life::Deleted { .. } | Life::Gone, _) => Life::Active,
        };
        match (&before, &after) {
            (Life::Active, Life::Deleted { .. }) => event("user.lifecycle.deactivate"),
            (Life::Deleted { .. } | Life::Gone, Life::Active) => event("user.lifecycle.reactivate"),
            (_, Life::Gone) => {
                if before == Life::Active {
                    event("user.lifecycle.deactivate");
                }
                event("user.lifecycle.delete.initiated");
                event("user.lifecycle.delete.completed");
                self.everyone_changed = self.everyone_changed.max(at);
                self.order.remove(&(self.people[index].updated, index));
            }
            _ => {}
        }
        let account = &mut self.people[index];
        account.life = after;
        account.status = None;
        account.status_changed = at;
    }

    fn change(&mut self, tenant: &TenantState, index: usize, enabled: Option<bool>) {
        let at = tenant.store.users[index].modified.timestamp_millis();
        let kind = match enabled {
            Some(true) => "user.lifecycle.unsuspend",
            Some(false) => "user.lifecycle.suspend",
            None => "user.account.update_profile",
        };
        self.log.push(Event::new(at, kind, vec![Target::user(tenant, index)]));
        if let Some(enabled) = enabled {
            let account = &mut self.people[index];
            account.enabled = enabled;
            account.status = None;
            account.status_changed = at;
        }
    }

    fn group_changed(&mut self, tenant: &TenantState, index: usize) {
        let group = &tenant.store.groups[index];
        let at = group.modified.timestamp_millis();
        let (was, is) = (self.groups.get(index).copied(), group.is_active());
        let kind = match (was, is) {
            (None, _) => "group.lifecycle.create",
            (Some(_), true) => "group.profile.update",
            (Some(_), false) => "group.lifecycle.delete",
        };
        self.log.push(Event::new(at, kind, vec![Target::group(tenant, index)]));
        if was.is_none() {
            self.groups.push(is);
        }
        self.groups[index] = is;
    }

    /// Somebody, or a group with everybody in it, joined or left: every group around it tells.
    fn member_changed(&mut self, tenant: &TenantState, group: usize, member: Member, joined: bool) {
        let kind = if joined { "group.user_membership.add" } else { "group.user_membership.remove" };
        let at = tenant.store.groups[group].members_modified.timestamp_millis();
        let users = match member {
            Member::User(index) => vec![index],
            Member::Group(index) => self.flat(tenant, index).to_vec(),
            Member::Device(_) => return,
        };
        for group in around(tenant, group) {
            for &user in &users {
                let targets = vec![Target::user(tenant, user), Target::group(tenant, group)];
                self.log.push(Event::new(at, kind, targets));
            }
        }
    }

    /// Works out anew who has the application, and tells what changed.
    pub(super) fn reassign(&mut self, tenant: &TenantState) {
        let now = tenant.now().timestamp_millis();
        let assigned = self.assignments(tenant);
        let before = std::mem::take(&mut self.assigned);
        let app = Target::app(&self.settings.app.label);
        let mut tell = |user: usize, kind: &str| {
            let targets = vec![Target::app_user(tenant, user), app.clone(), Target::user(tenant, user)];
            self.log.push(Event::new(now, kind, targets));
        };
        for &user in assigned.keys().filter(|user| !before.contains_key(user)) {
            tell(user, "application.user_membership.add");
            self.assigned_at.insert(user, now);
        }
        for &user in before.keys().filter(|user| !assigned.contains_key(user)) {
            tell(user, "application.user_membership.remove");
            self.assigned_at.remove(&user);
        }
        self.assigned = assigned;
    }
}

/// A group and every group it is in, however deep.
pub(super) fn around(tenant: &TenantState, group: usize) -> Vec<usize> {
    let (mut found, mut at) = (vec![group], 0);
    while let Some(&inner) = found.get(at) {
        at += 1;
        for (outer, of) in tenant.store.groups.iter().enumerate() {
            if of.is_active() && of.has(Member::Group(inner)) && !found.contains(&outer) {
                found.push(outer);
            }
        }
    }
    found
}
