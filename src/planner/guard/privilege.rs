//! Who receives a privileged profile they do not have now: by an update, an adoption with an update, or a create.
//!
//! Invariant: a wave of joiners with a privileged profile is a privilege raise like any other.
//! Invariant: a profile is known by its id, by the name it has now, and by the name a change calls it: a renamed profile
//! does not slip through.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::super::fold::fold;
use super::super::rules::Limit;
use super::budget::over;
use super::counted::removes;
use crate::model::{Action, Attribute, AttributeSet, Change, Named, Plan, ResourceId, Stakes, Value};

/// The privileged profiles.
pub(super) struct Privileged<'a> {
    ids: BTreeSet<&'a ResourceId>,
    names: BTreeSet<String>,
}

impl<'a> Privileged<'a> {
    pub(super) fn of(names: &BTreeSet<String>, stakes: &'a Stakes) -> Self {
        let names: BTreeSet<String> = names.iter().map(|name| fold(name).into_owned()).collect();
        let known = stakes.security_profiles.iter().filter(|(name, _)| names.contains(&*fold(name)));
        Self { ids: known.map(|(_, profile)| &profile.id).collect(), names }
    }

    /// Those of a set of attributes.
    pub(super) fn among<'p>(&self, set: &'p AttributeSet) -> BTreeSet<&'p Named> {
        let Some(Value::NamedSet(set)) = set.get(Attribute::SecurityProfiles) else { return BTreeSet::new() };
        if self.names.is_empty() {
            return BTreeSet::new();
        }
        set.iter().filter(|named| self.ids.contains(&named.id) || self.names.contains(&*fold(&named.name))).collect()
    }
}

/// Who receives what.
#[derive(Default)]
pub(super) struct Raised<'a> {
    people: BTreeMap<&'a PersonKey, BTreeSet<&'a Named>>,
    joiners: BTreeSet<&'a PersonKey>,
}

/// Everybody who receives a privileged profile.
pub(super) fn raised<'a>(plan: &'a Plan, privileged: &Privileged<'_>) -> Raised<'a> {
    let mut raised = Raised::default();
    for change in plan.changes.iter().filter(|change| !removes(change)) {
        let (given, had) = match &change.action {
            Action::Create(desired) => (&desired.attributes, before_of(plan, change)),
            Action::Update(update) => (&update.after, security_of(&update.before)),
            Action::Adopt { .. }
            | Action::Delete { .. }
            | Action::DeleteQuickConnect(_)
            | Action::MoveQuickConnect(_) => continue,
        };
        let new: BTreeSet<&Named> =
            privileged.among(given).into_iter().filter(|named| !had.contains(&named.id)).collect();
        if new.is_empty() {
            continue;
        }
        raised.people.entry(&change.person).or_default().extend(new);
        if matches!(change.action, Action::Create(_)) && !plan.stakes.touched.contains_key(&change.person) {
            raised.joiners.insert(&change.person);
        }
    }
    raised
}

/// What somebody has who gets another user in place of the one they have.
fn before_of<'a>(plan: &'a Plan, change: &Change) -> BTreeSet<&'a ResourceId> {
    let held = plan.stakes.touched.get(&change.person);
    held.and_then(|held| held.security.as_ref()).into_iter().flatten().collect()
}

/// Nothing, if it was not read: then everything that is given counts as new.
fn security_of(set: &AttributeSet) -> BTreeSet<&ResourceId> {
    match set.get(Attribute::SecurityProfiles) {
        Some(Value::NamedSet(set)) => set.iter().map(|named| &named.id).collect(),
        _ => BTreeSet::new(),
    }
}

impl Raised<'_> {
    /// Who receives what, by name.
    pub(super) fn names(&self) -> BTreeMap<PersonKey, String> {
        let named = |set: &BTreeSet<&Named>| set.iter().map(|named| &*named.name).collect::<Vec<_>>().join(", ");
        self.people.iter().map(|(person, set)| ((*person).clone(), named(set))).collect()
    }

    /// The message, if they are too many. Joiners are not managed yet, so they widen what the part is taken of.
    pub(super) fn over(&self, limit: &Limit, managed: u32) -> Option<String> {
        let Self { people, joiners } = self;
        let of = managed.saturating_add(u32::try_from(joiners.len()).unwrap_or(u32::MAX));
        let numbers = over(limit, people.len(), of, Limit::FRACTION_FLOOR)?;
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for named in people.values().flatten() {
            *by_name.entry(&named.name).or_default() += 1;
        }
        let names: Vec<String> = by_name.into_iter().map(|(name, n)| format!("{name} {n}")).collect();
        let joining = if joiners.is_empty() { String::new() } else { format!(", {} of them joiners", joiners.len()) };
        let (n, names) = (people.len(), names.join(", "));
        Some(format!("{n} people would receive a privileged profile: {names}{joining} ({numbers})"))
    }
}
