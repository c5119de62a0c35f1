//! The reports and how far each is delivered; who is told of trouble, and what they were told last.

use maud::{Markup, html};

use super::page::Trouble;
use super::parts::NamedPart;
use super::view::View;
use crate::model::words::{count, number, relative};
use crate::model::{Book, Episode, Subject};
use crate::store::Delivery;

/// The reports of a contact centre.
pub(super) async fn reports(view: &View) -> Result<Markup, Trouble> {
    let mut lines = Vec::new();
    for part in &view.centre().parts.reports {
        lines.push(report(view, part, view.store().delivery(&part.name).await?));
    }
    Ok(html! {
        section {
            h2 { "Reports" }
            @if lines.is_empty() { p.empty { "None is configured." } }
            ul.lines { @for line in lines { li { (line) } } }
        }
    })
}

fn report(view: &View, part: &NamedPart, delivery: Delivery) -> Markup {
    let NamedPart { name, kind, place } = part;
    let Delivery { last, waiting, oldest } = delivery;
    let more = if waiting >= Delivery::MOST_COUNTED { "more than " } else { "" };
    html! {
        b { (name) } " " span.dim { (kind) }
        span.told { (place) }
        span.told {
            @match (oldest, last) {
                (None, None) => "nothing to deliver yet",
                (None, Some(last)) => { "everything is delivered; the last event is of " (view.when(last)) },
                (Some(oldest), last) => {
                    span.bad { (more) (count(usize::try_from(waiting).unwrap_or(usize::MAX), "event waits", "events wait")) ", the first since " (view.when(oldest)) }
                    @match last { Some(last) => { "; delivered up to " (view.when(last)) }, None => "; nothing is delivered yet" }
                },
            }
        }
    }
}

/// Who is told of trouble.
pub(super) async fn notifiers(view: &View) -> Result<Markup, Trouble> {
    let mut lines = Vec::new();
    for part in &view.centre().parts.notifiers {
        lines.push(notifier(view, part, &view.store().notify_book(&part.name).await?));
    }
    Ok(html! {
        section {
            h2 { "Told of trouble" }
            @if lines.is_empty() { p.empty { "Nobody is configured." } }
            ul.lines { @for line in lines { li { (line) } } }
        }
    })
}

fn notifier(view: &View, part: &NamedPart, book: &Book) -> Markup {
    let NamedPart { name, kind, place } = part;
    let Book { at, subjects, held: _, failures, rests_until } = book;
    let told = subjects.iter().filter(|(_, episode)| episode.told > 0);
    html! {
        b { (name) } " " span.dim { (kind) }
        span.told { (place) }
        @if *failures > 0 {
            span.told.bad {
                "could not be told, " (count(*failures as usize, "time", "times in a row"))
                @if let Some(until) = rests_until.filter(|until| *until > view.now) { "; tried again " (relative(until, view.now)) }
            }
        }
        @for (subject, episode) in told { span.told { (about(subject)) ": " (so_far(view, episode)) } }
        @if subjects.values().all(|episode| episode.told == 0) {
            span.told { @if at.is_some() { "was told of nothing lately" } @else { "was told of nothing yet" } }
        }
    }
}

fn about(subject: &Subject) -> String {
    match subject {
        Subject::Run => "a run failed".to_owned(),
        Subject::Source(name) => format!("source {name} cannot be read"),
        Subject::Approval => "a plan waits for approval".to_owned(),
        Subject::Quarantine => "the contact centre is in quarantine".to_owned(),
        Subject::People => "people are held".to_owned(),
        Subject::Report(name) => format!("report {name} is behind"),
    }
}

fn so_far(view: &View, episode: &Episode) -> Markup {
    let Episode { since, last: _, times: _, told, due, over, ends: _ } = episode;
    html! {
        "since " (view.when(*since)) ", told " (number(*told)) @if *told == 1 { " time" } @else { " times" }
        @match over {
            Some(over) => { "; over " (view.when(*over)) },
            None => { "; again " @if *due <= view.now { "with the next run, if it lasts" } @else { (relative(*due, view.now)) ", if it lasts" } },
        }
    }
}
