//! What happened to whom, for people who ask: runs, their changes, and finding a person by what humans call them.

use std::collections::BTreeMap;

use connectors::PersonKey;
use sqlx::FromRow;

use super::Store;
use super::codec::{decode, time};
use super::error::StoreError;
use super::runs::run_id;
use crate::model::{Action, Change, Facet, Outcome, RunId, RunSummary, Time, Trigger};

/// People a search returns at most; whoever gets that many asks more precisely.
const MAX_FOUND: u32 = 50;

/// One run of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Which.
    pub run: RunId,
    /// What started it.
    pub trigger: Trigger,
    /// When it began.
    pub started: Time,
    /// When it ended, if it did.
    pub finished: Option<Time>,
    /// What it did, if it ended.
    pub summary: Option<RunSummary>,
}

#[derive(FromRow)]
pub(super) struct Row {
    id: String,
    trigger: String,
    started_at: i64,
    finished_at: Option<i64>,
    summary: Option<String>,
}

impl TryFrom<Row> for RunRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { id, trigger, started_at, finished_at, summary } = row;
        Ok(Self {
            run: run_id(&id)?,
            trigger: decode("what started a run", &trigger)?,
            started: time(started_at)?,
            finished: finished_at.map(time).transpose()?,
            summary: summary.map(|text| decode("the summary of a run", &text)).transpose()?,
        })
    }
}

impl Store {
    /// At most `limit` runs, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT id, trigger, started_at, finished_at, summary FROM run ORDER BY seq DESC LIMIT ?1")
                .bind(limit)
                .fetch_all(&mut *reader)
                .await?;
        rows.into_iter().map(RunRow::try_from).collect()
    }

    /// The runs whose id begins with this text, oldest first; at most `limit`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn runs_like(&self, prefix: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let mut reader = self.reader().await;
        let prefix = prefix.trim().to_lowercase();
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, trigger, started_at, finished_at, summary FROM run WHERE id >= ?1 AND id < ?2 ORDER BY seq LIMIT ?3",
        )
        .bind(&prefix)
        .bind(format!("{prefix}\u{10ffff}"))
        .bind(limit)
        .fetch_all(&mut *reader)
        .await?;
        rows.into_iter().map(RunRow::try_from).collect()
    }

    /// For everybody whose facets were written by runs after this one: the last run that wrote each.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn written_after(&self, run: RunId) -> Result<BTreeMap<PersonKey, BTreeMap<Facet, RunId>>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT change.run, change.body, change.outcome FROM change JOIN run ON run.id = change.run
             WHERE run.seq > (SELECT seq FROM run WHERE id = ?1) AND change.outcome IS NOT NULL
             ORDER BY run.seq, change.seq",
        )
        .bind(run.to_string())
        .fetch_all(&mut *reader)
        .await?;
        let mut written: BTreeMap<PersonKey, BTreeMap<Facet, RunId>> = BTreeMap::new();
        for (run, body, outcome) in rows {
            let change: Change = decode("a change", &body)?;
            let outcome: Outcome = decode("an outcome", &outcome)?;
            if let (Action::Update(update), true) = (&change.action, outcome.succeeded()) {
                written.entry(change.person).or_default().insert(update.facet, run_id(&run)?);
            }
        }
        Ok(written)
    }

    /// Every change of a run with what became of it and when, in the order of the plan. A change in doubt has
    /// [`Outcome::InDoubt`], also if the process ended before it knew.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn run_changes(&self, run: RunId) -> Result<Vec<(Change, Outcome, Time)>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "SELECT body, outcome, COALESCE(settled_at, intended_at, 0) FROM change WHERE run = ?1 ORDER BY seq",
        )
        .bind(run.to_string())
        .fetch_all(&mut *reader)
        .await?;
        rows.into_iter().map(change).collect()
    }

    /// People by key, username, the beginning of a username, or e-mail address; case does not matter. Exact matches come
    /// alone; at most 50 otherwise.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn find_person(&self, text: &str) -> Result<Vec<PersonKey>, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.reader().await;
        // Keys are exact: a directory's ids differ in case.
        let (source, id) = text.split_once('/').unwrap_or_default();
        let folded = text.to_lowercase();
        let exact: Vec<(String, String)> = sqlx::query_as(
            "SELECT source, id FROM person WHERE source = ?1 AND id = ?2
             UNION SELECT source, id FROM person WHERE username = ?3
             UNION SELECT source, id FROM person WHERE mail = ?3",
        )
        .bind(source)
        .bind(id)
        .bind(&folded)
        .fetch_all(&mut *reader)
        .await?;
        let found = if exact.is_empty() {
            // The next text after every text that begins like this; a range uses the index, LIKE would not.
            let end = format!("{folded}\u{10ffff}");
            sqlx::query_as::<_, (String, String)>(
                "SELECT source, id FROM person WHERE username >= ?1 AND username < ?2 ORDER BY username LIMIT ?3",
            )
            .bind(&folded)
            .bind(end)
            .bind(MAX_FOUND)
            .fetch_all(&mut *reader)
            .await?
        } else {
            exact
        };
        Ok(found.into_iter().map(|(source, id)| PersonKey::new(source, id)).collect())
    }
}

/// A change as it is stored: body, outcome, when.
pub(super) fn change(
    (body, outcome, at): (String, Option<String>, i64),
) -> Result<(Change, Outcome, Time), StoreError> {
    let outcome = match outcome {
        Some(text) => decode("an outcome", &text)?,
        None => Outcome::InDoubt { message: "no reply was recorded".to_owned() },
    };
    Ok((decode("a change", &body)?, outcome, time(at)?))
}
