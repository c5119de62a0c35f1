//! What the administrator says about the schedule.

use chrono_tz::Tz;

/// When to look at the directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Every {
    /// Every so many seconds.
    Interval {
        /// Seconds.
        secs: u64,
    },
    /// By a cron expression, in local time somewhere.
    Cron {
        /// Five or six fields; the first of six is the second.
        expression: String,
        /// Where its times are local.
        zone: Tz,
    },
}

/// The clocks of a contact centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// The ordinary run.
    pub every: Every,
    /// Each tick but the first is late by a random part of these milliseconds. 0: none is.
    pub jitter_millis: u64,
    /// Seconds that a run may take to end after it was asked to stop.
    pub stop_within_secs: u64,
    /// Seconds between full pulls.
    pub full_every_secs: u64,
    /// Seconds between looks at Connect for drift, even if nothing else happened.
    pub audit_every_secs: u64,
}
