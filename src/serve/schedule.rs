//! Ticks, from tokio-cron-scheduler.
//!
//! Invariant: at most one tick is kept while nobody takes it, so a run that takes longer than the interval is followed by
//! one run, not by a queue of them.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

use super::config::Every;
use crate::model::Time;

/// The schedule cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the schedule cannot be started")]
pub struct ScheduleError(#[from] tokio_cron_scheduler::JobSchedulerError);

/// A running schedule.
pub struct Ticks {
    scheduler: JobScheduler,
    ticks: mpsc::Receiver<()>,
}

impl std::fmt::Debug for Ticks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticks")
    }
}

impl Ticks {
    /// Starts ticking; the first tick comes at once.
    ///
    /// # Errors
    /// If the cron expression or the scheduler is refused.
    pub async fn start(every: &Every) -> Result<Self, ScheduleError> {
        let (sender, ticks) = mpsc::channel(1);
        // A full channel means that a tick is waiting already: two missed ticks are one.
        let _ = sender.try_send(());
        let scheduler = JobScheduler::new().await?;
        let job = match every {
            Every::Interval { secs } => Job::new_repeated(Duration::from_secs(*secs), move |_, _| {
                let _ = sender.try_send(());
            })?,
            Every::Cron(expression) => Job::new(with_seconds(expression).as_str(), move |_, _| {
                let _ = sender.try_send(());
            })?,
        };
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, ticks })
    }

    /// The next tick.
    pub async fn next(&mut self) {
        if self.ticks.recv().await.is_none() {
            // The scheduler dropped its job; never tick again instead of spinning.
            std::future::pending::<()>().await;
        }
    }

    /// Stops ticking.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(error = %error, "the scheduler was already gone");
        }
    }
}

/// When the schedule ticks next after `at`.
#[must_use]
pub fn next_after(every: &Every, at: Time) -> Option<Time> {
    match every {
        Every::Interval { secs } => {
            Some(at + chrono::Duration::seconds(i64::try_from(*secs).unwrap_or(i64::MAX / 1_000)))
        }
        Every::Cron(expression) => {
            use std::str::FromStr;
            croner::Cron::from_str(&with_seconds(expression)).ok()?.find_next_occurrence(&at, false).ok()
        }
    }
}

/// The scheduler wants six fields; five-field expressions mean second 0.
fn with_seconds(expression: &str) -> String {
    if expression.split_whitespace().count() == 5 { format!("0 {expression}") } else { expression.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_run_is_told_for_intervals_and_cron() {
        let now = at("2026-05-04T09:12:00Z");
        assert_eq!(next_after(&Every::Interval { secs: 120 }, now), Some(at("2026-05-04T09:14:00Z")));
        assert_eq!(next_after(&Every::Cron("*/5 * * * *".into()), now), Some(at("2026-05-04T09:15:00Z")));
        assert_eq!(next_after(&Every::Cron("30 0 6 * * *".into()), now), Some(at("2026-05-05T06:00:30Z")));
    }

    #[tokio::test]
    async fn missed_ticks_coalesce() {
        let (sender, ticks) = mpsc::channel(1);
        let _ = sender.try_send(());
        let _ = sender.try_send(());
        let _ = sender.try_send(());
        let mut ticks = Ticks { scheduler: JobScheduler::new().await.unwrap(), ticks };
        ticks.next().await;
        assert!(ticks.ticks.try_recv().is_err());
    }
}
