//! An incremental pull: users who changed since the watermark, and the followed groups.
//!
//! Invariant: the newest record that was known must come back, and nobody who was not changed may come. Otherwise the
//! filter does not work any more, or somebody is gone, and everybody is read again.
//! Invariant: the watermark is the server's own time, with an overlap.
//! Invariant: nothing is removed here but by whole member lists. One that lost many of its people, or a group that is not
//! there, is for the full pull to judge.
//! Invariant: a tag is believed only while lists that are read without it bear it out, one group a poll.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::TimeDelta;

use super::Scim;
use super::cursor::{Join, Learned, State, Watermark, digest, lost_many};
use super::fault::Fault;
use super::follow::{self, answered};
use super::group::MemberRef;
use super::listing::Listed;
use super::members::{id_by, is_group, is_suspicious};
use super::people::People;
use super::probe::since;
use super::server::Session;
use super::users;
use super::wire::Item;
use crate::directory::{
    DirectoryDelta, DirectoryGroup, ExternalId, LastPageSeen, MemberList, Scope, Unreadable, UserRecord,
};
use crate::source::PullRequest;

/// Changes of this long before the watermark are asked for again: a server with several nodes writes them late.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// People who joined a group and are read one by one; for more, everybody is read.
const MOST_JOINERS: usize = 200;

/// Member lists as they were read, and the groups as they were asked for.
#[derive(Default)]
struct Relisted {
    /// Entries of each list that was sent.
    lists: BTreeMap<ExternalId, (BTreeSet<ExternalId>, LastPageSeen)>,
    /// Their new tags.
    tags: BTreeMap<ExternalId, Option<String>>,
    groups: Vec<DirectoryGroup>,
}

/// What reading the followed groups came to.
enum Read {
    Lists(Relisted),
    /// A group kept its tag while its list changed.
    TagsLie,
    /// It cannot be told here.
    Unclear,
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
    let Some(relisted) = lists(session, &mut state).await? else { return Ok(None) };
    let everybody = state.scope == Scope::Everybody;
    let list_of = |group| relisted.lists.get(group).map(|(members, _)| members);
    let in_scope: BTreeSet<&ExternalId> = match &state.scope {
        Scope::Everybody => relisted.lists.keys().filter_map(list_of).flatten().collect(),
        Scope::Groups(groups) => groups.iter().filter_map(list_of).flatten().collect(),
    };
    let unread: Vec<ExternalId> =
        (in_scope.iter()).filter(|id| !request.known.contains(id) && !people.has(id)).map(|id| (*id).clone()).collect();
    if unread.len() > MOST_JOINERS {
        return Ok(None);
    }
    let mut gone = BTreeSet::new();
    for id in unread {
        match users::single(source, session, &state.learned, &id).await {
            Ok(Item::Read(user)) => people.take(user, 1),
            Ok(Item::Unreadable { why, .. }) => {
                people.spoilt.insert(id, (1, why));
            }
            // A member that is no user, or is gone by now, or is not here yet.
            Err(fault) if fault.is_gone() => {
                gone.insert(id);
            }
            Err(fault) => return Err(fault),
        }
    }
    let newest = people.newest(request.at).map(|(newest, who)| Watermark::of(newest, who, request.at));
    if let Some(newest) = newest.filter(|newest| newest.newest >= watermark.newest) {
        state.watermark = Some(newest);
    }
    state.learned.active_said |= people.says_active();
    let concerns_us = |id: &ExternalId| everybody || request.known.contains(id) || in_scope.contains(id);
    let modified = people.modified();
    let (records, unreadable) = records(source, people, concerns_us, state.learned.active_said);
    let Relisted { lists, mut tags, groups } = relisted;
    for (id, (members, _)) in &lists {
        let Some(tagged) = state.groups.get_mut(id) else { continue };
        let there = members.difference(&gone).count();
        if lost_many(tagged.people, there) {
            tracing::info!(group = %id, before = tagged.people, now = there, "a group lost many of its members; everybody is read again");
            return Ok(None);
        }
        tagged.people = there;
        // With the old tag the list comes again, and with it whoever was not here yet.
        if gone.is_disjoint(members) {
            tagged.digest = Some(digest(members));
            tagged.tag = tags.remove(id).flatten();
        }
    }
    state.turn = state.turn.wrapping_add(1);
    let relisted = lists.into_iter().map(|(id, (members, proof))| (id, MemberList::complete(members, proof)));
    Ok(Some(DirectoryDelta {
        patches: Vec::new(),
        records,
        joined: BTreeSet::new(),
        left: BTreeSet::new(),
        relisted: relisted.collect(),
        groups,
        modified,
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
async fn lists(session: &Session<'_>, state: &mut State) -> Result<Option<Relisted>, Fault> {
    match relist(session, state).await? {
        Read::Lists(relisted) => return Ok(Some(relisted)),
        Read::Unclear => return Ok(None),
        Read::TagsLie => {}
    }
    tracing::info!("a group kept its ETag while its members changed; groups are read whole from now on");
    state.learned.tags = Some(false);
    for tagged in state.groups.values_mut() {
        tagged.tag = None;
    }
    match relist(session, state).await? {
        Read::Lists(relisted) => Ok(Some(relisted)),
        Read::Unclear | Read::TagsLie => Ok(None),
    }
}

async fn relist(session: &Session<'_>, state: &mut State) -> Result<Read, Fault> {
    let mut relisted = Relisted::default();
    let operation = follow::operation_of(&state.learned.groups_path);
    let join = state.learned.join.unwrap_or(Join::Id);
    let followed = state.groups.keys().cloned().collect();
    let untagged = state.turn.checked_rem(state.groups.len());
    for (at, (id, tagged)) in state.groups.iter_mut().enumerate() {
        let url = session.url_of(&state.learned.groups_path, id, &[])?;
        let answer = match tagged.tag.as_ref().filter(|_| Some(at) != untagged) {
            Some(tag) => session.get_unless(&operation, &url, tag).await,
            None => session.get(&operation, &url).await.map(Some),
        };
        let answer = match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => continue,
            // Its name may be another group's by now.
            Err(fault) if fault.is_gone() => return Ok(Read::Unclear),
            Err(fault) => return Err(fault),
        };
        let group = follow::read_group(&operation, id, &answer)?;
        let list = group.members.unwrap_or_default();
        // What needs a second witness is for the full pull to judge.
        if is_suspicious(list.len()) || (list.is_empty() && state.learned.lists_members == Some(false)) {
            return Ok(Read::Unclear);
        }
        let Some(members) = entries(&list, &followed, join) else { return Ok(Read::Unclear) };
        let same_tag = tagged.tag.is_some() && tagged.tag == group.version;
        match &tagged.digest {
            Some(before) if same_tag && *before == digest(&members) => continue,
            Some(_) if same_tag => return Ok(Read::TagsLie),
            _ => {}
        }
        if group.name.is_some() && group.name != tagged.name {
            relisted.groups.push(DirectoryGroup { id: id.clone(), name: group.name.clone() });
            tagged.name = group.name;
        }
        relisted.tags.insert(id.clone(), tagged.tag.as_ref().and(group.version));
        relisted.lists.insert(id.clone(), (members, answered(url)));
    }
    Ok(Read::Lists(relisted))
}

/// The people of a member list by their ids, without the groups in it. `None` if an entry has no id.
pub(super) fn entries(list: &[MemberRef], groups: &HashSet<ExternalId>, join: Join) -> Option<BTreeSet<ExternalId>> {
    list.iter().filter(|member| !is_group(member, groups, |_| false)).map(|member| id_by(member, join)).collect()
}
