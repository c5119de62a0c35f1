//! Connect as last seen, kept true by our own confirmed writes.
//!
//! Invariant: what is stored is always possibly old; a plan that would change something looks again.

use std::collections::BTreeMap;

use super::Store;
use super::codec::{decode, encode, millis, time};
use super::error::StoreError;
use super::lease::RunLease;
use super::tx::Tx;
use crate::model::{Action, Change, ConnectUser, ConnectUserId, Inventory, Outcome, QuickConnect, ResourceId, Time};

/// What the remembered inventory learns from one confirmed change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InventoryPatch {
    /// Nothing.
    #[default]
    None,
    /// This user is now like this (or is new).
    Put(Box<ConnectUser>),
    /// This user is gone, and the quick connects that pointed to it.
    Remove(ConnectUserId),
    /// This quick connect is gone.
    RemoveQuickConnect(ResourceId),
    /// This quick connect points to this user now.
    MoveQuickConnect(ResourceId, ConnectUserId),
}

impl Store {
    /// Replaces the remembered inventory; only what is different is written. A rehearsal has no lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn save_inventory(&self, lease: Option<&RunLease>, inventory: &Inventory) -> Result<(), StoreError> {
        let Inventory { at, instance, catalogue, users, quick_connects } = inventory;
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(lease).await?;
        sqlx::query(
            "INSERT INTO inventory (id, at, instance, catalogue) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET
                 at = excluded.at, instance = excluded.instance, catalogue = excluded.catalogue",
        )
        .bind(millis(*at))
        .bind(encode(instance)?)
        .bind(encode(catalogue)?)
        .execute(tx.conn()?)
        .await?;
        let stored: Vec<(String, String)> =
            sqlx::query_as("SELECT id, body FROM connect_user").fetch_all(tx.conn()?).await?;
        let mut stored: BTreeMap<String, String> = stored.into_iter().collect();
        for (id, user) in users {
            let body = encode(user)?;
            if stored.remove(id.as_str()).as_ref() != Some(&body) {
                put_user(&mut tx, id, &body).await?;
            }
        }
        for id in stored.keys() {
            remove_user(&mut tx, id).await?;
        }
        replace_quick_connects(&mut tx, quick_connects).await?;
        tx.commit().await
    }

    /// Puts some users that were read into the remembered inventory; `None`: there is no such user (any more).
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or if the file cannot be written.
    pub async fn save_details(
        &self,
        lease: &RunLease,
        read: &BTreeMap<ConnectUserId, Option<ConnectUser>>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin_for(Some(lease)).await?;
        for (id, user) in read {
            match user {
                Some(user) => put_user(&mut tx, id, &encode(user)?).await?,
                None => remove_user(&mut tx, id.as_str()).await?,
            }
        }
        tx.commit().await
    }

    /// The remembered inventory; `None` if Connect was never looked at.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn inventory(&self) -> Result<Option<Inventory>, StoreError> {
        use sqlx::Connection;
        let mut reader = self.reader().await;
        let mut tx = reader.begin().await?;
        let head: Option<(i64, String, String)> =
            sqlx::query_as("SELECT at, instance, catalogue FROM inventory").fetch_optional(&mut *tx).await?;
        let Some((at, instance, catalogue)) = head else { return Ok(None) };
        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM connect_user").fetch_all(&mut *tx).await?;
        let mut users = BTreeMap::new();
        for body in bodies {
            let user: ConnectUser = decode("a Connect user", &body)?;
            users.insert(user.id.clone(), user);
        }
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM quick_connect ORDER BY place").fetch_all(&mut *tx).await?;
        let quick_connects = bodies.iter().map(|body| decode("a quick connect", body)).collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(Some(Inventory {
            at: time(at)?,
            instance: decode("the instance", &instance)?,
            catalogue: decode("the catalogue", &catalogue)?,
            users,
            quick_connects,
        }))
    }

    /// When we last wrote a Connect user ourselves; a modification time that is later is somebody else's.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn own_writes(&self) -> Result<BTreeMap<ConnectUserId, Time>, StoreError> {
        let mut reader = self.reader().await;
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT connect_user, at FROM own_write").fetch_all(&mut *reader).await?;
        rows.into_iter().map(|(id, at)| Ok((ConnectUserId::from(&*id), time(at)?))).collect()
    }
}

