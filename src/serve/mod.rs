//! The service: runs by the clock, does runs for others who ask, and stops gracefully.
//!
//! ```text
//! config    what the administrator says about the schedule
//! schedule  ticks from tokio-cron-scheduler; a missed one coalesces with the next
//! control   a socket beside the state file: another process asks for a run and follows it
//! counting  what a run says at its end, for the metrics
//! ```
//!
//! Invariant: one run at a time. A tick that comes during a run is kept, two are one.
//! Invariant: after a stop signal what is in flight finishes and is written down, and nothing new starts.
//! Deliberately absent: what a run does (see [`crate::reconcile`]), configuration files, AWS.

mod config;
pub mod control;
mod counting;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod schedule;

use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::{Mutex, mpsc};

pub use self::config::{Every, ScheduleConfig};
use self::control::{Asked, Ending, Line};
use self::counting::Counting;
pub use self::schedule::{ScheduleError, Ticks, next_after};
use crate::model::{RunId, Target, Time, Trigger};
use crate::reconcile::{
    self, Aftermath, Centre, Delivery, Ended, Order, Progress, RunClock, RunError, Stop, Teller, Untold, Watch,
};
use crate::report::Sink;
use crate::report::metrics::Metrics;
use crate::store::RunLease;

/// Everything the service works with.
pub struct Service<T> {
    /// The contact centre.
    pub centre: Centre<T>,
    /// Where reports go.
    pub sinks: Mutex<Vec<Sink>>,
    /// Who is told of trouble.
    pub tellers: Mutex<Vec<Teller>>,
    /// When.
    pub schedule: ScheduleConfig,
    /// What monitoring may ask; told how each run ended.
    pub metrics: std::sync::Mutex<Metrics>,
    /// The wall clock.
    pub now: fn() -> Time,
}

impl<T> std::fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({})", self.centre.name)
    }
}

/// How one run of the service ended.
pub type RunResult = Result<Ended, RunError>;

impl<T: Target> Service<T> {
    /// One run, the delivery of its reports, and the messages about what is wrong.
    ///
    /// # Errors
    /// See [`reconcile::run`]. A failing sink or notifier is no error.
    pub async fn run_once(&self, lease: &RunLease, order: &Order, stop: &Stop, watch: &dyn Watch) -> RunResult {
        let clock = RunClock::starting((self.now)());
        let counting = Counting::beside(watch);
        let mut result = Box::pin(reconcile::run(&self.centre, lease, order, clock, stop, &counting)).await;
        counting.into(&mut self.metrics(), order, (self.now)());
        if order.rehearse {
            return result;
        }
        let mut sinks = self.sinks.lock().await;
        let delivered = reconcile::deliver(&self.centre.store, &mut sinks, (self.now)()).await;
        drop(sinks);
        let deliveries = match delivered {
            Ok(deliveries) => Some(deliveries),
            Err(error) => {
                result = Err(error.into());
                None
            }
        };
        for delivery in deliveries.iter().flatten() {
            self.metrics().observe_sink(&delivery.sink, delivery.waiting_since);
            tell_delivery(watch, delivery);
        }
        let aftermath = Aftermath { order, result: &result, deliveries: deliveries.as_deref() };
        let mut tellers = self.tellers.lock().await;
        let untold =
            Box::pin(reconcile::notify(&self.centre.store, lease, &aftermath, &mut tellers, (self.now)())).await;
        for Untold { notifier, message, hint } in untold {
            watch.tell(Progress::Untold { notifier, message, hint });
        }
        result
    }

    /// What monitoring may ask.
    fn metrics(&self) -> MutexGuard<'_, Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order of a scheduled run.
    fn scheduled(&self) -> Order {
        Order { next: next_after(&self.schedule.every, (self.now)()), ..Order::new(RunId::fresh(), Trigger::Schedule) }
    }

