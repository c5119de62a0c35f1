//! What the run that is going on says, to whoever listens.
//!
//! Invariant: nobody who listens can slow a run. A line is handed over or lost; who is too slow is told how many were.
//! Deliberately absent: people. Whoever wants the plan asks for the run, and gets it at its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::model::{Outcome, RunId, Time, Trigger};
use crate::reconcile::{PlanCounts, Progress};

/// Lines that are kept for a slow listener. A change takes a call; this is minutes of them.
const KEPT: usize = 1_024;

/// The run that is going on, in short: for whoever comes in the middle of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoFar {
    /// Which run.
    pub run: RunId,
    /// What started it.
    pub trigger: Trigger,
    /// When it began.
    pub since: Time,
    /// The last thing it said, as a word.
    pub last: &'static str,
    /// Sources that were read.
    pub read: u32,
    /// Sources that could not be read.
    pub unread: u32,
    /// Existing users that are read in detail, and how many there are, once some were.
    pub details: Option<(u32, u32)>,
    /// The plan, once it is made.
    pub plan: Option<PlanCounts>,
    /// Changes with an outcome.
    pub applied: u32,
    /// Those among them that did not succeed.
    pub failed: u32,
    /// The digest of the plan, if the guard refused it.
    pub refused: Option<String>,
}

impl SoFar {
    fn new(run: RunId, trigger: Trigger, since: Time) -> Self {
        let (read, unread, details, plan, applied, failed, refused) = (0, 0, None, None, 0, 0, None);
        Self { run, trigger, since, last: "started", read, unread, details, plan, applied, failed, refused }
    }

    fn hear(&mut self, progress: &Progress) {
        self.last = progress.name();
        match progress {
            Progress::SourceRead { .. } => self.read += 1,
            Progress::SourceFailed { .. } => self.unread += 1,
            Progress::Details { read, of } => self.details = Some((*read, *of)),
            Progress::Planned { counts } => self.plan = Some(*counts),
            Progress::Refused { digest, .. } => self.refused = Some(digest.clone()),
            Progress::Applied { outcome, .. } => {
                self.applied += 1;
                let succeeded = matches!(outcome, Outcome::Done { .. } | Outcome::AlreadySo { .. });
                self.failed += u32::from(!succeeded);
            }
            Progress::Started { .. }
            | Progress::Looked { .. }
            | Progress::Settled { .. }
            | Progress::Passed { .. }
            | Progress::NotYet { .. }
            | Progress::SinkBehind { .. }
            | Progress::Untold { .. }
            | Progress::Quarantined { .. }
            | Progress::Lifted
            | Progress::Finished { .. } => {}
        }
    }
}

/// Where the lines of a contact centre's runs come by.
#[derive(Debug)]
pub(super) struct Live {
    now: Mutex<Option<SoFar>>,
    lines: broadcast::Sender<Progress>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { now: Mutex::default(), lines: broadcast::Sender::new(KEPT) }
    }

    fn now(&self) -> MutexGuard<'_, Option<SoFar>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, run: RunId, trigger: Trigger, since: Time) {
        *self.now() = Some(SoFar::new(run, trigger, since));
    }

    pub(super) fn tell(&self, progress: &Progress) {
        // Under the lock: who comes now has each line either in the summary or in the channel.
        let mut now = self.now();
        if let Some(so_far) = now.as_mut() {
            so_far.hear(progress);
        }
        // Without a listener there is nobody to tell.
        let _ = self.lines.send(progress.clone());
    }

    pub(super) fn end(&self) {
        *self.now() = None;
    }

    pub(super) fn so_far(&self) -> Option<SoFar> {
        self.now().clone()
    }

    pub(super) fn follow(&self) -> Follower {
        let now = self.now();
        Follower { so_far: now.clone(), lines: self.lines.subscribe() }
    }
}

/// Somebody who listens to the runs of a contact centre.
#[derive(Debug)]
pub struct Follower {
    /// The run that was going on when this one came.
    pub so_far: Option<SoFar>,
    lines: broadcast::Receiver<Progress>,
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum News {
    /// A run says something.
    Told(Box<Progress>),
    /// The listener was too slow for so many lines; they are lost to it.
    Missed(u64),
}

impl Follower {
    /// The next line; `None` when the service has ended.
    pub async fn next(&mut self) -> Option<News> {
        match self.lines.recv().await {
            Ok(progress) => Some(News::Told(Box::new(progress))),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(News::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Operation;

    fn applied(seq: u32) -> Progress {
        let outcome = Outcome::AlreadySo { request_id: None, created: None };
        Progress::Applied { seq, total: 3, operation: Operation::CreateUser, outcome }
    }

    fn begun() -> Live {
        let live = Live::new();
        live.begin(RunId::fresh(), Trigger::Schedule, "2026-05-04T09:12:00Z".parse().unwrap());
        live
    }

    #[tokio::test]
    async fn who_comes_late_gets_a_summary_and_every_line_from_then_on() {
        let live = begun();
        let counts = PlanCounts { joins: 3, calls: 3, ..PlanCounts::default() };
        live.tell(&Progress::Planned { counts });
        live.tell(&applied(0));
        let mut late = live.follow();
        live.tell(&applied(1));
        let so_far = late.so_far.clone().unwrap();
        assert_eq!((so_far.plan, so_far.applied, so_far.failed, so_far.last), (Some(counts), 1, 0, "applied a change"));
        let Some(News::Told(line)) = late.next().await else { panic!("no line") };
        assert!(matches!(*line, Progress::Applied { seq: 1, .. }), "{line:?}");
        live.end();
        assert_eq!(live.follow().so_far, None);
    }

    #[tokio::test]
    async fn who_is_slow_loses_lines_and_holds_up_nobody() {
        let live = begun();
        let mut slow = live.follow();
        let many = u32::try_from(KEPT).unwrap() + 500;
        for seq in 0..many {
            live.tell(&applied(seq));
        }
        let Some(News::Missed(missed)) = slow.next().await else { panic!("nothing was missed") };
        assert_eq!(missed, 500);
        let Some(News::Told(line)) = slow.next().await else { panic!("no line") };
        assert!(matches!(*line, Progress::Applied { seq: 500, .. }), "{line:?}");
        assert_eq!(live.so_far().unwrap().applied, many, "the summary misses nothing");
    }
}
