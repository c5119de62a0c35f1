//! What took place on one day, person by person: what the numbers of *Today* lead to.

use axum::extract::Query;
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime};
use maud::html;
use serde::Deserialize;

use super::page::{self, Page, Tab, Trouble};
use super::runs::{self, CHANGE_HEAD, MOST_SAVED};
use super::today::{self, FATES, day_of};
use super::view::View;
use crate::model::{JournalEntry, Time};
use crate::store::{Part, Span};

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    day: Option<String>,
    fate: Option<String>,
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
}

/// `GET …/changes`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let (day, fate) = (asked.day(view.now), asked.fate());
    let (from, to) = day_of(day.and_time(NaiveTime::MIN).and_utc());
    let people = runs::people_called(&view, asked.q.as_deref()).await?;
    let span = Span { fate, from, to, people: people.as_ref() };
    let at = page::page_of(asked.page.as_deref());
    let (rows, all) = view.store().happened(span, runs::part(at)).await?;
    let (date, kind, words) = (day.to_string(), fate.unwrap_or_default(), asked.words());
    let url = |day: &str, fate: &str, page: &str| {
        view.asking("/changes", &[("day", day), ("fate", fate), ("q", words), ("page", page)])
    };
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
        (page::search(&view.url("/changes"), words, "People", &[("day", &date), ("fate", kind)]))
        nav.states aria-label="What happened" {
            a href=(url(&date, "", "")) aria-current=[fate.is_none().then_some("true")] { "everything" }
            @for (name, sign, _, many) in FATES {
                a href=(url(&date, name, "")) aria-current=[(fate == Some(name)).then_some("true")] { (page::sign(sign)) " " (many) }
            }
        }
        @if rows.is_empty() { p.empty { "Nothing." } } @else {
            ul.lines.pairs { @for row in &rows { li { (today::change_line(&view, row, true)) } } }
            (page::foot(all, at, ("change", "changes"), &|n| url(&date, kind, &n.to_string()),
                &view.asking("/changes.csv", &[("day", &date), ("fate", kind), ("q", words)])))
        }
    };
    Ok(Page::of(&view, Tab::Today, "Changes", &body))
}

/// `GET …/changes.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let day = asked.day(view.now);
    let (from, to) = day_of(day.and_time(NaiveTime::MIN).and_utc());
    let people = runs::people_called(&view, asked.q.as_deref()).await?;
    let span = Span { fate: asked.fate(), from, to, people: people.as_ref() };
    let (rows, _) = view.store().happened(span, Part { offset: 0, limit: MOST_SAVED }).await?;
    let mut table = page::table(CHANGE_HEAD);
    for row in &rows {
        if let JournalEntry::Change(record) = &row.entry {
            table.row(runs::change_cells(&record.change, &record.outcome, row.at).each_ref().map(String::as_str));
        }
    }
    Ok(table.file(&format!("{}-changes-{day}", view.name())))
}
