//! One contact centre between its start and its end: ticks, questions, a new configuration, a pause.
//!
//! Invariant: one run at a time, and whatever changes takes effect between two runs.
//! Invariant: a tick that comes while nothing may run is kept, several are one: the first run after a pause comes at once.
//! Deliberately absent: what starts it again (`keeper`), and how long a run may take (`bounded`).

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::bounded::{self, Went, Why};
use super::control::{Asked, Ending, Line};
use super::handle::Desk;
use super::said::{Follow, Log, log_end};
use super::schedule::{Bell, Ticks};
use super::standing::{LastRun, Phase};
use super::{RunResult, Service};
use crate::model::{InForce, Quarantine, RunId, Target, Trigger};
use crate::reconcile::{self, Order, RunError, Stop, Watch};
use crate::store::{Patient, RunLease, StoreError};

/// How often the state file is asked whether somebody has paused it, or ended a pause.
const LOOK: Duration = Duration::from_secs(5);

/// How the rounds ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// Somebody wanted it. `abandoned`: a run did not end in time.
    Stopped {
        /// Whether a run was cut off.
        abandoned: bool,
    },
    /// A run did not end; the contact centre has to be started anew.
    Abandoned,
}

/// What comes from outside.
pub(super) struct Outside<'a, T> {
    pub(super) desk: &'a Desk,
    pub(super) asks: &'a mut mpsc::Receiver<Asked>,
    pub(super) renewals: &'a mut mpsc::UnboundedReceiver<Service<T>>,
    pub(super) stop: &'a Stop,
}

struct Rounds<'a, T> {
    service: Service<T>,
    lease: &'a RunLease,
    desk: &'a Desk,
    stop: &'a Stop,
    /// Whether the state file could not be read a moment ago.
    unreadable: bool,
}

/// Makes rounds until asked to stop.
pub(super) async fn rounds<T: Target, B: Bell>(
    service: Service<T>,
    lease: &RunLease,
    ticks: &mut Ticks<B>,
    outside: &mut Outside<'_, T>,
) -> Parting {
    let Outside { desk, asks, renewals, stop } = outside;
    let mut rounds = Rounds { service, lease, desk, stop, unreadable: false };
    let mut stopping = stop.clone();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds.begin().await;
    let mut owed = false;
    loop {
        rounds.desk.board().next = ticks.due();
        let mut went = None;
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return Parting::Stopped { abandoned: false },
            Some(renewed) = renewals.recv() => {
                rounds.renew(renewed).await;
                ticks.follow(&rounds.service.schedule);
            }
            Some(asked) = asks.recv() => went = rounds.answer(asked, ticks.due()).await,
            () = ticks.next() => owed = true,
            () = rounds.desk.wake.notified() => {}
            _ = look.tick() => {}
        }
        rounds.desk.beat();
        if went.is_none() && rounds.may_run().await && std::mem::take(&mut owed) {
            rounds.desk.board().next = ticks.due();
            went = rounds.by_the_clock(ticks.due()).await;
        }
        match went {
            Some(Why::Asked) => return Parting::Stopped { abandoned: true },
            Some(Why::Overdue) => return Parting::Abandoned,
            None => {}
        }
    }
}

