//! Everything a tenant holds, and the log of what changed.
//!
//! Invariant: a version is a position in the log; it only grows, and whoever read up to it finds every later change
//! behind it.
//! Invariant: users and groups keep their index for ever, and a membership its number, so that a page can be continued
//! while the tenant changes under it.
//! Deliberately absent: HTTP, permissions and pages.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::TenantError;
use super::properties::{Name, known};
use crate::sandbox::company::{Belongs, Company, Person};

/// Whether an object is there.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Life {
    /// It is.
    Active,
    /// Deleted, restorable.
    Deleted {
        /// Since when.
        at: DateTime<Utc>,
        /// The login name it had; a deleted account's is prefixed with its id, to free the name.
        login: String,
    },
    /// Permanently deleted.
    Gone,
}

/// An account.
#[derive(Debug)]
pub(in crate::sandbox) struct User {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) life: Life,
    pub(in crate::sandbox) created: DateTime<Utc>,
    /// When the account itself changed last; memberships are the groups' matter.
    pub(in crate::sandbox) modified: DateTime<Utc>,
    /// Everything that was ever set; `null` was cleared.
    properties: Vec<(Name, Value)>,
}

impl User {
    /// The value of a property; `None` was never set.
    pub(in crate::sandbox) fn get(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Everything that was ever set.
    pub(super) fn properties(&self) -> impl Iterator<Item = (String, Value)> {
        self.properties.iter().map(|(name, value)| (name.to_string(), value.clone()))
    }

    pub(in crate::sandbox) fn is_active(&self) -> bool {
        self.life == Life::Active
    }

    fn login(&self) -> String {
        self.get("userPrincipalName").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Sets a value; whether that changed anything.
    fn set(&mut self, name: Name, value: Value) -> bool {
        match self.properties.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) if *old == value => false,
            Some((_, old)) => {
                *old = value;
                true
            }
            None if value.is_null() => false,
            None => {
                self.properties.push((name, value));
                true
            }
        }
    }
}

/// Who or what is in a group; the numbers are indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::sandbox) enum Member {
    User(usize),
    Group(usize),
    Device(usize),
}

/// A group.
#[derive(Debug)]
pub(in crate::sandbox) struct Group {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) life: Life,
    /// Whether seeing its members takes `Member.Read.Hidden`.
    pub(in crate::sandbox) hidden: bool,
    pub(in crate::sandbox) created: DateTime<Utc>,
    /// When the group itself changed last.
    pub(in crate::sandbox) modified: DateTime<Utc>,
    /// When somebody joined or left last.
    pub(in crate::sandbox) members_modified: DateTime<Utc>,
    /// Direct members by the number of their joining.
    pub(in crate::sandbox) members: BTreeMap<u64, Member>,
    joined: HashMap<Member, u64>,
    next: u64,
}

impl Group {
    fn new(id: String, name: String, at: DateTime<Utc>) -> Self {
        let (members, joined) = (BTreeMap::new(), HashMap::new());
        let (created, modified, members_modified) = (at, at, at);
        Self {
            id,
            name,
            life: Life::Active,
            hidden: false,
            created,
            modified,
            members_modified,
            members,
            joined,
            next: 0,
        }
    }

    pub(in crate::sandbox) fn is_active(&self) -> bool {
        self.life == Life::Active
    }

    pub(in crate::sandbox) fn has(&self, member: Member) -> bool {
        self.joined.contains_key(&member)
    }

    fn join(&mut self, member: Member) -> bool {
        if self.has(member) {
            return false;
        }
        self.joined.insert(member, self.next);
        self.members.insert(self.next, member);
        self.next += 1;
        true
    }

    fn leave(&mut self, member: Member) -> bool {
        self.joined.remove(&member).is_some_and(|number| self.members.remove(&number).is_some())
    }
}

/// One entry of the log.
#[derive(Debug)]
pub(in crate::sandbox) enum Change {
    /// A user came, went or came back (`names` is `None`), or these properties changed.
    User { user: usize, names: Option<Vec<Name>> },
    /// A group came, went, or was renamed.
    Group { group: usize },
    /// Somebody joined or left.
    Membership { group: usize, member: Member },
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Object {
    User(usize),
    Group(usize),
    Device(usize),
}

/// When the people of a company came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Hired {
    /// In the same moment, as after a bulk import.
    AtOnce,
    /// One after the other, so that watermarks have something to tell apart.
    OneByOne,
}

/// The directory itself.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Store {
    pub(in crate::sandbox) users: Vec<User>,
    pub(in crate::sandbox) groups: Vec<Group>,
    pub(in crate::sandbox) devices: Vec<String>,
    pub(in crate::sandbox) log: Vec<Change>,
    /// The time of the change that is being made; set by whoever makes it.
    pub(super) now: DateTime<Utc>,
    by_id: HashMap<String, Object>,
    by_login: HashMap<String, usize>,
}

