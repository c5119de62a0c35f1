//! How each part stands, for people who look: the directories, Connect, the reports, the runs of the last hours.
//!
//! Invariant: nobody is loaded here: people and users are counted only.

use connectors::{Cursor, DirectoryGroup, Scope, SourceName};
use futures_util::TryStreamExt;
use sqlx::Connection;

use super::Store;
use super::codec::{decode, time};
use super::error::StoreError;
use super::history::{self, RunRow};
use crate::model::{Catalogue, Instance, Time};

/// Runs that are looked through at most: one every ten seconds for a day.
const MOST_RUNS: u32 = 10_000;

/// One source as it was read last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRow {
    /// Where the next pull starts; `None`: with everybody.
    pub cursor: Option<Cursor>,
    /// Whom it is responsible for, as the last listing found it.
    pub scope: Option<Scope>,
    /// The groups that are followed.
    pub groups: Vec<DirectoryGroup>,
    /// When it was read last.
    pub last_pull: Option<Time>,
    /// When it was last listed completely.
    pub last_full: Option<Time>,
    /// People who are stored, in scope or not.
    pub people: u64,
}

/// Connect as it was seen last, users counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRow {
    /// When it was looked at.
    pub at: Time,
    /// The instance.
    pub instance: Instance,
    /// The names.
    pub catalogue: Catalogue,
    /// Users.
    pub users: u64,
    /// Quick connects that point to users, if the last look asked for them.
    pub quick_connects: u64,
}

/// How far a report is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// When the last event that is delivered became true.
    pub last: Option<Time>,
    /// Events that are not delivered; not more than [`Delivery::MOST_COUNTED`] are counted.
    pub waiting: u64,
    /// When the first of these became true.
    pub oldest: Option<Time>,
}

impl Delivery {
    /// Events that are counted at most; whoever sees so many knows that there may be more.
    pub const MOST_COUNTED: u64 = 100_000;
}

impl Store {
    /// One source as it was read last; an empty one if it never was.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn source_row(&self, source: &SourceName) -> Result<SourceRow, StoreError> {
        type Head = (Option<String>, Option<String>, Option<i64>, Option<i64>);
        let mut reader = self.reader().await;
        let mut tx = reader.begin().await?;
        let head: Option<Head> =
            sqlx::query_as("SELECT cursor, scope, last_pull, last_full FROM source WHERE name = ?1")
                .bind(source.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let Some((cursor, scope, last_pull, last_full)) = head else { return Ok(SourceRow::default()) };
        let groups: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT id, name FROM directory_group WHERE source = ?1 ORDER BY name, id")
                .bind(source.as_str())
                .fetch_all(&mut *tx)
                .await?;
        let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person WHERE source = ?1")
            .bind(source.as_str())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(SourceRow {
            cursor: cursor.map(Cursor::new),
            scope: scope.map(|text| decode("a scope", &text)).transpose()?,
            groups: groups.into_iter().map(|(id, name)| DirectoryGroup { id: id.into(), name }).collect(),
            last_pull: last_pull.map(time).transpose()?,
            last_full: last_full.map(time).transpose()?,
            people: people.unsigned_abs(),
        })
    }

    /// Connect as it was seen last; `None` if it never was.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn connect_row(&self) -> Result<Option<ConnectRow>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(i64, String, String, i64, i64)> = sqlx::query_as(
            "SELECT at, instance, catalogue, (SELECT COUNT(*) FROM connect_user), (SELECT COUNT(*) FROM quick_connect)
             FROM inventory",
        )
        .fetch_optional(&mut *reader)
        .await?;
        row.map(|(at, instance, catalogue, users, quick_connects)| {
            Ok(ConnectRow {
                at: time(at)?,
                instance: decode("the instance", &instance)?,
                catalogue: decode("the catalogue", &catalogue)?,
                users: users.unsigned_abs(),
                quick_connects: quick_connects.unsigned_abs(),
            })
        })
        .transpose()
    }

    /// How far a report is delivered.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn delivery(&self, sink: &str) -> Result<Delivery, StoreError> {
        let mut reader = self.reader().await;
        let cursor: i64 = sqlx::query_scalar("SELECT COALESCE((SELECT seq FROM sink WHERE name = ?1), 0)")
            .bind(sink)
            .fetch_one(&mut *reader)
            .await?;
        let (waiting, oldest, last): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM journal WHERE seq > ?1 LIMIT ?2)),
                    (SELECT at FROM journal WHERE seq > ?1 ORDER BY seq LIMIT 1),
                    (SELECT at FROM journal WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1)",
        )
        .bind(cursor)
        .bind(i64::try_from(Delivery::MOST_COUNTED).unwrap_or(i64::MAX))
        .fetch_one(&mut *reader)
        .await?;
        Ok(Delivery {
            last: last.map(time).transpose()?,
            waiting: waiting.unsigned_abs(),
            oldest: oldest.map(time).transpose()?,
        })
    }

    /// The newest of the last thousand runs of which it is known how long somebody waited for Connect.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn last_awaited_run(&self) -> Result<Option<RunRow>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<history::Row> = sqlx::query_as(
            "SELECT id, trigger, started_at, finished_at, summary FROM run
             WHERE seq > (SELECT MAX(seq) - 1000 FROM run) AND summary ->> '$.propagation_p50_p95_secs' IS NOT NULL
             ORDER BY seq DESC LIMIT 1",
        )
        .fetch_optional(&mut *reader)
        .await?;
        row.map(RunRow::try_from).transpose()
    }

    /// Runs that ended at this moment or later, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn runs_since(&self, from: Time) -> Result<Vec<RunRow>, StoreError> {
        let mut reader = self.reader().await;
        let mut rows = sqlx::query_as::<_, history::Row>(
            "SELECT id, trigger, started_at, finished_at, summary FROM run ORDER BY seq DESC LIMIT ?1",
        )
        .bind(MOST_RUNS)
        .fetch(&mut *reader);
        let mut runs = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let run = RunRow::try_from(row)?;
            match run.finished {
                Some(finished) if finished >= from => runs.push(run),
                // Runs do not overlap: those before it ended before it began.
                Some(_) => break,
                None => {}
            }
        }
        Ok(runs)
    }
}
