//! What a rule gives: the persona keys of `[default]`, `[[mapping]]`, `[user_type.*]` and the `expect` of an example.
//!
//! Whether a profile exists is not known here; names are looked up in Connect at every run.
//!
//! Source of the limits: Amazon Connect API reference, `CreateUser`, `UserPhoneConfig`, `TagResource`; hierarchies have at
//! most five levels (Amazon Connect administrator guide, "Set up agent hierarchies").

use std::collections::{BTreeMap, BTreeSet};

use super::problem::nearest;
use super::section::{Item, Section};
use crate::model::Attribute;
use crate::model::attribute::{MAX_SECURITY_PROFILES, MAX_TAGS, OWNER_TAG, Shape};
use crate::planner::rules::{Persona, PhoneSettings, UserTypeExtras};

/// User types that need no `[user_type.*]`.
const BUILT_IN_TYPES: &[&str] = &["agent", "supervisor", "manager"];
const MAX_LEVELS: usize = 5;

/// The user types a rule may name.
pub(super) struct UserTypes(BTreeSet<String>);

impl UserTypes {
    /// Those that are configured, and those that need not be.
    pub(super) fn of<'n>(configured: impl IntoIterator<Item = &'n String>) -> Self {
        let built_in = BUILT_IN_TYPES.iter().map(|name| (*name).to_owned());
        Self(built_in.chain(configured.into_iter().cloned()).collect())
    }
}

/// Reads `[user_type.*]`.
pub(super) fn user_types(section: &Section<'_>) -> (UserTypes, BTreeMap<String, UserTypeExtras>) {
    let mut extras = BTreeMap::new();
    for (name, item) in section.entries() {
        let Some(section) = item.section() else { continue };
        let extra = UserTypeExtras {
            security_profiles: security_profiles(&section),
            tags: section.optional("tags", tags).unwrap_or_default(),
            phone: phone(&section),
        };
        extras.insert(name, extra);
    }
    (UserTypes::of(extras.keys()), extras)
}

/// Reads the persona keys of a section.
pub(super) fn persona(section: &Section<'_>, types: &UserTypes) -> Persona {
    Persona {
        security_profiles: security_profiles(section),
        routing_profile: section.optional("routing_profile", Item::text),
        user_type: section.optional("user_type", |item| user_type(item, types)),
        hierarchy: section.optional("hierarchy", |item| item.parsed("a path such as \"EMEA/London/Care\"", hierarchy)),
        tags: section.optional("tags", tags).unwrap_or_default(),
        phone: phone(section),
    }
}

/// Reads `[default]`. It must be enough for a user, because nothing else may be there to complete it.
pub(super) fn default(section: &Section<'_>, types: &UserTypes) -> Persona {
    let persona = persona(section, types);
    if section.get("security_profiles").is_none() {
        section.missing("security_profiles", "for example security_profiles = [\"Agent\"]");
    }
    if section.get("routing_profile").is_none() {
        section.missing("routing_profile", "for example routing_profile = \"Basic Routing Profile\"");
    }
    persona
}

fn security_profiles(section: &Section<'_>) -> Vec<String> {
    section.optional("security_profiles", profile_list).unwrap_or_default()
}

/// Names of security profiles: some, no doubles, no more than a user may have.
pub(super) fn profile_list(item: &Item<'_>) -> Option<Vec<String>> {
    let names = item.some_texts()?;
    let mut seen = BTreeSet::new();
    if let Some(double) = names.iter().find(|name| !seen.insert(name.as_str())) {
        item.problem(format!("{double:?} stands in the list twice"), "remove one of them".to_owned());
    }
    if names.len() > MAX_SECURITY_PROFILES {
        item.problem(format!("a user has at most {MAX_SECURITY_PROFILES} security profiles"), None);
    }
    Some(names)
}

fn user_type(item: &Item<'_>, types: &UserTypes) -> Option<String> {
    let name = item.text()?;
    if types.0.contains(&name) {
        return Some(name);
    }
    let hint = match nearest(&name, types.0.iter().map(String::as_str)) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("add a table [user_type.{name}]"),
    };
    item.unexpected("a user type", hint);
    None
}

fn hierarchy(path: &str) -> Option<String> {
    let levels: Vec<&str> = path.split('/').map(str::trim).collect();
    (levels.len() <= MAX_LEVELS && levels.iter().all(|level| !level.is_empty())).then(|| levels.join("/"))
}

fn tags(item: &Item<'_>) -> Option<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in item.section()?.entries() {
        let Some(text) = value.text() else { continue };
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("rollcall:") {
            value.problem("tags that begin with aws: or rollcall: are reserved", "use another key".to_owned());
        } else if key.is_empty() || key.chars().count() > 128 || text.chars().count() > 256 {
            value.problem("a tag has a key of 1 to 128 and a value of at most 256 characters", None);
        }
        tags.insert(key, text);
    }
    // One place is taken by the owner mark.
    if tags.len() >= MAX_TAGS {
        item.problem(format!("at most {} tags beside {OWNER_TAG}", MAX_TAGS - 1), None);
    }
    Some(tags)
}

fn phone(section: &Section<'_>) -> PhoneSettings {
    PhoneSettings {
        desk_phone: section.optional("desk_phone", Item::flag),
        auto_accept: section.optional("auto_accept", Item::flag),
        after_contact_work_secs: section.optional("after_contact_work", after_contact_work),
        persistent_connection: section.optional("persistent_connection", Item::flag),
    }
}

fn after_contact_work(item: &Item<'_>) -> Option<u32> {
    let secs = u32::try_from(item.duration()?).ok();
    let longest = match Attribute::AfterContactWorkSecs.row().shape {
        Shape::Seconds { max } => max,
        _ => u32::MAX,
    };
    if secs.is_none_or(|secs| secs > longest) {
        item.unexpected(&format!("at most \"{longest}s\""), None);
    }
    secs
}
