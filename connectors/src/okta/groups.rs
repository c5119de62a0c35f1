//! Groups: names to ids, their clocks, and their members.
//!
//! Okta groups do not nest. A group has two clocks: `lastUpdated` moves with its profile, `lastMembershipUpdated` with its
//! members (Okta reference, "Group").
//!
//! Invariant: a followed group that is gone stops the pull; its members are held, never emptied out.
//! Invariant: a listing of members that is shorter than the org's own count removes nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::Okta;
use super::cursor::{Followed, State, advance};
use super::fault::Fault;
use super::items::GroupItem;
use super::org::Session;
use super::people::Told;
use super::wire::{Plain, Users};
use crate::directory::{ExternalId, LastPageSeen};
use crate::error::{PullError, PullErrorKind};

/// Up to so many groups are asked for one by one; more by one filter over all groups of the org.
const ONE_BY_ONE: usize = 5;

/// People or groups a page; Okta recommends at most 200.
const PAGE: &str = "200";

const LOOK_UP: &str = "GET /api/v1/groups";
const POINT: &str = "GET /api/v1/groups/{id}";
pub(super) const MEMBERS: &str = "GET /api/v1/groups/{id}/users";

/// The name of the built-in group of everybody; a role that is limited to some groups does not see it.
const EVERYONE: &str = "Everyone";

/// A group that was asked for, with its id.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: ExternalId,
    pub(super) item: GroupItem,
}

/// The members of a group.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) told: Told,
    pub(super) proof: LastPageSeen,
    /// What the org counts, if the listing has fewer.
    pub(super) short_of: Option<u64>,
}

