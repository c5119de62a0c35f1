//! The groups of the configuration: names to ids, and their members as the server lists them.
//!
//! Three ways, by what the server shows and what it costs: one listing of all groups with their members; the listing for
//! the names and then each group alone; or, where groups are many and `displayName eq` was shown to work, one request a
//! name and one a group.
//!
//! Invariant: a name that no group or more than one group has is an error.
//! Invariant: a listing that is not whole finds ids, not names: another group may have the same one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Scim;
use super::config::MembershipFrom;
use super::cursor::Learned;
use super::fault::{Fault, not_a_resource};
use super::group::{GroupItem, MemberRef};
use super::grouping::{Groups, ReadGroups};
use super::listing::{Listed, Listing, Reader, fetch, list};
use super::members::{is_group, is_suspicious};
use super::server::{Query, Session};
use super::users::how;
use super::wire::{Item, one_group};
use crate::directory::{ExternalId, LastPageSeen};
use crate::error::{PullError, PullErrorKind};
use crate::paging::{Ending, Links, Turn, Walker};

/// Groups that are expanded at most, nested ones included.
const MOST_NESTED: usize = 10_000;

/// One followed group.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) name: Option<String>,
    /// `None` if the server shows none.
    pub(super) members: Option<Vec<MemberRef>>,
    pub(super) tag: Option<String>,
}

/// What was found out about groups.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The names of the configuration that became ids.
    pub(super) ids: BTreeMap<String, ExternalId>,
    pub(super) followed: BTreeMap<ExternalId, Followed>,
    /// Other groups whose members were seen.
    others: BTreeMap<ExternalId, Followed>,
    /// Every group that was seen.
    pub(super) all: HashSet<ExternalId>,
    pub(super) longest: usize,
    /// Names that only the users' `groups` can tell, as groups cannot be listed.
    pub(super) unnamed: BTreeSet<String>,
    pub(super) proofs: Vec<LastPageSeen>,
    pub(super) lists_members: Option<bool>,
}

/// `GET /Groups/{id}`, with the path the server has.
pub(super) fn operation_of(path: &str) -> String {
    format!("GET /{path}/{{id}}")
}

/// The evidence that one whole answer gives about itself.
pub(super) fn answered(url: url::Url) -> LastPageSeen {
    match Walker::new(url, Ending::NoLink, 1).turn(Links::default()) {
        Ok(Turn::Done(end)) => end.proof,
        Ok(Turn::More(_)) | Err(_) => unreachable!("a page without links is the last one"),
    }
}

/// Reads everything the configuration names.
pub(super) async fn find(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    wanted: &BTreeSet<String>,
) -> Result<Found, Fault> {
    let config = source.config();
    let mut found = Found::default();
    if wanted.is_empty() {
        return Ok(found);
    }
    let with_members = config.membership != MembershipFrom::UserGroups;
    let listed = listing(source, session, learned, wanted, with_members).await;
    match listed {
        Ok(Listed::Whole { content, proof, .. }) => {
            found.proofs.push(proof);
            found.take(wanted, content, true)?;
        }
        Ok(Listed::Moving { content, .. }) => {
            let why = "groups came and went meanwhile";
            in_part(session, learned, &mut found, wanted, content, why).await?;
        }
        Ok(Listed::Part { content, why, .. }) => {
            in_part(session, learned, &mut found, wanted, content, &why).await?;
        }
        Ok(Listed::Stopped) => {
            if !by_filter(session, learned, wanted, &mut found).await? {
                let all = listing_of(source, session, learned, wanted, with_members, false).await?;
                match all {
                    Listed::Whole { content, proof, .. } => {
                        found.proofs.push(proof);
                        found.take(wanted, content, true)?;
                    }
                    Listed::Moving { .. } | Listed::Part { .. } | Listed::Stopped => return Err(not_whole().into()),
                }
            }
        }
        Err(fault) if fault.is_closed() && config.membership != MembershipFrom::GroupMembers => {
            found.unnamed.clone_from(wanted);
            return Ok(found);
        }
        Err(fault) => return Err(fault),
    }
    if with_members {
        found.complete(source, session, learned).await?;
    }
    Ok(found)
}

