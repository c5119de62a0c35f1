//! The ledger: a run begins, every call is intended before it is made and settled after it, the run ends.
//!
//! Invariant: an intent without a final outcome is in doubt; [`Store::open_intents`] finds it after any crash.
//! Invariant: outcome, memory, retry clock, remembered inventory and the journal's line change in one transaction, once.
//! Invariant: a run that was begun and never finished is closed by the next one that begins.

use connectors::PersonKey;

use super::Store;
use super::codec::{decode, encode, millis, time};
use super::error::StoreError;
use super::inventory::{InventoryPatch, note_own_write, patch};
use super::journal::record;
use super::lease::RunLease;
use super::memory::remember;
use super::retry;
use super::tx::Tx;
use crate::model::{
    Action, Change, ChangeRecord, Facet, JournalEntry, NotAttempted, Outcome, Remembered, RetryClock, RunId,
    RunSummary, Stage, Time, Trigger,
};

/// A change that was begun and whose end is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    /// The run that planned it.
    pub run: RunId,
    /// The change.
    pub change: Change,
    /// When it was intended.
    pub at: Time,
}

/// Everything that becomes true with one outcome.
#[derive(Debug)]
pub struct Settlement<'a> {
    /// The run that planned the change.
    pub run: RunId,
    /// The change.
    pub change: &'a Change,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// The memory after it, if it is different.
    pub remembered: Option<(&'a PersonKey, &'a Remembered)>,
    /// What the remembered inventory learns from it.
    pub inventory: InventoryPatch,
    /// When the outcome was known.
    pub at: Time,
}

impl Store {
    /// Begins a run. Runs that were begun and never finished are closed with the result `interrupted`; they are returned.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn begin_run(
        &self,
        lease: &RunLease,
        run: RunId,
        trigger: Trigger,
        at: Time,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let open: Vec<(String, i64)> =
            sqlx::query_as("SELECT id, started_at FROM run WHERE finished_at IS NULL ORDER BY seq")
                .fetch_all(tx.conn()?)
                .await?;
        let mut interrupted = Vec::with_capacity(open.len());
        for (id, started) in open {
            let id: RunId = run_id(&id)?;
            let summary = interrupted_summary(&mut tx, id, millis(at) - started).await?;
            close(&mut tx, id, &summary, None, at).await?;
            interrupted.push(id);
        }
        sqlx::query("INSERT INTO run (id, trigger, started_at) VALUES (?1, ?2, ?3)")
            .bind(run.to_string())
            .bind(encode(&trigger)?)
            .bind(millis(at))
            .execute(tx.conn()?)
            .await?;
        record(&mut tx, &JournalEntry::RunStarted { run, trigger }, at).await?;
        tx.commit().await?;
        Ok(interrupted)
    }

    /// Writes down that a call is about to be made. After this it is in doubt until it is settled.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written; the call must not be made then.
    pub async fn intend(&self, lease: &RunLease, run: RunId, change: &Change, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query("INSERT INTO change (run, seq, person, body, intended_at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(run.to_string())
            .bind(change.seq)
            .bind(change.person.to_string())
            .bind(encode(change)?)
            .bind(millis(at))
            .execute(tx.conn()?)
            .await?;
        tx.commit().await
    }

    /// Writes down what became of a change, and everything that is true with it. Settling again what is final changes
    /// nothing, so that a caller who does not know whether it was heard may say it again.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Unknown`] for a change that was attempted and never intended, or if the
    /// file cannot be written; the change then stays in doubt.
    pub async fn settle(&self, lease: &RunLease, settlement: Settlement<'_>) -> Result<(), StoreError> {
        self.settle_refused(lease, settlement, None).await
    }

    /// The same, with the retry clock that a refusal sets. A success forgets the clock of the step.
    ///
    /// # Errors
    /// As [`Store::settle`].
    pub async fn settle_refused(
        &self,
        lease: &RunLease,
        settlement: Settlement<'_>,
        refused: Option<&RetryClock>,
    ) -> Result<(), StoreError> {
        let Settlement { run, change, outcome, remembered, inventory, at } = settlement;
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        if matches!(outcome, Outcome::NotAttempted { .. }) {
            insert_unattempted(&mut tx, run, change).await?;
        }
        let stored: Option<bool> = sqlx::query_scalar("SELECT final FROM change WHERE run = ?1 AND seq = ?2")
            .bind(run.to_string())
            .bind(change.seq)
            .fetch_optional(tx.conn()?)
            .await?;
        match stored {
            Some(true) => return tx.rollback().await,
            Some(false) => {}
            None => return Err(StoreError::Unknown { what: format!("change {} of run {run}", change.seq) }),
        }
        sqlx::query("UPDATE change SET outcome = ?3, settled_at = ?4, final = ?5 WHERE run = ?1 AND seq = ?2")
            .bind(run.to_string())
            .bind(change.seq)
            .bind(encode(outcome)?)
            .bind(millis(at))
            .bind(outcome.is_final())
            .execute(tx.conn()?)
            .await?;
        if let Some((person, remembered)) = remembered {
            remember(&mut tx, person, remembered).await?;
        }
        retry::settle(&mut tx, change, outcome, refused).await?;
        patch(&mut tx, inventory).await?;
        note_own_write(&mut tx, change, outcome, at).await?;
        if outcome.is_final() {
            let done = ChangeRecord { run, change: change.clone(), outcome: outcome.clone() };
            record(&mut tx, &JournalEntry::Change(Box::new(done)), at).await?;
        }
        tx.commit().await
    }

    /// Changes in doubt: intended and without a final outcome, in the order they were intended.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn open_intents(&self) -> Result<Vec<OpenIntent>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT change.run, change.body, change.intended_at FROM change JOIN run ON run.id = change.run
             WHERE change.final = 0 AND change.intended_at IS NOT NULL ORDER BY run.seq, change.seq",
        )
        .fetch_all(&mut *reader)
        .await?;
        rows.into_iter()
            .map(|(run, body, at)| {
                Ok(OpenIntent { run: run_id(&run)?, change: decode("a change", &body)?, at: time(at)? })
            })
            .collect()
    }

    /// Ends a run. `next` is when the next one is due, if there is a schedule.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Unknown`], or if the file cannot be written.
    pub async fn finish_run(
        &self,
        lease: &RunLease,
        run: RunId,
        summary: &RunSummary,
        next: Option<Time>,
        at: Time,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        close(&mut tx, run, summary, next, at).await?;
        tx.commit().await
    }
}

