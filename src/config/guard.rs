//! `[guard]`: how much one plan may take away or change before somebody has to agree.
//!
//! Invariant: there is always a limit. What the file leaves out has a default, and a limit without any bound is refused; who
//! wants none writes `fraction = 1.0`.

use super::section::{Item, Section};
use crate::planner::rules::{Limit, Limits};

const DAY_SECS: u64 = 24 * 60 * 60;

pub(super) fn read(section: &Section<'_>) -> Limits {
    let max_removed = section.optional("max_removed", limit);
    let max_changed = section.optional("max_changed", limit);
    Limits {
        max_removed: max_removed.unwrap_or(Limit { count: Some(50), fraction: Some(0.10) }),
        max_changed: max_changed.unwrap_or(Limit { count: None, fraction: Some(0.30) }),
        protected: section.optional("protected", Item::texts).unwrap_or_default().into_iter().collect(),
        approval_secs: section.optional("approval", Item::period).unwrap_or(DAY_SECS),
    }
}

fn limit(item: &Item<'_>) -> Option<Limit> {
    let section = item.section()?;
    if section.is_empty() {
        item.problem("expected a bound", "add count, fraction or both".to_owned());
    }
    let share = |item: &Item<'_>| item.number("a fraction from 0 to 1", |number| (0.0..=1.0).contains(&number));
    Some(Limit {
        count: section.optional("count", |item| item.count(0)),
        fraction: section.optional("fraction", share),
    })
}
