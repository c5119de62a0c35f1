//! What happened on which day and in which run, a page at a time, for people who look.
//!
//! Invariant: whatever is listed here is bounded by the caller and found by an index; nothing grows with the history.

use std::collections::BTreeSet;

use connectors::PersonKey;
use sqlx::AssertSqlSafe;

use super::Store;
use super::codec::{encode, millis, time};
use super::error::StoreError;
use super::history::{self, RunRow};
use super::journal::{self, JournalRow};
use crate::model::{Change, Outcome, RunId, Time};

/// Milliseconds of a day; days are UTC.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// What the state file was made of when something was derived from it. Equal marks: nothing was pulled, looked at or run to its
/// end meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    run: i64,
    pulled: i64,
    looked: i64,
    /// Thousands of lines of the journal: a run of a day is seen before it ends.
    written: i64,
}

/// People to whom something happened on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    /// The beginning of the day, UTC.
    pub day: Time,
    /// `join`, `change`, `leave`, `rename` or `adopt`.
    pub fate: String,
    /// How many people.
    pub people: u32,
}

/// By what changes are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// As they come: in the order of the plan, or the newest first.
    #[default]
    Own,
    /// By what the person is called.
    Person,
    /// By what became of the person.
    Fate,
    /// By how the change ended.
    Outcome,
}

/// In which order changes are listed; those that are equal in it stand as they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: By,
    /// Whether the other way round.
    pub reversed: bool,
}

impl Order {
    /// The direction of what ascends if it is not reversed.
    fn ascending(self) -> &'static str {
        if self.reversed { "DESC" } else { "ASC" }
    }
}

/// Which part of the changes that took place is meant.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// `join`, `change`, `leave`, `rename` or `adopt`; absent = all of them.
    pub fate: Option<&'a str>,
    /// From this moment on.
    pub from: Time,
    /// Before this moment.
    pub to: Time,
    /// Only these people.
    pub people: Option<&'a BTreeSet<PersonKey>>,
    /// In which order.
    pub order: Order,
}

/// A part of a longer list.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Rows that are left out before it.
    pub offset: u32,
    /// Rows in it at most.
    pub limit: u32,
}

