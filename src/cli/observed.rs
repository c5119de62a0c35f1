//! What is stored, as a plan would see it: for screens that explain without reaching anything.

use std::collections::BTreeMap;

use anyhow::Context;
use connectors::SourceName;

use super::Door;
use crate::config::Config;
use crate::model::Observation;
use crate::store::Store;

/// The stored observation.
pub(super) struct Observed {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) seen: Observation,
}

/// Reads it from the state file.
pub(super) async fn observed(door: &Door) -> anyhow::Result<Observed> {
    let config = door.load()?;
    let store = Store::open_read_only(&config.state).await?;
    let configured: Vec<SourceName> = config.sources.iter().map(|source| source.name().clone()).collect();
    let connect = store.inventory().await?.context("Connect has not been looked at yet; look with: rollcall plan")?;
    let seen = Observation {
        at: super::now(),
        directory: store.directory_view(&BTreeMap::new(), &configured).await?,
        connect,
        memory: store.memory().await?,
        undone: store.undone().await?,
        retries: store.retries().await?,
        trial: None,
        config_changed: false,
    };
    Ok(Observed { config, store, seen })
}
