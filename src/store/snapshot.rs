//! A pull becomes stored data: people, groups, memberships and the cursor, in one transaction.
//!
//! Invariant: data and cursor are stored together or not at all.
//! Invariant: nobody is removed; who is not listed keeps a row that says so.
//! Invariant: a source that had people in scope and would have none, or none but strangers, is an error, and nothing of the
//! pull is stored.
//! Unchanged rows are not written: a full pull of a hundred thousand people that brings nothing new costs one read.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{Cursor, DirectoryDelta, ExternalId, Pull, Silence, SnapshotContent, SourceName, Unreadable};

use super::Store;
use super::codec::encode;
use super::error::StoreError;
use super::lease::RunLease;
use super::notes;
use super::person::{Draft, Drafts, Listing, Person, in_scope};
use super::same::require_same_directory;
use super::step::Step;
use crate::model::Time;

/// So many of too many are asked for. A listing that lost people who are there has usually lost whole pages of them; then
/// the first few of a sample show it. Few enough that those who are missing since later are not crowded out where a
/// directory answers only so many questions at a time.
const SAMPLE: usize = 20;

/// What a pull changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullOutcome {
    /// People who came into scope.
    pub joined: u32,
    /// Others whose record or groups changed.
    pub changed: u32,
    /// People who left the scope by the directory's own word.
    pub left: u32,
    /// People who are missing without a word, from this pull or an earlier one; the directory is to be asked for them.
    pub missing: Vec<ExternalId>,
    /// The same people by the pull that missed them first, the latest pull first.
    pub missing_by_pull: Vec<Vec<ExternalId>>,
    /// What an administrator should know: records that could not be read and that name nobody, with their pages, and what
    /// the source itself has to say.
    pub notes: Vec<String>,
    /// People present and in scope now.
    pub people: u32,
    /// Requests it took.
    pub requests: u32,
}

impl PullOutcome {
    /// Whom to ask for, where at most so many can be: everybody, or else those that one pull missed together, the latest
    /// first. Very many who are missing since long ago must not keep a later leaver from being asked for; of them a sample
    /// is asked for, spread over all: one who is there shows that the listing was wrong.
    #[must_use]
    pub fn to_ask(&self, most: usize) -> Vec<ExternalId> {
        let mut left = most;
        let mut ask = Vec::new();
        let mut crowds = Vec::new();
        for together in &self.missing_by_pull {
            if together.len() <= left {
                left -= together.len();
                ask.extend_from_slice(together);
            } else {
                crowds.push(together);
            }
        }
        for crowd in crowds {
            let some = left.min(SAMPLE);
            left -= some;
            ask.extend((0..some).map(|at| crowd[at * crowd.len() / some].clone()));
        }
        ask
    }
}

impl Store {
    /// Stores what a pull brought. Without a lease it is a rehearsal's pull, which is stored just the same.
    ///
    /// # Errors
    /// [`StoreError::EmptiedOut`] if nobody would be left in scope, [`StoreError::Strangers`] and
    /// [`StoreError::OtherPeople`] if it is of another directory, [`StoreError::LeaseLost`], or if the file cannot be written.
    /// Nothing is stored then.
    pub async fn apply_pull(
        &self,
        lease: Option<&RunLease>,
        source: &SourceName,
        pull: Pull,
        at: Time,
    ) -> Result<PullOutcome, StoreError> {
        match pull {
            Pull::Full(snapshot) => {
                let (content, cursor) = snapshot.into_parts();
                self.apply_listing(lease, source, content, &cursor, at).await
            }
            Pull::Delta(mut delta) => {
                let relisted = std::mem::take(&mut delta.relisted).into_iter();
                let relisted = relisted.map(|(group, list)| (group, list.into_members())).collect();
                self.apply_delta(lease, source, delta, relisted, at).await
            }
        }
    }

    /// `content` comes out of a complete listing; only [`Store::apply_pull`] and the tests know that it does.
    pub(super) async fn apply_listing(
        &self,
        lease: Option<&RunLease>,
        source: &SourceName,
        content: SnapshotContent,
        cursor: &Cursor,
        at: Time,
    ) -> Result<PullOutcome, StoreError> {
        let SnapshotContent { users, groups, edges, unreadable, scope, silence, notes, requests } = content;
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(lease).await?;
        let mut step = Step::start(&mut tx, source, at).await?;
        let (old_scope, new_scope) = (step.scope.take(), scope);
        let mut drafts = step.load(&mut tx, None).await?;
        for (id, record) in users {
            drafts.entry(id).or_default().new = Some(Person::of(&record)?);
        }
        for edge in edges {
            let group = step.names.id(edge.group.as_str());
            drafts.entry(edge.member).or_default().after.insert(group);
        }
        garble(&mut drafts, &unreadable);
        let scopes = (old_scope.as_ref(), new_scope.as_ref());
        require_same_directory(source, &drafts, scopes, &mut step.names)?;
        let blind = unreadable.iter().any(|record| record.id.is_none());
        let listing =
            Listing { old_scope: old_scope.as_ref(), new_scope: new_scope.as_ref(), blind, silence, at: step.at };
        for draft in drafts.values_mut() {
            if draft.new.is_none() {
                draft.unlisted(&listing);
            }
            let garbled = draft.new.as_ref().is_some_and(|person| person.unreadable.is_some());
            // The record that could not be read may have been a membership.
            if blind || garbled {
                draft.after.extend(draft.before.iter().cloned());
            }
        }
        step.name_groups(&mut tx, &groups, true).await?;
        let mut outcome = step.write(&mut tx, drafts, (old_scope.as_ref(), new_scope.as_ref())).await?;
        sqlx::query("UPDATE source SET cursor = ?2, scope = ?3, last_full = ?4, last_pull = ?4 WHERE name = ?1")
            .bind(source.as_str())
            .bind(cursor.as_str())
            .bind(new_scope.as_ref().map(encode).transpose()?)
            .bind(step.at)
            .execute(tx.conn()?)
            .await?;
        step.conclude(&mut tx, new_scope.as_ref(), &mut outcome).await?;
        let notes = all_notes(&unreadable, notes);
        notes::replace(&mut tx, source, &notes).await?;
        tx.commit().await?;
        Ok(PullOutcome { notes, requests, ..outcome })
    }

