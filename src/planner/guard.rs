//! The brake between plan and apply.
//!
//! Invariant: [`ApprovedPlan`] is made here and nowhere else.
//! Invariant: a protected person is never removed, approved or not; every other refusal can be approved, by the digest of
//! exactly the changes that were refused.
//! Deliberately absent: creates. They take nothing from anybody, no limit counts them, and somebody who joins between a
//! refusal and its approval does not void the approval.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::TimeDelta;
use connectors::PersonKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::fold::fold;
use super::rules::{Approval, Limit, Limits};
use crate::model::{
    Action, ApprovedPlan, AttributeSet, Change, FacetUpdate, LeaveReason, Plan, Reason, Stage, Time, Value,
};

/// What the guard says.
#[derive(Debug)]
#[must_use = "a refused plan must be held and reported"]
pub enum Verdict {
    /// May be applied.
    Approved(ApprovedPlan),
    /// Must not be applied; the plan comes back with why.
    Refused(Box<Plan>, Refusal),
}

/// Why a plan was refused, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What an approval must name.
    pub digest: String,
    /// Whether an approval would let it through.
    pub approvable: bool,
    /// The numbers, in one line.
    pub message: String,
    /// Lines of detail.
    pub why: Vec<String>,
    /// Departments that lose most: name, managed people before and after.
    pub largest: Vec<(String, u32, u32)>,
    /// One thing to do.
    pub hint: String,
}

/// Lets a plan through, or refuses it.
pub fn review(plan: Plan, limits: &Limits, approval: Option<&Approval>, at: Time) -> Verdict {
    // Every limit is named: a new one must be weighed here before this compiles again.
    let Limits { max_removed, max_changed, protected, approval_secs } = limits;
    let counted = Counted::new(&plan);
    let digest = digest(&plan);
    let safe = counted.protected(&plan, protected);
    if !safe.is_empty() {
        let message = format!("protected people would be removed: {}", safe.join(", "));
        let hint = "take them off [guard] protected, or put them back into scope".to_owned();
        return Verdict::Refused(
            Box::new(plan),
            Refusal { digest, approvable: false, message, why: Vec::new(), largest: Vec::new(), hint },
        );
    }
    let mut messages = Vec::new();
    messages.extend(exceeds("removed", counted.removed.len(), plan.managed, max_removed));
    // Whoever is adopted is not managed yet; the first run's own brake weighs adoptions.
    let changed = counted.changed.difference(&counted.adopted).count();
    messages.extend(exceeds("changed", changed, plan.managed, max_changed));
    messages.extend(counted.first_run(&plan));
    let valid = |approval: &Approval| {
        let secs = i64::try_from(*approval_secs).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
        approval.digest == digest && at.signed_duration_since(approval.at) <= secs
    };
    if messages.is_empty() || approval.is_some_and(valid) {
        return Verdict::Approved(ApprovedPlan::by_guard(plan));
    }
    let refusal = Refusal {
        hint: format!("if this is intended: rollcall approve {digest}"),
        digest,
        approvable: true,
        message: messages.join("; "),
        why: counted.why(&plan),
        largest: largest(&plan),
    };
    Verdict::Refused(Box::new(plan), refusal)
}

/// Why `people` of `managed` are too many, with the numbers; `None` if they are not.
fn exceeds(how: &str, people: usize, managed: u32, limit: &Limit) -> Option<String> {
    let Limit { count, fraction } = limit;
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let over_count = count.is_some_and(|most| people > most);
    let over_fraction =
        people >= Limit::FRACTION_FLOOR && fraction.is_some_and(|part| f64::from(people) > part * f64::from(managed));
    if !over_count && !over_fraction {
        return None;
    }
    let bounds: Vec<String> = [fraction.map(|part| format!("{} %", percent(part))), count.map(|most| most.to_string())]
        .into_iter()
        .flatten()
        .collect();
    let share = if managed == 0 { 1.0 } else { f64::from(people) / f64::from(managed) };
    Some(format!(
        "{people} of {managed} managed people would be {how} ({} %, limit {})",
        percent(share),
        bounds.join(" and ")
    ))
}

fn percent(part: f64) -> f64 {
    (part * 1000.0).round() / 10.0
}

/// Whom the guarded changes are for.
struct Counted {
    removed: BTreeSet<PersonKey>,
    changed: BTreeSet<PersonKey>,
    adopted: BTreeSet<PersonKey>,
}

impl Counted {
    fn new(plan: &Plan) -> Self {
        let people = |which: &dyn Fn(&Change) -> bool| -> BTreeSet<PersonKey> {
            plan.changes.iter().filter(|change| which(change)).map(|change| change.person.clone()).collect()
        };
        Self {
            removed: people(&removes),
            changed: people(&|change| matches!(change.action, Action::Update(_)) && !removes(change)),
            adopted: people(&|change| matches!(change.action, Action::Adopt { .. })),
        }
    }

