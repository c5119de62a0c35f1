//! Users and groups as resources, the way a conforming server writes them.
//!
//! Invariant: an attribute without a value is left out; habits of careless servers are another file's matter.
//!
//! (RFC 7643, 3.1, 4.1 to 4.3.)

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::book::Book;
use super::manners::{Manners, Members};
use super::path::{ENTERPRISE, GROUP, Selection, USER};
use super::{Kind, Managers};
use crate::sandbox::tenant::store::{Member, Object, Store, User};

/// What rendering needs to know.
pub(super) struct Scene<'a> {
    pub(super) store: &'a Store,
    pub(super) domain: &'a str,
    pub(super) book: &'a Book,
    pub(super) managers: &'a Managers,
    pub(super) manners: &'a Manners,
    pub(super) root: &'a str,
}

const USER_ATTRIBUTES: &[&str] = &[
    "schemas",
    "id",
    "externalId",
    "userName",
    "name",
    "displayName",
    "emails",
    "phoneNumbers",
    "title",
    "userType",
    "preferredLanguage",
    "active",
    "groups",
    ENTERPRISE,
    "meta",
];
const GROUP_ATTRIBUTES: &[&str] = &["schemas", "id", "displayName", "members", "meta"];

fn text<'a>(user: &'a User, name: &str) -> Option<&'a str> {
    user.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// To the millisecond, which is what filters compare, too.
fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// An object of what has a value; `None` if nothing has.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let object: Map<String, Value> = fields.collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

