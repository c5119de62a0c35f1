//! Who did what here: sign-ins, refused tokens, and everything that was asked for, the newest first.
//!
//! One list for all contact centres of the process: signing in is to all of them.

use axum::extract::Query;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::index::fold;
use super::page::{self, Page, Tab, Trouble};
use super::runs::{MOST_SAVED, part};
use super::sort::{Column, Key, Sorting};
use super::view::View;
use crate::model::words::number;
use crate::store::{AuditRow, Part};

/// Rows that are searched, or put into another order than that of time.
const MOST_SEARCHED: u32 = 10_000;

const COLUMNS: [Column; 4] = [
    Column::time("when", "When", "moment"),
    Column::text("who", "Who", "who"),
    Column::text("what", "What", "what"),
    Column::text("about", "About", "about"),
];

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Asked {
    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default().trim()
    }

    fn sorting(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &COLUMNS, "-when")
    }
}

/// A part of the rows that are asked for, in order; how many there are; and whether older ones were not looked at.
async fn wanted(view: &View, asked: &Asked, part: Part) -> Result<(Vec<AuditRow>, u64, bool), Trouble> {
    let (store, sorting) = (&view.console.access().look, asked.sorting());
    if asked.words().is_empty() && sorting.is_own() {
        let (rows, all) = store.audited_part(part).await?;
        return Ok((rows, all, false));
    }
    let (mut rows, kept) = store.audited_part(Part { offset: 0, limit: MOST_SEARCHED }).await?;
    let folded = fold(asked.words());
    rows.retain(|row| {
        let AuditRow { at: _, actor, action, about } = row;
        let text = fold(&[actor, action, about.as_deref().unwrap_or_default()].join("\n"));
        folded.split_whitespace().all(|word| text.contains(word))
    });
    sorting.arrange(&mut rows, |row, by| match by {
        "who" => Key::text(&row.actor),
        "what" => Key::text(&row.action),
        "about" => Key::text(row.about.as_deref().unwrap_or_default()),
        _ => Key::number(row.at.timestamp_millis()),
    });
    let all = rows.len() as u64;
    let rows = rows.into_iter().skip(part.offset as usize).take(part.limit as usize).collect();
    Ok((rows, all, kept > u64::from(MOST_SEARCHED)))
}

/// `GET …/audit`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let at = page::page_of(asked.page.as_deref());
    let (rows, all, cut) = wanted(&view, &asked, part(at)).await?;
    let (words, sorting) = (asked.words(), asked.sorting());
    let sort = sorting.text();
    let url = |sort: &str, page: &str| view.asking("/audit", &[("q", words), ("sort", sort), ("page", page)]);
    let body = html! {
        h1 { "Audit" }
        p.lead.small { "Who signed in here, who tried to, and what was asked for." }
        (page::search(&view.url("/audit"), words, "Who, what or about whom", &[("sort", &sort)]))
        @if cut { p.dim { "Searched and sorted are the last " (number(MOST_SEARCHED)) " entries." } }
        @if rows.is_empty() { p.empty { "Nothing" @if !words.is_empty() { " of the last " (number(MOST_SEARCHED)) " is about " b { (words) } } "." } } @else {
            table.audit {
                thead { tr { @for column in &COLUMNS { (sorting.head(column, &|to| url(to, ""))) } } }
                tbody {
                    @for AuditRow { at, actor, action, about } in &rows {
                        tr {
                            td.moment { (view.when(*at)) }
                            td.who { (actor) }
                            td.what { (action) }
                            td.about { (about.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            }
            (page::foot(all, at, ("entry", "entries"), &|n| url(&sort, &n.to_string()),
                &view.asking("/audit.csv", &[("q", words), ("sort", &sort)])))
        }
    };
    Ok(Page::of(&view, Tab::Audit, "Audit", &body))
}

/// `GET …/audit.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let mut table = page::table(["at", "who", "what", "about"]);
    let (rows, ..) = wanted(&view, &asked, Part { offset: 0, limit: MOST_SAVED }).await?;
    for AuditRow { at, actor, action, about } in &rows {
        table.row([&at.to_rfc3339(), actor, action, about.as_deref().unwrap_or_default()]);
    }
    Ok(table.file("rollcall-audit"))
}
