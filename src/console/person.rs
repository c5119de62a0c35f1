//! One person: what `rollcall explain` says, and everything that happened to them.

use std::collections::BTreeSet;

use axum::extract::{Path, Query};
use axum::response::Response;
use connectors::{PersonKey, attributes};
use maud::{Markup, html};
use serde::Deserialize;

use super::page::{self, Page, Tab, Trouble, said};
use super::runs;
use super::view::{self, View};
use crate::model::{Change, Decision, JournalEntry, Observation, Operation, RetryClock};
use crate::planner::{self, Explanation, fate, outlook};
use crate::store::JournalRow;

/// Journal entries of one person that are shown and saved.
const HISTORY: u32 = 200;

/// Who is meant.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    source: String,
    id: String,
}

impl Key {
    pub(super) fn person(&self) -> PersonKey {
        PersonKey::new(self.source.as_str(), self.id.as_str())
    }
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
}

/// Everything about one person.
pub(super) struct Told {
    pub(super) explanation: Explanation,
    /// What it was made of.
    pub(super) seen: Observation,
    /// What happened, newest first.
    pub(super) past: Vec<JournalRow>,
}

/// Explains one person from the plan that is known, and from what the state file says of them.
///
/// # Errors
/// If nobody knows this person, or nothing is known yet.
pub(super) async fn told(view: &View, person: &PersonKey) -> Result<Told, Trouble> {
    let known = view.known().await?;
    let centre = view.centre();
    // Users of changes and links are known to the plan; those that are remembered, to the memory.
    let changes = known.plan.of(person).filter_map(|change| change.connect.clone());
    let users: BTreeSet<_> = changes.chain(known.plan.links.get(person).cloned()).collect();
    let (records, sources) = (known.records(person), centre.sources());
    let seen = view.store().observed_about(&records, &users, &known.frozen, &sources, view.now).await?;
    let past = view.store().person_history(person, HISTORY).await?;
    let seen = seen.ok_or_else(|| Trouble::not_yet(view))?;
    let stranger = !seen.directory.people.contains_key(person) && !known.plan.decisions.contains_key(person);
    if stranger && past.is_empty() {
        return Err(Trouble::Missing("person"));
    }
    let field = |source: &_, attribute: &_| (centre.field_of)(source, attribute);
    let explanation = planner::explain_in(&known.plan, &seen, &centre.rules, person, &field);
    Ok(Told { explanation, seen, past })
}

/// `GET …/people/{source}/{id}`.
pub(super) async fn page(view: View, Path(key): Path<Key>) -> Result<Page, Trouble> {
    let person = key.person();
    let Told { explanation, seen, past } = told(&view, &person).await?;
    let name = outlook::username(&explanation);
    let body = html! {
        h1 { (view::label(&name)) }
        p.keys { code { (person) } " · " (outlook::connect_user(&explanation)) }
        (next(&view, &explanation))
        @if view.centre().service.is_some() {
            form.act method="post" action=(view.url("/sync")) {
                (view.word())
                input type="hidden" name="person" value=(person);
                button type="submit" { "Sync this person now" }
            }
        }
        section {
            h2 { "Directory" }
            ul.plain { @for line in outlook::directory(&explanation, &seen.directory.groups) { li { (line) } } }
            (attributes_of(&explanation))
        }
        @let same = outlook::same_person(&explanation);
        @if !same.is_empty() { section { h2 { "Same person" } ul.plain { @for line in same { li { (line) } } } } }
        (rules(&view, &explanation))
        (facets(&explanation))
        (notes(&explanation))
        (history(&view, &person, &past))
    };
    Ok(Page::of(&view, Tab::People, &name, &body))
}

/// What happens next, first: it is what most people come for.
fn next(view: &View, explanation: &Explanation) -> Markup {
    let held = matches!(explanation.decision, Some(Decision::Quarantined(_)));
    html! {
        section.card.alarm[held].next {
            h2.hidden { "Next" }
            @for line in outlook::next(explanation.decision.as_ref(), view.now) { p { (said(&line)) } }
            @if !explanation.changes.is_empty() {
                ul.lines { @for change in &explanation.changes { li { (change_line(view, change)) } } }
            }
            @for (call, clock) in &explanation.refused { (refused(view, explanation, *call, clock)) }
        }
    }
}

fn refused(view: &View, explanation: &Explanation, call: Operation, clock: &RetryClock) -> Markup {
    html! { @for line in outlook::refused(&explanation.person, call, clock, view.now) { p { (said(&line)) } } }
}

fn change_line(view: &View, change: &Change) -> Markup {
    let told = fate::told(change, view.now);
    html! { (page::sign(told.sign)) " " span.what { (told.what) } " " (told.detail) " " span.why { (told.why) } }
}

