//! `kill -9` in the middle of an apply, and the run after it.

use std::time::Duration;

use anyhow::{bail, ensure};

use super::Walk;
use crate::cli::{Exit, SyncArgs};
use crate::sandbox::company::Company;

/// How long the process that is going to be killed may take to get into the middle of its work.
const PATIENCE: Duration = Duration::from_secs(60);

impl Walk {
    pub(super) async fn crash(&self) -> anyhow::Result<()> {
        self.heading("A crash: the process is killed in the middle of an apply");
        self.tell("Twenty-four people are hired; the process that creates their users is killed (kill -9) half-way.");
        let before = self.sandbox.connect.journal().len();
        let mut hired = Vec::new();
        for number in 0..24 {
            hired.push(self.hired(Company::newcomer(29, 5_000 + number))?.0);
        }
        self.kill_in_the_middle(before + 6).await?;
        self.heading("The next run looks at what was in doubt and does the rest; nobody is created twice");
        let exit = self.sync(SyncArgs::default()).await?;
        ensure!(matches!(exit, Exit::Done | Exit::Partly), "the run after the crash ended with {exit}");
        let users = self.sandbox.connect.users();
        for login in &hired {
            let n = users.iter().filter(|user| user.username.eq_ignore_ascii_case(login)).count();
            ensure!(n == 1, "after the crash {n} users have the name of one person");
        }
        self.nothing_to_do(true).await?;
        Ok(())
    }

    /// Starts `sync now` as a process of its own, and kills it once Connect has seen `writes` writes.
    async fn kill_in_the_middle(&self, writes: usize) -> anyhow::Result<()> {
        self.typed("sync now      (killed)");
        let mut child = tokio::process::Command::new(std::env::current_exe()?)
            .args(["--config".as_ref(), self.door.config.as_os_str(), "sync".as_ref(), "now".as_ref()])
            .kill_on_drop(true)
            .spawn()?;
        let started = tokio::time::Instant::now();
        while self.sandbox.connect.journal().len() < writes {
            if started.elapsed() > PATIENCE || child.try_wait()?.is_some() {
                bail!("the process ended before it could be killed");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child.kill().await?;
        Ok(())
    }
}
