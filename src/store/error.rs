//! Why the state file could not do what was asked, and what to do about it.
//!
//! Invariant: no message carries a personal value; people are named by key, the file by its path.

use std::path::PathBuf;

use connectors::SourceName;

use crate::model::Time;

/// A text that cannot be read: what kind of problem, and where. The reader's own words quote values; they are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (line {line}, column {column})")]
pub struct Misread {
    problem: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Misread {
    fn from(error: serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "it ends before its end",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data | serde_json::error::Category::Io => "it is not what was written",
        };
        Self { problem, line: error.line(), column: error.column() }
    }
}

/// The state file could not do what was asked. Nothing of the step that failed was stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or created.
    #[error("cannot open the state file {path}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no state file yet, and it was to be read only.
    #[error("there is no state file {path}")]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// The path leads to something that is not a database of ours.
    #[error("{path} is not a rollcall state file: {why}")]
    Foreign {
        /// Which.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// Others may exchange or read the file.
    #[error("{path} is exposed: {why}")]
    Exposed {
        /// The file or directory.
        path: PathBuf,
        /// Who may do what.
        why: String,
    },
    /// A later rollcall has written the file.
    #[error("the state file has schema version {found}; this program knows versions up to {known}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The latest version this program knows.
        known: i64,
    },
    /// An earlier rollcall has written the file, and it may only be read.
    #[error("the state file has schema version {found}; this program needs version {known}")]
    Older {
        /// The file's version.
        found: i64,
        /// The version this program needs.
        known: i64,
    },
    /// The file may only be read.
    #[error("the state file is opened for reading only")]
    ReadOnly {
        /// What SQLite said, if it was SQLite that refused.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// No space left for the file.
    #[error("no space left for the state file; nothing of this step was stored")]
    Full {
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// Another process kept the file locked for too long.
    #[error("another process keeps the state file locked")]
    Busy {
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// Another run holds the lease.
    #[error("another run is in progress: {holder}, since {since}")]
    Held {
        /// Who.
        holder: String,
        /// Since when.
        since: Time,
    },
    /// The lease was taken over by somebody else; this run must stop writing.
    #[error("the lease of this run was taken over")]
    LeaseLost,
    /// Nobody is present and in scope any more where there were people.
    #[error("source `{source_name}` had {before} people in scope and now has none; the pull was not stored")]
    EmptiedOut {
        /// Which source.
        source_name: SourceName,
        /// People that were present and in scope before.
        before: u32,
    },
    /// A complete listing has people, and none of those who were known: it is of another directory, or of another scope.
    #[error(
        "source `{source_name}` had {before} people in scope, and now lists {listed} others and none of them; the pull \
         was not stored"
    )]
    Strangers {
        /// Which source.
        source_name: SourceName,
        /// People that were present and in scope before.
        before: u32,
        /// People of the listing.
        listed: u32,
    },
    /// The ids that were known belong to other people: another tenant whose ids have the same form.
    #[error(
        "{others} of the {before} ids known of source `{source_name}` belong to other people now; the pull was not stored"
    )]
    OtherPeople {
        /// Which source.
        source_name: SourceName,
        /// People that were present and in scope before.
        before: u32,
        /// How many of them have changed into others.
        others: u32,
    },
    /// Something was asked about a run that was never begun, or a change that was never intended.
    #[error("the ledger does not know {what}")]
    Unknown {
        /// What.
        what: String,
    },
    /// A stored value cannot be read back.
    #[error("the state file holds {what} that cannot be read")]
    Corrupt {
        /// Which kind of value, and its key.
        what: String,
        /// Why.
        #[source]
        source: Option<Misread>,
    },
    /// A value cannot be written as JSON.
    #[error("a value cannot be stored")]
    Encode(#[source] serde_json::Error),
    /// The schema could not be brought up to date.
    #[error("the state file's schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Anything else SQLite refused.
    #[error("the state file could not be read or written")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open { .. } => "check that the directory exists and that this user may write to it",
            Self::Missing { .. } => "run `rollcall plan` or `rollcall sync now` once; it creates the file",
            Self::Foreign { .. } => "let `state` name another path, or move that file away",
            Self::Exposed { .. } => "own the file yourself and keep its directory unwritable for others (chmod o-w)",
            Self::Newer { .. } => "use the rollcall release that wrote the file, or a later one",
            Self::Older { .. } => "run `rollcall plan` or `rollcall serve` once with this release; it updates the file",
            Self::ReadOnly { .. } => "check the owner and the mode of the file, and that its file system is writable",
            Self::Full { .. } => "make room on the disk; the next run goes on where this one stopped",
            Self::Busy { .. } => "find the process that has the file open; keep it off network file systems",
            Self::Held { .. } => "wait for it to end, or stop that process; a lease left by a crash runs out by itself",
            Self::LeaseLost => "two processes work on one contact centre; stop one of them",
            Self::EmptiedOut { .. } => {
                "check the scope groups and the permissions of the source; if everybody really left, move the state file \
                 away and approve the first plan"
            }
            Self::Strangers { .. } | Self::OtherPeople { .. } => {
                "check the tenant, the credentials and the scope of the source: this is another directory, or another part \
                 of it; nobody was removed. If it is meant, give the source another name, or move the state file away and \
                 approve the first plan"
            }
            Self::Unknown { .. } => "report this as a bug, with the output of `rollcall history`",
            Self::Corrupt { .. } | Self::Database(_) => {
                "check the disk; a lost state file is safe to delete: the next run adopts its own people again"
            }
            Self::Encode(_) => "report this as a bug",
            Self::Migrate(_) => "restore the file from a backup, or move it away: the next run adopts its people again",
        }
    }

    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), source: None }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // Extended result codes carry the primary one in their low byte (https://www.sqlite.org/rescode.html).
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const READONLY: i32 = 8;
        const FULL: i32 = 13;
        match result_code(&error) {
            Some(BUSY | LOCKED) => Self::Busy { source: error },
            Some(READONLY) => Self::ReadOnly { source: Some(error) },
            Some(FULL) => Self::Full { source: error },
            _ => match error {
                sqlx::Error::PoolTimedOut => Self::Busy { source: error },
                error => Self::Database(error),
            },
        }
    }
}

/// SQLite's primary result code, if it was SQLite that failed.
pub(super) fn result_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
