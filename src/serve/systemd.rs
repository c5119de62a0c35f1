//! What systemd is told (`Type=notify`): ready, reloading, stopping, one line of status, and that we are alive.
//!
//! Source: `sd_notify(3)`, `systemd.service(5)` (`WatchdogSec`, `ExecReload`, `TimeoutStopSec`).
//!
//! Invariant: the sign of life comes only while every contact centre gives one. A run that takes long still does; one that
//! hangs so that nothing else of its contact centre moves does not, and systemd starts the process anew.
//! Invariant: without systemd nothing is said and nothing fails.

use std::time::Duration;

use sd_notify::NotifyState;

use super::standing::{HUNG_SECS, Standing};

fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::debug!(error = %error, "systemd cannot be told");
    }
}

/// The contact centres are up, or on their way.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// How they stand.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The configuration is read anew; [`ready`] follows.
pub fn reloading() {
    let mut words = vec![NotifyState::Reloading];
    // Since version 253 systemd wants to know when, to tell one reload from another.
    words.extend(NotifyState::monotonic_usec_now());
    tell(&words);
}

/// Everything ends, within this time.
pub fn stopping(within: Duration) {
    let usec = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(usec), NotifyState::Status("stopping")]);
}

/// A sign of life, if everybody gives one.
pub fn alive<'a>(standings: impl IntoIterator<Item = &'a Standing>) {
    if all_alive(standings) {
        tell(&[NotifyState::Watchdog]);
    }
}

/// How often systemd wants a sign of life, halved as its manual advises; `None` if it wants none.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|most| most / 2).filter(|every| !every.is_zero())
}

fn all_alive<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> bool {
    standings.into_iter().all(|standing| standing.silent_secs < HUNG_SECS)
}
