//! `approve`: lets exactly one held plan through.

use chrono::TimeDelta;

use super::{Door, Exit, style};
use crate::config::Config;
use crate::model::Time;
use crate::store::Store;

/// `rollcall approve DIGEST`.
///
/// # Errors
/// If the state file cannot be used.
pub(super) async fn approve(door: &Door, digest: &str) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let now = super::now();
    let digest = &digest.trim().to_lowercase();
    let store = Store::open(&config.state, now).await?;
    let Some(held) = store.held().await? else {
        eprintln!("no plan is held; nothing was approved");
        eprintln!("→ look at the present plan with: rollcall plan; a refused run holds its plan: rollcall sync now");
        return Ok(Exit::Failed);
    };
    if held.digest != *digest {
        eprintln!("the held plan is {}, not {digest}; nothing was approved", held.digest);
        eprintln!("→ look at it with: rollcall plan");
        return Ok(Exit::Failed);
    }
    let before = store.approval(digest).await?;
    // One that has run out is no approval any more; giving it again is news for the report.
    let expired = now.checked_sub_signed(holds(&config)).unwrap_or(Time::MIN_UTC);
    store.forget_approvals(expired, None).await?;
    store.approve(digest, now).await?;
    let again = if before.is_some() { " again" } else { "" };
    eprintln!("approved {digest}{again}: {}", held.message);
    eprintln!("exactly this plan goes through once, until {}; apply now with: rollcall sync now", until(&config, now));
    Ok(Exit::Done)
}

/// How long an approval holds.
fn holds(config: &Config) -> TimeDelta {
    i64::try_from(config.limits.approval_secs).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX)
}

/// Until when an approval of this moment holds.
pub(super) fn runs_out(config: &Config, approved: Time) -> Time {
    approved.checked_add_signed(holds(config)).unwrap_or(Time::MAX_UTC)
}

fn until(config: &Config, approved: Time) -> String {
    style::moment(runs_out(config, approved))
}
