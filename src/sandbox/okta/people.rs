//! A person as Okta shows one: the tenant's properties under Okta's names, the status, the clocks.
//!
//! (Okta reference, schemas `User`, `UserProfile` and `UserStatus`.)

use std::borrow::Cow;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::expression::Held;
use super::ids;
use super::org::{Account, Org};
use super::world::World;
use crate::sandbox::tenant::store::{Life, User};

/// The type of every user of the org.
const TYPE: &str = "oty1rC00000000sK5d7X";

/// Where an attribute of the profile comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The login name, which a deactivated account keeps.
    Login,
    /// The mail address; an account without one has its login name there, because Okta demands an address.
    Email,
    /// A property of the tenant.
    Same(&'static str),
    /// The first of a list.
    First(&'static str),
    /// One of the numbered extension attributes.
    Extension,
}

/// The profile: base attributes first, then custom ones.
const PROFILE: &[(&str, Origin)] = &[
    ("login", Origin::Login),
    ("email", Origin::Email),
    ("firstName", Origin::Same("givenName")),
    ("lastName", Origin::Same("surname")),
    ("displayName", Origin::Same("displayName")),
    ("secondEmail", Origin::First("otherMails")),
    ("title", Origin::Same("jobTitle")),
    ("userType", Origin::Same("userType")),
    ("department", Origin::Same("department")),
    ("organization", Origin::Same("companyName")),
    ("employeeNumber", Origin::Same("employeeId")),
    ("primaryPhone", Origin::First("businessPhones")),
    ("mobilePhone", Origin::Same("mobilePhone")),
    ("city", Origin::Same("city")),
    ("state", Origin::Same("state")),
    ("zipCode", Origin::Same("postalCode")),
    ("streetAddress", Origin::Same("streetAddress")),
    ("countryCode", Origin::Same("country")),
    ("preferredLanguage", Origin::Same("preferredLanguage")),
    ("officeLocation", Origin::Same("officeLocation")),
    ("employeeType", Origin::Same("employeeType")),
    ("employeeHireDate", Origin::Same("employeeHireDate")),
    ("usageLocation", Origin::Same("usageLocation")),
    ("faxNumber", Origin::Same("faxNumber")),
    ("mailNickname", Origin::Same("mailNickname")),
    ("onPremisesSamAccountName", Origin::Same("onPremisesSamAccountName")),
    ("proxyAddresses", Origin::Same("proxyAddresses")),
    ("extensionAttribute1", Origin::Extension),
    ("extensionAttribute2", Origin::Extension),
    ("extensionAttribute3", Origin::Extension),
    ("extensionAttribute4", Origin::Extension),
    ("extensionAttribute5", Origin::Extension),
];

/// Whether the profile has an attribute of this name, set or not.
pub(super) fn is_attribute(name: &str) -> bool {
    PROFILE.iter().any(|(own, _)| *own == name)
}

/// The login name, which the tenant takes away from deleted accounts and Okta does not.
pub(super) fn login(user: &User) -> &str {
    match &user.life {
        Life::Deleted { login, .. } => login,
        Life::Active | Life::Gone => user.get("userPrincipalName").and_then(Value::as_str).unwrap_or_default(),
    }
}

fn value<'a>(user: &'a User, name: &str, from: Origin) -> Option<Cow<'a, Value>> {
    let found = match from {
        Origin::Login => return Some(Cow::Owned(json!(login(user)))),
        Origin::Email => match user.get("mail") {
            None | Some(Value::Null) => return Some(Cow::Owned(json!(login(user)))),
            mail => mail,
        },
        Origin::Same(own) => user.get(own),
        Origin::First(own) => user.get(own).and_then(|list| list.get(0)),
        Origin::Extension => user.get("onPremisesExtensionAttributes").and_then(|all| all.get(name)),
    };
    found.filter(|value| !value.is_null()).map(Cow::Borrowed)
}

/// The whole profile; attributes without a value are left out.
pub(super) fn profile(user: &User) -> Map<String, Value> {
    let set =
        PROFILE.iter().filter_map(|(name, from)| Some(((*name).to_owned(), value(user, name, *from)?.into_owned())));
    set.collect()
}

/// A time as Okta writes it.
pub(super) fn time(millis: i64) -> Value {
    let at = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    json!(at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

impl Org {
    /// The status of an account; `None` is one that is gone for good.
    pub(super) fn status_of(account: &Account) -> Option<&str> {
        match (&account.life, &account.status) {
            (Life::Gone, _) => None,
            (Life::Deleted { .. }, _) => Some("DEPROVISIONED"),
            (Life::Active, Some(status)) => Some(status),
            (Life::Active, None) if account.enabled => Some("ACTIVE"),
            (Life::Active, None) => Some("SUSPENDED"),
        }
    }
}

impl World<'_> {
    /// What a user has at a path of an expression (`profile.login`).
    pub(super) fn user_held(&self, index: usize, path: &str) -> Held<'_> {
        let (user, account) = (&self.tenant.store.users[index], &self.org.people[index]);
        match path {
            "id" => Held::Text(Cow::Owned(ids::user(index))),
            "status" => Org::status_of(account).map_or(Held::Absent, |status| Held::Text(Cow::Borrowed(status))),
            "created" | "activated" => Held::Time(account.created),
            "statusChanged" => Held::Time(account.status_changed),
            "lastUpdated" => Held::Time(account.updated),
            "type.id" => Held::Text(Cow::Borrowed(TYPE)),
            _ => {
                let name = path.strip_prefix("profile.").unwrap_or_default();
                let found = PROFILE.iter().find(|(own, _)| *own == name);
                found.and_then(|(name, from)| value(user, name, *from)).map_or(Held::Absent, Held::Json)
            }
        }
    }

    /// A whole user, or `None` when gone for good.
    pub(super) fn user_object(&self, index: usize) -> Option<Value> {
        let (user, account) = (self.tenant.store.users.get(index)?, self.org.people.get(index)?);
        let status = Org::status_of(account)?;
        let id = ids::user(index);
        let mut object = json!({
            "id": id,
            "status": status,
            "created": time(account.created),
            "activated": time(account.created),
            "statusChanged": time(account.status_changed),
            "lastLogin": null,
            "lastUpdated": time(account.updated),
            "passwordChanged": null,
            "type": { "id": TYPE },
            "profile": profile(user),
        });
        let trimmed = self.call.header("content-type").unwrap_or_default();
        if !trimmed.contains("omitCredentials") {
            object["credentials"] = json!({ "provider": { "type": "OKTA", "name": "OKTA" } });
        }
        if !trimmed.contains("omitCredentialsLinks") && !self.root.is_empty() {
            object["_links"] = json!({ "self": { "href": format!("{}/api/v1/users/{id}", self.root) } });
        }
        Some(object)
    }
}
