//! What somebody can have done: a run for everybody, of one source or for one person; a run taken back; a pause.
//!
//! Every one is a form, audited by its contact centre and never by a person, carried out by the service, and followed on a page
//! of its own.
//!
//! Invariant: what takes a run back repeats its numbers before it is done.
//! Deliberately absent: what a run does, and whether it may; the service and the guard decide as they do for `rollcall sync now`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, Path};
use axum::response::Response;
use connectors::SourceName;
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{End, Lines, State, Ticket, What};
use super::page::{Page, Tab, Trouble};
use super::runs::{self, Which};
use super::view::View;
use super::{gate, login};
use crate::model::words::{count, moment};
use crate::model::{RunId, RunSummary, Trigger};
use crate::planner::guard::Refusal;
use crate::serve::control::Ask;
use crate::store::RunRow;

/// What the form of a run says; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sync {
    #[serde(default)]
    source: String,
    /// A key, or a username.
    #[serde(default)]
    person: String,
    #[serde(default)]
    full: String,
}

/// `POST …/sync`.
pub(super) async fn sync(view: View, Form(asked): Form<Sync>) -> Result<Response, Trouble> {
    let some = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let Sync { source, person, full } = asked;
    let source = some(source).map(SourceName::from);
    if source.as_ref().is_some_and(|source| !view.centre().sources().contains(source)) {
        return Err(Trouble::Missing("source"));
    }
    let ask = Ask { source, user: some(person), full: !full.is_empty(), ..Ask::default() };
    let (ticket, _) = begin(&view, ask).await?;
    Ok(gate::see(&address(&view, &ticket)))
}

/// Asks the service, and writes down that somebody did.
///
/// # Errors
/// If there is no service, or it cannot take the question.
pub(super) async fn begin(view: &View, ask: Ask) -> Result<(Arc<Ticket>, Lines), Trouble> {
    let what = What::of(&ask);
    let approved = ask.approve.clone();
    let although = if ask.while_paused { ", although it is paused" } else { "" };
    let id = uuid::Uuid::new_v4().to_string();
    let asked = view.console.tickets().ask(id, view.service()?, ask, view.now)?;
    if let Some(digest) = approved {
        login::note(&view.console, view.actor(), "approved", Some(format!("{} {digest}", view.name()))).await?;
    }
    let about = format!("{} {}{although}", view.name(), what.words());
    login::note(&view.console, view.actor(), "asked for", Some(about)).await?;
    Ok(asked)
}

/// The page of a question.
pub(super) fn address(view: &View, ticket: &Ticket) -> String {
    view.url(&format!("/asked/{}", ticket.id))
}

/// Which question.
#[derive(Debug, Deserialize)]
pub(super) struct Number {
    id: String,
}

/// `GET …/asked/{id}`: how far it is, and what came of it.
pub(super) async fn asked(view: View, Path(number): Path<Number>) -> Result<Page, Trouble> {
    let found = view.console.tickets().find(&number.id).filter(|ticket| ticket.centre == view.name());
    let ticket = found.ok_or(Trouble::Missing("question here any more"))?;
    let state = ticket.state();
    let body = html! {
        h1 { (capital(&ticket.what.words())) }
        @match &state {
            State::Waiting => { p.lead.small { "Waits for its turn." } p.dim { "Asked " (view.when(ticket.at)) "." } }
            State::Running(run) => {
                p.lead.small { "Goes on. The line above says how far it is." }
                p { a href=(view.url(&format!("/runs/{run}"))) { "What it has done so far" } }
            }
            State::Ended(end) => (ended(&view, &ticket, end)),
        }
        p { a href=(view.url("/today")) { "Today" } }
        @if !matches!(state, State::Ended(_)) { noscript { p.dim { "Reload the page to see more." } } }
    };
    Ok(Page::of(&view, Tab::Runs, "Asked", &body))
}

fn ended(view: &View, ticket: &Ticket, end: &End) -> Markup {
    match end {
        End::Failed { message, hint } => html! {
            section.card.alarm role="alert" { p.bad.message { "Nothing was done: " (message) } p { "→ " (hint) } }
        },
        End::Ran { refusal: Some(refusal), .. } => refused(view, ticket, refusal),
        // Of a plan that still grows, the summary says how far it is.
        End::Ran { run, summary, refusal: None, not_yet: _, counts: _ } => html! {
            section.card {
                p.message { (capital(&summary.words())) }
                @for (source, why) in &summary.frozen { p.bad { "Source " (source) " could not be read: " (why.message) } }
                @if let Some(run) = run { p { a href=(view.url(&format!("/runs/{run}"))) { "What it changed, before and after" } } }
            }
        },
    }
}

