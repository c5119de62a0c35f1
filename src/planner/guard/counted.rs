//! Whom the guarded changes of a plan are for, and what they lose.
//!
//! Invariant: somebody is removed if a change says they left, suspends them again, or deletes their user for whatever reason.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{PersonKey, SourceName};

use crate::model::{Action, Attribute, Change, Facet, LeaveReason, Plan, Reason, Stage, Unread, Value};

/// Departments that are shown as losing most.
const SHOWN: usize = 3;

/// Whom the guarded changes are for.
pub(super) struct Counted<'a> {
    /// Suspended or deleted.
    pub(super) removed: BTreeSet<&'a PersonKey>,
    /// Changed otherwise. Whoever an adopt rule has only just named is not managed yet; the first run's own brake weighs
    /// them.
    pub(super) changed: BTreeSet<&'a PersonKey>,
    /// Given our owner mark.
    adopted: BTreeSet<&'a PersonKey>,
    /// Removed only to have another user in the place of this one, with the same profiles: nobody runs dry of them.
    replaced: BTreeSet<&'a PersonKey>,
}

/// What becomes of somebody's routing profile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route<'a> {
    /// The person is removed.
    Removed,
    /// Another one.
    To(&'a str),
}

/// Whether a change takes somebody's access away.
pub(super) fn removes(change: &Change) -> bool {
    let taken_back = match (&change.action, &change.because) {
        // Taking back a return takes access away like any suspension.
        (Action::Update(update), Reason::Undone { was, .. }) => {
            *was != Stage::Suspended && update.stage == Stage::Suspended
        }
        _ => false,
    };
    taken_back || matches!(change.because, Reason::Left { .. }) || matches!(change.action, Action::Delete { .. })
}

/// Whether a person's user was ours before this plan. Whoever is touched by nothing was not just matched.
pub(super) fn managed(plan: &Plan, person: &PersonKey) -> bool {
    plan.stakes.touched.get(person).is_none_or(|holding| holding.managed)
}