impl Store {
    /// What the file is made of now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn mark(&self) -> Result<Mark, StoreError> {
        let mut reader = self.reader().await;
        let (run, pulled, looked, written): (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT COALESCE((SELECT seq FROM run WHERE finished_at IS NOT NULL ORDER BY seq DESC LIMIT 1), 0),
                    COALESCE((SELECT MAX(last_pull) FROM source), 0),
                    COALESCE((SELECT MAX(at) FROM inventory), 0),
                    COALESCE((SELECT MAX(seq) FROM journal), 0) / 1000",
        )
        .fetch_one(&mut *reader)
        .await?;
        Ok(Mark { run, pulled, looked, written })
    }

    /// People to whom something happened, by day and fate, from a moment on. Takes a second where they are a hundred thousand.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn days(&self, from: Time) -> Result<Vec<DayCount>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT at / ?2 AS day, fate, COUNT(DISTINCT person) FROM journal INDEXED BY journal_fate
             WHERE fate IN ('join', 'change', 'leave', 'rename', 'adopt') AND at >= ?1 GROUP BY day, fate ORDER BY day, fate",
        )
        .bind(millis(from))
        .bind(DAY_MILLIS)
        .fetch_all(&mut *reader)
        .await?;
        rows.into_iter()
            .map(|(day, fate, people)| {
                Ok(DayCount { day: time(day * DAY_MILLIS)?, fate, people: u32::try_from(people).unwrap_or(u32::MAX) })
            })
            .collect()
    }

    /// Changes that took place, and how many there are in all. By time they are found by an index; every other order reads the
    /// whole span.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn happened(&self, span: Span<'_>, part: Part) -> Result<(Vec<JournalRow>, u64), StoreError> {
        // One index or the other, by what is asked: a condition that may be absent would use none.
        let which = match span.fate {
            Some(_) => "journal INDEXED BY journal_fate WHERE fate = ?3",
            None => "journal INDEXED BY journal_at WHERE fate IS NOT NULL AND ?3 IS NULL",
        };
        let whom = match span.people {
            Some(_) => "person IN (SELECT value FROM json_each(?4))",
            None => "?4 IS NULL",
        };
        let from = format!("FROM {which} AND at >= ?1 AND at < ?2 AND {whom}");
        let direction = span.order.ascending();
        let order = match span.order {
            Order { by: By::Own, reversed: false } => "at DESC, seq DESC".to_owned(),
            Order { by: By::Own, reversed: true } => "at, seq".to_owned(),
            Order { by: By::Person, .. } => {
                format!("body ->> '$.change.label' COLLATE NOCASE {direction}, at DESC, seq DESC")
            }
            Order { by: By::Fate, .. } => format!("fate {direction}, at DESC, seq DESC"),
            Order { by: By::Outcome, .. } => format!("body ->> '$.outcome.result' {direction}, at DESC, seq DESC"),
        };
        let people = span.people.map(encode).transpose()?;
        let mut reader = self.reader().await;
        let all: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) {from}")))
            .bind(millis(span.from))
            .bind(millis(span.to))
            .bind(span.fate)
            .bind(&people)
            .fetch_one(&mut *reader)
            .await?;
        // The bodies of a page only, not of what is left out before it.
        let rows: Vec<journal::Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT seq, event_id, at, body FROM journal WHERE seq IN
                 (SELECT seq {from} ORDER BY {order} LIMIT ?5 OFFSET ?6)
             ORDER BY {order}"
        )))
        .bind(millis(span.from))
        .bind(millis(span.to))
        .bind(span.fate)
        .bind(&people)
        .bind(part.limit)
        .bind(part.offset)
        .fetch_all(&mut *reader)
        .await?;
        let rows = rows.into_iter().map(JournalRow::try_from).collect::<Result<_, _>>()?;
        Ok((rows, all.unsigned_abs()))
    }

    /// Runs, newest first, and how many there are in all.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn runs_part(&self, part: Part) -> Result<(Vec<RunRow>, u64), StoreError> {
        let mut reader = self.reader().await;
        let all: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM run").fetch_one(&mut *reader).await?;
        let rows: Vec<history::Row> = sqlx::query_as(
            "SELECT id, trigger, started_at, finished_at, summary FROM run ORDER BY seq DESC LIMIT ?1 OFFSET ?2",
        )
        .bind(part.limit)
        .bind(part.offset)
        .fetch_all(&mut *reader)
        .await?;
        Ok((rows.into_iter().map(RunRow::try_from).collect::<Result<_, _>>()?, all.unsigned_abs()))
    }

    /// Changes of one run, and how many there are in all. See [`Store::run_changes`].
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn run_changes_part(
        &self,
        run: RunId,
        people: Option<&BTreeSet<PersonKey>>,
        order: Order,
        part: Part,
    ) -> Result<(Vec<(Change, Outcome, Time)>, u64), StoreError> {
        let whom = match people {
            Some(_) => "person IN (SELECT value FROM json_each(?2))",
            None => "?2 IS NULL",
        };
        let from = format!("FROM change INDEXED BY change_page WHERE run = ?1 AND {whom}");
        let direction = order.ascending();
        let order = match order.by {
            By::Own => format!("seq {direction}"),
            By::Person => format!("body ->> '$.label' COLLATE NOCASE {direction}, seq"),
            By::Outcome | By::Fate => format!("outcome ->> '$.result' {direction}, seq"),
        };
        let people = people.map(encode).transpose()?;
        let mut reader = self.reader().await;
        let all: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) {from}")))
            .bind(run.to_string())
            .bind(&people)
            .fetch_one(&mut *reader)
            .await?;
        // The bodies of a page only, not of what is left out before it.
        let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT body, outcome, COALESCE(settled_at, intended_at, 0) FROM change
             WHERE run = ?1 AND seq IN (SELECT seq {from} ORDER BY {order} LIMIT ?3 OFFSET ?4) ORDER BY {order}"
        )))
        .bind(run.to_string())
        .bind(&people)
        .bind(part.limit)
        .bind(part.offset)
        .fetch_all(&mut *reader)
        .await?;
        let changes = rows.into_iter().map(history::change).collect::<Result<_, _>>()?;
        Ok((changes, all.unsigned_abs()))
    }
}
