//! The runs, and what each of them changed, before and after.

use std::collections::BTreeSet;

use axum::extract::{Path, Query};
use axum::response::Response;
use connectors::PersonKey;
use maud::{Markup, html};
use serde::Deserialize;

use super::acts;
use super::index::fold;
use super::page::{self, Page, Tab, Trouble};
use super::sort::{Column, Key, Sorting};
use super::view::View;
use crate::model::words::{self, count, moment, number};
use crate::model::{Action, AttributeSet, Change, Outcome, RunSummary, Time, Trigger};
use crate::planner::fate;
use crate::store::{By, Order, Part, RunRow};

/// People that a search is narrowed down to at most.
pub(super) const MOST_FOUND: usize = 20_000;
/// Rows of a file.
pub(super) const MOST_SAVED: u32 = 200_000;

/// Runs that are searched, or put into another order than that of time.
const MOST_SEARCHED: u32 = 5_000;

const RUNS: [Column; 4] = [
    Column::time("when", "When", "moment"),
    Column::text("how", "Started", "how"),
    Column::text("what", "What happened", "happened"),
    Column::number("took", "Took"),
];
const CHANGES: [Column; 2] = [Column::text("person", "Person", "who"), Column::text("outcome", "Outcome", "outcome")];

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Asked {
    fn part(&self) -> Part {
        part(page::page_of(self.page.as_deref()))
    }

    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default().trim()
    }

    fn runs_sorted(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &RUNS, "-when")
    }

    /// Changes of a run stand in the order of its plan.
    fn changes_sorted(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &CHANGES, "")
    }

    fn order(&self) -> Order {
        let sorting = self.changes_sorted();
        let by = match sorting.by() {
            "person" => By::Person,
            "outcome" => By::Outcome,
            _ => By::Own,
        };
        Order { by, reversed: sorting.descending() }
    }
}

/// Which run.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    run: String,
}

/// The rows of a page.
pub(super) fn part(page: u32) -> Part {
    Part { offset: (page - 1) * page::ROWS, limit: page::ROWS }
}

/// The people whom these words are about; `None` if nothing is said.
pub(super) async fn people_called(view: &View, words: Option<&str>) -> Result<Option<BTreeSet<PersonKey>>, Trouble> {
    match words.map(str::trim).filter(|words| !words.is_empty()) {
        None => Ok(None),
        Some(words) => Ok(Some(view.known().await?.index.keys(words, MOST_FOUND))),
    }
}

fn trigger(run: &RunRow) -> &'static str {
    match run.trigger {
        Trigger::Hand => "by hand",
        Trigger::Schedule => "by the schedule",
        Trigger::Undo => "by hand, to take another run back",
    }
}

/// What a run did, in words.
fn words_of(run: &RunRow) -> String {
    run.summary.as_ref().map_or_else(|| "not finished".to_owned(), RunSummary::words)
}

/// The runs that are asked for, a part of them; how many there are; and whether older ones were not looked at.
async fn wanted(view: &View, asked: &Asked, part: Part) -> Result<(Vec<RunRow>, u64, bool), Trouble> {
    let sorting = asked.runs_sorted();
    if asked.words().is_empty() && sorting.is_own() {
        let (runs, all) = view.store().runs_part(part).await?;
        return Ok((runs, all, false));
    }
    let (mut runs, kept) = view.store().runs_part(Part { offset: 0, limit: MOST_SEARCHED }).await?;
    let folded = fold(asked.words());
    let about = |run: &RunRow| {
        let text = [run.run.to_string(), moment(run.started), trigger(run).to_owned(), words_of(run)];
        let text = fold(&text.join("\n"));
        folded.split_whitespace().all(|word| text.contains(word))
    };
    runs.retain(about);
    sorting.arrange(&mut runs, |run, by| match by {
        "how" => Key::text(trigger(run)),
        "what" => Key::text(&words_of(run)),
        "took" => Key::number(run.summary.as_ref().map_or(0, |summary| summary.millis)),
        _ => Key::number(run.started.timestamp_millis()),
    });
    let all = runs.len() as u64;
    let runs = runs.into_iter().skip(part.offset as usize).take(part.limit as usize).collect();
    Ok((runs, all, kept > u64::from(MOST_SEARCHED)))
}

