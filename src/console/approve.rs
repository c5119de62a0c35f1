//! Letting exactly one held plan through: a page that repeats the numbers, then a button.
//!
//! Invariant: what is approved is the digest that was shown; if another plan is held by then, nothing is approved.

use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use maud::{Markup, html};
use serde::Deserialize;

use super::known::Known;
use super::page::{Page, Tab, Trouble};
use super::view::View;
use super::{acts, gate, login};
use crate::model::Time;
use crate::model::words::{moment, number};
use crate::planner::guard::{NotYet, Refusal};
use crate::serve::control::Ask;
use crate::store::Held;

/// A held plan and what became of its approval.
pub(super) struct Standing {
    held: Held,
    /// Until when it is approved, if it was.
    until: Option<Time>,
}

impl Standing {
    /// What is held, if a plan is.
    ///
    /// # Errors
    /// If the state file cannot be read.
    pub(super) async fn read(view: &View) -> Result<Option<Self>, Trouble> {
        let store = view.store();
        let Some(held) = store.held().await? else { return Ok(None) };
        let until =
            store.approval(&held.digest).await?.map(|at| at.checked_add_signed(holds(view)).unwrap_or(Time::MAX_UTC));
        Ok(Some(Self { held, until }))
    }

    /// What waits for approval, with its numbers and a single clear button.
    pub(super) fn card(&self, view: &View, known: &Known) -> Markup {
        let Self { held, until } = self;
        let approved = until.is_some_and(|until| view.now <= until);
        html! {
            section.card.held[!approved] {
                h2 { @if approved { "Approved" } @else { "Waits for approval" } }
                (self.numbers(view, known))
                @match until {
                    Some(until) if approved => p {
                        "Goes through with the next run, until " (moment(*until)) "."
                    },
                    _ => {
                        @if let Some(until) = until { p { "An approval ran out on " (moment(*until)) "." } }
                        @if approvable(known, held) {
                            form method="get" action=(view.url("/approve")) {
                                input type="hidden" name="digest" value=(held.digest);
                                button type="submit" { "Approve " (held.digest) "…" }
                            }
                        }
                    }
                }
                p.dim { a href=(view.url("/plan")) { "Look at the plan" } " · held since " (view.when(held.at)) " · or: " code { "rollcall approve " (held.digest) } }
            }
        }
    }

    /// Why it is held, in numbers.
    fn numbers(&self, view: &View, known: &Known) -> Markup {
        let Self { held, .. } = self;
        let refusal = refusal_of(known, held);
        html! {
            p.message { (held.message) }
            @if let Some(Refusal { why, largest, hint, approvable, .. }) = refusal {
                @if !why.is_empty() { ul.plain { @for line in why { li { (line) } } } }
                @if !largest.is_empty() {
                    p.dim { "Departments that lose most: "
                        @for (at, (name, before, after)) in largest.iter().enumerate() {
                            @if at > 0 { " · " }
                            a href=(view.asking("/plan", &[("q", name)])) { (name) } " " (number(*before)) " → " (number(*after))
                        }
                    }
                }
                @if !approvable { p.bad { "→ " (hint) } }
            } @else if known.plan.at > held.at {
                p.dim { "The plan has changed since it was held; the next run weighs it anew." }
            }
        }
    }
}

/// A plan that nobody is asked about yet: how far its reading is, and why there is no button.
pub(super) fn not_yet(view: &View, known: &Known) -> Markup {
    let Some(NotYet { read, existing, message, .. }) = &known.not_yet else { return html! {} };
    html! {
        section.card {
            h2 { "Not weighed yet" }
            p.message { (message) "." }
            progress value=(read) max=(existing) { (number(*read)) " of " (number(*existing)) }
            p { "The plan grows while they are read. There is no button yet: it is put to you once, when it is whole." }
            p.dim { a href=(view.url("/plan")) { "Look at the plan so far" } " · the runs read on by themselves; all at once: " code { "rollcall sync now" } }
        }
    }
}

/// What the guard says of the held plan, if the plan of now is that one.
fn refusal_of<'k>(known: &'k Known, held: &Held) -> Option<&'k Refusal> {
    known.refusal.as_ref().filter(|refusal| refusal.digest == held.digest)
}

/// Whether an approval would help; of a plan that is not the present one nobody knows.
fn approvable(known: &Known, held: &Held) -> bool {
    refusal_of(known, held).is_none_or(|refusal| refusal.approvable)
}

/// How long an approval holds.
fn holds(view: &View) -> TimeDelta {
    let secs = i64::try_from(view.centre().limits.approval_secs).ok();
    secs.and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX)
}

/// Which plan is meant.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    digest: String,
    /// Whether to run at once.
    #[serde(default)]
    now: String,
}

/// `GET …/approve`: the numbers once more.
pub(super) async fn ask(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let Some(standing) = Standing::read(&view).await?.filter(|standing| standing.held.digest == asked.digest) else {
        return Ok(gone(&view));
    };
    let held = &standing.held;
    let until = view.now.checked_add_signed(holds(&view)).unwrap_or(Time::MAX_UTC);
    let body = html! {
        h1 { "Approve " (held.digest) "?" }
        section.card {
            (standing.numbers(&view, &known))
            p { "Exactly this plan goes through once, with the next run, until " (moment(until)) ". If anything of it changes, it is held again." }
            @if approvable(&known, held) {
                form.decide method="post" action=(view.url("/approve")) {
                    (view.word())
                    input type="hidden" name="digest" value=(held.digest);
                    @if view.centre().service.is_some() {
                        button type="submit" name="now" value="1" { "Approve, and run now" }
                        button.second type="submit" { "Approve for the next run" }
                    } @else { button type="submit" { "Approve this plan" } }
                    a href=(view.url("/today")) { "Do nothing" }
                }
            }
        }
        p { a href=(view.url("/plan")) { "Look at everybody in the plan" } }
    };
    Ok(Page::of(&view, Tab::Today, "Approve", &body))
}

/// `POST …/approve`.
pub(super) async fn approve(view: View, Form(asked): Form<Asked>) -> Result<Response, Trouble> {
    let Some(standing) = Standing::read(&view).await?.filter(|standing| standing.held.digest == asked.digest) else {
        return Ok(gone(&view).with(StatusCode::CONFLICT).into_response());
    };
    give(&view, &standing.held.digest).await?;
    if asked.now.is_empty() {
        return Ok(gate::see(&view.url("/today")));
    }
    let (ticket, _) = acts::begin(&view, Ask::default()).await?;
    Ok(gate::see(&acts::address(&view, &ticket)))
}

/// Approves the plan with this digest.
///
/// # Errors
/// If the state file cannot be written.
pub(super) async fn give(view: &View, digest: &str) -> Result<(), Trouble> {
    let keep = &view.centre().keep;
    // One that has run out is no approval any more; giving it again is news for the report.
    let expired = view.now.checked_sub_signed(holds(view)).unwrap_or(Time::MIN_UTC);
    keep.forget_approvals(expired, None).await?;
    keep.approve(digest, view.now).await?;
    login::note(&view.console, view.actor(), "approved", Some(format!("{} {digest}", view.name()))).await?;
    Ok(())
}

fn gone(view: &View) -> Page {
    let body = html! {
        h1 { "Nothing was approved" }
        p { "That plan is not held any more: it went through, or another one was made." }
        p { a href=(view.url("/today")) { "See what is held now" } }
    };
    Page::of(view, Tab::Today, "Approve", &body)
}