pub(super) fn run_id(text: &str) -> Result<RunId, StoreError> {
    text.parse().map(RunId).map_err(|_| StoreError::corrupt("the id of a run"))
}

async fn insert_unattempted(tx: &mut Tx<'_>, run: RunId, change: &Change) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO change (run, seq, person, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
        .bind(run.to_string())
        .bind(change.seq)
        .bind(change.person.to_string())
        .bind(encode(change)?)
        .execute(tx.conn()?)
        .await?;
    Ok(())
}

async fn close(
    tx: &mut Tx<'_>,
    run: RunId,
    summary: &RunSummary,
    next: Option<Time>,
    at: Time,
) -> Result<(), StoreError> {
    let closed = sqlx::query("UPDATE run SET finished_at = ?2, summary = ?3 WHERE id = ?1 AND finished_at IS NULL")
        .bind(run.to_string())
        .bind(millis(at))
        .bind(encode(summary)?)
        .execute(tx.conn()?)
        .await?;
    if closed.rows_affected() == 0 {
        return Err(StoreError::Unknown { what: format!("an open run {run}") });
    }
    record(tx, &JournalEntry::RunFinished { run, summary: Box::new(summary.clone()), next }, at).await
}

/// What an interrupted run had done by the ledger's word.
async fn interrupted_summary(tx: &mut Tx<'_>, run: RunId, millis: i64) -> Result<RunSummary, StoreError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as("SELECT body, outcome FROM change WHERE run = ?1")
        .bind(run.to_string())
        .fetch_all(tx.conn()?)
        .await?;
    let mut summary = RunSummary {
        result: "interrupted".to_owned(),
        message: "the process ended before the run did; what is in doubt is settled by looking at Connect".to_owned(),
        millis: u64::try_from(millis).unwrap_or(0),
        ..RunSummary::default()
    };
    for (body, outcome) in rows {
        let change: Change = decode("a change", &body)?;
        let outcome: Option<Outcome> = outcome.map(|text| decode("an outcome", &text)).transpose()?;
        let counter = match outcome {
            Some(Outcome::Done { .. } | Outcome::AlreadySo { .. }) => done_counter(&mut summary, &change.action),
            Some(Outcome::Failed { .. } | Outcome::DidNotHappen) => Some(&mut summary.failed),
            Some(Outcome::NotAttempted {
                why:
                    NotAttempted::EarlierChangeFailed
                    | NotAttempted::RunStopped
                    | NotAttempted::Shutdown
                    | NotAttempted::TrialFailed,
            }) => Some(&mut summary.not_attempted),
            Some(Outcome::InDoubt { .. }) | None => Some(&mut summary.in_doubt),
        };
        if let Some(counter) = counter {
            *counter += 1;
        }
    }
    Ok(summary)
}

fn done_counter<'a>(summary: &'a mut RunSummary, action: &Action) -> Option<&'a mut u32> {
    match action {
        Action::Create(_) => Some(&mut summary.created),
        Action::Adopt { .. } => Some(&mut summary.adopted),
        Action::Update(update) => {
            // A suspension is as many updates as it has facets; every suspended user has exactly one of this kind.
            if update.stage == Stage::Suspended && update.facet == Facet::Security {
                summary.suspended += 1;
            }
            Some(&mut summary.updated)
        }
        Action::Delete { .. } => Some(&mut summary.deleted),
        Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => None,
    }
}
