//! `demo`: a narrated walk through rollcall's main job, on made-up remote systems over real wire traffic.
//!
//! Every step is a heading, the command one would type, and the real output of that command: the verbs are called as the
//! command line calls them.
//!
//! Invariant: a step that does not end as its heading says makes the demo fail, so that it can be a check as well.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;

use super::style::Style;
use super::{Door, Exit, PlanArgs, SyncArgs, check, explain, history, rules, sandbox, status, sync};
use crate::sandbox::scene::{self, AGENTS, ConfigText, SceneSettings};
use crate::sandbox::{Bucket, QuotaSettings, Sandbox, company::Company};
use crate::store::Store;

/// Accounts of the made-up directory.
const PEOPLE: usize = 90;
/// Agents who have a Connect user already.
const EXISTING: usize = 30;
/// The demo's quota: five times the documented one, so that it does not take five times as long.
const PER_SECOND: f64 = 10.0;
const BURST: u32 = 10;
/// How long the process that is going to be killed may take to get into the middle of its work.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `demo` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    /// End after the walk instead of leaving the remote systems up to play with.
    #[arg(long)]
    once: bool,
}

/// `rollcall demo`.
///
/// # Errors
/// If a step does not end as it should.
#[expect(clippy::print_stdout, reason = "this is the screen")]
pub(super) async fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let walk = Walk::begin().await?;
    walk.first_day().await?;
    walk.working_day().await?;
    walk.bad_day().await?;
    println!("\nThe state file is {}; look at it with", walk.folder.join("rollcall.db").display());
    println!("  rollcall --config {} status", walk.door.config.display());
    if !args.once {
        println!(
            "\nThe remote systems stay up until Ctrl-C. Their own interface: {}",
            walk.sandbox.addresses.control_url
        );
        tokio::signal::ctrl_c().await?;
    }
    walk.sandbox.shutdown().await;
    Ok(Exit::Done)
}

struct Walk {
    folder: PathBuf,
    door: Door,
    sandbox: Sandbox,
    style: Style,
}

impl Walk {
    async fn begin() -> anyhow::Result<Self> {
        let mut settings = SceneSettings::new(super::now(), PEOPLE);
        settings.existing = EXISTING;
        settings.foreign = 3;
        let bucket = Bucket { per_second: PER_SECOND, burst: f64::from(BURST) };
        settings.connect.quota = QuotaSettings { default: Some(bucket), ..QuotaSettings::unlimited() };
        let sandbox = scene::start(settings).await.context("the sandbox cannot listen on loopback")?;
        let folder = std::env::temp_dir().join(format!("rollcall-demo-{}", std::process::id()));
        let text = ConfigText { quota: Some((PER_SECOND, BURST, 1.0)), ..ConfigText::default() };
        sandbox::write_files(&folder, &scene::configuration(&sandbox, &sandbox.tenant, &text))?;
        let door = Door { config: folder.join("rollcall.toml"), json: false };
        Ok(Self { folder, door, sandbox, style: Style::of_stdout() })
    }

    #[expect(clippy::print_stdout, reason = "this is the screen")]
    fn heading(&self, title: &str) {
        println!("\n{}\n", self.style.bold(format!("━━ {title}")));
    }

    #[expect(clippy::print_stdout, reason = "this is the screen")]
    fn typed(&self, command: &str) {
        println!("{}\n", self.style.bold(format!("$ rollcall {command}")));
    }

    #[expect(clippy::print_stdout, reason = "this is the screen")]
    fn tell(&self, text: &str) {
        println!("{}\n", self.style.dim(text));
    }

    async fn plan(&self, full: bool) -> anyhow::Result<Exit> {
        self.typed(if full { "plan --full" } else { "plan" });
        sync::plan(&self.door, &PlanArgs { full, ..PlanArgs::default() }).await
    }

    async fn sync(&self, args: SyncArgs) -> anyhow::Result<Exit> {
        let mut command = "sync now".to_owned();
        if args.full {
            command.push_str(" --full");
        }
        if let Some(digest) = &args.approve {
            command.push_str(&format!(" --approve {digest}"));
        }
        self.typed(&command);
        sync::now(&self.door, &args).await
    }

    /// A change somewhere, as a plan and its result.
    async fn plan_and_sync(&self, full: bool) -> anyhow::Result<()> {
        self.plan(full).await?;
        let exit = self.sync(SyncArgs { full, ..SyncArgs::default() }).await?;
        ensure!(matches!(exit, Exit::Done | Exit::Partly), "the sync ended with {exit}");
        Ok(())
    }

    async fn held_digest(&self) -> anyhow::Result<String> {
        let store = Store::open_read_only(&self.folder.join("rollcall.db")).await?;
        Ok(store.held().await?.context("no plan is held")?.digest)
    }

    async fn first_day(&self) -> anyhow::Result<()> {
        self.heading("Check: is everything reachable, and do the names exist?");
        self.typed("check");
        ensure!(check::check(&self.door).await? == Exit::Done, "the check found a problem");
        self.heading("The adoption report and the first plan: nothing is written yet");
        self.plan(false).await?;
        self.heading("The first run is held until somebody has looked at that plan");
        let exit = self.sync(SyncArgs::default()).await?;
        ensure!(exit == Exit::Refused, "the first run was not held: {exit}");
        self.heading("Approved: exactly that plan goes through");
        let approve = Some(self.held_digest().await?);
        let exit = self.sync(SyncArgs { approve, ..SyncArgs::default() }).await?;
        ensure!(matches!(exit, Exit::Done | Exit::Partly), "the approved run ended with {exit}");
        self.heading("A second sync does nothing");
        self.nothing_to_do(false).await?;
        self.heading("Rules: who gets what, and which departments have no rule");
        self.typed("rules");
        rules::rules(&self.door).await?;
        Ok(())
    }

