//! `[guard]`: how much one plan may take away, give or change before somebody has to agree.
//!
//! Invariant: there is always a limit. What the file leaves out has a default, and a limit without any bound is refused; who
//! wants none writes `fraction = 1.0`.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::nearest;
use super::section::{Item, Section};
use crate::planner::rules::{Emptied, Limit, Limits};

/// What `[guard]` says.
pub(super) struct Guard {
    pub(super) limits: Limits,
    pub(super) canaries: BTreeSet<String>,
}

/// Reads `[guard]`; `sources` are the names of the directories, for people who are named by their key.
pub(super) fn read(section: &Section<'_>, sources: &[String]) -> Guard {
    let otherwise = Limits::default();
    let bound = |key, otherwise: Limit| section.optional(key, limit).unwrap_or(otherwise);
    let people = |key| section.optional(key, |item| people(item, sources)).unwrap_or_default();
    let limits = Limits {
        max_removed: bound("max_removed", otherwise.max_removed),
        max_changed: bound("max_changed", otherwise.max_changed),
        privileged: section.optional("privileged", Item::texts).unwrap_or_default().into_iter().collect(),
        max_raised: bound("max_raised", otherwise.max_raised),
        max_leaving_profile: bound("max_leaving_profile", otherwise.max_leaving_profile),
        max_emptied: section.optional("max_emptied", emptied).unwrap_or(otherwise.max_emptied),
        never_below: section.optional("never_below", floors).unwrap_or_default(),
        protected: people("protected"),
        approval_secs: section.optional("approval", Item::period).unwrap_or(otherwise.approval_secs),
    };
    let canaries = people("canaries");
    // Without names, a limit on raises would look like a guard and be none.
    if limits.privileged.is_empty() && section.get("max_raised").is_some() && section.get("privileged").is_none() {
        let hint = "add privileged = [\"Admin\"]: the security profiles that mean power over others";
        section.problem("max_raised", "no security profile is named privileged", hint.to_owned());
    }
    Guard { limits, canaries }
}

fn limit(item: &Item<'_>) -> Option<Limit> {
    let section = item.section()?;
    if section.is_empty() {
        item.problem("expected a bound", "add count, fraction or both".to_owned());
    }
    let share = |item: &Item<'_>| item.number("a fraction from 0 to 1", |number| (0.0..=1.0).contains(&number));
    Some(Limit {
        count: section.optional("count", |item| item.count(0)),
        fraction: section.optional("fraction", share),
    })
}

fn emptied(item: &Item<'_>) -> Option<Emptied> {
    let section = item.section()?;
    if section.is_empty() {
        item.problem("expected a bound", "add count, from or both".to_owned());
    }
    let Emptied { count, from } = Emptied::default();
    Some(Emptied {
        count: section.optional("count", |item| item.count(0)).unwrap_or(count),
        from: section.optional("from", |item| item.count(1)).unwrap_or(from),
    })
}

/// Profiles of the administrator's choice, each with its fewest users.
fn floors(item: &Item<'_>) -> Option<BTreeMap<String, u32>> {
    let entries = item.section()?.entries();
    Some(entries.into_iter().filter_map(|(name, item)| Some((name, item.count(1)?))).collect())
}

/// People by username or key. A key of a directory that is not there is a slip of the pen, and would guard nobody.
fn people(item: &Item<'_>, sources: &[String]) -> Option<BTreeSet<String>> {
    let texts = item.texts()?;
    for text in &texts {
        let Some((source, _)) = text.split_once('/').filter(|(_, id)| !id.contains('@')) else { continue };
        if !sources.iter().any(|known| known == source) {
            let hint = match nearest(source, sources.iter().map(String::as_str)) {
                Some(near) => format!("did you mean [source.{near}]?"),
                None => "write the username, or the key as rollcall explain shows it".to_owned(),
            };
            item.problem(format!("{text:?}: there is no [source.{source}]"), hint);
        }
    }
    Some(texts.into_iter().collect())
}
