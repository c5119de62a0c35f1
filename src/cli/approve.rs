//! `approve`: lets exactly one held plan through.

use super::{Door, Exit};
use crate::store::Store;

/// `rollcall approve DIGEST`.
///
/// # Errors
/// If the state file cannot be used.
pub(super) async fn approve(door: &Door, digest: &str) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let now = super::now();
    let store = Store::open(&config.state, now).await?;
    let Some(held) = store.held().await? else {
        eprintln!("no plan is held; nothing was approved");
        eprintln!("→ look at the present plan with: rollcall plan");
        return Ok(Exit::Failed);
    };
    if held.digest != digest {
        eprintln!("the held plan is {}, not {digest}; nothing was approved", held.digest);
        eprintln!("→ look at it with: rollcall plan");
        return Ok(Exit::Failed);
    }
    store.approve(digest, now).await?;
    eprintln!("approved {digest}: {}", held.message);
    eprintln!(
        "exactly this plan goes through once, within {}; apply now with: rollcall sync now",
        super::style::millis(config.limits.approval_secs * 1_000)
    );
    Ok(Exit::Done)
}
