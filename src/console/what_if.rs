//! What changed rules would do to people, over what is stored: a text, a button, and everybody who would move.
//!
//! Invariant: nothing is reached and nothing is written but a line of the audit, which does not hold the text.
//! Invariant: one at a time for the whole console, on a thread that answers nobody: with very many people it takes seconds.

use std::sync::Arc;

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use connectors::PersonKey;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::known::{self, Centre, Unknown};
use super::page::{self, Page, Tab, Trouble};
use super::parts::Wrong;
use super::view::View;
use super::{gate, login};
use crate::model::words::{count, number};
use crate::model::{Observation, Time};
use crate::planner::lint::Problem;
use crate::planner::outlook::Said;
use crate::planner::what_if::words::{self, DepartmentLine, FacetLine, FlowLine, Number, PersonLine};
use crate::planner::what_if::{Changed, Move};
use crate::planner::{self, check_examples};

/// People in the table; the file has all of them.
const MOST_SHOWN: usize = 200;
/// Rows of every other table.
const MOST_LINES: usize = 100;
/// When somebody may ask again while another one is being worked out, in seconds.
const AGAIN_SECS: u64 = 5;

/// The form.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    text: String,
}

/// What came of a text.
enum Answer {
    /// What it would do.
    Told(Box<Told>),
    /// What is wrong with it.
    Wrong(Vec<Wrong>),
    /// Another one is being worked out.
    Busy,
}

/// What changed rules would do, in words.
struct Told {
    /// What was replaced.
    sections: Vec<String>,
    /// When Connect was looked at.
    looked: Time,
    lead: String,
    numbers: Vec<Number>,
    flows: Vec<FlowLine>,
    facets: Vec<FacetLine>,
    departments: Vec<DepartmentLine>,
    problems: Vec<Problem>,
    forecast: String,
    brake: Option<Said>,
    /// Whoever would be held first.
    people: Vec<Moved>,
    /// How many there are.
    all: usize,
}

/// Somebody who would move.
struct Moved {
    person: PersonKey,
    department: String,
    line: PersonLine,
}

/// `GET …/rules/what-if`.
pub(super) async fn page(view: View) -> Result<Page, Trouble> {
    let read = view.centre().parts.rules_text.clone();
    let text = tokio::task::spawn_blocking(move || read()).await.unwrap_or_default();
    let unread = text.is_none();
    let body = html! {
        (heading(&view))
        p {
            "Change the rules below and see who would move. It is worked out over what is stored: nothing is reached, nothing is written."
        }
        p.dim { "Sections that you remove stay as they are. Comments of the file are left out." }
        @if unread {
            p.bad { (view.centre().parts.file.display()) " cannot be read now; paste the changed sections." }
        }
        (form(&view, text.as_deref().unwrap_or_default()))
    };
    Ok(Page::of(&view, Tab::Rules, "What if", &body))
}

/// `POST …/rules/what-if`.
pub(super) async fn ask(view: View, Form(Asked { text }): Form<Asked>) -> Result<Response, Trouble> {
    let (status, found) = match work(&view, &text, MOST_SHOWN).await? {
        Answer::Told(told) => (StatusCode::OK, show(&view, &told)),
        Answer::Wrong(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, problems(&wrong)),
        Answer::Busy => (StatusCode::SERVICE_UNAVAILABLE, busy()),
    };
    let body = html! { (heading(&view)) (found) (form(&view, &text)) };
    let page = Page::of(&view, Tab::Rules, "What if", &body).with(status);
    Ok(match status {
        StatusCode::SERVICE_UNAVAILABLE => (gate::later(AGAIN_SECS), page).into_response(),
        _ => page.into_response(),
    })
}

/// `POST …/rules/what-if.csv`: everybody who would move.
pub(super) async fn file(view: View, Form(Asked { text }): Form<Asked>) -> Result<Response, Trouble> {
    let told = match work(&view, &text, usize::MAX).await? {
        Answer::Told(told) => told,
        Answer::Wrong(wrong) => {
            let body = html! { (heading(&view)) (problems(&wrong)) (form(&view, &text)) };
            let page = Page::of(&view, Tab::Rules, "What if", &body);
            return Ok(page.with(StatusCode::UNPROCESSABLE_ENTITY).into_response());
        }
        Answer::Busy => {
            let body = html! { (heading(&view)) (busy()) (form(&view, &text)) };
            let page = Page::of(&view, Tab::Rules, "What if", &body).with(StatusCode::SERVICE_UNAVAILABLE);
            return Ok((gate::later(AGAIN_SECS), page).into_response());
        }
    };
    let mut table = page::table(["username", "source", "id", "department", "rules", "what"]);
    for Moved { person, department, line } in &told.people {
        let (source, id) = (person.source.as_str(), person.id.as_str());
        table.row([&line.label, source, id, department, &line.by, &line.what]);
    }
    Ok(table.file(&format!("{}-what-if", view.name())))
}

