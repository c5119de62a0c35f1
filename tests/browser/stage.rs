//! The stage: a contact centre on the sandbox, and its service as a process with a console.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use url::Url;

use crate::browser::{Browser, PATIENCE};
use crate::world::World;

/// Any free port; which one it is stands in the log.
pub(crate) const CONSOLE: &str = "\n[console]\nlisten = \"127.0.0.1:0\"\n";

/// A service that runs; it ends with this value.
pub(crate) struct Service {
    process: Child,
    log: Log,
    /// Where its console is.
    pub(crate) origin: Url,
}

/// What it has said so far, and how many lines that is.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl Log {
    fn add(&self, line: String) {
        let mut lines = self.lines.lock().unwrap();
        lines.push(line);
        self.count.send_replace(lines.len());
    }

    fn line(&self, word: &str) -> Option<String> {
        self.lines.lock().unwrap().iter().find(|line| line.contains(word)).cloned()
    }

    /// Waits for a line with this word.
    async fn says(&self, word: &str) -> String {
        let mut count = self.count.subscribe();
        let wait = async {
            loop {
                if let Some(line) = self.line(word) {
                    return line;
                }
                count.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(10 * PATIENCE, wait).await {
            Ok(line) => line,
            Err(_) => panic!("the service does not say `{word}`: {:#?}", self.lines.lock().unwrap()),
        }
    }
}

/// The real program with this world's configuration.
fn rollcall(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).args(arguments).kill_on_drop(true);
    command
}

/// A new token, as an administrator makes one.
pub(crate) async fn rotate(world: &World) -> String {
    let made = rollcall(world, &["token", "rotate", "--json"]).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    serde_json::from_slice::<Value>(&made.stdout).unwrap()["token"].as_str().unwrap().to_owned()
}

impl Service {
    /// Starts it, and waits for its first run.
    pub(crate) async fn start(world: &World) -> Self {
        let mut command = rollcall(world, &["serve"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Log::default();
        let reader = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                reader.add(line);
            }
            reader.add("the process ended: the console is at nowhere, run ended".to_owned());
        });
        let line = log.says("the console is at").await;
        let bound = line.split("bound=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let bound = bound.unwrap_or_else(|| panic!("no address in: {:#?}", log.lines.lock().unwrap()));
        let origin = Url::parse(&format!("http://{bound}/")).unwrap();
        log.says("run ended").await;
        Self { process, log, origin }
    }

    /// Asks it to stop, and sees it stop in good order.
    pub(crate) async fn stop(mut self) {
        let pid = self.process.id().expect("it is up").to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(0), "{:#?}", self.log.lines.lock().unwrap());
    }
}

/// Puts another interval in place of the ordinary one.
pub(crate) fn every(world: &World, interval: &str) {
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let usual = "every       = \"2m\"";
    assert!(text.contains(usual), "{text}");
    std::fs::write(world.config_path(), text.replace(usual, &format!("every = \"{interval}\""))).unwrap();
}

/// Signs in on the page that asks for it.
pub(crate) async fn sign_in(browser: &Browser, token: &str) {
    browser.fill("#token", token).await;
    browser.click("Sign in").await;
}

/// Puts other words into the large text of the page.
pub(crate) async fn changes_the_text(browser: &Browser, from: &str, to: &str) {
    let field = "document.querySelector('textarea')";
    let script =
        format!("{field}.value = {field}.value.replaceAll({from:?}, {to:?}); return {field}.value.includes({to:?})");
    assert_eq!(browser.ask(&script).await, true, "the text says `{to}`");
}
