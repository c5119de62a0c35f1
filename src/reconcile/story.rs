//! The sentence itself: observe → plan → guard → apply, and what is remembered on the way.
//!
//! Invariant: nothing is written to Connect but by [`apply::apply`], which takes what only the guard makes.
//! Deliberately absent: how any of the steps is done.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use connectors::{PersonKey, attributes};

use super::progress::{PlanCounts, Progress, SourcesSeen};
use super::{Ended, Order, Run, RunError, apply, look, observe, summary, undo};
use crate::model::{ApprovedPlan, Decision, Observation, Plan, RunSummary, SourceState, Target, Time};
use crate::planner::guard::{self, Refusal, Verdict};
use crate::planner::rules::Approval;
use crate::planner::{self, Quota};
use crate::store::StoreError;

/// Observes, plans, asks the guard, applies.
pub(super) async fn story<T: Target>(run: &Run<'_, T>) -> Result<Ended, RunError> {
    let Run { centre, lease, order, clock, watch, .. } = run;
    let (sources, frozen, (seen, plan)) = if let Some(which) = order.undo {
        (SourcesSeen::new(), BTreeMap::new(), undo::plan(run, which).await?)
    } else {
        let observed = observe::observe(run).await?;
        let (sources, frozen) = (observed.sources.clone(), observe::told(&observed.frozen));
        (sources, frozen, look::plan_on_a_fresh_look(run, observed).await?)
    };
    let plan = only_for(order, &seen, plan, &|operation| run.quota(operation));
    let mut summary = summary::of_plan(&plan, &sources, frozen);
    watch.tell(Progress::Planned { counts: PlanCounts::of(&plan) });
    let digest = guard::digest(&plan, &centre.limits);
    let approval = approval(run, &digest).await?;
    if !order.rehearse {
        remember(run, &plan).await?;
    }
    match guard::review(plan, &centre.limits, approval.as_ref(), clock.now()) {
        Verdict::Refused(plan, mut refusal) => {
            refusal.hint = how_to_approve(order, refusal.hint, &refusal.digest);
            watch.tell(Progress::Refused { digest: refusal.digest.clone(), message: refusal.message.clone() });
            "refused".clone_into(&mut summary.result);
            summary.message.clone_from(&refusal.message);
            // A plan for one person must not take the place of the whole one that waits for somebody.
            if order.undo.is_some() && !order.rehearse {
                undo::refused(run, &refusal).await?;
            } else if !order.rehearse && order.user.is_none() {
                let Refusal { digest, message, .. } = &refusal;
                centre.store.hold_plan(lease, order.run, digest, message, clock.now()).await?;
                centre.store.forget_approvals(expired_before(run), Some(digest)).await?;
            }
            Ok(Ended { plan: *plan, refusal: Some(refusal), summary })
        }
        Verdict::Approved(approved) => {
            if !order.rehearse {
                let relied_on = approval.filter(|approval| approval.digest == digest).map(|approval| approval.digest);
                watch.tell(Progress::Passed { approved: relied_on.clone() });
                if let Some(digest) = &relied_on {
                    // Once: an approval that outlived its plan would let a later one like it through unseen.
                    centre.store.consume_approval(lease, digest).await?;
                }
                centre.store.forget_approvals(expired_before(run), None).await?;
                if let Some(which) = order.undo {
                    undo::remember(run, approved.plan()).await?;
                    summary.message = format!("takes back run {which}");
                }
                carry_out(run, &approved, &seen, &mut summary).await?;
            }
            Ok(Ended { plan: approved.into_plan(), refusal: None, summary })
        }
    }
}

/// Applies an approved plan, and remembers what follows from it.
async fn carry_out<T: Target>(
    run: &Run<'_, T>,
    approved: &ApprovedPlan,
    seen: &Observation,
    summary: &mut RunSummary,
) -> Result<(), RunError> {
    let Run { centre, lease, order, clock, .. } = run;
    let plan = approved.plan();
    let changed_at = centre.store.moved_since().await?;
    let started = clock.millis();
    let mut applied = apply::apply(run, approved, seen, &changed_at).await?;
    summary.apply_millis = clock.millis() - started;
    summary.least_millis = plan.forecast.least_millis;
    summary::waited(summary, &applied.waited_secs);
    summary::add(summary, &applied.summary);
    summary::conclude(summary, plan);
    let store = &centre.store;
    if order.undo.is_some() {
        return Ok(());
    }
    let at_rest = plan.decisions.iter().filter(|(person, decision)| {
        let rests = matches!(decision, Decision::InSync | Decision::OutOfScope { .. } | Decision::Shadowed { .. });
        rests || applied.agreed.contains(person)
    });
    let at_rest: BTreeSet<PersonKey> = at_rest.map(|(person, _)| person.clone()).collect();
    store.clear_moved(&at_rest).await?;
    if let Some(trouble) = &applied.trial {
        summary.message.clone_from(&trouble.message);
    }
    if order.user.is_none() {
        store.clear_held(lease).await?;
        for (name, source) in &seen.directory.sources {
            if source.state == SourceState::Fresh && !source.established {
                store.mark_established(lease, name, clock.now()).await?;
            }
        }
        // Rules whose trial failed, or rests, are still new to the next run.
        if applied.trial.is_none() && seen.trial.is_none() {
            store.meta_set(look::RULES, &centre.rules_digest).await?;
        }
        if seen.trial.is_none() {
            run.trial_ended(applied.trial.take()).await?;
        }
    }
    Ok(())
}

