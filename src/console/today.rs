//! Today: a sentence, who needs somebody, what waits for approval, what changed, the last seven days, the last runs.

use chrono::{Days, NaiveTime};
use maud::{Markup, html};

use super::approve::{self, Standing};
use super::index::Is;
use super::known::Known;
use super::page::{self, Page, Tab, Trouble, linked};
use super::quota::{self, Use, thin};
use super::view::View;
use crate::model::words::{count, millis, moment, number, relative};
use crate::model::{Decision, Finding, JournalEntry, LongestWait, Quarantine, Time};
use crate::planner::fate;
use crate::store::{DayCount, JournalRow, Order, Part, Patient, RunRow, Span, Store};

/// People that are listed before "all of them".
const A_FEW: usize = 5;
/// Days that are shown.
const DAYS: u64 = 7;
/// Height of the tallest bar, in the units of the drawing.
const TALLEST: u64 = 48;

/// What happened to people, as the store names it, in the order of the page.
pub(super) const FATES: [(&str, char, &str, &str); 5] = [
    ("join", '+', "joined", "joins"),
    ("change", '~', "changed", "changes"),
    ("leave", '-', "left", "leaves"),
    ("rename", '>', "renamed", "renames"),
    ("adopt", '=', "adopted", "adoptions"),
];

/// The beginning of a day, UTC, and that of the next one.
pub(super) fn day_of(at: Time) -> (Time, Time) {
    let day = at.date_naive();
    let begins = day.and_time(NaiveTime::MIN).and_utc();
    (begins, begins.checked_add_days(Days::new(1)).unwrap_or(Time::MAX_UTC))
}

/// The first day that is shown.
pub(super) fn first_day(now: Time) -> Time {
    let (today, _) = day_of(now);
    today.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(today)
}

/// `GET …/today`.
pub(super) async fn page(view: View) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let store = view.store();
    let (today, _) = day_of(view.now);
    let runs = store.runs(5).await?;
    let standing = Standing::read(&view).await?;
    let changed = changed(&view, &known.days).await?;
    let body = html! {
        h1.hidden { "Today" }
        (lead(&view, &known, &runs))
        (alarms(&view, &known, store.quarantine(Patient::Centre).await?.filter(Quarantine::entered).as_ref()))
        @if let Some(standing) = &standing { (standing.card(&view, &known)) } @else { (approve::not_yet(&view, &known)) }
        (changed)
        (needs(&view, &known))
        (steer(&view))
        (quota_use(&view, quota::busiest(&view).await?.as_ref()))
        (latency(&view, &known, store.last_awaited_run().await?.as_ref()))
        (week(&view, today, &known.days))
        section {
            h2 { "Last runs" }
            @if runs.is_empty() { p.empty { "None yet." } }
            ul.lines.runs { @for run in &runs { li { (run_line(&view, run)) } } }
            @if !runs.is_empty() { p { a href=(view.url("/runs")) { "All runs" } } }
        }
    };
    Ok(Page::of(&view, Tab::Today, "Today", &body))
}

/// The sentence.
fn lead(view: &View, known: &Known, runs: &[RunRow]) -> Markup {
    let (agree, held) = (known.index.count(Is::InAgreement), known.index.count(Is::Held));
    let needs = if held == 1 { "person needs" } else { "need" };
    let changing = known.index.count(Is::Changing);
    html! {
        p.lead {
            (linked(agree, &view.asking("/people", &[("is", "in-agreement")])))
            @if agree == 1 { " person in agreement. " } @else { " people in agreement. " }
            @if held == 0 { span.good { "Nobody needs somebody." } } @else {
                a.bad href=(view.asking("/people", &[("is", "held")])) { (number(held)) } " " (needs) " somebody."
            }
            @if changing > 0 {
                " " a href=(view.url("/plan")) { (number(changing)) } @if changing == 1 { " changes" } @else { " change" } " in the next run."
            }
            @match runs.first() {
                Some(run) => { " Last look " (view.when(run.finished.unwrap_or(run.started))) "." },
                None => " No run yet.",
            }
        }
    }
}

/// What can be had done to the whole.
fn steer(view: &View) -> Markup {
    let Some(service) = &view.centre().service else { return html! {} };
    let paused = service.standing().paused.is_some();
    html! {
        section.steer {
            form method="post" action=(view.url("/sync")) { (view.word()) button type="submit" { "Look now" } }
            form method="post" action=(view.url("/sync")) {
                (view.word())
                input type="hidden" name="full" value="1";
                button.second type="submit" { "Read everything anew" }
            }
            a href=(view.url("/pause")) { @if paused { "Go on…" } @else { "Pause…" } }
        }
    }
}

