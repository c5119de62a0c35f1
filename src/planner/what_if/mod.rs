//! What other rules would do, before anybody changes the file.
//!
//! ```text
//! side      one set of rules over the observation: what everybody is wished, which calls follow
//! moves     one person under both: which wishes differ, and what becomes of each
//! unseen    what is wrong with the other rules, and what the stored snapshot cannot tell about them
//! words     all of it as people read it
//! ```
//!
//! A wish that changes need not write anything: Connect may have it already, or decide that facet itself. So the two are told
//! apart, what the rules want and what a plan would do about it.
//!
//! Invariant: [`WhatIf::then`] is the plan that a run under the other rules would make of this observation.
//! Invariant: whoever is not among [`WhatIf::moves`] has the same rules, the same wish, the same calls, and is held or not
//! held as before.
//! Deliberately absent: the guard. Whoever wants its word has the plan to ask it about.

mod moves;
mod side;
mod unseen;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use serde::Serialize;

use super::fold::fold;
use super::lint::Problem;
use super::rules::{Example, Rules};
use super::{Quota, fate, plan};
use crate::model::{Attribute, AttributeSet, Facet, Finding, Observation, Plan, Value};
use moves::Compared;
use side::{Asked, Side};

/// Rules with some sections replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// All the rules, changed and unchanged.
    pub rules: Rules,
    /// The rules' own tests.
    pub examples: Vec<Example>,
    /// The sections that were replaced, as they are written: `[[mapping]]`, `[user_type.supervisor]`.
    pub sections: Vec<String>,
}

impl Changed {
    /// Whether the examples are among what was replaced: then their lines are those of the replacing text.
    #[must_use]
    pub fn has_examples(&self) -> bool {
        self.sections.iter().any(|section| section == "[[example]]")
    }
}

/// What other rules would do.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    /// People whom the rules are asked about: active, in scope and decided by their own record; under either set of rules.
    pub people: u32,
    /// Everybody for whom something differs, by key.
    pub moves: Vec<Move>,
    /// People who are wished something else, by the rules that give it; most people first.
    pub flows: Vec<Flow>,
    /// Facets that are wished or written otherwise, in the order changes are made.
    pub facets: Vec<FacetShift>,
    /// Departments whose people get a rule or lose theirs; most people first.
    pub departments: Vec<DepartmentShift>,
    /// What is wrong with the other rules, and what the observation cannot tell about them.
    pub problems: Vec<Problem>,
    /// The plan under the rules as they are.
    pub now: Plan,
    /// The plan under the other rules.
    pub then: Plan,
}

/// One person for whom something differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Who.
    pub person: PersonKey,
    /// How the person is called on screens.
    pub label: String,
    /// The department under the other rules, as the directory has it.
    pub department: Option<String>,
    /// The rules that give the persona now, in order.
    pub rules_now: Vec<String>,
    /// The rules that would give it.
    pub rules_then: Vec<String>,
    /// The wished usernames, if they differ.
    pub username: Option<(String, String)>,
    /// Facets that are wished or written otherwise.
    pub shifts: Vec<Shift>,
    /// What becomes of the whole Connect user, if that differs.
    pub user: Option<UserShift>,
    /// What would hold the person, who is not held now.
    pub held: Option<Finding>,
    /// Whether the person is held now and would not be.
    pub released: bool,
}

/// One facet of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// Which.
    pub facet: Facet,
    /// What is wished now, as far as it differs.
    pub now: AttributeSet,
    /// What would be wished, as far as it differs.
    pub then: AttributeSet,
    /// What becomes of it.
    pub effect: Effect,
}

impl Shift {
    /// Whether the wish differs; otherwise only the calls do.
    #[must_use]
    pub fn wished(&self) -> bool {
        !self.now.is_empty() || !self.then.is_empty()
    }
}

/// What becomes of a facet that is wished or written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A call writes it.
    Written,
    /// It is given to a user who would be created.
    Given,
    /// It would be written now, and no more.
    NotWritten,
    /// Connect decides this facet: the changed wish writes nothing.
    ConnectDecides,
    /// Connect has it already, or somebody's change by hand stays.
    InPlace,
    /// The person is held, so nothing is written.
    Held,
    /// Nothing is written for now: details are to be read first, it was refused or taken back before, or the person has no
    /// user yet.
    Waits,
}

/// What becomes of a whole Connect user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UserShift {
    /// Would be created.
    Created,
    /// Would be created now, and no more.
    NotCreated,
    /// Would be deleted.
    Deleted,
    /// Would be deleted now, and no more.
    NotDeleted,
    /// Would be adopted.
    Adopted,
    /// Would be adopted now, and no more.
    NotAdopted,
}

/// People who are wished something else, by the rules that give it. Equal rules on both sides: they give something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The rules now, in order; empty: none.
    pub now: Vec<String>,
    /// The rules then.
    pub then: Vec<String>,
    /// How many people.
    pub people: u32,
    /// What the rules give now and then, as text, if that is the same for all of them: `Agent · Care Voice`.
    pub personas: Option<(String, String)>,
}

