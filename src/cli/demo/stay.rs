//! After the story: the contact centre is served as `rollcall serve` serves any, with its console, while people come and go
//! in the made-up directory, until Ctrl-C.
//!
//! Invariant: the token is shown once, and no log line holds it.
//! Deliberately absent: anything of `serve` but what it is told; this is the service itself, with a shorter schedule.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context;
use secrecy::zeroize::Zeroizing;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Walk;
use crate::cli::sandbox::write_files;
use crate::cli::{Exit, serve};
use crate::console;
use crate::sandbox::scene;
use crate::store::Store;

/// Where the console is, if nobody else is there; else at the next free port.
const PORT: u16 = 7655;
/// Ports that are tried.
const PORTS: u16 = 200;
/// Time between two runs.
const EVERY_SECS: u64 = 10;
/// Time between two things that happen to people.
const PACE: Duration = Duration::from_secs(15);
/// People to whom things happen. They come back, so that the made-up instance never is full.
const CAST: usize = 12;
/// Departments, in which they are by turns.
const DEPARTMENTS: [&str; 3] = ["Care", "Sales", "Support"];
/// How long the console may take to be there.
const OPENING: Duration = Duration::from_secs(30);

/// Somebody to whom things happen.
#[derive(Debug, Default)]
struct Extra {
    /// The directory's id, once hired.
    id: Option<String>,
    /// How often something happened.
    turns: usize,
    away: bool,
}

impl Walk {
    /// Serves until Ctrl-C.
    ///
    /// # Errors
    /// If there is no free port, or the service cannot start.
    pub(super) async fn stay(self) -> anyhow::Result<Exit> {
        self.heading("The demo stays: the contact centre is served, and people come and go");
        let listen = free().context("no port is free for the console")?;
        let token = self.furnish(listen).await?;
        let served = tokio::select! {
            served = serve::serve(std::slice::from_ref(&self.door.config)) => served,
            happened = self.day_by_day(listen, &token) => happened.map(|()| Exit::Done),
        };
        self.sandbox.shutdown().await;
        served
    }

    /// Puts a console and a shorter schedule into the configuration, and makes a token.
    async fn furnish(&self, listen: SocketAddr) -> anyhow::Result<Zeroizing<String>> {
        let mut text = self.text.clone();
        text.every = Some(format!("{EVERY_SECS}s"));
        text.more.push_str(&format!("\n[console]\nlisten = \"{listen}\"\n"));
        write_files(&self.folder, &scene::configuration(&self.sandbox, &self.sandbox.tenant, &text))?;
        let token = console::new_token()?;
        let store = Store::open(&self.folder.join("rollcall.db"), crate::cli::now()).await?;
        store.set_console_token(&console::hash(&token), crate::cli::now()).await?;
        Ok(token)
    }

    /// Says where everything is as soon as it is there, and lets things happen for ever.
    async fn day_by_day(&self, listen: SocketAddr, token: &str) -> anyhow::Result<()> {
        tokio::time::timeout(OPENING, opened(listen)).await.context("the console does not open")?;
        self.show(listen, token);
        let mut people: Vec<Extra> = std::iter::repeat_with(Extra::default).take(CAST).collect();
        let mut chance = fastrand::Rng::with_seed(7);
        loop {
            let number = chance.usize(0..CAST);
            self.something_happens_to(&mut people[number], number)?;
            sleep(PACE).await;
        }
    }

    fn show(&self, listen: SocketAddr, token: &str) {
        println!("\n  The console   {}", self.style.bold(format!("http://{listen}/")));
        println!("  its token     {}   (shown this once)", self.style.bold(token));
        println!("  for programs  http://{listen}/api/openapi.json and http://{listen}/metrics");
        println!("  the remotes   {} (faults and edits of the made-up systems)", self.sandbox.addresses.control_url);
        self.where_to_look();
        let pace = PACE.as_secs();
        println!(
            "\nEvery {pace} s something happens to somebody; a run every {EVERY_SECS} s follows. Ctrl-C ends all of it."
        );
    }

    /// Is hired, moves, leaves, comes back, moves …
    fn something_happens_to(&self, extra: &mut Extra, number: usize) -> anyhow::Result<()> {
        let tenant = &self.sandbox.tenant;
        let department = DEPARTMENTS[(number + extra.turns) % DEPARTMENTS.len()];
        match &extra.id {
            None => extra.id = Some(self.joiner(department, 6_000 + number)?.1),
            Some(id) if extra.away => {
                tenant.enable(id)?;
                extra.away = false;
            }
            Some(id) if extra.turns.is_multiple_of(3) => {
                tenant.disable(id)?;
                extra.away = true;
            }
            Some(id) => {
                let patch = json!({"department": department});
                tenant.update_user(id, patch.as_object().cloned().unwrap_or_default())?;
            }
        }
        extra.turns += 1;
        Ok(())
    }
}

/// The usual port, or the next one that nobody listens on.
fn free() -> Option<SocketAddr> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (PORT..PORT + PORTS).map(at).find(|address| TcpListener::bind(address).is_ok())
}

/// Waits until somebody listens.
async fn opened(listen: SocketAddr) {
    while TcpStream::connect(listen).await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
}
