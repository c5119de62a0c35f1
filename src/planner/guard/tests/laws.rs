//! What holds for every world and every limit.

use std::collections::BTreeSet;

use connectors::PersonKey;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::super::laws::worlds::worlds;
use super::super::super::rules::Emptied;
use super::super::super::testing::{ROUTING, SECURITY, render};
use super::*;
use crate::model::{Action, Attribute, Change, Facet, Reason, Stage, Value};

const SEED: u64 = 20_260_302;

fn limit() -> impl Strategy<Value = Limit> {
    let fraction = prop::sample::select(vec![None, Some(0.0), Some(0.1), Some(0.34), Some(0.5), Some(1.0)]);
    (prop::option::of(0..4_u32), fraction).prop_map(|(count, fraction)| Limit { count, fraction })
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let privileged = prop::sample::subsequence(vec!["Admin", "Lead", "Agent"], 0..=2);
    let floors = prop::collection::btree_map(
        prop::sample::select(vec!["Basic", "Care Voice", "Holding", "Agent", "Admin"]),
        1..4_u32,
        0..3,
    );
    let protected = prop::sample::subsequence(vec!["entra/0", "ada.king", "bob.low@x.com"], 0..=2);
    let bounds = (limit(), limit(), limit(), limit(), 0..2_u32, 1..3_u32);
    (bounds, privileged, floors, protected).prop_map(|(bounds, privileged, floors, protected)| {
        let (max_removed, max_changed, max_raised, max_leaving_profile, count, from) = bounds;
        Limits {
            max_removed,
            max_changed,
            privileged: privileged.into_iter().map(str::to_owned).collect(),
            max_raised,
            max_leaving_profile,
            max_emptied: Emptied { count, from },
            never_below: floors.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            protected: protected.into_iter().map(str::to_owned).collect(),
            ..limits()
        }
    })
}

/// Worlds with canaries, that have had their first run.
fn watched() -> impl Strategy<Value = World> {
    let canaries = prop::sample::subsequence(vec!["entra/0", "okta/1", "ada.king", "cy.moss"], 0..=2);
    (worlds(), canaries).prop_map(|(mut world, canaries)| {
        world.rules.canaries = canaries.into_iter().map(str::to_owned).collect();
        world
    })
}

fn guards(change: &Change, limits: &Limits, plan: &Plan) -> bool {
    let Action::Create(desired) = &change.action else { return true };
    !Privileged::of(&limits.privileged, &plan.stakes).among(&desired.attributes).is_empty()
}

fn passes(plan: &Plan, limits: &Limits) -> bool {
    matches!(review(plan.clone(), limits, None, now()), Verdict::Approved(_))
}

