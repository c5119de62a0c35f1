//! Starts a contact centre, and starts it again when it could not go on. Each has a thread and a runtime of its own.
//!
//! Invariant: one contact centre that cannot start, fails, panics or hangs does nothing to the others: they share no
//! thread, and of the process only the buckets of the quota.
//! Invariant: a contact centre that starts again takes a new lease, so whatever might be left of an abandoned run can
//! write nothing.
//! Deliberately absent: how the parts are built (see [`Maker`]), signals, and the other contact centres.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::control::{self, Asked, Ending, Line};
use super::handle::{Desk, Handle};
use super::rounds::{self, Outside, Parting};
use super::schedule::{Scheduler, Ticks};
use super::standing::Phase;
use super::{Service, next};
use crate::model::{Target, Time};
use crate::reconcile::{Stop, chain};
use crate::store::{RunLease, StoreError};

/// Questions that wait for their turn.
const QUESTIONS: usize = 16;
/// The first wait after a start that failed; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Whoever was up for so long starts anew with the first wait.
const SETTLED: Duration = Duration::from_secs(10 * 60);
/// How often a contact centre that is down gives a sign of life.
const BEAT: Duration = Duration::from_secs(5);

/// Builds a contact centre: opens its state file, takes its lease.
pub trait Maker: Send + Sync + 'static {
    /// What is kept in agreement.
    type Target: Target + 'static;

    /// Builds it, by the configuration that is in force now.
    ///
    /// # Errors
    /// If a part cannot be built, or another process works on this contact centre.
    fn make(&self) -> impl Future<Output = anyhow::Result<(Service<Self::Target>, RunLease)>>;
}

/// How a contact centre ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Departure {
    /// Whether a run was cut off because it did not end in time.
    pub abandoned: bool,
    /// Calls whose effect is not known; the next run settles them by looking.
    pub in_doubt: usize,
}

/// A contact centre that is being served.
#[derive(Debug)]
pub struct Serving<T> {
    /// As seen from outside.
    pub handle: Handle,
    /// How its first start went.
    pub started: oneshot::Receiver<anyhow::Result<()>>,
    /// How it ended; an error is a thread that has died.
    pub departed: oneshot::Receiver<Departure>,
    desk: Arc<Desk>,
    renewals: mpsc::UnboundedSender<Service<T>>,
}

impl<T> Serving<T> {
    /// The state file, while it is open: what a new configuration is built over.
    #[must_use]
    pub fn store(&self) -> Option<crate::store::Store> {
        self.desk.store().clone()
    }

    /// Goes on with new parts, after the run that is going on.
    pub fn renew(&self, service: Service<T>) {
        // One that has ended needs none.
        let _ = self.renewals.send(service);
    }

    /// Tries to start at once, if it is down.
    pub fn poke(&self) {
        self.desk.wake.notify_one();
    }
}

/// Serves a contact centre until asked to stop, on a thread of its own.
///
/// # Errors
/// If there is no thread or no runtime for it.
pub fn serve<M: Maker>(
    maker: Arc<M>,
    centre: &str,
    now: fn() -> Time,
    stop: Stop,
) -> std::io::Result<Serving<M::Target>>
where
    M::Target: Send,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (serving, keeper, departure) = prepare(maker, centre, now, stop);
    std::thread::Builder::new().name(format!("serve {centre}")).spawn(move || {
        let left = runtime.block_on(keeper.keep());
        let _ = departure.send(left);
        // A look-up of a name that never ends must not keep the process.
        runtime.shutdown_background();
    })?;
    Ok(serving)
}

/// The same on the runtime of whoever polls what this gives: for who has one clock for everything.
pub fn attend<M: Maker>(
    maker: Arc<M>,
    centre: &str,
    now: fn() -> Time,
    stop: Stop,
) -> (Serving<M::Target>, impl Future<Output = ()>) {
    let (serving, keeper, departure) = prepare(maker, centre, now, stop);
    let attending = async move {
        let left = keeper.keep().await;
        let _ = departure.send(left);
    };
    (serving, attending)
}

fn prepare<M: Maker>(
    maker: Arc<M>,
    centre: &str,
    now: fn() -> Time,
    stop: Stop,
) -> (Serving<M::Target>, Keeper<M>, oneshot::Sender<Departure>) {
    let desk = Arc::new(Desk::new(centre, now));
    let (ask_sender, asks) = mpsc::channel(QUESTIONS);
    let (renewals, renewed) = mpsc::unbounded_channel();
    let (start_sender, started) = oneshot::channel();
    let (departure, departed) = oneshot::channel();
    let handle = Handle::new(Arc::clone(&desk), ask_sender.clone());
    let keeper = Keeper {
        maker,
        desk: Arc::clone(&desk),
        ask_sender,
        asks,
        renewals: renewed,
        stop,
        started: Some(start_sender),
    };
    (Serving { handle, started, departed, desk, renewals }, keeper, departure)
}

pub(super) struct Keeper<M: Maker> {
    pub(super) maker: Arc<M>,
    pub(super) desk: Arc<Desk>,
    pub(super) ask_sender: mpsc::Sender<Asked>,
    pub(super) asks: mpsc::Receiver<Asked>,
    pub(super) renewals: mpsc::UnboundedReceiver<Service<M::Target>>,
    pub(super) stop: Stop,
    pub(super) started: Option<oneshot::Sender<anyhow::Result<()>>>,
}

