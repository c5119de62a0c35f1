//! Single people by id: the answer to "are they really gone?".
//!
//! Invariant: a 404 counts only if the server answers such requests at all: somebody who is there must be found the same
//! way in the same conversation.
//! Invariant: groups are told by the side that tells memberships, read anew; a shortened listing is contradicted by it.

use std::collections::{BTreeMap, BTreeSet};

use super::Scim;
use super::config::MembershipFrom;
use super::cursor::{Learned, Side};
use super::fault::Fault;
use super::follow;
use super::listing::fetch;
use super::members::resolve;
use super::people::{People, ReadUsers, alone, record};
use super::server::Session;
use super::users::single;
use super::wire::Item;
use crate::directory::{ExternalId, Presence};

/// Asks for these people.
pub(super) async fn confirm(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    witness: Option<ExternalId>,
    ids: &[ExternalId],
) -> Result<BTreeMap<ExternalId, Presence>, Fault> {
    let mut here: BTreeMap<ExternalId, People> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    let mut answers = BTreeMap::new();
    for id in ids {
        match single(source, session, learned, id).await {
            Ok(Item::Read(user)) => {
                let (id, person) = alone(user);
                here.insert(id, person);
            }
            Ok(Item::Unreadable { why, .. }) => {
                answers.insert(id.clone(), Presence::Unreadable(why));
            }
            Err(fault) if fault.is_gone() => {
                gone.insert(id.clone());
            }
            Err(fault) => return Err(fault),
        }
    }
    let works = gone.is_empty() || !here.is_empty() || answers_singly(source, session, learned, witness).await?;
    for id in gone {
        let presence = if works {
            Presence::Gone
        } else {
            Presence::Unproven("the server answers 404 to single users whom it lists, too".to_owned())
        };
        answers.insert(id, presence);
    }
    if here.is_empty() {
        return Ok(answers);
    }
    let groups = memberships(source, session, learned, &here).await?;
    for (id, person) in here {
        answers.insert(id.clone(), presence(source, learned, id, person, &groups));
    }
    Ok(answers)
}

fn presence(
    source: &Scim,
    learned: &Learned,
    id: ExternalId,
    people: People,
    groups: &BTreeMap<ExternalId, BTreeSet<ExternalId>>,
) -> Presence {
    let said = learned.active_said || people.says_active();
    let People { mut persons, spoilt, .. } = people;
    let Some(person) = persons.remove(&id) else {
        let why = spoilt.into_values().next().map(|(_, why)| why).unwrap_or_default();
        return Presence::Unreadable(why);
    };
    match record(id.clone(), person, source.config().absent_active, said) {
        Ok(record) => Presence::Here { record, groups: Some(groups.get(&id).cloned().unwrap_or_default()) },
        Err(unreadable) => Presence::Unreadable(unreadable.why),
    }
}

/// Whether somebody who is there can be read alone.
async fn answers_singly(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    witness: Option<ExternalId>,
) -> Result<bool, Fault> {
    let mut witnesses: Vec<ExternalId> = witness.into_iter().collect();
    let operation = format!("GET /{}", learned.users_path);
    for round in 0..2 {
        for id in witnesses.drain(..) {
            match single(source, session, learned, &id).await {
                Ok(_) => return Ok(true),
                // The witness may have left as well.
                Err(fault) if fault.is_gone() => {}
                Err(fault) => return Err(fault),
            }
        }
        if round == 0 {
            let query = [("count", "5".to_owned())];
            let page = fetch(session, &operation, &learned.users_path, &query, &ReadUsers(source.fields())).await?;
            witnesses.extend(page.resources.into_iter().take(5).filter_map(|item| match item {
                Item::Read(user) => Some(user.id),
                Item::Unreadable { id, .. } => id,
            }));
        }
    }
    Ok(false)
}

/// The followed groups these people are in. Without knowing which side is complete, either side's word counts: it is asked
/// whether somebody was left out.
async fn memberships(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    here: &BTreeMap<ExternalId, People>,
) -> Result<BTreeMap<ExternalId, BTreeSet<ExternalId>>, Fault> {
    let config = source.config();
    let names: BTreeSet<String> = config.scope_groups.iter().flatten().chain(&config.rule_groups).cloned().collect();
    let mut groups: BTreeMap<ExternalId, BTreeSet<ExternalId>> = BTreeMap::new();
    if names.is_empty() {
        return Ok(groups);
    }
    let found = follow::find(source, session, learned, &names).await?;
    let side = match config.membership {
        MembershipFrom::Auto => learned.side,
        MembershipFrom::GroupMembers => Some(Side::Members),
        MembershipFrom::UserGroups => Some(Side::Users),
    };
    if side != Some(Side::Members) {
        let mut followed: BTreeSet<ExternalId> = found.followed.keys().cloned().collect();
        for people in here.values() {
            let named = people.named_groups().iter().filter(|named| {
                let same = |name: &String| named.display.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(name));
                found.unnamed.iter().any(|name| named.id.as_deref() == Some(name) || same(name))
            });
            followed.extend(named.filter_map(|named| named.id.as_deref().map(ExternalId::from)));
        }
        for people in here.values() {
            add(&mut groups, people.by_group(&followed, config.nested));
        }
    }
    if side != Some(Side::Users) && found.unnamed.is_empty() {
        let lists = (found.followed.iter())
            .map(|(id, group)| (id.clone(), group.members.clone().unwrap_or_default()))
            .collect::<BTreeMap<_, _>>();
        for people in here.values() {
            // Nobody of a list being this one person is no fault here.
            if let Ok(resolved) = resolve(&lists, &found.all, people) {
                add(&mut groups, resolved.members);
            }
        }
    }
    Ok(groups)
}

/// Turns members of groups into groups of members.
fn add(groups: &mut BTreeMap<ExternalId, BTreeSet<ExternalId>>, members: BTreeMap<ExternalId, BTreeSet<ExternalId>>) {
    for (group, members) in members {
        for member in members {
            groups.entry(member).or_default().insert(group.clone());
        }
    }
}
