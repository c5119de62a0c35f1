//! One writer, some readers, and the transaction every logical step is made of.
//!
//! Invariant: every write goes through a [`Tx`] that began `IMMEDIATE`; dropping it undoes everything.
//! Invariant: a write that belongs to a run proves with its [`RunLease`] that the run is still the one that may write,
//! in the same transaction.
//! Invariant: a transaction that SQLite gave up by itself, as it does on a full disk, is the end of that one step. The driver
//! goes on counting it on its connection, so the next step gets a new one.
//! Deliberately absent: a connection pool. Its time-outs follow tokio's clock while SQLite works on a thread of its own;
//! under a paused clock every one of them would fire at once. There is one writer anyway.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};

use super::error::StoreError;
use super::lease::RunLease;

/// The one connection that writes.
pub(super) struct Writer {
    connection: SqliteConnection,
    /// How it is opened anew.
    options: SqliteConnectOptions,
    /// Called before every statement and every commit, to fail there or to look at the file at that moment.
    #[cfg(test)]
    pub(super) hook: Option<Hook>,
}

#[cfg(test)]
pub(super) type Hook = Box<dyn FnMut() -> Result<(), StoreError> + Send>;

/// One logical step: all of it or nothing.
pub(super) struct Tx<'c> {
    inner: Transaction<'c, Sqlite>,
    #[cfg(test)]
    hook: Option<&'c mut Hook>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        Self {
            connection,
            options,
            #[cfg(test)]
            hook: None,
        }
    }

    pub(super) async fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        self.renew_if_spent().await?;
        // A deferred transaction that turns into a writing one cannot wait for another writer; this one can.
        let inner = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx {
            inner,
            #[cfg(test)]
            hook: self.hook.as_mut(),
        })
    }

    /// Opens a new connection in place of one on which nothing can begin any more.
    async fn renew_if_spent(&mut self) -> Result<(), StoreError> {
        if !self.connection.is_in_transaction() {
            return Ok(());
        }
        // A step that was dropped may be on its way to be undone; this waits for it.
        let answers = self.connection.ping().await.is_ok();
        if !answers || self.connection.is_in_transaction() {
            self.connection = self.options.connect().await?;
        }
        Ok(())
    }

    /// The same for a step of a run. `None` is a rehearsal, which writes the snapshot and nothing of the ledger.
    pub(super) async fn begin_for(&mut self, lease: Option<&RunLease>) -> Result<Tx<'_>, StoreError> {
        let mut tx = self.begin().await?;
        if let Some(lease) = lease {
            lease.prove(&mut tx).await?;
        }
        Ok(tx)
    }
}

impl Tx<'_> {
    /// The connection for one statement.
    pub(super) fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        #[cfg(test)]
        if let Some(hook) = self.hook.as_mut() {
            hook()?;
        }
        Ok(&mut self.inner)
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.conn()?;
        Ok(self.inner.commit().await?)
    }

    /// Undoes everything, and waits until it is undone.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
}
