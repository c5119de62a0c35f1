//! What a service remembers about itself: a pause, which configuration is in force, when a run last succeeded.
//!
//! Invariant: a pause may be set and ended without the lease: whoever may write the file may say that nothing is to run.

use super::Store;
use super::codec::{decode, encode, time};
use super::error::StoreError;
use super::lease::RunLease;
use crate::model::{InForce, Pause, Time};

const PAUSED: &str = "paused";
const IN_FORCE: &str = "configuration";

impl Store {
    /// The pause that was asked for last and not ended by anybody. One that ended by itself is still here: ask it whether
    /// it [holds](Pause::holds).
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn paused(&self) -> Result<Option<Pause>, StoreError> {
        self.meta_get(PAUSED).await?.map(|text| decode("a pause", &text)).transpose()
    }

    /// Asks for a pause, in place of one that was asked for before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn pause(&self, pause: &Pause) -> Result<(), StoreError> {
        self.meta_set(PAUSED, &encode(pause)?).await
    }

    /// Ends a pause; gives the one that was there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn resume(&self) -> Result<Option<Pause>, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let text: Option<String> = sqlx::query_scalar("DELETE FROM meta WHERE name = ?1 RETURNING value")
            .bind(PAUSED)
            .fetch_optional(tx.conn()?)
            .await?;
        tx.commit().await?;
        text.map(|text| decode("a pause", &text)).transpose()
    }

    /// The configuration that the service works by, or worked by when it was last up.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn in_force(&self) -> Result<Option<InForce>, StoreError> {
        self.meta_get(IN_FORCE).await?.map(|text| decode("the configuration in force", &text)).transpose()
    }

    /// Remembers which configuration the service works by.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_in_force(&self, lease: &RunLease, in_force: &InForce) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(IN_FORCE)
        .bind(encode(in_force)?)
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }

    /// When a run last ended that looked and carried out what the guard let through, wholly or in part, or read what has to be
    /// known before.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn last_success(&self) -> Result<Option<Time>, StoreError> {
        let mut reader = self.reader().await;
        let row: Option<Option<i64>> = sqlx::query_scalar(
            "SELECT finished_at FROM run WHERE summary ->> '$.result' IN ('done', 'nothing_to_do', 'partly', 'reading')
             ORDER BY seq DESC LIMIT 1",
        )
        .fetch_optional(&mut *reader)
        .await?;
        row.flatten().map(time).transpose()
    }
}
