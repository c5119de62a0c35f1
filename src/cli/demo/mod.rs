//! `demo`: a narrated walk through rollcall's main job, on made-up remote systems over real wire traffic.
//!
//! Every step is a heading, the command one would type, and the real output of that command: the verbs are called as the
//! command line calls them.
//!
//! One story for one directory ([`day`]), with what only Okta ([`okta`]) and only a SCIM server ([`scim`]) can do, and one
//! for two directories at once ([`both`]). [`Walk`] is what they share. Afterwards it stays ([`stay`]), if it is let.
//!
//! Invariant: a step that does not end as its heading says makes the demo fail, so that it can be a check as well.

mod both;
mod crash;
mod day;
mod okta;
mod scim;
mod stay;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use connectors::DirectoryUser;
use serde_json::{Value, json};

use super::sandbox::{self, Directory};
use super::signals::Signals;
use super::style::Style;
use super::{Door, Exit, PlanArgs, SyncArgs, check, explain, history, rules, status, sync};
use crate::model::RunSummary;
use crate::sandbox::company::{Company, Person};
use crate::sandbox::scene::{self, AGENTS, ConfigText, SceneSettings};
use crate::sandbox::scim::Character;
use crate::sandbox::tenant::{Tenant, UserView};
use crate::sandbox::{Bucket, QuotaSettings, Sandbox};
use crate::store::Store;

/// Accounts of the made-up directory.
const PEOPLE: usize = 90;
/// Agents who have a Connect user already.
const EXISTING: usize = 30;
/// The demo's quota: five times the documented one, so that it does not take five times as long.
const PER_SECOND: f64 = 10.0;
const BURST: u32 = 10;

/// What `demo` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    /// End after the walk instead of serving the console, with people who come and go.
    #[arg(long)]
    once: bool,
    /// Which directory the story is about.
    #[arg(long, value_enum, default_value = "entra")]
    source: Directory,
}

/// `rollcall demo`.
///
/// # Errors
/// If a step does not end as it should.
pub(super) async fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let walk = Walk::begin(args.source).await?;
    let mut signals = Signals::listen()?;
    tokio::select! {
        told = walk.story() => told?,
        () = signals.stop() => {
            println!("\nEnded in the middle; what was made until then is in {}", walk.folder.display());
            return Ok(Exit::Failed);
        }
    }
    if !args.once {
        return walk.stay().await;
    }
    walk.where_to_look();
    println!(
        "\nFor the console leave --once away: the demo then serves it, with people who come and go, until Ctrl-C."
    );
    walk.sandbox.shutdown().await;
    Ok(Exit::Done)
}

struct Walk {
    folder: PathBuf,
    door: Door,
    sandbox: Sandbox,
    /// What its configuration says differently.
    text: ConfigText,
    directory: Directory,
    style: Style,
}

impl Walk {
    async fn begin(directory: Directory) -> anyhow::Result<Self> {
        let mut settings = SceneSettings::new(super::now(), PEOPLE);
        settings.partner = directory.partner(PEOPLE);
        settings.existing = EXISTING;
        settings.foreign = 3;
        let bucket = Bucket { per_second: PER_SECOND, burst: f64::from(BURST) };
        settings.connect.quota = QuotaSettings { default: Some(bucket), ..QuotaSettings::unlimited() };
        let sandbox = scene::start(settings).await.context("the sandbox cannot listen on loopback")?;
        let folder = std::env::temp_dir().join(format!("rollcall-demo-{}", std::process::id()));
        let sources = directory.sources(Character::Strict);
        let (quota, more) = (Some((PER_SECOND, BURST, 1.0)), scene::notifier(&sandbox));
        let text = ConfigText { sources, quota, more, ..ConfigText::default() };
        sandbox::write_files(&folder, &scene::configuration(&sandbox, &sandbox.tenant, &text))?;
        let door = Door { config: folder.join("rollcall.toml"), json: false };
        Ok(Self { folder, door, sandbox, text, directory, style: Style::of_stdout() })
    }

