//! Everybody, to be searched, narrowed down, sorted and saved.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::index::{Is, Row, Sort, Wanted};
use super::known::Known;
use super::page::{self, Page, Tab, Trouble};
use super::sort::{Column, Sorting};
use super::view::View;
use crate::model::words::number;
use crate::planner::outlook;

const COLUMNS: [Column; 4] = [
    Column::text("username", "Username", "who"),
    Column::text("name", "Name", "name"),
    Column::text("department", "Department", "department"),
    Column::text("state", "State", "state"),
];

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    is: Option<String>,
    rule: Option<String>,
    department: Option<String>,
    unmapped: Option<String>,
    /// People without a department.
    none: Option<String>,
    source: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Asked {
    fn wanted(&self) -> Wanted {
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let sorting = self.sorting();
        Wanted {
            words: self.q.clone().unwrap_or_default(),
            is: self.is.as_deref().and_then(Is::named),
            rule: some(&self.rule),
            department: if self.none.is_some() { Some(String::new()) } else { some(&self.department) },
            unmapped: self.unmapped.is_some(),
            source: some(&self.source),
            sort: Sort::named(sorting.by()).unwrap_or_default(),
            descending: sorting.descending(),
        }
    }

    fn sorting(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &COLUMNS, "username")
    }

    /// The same again, with some of it exchanged.
    fn with<'a>(&'a self, changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [
            ("q", &self.q),
            ("is", &self.is),
            ("rule", &self.rule),
            ("department", &self.department),
            ("unmapped", &self.unmapped),
            ("none", &self.none),
            ("source", &self.source),
            ("sort", &self.sort),
        ];
        let exchanged = |name: &str| changed.iter().any(|(other, _)| *other == name);
        let own = own.into_iter().filter(|(name, _)| !exchanged(name));
        own.map(|(name, value)| (name, value.as_deref().unwrap_or_default())).chain(changed.iter().copied()).collect()
    }
}

/// `GET …/people`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let found = known.index.find(&asked.wanted());
    let at = page::page_of(asked.page.as_deref());
    let from = (at as usize - 1) * page::ROWS as usize;
    let shown = found.iter().skip(from).take(page::ROWS as usize);
    let url = |changed: &[(&str, &str)]| view.asking("/people", &asked.with(changed));
    let kept: Vec<_> = asked.with(&[]).into_iter().filter(|(name, _)| *name != "q").collect();
    let words = asked.q.as_deref().unwrap_or_default();
    let sorting = asked.sorting();
    let body = html! {
        h1 { "People" }
        (page::search(&view.url("/people"), words, "Username, name, e-mail, department or key", &kept))
        (chosen(&asked, &url))
        (states(&asked, &known, &url))
        @if found.is_empty() {
            p.empty { "Nobody" @if !words.is_empty() { " is called " b { (words) } } "." }
        } @else {
            table.people {
                thead { tr { @for column in &COLUMNS { (sorting.head(column, &|sort| url(&[("sort", sort)]))) } } }
                tbody { @for row in shown { (line(&view, &known, row)) } }
            }
            (page::foot(found.len() as u64, at, ("person", "people"), &|n| url(&[("page", &n.to_string())]),
                &view.asking("/people.csv", &asked.with(&[]))))
        }
    };
    Ok(Page::of(&view, Tab::People, "People", &body))
}

/// The address of this list with some words changed.
type Url<'a> = dyn Fn(&[(&str, &str)]) -> String + 'a;

/// By what the list is narrowed down, each to be taken away.
fn chosen(asked: &Asked, url: &Url<'_>) -> Markup {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    html! {
        @if let Some(rule) = given(&asked.rule) {
            p.chosen { "Rule " b { (rule) } " " a href=(url(&[("rule", "")])) { "all rules" } }
        }
        @if let Some(source) = given(&asked.source) {
            p.chosen { "Source " b { (source) } " " a href=(url(&[("source", "")])) { "all sources" } }
        }
        @if asked.unmapped.is_some() || asked.none.is_some() || given(&asked.department).is_some() {
            p.chosen {
                @if asked.none.is_some() { "No department" } @else if let Some(name) = given(&asked.department) { "Department " b { (name) } } @else { "Any department" }
                @if asked.unmapped.is_some() { ", no rule for it" }
                " " a href=(url(&[("department", ""), ("unmapped", ""), ("none", "")])) { "all departments" }
            }
        }
    }
}

fn states(asked: &Asked, known: &Known, url: &Url<'_>) -> Markup {
    let now = asked.is.as_deref().and_then(Is::named);
    html! {
        nav.states aria-label="States" {
            a href=(url(&[("is", "")])) aria-current=[now.is_none().then_some("true")] { "everybody " span.n { (number(known.index.len() as u64)) } }
            @for is in Is::ALL {
                @let n = known.index.count(is);
                @if n > 0 || now == Some(is) {
                    a href=(url(&[("is", is.name())])) aria-current=[(now == Some(is)).then_some("true")] {
                        (is.words()) " " span.n.bad[is == Is::Held] { (number(n)) }
                    }
                }
            }
        }
    }
}

fn line(view: &View, known: &Known, row: &Row) -> Markup {
    let next = outlook::next(known.plan.decisions.get(&row.key), view.now);
    html! {
        tr {
            td.who { (view.person(&row.key, &row.label)) }
            td { (row.name) }
            td.dim { (row.department) }
            // Well is how most people are; it needs no colour.
            td { @match next.first() { Some(said) if row.is != Is::InAgreement => (page::said(said)), _ => span.dim { (row.is.words()) } } }
        }
    }
}

/// `GET …/people.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let known = view.known().await?;
    let mut table = page::table(["username", "name", "department", "source", "id", "state", "what happens next"]);
    for row in known.index.find(&asked.wanted()) {
        let next = outlook::next(known.plan.decisions.get(&row.key), view.now);
        let next: Vec<&str> = next.iter().map(|said| said.text.as_str()).collect();
        let (source, id) = (row.key.source.as_str(), row.key.id.as_str());
        table.row([&row.label, &row.name, &row.department, source, id, row.is.words(), &next.join(" ")]);
    }
    Ok(table.file(&format!("{}-people", view.name())))
}
