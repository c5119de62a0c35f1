//! Asks the running service for a run (for everybody, of one source, for one person), and follows it.
//!
//! Whoever accepts `text/event-stream` hears what the run says until it ends: events `asked`, `progress` and `ended`. Everybody
//! else gets an address where the answer will be.
//!
//! Invariant: whoever goes away stops nothing; the run goes on, and its end can be asked for.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use connectors::SourceName;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use super::super::asked::{End, Lines, State as How, Ticket};
use super::super::gate::Who;
use super::super::view::View;
use super::super::{Console, acts};
use super::problem::{Problem, Sent};
use super::runs::Summary;
use crate::planner::guard::{NotYet, Refusal};
use crate::serve::control::Ask;

/// What is to be done. An empty object: everybody, of the only contact centre.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sync {
    /// The contact centre; may be absent where there is only one.
    centre: Option<String>,
    /// Only this source.
    source: Option<String>,
    /// Only this person: a username, an e-mail address or a key.
    #[schema(min_length = 1)]
    person: Option<String>,
    /// Read everything anew, and look at everybody.
    #[serde(default)]
    full: bool,
    /// Plan only; nothing is written.
    #[serde(default)]
    plan_only: bool,
    /// Approve the plan with this digest.
    #[schema(min_length = 1)]
    approve: Option<String>,
    /// Also while the contact centre is paused.
    #[serde(default)]
    while_paused: bool,
}

/// A run that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asking {
    /// Its number here.
    id: String,
    /// The contact centre.
    centre: String,
    /// When it was asked for.
    asked: DateTime<Utc>,
    /// What for, for people.
    what: String,
    /// `waiting`, `running` or `ended`.
    state: &'static str,
    /// The run's id, once it has begun.
    run: Option<String>,
    /// How it ended, once it has.
    ended: Option<Ended>,
}

/// How a run ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ended {
    /// Whether it came to its end, or could not be carried out.
    ran: bool,
    /// Why it could not be carried out, why the guard refused its plan, or why it could not weigh it yet.
    message: Option<String>,
    /// One thing to do.
    hint: Option<String>,
    /// What would let exactly this plan through, if the guard refused it.
    digest: Option<String>,
    /// What it did, in numbers.
    summary: Option<Summary>,
    /// What the plan would do or did, in people.
    plan: Option<Counts>,
}

/// A plan in numbers of people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counts {
    joins: u32,
    adopts: u32,
    changes: u32,
    leaves: u32,
    renames: u32,
    held: u32,
    /// Calls it takes.
    calls: u32,
}

/// What the guard has against a plan, or is waiting for, and one thing to do.
fn said<'e>(refusal: &'e Option<Box<Refusal>>, not_yet: &'e Option<Box<NotYet>>) -> Option<(&'e String, &'e String)> {
    let refused = refusal.as_ref().map(|refusal| (&refusal.message, &refusal.hint));
    refused.or_else(|| not_yet.as_ref().map(|not_yet| (&not_yet.message, &not_yet.hint)))
}

impl Ended {
    fn of(end: &End) -> Self {
        match end {
            End::Failed { message, hint } => Self {
                ran: false,
                message: Some(message.clone()),
                hint: Some(hint.clone()),
                digest: None,
                summary: None,
                plan: None,
            },
            End::Ran { run: _, counts, refusal, not_yet, summary } => Self {
                ran: true,
                message: said(refusal, not_yet).map(|(message, _)| message.clone()),
                hint: said(refusal, not_yet).map(|(_, hint)| hint.clone()),
                digest: refusal.as_ref().map(|refusal| refusal.digest.clone()),
                summary: Some(Summary::of(summary)),
                plan: Some(Counts {
                    joins: counts.joins,
                    adopts: counts.adopts,
                    changes: counts.changes,
                    leaves: counts.leaves,
                    renames: counts.renames,
                    held: counts.held,
                    calls: counts.calls,
                }),
            },
        }
    }
}

impl Asking {
    fn of(ticket: &Ticket) -> Self {
        let (state, run, ended) = match ticket.state() {
            How::Waiting => ("waiting", None, None),
            How::Running(run) => ("running", Some(run), None),
            How::Ended(end) => {
                let run = if let End::Ran { run, .. } = &*end { *run } else { None };
                ("ended", run, Some(Ended::of(&end)))
            }
        };
        Self {
            id: ticket.id.clone(),
            centre: ticket.centre.clone(),
            asked: ticket.at,
            what: ticket.what.words(),
            state,
            run: run.map(|run| run.to_string()),
            ended,
        }
    }
}

