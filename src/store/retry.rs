//! The retry clocks of people: what Connect refused, and when it is tried again.
//!
//! Invariant: a clock changes in the transaction that settles the change it is about, so that a crash leaves both or
//! neither.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::lease::RunLease;
use super::memory::key;
use super::tx::Tx;
use crate::model::{Change, Operation, Outcome, Retry, RetryClock};

/// What is stored, for messages about a broken file.
const WHAT: &str = "the retry clocks of a person";

impl Store {
    /// The retry clocks, by person.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn retries(&self) -> Result<BTreeMap<PersonKey, Retry>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM retry").fetch_all(&mut *reader).await?;
        rows.into_iter().map(|(person, body)| Ok((key(&person)?, decode(WHAT, &body)?))).collect()
    }

    /// Keeps the clocks of these steps and forgets the others: they are not wanted any more, or somebody asked to try
    /// everything. Nothing is concluded about people who were not observed.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn keep_retries(
        &self,
        lease: &RunLease,
        wanted: &BTreeMap<PersonKey, BTreeSet<Operation>>,
        unobserved: &BTreeSet<PersonKey>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let stored: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM retry").fetch_all(tx.conn()?).await?;
        for (text, body) in stored {
            let person = key(&text)?;
            if unobserved.contains(&person) {
                continue;
            }
            let mut retry: Retry = decode(WHAT, &body)?;
            let before = retry.clocks.len();
            retry.clocks.retain(|operation, _| wanted.get(&person).is_some_and(|steps| steps.contains(operation)));
            if retry.clocks.len() != before {
                put(&mut tx, &text, &retry).await?;
            }
        }
        tx.commit().await
    }
}

/// What an outcome means for the clock of its step.
pub(super) async fn settle(
    tx: &mut Tx<'_>,
    change: &Change,
    outcome: &Outcome,
    refused: Option<&RetryClock>,
) -> Result<(), StoreError> {
    if refused.is_none() && !outcome.succeeded() {
        return Ok(());
    }
    let person = change.person.to_string();
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM retry WHERE person = ?1").bind(&person).fetch_optional(tx.conn()?).await?;
    if body.is_none() && refused.is_none() {
        return Ok(());
    }
    let mut retry: Retry = body.map(|body| decode(WHAT, &body)).transpose()?.unwrap_or_default();
    match refused {
        Some(clock) => retry.clocks.insert(change.action.operation(), clock.clone()),
        None => retry.clocks.remove(&change.action.operation()),
    };
    put(tx, &person, &retry).await
}

async fn put(tx: &mut Tx<'_>, person: &str, retry: &Retry) -> Result<(), StoreError> {
    if retry.clocks.is_empty() {
        sqlx::query("DELETE FROM retry WHERE person = ?1").bind(person).execute(tx.conn()?).await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO retry (person, body) VALUES (?1, ?2) ON CONFLICT (person) DO UPDATE SET body = excluded.body",
    )
    .bind(person)
    .bind(encode(retry)?)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}