impl<T: Target> Rounds<'_, T> {
    /// What is remembered from before, for whoever asks how it stands.
    async fn begin(&mut self) {
        let store = &self.service.centre.store;
        let succeeded = store.last_success().await;
        let quarantine = store.quarantine(Patient::Centre).await;
        {
            let mut board = self.desk.board();
            board.phase = Phase::Waiting;
            board.succeeded = succeeded.ok().flatten();
            board.quarantine = quarantine.ok().flatten().filter(Quarantine::entered);
        }
        *self.desk.store() = Some(store.clone());
        self.service.metrics = self.desk.count_with(&self.service.metrics);
        self.in_force().await;
        tracing::info!(centre = %self.desk.centre, "serving `{}`", self.desk.centre);
    }

    /// The configuration is in force from now on.
    async fn in_force(&self) {
        let Service { digest, enabled, schedule, .. } = &self.service;
        let now = (self.service.now)();
        let in_force = InForce { digest: digest.clone(), since: now };
        if let Err(error) = self.service.centre.store.set_in_force(self.lease, &in_force).await {
            tracing::warn!(centre = %self.desk.centre, error = %error, "which configuration is in force cannot be written down");
        }
        {
            let mut board = self.desk.board();
            if *enabled && !board.enabled {
                board.awake_since = now;
            }
            (board.enabled, board.schedule, board.configuration) = (*enabled, Some(schedule.clone()), Some(in_force));
        }
        let short = InForce::short(digest);
        tracing::info!(centre = %self.desk.centre, configuration = short, "configuration {short} is in force");
        if !enabled {
            tracing::warn!(centre = %self.desk.centre, "`{}` is switched off (enabled = false): nothing runs by the clock", self.desk.centre);
        }
    }

    /// Takes over a new configuration. The state file stays, and with it the lease.
    async fn renew(&mut self, renewed: Service<T>) {
        let store = self.service.centre.store.clone();
        self.service = renewed;
        self.service.centre.store = store;
        self.service.metrics = self.desk.count_with(&self.service.metrics);
        self.in_force().await;
    }

    /// Whether the clock may start a run now: nobody has switched it off or paused it, and that is known.
    async fn may_run(&mut self) -> bool {
        let now = (self.service.now)();
        let paused = self.service.centre.store.paused().await;
        let said = std::mem::replace(&mut self.unreadable, paused.is_err());
        let paused = match paused {
            Ok(paused) => paused.filter(|pause| pause.holds(now)),
            // Once, not at every look.
            Err(_) if said => return false,
            Err(error) => {
                tracing::error!(centre = %self.desk.centre, hint = error.hint(), "nothing runs: {}", reconcile::chain(&error));
                return false;
            }
        };
        let before = {
            let mut board = self.desk.board();
            if board.paused.is_some() && paused.is_none() {
                board.awake_since = now;
            }
            std::mem::replace(&mut board.paused, paused)
        };
        match (before, paused) {
            (None, Some(_)) => tracing::warn!(centre = %self.desk.centre, "`{}` is paused", self.desk.centre),
            (Some(_), None) => {
                tracing::info!(centre = %self.desk.centre, "`{}` goes on after a pause", self.desk.centre);
            }
            _ => {}
        }
        self.service.enabled && paused.is_none()
    }

    async fn by_the_clock(&self, next: Option<crate::model::Time>) -> Option<Why> {
        let order = Order { next, ..Order::new(RunId::fresh(), Trigger::Schedule) };
        let log = Log { centre: self.desk.centre.clone() };
        match self.run(&order, &log).await {
            Ok(result) => {
                log_end(&self.desk.centre, &result);
                None
            }
            Err(why) => Some(why),
        }
    }

    /// A run for somebody who asked. Refused while nothing is to run, unless nothing would be written or it is wanted all
    /// the same.
    async fn answer(&self, asked: Asked, next: Option<crate::model::Time>) -> Option<Why> {
        let Asked { ask, answers } = asked;
        // Whoever asked may have gone; the run counts all the same.
        let end = |ending| drop(answers.send(Line::Ended(ending)));
        match self.service.refuses(&ask).await {
            Ok(None) => {}
            Ok(Some(ending)) => {
                end(ending);
                return None;
            }
            Err(error) => {
                end(Ending::of(Err(RunError::Store(error))));
                return None;
            }
        }
        let order = Order { next, ..ask.order() };
        match self.run(&order, &Follow(answers.clone())).await {
            Ok(result) => {
                log_end(&self.desk.centre, &result);
                end(Ending::answering(&ask, result));
                None
            }
            Err(why) => {
                let message = "the run did not end in time and was abandoned".to_owned();
                let hint = "what was under way is in doubt; the next run settles it by looking".to_owned();
                end(Ending::Failed { message, hint, told: false });
                Some(why)
            }
        }
    }

    async fn run(&self, order: &Order, watch: &dyn Watch) -> Result<RunResult, Why> {
        // Boxed: a run's future is large, and every caller's would contain it.
        match Box::pin(bounded::run(&self.service, self.lease, self.desk, order, self.stop, watch)).await {
            Went::Ended(result) => {
                if !order.rehearse {
                    self.ended(order, &result).await;
                }
                Ok(*result)
            }
            Went::Abandoned(why) => {
                tracing::error!(centre = %self.desk.centre, run = %order.run, "run {} did not end in time and is abandoned", order.run);
                let message = "it did not end in time; what was under way is in doubt".to_owned();
                let last = LastRun { at: (self.service.now)(), result: "abandoned".to_owned(), message };
                self.desk.board().last = Some(last);
                if why == Why::Overdue && !order.rehearse {
                    self.service.tell_of_abandoned(self.lease, order, watch).await;
                }
                Err(why)
            }
        }
    }

    /// Takes note of how a run ended.
    async fn ended(&self, order: &Order, result: &RunResult) {
        self.desk.beat();
        let at = (self.service.now)();
        let (last, succeeded) = match result {
            Ok(ended) => {
                let (result, message) = (ended.summary.result.clone(), ended.summary.message.clone());
                let whole = order.user.is_none() && order.source.is_none() && order.undo.is_none();
                let succeeded = whole && ended.summary.carried_out();
                (LastRun { at, result, message }, succeeded)
            }
            // Nothing was tried, or nothing came of it.
            Err(RunError::Quarantined(_) | RunError::Stopped) => return,
            Err(error) => (LastRun { at, result: "failed".to_owned(), message: reconcile::chain(error) }, false),
        };
        let quarantine = self.quarantine().await;
        let mut board = self.desk.board();
        board.last = Some(last);
        board.unwritable = match result {
            Err(RunError::Store(error)) => Some((reconcile::chain(error), error.hint())),
            Ok(_) | Err(_) => None,
        };
        board.freeze(order, result, at);
        if succeeded {
            board.succeeded = Some(at);
        }
        if let Ok(quarantine) = quarantine {
            board.quarantine = quarantine;
        }
    }

    async fn quarantine(&self) -> Result<Option<Quarantine>, StoreError> {
        Ok(self.service.centre.store.quarantine(Patient::Centre).await?.filter(Quarantine::entered))
    }
}
