//! A server of somebody else's, as a child process on a free port of this machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Longest wait for a server before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct Server {
    _process: Child,
    // Held so that the server's next line does not break its pipe.
    _output: Lines<BufReader<ChildStdout>>,
    /// What it said when it was ready.
    pub(crate) told: Value,
}

/// Where `scripts/foreign` installs packages.
fn installed(kind: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign").join(kind);
    assert!(folder.is_dir(), "{} is missing; run scripts/foreign", folder.display());
    folder
}

/// A file beside this one.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/servers").join(name)
}

impl Server {
    /// Starts `servers/{name}` with Node.
    pub(crate) async fn node(name: &str) -> Self {
        let folder = installed("node");
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let mut command = Command::new(folder.join(format!("node_modules/node-linux-{machine}/bin/node")));
        // From standard input, so that packages are found where they are installed and not beside the file.
        command.args(["--input-type=module", "-"]).current_dir(folder).stdin(File::open(source(name)).unwrap());
        Self::start(command).await
    }

    /// Starts a command and waits until it prints a line `listening`, with JSON after the word or without.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = output.next_line().await.unwrap() {
                if let Some(told) = line.strip_prefix("listening") {
                    return serde_json::from_str(told).unwrap_or_default();
                }
            }
            panic!("the server ended before it listened");
        };
        let told = tokio::time::timeout(PATIENCE, ready).await.expect("the server does not listen in time");
        Self { _process: process, _output: output, told }
    }

    /// A text it told.
    pub(crate) fn text(&self, name: &str) -> String {
        match &self.told[name] {
            Value::String(text) => text.clone(),
            Value::Null => panic!("the server did not tell `{name}`"),
            other => other.to_string(),
        }
    }
}
