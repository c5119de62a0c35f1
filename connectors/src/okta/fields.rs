//! Which fields of a user and of an application assignment become which attributes.
//!
//! Names of the base profile: Okta reference, "User", `profile`. Everything else is a custom attribute of the org and is
//! taken by its own name.
//!
//! Invariant: what nobody wants is not kept.
//! Invariant: the login is always read; without it nobody can be judged.

use std::collections::BTreeSet;

use super::config::{OktaConfig, OktaScope};
use crate::attributes::{self, AttributeName};

/// Canonical attribute and the profile properties it is read from; a later one is taken where the ones before it have no
/// value.
static PROFILE: &[(&str, &[&str])] = &[
    (attributes::USERNAME, &["login"]),
    (attributes::MAIL, &["email"]),
    (attributes::GIVEN_NAME, &["firstName"]),
    (attributes::FAMILY_NAME, &["lastName"]),
    (attributes::DISPLAY_NAME, &["displayName"]),
    (attributes::TITLE, &["title"]),
    (attributes::DEPARTMENT, &["department"]),
    (attributes::EMPLOYEE_ID, &["employeeNumber"]),
    (attributes::BUSINESS_PHONE, &["primaryPhone"]),
    (attributes::MOBILE_PHONE, &["mobilePhone"]),
    (attributes::COMPANY, &["organization"]),
    (attributes::OFFICE, &["officeLocation"]),
    (attributes::USER_TYPE, &["userType"]),
    (attributes::COST_CENTER, &["costCenter"]),
    (attributes::DIVISION, &["division"]),
    (attributes::MANAGER, &["manager", "managerId"]),
];

/// Read whatever the configuration says.
static MANDATORY: &[&str] = &[
    attributes::USERNAME,
    attributes::GIVEN_NAME,
    attributes::FAMILY_NAME,
    attributes::DISPLAY_NAME,
    attributes::USER_TYPE,
];

/// Read from the application profile where the scope is an application.
static OF_APP: &[&str] = &[attributes::ENTITLEMENTS, attributes::ROLES];

/// How the remote's name of a field of the application profile begins.
const APP_PREFIX: &str = "appuser profile.";
const USER_PREFIX: &str = "profile.";

/// One attribute a property becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Becomes {
    pub(super) name: AttributeName,
    /// Taken only where the usual property has no value.
    pub(super) spare: bool,
}

/// One property that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) property: String,
    pub(super) becomes: Vec<Becomes>,
}

/// Everything that is read of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields {
    user: Vec<Field>,
    app: Vec<Field>,
    app_scope: bool,
}

/// A configuration of attributes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    /// An attribute of the application profile without an application.
    #[error("`{0}` is read from an application profile, but the scope is not an application")]
    NoApp(AttributeName),
    /// No property has an empty name.
    #[error("`{0}` is read from a property without a name")]
    NoName(AttributeName),
}

impl Fields {
    /// The fields for a configuration.
    pub(super) fn new(config: &OktaConfig) -> Result<Self, FieldError> {
        let app_scope = matches!(config.scope, OktaScope::App(_));
        let mut fields = Self { app_scope, ..Self::default() };
        let mut names: BTreeSet<AttributeName> = MANDATORY.iter().map(|name| AttributeName::from(*name)).collect();
        names.extend(config.wanted.iter().chain(config.fields.keys()).cloned());
        if app_scope {
            names.extend(OF_APP.iter().map(|name| AttributeName::from(*name)));
        }
        for name in names {
            if matches!(name.as_str(), attributes::MAILBOX_NAME | attributes::STATUS) {
                continue;
            }
            if let Some(field) = config.fields.get(&name) {
                fields.place(&name, field.trim(), false)?;
                continue;
            }
            match PROFILE.iter().find(|(known, _)| *known == name.as_str()) {
                Some((_, properties)) => {
                    for (at, property) in properties.iter().enumerate() {
                        fields.place(&name, property, at > 0)?;
                    }
                }
                None => fields.place(&name, name.as_str(), false)?,
            }
        }
        Ok(fields)
    }

    fn place(&mut self, name: &AttributeName, field: &str, spare: bool) -> Result<(), FieldError> {
        let of_app = self.app_scope && OF_APP.contains(&name.as_str());
        let (list, property) = if let Some(property) = field.strip_prefix(APP_PREFIX) {
            if !self.app_scope {
                return Err(FieldError::NoApp(name.clone()));
            }
            (&mut self.app, property)
        } else if let Some(property) = field.strip_prefix(USER_PREFIX) {
            (&mut self.user, property)
        } else if of_app {
            (&mut self.app, field)
        } else {
            (&mut self.user, field)
        };
        if property.is_empty() {
            return Err(FieldError::NoName(name.clone()));
        }
        let becomes = Becomes { name: name.clone(), spare };
        match list.iter_mut().find(|field| field.property == property) {
            Some(field) => field.becomes.push(becomes),
            None => list.push(Field { property: property.to_owned(), becomes: vec![becomes] }),
        }
        Ok(())
    }

    /// The field of a user's profile with this name.
    pub(super) fn of_user(&self, property: &str) -> Option<&Field> {
        self.user.iter().find(|field| field.property == property)
    }

    /// The field of an application profile with this name, in any case: the names are given by whoever set the application
    /// up.
    pub(super) fn of_app(&self, property: &str) -> Option<&Field> {
        self.app.iter().find(|field| field.property.eq_ignore_ascii_case(property))
    }

    /// The remote's own name of the field an attribute is read from.
    pub(super) fn name_of(&self, attribute: &AttributeName) -> String {
        let attribute = match attribute.as_str() {
            attributes::STATUS => return attributes::STATUS.to_owned(),
            attributes::MAILBOX_NAME => &AttributeName::from(attributes::USERNAME),
            _ => attribute,
        };
        let becomes = |field: &&Field| field.becomes.iter().any(|one| one.name == *attribute && !one.spare);
        if let Some(field) = self.user.iter().find(becomes) {
            return format!("{USER_PREFIX}{}", field.property);
        }
        if let Some(field) = self.app.iter().find(becomes) {
            return format!("{APP_PREFIX}{}", field.property);
        }
        let known = PROFILE.iter().find(|(known, _)| *known == attribute.as_str());
        format!("{USER_PREFIX}{}", known.map_or(attribute.as_str(), |(_, properties)| properties[0]))
    }

    /// Everything that is read, as a text for comparison.
    pub(super) fn text(&self) -> String {
        let words = |list: &[Field], prefix: &str| {
            let each = |field: &Field| {
                let becomes: Vec<&str> = field.becomes.iter().map(|one| one.name.as_str()).collect();
                format!("{prefix}{}={};", field.property, becomes.join(","))
            };
            list.iter().map(each).collect::<String>()
        };
        words(&self.user, USER_PREFIX) + &words(&self.app, APP_PREFIX)
    }
}
