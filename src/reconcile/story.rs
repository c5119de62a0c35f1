//! The sentence itself: observe → plan → guard → apply, and what is remembered on the way.
//!
//! Invariant: nothing is written to Connect but by [`apply::apply`], which takes what only the guard makes.
//! Deliberately absent: how any of the steps is done.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use connectors::PersonKey;

use super::progress::{PlanCounts, Progress, SourcesSeen};
use super::wanted::only_for;
use super::{Ended, Order, Run, RunError, apply, look, observe, summary, undo};
use crate::model::{ApprovedPlan, Decision, Observation, Plan, RunSummary, SourceState, Target, Time};
use crate::planner;
use crate::planner::guard::{self, NotYet, Refusal, Verdict};
use crate::planner::rules::Approval;
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
    let quota = |operation| run.quota(operation);
    // What is told and forecast is what may be carried out now.
    let (mut plan, not_yet) = guard::known_part(only_for(order, &seen, plan, &quota), &centre.limits);
    if not_yet.is_none() {
        plan.forecast = planner::forecast(&plan.changes, &quota);
    }
    let mut summary = summary::of_plan(&plan, &sources, frozen);
    watch.tell(Progress::Planned { counts: PlanCounts::of(&plan) });
    let digest = guard::digest(&plan, &centre.limits);
    let approval = approval(run, &digest).await?;
    if !order.rehearse {
        remember(run, &plan).await?;
    }
    match guard::review(plan, &centre.limits, approval.as_ref(), clock.now()) {
        Verdict::NotYet(plan, not_yet) => wait(run, *plan, not_yet, summary).await,
        Verdict::Refused(plan, refusal) => refuse(run, *plan, refusal, summary).await,
        Verdict::Approved(approved) => {
            if !order.rehearse {
                let relied_on = approval.filter(|approval| approval.digest == digest).map(|approval| approval.digest);
                watch.tell(Progress::Passed { approved: relied_on.clone() });
                if let Some(digest) = &relied_on {
                    if order.approve.is_some() {
                        // Reports name every approval, also one that came with the order.
                        centre.store.approve(digest, clock.now()).await?;
                    }
                    // Once: an approval that outlived its plan would let a later one like it through unseen.
                    centre.store.consume_approval(lease, digest).await?;
                }
                centre.store.forget_approvals(expired_before(run), None).await?;
                if let Some(which) = order.undo {
                    undo::remember(run, approved.plan()).await?;
                    summary.message = format!("takes back run {which}");
                }
                carry_out(run, &approved, &seen, &mut summary).await?;
                if summary.message.is_empty() {
                    summary.message = approved.plan().details.words().unwrap_or_default();
                }
            }
            Ok(Ended { plan: approved.into_plan(), refusal: None, not_yet: None, summary })
        }
    }
}

/// A plan that grows while users are read: nobody is asked about it, and nothing of it is carried out.
async fn wait<T: Target>(
    run: &Run<'_, T>,
    plan: Plan,
    mut not_yet: NotYet,
    mut summary: RunSummary,
) -> Result<Ended, RunError> {
    let Run { centre, lease, order, watch, .. } = run;
    if order.rehearse {
        "read them all, and write nothing to Connect: rollcall plan --full".clone_into(&mut not_yet.hint);
    }
    watch.tell(Progress::NotYet { message: not_yet.message.clone() });
    "reading".clone_into(&mut summary.result);
    summary.message.clone_from(&not_yet.message);
    // Whatever was held before was another plan. An approval of it stays: if it comes out the same, it holds.
    if !order.rehearse && order.user.is_none() && order.undo.is_none() {
        centre.store.clear_held(lease).await?;
        centre.store.forget_approvals(expired_before(run), None).await?;
    }
    Ok(Ended { plan, refusal: None, not_yet: Some(not_yet), summary })
}

/// A plan that wants an approval, or that none could let through.
async fn refuse<T: Target>(
    run: &Run<'_, T>,
    plan: Plan,
    mut refusal: Refusal,
    mut summary: RunSummary,
) -> Result<Ended, RunError> {
    let Run { centre, lease, order, clock, watch, .. } = run;
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
    Ok(Ended { plan, refusal: Some(refusal), not_yet: None, summary })
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
        // A part of a plan is not the first run of a source, and no trial of changed rules.
        let whole = plan.details.unread.is_empty();
        for (name, source) in &seen.directory.sources {
            if whole && source.state == SourceState::Fresh && !source.established {
                store.mark_established(lease, name, clock.now()).await?;
            }
        }
        // Rules whose trial failed, or rests, are still new to the next run.
        if whole && applied.trial.is_none() && seen.trial.is_none() {
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
