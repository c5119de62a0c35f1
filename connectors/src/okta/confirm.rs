//! Asking for single people by id.
//!
//! Invariant: a 404 means "gone" only where the System Log tells of the deletion; where the log cannot be read, only if the
//! role shows the built-in group of everybody.
//! Invariant: at most [`AT_ONCE`] requests are under way together; an org allows few, and others need them too.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

use super::cursor::Followed;
use super::fault::{Fault, permission};
use super::org::Session;
use super::people::{Known, read};
use super::wire::Users;
use super::{Okta, apps, groups, log};
use crate::directory::{ExternalId, Presence};
use crate::error::{PullError, PullErrorKind};

/// Requests under way together (Okta reference, "Concurrency limits": 75 for a whole org, 35 on free plans).
const AT_ONCE: usize = 4;

/// For how many people the System Log is searched in one go; its bucket is the smallest of all.
const MOST_SEARCHES: usize = 50;

const POINT: &str = "GET /api/v1/users/{id}";

/// What a point read said.
#[derive(Debug)]
pub(super) enum Point {
    Here(Known),
    /// 404. Whether that means "gone" is another question.
    Gone,
    /// Here, but not readable; why.
    Unreadable(String),
    /// This one may not be read.
    Forbidden,
}

/// What is known of one person after asking.
enum Answer {
    Settled(Presence),
    /// 404.
    NotFound,
    Forbidden,
}

/// Reads one person.
pub(super) async fn point(source: &Okta, session: &Session<'_>, id: &ExternalId) -> Result<Point, Fault> {
    let url = session.org().url(&["users", id.as_str()], &[]);
    match session.one(POINT, &url, Users(&source.fields)).await {
        Ok(item) => about(id, POINT, item.id.as_ref()).map(|()| match read(&source.statuses, item) {
            Ok(known) => Point::Here(known),
            Err(spoilt) => Point::Unreadable(spoilt.why),
        }),
        Err(fault) if fault.is_not_found() => Ok(Point::Gone),
        Err(fault) if fault.is_forbidden() => Ok(Point::Forbidden),
        Err(fault) => Err(fault),
    }
}

/// An answer about somebody else is none.
fn about(id: &ExternalId, operation: &str, told: Option<&ExternalId>) -> Result<(), Fault> {
    if told.is_some_and(|told| told != id) {
        let hint = "try again; report it if it persists";
        return Err(
            PullError::new(PullErrorKind::Protocol, operation, "the answer is about somebody else", hint).into()
        );
    }
    Ok(())
}

/// Asks for these people.
pub(super) async fn confirm(
    source: &Okta,
    session: &Session<'_>,
    followed: &Followed,
    ids: &[ExternalId],
    at: DateTime<Utc>,
) -> Result<BTreeMap<ExternalId, Presence>, Fault> {
    let ids: Vec<ExternalId> = ids.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeMap::new();
    let (mut missing, mut hidden) = (Vec::new(), Vec::new());
    for block in ids.chunks(AT_ONCE) {
        let answers = try_join_all(block.iter().map(|id| ask(source, session, followed, id))).await?;
        for (id, answer) in block.iter().zip(answers) {
            match answer {
                Answer::Settled(presence) => {
                    found.insert(id.clone(), presence);
                }
                Answer::NotFound => missing.push(id.clone()),
                Answer::Forbidden => hidden.push(id.clone()),
            }
        }
    }
    if missing.is_empty() && hidden.is_empty() {
        return Ok(found);
    }
    let sees_everyone = groups::sees_everyone(session).await?;
    if sees_everyone && !hidden.is_empty() {
        let message = "a person may not be read";
        return Err(PullError::new(PullErrorKind::Forbidden, POINT, message, permission(POINT)).into());
    }
    for id in hidden {
        found.insert(id, Presence::Unproven("the administrator role does not allow to read this person".to_owned()));
    }
    for (at_most, id) in missing.into_iter().enumerate() {
        // A role may show the group Everyone and yet not every person: the log's word goes before the sign of the role.
        let told = if at_most < MOST_SEARCHES { log::tells_deleted(session, &id, at).await? } else { Some(false) };
        let presence = match told {
            Some(true) => Presence::Gone,
            None if sees_everyone => Presence::Gone,
            Some(false) => Presence::Unproven(
                "not found, but the System Log tells of no deletion so far: the administrator role may be limited"
                    .to_owned(),
            ),
            None => Presence::Unproven(
                "not found, but the administrator role is limited and the System Log cannot be read".to_owned(),
            ),
        };
        found.insert(id, presence);
    }
    Ok(found)
}

async fn ask(source: &Okta, session: &Session<'_>, followed: &Followed, id: &ExternalId) -> Result<Answer, Fault> {
    let mut groups = BTreeSet::new();
    let mut here = None;
    if let Some(app) = &followed.app
        && let Some(item) = apps::assignment(source, session, &app.id, id).await?
    {
        about(id, apps::ASSIGNED, item.id.as_ref())?;
        groups.insert(app.id.clone());
        here = Some(match read(&source.statuses, item) {
            Ok(known) => Point::Here(known),
            Err(spoilt) => Point::Unreadable(spoilt.why),
        });
    }
    let point = match here {
        Some(point) => point,
        None => point(source, session, id).await?,
    };
    let record = match point {
        Point::Here(known) => known.record,
        Point::Unreadable(why) => {
            return Ok(Answer::Settled(Presence::Unreadable(why)));
        }
        Point::Gone => return Ok(Answer::NotFound),
        Point::Forbidden => return Ok(Answer::Forbidden),
    };
    if followed.scope_groups().is_none() {
        return Ok(Answer::Settled(Presence::Here { record, groups: None }));
    }
    if !followed.groups.is_empty() {
        match groups::of_person(session, followed, id).await {
            Ok(more) => groups.extend(more),
            Err(fault) if fault.is_not_found() => return Ok(Answer::NotFound),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Answer::Settled(Presence::Here { record, groups: Some(groups) }))
}
