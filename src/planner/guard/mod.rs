//! The brake between plan and apply.
//!
//! ```text
//! counted     whom the guarded changes are for
//! budget      a number of people against a limit, with the numbers as text
//! privilege   who receives a privileged profile
//! floors      what may not run dry: routing profiles, departments, fewest users of a profile
//! protected   who must not be removed
//! approval    whether an approval holds, and why not
//! digest      what an approval names
//! names       names in the limits that Connect does not have
//! unread      plans that grow while users are read: what goes now, and what waits
//! ```
//!
//! Budgets are by consequence: people removed, people changed, people given power over others, people taken out of one
//! routing profile, departments emptied, profiles below their fewest users. Canaries say whether the listing can be
//! believed at all. All that is exceeded is told together.
//!
//! Invariant: [`ApprovedPlan`] is made here and nowhere else.
//! Invariant: a protected person is never removed, approved or not; every other refusal can be approved, by the digest of
//! exactly what was refused.
//! Invariant: one more guarded change never lets a plan through that was refused without it. Hence nothing that a plan
//! gives is set against what it takes: Connect may refuse to give.
//! Invariant: what was not seen counts as the worse case; a plan that is too much only because of it is not refused, but
//! waits until it is seen ([`NotYet`]).
//! Deliberately absent: creates without a privileged profile. They take nothing from anybody, no limit counts them, and
//! somebody who joins between a refusal and its approval does not void the approval.

mod approval;
mod budget;
mod counted;
mod digest;
mod floors;
mod names;
mod privilege;
mod protected;
#[cfg(test)]
mod tests;
mod unread;

use std::collections::BTreeMap;

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::rules::{Approval, Limit, Limits};
use crate::model::words::number;
use crate::model::{ApprovedPlan, Canary, Plan, Time};
use approval::Standing;
use budget::over;
use counted::Counted;
use privilege::Privileged;

pub use digest::digest;
pub use names::unknown_names;
pub use unread::{NotYet, known_part, without_unread};

/// What the guard says.
#[derive(Debug)]
#[must_use = "a refused plan must be held and reported"]
pub enum Verdict {
    /// May be applied.
    Approved(Box<ApprovedPlan>),
    /// Must not be applied; the plan comes back with why.
    Refused(Box<Plan>, Refusal),
    /// Cannot be weighed, and must not be applied, before more of the existing users is read.
    NotYet(Box<Plan>, NotYet),
}

/// Why a plan was refused, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What an approval must name.
    pub digest: String,
    /// Whether an approval would let it through.
    pub approvable: bool,
    /// The numbers of everything that is exceeded, in one line. May name protected people and canaries.
    pub message: String,
    /// The same without anybody's name.
    #[serde(default)]
    pub numbers: String,
    /// Lines of detail.
    pub why: Vec<String>,
    /// Departments that lose most: name, managed people before and after.
    pub largest: Vec<(String, u32, u32)>,
    /// One thing to do.
    pub hint: String,
}

/// Lets a plan through, or refuses it. Of a plan that still grows, the part that is known ([`known_part`]).
pub fn review(plan: Plan, limits: &Limits, approval: Option<&Approval>, at: Time) -> Verdict {
    let plan = match known_part(plan, limits) {
        (plan, None) => plan,
        (plan, Some(not_yet)) => return Verdict::NotYet(Box::new(plan), not_yet),
    };
    let digest = digest(&plan, limits);
    let standing = Standing::of(approval, &digest, limits.approval_secs, at);
    match refused(&plan, limits, digest, &standing) {
        None => Verdict::Approved(Box::new(ApprovedPlan::by_guard(plan))),
        Some(refusal) => Verdict::Refused(Box::new(plan), refusal),
    }
}

/// What would be said against a plan that nobody has approved; `None`: nothing, or it cannot be weighed yet. Lets nothing
/// through.
#[must_use]
pub fn refusal(plan: &Plan, limits: &Limits) -> Option<Refusal> {
    if plan.details.unread.is_empty() {
        return refused(plan, limits, digest(plan, limits), &Standing::None);
    }
    let (part, not_yet) = known_part(plan.clone(), limits);
    if not_yet.is_some() { None } else { refused(&part, limits, digest(&part, limits), &Standing::None) }
}

