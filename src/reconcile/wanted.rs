//! A run for one person: who is meant, and the part of a plan that is about them.
//!
//! Invariant: a person is meant by key, or by a name that the directory or Connect has for them, whatever its case.

use connectors::{PersonKey, attributes};

use super::Order;
use crate::model::{Observation, Plan};
use crate::planner::{self, Quota};

/// Whether the order is about this person; `label` is a name that Connect has for them, or nothing.
pub(super) fn is_wanted(order: &Order, seen: &Observation, person: &PersonKey, label: &str) -> bool {
    let Some(wanted) = &order.user else { return true };
    person.to_string() == *wanted
        || label.eq_ignore_ascii_case(wanted)
        || seen.directory.people.get(person).is_some_and(|user| {
            [attributes::USERNAME, attributes::MAILBOX_NAME, attributes::MAIL]
                .iter()
                .any(|name| user.attribute(&(*name).into()).is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
        })
}

/// The plan, narrowed to one person if the order says so.
pub(super) fn only_for(order: &Order, seen: &Observation, mut plan: Plan, quota: &Quota<'_>) -> Plan {
    if order.user.is_none() {
        return plan;
    }
    let is_wanted = |person: &PersonKey, label: &str| is_wanted(order, seen, person, label);
    plan.decisions.retain(|person, _| is_wanted(person, ""));
    plan.undone.retain(|person, _| is_wanted(person, ""));
    plan.changes.retain(|change| is_wanted(&change.person, &change.label));
    plan.findings.retain(|finding| finding.person.as_ref().is_some_and(|person| is_wanted(person, &finding.label)));
    plan.details.unread.retain(|_, unread| is_wanted(&unread.person, ""));
    plan.forecast = planner::forecast(&plan.changes, quota);
    plan
}