/// Whether a text has the form of an id of this kind (`00g` groups, `0oa` applications).
pub(super) fn looks_like_id(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix) && (15..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A text inside an expression.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn gone(group: &ExternalId, fault: Fault) -> Fault {
    if !fault.is_not_found() {
        return fault;
    }
    let hint = "restore the group, or take it out of the configuration; until then its members are held as they are";
    fault.missing(format!("group {group} does not exist, or may not be seen any more"), hint)
}

/// One group by its id, with the org's own count of members where it tells one.
pub(super) async fn get(session: &Session<'_>, id: &ExternalId) -> Result<GroupItem, Fault> {
    let url = session.org().url(&["groups", id.as_str()], &[("expand", "stats")]);
    let item = session.one(POINT, &url, Plain::<GroupItem>::new()).await?;
    if item.id.as_deref() != Some(id.as_str()) {
        let hint = "check org_url, and proxies that may answer in its place";
        return Err(PullError::new(PullErrorKind::Protocol, POINT, "the answer is about another group", hint).into());
    }
    Ok(item)
}

/// The group that each text stands for. What looks like an id is one, unless there is no such group.
pub(super) async fn resolve(session: &Session<'_>, texts: BTreeSet<&String>) -> Result<BTreeMap<String, Found>, Fault> {
    let mut resolved = BTreeMap::new();
    for text in texts {
        resolved.insert(text.clone(), resolve_one(session, text).await?);
    }
    Ok(resolved)
}

/// The group that a text stands for.
pub(super) async fn resolve_one(session: &Session<'_>, text: &str) -> Result<Found, Fault> {
    if looks_like_id(text, "00g") {
        let id = ExternalId::from(text);
        match get(session, &id).await {
            Ok(item) => return Ok(Found { id, item }),
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
    }
    let search = format!("profile.name eq {}", quoted(text));
    let url = session.org().url(&["groups"], &[("search", &search), ("expand", "stats"), ("limit", PAGE)]);
    let mut items = Vec::new();
    session.listing(LOOK_UP, url, Plain::<GroupItem>::new(), |item: GroupItem, _| items.push(item)).await?;
    // What does not have the name was not asked for: the search compares without regard to case, or not at all.
    let similar = items.iter().filter_map(GroupItem::name).find(|name| name.eq_ignore_ascii_case(text));
    let similar = similar.map(str::to_owned);
    let mut found = items.into_iter().filter(|item| item.name() == Some(text));
    match (found.next(), found.count()) {
        (Some(item), 0) => {
            let id = item.id.clone().filter(|id| !id.is_empty()).map(ExternalId::from).ok_or_else(|| {
                PullError::new(
                    PullErrorKind::Protocol,
                    LOOK_UP,
                    "a group has no id",
                    "try again; report it if it persists",
                )
            })?;
            Ok(Found { id, item })
        }
        (Some(_), others) => Err(PullError::new(
            PullErrorKind::Refused,
            LOOK_UP,
            format!("{} groups are named `{text}`", others + 1),
            "write the id of the one that is meant instead of its name (it is in the address of the group's page)",
        )
        .into()),
        (None, _) => {
            let other = similar.map(|name| format!("; there is one named `{name}`")).unwrap_or_default();
            let hint = "check the spelling, or write the group's id; a role that is limited to some groups does not see others";
            let message = format!("there is no group named `{text}`{other}");
            Err(PullError::new(PullErrorKind::NotFound, LOOK_UP, message, hint).into())
        }
    }
}

/// Whether the built-in group of everybody can be seen, which a role that is limited to some groups does not.
pub(super) async fn sees_everyone(session: &Session<'_>) -> Result<bool, Fault> {
    let url = session.org().url(&["groups"], &[("filter", "type eq \"BUILT_IN\""), ("limit", PAGE)]);
    let mut seen = false;
    let take = |item: GroupItem, _| seen |= item.kind.as_deref() == Some("BUILT_IN") && item.name() == Some(EVERYONE);
    session.listing(LOOK_UP, url, Plain::<GroupItem>::new(), take).await?;
    Ok(seen)
}

/// The followed groups that may have changed since the state, with their clocks as they are now. Moves the watermark.
pub(super) async fn clocks(session: &Session<'_>, state: &mut State) -> Result<Vec<Found>, Fault> {
    let followed = &state.followed.groups;
    let mut found = Vec::new();
    let mut newest = None;
    if followed.len() <= ONE_BY_ONE {
        for id in followed.keys() {
            let item = get(session, id).await.map_err(|fault| gone(id, fault))?;
            newest = newest.max(item.changed());
            found.push(Found { id: id.clone(), item });
        }
    } else {
        let since = state.groups_since();
        let filter = format!("lastMembershipUpdated ge \"{since}\" or lastUpdated ge \"{since}\"");
        let url = session.org().url(&["groups"], &[("filter", &filter), ("expand", "stats"), ("limit", PAGE)]);
        let take = |item: GroupItem, _| {
            newest = newest.max(item.changed());
            let id = item.id.as_deref().map(ExternalId::from);
            if let Some(id) = id.filter(|id| followed.contains_key(id)) {
                found.push(Found { id, item });
            }
        };
        session.listing(LOOK_UP, url, Plain::<GroupItem>::new(), take).await?;
    }
    let org_time = session.org_time(state.groups);
    advance(&mut state.groups, newest, org_time);
    Ok(found)
}

/// The members of a group. `count` is what the org counted before. A listing that is shorter is read once more, against a
/// fresh count.
pub(super) async fn members(
    source: &Okta,
    session: &Session<'_>,
    group: &ExternalId,
    count: Option<u64>,
    keep: bool,
) -> Result<Members, Fault> {
    let (told, proof) = list(source, session, group, keep).await?;
    if count.is_none_or(|count| told.count() >= count) {
        return Ok(Members { told, proof, short_of: None });
    }
    let fresh = get(session, group).await.map_err(|fault| gone(group, fault))?.count();
    let (told, proof) = list(source, session, group, keep).await?;
    let short_of = fresh.filter(|count| told.count() < *count);
    Ok(Members { told, proof, short_of })
}

async fn list(
    source: &Okta,
    session: &Session<'_>,
    group: &ExternalId,
    keep: bool,
) -> Result<(Told, LastPageSeen), Fault> {
    let url = session.org().url(&["groups", group.as_str(), "users"], &[("limit", PAGE)]);
    let mut told = Told::default();
    let take = |item, page| told.take(&source.statuses, item, page, |_| keep);
    let proof = session.listing(MEMBERS, url, Users(&source.fields), take).await.map_err(|fault| gone(group, fault))?;
    told.require_visible(MEMBERS)?;
    Ok((told, proof))
}

/// The followed groups that a person is in.
pub(super) async fn of_person(
    session: &Session<'_>,
    followed: &Followed,
    id: &ExternalId,
) -> Result<BTreeSet<ExternalId>, Fault> {
    let url = session.org().url(&["users", id.as_str(), "groups"], &[]);
    let mut groups = BTreeSet::new();
    let take = |item: GroupItem, _| {
        let group = item.id.as_deref().map(ExternalId::from);
        groups.extend(group.filter(|group| followed.groups.contains_key(group)));
    };
    session.listing("GET /api/v1/users/{id}/groups", url, Plain::<GroupItem>::new(), take).await?;
    Ok(groups)
}

/// What to tell about a listing that was short.
pub(super) fn short_note(group: &ExternalId, listed: u64, counted: u64) -> String {
    format!(
        "group {group} lists {listed} people where the org counts {counted}; nobody is removed from it until they agree \
         (check that the administrator role may view all its members)"
    )
}
