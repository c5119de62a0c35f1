//! The System Log: the only place that tells hard deletes, and an early hint that a group has changed.
//!
//! Polling form: Okta reference, "List all System Log events": ascending order without `until`; events come in the order
//! they were stored, and there is always a next link. A page that is not full means that we have caught up.
//!
//! Invariant: the log is never the record of truth. What it says leads to a read; what it does not say proves nothing.
//! Invariant: a log that may not be read, or fails, costs its hints and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::cursor::{earlier, stamp};
use super::fault::Fault;
use super::groups::quoted;
use super::items::LogEvent;
use super::org::{Page, Session};
use super::wire::Plain;
use crate::directory::ExternalId;

pub(super) const LOGS: &str = "GET /api/v1/logs";

const DELETED: &str = "user.lifecycle.delete.completed";

/// Events that say something about a group's members, or its end.
const OF_GROUPS: &[&str] = &["group.user_membership.add", "group.user_membership.remove", "group.lifecycle.delete"];

/// Events a page; the maximum.
const PAGE: usize = 1_000;

/// Pages of one poll; what is beyond them comes with the next one.
const MOST_PAGES: u32 = 20;

/// How far a poll goes back when the stored link is no longer good: events may be stored late.
const BACK: TimeDelta = TimeDelta::hours(1);

/// The log is never asked for what is older: a base of that age is not gone on from.
const OLDEST: TimeDelta = TimeDelta::days(8);

/// How many events are remembered against being read twice.
const MOST_REMEMBERED: usize = 500;

const FORBIDDEN: &str = "it is not permitted";

/// How long the org keeps its log (Okta reference, "System Log", retention).
const RETENTION: TimeDelta = TimeDelta::days(89);

/// Where the log is read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogMark {
    link: String,
    /// The latest time of an event that was seen.
    last: Option<DateTime<Utc>>,
    /// Events of the last hour, by their id.
    seen: BTreeMap<String, DateTime<Utc>>,
}

/// What the log hints at.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// People who were deleted.
    pub(super) deleted: BTreeSet<ExternalId>,
    /// Groups whose members changed, with the latest time.
    pub(super) groups: BTreeMap<ExternalId, DateTime<Utc>>,
    pub(super) note: Option<String>,
}

fn polling(session: &Session<'_>, since: DateTime<Utc>) -> Url {
    let types: Vec<String> =
        std::iter::once(&DELETED).chain(OF_GROUPS).map(|kind| format!("eventType eq {}", quoted(kind))).collect();
    let (since, filter, limit) = (stamp(since), types.join(" or "), PAGE.to_string());
    session
        .org()
        .url(&["logs"], &[("since", &since), ("filter", &filter), ("sortOrder", "ASCENDING"), ("limit", &limit)])
}

fn without(why: &str) -> String {
    format!(
        "the System Log is not read ({why}); people who are deleted for good are noticed at the next full pull only \
         (grant okta.logs.read, or give the token's owner a role that may view the log)"
    )
}

fn not_now(why: &str) -> String {
    format!("the System Log was not read this time ({why}); it is read on from the same place by the next pull")
}

/// Where to read on from now, or why not. Asks once, to know whether the log may be read; what it says now is said again
/// later.
pub(super) async fn open(
    session: &Session<'_>,
    ours: DateTime<Utc>,
) -> Result<(Option<LogMark>, Option<String>), Fault> {
    const NOT_GRANTED: &str = "the scope is not granted";
    if session.org().is_without_logs() {
        return Ok((None, Some(without(NOT_GRANTED))));
    }
    let back = |time: DateTime<Utc>| time.checked_sub_signed(BACK).unwrap_or(time);
    let since = session.org().pace().org_time().map_or_else(|| back(ours), earlier);
    let asked = session.page(LOGS, &polling(session, since), Plain::<LogEvent>::new()).await;
    if session.org().is_without_logs() {
        return Ok((None, Some(without(NOT_GRANTED))));
    }
    let note = match asked {
        Ok(_) => None,
        Err(fault) if fault.is_forbidden() => return Ok((None, Some(without(FORBIDDEN)))),
        Err(fault) if fault.is_passing() || fault.is_dead_link() => Some(not_now(fault.in_words())),
        Err(fault) => return Err(fault),
    };
    let link = polling(session, earlier(session.org_time(ours))).into();
    Ok((Some(LogMark { link, last: None, seen: BTreeMap::new() }), note))
}