/// One facet over everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetShift {
    /// Which.
    pub facet: Facet,
    /// People who are wished something else.
    pub wished: u32,
    /// People by what becomes of it; those with the same wish and other calls too.
    pub effects: BTreeMap<Effect, u32>,
}

/// A department whose people get a rule or lose theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DepartmentShift {
    /// As one of its people has it; `None`: people without a department.
    pub department: Option<String>,
    /// People who have no rule now and would get one.
    pub gets: u32,
    /// People who have a rule now and would have none.
    pub loses: u32,
}

/// What `other` rules would do in place of `rules`.
///
/// *Caveat:* the observation holds what `rules` ask the directories for; [`WhatIf::problems`] names what `other` rules ask for
/// beyond that.
#[must_use]
pub fn what_if(seen: &Observation, rules: &Rules, other: &Rules, quota: &Quota<'_>) -> WhatIf {
    let now = plan(seen, rules, quota);
    let then = plan(&told(seen, rules, other), other, quota);
    let (before, after) = (Side::new(seen, rules, &now), Side::new(seen, other, &then));
    let compared = Compared { before: &before, after: &after };
    let people: BTreeSet<&PersonKey> = before.people().chain(after.people()).collect();
    let moves: Vec<Move> = people.into_iter().filter_map(|person| compared.person(person)).collect();
    let asked: BTreeSet<&PersonKey> = before.asked.keys().chain(after.asked.keys()).copied().collect();
    WhatIf {
        people: u32::try_from(asked.len()).unwrap_or(u32::MAX),
        flows: flows(&moves, &before, &after),
        facets: facets(&moves),
        departments: departments(&asked, &before, &after),
        problems: unseen::problems(seen, rules, &after),
        moves,
        now,
        then,
    }
}

/// The observation of a run that finds the other rules in its configuration.
fn told(seen: &Observation, rules: &Rules, other: &Rules) -> Observation {
    let config_changed = seen.config_changed || rules.spoken() != other.spoken();
    Observation { config_changed, ..seen.clone() }
}

fn flows(moves: &[Move], before: &Side<'_>, after: &Side<'_>) -> Vec<Flow> {
    // Of a persona that is not whole nothing is given: its people are held.
    let persona = |side: &Side<'_>, person: &PersonKey| match side.asked.get(person) {
        Some(Asked { wish, .. }) => match wish.attributes.get(Attribute::SecurityProfiles) {
            Some(Value::NamedSet(set)) if !set.is_empty() => Some(fate::persona(&wish.attributes)),
            _ => None,
        },
        None => Some(String::new()),
    };
    let mut flows: BTreeMap<(&[String], &[String]), Flow> = BTreeMap::new();
    for one in moves.iter().filter(|one| one.rules_now != one.rules_then || one.shifts.iter().any(Shift::wished)) {
        let Move { person, rules_now, rules_then, .. } = one;
        let personas = persona(before, person).zip(persona(after, person));
        let flow = flows.entry((rules_now, rules_then)).or_insert_with(|| {
            let (now, then) = (rules_now.clone(), rules_then.clone());
            Flow { now, then, people: 0, personas: personas.clone() }
        });
        flow.people += 1;
        if flow.personas != personas {
            flow.personas = None;
        }
    }
    let mut flows: Vec<Flow> = flows.into_values().collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.people));
    flows
}

fn facets(moves: &[Move]) -> Vec<FacetShift> {
    let facet = |facet: Facet| {
        let mut sum = FacetShift { facet, wished: 0, effects: BTreeMap::new() };
        for shift in moves.iter().flat_map(|one| &one.shifts).filter(|shift| shift.facet == facet) {
            sum.wished += u32::from(shift.wished());
            *sum.effects.entry(shift.effect).or_default() += 1;
        }
        (!sum.effects.is_empty()).then_some(sum)
    };
    Facet::ALL.into_iter().filter_map(facet).collect()
}

fn departments(asked: &BTreeSet<&PersonKey>, before: &Side<'_>, after: &Side<'_>) -> Vec<DepartmentShift> {
    let mut departments: BTreeMap<Option<String>, DepartmentShift> = BTreeMap::new();
    for person in asked {
        let (Some(now), Some(then)) = (before.asked.get(person), after.asked.get(person)) else { continue };
        // Whoever loses a rule because another attribute is the department now is of the one that had it.
        let (department, gets) = match (now.unruled(), then.unruled()) {
            (true, false) => (then.department, true),
            (false, true) => (now.department, false),
            (true, true) | (false, false) => continue,
        };
        let row = departments
            .entry(department.map(|name| fold(name).into_owned()))
            .or_insert_with(|| DepartmentShift { department: department.map(str::to_owned), gets: 0, loses: 0 });
        *(if gets { &mut row.gets } else { &mut row.loses }) += 1;
    }
    let mut departments: Vec<DepartmentShift> = departments.into_values().collect();
    departments.sort_by_key(|row| std::cmp::Reverse(row.gets + row.loses));
    departments
}
