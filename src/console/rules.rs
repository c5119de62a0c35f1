//! The rules over everybody: whom each gives what, departments that no rule speaks of, and what is wrong with the rules.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Response;
use connectors::SourceName;
use maud::{Markup, html};
use serde::Deserialize;

use super::index::fold;
use super::known::Known;
use super::page::{self, Page, Tab, Trouble, linked};
use super::sort::{Column, Key, Sorting};
use super::view::View;
use crate::model::words::{count, number};
use crate::planner::lint::{RuleCoverage, UnmappedDepartment};
use crate::planner::{Coverage, SourceCoverage};

const RULES: [Column; 3] =
    [Column::text("rule", "Rule", "who"), Column::number("people", "People"), Column::text("gives", "Gives", "gift")];
const DEPARTMENTS: [Column; 3] = [
    Column::text("department", "Department", "who"),
    Column::number("people", "People"),
    Column::text("nearest", "Nearest", "gift"),
];

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    sort: Option<String>,
    /// The order of the departments.
    departments: Option<String>,
}

impl Asked {
    /// Rules stand in the order in which they are asked.
    fn rules_sorted(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &RULES, "")
    }

    fn departments_sorted(&self) -> Sorting {
        Sorting::asked(self.departments.as_deref(), &DEPARTMENTS, "-people")
    }

    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn finds(&self, texts: &[&str]) -> bool {
        let text = fold(&texts.join("\n"));
        fold(self.words()).split_whitespace().all(|word| text.contains(word))
    }

    fn rules<'k>(&self, known: &'k Known) -> Vec<&'k RuleCoverage> {
        let rows = known.coverage.rules.iter();
        let mut rows: Vec<_> = rows.filter(|row| self.finds(&[&row.rule, &row.when, &row.gives])).collect();
        self.rules_sorted().arrange(&mut rows, |row, by| match by {
            "people" => Key::number(row.people),
            "gives" => Key::text(&row.gives),
            _ => Key::text(&row.rule),
        });
        rows
    }

    fn departments<'k>(&self, known: &'k Known) -> Vec<&'k UnmappedDepartment> {
        let name = |row: &UnmappedDepartment| row.department.clone().unwrap_or_else(|| NONE.to_owned());
        let rows = known.coverage.departments.iter();
        let mut rows: Vec<_> = rows.filter(|row| self.finds(&[&name(row)])).collect();
        self.departments_sorted().arrange(&mut rows, |row, by| match by {
            "people" => Key::number(row.people),
            "nearest" => Key::text(row.nearest.as_ref().map_or("", |(name, _)| name)),
            _ => Key::text(&name(row)),
        });
        rows
    }
}

const NONE: &str = "(no department)";

/// `GET …/rules`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let coverage = &known.coverage;
    let (rules, departments) = (asked.rules(&known), asked.departments(&known));
    let (by_rules, by_departments) = (asked.rules_sorted(), asked.departments_sorted());
    let (sort, second) = (by_rules.text(), by_departments.text());
    let url = |sort: &str, departments: &str| {
        view.asking("/rules", &[("q", asked.words()), ("sort", sort), ("departments", departments)])
    };
    let body = html! {
        h1 { "Rules" }
        p { a href=(view.url("/rules/what-if")) { "What would other rules do?" } }
        (problems(coverage))
        (page::search(&view.url("/rules"), asked.words(), "Rule, condition, profile or department", &[("sort", &sort), ("departments", &second)]))
        (sources(&view, coverage))
        section {
            h2 { "Who gets what" }
            @if rules.is_empty() { p.empty { "No rule is called that." } } @else {
                table.coverage {
                    thead { tr {
                        @let [first, number_head, last] = RULES.map(|column| by_rules.head(&column, &|sort| url(sort, &second)));
                        (first) (number_head)
                        @for row in several(coverage) { th.count scope="col" { (row.source) } }
                        (last)
                    } }
                    tbody { @for row in &rules { (rule(&view, coverage, row)) } }
                }
                p.foot { a.csv href=(view.asking("/rules.csv", &[("q", asked.words()), ("sort", &sort)])) { "Save as CSV" } }
            }
        }
        @if !departments.is_empty() {
            section {
                h2 { "Departments without a rule" }
                p.dim { "Their people get the default persona, or are held if there is none." }
                table.coverage {
                    thead { tr { @for column in &DEPARTMENTS { (by_departments.head(column, &|to| url(&sort, to))) } } }
                    tbody { @for row in &departments { (department(&view, coverage, row)) } }
                }
                p.foot { a.csv href=(view.asking("/departments.csv", &[("q", asked.words()), ("departments", &second)])) { "Save as CSV" } }
            }
        }
    };
    Ok(Page::of(&view, Tab::Rules, "Rules", &body))
}

