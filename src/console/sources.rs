//! The directories: where they are, whom they are responsible for, how their people stand, when and how they are read.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Response;
use connectors::{Abilities, Changes, Scope, Silence};
use maud::{Markup, html};
use serde::Deserialize;

use super::check;
use super::index::{Is, fold};
use super::page::{self, Page, Tab, Trouble, linked};
use super::parts::SourcePart;
use super::sort::{Column, Key, Sorting};
use super::view::View;
use crate::model::words::{count, millis, moment, number, relative};
use crate::model::{FrozenSource, Quarantine, Time};
use crate::store::{Patient, SourceRow};

const COLUMNS: [Column; 5] = [
    Column::text("source", "Source", "who"),
    Column::number("people", "People"),
    Column::time("read", "Last read", "moment"),
    Column::time("full", "Last read in full", "moment"),
    Column::text("state", "State", "state"),
];

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    sort: Option<String>,
}

impl Asked {
    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    /// Sources stand in the order of precedence.
    fn sorting(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &COLUMNS, "")
    }
}

/// One source, with everything that is known of it.
struct Known<'a> {
    part: &'a SourcePart,
    /// Those that decide before it, and after it.
    before: Vec<&'a str>,
    after: Vec<&'a str>,
    row: SourceRow,
    notes: Vec<String>,
    frozen: Option<FrozenSource>,
    refused: Option<Quarantine>,
    abilities: Option<Abilities>,
    /// How its people stand; nothing before the first look at Connect.
    people: BTreeMap<Is, u32>,
}

/// The sources that are asked for, in order.
async fn wanted<'v>(view: &'v View, asked: &Asked) -> Result<Vec<Known<'v>>, Trouble> {
    let (store, parts) = (view.store(), &view.centre().parts);
    let known = view.known_yet().await?;
    let last = store.runs(2).await?.into_iter().find_map(|run| run.summary);
    let mut frozen = last.map(|summary| summary.frozen).unwrap_or_default();
    let names: Vec<&str> = parts.sources.iter().map(|part| part.name.as_str()).collect();
    let mut found = Vec::new();
    for (at, part) in parts.sources.iter().enumerate() {
        let row = store.source_row(&part.name).await?;
        found.push(Known {
            part,
            before: names[..at].to_vec(),
            after: names[at + 1..].to_vec(),
            abilities: (parts.abilities)(&part.name, row.cursor.as_ref()),
            notes: store.source_notes(&part.name).await?,
            frozen: frozen.remove(&part.name),
            refused: store.quarantine(Patient::Source(&part.name)).await?,
            people: known.as_ref().map(|known| known.index.of_source(&part.name)).unwrap_or_default(),
            row,
        });
    }
    let words = fold(asked.words());
    found.retain(|source| {
        let text = fold(&source.text());
        words.split_whitespace().all(|word| text.contains(word))
    });
    asked.sorting().arrange(&mut found, |source, by| match by {
        "people" => Key::number(source.row.people),
        "read" => Key::number(source.row.last_pull.map_or(0, |at| at.timestamp_millis())),
        "full" => Key::number(source.row.last_full.map_or(0, |at| at.timestamp_millis())),
        "state" => Key::text(source.state()),
        _ => Key::text(source.part.name.as_str()),
    });
    Ok(found)
}

impl Known<'_> {
    /// Everything that a search looks at.
    fn text(&self) -> String {
        let SourcePart { name, product, place, scope } = self.part;
        let frozen = self.frozen.as_ref().map(|frozen| frozen.message.as_str()).unwrap_or_default();
        let changes = self.changes().unwrap_or_default();
        let notes = self.notes.join("\n");
        [name.as_str(), product, place, scope, self.state(), frozen, &changes, &notes].join("\n")
    }

    /// In a word.
    fn state(&self) -> &'static str {
        match (&self.frozen, self.row.last_pull) {
            (Some(_), _) => "could not be read",
            (None, None) => "never read",
            (None, Some(_)) => "read",
        }
    }

    /// Its place among several.
    fn precedence(&self) -> Option<String> {
        match (&self.before[..], &self.after[..]) {
            ([], []) => None,
            ([], after) => Some(format!("decides before {}", after.join(" and "))),
            (before, []) => Some(format!("decides after {}", before.join(" and "))),
            (before, after) => Some(format!("decides after {}, before {}", before.join(" and "), after.join(" and "))),
        }
    }

    fn changes(&self) -> Option<String> {
        Some(match &self.abilities.as_ref()?.changes {
            Changes::Alone(how) => format!("read alone: {how}"),
            Changes::WithEverybody(why) => format!("everybody is read at every pull: {why}"),
            Changes::Unknown => "found out by the first pull".to_owned(),
        })
    }

    fn silence(&self) -> Option<&'static str> {
        Some(match self.abilities.as_ref()?.silence? {
            Silence::Counts => {
                "proves absence: whoever is missing is asked for, and is gone as well once two complete listings agree"
            }
            Silence::MustBeAsked => {
                "proves nothing: whoever is missing is asked for, and stays until an answer says so"
            }
        })
    }

    /// The scope as the last listing found it.
    fn groups(&self) -> Option<String> {
        let Some(Scope::Groups(ids)) = &self.row.scope else { return None };
        let groups = self.row.groups.iter().filter(|group| ids.contains(&group.id));
        let names: Vec<String> =
            groups.map(|group| group.name.clone().unwrap_or_else(|| group.id.to_string())).collect();
        Some(format!("found: {}", names.join(", ")))
    }
}