impl Scene<'_> {
    /// A resource with the attributes that are wanted. `listed` says that it stands in a listing.
    pub(super) fn resource(&self, kind: Kind, index: usize, selection: &Selection, listed: bool) -> Map<String, Value> {
        let names = if kind == Kind::User { USER_ATTRIBUTES } else { GROUP_ATTRIBUTES };
        let wanted = names.iter().filter(|name| selection.wants(name));
        let fields = wanted.filter_map(|name| Some(((*name).to_owned(), self.attribute(kind, index, name, listed)?)));
        let mut resource: Map<String, Value> = fields.collect();
        selection.trim(&mut resource);
        resource
    }

    /// One attribute, by its name in lower case; only `meta.lastModified` of `meta` when nothing else is asked for,
    /// because a filter asks that of everybody.
    pub(super) fn lookup(&self, kind: Kind, index: usize, name: &str, below: &[String]) -> Option<Value> {
        if name == "meta" && below == ["lastmodified"] {
            return Some(json!({ "lastModified": shown(self.modified(kind, index)) }));
        }
        let names = if kind == Kind::User { USER_ATTRIBUTES } else { GROUP_ATTRIBUTES };
        let name = names.iter().find(|own| own.eq_ignore_ascii_case(name))?;
        self.attribute(kind, index, name, false)
    }

    fn attribute(&self, kind: Kind, index: usize, name: &str, listed: bool) -> Option<Value> {
        match kind {
            Kind::User => self.user_attribute(index, name),
            Kind::Group => self.group_attribute(index, name, listed),
        }
    }

    fn user_attribute(&self, index: usize, name: &str) -> Option<Value> {
        let user = &self.store.users[index];
        let own = |name: &str| text(user, name).map(|text| json!(text));
        match name {
            "schemas" => {
                let extended = self.enterprise(index).is_some();
                Some(if extended { json!([USER, ENTERPRISE]) } else { json!([USER]) })
            }
            "id" => Some(json!(self.id(Kind::User, index))),
            "externalId" => {
                own("onPremisesImmutableId").or_else(|| own("onPremisesSamAccountName")).or_else(|| own("employeeId"))
            }
            "userName" => own("userPrincipalName"),
            "name" => object([
                ("givenName", own("givenName")),
                ("familyName", own("surname")),
                ("formatted", own("displayName")),
            ]),
            "displayName" => own("displayName"),
            "emails" => own("mail").map(|mail| json!([{ "value": mail, "type": "work", "primary": true }])),
            "phoneNumbers" => {
                let work = user.get("businessPhones").and_then(Value::as_array).into_iter().flatten();
                let work = work.map(|phone| json!({ "value": phone, "type": "work" }));
                let mobile = own("mobilePhone").map(|phone| json!({ "value": phone, "type": "mobile" }));
                let all: Vec<Value> = work.chain(mobile).collect();
                (!all.is_empty()).then(|| json!(all))
            }
            "title" => own("jobTitle"),
            "userType" => own("employeeType").or_else(|| own("userType")),
            "preferredLanguage" => own("preferredLanguage"),
            "active" => Some(json!(user.get("accountEnabled") == Some(&Value::Bool(true)))),
            "groups" if self.manners.user_groups => self.groups(index),
            ENTERPRISE => self.enterprise(index),
            "meta" => Some(self.meta(Kind::User, index)),
            _ => None,
        }
    }

    fn groups(&self, user: usize) -> Option<Value> {
        let shown = self.book.groups_of(self.store, user).into_iter().map(|(group, direct)| {
            json!({
                "value": self.id(Kind::Group, group),
                "$ref": self.location(Kind::Group, group),
                "display": self.store.groups[group].name,
                "type": if direct { "direct" } else { "indirect" },
            })
        });
        let shown: Vec<Value> = shown.collect();
        (!shown.is_empty()).then_some(Value::Array(shown))
    }

    fn enterprise(&self, index: usize) -> Option<Value> {
        let user = &self.store.users[index];
        let own = |name: &str| text(user, name).map(|text| json!(text));
        let inner = |outer: &str, name: &str| user.get(outer)?.get(name).filter(|value| value.is_string()).cloned();
        let cost_centre = || inner("onPremisesExtensionAttributes", "extensionAttribute1");
        object([
            ("employeeNumber", own("employeeId")),
            ("costCenter", inner("employeeOrgData", "costCenter").or_else(cost_centre)),
            ("organization", own("companyName")),
            ("division", inner("employeeOrgData", "division")),
            ("department", own("department")),
            ("manager", self.manager(&user.id)),
        ])
    }

    fn manager(&self, user: &str) -> Option<Value> {
        let manager = self.store.user(self.managers.get(user)?.manager.as_deref()?)?;
        let name = text(&self.store.users[manager], "displayName").map(|name| json!(name));
        object([
            ("value", Some(json!(self.id(Kind::User, manager)))),
            ("$ref", Some(json!(self.location(Kind::User, manager)))),
            ("displayName", name),
        ])
    }

    fn group_attribute(&self, index: usize, name: &str, listed: bool) -> Option<Value> {
        let group = &self.store.groups[index];
        match name {
            "schemas" => Some(json!([GROUP])),
            "id" => Some(json!(self.id(Kind::Group, index))),
            "displayName" => Some(json!(group.name)),
            "members" => self.members(index, listed),
            "meta" => Some(self.meta(Kind::Group, index)),
            _ => None,
        }
    }

    fn members(&self, group: usize, listed: bool) -> Option<Value> {
        let most = match self.manners.members {
            Members::Never => return None,
            Members::NotInLists if listed => return None,
            Members::Cut(most) => most,
            Members::All | Members::NotInLists => usize::MAX,
        };
        let members = self.store.groups[group].members.values();
        let members = members.filter(|member| self.store.is_there(**member)).filter_map(|member| match *member {
            Member::User(index) => {
                let user = &self.store.users[index];
                let name = text(user, "displayName");
                let mut shown = self.reference(Kind::User, index, name);
                if self.manners.members_by_user_name {
                    shown["value"] = json!(text(user, "userPrincipalName"));
                }
                Some(shown)
            }
            Member::Group(index) => Some(self.reference(Kind::Group, index, Some(&self.store.groups[index].name))),
            // SCIM has no devices.
            Member::Device(_) => None,
        });
        let members: Vec<Value> = members.take(most).collect();
        (!members.is_empty()).then_some(Value::Array(members))
    }

    fn reference(&self, kind: Kind, index: usize, display: Option<&str>) -> Value {
        let mut shown = json!({ "value": self.id(kind, index) });
        if self.manners.member_types {
            shown["type"] = json!(kind.name());
            shown["$ref"] = json!(self.location(kind, index));
        }
        if let Some(display) = display {
            shown["display"] = json!(display);
        }
        shown
    }

    fn meta(&self, kind: Kind, index: usize) -> Value {
        let created = match kind {
            Kind::User => self.store.users[index].created,
            Kind::Group => self.store.groups[index].created,
        };
        let mut meta = json!({
            "resourceType": kind.name(),
            "created": shown(created),
            "lastModified": shown(self.modified(kind, index)),
            "location": self.location(kind, index),
        });
        if self.manners.etags {
            meta["version"] = json!(self.version(kind, index));
        }
        meta
    }

    fn modified(&self, kind: Kind, index: usize) -> DateTime<Utc> {
        match kind {
            Kind::User => {
                let user = &self.store.users[index];
                self.managers.get(&user.id).map_or(user.modified, |own| own.at.max(user.modified))
            }
            Kind::Group => {
                let group = &self.store.groups[index];
                group.modified.max(self.book.members_modified(self.store, index))
            }
        }
    }

    /// Weak: it changes with everything but what is only shown of others (`display`).
    pub(super) fn version(&self, kind: Kind, index: usize) -> String {
        let mut hasher = DefaultHasher::new();
        (kind.name(), index, self.modified(kind, index)).hash(&mut hasher);
        match kind {
            Kind::User => {
                self.book.last_change(Member::User(index)).hash(&mut hasher);
                self.book.groups_of(self.store, index).hash(&mut hasher);
                self.managers.get(&self.store.users[index].id).map(|own| &own.manager).hash(&mut hasher);
            }
            Kind::Group => self.book.last_change(Member::Group(index)).hash(&mut hasher),
        }
        format!("W/\"{:016x}\"", hasher.finish())
    }

    pub(super) fn location(&self, kind: Kind, index: usize) -> String {
        format!("{}/{}s/{}", self.root, kind.name(), encoded(&self.id(kind, index)))
    }

    fn id(&self, kind: Kind, index: usize) -> String {
        let id = match kind {
            Kind::User => &self.store.users[index].id,
            Kind::Group => &self.store.groups[index].id,
        };
        if self.manners.odd_ids { format!("people/{id} @{}", self.domain) } else { id.clone() }
    }

    /// What has this id, which is compared with case.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Option<usize> {
        let tail = format!(" @{}", self.domain);
        let plain = if self.manners.odd_ids { id.strip_prefix("people/")?.strip_suffix(tail.as_str())? } else { id };
        match (kind, self.store.object(plain)?) {
            (Kind::User, Object::User(index)) => {
                let user = &self.store.users[index];
                (user.is_active() && user.id == plain).then_some(index)
            }
            (Kind::Group, Object::Group(index)) => {
                let group = &self.store.groups[index];
                (group.is_active() && group.id == plain).then_some(index)
            }
            _ => None,
        }
    }
}

/// Percent-encoded for one segment of a path.
fn encoded(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
