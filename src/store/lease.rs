//! One run at a time: a lease that runs out by itself, and a number that only grows.
//!
//! Invariant: a [`RunLease`] comes from [`Store::acquire`] only; whoever holds one was alone when it was made.
//! Invariant: a takeover raises the fencing number, and every write of a run compares it in its own transaction. A run that
//! slept through its lease can therefore write nothing.

use std::time::Duration;

use super::Store;
use super::codec::{millis, time};
use super::error::StoreError;
use super::tx::Tx;
use crate::model::Time;

/// The right to write the ledger and to carry out changes.
#[derive(Debug)]
pub struct RunLease {
    fencing: i64,
    ttl: Duration,
    expires_at: Time,
}

impl RunLease {
    /// When it runs out unless it is renewed.
    #[must_use]
    pub fn expires_at(&self) -> Time {
        self.expires_at
    }

    /// A larger number is a later lease.
    #[must_use]
    pub fn fencing(&self) -> i64 {
        self.fencing
    }

    /// Fails the transaction if somebody else holds the lease now.
    pub(super) async fn prove(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let held: Option<i64> = sqlx::query_scalar("SELECT 1 FROM lease WHERE fencing = ?1 AND holder IS NOT NULL")
            .bind(self.fencing)
            .fetch_optional(tx.conn()?)
            .await?;
        held.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

impl Store {
    /// Takes the lease for `holder` (a text for people: `serve pid 123`). One that has run out is taken over.
    ///
    /// # Errors
    /// [`StoreError::Held`] while somebody else has it.
    pub async fn acquire(&self, holder: &str, at: Time, ttl: Duration) -> Result<RunLease, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let last: Option<(i64, Option<String>, i64, i64)> =
            sqlx::query_as("SELECT fencing, holder, since, expires_at FROM lease").fetch_optional(tx.conn()?).await?;
        let fencing = match last {
            Some((_, Some(holder), since, expires_at)) if expires_at > millis(at) => {
                return Err(StoreError::Held { holder, since: time(since)? });
            }
            Some((fencing, ..)) => fencing + 1,
            None => 1,
        };
        let lease = RunLease { fencing, ttl, expires_at: at + ttl };
        sqlx::query(
            "INSERT INTO lease (id, fencing, holder, since, expires_at) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET
                 fencing = excluded.fencing, holder = excluded.holder, since = excluded.since,
                 expires_at = excluded.expires_at",
        )
        .bind(fencing)
        .bind(holder)
        .bind(millis(at))
        .bind(millis(lease.expires_at))
        .execute(tx.conn()?)
        .await?;
        tx.commit().await?;
        Ok(lease)
    }

    /// Prolongs the lease by its time to live from `at`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if it ran out and somebody else took it.
    pub async fn renew(&self, lease: &mut RunLease, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let expires_at = at + lease.ttl;
        sqlx::query("UPDATE lease SET expires_at = ?1").bind(millis(expires_at)).execute(tx.conn()?).await?;
        tx.commit().await?;
        lease.expires_at = expires_at;
        Ok(())
    }

    /// Gives the lease back. One that somebody else took over is theirs and stays.
    ///
    /// # Errors
    /// If the file cannot be written; the lease then runs out by itself.
    pub async fn release(&self, lease: RunLease) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("UPDATE lease SET holder = NULL WHERE fencing = ?1")
            .bind(lease.fencing)
            .execute(tx.conn()?)
            .await?;
        tx.commit().await
    }

    /// Who holds the lease at `at`, and since when.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn holder(&self, at: Time) -> Result<Option<(String, Time)>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT holder, since FROM lease WHERE holder IS NOT NULL AND expires_at > ?1")
                .bind(millis(at))
                .fetch_optional(&mut *reader)
                .await?;
        row.map(|(holder, since)| Ok((holder, time(since)?))).transpose()
    }
}
