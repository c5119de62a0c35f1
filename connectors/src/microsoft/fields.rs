//! Which Graph properties are asked for, and which attribute each becomes.
//!
//! Property names and forms: Microsoft Graph, "user resource type".
//!
//! Invariant: what is selected is what is mapped; nothing is asked for that nobody wants.
//! Invariant: `userPrincipalName` and `accountEnabled` are always asked for; without them nobody can be judged.

use std::collections::BTreeSet;

use crate::attributes::{self, AttributeName};

/// Canonical attribute and the Graph property it is read from.
static PROPERTIES: &[(&str, &str)] = &[
    (attributes::USERNAME, "userPrincipalName"),
    (attributes::MAIL, "mail"),
    (attributes::GIVEN_NAME, "givenName"),
    (attributes::FAMILY_NAME, "surname"),
    (attributes::DISPLAY_NAME, "displayName"),
    (attributes::TITLE, "jobTitle"),
    (attributes::DEPARTMENT, "department"),
    (attributes::EMPLOYEE_ID, "employeeId"),
    (attributes::MOBILE_PHONE, "mobilePhone"),
    (attributes::COMPANY, "companyName"),
    (attributes::OFFICE, "officeLocation"),
    (attributes::USER_TYPE, "userType"),
];

/// Asked for whatever the configuration says.
static MANDATORY: &[&str] = &[
    attributes::USERNAME,
    attributes::GIVEN_NAME,
    attributes::FAMILY_NAME,
    attributes::USER_TYPE,
    attributes::DISPLAY_NAME,
];

/// How a property's value becomes an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Take {
    /// A text (a number or a truth value is taken as its text).
    Text(AttributeName),
    /// The first text of a list.
    First(AttributeName),
    /// Texts inside an object: inner property and attribute.
    Inside(Vec<(String, AttributeName)>),
}

/// One selected property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) property: String,
    pub(super) take: Take,
}

/// Everything that is selected for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    list: Vec<Field>,
    select: String,
}

/// An attribute name that no Graph property can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a Microsoft Graph property")]
pub(super) struct NotAProperty(String);

impl Fields {
    /// The fields for these attributes, beside the mandatory ones.
    pub(super) fn new(wanted: &BTreeSet<AttributeName>) -> Result<Self, NotAProperty> {
        let mut names: BTreeSet<AttributeName> = MANDATORY.iter().map(|name| AttributeName::from(*name)).collect();
        names.extend(wanted.iter().cloned());
        let mut list: Vec<Field> = Vec::new();
        let mut extensions = Vec::new();
        for name in names {
            let text = name.as_str();
            if text == attributes::MAILBOX_NAME {
                continue;
            }
            if let Some((_, property)) = PROPERTIES.iter().find(|(known, _)| *known == text) {
                list.push(Field { property: (*property).to_owned(), take: Take::Text(name) });
            } else if text == attributes::BUSINESS_PHONE {
                list.push(Field { property: "businessPhones".into(), take: Take::First(name) });
            } else if text == attributes::COST_CENTER {
                let inside = vec![("costCenter".to_owned(), name)];
                list.push(Field { property: "employeeOrgData".into(), take: Take::Inside(inside) });
            } else if let Some(number) = extension_number(text) {
                extensions.push((format!("extensionAttribute{number}"), name));
            } else if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                list.push(Field { property: text.to_owned(), take: Take::Text(name) });
            } else {
                return Err(NotAProperty(text.to_owned()));
            }
        }
        if !extensions.is_empty() {
            // Single extension attributes cannot be selected, only the object that holds all fifteen.
            list.push(Field { property: "onPremisesExtensionAttributes".into(), take: Take::Inside(extensions) });
        }
        let properties: BTreeSet<&str> = list.iter().map(|field| field.property.as_str()).collect();
        let select = properties.into_iter().fold("id,accountEnabled".to_owned(), |select, one| select + "," + one);
        Ok(Self { list, select })
    }

    /// The property an attribute is read from.
    pub(super) fn property_of(&self, attribute: &AttributeName) -> Option<&str> {
        let takes = |field: &&Field| match &field.take {
            Take::Text(name) | Take::First(name) => name == attribute,
            Take::Inside(inside) => inside.iter().any(|(_, name)| name == attribute),
        };
        self.list.iter().find(takes).map(|field| field.property.as_str())
    }

    /// The value of `$select`.
    pub(super) fn select(&self) -> &str {
        &self.select
    }

    /// The field a property belongs to.
    pub(super) fn find(&self, property: &str) -> Option<&Field> {
        self.list.iter().find(|field| field.property == property)
    }
}

/// `extensionAttribute7` → 7.
fn extension_number(name: &str) -> Option<u8> {
    let prefix = "extensionattribute";
    let (head, tail) = (name.get(..prefix.len())?, name.get(prefix.len()..)?);
    let number = tail.parse().ok()?;
    (head.eq_ignore_ascii_case(prefix) && (1..=15).contains(&number) && !tail.starts_with('0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &[&str]) -> Result<String, NotAProperty> {
        let wanted = wanted.iter().map(|name| AttributeName::from(*name)).collect();
        Fields::new(&wanted).map(|fields| fields.select().to_owned())
    }

    #[test]
    fn only_what_is_wanted_is_selected() {
        let least = "id,accountEnabled,displayName,givenName,surname,userPrincipalName,userType";
        assert_eq!(check(&[]).as_deref(), Ok(least));
        assert_eq!(check(&["mailbox_name", "upn"]).as_deref(), Ok(least));
        let some = check(&["extensionAttribute3", "extensionAttribute15", "cost_center", "work_phone", "department"]);
        assert_eq!(
            some.as_deref(),
            Ok("id,accountEnabled,businessPhones,department,displayName,employeeOrgData,givenName,\
                onPremisesExtensionAttributes,surname,userPrincipalName,userType")
        );
        assert!(check(&["extension_0123456789abcdef_badge"]).unwrap().contains(",extension_0123456789abcdef_badge,"));
    }

    #[test]
    fn a_name_that_would_change_the_query_is_refused() {
        for name in ["a&b", "mail,id", "a b", ""] {
            assert!(check(&[name]).is_err(), "{name}");
        }
    }

    #[test]
    fn fifteen_extension_attributes() {
        for (name, expected) in [
            ("extensionAttribute1", Some(1)),
            ("ExtensionAttribute15", Some(15)),
            ("extensionAttribute16", None),
            ("extensionAttribute0", None),
            ("extensionAttribute01", None),
            ("extensionAttribute", None),
            ("é", None),
        ] {
            assert_eq!(extension_number(name), expected, "{name}");
        }
    }
}
