//! Everybody, or those members of a few groups on a server that is a hundred times larger.
//!
//! Invariant: parameters that only make answers smaller or steadier (`attributes`, `sortBy`) are left out as soon as the
//! server refuses them or somebody's data is missing because of them.
//! Invariant: people are read one by one only if that is everybody who can be in scope and it costs less.

use std::collections::BTreeSet;

use super::Scim;
use super::config::{MembershipFrom, Paging, ScimConfig};
use super::cursor::{Join, Learned, Method, Side, lost_many};
use super::fault::{Fault, not_a_resource};
use super::follow::{Found, answered};
use super::listing::{Facts, How, Listed, Listing, list};
use super::members::{id_by, is_group, is_suspicious};
use super::people::{People, ReadUsers};
use super::probe::{self, page_size, projection};
use super::server::{Query, Session};
use super::user::UserItem;
use super::wire::{Item, one_user};
use crate::directory::{ExternalId, LastPageSeen};
use crate::error::{PullError, PullErrorKind};

/// People who came, and whether that is everybody who should have.
pub(super) struct Came {
    pub(super) people: People,
    pub(super) proofs: Vec<LastPageSeen>,
    /// Why others may exist.
    pub(super) doubt: Option<String>,
    /// Whether others came and left while they were read, so that somebody may have slipped through.
    pub(super) moving: bool,
    /// `None` if they were read one by one.
    pub(super) facts: Option<Facts>,
}

/// How lists are asked for.
pub(super) fn how(config: &ScimConfig, learned: &Learned) -> How {
    let (method, count, first) = learned.paging.unwrap_or_else(|| {
        let method = if learned.announced.cursor == Some(true) { Method::Cursor } else { Method::Index };
        (method, page_size(config, learned), config.first_index)
    });
    let announced = learned.announced.cursor == Some(true);
    match config.paging {
        Paging::Auto => How { method, auto: true, announced, count, first, careful: false },
        Paging::Index => How { method: Method::Index, auto: false, announced, count, first, careful: false },
        Paging::Cursor => How { method: Method::Cursor, auto: false, announced: true, count, first, careful: false },
    }
}

/// Whether users are asked which groups they are in.
pub(super) fn asks_groups(source: &Scim, found: &Found) -> bool {
    let follows = !found.followed.is_empty() || !found.unnamed.is_empty();
    let lengths = found.followed.values().filter_map(|group| group.members.as_ref()).map(Vec::len);
    // A list that may have been cut needs a second witness, whatever the configuration says.
    let doubtful = lengths.into_iter().any(is_suspicious);
    follows && (doubtful || source.config().membership != MembershipFrom::GroupMembers)
}

/// Reads everybody, or everybody who can be in scope.
pub(super) async fn read(
    source: &Scim,
    session: &Session<'_>,
    learned: &mut Learned,
    found: &Found,
    scope: Option<&BTreeSet<ExternalId>>,
) -> Result<Came, Fault> {
    let groups = asks_groups(source, found);
    let mut shown = Vec::new();
    let first_time = learned.paging.is_none();
    if learned.projection.is_none() {
        (learned.projection, shown) = projection(source, session, learned, groups).await?;
    }
    let candidates = scope.and_then(|scope| candidates(source, learned, found, scope));
    let few = candidates.as_ref().map(BTreeSet::len).and_then(|few| u64::try_from(few).ok());
    let stop = |total: u64, received: u64| {
        let left = if received == 0 { 0 } else { total.saturating_sub(received).div_ceil(received) };
        few.is_some_and(|few| few < left)
    };
    let listed = listing(source, session, learned, groups, None, few.is_some().then_some(&stop)).await?;
    if matches!(listed, Listed::Stopped)
        && let Some(came) = one_by_one(source, session, learned, candidates.unwrap_or_default()).await?
    {
        return Ok(came);
    }
    let came = match listed {
        Listed::Stopped => came(listing(source, session, learned, groups, None, None).await?, learned),
        listed => came(listed, learned),
    };
    let lacks = |came: &Came, shown: &[ExternalId]| came.doubt.is_none() && shown.iter().any(|id| !came.people.has(id));
    if shown.is_empty() && first_time && came.facts.is_some() && came.doubt.is_none() {
        shown = probe::shown(source, session, learned).await?;
    }
    if !lacks(&came, &shown) {
        return Ok(came);
    }
    // Whoever is lacking may have left since.
    shown = probe::shown(source, session, learned).await?;
    if !lacks(&came, &shown) {
        return Ok(came);
    }
    // The listing began after somebody who comes first when nothing is said about paging.
    learned.paging = learned.paging.map(|(method, count, _)| (method, count, 0));
    let mut again = self::came(listing(source, session, learned, groups, None, None).await?, learned);
    if lacks(&again, &shown) {
        learned.paging = None;
        again.doubt = Some("people come when nothing is said about paging who are not in the listing".to_owned());
    }
    Ok(again)
}