    /// `relisted` comes out of complete member lists; only [`Store::apply_pull`] and the tests know that it does.
    pub(super) async fn apply_delta(
        &self,
        lease: Option<&RunLease>,
        source: &SourceName,
        delta: DirectoryDelta,
        relisted: BTreeMap<ExternalId, BTreeSet<ExternalId>>,
        at: Time,
    ) -> Result<PullOutcome, StoreError> {
        let DirectoryDelta {
            patches,
            records,
            joined,
            left,
            relisted: _,
            groups,
            modified,
            unreadable,
            notes,
            cursor,
            requests,
        } = delta;
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(lease).await?;
        let mut step = Step::start(&mut tx, source, at).await?;
        step.told_when(&mut tx, modified).await?;
        let scope = step.scope.take();
        let spoken_of: BTreeSet<&ExternalId> = (patches.iter().map(|patch| &patch.id))
            .chain(records.iter().map(|record| &record.id))
            .chain(joined.iter().chain(&left).map(|edge| &edge.member))
            .chain(unreadable.iter().filter_map(|record| record.id.as_ref()))
            .chain(relisted.values().flatten())
            .collect();
        let former = step.members(&mut tx, relisted.keys()).await?;
        let spoken_of = spoken_of.into_iter().chain(&former).collect();
        let mut drafts = step.load(&mut tx, Some(&spoken_of)).await?;
        drafts.values_mut().for_each(Draft::keep);
        for patch in &patches {
            drafts.entry(patch.id.clone()).or_default().patch(patch, &mut step.names)?;
        }
        for record in &records {
            drafts.entry(record.id.clone()).or_default().new = Some(Person::of(record)?);
        }
        for edge in left {
            drafts.entry(edge.member).or_default().after.remove(&edge.group);
        }
        for edge in joined {
            drafts.entry(edge.member).or_default().after.insert(edge.group);
        }
        let blind = unreadable.iter().any(|record| record.id.is_none());
        let listing = Listing {
            old_scope: scope.as_ref(),
            new_scope: scope.as_ref(),
            blind,
            silence: Silence::Counts,
            at: step.at,
        };
        for (group, members) in relisted {
            relist(&mut drafts, &step.names.id(group.as_str()), &members, &listing);
        }
        step.require_same_people(&mut tx, &drafts, scope.as_ref()).await?;
        // Last, so that a person with a readable and an unreadable word is held.
        garble(&mut drafts, &unreadable);
        step.name_groups(&mut tx, &groups, false).await?;
        let mut outcome = step.write(&mut tx, drafts, (scope.as_ref(), scope.as_ref())).await?;
        sqlx::query("UPDATE source SET cursor = ?2, last_pull = ?3 WHERE name = ?1")
            .bind(source.as_str())
            .bind(cursor.as_str())
            .bind(step.at)
            .execute(tx.conn()?)
            .await?;
        step.conclude(&mut tx, scope.as_ref(), &mut outcome).await?;
        let notes = all_notes(&unreadable, notes);
        notes::add(&mut tx, source, &notes).await?;
        tx.commit().await?;
        Ok(PullOutcome { notes, requests, ..outcome })
    }
}

fn garble(drafts: &mut Drafts, unreadable: &[Unreadable]) {
    for Unreadable { id, page, why } in unreadable {
        if let Some(id) = id {
            drafts.entry(id.clone()).or_default().garble(&format!("page {page}: {why}"));
        }
    }
}

fn all_notes(unreadable: &[Unreadable], notes: Vec<String>) -> Vec<String> {
    let nameless = unreadable.iter().filter(|record| record.id.is_none());
    nameless.map(|Unreadable { page, why, .. }| format!("page {page}: {why}")).chain(notes).collect()
}

/// Replaces what is known of one group's members. Whoever is in no group of the scope any more is missing until asked for:
/// a shortened list looks just like a list of fewer people.
fn relist(drafts: &mut Drafts, group: &ExternalId, members: &BTreeSet<ExternalId>, listing: &Listing<'_>) {
    for (id, draft) in drafts {
        if members.contains(id) {
            draft.after.insert(group.clone());
        } else if !listing.blind && draft.after.contains(group) {
            let was_in_scope = in_scope(listing.new_scope, &draft.after);
            draft.after.remove(group);
            if was_in_scope && !in_scope(listing.new_scope, &draft.after) {
                draft.miss(listing);
            }
        }
    }
}
