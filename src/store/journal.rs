//! What happened, in order: the outbox every sink reads with a cursor of its own.
//!
//! Invariant: an entry is written in the transaction that makes it true, and never changed.
//! Invariant: an event id is made from the run and the event, and is unique in the file: what may happen once (a run
//! begins, ends, a change has its outcome) cannot be written twice, whoever tries.

use connectors::PersonKey;
use sqlx::FromRow;

use super::Store;
use super::codec::{decode, encode, millis, time};
use super::error::StoreError;
use super::lease::RunLease;
use super::tx::Tx;
use crate::model::{Action, JournalEntry, Reason, Time};

/// One stored line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Its place; grows, may have gaps.
    pub seq: i64,
    /// The same for ever; a reader that has seen it drops a repetition.
    pub event_id: String,
    /// When it became true.
    pub at: Time,
    /// What.
    pub entry: JournalEntry,
}

#[derive(FromRow)]
pub(super) struct Row {
    seq: i64,
    event_id: String,
    at: i64,
    body: String,
}

impl TryFrom<Row> for JournalRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { seq, event_id, at, body } = row;
        Ok(Self { seq, event_id, at: time(at)?, entry: decode("a line of the journal", &body)? })
    }
}

impl Store {
    /// At most `limit` lines after `after` (0: from the beginning), oldest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn journal(&self, after: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT seq, event_id, at, body FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2")
                .bind(after)
                .bind(limit)
                .fetch_all(&mut *reader)
                .await?;
        rows.into_iter().map(JournalRow::try_from).collect()
    }

    /// At most `limit` lines about one person, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn person_history(&self, person: &PersonKey, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT seq, event_id, at, body FROM journal WHERE person = ?1 ORDER BY seq DESC LIMIT ?2")
                .bind(person.to_string())
                .bind(limit)
                .fetch_all(&mut *reader)
                .await?;
        rows.into_iter().map(JournalRow::try_from).collect()
    }

    /// Adds lines that belong to no other step (a source failed).
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn append(&self, lease: &RunLease, entries: &[JournalEntry], at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for entry in entries {
            record(&mut tx, entry, at).await?;
        }
        tx.commit().await
    }

    /// How far a sink has delivered; 0 for one that never has.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn sink_cursor(&self, name: &str) -> Result<i64, StoreError> {
        let mut reader = self.reader().await;
        let seq = sqlx::query_scalar("SELECT seq FROM sink WHERE name = ?1").bind(name).fetch_optional(&mut *reader);
        Ok(seq.await?.unwrap_or(0))
    }

    /// Remembers that a sink has delivered everything up to `seq`. Never goes back.
    ///
    /// # Errors
    /// If the file cannot be written; the sink then delivers again, with the same event ids.
    pub async fn advance_sink(&self, name: &str, seq: i64) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query(
            "INSERT INTO sink (name, seq) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET seq = MAX(seq, excluded.seq)",
        )
        .bind(name)
        .bind(seq)
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }
}

/// Writes one line, unless the same event is there already.
pub(super) async fn record(tx: &mut Tx<'_>, entry: &JournalEntry, at: Time) -> Result<(), StoreError> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetch_optional(tx.conn()?).await?;
    let seq = last.unwrap_or(0) + 1;
    sqlx::query(
        "INSERT INTO journal (seq, event_id, at, person, body, fate) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (event_id) DO NOTHING",
    )
    .bind(seq)
    .bind(event_id(entry, seq, at))
    .bind(millis(at))
    .bind(entry.person().map(ToString::to_string))
    .bind(encode(entry)?)
    .bind(fate(entry))
    .execute(tx.conn()?)
    .await?;
    Ok(())
}

/// What a change that took place did to the person, the weightiest first; nothing for everything else.
fn fate(entry: &JournalEntry) -> Option<&'static str> {
    let JournalEntry::Change(record) = entry else { return None };
    let fate = match (&record.change.because, &record.change.action) {
        (Reason::Left { .. }, _) => "leave",
        (Reason::Renamed { .. }, _) => "rename",
        (_, Action::Create(_)) => "join",
        (Reason::Adopted { .. }, _) => "adopt",
        _ => "change",
    };
    record.outcome.succeeded().then_some(fate)
}

fn event_id(entry: &JournalEntry, seq: i64, at: Time) -> String {
    match entry {
        JournalEntry::RunStarted { run, trigger: _ } => format!("{run}:started"),
        JournalEntry::RunFinished { run, .. } => format!("{run}:finished"),
        JournalEntry::Change(record) => format!("{}:change:{}", record.run, record.change.seq),
        JournalEntry::Finding { run, finding: _ } => format!("{run}:finding:{seq}"),
        JournalEntry::SourceFailed { run, source, .. } => format!("{run}:source:{source}:{seq}"),
        JournalEntry::Refused { run, .. } => format!("{run}:refused:{seq}"),
        JournalEntry::QuarantineEntered { run, .. } => format!("{run}:quarantine_entered"),
        JournalEntry::QuarantineLeft { run, since: _ } => format!("{run}:quarantine_left"),
        // No run: after a lost state file the numbers begin anew, the time does not.
        JournalEntry::Approved { digest } => format!("approved:{digest}:{}:{seq}", millis(at)),
    }
}
