//! The web pages beside the contact centres that are served.
//!
//! Files that say the same of `[console]` share one console; the first one's state file says who may look.
//!
//! Invariant: a console that fails is told in the log and stops nothing else.
//! Invariant: pages have handles of their own on the state file, so that one is there also while its contact centre is not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Centre;
use crate::assemble;
use crate::checkup;
use crate::config::Config;
use crate::console::{self, ConsoleConfig};
use crate::store::Store;

/// How long a console may take to end what it answers.
const CLOSING: Duration = Duration::from_secs(5);

/// Every console of the process.
pub(super) struct Consoles {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Consoles {
    /// Opens the consoles that the configurations in force want.
    pub(super) async fn open(centres: &[Centre]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut wanted: Vec<(ConsoleConfig, Vec<console::Centre>)> = Vec::new();
        for centre in centres {
            let config = centre.blueprint.config();
            let Some(console) = config.console.clone() else { continue };
            let shown = match shown(&config).await {
                Ok(shown) => console::Centre { service: Some(centre.serving.handle.clone()), ..shown },
                Err(error) => {
                    let error = crate::reconcile::chain(error.as_ref());
                    tracing::error!(centre = config.name, "the console cannot show `{}`: {error}", config.name);
                    continue;
                }
            };
            match wanted.iter_mut().find(|(known, _)| *known == console) {
                Some((_, all)) => all.push(shown),
                None => wanted.push((console, vec![shown])),
            }
        }
        let run = |(console, shown)| tokio::spawn(run(console, shown, stopped.clone()));
        Self { running: wanted.into_iter().map(run).collect(), stop }
    }

    /// The consoles of other configurations instead of these. Sessions are in the state file, so nobody is signed out.
    pub(super) async fn reopen(&mut self, centres: &[Centre]) {
        self.close().await;
        *self = Self::open(centres).await;
    }

    /// Ends them all.
    pub(super) async fn close(&mut self) {
        let _ = self.stop.send(true);
        for console in self.running.drain(..) {
            let abort = console.abort_handle();
            if timeout(CLOSING, console).await.is_err() {
                abort.abort();
            }
        }
    }
}

/// One contact centre as pages see it.
async fn shown(config: &Arc<Config>) -> anyhow::Result<console::Centre> {
    let keep = Store::open(&config.state, crate::cli::now()).await?;
    let sources = assemble::sources(config, crate::cli::now)?;
    let centre = assemble::console_centre(config, keep, sources).await?;
    let check = checkup::on_demand(Arc::clone(config), crate::cli::now);
    Ok(console::Centre { check: Some(check), ..centre })
}

async fn run(console: ConsoleConfig, shown: Vec<console::Centre>, stop: watch::Receiver<bool>) {
    let listen = console.listen;
    if let Err(error) = console::run(console, shown, crate::cli::now, stop).await {
        let hint = error.hint();
        tracing::error!(%listen, hint, "the console does not run: {}", crate::reconcile::chain(&error));
    }
}