/// What a text would do; `most` people in words.
async fn work(view: &View, text: &str, most: usize) -> Result<Answer, Trouble> {
    login::note(&view.console, view.actor(), "asked what changed rules would do", Some(view.name().to_owned())).await?;
    let Some(alone) = view.console.alone() else { return Ok(Answer::Busy) };
    let (with, text) = (view.centre().parts.rules_with.clone(), text.to_owned());
    let broken = |_| Trouble::Unknown(Unknown::Broken);
    // Whoever stops waiting leaves the work on its thread, which stays the only one until it is done.
    let read = move || (with(&text), alone);
    let (changed, alone) = tokio::task::spawn_blocking(read).await.map_err(broken)?;
    let changed = match changed {
        Ok(changed) => changed,
        Err(wrong) => return Ok(Answer::Wrong(wrong)),
    };
    let Some((seen, _)) = known::observed(view.centre(), view.now).await? else {
        return Err(Trouble::not_yet(view));
    };
    let centre = view.shared();
    let compare = move || told(&centre, &seen, &changed, most, alone);
    let told = tokio::task::spawn_blocking(compare).await.map_err(broken)?;
    Ok(Answer::Told(Box::new(told)))
}

/// Pure work.
fn told(centre: &Arc<Centre>, seen: &Observation, changed: &Changed, most: usize, alone: OwnedSemaphorePermit) -> Told {
    let Centre { rules, limits, quota, parts, .. } = &**centre;
    let found = planner::what_if(seen, rules, &changed.rules, &|operation| quota(operation));
    let refusal = planner::guard::refusal(&found.then, limits);
    let examples = check_examples(&changed.rules, &changed.examples);
    let place = if changed.has_examples() { "this text".to_owned() } else { parts.file.display().to_string() };
    let mut moves: Vec<&Move> = found.moves.iter().collect();
    moves.sort_by_key(|one| one.held.is_none());
    let moved = |one: &&Move| Moved {
        person: one.person.clone(),
        department: one.department.clone().unwrap_or_default(),
        line: words::person(one, &found.then),
    };
    let told = Told {
        sections: changed.sections.clone(),
        looked: seen.connect.at,
        lead: words::lead(&found),
        numbers: words::numbers(&found),
        flows: words::flows(&found),
        facets: words::facets(&found, changed.rules.rename),
        departments: words::departments(&found),
        problems: words::problems(&found, &examples, &place),
        forecast: words::forecast(&found),
        brake: words::brake(&found, refusal.as_ref(), parts.trial),
        people: moves.iter().take(most).map(moved).collect(),
        all: moves.len(),
    };
    drop(alone);
    told
}

fn heading(view: &View) -> Markup {
    html! {
        h1 { "What if" }
        p.chosen { a href=(view.url("/rules")) { "← Rules" } }
    }
}

fn form(view: &View, text: &str) -> Markup {
    html! {
        form.text method="post" action=(view.url("/rules/what-if")) {
            (view.word())
            label for="text" { "The rules, as they would stand in " (view.centre().parts.file.display()) }
            textarea #text name="text" rows="24" spellcheck="false" autocomplete="off" autocapitalize="off" { (text) }
            div.decide {
                button type="submit" { "What would it do?" }
                button.quiet type="submit" formaction=(view.url("/rules/what-if.csv")) { "Save everybody as CSV" }
            }
        }
    }
}

fn busy() -> Markup {
    html! {
        section.card.alarm role="alert" {
            p.message { "Another one is being worked out." }
            p { "→ try again in a moment; the text is below" }
        }
    }
}

fn problems(wrong: &[Wrong]) -> Markup {
    html! {
        section.card.alarm role="alert" {
            h2 { "The text has " (count(wrong.len(), "problem", "problems")) }
            ul.lines {
                @for Wrong { line, place, message, hint } in wrong.iter().take(MOST_LINES) {
                    li {
                        @if *line > 0 { "line " (line) " " }
                        @if !place.is_empty() { code { (place) } " " }
                        (message)
                        @if let Some(hint) = hint { span.hint { "→ " (hint) } }
                    }
                }
            }
            (more(wrong.len(), MOST_LINES))
        }
    }
}