    /// How the protected people who would be removed are written in the configuration.
    fn protected(&self, plan: &Plan, protected: &BTreeSet<String>) -> Vec<String> {
        let mut named = BTreeSet::new();
        for text in protected {
            let wanted = fold(text);
            let hit = plan.changes.iter().filter(|change| removes(change)).any(|change| {
                let username = match &change.action {
                    Action::Delete { username, .. } => fold(username) == wanted,
                    _ => false,
                };
                username || fold(&change.label) == wanted || change.person.to_string() == *text
            });
            if hit {
                named.insert(text.clone());
            }
        }
        named.into_iter().collect()
    }

    /// A source without a memory: whatever touches existing users wants a look first.
    fn first_run(&self, plan: &Plan) -> Option<String> {
        let new = |people: &BTreeSet<PersonKey>| people.iter().filter(|p| plan.first_run.contains(&p.source)).count();
        let (adopted, changed, removed) = (new(&self.adopted), new(&self.changed), new(&self.removed));
        if adopted + changed + removed == 0 {
            return None;
        }
        let creates = plan.changes.iter().filter(|change| matches!(change.action, Action::Create(_))).count();
        let sources: Vec<&str> = plan.first_run.iter().map(connectors::SourceName::as_str).collect();
        Some(format!(
            "first run of {}: {adopted} existing users would be adopted, {changed} changed, {removed} removed, {creates} \
             created",
            sources.join(", ")
        ))
    }

    /// Why people would be removed, by reason.
    fn why(&self, plan: &Plan) -> Vec<String> {
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
        let config =
            plan.changes.iter().filter(|change| matches!(change.because, Reason::ConfigChanged { .. })).count();
        if config > 0 {
            lines.push(format!("{config} changes because the configuration changed"));
        }
        lines
    }
}

fn removes(change: &Change) -> bool {
    // Taking back a return is a removal too.
    let taken_back = |update: &FacetUpdate| {
        let was = matches!(change.because, Reason::Undone { was, .. } if was != Stage::Suspended);
        was && update.stage == Stage::Suspended
    };
    matches!(change.because, Reason::Left { .. })
        || matches!(&change.action, Action::Update(update) if taken_back(update))
}

/// The three departments that lose most.
fn largest(plan: &Plan) -> Vec<(String, u32, u32)> {
    const SHOWN: usize = 3;
    let mut departments: Vec<(String, u32, u32)> = plan
        .departments
        .iter()
        .filter(|(_, (before, after))| after < before)
        .map(|(name, (before, after))| (name.clone(), *before, *after))
        .collect();
    departments.sort_by_key(|(_, before, after)| std::cmp::Reverse(before - after));
    departments.truncate(SHOWN);
    departments
}