fn refused(view: &View, ticket: &Ticket, refusal: &Refusal) -> Markup {
    let Refusal { message, why, hint, digest, approvable, .. } = refusal;
    html! {
        section.card.held role="alert" {
            h2 { "The guard holds it" }
            p.message { (message) }
            @if !why.is_empty() { ul.plain { @for line in why { li { (line) } } } }
            @if !approvable { p.bad { "→ " (hint) } }
            @else if let What::Undo(run) = &ticket.what {
                form method="post" action=(view.url(&format!("/runs/{run}/undo"))) {
                    (view.word())
                    input type="hidden" name="digest" value=(digest);
                    button type="submit" { "Take it back all the same" }
                }
            } @else if matches!(ticket.what, What::OnePerson) {
                // The plan for one person is not held: nobody could find it to approve.
                p { "→ " (hint) }
            } @else {
                form method="get" action=(view.url("/approve")) {
                    input type="hidden" name="digest" value=(digest);
                    button type="submit" { "Approve " (digest) "…" }
                }
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether a run changed something that can be taken back.
pub(super) fn can_be_taken_back(run: &RunRow) -> bool {
    let touched = |s: &RunSummary| s.created + s.adopted + s.updated + s.suspended + s.deleted + s.in_doubt > 0;
    run.finished.is_some() && run.trigger != Trigger::Undo && run.summary.as_ref().is_some_and(touched)
}

/// `GET …/runs/{run}/undo`: what would be taken back, in numbers.
pub(super) async fn ask_undo(view: View, Path(which): Path<Which>) -> Result<Page, Trouble> {
    let run = runs::found(&view, &which).await?;
    let s = run.summary.clone().unwrap_or_default();
    let can = can_be_taken_back(&run);
    let body = html! {
        h1 { "Take the run of " (moment(run.started)) " back?" }
        section.card {
            @if can {
                ul.plain {
                    @if s.updated > 0 { li { (count(s.updated as usize, "facet", "facets")) " written: each gets its former value" } }
                    @if s.suspended > 0 { li { (count(s.suspended as usize, "person", "people")) " suspended: they get back what they had" } }
                    @if s.adopted > 0 { li { (count(s.adopted as usize, "user", "users")) " adopted: our mark is taken off" } }
                    @if s.created > 0 { li { (count(s.created as usize, "user", "users")) " created: they stay; leaving has one way only" } }
                    @if s.deleted > 0 { li { (count(s.deleted as usize, "user", "users")) " deleted: Connect cannot bring them back" } }
                }
                p { "What somebody has changed since is left alone and listed. Until the rules want something else, they do not write it again." }
                form.decide method="post" action=(view.url(&format!("/runs/{}/undo", run.run))) {
                    (view.word())
                    button type="submit" { "Take it back" }
                    a href=(view.url(&format!("/runs/{}", run.run))) { "Do nothing" }
                }
            } @else { p { "This run changed nothing that can be taken back." } }
        }
    };
    Ok(Page::of(&view, Tab::Runs, "Undo", &body))
}

/// What the form of an undo says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Undo {
    /// Approved, if the guard held it.
    #[serde(default)]
    digest: String,
}

/// `POST …/runs/{run}/undo`.
pub(super) async fn undo(view: View, Path(which): Path<Which>, Form(given): Form<Undo>) -> Result<Response, Trouble> {
    let run = runs::found(&view, &which).await?;
    let (ticket, _) = begin(&view, undoing(run.run, given.digest)).await?;
    Ok(gate::see(&address(&view, &ticket)))
}

/// The question that takes a run back.
pub(super) fn undoing(run: RunId, digest: String) -> Ask {
    Ask { undo: Some(run), approve: Some(digest).filter(|digest| !digest.is_empty()), ..Ask::default() }
}

/// What the form of a pause says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Pausing {
    /// Hours; absent: until somebody ends it.
    #[serde(default)]
    hours: Option<u64>,
}

/// The longest pause that ends by itself: a month.
const LONGEST_HOURS: u64 = 31 * 24;

/// `GET …/pause`.
pub(super) async fn ask_pause(view: View) -> Result<Page, Trouble> {
    let paused = view.service()?.standing().paused;
    let body = html! {
        h1 { @if paused.is_some() { "Go on?" } @else { "Pause " (view.name()) "?" } }
        section.card {
            @if let Some(pause) = paused {
                p { "Paused " (view.when(pause.since)) @if let Some(until) = pause.until { ", until " (moment(until)) } "." }
                form.decide method="post" action=(view.url("/resume")) { (view.word()) button type="submit" { "Go on now" } a href=(view.url("/today")) { "Do nothing" } }
            } @else {
                p { "Nothing runs by the clock until the pause ends. A run that is going on goes on to its end; taking a run back is possible all the while." }
                form.decide method="post" action=(view.url("/pause")) {
                    (view.word())
                    label { "For " select name="hours" {
                        option value="1" { "an hour" } option value="4" { "4 hours" } option value="24" { "a day" } option value="168" { "a week" }
                    } }
                    button type="submit" { "Pause" }
                    a href=(view.url("/today")) { "Do nothing" }
                }
            }
        }
    };
    Ok(Page::of(&view, Tab::Today, "Pause", &body))
}

/// `POST …/pause`.
pub(super) async fn pause(view: View, Form(asked): Form<Pausing>) -> Result<Response, Trouble> {
    paused(&view, asked.hours).await?;
    Ok(gate::see(&view.url("/today")))
}

/// Pauses for so many hours, or until somebody ends it.
///
/// # Errors
/// If there is no service, or its state file cannot be written.
pub(super) async fn paused(view: &View, hours: Option<u64>) -> Result<crate::model::Pause, Trouble> {
    let lasts = hours.map(|hours| Duration::from_secs(hours.clamp(1, LONGEST_HOURS) * 3_600));
    let pause = view.service()?.pause(lasts).await?;
    login::note(&view.console, view.actor(), "paused", Some(view.name().to_owned())).await?;
    Ok(pause)
}

/// `POST …/resume`.
pub(super) async fn resume(view: View) -> Result<Response, Trouble> {
    resumed(&view).await?;
    Ok(gate::see(&view.url("/today")))
}

/// Ends a pause.
///
/// # Errors
/// If there is no service, or its state file cannot be written.
pub(super) async fn resumed(view: &View) -> Result<(), Trouble> {
    view.service()?.resume().await?;
    login::note(&view.console, view.actor(), "ended a pause", Some(view.name().to_owned())).await?;
    Ok(())
}
