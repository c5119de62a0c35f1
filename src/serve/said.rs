//! What runs say, as log lines and over the control socket. People are named by key only.

use tokio::sync::mpsc;

use super::RunResult;
use super::control::Line;
use crate::reconcile::{self, Ended, Progress, RunError, Watch};

/// Passes progress on to whoever asked for the run.
pub(super) struct Follow(pub(super) mpsc::UnboundedSender<Line>);

impl Watch for Follow {
    fn tell(&self, progress: Progress) {
        let _ = self.0.send(Line::Progress(Box::new(progress)));
    }
}

/// Progress of a scheduled run, as log lines. People are named by key only.
pub(super) struct Log {
    pub(super) centre: String,
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
            Progress::NotYet { message } => tracing::info!(%centre, "{message}"),
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

/// How a run ended, once.
pub(super) fn log_end(centre: &str, result: &RunResult) {
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
        Err(RunError::Stopped) => tracing::info!(%centre, "run ended: {}", RunError::Stopped),
        Err(error) => tracing::error!(
            %centre, hint = error.hint(), "run failed: {}", reconcile::chain(error)
        ),
    }
}
