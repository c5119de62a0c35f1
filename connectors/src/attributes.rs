//! Directory attributes: their names in a configuration, and the sparse sets a person carries.
//!
//! One table, [`KNOWN`], maps the spellings people use for an attribute (Graph's, Okta's, SCIM's) to one name. Names that
//! are not in it are passed through as they are (`extensionAttribute3`), so that no directory's custom schema is refused.
//!
//! Invariant: an [`Attributes`] set never holds an empty or blank value; "no value" is absence.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The login name.
pub const USERNAME: &str = "username";
/// The login name before `@`. Derived from [`USERNAME`], never stored.
pub const MAILBOX_NAME: &str = "mailbox_name";
/// The e-mail address.
pub const MAIL: &str = "mail";
/// The given name.
pub const GIVEN_NAME: &str = "given_name";
/// The family name.
pub const FAMILY_NAME: &str = "family_name";
/// The name as the directory shows it.
pub const DISPLAY_NAME: &str = "display_name";
/// The job title.
pub const TITLE: &str = "title";
/// The department.
pub const DEPARTMENT: &str = "department";
/// The employee number.
pub const EMPLOYEE_ID: &str = "employee_id";
/// The office telephone number, as typed.
pub const BUSINESS_PHONE: &str = "business_phone";
/// The mobile telephone number, as typed.
pub const MOBILE_PHONE: &str = "mobile_phone";
/// The company.
pub const COMPANY: &str = "company";
/// The office location.
pub const OFFICE: &str = "office";
/// `Member` or `Guest` in Entra ID.
pub const USER_TYPE: &str = "user_type";
/// The cost centre.
pub const COST_CENTER: &str = "cost_center";

/// The directory's own word for the state of the account (Okta: `PASSWORD_EXPIRED`).
pub const STATUS: &str = "status";
/// Security profile names of the application profile (Okta).
pub const ENTITLEMENTS: &str = "entitlements";
/// The routing profile of the application profile (Okta).
pub const ROLES: &str = "roles";
/// The division.
pub const DIVISION: &str = "division";
/// The manager as the directory shows it.
pub const MANAGER: &str = "manager";

/// Between the values of an attribute that has several: one a line, as no value has more than one line.
pub const SEPARATOR: char = '\n';

/// Canonical name and the other spellings that mean the same.
pub static KNOWN: &[(&str, &[&str])] = &[
    (USERNAME, &["user_principal_name", "userPrincipalName", "upn", "login"]),
    (MAILBOX_NAME, &["mailboxName"]),
    (MAIL, &["email", "emailAddress"]),
    (GIVEN_NAME, &["givenName", "first_name", "firstName"]),
    (FAMILY_NAME, &["surname", "familyName", "last_name", "lastName"]),
    (DISPLAY_NAME, &["displayName"]),
    (TITLE, &["job_title", "jobTitle"]),
    (DEPARTMENT, &[]),
    (EMPLOYEE_ID, &["employeeId", "employee_number", "employeeNumber"]),
    (BUSINESS_PHONE, &["businessPhone", "businessPhones", "work_phone", "primaryPhone"]),
    (MOBILE_PHONE, &["mobilePhone", "mobile"]),
    (COMPANY, &["company_name", "companyName", "organization"]),
    (OFFICE, &["office_location", "officeLocation"]),
    (USER_TYPE, &["userType"]),
    (COST_CENTER, &["costCenter"]),
    (STATUS, &[]),
    (ENTITLEMENTS, &[]),
    (ROLES, &[]),
    (DIVISION, &[]),
    (MANAGER, &[]),
];

/// A directory attribute by its canonical name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AttributeName(Arc<str>);

impl AttributeName {
    /// The canonical name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AttributeName {
    /// Canonicalises: every known spelling becomes the one name; an unknown one stays as it is.
    fn from(spelling: &str) -> Self {
        let spelling = spelling.trim();
        let known = KNOWN.iter().find(|(name, others)| {
            name.eq_ignore_ascii_case(spelling) || others.iter().any(|other| other.eq_ignore_ascii_case(spelling))
        });
        Self(known.map_or(spelling, |(name, _)| name).into())
    }
}

impl<'de> Deserialize<'de> for AttributeName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(&*String::deserialize(deserializer)?))
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sparse, sorted set of attributes. Small on purpose: a directory of a million people must fit into memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(AttributeName, Box<str>)>);

impl Attributes {
    /// The value of the attribute with this canonical name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(have, _)| have.as_str().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Sets a value; a blank one removes the attribute.
    pub fn set(&mut self, name: AttributeName, value: &str) {
        let value = value.trim();
        match self.0.binary_search_by(|(have, _)| have.cmp(&name)) {
            Ok(at) if value.is_empty() => {
                self.0.remove(at);
            }
            Ok(at) => self.0[at].1 = value.into(),
            Err(_) if value.is_empty() => {}
            Err(at) => self.0.insert(at, (name, value.into())),
        }
    }

    /// A set from values that are owned already; the later of two of the same name wins, and `None` is no value.
    pub(crate) fn from_owned(mut pairs: Vec<(AttributeName, Option<Box<str>>)>) -> Self {
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let with_value = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut kept: Vec<_> = with_value.filter(|(_, value)| !value.trim().is_empty()).collect();
        // The list it was read into had room to grow; a million of them would be mostly room.
        kept.shrink_to_fit();
        Self(kept)
    }

    /// Removes a value.
    pub fn clear(&mut self, name: &AttributeName) {
        self.0.retain(|(have, _)| have != name);
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &str)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Attributes {
    // Values are personal; a debug line names only which attributes there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<'a> FromIterator<(AttributeName, &'a str)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (AttributeName, &'a str)>>(pairs: I) -> Self {
        let mut attributes = Self::default();
        for (name, value) in pairs {
            attributes.set(name, value);
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_the_canonical_name() {
        for (name, spellings) in KNOWN {
            for spelling in *spellings {
                assert_eq!(AttributeName::from(*spelling).as_str(), *name);
            }
        }
        assert_eq!(AttributeName::from("extensionAttribute3").as_str(), "extensionAttribute3");
    }

    #[test]
    fn no_spelling_means_two_things() {
        let mut seen = std::collections::BTreeSet::new();
        for (name, spellings) in KNOWN {
            for spelling in std::iter::once(name).chain(*spellings) {
                assert!(seen.insert(spelling.to_ascii_lowercase()), "{spelling} occurs twice");
            }
        }
    }

    #[test]
    fn of_owned_values_the_later_one_wins() {
        let pair = |name: &str, value: Option<&str>| (AttributeName::from(name), value.map(Box::from));
        let attributes = Attributes::from_owned(vec![
            pair(TITLE, Some("Lead")),
            pair(MAIL, Some("a@example.com")),
            pair(OFFICE, Some(" ")),
            pair(TITLE, None),
            pair(MAIL, Some("b@example.com")),
        ]);
        assert_eq!(
            attributes.iter().map(|(name, value)| (name.as_str(), value)).collect::<Vec<_>>(),
            [(MAIL, "b@example.com")]
        );
    }

    #[test]
    fn blank_is_absent() {
        let mut attributes = Attributes::default();
        attributes.set(TITLE.into(), " Lead ");
        assert_eq!(attributes.get(TITLE), Some("Lead"));
        attributes.set(TITLE.into(), "  ");
        assert_eq!(attributes.get(TITLE), None);
        assert!(attributes.is_empty());
    }
}
