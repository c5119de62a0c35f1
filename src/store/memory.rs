//! What we did, per person, and who is leaving since when.
//!
//! Invariant: the first moment a person was seen as a leaver is kept as long as the person is one; grace counts from it.
//! Losing this loses history, not people: the owner tag is on the Connect user.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::Store;
use super::codec::{decode, encode, millis, time};
use super::error::StoreError;
use super::lease::RunLease;
use super::tx::Tx;
use crate::model::{AttributeSet, ConnectUserId, LeaveReason, Remembered, Time};

impl Store {
    /// Everything we remember, by person.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn memory(&self) -> Result<BTreeMap<PersonKey, Remembered>, StoreError> {
        let mut reader = self.reader().await;
        // One statement, so that body and leaving belong to the same moment.
        let rows: Vec<(String, Option<String>, Option<i64>)> = sqlx::query_as(
            "SELECT memory.person, memory.body, leaving.since FROM memory LEFT JOIN leaving USING (person)
             UNION ALL
             SELECT person, NULL, since FROM leaving WHERE person NOT IN (SELECT person FROM memory)",
        )
        .fetch_all(&mut *reader)
        .await?;
        let mut memory = BTreeMap::new();
        for (person, body, since) in rows {
            let mut remembered = match body {
                Some(body) => decode("what was done for a person", &body)?,
                None => Remembered::default(),
            };
            remembered.absent_since = since.map(time).transpose()?;
            memory.insert(key(&person)?, remembered);
        }
        Ok(memory)
    }

    /// Who is leaving, since when and why; whoever is not in it is not, except people of whom nothing may be concluded now
    /// (`unobserved`): they stay as they are, so that a failing directory starts nobody's grace anew.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_leaving(
        &self,
        lease: &RunLease,
        leaving: &BTreeMap<PersonKey, (Time, LeaveReason)>,
        unobserved: &BTreeSet<PersonKey>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let stored: Vec<(String, i64, Option<String>)> =
            sqlx::query_as("SELECT person, since, reason FROM leaving").fetch_all(tx.conn()?).await?;
        let mut stored: BTreeMap<String, (i64, Option<String>)> =
            stored.into_iter().map(|(person, since, reason)| (person, (since, reason))).collect();
        for (person, (since, reason)) in leaving {
            let (person, row) = (person.to_string(), (millis(*since), Some(encode(reason)?)));
            if stored.remove(&person).as_ref() != Some(&row) {
                put_leaving(&mut tx, &person, row.0, row.1.as_deref()).await?;
            }
        }
        for person in unobserved {
            stored.remove(&person.to_string());
        }
        for person in stored.keys() {
            sqlx::query("DELETE FROM leaving WHERE person = ?1").bind(person).execute(tx.conn()?).await?;
        }
        tx.commit().await
    }

    /// Remembers which Connect user belongs to whom, where that was found out by looking.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_links(
        &self,
        lease: &RunLease,
        links: &BTreeMap<PersonKey, ConnectUserId>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for (person, link) in links {
            let mut remembered = load(&mut tx, person).await?.unwrap_or_default();
            if remembered.link.as_ref() != Some(link) {
                remembered.link = Some(link.clone());
                put(&mut tx, person, &remembered).await?;
            }
        }
        tx.commit().await
    }

    /// Remembers what Connect was found to have in agreement with the wish, as if we had written it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_agreed(
        &self,
        lease: &RunLease,
        agreed: &BTreeMap<PersonKey, AttributeSet>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for (person, attributes) in agreed {
            let mut remembered = load(&mut tx, person).await?.unwrap_or_default();
            let before = remembered.written.clone();
            remembered.written.extend(attributes);
            if remembered.written != before {
                put(&mut tx, person, &remembered).await?;
            }
        }
        tx.commit().await
    }

    /// Moves what we remember from a former directory id to the new one of the same human being. The former id stays a
    /// leaver without a Connect user.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Unknown`] if nothing is remembered of `from`, or if the file cannot be
    /// written.
    pub async fn rebind(&self, lease: &RunLease, from: &PersonKey, to: &PersonKey) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let remembered =
            load(&mut tx, from).await?.ok_or_else(|| StoreError::Unknown { what: format!("person {from}") })?;
        sqlx::query("DELETE FROM memory WHERE person = ?1").bind(from.to_string()).execute(tx.conn()?).await?;
        put(&mut tx, to, &remembered).await?;
        tx.commit().await
    }
}

pub(super) fn key(text: &str) -> Result<PersonKey, StoreError> {
    text.parse().map_err(|_| StoreError::corrupt("a person's key"))
}

async fn load(tx: &mut Tx<'_>, person: &PersonKey) -> Result<Option<Remembered>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM memory WHERE person = ?1")
        .bind(person.to_string())
        .fetch_optional(tx.conn()?)
        .await?;
    body.map(|body| decode("what was done for a person", &body)).transpose()
}

/// Stores all but `absent_since`, which lives in `leaving`.
async fn put(tx: &mut Tx<'_>, person: &PersonKey, remembered: &Remembered) -> Result<(), StoreError> {
    let body = Remembered { absent_since: None, ..remembered.clone() };
    sqlx::query(
        "INSERT INTO memory (person, body) VALUES (?1, ?2) ON CONFLICT (person) DO UPDATE SET body = excluded.body",
    )
    .bind(person.to_string())
    .bind(encode(&body)?)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}

async fn put_leaving(tx: &mut Tx<'_>, person: &str, since: i64, reason: Option<&str>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO leaving (person, since, reason) VALUES (?1, ?2, ?3)
         ON CONFLICT (person) DO UPDATE SET since = excluded.since, reason = COALESCE(excluded.reason, reason)",
    )
    .bind(person)
    .bind(since)
    .bind(reason)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}

/// Stores the whole memory of a person after a change.
pub(super) async fn remember(tx: &mut Tx<'_>, person: &PersonKey, remembered: &Remembered) -> Result<(), StoreError> {
    put(tx, person, remembered).await?;
    match remembered.absent_since {
        Some(since) => put_leaving(tx, &person.to_string(), millis(since), None).await,
        None => {
            sqlx::query("DELETE FROM leaving WHERE person = ?1").bind(person.to_string()).execute(tx.conn()?).await?;
            Ok(())
        }
    }
}
