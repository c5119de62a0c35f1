//! Groups: names to ids, and the memberships a delta round tells.
//!
//! Invariant: a followed group that is gone stops the pull; its members are held, never emptied out.
//! Invariant: `members@delta` tells changes: an entry is a member now, `@removed` means not any more, whatever its
//! reason says; of two entries about one membership the later one counts.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;
use uuid::Uuid;

use super::fault::Fault;
use super::graph::{Graph, Listed, Listing, Session, encode};
use super::wire::{GroupItem, Plain};
use crate::directory::{DirectoryGroup, Edge, ExternalId, Unreadable};
use crate::error::{PullError, PullErrorKind};
use crate::paging::Ending;

/// Ids in one filter of `/groups/delta`; Graph allows 50.
pub(super) const BLOCK: usize = 50;

const DELTA: &str = "GET /groups/delta";
const LOOK_UP: &str = "GET /groups";

/// What a delta round told about groups.
#[derive(Debug, Default)]
pub(super) struct GroupRound {
    /// Every group that occurred, with its name if it was told.
    pub(super) names: BTreeMap<ExternalId, Option<String>>,
    /// Whether each membership that occurred exists at the end.
    pub(super) edges: BTreeMap<Edge, bool>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl GroupRound {
    pub(super) fn take(
        &mut self,
        followed: &BTreeSet<ExternalId>,
        item: GroupItem,
        page: u32,
    ) -> Result<(), PullError> {
        let GroupItem { id, name, members, removed } = item;
        let Some(group) = id.filter(|id| !id.is_empty()).map(|id| own(followed, id)) else {
            let hint = "try again; report it if it persists";
            return Err(PullError::new(PullErrorKind::Protocol, DELTA, "a group has no id", hint));
        };
        if !followed.contains(&group) {
            return Ok(());
        }
        if removed.is_some() {
            return Err(gone(&group));
        }
        let known = self.names.entry(group.clone()).or_default();
        *known = name.or(known.take());
        for member in members.into_iter().flatten().filter(super::wire::MemberItem::may_be_user) {
            match member.id.filter(|id| !id.is_empty()) {
                Some(id) => {
                    let edge = Edge { group: group.clone(), member: id.into() };
                    self.edges.insert(edge, member.removed.is_none());
                }
                None => {
                    let why = format!("a member of group {group} has no id");
                    self.unreadable.push(Unreadable { id: None, page, why });
                }
            }
        }
        Ok(())
    }

    /// The groups for a pull.
    pub(super) fn groups(&self) -> Vec<DirectoryGroup> {
        self.names.iter().map(|(id, name)| DirectoryGroup { id: id.clone(), name: name.clone() }).collect()
    }
}

/// The followed id that this text means: an administrator may have written a GUID in other case than Graph does.
fn own(followed: &BTreeSet<ExternalId>, id: String) -> ExternalId {
    let id = ExternalId::from(id);
    if followed.contains(&id) {
        return id;
    }
    followed.iter().find(|have| have.as_str().eq_ignore_ascii_case(id.as_str())).cloned().unwrap_or(id)
}

fn gone(group: &ExternalId) -> PullError {
    PullError::new(
        PullErrorKind::NotFound,
        DELTA,
        format!("group {group} does not exist any more"),
        "restore the group, or take it out of the configuration; until then its members are held as they are",
    )
}

/// The first page of a delta chain over these groups.
pub(super) fn first_link(graph: &Graph, block: &[ExternalId]) -> Result<Url, PullError> {
    let filter: Vec<String> = block.iter().map(|id| format!("id eq '{}'", quoted(id.as_str()))).collect();
    let filter = encode(&filter.join(" or "));
    graph.url(&format!("/groups/delta?$filter={filter}&$select=id,displayName,members"))
}

/// Reads a delta chain to its end, from its first page or from a stored link.
pub(super) async fn chain(
    session: &Session<'_>,
    first: Url,
    followed: &BTreeSet<ExternalId>,
) -> Result<Listed<GroupRound>, Fault> {
    let listing = Listing { operation: DELTA, first, ending: Ending::DeltaLink, advanced: false };
    session
        .listing(&listing, Plain::<GroupItem>::new(), |round: &mut GroupRound, item, page| {
            round.take(followed, item, page)
        })
        .await
}

/// A first round over a block must show every group of it; one that does not occur does not exist.
pub(super) fn require_all(round: &GroupRound, block: &[ExternalId]) -> Result<(), PullError> {
    match block.iter().find(|id| !round.names.contains_key(*id)) {
        Some(missing) => Err(gone(missing)),
        None => Ok(()),
    }
}

/// The id each name stands for. What looks like an id is one.
pub(super) async fn resolve(
    session: &Session<'_>,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, ExternalId>, Fault> {
    let mut resolved = BTreeMap::new();
    for name in names {
        let id = resolve_one(session, &name).await?;
        resolved.insert(name, id);
    }
    Ok(resolved)
}

/// The id of one group.
pub(super) async fn resolve_one(session: &Session<'_>, name: &str) -> Result<ExternalId, Fault> {
    // Only the usual form with hyphens; a name may well be 32 hexadecimal digits.
    if name.len() == 36 && Uuid::try_parse(name).is_ok() {
        return Ok(ExternalId::from(name.to_ascii_lowercase()));
    }
    let filter = encode(&format!("displayName eq '{}'", quoted(name)));
    let first = session.graph().url(&format!("/groups?$filter={filter}&$select=id,displayName"))?;
    let listing = Listing { operation: LOOK_UP, first, ending: Ending::NoLink, advanced: false };
    let found = session
        .listing(&listing, Plain::<GroupItem>::new(), |ids: &mut Vec<String>, item, _| {
            ids.extend(item.id.filter(|id| !id.is_empty()));
            Ok(())
        })
        .await?;
    let mut ids = found.content;
    match (ids.pop(), ids.len()) {
        (Some(id), 0) => Ok(id.into()),
        (None, _) => Err(PullError::new(
            PullErrorKind::NotFound,
            LOOK_UP,
            format!("there is no group named `{name}`"),
            "check the spelling, or write the group's object id (Entra ID, Groups, Overview)",
        )
        .into()),
        (Some(_), others) => Err(PullError::new(
            PullErrorKind::Refused,
            LOOK_UP,
            format!("{} groups are named `{name}`", others + 1),
            "write the object id of the one that is meant instead of its name",
        )
        .into()),
    }
}

/// A quote inside an OData text is doubled.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// Which of the followed groups somebody is in, by the person's own side of the membership.
///
/// (Microsoft Graph, "List a user's memberships": needs no more than reading users and memberships; what is not a group is
/// told by id and type and falls out here.)
pub(super) async fn of_person(
    session: &Session<'_>,
    person: &ExternalId,
    nested: bool,
    followed: &BTreeSet<ExternalId>,
) -> Result<BTreeSet<ExternalId>, Fault> {
    let relation = if nested { "transitiveMemberOf" } else { "memberOf" };
    let operation = format!("GET /users/{{id}}/{relation}");
    let first = session.graph().url(&format!("/users/{}/{relation}?$select=id&$top=999", encode(person.as_str())))?;
    let listing = Listing { operation: &operation, first, ending: Ending::NoLink, advanced: false };
    let listed = session
        .listing(&listing, Plain::<GroupItem>::new(), |groups: &mut BTreeSet<ExternalId>, item, _| {
            groups.extend(item.id.map(ExternalId::from));
            Ok(())
        })
        .await?;
    Ok(listed.content.intersection(followed).cloned().collect())
}
