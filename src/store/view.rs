//! The snapshot as a run sees it: everybody that is stored, the groups, and what moved.
//!
//! Invariant: one view is read in one transaction, so that people, groups and scope belong together.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{Cursor, DirectoryGroup, DirectoryUser, ExternalId, GroupKey, PersonKey, SourceName};
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, FromRow};

use super::Store;
use super::codec::{Interner, decode, encode, millis, standing, time};
use super::error::StoreError;
use super::lease::RunLease;
use crate::model::{DirectoryView, SourceState, SourceView, Time};

#[derive(FromRow)]
pub(super) struct Row {
    id: String,
    attributes: String,
    standing: String,
    unreadable: Option<String>,
    changed_what: Option<String>,
    /// A JSON array of ids.
    groups: String,
}

impl Store {
    /// Where the next pull of a source starts; `None` asks for a full one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn cursor(&self, source: &SourceName) -> Result<Option<Cursor>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<Option<String>> = sqlx::query_scalar("SELECT cursor FROM source WHERE name = ?1")
            .bind(source.as_str())
            .fetch_optional(&mut *reader)
            .await?;
        Ok(row.flatten().map(Cursor::new))
    }

    /// When a source was last listed completely.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn last_full(&self, source: &SourceName) -> Result<Option<Time>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<Option<i64>> = sqlx::query_scalar("SELECT last_full FROM source WHERE name = ?1")
            .bind(source.as_str())
            .fetch_optional(&mut *reader)
            .await?;
        row.flatten().map(time).transpose()
    }

    /// Everybody who is stored for a source with a record; whoever is not among them has to be read as a whole.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn known(&self, source: &SourceName) -> Result<BTreeSet<ExternalId>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<String> = sqlx::query_scalar("SELECT id FROM person WHERE source = ?1 AND attributes <> '{}'")
            .bind(source.as_str())
            .fetch_all(&mut *reader)
            .await?;
        Ok(rows.into_iter().map(ExternalId::from).collect())
    }

    /// How many people are stored, in scope or not.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn people_count(&self) -> Result<u64, StoreError> {
        let mut reader = self.reader().await;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(&mut *reader).await?;
        Ok(count.unsigned_abs())
    }

    /// All configured directories together. `frozen` names the sources that could not be pulled in this run, with why.
    ///
    /// # Errors
    /// If the file cannot be read, or holds what this program cannot read.
    pub async fn directory_view(
        &self,
        frozen: &BTreeMap<SourceName, String>,
        configured: &[SourceName],
    ) -> Result<DirectoryView, StoreError> {
        let mut reader = self.reader().await;
        let mut tx = reader.begin().await?;
        let mut view = DirectoryView::default();
        let mut names = Interner::default();
        for source in configured {
            head(&mut tx, source, frozen.get(source), &mut view).await?;
            people(&mut tx, source, &mut names, &mut view).await?;
        }
        tx.commit().await?;
        Ok(view)
    }

    /// When what is not applied yet was changed by the directory's own word, else when it was first seen; for everybody in
    /// [`DirectoryView::moved`]. A run computes its propagation latency from it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn moved_since(&self) -> Result<BTreeMap<PersonKey, Time>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT source, id, changed_at FROM person WHERE changed_what IS NOT NULL")
                .fetch_all(&mut *reader)
                .await?;
        rows.into_iter().map(|(source, id, at)| Ok((PersonKey::new(source, id), time(at)?))).collect()
    }

    /// Forgets what changed for these people: it is applied, or Connect agreed already.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn clear_moved(&self, people: &BTreeSet<PersonKey>) -> Result<(), StoreError> {
        const BATCH: usize = 1_000;
        let pairs: Vec<[&str; 2]> = people.iter().map(|key| [key.source.as_str(), key.id.as_str()]).collect();
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        for some in pairs.chunks(BATCH) {
            sqlx::query(
                "UPDATE person SET changed_what = NULL WHERE changed_what IS NOT NULL
                 AND (source, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
            )
            .bind(encode(some)?)
            .execute(tx.conn()?)
            .await?;
        }
        tx.commit().await
    }

    /// Remembers that a plan with this source was carried out: its next plan needs no first look.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn mark_established(&self, lease: &RunLease, source: &SourceName, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query(
            "INSERT INTO source (name, established_at) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET established_at = COALESCE(established_at, excluded.established_at)",
        )
        .bind(source.as_str())
        .bind(millis(at))
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }
}

/// Everything about a source but its people.
pub(super) async fn head(
    tx: &mut SqliteConnection,
    source: &SourceName,
    frozen: Option<&String>,
    view: &mut DirectoryView,
) -> Result<(), StoreError> {
    let state = match frozen {
        Some(why) => SourceState::Frozen { why: why.clone() },
        None => SourceState::Fresh,
    };
    let row: Option<(Option<String>, Option<i64>)> =
        sqlx::query_as("SELECT scope, established_at FROM source WHERE name = ?1")
            .bind(source.as_str())
            .fetch_optional(&mut *tx)
            .await?;
    let (scope, established) = row.unwrap_or_default();
    let scope = scope.map(|text| decode("a scope", &text)).transpose()?;
    view.sources.insert(source.clone(), SourceView { state, scope, established: established.is_some() });
    groups(tx, source, view).await
}

async fn groups(tx: &mut SqliteConnection, source: &SourceName, view: &mut DirectoryView) -> Result<(), StoreError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as("SELECT id, name FROM directory_group WHERE source = ?1")
        .bind(source.as_str())
        .fetch_all(tx)
        .await?;
    for (id, name) in rows {
        let id = ExternalId::from(id);
        view.groups.insert(GroupKey::new(source.clone(), id.clone()), DirectoryGroup { id, name });
    }
    Ok(())
}

async fn people(
    tx: &mut SqliteConnection,
    source: &SourceName,
    names: &mut Interner,
    view: &mut DirectoryView,
) -> Result<(), StoreError> {
    // One row per person, memberships included: what costs time is the number of rows handed over, not their size.
    let mut rows = sqlx::query_as::<_, Row>(
        "SELECT id, attributes, standing, unreadable, changed_what,
             (SELECT json_group_array(group_id) FROM edge WHERE edge.source = ?1 AND edge.member = person.id) AS groups
         FROM person WHERE source = ?1 ORDER BY id",
    )
    .bind(source.as_str())
    .fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        row.into_view(source, names, view)?;
    }
    Ok(())
}

impl Row {
    pub(super) fn into_view(
        self,
        source: &SourceName,
        names: &mut Interner,
        view: &mut DirectoryView,
    ) -> Result<(), StoreError> {
        let Row { id, attributes, standing: text, unreadable, changed_what, groups } = self;
        let groups: Vec<String> = decode("the groups of a person", &groups)?;
        let groups = groups.iter().map(|group| GroupKey::new(source.clone(), names.id(group))).collect();
        let key = PersonKey::new(source.clone(), id);
        let attributes = names.attributes(&attributes)?;
        if let Some(what) = changed_what {
            view.moved.insert(key.clone(), what);
        }
        let user = DirectoryUser { key: key.clone(), attributes, groups, standing: standing(&text)?, unreadable };
        view.people.insert(key, user);
        Ok(())
    }
}