/// How one life of a contact centre ended.
enum Life {
    /// Somebody wanted it.
    Over(Departure),
    /// It is to be started again.
    CutShort(anyhow::Error),
}

/// Takes questions for as long as it lives.
struct Questions(tokio::task::JoinHandle<()>);

impl Drop for Questions {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<M: Maker> Keeper<M> {
    /// Keeps the contact centre up until asked to stop.
    pub(super) async fn keep(mut self) -> Departure {
        let mut wait = FIRST_WAIT;
        loop {
            let begun = Instant::now();
            let life = AssertUnwindSafe(Box::pin(self.life())).catch_unwind().await;
            *self.desk.store() = None;
            self.desk.live.end();
            let error = match life {
                Ok(Life::Over(departure)) => return self.depart(departure),
                Ok(Life::CutShort(error)) => error,
                Err(_) => anyhow::anyhow!("it panicked; what was under way is in doubt"),
            };
            if begun.elapsed() > SETTLED {
                wait = FIRST_WAIT;
            }
            self.down(error, wait);
            if !self.wait(wait).await {
                return self.depart(Departure::default());
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// From the start to the end of the rounds.
    async fn life(&mut self) -> Life {
        self.desk.board().phase = Phase::Starting;
        // What was sent to the life before is in the configuration that this one is built by.
        while self.renewals.try_recv().is_ok() {}
        let mut stopping = self.stop.clone();
        let made = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return Life::Over(Departure::default()),
            made = self.maker.make() => made,
        };
        let (service, lease) = match made {
            Ok(made) => made,
            Err(error) => return Life::CutShort(error),
        };
        let scheduler = match Scheduler::start().await {
            Ok(scheduler) => scheduler,
            Err(error) => return Life::CutShort(error.into()),
        };
        let store = service.centre.store.clone();
        let questions = match control::listen(store.path()) {
            Ok(listener) => Questions(tokio::spawn(control::take_questions(listener, self.ask_sender.clone()))),
            Err(error) => {
                let path = control::socket_path(store.path());
                let error = anyhow::Error::new(error);
                return Life::CutShort(error.context(format!("the control socket {} cannot be made", path.display())));
            }
        };
        let mut ticks = Ticks::start(&service.schedule, scheduler, self.desk.now, fastrand::Rng::new());
        if let Some(started) = self.started.take() {
            let _ = started.send(Ok(()));
        }
        let mut outside =
            Outside { desk: &self.desk, asks: &mut self.asks, renewals: &mut self.renewals, stop: &self.stop };
        let parting = Box::pin(rounds::rounds(service, &lease, &mut ticks, &mut outside)).await;
        drop(questions);
        let Parting::Stopped { abandoned } = parting else {
            return Life::CutShort(anyhow::anyhow!("a run did not end in time; what was under way is in doubt"));
        };
        self.desk.board().phase = Phase::Stopping;
        let _ = std::fs::remove_file(control::socket_path(store.path()));
        let in_doubt = store.open_intents().await.map_or(0, |intents| intents.len());
        if let Err(error) = store.release(lease).await {
            tracing::warn!(centre = %self.desk.centre, "the lease ends with the process: {}", chain(&error));
        }
        Life::Over(Departure { abandoned, in_doubt })
    }

    /// It could not start, or go on.
    fn down(&mut self, error: anyhow::Error, wait: Duration) {
        let centre = &self.desk.centre;
        let message = chain(error.as_ref());
        let known = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>());
        let hint = known.map_or("it is tried again by itself; see the message", StoreError::hint).to_owned();
        tracing::error!(%centre, hint, wait_secs = wait.as_secs(), "`{centre}` is down: {message}");
        let again = (self.desk.now)().checked_add_signed(next::seconds(wait.as_secs())).unwrap_or(Time::MAX_UTC);
        {
            let mut board = self.desk.board();
            (board.phase, board.next) = (Phase::Down { message, hint, again }, None);
        }
        if let Some(started) = self.started.take() {
            let _ = started.send(Err(error));
        }
    }

    /// Waits before the next start; `false` if there is to be none.
    async fn wait(&mut self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut stopping = self.stop.clone();
        loop {
            self.desk.beat();
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return false,
                Some(asked) = self.asks.recv() => self.turn_away(asked),
                () = self.desk.wake.notified() => return true,
                () = tokio::time::sleep_until(until) => return true,
                () = tokio::time::sleep(BEAT) => {}
            }
        }
    }

    fn turn_away(&self, asked: Asked) {
        let (message, hint) = match &self.desk.board().phase {
            Phase::Down { message, hint, again: _ } => (format!("the service is down: {message}"), hint.clone()),
            _ => ("the service is stopping".to_owned(), "ask again when it is up".to_owned()),
        };
        let _ = asked.answers.send(Line::Ended(Ending::Failed { message, hint, told: false }));
    }

    fn depart(&mut self, departure: Departure) -> Departure {
        self.desk.board().phase = Phase::Stopping;
        while let Ok(asked) = self.asks.try_recv() {
            self.turn_away(asked);
        }
        let centre = &self.desk.centre;
        match departure {
            Departure { abandoned: true, in_doubt } => tracing::error!(
                %centre, in_doubt, "stopped serving `{centre}`: a run did not end in time, {in_doubt} calls are in doubt"
            ),
            Departure { .. } => tracing::info!(%centre, "stopped serving `{centre}`"),
        }
        departure
    }
}
