//! What happened, line by line: the same seed gives the same lines, byte for byte.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The lines. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    since: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), lines: Arc::default() }
    }

    /// Adds a line, with the time since the beginning.
    pub(crate) fn add(&self, line: impl FnOnce() -> String) {
        let line = format!("{:>12.3} {}", self.since.elapsed().as_secs_f64(), line());
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
