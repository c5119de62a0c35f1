//! What is wrong with the other rules, and what the stored snapshot cannot tell about them.
//!
//! A directory is asked only for the groups and attributes that the rules of the day speak of. Other rules may speak of more;
//! what was never asked for looks like "nobody has it", and that has to be said.

use std::collections::BTreeSet;

use connectors::AttributeName;

use super::super::lint::{self, Problem};
use super::super::rule;
use super::super::rules::{Mapping, Rules};
use super::side::Side;
use crate::model::Observation;

/// The hint of everything that a stored snapshot does not hold.
const TRY: &str = "see for yourself with a copy of the configuration that has its own state file: rollcall plan";

/// Names that do not exist, groups and attributes that nobody has or nobody asked for, rules that match nobody.
pub(super) fn problems(seen: &Observation, rules: &Rules, after: &Side<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = lint::unknown_names(&after.compiled).into_iter().collect();
    let asked_for = groups(rules);
    let mut unknown = BTreeSet::new();
    for mapping in &after.rules.mappings {
        for group in rule::groups(&mapping.when) {
            if !rule::group_keys(group, &seen.directory).is_empty() {
                continue;
            }
            unknown.insert(if asked_for.contains(group) {
                lint::unknown_group(mapping, group, &seen.directory)
            } else {
                let message = format!("group \"{group}\" was not read so far: whoever is in it is not counted here");
                Problem { message, hint: TRY.to_owned() }
            });
        }
    }
    problems.extend(unknown);
    let read = attributes(rules);
    for attribute in attributes(after.rules) {
        let nobody = || seen.directory.people.values().all(|person| person.attribute(attribute).is_none());
        if !read.contains(attribute) && nobody() {
            problems.push(Problem {
                message: format!("attribute {attribute} was not read so far: it counts as empty here"),
                hint: TRY.to_owned(),
            });
        }
    }
    let at_work: BTreeSet<&str> = after.asked.values().flat_map(|asked| asked.wish.rules.iter().copied()).collect();
    // Of a rule about a group that was never read nobody knows whom it matches.
    let read = |group: &str| asked_for.contains(group) || !rule::group_keys(group, &seen.directory).is_empty();
    let known = |mapping: &&Mapping| rule::groups(&mapping.when).into_iter().all(read);
    let idle = after.rules.mappings.iter().filter(|mapping| !at_work.contains(mapping.name.as_str())).filter(known);
    problems.extend(idle.map(lint::matches_nobody));
    problems
}

fn groups(rules: &Rules) -> BTreeSet<&str> {
    rules.mappings.iter().flat_map(|mapping| rule::groups(&mapping.when)).collect()
}

fn attributes(rules: &Rules) -> BTreeSet<&AttributeName> {
    let compared = rules.mappings.iter().flat_map(|mapping| rule::attributes(&mapping.when));
    rules.fields.attributes().chain(compared).collect()
}
