//! One pull of one source on its way through one transaction: load who it speaks of, write what is different, count.
//!
//! Invariant: unchanged rows are not written.
//! Invariant: a handful of statements, whatever the number of people; rows travel in batches.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{DirectoryGroup, ExternalId, Scope, SourceName};
use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::FromRow;

use super::codec::{Interner, decode, encode, millis, standing, standing_text};
use super::error::StoreError;
use super::person::{Draft, Drafts, Move, Person, search_keys};
use super::same;
use super::snapshot::PullOutcome;
use super::tx::Tx;
use crate::model::Time;

/// Rows in one statement: few enough to stay small in memory, enough that the statement count does not matter.
const BATCH: usize = 500;
/// A directory may show a change so long after it was made, and its clock may differ from ours.
const SEEN_LATE_MS: i64 = 5 * 60 * 1_000;

/// One pull of one source on its way into the file.
pub(super) struct Step<'s> {
    source: &'s SourceName,
    pub(super) at: i64,
    /// The scope that was stored before.
    pub(super) scope: Option<Scope>,
    pub(super) names: Interner,
    /// When a change was made, in milliseconds, where the directory says so and it can be the one of this pull.
    made_at: BTreeMap<ExternalId, i64>,
    groups: BTreeMap<ExternalId, Option<String>>,
    /// People who came into scope, and who left it with or without a word.
    gained: u32,
    lost: u32,
}

#[derive(FromRow)]
struct PersonRow {
    id: String,
    attributes: String,
    standing: String,
    unreadable: Option<String>,
    missing_since: Option<i64>,
    missed: i64,
    changed_at: i64,
    changed_what: Option<String>,
}

impl<'s> Step<'s> {
    pub(super) async fn start(tx: &mut Tx<'_>, source: &'s SourceName, at: Time) -> Result<Self, StoreError> {
        sqlx::query("INSERT INTO source (name) VALUES (?1) ON CONFLICT DO NOTHING")
            .bind(source.as_str())
            .execute(tx.conn()?)
            .await?;
        let scope: Option<String> = sqlx::query_scalar("SELECT scope FROM source WHERE name = ?1")
            .bind(source.as_str())
            .fetch_one(tx.conn()?)
            .await?;
        let scope = scope.map(|text| decode("a scope", &text)).transpose()?;
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT id, name FROM directory_group WHERE source = ?1")
                .bind(source.as_str())
                .fetch_all(tx.conn()?)
                .await?;
        let groups = rows.into_iter().map(|(id, name)| (id.into(), name)).collect();
        let (names, made_at) = (Interner::default(), BTreeMap::new());
        Ok(Self { source, at: millis(at), scope, names, made_at, groups, gained: 0, lost: 0 })
    }

    /// Takes in when the directory says that records were changed. What was changed before the last pull was seen by it: then
    /// something else is new now, a membership for example, and when that was nobody says. So it is with a time to come.
    pub(super) async fn told_when(
        &mut self,
        tx: &mut Tx<'_>,
        modified: BTreeMap<ExternalId, Time>,
    ) -> Result<(), StoreError> {
        let last_pull: Option<i64> = sqlx::query_scalar("SELECT last_pull FROM source WHERE name = ?1")
            .bind(self.source.as_str())
            .fetch_one(tx.conn()?)
            .await?;
        let Some(last_pull) = last_pull else { return Ok(()) };
        let times = modified.into_iter().map(|(id, at)| (id, millis(at)));
        self.made_at = times.filter(|(_, made)| (last_pull - SEEN_LATE_MS..=self.at).contains(made)).collect();
        Ok(())
    }

