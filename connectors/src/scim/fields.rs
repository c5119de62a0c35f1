//! Which SCIM attributes are asked for, and which attribute of ours each becomes.
//!
//! Names and forms: RFC 7643, 4.1 (User) and 4.3 (enterprise extension); paths as in RFC 7644, 3.10.
//!
//! Invariant: what is asked for is what is read; nothing is asked for that nobody wants.
//! Invariant: a path that cannot be understood is refused with the configuration, not read as "no value".
//! Deliberately absent: memberships. They are read as groups, never as an attribute.

use std::collections::BTreeSet;

use super::config::{MembershipFrom, ScimConfig};
use super::path::{Path, Place};
use crate::attributes::{self, AttributeName};

/// The enterprise extension's name in the standard.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Other names servers have for it. Compared without regard to case, so only real differences are listed.
static ENTERPRISE_ALIASES: &[&str] = &[
    "urn:scim:schemas:extension:enterprise:1.0",
    "urn:scim:schemas:extension:enterprise:1.0:User",
    "urn:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:1.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    "EnterpriseUser",
];

/// Canonical attribute and the path it is read from.
static PATHS: &[(&str, &str)] = &[
    (attributes::USERNAME, "userName"),
    (attributes::MAIL, r#"emails[type eq "work"].value"#),
    (attributes::GIVEN_NAME, "name.givenName"),
    (attributes::FAMILY_NAME, "name.familyName"),
    (attributes::DISPLAY_NAME, "displayName"),
    (attributes::TITLE, "title"),
    (attributes::DEPARTMENT, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
    (attributes::EMPLOYEE_ID, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"),
    (attributes::BUSINESS_PHONE, r#"phoneNumbers[type eq "work"].value"#),
    (attributes::MOBILE_PHONE, r#"phoneNumbers[type eq "mobile"].value"#),
    (attributes::COMPANY, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"),
    (attributes::USER_TYPE, "userType"),
    (attributes::COST_CENTER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter"),
    (attributes::ENTITLEMENTS, "entitlements"),
    (attributes::ROLES, "roles"),
    (attributes::DIVISION, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division"),
    (attributes::MANAGER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName"),
];

/// Asked for whatever the configuration says.
static MANDATORY: &[&str] =
    &[attributes::USERNAME, attributes::GIVEN_NAME, attributes::FAMILY_NAME, attributes::DISPLAY_NAME];

/// What may be taken from a list of which no entry is what the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// Nothing.
    Nothing,
    /// An entry that does not say what it is.
    Untyped,
    /// The primary entry, then one that does not say what it is.
    PrimaryThenUntyped,
}

/// One attribute and where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) attribute: AttributeName,
    pub(super) path: Path,
    pub(super) otherwise: Otherwise,
}

/// Everything that is read of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    list: Vec<Field>,
    /// Objects of a user that hold extension attributes: the standard name first, then the aliases.
    containers: Vec<Vec<String>>,
    overrides: Vec<(AttributeName, String)>,
    groups: bool,
}

/// An attribute that no SCIM attribute can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`, which `{attribute}` is to be read from, {why}")]
pub(super) struct NotAField {
    pub(super) attribute: AttributeName,
    pub(super) path: String,
    pub(super) why: &'static str,
}

/// What a name in a user's object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Active,
    Groups,
    Meta,
    /// An extension's object, by its place among the containers.
    Container(usize),
    /// Something a field may be read from.
    Maybe,
    Other,
}

impl Fields {
    /// The fields the configuration wants, beside the mandatory ones.
    pub(super) fn new(config: &ScimConfig) -> Result<Self, NotAField> {
        let mut names: BTreeSet<AttributeName> = MANDATORY.iter().map(|name| AttributeName::from(*name)).collect();
        names.extend(config.wanted.iter().filter(|name| name.as_str() != attributes::MAILBOX_NAME).cloned());
        let mut enterprise = vec![ENTERPRISE.to_owned()];
        enterprise.extend(ENTERPRISE_ALIASES.iter().map(|alias| (*alias).to_owned()));
        enterprise.extend(config.extension_aliases.iter().map(|alias| alias.trim().to_owned()));
        let follows = config.scope_groups.is_some() || !config.rule_groups.is_empty();
        let mut fields = Self {
            list: Vec::new(),
            containers: vec![enterprise],
            overrides: config.fields.iter().map(|(name, path)| (name.clone(), path.trim().to_owned())).collect(),
            groups: follows && config.membership != MembershipFrom::GroupMembers,
        };
        for attribute in names {
            let text = fields.field_of(&attribute);
            let refused = |why| NotAField { attribute: attribute.clone(), path: text.clone(), why };
            let mut path = Path::parse(&text).map_err(refused)?;
            if path.is("groups") {
                return Err(refused("is a membership; name the group in the scope or a rule instead"));
            }
            if let Place::Extension(urn) = &mut path.place {
                *urn = fields.container_named(urn);
            }
            // A path of the administrator's own means exactly that entry.
            let own = fields.overrides.iter().any(|(name, _)| *name == attribute);
            let otherwise = match attribute.as_str() {
                attributes::MAIL if !own => Otherwise::PrimaryThenUntyped,
                attributes::BUSINESS_PHONE if !own => Otherwise::Untyped,
                _ => Otherwise::Nothing,
            };
            fields.list.push(Field { attribute, path, otherwise });
        }
        Ok(fields)
    }

    /// The standard name of a container, which becomes known by this.
    fn container_named(&mut self, urn: &str) -> String {
        if let Some(at) = self.container(urn) {
            return self.containers[at][0].clone();
        }
        self.containers.push(vec![urn.to_owned()]);
        urn.to_owned()
    }

    fn container(&self, name: &str) -> Option<usize> {
        self.containers.iter().position(|names| names.iter().any(|one| one.eq_ignore_ascii_case(name)))
    }

    /// The value of `attributes`: what is needed and nothing else.
    ///
    /// Of complex attributes the whole is asked for: many servers know top-level names only, and leave `name.givenName`
    /// out without a word.
    pub(super) fn attributes_parameter(&self) -> String {
        self.attributes_with(self.groups)
    }

    /// The same, with or without the groups a user is in, once it is known where memberships are read.
    pub(super) fn attributes_with(&self, groups: bool) -> String {
        let mut names = vec!["id".to_owned(), "active".to_owned(), "meta".to_owned()];
        if groups {
            names.push("groups".to_owned());
        }
        let own = self.list.iter().map(|field| field.path.asked());
        for name in own {
            if !names.iter().any(|have| have.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
        names.join(",")
    }

    /// The path an attribute is read from, as the administrator or the standard spells it.
    pub(super) fn field_of(&self, attribute: &AttributeName) -> String {
        let name = match attribute.as_str() {
            attributes::MAILBOX_NAME => attributes::USERNAME,
            name => name,
        };
        if let Some((_, path)) = self.overrides.iter().find(|(have, _)| have.as_str() == name) {
            return path.clone();
        }
        PATHS.iter().find(|(known, _)| *known == name).map_or(name, |(_, path)| path).to_owned()
    }

    /// What a top-level name of a user is.
    pub(super) fn slot(&self, name: &str) -> Slot {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("id") {
            Slot::Id
        } else if is("active") {
            Slot::Active
        } else if is("groups") {
            Slot::Groups
        } else if is("meta") {
            Slot::Meta
        } else if let Some(at) = self.container(name) {
            Slot::Container(at)
        } else if self.list.iter().any(|field| self.rank(field, None, name).is_some()) {
            Slot::Maybe
        } else {
            Slot::Other
        }
    }

    /// The standard name of a container.
    pub(super) fn container_name(&self, at: usize) -> String {
        self.containers[at][0].clone()
    }

    /// The fields, in the order their values are collected.
    pub(super) fn list(&self) -> &[Field] {
        &self.list
    }

    /// Whether a field can be read from this name, and how good a place that is (0 is the best): in its own object, or at
    /// the top level on servers that put extension attributes there or flatten the path into one name.
    pub(super) fn rank(&self, field: &Field, container: Option<usize>, name: &str) -> Option<u8> {
        let head = &field.path.head;
        match (&field.path.place, container) {
            (Place::Core, None) => name.eq_ignore_ascii_case(head).then_some(0),
            (Place::Core, Some(at)) => (at == 0 && is_enterprise(head) && name.eq_ignore_ascii_case(head)).then_some(1),
            (Place::Extension(urn), Some(at)) => {
                (self.containers[at][0] == *urn && name.eq_ignore_ascii_case(head)).then_some(0)
            }
            (Place::Extension(urn), None) => {
                let flat = name.len() > head.len()
                    && name.get(name.len() - head.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(head))
                    && name[..name.len() - head.len()]
                        .strip_suffix(':')
                        .is_some_and(|front| self.container(front).is_some_and(|at| self.containers[at][0] == *urn));
                let bare = *urn == ENTERPRISE && name.eq_ignore_ascii_case(head);
                if flat { Some(1) } else { bare.then_some(2) }
            }
        }
    }
}

/// Whether a name belongs to the enterprise extension (RFC 7643, 4.3); no core attribute has one of these names.
fn is_enterprise(name: &str) -> bool {
    ["employeeNumber", "costCenter", "organization", "division", "department", "manager"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}
