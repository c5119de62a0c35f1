//! `serve`: one or several contact centres, from signal to signal.
//!
//! Exit codes: 0 stopped, and everything that was in flight is written down · 1 nothing could be started · 4 stopped
//! before something in flight had come to its end: it is in doubt, and the next run settles it by looking.

mod consoles;
mod reload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use self::consoles::Consoles;
use super::Exit;
use super::signals::{Signal, Signals};
use crate::assemble::Blueprint;
use crate::config;
use crate::connect::{AmazonConnect, Quotas};
use crate::serve::{self, Departure, Serving, Standing, one_line, systemd};

/// How long the first starts may take before the process calls itself ready without them; they go on.
const FIRST_STARTS: Duration = Duration::from_secs(60);
/// How often systemd is told how the contact centres stand, if that has changed.
const LOOK: Duration = Duration::from_secs(2);
/// What a contact centre may take to close its state file, beyond the time of a run that is asked to stop.
const CLOSING: Duration = Duration::from_secs(5);

/// One contact centre and what it is built by.
struct Centre {
    blueprint: Arc<Blueprint>,
    serving: Serving<AmazonConnect>,
}

/// `rollcall serve`.
///
/// # Errors
/// If a file has problems, or no contact centre could be started.
pub(super) async fn serve(files: &[PathBuf]) -> anyhow::Result<Exit> {
    let configs = config::load_all(files).map_err(|broken| {
        for problems in broken {
            eprintln!("{problems}");
        }
        Exit::Failed
    })?;
    let mut signals = Signals::listen()?;
    let (stop_sender, stop) = watch::channel(false);
    let quotas = Arc::new(Quotas::new());
    let (mut centres, mut departures) = (Vec::new(), FuturesUnordered::new());
    for config in configs {
        let name = config.name.clone();
        let blueprint = Arc::new(Blueprint::new(config, super::now, Arc::clone(&quotas)));
        let mut serving = serve::serve(Arc::clone(&blueprint), &name, super::now, stop.clone())?;
        departures.push(std::mem::replace(&mut serving.departed, oneshot::channel().1));
        centres.push(Centre { blueprint, serving });
    }
    let failed = tokio::select! {
        failed = first_starts(&mut centres) => failed,
        () = signals.stop() => None,
    };
    let died = match &failed {
        Some(_) => false,
        None => up(&centres, &mut signals, &mut departures).await,
    };
    let within = centres.iter().map(|centre| centre.blueprint.config().schedule.stop_within_secs).max().unwrap_or(0);
    let within = Duration::from_secs(within).saturating_add(CLOSING);
    tracing::info!("stopping: what is in flight finishes, nothing new starts");
    systemd::stopping(within);
    let _ = stop_sender.send(true);
    let exit = stopped(&mut signals, departures, within).await;
    match failed {
        Some(error) => Err(error),
        None if died => Ok(Exit::Failed),
        None => Ok(exit),
    }
}

/// Waits until every contact centre has tried to start. The error of the last one, if none could.
async fn first_starts(centres: &mut [Centre]) -> Option<anyhow::Error> {
    let starts = centres.iter_mut().map(|centre| timeout(FIRST_STARTS, &mut centre.serving.started));
    let mut failed = Vec::new();
    for start in join_all(starts).await {
        match start {
            // Up, or still on its way.
            Ok(Ok(Ok(()))) | Err(_) => return None,
            Ok(Ok(Err(error))) => failed.push(error),
            Ok(Err(_)) => failed.push(anyhow::anyhow!("a contact centre ended before it was started")),
        }
    }
    // Each has said why in the log.
    failed.pop()
}

/// From the first start to a signal; `true` if every contact centre has died meanwhile.
async fn up(
    centres: &[Centre],
    signals: &mut Signals,
    departures: &mut FuturesUnordered<oneshot::Receiver<Departure>>,
) -> bool {
    let mut consoles = Consoles::open(centres).await;
    let mut said = status(centres);
    systemd::ready(&said);
    let mut look = every(LOOK);
    let mut watchdog = systemd::watchdog().map(every);
    let died = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break false,
                Signal::Reload => {
                    systemd::reloading();
                    reload::reload(centres).await;
                    consoles.reopen(centres).await;
                    said = status(centres);
                    systemd::ready(&said);
                }
            },
            // A thread that has died leaves the others alone; nobody is left only if all have.
            None = departures.next() => break true,
            _ = look.tick() => {
                let now = status(centres);
                if now != said {
                    systemd::status(&now);
                    said = now;
                }
            }
            () = due(&mut watchdog) => systemd::alive(&standings(centres)),
        }
    };
    consoles.close().await;
    died
}

/// Waits for everybody to end; not beyond the bound, and not after another signal.
async fn stopped(
    signals: &mut Signals,
    departures: FuturesUnordered<oneshot::Receiver<Departure>>,
    within: Duration,
) -> Exit {
    let departed = departures.collect::<Vec<_>>();
    tokio::select! {
        departed = departed => {
            // One whose thread has died left what it did in doubt.
            let in_doubt = departed.iter().any(|one| one.as_ref().map_or(true, |one| one.abandoned && one.in_doubt > 0));
            if in_doubt { Exit::Partly } else { Exit::Done }
        }
        () = tokio::time::sleep(within) => {
            tracing::error!("not everything ended within {} s; what is under way is in doubt, the next run settles it by looking", within.as_secs());
            Exit::Partly
        }
        () = signals.stop() => {
            tracing::error!("stopped at once; what was under way is in doubt, the next run settles it by looking");
            Exit::Partly
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn due(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

fn standings(centres: &[Centre]) -> Vec<Standing> {
    centres.iter().map(|centre| centre.serving.handle.standing()).collect()
}

/// A line of all contact centres.
fn status(centres: &[Centre]) -> String {
    let now = super::now();
    let each: Vec<String> = standings(centres).iter().map(|standing| one_line(standing, now)).collect();
    each.join("; ")
}
