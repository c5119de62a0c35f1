//! A child process with its wall time and its peak of memory.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a finished process took.
pub(crate) struct Took {
    pub(crate) status: ExitStatus,
    pub(crate) wall: Duration,
    pub(crate) peak_mib: f64,
    pub(crate) stderr: String,
}

/// Runs `rollcall` with these arguments in this folder's configuration.
pub(crate) async fn rollcall(folder: &Path, arguments: &[&str]) -> Took {
    let started = Instant::now();
    let stderr = folder.join("stderr");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .arg("--config")
        .arg(folder.join("rollcall.toml"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&stderr).expect("a log file"))
        .spawn()
        .expect("rollcall starts");
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(high_water_kib(child.id()));
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let wall = started.elapsed();
    let stderr = std::fs::read_to_string(&stderr).unwrap_or_default();
    Took { status, wall, peak_mib: peak_kib as f64 / 1024.0, stderr }
}

/// The kernel's own high-water mark of resident memory.
fn high_water_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|text| text.parse().ok()).unwrap_or(0)
}