/// `GET …/sources`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let found = wanted(&view, &asked).await?;
    let (words, sorting, sort) = (asked.words(), asked.sorting(), asked.sorting().text());
    let url = |sort: &str| view.asking("/sources", &[("q", words), ("sort", sort)]);
    let body = html! {
        h1 { "Sources" }
        (page::search(&view.url("/sources"), words, "Source, host, group or note", &[("sort", &sort)]))
        @if found.is_empty() { p.empty { "No source is about " b { (words) } "." } } @else {
            table.sources {
                thead { tr { @for column in &COLUMNS { (sorting.head(column, &url)) } } }
                tbody { @for source in &found { (line(&view, source)) } }
            }
            p.foot { a.csv href=(view.asking("/sources.csv", &[("q", words), ("sort", &sort)])) { "Save as CSV" } }
        }
        @for source in &found { (section(&view, source)) }
        (check::card(&view, "sources"))
    };
    Ok(Page::of(&view, Tab::Sources, "Sources", &body))
}

fn line(view: &View, source: &Known<'_>) -> Markup {
    let name = source.part.name.as_str();
    let moment = |at: Option<Time>| html! { @match at { Some(at) => (view.when(at)), None => "never" } };
    html! {
        tr {
            td.who { a href={ "#" (name) } { (name) } span.when { (source.part.product) } }
            td.count data-of="people" { (linked(source.row.people, &view.asking("/people", &[("source", name)]))) }
            td.moment { (moment(source.row.last_pull)) }
            td.moment { (moment(source.row.last_full)) }
            td { span.bad[source.frozen.is_some()] { (source.state()) } }
        }
    }
}

fn section(view: &View, source: &Known<'_>) -> Markup {
    let Known { part, row, notes, frozen, refused, .. } = source;
    let name = part.name.as_str();
    let full_every = millis(view.centre().parts.full_every_secs.saturating_mul(1_000));
    let when = |at: Time| html! { (relative(at, view.now)) ", " (moment(at)) };
    html! {
        section id=(name) {
            h2 { (name) " " span.n { (part.product) } }
            @if let Some(FrozenSource { message, hint }) = frozen {
                div.card.alarm {
                    p.bad { "Could not be read in the last run: " (message) }
                    p { "→ " (hint) }
                    @if let Some(refused) = refused {
                        p.dim {
                            "Refused " (count(refused.failures as usize, "time", "times in a row")) " since " (view.when(refused.since))
                            @if refused.until > view.now { "; the schedule asks again " (relative(refused.until, view.now)) } "."
                        }
                    }
                    p.dim { "Its people are left as they are; those of the other sources go on." }
                }
            }
            dl.facts {
                dt { "Where" } dd { (part.place) }
                dt { "Scope" } dd { (part.scope) @if let Some(groups) = source.groups() { span.hint { (groups) } } }
                @if let Some(precedence) = source.precedence() { dt { "Precedence" } dd { (precedence) } }
                dt { "People" } dd { (people(view, source)) }
                dt { "Last read" } dd { @match row.last_pull { Some(at) => (when(at)), None => "never" } }
                dt { "In full" } dd { @match row.last_full { Some(at) => (when(at)), None => "never" } span.hint { "everybody anew every " (full_every) } }
                @if let Some(changes) = source.changes() { dt { "Changes" } dd { (changes) } }
                @if let Some(paging) = source.abilities.as_ref().and_then(|able| able.paging.as_ref()) { dt { "Pages" } dd { (paging) } }
                @if let Some(silence) = source.silence() { dt { "Silence" } dd { (silence) } }
            }
            @if !notes.is_empty() {
                h3 { "What the last pulls had to say" }
                ul.lines { @for note in notes { li { (note) } } }
            }
        }
    }
}

/// How its people stand; each number leads to them.
fn people(view: &View, source: &Known<'_>) -> Markup {
    let name = source.part.name.as_str();
    html! {
        (page::people(usize::try_from(source.row.people).unwrap_or(usize::MAX), &view.asking("/people", &[("source", name)])))
        " stored"
        @for (is, n) in &source.people {
            " · " a.bad[*is == Is::Held] href=(view.asking("/people", &[("source", name), ("is", is.name())])) { (number(*n)) } " " (is.words())
        }
    }
}

/// `GET …/sources.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let mut table = page::table([
        "source",
        "kind",
        "where",
        "scope",
        "precedence",
        "people",
        "how they stand",
        "last read",
        "last read in full",
        "changes",
        "paging",
        "silence",
        "state",
        "why",
        "notes",
    ]);
    for source in wanted(&view, &asked).await? {
        let SourcePart { name, product, place, scope } = source.part;
        let stored = |at: Option<Time>| at.map(|at| at.to_rfc3339()).unwrap_or_default();
        let stand: Vec<String> = source.people.iter().map(|(is, n)| format!("{} {}", number(*n), is.words())).collect();
        let paging = source.abilities.as_ref().and_then(|able| able.paging.clone()).unwrap_or_default();
        let why = source.frozen.as_ref().map(|frozen| frozen.message.clone()).unwrap_or_default();
        table.row([
            name.as_str(),
            product,
            place,
            scope,
            &source.precedence().unwrap_or_default(),
            &source.row.people.to_string(),
            &stand.join(", "),
            &stored(source.row.last_pull),
            &stored(source.row.last_full),
            &source.changes().unwrap_or_default(),
            &paging,
            source.silence().unwrap_or_default(),
            source.state(),
            &why,
            &source.notes.join("; "),
        ]);
    }
    Ok(table.file(&format!("{}-sources", view.name())))
}