impl Store {
    /// Moves a company in. Its people do not stand in the log: nobody can have a token from before they were there.
    pub(in crate::sandbox) fn new(company: Company, at: DateTime<Utc>, hired: Hired) -> Result<Self, TenantError> {
        let Company { tenant_id: _, domain: _, people, groups, devices } = company;
        let mut store = Self::default();
        for (index, person) in people.into_iter().enumerate() {
            let minutes = i64::try_from(index % 100_000).unwrap_or_default();
            store.now = match hired {
                Hired::AtOnce => at,
                Hired::OneByOne => at - TimeDelta::minutes(60 + 10 * minutes),
            };
            store.add_user(person)?;
        }
        store.now = at;
        for (index, device) in devices.iter().enumerate() {
            store.by_id.insert(device.clone(), Object::Device(index));
        }
        store.devices = devices;
        for (index, team) in groups.into_iter().enumerate() {
            store.by_id.insert(team.id.clone(), Object::Group(index));
            let mut group = Group::new(team.id, team.name, at);
            for member in team.members {
                group.join(match member {
                    Belongs::Person(index) => Member::User(index),
                    Belongs::Group(index) => Member::Group(index),
                    Belongs::Device(index) => Member::Device(index),
                });
            }
            store.groups.push(group);
        }
        store.log.clear();
        Ok(store)
    }

    /// Writes a change into the log and onto the thing that changed.
    fn note(&mut self, change: Change) {
        match change {
            Change::User { user, .. } => self.users[user].modified = self.now,
            Change::Group { group } => self.groups[group].modified = self.now,
            Change::Membership { group, .. } => self.groups[group].members_modified = self.now,
        }
        self.log.push(change);
    }

    /// How far the log has come.
    pub(in crate::sandbox) fn version(&self) -> usize {
        self.log.len()
    }

    pub(in crate::sandbox) fn object(&self, id: &str) -> Option<Object> {
        // Ids are compared without case; callers that keep the spelling they got save the copy.
        self.by_id.get(id).or_else(|| self.by_id.get(&id.to_ascii_lowercase())).copied()
    }

    /// An active user by id or login name.
    pub(in crate::sandbox) fn user(&self, key: &str) -> Option<usize> {
        let index = match self.object(key) {
            Some(Object::User(index)) => index,
            Some(_) => return None,
            None => *self.by_login.get(&key.to_lowercase())?,
        };
        self.users[index].is_active().then_some(index)
    }

    /// An active group by id.
    pub(in crate::sandbox) fn group(&self, id: &str) -> Option<usize> {
        match self.object(id)? {
            Object::Group(index) if self.groups[index].is_active() => Some(index),
            _ => None,
        }
    }

    /// Everything in the group or in groups in it, each once, in the order in which they are met.
    pub(in crate::sandbox) fn transitive(&self, group: usize) -> Vec<Member> {
        // Marks instead of a set: every page of a big listing comes through here.
        let marks = |size| vec![false; size];
        let (mut users, mut groups, mut devices) =
            (marks(self.users.len()), marks(self.groups.len()), marks(self.devices.len()));
        let (mut queue, mut found, mut at) = (vec![group], Vec::new(), 0);
        while let Some(&group) = queue.get(at) {
            at += 1;
            for &member in self.groups[group].members.values() {
                let seen = match member {
                    Member::User(index) => &mut users[index],
                    Member::Group(index) => &mut groups[index],
                    Member::Device(index) => &mut devices[index],
                };
                if !std::mem::replace(seen, true) {
                    found.push(member);
                    if let Member::Group(inner) = member {
                        queue.push(inner);
                    }
                }
            }
        }
        found
    }

    /// Whether the thing a membership points to can be seen.
    pub(in crate::sandbox) fn is_there(&self, member: Member) -> bool {
        match member {
            Member::User(index) => self.users[index].is_active(),
            Member::Group(index) => self.groups[index].is_active(),
            Member::Device(_) => true,
        }
    }

    pub(super) fn add_user(&mut self, person: Person) -> Result<usize, TenantError> {
        let index = self.users.len();
        let own = |(name, value): (String, Value)| known(&name).map(|(name, _)| (name, value));
        let properties: Option<Vec<_>> = person.properties.into_iter().map(own).collect();
        let properties = properties.ok_or(TenantError::NoSuchProperty)?;
        let (created, modified) = (self.now, self.now);
        let user = User { id: person.id, life: Life::Active, created, modified, properties };
        let login = user.login().to_lowercase();
        if self.by_login.contains_key(&login) || self.by_id.contains_key(&user.id) {
            return Err(TenantError::Taken);
        }
        self.by_login.insert(login, index);
        self.by_id.insert(user.id.clone(), Object::User(index));
        self.users.push(user);
        self.note(Change::User { user: index, names: None });
        Ok(index)
    }

