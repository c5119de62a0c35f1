//! A real service for a while, in real time: three contact centres of one account with three kinds of directories, trouble
//! all the time, people who come and go. `scripts/endure [MINUTES] [SECONDS]`; the block it prints says what holds.
//!
//! ```text
//! show      the order of events
//! acts      what is done to the service in the middle, and its end in the middle of an apply
//! centre    one contact centre: sandbox, configuration, weather, people
//! people    who comes and goes, and what Connect should hold because of it
//! weather   what goes wrong with the remote systems
//! service   the process that serves, and others that ask it
//! figures   what the state files and the reports say afterwards
//! sheet     what holds, as a block
//! ```
//!
//! Not among the checks: it takes as long as it is told to. Exit code 0 if everything holds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures are printed")]
#![allow(clippy::unwrap_used, reason = "a show whose stage breaks ends")]
#![recursion_limit = "256"]

mod acts;
mod centre;
mod figures;
mod people;
mod service;
mod sheet;
mod show;
mod weather;
#[path = "../all/world.rs"]
#[allow(dead_code, reason = "the whole stage of the other tests, of which some is used here")]
mod world;

use std::process::ExitCode;
use std::time::Duration;

/// A show without a word about its schedule has so many ticks, however long it is, and never fewer than one a minute.
const TICKS: u64 = 20;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Whoever lists tests finds none here.
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let number = |at: usize| arguments.get(at).map(|text| text.parse::<u64>());
    let (minutes, every) = match (number(0).unwrap_or(Ok(20)), number(1).transpose()) {
        (Ok(minutes @ 1..), Ok(every)) => (minutes, every.unwrap_or((minutes * 60 / TICKS).min(60))),
        _ => {
            eprintln!("usage: scripts/endure [MINUTES] [SECONDS BETWEEN TWO RUNS]");
            return ExitCode::from(64);
        }
    };
    let every = Duration::from_secs(every.max(1));
    if show::play(Duration::from_secs(minutes * 60), every).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
