//! A plan of which not everything is known: what of it goes now, and when none of it can be weighed.
//!
//! Details of existing users are read a portion at a time, and each portion may add changes. Weighed as it grows, such a plan
//! would be refused again and again under another digest each time; or its portions would pass, one by one, a limit that all
//! of them together exceed.
//!
//! Invariant: what nobody has read counts as the worse case: everybody whose user is unread counts as changed, whoever is to
//! get another user as removed.
//! Invariant: what goes before all is read and what is weighed afterwards together stay within each limit, unless a limit
//! is for removals and people leave meanwhile. Leavers do not wait for a reading.
//! Invariant: nobody is adopted before their user is read: what an adoption brings is written in one go.
//! Invariant: no digest is named, and nobody is asked, while a plan changes by itself.
//! Deliberately absent: how long somebody reads, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::super::rules::Limits;
use super::counted::Counted;
use super::privilege::{self, Privileged};
use crate::model::words::{millis, number};
use crate::model::{Change, Decision, Plan, Reason};

/// Why a plan is not weighed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotYet {
    /// Existing users of whom everything is known that the plan needs.
    pub read: u32,
    /// Existing users.
    pub existing: u32,
    /// Least milliseconds until the others are read.
    pub least_millis: u64,
    /// The same in one line.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

impl NotYet {
    fn of(plan: &Plan) -> Self {
        let (read, existing, least_millis) = (plan.details.read(), plan.details.existing, plan.details.least_millis);
        Self {
            read,
            existing,
            least_millis,
            message: format!(
                "{} of {} existing users are read; the plan is weighed once all are, in about {}",
                number(read),
                number(existing),
                millis(least_millis)
            ),
            hint: "nothing to do: this and the next runs read them; all at once: rollcall sync now".to_owned(),
        }
    }
}

/// The part of a plan that may be weighed now; or the whole, and why that has to wait. The forecast of a part is still that
/// of the whole.
///
/// If all of it fits at worst, only those wait whose user is to be adopted and is unread. If not, only leavers and joiners
/// go, as far as they fit beside what may come; everything else is one question, asked once all is read.
#[must_use]
pub fn known_part(plan: Plan, limits: &Limits) -> (Plan, Option<NotYet>) {
    if plan.details.unread.is_empty() {
        return (plan, None);
    }
    let at_worst = Counted::at_worst(&plan);
    let worst = super::weigh(&plan, limits, &at_worst);
    if !worst.never.is_empty() {
        // What no approval lets through is told at once.
        return (plan, None);
    }
    if worst.over.is_empty() {
        let strangers = strangers(&plan);
        return (without(&plan, &|change| strangers.contains(&change.person)), None);
    }
    let raised = privilege::raised(&plan, &Privileged::of(&limits.privileged, &plan.stakes));
    let raised = if raised.over(&limits.max_raised, plan.managed).is_some() { raised.names() } else { BTreeMap::new() };
    let part = without(&plan, &|change| {
        let leaves = matches!(change.because, Reason::Left { .. });
        let joins = matches!(change.because, Reason::Joined { .. }) && !raised.contains_key(&change.person);
        plan.first_run.contains(&change.person.source) || !(leaves || joins)
    });
    let waits = at_worst.first_run(&plan).is_some() && part.changes.is_empty();
    // Whoever may yet be removed counts beside those who are removed now.
    let fits =
        part.changes.is_empty() || super::weigh(&part, limits, &at_worst.removals(&plan.first_run)).over.is_empty();
    if fits && !waits {
        return (part, None);
    }
    let not_yet = NotYet::of(&plan);
    (plan, Some(not_yet))
}

/// The plan without everybody whose user is unread, as if nothing were left to read.
#[must_use]
pub fn without_unread(plan: Plan) -> Plan {
    let people: BTreeSet<PersonKey> = plan.details.unread.values().map(|unread| unread.person.clone()).collect();
    let mut part =
        without(&plan, &|change| people.contains(&change.person) && !matches!(change.because, Reason::Left { .. }));
    part.details.unread.clear();
    part
}

/// Whoever has only just been matched with a user that nobody has read.
fn strangers(plan: &Plan) -> BTreeSet<PersonKey> {
    let unread = plan.details.unread.values().map(|unread| &unread.person);
    unread.filter(|person| !super::counted::managed(plan, person)).cloned().collect()
}

/// The plan without the changes that wait.
fn without(plan: &Plan, waits: &dyn Fn(&Change) -> bool) -> Plan {
    let mut part = plan.clone();
    part.changes.retain(|change| !waits(change));
    let mut left: BTreeMap<&PersonKey, u32> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| waits(change)) {
        left.insert(&change.person, 0);
    }
    for change in &part.changes {
        left.entry(&change.person).and_modify(|count| *count += 1);
    }
    for (person, count) in left {
        let decision = match count {
            0 => Decision::NotObserved { why: "details of Connect users are to be read first".to_owned() },
            count => Decision::Changes { count },
        };
        part.decisions.entry(person.clone()).and_modify(|before| {
            if matches!(before, Decision::Changes { .. }) {
                *before = decision;
            }
        });
    }
    part
}
