//! One process at a time: a lock the operating system gives back by itself, and a number that only grows.
//!
//! Invariant: a [`RunLease`] comes from [`Store::acquire`] only; whoever holds one holds the lock on the file beside the
//! state file. The kernel releases it when the process ends, however it ends, so a killed process never stands in the way.
//! Invariant: taking the lease raises the fencing number, and every write of a run compares it in its own transaction. Where a
//! lock cannot be trusted (some network file systems), a run that was overtaken can therefore still write nothing.
//! Deliberately absent: time. A lease that runs out by the clock would either hold up the next run after a crash, or be
//! taken from a process that was only suspended.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Store;
use super::codec::{millis, time};
use super::error::StoreError;
use super::tx::Tx;
use crate::model::Time;

/// The right to write the ledger and to carry out changes.
#[derive(Debug)]
pub struct RunLease {
    fencing: i64,
    /// Held, not read: closing it gives the lock back.
    _lock: File,
}

impl RunLease {
    /// A larger number is a later lease.
    #[must_use]
    pub fn fencing(&self) -> i64 {
        self.fencing
    }

    /// The same lease without its lock, as on a file system that does not keep locks.
    #[cfg(test)]
    pub(super) fn without_lock(self) -> Self {
        Self { fencing: self.fencing, _lock: File::open("/dev/null").expect("every Unix has it") }
    }

    /// Fails the transaction if somebody else took the lease since.
    pub(super) async fn prove(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let held: Option<i64> = sqlx::query_scalar("SELECT 1 FROM lease WHERE fencing = ?1 AND holder IS NOT NULL")
            .bind(self.fencing)
            .fetch_optional(tx.conn()?)
            .await?;
        held.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

impl Store {
    /// Takes the lease for `holder` (a text for people: `serve, process 123`).
    ///
    /// # Errors
    /// [`StoreError::Held`] while another process has it.
    pub async fn acquire(&self, holder: &str, at: Time) -> Result<RunLease, StoreError> {
        let Some(lock) = lock(&self.lock_path())? else {
            let (holder, since) = self.holder().await?.unwrap_or_else(|| ("another process".to_owned(), at));
            return Err(StoreError::Held { holder, since });
        };
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let fencing: i64 = sqlx::query_scalar(
            "INSERT INTO lease (id, fencing, holder, since) VALUES (1, 1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET
                 fencing = lease.fencing + 1, holder = excluded.holder, since = excluded.since
             RETURNING fencing",
        )
        .bind(holder)
        .bind(millis(at))
        .fetch_one(tx.conn()?)
        .await?;
        tx.commit().await?;
        Ok(RunLease { fencing, _lock: lock })
    }

    /// Gives the lease back. One that somebody else took over is theirs and stays.
    ///
    /// # Errors
    /// If the file cannot be written; the lock is given back all the same.
    pub async fn release(&self, lease: RunLease) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("UPDATE lease SET holder = NULL WHERE fencing = ?1")
            .bind(lease.fencing)
            .execute(tx.conn()?)
            .await?;
        tx.commit().await
    }

    /// Who took the lease last and has not given it back, and since when. A process that was killed still stands here
    /// until the next one takes it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn holder(&self) -> Result<Option<(String, Time)>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(String, i64)> = sqlx::query_as("SELECT holder, since FROM lease WHERE holder IS NOT NULL")
            .fetch_optional(&mut *reader)
            .await?;
        row.map(|(holder, since)| Ok((holder, time(since)?))).transpose()
    }

    /// Whether a living process holds the lease now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let path = self.lock_path();
        path.exists() && matches!(lock(&path), Ok(None))
    }

    fn lock_path(&self) -> PathBuf {
        let mut name = self.path().file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        self.path().with_file_name(name)
    }
}

/// The lock, or `None` while another process has it.
fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    let open = |source| StoreError::Open { path: path.into(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(open)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(open(source)),
    }
}
