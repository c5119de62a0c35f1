//! One contact centre of the service, as seen from outside: to ask, to listen, to look, to pause.
//!
//! Invariant: nobody outside can slow a run. A question waits in a queue of its own, a listener loses lines, a look copies
//! a few words.
//! Deliberately absent: changing the configuration. The file is the only place for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::config::ScheduleConfig;
use super::control::{Ask, Asked, Line};
use super::live::{Follower, Live};
use super::next::nth_after;
use super::standing::{self, Health, LastRun, Phase, STALE_MARGIN, STALE_TICKS, Standing};
use crate::model::{InForce, Pause, Quarantine, Time};
use crate::report::metrics::{self, Metrics};
use crate::store::{Store, StoreError};

pub use crate::report::metrics::CONTENT_TYPE as METRICS_TYPE;

/// What is known of a contact centre between two looks.
#[derive(Debug)]
pub(super) struct Board {
    /// Never [`Phase::Running`]: what a run says is kept by whoever listens to it.
    pub(super) phase: Phase,
    pub(super) enabled: bool,
    pub(super) paused: Option<Pause>,
    pub(super) next: Option<Time>,
    pub(super) last: Option<LastRun>,
    pub(super) succeeded: Option<Time>,
    pub(super) quarantine: Option<Quarantine>,
    pub(super) configuration: Option<InForce>,
    pub(super) schedule: Option<ScheduleConfig>,
    /// Since when runs are made by the clock: it was started, switched on, or a pause came to its end.
    pub(super) awake_since: Time,
}

/// Where the contact centre and those who look at it meet.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) centre: String,
    pub(super) now: fn() -> Time,
    pub(super) live: Live,
    /// Somebody has changed the pause.
    pub(super) wake: Notify,
    serving_since: Time,
    board: Mutex<Board>,
    alive: Mutex<Instant>,
    store: Mutex<Option<Store>>,
    /// What monitoring may ask, from the first start on; it stays while the contact centre is down.
    counted: Mutex<Option<Arc<Mutex<Metrics>>>>,
}

impl Desk {
    pub(super) fn new(centre: &str, now: fn() -> Time) -> Self {
        let at = now();
        let board = Board {
            phase: Phase::Starting,
            enabled: true,
            paused: None,
            next: None,
            last: None,
            succeeded: None,
            quarantine: None,
            configuration: None,
            schedule: None,
            awake_since: at,
        };
        Self {
            centre: centre.to_owned(),
            now,
            live: Live::new(),
            wake: Notify::new(),
            serving_since: at,
            board: Mutex::new(board),
            alive: Mutex::new(Instant::now()),
            store: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sign of life.
    pub(super) fn beat(&self) {
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The state file, while it is open.
    pub(super) fn store(&self) -> MutexGuard<'_, Option<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are the metrics from now on.
    pub(super) fn count_with(&self, metrics: &Arc<Mutex<Metrics>>) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(metrics));
    }

    fn counted(&self) -> Option<Metrics> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        Some(counted.clone())
    }

    fn standing(&self) -> Standing {
        let silent_secs = self.alive.lock().unwrap_or_else(PoisonError::into_inner).elapsed().as_secs();
        let running = self.live.so_far();
        let now = (self.now)();
        let board = self.board();
        let phase = match (&board.phase, running) {
            (Phase::Waiting, Some(so_far)) => Phase::Running(so_far),
            (phase, _) => phase.clone(),
        };
        // Whoever was asleep is not late before having had the time to be.
        let since = board.succeeded.map_or(board.awake_since, |succeeded| succeeded.max(board.awake_since));
        let stale_from = board.schedule.as_ref().and_then(|schedule| stale_from(schedule, since));
        Standing {
            centre: self.centre.clone(),
            phase,
            serving_since: self.serving_since,
            enabled: board.enabled,
            paused: board.paused.filter(|pause| pause.holds(now)),
            next: board.next,
            last: board.last.clone(),
            succeeded: board.succeeded,
            stale_from,
            quarantine: board.quarantine.clone(),
            configuration: board.configuration.clone(),
            silent_secs,
        }
    }
}

