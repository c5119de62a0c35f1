//! What a service remembers about itself, across restarts.
//!
//! Deliberately absent: the switch `enabled`; it is a word of the configuration file, not of the memory.

use serde::{Deserialize, Serialize};

use super::Time;

/// Nothing runs by the clock for a time. What happens meanwhile is seen by the first run afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it was asked for.
    pub since: Time,
    /// When it ends by itself; absent: when somebody ends it.
    pub until: Option<Time>,
}

impl Pause {
    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self, at: Time) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// The configuration that a service works by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// SHA-256 of the file, in hex, as `sha256sum` prints it.
    pub digest: String,
    /// Since when.
    pub since: Time,
}

impl InForce {
    /// Enough of a digest to tell two files apart, for log lines and screens.
    #[must_use]
    pub fn short(digest: &str) -> &str {
        digest.get(..12).unwrap_or(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_until_its_end_or_for_ever() {
        let at = |text: &str| -> Time { text.parse().unwrap() };
        let since = at("2026-05-04T09:00:00Z");
        let pause = Pause { since, until: Some(at("2026-05-04T11:00:00Z")) };
        assert!(pause.holds(at("2026-05-04T10:59:59Z")));
        assert!(!pause.holds(at("2026-05-04T11:00:00Z")));
        assert!(Pause { since, until: None }.holds(at("2036-05-04T11:00:00Z")));
    }
}
