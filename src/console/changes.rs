//! What took place on one day, person by person: what the numbers of *Today* lead to.

use axum::extract::Query;
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime};
use maud::{Markup, html};
use serde::Deserialize;

use super::page::{self, Page, Tab, Trouble};
use super::runs::{self, CHANGE_HEAD, MOST_SAVED};
use super::sort::{Column, Sorting};
use super::today::{FATES, day_of};
use super::view::View;
use crate::model::{JournalEntry, Time};
use crate::planner::fate;
use crate::store::{By, JournalRow, Order, Part, Span};

const COLUMNS: [Column; 4] = [
    Column::text("person", "Person", "who"),
    Column::text("what", "What", "what"),
    Column::text("outcome", "Outcome", "outcome"),
    Column::time("when", "When", "moment"),
];

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    day: Option<String>,
    fate: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Asked {
    /// The day; today unless another one is named.
    fn day(&self, now: Time) -> NaiveDate {
        self.day.as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(|| now.date_naive())
    }

    fn fate(&self) -> Option<&'static str> {
        let asked = self.fate.as_deref()?;
        FATES.iter().map(|(name, ..)| *name).find(|name| *name == asked)
    }

    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn sorting(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &COLUMNS, "-when")
    }

    fn order(&self) -> Order {
        let sorting = self.sorting();
        match sorting.by() {
            "person" => Order { by: By::Person, reversed: sorting.descending() },
            "what" => Order { by: By::Fate, reversed: sorting.descending() },
            "outcome" => Order { by: By::Outcome, reversed: sorting.descending() },
            // As they come is the newest first.
            _ => Order { by: By::Own, reversed: !sorting.descending() },
        }
    }
}

/// `GET …/changes`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let (day, fate) = (asked.day(view.now), asked.fate());
    let (from, to) = day_of(day.and_time(NaiveTime::MIN).and_utc());
    let people = runs::people_called(&view, asked.q.as_deref()).await?;
    let span = Span { fate, from, to, people: people.as_ref(), order: asked.order() };
    let at = page::page_of(asked.page.as_deref());
    let (rows, all) = view.store().happened(span, runs::part(at)).await?;
    let (date, kind, words) = (day.to_string(), fate.unwrap_or_default(), asked.words());
    let (sorting, sort) = (asked.sorting(), asked.sorting().text());
    let sorted = |day: &str, fate: &str, sort: &str, page: &str| {
        view.asking("/changes", &[("day", day), ("fate", fate), ("q", words), ("sort", sort), ("page", page)])
    };
    let url = |day: &str, fate: &str, page: &str| sorted(day, fate, &sort, page);
    let step = |day: Option<NaiveDate>| day.map(|day| url(&day.to_string(), kind, ""));
    let body = html! {
        h1 { "Changes of " (day.format("%A, %-d %B %Y")) }
        p.paging {
            @if let Some(to) = step(day.checked_sub_days(Days::new(1))) { a rel="prev" href=(to) { "← The day before" } }
            @if day < view.now.date_naive() {
                @if let Some(to) = step(day.checked_add_days(Days::new(1))) { a rel="next" href=(to) { "The day after →" } }
            }
            span.dim { "days are UTC" }
        }
        (page::search(&view.url("/changes"), words, "People", &[("day", &date), ("fate", kind), ("sort", &sort)]))
        nav.states aria-label="What happened" {
            a href=(url(&date, "", "")) aria-current=[fate.is_none().then_some("true")] { "everything" }
            @for (name, sign, _, many) in FATES {
                a href=(url(&date, name, "")) aria-current=[(fate == Some(name)).then_some("true")] { (page::sign(sign)) " " (many) }
            }
        }
        @if rows.is_empty() { p.empty { "Nothing." } } @else {
            @let [person, what, outcome, when] = COLUMNS.map(|column| sorting.head(&column, &|to| sorted(&date, kind, to, "")));
            table.fates {
                thead { tr { (person) (what) th scope="col" { "Before → after, and why" } (outcome) (when) } }
                tbody { @for row in &rows { (line(&view, row)) } }
            }
            (page::foot(all, at, ("change", "changes"), &|n| url(&date, kind, &n.to_string()),
                &view.asking("/changes.csv", &[("day", &date), ("fate", kind), ("q", words), ("sort", &sort)])))
        }
    };
    Ok(Page::of(&view, Tab::Today, "Changes", &body))
}

fn line(view: &View, row: &JournalRow) -> Markup {
    let JournalEntry::Change(record) = &row.entry else { return html! {} };
    let told = fate::told(&record.change, row.at);
    html! {
        tr {
            td.who { (page::sign(told.sign)) "\u{a0}\u{a0}" (view.person(&record.change.person, &told.label)) }
            td.what { (told.what) }
            td { (told.detail) span.why { (told.why) } }
            td.outcome { (runs::ended(&record.outcome)) }
            td.moment { a href=(view.url(&format!("/runs/{}", record.run))) { (view.when(row.at)) } }
        }
    }
}

/// `GET …/changes.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let day = asked.day(view.now);
    let (from, to) = day_of(day.and_time(NaiveTime::MIN).and_utc());
    let people = runs::people_called(&view, asked.q.as_deref()).await?;
    let span = Span { fate: asked.fate(), from, to, people: people.as_ref(), order: asked.order() };
    let (rows, _) = view.store().happened(span, Part { offset: 0, limit: MOST_SAVED }).await?;
    let mut table = page::table(CHANGE_HEAD);
    for row in &rows {
        if let JournalEntry::Change(record) = &row.entry {
            table.row(runs::change_cells(&record.change, &record.outcome, row.at).each_ref().map(String::as_str));
        }
    }
    Ok(table.file(&format!("{}-changes-{day}", view.name())))
}