/// Of a listing that may lack a group ids can be used, and names that a filter finds: a part does not tell whether a name is
/// another group's as well.
async fn in_part(
    session: &Session<'_>,
    learned: &Learned,
    found: &mut Found,
    wanted: &BTreeSet<String>,
    groups: Groups,
    why: &str,
) -> Result<(), Fault> {
    found.take(wanted, groups, false)?;
    let unnamed: BTreeSet<String> = wanted.iter().filter(|name| !found.ids.contains_key(*name)).cloned().collect();
    if let Some(name) = unnamed.first()
        && !by_filter(session, learned, &unnamed, found).await?
    {
        let message = format!("what is called `{name}` is not known: the listing of groups is not whole: {why}");
        let hint = "name the group by its id";
        return Err(PullError::new(PullErrorKind::Implausible, "GET /Groups", message, hint).into());
    }
    Ok(())
}

fn not_whole() -> PullError {
    let hint = "name the groups by their ids";
    PullError::new(PullErrorKind::Implausible, "GET /Groups", "the listing of groups is not whole", hint)
}

async fn listing(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    wanted: &BTreeSet<String>,
    with_members: bool,
) -> Result<Listed<Groups>, Fault> {
    match listing_of(source, session, learned, wanted, with_members, true).await {
        // Member lists make pages heavy; without them the list may fit.
        Err(fault) if with_members && fault.is_too_much() => {
            listing_of(source, session, learned, wanted, false, true).await
        }
        other => other,
    }
}

async fn listing_of(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    wanted: &BTreeSet<String>,
    with_members: bool,
    may_stop: bool,
) -> Result<Listed<Groups>, Fault> {
    let mut query = Query::new();
    if !with_members || learned.lists_members == Some(false) {
        query.push(("excludedAttributes", "members".to_owned()));
    }
    let each = 2 * u64::try_from(wanted.len()).unwrap_or(u64::MAX);
    let stop = |total: u64, received: u64| received > 0 && total / received > each.saturating_add(2);
    let operation = format!("GET /{}", learned.groups_path);
    let reader = ReadGroups { wanted, all_members: source.config().nested };
    let how = how(source.config(), learned);
    let mut listing = Listing { operation: &operation, path: &learned.groups_path, query, how, stop: None };
    if may_stop {
        listing.stop = Some(&stop);
    }
    match list(session, &listing, &reader).await {
        Err(fault) if fault.is_refusal() && !listing.query.is_empty() => {
            listing.query.clear();
            list(session, &listing, &reader).await
        }
        other => other,
    }
}

/// Asks for each name. Whether the filter works is shown by a name that no group can have. `false` if it does not.
async fn by_filter(
    session: &Session<'_>,
    learned: &Learned,
    wanted: &BTreeSet<String>,
    found: &mut Found,
) -> Result<bool, Fault> {
    let operation = format!("GET /{}", learned.groups_path);
    let reader = ReadGroups { wanted, all_members: false };
    let ask = async |name: &str| {
        let quoted = serde_json::Value::from(name).to_string();
        let query = [("count", "10".to_owned()), ("filter", format!("displayName eq {quoted}"))];
        fetch(session, &operation, &learned.groups_path, &query, &reader).await
    };
    match ask("rollcall: no group has this name").await {
        Ok(page) if page.resources.is_empty() => {}
        Ok(_) => return Ok(false),
        Err(fault) if fault.is_refusal() => return Ok(false),
        Err(fault) => return Err(fault),
    }
    for name in wanted {
        let mut groups = Groups::default();
        for item in ask(name).await?.resources {
            if let Item::Read(group) = item {
                reader.take(&mut groups, group, 1);
            }
        }
        if groups.items.is_empty() {
            let id = ExternalId::from(name.as_str());
            match single(session, learned, &id).await {
                Ok(group) => {
                    groups.items.insert(id, group);
                }
                Err(fault) if fault.is_refusal() => return Err(unknown(name).into()),
                Err(fault) => return Err(fault),
            }
        }
        found.take(&BTreeSet::from([name.clone()]), groups, true)?;
    }
    Ok(true)
}

