//! Listens to a run for the metrics: how it ended, and whether the contact centre is in quarantine.
//!
//! A run that fails says its numbers like one that does not, but returns an error; what it said is taken, so that metrics and
//! reports tell the same.
//!
//! Invariant: whoever listens besides hears everything.

use std::sync::{Mutex, PoisonError};

use crate::model::{RunSummary, Time};
use crate::reconcile::{Order, Progress, Watch};
use crate::report::metrics::{Metrics, RunEnd};

/// What was heard so far.
#[derive(Default)]
struct Heard {
    summary: Option<RunSummary>,
    quarantine: Option<bool>,
}

/// Listens, and passes everything on.
pub(super) struct Counting<'a> {
    other: &'a dyn Watch,
    heard: Mutex<Heard>,
}

impl<'a> Counting<'a> {
    /// Beside this listener.
    pub(super) fn beside(other: &'a dyn Watch) -> Self {
        Self { other, heard: Mutex::default() }
    }

    /// Tells the metrics what was heard. Nothing, if the run was not begun: while in quarantine the schedule begins few.
    pub(super) fn into(self, metrics: &mut Metrics, order: &Order, at: Time) {
        let Heard { summary, quarantine } = self.heard.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(summary) = summary {
            let everybody = order.user.is_none() && order.source.is_none() && order.undo.is_none();
            metrics.observe(RunEnd { summary: &summary, rehearsal: order.rehearse, everybody, quarantine, at });
        }
    }
}

impl Watch for Counting<'_> {
    fn tell(&self, progress: Progress) {
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            match &progress {
                Progress::Finished { summary } => heard.summary = Some((**summary).clone()),
                Progress::Quarantined { .. } => heard.quarantine = Some(true),
                Progress::Lifted => heard.quarantine = Some(false),
                _ => {}
            }
        }
        self.other.tell(progress);
    }
}