/// What stops the whole, or a part of it.
fn alarms(view: &View, known: &Known, quarantine: Option<&Quarantine>) -> Markup {
    html! {
        @if let Some(Quarantine { trouble, since, failures, until, .. }) = quarantine {
            div.card.alarm role="alert" {
                p.bad { "In quarantine: met " (failures) " times since " (view.when(*since)) ": " (trouble.message) }
                p { "→ " (trouble.hint) ", then: " code { "rollcall sync now" } }
                p.dim { "The schedule tries again " @if *until <= view.now { "at its next tick" } @else { (relative(*until, view.now)) } "." }
            }
        }
        @for (source, why) in &known.frozen {
            div.card.alarm {
                p.bad { "Source " (source) " could not be read in the last run: " (why) }
                p.dim { "Its people are left as they are; those of the other sources went on." }
            }
        }
    }
}

/// What was used of the quota.
fn quota_use(view: &View, busiest: Option<&Use>) -> Markup {
    let to = format!("{}#quota", view.url("/connect"));
    html! {
        section {
            h2 { "Quota use" }
            @match busiest {
                Some(Use { operation, hour, .. }) => {
                    p { a href=(to) { (operation.name()) " " (hour.words()) } " in the last hour" @if hour.throttled > 0 { ", " span.bad { (number(hour.throttled)) " throttled" } } "." }
                    (thin(hour.part()))
                },
                None => p.empty { "No call to Connect in the " a href=(to) { "last hour" } "." },
            }
        }
    }
}

/// How long the last change took from the directory to Connect; nothing where that was never seen.
fn latency(view: &View, known: &Known, run: Option<&RunRow>) -> Markup {
    let Some((run, summary)) = run.and_then(|run| Some((run, run.summary.as_ref()?))) else { return html! {} };
    let Some((p50, p95)) = summary.propagation_p50_p95_secs else { return html! {} };
    html! {
        section {
            h2 { "From directory to Connect" }
            p {
                "Half within " b { (millis(p50 * 1_000)) } ", all but a few within " b { (millis(p95 * 1_000)) } ", in the last "
                a href=(view.url(&format!("/runs/{}", run.run))) { "run that changed somebody" } ", " (view.when(run.finished.unwrap_or(run.started))) "."
                @if let Some(LongestWait { person, secs }) = &summary.propagation_longest {
                    " The longest: " (millis(secs * 1_000)) ", " (view.person(person, &known.index.label_of(person))) "."
                }
            }
        }
    }
}

/// Who waits for somebody, and who is refused something.
fn needs(view: &View, known: &Known) -> Markup {
    let held: Vec<&Finding> = known
        .plan
        .decisions
        .values()
        .filter_map(|decision| match decision {
            Decision::Quarantined(finding) => Some(finding),
            _ => None,
        })
        .collect();
    let (resting, leaving) = (known.index.count(Is::Resting), known.index.count(Is::Leaving));
    html! {
        @if !held.is_empty() {
            section {
                h2 { "Needs somebody" }
                ul.lines.pairs {
                    @for finding in held.iter().take(A_FEW) {
                        li {
                            span.who {
                                (page::sign('!')) "\u{a0}"
                                @match &finding.person { Some(person) => (view.person(person, &finding.label)), None => (finding.label) }
                            }
                            " " span.told { (finding.message) span.hint { "→ " (finding.hint) } }
                        }
                    }
                }
                @if held.len() > A_FEW {
                    p { a href=(view.asking("/people", &[("is", "held")])) { "All " (number(held.len() as u64)) } }
                }
            }
        }
        @if resting > 0 || leaving > 0 {
            p.aside {
                @if resting > 0 {
                    a href=(view.asking("/people", &[("is", "resting")])) { (count(resting as usize, "person", "people")) }
                    " refused something by Connect, tried again ever more rarely. "
                }
                @if leaving > 0 {
                    a href=(view.asking("/people", &[("is", "leaving")])) { (count(leaving as usize, "leaver", "leavers")) } " on the way out."
                }
            }
        }
    }
}