    /// Who is stored as a member of these groups.
    pub(super) async fn members(
        &self,
        tx: &mut Tx<'_>,
        groups: impl Iterator<Item = &ExternalId>,
    ) -> Result<Vec<ExternalId>, StoreError> {
        let groups = encode(&groups.map(ExternalId::as_str).collect::<Vec<_>>())?;
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT member FROM edge WHERE source = ?1 AND group_id IN (SELECT value FROM json_each(?2))",
        )
        .bind(self.source.as_str())
        .bind(groups)
        .fetch_all(tx.conn()?)
        .await?;
        Ok(rows.into_iter().map(ExternalId::from).collect())
    }

    /// What is stored of these ids, or of everybody. Whoever is asked for gets a draft, stored or not.
    pub(super) async fn load(
        &mut self,
        tx: &mut Tx<'_>,
        ids: Option<&BTreeSet<&ExternalId>>,
    ) -> Result<Drafts, StoreError> {
        let mut drafts: Drafts = ids.into_iter().flatten().map(|id| ((*id).clone(), Draft::default())).collect();
        let ids = ids.map(|ids| encode(&ids.iter().map(|id| id.as_str()).collect::<Vec<_>>())).transpose()?;
        let mut people = sqlx::query_as::<_, PersonRow>(if ids.is_some() {
            "SELECT id, attributes, standing, unreadable, missing_since, missed, changed_at, changed_what
             FROM person WHERE source = ?1 AND id IN (SELECT value FROM json_each(?2))"
        } else {
            "SELECT id, attributes, standing, unreadable, missing_since, missed, changed_at, changed_what
             FROM person WHERE source = ?1"
        })
        .bind(self.source.as_str())
        .bind(&ids)
        .fetch(tx.conn()?);
        while let Some(row) = people.try_next().await? {
            let PersonRow {
                id,
                attributes,
                standing: text,
                unreadable,
                missing_since,
                missed,
                changed_at,
                changed_what,
            } = row;
            let standing = standing(&text)?;
            let person = Person { attributes, standing, unreadable, missing_since, missed, changed_at, changed_what };
            drafts.entry(id.into()).or_default().old = Some(person);
        }
        drop(people);
        let mut edges = sqlx::query_as::<_, (String, String)>(if ids.is_some() {
            "SELECT member, group_id FROM edge WHERE source = ?1 AND member IN (SELECT value FROM json_each(?2))"
        } else {
            "SELECT member, group_id FROM edge WHERE source = ?1"
        })
        .bind(self.source.as_str())
        .bind(&ids)
        .fetch(tx.conn()?);
        while let Some((member, group)) = edges.try_next().await? {
            drafts.entry(member.into()).or_default().before.insert(self.names.id(&group));
        }
        Ok(drafts)
    }

    /// Stores the names of followed groups; a complete listing also ends the following of others.
    pub(super) async fn name_groups(
        &mut self,
        tx: &mut Tx<'_>,
        groups: &[DirectoryGroup],
        complete: bool,
    ) -> Result<(), StoreError> {
        let stored = self.groups.clone();
        let followed: BTreeSet<&ExternalId> = groups.iter().map(|group| &group.id).collect();
        for DirectoryGroup { id, name } in groups {
            if stored.get(id) == Some(name) {
                continue;
            }
            sqlx::query(
                "INSERT INTO directory_group (source, id, name) VALUES (?1, ?2, ?3)
                 ON CONFLICT (source, id) DO UPDATE SET name = excluded.name",
            )
            .bind(self.source.as_str())
            .bind(id.as_str())
            .bind(name)
            .execute(tx.conn()?)
            .await?;
            self.groups.insert(id.clone(), name.clone());
        }
        // Names of groups that are not followed any more stay in `self.groups`: "left group X" still wants them.
        for id in stored.keys().filter(|id| complete && !followed.contains(id)) {
            sqlx::query("DELETE FROM directory_group WHERE source = ?1 AND id = ?2")
                .bind(self.source.as_str())
                .bind(id.as_str())
                .execute(tx.conn()?)
                .await?;
        }
        Ok(())
    }

    /// Writes what is different.
    pub(super) async fn write(
        &mut self,
        tx: &mut Tx<'_>,
        drafts: Drafts,
        scopes: (Option<&Scope>, Option<&Scope>),
    ) -> Result<PullOutcome, StoreError> {
        let mut outcome = PullOutcome::default();
        let (mut people, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        let groups = std::mem::take(&mut self.groups);
        let group_name = |id: &ExternalId| match groups.get(id) {
            Some(Some(name)) => name.clone(),
            _ => id.to_string(),
        };
        for (id, mut draft) in drafts {
            let at = self.made_at.get(&id).copied().unwrap_or(self.at);
            let moved = draft.finish(scopes, &group_name, &mut self.names, at)?;
            self.tally(moved, &mut outcome);
            added.extend(draft.after.difference(&draft.before).map(|group| (id.clone(), group.clone())));
            removed.extend(draft.before.difference(&draft.after).map(|group| (id.clone(), group.clone())));
            if draft.new != draft.old
                && let Some(person) = draft.new
            {
                people.push(row(&id, &person, &mut self.names)?);
            }
            if people.len().max(added.len()).max(removed.len()) >= BATCH {
                self.flush(tx, &mut people, &mut added, &mut removed).await?;
            }
        }
        self.flush(tx, &mut people, &mut added, &mut removed).await?;
        Ok(outcome)
    }

    fn tally(&mut self, moved: Option<Move>, outcome: &mut PullOutcome) {
        match moved {
            Some(Move::Joined) => (self.gained, outcome.joined) = (self.gained + 1, outcome.joined + 1),
            Some(Move::Left) => (self.lost, outcome.left) = (self.lost + 1, outcome.left + 1),
            Some(Move::Vanished) => self.lost += 1,
            Some(Move::Changed) => outcome.changed += 1,
            None => {}
        }
    }

    async fn flush(
        &self,
        tx: &mut Tx<'_>,
        people: &mut Vec<serde_json::Value>,
        added: &mut Vec<(ExternalId, ExternalId)>,
        removed: &mut Vec<(ExternalId, ExternalId)>,
    ) -> Result<(), StoreError> {
        // One statement per batch, its rows handed over as one JSON text: a round trip to SQLite's thread per row would
        // take most of the time.
        const PEOPLE: &str = "INSERT INTO person (source, id, attributes, standing, unreadable, missing_since, missed,
                                 changed_at, changed_what, username, mail)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                 value ->> 7, value ->> 8, value ->> 9
             FROM json_each(?2) WHERE TRUE
             ON CONFLICT (source, id) DO UPDATE SET
                 attributes = excluded.attributes, standing = excluded.standing, unreadable = excluded.unreadable,
                 missing_since = excluded.missing_since, missed = excluded.missed, changed_at = excluded.changed_at,
                 changed_what = excluded.changed_what, username = excluded.username, mail = excluded.mail";
        const ADDED: &str = "INSERT INTO edge (source, member, group_id)
             SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE TRUE ON CONFLICT DO NOTHING";
        const REMOVED: &str = "DELETE FROM edge WHERE source = ?1
             AND (member, group_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
        self.batch(tx, PEOPLE, people).await?;
        self.batch(tx, ADDED, added).await?;
        self.batch(tx, REMOVED, removed).await
    }

    async fn batch<T: Serialize>(
        &self,
        tx: &mut Tx<'_>,
        statement: &'static str,
        rows: &mut Vec<T>,
    ) -> Result<(), StoreError> {
        for some in rows.chunks(BATCH) {
            sqlx::query(statement).bind(self.source.as_str()).bind(encode(some)?).execute(tx.conn()?).await?;
        }
        rows.clear();
        Ok(())
    }

    /// Nobody is absent by listings any more: those who are missing are looked for from the start.
    pub(super) async fn void_absences(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE person SET standing = 'missing_unconfirmed', missed = 0
             WHERE source = ?1 AND standing IN ('missing_unconfirmed', 'missing_confirmed')",
        )
        .bind(self.source.as_str())
        .execute(tx.conn()?)
        .await?;
        Ok(())
    }

    /// Refuses changes that turn most of the known people into others.
    pub(super) async fn require_same_people(
        &mut self,
        tx: &mut Tx<'_>,
        drafts: &Drafts,
        scope: Option<&Scope>,
    ) -> Result<(), StoreError> {
        let mut others = 0;
        for draft in drafts.values() {
            others += u32::from(same::is_another(draft, &mut self.names)?);
        }
        if others < same::FEW_OTHERS {
            return Ok(());
        }
        let before = count(tx, self.source, scope).await?;
        same::refuse_others(self.source, others, before.saturating_sub(others), before)
    }

    /// Counts who is left, and refuses what cannot be true.
    pub(super) async fn conclude(
        &self,
        tx: &mut Tx<'_>,
        scope: Option<&Scope>,
        outcome: &mut PullOutcome,
    ) -> Result<(), StoreError> {
        outcome.people = count(tx, self.source, scope).await?;
        if outcome.people == 0 && self.lost > 0 {
            return Err(StoreError::EmptiedOut { source_name: self.source.clone(), before: self.lost });
        }
        let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
            "SELECT id, missing_since FROM person WHERE source = ?1 AND standing = 'missing_unconfirmed' ORDER BY id",
        )
        .bind(self.source.as_str())
        .fetch_all(tx.conn()?)
        .await?;
        let mut by_pull: BTreeMap<Option<i64>, Vec<ExternalId>> = BTreeMap::new();
        for (id, since) in rows {
            let id = ExternalId::from(id);
            by_pull.entry(since).or_default().push(id.clone());
            outcome.missing.push(id);
        }
        outcome.missing_by_pull = by_pull.into_values().rev().collect();
        Ok(())
    }
}

