//! What the last plan found and decided. A finding is news once: the journal hears of it when it appears, not every run.

use std::collections::BTreeMap;

use connectors::PersonKey;

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::journal::record;
use super::lease::RunLease;
use super::memory::key;
use crate::model::{Decision, Finding, JournalEntry, RunId, Time};

impl Store {
    /// Replaces the findings. Those that were not there before go to the journal; those that vanished are forgotten.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn record_findings(
        &self,
        lease: &RunLease,
        run: RunId,
        findings: &[Finding],
        at: Time,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let stored: Vec<(String, String)> =
            sqlx::query_as("SELECT key, body FROM finding").fetch_all(tx.conn()?).await?;
        let mut stored: BTreeMap<String, String> = stored.into_iter().collect();
        // By key, so that a finding that is told twice is one.
        let found: BTreeMap<String, &Finding> =
            findings.iter().map(|finding| Ok((identity(finding)?, finding))).collect::<Result<_, StoreError>>()?;
        for (key, finding) in found {
            let (before, body) = (stored.remove(&key), encode(finding)?);
            if before.as_ref() == Some(&body) {
                continue;
            }
            sqlx::query(
                "INSERT INTO finding (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET body = excluded.body",
            )
            .bind(key)
            .bind(body)
            .execute(tx.conn()?)
            .await?;
            if before.is_none() {
                record(&mut tx, &JournalEntry::Finding { run, finding: finding.clone() }, at).await?;
            }
        }
        for key in stored.keys() {
            sqlx::query("DELETE FROM finding WHERE key = ?1").bind(key).execute(tx.conn()?).await?;
        }
        tx.commit().await
    }

    /// The findings of the last plan, by kind and person.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn findings(&self) -> Result<Vec<Finding>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT body FROM finding ORDER BY key").fetch_all(&mut *reader).await?;
        rows.iter().map(|body| decode("a finding", body)).collect()
    }

    /// Replaces the decisions about everybody who is not simply in agreement.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn record_decisions(
        &self,
        lease: &RunLease,
        run: RunId,
        decisions: &BTreeMap<PersonKey, Decision>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        let stored: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM decision").fetch_all(tx.conn()?).await?;
        let mut stored: BTreeMap<String, String> = stored.into_iter().collect();
        for (person, decision) in decisions.iter().filter(|(_, decision)| **decision != Decision::InSync) {
            let (person, body) = (person.to_string(), encode(decision)?);
            if stored.remove(&person).as_ref() == Some(&body) {
                continue;
            }
            sqlx::query(
                "INSERT INTO decision (person, body) VALUES (?1, ?2)
                 ON CONFLICT (person) DO UPDATE SET body = excluded.body",
            )
            .bind(person)
            .bind(body)
            .execute(tx.conn()?)
            .await?;
        }
        for person in stored.keys() {
            sqlx::query("DELETE FROM decision WHERE person = ?1").bind(person).execute(tx.conn()?).await?;
        }
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('decided_by', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(run.to_string())
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }

    /// The decisions of the last plan; whoever is not in it was in agreement.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn decisions(&self) -> Result<BTreeMap<PersonKey, Decision>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT person, body FROM decision").fetch_all(&mut *reader).await?;
        rows.into_iter().map(|(person, body)| Ok((key(&person)?, decode("a decision", &body)?))).collect()
    }
}

/// What makes two findings the same one: the hint and the label of a person may change without news.
fn identity(finding: &Finding) -> Result<String, StoreError> {
    let Finding { code, person, label, message, hint: _ } = finding;
    let about = person.as_ref().map_or_else(|| label.clone(), ToString::to_string);
    encode(&(code, about, message))
}
