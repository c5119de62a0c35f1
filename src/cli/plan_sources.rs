//! What each of several directories brought to a plan, in the order of precedence.

use std::collections::BTreeMap;
use std::fmt::Write;

use connectors::{PersonKey, SourceName};

use super::style::{Style, column, count, number};
use crate::model::{Decision, Plan, RunSummary};
use crate::reconcile::PlanCounts;

/// A line per directory; nothing if there is only one.
#[must_use]
pub(super) fn sources(order: &[SourceName], plan: &Plan, summary: &RunSummary, style: Style) -> String {
    let mut out = String::new();
    if order.len() < 2 {
        return out;
    }
    let width = order.iter().map(|name| name.as_str().chars().count()).max().unwrap_or_default().max(6);
    for (at, source) in order.iter().enumerate() {
        let head = column(if at == 0 { "sources" } else { "" }, 9);
        let name = column(source.as_str(), width);
        let brought = match (summary.frozen.get(source), summary.people.get(source)) {
            (Some(_), _) => style.bad("could not be read; its people are left as they are"),
            (None, Some(people)) => {
                let people = count(*people as usize, "person", "people");
                format!("{}  {}", column(&people, 12), effect(source, plan))
            }
            (None, None) => "was not asked".to_owned(),
        };
        let _ = writeln!(out, "  {head} {name}  {}", brought.trim_end());
    }
    out.push('\n');
    out
}

/// What follows from one directory.
fn effect(source: &SourceName, plan: &Plan) -> String {
    let PlanCounts { joins, adopts, changes, leaves, renames, held, shadowed: _, calls: _ } =
        PlanCounts::of(&part(source, plan));
    let counts = [
        (joins, "join"),
        (adopts, "adopt"),
        (changes, "change"),
        (leaves, "leave"),
        (renames, "rename"),
        (held, "held"),
    ];
    let mut parts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))).collect();
    let mut deciding: BTreeMap<&SourceName, u32> = BTreeMap::new();
    for (_, decision) in plan.decisions.iter().filter(|(person, _)| person.source == *source) {
        if let Decision::Shadowed { by, .. } = decision {
            *deciding.entry(&by.source).or_default() += 1;
        }
    }
    parts.extend(deciding.iter().map(|(by, n)| format!("{} decided by {by}", number(*n))));
    if parts.is_empty() { "in agreement".to_owned() } else { parts.join(" · ") }
}

/// The plan, as far as it is about people of this directory.
fn part(source: &SourceName, plan: &Plan) -> Plan {
    let of = |person: &PersonKey| person.source == *source;
    let mut part = plan.clone();
    part.changes.retain(|change| of(&change.person));
    part.decisions.retain(|person, _| of(person));
    part
}
