//! One set of rules over the observation: what everybody is wished, which calls follow, who is held.
//!
//! Invariant: the rules are asked about exactly those whom a plan asks them about: active, in scope, not shadowed.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::super::human::Humans;
use super::super::leaver::Presence;
use super::super::mapping::{Compiled, Wish};
use super::super::rule::Facts;
use super::super::rules::Rules;
use super::super::{Notes, candidates};
use crate::model::{Change, Decision, Finding, FindingCode, Observation, Plan};

/// What the rules say about one person.
pub(super) struct Asked<'a> {
    pub(super) wish: Wish<'a>,
    pub(super) department: Option<&'a str>,
    pub(super) username: Option<&'a str>,
}

impl Asked<'_> {
    /// Whether no rule but the default persona speaks of the person.
    pub(super) fn unruled(&self) -> bool {
        self.wish.unmapped || self.wish.rules.is_empty()
    }
}

/// One set of rules over everybody.
pub(super) struct Side<'a> {
    pub(super) rules: &'a Rules,
    pub(super) compiled: Compiled<'a>,
    pub(super) asked: BTreeMap<&'a PersonKey, Asked<'a>>,
    calls: BTreeMap<&'a PersonKey, Vec<&'a Change>>,
    held: BTreeMap<&'a PersonKey, &'a Finding>,
    waiting: BTreeSet<&'a PersonKey>,
}

impl<'a> Side<'a> {
    pub(super) fn new(seen: &'a Observation, rules: &'a Rules, plan: &'a Plan) -> Self {
        let identity = seen.connect.instance.identity_management;
        let compiled = Compiled::new(rules, &seen.connect.catalogue, &seen.directory, identity);
        let mut calls: BTreeMap<&PersonKey, Vec<&Change>> = BTreeMap::new();
        for change in &plan.changes {
            calls.entry(&change.person).or_default().push(change);
        }
        let held = plan.decisions.iter().filter_map(|(person, decision)| match decision {
            Decision::Quarantined(finding) => Some((person, finding)),
            _ => None,
        });
        let asked = asked(seen, rules, &compiled);
        Self { rules, asked, calls, held: held.collect(), waiting: waiting(plan), compiled }
    }

    /// Everybody of whom there is something to compare.
    pub(super) fn people(&self) -> impl Iterator<Item = &'a PersonKey> {
        self.asked.keys().chain(self.calls.keys()).chain(self.held.keys()).copied()
    }

    /// The person's calls, in order.
    pub(super) fn calls(&self, person: &PersonKey) -> &[&'a Change] {
        self.calls.get(person).map_or(&[], Vec::as_slice)
    }

    /// Why the person is held.
    pub(super) fn held(&self, person: &PersonKey) -> Option<&'a Finding> {
        self.held.get(person).copied()
    }

    /// Whether something that is wanted for the person is not in the plan yet.
    pub(super) fn waits(&self, person: &PersonKey) -> bool {
        self.waiting.contains(person)
    }
}

fn asked<'a>(seen: &'a Observation, rules: &'a Rules, compiled: &Compiled<'a>) -> BTreeMap<&'a PersonKey, Asked<'a>> {
    let candidates = candidates(seen, rules);
    let humans = Humans::of(seen, rules, &candidates);
    let mut asked = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if !humans.acts(at) || !matches!(candidate.presence, Presence::Here) {
            continue;
        }
        let facts = Facts::new(candidate.user, &rules.fields.department);
        let wish = compiled.wish(&facts, &mut Notes::new(&candidate.user.key, ""));
        let (department, username) = (facts.department, candidate.username);
        asked.insert(&candidate.user.key, Asked { wish, department, username });
    }
    asked
}

fn waiting(plan: &Plan) -> BTreeSet<&PersonKey> {
    let waits = |decision: &Decision| match decision {
        Decision::NotObserved { .. } | Decision::Waiting { .. } | Decision::Resting { .. } => true,
        Decision::InSync
        | Decision::Changes { .. }
        | Decision::OutOfScope { .. }
        | Decision::Quarantined(_)
        | Decision::Shadowed { .. } => false,
    };
    let decided = plan.decisions.iter().filter(|(_, decision)| waits(decision)).map(|(person, _)| person);
    let noted = plan.findings.iter().filter_map(|finding| match finding.code {
        FindingCode::DetailsUnread | FindingCode::KeptUndone => finding.person.as_ref(),
        _ => None,
    });
    decided.chain(&plan.resting).chain(noted).collect()
}
