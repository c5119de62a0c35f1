//! What is going on now: a line on every page, kept up to date by server-sent events.
//!
//! Events: `strip` (a [`Strip`] as JSON, when it changes) and `ended` (a run has ended, and pages made from now on know what it
//! did). A listener that is slow is told the newest only.
//!
//! Source: WHATWG HTML, "Server-sent events".
//!
//! Invariant: a stream ends with its session, with the service, and with its connection's longest life; browsers come back by
//! themselves.
//! Invariant: nobody who listens slows a run (see [`crate::serve::Follower`]).

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use futures_util::{FutureExt, StreamExt};
use maud::{Markup, html};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::ToSchema;

use super::page::Trouble;
use super::view::View;
use crate::model::words::{moment, number, relative};
use crate::model::{Time, Trigger};
use crate::reconcile::Progress;
use crate::serve::{Follower, Handle, News, Phase, SoFar, Standing};

/// The shortest time between two events of a stream.
const AT_MOST_EVERY: Duration = Duration::from_millis(150);
/// How often a stream says that it is there, and asks whether its session still is.
const BEAT: Duration = Duration::from_secs(15);
/// How long the end of a run waits for pages to know what it did.
const SETTLING: Duration = Duration::from_secs(30);
/// What a listener is told to wait before it comes back, once a stream has ended.
const COME_BACK: Duration = Duration::from_secs(2);

/// What is going on, in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Strip {
    /// For people.
    pub(super) words: String,
    /// Whether a run is going on.
    pub(super) running: bool,
    /// Whether somebody must act.
    pub(super) bad: bool,
    /// Calls that have an outcome; before there is a plan, existing users that are read.
    pub(super) done: u32,
    /// Calls of the plan; before there is one, existing users that are to be read, or 0.
    pub(super) total: u32,
}

impl Strip {
    pub(super) fn of(standing: &Standing, now: Time) -> Self {
        let plain = |words: String| Self { words, ..Self::default() };
        let bad = |words: String| Self { words, bad: true, ..Self::default() };
        match &standing.phase {
            Phase::Running(so_far) => Self::running(so_far),
            Phase::Starting => plain("Starting".to_owned()),
            Phase::Stopping => plain("Stopping: what is in flight finishes".to_owned()),
            Phase::Down { message, hint, again } => {
                bad(format!("Down: {message} → {hint}; tried again {}", relative(*again, now)))
            }
            Phase::Waiting if !standing.enabled => plain("Switched off: nothing runs by the clock".to_owned()),
            Phase::Waiting => match (standing.paused, standing.next) {
                (Some(pause), _) => plain(match pause.until {
                    Some(until) => format!("Paused until {}", moment(until)),
                    None => "Paused".to_owned(),
                }),
                (None, Some(next)) if next > now => plain(format!("Next look {}", relative(next, now))),
                (None, Some(_)) => plain("Next look any moment".to_owned()),
                (None, None) => plain(String::new()),
            },
        }
    }

    fn running(so_far: &SoFar) -> Self {
        let SoFar { trigger, last, details, plan, applied, failed, refused, .. } = so_far;
        let what = match trigger {
            Trigger::Schedule => "A run is going on",
            Trigger::Hand => "A run by hand is going on",
            Trigger::Undo => "A run is being taken back",
        };
        let (mut done, mut total) = (*applied, plan.map_or(0, |plan| plan.calls));
        let words = match (refused, total, plan.is_none().then_some(*details).flatten()) {
            (Some(_), ..) => format!("{what}: its plan is held by the guard"),
            (None, _, Some((read, of))) => {
                (done, total) = (read, of);
                format!("{what}: {} of {} existing users are read", number(read), number(of))
            }
            (None, 0, None) => format!("{what}: {last}"),
            (None, total, None) => format!("{what}: {} of {} calls", number(*applied), number(total)),
        };
        let words = if *failed > 0 { format!("{words}, {} failed", number(*failed)) } else { words };
        Self { words, running: true, bad: refused.is_some(), done, total }
    }
}

/// The line as it stands when a page is made; `console.js` keeps it up to date.
pub(super) fn strip(view: &View) -> Markup {
    let Some(service) = &view.centre().service else { return html! {} };
    let Strip { words, running, bad, done, total } = Strip::of(&service.standing(), view.now);
    html! {
        p #live.live.bad[bad].running[running] data-from=(view.url("/live")) role="status" {
            span { (words) }
            progress max=(total.max(1)) value=(done) hidden[total == 0] aria-label="Calls" {}
        }
    }
}

/// `GET …/live`.
pub(super) async fn stream(
    view: View,
    stopping: Option<Extension<Stopping>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Trouble> {
    let service = view.service()?.clone();
    let follower = service.follow();
    let stopping = stopping.map(|Extension(stopping)| stopping);
    let listener = Listener { view, service, follower, stopping, said: None, owed: false, beat: Instant::now() + BEAT };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    let first = stream::once(async { Ok(Event::default().retry(COME_BACK).comment("listening")) });
    Ok(Sse::new(first.chain(events)))
}

/// Whether the console is to end: its streams would go on for ever.
#[derive(Debug, Clone)]
pub(super) struct Stopping(pub(super) watch::Receiver<bool>);

/// Waits until the console is to end.
async fn asked(stopping: &mut Option<Stopping>) {
    match stopping {
        Some(Stopping(stop)) => drop(stop.wait_for(|stop| *stop).await),
        None => std::future::pending().await,
    }
}

struct Listener {
    view: View,
    service: Handle,
    follower: Follower,
    stopping: Option<Stopping>,
    said: Option<Strip>,
    /// A run has ended, and that was not told yet.
    owed: bool,
    /// When it is looked next whether anybody is still signed in, whatever goes on.
    beat: Instant,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if std::mem::take(&mut self.owed) {
                self.view.settled(SETTLING).await;
                return Some(Event::default().event("ended").data("{}"));
            }
            let strip = Strip::of(&self.service.standing(), self.view.console.now());
            if self.said.as_ref() != Some(&strip) {
                let data = serde_json::to_string(&strip).unwrap_or_default();
                self.said = Some(strip);
                return Some(Event::default().event("strip").data(data));
            }
            tokio::select! {
                () = asked(&mut self.stopping) => return None,
                news = self.follower.next() => {
                    self.hear(news?);
                    sleep(AT_MOST_EVERY).await;
                    while let Some(news) = self.follower.next().now_or_never() {
                        self.hear(news?);
                    }
                }
                () = sleep_until(self.beat) => {
                    self.beat = Instant::now() + BEAT;
                    if !self.view.signed_in().await {
                        return None;
                    }
                    return Some(Event::default().comment("here"));
                }
            }
        }
    }

    fn hear(&mut self, news: News) {
        if let News::Told(progress) = news {
            self.owed |= matches!(*progress, Progress::Finished { .. });
        }
    }
}
