//! The plan that would be made now, person by person, and letting a held one through.

#![expect(unused_qualifications, reason = "written by the macro that describes an address")]

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::approve;
use super::super::plan::groups;
use super::limit;
use super::problem::{Asked, At, Problem, Sent};
use crate::planner::fate;

/// Which part of the plan.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Words that all must occur in who or what is meant.
    #[serde(default)]
    q: String,
    /// Only this group: `leaves`, `privilege`, `changes`, `renames`, `adoptions`, `joins` or `held`.
    group: Option<String>,
    /// Rows that are left out before the first one.
    #[serde(default)]
    offset: u32,
    /// Rows at most; 100 unless said, and not more than 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plan {
    /// What it was made from: the state of this moment.
    at: DateTime<Utc>,
    /// What an approval of it would name; absent while the plan grows by itself.
    digest: Option<String>,
    /// Calls and time, for people.
    forecast: String,
    /// Why the guard would hold it, if it would.
    refused: Option<Refused>,
    /// Why the guard cannot weigh it yet, if that is so.
    not_yet: Option<Reading>,
    /// People by consequence.
    groups: Vec<Counted>,
    /// Rows in all that are meant.
    total: u64,
    /// The rows.
    people: Vec<PersonInPlan>,
}

/// Why the guard holds a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// In a sentence.
    message: String,
    /// In numbers.
    why: Vec<String>,
    /// One thing to do.
    hint: String,
    /// Whether an approval would let it through.
    approvable: bool,
}

/// Existing users are being read: nobody is asked about the plan before all of them are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reading {
    /// In a sentence.
    message: String,
    /// Existing users that are read.
    read: u32,
    /// Existing users.
    existing: u32,
    /// Seconds that the others take at the least.
    least_secs: u64,
}

/// A consequence.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counted {
    /// Its name, as it is asked for.
    group: &'static str,
    /// People.
    people: u64,
    /// One line about all of them.
    summed: String,
}

/// One person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonInPlan {
    /// The consequence.
    group: &'static str,
    /// The username, or the key where there is none.
    username: String,
    /// The source of the record.
    source: Option<String>,
    /// Its id there.
    id: Option<String>,
    /// What happens.
    what: String,
    /// Before and after.
    detail: String,
    /// Why.
    why: String,
}

/// The plan that the next run would make, over what is stored.
#[utoipa::path(get, path = "/api/centres/{centre}/plan", operation_id = "plan", tag = "plan",
    params(("centre" = String, Path, description = "Its name"), Wanted), responses(
    (status = 200, description = "The plan", body = Plan),
    (status = 503, description = "Nobody has looked yet", body = Problem)))]
pub(super) async fn plan(At(view): At, Asked(wanted): Asked<Wanted>) -> Result<Json<Plan>, Problem> {
    let known = view.known().await?;
    let mut groups = groups(&known, &wanted.q);
    let counted = groups.iter().map(|group| Counted {
        group: group.name,
        people: group.members.len() as u64,
        summed: group.summed.clone(),
    });
    let counted = counted.collect();
    if let Some(name) = &wanted.group {
        groups.retain(|group| group.name == name);
    }
    let total = groups.iter().map(|group| group.members.len() as u64).sum();
    let members = groups.iter().flat_map(|group| group.members.iter().map(move |member| (group.name, member)));
    let shown = members.skip(wanted.offset as usize).take(limit(wanted.limit) as usize);
    let people = shown.map(|(group, member)| {
        let (person, [username, what, detail, why]) = member.told(&view);
        let (source, id) = person.map(|person| (person.source.to_string(), person.id.to_string())).unzip();
        PersonInPlan { group, username, source, id, what, detail, why }
    });
    let refused = known.refusal.as_ref().map(|refusal| Refused {
        message: refusal.message.clone(),
        why: refusal.why.clone(),
        hint: refusal.hint.clone(),
        approvable: refusal.approvable,
    });
    let not_yet = known.not_yet.as_ref().map(|not_yet| Reading {
        message: not_yet.message.clone(),
        read: not_yet.read,
        existing: not_yet.existing,
        least_secs: not_yet.least_millis.div_ceil(1_000),
    });
    let (at, forecast) = (known.plan.at, fate::forecast(&known.plan));
    let digest = not_yet.is_none().then(|| known.digest.clone());
    Ok(Json(Plan { at, digest, forecast, refused, not_yet, groups: counted, total, people: people.collect() }))
}

/// Which plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// The digest of the plan that is held.
    digest: String,
}

/// What was approved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Approved {
    /// Exactly the plan with this digest goes through once, with the next run.
    digest: String,
}

/// Lets exactly the held plan through, once.
#[utoipa::path(post, path = "/api/centres/{centre}/approve", operation_id = "approve", tag = "plan", request_body = Approval,
    params(("centre" = String, Path, description = "Its name")), responses(
    (status = 200, description = "It is approved", body = Approved),
    (status = 409, description = "Another plan is held, or none", body = Problem)))]
pub(super) async fn approve(
    At(view): At,
    Sent(Approval { digest }): Sent<Approval>,
) -> Result<Json<Approved>, Problem> {
    let held = view.store().held().await?;
    if held.is_none_or(|held| held.digest != digest) {
        let text = "that plan is not held; nothing was approved";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            text,
            "ask which one is: waits_for_approval of the contact centre",
        ));
    }
    approve::give(&view, &digest).await?;
    Ok(Json(Approved { digest }))
}