/// `GET …/runs`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let (runs, all, cut) = wanted(&view, &asked, asked.part()).await?;
    let (words, sorting) = (asked.words(), asked.runs_sorted());
    let sort = sorting.text();
    let at = page::page_of(asked.page.as_deref());
    let url = |sort: &str, page: &str| view.asking("/runs", &[("q", words), ("sort", sort), ("page", page)]);
    let body = html! {
        h1 { "Runs" }
        @if all > 0 || !words.is_empty() {
            (page::search(&view.url("/runs"), words, "Result, reason, date or run", &[("sort", &sort)]))
        }
        @if cut { p.dim { "Searched and sorted are the last " (number(MOST_SEARCHED)) " runs." } }
        @if !runs.is_empty() {
            table.runs {
                thead { tr { @for column in &RUNS { (sorting.head(column, &|to| url(to, ""))) } } }
                tbody { @for run in &runs { (row(&view, run)) } }
            }
            (page::foot(all, at, ("run", "runs"), &|n| url(&sort, &n.to_string()),
                &view.asking("/runs.csv", &[("q", words), ("sort", &sort)])))
        } @else if words.is_empty() { p.empty { "None yet." } p { "→ " code { "rollcall sync now" } } } @else {
            p.empty { "None of the last " (number(MOST_SEARCHED)) " is about " b { (words) } "." }
        }
    };
    Ok(Page::of(&view, Tab::Runs, "Runs", &body))
}

fn row(view: &View, run: &RunRow) -> Markup {
    let bad = run.summary.as_ref().is_some_and(|summary| matches!(summary.result.as_str(), "failed" | "refused"));
    html! {
        tr {
            td.moment { a href=(view.url(&format!("/runs/{}", run.run))) { (view.when(run.started)) } }
            td.how.dim { (trigger(run)) }
            td.happened { span.bad[bad] { (words_of(run)) } }
            td.count { @match &run.summary { Some(summary) => (words::millis(summary.millis)), None => "·" } }
        }
    }
}

/// `GET …/runs.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let mut table = page::table([
        "run",
        "started",
        "finished",
        "trigger",
        "result",
        "created",
        "adopted",
        "facets written",
        "suspended",
        "deleted",
        "failed",
        "in doubt",
        "held",
        "message",
    ]);
    let (runs, ..) = wanted(&view, &asked, Part { offset: 0, limit: MOST_SAVED }).await?;
    for run in &runs {
        let s = run
            .summary
            .clone()
            .unwrap_or_else(|| RunSummary { result: "not finished".into(), ..RunSummary::default() });
        let finished = run.finished.map(|at| at.to_rfc3339()).unwrap_or_default();
        let n = [s.created, s.adopted, s.updated, s.suspended, s.deleted, s.failed, s.in_doubt, s.quarantined];
        let [created, adopted, updated, suspended, deleted, failed, in_doubt, held] = n.map(|n| n.to_string());
        table.row([
            &run.run.to_string(),
            &run.started.to_rfc3339(),
            &finished,
            trigger(run),
            &s.result,
            &created,
            &adopted,
            &updated,
            &suspended,
            &deleted,
            &failed,
            &in_doubt,
            &held,
            &s.message,
        ]);
    }
    Ok(table.file(&format!("{}-runs", view.name())))
}

pub(super) async fn found(view: &View, which: &Which) -> Result<RunRow, Trouble> {
    let mut runs = view.store().runs_like(&which.run, 2).await?;
    match (runs.pop(), runs.pop()) {
        (Some(only), None) => Ok(only),
        _ => Err(Trouble::Missing("run")),
    }
}

/// `GET …/runs/{run}`.
pub(super) async fn one(view: View, Path(which): Path<Which>, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let run = found(&view, &which).await?;
    let people = people_called(&view, asked.q.as_deref()).await?;
    let (changes, all) = view.store().run_changes_part(run.run, people.as_ref(), asked.order(), asked.part()).await?;
    let words = asked.words();
    let (sorting, sort) = (asked.changes_sorted(), asked.changes_sorted().text());
    let path = format!("/runs/{}", run.run);
    let url = |sort: &str, page: &str| view.asking(&path, &[("q", words), ("sort", sort), ("page", page)]);
    let at = page::page_of(asked.page.as_deref());
    let body = html! {
        h1 { "Run of " (moment(run.started)) }
        p.keys { code { (run.run) } " · " (trigger(&run)) }
        (facts(&view, &run))
        @if view.centre().service.is_some() && acts::can_be_taken_back(&run) {
            p { a href=(view.url(&format!("{path}/undo"))) { "Take this run back…" } }
        }
        @if all > 0 || !words.is_empty() {
            (page::search(&view.url(&path), words, "People of this run", &[("sort", &sort)]))
        }
        @if changes.is_empty() {
            p.empty { @if words.is_empty() { "It changed nothing." } @else { "It changed nobody who is called " b { (words) } "." } }
        } @else {
            table.fates {
                @let [person, outcome] = CHANGES.map(|column| sorting.head(&column, &|to| url(to, "")));
                thead { tr { (person) th.what scope="col" { "What" } th scope="col" { "Before → after, and why" } (outcome) } }
                tbody { @for (change, outcome, at) in &changes { (change_row(&view, change, outcome, *at)) } }
            }
            (page::foot(all, at, ("change", "changes"), &|n| url(&sort, &n.to_string()),
                &view.asking(&format!("{path}/changes.csv"), &[("q", words), ("sort", &sort)])))
        }
    };
    Ok(Page::of(&view, Tab::Runs, "Run", &body))
}

