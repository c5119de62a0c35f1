//! The late view of the org: what `search`, `filter` and `q` go on showing for a while.
//!
//! Invariant: it shows everything that happened longer ago than the lag, and nothing that happened since.
//!
//! (okta-developer-docs, "Users API", on eventual consistency of search.)

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::DateTime;
use serde_json::Value;

use super::expression::Held;
use super::ids::EVERYONE;
use super::org::Org;
use super::world::{Listed, World};
use crate::sandbox::tenant::State as TenantState;

/// Users and groups as they are shown late.
#[derive(Debug, Default)]
pub(super) struct Index {
    users: BTreeMap<usize, Value>,
    order: BTreeSet<(i64, usize)>,
    groups: BTreeMap<usize, Value>,
    /// What will be shown, and from when on; nothing is an object that is gone.
    coming: VecDeque<(i64, Item)>,
}

#[derive(Debug)]
enum Item {
    User(usize, Option<Value>),
    Group(usize, Option<Value>),
}

impl Index {
    /// Shows what is there now.
    pub(super) fn of(org: &Org, tenant: &TenantState) -> Self {
        let mut index = Self::default();
        World::bare(tenant, org, |world| {
            for user in 0..tenant.store.users.len() {
                index.show(Item::User(user, world.user_object(user)));
            }
            for group in world.all_groups() {
                index.show(Item::Group(group, world.group_object(group)));
            }
        });
        index
    }

    /// Takes note of what changed just now.
    pub(super) fn note(&mut self, org: &Org, tenant: &TenantState, users: &BTreeSet<usize>, groups: &BTreeSet<usize>) {
        let due = tenant.now().timestamp_millis() + i64::from(org.settings.index_lag_millis);
        World::bare(tenant, org, |world| {
            for &user in users {
                self.coming.push_back((due, Item::User(user, world.user_object(user))));
            }
            for &group in groups {
                self.coming.push_back((due, Item::Group(group, world.group_object(group))));
            }
        });
    }

    /// Shows what is due.
    pub(super) fn advance(&mut self, now: i64) {
        while self.coming.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, item)) = self.coming.pop_front() {
                self.show(item);
            }
        }
    }

    fn show(&mut self, item: Item) {
        match item {
            Item::User(index, object) => {
                if let Some(old) = self.users.remove(&index) {
                    self.order.remove(&(millis(&old["lastUpdated"]), index));
                }
                if let Some(object) = object {
                    self.order.insert((millis(&object["lastUpdated"]), index));
                    self.users.insert(index, object);
                }
            }
            Item::Group(index, object) => {
                self.groups.remove(&index);
                if let Some(object) = object {
                    self.groups.insert(index, object);
                }
            }
        }
    }

    /// A group as it is shown.
    pub(super) fn group(&self, index: usize) -> Option<&Value> {
        self.groups.get(&index)
    }

    /// Groups that are shown, Everyone first.
    pub(super) fn groups(&self) -> Vec<usize> {
        let everyone = self.groups.contains_key(&EVERYONE).then_some(EVERYONE);
        everyone.into_iter().chain(self.groups.keys().copied().filter(|index| *index != EVERYONE)).collect()
    }
}

fn millis(time: &Value) -> i64 {
    let at = time.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    at.map_or(0, |at| at.timestamp_millis())
}

/// What a rendered object has at a path; `times` are the paths that hold a time.
pub(super) fn held<'a>(object: &'a Value, path: &str, times: &[&str]) -> Held<'a> {
    let found = path.split('.').try_fold(object, |inner, name| inner.get(name));
    match found {
        None | Some(Value::Null) => Held::Absent,
        Some(time) if times.contains(&path) => Held::Time(millis(time)),
        Some(Value::String(text)) => Held::Text(Cow::Borrowed(text)),
        Some(other) => Held::Json(Cow::Borrowed(other)),
    }
}

impl Listed for Index {
    fn from(&self, index: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        Box::new(self.users.range(index..).map(|(index, _)| *index))
    }

    fn order(&self) -> &BTreeSet<(i64, usize)> {
        &self.order
    }

    fn held(&self, index: usize, path: &str) -> Held<'_> {
        self.users.get(&index).map_or(Held::Absent, |object| held(object, path, super::users::TIMES))
    }

    fn object(&self, index: usize) -> Option<Value> {
        self.users.get(&index).cloned()
    }
}
