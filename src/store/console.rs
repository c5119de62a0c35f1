//! Who may look at the console: the hash of its token, sessions, and what was done there.
//!
//! Invariant: neither a token nor a session can be made from what is stored here.
//! Invariant: a new token voids the old one and every session in one transaction.
//! Invariant: an audit row names a session, an address and a digest, never a person.
//! Deliberately absent: how a hash is made and compared, and how long a session lasts; the console knows.

use sqlx::{AssertSqlSafe, FromRow};

use super::codec::{millis, time};
use super::error::StoreError;
use super::{Part, Store};
use crate::model::Time;

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// Sessions that are kept at most; whoever signs in beyond that ends the one that was used longest ago.
const MOST_SESSIONS: i64 = 100;
/// Rows that are kept of what was done; at one a minute, two months.
const MOST_AUDITED: i64 = 100_000;
/// Rows among which those stand that anybody can have written, with a wrong token, or that a page writes by the thousand. They
/// push each other out, and nothing that was done.
const MOST_NOISE: i64 = 20_000;
/// What these are.
const NOISE: &str = "('token refused', 'signed in', 'signed out', 'asked what changed rules would do')";

/// A session as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow {
    /// When it began.
    pub begun: Time,
    /// When it was used last, as far as that was written down.
    pub used: Time,
}

/// One thing that was done, or tried, in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Time,
    /// Who: a session and an address.
    pub actor: String,
    /// What: `signed in`, `token refused`, `approved`.
    pub action: String,
    /// About what: a digest.
    pub about: Option<String>,
}

#[derive(FromRow)]
struct Row {
    at: i64,
    actor: String,
    action: String,
    about: Option<String>,
}

impl Store {
    /// The hash of the console's token and when it was made; `None` if none was made yet.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn console_token(&self) -> Result<Option<(Hash, Time)>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(Vec<u8>, i64)> =
            sqlx::query_as("SELECT hash, made_at FROM console_token").fetch_optional(&mut *reader).await?;
        row.map(|(hash, at)| {
            let hash = hash.try_into().map_err(|_| StoreError::corrupt("the hash of the console's token"))?;
            Ok((hash, time(at)?))
        })
        .transpose()
    }

    /// Puts another token in the place of the old one; every session ends.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn set_console_token(&self, hash: &Hash, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query(
            "INSERT INTO console_token (id, hash, made_at) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, made_at = excluded.made_at",
        )
        .bind(hash.as_slice())
        .bind(millis(at))
        .execute(tx.conn()?)
        .await?;
        sqlx::query("DELETE FROM console_session").execute(tx.conn()?).await?;
        tx.commit().await
    }

    /// Begins a session of whoever showed the token with this hash, unless that token was voided meanwhile; forgets those
    /// that began before `oldest`. Whether it began.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn begin_session(
        &self,
        session: &Hash,
        token: &Hash,
        oldest: Time,
        at: Time,
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM console_session WHERE begun_at < ?1").bind(millis(oldest)).execute(tx.conn()?).await?;
        let begun = sqlx::query(
            "INSERT INTO console_session (hash, begun_at, used_at)
             SELECT ?1, ?2, ?2 FROM console_token WHERE hash = ?3",
        )
        .bind(session.as_slice())
        .bind(millis(at))
        .bind(token.as_slice())
        .execute(tx.conn()?)
        .await?;
        sqlx::query(
            "DELETE FROM console_session WHERE hash IN
                 (SELECT hash FROM console_session ORDER BY used_at DESC LIMIT -1 OFFSET ?1)",
        )
        .bind(MOST_SESSIONS)
        .execute(tx.conn()?)
        .await?;
        tx.commit().await?;
        Ok(begun.rows_affected() == 1)
    }

    /// A session, if there is one with this hash.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn session(&self, session: &Hash) -> Result<Option<SessionRow>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<(i64, i64)> = sqlx::query_as("SELECT begun_at, used_at FROM console_session WHERE hash = ?1")
            .bind(session.as_slice())
            .fetch_optional(&mut *reader)
            .await?;
        row.map(|(begun, used)| Ok(SessionRow { begun: time(begun)?, used: time(used)? })).transpose()
    }

    /// Writes down that a session is in use. One that has ended meanwhile stays ended.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn use_session(&self, session: &Hash, at: Time) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("UPDATE console_session SET used_at = MAX(used_at, ?2) WHERE hash = ?1")
            .bind(session.as_slice())
            .bind(millis(at))
            .execute(tx.conn()?)
            .await?;
        tx.commit().await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn end_session(&self, session: &Hash) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM console_session WHERE hash = ?1").bind(session.as_slice()).execute(tx.conn()?).await?;
        tx.commit().await
    }

    /// Writes down what was done or tried in the console.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn audit(&self, row: &AuditRow) -> Result<(), StoreError> {
        let AuditRow { at, actor, action, about } = row;
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let added = sqlx::query("INSERT INTO console_audit (at, actor, action, about) VALUES (?1, ?2, ?3, ?4)")
            .bind(millis(*at))
            .bind(actor)
            .bind(action)
            .bind(about)
            .execute(tx.conn()?)
            .await?;
        let seq = added.last_insert_rowid();
        let noise = format!("DELETE FROM console_audit WHERE seq <= ?1 AND action IN {NOISE}");
        sqlx::query(AssertSqlSafe(noise)).bind(seq - MOST_NOISE).execute(tx.conn()?).await?;
        let done = format!(
            "DELETE FROM console_audit WHERE seq <= (SELECT seq FROM console_audit WHERE action NOT IN {NOISE}
             ORDER BY seq DESC LIMIT 1 OFFSET ?1)"
        );
        sqlx::query(AssertSqlSafe(done)).bind(MOST_AUDITED).execute(tx.conn()?).await?;
        tx.commit().await
    }

    /// At most `limit` audit rows, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn audited(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        Ok(self.audited_part(Part { offset: 0, limit }).await?.0)
    }

    /// A part of the audit rows, newest first, and how many there are.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn audited_part(&self, part: Part) -> Result<(Vec<AuditRow>, u64), StoreError> {
        let mut reader = self.reader().await;
        let all: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM console_audit").fetch_one(&mut *reader).await?;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT at, actor, action, about FROM console_audit ORDER BY seq DESC LIMIT ?1 OFFSET ?2")
                .bind(part.limit)
                .bind(part.offset)
                .fetch_all(&mut *reader)
                .await?;
        let rows = rows
            .into_iter()
            .map(|Row { at, actor, action, about }| Ok(AuditRow { at: time(at)?, actor, action, about }));
        Ok((rows.collect::<Result<_, StoreError>>()?, all.unsigned_abs()))
    }
}
