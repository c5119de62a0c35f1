//! The story: observe → plan → guard → apply → record → report.
//!
//! [`run`] is that sentence. It is level-triggered: every run looks again, deltas only make looking cheaper, and an
//! interrupted run needs no resume code, because the next one observes and plans anew.
//!
//! ```text
//! story      observe → plan → guard → apply, as one function
//! observe    pull the directories, ask about those who are missing, put everything together
//! look       when and where Connect is looked at: an idle run makes no call
//! reading    details of existing users, read as far as a plan needs them
//! apply      one change, one call, one outcome; intent before, outcome after
//! undo       an earlier run taken back
//! wanted     a run for one person
//! order      who goes first and who waits for whom, while people's changes are under way side by side
//! settle     what became of a call whose reply was lost, told from a fresh look
//! quarantine after the same trouble with the configuration in several runs, the schedule only probes
//! trial      a changed configuration is tried on a few people first
//! deliver    the journal to the sinks; a failing sink never fails a run
//! notify     what is wrong after a run, told to whoever wants to know
//! progress   what a run says while it works
//! ```
//!
//! Invariant: a run that is asked to stop looks no further and sends no further call; only what was sent is waited for.
//! Invariant: [`apply::apply`] needs an [`ApprovedPlan`](crate::model::ApprovedPlan) (the guard's) and a [`RunLease`] (the
//! store's); it cannot be called otherwise.
//! Deliberately absent: AWS crates, SQL, decisions about people, the wall clock (see [`RunClock`]).

mod apply;
mod deliver;
mod look;
mod notify;
mod observe;
mod order;
mod progress;
mod quarantine;
mod reading;
mod settle;
mod story;
mod summary;
#[cfg(test)]
mod tests;
mod trial;
mod undo;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::apply::Slots;
pub use self::deliver::{Delivery, deliver};
pub use self::notify::{Aftermath, Teller, Untold, notify};
pub use self::progress::{PlanCounts, Progress, Quiet, SourceSeen, Watch};
pub use self::summary::RunCounts;
pub use crate::model::Stop;
use crate::model::{
    CallError, FrozenSource, Operation, Plan, Quarantine, RunId, RunSummary, Target, Time, Trigger, Trouble,
};
use crate::planner::guard::{NotYet, Refusal};
use crate::planner::rules::{Limits, Rules};
use crate::store::{RunLease, Store, StoreError};
use chrono::SubsecRound;
use connectors::{Source, SourceName};
use quarantine::Health;

/// The wall clock of one run: the moment it was given, moved on by tokio's clock, so that tests can pause it.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    started: Time,
    since: tokio::time::Instant,
}

impl RunClock {
    /// A clock that shows `at` now.
    #[must_use]
    pub fn starting(at: Time) -> Self {
        Self { started: at, since: tokio::time::Instant::now() }
    }

    /// The time now, in whole milliseconds: what the state file gives back is the same moment.
    #[must_use]
    pub fn now(&self) -> Time {
        (self.started + chrono::Duration::from_std(self.since.elapsed()).unwrap_or_default()).trunc_subsecs(3)
    }

    /// Milliseconds since the clock was started.
    #[must_use]
    pub fn millis(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Everything a run works with; built by `assemble` from one configuration file.
#[derive(Debug)]
pub struct Centre<T> {
    /// The contact centre's name.
    pub name: String,
    /// Memory, ledger, outbox.
    pub store: Store,
    /// The directories, in the order of precedence.
    pub sources: Vec<Arc<Source>>,
    /// Amazon Connect.
    pub target: T,
    /// What decides what a person gets.
    pub rules: Rules,
    /// Digest of the rules, to notice a changed configuration.
    pub rules_digest: String,
    /// What the guard allows.
    pub limits: Limits,
    /// Quota per operation: requests a second and burst, as rollcall may use it.
    pub quota: fn(&T, Operation) -> (f64, u32),
    /// Calls and throttled attempts so far, by operation.
    pub counters: fn(&T) -> RunCounts,
    /// Seconds between looks at Connect for drift.
    pub audit_every_secs: u64,
    /// Seconds between full pulls.
    pub full_every_secs: u64,
    /// People on whom a changed configuration is tried first; 0: it is not.
    pub trial: u32,
}

/// What is asked of one run.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub run: RunId,
    /// What started it.
    pub trigger: Trigger,
    /// Pull everything and look at everybody, whatever the clocks say.
    pub full: bool,
    /// Only this source; the others are frozen.
    pub source: Option<SourceName>,
    /// Carry out changes of this person only (key or username). The guard still sees the whole plan's limits.
    pub user: Option<String>,
    /// Approve this digest, if the plan has it.
    pub approve: Option<String>,
    /// Take this run back, instead of looking at the directories.
    pub undo: Option<RunId>,
    /// Stop after the plan: nothing is written but the snapshot.
    pub rehearse: bool,
    /// When the next run is due, for the report.
    pub next: Option<Time>,
}

impl Order {
    /// An ordinary run.
    #[must_use]
    pub fn new(run: RunId, trigger: Trigger) -> Self {
        Self {
            run,
            trigger,
            full: false,
            source: None,
            user: None,
            approve: None,
            undo: None,
            rehearse: false,
            next: None,
        }
    }