    async fn nothing_to_do(&self, full: bool) -> anyhow::Result<()> {
        let before = self.sandbox.connect.journal().len();
        self.sync(SyncArgs { full, ..SyncArgs::default() }).await?;
        ensure!(self.sandbox.connect.journal().len() == before, "a run that should do nothing wrote to Connect");
        Ok(())
    }

    async fn working_day(&self) -> anyhow::Result<()> {
        let tenant = &self.sandbox.tenant;
        let agents = tenant.group_id(AGENTS).context("the agents' group is gone")?;
        self.heading("A joiner: HR hires somebody for Care and puts her into the agents' group");
        let mut newcomer = Company::newcomer(11, 4_711);
        newcomer.properties.insert("department".to_owned(), json!("Care"));
        let id = newcomer.id.clone();
        tenant.add_user(newcomer)?;
        tenant.add_member(&agents, &id)?;
        let login = tenant.users().into_iter().find(|user| user.id == id).context("nobody joined")?.user_principal_name;
        self.plan_and_sync(false).await?;
        ensure!(self.sandbox.connect.user_by_username(&login).is_some(), "the joiner has no Connect user");
        self.heading("A mover: she goes from Care to Sales");
        tenant.update_user(&id, json!({"department": "Sales"}).as_object().cloned().unwrap_or_default())?;
        self.plan_and_sync(false).await?;
        self.heading("What rollcall knows of her");
        self.typed(&format!("explain {login}"));
        explain::explain(&self.door, &login).await?;
        self.heading("A leaver: her account is switched off. Connect cannot disable, so she is suspended first");
        tenant.disable(&id)?;
        self.plan_and_sync(false).await?;
        self.heading("Drift: somebody makes an agent an administrator, by hand, in Connect");
        let admin = self.sandbox.connect.security_profile_id("Admin").context("no profile Admin")?;
        let somebody = self.managed_agent(&login)?;
        // Some time has passed since rollcall wrote to this user, so it is not taken for our own doing.
        self.sandbox.clock.advance(Duration::from_secs(60));
        self.sandbox.connect.edit_user(&somebody, |user| user.security_profile_ids.push(admin.clone()));
        self.sandbox.connect.settle();
        self.plan_and_sync(true).await?;
        let user = self.sandbox.connect.user_by_username(&somebody).context("the agent is gone")?;
        ensure!(!user.security_profile_ids.contains(&admin), "the drift was not put back");
        self.sandbox.clock.set(super::now());
        Ok(())
    }

    /// A Connect user with our mark that is nobody's special case.
    fn managed_agent(&self, not: &str) -> anyhow::Result<String> {
        let users = self.sandbox.connect.users();
        let found = users.into_iter().find(|user| user.tags.contains_key("rollcall:person") && user.username != not);
        Ok(found.context("nobody is managed")?.username)
    }

    async fn bad_day(&self) -> anyhow::Result<()> {
        let tenant = &self.sandbox.tenant;
        let agents = tenant.group_id(AGENTS).context("the agents' group is gone")?;
        self.heading("A wrong click: a third of the agents' group is taken out of it");
        let lost: Vec<_> = tenant
            .users()
            .into_iter()
            .filter(|user| self.sandbox.connect.user_by_username(&user.user_principal_name).is_some())
            .step_by(3)
            .collect();
        for user in &lost {
            tenant.remove_member(&agents, &user.id)?;
        }
        let before = self.sandbox.connect.journal().len();
        let exit = self.sync(SyncArgs::default()).await?;
        ensure!(exit == Exit::Refused, "the guard let a mass removal through: {exit}");
        ensure!(self.sandbox.connect.journal().len() == before, "a refused run wrote to Connect");
        self.heading("They are put back; nothing had happened to them");
        for user in &lost {
            tenant.add_member(&agents, &user.id)?;
        }
        self.nothing_to_do(false).await?;
        self.heading("A crash: the process is killed in the middle of an apply");
        self.tell("Twenty-four people are hired; the process that creates their users is killed (kill -9) half-way.");
        let hired = self.hire(&agents, 24)?;
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
        self.heading("What happened today");
        self.typed("history");
        history::history(&self.door, None).await?;
        self.typed("status");
        status::status(&self.door).await?;
        Ok(())
    }

    fn hire(&self, agents: &str, count: usize) -> anyhow::Result<Vec<String>> {
        let tenant = &self.sandbox.tenant;
        let mut logins = Vec::new();
        for number in 0..count {
            let person = Company::newcomer(29, 5_000 + number);
            let login = person.properties.get("userPrincipalName").and_then(|value| value.as_str());
            logins.push(login.context("a newcomer without a login")?.to_owned());
            let id = person.id.clone();
            tenant.add_user(person)?;
            tenant.add_member(agents, &id)?;
        }
        Ok(logins)
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
