//! `[[mapping]]`: when a rule applies and what it gives.
//!
//! `departments` and `groups` are short for the conditions most rules have; together with each other, or with `when`, all of
//! them must hold. A rule without any condition would give its profiles to everybody, so that has to be said:
//! `when = "always"`.
//!
//! Invariant: a list of conditions is never empty. "All of nothing" holds for everybody, which nobody means.

use std::collections::BTreeSet;

use super::attributes::attribute;
use super::persona::{UserTypes, persona};
use super::section::{Item, Section};
use crate::planner::rules::{Condition, Mapping, Persona, TextTest};

/// The default persona's name on screens; a mapping of that name would be taken for it.
const DEFAULT_NAME: &str = "(default)";

/// What conditions can look at; the first key of each condition table.
const SUBJECTS: &[&str] = &["all", "any", "not", "group", "department", "attribute"];
const TESTS: &[&str] = &["equals", "starts_with", "ends_with", "contains", "present"];

/// Reads every `[[mapping]]`, in order.
pub(super) fn read(sections: Vec<Section<'_>>, types: &UserTypes) -> Vec<Mapping> {
    let mut names = BTreeSet::new();
    sections.iter().filter_map(|section| mapping(section, types, &mut names)).collect()
}

fn mapping(section: &Section<'_>, types: &UserTypes, names: &mut BTreeSet<String>) -> Option<Mapping> {
    let name = section.required("name", "\"care\"", Item::text);
    if let Some(name) = &name {
        if name == DEFAULT_NAME {
            section.problem("name", "is the name of the default persona", "choose another name".to_owned());
        } else if !names.insert(name.to_lowercase()) {
            section.problem("name", "another mapping has the same name", "choose another name".to_owned());
        }
    }
    let when = conditions(section);
    let gives = persona(section, types);
    let intends_nothing = gives == Persona::default() && PERSONA_KEYS.iter().all(|key| section.get(key).is_none());
    if intends_nothing {
        section.problem("", "gives nothing", format!("add one of {}", PERSONA_KEYS.join(", ")));
    }
    Some(Mapping { name: name?, line: section.line(), when: when?, gives })
}

const PERSONA_KEYS: &[&str] = &[
    "security_profiles",
    "routing_profile",
    "user_type",
    "hierarchy",
    "tags",
    "desk_phone",
    "auto_accept",
    "after_contact_work",
    "persistent_connection",
];

fn conditions(section: &Section<'_>) -> Option<Condition> {
    let departments = section.get("departments").map(|item| Some(Condition::Department(item.some_texts()?)));
    let groups = section.get("groups").map(|item| Some(groups(item.some_texts()?)));
    let when = section.get("when").map(|item| when(&item));
    let given: Vec<Option<Condition>> = [departments, groups, when].into_iter().flatten().collect();
    if given.is_empty() {
        let hint = "add departments, groups or when; for everybody: when = \"always\"";
        section.problem("", "has no condition", hint.to_owned());
        return None;
    }
    let mut given = given.into_iter().collect::<Option<Vec<_>>>()?;
    if given.len() == 1 { given.pop() } else { Some(Condition::All(given)) }
}

fn groups(names: Vec<String>) -> Condition {
    let mut groups: Vec<_> = names.into_iter().map(Condition::Group).collect();
    if groups.len() == 1 { groups.remove(0) } else { Condition::Any(groups) }
}

fn when(item: &Item<'_>) -> Option<Condition> {
    if item.value().as_str() == Some("always") {
        return Some(Condition::Always);
    }
    if !item.value().is_table() {
        item.unexpected("a condition such as { group = \"Leads\" }, or \"always\"", None);
        return None;
    }
    condition(item)
}

fn condition(item: &Item<'_>) -> Option<Condition> {
    let section = item.section()?;
    let Some(subject) = section.at_most_one(SUBJECTS) else {
        item.problem("expected a condition", format!("one of {}", SUBJECTS.join(", ")));
        return None;
    };
    match subject {
        "all" => section.optional(subject, list).map(Condition::All),
        "any" => section.optional(subject, list).map(Condition::Any),
        "not" => section.optional(subject, condition).map(|inner| Condition::Not(Box::new(inner))),
        "group" => section.optional(subject, Item::some_texts).map(groups),
        "department" => section.optional(subject, Item::some_texts).map(Condition::Department),
        _ => {
            let name = section.optional(subject, |item| item.parsed("the name of a directory attribute", attribute));
            let test = test(&section);
            Some(Condition::Attribute { name: name?, test: test? })
        }
    }
}

fn list(item: &Item<'_>) -> Option<Vec<Condition>> {
    let Some(items) = item.items().filter(|items| !items.is_empty()) else {
        item.unexpected("a list of at least one condition", None);
        return None;
    };
    items.iter().map(condition).collect::<Vec<_>>().into_iter().collect()
}

fn test(section: &Section<'_>) -> Option<TextTest> {
    let Some(test) = section.at_most_one(TESTS) else {
        section.problem("", "an attribute is compared with something", format!("add one of {}", TESTS.join(", ")));
        return None;
    };
    match test {
        "equals" => section.optional(test, Item::some_texts).map(TextTest::Equals),
        "starts_with" => section.optional(test, Item::text).map(TextTest::StartsWith),
        "ends_with" => section.optional(test, Item::text).map(TextTest::EndsWith),
        "contains" => section.optional(test, Item::text).map(TextTest::Contains),
        _ => section.optional(test, Item::flag).map(TextTest::Present),
    }
}
