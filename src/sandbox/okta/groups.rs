//! Groups, and who is in them. Okta's groups do not nest: members of nested groups are members.
//!
//! (Okta reference, `GET /api/v1/groups`, `GET /api/v1/groups/{id}/users`, schemas `Group` and `GroupType`.)

use serde_json::{Value, json};

use super::cursor::Place;
use super::expression::{Expression, Rules, Verb};
use super::ids::{self, EVERYONE};
use super::index::held;
use super::people::time;
use super::reply::{Refusal, Reply};
use super::world::World;
use crate::sandbox::tenant::store::{Life, Member};

/// Paths that hold a time.
const TIMES: &[&str] = &["created", "lastUpdated", "lastMembershipUpdated"];

const SEARCH: Rules = Rules { search: true, takes: searchable, times: TIMES };
const FILTER: Rules = Rules { search: false, takes: filterable, times: TIMES };

fn searchable(path: &str, verb: Verb) -> bool {
    if matches!(verb, Verb::Ne | Verb::Ew) {
        return false;
    }
    if TIMES.contains(&path) {
        return !matches!(verb, Verb::Sw | Verb::Co);
    }
    matches!(path, "id" | "type" | "source.id" | "profile.name" | "profile.description")
}

fn filterable(path: &str, verb: Verb) -> bool {
    match path {
        "lastUpdated" | "lastMembershipUpdated" => {
            matches!(verb, Verb::Eq | Verb::Gt | Verb::Ge | Verb::Lt | Verb::Le)
        }
        "id" | "type" => verb == Verb::Eq,
        _ => false,
    }
}

/// The place of a group in lists: Everyone first.
fn number(index: usize) -> usize {
    if index == EVERYONE { 0 } else { index + 1 }
}

