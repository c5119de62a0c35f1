//! `pause` and `resume`: nothing runs by the clock for a time.
//!
//! The pause stands in the state file, so that it outlives every process. A running service sees it within seconds.

use std::time::Duration;

use super::{Door, Exit, style};
use crate::model::{Pause, Time};
use crate::serve;
use crate::store::Store;

/// `rollcall pause [--for DURATION]`.
///
/// # Errors
/// If the state file cannot be used.
pub(super) async fn pause(door: &Door, lasts: Option<Duration>) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let now = super::now();
    let store = Store::open(&config.state, now).await?;
    let pause = serve::starting(now, lasts);
    store.pause(&pause).await?;
    eprintln!("`{}` is {}", config.name, until(&pause, now));
    eprintln!("a run that is going on goes on to its end; nothing is lost: the first run afterwards sees everything");
    eprintln!("→ go on with: rollcall resume");
    Ok(Exit::Done)
}

/// `rollcall resume`.
///
/// # Errors
/// If the state file cannot be used.
pub(super) async fn resume(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let now = super::now();
    let store = Store::open(&config.state, now).await?;
    match store.resume().await?.filter(|pause| pause.holds(now)) {
        Some(pause) => {
            let since = style::relative(pause.since, now);
            eprintln!("`{}` goes on; it was paused {since}", config.name);
        }
        None => eprintln!("`{}` was not paused; nothing was changed", config.name),
    }
    if !config.enabled {
        eprintln!("→ it is switched off all the same (enabled = false in {})", door.config.display());
    }
    Ok(Exit::Done)
}

/// How long it is paused, in words.
pub(super) fn until(pause: &Pause, now: Time) -> String {
    match pause.until {
        Some(until) => format!("paused until {} ({})", style::moment(until), style::relative(until, now)),
        None => "paused until somebody ends it".to_owned(),
    }
}

/// Reads the duration of `--for`.
///
/// # Errors
/// If it is none, or nothing.
pub(super) fn lasts(text: &str) -> Result<Duration, String> {
    match crate::config::duration_secs(text.trim()) {
        Some(secs) if secs > 0 => Ok(Duration::from_secs(secs)),
        _ => Err("expected a duration such as \"90s\", \"2m\", \"1h\"".to_owned()),
    }
}
