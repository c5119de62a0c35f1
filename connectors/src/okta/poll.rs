//! An incremental pull: what changed since the watermarks.
//!
//! Invariant: group clocks are read before members, members before users, and a clock is remembered only with a listing
//! that was started after it was read; a change that falls in between is seen again.
//! Invariant: watermarks move as far as the answers showed; they go into the cursor, which is stored with the data.
//! Invariant: in group scope, changes of people who are neither known nor members are dropped: the search covers the org.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::confirm::{Point, point};
use super::cursor::{State, advance};
use super::fault::Fault;
use super::full::USERS;
use super::groups::{self, Found, short_note};
use super::org::Session;
use super::people::{Known, Told, keep_newer};
use super::wire::Users;
use super::{Okta, log};
use crate::directory::{DirectoryDelta, DirectoryGroup, Edge, ExternalId, MemberList, Standing, Unreadable, UserPatch};

/// After so many short listings in a row a group waits for its next change, or for the next full pull.
const MOST_SHORT: u8 = 3;

/// A delta in the making.
struct Round<'a, 'o> {
    source: &'a Okta,
    session: &'a Session<'o>,
    state: State,
    known: &'a BTreeSet<ExternalId>,
    found: BTreeMap<ExternalId, Known>,
    members: BTreeSet<ExternalId>,
    patches: Vec<UserPatch>,
    joined: BTreeSet<Edge>,
    relisted: BTreeMap<ExternalId, MemberList>,
    groups: Vec<DirectoryGroup>,
    unreadable: Vec<Unreadable>,
    notes: Vec<String>,
}

/// Reads what changed.
pub(super) async fn poll(
    source: &Okta,
    session: &Session<'_>,
    state: State,
    known: &BTreeSet<ExternalId>,
    at: DateTime<Utc>,
) -> Result<DirectoryDelta, Fault> {
    let mut round = Round {
        source,
        session,
        state,
        known,
        found: BTreeMap::new(),
        members: BTreeSet::new(),
        patches: Vec::new(),
        joined: BTreeSet::new(),
        relisted: BTreeMap::new(),
        groups: Vec::new(),
        unreadable: Vec::new(),
        notes: Vec::new(),
    };
    let mut listed = BTreeSet::new();
    for group in round.changed_groups().await? {
        round.relist(&group).await?;
        listed.insert(group.id);
    }
    round.changed_users().await?;
    round.hints(&listed, at).await?;
    Ok(round.finish(at))
}

impl Round<'_, '_> {
    /// The groups whose membership clock moved.
    async fn changed_groups(&mut self) -> Result<Vec<Found>, Fault> {
        if self.state.followed.groups.is_empty() {
            return Ok(Vec::new());
        }
        let mut changed = Vec::new();
        for found in groups::clocks(self.session, &mut self.state).await? {
            let Some(mark) = self.state.followed.groups.get_mut(&found.id) else { continue };
            if let Some(name) = found.item.name().filter(|name| mark.name.as_deref() != Some(name)) {
                mark.name = Some(name.to_owned());
                self.groups.push(DirectoryGroup { id: found.id.clone(), name: mark.name.clone() });
            }
            // A group without a clock is listed every time.
            if found.item.members_changed().is_none_or(|now| mark.may_be_behind(now)) {
                changed.push(found);
            }
        }
        Ok(changed)
    }

    /// Lists a group anew.
    async fn relist(&mut self, group: &Found) -> Result<(), Fault> {
        let Found { id, item } = group;
        let scoped = self.state.followed.is_scope(id);
        let listed_at = self.session.org_time(self.state.groups);
        let members = groups::members(self.source, self.session, id, item.count(), scoped).await?;
        let count = members.told.count();
        let ids = self.take(members.told, scoped);
        let Some(mark) = self.state.followed.groups.get_mut(id) else { return Ok(()) };
        mark.listed_at = Some(listed_at);
        match members.short_of {
            Some(counted) => {
                self.notes.push(short_note(id, count, counted));
                mark.short += 1;
                if mark.short >= MOST_SHORT {
                    // It would be listed twice at every pull for nothing.
                    (mark.changed, mark.short) = (item.members_changed().max(mark.changed), 0);
                }
                self.joined.extend(ids.into_iter().map(|member| Edge { group: id.clone(), member }));
            }
            None => {
                (mark.changed, mark.short) = (item.members_changed().max(mark.changed), 0);
                self.relisted.insert(id.clone(), MemberList::complete(ids, members.proof));
            }
        }
        Ok(())
    }

