//! Rules with some sections replaced: what would the rules be if this text stood in the file?
//!
//! What the text has takes the place of the same sections; the rest stays. All `[[mapping]]` together are one section,
//! because their order counts; each `[user_type.*]` is one of its own.
//!
//! Invariant: the text is read like a configuration: all its problems at once, and nothing is ignored.
//! Deliberately absent: files. Whoever has a text, by whatever way, may ask.

use std::path::Path;

use toml::de::DeTable;

use super::persona::{UserTypes, user_types};
use super::section::Section;
use super::{Config, Options, Problems, attributes, example, mapping, parsed, persona, policy};
use crate::planner::what_if::Changed;

/// The sections that a text of changed rules may have.
const SECTIONS: &str = "[[mapping]], [default], [user_type.*], [attributes], [authority] or [[example]]";

/// Keys of a configuration that say something else than what people get.
const OTHERS: &[&str] = &[
    "name",
    "state",
    "enabled",
    "precedence",
    "same_person",
    "source",
    "connect",
    "secrets",
    "tls",
    "adopt",
    "leaver",
    "guard",
    "schedule",
    "apply",
    "report",
    "notify",
    "console",
];

/// The rules of a configuration with what the text has in place of the same sections. `path` names the text in messages;
/// nothing is read there.
///
/// # Errors
/// Every problem of the text at once, with lines of the text.
pub fn rules_with(config: &Config, text: &str, path: &Path) -> Result<Changed, Problems> {
    parsed(text, path, Options { check_secrets: false }, |root| Some(changed(root, config)))
}

fn changed(root: &Section<'_>, config: &Config) -> Changed {
    let mut rules = config.rules.clone();
    let mut sections = Vec::new();
    if root.get("attributes").is_some() {
        let read = attributes::read(&root.section("attributes"));
        rules.fields = read.fields;
        rules.departments_are_security_profiles = read.departments_are_security_profiles;
        sections.push("[attributes]".to_owned());
    }
    if let Some(item) = root.get("user_type").filter(|item| item.value().as_table().is_some_and(DeTable::is_empty)) {
        item.problem("names no user type", "add a table such as [user_type.supervisor]".to_owned());
    }
    let (_, types) = user_types(&root.section("user_type"));
    sections.extend(types.keys().map(|name| format!("[user_type.{name}]")));
    rules.user_types.extend(types);
    let types = UserTypes::of(rules.user_types.keys());
    if let Some(default) = root.optional("default", |item| Some(persona::default(&item.section()?, &types))) {
        rules.default = Some(default);
        sections.push("[default]".to_owned());
    }
    if root.get("mapping").is_some() {
        rules.mappings = mapping::read(root.sections("mapping"), &types);
        sections.push("[[mapping]]".to_owned());
    }
    if root.get("authority").is_some() {
        rules.authority = policy::authority(&root.section("authority"));
        sections.push("[authority]".to_owned());
    }
    let mut examples = config.examples.clone();
    if root.get("example").is_some() {
        examples = example::read(root.sections("example"), &types);
        sections.push("[[example]]".to_owned());
    }
    for key in OTHERS {
        root.refuse(key, "says nothing about what people get", &format!("remove it; {SECTIONS} may stand here"));
    }
    if root.is_empty() {
        root.problem("", "changes nothing", format!("put changed rules into it: {SECTIONS}"));
    }
    super::somebody_gets_something(root, &rules);
    Changed { rules, examples, sections }
}
