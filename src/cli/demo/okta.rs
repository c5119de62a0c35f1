//! What only an Okta org does: states of an account that are no leave, and administrator roles that hide people.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use connectors::attributes::STATUS;

use super::Walk;
use crate::cli::{Exit, SyncArgs};
use crate::sandbox::okta::Role;

impl Walk {
    pub(super) async fn only_okta(&self) -> anyhow::Result<()> {
        self.locked_out().await?;
        self.narrowed_role().await
    }

    async fn locked_out(&self) -> anyhow::Result<()> {
        let okta = &self.sandbox.okta;
        self.heading("Locked out: too many wrong passwords. An agent cannot sign in for an hour, and has not left");
        let agent = self.agent(&self.sandbox.tenant, 1)?;
        let person = format!("okta/{}", okta.okta_id(&agent.id).context("Okta does not know the agent")?);
        okta.set_status(&agent.id, "LOCKED_OUT")?;
        self.nothing_to_do(false).await?;
        let stored = self.stored(&person).await?.context("the agent is not stored any more")?;
        ensure!(stored.attributes.get(STATUS) == Some("LOCKED_OUT"), "the status was not read");
        self.explain(&agent.user_principal_name).await?;
        okta.clear_status(&agent.id)?;
        Ok(())
    }

    async fn narrowed_role(&self) -> anyhow::Result<()> {
        let okta = &self.sandbox.okta;
        self.heading("Somebody narrows what rollcall's administrator role may see: the agents' group is not among it");
        self.tell(
            "Okta does not call that forbidden. What a role does not show is as if it were not there; nobody left.",
        );
        let shown = ["Connect-Leads", "Connect-Recording"];
        let shown: BTreeSet<String> = shown.iter().filter_map(|name| self.sandbox.tenant.group_id(name)).collect();
        okta.configure(|settings| settings.role = Role::Groups(shown));
        let before = self.sandbox.connect.journal().len();
        let exit = self.sync(SyncArgs::default()).await?;
        ensure!(exit == Exit::Failed, "a role that hides people did not fail the run: {exit}");
        ensure!(self.sandbox.connect.journal().len() == before, "a run that failed wrote to Connect");
        self.heading("The role is given back; nobody had lost anything");
        okta.configure(|settings| settings.role = Role::Full);
        self.nothing_to_do(true).await
    }
}