    pub(super) fn update_user(&mut self, id: &str, patch: Map<String, Value>) -> Result<(), TenantError> {
        let user = self.user(id).ok_or(TenantError::NoSuchObject)?;
        let before = self.users[user].login().to_lowercase();
        if let Some(login) = patch.get("userPrincipalName") {
            let login = login.as_str().ok_or(TenantError::Taken)?.to_lowercase();
            if self.by_login.get(&login).is_some_and(|other| *other != user) {
                return Err(TenantError::Taken);
            }
        }
        let mut names = Vec::new();
        for (name, value) in patch {
            let (name, _) = known(&name).ok_or(TenantError::NoSuchProperty)?;
            if self.users[user].set(name.clone(), value) {
                names.push(name);
            }
        }
        self.by_login.remove(&before);
        self.by_login.insert(self.users[user].login().to_lowercase(), user);
        if !names.is_empty() {
            self.note(Change::User { user, names: Some(names) });
        }
        Ok(())
    }

    pub(super) fn soft_delete(&mut self, id: &str, at: DateTime<Utc>) -> Result<(), TenantError> {
        let user = self.user(id).ok_or(TenantError::NoSuchObject)?;
        let login = self.users[user].login();
        self.by_login.remove(&login.to_lowercase());
        let of = &mut self.users[user];
        let parked = format!("{}{login}", of.id.replace('-', ""));
        of.set("userPrincipalName".into(), parked.into());
        of.life = Life::Deleted { at, login };
        self.note(Change::User { user, names: None });
        Ok(())
    }

    pub(super) fn restore(&mut self, id: &str) -> Result<(), TenantError> {
        let Some(Object::User(user)) = self.object(id) else { return Err(TenantError::NoSuchObject) };
        let Life::Deleted { login, .. } = self.users[user].life.clone() else { return Err(TenantError::NoSuchObject) };
        if self.by_login.contains_key(&login.to_lowercase()) {
            return Err(TenantError::Taken);
        }
        self.by_login.insert(login.to_lowercase(), user);
        self.users[user].set("userPrincipalName".into(), login.into());
        self.users[user].life = Life::Active;
        self.note(Change::User { user, names: None });
        Ok(())
    }

    /// Deletes for good, from active or deleted; only now the memberships end.
    pub(super) fn hard_delete(&mut self, id: &str) -> Result<(), TenantError> {
        let Some(Object::User(user)) = self.object(id) else { return Err(TenantError::NoSuchObject) };
        match self.users[user].life {
            Life::Gone => return Err(TenantError::NoSuchObject),
            Life::Active => drop(self.by_login.remove(&self.users[user].login().to_lowercase())),
            Life::Deleted { .. } => {}
        }
        self.users[user].life = Life::Gone;
        self.note(Change::User { user, names: None });
        self.leave_all(Member::User(user));
        Ok(())
    }

    fn leave_all(&mut self, member: Member) {
        for group in 0..self.groups.len() {
            if self.groups[group].leave(member) {
                self.note(Change::Membership { group, member });
            }
        }
    }

    /// Deletes a group for good; it leaves the groups it is nested in.
    pub(super) fn delete_group(&mut self, id: &str) -> Result<(), TenantError> {
        let group = self.group(id).ok_or(TenantError::NoSuchObject)?;
        self.groups[group].life = Life::Gone;
        self.note(Change::Group { group });
        self.leave_all(Member::Group(group));
        Ok(())
    }

    pub(super) fn add_group(&mut self, id: String, name: String) -> Result<(), TenantError> {
        if self.by_id.contains_key(&id) {
            return Err(TenantError::Taken);
        }
        let group = self.groups.len();
        self.by_id.insert(id.clone(), Object::Group(group));
        self.groups.push(Group::new(id, name, self.now));
        self.note(Change::Group { group });
        Ok(())
    }

    pub(super) fn change_group(&mut self, id: &str, change: impl FnOnce(&mut Group)) -> Result<(), TenantError> {
        let group = self.group(id).ok_or(TenantError::NoSuchObject)?;
        change(&mut self.groups[group]);
        self.note(Change::Group { group });
        Ok(())
    }

    pub(super) fn set_member(&mut self, group: &str, member: &str, belongs: bool) -> Result<(), TenantError> {
        let group = self.group(group).ok_or(TenantError::NoSuchObject)?;
        let member = match self.object(member).ok_or(TenantError::NoSuchObject)? {
            Object::User(index) => Member::User(index),
            Object::Group(index) => Member::Group(index),
            Object::Device(index) => Member::Device(index),
        };
        let of = &mut self.groups[group];
        if if belongs { of.join(member) } else { of.leave(member) } {
            self.note(Change::Membership { group, member });
        }
        Ok(())
    }
}
