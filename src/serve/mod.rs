//! The service: runs by the clock, does runs for others who ask, and stops gracefully.
//!
//! ```text
//! config    what the administrator says about the schedule
//! next      when the schedule ticks: time zones, changes of clocks
//! schedule  ticks from tokio-cron-scheduler; a missed one coalesces with the next
//! rounds    one contact centre: ticks, questions, a new configuration, a pause
//! bounded   one run, with a bound and a way to stop it
//! keeper    starts a contact centre, and starts it again; a thread for each
//! handle    a contact centre as seen from outside: ask, listen, look, pause
//! live      what the run that is going on says, to whoever listens
//! standing  how it stands, and whether that is well
//! said      what runs say, as log lines
//! control   a socket beside the state file: another process asks for a run and follows it
//! counting  what a run says at its end, for the metrics
//! systemd   ready, reloading, stopping, alive
//! ```
//!
//! Invariant: one run at a time. A tick that comes during a run is kept, two are one.
//! Invariant: after a stop signal what is in flight finishes and is written down, and nothing new starts.
//! Invariant: contact centres of one process share the buckets of their quota and nothing else. One that fails, panics or
//! hangs stops no other one.
//! Deliberately absent: what a run does (see [`crate::reconcile`]), configuration files, AWS.

mod bounded;
mod config;
pub mod control;
mod counting;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handle;
mod keeper;
mod live;
mod next;
mod rounds;
mod said;
mod schedule;
mod standing;
pub mod systemd;
#[cfg(test)]
mod tests;

use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::Mutex;

pub use self::config::{Every, ScheduleConfig};
use self::control::{Ask, Ending};
use self::counting::Counting;
pub use self::handle::{Handle, HandleError, METRICS_TYPE, metrics, starting};
pub use self::keeper::{Departure, Maker, Serving, serve};
pub use self::live::{Follower, News, SoFar};
pub use self::next::{next_after, nth_after, shortest_gap_secs};
pub use self::schedule::{Bell, ScheduleError, Scheduler, Ticks};
pub use self::standing::{HUNG_SECS, Health, LastRun, Phase, Reason, Standing, health, one_line};
use crate::model::{Target, Time};
use crate::reconcile::{
    self, Aftermath, Centre, Delivery, Ended, Order, Progress, RunClock, RunError, Stop, Teller, Untold, Watch,
};
use crate::report::Sink;
use crate::report::metrics::Metrics;
use crate::store::{RunLease, StoreError};

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
    pub metrics: Arc<std::sync::Mutex<Metrics>>,
    /// Whether anything runs, as the file says.
    pub enabled: bool,
    /// Digest of the file.
    pub digest: String,
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

    /// Why a run that somebody asks for is refused: it is switched off, or paused. What writes nothing, and what takes an
    /// earlier run back, is let through: that is what somebody wants who has just stopped everything else.
    ///
    /// # Errors
    /// If the state file cannot be read.
    pub async fn refuses(&self, ask: &Ask) -> Result<Option<Ending>, StoreError> {
        if ask.rehearse || ask.undo.is_some() {
            return Ok(None);
        }
        let name = &self.centre.name;
        if !self.enabled {
            let message = format!("`{name}` is switched off (enabled = false); nothing was done");
            let hint = "set enabled = true, then reload or restart the service".to_owned();
            return Ok(Some(Ending::Failed { message, hint, told: false }));
        }
        let paused = self.centre.store.paused().await?.filter(|pause| pause.holds((self.now)()));
        Ok(paused.filter(|_| !ask.while_paused).map(|pause| {
            let until = pause.until.map(|until| format!(" until {}", until.format("%Y-%m-%d %H:%M UTC")));
            let message = format!("`{name}` is paused{}; nothing was done", until.unwrap_or_default());
            let hint =
                "end the pause with: rollcall resume, or run once with: rollcall sync now --while-paused".to_owned();
            Ending::Failed { message, hint, told: false }
        }))
    }
}

fn tell_delivery(watch: &dyn Watch, delivery: &Delivery) {
    let Delivery { sink, delivered: _, rejected, failed, waiting_since: _ } = delivery;
    if failed.is_some() || !rejected.is_empty() {
        watch.tell(Progress::SinkBehind {
            sink: sink.clone(),
            rejected: u32::try_from(rejected.len()).unwrap_or(u32::MAX),
            message: failed.as_ref().map(ToString::to_string),
        });
    }
}
