//! An incremental pull: users who changed since the watermark, and the followed groups.
//!
//! Invariant: the newest record that was known must come back, and nobody who was not changed may come. Otherwise the
//! filter does not work any more, or somebody is gone, and everybody is read again.
//! Invariant: the watermark is the server's own time, with an overlap.
//! Invariant: nothing is removed here but by whole member lists.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::Scim;
use super::cursor::{Join, Learned, State, Watermark};
use super::fault::Fault;
use super::follow::{self, answered};
use super::listing::Listed;
use super::members::{id_by, is_group, is_suspicious};
use super::people::People;
use super::probe::since;
use super::server::Session;
use super::users;
use super::wire::Item;
use crate::directory::{DirectoryDelta, DirectoryGroup, ExternalId, MemberList, Scope, Unreadable, UserRecord};
use crate::source::PullRequest;

/// Changes of this long before the watermark are asked for again: a server with several nodes writes them late.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// People who joined a group and are read one by one; for more, everybody is read.
const MOST_JOINERS: usize = 200;

/// Member lists as they were read, and the groups as they were asked for.
#[derive(Default)]
struct Relisted {
    members: BTreeMap<ExternalId, MemberList>,
    /// Members of each relisted group.
    ids: BTreeMap<ExternalId, BTreeSet<ExternalId>>,
    groups: Vec<DirectoryGroup>,
}

/// Reads what changed. `None` asks for a full pull.
pub(super) async fn poll(
    source: &Scim,
    session: &Session<'_>,
    mut state: State,
    request: PullRequest<'_>,
) -> Result<Option<DirectoryDelta>, Fault> {
    let Some(watermark) = state.watermark.clone() else { return Ok(None) };
    let mut learned = state.learned.clone();
    let Some(mut people) = changed(source, session, &mut learned, &watermark).await? else { return Ok(None) };
    let Some(relisted) = relist(session, &mut state).await? else { return Ok(None) };
    let everybody = state.scope == Scope::Everybody;
    let in_scope: BTreeSet<&ExternalId> = match &state.scope {
        Scope::Everybody => relisted.ids.values().flatten().collect(),
        Scope::Groups(groups) => groups.iter().filter_map(|group| relisted.ids.get(group)).flatten().collect(),
    };
    let unread: Vec<ExternalId> =
        (in_scope.iter()).filter(|id| !request.known.contains(id) && !people.has(id)).map(|id| (*id).clone()).collect();
    if unread.len() > MOST_JOINERS {
        return Ok(None);
    }
    for id in unread {
        match users::single(source, session, &state.learned, &id).await {
            Ok(Item::Read(user)) => people.take(user, 1),
            Ok(Item::Unreadable { why, .. }) => {
                people.spoilt.insert(id, (1, why));
            }
            // A member that is no user, or is gone by now.
            Err(fault) if fault.is_gone() => {}
            Err(fault) => return Err(fault),
        }
    }
    if let Some((newest, who)) = people.newest(request.at).filter(|(newest, _)| *newest >= watermark.newest) {
        state.watermark = Some(Watermark { newest, who: who.clone() });
    }
    state.learned.active_said |= people.says_active();
    let concerns_us = |id: &ExternalId| everybody || request.known.contains(id) || in_scope.contains(id);
    let (records, unreadable) = records(source, people, concerns_us, state.learned.active_said);
    let Relisted { members, groups, .. } = relisted;
    Ok(Some(DirectoryDelta {
        patches: Vec::new(),
        records,
        joined: BTreeSet::new(),
        left: BTreeSet::new(),
        relisted: members,
        groups,
        unreadable,
        notes: Vec::new(),
        cursor: state.write(),
        requests: session.requests(),
    }))
}

fn records(
    source: &Scim,
    people: People,
    wanted: impl Fn(&ExternalId) -> bool,
    active_said: bool,
) -> (Vec<UserRecord>, Vec<Unreadable>) {
    let (records, unreadable) = people.records(wanted, source.config().absent_active, active_said);
    (records.into_values().collect(), unreadable)
}

/// Users who changed. `None` if the filter cannot be relied on any more.
async fn changed(
    source: &Scim,
    session: &Session<'_>,
    learned: &mut Learned,
    watermark: &Watermark,
) -> Result<Option<People>, Fault> {
    let from = watermark.newest - OVERLAP;
    let listed = match users::listing(source, session, learned, false, Some(since(from)), None).await {
        Ok(listed) => listed,
        Err(fault) if fault.is_refusal() || fault.is_too_much() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let Listed::Whole { content: people, .. } = listed else { return Ok(None) };
    // The filter has whole seconds.
    let too_old = |modified: Option<chrono::DateTime<chrono::Utc>>| {
        modified.is_none_or(|modified| modified < from - TimeDelta::seconds(1))
    };
    let ignored = people.persons.values().any(|person| too_old(person.modified));
    if ignored || !people.has(&watermark.who) {
        tracing::info!(ignored, "the filter on meta.lastModified did not prove itself; everybody is read again");
        return Ok(None);
    }
    Ok(Some(people))
}

/// The members of every followed group that changed. `None` if they cannot be told here.
async fn relist(session: &Session<'_>, state: &mut State) -> Result<Option<Relisted>, Fault> {
    let mut relisted = Relisted::default();
    let operation = follow::operation_of(&state.learned.groups_path);
    let join = state.learned.join.unwrap_or(Join::Id);
    let followed = state.groups.keys().cloned().collect();
    for (id, tagged) in &mut state.groups {
        let url = session.url_of(&state.learned.groups_path, id, &[])?;
        let answer = match &tagged.tag {
            Some(tag) => session.get_unless(&operation, &url, tag).await?,
            None => Some(session.get(&operation, &url).await?),
        };
        let Some(answer) = answer else { continue };
        let group = follow::read_group(&operation, id, &answer)?;
        let list = group.members.unwrap_or_default();
        // What needs a second witness is for the full pull to judge.
        if is_suspicious(list.len()) || (list.is_empty() && state.learned.lists_members == Some(false)) {
            return Ok(None);
        }
        let mut members = BTreeSet::new();
        for member in list.iter().filter(|member| !is_group(member, &followed, |_| false)) {
            let Some(member) = id_by(member, join) else { return Ok(None) };
            members.insert(member);
        }
        relisted.members.insert(id.clone(), MemberList::complete(members.clone(), answered(url)));
        relisted.ids.insert(id.clone(), members);
        if group.name.is_some() && group.name != tagged.name {
            relisted.groups.push(DirectoryGroup { id: id.clone(), name: group.name.clone() });
            tagged.name = group.name;
        }
        if tagged.tag.is_some() {
            tagged.tag = group.version;
        }
    }
    Ok(Some(relisted))
}