/// The run in numbers.
fn facts(view: &View, run: &RunRow) -> Markup {
    let Some(summary) = &run.summary else {
        return html! { p.lead.small { "Not finished; begun " (view.when(run.started)) "." } };
    };
    let (requests, calls): (u32, u32) = (summary.directory_requests.values().sum(), summary.calls.values().sum());
    let throttled: u32 = summary.throttled.values().sum();
    let bad = matches!(summary.result.as_str(), "failed" | "refused");
    html! {
        p.lead.small.bad[bad] { (summary.words()) }
        p.dim {
            "Took " (words::millis(summary.millis)) " · "
            (count(requests as usize, "request", "requests")) " to the directory, "
            (count(calls as usize, "call", "calls")) " to Connect"
            @if throttled > 0 { ", " (throttled) " throttled" }
            @if let Some((p50, p95)) = summary.propagation_p50_p95_secs {
                " · from directory to Connect: half within " (words::millis(p50 * 1_000)) ", all but a few within " (words::millis(p95 * 1_000))
            }
        }
        @for (source, why) in &summary.frozen {
            p.bad { "Source " (source) " could not be read: " (why.message) }
            @if !why.hint.is_empty() { p { "→ " (why.hint) } }
        }
    }
}

fn change_row(view: &View, change: &Change, outcome: &Outcome, at: Time) -> Markup {
    let told = fate::told(change, at);
    html! {
        tr {
            td.who { (page::sign(told.sign)) "\u{a0}\u{a0}" (view.person(&change.person, &told.label)) }
            td.what { (told.what) }
            td { (told.detail) span.why { (told.why) } }
            td.outcome { (ended(outcome)) }
        }
    }
}

/// What became of a change; the request id is there for whoever points at it.
pub(super) fn ended(outcome: &Outcome) -> Markup {
    let words = outcome.words();
    let short = words.split(" (request").next().unwrap_or(&words);
    html! {
        span.bad[matches!(outcome, Outcome::Failed { .. })] title=(words) { (short) }
        @if let Outcome::Failed { hint, .. } = outcome { span.hint { "→ " (hint) } }
    }
}

/// `GET …/runs/{run}/changes.csv`.
pub(super) async fn changes_file(
    view: View,
    Path(which): Path<Which>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let run = found(&view, &which).await?;
    let people = people_called(&view, asked.q.as_deref()).await?;
    let all = Part { offset: 0, limit: MOST_SAVED };
    let (changes, _) = view.store().run_changes_part(run.run, people.as_ref(), asked.order(), all).await?;
    let mut table = page::table(CHANGE_HEAD);
    for (change, outcome, at) in &changes {
        table.row(change_cells(change, outcome, *at).each_ref().map(String::as_str));
    }
    Ok(table.file(&format!("{}-run-{}", view.name(), run.run)))
}

/// The columns of a table of changes.
pub(super) const CHANGE_HEAD: [&str; 9] =
    ["when", "username", "source", "id", "what", "before", "after", "why", "outcome"];

/// A change as cells, before and after in full.
pub(super) fn change_cells(change: &Change, outcome: &Outcome, at: Time) -> [String; 9] {
    let told = fate::told(change, at);
    let set = |set: &AttributeSet| {
        let values = set.iter().map(|(attribute, value)| format!("{}: {value}", attribute.name()));
        values.collect::<Vec<_>>().join("; ")
    };
    let (before, after) = match &change.action {
        Action::Create(desired) => (String::new(), set(&desired.attributes)),
        Action::Adopt { username } => (format!("Connect user {username}"), "our owner mark".to_owned()),
        Action::Update(update) if !update.untag.is_empty() => {
            (update.untag.iter().cloned().collect::<Vec<_>>().join(", "), String::new())
        }
        Action::Update(update) => (set(&update.before), set(&update.after)),
        Action::DeleteQuickConnect(named) => (format!("quick connect {}", named.name), String::new()),
        Action::MoveQuickConnect(step) => (format!("quick connect {}", step.named.name), "moved".to_owned()),
        Action::Delete { before, .. } => (set(before), String::new()),
    };
    let (source, id) = (change.person.source.to_string(), change.person.id.to_string());
    [at.to_rfc3339(), told.label, source, id, told.what, before, after, told.why, outcome.words()]
}
