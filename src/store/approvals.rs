//! Held plans, and who let them through.
//!
//! Invariant: an approval names a digest, never "the next plan"; it is used up by the run that relies on it.
//! Invariant: approving again starts the time anew; an approval that has run out is never in the way of another one.

use super::Store;
use super::codec::{millis, time};
use super::error::StoreError;
use super::journal::record;
use super::lease::RunLease;
use super::runs::run_id;
use crate::model::{JournalEntry, RunId, Time};

/// A plan the guard has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What an approval has to name.
    pub digest: String,
    /// Why it is held, with the numbers.
    pub message: String,
    /// The run that was refused first.
    pub run: RunId,
    /// Since when.
    pub at: Time,
}

impl Store {
    /// Remembers that a plan is held, and tells the journal. The same plan held again by the next run is not news, but what
    /// is said about it is kept up to date (an approval may have run out).
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn hold_plan(
        &self,
        lease: &RunLease,
        run: RunId,
        digest: &str,
        message: &str,
        at: Time,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let before: Option<String> = sqlx::query_scalar("SELECT digest FROM held").fetch_optional(tx.conn()?).await?;
        if before.as_deref() == Some(digest) {
            sqlx::query("UPDATE held SET message = ?1").bind(message).execute(tx.conn()?).await?;
            return tx.commit().await;
        }
        sqlx::query(
            "INSERT INTO held (id, digest, message, run, at) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET
                 digest = excluded.digest, message = excluded.message, run = excluded.run, at = excluded.at",
        )
        .bind(digest)
        .bind(message)
        .bind(run.to_string())
        .bind(millis(at))
        .execute(tx.conn()?)
        .await?;
        let entry = JournalEntry::Refused { run, digest: digest.to_owned(), message: message.to_owned() };
        record(&mut tx, &entry, at).await?;
        tx.commit().await
    }

    /// The plan that is held, if one is.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn held(&self) -> Result<Option<Held>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(String, String, String, i64)> =
            sqlx::query_as("SELECT digest, message, run, at FROM held").fetch_optional(&mut *reader).await?;
        row.map(|(digest, message, run, at)| Ok(Held { digest, message, run: run_id(&run)?, at: time(at)? }))
            .transpose()
    }

    /// Forgets the held plan: another one was made, or it was carried out.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn clear_held(&self, lease: &RunLease) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query("DELETE FROM held").execute(tx.conn()?).await?;
        tx.commit().await
    }

    /// Lets the plan with this digest through in the next run, and tells the journal. Needs no lease: a person says it
    /// while `serve` runs. Said again, it holds from then on.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn approve(&self, digest: &str, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let renewed = sqlx::query("UPDATE approval SET at = ?2 WHERE digest = ?1")
            .bind(digest)
            .bind(millis(at))
            .execute(tx.conn()?)
            .await?;
        if renewed.rows_affected() == 0 {
            sqlx::query("INSERT INTO approval (digest, at) VALUES (?1, ?2)")
                .bind(digest)
                .bind(millis(at))
                .execute(tx.conn()?)
                .await?;
            record(&mut tx, &JournalEntry::Approved { digest: digest.to_owned() }, at).await?;
        }
        tx.commit().await
    }

    /// When this digest was approved, unless the approval is used up.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn approval(&self, digest: &str) -> Result<Option<Time>, StoreError> {
        let mut reader = self.reader().await;
        let at: Option<i64> = sqlx::query_scalar("SELECT at FROM approval WHERE digest = ?1")
            .bind(digest)
            .fetch_optional(&mut *reader)
            .await?;
        at.map(time).transpose()
    }

    /// Forgets approvals that were given before a moment, but for one: that of the plan that is held stays, so that it can
    /// be told that it has run out. Needs no lease, like giving one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn forget_approvals(&self, before: Time, but: Option<&str>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM approval WHERE at < ?1 AND digest IS NOT ?2")
            .bind(millis(before))
            .bind(but)
            .execute(tx.conn()?)
            .await?;
        tx.commit().await
    }

    /// Uses an approval up.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn consume_approval(&self, lease: &RunLease, digest: &str) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query("DELETE FROM approval WHERE digest = ?1").bind(digest).execute(tx.conn()?).await?;
        tx.commit().await
    }
}