async fn put_user(tx: &mut Tx<'_>, id: &ConnectUserId, body: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO connect_user (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    )
    .bind(id.as_str())
    .bind(body)
    .execute(tx.conn()?)
    .await?;
    Ok(())
}

async fn remove_user(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM connect_user WHERE id = ?1").bind(id).execute(tx.conn()?).await?;
    sqlx::query("DELETE FROM own_write WHERE connect_user = ?1").bind(id).execute(tx.conn()?).await?;
    Ok(())
}

async fn replace_quick_connects(tx: &mut Tx<'_>, quick_connects: &[QuickConnect]) -> Result<(), StoreError> {
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT body FROM quick_connect ORDER BY place").fetch_all(tx.conn()?).await?;
    let bodies = quick_connects.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    if stored == bodies {
        return Ok(());
    }
    sqlx::query("DELETE FROM quick_connect").execute(tx.conn()?).await?;
    for (quick_connect, body) in quick_connects.iter().zip(bodies) {
        sqlx::query("INSERT INTO quick_connect (id, body) VALUES (?1, ?2)")
            .bind(quick_connect.named.id.as_str())
            .bind(body)
            .execute(tx.conn()?)
            .await?;
    }
    Ok(())
}

/// Brings the remembered inventory up to date with one change.
pub(super) async fn patch(tx: &mut Tx<'_>, patch: InventoryPatch) -> Result<(), StoreError> {
    match patch {
        InventoryPatch::None => {}
        InventoryPatch::Put(user) => put_user(tx, &user.id, &encode(&user)?).await?,
        InventoryPatch::Remove(id) => {
            sqlx::query("DELETE FROM connect_user WHERE id = ?1").bind(id.as_str()).execute(tx.conn()?).await?;
            sqlx::query("DELETE FROM quick_connect WHERE body ->> '$.user' = ?1")
                .bind(id.as_str())
                .execute(tx.conn()?)
                .await?;
        }
        InventoryPatch::MoveQuickConnect(id, user) => {
            sqlx::query("UPDATE quick_connect SET body = json_set(body, '$.user', ?2) WHERE id = ?1")
                .bind(id.as_str())
                .bind(user.as_str())
                .execute(tx.conn()?)
                .await?;
        }
        InventoryPatch::RemoveQuickConnect(id) => {
            sqlx::query("DELETE FROM quick_connect WHERE id = ?1").bind(id.as_str()).execute(tx.conn()?).await?;
        }
    }
    Ok(())
}

/// Remembers that we wrote this Connect user, so that its new modification time is known to be ours.
pub(super) async fn note_own_write(
    tx: &mut Tx<'_>,
    change: &Change,
    outcome: &Outcome,
    at: Time,
) -> Result<(), StoreError> {
    let created = match outcome {
        Outcome::Done { created, .. } | Outcome::AlreadySo { created, .. } => created.as_ref(),
        Outcome::Failed { .. } | Outcome::InDoubt { .. } | Outcome::DidNotHappen | Outcome::NotAttempted { .. } => {
            return Ok(());
        }
    };
    let Some(user) = created.or(change.connect.as_ref()) else { return Ok(()) };
    match change.action {
        Action::Delete { .. } => {
            sqlx::query("DELETE FROM own_write WHERE connect_user = ?1")
                .bind(user.as_str())
                .execute(tx.conn()?)
                .await?;
        }
        Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => {}
        Action::Create(_) | Action::Adopt { .. } | Action::Update(_) => {
            sqlx::query(
                "INSERT INTO own_write (connect_user, at) VALUES (?1, ?2)
                 ON CONFLICT (connect_user) DO UPDATE SET at = MAX(at, excluded.at)",
            )
            .bind(user.as_str())
            .bind(millis(at))
            .execute(tx.conn()?)
            .await?;
        }
    }
    Ok(())
}