    async fn story(&self) -> anyhow::Result<()> {
        self.first_day().await?;
        if self.directory == Directory::Both {
            self.two_directories().await?;
        } else {
            self.working_day().await?;
            match self.directory {
                Directory::Okta => self.only_okta().await?,
                Directory::Scim => self.only_scim().await?,
                Directory::Entra | Directory::Both => {}
            }
            self.drift().await?;
            self.bad_day().await?;
        }
        self.evening().await
    }

    fn where_to_look(&self) {
        println!("\nThe state file is {}; look at it with", self.folder.join("rollcall.db").display());
        println!("  rollcall --config {} status", self.door.config.display());
    }

    fn heading(&self, title: &str) {
        println!("\n{}", self.style.bold(format!("━━ {title}")));
    }

    fn typed(&self, command: &str) {
        println!("\n{}\n", self.style.bold(format!("$ rollcall {command}")));
    }

    fn tell(&self, text: &str) {
        println!("\n{}", self.style.dim(text));
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

    /// Hires somebody for a department, as an agent; the login name and the tenant's id.
    fn joiner(&self, department: &str, number: usize) -> anyhow::Result<(String, String)> {
        let mut newcomer = Company::newcomer(11, number);
        newcomer.properties.insert("department".to_owned(), json!(department));
        self.hired(newcomer)
    }

    fn hired(&self, newcomer: Person) -> anyhow::Result<(String, String)> {
        let tenant = &self.sandbox.tenant;
        let login = newcomer.properties.get("userPrincipalName").and_then(Value::as_str);
        let login = login.context("a newcomer without a login")?.to_owned();
        let id = newcomer.id.clone();
        tenant.add_user(newcomer)?;
        tenant.add_member(&self.agents()?, &id)?;
        Ok((login, id))
    }

    /// The id of the agents' group.
    fn agents(&self) -> anyhow::Result<String> {
        self.sandbox.tenant.group_id(AGENTS).context("the agents' group is gone")
    }

    /// An agent who is nobody's special case: active in this directory, with a Connect user of ours.
    fn agent(&self, of: &Tenant, at: usize) -> anyhow::Result<UserView> {
        let ours = |user: &UserView| {
            let user = self.sandbox.connect.user_by_username(&user.user_principal_name);
            user.is_some_and(|user| user.tags.contains_key("rollcall:person"))
        };
        of.users().into_iter().filter(|user| user.account_enabled && ours(user)).nth(at).context("nobody is managed")
    }

    async fn explain(&self, person: &str) -> anyhow::Result<()> {
        self.typed(&format!("explain {person}"));
        ensure!(explain::explain(&self.door, person).await? == Exit::Done, "{person} cannot be explained");
        Ok(())
    }

    /// What the directory said of somebody last, as rollcall has stored it.
    async fn stored(&self, person: &str) -> anyhow::Result<Option<DirectoryUser>> {
        let seen = super::observed::observed(&self.door).await?.seen;
        Ok(seen.directory.people.into_values().find(|user| user.key.to_string() == person))
    }

    /// The last run in numbers.
    async fn last_run(&self) -> anyhow::Result<RunSummary> {
        let store = Store::open_read_only(&self.folder.join("rollcall.db")).await?;
        store.runs(1).await?.into_iter().next().and_then(|run| run.summary).context("no run was finished")
    }

    /// That this user of Connect has left: suspended, and still there.
    fn ensure_suspended(&self, login: &str) -> anyhow::Result<()> {
        let user = self.sandbox.connect.user_by_username(login).context("the leaver was deleted at once")?;
        let nothing = self.sandbox.connect.security_profile_id("No Access").context("no profile No Access")?;
        ensure!(user.security_profile_ids == [nothing], "the leaver was not suspended");
        Ok(())
    }

    async fn nothing_to_do(&self, full: bool) -> anyhow::Result<()> {
        let before = self.sandbox.connect.journal().len();
        let exit = self.sync(SyncArgs { full, ..SyncArgs::default() }).await?;
        ensure!(matches!(exit, Exit::Done | Exit::Partly), "a run that should do nothing ended with {exit}");
        ensure!(self.sandbox.connect.journal().len() == before, "a run that should do nothing wrote to Connect");
        Ok(())
    }
}