    /// Takes in a listing of members; gives who they are.
    fn take(&mut self, told: Told, scoped: bool) -> BTreeSet<ExternalId> {
        let Told { ids, records, unreadable, .. } = told;
        self.unreadable.extend(unreadable);
        if scoped {
            self.members.extend(ids.iter().cloned());
        }
        records.into_values().for_each(|known| keep_newer(&mut self.found, known));
        ids
    }

    /// Everybody the org changed since the watermark, as far as they concern us.
    async fn changed_users(&mut self) -> Result<(), Fault> {
        let search = format!("lastUpdated ge \"{}\"", self.state.users_since());
        let url = self
            .session
            .org()
            .url(&["users"], &[("search", &search), ("sortBy", "lastUpdated"), ("sortOrder", "asc"), ("limit", "200")]);
        let mut told = Told::default();
        let everybody = self.state.followed.scope_groups().is_none();
        let concerns_us = |id: &ExternalId| everybody || self.known.contains(id) || self.members.contains(id);
        let take = |item, page| told.take(&self.source.statuses, item, page, concerns_us);
        self.session.listing(USERS, url, Users(&self.source.fields), take).await?;
        told.require_visible(USERS)?;
        let org_time = self.session.org_time(self.state.users);
        advance(&mut self.state.users, told.newest, org_time);
        self.take(told, false);
        Ok(())
    }

    /// What the System Log hints at and the listings did not show.
    async fn hints(&mut self, listed: &BTreeSet<ExternalId>, at: DateTime<Utc>) -> Result<(), Fault> {
        let hints = log::follow(self.session, &mut self.state.log, at).await?;
        self.notes.extend(hints.note);
        for (id, published) in hints.groups {
            let Some(mark) = self.state.followed.groups.get(&id) else { continue };
            if listed.contains(&id) || mark.listed_at.is_some_and(|listed_at| published <= listed_at) {
                continue;
            }
            let item = groups::get(self.session, &id).await.map_err(|fault| groups::gone(&id, fault))?;
            self.relist(&Found { id, item }).await?;
        }
        let deleted: BTreeSet<ExternalId> =
            hints.deleted.into_iter().filter(|id| self.concerns(id)).chain(self.state.awaited.clone()).collect();
        for id in deleted {
            match point(self.source, self.session, &id).await? {
                Point::Gone => {
                    self.state.awaited.remove(&id);
                    self.found.remove(&id);
                    self.patches.push(UserPatch { id, attributes: BTreeMap::new(), standing: Some(Standing::Deleted) });
                }
                Point::Here(known) => {
                    keep_newer(&mut self.found, known);
                    self.state.awaited.insert(id);
                }
                // The log says gone, and nothing else can be had: asked again next time.
                Point::Unreadable(_) | Point::Forbidden => {
                    self.state.awaited.insert(id);
                }
            }
        }
        Ok(())
    }

    /// Whether this is somebody known, or somebody who became known in this very round: the log tells it once.
    fn concerns(&self, id: &ExternalId) -> bool {
        self.known.contains(id) || self.found.contains_key(id)
    }

    fn finish(self, at: DateTime<Utc>) -> DirectoryDelta {
        let gone: BTreeSet<&ExternalId> = self.patches.iter().map(|patch| &patch.id).collect();
        let unreadable =
            self.unreadable.into_iter().filter(|one| one.id.as_ref().is_none_or(|id| !gone.contains(id))).collect();
        let changed = self.found.iter().filter_map(|(id, known)| Some((id.clone(), known.changed?)));
        DirectoryDelta {
            modified: changed.collect(),
            records: self.found.into_values().map(|known| known.record).collect(),
            patches: self.patches,
            joined: self.joined,
            left: BTreeSet::new(),
            relisted: self.relisted,
            groups: self.groups,
            unreadable,
            notes: self.notes,
            cursor: self.state.renewed(at).write(),
            requests: self.session.requests(),
        }
    }
}
