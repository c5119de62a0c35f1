//! What all pages share: the frame, tables, paging, and how trouble is told.
//!
//! Invariant: every text that is not ours goes through maud's escaping; nothing here is marked as safe by hand.
//! Invariant: no style and no script inside a page; the policy in [`super::gate`] forbids both.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::known::Unknown;
use super::secret::NoRandomness;
use super::view::View;
use super::{assets, csv_file, live};
use crate::model::words::{count, number};
use crate::planner::outlook::{Said, Tone};
use crate::serve::HandleError;
use crate::store::StoreError;

/// Rows of a table on one page.
pub(super) const ROWS: u32 = 100;

/// A whole page.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    html: Markup,
}

/// Which page is marked in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Today,
    Plan,
    People,
    Rules,
    Sources,
    Connect,
    Runs,
    /// Not in the navigation: below every page.
    Audit,
}

const TABS: [(Tab, &str, &str); 7] = [
    (Tab::Today, "/today", "Today"),
    (Tab::Plan, "/plan", "Plan"),
    (Tab::People, "/people", "People"),
    (Tab::Rules, "/rules", "Rules"),
    (Tab::Sources, "/sources", "Sources"),
    (Tab::Connect, "/connect", "Connect"),
    (Tab::Runs, "/runs", "Runs"),
];

impl Page {
    /// A page of a contact centre.
    pub(super) fn of(view: &View, tab: Tab, title: &str, body: &Markup) -> Self {
        let html = html! {
            a.skip href="#main" { "Skip to the content" }
            header {
                a.brand href=(view.url("/today")) { "rollcall" }
                @if view.several() { a.centre href="/" { (view.name()) } } @else { span.centre { (view.name()) } }
                nav aria-label="Pages" {
                    @for (this, path, name) in TABS {
                        a href=(view.url(path)) aria-current=[(this == tab).then_some("page")] { (name) }
                    }
                }
                form.out method="post" action="/logout" {
                    (view.word())
                    button.quiet type="submit" { "Sign out" }
                }
            }
            (live::strip(view))
            main #main tabindex="-1" { (body) }
            footer {
                a href=(view.url("/audit")) aria-current=[(tab == Tab::Audit).then_some("page")] { "Audit" }
                a href="/api/openapi.json" { "For programs" }
                span { "rollcall " (env!("CARGO_PKG_VERSION")) }
            }
        };
        Self { status: StatusCode::OK, html: frame(&format!("{title} · {}", view.name()), &html) }
    }

    /// A page outside of any contact centre.
    pub(super) fn outside(title: &str, body: Markup) -> Self {
        Self { status: StatusCode::OK, html: frame(title, &html! { main #main { (body) } }) }
    }

    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, [(CONTENT_TYPE, "text/html; charset=utf-8")], self.html.into_string()).into_response()
    }
}

fn frame(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(assets::at("icon.svg"));
                link rel="stylesheet" href=(assets::at("console.css"));
                script defer src=(assets::at("console.js")) {}
            }
            body { (body) }
        }
    }
}

/// A page with a sentence and one thing to do.
pub(super) fn plain(status: StatusCode, text: &str, hint: &str) -> Page {
    let title = status.canonical_reason().unwrap_or("rollcall");
    let body =
        html! { div.door { h1 { (title) } p { (text) } p { "→ " (hint) } p { a href="/" { "Back to the start" } } } };
    Page::outside(title, body).with(status)
}

