//! The process that serves, what it says, what it takes; and other processes that ask it.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// Everything the process has said, a line each.
#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Notify,
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `rollcall serve`.
pub(crate) struct Service {
    child: Child,
    pid: u32,
    log: Arc<Log>,
}

/// What a process takes of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Footprint {
    /// Resident memory in KiB, and its highest so far.
    pub(crate) resident: u64,
    pub(crate) highest: u64,
    pub(crate) threads: u64,
    /// Open files and sockets.
    pub(crate) files: u64,
}

impl Service {
    /// Starts it; what it says is kept in a file, too.
    pub(crate) async fn start<'a>(configurations: impl Iterator<Item = &'a Path>, log: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        for configuration in configurations {
            command.arg("--config").arg(configuration);
        }
        command.arg("serve").stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("rollcall starts");
        let pid = child.id().expect("it is up");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut file = tokio::fs::File::create(log).await.expect("a file for the log");
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                let _ = file.write_all(format!("{line}\n").as_bytes()).await;
                kept.lines().push(line);
                kept.grown.notify_one();
            }
            let _ = file.flush().await;
        });
        Self { child, pid, log }
    }

    /// How many lines it has said.
    pub(crate) fn said(&self) -> usize {
        self.log.lines().len()
    }

    /// The lines that hold all of these words.
    pub(crate) fn lines_with(&self, from: usize, words: &[&str]) -> Vec<String> {
        let lines = self.log.lines();
        lines.iter().skip(from).filter(|line| words.iter().all(|word| line.contains(word))).cloned().collect()
    }

    /// Waits for a line, after so many, that holds all of these words.
    pub(crate) async fn says(&self, from: usize, words: &[&str], within: Duration) -> bool {
        let wait = async {
            while self.lines_with(from, words).is_empty() {
                self.log.grown.notified().await;
            }
        };
        tokio::time::timeout(within, wait).await.is_ok()
    }

    pub(crate) async fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "the service is gone");
    }

    /// Waits for its end: how long that took, and the exit code, if it came.
    pub(crate) async fn ended(&mut self, within: Duration) -> (Duration, Option<i32>) {
        let started = Instant::now();
        let status = tokio::time::timeout(within, self.child.wait()).await;
        (started.elapsed(), status.ok().and_then(Result::ok).and_then(|status| status.code()))
    }

    pub(crate) fn footprint(&self) -> Footprint {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, |open| open.count() as u64);
        Footprint { resident: number("VmRSS:"), highest: number("VmHWM:"), threads: number("Threads:"), files }
    }
}

/// What another process said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    /// Standard output and standard error.
    pub(crate) text: String,
}

/// Asks with another process: `rollcall --config FILE …`.
pub(crate) async fn rollcall(configuration: &Path, arguments: &[&str]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(configuration).args(arguments).kill_on_drop(true);
    let output = command.output().await.expect("rollcall starts");
    let text = [output.stdout, output.stderr].concat();
    Answer { code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
}