fn refused(plan: &Plan, limits: &Limits, digest: String, standing: &Standing) -> Option<Refusal> {
    let Weighed { never, mut over, canaries, why, largest } = weigh(plan, limits, &Counted::new(plan));
    if never.is_empty() && (over.is_empty() || *standing == Standing::Holds) {
        return None;
    }
    let approvable = never.is_empty();
    let hint = if !approvable {
        "take them off [guard] protected, or put them back into scope".to_owned()
    } else if canaries {
        format!(
            "look into the directory first; if it is whole and the canary has left: rollcall approve {digest}, and take it \
             off [guard] canaries"
        )
    } else {
        format!("if this is intended: rollcall approve {digest}")
    };
    over.splice(0..0, never);
    // An approval could not help here, so what became of one is no news.
    over.extend(standing.told(&digest, limits.approval_secs).filter(|_| approvable).map(Said::from));
    let message = joined(&over, |said| &said.text);
    let numbers = joined(&over, |said| said.unnamed.as_ref().unwrap_or(&said.text));
    Some(Refusal { digest, approvable, message, numbers, why, largest, hint })
}

fn joined(over: &[Said], of: fn(&Said) -> &String) -> String {
    over.iter().map(|said| of(said).as_str()).collect::<Vec<_>>().join("; ")
}

/// One thing that is exceeded, with its numbers.
struct Said {
    text: String,
    /// The same without names of people, if the text has any.
    unnamed: Option<String>,
}

impl Said {
    fn naming(text: String, unnamed: String) -> Self {
        Self { text, unnamed: Some(unnamed) }
    }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, unnamed: None }
    }
}

/// Everybody to whom the plan gives a privileged profile they do not have, with the names of these profiles.
#[must_use]
pub fn raised(plan: &Plan, limits: &Limits) -> BTreeMap<PersonKey, String> {
    privilege::raised(plan, &Privileged::of(&limits.privileged, &plan.stakes)).names()
}

/// What stands against a plan.
#[derive(Default)]
struct Weighed {
    /// What no approval lets through.
    never: Vec<Said>,
    /// What is exceeded.
    over: Vec<Said>,
    /// Whether a canary is among it.
    canaries: bool,
    why: Vec<String>,
    largest: Vec<(String, u32, u32)>,
}

fn weigh(plan: &Plan, limits: &Limits, counted: &Counted<'_>) -> Weighed {
    // Every limit is named: a new one must be weighed here before this compiles again.
    let Limits {
        max_removed,
        max_changed,
        privileged,
        max_raised,
        max_leaving_profile,
        max_emptied,
        never_below,
        protected,
        approval_secs: _,
    } = limits;
    let managed = plan.managed;
    let mut weighed = Weighed { why: counted.why(plan), largest: counted.largest(plan), ..Weighed::default() };
    weighed.never.extend(protected::removed(plan, protected));

    let silent = silent_canaries(plan, counted);
    weighed.canaries = !silent.is_empty();
    let over_all = |people: usize, how: &str, limit: &Limit| {
        let numbers = over(limit, people, managed, Limit::FRACTION_FLOOR)?;
        let (people, managed) = (number(people as u64), number(u64::from(managed)));
        Some(Said::from(format!("{people} of {managed} managed people would be {how} ({numbers})")))
    };
    weighed.over.extend(silent);
    weighed.over.extend(over_all(counted.removed.len(), "removed", max_removed));
    let changed = over_all(counted.changed.len(), "changed", max_changed);
    weighed.why.extend(changed.as_ref().map(|_| counted.facets(plan)));
    weighed.over.extend(changed);
    let raised = privilege::raised(plan, &Privileged::of(privileged, &plan.stakes));
    weighed.over.extend(raised.over(max_raised, managed).map(Said::from));
    for leaving in floors::leaving(plan, counted, max_leaving_profile) {
        weighed.over.push(leaving.message.into());
        weighed.why.push(leaving.why);
    }
    weighed.over.extend(floors::emptied(plan, counted, *max_emptied).map(Said::from));
    weighed.over.extend(floors::below(plan, counted, never_below).into_iter().map(Said::from));
    weighed.over.extend(protected::lowered(plan, protected));
    weighed.over.extend(counted.first_run(plan).map(Said::from));
    weighed
}

/// Canaries that are gone, where the plan touches anybody: then the listing may be one that lost more than them.
fn silent_canaries(plan: &Plan, counted: &Counted<'_>) -> Vec<Said> {
    let told = |(text, canary): (&String, &Canary)| match canary {
        Canary::Silent { why } => Some(Said::naming(
            format!("canary {text} is missing ({why}): the directory may not have told everything"),
            "a canary is missing: the directory may not have told everything".to_owned(),
        )),
        Canary::Seen | Canary::NotAsked => None,
    };
    if counted.nobody() { Vec::new() } else { plan.stakes.canaries.iter().filter_map(told).collect() }
}