/// Asks for a run.
///
/// With `Accept: text/event-stream` the answer is the run itself: events `asked` (an `Asking`), `progress` (what the run says)
/// and, last, `ended` (an `Asking`).
#[utoipa::path(post, path = "/api/sync", operation_id = "sync", tag = "sync", request_body = Sync, responses(
    (status = 200, description = "The run, as server-sent events", body = String, content_type = "text/event-stream"),
    (status = 202, description = "It is asked for; `Location` says where its end will be", body = Asking),
    (status = 404, description = "There is no such contact centre or source", body = Problem),
    (status = 503, description = "The service cannot take it now", body = Problem)))]
pub(super) async fn sync(
    State(console): State<Console>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    Sent(sync): Sent<Sync>,
) -> Result<Response, Problem> {
    let Sync { centre, source, person, full, plan_only, approve, while_paused } = sync;
    let view = named(&console, centre.as_deref(), who)?;
    let source = source.map(SourceName::from);
    if source.as_ref().is_some_and(|source| !view.centre().sources().contains(source)) {
        return Err(Problem::missing("source", "see the people's sources, or leave it out for all of them"));
    }
    let blank = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
    if blank(&person) || blank(&approve) {
        let text = "`person` and `approve` are not empty";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text, "leave out what does not matter"));
    }
    let ask = Ask { rehearse: plan_only, full, source, user: person, approve, undo: None, while_paused };
    let (ticket, lines) = acts::begin(&view, ask).await?;
    let follows = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if follows.is_some_and(|accept| accept.contains("text/event-stream")) {
        return Ok(Sse::new(events(ticket, lines)).keep_alive(KeepAlive::default()).into_response());
    }
    Ok(accepted(&ticket))
}

/// The contact centre with this name, or the only one.
fn named(console: &Console, name: Option<&str>, who: Who) -> Result<View, Problem> {
    let mut all = console.rooms().keys();
    let name = match (name, all.next(), all.next()) {
        (Some(name), ..) => name,
        (None, Some(only), None) => only,
        (None, ..) => {
            let text = "there are several contact centres";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text, "name one as `centre`"));
        }
    };
    View::at(console, name, who).ok_or_else(|| Problem::missing("contact centre", "ask for /api/centres"))
}

/// The answer to a question whose end comes later.
pub(super) fn accepted(ticket: &Ticket) -> Response {
    let location = [(LOCATION, format!("/api/asked/{}", ticket.id))];
    (StatusCode::ACCEPTED, location, Json(Asking::of(ticket))).into_response()
}

/// How far a run is that was asked for here. The last 64 are remembered, until the service ends.
#[utoipa::path(get, path = "/api/asked/{id}", operation_id = "asked", tag = "sync",
    params(("id" = String, Path, description = "The number of the answer")), responses(
    (status = 200, description = "How far it is", body = Asking),
    (status = 404, description = "Nothing with this number is remembered", body = Problem)))]
pub(super) async fn asked(State(console): State<Console>, Path(id): Path<String>) -> Result<Json<Asking>, Problem> {
    let ticket = console.tickets().find(&id).ok_or_else(|| Problem::missing("question", "see the runs"))?;
    Ok(Json(Asking::of(&ticket)))
}

/// Where somebody who follows a run is.
struct Follower {
    ticket: Arc<Ticket>,
    lines: Lines,
    state: watch::Receiver<How>,
    begun: bool,
    over: bool,
}

fn events(ticket: Arc<Ticket>, lines: Lines) -> impl stream::Stream<Item = Result<Event, Infallible>> {
    let state = ticket.watch();
    let follower = Follower { ticket, lines, state, begun: false, over: false };
    stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        if !std::mem::replace(&mut self.begun, true) {
            return Some(event("asked", &Asking::of(&self.ticket)));
        }
        tokio::select! {
            biased;
            line = self.lines.recv() => match line {
                Ok(progress) => return Some(event("progress", &*progress)),
                Err(broadcast::error::RecvError::Lagged(missed)) => return Some(event("missed", &missed)),
                Err(broadcast::error::RecvError::Closed) => {}
            },
            _ = self.state.wait_for(|state| matches!(state, How::Ended(_))) => {}
        }
        self.over = true;
        Some(event("ended", &Asking::of(&self.ticket)))
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
