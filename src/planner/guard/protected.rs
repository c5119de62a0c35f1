//! Protected people: the last ones who can repair what went wrong.
//!
//! Invariant: they are never removed, whatever was approved. They lose a security profile only by approval: what their
//! rules give may be meant to change, and a refusal that nothing lets through would hold everybody else for ever.
//! Deliberately absent: other changes of theirs; a routing profile or a name locks nobody out.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fold::fold;
use super::Said;
use super::counted::removes;
use crate::model::{Action, Attribute, Change, Facet, FacetUpdate, Plan, Value};

/// Protected people by the folded form of how they are written in the configuration.
struct Protected<'a>(BTreeMap<String, &'a str>);

impl<'a> Protected<'a> {
    fn new(texts: &'a BTreeSet<String>) -> Self {
        Self(texts.iter().map(|text| (fold(text).into_owned(), text.as_str())).collect())
    }

    /// How the person of a change is written in the configuration: by key, by the directory's username or by Connect's.
    fn find(&self, plan: &Plan, change: &Change) -> Option<&'a str> {
        let deleted = match &change.action {
            Action::Delete { username, .. } => Some(username.as_str()),
            _ => None,
        };
        let connect = plan.stakes.touched.get(&change.person).map(|held| held.username.as_str());
        let names = [deleted, connect, Some(change.label.as_str())].into_iter().flatten();
        let key = change.person.to_string();
        names.chain([key.as_str()]).find_map(|name| self.0.get(&*fold(name)).copied())
    }
}

/// The protected people who would be removed.
pub(super) fn removed(plan: &Plan, protected: &BTreeSet<String>) -> Option<Said> {
    let people = found(plan, protected, |change| removes(change).then(BTreeSet::new));
    let people: Vec<String> = people.into_keys().map(str::to_owned).collect();
    said(&people, "protected people would be removed")
}

/// The protected people who would lose a security profile and are not removed.
pub(super) fn lowered(plan: &Plan, protected: &BTreeSet<String>) -> Option<Said> {
    let people = found(plan, protected, |change| match &change.action {
        Action::Update(update) if update.facet == Facet::Security && !removes(change) => lost(update),
        _ => None,
    });
    let told =
        |(name, lost): (&str, BTreeSet<&str>)| format!("{name} ({})", lost.into_iter().collect::<Vec<_>>().join(", "));
    let people: Vec<String> = people.into_iter().map(told).collect();
    said(&people, "protected people would lose a security profile")
}

fn said(people: &[String], what: &str) -> Option<Said> {
    let named = format!("{what}: {}", people.join(", "));
    (!people.is_empty()).then(|| Said::naming(named, format!("{what}: {} of them", people.len())))
}

/// Protected people of the changes that `hits` says something of, with all that it says.
fn found<'p, 'l>(
    plan: &'l Plan,
    protected: &'p BTreeSet<String>,
    hits: impl Fn(&'l Change) -> Option<BTreeSet<&'l str>>,
) -> BTreeMap<&'p str, BTreeSet<&'l str>> {
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    if protected.is_empty() {
        return people;
    }
    let protected = Protected::new(protected);
    for change in &plan.changes {
        let Some(hit) = hits(change) else { continue };
        if let Some(name) = protected.find(plan, change) {
            people.entry(name).or_default().extend(hit);
        }
    }
    people
}

/// The names of the security profiles an update takes; what was not read may be any.
fn lost(update: &FacetUpdate) -> Option<BTreeSet<&str>> {
    let (Some(Value::NamedSet(before)), Some(Value::NamedSet(after))) =
        (update.before.get(Attribute::SecurityProfiles), update.after.get(Attribute::SecurityProfiles))
    else {
        return Some(BTreeSet::from(["not read"]));
    };
    let lost: BTreeSet<&str> = before.difference(after).map(|named| &*named.name).collect();
    (!lost.is_empty()).then_some(lost)
}
