//! What the operating system asks of the process.
//!
//! Invariant: the first SIGTERM or Ctrl-C asks, the second one ends.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::watch;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM or Ctrl-C.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Signals, from now on.
#[derive(Debug)]
pub(super) struct Signals {
    term: Stream,
    int: Stream,
    hangup: Stream,
}

impl Signals {
    /// Listens for them; they do nothing by themselves any more.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.term.recv() => Signal::Stop,
            _ = self.int.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// The next one that asks for an end.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Signal::Stop {}
    }
}

/// For a run by hand: asks for a stop at the first signal, and is over at the second. A closed terminal (SIGHUP) is a
/// reason to stop, too.
pub(super) async fn asked_twice(stop: watch::Sender<bool>) {
    let Ok(mut signals) = Signals::listen() else {
        // Then they end the process, as they always did.
        return std::future::pending().await;
    };
    signals.next().await;
    tracing::info!("stopping: what is in flight finishes, nothing new starts; ask once more to stop at once");
    let _ = stop.send(true);
    signals.next().await;
}