fn attributes_of(explanation: &Explanation) -> Markup {
    html! {
        @if !explanation.attributes.is_empty() {
            details {
                summary { "Attributes" }
                table {
                    thead { tr { th scope="col" { "Attribute" } th scope="col" { "Value" } th scope="col" { "From" } } }
                    tbody {
                        @for shown in &explanation.attributes {
                            tr {
                                td { (shown.name) }
                                td { (shown.value.replace(attributes::SEPARATOR, ", ")) }
                                td.dim { (shown.field) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rules(view: &View, explanation: &Explanation) -> Markup {
    let gives = outlook::gives(explanation);
    html! {
        @if !explanation.rules.is_empty() {
            section {
                h2 { "Rules" }
                table.rules {
                    thead { tr { th.who scope="col" { "Rule" } th.what scope="col" { "Applies" } th scope="col" { "Why" } } }
                    tbody {
                        @for rule in &explanation.rules {
                            tr.no[!rule.applies] {
                                td.who { a href=(view.asking("/people", &[("rule", &rule.rule)])) { (rule.rule) } }
                                td.what { @if rule.applies { span.good { "YES" } } @else { "no" } }
                                td { (rule.why) @if rule.applies { span.gives { (gives) " " b { (rule.gives) } } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn facets(explanation: &Explanation) -> Markup {
    html! {
        @if !explanation.facets.is_empty() {
            section {
                h2 { "Facets" }
                table.facets {
                    thead { tr { th.who scope="col" { "Facet" } th.what scope="col" { "Authority" } th scope="col" { "State" } } }
                    tbody {
                        @for facet in &explanation.facets {
                            tr {
                                td.who { (facet.facet.short()) }
                                td.what { (outlook::authority(facet.authority)) }
                                td { (facet.state) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn notes(explanation: &Explanation) -> Markup {
    // The one that holds the person is told as what happens next.
    let held = match &explanation.decision {
        Some(Decision::Quarantined(finding)) => Some(finding),
        _ => None,
    };
    let notes: Vec<_> = explanation.findings.iter().filter(|finding| Some(*finding) != held).collect();
    html! {
        @if !notes.is_empty() {
            section {
                h2 { "Notes" }
                ul.lines { @for finding in notes { li { (finding.message) span.hint { "→ " (finding.hint) } } } }
            }
        }
    }
}

fn history(view: &View, person: &PersonKey, past: &[JournalRow]) -> Markup {
    html! {
        section {
            h2 { "History" }
            @if past.is_empty() { p.empty { "Nothing has happened to this person yet." } }
            @else {
                table.history {
                    thead { tr { th.what scope="col" { "When" } th scope="col" { "What" } th.outcome scope="col" { "Outcome" } } }
                    tbody { @for row in past { (past_line(view, row)) } }
                }
                p.foot {
                    @if past.len() >= HISTORY as usize { span { "the last " (HISTORY) } }
                    a.csv href={ (view.person_url(person)) "/history.csv" } { "Save as CSV" }
                }
            }
        }
    }
}

fn past_line(view: &View, row: &JournalRow) -> Markup {
    html! {
        @match &row.entry {
            JournalEntry::Change(record) => tr {
                td.what { a href=(view.url(&format!("/runs/{}", record.run))) { (view.when(row.at)) } }
                td { (change_line(view, &record.change)) }
                td.outcome { (runs::ended(&record.outcome)) }
            },
            JournalEntry::Finding { finding, run } => tr {
                td.what { a href=(view.url(&format!("/runs/{run}"))) { (view.when(row.at)) } }
                td { (page::sign('!')) " " (finding.message) }
                td.outcome { "found" }
            },
            _ => {},
        }
    }
}

/// `GET …/people/{source}/{id}/history.csv`.
pub(super) async fn file(view: View, Path(key): Path<Key>, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let person = key.person();
    let words = super::index::fold(asked.q.as_deref().unwrap_or_default());
    let mut table = page::table(["when", "run", "what", "detail", "why", "outcome"]);
    for row in view.store().person_history(&person, HISTORY).await? {
        let at = row.at.to_rfc3339();
        let cells = match &row.entry {
            JournalEntry::Change(record) => {
                let told = fate::told(&record.change, view.now);
                [at, record.run.to_string(), told.what, told.detail, told.why, record.outcome.words()]
            }
            JournalEntry::Finding { run, finding } => [
                at,
                run.to_string(),
                "finding".to_owned(),
                finding.message.clone(),
                finding.hint.clone(),
                String::new(),
            ],
            _ => continue,
        };
        if cells.iter().any(|cell| super::index::fold(cell).contains(&words)) {
            table.row(cells.each_ref().map(String::as_str));
        }
    }
    Ok(table.file(&format!("{}-{person}", view.name())))
}