/// A person as one JSON array, in the order of the statement that stores it.
fn row(id: &ExternalId, person: &Person, names: &mut Interner) -> Result<serde_json::Value, StoreError> {
    let (username, mail) = search_keys(person, names)?;
    let Person { attributes, standing, unreadable, missing_since, missed, changed_at, changed_what } = person;
    let standing = standing_text(*standing);
    Ok(serde_json::json!([
        id,
        attributes,
        standing,
        unreadable,
        missing_since,
        missed,
        changed_at,
        changed_what,
        username,
        mail
    ]))
}

/// People who are present and in scope.
async fn count(tx: &mut Tx<'_>, source: &SourceName, scope: Option<&Scope>) -> Result<u32, StoreError> {
    let statement = match scope {
        None => return Ok(0),
        Some(Scope::Everybody) => "SELECT COUNT(*) FROM person WHERE source = ?1 AND standing = 'active'",
        Some(Scope::Groups(_)) => {
            "SELECT COUNT(*) FROM person WHERE source = ?1 AND standing = 'active' AND EXISTS (
                 SELECT 1 FROM edge WHERE edge.source = ?1 AND edge.member = person.id
                 AND edge.group_id IN (SELECT value FROM json_each(?2)))"
        }
    };
    let groups = match scope {
        Some(Scope::Groups(groups)) => Some(encode(groups)?),
        _ => None,
    };
    let count: i64 = sqlx::query_scalar(statement).bind(source.as_str()).bind(groups).fetch_one(tx.conn()?).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}
