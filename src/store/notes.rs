//! What the sources have to say about themselves: kept from the last complete listing on, so that it is neither lost with
//! the next pull of changes nor news again with every run.
//!
//! Invariant: notes change in the transaction of the pull that brought them.

use connectors::SourceName;

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::tx::Tx;

/// Most notes that are kept of one source; the oldest go first. A complete listing starts anew.
const MOST_NOTES: usize = 50;
/// The setting that holds a source's notes.
const NAME: &str = "notes of ";

impl Store {
    /// What a source said about itself in its last complete listing and in the pulls of changes since.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn source_notes(&self, source: &SourceName) -> Result<Vec<String>, StoreError> {
        match self.meta_get(&format!("{NAME}{source}")).await? {
            Some(text) => decode("the notes of a source", &text),
            None => Ok(Vec::new()),
        }
    }
}

/// The notes of a complete listing.
pub(super) async fn replace(tx: &mut Tx<'_>, source: &SourceName, notes: &[String]) -> Result<(), StoreError> {
    let name = format!("{NAME}{source}");
    if notes.is_empty() {
        sqlx::query("DELETE FROM meta WHERE name = ?1").bind(name).execute(tx.conn()?).await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(encode(&notes[notes.len().saturating_sub(MOST_NOTES)..])?)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}

/// The notes of a pull of changes, after those that are known.
pub(super) async fn add(tx: &mut Tx<'_>, source: &SourceName, notes: &[String]) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    let stored: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?1")
        .bind(format!("{NAME}{source}"))
        .fetch_optional(tx.conn()?)
        .await?;
    let mut all: Vec<String> =
        stored.map(|text| decode("the notes of a source", &text)).transpose()?.unwrap_or_default();
    for note in notes {
        if !all.contains(note) {
            all.push(note.clone());
        }
    }
    replace(tx, source, &all).await
}
