//! What the administrator says about the schedule.

/// When to look at the directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Every {
    /// Every so many seconds.
    Interval {
        /// Seconds.
        secs: u64,
    },
    /// By a cron expression of five or six fields, in UTC.
    Cron(String),
}

/// The clocks of a contact centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// The ordinary run.
    pub every: Every,
    /// Seconds between full pulls.
    pub full_every_secs: u64,
    /// Seconds between looks at Connect for drift, even if nothing else happened.
    pub audit_every_secs: u64,
}