/// Connect users with this profile, whoever they belong to.
fn users_with(world: &World, name: &str, suspended_too: bool) -> usize {
    let suspended = |user: &&crate::model::ConnectUser| {
        let mine = |(person, memory): (&PersonKey, &crate::model::Remembered)| match &user.owner {
            Some(owner) => person == owner && memory.stage == Stage::Suspended,
            None => memory.link.as_ref() == Some(&user.id) && memory.stage == Stage::Suspended,
        };
        !suspended_too && world.seen.memory.iter().any(mine)
    };
    let has = |value: Option<&Value>| match value {
        Some(Value::Named(named)) => *named.name == *name,
        Some(Value::NamedSet(set)) => set.iter().any(|named| *named.name == *name),
        _ => false,
    };
    let users = world.seen.connect.users.values().filter(|user| !suspended(user));
    users
        .filter(|user| {
            has(user.seen(Attribute::RoutingProfile).known()) || has(user.seen(Attribute::SecurityProfiles).known())
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn a_plan_below_every_limit_passes(world in worlds()) {
        prop_assert!(passes(&world.plan(), &lax()), "{:#?}", told(&world, &lax()));
    }

    #[test]
    fn one_more_guarded_change_never_lets_a_refused_plan_through(
        world in watched(), limits in any_limits(), keep in prop::collection::vec(any::<bool>(), 40)
    ) {
        let whole = world.plan();
        let mut part = whole.clone();
        let mut kept = keep.into_iter().chain(std::iter::repeat(true));
        part.changes.retain(|change| !guards(change, &limits, &whole) || kept.next() == Some(true));
        if !passes(&part, &limits) {
            prop_assert!(!passes(&whole, &limits), "{:#?} and then {:#?}", render(&part), render(&whole));
        }
    }

    #[test]
    fn an_approval_lets_exactly_what_was_refused_through(world in watched(), limits in any_limits()) {
        let plan = world.plan();
        let Some(refused) = refusal(plan.clone(), &limits, None) else { return Ok(()) };
        prop_assert!(!refused.message.is_empty() && !refused.hint.is_empty());
        let approval = Approval { digest: refused.digest.clone(), at: now() };
        prop_assert_eq!(refusal(plan.clone(), &limits, Some(&approval)).is_none(), refused.approvable);
        // Any other guarded part is another plan.
        for at in 0..plan.changes.len() {
            let mut other = plan.clone();
            let gone = other.changes.remove(at);
            let same = !guards(&gone, &limits, &plan);
            prop_assert_eq!(digest(&other, &limits) == refused.digest, same, "{:?}", gone.action);
        }
    }

    #[test]
    fn the_digest_does_not_hear_what_is_not_guarded(world in watched(), limits in any_limits()) {
        let plan = world.plan();
        let before = digest(&plan, &limits);
        let mut told = plan.clone();
        told.at = now() + chrono::TimeDelta::hours(1);
        told.findings.clear();
        told.managed += 1;
        for change in &mut told.changes {
            change.label = "somebody".to_owned();
            change.arn = None;
            change.because = match &change.because {
                Reason::Left { why: _, since } => {
                    Reason::Left { why: crate::model::LeaveReason::Guest, since: *since + chrono::TimeDelta::hours(1) }
                }
                Reason::Mapped { .. } => Reason::Drift,
                other => other.clone(),
            };
        }
        prop_assert_eq!(digest(&told, &limits), before.clone());
        // Unguarded creates: in another order, other ones, none.
        let unguarded = |change: &Change| !guards(change, &limits, &plan);
        let (creates, mut others): (Vec<_>, Vec<_>) = told.changes.iter().cloned().partition(unguarded);
        others.extend(creates.iter().rev().cloned());
        others.extend(creates);
        told.changes = others;
        prop_assert_eq!(digest(&told, &limits), before.clone());
        told.changes.retain(|change| guards(change, &limits, &plan));
        prop_assert_eq!(digest(&told, &limits), before);
    }

    #[test]
    fn the_digest_hears_every_change_of_a_guarded_action(world in watched(), limits in any_limits()) {
        let plan = world.plan();
        let before = digest(&plan, &limits);
        for at in 0..plan.changes.len() {
            let mut other = plan.clone();
            let guarded = guards(&other.changes[at], &limits, &plan);
            other.changes[at].person = PersonKey::new("mars", "1");
            prop_assert_eq!(digest(&other, &limits) != before, guarded);
            let mut other = plan.clone();
            match &mut other.changes[at].action {
                Action::Update(update) => update.untag.insert("x".to_owned()),
                Action::Create(desired) => { desired.username.push('x'); true }
                Action::DeleteQuickConnect(named) => { *named = crate::model::Named::new("other", &named.name); true }
                Action::MoveQuickConnect(step) => { step.to = Some("elsewhere".into()); true }
                Action::Adopt { .. } | Action::Delete { .. } => continue,
            };
            prop_assert_eq!(digest(&other, &limits) != before, guarded);
        }
    }

    #[test]
    fn protected_people_stay_under_any_approval(world in worlds(), limits in any_limits()) {
        let plan = world.plan();
        let approval = Approval { digest: digest(&plan, &limits), at: now() };
        let Verdict::Approved(approved) = review(plan, &limits, Some(&approval), now()) else { return Ok(()) };
        for change in &approved.plan().changes {
            let leaves = matches!(change.because, Reason::Left { .. }) || matches!(change.action, Action::Delete { .. });
            let names = [
                change.person.to_string(),
                change.label.to_lowercase(),
                change.connect.as_ref().map(|id| world.seen.connect.users[id].username.to_lowercase()).unwrap_or_default(),
            ];
            let protected = names.iter().any(|name| limits.protected.contains(name));
            prop_assert!(!(leaves && protected), "{:?}", change);
        }
    }

    #[test]
    fn a_floor_holds_for_whatever_nobody_approved(world in worlds(), limits in any_limits()) {
        let Verdict::Approved(approved) = review(world.plan(), &limits, None, now()) else { return Ok(()) };
        let plan = approved.into_plan();
        // As if Connect took what the plan takes, and refused everything it gives.
        let mut taking = plan.clone();
        taking.changes.retain(|change| !matches!(change.action, Action::Create(_)));
        let mut after = world.clone();
        after.apply(&taking);
        for (name, fewest) in &limits.never_below {
            let (before, left) = (users_with(&world, name, false), users_with(&after, name, false));
            prop_assert!(left >= before.min(*fewest as usize), "{name}: {before} → {left}: {:#?}", render(&plan));
        }
    }

    #[test]
    fn nobody_unknown_to_connect_and_no_profile_is_counted_twice(world in worlds()) {
        let plan = world.plan();
        for (name, used) in plan.stakes.routing_profiles.iter().chain(&plan.stakes.security_profiles) {
            prop_assert!(used.managed <= used.users && used.users as usize <= users_with(&world, name, true), "{name}: {used:?}");
        }
        let heads: u32 = plan.stakes.departments.values().map(|heads| heads.managed).sum();
        prop_assert_eq!(heads, plan.managed);
        prop_assert_eq!(plan.stakes.routing_profiles.len(), ROUTING.len());
        prop_assert_eq!(plan.stakes.security_profiles.len(), SECURITY.len());
        let touched: BTreeSet<_> = plan.changes.iter().filter(|change| change.connect.is_some()).map(|c| &c.person).collect();
        prop_assert_eq!(plan.stakes.touched.keys().collect::<BTreeSet<_>>(), touched);
        for change in plan.changes.iter().filter(|change| matches!(&change.action, Action::Update(u) if u.facet == Facet::Routing)) {
            prop_assert!(plan.stakes.touched.contains_key(&change.person));
        }
    }
}
