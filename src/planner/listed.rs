//! What a person's own record names: security profiles in the department, entitlements and roles of an application
//! profile.
//!
//! Invariant: a name that Connect does not have holds the person; nobody receives a part of what the record names. An
//! unknown role holds only whoever would be created by it, because it is never written later.
//! Invariant: the application profile counts only for sources that are configured to have one.

use std::collections::{BTreeMap, BTreeSet};

use connectors::attributes::{ENTITLEMENTS, ROLES as ROLES_ATTRIBUTE, SEPARATOR};

use super::draft::Notes;
use super::mapping::{Broken, Compiled, find, unknown};
use super::rule::Facts;
use super::rules::{Rules, SourceRules};
use crate::model::{FindingCode, Named, ResourceId};

/// How the list of profiles in a department is called on screens.
pub(super) const DEPARTMENT: &str = "(department)";
/// How the entitlements of an application profile are called on screens.
pub(super) const LISTED_ENTITLEMENTS: &str = "(entitlements)";
/// How the roles of an application profile are called on screens.
pub(super) const ROLES: &str = "(roles)";

/// What a record itself names.
#[derive(Default)]
pub(super) struct Listed {
    /// Security profiles.
    pub(super) security: BTreeSet<Named>,
    /// The lists that name them, as called on screens; empty: there is no list.
    pub(super) rules: Vec<&'static str>,
    /// The routing profile for the creation, if it exists.
    pub(super) role: Option<Result<Named, Broken>>,
}

/// Reads what the record names.
pub(super) fn of(compiled: &Compiled<'_>, facts: &Facts<'_>, notes: &mut Notes<'_>) -> Listed {
    let mut listed = Listed::default();
    let department = facts.department.filter(|_| compiled.rules.departments_are_security_profiles);
    if let Some(department) = department {
        listed.rules.push(DEPARTMENT);
        profiles(compiled, "the department", department.split(','), &mut listed, notes);
    }
    if !has_profile(compiled.rules, facts) {
        return listed;
    }
    if let Some(text) = facts.user.attributes.get(ENTITLEMENTS) {
        listed.rules.push(LISTED_ENTITLEMENTS);
        profiles(compiled, "the entitlements", entitlements(text), &mut listed, notes);
    }
    if let Some(role) = role(facts) {
        let mut broken = Vec::new();
        let found = find("the roles", "routing profile", role, &compiled.catalogue().routing_profiles, &mut broken);
        listed.role = found.map(Ok).or_else(|| broken.pop().map(Err));
    }
    listed
}

/// Whether the person's source has an application profile.
pub(super) fn has_profile(rules: &Rules, facts: &Facts<'_>) -> bool {
    let source = &facts.user.key.source;
    rules.sources.iter().any(|SourceRules { name, application_profile, .. }| name == source && *application_profile)
}

/// The first role.
pub(super) fn role<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    facts.user.attributes.get(ROLES_ATTRIBUTE)?.split(SEPARATOR).map(str::trim).find(|role| !role.is_empty())
}

/// The names in an entitlements attribute: one a line; a single line may hold several, separated by commas.
pub(super) fn entitlements(text: &str) -> std::str::Split<'_, char> {
    text.split(if text.contains(SEPARATOR) { SEPARATOR } else { ',' })
}

fn profiles<'t>(
    compiled: &Compiled<'_>,
    place: &str,
    names: impl Iterator<Item = &'t str>,
    listed: &mut Listed,
    notes: &mut Notes<'_>,
) {
    let known: &BTreeMap<String, ResourceId> = &compiled.catalogue().security_profiles;
    for name in names.map(str::trim).filter(|name| !name.is_empty()) {
        match known.get(name) {
            Some(id) => {
                listed.security.insert(Named { id: id.clone(), name: name.into() });
            }
            None => {
                let broken = unknown(place, "security profile", name, known.keys().map(String::as_str));
                notes.note(FindingCode::UnknownName, broken.message, broken.hint);
            }
        }
    }
}
