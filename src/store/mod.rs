//! What rollcall remembers between runs, in one SQLite file: the directories as last pulled, our own doing per person, the
//! ledger of every change, and Connect as last seen.
//!
//! ```text
//! file        the file as a file: mode 0600, nobody else's
//! turn        a turnstile for those who must repeat a run exactly
//! tx          one writer, some readers; the transaction every step is made of
//! lease       one run at a time, with a fencing number
//! snapshot    a pull becomes stored data and a cursor, in one transaction
//! step        the rows of one pull: load, write what is different, count
//! person      what a pull says about one person, as a pure function of before and after
//! confirm     what a point read says about people
//! view        the snapshot as the planner sees it
//! notes       what the sources say about themselves, until they are listed anew
//! memory      what we did, per person; who is leaving since when
//! runs        begin, intent, outcome, finish
//! quarantine  trouble with the configuration that lasts
//! retry       what Connect refused for whom, and when it is tried again
//! journal     what happened, in order; the outbox of every sink
//! findings    what was found and decided by the last run
//! approvals   held plans and who let them through
//! inventory   Connect as last seen, kept true by our own confirmed writes
//! service     a pause, and which configuration is in force
//! undone      what was taken back, until the wish is another one
//! notify      what each notifier has told so far
//! history     what happened to whom, for people who ask · days: on which day, a page at a time · about: one person whole
//! parts       how each part stands: sources, Connect, reports
//! console     who may look at the console, and what was done there
//! ```
//!
//! Invariant: one logical step is one transaction. A crash at any statement leaves the state before or after it.
//! Invariant: every write to the ledger proves in its own transaction that the lease is still held.
//! Invariant: the cursor is stored with the data it belongs to, never apart.
//! Invariant: personal data is in this file only, and the file is its owner's alone (0600).
//! Deliberately absent: decisions about people, and every sibling (`planner`, `connect`, `report`).

mod about;
mod approvals;
mod codec;
mod confirm;
mod console;
mod days;
mod error;
mod file;
mod findings;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod history;
mod inventory;
mod journal;
mod lease;
mod memory;
mod notes;
mod notify;
mod parts;
mod person;
mod quarantine;
mod retry;
mod runs;
mod same;
mod service;
mod snapshot;
mod step;
mod turn;
mod tx;
mod undone;
mod view;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::model::Time;

pub use approvals::Held;
pub use confirm::ConfirmOutcome;
pub use console::{AuditRow, Hash, SessionRow};
pub use days::{By, DayCount, Mark, Order, Part, Span};
pub use error::{Misread, StoreError};
pub use history::RunRow;
pub use inventory::InventoryPatch;
pub use journal::JournalRow;
pub use lease::RunLease;
pub use parts::{ConnectRow, Delivery, SourceRow};
pub use quarantine::Patient;
pub use runs::{OpenIntent, Settlement};
pub use snapshot::PullOutcome;
pub use turn::{Turn, Turnstile};

use turn::Taken;
use tx::Writer;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// `PRAGMA application_id` of our files, the text "roll"; the first migration sets it.
const APPLICATION_ID: i64 = 0x726f_6c6c;
/// How long a statement waits for another process before it fails. A full pull of 100,000 people writes for seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that only read. The console and one run at a time read; more would only hold memory.
const READERS: usize = 3;