/// The digest of what the guard guards: every change of an existing user, by ids. Names, labels, reasons' wording and
/// times are not part of it; a plan that does the same has the same digest.
#[must_use]
pub fn digest(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    for change in &plan.changes {
        let Some(action) = guarded(&change.action) else { continue };
        let line = json!([change.person, change.connect, removes(change), action]);
        hash.update(line.to_string());
        hash.update("\n");
    }
    let mut hex = String::with_capacity(9);
    for (at, byte) in hash.finalize().iter().take(4).enumerate() {
        let dash = if at == 2 { "-" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(hex, "{dash}{byte:02x}");
    }
    hex
}

fn guarded(action: &Action) -> Option<Json> {
    match action {
        Action::Create(_) => None,
        Action::Adopt { username: _ } => Some(json!("adopt")),
        Action::Update(update) => {
            Some(json!(["update", update.facet, update.stage, ids_only(&update.after), update.untag]))
        }
        Action::DeleteQuickConnect(named) => Some(json!(["delete_quick_connect", named.id])),
        Action::Delete { username: _, before: _ } => Some(json!("delete")),
    }
}

fn ids_only(set: &AttributeSet) -> Json {
    let value = |value: &Value| match value {
        Value::None => Json::Null,
        Value::Text(text) => json!(["text", text]),
        Value::Flag(flag) => json!(flag),
        Value::Seconds(secs) => json!(secs),
        Value::Named(named) => json!(["id", named.id]),
        Value::NamedSet(set) => json!(set.iter().map(|named| &named.id).collect::<Vec<_>>()),
        Value::Tags(tags) => json!(tags),
    };
    set.iter().map(|(attribute, v)| (attribute.name().to_owned(), value(v))).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, limits, now};
    use super::*;

    /// `of` managed people, the first `leaving` of whom are disabled.
    fn site(of: u32, leaving: u32) -> World {
        let standing = |n| if n < leaving { "standing=disabled" } else { "" };
        let directory: Vec<String> = (0..of).map(|n| format!("entra/{n} p.p{n} dept=Care {}", standing(n))).collect();
        let connect: Vec<String> = (0..of).map(|n| format!("c-{n} p.p{n} owner=entra/{n} route=Care_Voice")).collect();
        World::new(&directory.join("\n"), &connect.join("\n"))
    }

    fn refusal(plan: Plan, limits: &Limits, approval: Option<&Approval>) -> Option<Refusal> {
        match review(plan, limits, approval, now()) {
            Verdict::Approved(_) => None,
            Verdict::Refused(_, refusal) => Some(refusal),
        }
    }

    #[test]
    fn removals_are_limited_by_fraction_and_by_count() {
        for (of, leaving, passes) in
            [(5, 2, true), (5, 3, false), (30, 3, true), (30, 4, false), (600, 50, true), (600, 51, false)]
        {
            let found = refusal(site(of, leaving).plan(), &limits(), None);
            assert_eq!(found.is_none(), passes, "{leaving} of {of}: {found:?}");
        }
    }

    #[test]
    fn a_refusal_carries_the_numbers() {
        let refusal = refusal(site(10, 4).plan(), &limits(), None).expect("too many");
        assert_eq!(refusal.message, "4 of 10 managed people would be removed (40 %, limit 10 % and 50)");
        assert_eq!(refusal.why, ["4 removed because: disabled"]);
        assert_eq!(refusal.largest, [("Care".to_owned(), 10, 6)]);
        assert_eq!(refusal.hint, format!("if this is intended: rollcall approve {}", refusal.digest));
        assert!(refusal.digest.len() == 9 && refusal.digest.as_bytes()[4] == b'-', "{}", refusal.digest);
    }

    #[test]
    fn an_approval_lets_exactly_that_plan_through_until_it_expires() {
        let world = site(10, 4);
        let approval = |digest: String, hours: i64| Approval { digest, at: now() - TimeDelta::hours(hours) };
        let digest = digest(&world.plan());
        assert!(refusal(world.plan(), &limits(), Some(&approval(digest.clone(), 24))).is_none());
        assert!(refusal(world.plan(), &limits(), Some(&approval(digest.clone(), 25))).is_some());
        assert!(refusal(site(10, 5).plan(), &limits(), Some(&approval(digest, 1))).is_some());
    }

    #[test]
    fn protected_people_are_not_removed_even_if_approved() {
        for protected in ["P.P0", "entra/0"] {
            let mut limits = limits();
            limits.protected.insert(protected.to_owned());
            let world = site(10, 1);
            let approval = Approval { digest: digest(&world.plan()), at: now() };
            let refusal = refusal(world.plan(), &limits, Some(&approval)).expect("protected");
            assert!(!refusal.approvable && refusal.message.contains(protected), "{}", refusal.message);
        }
    }

    #[test]
    fn changes_of_many_are_limited_and_creates_are_not_counted() {
        let mut world = site(10, 0);
        assert!(refusal(site(0, 0).plan(), &limits(), None).is_none());
        for user in world.seen.connect.users.values_mut().take(4) {
            let basic = super::super::testing::routing("Basic");
            user.apply(&[(crate::model::Attribute::RoutingProfile, basic)].into_iter().collect());
        }
        let refused = refusal(world.plan(), &limits(), None).expect("4 of 10 is more than 30 %");
        assert_eq!(refused.message, "4 of 10 managed people would be changed (40 %, limit 30 %)");
        let joiners: Vec<String> = (0..40).map(|n| format!("entra/{n} p.p{n} dept=Care")).collect();
        assert!(refusal(World::new(&joiners.join("\n"), "").plan(), &limits(), None).is_none());
    }

    #[test]
    fn a_first_run_that_touches_existing_users_wants_a_look() {
        let directory = "@entra new\n entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care";
        let plan = World::new(directory, "c-1 ada.king route=Care_Voice").plan();
        let approval = Approval { digest: digest(&plan), at: now() };
        let refused = refusal(plan.clone(), &limits(), None).expect("a look first");
        assert_eq!(
            refused.message,
            "first run of entra: 1 existing users would be adopted, 0 changed, 0 removed, 1 created"
        );
        assert!(refusal(plan, &limits(), Some(&approval)).is_none());
        assert!(refusal(World::new(directory, "c-9 joe").plan(), &limits(), None).is_none(), "nobody is touched");
        let mut world = World::new(directory, "c-1 ada.king route=Care_Voice");
        world.rules.sources[0].first_run_applies = true;
        assert!(refusal(world.plan(), &limits(), None).is_none());
    }

    #[test]
    fn a_joiner_between_refusal_and_approval_does_not_void_it() {
        let mut world = site(10, 4);
        let before = digest(&world.plan());
        let more = World::new("entra/99 new.comer dept=Care", "");
        world.seen.directory.people.extend(more.seen.directory.people);
        assert_eq!(digest(&world.plan()), before);
    }
}