/// A page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the state file cannot be used")]
    Store(#[from] StoreError),
    #[error("nothing is known yet")]
    Unknown(Unknown),
    #[error("nothing was looked at yet")]
    NotYet(Box<Page>),
    #[error("no session can be made")]
    NoRandomness(#[from] NoRandomness),
    #[error("there is no such {0}")]
    Missing(&'static str),
    #[error("the table could not be written")]
    Unwritten,
    #[error("no service runs behind these pages")]
    NoService,
    #[error("the service cannot do that now")]
    Service(#[from] HandleError),
}

impl From<Unknown> for Trouble {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

/// The page for trouble, and the log line where it is ours.
pub(super) fn broken(trouble: &Trouble) -> Page {
    let internal = StatusCode::INTERNAL_SERVER_ERROR;
    let store = |error: &StoreError| {
        tracing::error!(hint = error.hint(), "console: the state file cannot be used: {error}");
        plain(internal, &format!("The state file cannot be used: {error}"), error.hint())
    };
    match trouble {
        Trouble::Store(error) => store(error),
        Trouble::Unknown(Unknown::Unreadable(error)) => store(error),
        Trouble::Unknown(Unknown::NotLooked) | Trouble::NotYet(_) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "Nobody has looked at Amazon Connect yet.", NOT_YET)
        }
        Trouble::Unknown(Unknown::Broken) | Trouble::Unwritten => {
            tracing::error!("console: {trouble}");
            plain(internal, &trouble.to_string(), "reload the page; if it stays, report this as a bug")
        }
        Trouble::NoService => {
            plain(StatusCode::SERVICE_UNAVAILABLE, &trouble.to_string(), "start it with: rollcall serve")
        }
        Trouble::Service(HandleError::Store(error)) => store(error),
        Trouble::Service(error @ HandleError::Busy) => {
            plain(StatusCode::TOO_MANY_REQUESTS, &error.to_string(), "try again once some of them have ended")
        }
        Trouble::Service(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string(), "try again in a moment"),
        Trouble::NoRandomness(error) => {
            tracing::error!("console: {error}");
            plain(internal, &error.to_string(), "check the machine: nothing is safe without them")
        }
        Trouble::Missing(what) => {
            plain(StatusCode::NOT_FOUND, &format!("There is no such {what}."), "look for it in the lists")
        }
    }
}

/// What to do before anything is known.
const NOT_YET: &str = "wait for the first run, or look now with: rollcall plan";

impl Trouble {
    /// Nothing is known of this contact centre; its other pages are there all the same.
    pub(super) fn not_yet(view: &View) -> Self {
        let body = html! {
            h1 { "Nothing yet" }
            p { "Nobody has looked at Amazon Connect yet." }
            p { "→ " (NOT_YET) }
        };
        Self::NotYet(Box::new(Page::of(view, Tab::Today, "Nothing yet", &body)))
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Self::NotYet(page) => page.into_response(),
            other => broken(&other).into_response(),
        }
    }
}

/// `GET` on an address that is none.
pub(super) async fn nowhere() -> Page {
    plain(StatusCode::NOT_FOUND, "There is no such page.", "start from the beginning")
}

/// A number that leads to the people behind it; a plain one if there are none.
pub(super) fn linked(n: impl TryInto<u64>, to: &str) -> Markup {
    let n = n.try_into().unwrap_or(u64::MAX);
    html! { @if n == 0 { "0" } @else { a href=(to) { (number(n)) } } }
}

/// The same with its noun, the noun being a part of the link.
pub(super) fn people(n: usize, to: &str) -> Markup {
    html! { @if n == 0 { "nobody" } @else { a href=(to) { (count(n, "person", "people")) } } }
}

/// A line with its tone.
pub(super) fn said(said: &Said) -> Markup {
    let class = match said.tone {
        Tone::Plain => None,
        Tone::Good => Some("good"),
        Tone::Bad => Some("bad"),
    };
    html! { span class=[class] { (said.text) } }
}

/// A sign in its colour.
pub(super) fn sign(sign: char) -> Markup {
    let class = match sign {
        '+' | '=' | '✓' => "sign good",
        '-' => "sign gone",
        '!' => "sign bad",
        _ => "sign change",
    };
    html! { span class=(class) { (sign) } }
}

/// The search of a page: one field, and what else was chosen.
pub(super) fn search(action: &str, words: &str, hint: &str, kept: &[(&str, &str)]) -> Markup {
    html! {
        form.search role="search" method="get" action=(action) {
            @for (name, value) in kept.iter().filter(|(_, value)| !value.is_empty()) {
                input type="hidden" name=(name) value=(value);
            }
            label.hidden for="q" { (hint) }
            input #q type="search" name="q" value=(words) placeholder=(hint) autocomplete="off" spellcheck="false";
            button type="submit" { "Search" }
        }
    }
}

/// The line below a table: how many, where in them, and the table as a file.
pub(super) fn foot(all: u64, page: u32, noun: (&str, &str), to: &dyn Fn(u32) -> String, csv: &str) -> Markup {
    let pages = pages(all);
    html! {
        p.foot {
            span { (count(usize::try_from(all).unwrap_or(usize::MAX), noun.0, noun.1)) }
            @if pages > 1 {
                span.paging {
                    @if page > 1 { a rel="prev" href=(to(page - 1)) { "← Back" } }
                    span { "page " (number(page)) " of " (number(pages)) }
                    @if page < pages { a rel="next" href=(to(page + 1)) { "Further →" } }
                }
            }
            @if all > 0 { a.csv href=(csv) { "Save as CSV" } }
        }
    }
}

fn pages(all: u64) -> u32 {
    u32::try_from(all.div_ceil(u64::from(ROWS))).unwrap_or(u32::MAX).max(1)
}

/// The page that is asked for, as far as there is one.
pub(super) fn page_of(asked: Option<&str>) -> u32 {
    asked.and_then(|text| text.parse().ok()).unwrap_or(1).clamp(1, 100_000)
}

/// An empty table, to be filled.
pub(super) fn table<const N: usize>(head: [&str; N]) -> csv_file::Table {
    csv_file::Table::new(head)
}