/// What changed today, as people.
async fn changed(view: &View, days: &[DayCount]) -> Result<Markup, Trouble> {
    let (from, to) = day_of(view.now);
    let date = from.date_naive().to_string();
    let mut parts = Vec::new();
    for (name, sign, past, _) in FATES {
        let people = days.iter().find(|day| day.day == from && day.fate == name).map_or(0, |day| day.people);
        if people == 0 {
            continue;
        }
        let span = Span { fate: Some(name), from, to, people: None, order: Order::default() };
        let rows = lately(view.store(), span).await?;
        let all = view.asking("/changes", &[("day", &date), ("fate", name)]);
        parts.push(html! {
            h3 { (page::sign(sign)) " " (page::people(people as usize, &all)) " " (past) }
            ul.lines.pairs { @for row in &rows { li { (change_line(view, row)) } } }
            @if people as usize > rows.len() { p { a href=(all) { "All " (number(people)) } } }
        });
    }
    Ok(html! {
        section {
            h2 { "Changed today" }
            @if parts.is_empty() { p.empty { "Nothing yet." } }
            @for part in parts { (part) }
        }
    })
}

/// The last few changes, one for each person.
async fn lately(store: &Store, span: Span<'_>) -> Result<Vec<JournalRow>, Trouble> {
    let part = Part { offset: 0, limit: u32::try_from(4 * A_FEW).unwrap_or(u32::MAX) };
    let (mut rows, _) = store.happened(span, part).await?;
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|row| row.entry.person().is_some_and(|person| seen.insert(person.clone())));
    rows.truncate(A_FEW);
    Ok(rows)
}

/// One change that took place, in a line below its sign.
fn change_line(view: &View, row: &JournalRow) -> Markup {
    let JournalEntry::Change(record) = &row.entry else { return html! {} };
    let told = fate::told(&record.change, row.at);
    html! {
        span.who { (view.person(&record.change.person, &told.label)) }
        " " span.told {
            @if told.sign != '+' { span.what { (told.what) } " " }
            (told.detail) " "
            span.why { @if !told.why.is_empty() { (told.why) " · " } (view.when(row.at)) }
        }
    }
}

/// The last seven days as small bars, each number leading to its people.
fn week(view: &View, today: Time, days: &[DayCount]) -> Markup {
    let shown: Vec<Time> = (0..DAYS).rev().filter_map(|ago| today.checked_sub_days(Days::new(ago))).collect();
    let on = |day: Time, name: &str| {
        days.iter().find(|count| count.day == day && count.fate == name).map_or(0, |count| u64::from(count.people))
    };
    let sum = |day: Time| FATES.iter().map(|(name, ..)| on(day, name)).sum::<u64>();
    let most = shown.iter().map(|day| sum(*day)).max().unwrap_or(0).max(1);
    html! {
        section {
            h2 { "Last seven days" }
            table.week {
                thead { tr { @for day in &shown { th scope="col" { (day.format("%a")) " " span.dim { (day.format("%-d %b")) } } } } }
                tbody {
                    tr aria-hidden="true" { @for day in &shown { td { (bar(&|name| on(*day, name), most)) } } }
                    tr {
                        @for day in &shown {
                            @let date = day.date_naive().to_string();
                            td {
                                @if sum(*day) == 0 { span.dim { "–" } }
                                @for (name, sign, past, _) in FATES {
                                    @let n = on(*day, name);
                                    @if n > 0 {
                                        a.n href=(view.asking("/changes", &[("day", &date), ("fate", name)])) title={ (number(n)) " " (past) } {
                                            (page::sign(sign)) (number(n))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One day's bar: leaves below, changes, joins on top. A day with anything at all is seen.
fn bar(on: &dyn Fn(&str) -> u64, most: u64) -> Markup {
    let height = |n: u64| if n == 0 { 0 } else { (n * TALLEST / most).max(2) };
    let mut parts = Vec::new();
    let mut top = TALLEST;
    for (name, class) in
        [("leave", "gone"), ("change", "change"), ("rename", "change"), ("adopt", "adopt"), ("join", "good")]
    {
        let high = height(on(name)).min(top);
        top -= high;
        if high > 0 {
            parts.push(html! { rect class=(class) x="0" y=(top) width="24" height=(high) {} });
        }
    }
    html! {
        svg.bar viewBox={ "0 0 24 " (TALLEST) } preserveAspectRatio="none" focusable="false" {
            rect.floor x="0" y=(TALLEST - 1) width="24" height="1" {}
            @for part in parts { (part) }
        }
    }
}

/// One run in a line.
fn run_line(view: &View, run: &RunRow) -> Markup {
    let words = run.summary.as_ref().map_or_else(|| "not finished".to_owned(), crate::model::RunSummary::words);
    let bad = run.summary.as_ref().is_some_and(|summary| matches!(summary.result.as_str(), "failed" | "refused"));
    html! {
        a href=(view.url(&format!("/runs/{}", run.run))) title=(moment(run.started)) { (relative(run.started, view.now)) }
        " " span.bad[bad] { (words) }
    }
}
