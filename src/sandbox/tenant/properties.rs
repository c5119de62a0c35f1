//! The user properties Microsoft Graph knows, and which of them come without asking.
//!
//! (Microsoft Learn, "user resource type".)

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// A property name; the known ones cost no allocation, which matters a hundred thousand times.
pub(in crate::sandbox) type Name = Cow<'static, str>;

/// What a property that was never set reads as in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Kind {
    /// `null`.
    Scalar,
    /// `[]`.
    List,
    /// An object with fifteen nulls.
    ExtensionAttributes,
}

use Kind::{ExtensionAttributes, List, Scalar};

/// Every selectable property beside `id`, and the directory extensions.
const KNOWN: &[(&str, Kind)] = &[
    ("accountEnabled", Scalar),
    ("ageGroup", Scalar),
    ("businessPhones", List),
    ("city", Scalar),
    ("companyName", Scalar),
    ("country", Scalar),
    ("createdDateTime", Scalar),
    ("creationType", Scalar),
    ("deletedDateTime", Scalar),
    ("department", Scalar),
    ("displayName", Scalar),
    ("employeeHireDate", Scalar),
    ("employeeId", Scalar),
    ("employeeOrgData", Scalar),
    ("employeeType", Scalar),
    ("externalUserState", Scalar),
    ("faxNumber", Scalar),
    ("givenName", Scalar),
    ("imAddresses", List),
    ("jobTitle", Scalar),
    ("mail", Scalar),
    ("mailNickname", Scalar),
    ("mobilePhone", Scalar),
    ("officeLocation", Scalar),
    ("onPremisesDistinguishedName", Scalar),
    ("onPremisesDomainName", Scalar),
    ("onPremisesExtensionAttributes", ExtensionAttributes),
    ("onPremisesImmutableId", Scalar),
    ("onPremisesSamAccountName", Scalar),
    ("onPremisesSyncEnabled", Scalar),
    ("onPremisesUserPrincipalName", Scalar),
    ("otherMails", List),
    ("postalCode", Scalar),
    ("preferredLanguage", Scalar),
    ("proxyAddresses", List),
    ("state", Scalar),
    ("streetAddress", Scalar),
    ("surname", Scalar),
    ("usageLocation", Scalar),
    ("userPrincipalName", Scalar),
    ("userType", Scalar),
];

/// What comes without `$select`, beside `id`.
pub(in crate::sandbox) const DEFAULT: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// The property of this name, compared without case as OData does, and what it reads as when unset; `None` is unknown.
pub(in crate::sandbox) fn known(name: &str) -> Option<(Name, Kind)> {
    if let Some((name, kind)) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Some((Cow::Borrowed(name), *kind));
    }
    is_extension(name).then(|| (Cow::Owned(name.to_owned()), Scalar))
}

/// Whether this names a directory extension: `extension_{app id without hyphens}_{name}`.
pub(in crate::sandbox) fn is_extension(name: &str) -> bool {
    let Some((app, own)) = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_')) else { return false };
    app.len() == 32 && app.bytes().all(|byte| byte.is_ascii_hexdigit()) && !own.is_empty()
}

/// The value as it is answered: the extension attributes always come all fifteen.
pub(in crate::sandbox) fn whole(kind: Kind, value: Option<&Value>) -> Value {
    match (kind, value) {
        (ExtensionAttributes, value) => {
            let mut all = Map::new();
            for number in 1..=15 {
                let name = format!("extensionAttribute{number}");
                let value = value.and_then(|value| value.get(&name)).cloned().unwrap_or(Value::Null);
                all.insert(name, value);
            }
            Value::Object(all)
        }
        (List, None | Some(Value::Null)) => json!([]),
        (_, value) => value.cloned().unwrap_or(Value::Null),
    }
}