/// Reads on. `None` in the mark afterwards means that the log may not be read any more.
pub(super) async fn follow(
    session: &Session<'_>,
    mark: &mut Option<LogMark>,
    ours: DateTime<Utc>,
) -> Result<Hints, Fault> {
    let mut hints = Hints::default();
    let Some(log) = mark else { return Ok(hints) };
    let mut restarted = false;
    for _ in 0..MOST_PAGES {
        if session.org().is_without_logs() {
            hints.note = Some(without("the scope is not granted"));
            *mark = None;
            return Ok(hints);
        }
        let asked = match Url::parse(&log.link) {
            Ok(url) => session.page(LOGS, &url, Plain::<LogEvent>::new()).await,
            Err(_) => {
                log.link = polling(session, log.since(session.org_time(ours))).into();
                continue;
            }
        };
        match asked {
            Ok(Page { items, next }) => {
                let full = items.len() >= PAGE;
                items.iter().for_each(|event| log.take(event, &mut hints));
                match next.filter(|next| *next != log.link) {
                    Some(next) => log.link = next,
                    None => break,
                }
                if !full {
                    break;
                }
            }
            Err(fault) if fault.is_forbidden() => {
                hints.note = Some(without(FORBIDDEN));
                *mark = None;
                return Ok(hints);
            }
            Err(fault) if fault.is_dead_link() && !restarted => {
                tracing::debug!("the System Log's stored link is no longer good; it is read again from a while back");
                restarted = true;
                log.link = polling(session, log.since(session.org_time(ours))).into();
            }
            Err(fault) if fault.is_dead_link() || fault.is_passing() => {
                hints.note = Some(not_now(fault.in_words()));
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    log.forget();
    Ok(hints)
}

impl LogMark {
    /// From when on to read when the link is lost.
    fn since(&self, org_time: DateTime<Utc>) -> DateTime<Utc> {
        let oldest = org_time.checked_sub_signed(OLDEST).unwrap_or(org_time);
        let last = self.last.unwrap_or(org_time).min(org_time);
        last.checked_sub_signed(BACK).unwrap_or(last).max(oldest)
    }

    fn take(&mut self, event: &LogEvent, hints: &mut Hints) {
        let Some(published) = event.published() else { return };
        self.last = self.last.max(Some(published));
        if self.seen.insert(event.uuid.clone(), published).is_some() || !event.succeeded() {
            return;
        }
        if event.event_type == DELETED {
            hints.deleted.extend(event.targets("User").map(ExternalId::from));
        } else if OF_GROUPS.contains(&event.event_type.as_str()) {
            for group in event.targets("UserGroup").map(ExternalId::from) {
                let latest = hints.groups.entry(group).or_insert(published);
                *latest = published.max(*latest);
            }
        }
    }

    /// Keeps what a restart may read again.
    fn forget(&mut self) {
        if let Some(oldest) = self.last.and_then(|last| last.checked_sub_signed(BACK)) {
            self.seen.retain(|_, published| *published >= oldest);
        }
        if self.seen.len() > MOST_REMEMBERED {
            let mut by_time: Vec<(DateTime<Utc>, String)> =
                std::mem::take(&mut self.seen).into_iter().map(|(uuid, published)| (published, uuid)).collect();
            by_time.sort_unstable();
            let newest = by_time.into_iter().rev().take(MOST_REMEMBERED);
            self.seen = newest.map(|(published, uuid)| (uuid, published)).collect();
        }
    }
}

/// Whether the log tells that a person was deleted for good; `None` if it cannot be read.
pub(super) async fn tells_deleted(
    session: &Session<'_>,
    id: &ExternalId,
    ours: DateTime<Utc>,
) -> Result<Option<bool>, Fault> {
    if session.org().is_without_logs() {
        return Ok(None);
    }
    let now = session.org_time(ours);
    let since = stamp(now.checked_sub_signed(RETENTION).unwrap_or(now));
    let filter = format!("eventType eq {} and target.id eq {}", quoted(DELETED), quoted(id.as_str()));
    let url = session
        .org()
        .url(&["logs"], &[("since", &since), ("until", &stamp(now)), ("filter", &filter), ("limit", "100")]);
    match session.page(LOGS, &url, Plain::<LogEvent>::new()).await {
        Ok(page) => Ok(Some(page.items.iter().any(|event| {
            // The filter may have been ignored.
            event.event_type == DELETED
                && event.succeeded()
                && event.targets("User").any(|target| target == id.as_str())
        }))),
        Err(fault) if fault.is_forbidden() || fault.is_dead_link() => Ok(None),
        // It may be read and does not answer now: that is no leave to do without its word.
        Err(fault) if fault.is_passing() => Ok(Some(false)),
        Err(fault) => Err(fault),
    }
}