/// What follows from planning alone: links found by owner tag, agreement found, who is leaving since when, findings.
async fn remember<T: Target>(run: &Run<'_, T>, plan: &Plan) -> Result<(), StoreError> {
    let Run { centre, lease, order, clock, .. } = run;
    if order.user.is_some() || order.undo.is_some() {
        return Ok(());
    }
    let store = &centre.store;
    store.set_links(lease, &plan.links).await?;
    store.set_agreed(lease, &plan.agreed).await?;
    store.narrow_undone(lease, &plan.undone).await?;
    let unobserved = plan.decisions.iter().filter(|(_, decision)| matches!(decision, Decision::NotObserved { .. }));
    let unobserved = unobserved.map(|(person, _)| person.clone()).collect();
    store.set_leaving(lease, &plan.leaving, &unobserved).await?;
    store.keep_retries(lease, &plan.refused, &unobserved).await?;
    store.record_findings(lease, order.run, &plan.findings, clock.now()).await?;
    store.record_decisions(lease, order.run, &plan.decisions).await
}

/// The approval that may let this plan through: given with the order, or stored by `rollcall approve`.
async fn approval<T: Target>(run: &Run<'_, T>, digest: &str) -> Result<Option<Approval>, StoreError> {
    let Run { centre, order, clock, .. } = run;
    if let Some(digest) = &order.approve {
        return Ok(Some(Approval { digest: digest.clone(), at: clock.now() }));
    }
    Ok(centre.store.approval(digest).await?.map(|at| Approval { digest: digest.to_owned(), at }))
}

/// Approvals given before this have run out.
fn expired_before<T: Target>(run: &Run<'_, T>) -> Time {
    let holds = i64::try_from(run.centre.limits.approval_secs).ok().and_then(TimeDelta::try_seconds);
    holds.and_then(|holds| run.clock.now().checked_sub_signed(holds)).unwrap_or(Time::MIN_UTC)
}

/// `rollcall approve` is for the plan that is held; a rehearsal and a run for one person hold none.
fn how_to_approve(order: &Order, hint: String, digest: &str) -> String {
    let held = format!("rollcall approve {digest}");
    let user = order.user.as_ref().map(|user| format!(" --user {user}")).unwrap_or_default();
    match order.undo {
        // `rollcall approve` is for the plan that ordinary runs hold.
        Some(run) => hint.replace(&held, &format!("rollcall undo {run}{user} --approve {digest}")),
        None if order.rehearse || order.user.is_some() => {
            hint.replace(&held, &format!("rollcall sync now{user} --approve {digest}"))
        }
        None => hint,
    }
}

/// The plan, narrowed to one person if the order says so.
fn only_for(order: &Order, seen: &Observation, mut plan: Plan, quota: &Quota<'_>) -> Plan {
    let Some(wanted) = &order.user else {
        return plan;
    };
    let is_wanted = |person: &PersonKey, label: &str| {
        person.to_string() == *wanted
            || label.eq_ignore_ascii_case(wanted)
            || seen.directory.people.get(person).is_some_and(|user| {
                [attributes::USERNAME, attributes::MAILBOX_NAME, attributes::MAIL]
                    .iter()
                    .any(|name| user.attribute(&(*name).into()).is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
            })
    };
    plan.decisions.retain(|person, _| is_wanted(person, ""));
    plan.undone.retain(|person, _| is_wanted(person, ""));
    plan.changes.retain(|change| is_wanted(&change.person, &change.label));
    plan.findings.retain(|finding| finding.person.as_ref().is_some_and(|person| is_wanted(person, &finding.label)));
    plan.forecast = planner::forecast(&plan.changes, quota);
    plan
}
