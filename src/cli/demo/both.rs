//! The story of two directories: the company's own, and a partner's that comes second. Ten agents are in both.

use anyhow::{Context, ensure};

use super::Walk;
use crate::cli::{Exit, SyncArgs, status};
use crate::sandbox::faults::{Fault, FaultKind};
use crate::sandbox::tenant::UserView;

/// Somebody who is in both directories.
struct Human {
    login: String,
    entra: String,
    partner: String,
}

impl Walk {
    pub(super) async fn two_directories(&self) -> anyhow::Result<()> {
        let humans = self.in_both()?;
        let [first, second, third, ..] = &humans[..] else { anyhow::bail!("too few people are in both directories") };
        self.heading("One human in two directories: the first one decides, the record of the second is kept aside");
        self.explain(&first.partner).await?;
        self.heading("The record that decides, as everybody would ask for it");
        self.explain(&first.login).await?;
        self.one_fails().await?;
        self.leaves_the_second(second).await?;
        self.leaves_the_first(third).await
    }

    /// Agents with a Connect user who have an account with the same login name on both sides.
    fn in_both(&self) -> anyhow::Result<Vec<Human>> {
        let theirs = self.sandbox.partner.users();
        let both = self.sandbox.tenant.users().into_iter().filter_map(|user| {
            let UserView { id, user_principal_name: login, account_enabled: true, .. } = user else { return None };
            let other = theirs.iter().find(|other| other.user_principal_name == login)?;
            let user = self.sandbox.connect.user_by_username(&login)?;
            let ours = user.tags.get("rollcall:person").is_some_and(|owner| *owner == format!("entra/{id}"));
            ours.then(|| Human { login, entra: id, partner: format!("partner/{}", other.id) })
        });
        Ok(both.collect())
    }

    async fn one_fails(&self) -> anyhow::Result<()> {
        self.heading("One directory fails: the partner revokes rollcall's right to read, on the day somebody is hired");
        let forbidden = FaultKind::Status {
            status: 403,
            code: String::new(),
            message: "Insufficient rights.".to_owned(),
            retry_after: None,
        };
        let fault = Fault { service: "scim".to_owned(), operation: None, skip: 0, times: u32::MAX, kind: forbidden };
        self.sandbox.faults.add(fault);
        let (login, _) = self.joiner("Sales", 4_712)?;
        let theirs = || {
            let users = self.sandbox.connect.users().into_iter();
            let theirs = users
                .filter(|user| user.tags.get("rollcall:person").is_some_and(|owner| owner.starts_with("partner/")));
            theirs.collect::<Vec<_>>()
        };
        let before = theirs();
        ensure!(!before.is_empty(), "the partner has no agents");
        let exit = self.sync(SyncArgs::default()).await?;
        ensure!(exit == Exit::Partly, "the run beside a directory that failed ended with {exit}");
        let frozen = self.last_run().await?.frozen;
        let why = frozen.get(&"partner".into()).context("the run does not name the directory that failed")?;
        ensure!(frozen.len() == 1 && !why.message.is_empty() && !why.hint.is_empty(), "it is named without a reason");
        ensure!(
            self.sandbox.connect.user_by_username(&login).is_some(),
            "the joiner had to wait for the other directory"
        );
        ensure!(theirs() == before, "people of the directory that failed were changed");
        self.typed("status");
        status::status(&self.door).await?;
        self.heading("The right is given back: the partner's people had lost nothing");
        self.sandbox.faults.clear();
        self.nothing_to_do(false).await?;
        ensure!(self.last_run().await?.frozen.is_empty(), "the directory is still frozen");
        Ok(())
    }

    async fn leaves_the_second(&self, human: &Human) -> anyhow::Result<()> {
        self.heading("Somebody leaves the partner and stays with the company: nothing happens");
        self.sandbox.partner.disable(human.partner.trim_start_matches("partner/"))?;
        self.nothing_to_do(false).await?;
        self.explain(&human.partner).await
    }

    async fn leaves_the_first(&self, human: &Human) -> anyhow::Result<()> {
        self.heading(
            "Somebody leaves the company; the partner still calls the account active. The first one decides: a leaver",
        );
        self.sandbox.tenant.disable(&human.entra)?;
        self.plan_and_sync(false).await?;
        self.ensure_suspended(&human.login)?;
        self.explain(&human.login).await
    }
}
