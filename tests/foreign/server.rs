//! A server of somebody else's, as a child process on a free port of this machine.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// Longest wait for a server before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct Server {
    _process: Child,
    /// What it said when it was ready.
    told: Value,
}

/// Where `scripts/foreign` installs packages.
pub(crate) fn installed(kind: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign").join(kind);
    assert!(folder.join("installed").is_file(), "{} is not complete; run scripts/foreign", folder.display());
    folder
}

/// A file of ours for the servers.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/servers").join(name)
}

impl Server {
    /// Starts `servers/{name}` with the Node that is installed beside its packages.
    pub(crate) async fn node(name: &str, arguments: &[&str]) -> Self {
        let folder = installed("node");
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let mut command = Command::new(folder.join(format!("node_modules/node-linux-{machine}/bin/node")));
        // From standard input, so that packages are found where they are installed and not beside the file.
        command.args(["--input-type=module", "-"]).args(arguments).current_dir(folder);
        Self::start(command, name).await
    }

    /// Starts `servers/{name}` with the Python of the installed packages.
    pub(crate) async fn python(name: &str, arguments: &[&str]) -> Self {
        let folder = installed("python");
        let mut command = Command::new(folder.join("bin/python"));
        command.arg("-").args(arguments).current_dir(folder);
        Self::start(command, name).await
    }

    /// Waits until the program prints a line `listening`, with JSON after the word.
    async fn start(mut command: Command, name: &str) -> Self {
        let mut errors = tempfile::tempfile().unwrap();
        command.stdin(File::open(source(name)).unwrap()).stdout(Stdio::piped()).stderr(errors.try_clone().unwrap());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = output.next_line().await.unwrap() {
                if let Some(told) = line.strip_prefix("listening") {
                    return serde_json::from_str(told).ok();
                }
            }
            None
        };
        let Ok(Some(told)) = tokio::time::timeout(PATIENCE, ready).await else {
            let mut said = String::new();
            errors.rewind().unwrap();
            errors.read_to_string(&mut said).unwrap();
            panic!("{name} does not listen: {said}");
        };
        // Read on, so that the pipe is neither full nor broken.
        tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
        Self { _process: process, told }
    }

    /// Its address.
    pub(crate) fn origin(&self) -> Url {
        Url::parse(&self.text("origin")).unwrap()
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