impl World<'_> {
    /// All groups that are there, Everyone first.
    pub(super) fn all_groups(&self) -> Vec<usize> {
        let groups = self.tenant.store.groups.iter().enumerate();
        let groups = groups.filter(|(_, group)| group.is_active()).map(|(index, _)| index);
        std::iter::once(EVERYONE).chain(groups).collect()
    }

    /// A whole group, or `None` when it is gone.
    pub(super) fn group_object(&self, index: usize) -> Option<Value> {
        let (kind, class, name, created, updated, members) = if index == EVERYONE {
            let first = self.org.people.iter().map(|account| account.created).min().unwrap_or_default();
            ("BUILT_IN", "okta:user_group", "Everyone", first, first, self.org.everyone_changed)
        } else {
            let group = self.tenant.store.groups.get(index).filter(|group| group.is_active())?;
            let (created, updated) = (group.created.timestamp_millis(), group.modified.timestamp_millis());
            ("OKTA_GROUP", "okta:user_group", group.name.as_str(), created, updated, self.members_changed(index))
        };
        Some(json!({
            "id": ids::group(index),
            "created": time(created),
            "lastUpdated": time(updated),
            "lastMembershipUpdated": time(members),
            "objectClass": [class],
            "type": kind,
            "profile": { "name": name, "description": null },
        }))
    }

    /// When somebody joined or left the group, or a group in it.
    fn members_changed(&self, index: usize) -> i64 {
        let groups = &self.tenant.store.groups;
        let inner = self.tenant.store.transitive(index).into_iter().filter_map(|member| match member {
            Member::Group(inner) => Some(inner),
            Member::User(_) | Member::Device(_) => None,
        });
        let times = inner.chain([index]).map(|group| groups[group].members_modified.timestamp_millis());
        times.max().unwrap_or_default()
    }

    /// A group somebody may see.
    fn find_group(&self, id: &str) -> Result<usize, Refusal> {
        let there = |index: &usize| {
            *index == EVERYONE || self.tenant.store.groups.get(*index).is_some_and(|group| group.is_active())
        };
        let found = ids::group_index(id).filter(there).filter(|index| self.org.shows_group(self.tenant, *index));
        found.ok_or_else(|| Refusal::not_found(id, "UserGroup"))
    }

    /// Everybody in a group, by index.
    fn members(&self, index: usize) -> Vec<usize> {
        if index == EVERYONE {
            let people = self.org.people.iter().enumerate();
            return people.filter(|(_, account)| account.life != Life::Gone).map(|(index, _)| index).collect();
        }
        self.org.flat(self.tenant, index).to_vec()
    }

    /// `GET /api/v1/groups`.
    pub(super) fn groups(&self) -> Result<Reply, Refusal> {
        let limit = self.call.limit(10_000, 1..=10_000)?.min(self.org.settings.caps.groups);
        let expression = match (self.call.param("search"), self.call.param("filter")) {
            (Some(text), _) => Some(Expression::read(text, SEARCH)?),
            (None, Some(text)) => Some(Expression::read(text, FILTER)?),
            (None, None) => None,
        };
        let q = self.call.param("q").map(str::to_lowercase);
        let late = self.org.index.as_ref().filter(|_| expression.is_some() || q.is_some());
        let all = late.map_or_else(|| self.all_groups(), |index| index.groups());
        let from = self.place()?.map_or(0, |place| place.index + 1);
        let stats = self.call.param("expand").is_some_and(|expand| expand.split(',').any(|part| part == "stats"));
        let (mut items, mut last, mut more) = (Vec::new(), None, false);
        for index in all.into_iter().filter(|index| number(*index) >= from) {
            let object = late.map_or_else(|| self.group_object(index), |late| late.group(index).cloned());
            let Some(mut object) = object.filter(|_| self.org.shows_group(self.tenant, index)) else { continue };
            let name = object["profile"]["name"].as_str().unwrap_or_default().to_lowercase();
            let named = q.as_ref().is_none_or(|q| name.starts_with(q.as_str()));
            if !named || expression.as_ref().is_some_and(|one| !one.fits(&|path| held(&object, path, TIMES))) {
                continue;
            }
            if items.len() == limit {
                more = true;
                break;
            }
            if stats {
                object["_embedded"] = json!({ "stats": self.stats(index) });
            }
            items.push(object);
            last = Some(Place::index(number(index)));
        }
        // `q` has no pages.
        Ok(self.page(items, last.as_ref().filter(|_| more && q.is_none())))
    }

    fn stats(&self, index: usize) -> Value {
        let apps = self.org.settings.app.groups.iter();
        let apps = apps.filter(|one| self.tenant.store.group(&one.group) == Some(index)).count();
        json!({ "usersCount": self.members(index).len(), "appsCount": apps, "groupPushMappingsCount": 0 })
    }

    /// `GET /api/v1/groups/{id}`.
    pub(super) fn group(&self, id: &str) -> Result<Reply, Refusal> {
        let index = self.find_group(id)?;
        self.group_object(index).map(Reply::new).ok_or_else(|| Refusal::not_found(id, "UserGroup"))
    }

    /// `GET /api/v1/groups/{id}/users`: deactivated users included.
    pub(super) fn users_of_group(&self, id: &str) -> Result<Reply, Refusal> {
        let limit = self.call.limit(1_000, 1..=1_000)?.min(self.org.settings.caps.members);
        let members = match self.find_group(id)? {
            EVERYONE => std::sync::Arc::new(self.members(EVERYONE)),
            index => self.org.flat(self.tenant, index),
        };
        let from = self.place()?.map_or(0, |place| members.partition_point(|index| *index <= place.index));
        let visible = self.org.visible(self.tenant);
        let shown = members[from..].iter().copied();
        let mut shown = shown.filter(|index| visible.as_ref().is_none_or(|shown| shown.get(*index) == Some(&true)));
        let page: Vec<usize> = shown.by_ref().take(limit).collect();
        let last = page.last().filter(|_| shown.next().is_some()).map(|index| Place::index(*index));
        Ok(self.page(page.into_iter().filter_map(|index| self.user_object(index)).collect(), last.as_ref()))
    }
}