fn more(all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p.dim { "…and " (number((all - shown) as u64)) " more" } } }
}

/// Numbers first, then people.
fn show(view: &View, told: &Told) -> Markup {
    let Told { sections, looked, lead, numbers, forecast, brake, all, .. } = told;
    html! {
        p.lead.small { (lead) "." }
        p.dim { (sections.join(", ")) " replaced, over what is stored; Connect as it was " (view.when(*looked)) "." }
        @if !numbers.is_empty() {
            ul.numbers {
                @for Number { sign, people, what } in numbers { li { (page::sign(*sign)) " " b { (number(*people as u64)) } " " (what) } }
            }
        }
        @if *all > 0 {
            p { (forecast) }
            @if let Some(said) = brake { p { (page::said(said)) } }
        }
        (wrong_with_rules(told))
        (flows(told))
        (facets(told))
        (departments(told))
        (people(view, told))
        @if *all > 0 { p.dim { "Nothing was written. To have it so: put it into " (view.centre().parts.file.display()) } }
    }
}

fn wrong_with_rules(Told { problems, .. }: &Told) -> Markup {
    html! {
        @if !problems.is_empty() {
            section.card.alarm {
                h2 { (count(problems.len(), "problem", "problems")) }
                ul.lines {
                    @for Problem { message, hint } in problems.iter().take(MOST_LINES) {
                        li { (page::sign('!')) " " (message) span.hint { "→ " (hint) } }
                    }
                }
                (more(problems.len(), MOST_LINES))
            }
        }
    }
}

fn flows(Told { flows, .. }: &Told) -> Markup {
    html! {
        @if !flows.is_empty() {
            section {
                h2 { "From rule to rule" }
                table.flows {
                    thead { tr { th scope="col" { "Rule now → then" } th.count scope="col" { "People" } th scope="col" { "Gives" } } }
                    tbody {
                        @for FlowLine { now, then, people, gives } in flows.iter().take(MOST_LINES) {
                            tr { td.who { (now) " → " (then) } td.count data-of="people" { (number(*people)) } td { (gives) } }
                        }
                    }
                }
                (more(flows.len(), MOST_LINES))
            }
        }
    }
}

fn facets(Told { facets, .. }: &Told) -> Markup {
    html! {
        @if !facets.is_empty() {
            section {
                h2 { "Wished and written" }
                table.flows {
                    thead { tr { th scope="col" { "Facet" } th.count scope="col" { "Wished otherwise" } th.count scope="col" { "Written" } th scope="col" { "And the others" } } }
                    tbody {
                        @for FacetLine { facet, wished, written, why } in facets {
                            tr {
                                td.who { (facet) }
                                td.count data-of="wished otherwise" { (number(*wished)) }
                                td.count data-of="written" { @match written { Some(written) => (number(*written)), None => "·" } }
                                td { (why) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn departments(Told { departments, .. }: &Told) -> Markup {
    html! {
        @if !departments.is_empty() {
            section {
                h2 { "Departments" }
                table.flows {
                    thead { tr { th scope="col" { "Department" } th scope="col" { "What changes" } } }
                    tbody {
                        @for DepartmentLine { department, what } in departments.iter().take(MOST_LINES) {
                            tr { td.who { (department) } td { (what) } }
                        }
                    }
                }
                (more(departments.len(), MOST_LINES))
            }
        }
    }
}

fn people(view: &View, Told { people, all, .. }: &Told) -> Markup {
    html! {
        @if !people.is_empty() {
            section {
                h2 { "People " span.n { (number(*all as u64)) } }
                table.fates {
                    thead { tr { th.who scope="col" { "Person" } th.by scope="col" { "Rules" } th scope="col" { "Before → after" } } }
                    tbody {
                        @for Moved { person, department: _, line } in people {
                            tr {
                                td.who { (page::sign(line.sign)) "\u{a0}\u{a0}" (view.person(person, &line.label)) }
                                td.by { (line.by) }
                                td { (line.what) }
                            }
                        }
                    }
                }
                @if *all > people.len() {
                    p.dim { "…and " (number((*all - people.len()) as u64)) " more: save everybody as CSV below" }
                }
            }
        }
    }
}
