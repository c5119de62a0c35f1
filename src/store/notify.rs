//! What each notifier has told so far.
//!
//! Invariant: a book is written as a whole, in one step: what was told and that it was confirmed are never apart.

use super::Store;
use super::codec::{decode, encode};
use super::error::StoreError;
use super::lease::RunLease;
use crate::model::Book;

impl Store {
    /// The book of a notifier; an empty one for one that has told nothing.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn notify_book(&self, notifier: &str) -> Result<Book, StoreError> {
        let mut reader = self.reader().await;
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM notify WHERE notifier = ?1")
            .bind(notifier)
            .fetch_optional(&mut *reader)
            .await?;
        body.map_or_else(|| Ok(Book::default()), |body| decode("what a notifier has told", &body))
    }

    /// Forgets the books of all notifiers but these: one that comes back later begins anew. Nothing is written where there is
    /// nothing to forget.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be read or written.
    pub async fn keep_notify_books(&self, lease: &RunLease, known: &[&str]) -> Result<(), StoreError> {
        let written: Vec<String> = {
            let mut reader = self.reader().await;
            sqlx::query_scalar("SELECT notifier FROM notify").fetch_all(&mut *reader).await?
        };
        let gone: Vec<String> = written.into_iter().filter(|notifier| !known.contains(&notifier.as_str())).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for notifier in gone {
            sqlx::query("DELETE FROM notify WHERE notifier = ?1").bind(notifier).execute(tx.conn()?).await?;
        }
        tx.commit().await
    }

    /// Writes the book of a notifier.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written; the notifier may then tell something again.
    pub async fn set_notify_book(&self, lease: &RunLease, notifier: &str, book: &Book) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        sqlx::query(
            "INSERT INTO notify (notifier, body) VALUES (?1, ?2)
             ON CONFLICT (notifier) DO UPDATE SET body = excluded.body",
        )
        .bind(notifier)
        .bind(encode(book)?)
        .execute(tx.conn()?)
        .await?;
        tx.commit().await
    }
}
