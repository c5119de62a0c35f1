//! A check of every part, on demand: what `rollcall check` says, with the time it was said.
//!
//! Invariant: what reaches the parts is a closure that was handed in ([`CheckNow`]); it is called by a POST and by nothing
//! else, once at a time and once in [`REST`] for each contact centre.
//! Invariant: what was found is kept in memory only; a restart forgets it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Form;
use axum::response::Response;
use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::timeout;

use super::page::Trouble;
use super::view::View;
use super::{gate, login};
use crate::model::words::{count, relative};
use crate::model::{Checked, Time};

/// Looks at every part and says what it found; reaches remote systems and changes nothing.
pub type CheckNow = Arc<dyn Fn() -> BoxFuture<'static, Vec<Checked>> + Send + Sync>;

/// From the beginning of one check to the next.
const REST: TimeDelta = TimeDelta::seconds(30);
/// How long the answer waits for what is found; after that it is there on a later look.
const PATIENCE: Duration = Duration::from_secs(12);
/// The longest check.
const LONGEST: Duration = Duration::from_secs(120);

/// What is known of checks.
#[derive(Debug, Clone, Default)]
struct State {
    begun: Option<Time>,
    busy: bool,
    /// What was found last, and when.
    found: Option<(Time, Arc<Vec<Checked>>)>,
}

/// The checks of one contact centre.
#[derive(Debug, Default)]
pub(super) struct Checks(watch::Sender<State>);

impl Checks {
    /// Whether one begins now: none is under way, and none began lately.
    fn begin(&self, now: Time) -> bool {
        self.0.send_if_modified(|state| {
            // A clock that was set back holds nothing up for long.
            let rests = state.begun.is_some_and(|begun| (now - begun).abs() < REST);
            let begins = !state.busy && !rests;
            if begins {
                (state.busy, state.begun) = (true, Some(now));
            }
            begins
        })
    }

    /// Carries one out in the background.
    fn carry_out(&self, check: &CheckNow, now: impl Fn() -> Time + Send + 'static) {
        let (running, state) = (tokio::spawn(check()), self.0.clone());
        let stop = running.abort_handle();
        tokio::spawn(async move {
            let again = "look at the service's log, then check again";
            let found = match timeout(LONGEST, running).await {
                Ok(Ok(lines)) => lines,
                Ok(Err(_)) => vec![Checked::bad("check", "it ended early; a fault of ours", again)],
                Err(_) => {
                    stop.abort();
                    let text = format!("it did not come to its end within {} s", LONGEST.as_secs());
                    vec![Checked::bad("check", text, again)]
                }
            };
            state.send_modify(|state| (state.busy, state.found) = (false, Some((now(), Arc::new(found)))));
        });
    }

    /// Waits a while for what is under way.
    async fn rested(&self) {
        let mut state = self.0.subscribe();
        let _ = timeout(PATIENCE, state.wait_for(|state| !state.busy)).await;
    }
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    back: String,
}

/// `POST …/check`.
pub(super) async fn check(view: View, Form(asked): Form<Asked>) -> Result<Response, Trouble> {
    let Some(check) = view.centre().check.clone() else { return Err(Trouble::Missing("check")) };
    let checks = view.checks();
    if checks.begin(view.now) {
        let noted = login::note(&view.console, view.actor(), "checked the parts", Some(view.name().to_owned())).await;
        let console = view.console.clone();
        checks.carry_out(&check, move || console.now());
        noted?;
    }
    checks.rested().await;
    let page = if asked.back == "connect" { "/connect" } else { "/sources" };
    Ok(gate::see(&format!("{}#check", view.url(page))))
}

/// What was found last, and a button to look again. `back` is the page it stands on.
pub(super) fn card(view: &View, back: &str) -> Markup {
    if view.centre().check.is_none() {
        return html! {};
    }
    let State { begun, busy, found } = view.checks().0.borrow().clone();
    let bad = found.iter().flat_map(|(_, lines)| lines.iter()).filter(|line| !line.ok).count();
    html! {
        section.card.alarm[bad > 0] id="check" {
            h2 { "Check" }
            p {
                @match &found {
                    Some((at, _)) => {
                        "Checked " (view.when(*at)) ": "
                        @if bad == 0 { span.good { "no problems" } } @else { span.bad { (count(bad, "problem", "problems")) } } "."
                    },
                    None => "Reaches each remote system with the smallest read that proves it, and changes nothing.",
                }
                @if let (true, Some(begun)) = (busy, begun) { " One is under way, begun " (relative(begun, view.now)) "; reload the page." }
            }
            @if let Some((_, lines)) = &found {
                @if bad > 0 { (listed(lines.iter().filter(|line| !line.ok))) }
                @if bad < lines.len() {
                    details {
                        summary { (count(lines.len() - bad, "part of it is", "parts of it are")) " as they should be" }
                        (listed(lines.iter().filter(|line| line.ok)))
                    }
                }
            }
            form.decide method="post" action=(view.url("/check")) {
                (view.word())
                input type="hidden" name="back" value=(back);
                button type="submit" disabled[busy] { "Check now" }
                span.dim { "at most every " (REST.num_seconds()) " seconds" }
            }
        }
    }
}

fn listed<'a>(lines: impl Iterator<Item = &'a Checked>) -> Markup {
    html! {
        ul.lines {
            @for Checked { place, ok, text, hint } in lines {
                li {
                    span.what { (place) } " " span.bad[!ok] { (text) }
                    @if let Some(hint) = hint { span.hint { "→ " (hint) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_begins_at_a_time_and_rests() {
        let checks = Checks::default();
        let at = |secs: i64| "2026-05-04T09:12:00Z".parse::<Time>().unwrap() + TimeDelta::seconds(secs);
        assert!(checks.begin(at(0)));
        assert!(!checks.begin(at(40)), "one is under way");
        checks.0.send_modify(|state| state.busy = false);
        assert!(!checks.begin(at(29)) && !checks.begin(at(-29)));
        assert!(checks.begin(at(30)));
        checks.0.send_modify(|state| state.busy = false);
        assert!(checks.begin(at(-3_600)), "a clock that was set back");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_or_breaks_is_told_and_the_next_may_begin() {
        let checks = Checks::default();
        let now = || "2026-05-04T09:12:00Z".parse::<Time>().unwrap();
        let hangs: CheckNow = Arc::new(|| Box::pin(std::future::pending()));
        let breaks: CheckNow = Arc::new(|| Box::pin(async { panic!("a part of it") }));
        for (check, text) in [(hangs, "within 120 s"), (breaks, "ended early")] {
            checks.0.send_modify(|state| state.begun = None);
            assert!(checks.begin(now()));
            checks.carry_out(&check, now);
            checks.0.subscribe().wait_for(|state| !state.busy).await.unwrap();
            let (_, lines) = checks.0.borrow().found.clone().unwrap();
            assert!(lines.len() == 1 && !lines[0].ok && lines[0].text.contains(text), "{lines:?}");
        }
    }
}
