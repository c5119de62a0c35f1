//! Runs, what each of them changed, and taking one back.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::acts;
use super::super::runs::{self as pages, Which};
use super::Rows;
use super::problem::{Asked, At, Problem, Sent};
use super::sync::{Asking, accepted};
use crate::model::{RunSummary, Trigger};
use crate::store::{Order, Part, RunRow};

/// Some runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Runs {
    /// How many there are.
    total: u64,
    /// Newest first.
    runs: Vec<Run>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Run {
    /// Its id.
    run: String,
    /// `hand`, `schedule` or `undo`.
    trigger: &'static str,
    /// When it began.
    started: DateTime<Utc>,
    /// When it ended, if it did.
    finished: Option<DateTime<Utc>>,
    /// What it did, if it ended.
    summary: Option<Summary>,
}

/// A run in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Summary {
    /// `done`, `nothing_to_do`, `partly`, `reading`, `refused` or `failed`.
    result: String,
    /// One sentence; why it failed or was refused.
    message: String,
    /// Users.
    created: u32,
    /// Users.
    adopted: u32,
    /// Facets.
    updated: u32,
    /// Users; their facets are among `updated` too.
    suspended: u32,
    /// Users.
    deleted: u32,
    /// Changes.
    failed: u32,
    /// Changes whose effect is not known; the next run settles them.
    in_doubt: u32,
    /// People for whom somebody is needed.
    held: u32,
    /// Existing users that are still to be read before everything is decided.
    unread: u32,
    /// Requests to the directories.
    directory_requests: u32,
    /// Calls to Connect, every attempt counted.
    calls: u32,
    /// Calls that were throttled.
    throttled: u32,
    /// Milliseconds from its beginning to its end.
    millis: u64,
    /// Seconds from the change in the directory to Connect: half of the changes took no longer.
    propagation_p50_secs: Option<u64>,
    /// The same for 95 of 100.
    propagation_p95_secs: Option<u64>,
}

impl Summary {
    pub(super) fn of(summary: &RunSummary) -> Self {
        let (p50, p95) = summary.propagation_p50_p95_secs.unzip();
        Self {
            result: summary.result.clone(),
            message: summary.message.clone(),
            created: summary.created,
            adopted: summary.adopted,
            updated: summary.updated,
            suspended: summary.suspended,
            deleted: summary.deleted,
            failed: summary.failed,
            in_doubt: summary.in_doubt,
            held: summary.quarantined,
            unread: summary.unread,
            directory_requests: summary.directory_requests.values().sum(),
            calls: summary.calls.values().sum(),
            throttled: summary.throttled.values().sum(),
            millis: summary.millis,
            propagation_p50_secs: p50,
            propagation_p95_secs: p95,
        }
    }
}

impl Run {
    fn of(row: &RunRow) -> Self {
        let trigger = match row.trigger {
            Trigger::Hand => "hand",
            Trigger::Schedule => "schedule",
            Trigger::Undo => "undo",
        };
        let (started, finished) = (row.started, row.finished);
        Self { run: row.run.to_string(), trigger, started, finished, summary: row.summary.as_ref().map(Summary::of) }
    }
}

fn part(rows: Rows) -> Part {
    Part { offset: rows.offset, limit: rows.limit() }
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/centres/{centre}/runs", operation_id = "runs", tag = "runs",
    params(("centre" = String, Path, description = "Its name"), Rows), responses(
    (status = 200, description = "Runs", body = Runs),
    (status = 404, description = "There is no such contact centre", body = Problem)))]
pub(super) async fn runs(At(view): At, Asked(rows): Asked<Rows>) -> Result<Json<Runs>, Problem> {
    let (runs, total) = view.store().runs_part(part(rows)).await?;
    Ok(Json(Runs { total, runs: runs.iter().map(Run::of).collect() }))
}

/// One run.
#[utoipa::path(get, path = "/api/centres/{centre}/runs/{run}", operation_id = "run", tag = "runs",
    params(("centre" = String, Path, description = "The contact centre's name"),
           ("run" = String, Path, description = "The run's id, or its beginning")), responses(
    (status = 200, description = "The run", body = Run),
    (status = 404, description = "There is no such run", body = Problem)))]
pub(super) async fn run(At(view): At, Path(which): Path<Which>) -> Result<Json<Run>, Problem> {
    Ok(Json(Run::of(&pages::found(&view, &which).await?)))
}

/// What a run changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changes {
    /// How many there are.
    total: u64,
    /// In the order of the plan.
    changes: Vec<Changed>,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// When it was settled, in RFC 3339.
    at: String,
    /// The username, or the key where there is none.
    username: String,
    /// The source of the record.
    source: String,
    /// Its id there.
    id: String,
    /// What was done.
    what: String,
    /// The values before.
    before: String,
    /// The values after.
    after: String,
    /// Why.
    why: String,
    /// What became of it.
    outcome: String,
}

/// What a run changed, before and after.
#[utoipa::path(get, path = "/api/centres/{centre}/runs/{run}/changes", operation_id = "changes", tag = "runs",
    params(("centre" = String, Path, description = "The contact centre's name"),
           ("run" = String, Path, description = "The run's id, or its beginning"), Rows), responses(
    (status = 200, description = "Its changes", body = Changes),
    (status = 404, description = "There is no such run", body = Problem)))]
pub(super) async fn changes(
    At(view): At,
    Path(which): Path<Which>,
    Asked(rows): Asked<Rows>,
) -> Result<Json<Changes>, Problem> {
    let run = pages::found(&view, &which).await?;
    let (rows, total) = view.store().run_changes_part(run.run, None, Order::default(), part(rows)).await?;
    let changes = rows.iter().map(|(change, outcome, at)| {
        let [at, username, source, id, what, before, after, why, outcome] = pages::change_cells(change, outcome, *at);
        Changed { at, username, source, id, what, before, after, why, outcome }
    });
    Ok(Json(Changes { total, changes: changes.collect() }))
}

/// How.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    /// The digest that the guard named, if it held an earlier attempt.
    approve: Option<String>,
}

/// Takes a run back: what it wrote gets its former values.
#[utoipa::path(post, path = "/api/centres/{centre}/runs/{run}/undo", operation_id = "undo", tag = "runs", request_body = Undo,
    params(("centre" = String, Path, description = "The contact centre's name"),
           ("run" = String, Path, description = "The run's id, or its beginning")), responses(
    (status = 202, description = "It is asked for", body = Asking),
    (status = 404, description = "There is no such run", body = Problem),
    (status = 409, description = "There is nothing to take back", body = Problem)))]
pub(super) async fn undo(
    At(view): At,
    Path(which): Path<Which>,
    Sent(Undo { approve }): Sent<Undo>,
) -> Result<axum::response::Response, Problem> {
    let run = pages::found(&view, &which).await?;
    if !acts::can_be_taken_back(&run) {
        let text = "this run changed nothing that can be taken back";
        return Err(Problem::new(StatusCode::CONFLICT, text, "look at what it changed"));
    }
    let (ticket, _) = acts::begin(&view, acts::undoing(run.run, approve.unwrap_or_default())).await?;
    Ok(accepted(&ticket))
}