/// From when on it is stale that the last success was then.
fn stale_from(schedule: &ScheduleConfig, since: Time) -> Option<Time> {
    let ScheduleConfig { every, jitter_millis, .. } = schedule;
    let tick = nth_after(every, since, STALE_TICKS)?;
    let late = i64::try_from(*jitter_millis).ok().and_then(TimeDelta::try_milliseconds)?;
    tick.checked_add_signed(late)?.checked_add_signed(STALE_MARGIN)
}

/// One contact centre of the service. Cheap to clone; all clones are of the same one.
#[derive(Debug, Clone)]
pub struct Handle {
    desk: Arc<Desk>,
    asks: mpsc::Sender<Asked>,
}

/// The contact centre cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// More questions wait than are ever answered soon.
    #[error("too many runs have been asked for and wait")]
    Busy,
    /// It has ended.
    #[error("the service has ended")]
    Ended,
    /// Its state file is not open: it is starting, or could not start.
    #[error("the state file is not open; see: rollcall status")]
    Down,
    /// The state file.
    #[error("the state file cannot be used")]
    Store(#[from] StoreError),
}

impl Handle {
    pub(super) fn new(desk: Arc<Desk>, asks: mpsc::Sender<Asked>) -> Self {
        Self { desk, asks }
    }

    /// The contact centre's name.
    #[must_use]
    pub fn centre(&self) -> &str {
        &self.desk.centre
    }

    /// Asks for a run. Its lines come by the receiver, the last one is [`Line::Ended`]; they wait for whoever is slow.
    ///
    /// # Errors
    /// If too many wait, or the service has ended.
    pub fn ask(&self, ask: Ask) -> Result<mpsc::UnboundedReceiver<Line>, HandleError> {
        let (answers, lines) = mpsc::unbounded_channel();
        self.asks.try_send(Asked { ask, answers }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HandleError::Busy,
            mpsc::error::TrySendError::Closed(_) => HandleError::Ended,
        })?;
        Ok(lines)
    }

    /// Listens to whatever run is going on, and to those that follow, whoever started them.
    #[must_use]
    pub fn follow(&self) -> Follower {
        self.desk.live.follow()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.desk.standing()
    }

    /// Whether it is well.
    #[must_use]
    pub fn health(&self) -> Health {
        standing::health(&self.standing(), (self.desk.now)())
    }

    /// Lets nothing run by the clock, for so long or until somebody ends it. A run that is going on goes on to its end.
    ///
    /// # Errors
    /// If the state file is not open or cannot be written.
    pub async fn pause(&self, lasts: Option<Duration>) -> Result<Pause, HandleError> {
        let store = self.desk.store().clone().ok_or(HandleError::Down)?;
        let pause = starting((self.desk.now)(), lasts);
        store.pause(&pause).await?;
        self.desk.board().paused = Some(pause);
        self.desk.wake.notify_one();
        Ok(pause)
    }

    /// Ends the pause; gives the one that held. What ticked meanwhile is made up for by one run, now.
    ///
    /// # Errors
    /// If the state file is not open or cannot be written.
    pub async fn resume(&self) -> Result<Option<Pause>, HandleError> {
        let store = self.desk.store().clone().ok_or(HandleError::Down)?;
        let ended = store.resume().await?;
        let now = (self.desk.now)();
        {
            let mut board = self.desk.board();
            board.paused = None;
            board.awake_since = now;
        }
        self.desk.wake.notify_one();
        Ok(ended.filter(|pause| pause.holds(now)))
    }
}

/// What Prometheus reads of these contact centres, of type [`METRICS_TYPE`]. One that has never started is not in it.
#[must_use]
pub fn metrics(centres: &[&Handle], now: Time) -> String {
    let counted: Vec<Metrics> = centres.iter().filter_map(|centre| centre.desk.counted()).collect();
    metrics::exposition(&counted.iter().collect::<Vec<_>>(), now)
}

/// A pause that begins now.
#[must_use]
pub fn starting(now: Time, lasts: Option<Duration>) -> Pause {
    let until = lasts.and_then(|lasts| TimeDelta::from_std(lasts).ok()).and_then(|lasts| now.checked_add_signed(lasts));
    Pause { since: now, until }
}
