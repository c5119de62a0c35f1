//! Who is there, in order, and who is in which group: kept beside the tenant and moved on by its log, so that a page costs
//! its own size and not the company's.
//!
//! Invariant: after [`Book::catch_up`] it agrees with the store, whatever happened since.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::sandbox::tenant::store::{Change, Member, Store};

/// The index.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// How far the log was read; `None` before the first look.
    version: Option<usize>,
    /// Indexes of the users who are there, by creation.
    pub(super) users: Arc<Vec<usize>>,
    /// Indexes of the groups that are there, by creation.
    pub(super) groups: Arc<Vec<usize>>,
    /// The groups something is directly in.
    direct: HashMap<Member, Vec<usize>>,
    /// When a group last lost or regained a member because the member went or came back.
    touched: HashMap<usize, DateTime<Utc>>,
    /// Where the log speaks of something last: two changes of the same moment are two.
    changes: HashMap<Member, usize>,
}

fn there(count: usize, is_active: impl Fn(usize) -> bool) -> Arc<Vec<usize>> {
    Arc::new((0..count).filter(|index| is_active(*index)).collect())
}

impl Book {
    /// Reads what the log says since the last time.
    pub(super) fn catch_up(&mut self, store: &Store) {
        let now = store.version();
        let Some(from) = self.version.replace(now) else {
            self.people(store);
            self.teams(store);
            for (index, group) in store.groups.iter().enumerate() {
                for member in group.members.values() {
                    self.direct.entry(*member).or_default().push(index);
                }
            }
            return;
        };
        let (mut people, mut teams) = (false, false);
        for (at, change) in store.log.iter().enumerate().take(now).skip(from) {
            match change {
                Change::User { user, names } => {
                    self.changes.insert(Member::User(*user), at);
                    if names.is_none() {
                        people = true;
                        self.touch(Member::User(*user), store.users[*user].modified, at);
                    }
                }
                Change::Group { group } => {
                    teams = true;
                    self.changes.insert(Member::Group(*group), at);
                    self.touch(Member::Group(*group), store.groups[*group].modified, at);
                }
                Change::Membership { group, member } => {
                    self.changes.insert(Member::Group(*group), at);
                    let groups = self.direct.entry(*member).or_default();
                    groups.retain(|own| own != group);
                    if store.groups[*group].has(*member) {
                        groups.push(*group);
                        groups.sort_unstable();
                    }
                }
            }
        }
        if people {
            self.people(store);
        }
        if teams {
            self.teams(store);
        }
    }

    fn people(&mut self, store: &Store) {
        self.users = there(store.users.len(), |index| store.users[index].is_active());
    }

    fn teams(&mut self, store: &Store) {
        self.groups = there(store.groups.len(), |index| store.groups[index].is_active());
    }

    fn touch(&mut self, member: Member, when: DateTime<Utc>, at: usize) {
        for group in self.direct.get(&member).into_iter().flatten() {
            let latest = self.touched.entry(*group).or_insert(when);
            *latest = when.max(*latest);
            self.changes.insert(Member::Group(*group), at);
        }
    }

    /// The last change of something, as a number that grows; `None` if it never changed.
    pub(super) fn last_change(&self, of: Member) -> Option<usize> {
        self.changes.get(&of).copied()
    }

    /// When somebody joined, left, went or came back last.
    pub(super) fn members_modified(&self, store: &Store, group: usize) -> DateTime<Utc> {
        let own = store.groups[group].members_modified;
        self.touched.get(&group).map_or(own, |touched| own.max(*touched))
    }

    /// The groups a user is in, direct ones first; the mark says whether directly.
    pub(super) fn groups_of(&self, store: &Store, user: usize) -> Vec<(usize, bool)> {
        let above = |member: Member| {
            self.direct.get(&member).into_iter().flatten().copied().filter(|group| store.groups[*group].is_active())
        };
        let mut found: Vec<(usize, bool)> = above(Member::User(user)).map(|group| (group, true)).collect();
        let mut at = 0;
        while let Some(&(group, _)) = found.get(at) {
            at += 1;
            for outer in above(Member::Group(group)) {
                if !found.iter().any(|(known, _)| *known == outer) {
                    found.push((outer, false));
                }
            }
        }
        found
    }
}
