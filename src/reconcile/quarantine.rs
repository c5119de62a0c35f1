//! A broken configuration does not hammer: after the same trouble in three runs, the schedule only probes.
//!
//! A probe is a whole run. By hand every run is made; a run that meets no trouble ends the quarantine.
//!
//! A directory that refuses us beside others that work rests on a clock of its own: its people are frozen either way. The
//! only directory of a contact centre has none, because without it there is no run.

use connectors::{PullError, PullErrorKind, SourceName};

use super::progress::Progress;
use super::{Run, RunError};
use crate::model::quarantine::Trouble;
use crate::model::{CallError, Disposition, JournalEntry, Quarantine, Target, Trigger};
use crate::store::{Patient, StoreError};

/// What a run says about the configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Everything that was asked for could be reached.
    Well,
    /// Waiting will not mend it.
    Trouble(Trouble),
    /// It failed, and may have failed of something that passes.
    Unclear,
}

/// The trouble a call to Connect met, if it met any that waiting cannot mend.
pub(super) fn of_call(error: &CallError) -> Option<Trouble> {
    let CallError { operation, disposition, code, message, hint, request_id: _ } = error;
    (*disposition == Disposition::Misconfigured).then(|| Trouble {
        class: format!("connect: {code}"),
        message: format!("{operation}: {code}: {message}"),
        hint: hint.clone(),
    })
}

/// The trouble a pull met, if it met any that waiting cannot mend.
pub(super) fn of_pull(source: &SourceName, error: &PullError) -> Option<Trouble> {
    let lasts = match error.kind {
        PullErrorKind::Unauthorized
        | PullErrorKind::Forbidden
        | PullErrorKind::NotFound
        | PullErrorKind::ForeignLink
        | PullErrorKind::Refused => true,
        PullErrorKind::Unreachable
        | PullErrorKind::Throttled
        | PullErrorKind::RemoteFailure
        | PullErrorKind::Protocol
        | PullErrorKind::BoundReached
        | PullErrorKind::Implausible => false,
    };
    lasts.then(|| Trouble {
        class: format!("{source}: {:?}", error.kind),
        message: error.to_string(),
        hint: error.hint.clone(),
    })
}

impl<T: Target> Run<'_, T> {
    /// Whether the clock started this run and nobody rehearses: only then something rests.
    fn by_the_clock(&self) -> bool {
        self.order.trigger == Trigger::Schedule && !self.order.rehearse
    }

    /// Refuses a run by the clock while the contact centre is in quarantine.
    pub(super) async fn admit(&self) -> Result<(), RunError> {
        if !self.by_the_clock() {
            return Ok(());
        }
        match self.centre.store.quarantine(Patient::Centre).await? {
            Some(quarantine) if quarantine.entered() && quarantine.rests(self.clock.now()) => {
                Err(RunError::Quarantined(Box::new(quarantine)))
            }
            _ => Ok(()),
        }
    }

    /// Why a directory is not asked in this run, if it rests.
    pub(super) async fn source_rests(&self, source: &SourceName) -> Result<Option<Quarantine>, StoreError> {
        if !self.by_the_clock() || self.centre.sources.len() < 2 {
            return Ok(None);
        }
        let known = self.centre.store.quarantine(Patient::Source(source)).await?;
        Ok(known.filter(|quarantine| quarantine.rests(self.clock.now())))
    }

    /// Remembers what a pull said about the configuration of a directory.
    pub(super) async fn source_answered(&self, source: &SourceName, health: Health) -> Result<(), StoreError> {
        if self.order.rehearse {
            return Ok(());
        }
        let (store, now) = (&self.centre.store, self.clock.now());
        let before = store.quarantine(Patient::Source(source)).await?;
        let after = match health {
            Health::Unclear => return Ok(()),
            Health::Well => None,
            Health::Trouble(trouble) => Some(Quarantine::of_source(before.as_ref(), trouble, now)),
        };
        if before == after {
            return Ok(());
        }
        store.set_quarantine(self.lease, Patient::Source(source), after.as_ref(), None, now).await
    }

    /// The trial of these rules, if it failed and rests.
    pub(super) async fn trial_rests(&self) -> Result<Option<Quarantine>, StoreError> {
        if !self.by_the_clock() {
            return Ok(None);
        }
        let known = self.centre.store.quarantine(Patient::Trial).await?;
        let ours = |trial: &Quarantine| trial.trouble.class == self.centre.rules_digest;
        Ok(known.filter(|trial| ours(trial) && trial.rests(self.clock.now())))
    }

    /// Remembers how the trial of the rules ended.
    pub(super) async fn trial_ended(&self, trouble: Option<Trouble>) -> Result<(), StoreError> {
        let (store, now) = (&self.centre.store, self.clock.now());
        let before = store.quarantine(Patient::Trial).await?;
        let after = trouble.map(|trouble| Quarantine::of_source(before.as_ref(), trouble, now));
        if before == after {
            return Ok(());
        }
        store.set_quarantine(self.lease, Patient::Trial, after.as_ref(), None, now).await
    }

    /// Remembers what the whole run said about the configuration of the contact centre, and tells what changed by it.
    pub(super) async fn conclude(&self, health: Health) -> Result<(), StoreError> {
        if self.order.rehearse {
            return Ok(());
        }
        let (store, run, now) = (&self.centre.store, self.order.run, self.clock.now());
        let before = store.quarantine(Patient::Centre).await?;
        let was_in = before.as_ref().filter(|before| before.entered());
        let (after, entry) = match (health, &before) {
            (Health::Well | Health::Unclear, None) => return Ok(()),
            (Health::Well, Some(_)) => {
                (None, was_in.map(|before| JournalEntry::QuarantineLeft { run, since: before.since }))
            }
            (Health::Unclear, Some(before)) => (Some(before.postponed(now)), None),
            (Health::Trouble(trouble), before) => {
                let after = Quarantine::of_centre(before.as_ref(), trouble, now);
                let Trouble { class: _, message, hint } = after.trouble.clone();
                let failures = after.failures;
                // Another trouble ends the quarantine for the first one; it has to last itself before it counts.
                let entry = match (was_in, after.entered()) {
                    (None, true) => Some(JournalEntry::QuarantineEntered { run, failures, message, hint }),
                    (Some(before), false) => Some(JournalEntry::QuarantineLeft { run, since: before.since }),
                    _ => None,
                };
                (Some(after), entry)
            }
        };
        store.set_quarantine(self.lease, Patient::Centre, after.as_ref(), entry.as_ref(), now).await?;
        match (was_in, after.filter(Quarantine::entered)) {
            (_, Some(after)) => self.watch.tell(Progress::Quarantined { quarantine: Box::new(after) }),
            (Some(_), None) => self.watch.tell(Progress::Lifted),
            (None, None) => {}
        }
        Ok(())
    }
}