/// The state file. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Option<Mutex<Writer>>,
    readers: Vec<Mutex<SqliteConnection>>,
    turnstile: Option<Arc<dyn Turnstile>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("writable", &self.inner.writer.is_some()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the state file, creating it (mode 0600) or bringing its schema up to date where that is needed.
    ///
    /// # Errors
    /// If the path cannot be used, is something else, is exposed to others, or was written by a later release.
    pub async fn open(path: &Path, at: Time) -> Result<Self, StoreError> {
        Self::open_behind(None, path, at).await
    }

    /// The same with every step on the file behind a turnstile, if there is one.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_behind(turnstile: Option<Arc<dyn Turnstile>>, path: &Path, at: Time) -> Result<Self, StoreError> {
        let turn = turn::take(turnstile.as_deref()).await;
        file::prepare(path)?;
        // One at a time: a file that another process is turning into ours looks like neither, and SQLite does not wait
        // for its turn when the journal mode changes.
        let _turn = file::take_turn(path).await?;
        let found = examine(path).await?;
        let options = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.map_err(|error| opening(path, error))?;
        if found < known_version() {
            migrate(&mut connection).await?;
        }
        let store = Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                writer: Some(Mutex::new(Writer::new(connection, options))),
                readers: readers(path).await?,
                turnstile,
            }),
        };
        drop(turn);
        if found == 0 {
            store.meta_set("created_at", &at.to_rfc3339()).await?;
        }
        Ok(store)
    }

    /// Opens an existing state file for looking only; a running `serve` is not disturbed.
    ///
    /// # Errors
    /// If there is none, or it is something else, or it was written by another release.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        file::inspect(path)?;
        let (found, known) = (examine(path).await?, known_version());
        if found < known {
            return Err(StoreError::Older { found, known });
        }
        let (writer, readers, turnstile) = (None, readers(path).await?, None);
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), writer, readers, turnstile }) })
    }

    /// Where the state file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// A setting that outlives the process, by name.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn meta_get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut reader = self.reader().await;
        Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = ?1").bind(name).fetch_optional(&mut *reader).await?)
    }

    /// Sets a setting that outlives the process (`paused`, `rules_digest`).
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn meta_set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }

    async fn writer(&self) -> Result<Taken<'_, Writer>, StoreError> {
        let turn = turn::take(self.inner.turnstile.as_deref()).await;
        match &self.inner.writer {
            Some(writer) => Ok(Taken::new(writer.lock().await, turn)),
            None => Err(StoreError::ReadOnly { source: None }),
        }
    }

    async fn reader(&self) -> Taken<'_, SqliteConnection> {
        let turn = turn::take(self.inner.turnstile.as_deref()).await;
        for reader in &self.inner.readers {
            if let Ok(free) = reader.try_lock() {
                return Taken::new(free, turn);
            }
        }
        Taken::new(self.inner.readers[0].lock().await, turn)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // Logged statements would carry nothing personal (values are bound), and say nothing an administrator can use.
        .disable_statement_logging()
}

async fn readers(path: &Path) -> Result<Vec<Mutex<SqliteConnection>>, StoreError> {
    let mut readers = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        // Not `read_only`: a reader of a file with a write-ahead log must be able to make the log's shared memory.
        let options = options(path).pragma("query_only", "1").row_buffer_size(1_000);
        readers.push(Mutex::new(options.connect().await.map_err(|error| opening(path, error))?));
    }
    Ok(readers)
}

fn known_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The schema version of the file, 0 for an empty one. Changes nothing, so that nobody else's database is converted.
async fn examine(path: &Path) -> Result<i64, StoreError> {
    let foreign = |why: &str| StoreError::Foreign { path: path.into(), why: why.to_owned() };
    let mut connection = options(path).connect().await.map_err(|error| opening(path, error))?;
    // One statement, so that both are from one moment of the file.
    let (id, tables): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id),
                (SELECT COUNT(*) FROM sqlite_master WHERE name <> '_sqlx_migrations')",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(|error| opening(path, error))?;
    let found = match (id, tables) {
        (0, 0) => 0,
        (APPLICATION_ID, _) => {
            sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
                .fetch_one(&mut connection)
                .await?
        }
        _ => return Err(foreign("it is the database of another program")),
    };
    connection.close().await?;
    let known = known_version();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    MIGRATIONS.run(connection).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => match StoreError::from(error) {
            StoreError::Database(error) => StoreError::Migrate(MigrateError::Execute(error)),
            clearer => clearer,
        },
        error => StoreError::Migrate(error),
    })
}

/// What a failure to open means; SQLite tells a wrong file only when it first reads it.
fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    const CANNOT_OPEN: i32 = 14;
    const NOT_A_DATABASE: i32 = 26;
    match error::result_code(&error) {
        Some(NOT_A_DATABASE) => StoreError::Foreign { path: path.into(), why: "it is not an SQLite database".into() },
        Some(CANNOT_OPEN) => StoreError::Open { path: path.into(), source: std::io::Error::other(error) },
        _ => error.into(),
    }
}
