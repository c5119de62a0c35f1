//! The clock of the remote systems: a start time given by the caller, moved on by tokio's clock.
//!
//! Invariant: nothing in the sandbox reads the machine's wall clock, so a paused tokio runtime pauses the remote systems too
//! and a story may play on any day.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// What time it is at the remote systems. Clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<Base>>);

#[derive(Debug, Clone, Copy)]
struct Base {
    at: DateTime<Utc>,
    since: Instant,
}

impl Clock {
    /// A clock that shows `at` now and runs on from there.
    #[must_use]
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Base { at, since: Instant::now() })))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let base = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        base.at + TimeDelta::from_std(base.since.elapsed()).unwrap_or(TimeDelta::MAX)
    }

    /// Sets it to another time, backwards too; it runs on from there.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Base { at, since: Instant::now() };
    }

    /// Moves it forwards.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX));
    }
}