    /// Whether everything is tried, whatever Connect refused before: somebody asks for everything, or for one person.
    fn tries_all(&self) -> bool {
        self.user.is_some() || (self.full && self.trigger == Trigger::Hand)
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The last plan that was made.
    pub plan: Plan,
    /// Why the guard refused it, if it did.
    pub refusal: Option<Refusal>,
    /// Why the guard could not weigh it yet, if that is so.
    pub not_yet: Option<NotYet>,
    /// In numbers.
    pub summary: RunSummary,
}

/// A run that could not be carried out. Nothing is lost: the next run looks again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file.
    #[error("the state file cannot be used")]
    Store(#[from] StoreError),
    /// Amazon Connect could not be read.
    #[error("Amazon Connect could not be read")]
    Connect(#[from] CallError),
    /// No source could be read; the message is of the first.
    #[error("no directory could be read: {message}")]
    NoDirectory {
        /// What happened to the first one.
        message: String,
        /// One thing to do.
        hint: String,
        /// Every source that was asked, and why it could not be read.
        frozen: BTreeMap<SourceName, FrozenSource>,
    },
    /// A stop was asked for while it looked. Nothing was written to Connect.
    #[error("asked to stop while it looked; nothing was changed")]
    Stopped,
    /// It did not end in time, and was dropped wherever it was.
    #[error("it did not end in time and was abandoned; what was under way is in doubt")]
    Overdue,
    /// The contact centre is in quarantine, and it was the schedule that asked.
    #[error("in quarantine, met {} times: {}", .0.failures, .0.trouble.message)]
    Quarantined(Box<Quarantine>),
}

impl RunError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Store(error) => error.hint().to_owned(),
            Self::Connect(error) => error.hint.clone(),
            Self::NoDirectory { hint, .. } => hint.clone(),
            Self::Stopped => "nothing; the next run looks again".to_owned(),
            Self::Overdue => {
                "the next run settles what is in doubt by looking; if it comes again, see the log for what it waits for"
                    .to_owned()
            }
            Self::Quarantined(quarantine) => quarantine.trouble.hint.clone(),
        }
    }

    /// The sources that could not be read, where that is the error.
    fn frozen(&self) -> BTreeMap<SourceName, FrozenSource> {
        match self {
            Self::NoDirectory { frozen, .. } => frozen.clone(),
            Self::Store(_) | Self::Connect(_) | Self::Stopped | Self::Overdue | Self::Quarantined(_) => BTreeMap::new(),
        }
    }
}

/// One run, from looking to reporting.
///
/// # Errors
/// If the state file fails, Connect cannot be read, or no directory can; and, before anything is begun, if the schedule asks
/// while the contact centre is in quarantine. A directory that fails beside others that work is
/// no error: its people are frozen.
pub async fn run<T: Target>(
    centre: &Centre<T>,
    lease: &RunLease,
    order: &Order,
    clock: RunClock,
    stop: &Stop,
    watch: &dyn Watch,
) -> Result<Ended, RunError> {
    let run = Run { centre, lease, order, clock, stop, watch, trouble: Mutex::new(None) };
    run.admit().await?;
    let before = (centre.counters)(&centre.target);
    watch.tell(Progress::Started { centre: centre.name.clone(), run: order.run, trigger: order.trigger });
    if !order.rehearse {
        centre.store.begin_run(lease, order.run, order.trigger, clock.now()).await?;
    }
    // Boxed: the story's future is large, and every caller's would contain it.
    let result = Box::pin(story::story(&run)).await;
    let mut summary = match &result {
        Ok(ended) => ended.summary.clone(),
        Err(error) => summary::of_error(error),
    };
    let RunCounts { calls, throttled } = (centre.counters)(&centre.target).since(&before);
    summary.calls = calls;
    summary.throttled = throttled;
    summary.millis = clock.millis();
    if !order.rehearse {
        centre.store.finish_run(lease, order.run, &summary, order.next, clock.now()).await?;
    }
    if let Err(RunError::Connect(error)) = &result {
        run.met(quarantine::of_call(error));
    }
    let met = run.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
    let health = met.map_or(if result.is_ok() { Health::Well } else { Health::Unclear }, Health::Trouble);
    run.conclude(health).await?;
    watch.tell(Progress::Finished { summary: Box::new(summary.clone()) });
    result.map(|ended| Ended { summary, ..ended })
}

/// What a run works with from its first step to its last.
struct Run<'a, T> {
    centre: &'a Centre<T>,
    lease: &'a RunLease,
    order: &'a Order,
    clock: RunClock,
    stop: &'a Stop,
    watch: &'a dyn Watch,
    /// The first trouble that waiting cannot mend.
    trouble: Mutex<Option<Trouble>>,
}

impl<T: Target> Run<'_, T> {
    /// Takes note of trouble.
    fn met(&self, trouble: Option<Trouble>) {
        let mut first = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *first = first.take().or(trouble);
    }

    /// Looks at a remote system, unless a stop is asked for: looking changes nothing there, so it is dropped at once.
    async fn looking<O>(&self, look: impl Future<Output = O>) -> Result<O, Stopped> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Stopped),
            seen = look => Ok(seen),
        }
    }

    /// The quota of an operation: requests a second and burst.
    fn quota(&self, operation: Operation) -> (f64, u32) {
        (self.centre.quota)(&self.centre.target, operation)
    }
}

/// A stop was asked for.
struct Stopped;

impl From<Stopped> for RunError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

/// An error with everything below it, for the edge where it is shown once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