impl<'a> Counted<'a> {
    /// Whom the changes of the plan are for.
    pub(super) fn new(plan: &'a Plan) -> Self {
        let people = |which: &dyn Fn(&Change) -> bool| -> BTreeSet<&'a PersonKey> {
            plan.changes.iter().filter(|change| which(change)).map(|change| &change.person).collect()
        };
        let left = people(&|change| removes(change) && !matches!(change.because, Reason::Renamed { .. }));
        let replaced = people(&|change| removes(change)).difference(&left).copied().collect();
        let updates = |change: &Change| matches!(change.action, Action::Update(_)) && !removes(change);
        Self {
            removed: people(&removes),
            changed: people(&|change| updates(change) && managed(plan, &change.person)),
            adopted: people(&|change| matches!(change.action, Action::Adopt { .. })),
            replaced,
        }
    }

    /// The same, as if nothing that nobody has read were as it is wished.
    pub(super) fn at_worst(plan: &'a Plan) -> Self {
        let mut counted = Self::new(plan);
        for Unread { person, replaced } in plan.details.unread.values() {
            if *replaced {
                counted.removed.insert(person);
                counted.replaced.insert(person);
            } else if managed(plan, person) && !counted.removed.contains(person) {
                counted.changed.insert(person);
            }
        }
        counted
    }

    /// Only those who are removed, of sources whose first run is over.
    pub(super) fn removals(self, first_run: &BTreeSet<SourceName>) -> Self {
        let Self { mut removed, mut replaced, .. } = self;
        removed.retain(|person| !first_run.contains(&person.source));
        replaced.retain(|person| !first_run.contains(&person.source));
        Self { removed, replaced, changed: BTreeSet::new(), adopted: BTreeSet::new() }
    }

    /// Whether no existing user is touched.
    pub(super) fn nobody(&self) -> bool {
        let Self { removed, changed, adopted, replaced: _ } = self;
        removed.is_empty() && changed.is_empty() && adopted.is_empty()
    }

    /// A source without a memory: whatever touches existing users wants a look first.
    pub(super) fn first_run(&self, plan: &Plan) -> Option<String> {
        let new = |people: &BTreeSet<&PersonKey>| people.iter().filter(|p| plan.first_run.contains(&p.source)).count();
        let (adopted, changed, removed) = (new(&self.adopted), new(&self.changed), new(&self.removed));
        if adopted + changed + removed == 0 {
            return None;
        }
        let creates = plan.changes.iter().filter(|change| matches!(change.action, Action::Create(_))).count();
        let sources: Vec<&str> = plan.first_run.iter().map(SourceName::as_str).collect();
        Some(format!(
            "first run of {}: {adopted} existing users would be adopted, {changed} changed, {removed} removed, {creates} \
             created",
            sources.join(", ")
        ))
    }

    /// Who leaves their routing profile, and for what. Suspended people have left it already.
    pub(super) fn routes(&self, plan: &'a Plan) -> BTreeMap<&'a PersonKey, Route<'a>> {
        let mut routes: BTreeMap<&PersonKey, Route<'_>> = self.lost().map(|person| (person, Route::Removed)).collect();
        let held = |person: &PersonKey| plan.stakes.touched.get(person);
        for change in &plan.changes {
            let Action::Update(update) = &change.action else { continue };
            if let (Facet::Routing, Some(Value::Named(to))) =
                (update.facet, update.after.get(Attribute::RoutingProfile))
            {
                let stays = held(&change.person).is_some_and(|held| held.routing.as_ref() == Some(&to.id));
                if !stays {
                    routes.entry(&change.person).or_insert(Route::To(&to.name));
                }
            }
        }
        routes.retain(|person, _| held(person).is_none_or(|held| !held.suspended));
        routes
    }

    /// Whoever is removed and has nobody else's user in the place of theirs.
    pub(super) fn lost(&self) -> impl Iterator<Item = &'a PersonKey> + '_ {
        self.removed.difference(&self.replaced).copied()
    }

    /// Why people would be removed, by reason.
    pub(super) fn why(&self, plan: &Plan) -> Vec<String> {
        let mut reasons: BTreeMap<&LeaveReason, BTreeSet<&PersonKey>> = BTreeMap::new();
        for change in &plan.changes {
            if let Reason::Left { why, .. } = &change.because {
                reasons.entry(why).or_default().insert(&change.person);
            }
        }
        let mut lines: Vec<(usize, String)> = reasons
            .into_iter()
            .map(|(why, people)| (people.len(), format!("{} removed because: {why}", people.len())))
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.0));
        let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        let renamed = plan.changes.iter().filter(|change| matches!(change.because, Reason::Renamed { .. }));
        let renamed: BTreeSet<&PersonKey> = renamed.map(|change| &change.person).collect();
        if !renamed.is_empty() {
            lines.push(format!(
                "{} removed because: another username, under which a new user is created",
                renamed.len()
            ));
        }
        let config =
            plan.changes.iter().filter(|change| matches!(change.because, Reason::ConfigChanged { .. })).count();
        if config > 0 {
            lines.push(format!("{config} changes because the configuration changed"));
        }
        lines
    }

    /// What would be changed, by facet.
    pub(super) fn facets(&self, plan: &Plan) -> String {
        let mut facets: BTreeMap<Facet, usize> = BTreeMap::new();
        for change in plan.changes.iter().filter(|change| self.changed.contains(&change.person) && !removes(change)) {
            if let Action::Update(update) = &change.action {
                *facets.entry(update.facet).or_default() += 1;
            }
        }
        let mut parts: Vec<(usize, &str)> = facets.into_iter().map(|(facet, n)| (n, facet.short())).collect();
        parts.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let parts: Vec<String> = parts.into_iter().map(|(n, facet)| format!("{facet} {n}")).collect();
        format!("{} changed: {}", self.changed.len(), parts.join(", "))
    }

    /// Managed people who are removed, by department.
    pub(super) fn departments(&self, plan: &'a Plan, active_only: bool) -> BTreeMap<&'a str, u32> {
        let mut departments: BTreeMap<&str, u32> = BTreeMap::new();
        for held in self.lost().filter_map(|person| plan.stakes.touched.get(person)) {
            if held.managed && !(active_only && held.suspended) {
                *departments.entry(&held.department).or_default() += 1;
            }
        }
        departments
    }

    /// The three departments that lose most.
    pub(super) fn largest(&self, plan: &Plan) -> Vec<(String, u32, u32)> {
        let departments = self.departments(plan, false);
        let mut departments: Vec<(String, u32, u32)> = departments
            .into_iter()
            .map(|(name, gone)| {
                let before = plan.stakes.departments.get(name).map_or(gone, |heads| heads.managed);
                (name.to_owned(), before, before.saturating_sub(gone))
            })
            .collect();
        departments.sort_by_key(|(_, before, after)| std::cmp::Reverse(before - after));
        departments.truncate(SHOWN);
        departments
    }
}
