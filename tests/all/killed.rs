//! `kill -9` at random moments of a real process on a real file: again and again, on one contact centre that goes on living.
//!
//! Each round changes the company, starts `rollcall sync now`, kills it, and lets a second process finish. Every other round
//! kills after a random part of the time such a run takes, the rest at a random moment after a random one of its writes. Then everybody has one user, Connect's own journal and the report agree write for write, and
//! a further run has nothing to do.
//!
//! Invariant: the moments follow from the seed, the measured time of an undisturbed run, and what Connect's journal shows; a
//! run is killed before, among and after its writes however busy the machine is.
//!
//! `ROLLCALL_KILLS` says how many rounds there are: a few in the checks, 200 by `scripts/kill`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rollcall::sandbox::connect::Write;
use serde_json::Value;
use tokio::process::Command;

use crate::world::World;

/// Rounds in the ordinary checks.
const FEW: usize = 8;
/// Longest time for one process.
const PATIENCE: Duration = Duration::from_secs(120);
/// After as many writes a process is killed at the latest; an ordinary day has about as many.
const MOST_WRITES: usize = 8;
/// People at the start.
const PEOPLE: usize = 30;

/// When a round's process was killed, told by Connect's journal.
#[derive(Debug, Default)]
struct Moments {
    before_the_first_write: usize,
    between_writes: usize,
    after_the_last_write: usize,
    never: usize,
}

fn command(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).args(["sync", "now"]).kill_on_drop(true);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    command
}

/// One process to its end.
async fn finish(world: &World) -> Duration {
    let started = Instant::now();
    let output = tokio::time::timeout(PATIENCE, command(world).output()).await.expect("in time").unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    started.elapsed()
}

/// The company, and a day in it.
struct Company {
    world: World,
    dice: fastrand::Rng,
    here: Vec<String>,
    away: Vec<String>,
}

impl Company {
    async fn new(seed: u64) -> Self {
        let world = World::with(
            PEOPLE,
            |_| {},
            |text| {
                // Slow enough that about half of a run is spent among its writes.
                text.quota = Some((12.0, 1, 1.0));
                text.leaver = Some("grace = \"0d\"\ndelete = true".to_owned());
                text.guard = Some(rollcall::sandbox::scene::OPEN_GUARD.to_owned());
            },
        )
        .await;
        Self { world, dice: fastrand::Rng::with_seed(seed), here: Vec::new(), away: Vec::new() }
    }

    /// Three joiners, two movers, a leaver, a returner.
    fn day(&mut self) {
        for _ in 0..3 {
            let department = self.department();
            self.here.push(self.world.hire(department).0);
        }
        for _ in 0..2 {
            let (at, department) = (self.dice.usize(..self.here.len()), self.department());
            self.world.move_to(&self.here[at], department);
        }
        let leaver = self.here.swap_remove(self.dice.usize(..self.here.len()));
        self.world.sandbox.tenant.disable(&leaver).unwrap();
        self.away.push(leaver);
        if self.away.len() > 3 {
            let back = self.away.swap_remove(self.dice.usize(..self.away.len()));
            self.world.sandbox.tenant.enable(&back).unwrap();
            self.here.push(back);
        }
    }

    fn department(&mut self) -> &'static str {
        ["Care", "Sales", "Support", "Billing"][self.dice.usize(..4)]
    }

    /// Starts a run and kills it: after a part of `usual`, or soon after one of its writes.
    async fn kill(&mut self, usual: Duration) -> usize {
        let before = self.world.sandbox.connect.journal().len();
        let mut child = command(&self.world).spawn().unwrap();
        if self.dice.bool() {
            // A little beyond the usual end: the report is delivered last.
            tokio::time::sleep(usual.mul_f64(self.dice.f64() * 1.15)).await;
        } else {
            let writes = self.dice.usize(1..=MOST_WRITES);
            let enough = |world: &World| world.sandbox.connect.journal().len() - before >= writes;
            while !enough(&self.world) && child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Between two calls that the quota sets apart, and where the ledger is written.
            tokio::time::sleep(Duration::from_millis(self.dice.u64(..90))).await;
        }
        let ended = child.try_wait().unwrap().is_some();
        child.kill().await.unwrap();
        if ended { usize::MAX } else { self.world.sandbox.connect.journal().len() - before }
    }

    /// Everybody who works here has one user, and nobody else has one of ours.
    fn agrees(&self) {
        let users = self.world.sandbox.connect.users();
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for user in &users {
            *owners.entry(user.tags.get("rollcall:person").map_or("", String::as_str)).or_default() += 1;
        }
        assert!(owners.values().all(|count| *count == 1), "{owners:?}");
        for id in &self.here {
            assert!(owners.contains_key(&*format!("entra/{id}")), "{id} works here and has no user");
        }
        for id in &self.away {
            assert!(!owners.contains_key(&*format!("entra/{id}")), "{id} has left and has a user");
        }
    }

    /// What Connect wrote and what the report says was done: operation and resource, each as often as it happened.
    fn report_is_exact(&self) {
        let report = std::fs::read_to_string(self.world.folder.path().join("report.jsonl")).unwrap();
        let mut seen = BTreeSet::new();
        let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in report.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let happened = matches!(&*text("outcome"), "done" | "already_so");
            if event["event"] == "change" && happened && seen.insert(text("event_id")) {
                *told.entry((text("operation"), text("connect_user"))).or_default() += 1;
            }
        }
        let mut done: BTreeMap<(String, String), usize> = BTreeMap::new();
        for Write { operation, resource, .. } in self.world.sandbox.connect.journal() {
            *done.entry((operation, resource)).or_default() += 1;
        }
        for (what, times) in &done {
            assert_eq!(told.get(what), Some(times), "{what:?} in the report");
        }
        assert_eq!(done.len(), told.len(), "the report tells of something that did not happen");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is its own edge")]
fn rounds() -> usize {
    std::env::var("ROLLCALL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nobody_is_there_twice_and_the_report_is_exact() {
    let mut company = Company::new(19).await;
    finish(&company.world).await;
    company.day();
    let usual = finish(&company.world).await;
    let mut moments = Moments::default();
    let rounds = rounds();
    for _ in 0..rounds {
        company.day();
        let planned = company.world.sandbox.connect.journal().len();
        let written = company.kill(usual).await;
        finish(&company.world).await;
        let all = company.world.sandbox.connect.journal().len() - planned;
        *match written {
            usize::MAX => &mut moments.never,
            0 => &mut moments.before_the_first_write,
            some if some < all => &mut moments.between_writes,
            _ => &mut moments.after_the_last_write,
        } += 1;
        company.agrees();
        company.report_is_exact();
    }
    company.world.nothing_more_happens().await;
    let writes = company.world.sandbox.connect.journal().len();
    println!(
        "{rounds} rounds, {writes} writes, an undisturbed run takes {} ms; killed: {moments:?}",
        usual.as_millis()
    );
}
