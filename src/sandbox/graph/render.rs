//! Directory objects as JSON: which properties, and null or absent.

use serde_json::{Map, Value, json};

use super::Refusal;
use crate::sandbox::tenant::properties::{DEFAULT, Kind, Name, is_extension, known, whole};
use crate::sandbox::tenant::store::{Group, Life, Member, Store, User};

/// The user properties asked for.
#[derive(Debug)]
pub(super) struct Selection {
    names: Vec<(Name, Kind)>,
    /// As it stands in `@odata.context`.
    pub(super) text: String,
}

impl Selection {
    /// Of a `$select` option; without one, the properties that come by default.
    pub(super) fn users(select: Option<&str>) -> Result<Self, Refusal> {
        let Some(select) = select else {
            let names = DEFAULT.iter().filter_map(|name| known(name)).collect();
            return Ok(Self { names, text: String::new() });
        };
        let mut names: Vec<(Name, Kind)> = Vec::new();
        for name in split(select) {
            if name.eq_ignore_ascii_case("id") {
                continue;
            }
            let found = known(name).ok_or_else(|| unknown_property(name, "user"))?;
            if !names.contains(&found) {
                names.push(found);
            }
        }
        Ok(Self { names, text: format!("({select})") })
    }

    /// Whether any of the names is selected.
    pub(super) fn has_any(&self, changed: &[Name]) -> bool {
        changed.iter().any(|name| self.names.iter().any(|(own, _)| own == name))
    }

    /// As in a listing: every selected property, unset ones as null.
    pub(super) fn listed(&self, user: &User) -> Map<String, Value> {
        let mut object = Map::from_iter([("id".to_owned(), json!(user.id))]);
        for (name, kind) in &self.names {
            let value = user.get(name);
            if value.is_none_or(Value::is_null) && is_extension(name) {
                continue;
            }
            let value = match (&user.life, name.as_ref()) {
                (Life::Deleted { at, .. }, "deletedDateTime") => json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
                _ => whole(*kind, value),
            };
            object.insert(name.to_string(), value);
        }
        object
    }

    /// As in a delta round: selected properties that were ever set, or only the `changed` ones.
    pub(super) fn changed(&self, user: &User, changed: Option<&[Name]>) -> Map<String, Value> {
        let mut object = Map::from_iter([("id".to_owned(), json!(user.id))]);
        for (name, kind) in &self.names {
            let wanted = changed.is_none_or(|changed| changed.contains(name));
            if let Some(value) = user.get(name).filter(|_| wanted) {
                object.insert(name.to_string(), whole(*kind, Some(value)));
            }
        }
        object
    }

    /// A user this app may not read: the id, and nothing else but nulls.
    pub(super) fn nulls(&self, user: &User) -> Map<String, Value> {
        let mut object = Map::from_iter([("id".to_owned(), json!(user.id))]);
        object.extend(self.names.iter().map(|(name, _)| (name.to_string(), Value::Null)));
        object
    }
}

pub(super) fn split(select: &str) -> impl Iterator<Item = &str> {
    select.split(',').map(str::trim).filter(|name| !name.is_empty())
}

pub(super) fn unknown_property(name: &str, of: &str) -> Refusal {
    let message = format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
    );
    Refusal::new(400, "BadRequest", message)
}

/// Selectable group properties beside `id` and `members`.
const GROUP: &[&str] = &[
    "createdDateTime",
    "deletedDateTime",
    "description",
    "displayName",
    "groupTypes",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "onPremisesSyncEnabled",
    "securityEnabled",
    "visibility",
];

/// The group properties asked for.
#[derive(Debug)]
pub(super) struct GroupSelection {
    names: Vec<&'static str>,
    /// Whether memberships are wanted; they come without any `$select`, too.
    pub(super) members: bool,
    /// As it stands in `@odata.context`.
    pub(super) text: String,
}

impl GroupSelection {
    /// Of a `$select` option.
    pub(super) fn of(select: Option<&str>) -> Result<Self, Refusal> {
        let Some(select) = select else {
            return Ok(Self { names: GROUP.to_vec(), members: true, text: String::new() });
        };
        let (mut names, mut members) = (Vec::new(), false);
        for name in split(select) {
            if name.eq_ignore_ascii_case("members") {
                members = true;
            } else if !name.eq_ignore_ascii_case("id") {
                let found = GROUP.iter().find(|known| known.eq_ignore_ascii_case(name));
                names.push(*found.ok_or_else(|| unknown_property(name, "group"))?);
            }
        }
        Ok(Self { names, members, text: format!("({select})") })
    }

    /// A group without its members; in a delta round, properties that were never set are absent.
    pub(super) fn object(&self, group: &Group, only_set: bool) -> Map<String, Value> {
        let mut object = Map::from_iter([("id".to_owned(), json!(group.id))]);
        for name in &self.names {
            let value = group_value(group, name);
            if !only_set || !value.is_null() {
                object.insert((*name).to_owned(), value);
            }
        }
        object
    }
}

/// One property of a group, all of which are security groups made in the cloud.
pub(super) fn group_value(group: &Group, name: &str) -> Value {
    match name {
        "id" => json!(group.id),
        "displayName" => json!(group.name),
        "groupTypes" => json!([]),
        "mailEnabled" => json!(false),
        "securityEnabled" => json!(true),
        "mailNickname" => json!(&group.id[..8.min(group.id.len())]),
        "visibility" if group.hidden => json!("HiddenMembership"),
        _ => Value::Null,
    }
}

/// Type and id of a member.
pub(super) fn reference(store: &Store, member: Member) -> Map<String, Value> {
    let (kind, id) = match member {
        Member::User(index) => ("#microsoft.graph.user", &store.users[index].id),
        Member::Group(index) => ("#microsoft.graph.group", &store.groups[index].id),
        Member::Device(index) => ("#microsoft.graph.device", &store.devices[index]),
    };
    Map::from_iter([("@odata.type".to_owned(), json!(kind)), ("id".to_owned(), json!(id))])
}