    /// Runs until asked to stop. `asks` come from the control socket.
    ///
    /// # Errors
    /// Only if the schedule cannot be started; a failing run is logged and the next one looks again.
    pub async fn serve(
        self: Arc<Self>,
        lease: RunLease,
        mut asks: mpsc::Receiver<Asked>,
        stop: Stop,
    ) -> Result<RunLease, ScheduleError> {
        let mut stopping = stop.clone();
        let mut ticks = Ticks::start(&self.schedule.every).await?;
        tracing::info!(centre = %self.centre.name, "serving `{}`", self.centre.name);
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                Some(asked) = asks.recv() => self.answer(&lease, asked, &stop).await,
                () = ticks.next() => {
                    let log = Log { centre: self.centre.name.clone() };
                    log_end(&self.centre.name, &self.run_once(&lease, &self.scheduled(), &stop, &log).await);
                }
            }
        }
        ticks.stop().await;
        tracing::info!(centre = %self.centre.name, "stopped serving `{}`", self.centre.name);
        Ok(lease)
    }

    async fn answer(&self, lease: &RunLease, asked: Asked, stop: &Stop) {
        let Asked { ask, answers } = asked;
        let order = Order { next: next_after(&self.schedule.every, (self.now)()), ..ask.order() };
        let watch = Follow(answers.clone());
        let result = self.run_once(lease, &order, stop, &watch).await;
        log_end(&self.centre.name, &result);
        // Whoever asked may have gone; the run counts all the same.
        let _ = answers.send(Line::Ended(Ending::of(result)));
    }
}

fn tell_delivery(watch: &dyn Watch, delivery: &Delivery) {
    let Delivery { sink, delivered: _, rejected, failed } = delivery;
    if failed.is_some() || !rejected.is_empty() {
        watch.tell(Progress::SinkBehind {
            sink: sink.clone(),
            rejected: u32::try_from(rejected.len()).unwrap_or(u32::MAX),
            message: failed.as_ref().map(ToString::to_string),
        });
    }
}

/// Passes progress on to whoever asked for the run.
struct Follow(mpsc::UnboundedSender<Line>);

impl Watch for Follow {
    fn tell(&self, progress: Progress) {
        let _ = self.0.send(Line::Progress(Box::new(progress)));
    }
}

/// Progress of a scheduled run, as log lines. People are named by key only.
struct Log {
    centre: String,
}

impl Watch for Log {
    fn tell(&self, progress: Progress) {
        let centre = &self.centre;
        match progress {
            Progress::SourceFailed { source, message, hint } => {
                tracing::error!(%centre, %source, hint, "source `{source}` could not be read: {message}");
            }
            // The message may name protected people as they are configured; a log names nobody.
            Progress::Refused { digest, message: _ } => {
                tracing::error!(%centre, digest, "plan {digest} refused by the guard; see: rollcall status");
            }
            Progress::SinkBehind { sink, rejected, message } => {
                tracing::warn!(%centre, sink, rejected, "report sink `{sink}` is behind: {}", message.unwrap_or_default());
            }
            Progress::Quarantined { quarantine } => {
                let hint = &quarantine.trouble.hint;
                let message = &quarantine.trouble.message;
                tracing::error!(%centre, hint, until = %quarantine.until, "`{centre}` is in quarantine: {message}");
            }
            Progress::Untold { notifier, message, hint } => {
                tracing::warn!(%centre, notifier, hint, "notifier `{notifier}` could not be told: {message}");
            }
            Progress::Lifted => tracing::info!(%centre, "`{centre}` is out of quarantine"),
            other => tracing::debug!(%centre, progress = other.name(), "{}", other.name()),
        }
    }
}

fn log_end(centre: &str, result: &RunResult) {
    match result {
        Ok(Ended { summary, .. }) => tracing::info!(
            %centre, run.result = summary.result, run.millis = summary.millis,
            created = summary.created, updated = summary.updated, deleted = summary.deleted,
            failed = summary.failed, in_doubt = summary.in_doubt, quarantined = summary.quarantined,
            "run ended: {}", summary.result
        ),
        // Said when it was entered; not at every tick.
        Err(RunError::Quarantined(quarantine)) => {
            tracing::debug!(%centre, until = %quarantine.until, "in quarantine");
        }
        Err(error) => tracing::error!(
            %centre, hint = error.hint(), "run failed: {}", reconcile::chain(error)
        ),
    }
}
