//! Trouble with the configuration that lasts: of the contact centre, and of each directory.
//!
//! Invariant: what the journal says of it is written in the transaction that makes it true.

use connectors::SourceName;

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::journal::record;
use super::lease::RunLease;
use crate::model::{JournalEntry, Quarantine, Time};

/// What has trouble.
#[derive(Debug, Clone, Copy)]
pub enum Patient<'a> {
    /// The contact centre.
    Centre,
    /// One of its directories.
    Source(&'a SourceName),
    /// The configuration that was last tried.
    Trial,
}

/// The setting that holds it.
fn of(patient: Patient<'_>) -> String {
    match patient {
        Patient::Centre => "quarantine".to_owned(),
        Patient::Source(source) => format!("quarantine of {source}"),
        Patient::Trial => "trial".to_owned(),
    }
}

impl Store {
    /// The trouble of the contact centre, of a directory, or of a configuration that was tried.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn quarantine(&self, patient: Patient<'_>) -> Result<Option<Quarantine>, StoreError> {
        let text = self.meta_get(&of(patient)).await?;
        text.map(|text| decode("a quarantine", &text)).transpose()
    }

    /// Remembers trouble, or that it is over, with what the journal is to say of it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn set_quarantine(
        &self,
        lease: &RunLease,
        patient: Patient<'_>,
        quarantine: Option<&Quarantine>,
        entry: Option<&JournalEntry>,
        at: Time,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        match quarantine {
            None => sqlx::query("DELETE FROM meta WHERE name = ?1").bind(of(patient)).execute(tx.conn()?).await?,
            Some(quarantine) => {
                sqlx::query(
                    "INSERT INTO meta (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )
                .bind(of(patient))
                .bind(encode(quarantine)?)
                .execute(tx.conn()?)
                .await?
            }
        };
        if let Some(entry) = entry {
            record(&mut tx, entry, at).await?;
        }
        tx.commit().await
    }
}