/// One group, whole.
pub(super) async fn single(session: &Session<'_>, learned: &Learned, id: &ExternalId) -> Result<GroupItem, Fault> {
    let operation = operation_of(&learned.groups_path);
    let url = session.url_of(&learned.groups_path, id, &[])?;
    let answer = session.get(&operation, &url).await?;
    read_group(&operation, id, &answer).map_err(Fault::from)
}

/// A group from an answer about it; its tag is the header's, or else `meta.version`.
pub(super) fn read_group(
    operation: &str,
    id: &ExternalId,
    answer: &crate::http::Answer,
) -> Result<GroupItem, PullError> {
    let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    match one_group(&answer.body).map_err(|error| not_a_resource(operation, answer, &error))? {
        Item::Read(group) if group.id == *id => {
            let version = tag.or_else(|| group.version.clone().filter(|version| version.contains('"')));
            Ok(GroupItem { version, ..group })
        }
        Item::Read(_) => {
            let hint = "try again; report it to the server's administrator if it persists";
            Err(PullError::new(PullErrorKind::Protocol, operation, "the answer is about another group", hint))
        }
        Item::Unreadable { why, .. } => {
            let hint = "look at this group on the server";
            Err(PullError::new(PullErrorKind::Protocol, operation, format!("group {id} cannot be read: {why}"), hint))
        }
    }
}

fn unknown(name: &str) -> PullError {
    let hint = "check the name, or use the group's id; the credential may not be allowed to see it";
    PullError::new(PullErrorKind::NotFound, "GET /Groups", format!("no group is called `{name}`"), hint)
}

impl Found {
    /// Finds the names among these groups. `whole` says that there are no others.
    fn take(&mut self, wanted: &BTreeSet<String>, groups: Groups, whole: bool) -> Result<(), PullError> {
        let Groups { mut items, longest, spoilt } = groups;
        self.longest = self.longest.max(longest);
        self.all.extend(items.keys().cloned());
        if longest > 0 {
            self.lists_members = Some(true);
        }
        for name in wanted {
            let Some(id) = one_called(&items, name, whole)? else { continue };
            self.ids.insert(name.clone(), id);
        }
        if whole && let Some(name) = wanted.iter().find(|name| !self.ids.contains_key(*name)) {
            if spoilt.is_empty() {
                return Err(unknown(name));
            }
            let message =
                format!("no readable group is called `{name}`, and {} groups could not be read", spoilt.len());
            return Err(PullError::new(PullErrorKind::Protocol, "GET /Groups", message, "name the group by its id"));
        }
        for id in self.ids.values() {
            if let Some(GroupItem { name, members, version, .. }) = items.remove(id) {
                let tag = version.filter(|version| version.contains('"'));
                self.followed.insert(id.clone(), Followed { name, members, tag });
            }
        }
        // The lists of other groups, for nesting.
        for (id, item) in items.into_iter().filter(|(_, item)| item.members.is_some()) {
            let Followed { members, .. } = self.others.entry(id).or_default();
            *members = item.members;
        }
        Ok(())
    }

