//! Some people as a plan would see them, without everybody else: to tell everything about one person quickly.
//!
//! Invariant: what is told about these people is what the whole observation holds of them; whatever takes everybody to decide
//! (who has which username, budgets, limits) cannot be decided from it.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{PersonKey, SourceName};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::Store;
use super::codec::{Interner, decode, time};
use super::error::StoreError;
use super::view;
use crate::model::{
    ConnectUser, ConnectUserId, DirectoryView, Inventory, Observation, Remembered, Retry, Time, Undone,
};

impl Store {
    /// These people with their memory, their Connect users and the Connect users in `users`; `None` if Connect was never
    /// looked at. `frozen` names the sources that could not be pulled, with why.
    ///
    /// # Errors
    /// If the file cannot be read, or holds what this program cannot read.
    pub async fn observed_about(
        &self,
        people: &BTreeSet<PersonKey>,
        users: &BTreeSet<ConnectUserId>,
        frozen: &BTreeMap<SourceName, String>,
        configured: &[SourceName],
        at: Time,
    ) -> Result<Option<Observation>, StoreError> {
        let mut reader = self.reader().await;
        let mut tx = reader.begin().await?;
        let Some(connect) = head(&mut tx).await? else { return Ok(None) };
        let mut seen = Observation {
            at,
            directory: DirectoryView::default(),
            connect,
            memory: BTreeMap::new(),
            undone: BTreeMap::new(),
            retries: BTreeMap::new(),
            trial: None,
            config_changed: false,
        };
        for source in configured {
            view::head(&mut tx, source, frozen.get(source), &mut seen.directory).await?;
        }
        let mut names = Interner::default();
        for person in people {
            one(&mut tx, person, &mut names, &mut seen).await?;
        }
        let links = seen.memory.values().filter_map(|memory| memory.link.clone());
        for id in links.chain(users.iter().cloned()).collect::<BTreeSet<_>>() {
            let body: Option<String> = sqlx::query_scalar("SELECT body FROM connect_user WHERE id = ?1")
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            if let Some(body) = body {
                let user: ConnectUser = decode("a Connect user", &body)?;
                seen.connect.users.insert(id, user);
            }
        }
        tx.commit().await?;
        Ok(Some(seen))
    }
}

/// The remembered inventory without its users.
async fn head(tx: &mut SqliteConnection) -> Result<Option<Inventory>, StoreError> {
    let head: Option<(i64, String, String)> =
        sqlx::query_as("SELECT at, instance, catalogue FROM inventory").fetch_optional(tx).await?;
    head.map(|(at, instance, catalogue)| {
        Ok(Inventory {
            at: time(at)?,
            instance: decode("the instance", &instance)?,
            catalogue: decode("the catalogue", &catalogue)?,
            users: BTreeMap::new(),
            quick_connects: Vec::new(),
        })
    })
    .transpose()
}

/// The record of one person, and what is remembered.
async fn one(
    tx: &mut SqliteConnection,
    person: &PersonKey,
    names: &mut Interner,
    seen: &mut Observation,
) -> Result<(), StoreError> {
    let row: Option<view::Row> = sqlx::query_as(
        "SELECT id, attributes, standing, unreadable, changed_what,
             (SELECT json_group_array(group_id) FROM edge WHERE edge.source = ?1 AND edge.member = person.id) AS groups
         FROM person WHERE source = ?1 AND id = ?2",
    )
    .bind(person.source.as_str())
    .bind(person.id.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = row {
        row.into_view(&person.source, names, &mut seen.directory)?;
    }
    type Kept = (Option<String>, Option<i64>, Option<String>, Option<String>);
    let key = person.to_string();
    let (memory, leaving, undone, retry): Kept = sqlx::query_as(
        "SELECT (SELECT body FROM memory WHERE person = ?1), (SELECT since FROM leaving WHERE person = ?1),
                (SELECT body FROM undone WHERE person = ?1), (SELECT body FROM retry WHERE person = ?1)",
    )
    .bind(&key)
    .fetch_one(tx)
    .await?;
    if memory.is_some() || leaving.is_some() {
        let memory = memory.map(|body| decode("what was done for a person", &body)).transpose()?;
        let absent_since = leaving.map(time).transpose()?;
        seen.memory.insert(person.clone(), Remembered { absent_since, ..memory.unwrap_or_default() });
    }
    if let Some(body) = undone {
        let undone: Undone = decode("what was taken back", &body)?;
        seen.undone.insert(person.clone(), undone);
    }
    if let Some(body) = retry {
        let retry: Retry = decode("the retry clocks of a person", &body)?;
        seen.retries.insert(person.clone(), retry);
    }
    Ok(())
}
