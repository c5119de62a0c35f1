//! An incremental pull: what changed since the stored links.
//!
//! Invariant: a round counts as a whole: either every chain was read to its delta link, or nothing of it is told.
//! Invariant: memberships are read before people, and whoever joins is read as a whole afterwards; a change that falls in
//! between is either in that reading or in the next round.
//! Invariant: in group scope, changes of people who are neither known nor joining are dropped: the delta covers the
//! whole tenant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use url::Url;

use super::Microsoft;
use super::batch::{Point, point_read};
use super::cursor::{Chain, State};
use super::fault::Fault;
use super::full::{USERS_DELTA, read_users};
use super::graph::{Listing, Session};
use super::groups;
use super::users::{Draft, Round};
use crate::directory::{DirectoryDelta, DirectoryGroup, Edge, ExternalId, Standing, Unreadable, UserPatch, UserRecord};
use crate::error::{PullError, PullErrorKind};
use crate::paging::Ending;

/// What the group chains told.
#[derive(Default)]
struct Memberships {
    joined: BTreeSet<Edge>,
    left: BTreeSet<Edge>,
    groups: Vec<DirectoryGroup>,
    unreadable: Vec<Unreadable>,
}

/// What the users' chain told, sorted by what has to be done about it.
#[derive(Default)]
struct Sorted {
    patches: BTreeMap<ExternalId, UserPatch>,
    records: Vec<UserRecord>,
    unreadable: Vec<Unreadable>,
    /// To be read, with what `@removed` said of them.
    to_read: BTreeMap<ExternalId, Option<Standing>>,
}

/// Reads what changed. A dead link is a [`Fault`] that says so ([`Fault::is_dead_link`]).
pub(super) async fn poll(
    source: &Microsoft,
    session: &Session<'_>,
    mut state: State,
    known: &BTreeSet<ExternalId>,
    at: DateTime<Utc>,
) -> Result<DirectoryDelta, Fault> {
    let followed = state.chains.iter().flat_map(|chain| chain.groups.iter().cloned()).collect();
    let mut memberships = Memberships::default();
    for chain in &mut state.chains {
        memberships.follow(session, chain, &followed).await?;
    }
    let Memberships { joined, left, groups, mut unreadable } = memberships;

    let first = stored_link(USERS_DELTA, state.users.as_deref().unwrap_or_default())?;
    let listing = Listing { operation: USERS_DELTA, first, ending: Ending::DeltaLink, advanced: false };
    let listed = read_users(source, session, &listing).await?;
    state.users = listed.delta.map(String::from);

    let in_scope = |edge: &&Edge| state.scope_groups().is_some_and(|scope| scope.contains(&edge.group));
    let joiners: BTreeSet<ExternalId> =
        joined.iter().filter(in_scope).map(|edge| edge.member.clone()).filter(|id| !known.contains(id)).collect();
    let leavers: BTreeSet<ExternalId> = left.iter().filter(in_scope).map(|edge| edge.member.clone()).collect();
    let sorted = sort(listed.content, &state, known, &joiners);
    let Sorted { mut patches, mut records, unreadable: unreadable_people, mut to_read } = sorted;
    unreadable.extend(unreadable_people);
    for joiner in joiners {
        to_read.entry(joiner).or_default();
    }
    for (id, point) in point_read(session, source.fields(), to_read.keys().cloned()).await? {
        match point {
            Point::Here(record) => {
                state.awaited.remove(&id);
                patches.remove(&id);
                records.push(record);
            }
            // Somebody known of whom the round says both, and who is not there: the removal was the later word.
            Point::Gone if known.contains(&id) => {
                let removed = to_read.get(&id).copied().flatten();
                if let Some(patch) = patches.get_mut(&id) {
                    patch.standing = removed;
                }
            }
            Point::Gone if state.scope_groups().is_some() => {
                state.awaited.insert(id);
            }
            Point::Gone => {}
            Point::Unreadable(why) => unreadable.push(Unreadable { id: Some(id), page: 1, why }),
        }
    }
    state.awaited.retain(|id| !leavers.contains(id));
    let patches = patches.into_values().collect();
    let (cursor, requests) = (state.renewed(at).write(), session.requests());
    let (relisted, notes) = (BTreeMap::new(), Vec::new());
    // Graph knows when an account was made, and not when it was changed.
    let modified = BTreeMap::new();
    Ok(DirectoryDelta {
        patches,
        records,
        joined,
        left,
        relisted,
        groups,
        modified,
        unreadable,
        notes,
        cursor,
        requests,
    })
}

impl Memberships {
    async fn follow(
        &mut self,
        session: &Session<'_>,
        chain: &mut Chain,
        followed: &BTreeSet<ExternalId>,
    ) -> Result<(), Fault> {
        let first = stored_link("GET /groups/delta", &chain.link)?;
        let listed = groups::chain(session, first, followed).await?;
        chain.link = listed.delta.map(String::from).unwrap_or_default();
        // A change of members alone tells no name; only told names are passed on.
        self.groups.extend(listed.content.groups().into_iter().filter(|group| group.name.is_some()));
        self.unreadable.extend(listed.content.unreadable);
        for (edge, there) in listed.content.edges {
            if there {
                self.joined.insert(edge)
            } else {
                self.left.insert(edge)
            };
        }
        Ok(())
    }
}

fn sort(round: Round, state: &State, known: &BTreeSet<ExternalId>, joiners: &BTreeSet<ExternalId>) -> Sorted {
    let everybody = state.scope_groups().is_none();
    let concerns_us =
        |id: &ExternalId| everybody || known.contains(id) || joiners.contains(id) || state.awaited.contains(id);
    let Round { drafts, unreadable } = round;
    let held: BTreeSet<ExternalId> = unreadable.iter().filter_map(|one| one.id.clone()).collect();
    let mut sorted = Sorted::default();
    sorted.unreadable.extend(unreadable.into_iter().filter(|one| one.id.as_ref().is_none_or(concerns_us)));
    for (id, draft) in drafts {
        if !concerns_us(&id) || held.contains(&id) {
            continue;
        }
        if known.contains(&id) {
            if draft.in_doubt() {
                sorted.to_read.insert(id.clone(), draft.removed());
            }
            sorted.patches.insert(id.clone(), draft.into_patch(id));
        } else {
            sorted.newcomer(id, draft, everybody);
        }
    }
    sorted
}

impl Sorted {
    /// Somebody who is not known yet: whole from the round if it tells everything, else to be read.
    fn newcomer(&mut self, id: ExternalId, draft: Draft, everybody: bool) {
        if draft.gone().is_some() {
            return;
        }
        if everybody && draft.is_whole() {
            match draft.into_record(id) {
                Ok(record) => self.records.push(record),
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        } else {
            self.to_read.insert(id, draft.removed());
        }
    }
}

fn stored_link(operation: &str, link: &str) -> Result<Url, PullError> {
    Url::parse(link).map_err(|_| {
        let hint = "run `rollcall sync now --full`";
        PullError::new(PullErrorKind::Protocol, operation, "the stored delta link is not a URL", hint)
    })
}
