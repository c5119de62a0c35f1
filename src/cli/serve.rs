//! `serve`: the service, from signal to signal.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::{Door, Exit};
use crate::assemble::{self, Assembled};
use crate::config::Config;
use crate::connect::AmazonConnect;
use crate::console::{self, ConsoleConfig};
use crate::reconcile;
use crate::serve::{Service, control};

/// `rollcall serve`.
///
/// # Errors
/// If the parts cannot be built, the state file is taken, or the schedule cannot start.
pub(super) async fn serve(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    if !config.enabled {
        tracing::warn!(centre = config.name, "`{}` is switched off (enabled = false); nothing runs", config.name);
        return Ok(Exit::Done);
    }
    let Assembled { service, lease } = assemble::assemble(&config, super::now, "serve").await?;
    let store = service.centre.store.clone();
    let listener = control::listen(&config.state).with_context(|| {
        format!("the control socket {} cannot be made", control::socket_path(&config.state).display())
    })?;
    let (asks_sender, asks) = mpsc::channel(16);
    let questions = tokio::spawn(control::take_questions(listener, asks_sender));
    let (stop_sender, stop) = watch::channel(false);
    let signals = tokio::spawn(stop_on_signal(stop_sender));
    let console =
        config.console.clone().map(|console| tokio::spawn(show(console, config.clone(), &service, stop.clone())));
    let result = Arc::new(service).serve(lease, asks, stop).await;
    questions.abort();
    // The sender goes with it: whoever still waits for a stop is asked now.
    signals.abort();
    if let Some(console) = console {
        let _ = console.await;
    }
    let _ = std::fs::remove_file(control::socket_path(&config.state));
    store.release(result?).await?;
    Ok(Exit::Done)
}

/// The console beside the service. What fails here is told and stops nothing else.
fn show(
    console: ConsoleConfig,
    config: Config,
    service: &Service<AmazonConnect>,
    stop: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<> {
    let (keep, sources) = (service.centre.store.clone(), service.centre.sources.clone());
    async move {
        let shown = async {
            let centre = assemble::console_centre(&config, keep, sources).await?;
            console::run(console, vec![centre], super::now, stop).await
        };
        if let Err(error) = shown.await {
            tracing::error!(hint = error.hint(), "the console does not run: {}", reconcile::chain(&error));
        }
    }
}

/// Asks for a stop at the first SIGTERM or Ctrl-C.
pub(super) async fn stop_on_signal(stop: watch::Sender<bool>) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping: what is in flight finishes, nothing new starts");
    let _ = stop.send(true);
    // Held until the run has seen it: a dropped sender would look like a closed channel.
    stop.closed().await;
}