/// What somebody should correct.
fn problems(coverage: &Coverage) -> Markup {
    html! {
        @if !coverage.problems.is_empty() {
            section.card.alarm {
                h2 { (count(coverage.problems.len(), "problem", "problems")) }
                ul.lines { @for row in &coverage.problems { li { (page::sign('!')) " " (row.message) span.hint { "→ " (row.hint) } } } }
            }
        }
    }
}

/// The sources, if there are several: with one, a column of its own would say what the sum says.
fn several(coverage: &Coverage) -> &[SourceCoverage] {
    if coverage.sources.len() > 1 { &coverage.sources } else { &[] }
}

fn sources(view: &View, coverage: &Coverage) -> Markup {
    let several = several(coverage);
    html! {
        @if !several.is_empty() {
            section {
                h2 { "Sources" }
                ul.plain {
                    @for (at, row) in several.iter().enumerate() {
                        li {
                            b { (row.source) } " "
                            a href=(view.asking("/people", &[("source", row.source.as_str())])) { (count(row.people as usize, "person", "people")) }
                            @if row.shadowed > 0 {
                                @let before: Vec<&str> = several[..at].iter().map(|row| row.source.as_str()).collect();
                                " · " a href=(view.asking("/people", &[("source", row.source.as_str()), ("is", "shadowed")])) { (number(row.shadowed)) }
                                " more decided by " (before.join(" or "))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rule(view: &View, coverage: &Coverage, row: &RuleCoverage) -> Markup {
    let people = |source: &str| view.asking("/people", &[("rule", &row.rule), ("source", source)]);
    html! {
        tr {
            td.who { (row.rule) span.when { (row.when) } }
            td.count data-of="people" { @if row.people == 0 { span.bad { "0" } } @else { (linked(row.people, &people(""))) } }
            @for source in several(coverage) {
                td.count data-of={ "of " (source.source) } { @match row.by_source.get(&source.source) { Some(n) => (linked(*n, &people(source.source.as_str()))), None => "·" } }
            }
            td { (row.gives) }
        }
    }
}

fn department(view: &View, coverage: &Coverage, row: &UnmappedDepartment) -> Markup {
    let to = match &row.department {
        Some(name) => view.asking("/people", &[("department", name), ("unmapped", "1")]),
        None => view.asking("/people", &[("none", "1"), ("unmapped", "1")]),
    };
    html! {
        tr {
            td.who { (row.department.as_deref().unwrap_or(NONE)) }
            td.count data-of="people" { (linked(row.people, &to)) }
            td {
                @if let Some((name, rule)) = &row.nearest { "“" (name) "” (rule “" (rule) "”)" }
                @if coverage.sources.len() > 1 { span.dim { " " (by_source(&row.by_source)) } }
            }
        }
    }
}

fn by_source(people: &BTreeMap<SourceName, u32>) -> String {
    people.iter().map(|(source, n)| format!("{source} {}", number(*n))).collect::<Vec<_>>().join(", ")
}

/// `GET …/rules.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let known = view.known().await?;
    let mut table = page::table(["rule", "people", "by source", "gives", "when"]);
    for row in asked.rules(&known) {
        table.row([&row.rule, &row.people.to_string(), &by_source(&row.by_source), &row.gives, &row.when]);
    }
    Ok(table.file(&format!("{}-rules", view.name())))
}

/// `GET …/departments.csv`.
pub(super) async fn departments_file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let known = view.known().await?;
    let mut table = page::table(["department", "people", "by source", "nearest department", "its rule"]);
    for row in asked.departments(&known) {
        let (near, rule) = row.nearest.as_ref().map_or(("", ""), |(name, rule)| (name, rule));
        let name = row.department.as_deref().unwrap_or(NONE);
        table.row([name, &row.people.to_string(), &by_source(&row.by_source), near, rule]);
    }
    Ok(table.file(&format!("{}-departments", view.name())))
}
