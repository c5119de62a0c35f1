//! What an administrator has taken back, by person.
//!
//! Invariant: an ordinary run only forgets here. It compares with what it saw when it planned, so that what somebody
//! released in the meantime does not come back.

use std::collections::BTreeMap;

use connectors::PersonKey;

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::lease::RunLease;
use super::memory::key;
use super::tx::Tx;
use crate::model::{RunId, Undone};

impl Store {
    /// Everything that was taken back, by person.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn undone(&self) -> Result<BTreeMap<PersonKey, Undone>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM undone").fetch_all(&mut *reader).await?;
        rows.into_iter().map(|(person, body)| Ok((key(&person)?, decode("what was taken back", &body)?))).collect()
    }

    /// Remembers what is taken back now, before it is done.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_undone(&self, lease: &RunLease, undone: &BTreeMap<PersonKey, Undone>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for (person, undone) in undone {
            put(&mut tx, &person.to_string(), undone).await?;
        }
        tx.commit().await
    }

    /// Forgets what an ordinary plan found to hold nothing back any more; `undone` is what stays of each of these people.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn narrow_undone(
        &self,
        lease: &RunLease,
        undone: &BTreeMap<PersonKey, Undone>,
    ) -> Result<(), StoreError> {
        if undone.is_empty() {
            return Ok(());
        }
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for (person, kept) in undone {
            let person = person.to_string();
            let stored: Option<String> = sqlx::query_scalar("SELECT body FROM undone WHERE person = ?1")
                .bind(&person)
                .fetch_optional(tx.conn()?)
                .await?;
            let Some(stored) = stored else { continue };
            let mut stored: Undone = decode("what was taken back", &stored)?;
            stored.narrow(kept);
            put(&mut tx, &person, &stored).await?;
        }
        tx.commit().await
    }

    /// Lets the rules apply again to everybody of whom `run` was taken back; gives how many people that are. Needs no
    /// lease: a person says it while `serve` runs.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn release_run(&self, run: RunId) -> Result<u32, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM undone").fetch_all(tx.conn()?).await?;
        let mut released = 0;
        for (person, body) in rows {
            let before: Undone = decode("what was taken back", &body)?;
            let mut after = before.clone();
            after.release(run);
            if after != before {
                released += 1;
                put(&mut tx, &person, &after).await?;
            }
        }
        tx.commit().await?;
        Ok(released)
    }

    /// Lets the rules apply again to one person; whether anything was held.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn release_person(&self, person: &PersonKey) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let gone = sqlx::query("DELETE FROM undone WHERE person = ?1").bind(person.to_string()).execute(tx.conn()?);
        let released = gone.await?.rows_affected() > 0;
        tx.commit().await?;
        Ok(released)
    }
}

async fn put(tx: &mut Tx<'_>, person: &str, undone: &Undone) -> Result<(), StoreError> {
    if undone.is_empty() {
        sqlx::query("DELETE FROM undone WHERE person = ?1").bind(person).execute(tx.conn()?).await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO undone (person, body) VALUES (?1, ?2) ON CONFLICT (person) DO UPDATE SET body = excluded.body",
    )
    .bind(person)
    .bind(encode(undone)?)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}
