//! How contact centres stand; a pause, and its end.

use axum::extract::State;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::gate::Who;
use super::super::index::Is;
use super::super::live::Strip;
use super::super::view::View;
use super::super::{Console, acts};
use super::problem::{At, Problem, Sent};
use crate::serve::{LastRun, Phase, Standing};

/// A contact centre.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Centre {
    /// Its name; a part of every address.
    name: String,
    /// What it is doing: `starting`, `waiting`, `running`, `down` or `stopping`; absent without a service.
    phase: Option<&'static str>,
    /// The same for people.
    now: Strip,
    /// Whether it is kept in agreement, or somebody wanted that it is not.
    ready: bool,
    /// What is not well, as words, the gravest first.
    reasons: Vec<String>,
    /// The switch of the configuration file.
    enabled: bool,
    /// Since when it is paused, if it is.
    paused_since: Option<DateTime<Utc>>,
    /// When the pause ends by itself.
    paused_until: Option<DateTime<Utc>>,
    /// When the next tick of the schedule is due.
    next: Option<DateTime<Utc>>,
    /// When a run last succeeded, wholly or in part.
    succeeded: Option<DateTime<Utc>>,
    /// How the last run ended: `done`, `nothing_to_do`, `partly`, `reading`, `refused`, `failed` or `abandoned`.
    last_result: Option<String>,
    /// When.
    last_at: Option<DateTime<Utc>>,
    /// People in agreement; absent before the first look.
    in_agreement: Option<u32>,
    /// People for whom somebody is needed.
    held: Option<u32>,
    /// The digest of the plan that waits for an approval.
    waits_for_approval: Option<String>,
}

async fn told(view: &View) -> Result<Centre, Problem> {
    let service = view.centre().service.as_ref();
    let standing = service.map(crate::serve::Handle::standing);
    let health = service.map(crate::serve::Handle::health);
    let known = view.known().await.ok();
    let held = view.store().held().await?;
    let reasons = health.iter().flat_map(|health| &health.reasons).map(|reason| reason.word().to_owned()).collect();
    let of = |is| known.as_ref().map(|known| known.index.count(is));
    let last: Option<&LastRun> = standing.as_ref().and_then(|standing| standing.last.as_ref());
    let paused = standing.as_ref().and_then(|standing| standing.paused);
    Ok(Centre {
        name: view.name().to_owned(),
        phase: standing.as_ref().map(phase),
        now: standing.as_ref().map(|standing| Strip::of(standing, view.now)).unwrap_or_default(),
        ready: health.as_ref().is_none_or(|health| health.ready),
        reasons,
        enabled: standing.as_ref().is_none_or(|standing| standing.enabled),
        paused_since: paused.map(|pause| pause.since),
        paused_until: paused.and_then(|pause| pause.until),
        next: standing.as_ref().and_then(|standing| standing.next),
        succeeded: standing.as_ref().and_then(|standing| standing.succeeded),
        last_result: last.map(|last| last.result.clone()),
        last_at: last.map(|last| last.at),
        in_agreement: of(Is::InAgreement),
        held: of(Is::Held),
        waits_for_approval: held.map(|held| held.digest),
    })
}

fn phase(standing: &Standing) -> &'static str {
    match standing.phase {
        Phase::Starting => "starting",
        Phase::Waiting => "waiting",
        Phase::Running(_) => "running",
        Phase::Down { .. } => "down",
        Phase::Stopping => "stopping",
    }
}

/// Every contact centre of this process.
#[utoipa::path(get, path = "/api/centres", operation_id = "centres", tag = "centres", responses(
    (status = 200, description = "How they stand", body = Vec<Centre>),
    (status = 401, description = "Nobody is signed in", body = Problem)))]
pub(super) async fn all(
    State(console): State<Console>,
    Extension(who): Extension<Who>,
) -> Result<Json<Vec<Centre>>, Problem> {
    let mut all = Vec::new();
    for name in console.rooms().keys() {
        if let Some(view) = View::at(&console, name, who.clone()) {
            all.push(told(&view).await?);
        }
    }
    Ok(Json(all))
}

/// One contact centre.
#[utoipa::path(get, path = "/api/centres/{centre}", operation_id = "centre", tag = "centres",
    params(("centre" = String, Path, description = "Its name")), responses(
    (status = 200, description = "How it stands", body = Centre),
    (status = 404, description = "There is no such contact centre", body = Problem)))]
pub(super) async fn one(At(view): At) -> Result<Json<Centre>, Problem> {
    Ok(Json(told(&view).await?))
}

/// How long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pausing {
    /// Hours, at most 744; absent: until somebody ends it.
    #[schema(minimum = 1, maximum = 744)]
    hours: Option<u64>,
}

/// Nothing runs by the clock from now on.
///
/// A run that is going on goes on to its end.
#[utoipa::path(post, path = "/api/centres/{centre}/pause", operation_id = "pause", tag = "centres", request_body = Pausing,
    params(("centre" = String, Path, description = "Its name")), responses(
    (status = 200, description = "It is paused", body = Centre),
    (status = 503, description = "No service runs", body = Problem)))]
pub(super) async fn pause(At(view): At, Sent(Pausing { hours }): Sent<Pausing>) -> Result<Json<Centre>, Problem> {
    acts::paused(&view, hours).await?;
    Ok(Json(told(&view).await?))
}

/// Ends a pause. What was missed meanwhile is made up for by one run, now.
#[utoipa::path(post, path = "/api/centres/{centre}/resume", operation_id = "resume", tag = "centres",
    params(("centre" = String, Path, description = "Its name")), responses(
    (status = 200, description = "It goes on", body = Centre),
    (status = 503, description = "No service runs", body = Problem)))]
pub(super) async fn resume(At(view): At) -> Result<Json<Centre>, Problem> {
    acts::resumed(&view).await?;
    Ok(Json(told(&view).await?))
}
