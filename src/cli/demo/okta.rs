//! What only an Okta org does: states of an account that are no leave, and administrator roles that hide people.

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
        self.heading("Locked out: too many wrong passwords. She cannot sign in for an hour, and she has not left");
        let agent = self.agent(&self.sandbox.tenant, 1)?;
        let person = format!("okta/{}", okta.okta_id(&agent.id).context("Okta does not know her")?);
        okta.set_status(&agent.id, "LOCKED_OUT")?;
        self.nothing_to_do(false).await?;
        let stored = self.stored(&person).await?.context("she is not stored any more")?;
        ensure!(stored.attributes.get(STATUS) == Some("LOCKED_OUT"), "the status was not read");
        self.explain(&agent.user_principal_name).await?;
        okta.clear_status(&agent.id)?;
        Ok(())
    }

    async fn narrowed_role(&self) -> anyhow::Result<()> {
        let okta = &self.sandbox.okta;
        self.heading("Half of the company vanishes: somebody narrowed what rollcall's administrator role may see");
        self.tell("Okta does not refuse; it answers with fewer people. They have not left, so nothing is done.");
        let night = self.sandbox.tenant.group_id("Connect-Night-Shift").context("the night shift is gone")?;
        okta.configure(|settings| settings.role = Role::Groups([night, self.agents_or_none()].into()));
        let before = self.sandbox.connect.journal().len();
        let exit = self.sync(SyncArgs { full: true, ..SyncArgs::default() }).await?;
        ensure!(exit == Exit::Failed, "a role that hides people did not fail the run: {exit}");
        ensure!(self.sandbox.connect.journal().len() == before, "a run that failed wrote to Connect");
        self.heading("The role is given back; nobody had lost anything");
        okta.configure(|settings| settings.role = Role::Full);
        self.nothing_to_do(true).await
    }

    fn agents_or_none(&self) -> String {
        self.agents().unwrap_or_default()
    }
}
