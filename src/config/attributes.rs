//! `[attributes]`: which directory attribute feeds which field of a Connect user.
//!
//! Names are canonicalised by [`AttributeName`]; one that is not known is passed through, because every directory has
//! custom attributes. That is why a misspelt attribute is found by `rollcall rules` and not here.

use connectors::AttributeName;

use super::section::Section;
use super::value::alternatives;
use crate::planner::rules::FieldMapping;

/// What the section says.
pub(super) struct Attributes {
    pub(super) fields: FieldMapping,
    pub(super) departments_are_security_profiles: bool,
}

pub(super) fn read(section: &Section<'_>) -> Attributes {
    let one = |key, default: &str| {
        let name = section.optional(key, |item| item.parsed("the name of a directory attribute", attribute));
        name.unwrap_or_else(|| AttributeName::from(default))
    };
    let first_of = |key, default: &[&str]| list(section, key, default);
    let fields = FieldMapping {
        username: one("username", "username"),
        given_name: mandatory(section, "given_name", first_of("given_name", &["given_name"])),
        family_name: mandatory(section, "family_name", first_of("family_name", &["family_name"])),
        email: first_of("email", &["mail"]),
        department: one("department", "department"),
        phone: first_of("phone", &[]),
        phone_region: section.optional("phone_region", |item| item.parsed("a country code such as \"GB\"", region)),
        desk_phone: first_of("desk_phone", &[]),
    };
    let flag = section.optional("departments_are_security_profiles", super::section::Item::flag);
    Attributes { fields, departments_are_security_profiles: flag.unwrap_or(false) }
}

fn list(section: &Section<'_>, key: &'static str, default: &[&str]) -> Vec<AttributeName> {
    let names = section.optional(key, |item| {
        let names = item.texts()?;
        let bad: Vec<_> =
            names.iter().filter(|name| attribute(name).is_none()).map(|name| format!("{name:?}")).collect();
        if bad.is_empty() {
            return Some(names);
        }
        item.problem(format!("{} cannot be the name of an attribute", alternatives(&bad)), None);
        None
    });
    match names {
        Some(names) => names.iter().map(|name| AttributeName::from(name.as_str())).collect(),
        None => default.iter().map(|name| AttributeName::from(*name)).collect(),
    }
}

fn mandatory(section: &Section<'_>, key: &'static str, names: Vec<AttributeName>) -> Vec<AttributeName> {
    if names.is_empty() {
        section.problem(key, "Amazon Connect demands a name", format!("leave {key} out for the usual attribute"));
    }
    names
}

/// Attribute names end up in queries to the directory, so they hold no blanks and no quotes.
pub(super) fn attribute(name: &str) -> Option<AttributeName> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    (!name.is_empty() && name.chars().count() <= 128 && name.chars().all(plain)).then(|| AttributeName::from(name))
}

fn region(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    code.parse::<phonenumber::country::Id>().ok().map(|_| code)
}
