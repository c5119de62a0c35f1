//! The story of one directory: the first day, a working day, a wrong click. Every directory lives through it.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::{Walk, check, history, rules, status};
use crate::cli::sandbox::Directory;
use crate::cli::{Exit, SyncArgs};

impl Walk {
    pub(super) async fn first_day(&self) -> anyhow::Result<()> {
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

    pub(super) async fn working_day(&self) -> anyhow::Result<()> {
        let tenant = &self.sandbox.tenant;
        self.heading("A joiner: HR hires somebody for Care and puts her into the agents' group");
        let (login, id) = self.joiner("Care", 4_711)?;
        self.plan_and_sync(false).await?;
        ensure!(self.sandbox.connect.user_by_username(&login).is_some(), "the joiner has no Connect user");
        self.heading("A mover: she goes from Care to Sales");
        tenant.update_user(&id, json!({"department": "Sales"}).as_object().cloned().unwrap_or_default())?;
        self.plan_and_sync(false).await?;
        let sales = self.sandbox.connect.routing_profile_id("Sales Voice");
        let user = self.sandbox.connect.user_by_username(&login).context("the mover is gone")?;
        ensure!(Some(user.routing_profile_id) == sales, "the mover has the profile of her old department");
        self.heading("What rollcall knows of her");
        self.explain(&login).await?;
        self.heading(match self.directory {
            Directory::Okta => {
                "A leaver: her account is suspended in Okta. Connect cannot disable, so she loses every right there"
            }
            Directory::Scim => {
                "A leaver: the server says `active: false` of her. Connect cannot disable, so she is suspended first"
            }
            Directory::Entra | Directory::Both => {
                "A leaver: her account is switched off. Connect cannot disable, so she is suspended first"
            }
        });
        tenant.disable(&id)?;
        self.plan_and_sync(false).await?;
        self.ensure_suspended(&login)
    }

    pub(super) async fn drift(&self) -> anyhow::Result<()> {
        self.heading("Drift: somebody makes an agent an administrator, by hand, in Connect");
        let admin = self.sandbox.connect.security_profile_id("Admin").context("no profile Admin")?;
        let somebody = self.agent(&self.sandbox.tenant, 2)?.user_principal_name;
        // Some time has passed since rollcall wrote to this user, so it is not taken for our own doing.
        self.sandbox.clock.advance(Duration::from_secs(60));
        self.sandbox.connect.edit_user(&somebody, |user| user.security_profile_ids.push(admin.clone()));
        self.sandbox.connect.settle();
        self.plan_and_sync(true).await?;
        let user = self.sandbox.connect.user_by_username(&somebody).context("the agent is gone")?;
        ensure!(!user.security_profile_ids.contains(&admin), "the drift was not put back");
        self.sandbox.clock.set(crate::cli::now());
        Ok(())
    }

    pub(super) async fn bad_day(&self) -> anyhow::Result<()> {
        let tenant = &self.sandbox.tenant;
        let agents = self.agents()?;
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
        self.crash().await
    }

    pub(super) async fn evening(&self) -> anyhow::Result<()> {
        self.heading("What happened today");
        self.typed("history");
        history::history(&self.door, None).await?;
        self.typed("status");
        status::status(&self.door).await?;
        self.tell("And this is what the chat channel was told of trouble, by [notify.chat]:");
        for post in self.sandbox.webhook.posts() {
            let message: serde_json::Value = serde_json::from_str(&post.body)?;
            println!("  {}", message["subject"].as_str().unwrap_or_default());
        }
        Ok(())
    }
}
