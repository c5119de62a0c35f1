//! A house: a company, the contact centres of one account with a file each, and the processes that serve them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rollcall::store::Store;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::world::World;

/// Longest wait for another process before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct House {
    pub(super) world: World,
    /// Further contact centres of the account.
    pub(super) others: Vec<World>,
    /// Where systemd would listen.
    pub(super) notify: Option<PathBuf>,
}

impl House {
    /// One contact centre with this schedule.
    pub(super) async fn of(people: usize, schedule: &str) -> Self {
        let house = Self { world: World::of(people).await, others: Vec::new(), notify: None };
        house.write(schedule);
        house
    }

    /// Writes its configuration anew.
    pub(super) fn write(&self, schedule: &str) {
        self.world.write_config();
        reschedule(&self.world.config_path(), schedule);
    }

    /// Starts the service.
    pub(super) async fn serve(&self) -> Served {
        self.serve_by(Command::new(env!("CARGO_BIN_EXE_rollcall")))
    }

    /// Starts the service with this program and what it is given already.
    pub(super) fn serve_by(&self, mut command: Command) -> Served {
        command.arg("--config").arg(self.world.config_path());
        for other in &self.others {
            command.arg("--config").arg(other.config_path());
        }
        if let Some(notify) = &self.notify {
            command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "400000");
        }
        command.arg("serve").stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Served { child, lines }
    }

    /// Waits until something is so in the remote systems.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&World) -> bool) {
        let wait = async {
            let mut look = tokio::time::interval(Duration::from_millis(5));
            while !so(&self.world) {
                look.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not in time"));
    }

    /// Waits until something is so in the state file.
    pub(super) async fn until_store(&self, what: &str, so: impl AsyncFn(&Store) -> bool) {
        let store = self.world.store().await;
        let wait = async {
            let mut look = tokio::time::interval(Duration::from_millis(5));
            while !so(&store).await {
                look.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not in time"));
    }

    /// The digest of the configuration that is in force.
    pub(super) async fn in_force(&self) -> String {
        self.world.store().await.in_force().await.unwrap().unwrap().digest
    }
}

/// Puts other lines in place of the ordinary interval.
pub(super) fn reschedule(file: &Path, schedule: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let usual = "every       = \"2m\"";
    assert!(text.contains(usual), "{text}");
    std::fs::write(file, text.replace(usual, schedule)).unwrap();
}

/// A process that serves.
pub(super) struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Served {
    /// Reads its log up to a line that holds this; gives the lines.
    pub(super) async fn says(&mut self, word: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let read = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let found = line.contains(word);
                seen.push(line);
                if found {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(PATIENCE, read).await;
        assert_eq!(found, Ok(true), "the process does not say `{word}`: {seen:#?}");
        seen
    }

    pub(super) fn pid(&self) -> String {
        self.child.id().expect("it is up").to_string()
    }

    pub(super) async fn signal(&self, name: &str) {
        let pid = self.pid();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap().success());
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }

    /// Asks it to stop, and waits for its end.
    pub(super) async fn stop(&mut self) -> Option<i32> {
        self.signal("TERM").await;
        self.ended().await
    }
}
