//! A plan of which not everything is known: what of it goes now, and when none of it can be weighed.
//!
//! Details of existing users are read a portion at a time, and each portion may add changes. Weighed as it grows, such a plan
//! would be refused again and again under another digest each time; or its portions would pass, one by one, a limit that all
//! of them together exceed.
//!
//! Invariant: what nobody has read counts as the worse case: everybody whose user is unread counts as changed, whoever is to
//! get another user as removed.
//! Invariant: nobody is adopted before their user is read: what an adoption brings is written in one go.
//! Invariant: no digest is named, and nobody is asked, while a plan changes by itself.
//! Deliberately absent: how long somebody reads, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::super::rules::Limits;
use super::Weighed;
use super::counted::Counted;
use crate::model::words::{millis, number};
use crate::model::{Action, Change, Decision, Plan, Reason};

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
#[must_use]
pub fn known_part(plan: Plan, limits: &Limits) -> (Plan, Option<NotYet>) {
    if plan.details.unread.is_empty() {
        return (plan, None);
    }
    let worst = super::weigh(&plan, limits, &Counted::at_worst(&plan));
    if !worst.never.is_empty() {
        // What no approval lets through is told at once.
        return (plan, None);
    }
    let strangers = strangers(&plan);
    if strangers.iter().any(|person| plan.first_run.contains(&person.source)) {
        let not_yet = NotYet::of(&plan);
        return (plan, Some(not_yet));
    }
    let fits = fits(&worst);
    let moving = plan.details.unread.values().any(|unread| unread.replaced);
    let learned = &plan.details.learned;
    let waits = |change: &Change| match &change.action {
        _ if strangers.contains(&change.person) => true,
        _ if fits => false,
        Action::Update(update) if !matches!(change.because, Reason::Renamed { .. }) => {
            learned.contains(&change.person) && update.facet.attributes().any(|attribute| !attribute.row().in_search)
        }
        _ => moving && matches!(change.because, Reason::Renamed { .. }),
    };
    let waiting: BTreeSet<u32> = plan.changes.iter().filter(|change| waits(change)).map(|change| change.seq).collect();
    let part = without(&plan, &waiting);
    if fits || self::fits(&super::weigh(&part, limits, &Counted::new(&part))) {
        return (part, None);
    }
    let not_yet = NotYet::of(&plan);
    (plan, Some(not_yet))
}

fn fits(weighed: &Weighed) -> bool {
    weighed.over.is_empty()
}

/// Whoever has only just been matched with a user that nobody has read.
fn strangers(plan: &Plan) -> BTreeSet<PersonKey> {
    let unread = plan.details.unread.values().map(|unread| &unread.person);
    unread.filter(|person| !super::counted::managed(plan, person)).cloned().collect()
}

/// The plan without some of its changes.
fn without(plan: &Plan, waiting: &BTreeSet<u32>) -> Plan {
    let mut part = plan.clone();
    part.changes.retain(|change| !waiting.contains(&change.seq));
    let mut left: BTreeMap<&PersonKey, u32> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| waiting.contains(&change.seq)) {
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