    /// Reads each group alone of which the list does not show the members, or perhaps not all, and expands nested ones.
    async fn complete(&mut self, source: &Scim, session: &Session<'_>, learned: &Learned) -> Result<(), Fault> {
        let mut told = false;
        for (id, group) in &mut self.followed {
            let length = group.members.as_ref().map_or(0, Vec::len);
            if length > 0 && !is_suspicious(length) {
                continue;
            }
            match single(session, learned, id).await {
                Ok(item) => {
                    let better = item.members.as_ref().map_or(0, Vec::len) >= length;
                    told |= length == 0 && item.members.as_ref().is_some_and(|members| !members.is_empty());
                    if better {
                        group.members = item.members.or(group.members.take());
                    }
                    group.tag = item.version;
                }
                // The list knows this group; a server without single reads says that it does not.
                Err(fault) if matches!(fault.status(), Some(404 | 405 | 501)) => {}
                Err(fault) => return Err(fault),
            }
            self.longest = self.longest.max(group.members.as_ref().map_or(0, Vec::len));
        }
        if told && self.lists_members.is_none() {
            self.lists_members = Some(false);
        }
        if source.config().nested {
            let ids: Vec<ExternalId> = self.followed.keys().cloned().collect();
            for id in ids {
                self.expand(session, learned, &id).await?;
            }
        }
        Ok(())
    }

    /// Adds the members of the groups in a group, each group once.
    async fn expand(&mut self, session: &Session<'_>, learned: &Learned, id: &ExternalId) -> Result<(), Fault> {
        let mut visited = BTreeSet::from([id.clone()]);
        let mut people = Vec::new();
        let mut left = self.followed.get(id).and_then(|group| group.members.clone()).unwrap_or_default();
        while let Some(member) = left.pop() {
            if !is_group(&member, &self.all, |_| false) {
                people.push(member);
                continue;
            }
            let id = super::members::id_by(&member, super::cursor::Join::Id)
                .or_else(|| super::members::id_by(&member, super::cursor::Join::Reference));
            let Some(inner) = id.filter(|inner| visited.insert(inner.clone())) else { continue };
            if visited.len() > MOST_NESTED {
                let message = format!("more than {MOST_NESTED} groups are nested in each other");
                let hint = "set nested = false, or name smaller groups";
                return Err(PullError::new(PullErrorKind::BoundReached, "GET /Groups/{id}", message, hint).into());
            }
            let known = self.others.get(&inner).and_then(|group| group.members.clone());
            let known = known.filter(|members| !members.is_empty() && !is_suspicious(members.len()));
            let inner_members = match known {
                Some(members) => members,
                None => match single(session, learned, &inner).await {
                    Ok(group) => group.members.unwrap_or_default(),
                    // A group that was deleted and still stands in a list: a whole listing says the same.
                    Err(fault) if fault.is_gone() && !self.proofs.is_empty() && !self.all.contains(&inner) => continue,
                    Err(fault) => return Err(fault),
                },
            };
            self.all.insert(inner.clone());
            self.others.insert(inner, Followed { members: Some(inner_members.clone()), ..Followed::default() });
            left.extend(inner_members);
        }
        if let Some(group) = self.followed.get_mut(id) {
            group.members = Some(people);
        }
        Ok(())
    }
}

/// Whether two names differ in case at most.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

/// The group that is meant by a text: its id, else its name, else its name in another case.
fn one_called(
    items: &BTreeMap<ExternalId, GroupItem>,
    name: &str,
    whole: bool,
) -> Result<Option<ExternalId>, PullError> {
    if let Some((id, _)) = items.get_key_value(&ExternalId::from(name)) {
        return Ok(Some(id.clone()));
    }
    if !whole {
        return Ok(None);
    }
    let with = |same: &dyn Fn(&str) -> bool| -> Vec<&ExternalId> {
        let called = items.iter().filter(|(_, item)| item.name.as_deref().is_some_and(same));
        called.map(|(id, _)| id).collect()
    };
    let exact = with(&|other| other == name);
    let found = if exact.is_empty() { with(&|other| same_name(other, name)) } else { exact };
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => {
            let message = format!("{} groups are called `{name}`", several.len());
            let hint = "use the id of the one that is meant";
            Err(PullError::new(PullErrorKind::NotFound, "GET /Groups", message, hint))
        }
    }
}
