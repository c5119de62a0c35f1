//! Ticks. tokio-cron-scheduler rings; [`Ticks`] knows what for.
//!
//! The scheduler keeps one alarm at a time, at the moment that [`next_after`] tells. It is not given the expression or the
//! interval itself: it takes a time zone's offset once and for all, makes up for each interval that was skipped when the
//! clock is put forward, and waits for as long as the clock is put back.
//!
//! Invariant: at most one tick is kept while nobody takes it, so a run that takes longer than the interval is followed by
//! one run, not by a queue of them.
//! Invariant: whatever the wall clock does, an interval is as long as it is, and a tick of a cron expression that was
//! skipped comes once, at once. The clock is compared with tokio's every [`LOOK`].
//! Invariant: an alarm that is lost makes a tick late by [`LOOK`] at the most.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_cron_scheduler::{Job, JobScheduler};

use super::config::{Every, ScheduleConfig};
use super::next::{next_after, seconds};
use crate::model::Time;

/// How often the clocks are compared while waiting.
const LOOK: Duration = Duration::from_secs(10);
/// By so much the wall clock may differ from tokio's between two looks before it counts as having been set. A clock that
/// is slewed gains or loses half a millisecond a second.
const SET: TimeDelta = TimeDelta::seconds(5);

/// The scheduler cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the schedule cannot be started")]
pub struct ScheduleError(#[from] tokio_cron_scheduler::JobSchedulerError);

/// Rings once, some time later. It may ring early or never; whoever set it looks at the clock.
pub trait Bell {
    /// Sets it, even if the wait for that is dropped. One that was set before may still ring.
    fn set(&mut self, after: Duration) -> impl Future<Output = ()>;
    /// Waits for a ring.
    fn rung(&mut self) -> impl Future<Output = ()>;
}

/// The bell of tokio-cron-scheduler.
pub struct Scheduler {
    jobs: JobScheduler,
    sender: mpsc::Sender<()>,
    rings: mpsc::Receiver<()>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scheduler")
    }
}

impl Scheduler {
    /// Starts the scheduler.
    ///
    /// # Errors
    /// If it refuses.
    pub async fn start() -> Result<Self, ScheduleError> {
        let jobs = JobScheduler::new().await?;
        jobs.start().await?;
        let (sender, rings) = mpsc::channel(1);
        Ok(Self { jobs, sender, rings })
    }
}

impl Drop for Scheduler {
    /// Its loop ends, also where a panic ends whoever listened to it.
    fn drop(&mut self) {
        let mut jobs = self.jobs.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = jobs.shutdown().await {
                    tracing::debug!(error = %error, "the scheduler was already gone");
                }
            });
        }
    }
}

impl Bell for Scheduler {
    async fn set(&mut self, after: Duration) {
        let (jobs, sender) = (self.jobs.clone(), self.sender.clone());
        // On its own: the scheduler logs an error if whoever gives it an alarm does not wait until it has taken it.
        let setting = tokio::spawn(async move {
            // The scheduler counts whole seconds, rounded down: it rings a little early, never late.
            let job = Job::new_one_shot(after, move |_, _| {
                // A full channel means that a ring is waiting already.
                let _ = sender.try_send(());
            });
            let set = match job {
                Ok(job) => jobs.add(job).await.map(|_| ()),
                Err(error) => Err(error),
            };
            if let Err(error) = set {
                tracing::warn!(error = %error, "an alarm cannot be set; the clock is looked at instead");
            }
        });
        let _ = setting.await;
    }

    async fn rung(&mut self) {
        // Its own sender keeps the channel open.
        let _ = self.rings.recv().await;
    }
}

/// The ticks of one schedule.
#[derive(Debug)]
pub struct Ticks<B> {
    bell: B,
    every: Every,
    jitter_millis: u64,
    now: fn() -> Time,
    dice: fastrand::Rng,
    /// When the next tick is due by the schedule.
    base: Option<Time>,
    /// The same, late by a random part.
    due: Option<Time>,
    /// Whether the bell is set for it.
    set: bool,
    /// Whether it has rung since. It rings early by less than two seconds.
    rung: bool,
    /// Both clocks, when they were compared last.
    seen: (Time, Instant),
}