fn came(listed: Listed<People>, learned: &mut Learned) -> Came {
    match listed {
        Listed::Whole { content: people, proof, facts } => {
            learned.paging = Some((facts.how.method, facts.how.count, facts.how.first));
            Came { people, proofs: vec![proof], doubt: None, moving: false, facts: Some(facts) }
        }
        Listed::Moving { content: people, proof, facts } => {
            learned.paging = Some((facts.how.method, facts.how.count, facts.how.first));
            Came { people, proofs: vec![proof], doubt: None, moving: true, facts: Some(facts) }
        }
        Listed::Part { content: people, why, facts } => {
            Came { people, proofs: Vec::new(), doubt: Some(why), moving: false, facts: Some(facts) }
        }
        // Nobody asked it to.
        Listed::Stopped => {
            let doubt = Some("the listing was left after its first page".to_owned());
            Came { people: People::default(), proofs: Vec::new(), doubt, moving: false, facts: None }
        }
    }
}

/// One listing of users, with the parameters that are known to be harmless.
pub(super) async fn listing(
    source: &Scim,
    session: &Session<'_>,
    learned: &mut Learned,
    groups: bool,
    filter: Option<String>,
    stop: Option<&(dyn Fn(u64, u64) -> bool + Sync)>,
) -> Result<Listed<People>, Fault> {
    let reader = ReadUsers(source.fields());
    let mut lean = false;
    loop {
        let mut query = Query::new();
        if learned.projection == Some(true) {
            query.push(("attributes", source.fields().attributes_with(groups)));
        } else if lean {
            query.push(("excludedAttributes", "groups".to_owned()));
        }
        if learned.sort {
            query.push(("sortBy", "id".to_owned()));
        }
        query.extend(filter.clone().map(|filter| ("filter", filter)));
        let operation = format!("GET /{}", learned.users_path);
        let how = how(source.config(), learned);
        let listing = Listing { operation: &operation, path: &learned.users_path, query, how, stop };
        match list(session, &listing, &reader).await {
            // One record of many megabytes: a user's `groups` may embed whole member lists.
            Err(fault) if fault.is_too_much() && !lean && !groups && learned.projection != Some(true) => lean = true,
            Err(fault) if fault.is_refusal() && learned.sort => learned.sort = false,
            Err(fault) if fault.is_refusal() && learned.projection == Some(true) => learned.projection = Some(false),
            Ok(Listed::Whole { content, .. } | Listed::Moving { content, .. } | Listed::Part { content, .. })
                if learned.projection == Some(true) && content.persons.is_empty() && !content.spoilt.is_empty() =>
            {
                learned.projection = Some(false);
            }
            other => return other,
        }
    }
}

/// Everybody who can be in scope, if member lists alone can say so.
fn candidates(
    source: &Scim,
    learned: &Learned,
    found: &Found,
    scope: &BTreeSet<ExternalId>,
) -> Option<BTreeSet<ExternalId>> {
    let by_members = source.config().membership != MembershipFrom::UserGroups
        && learned.side != Some(Side::Users)
        && found.unnamed.is_empty();
    let join = learned.join.unwrap_or(Join::Id);
    if !by_members || join == Join::Username {
        return None;
    }
    let mut people = BTreeSet::new();
    for id in scope {
        let members = found.followed.get(id)?.members.as_ref()?;
        // What needs a second witness needs the listing of everybody.
        let before = learned.sizes.get(id).copied().unwrap_or_default();
        if is_suspicious(members.len()) || lost_many(before, members.len()) {
            return None;
        }
        for member in members.iter().filter(|member| !is_group(member, &found.all, |_| false)) {
            people.insert(id_by(member, join)?);
        }
    }
    (!people.is_empty()).then_some(people)
}

/// Reads these people. `None` if nobody of them is there, which says more about the ids than about the people.
async fn one_by_one(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    ids: BTreeSet<ExternalId>,
) -> Result<Option<Came>, Fault> {
    let mut people = People::default();
    let mut proofs = Vec::new();
    // The first few tell whether these are ids at all.
    for (at, id) in ids.iter().enumerate() {
        if at == 5 && proofs.is_empty() {
            return Ok(None);
        }
        let url = session.url_of(&learned.users_path, id, &[])?;
        match single(source, session, learned, id).await {
            Ok(Item::Read(user)) => {
                proofs.push(answered(url));
                people.take(user, 1);
            }
            Ok(Item::Unreadable { why, .. }) => {
                proofs.push(answered(url));
                people.spoilt.insert(id.clone(), (1, why));
            }
            Err(fault) if fault.is_gone() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok((!proofs.is_empty()).then_some(Came { people, proofs, doubt: None, moving: false, facts: None }))
}

/// One person, by id.
pub(super) async fn single(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    id: &ExternalId,
) -> Result<Item<UserItem>, Fault> {
    let operation = format!("GET /{}/{{id}}", learned.users_path);
    let mut query = Query::new();
    if learned.projection == Some(true) {
        query.push(("attributes", source.fields().attributes_parameter()));
    }
    let url = session.url_of(&learned.users_path, id, &query)?;
    let answer = session.get(&operation, &url).await?;
    match one_user(&answer.body, source.fields()).map_err(|error| not_a_resource(&operation, &answer, &error))? {
        Item::Read(user) if user.id != *id => {
            let hint = "try again; report it to the server's administrator if it persists";
            Err(PullError::new(PullErrorKind::Protocol, operation, "the answer is about somebody else", hint).into())
        }
        item => Ok(item),
    }
}
