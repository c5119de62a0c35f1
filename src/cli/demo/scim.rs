//! What only a SCIM server does: it has no word for somebody who is gone.

use anyhow::ensure;

use super::Walk;
use crate::cli::{Exit, SyncArgs};

/// Reading one person by id.
const BY_ID: &str = "GET /Users/{id}";

impl Walk {
    /// Somebody is deleted from the server.
    pub(super) async fn only_scim(&self) -> anyhow::Result<()> {
        let agent = self.agent(&self.sandbox.tenant, 1)?;
        let asked = || self.sandbox.scim.requests().get(BY_ID).copied().unwrap_or_default();
        self.heading("Deleted from the server: a filter for what changed cannot show who is not there any more");
        self.sandbox.tenant.hard_delete(&agent.id)?;
        self.tell(
            "A complete listing can. Whoever is missing from one is asked for by id, and only if the server does not \
             know the id is that a leaver: a page that was lost on the way removes nobody.",
        );
        let before = asked();
        let exit = self.sync(SyncArgs { full: true, ..SyncArgs::default() }).await?;
        ensure!(matches!(exit, Exit::Done | Exit::Partly), "the run ended with {exit}");
        ensure!(asked() > before, "nobody asked the server for the person by id");
        self.ensure_suspended(&agent.user_principal_name)?;
        self.explain(&format!("hr/{}", agent.id)).await
    }
}