impl<B: Bell> Ticks<B> {
    /// Starts ticking; the first tick comes at once. What is random follows from `dice`.
    #[must_use]
    pub fn start(schedule: &ScheduleConfig, bell: B, now: fn() -> Time, dice: fastrand::Rng) -> Self {
        let at = now();
        let (every, jitter_millis) = (schedule.every.clone(), schedule.jitter_millis);
        Self {
            bell,
            every,
            jitter_millis,
            now,
            dice,
            base: Some(at),
            due: Some(at),
            set: false,
            rung: false,
            seen: (at, Instant::now()),
        }
    }

    /// When the next tick is due.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.due
    }

    /// Goes on by another schedule. The same one keeps its next tick.
    pub fn follow(&mut self, schedule: &ScheduleConfig) {
        if (&self.every, self.jitter_millis) != (&schedule.every, schedule.jitter_millis) {
            self.every.clone_from(&schedule.every);
            self.jitter_millis = schedule.jitter_millis;
            self.aim(next_after(&self.every, (self.now)()));
        }
    }

    /// The next tick. May be dropped while it waits; nothing is lost.
    pub async fn next(&mut self) {
        loop {
            let at = self.compare_clocks();
            let Some(due) = self.due else {
                // No tick ever comes; the file is refused that says so, but a schedule can come to its end.
                return std::future::pending().await;
            };
            let Ok(left) = (due - at).to_std() else {
                self.advance(at);
                return;
            };
            if left.is_zero() {
                self.advance(at);
                return;
            }
            if !self.set {
                (self.set, self.rung) = (true, false);
                self.bell.set(left).await;
            }
            // Before it rings, the clock is only looked at.
            let wait = if self.rung { left.min(LOOK) } else { LOOK };
            tokio::select! {
                () = self.bell.rung() => self.rung = true,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn aim(&mut self, base: Option<Time>) {
        let late = match self.jitter_millis {
            0 => 0,
            most => self.dice.u64(0..most),
        };
        let late = i64::try_from(late).ok().and_then(TimeDelta::try_milliseconds).unwrap_or_default();
        self.base = base;
        self.due = base.and_then(|base| base.checked_add_signed(late));
        self.set = false;
    }

    /// After a tick at `at`: the first one that is still to come. An interval keeps its beat.
    fn advance(&mut self, at: Time) {
        let next = match (&self.every, self.base) {
            (Every::Interval { secs }, Some(base)) => {
                let missed = u64::try_from((at - base).num_seconds()).unwrap_or(0) / (*secs).max(1);
                base.checked_add_signed(seconds(secs.saturating_mul(missed + 1)))
            }
            (every, _) => next_after(every, at),
        };
        self.aim(next);
    }

    /// The time now, after the next tick was moved if somebody has set the clock.
    fn compare_clocks(&mut self) -> Time {
        let (at, instant) = ((self.now)(), Instant::now());
        let passed = TimeDelta::from_std(instant - self.seen.1).unwrap_or(TimeDelta::MAX);
        let by = at - self.seen.0.checked_add_signed(passed).unwrap_or(at);
        self.seen = (at, instant);
        if by.abs() <= SET {
            return at;
        }
        tracing::warn!(by_secs = by.num_seconds(), "the clock was set by {} s", by.num_seconds());
        match &self.every {
            Every::Interval { .. } => {
                let moved = |moment: Option<Time>| moment.and_then(|moment| moment.checked_add_signed(by));
                (self.base, self.due, self.set) = (moved(self.base), moved(self.due), false);
            }
            // What was skipped is due now; everything else is told anew.
            every @ Every::Cron { .. } if self.due.is_some_and(|due| due > at) => {
                self.aim(next_after(&every.clone(), at));
            }
            Every::Cron { .. } => {}
        }
        at
    }
}

#[cfg(test)]
mod tests;
