//! Log lines: to stderr, by `ROLLCALL_LOG`.
//!
//! Invariant: whatever the filter says, the libraries below speak at `info` and above only. At `debug` and `trace` some of
//! them print requests and answers, which hold tokens and people; rollcall's own lines never do, at any level.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// The variable that says what is logged, in the form `rollcall=debug,connectors=trace`.
pub const VARIABLE: &str = "ROLLCALL_LOG";
/// What is logged unless the variable says otherwise.
const USUAL: &str = "error,rollcall=info,connectors=info";

/// Starts logging. Once, at the start of the process.
pub fn start() {
    let wanted = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(USUAL));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(wanted).with(lines.with_filter(FilterFn::new(may_speak))).init();
}

fn may_speak(line: &Metadata<'_>) -> bool {
    let ours = ["rollcall", "connectors"]
        .iter()
        .any(|name| line.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    ours || *line.level() <= Level::INFO
}
