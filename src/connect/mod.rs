//! Amazon Connect: looks at it, and makes one change with one call.
//!
//! ```text
//! config      what the administrator says about instance and quota
//! client      the SDK's client; how AWS is reached is a room of its own
//! quota       one token bucket per (account, Region, operation)
//! call        one call: a cell for each attempt, waiting while throttled
//! errors      what a failed call means for the run
//! pages       listings, read to their end
//! names       profiles and hierarchy groups by name
//! codec       the SDK's users and ours, attribute by attribute
//! inventory   looks: everybody by pages, some in detail
//! perform     one change, one call
//! ```
//!
//! Invariant: every attempt takes a cell of its operation's bucket first; the SDK makes none on its own.
//! Invariant: nothing is decided here. What is looked at and what is changed comes in as a value.
//! Deliberately absent: the planner, storage, reports, and the number of changes that are under way at a time. The caller
//! bounds that; any number is fair, because each bucket serves in the order of arrival.

mod call;
mod client;
mod codec;
mod config;
mod errors;
#[cfg(test)]
mod fake;
mod inventory;
mod names;
mod pages;
mod perform;
mod quota;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aws_sdk_connect::config::SharedHttpClient;
use connectors::CheckLine;
use tokio::sync::OnceCell;

pub use config::{ConnectConfig, QuotaConfig, Rate};
pub use errors::INSTANCE_FULL;
pub use inventory::cheapest;
pub use quota::Quotas;

use crate::aws::ReachError;
use crate::model::{
    CallError, Catalogue, Change, ConnectUser, ConnectUserId, Done, IdentityManagement, Instance, Inventory, Look,
    Operation, Stop, Target, Time,
};
use call::Caller;
use inventory::{Looking, OwnWrites};
use names::Names;
use perform::Performing;

/// One instance of Amazon Connect.
#[derive(Debug)]
pub struct AmazonConnect {
    caller: Caller,
    config: ConnectConfig,
    /// How users sign in never changes, so it is asked for once.
    identity_management: OnceCell<IdentityManagement>,
    own_writes: Mutex<OwnWrites>,
}

impl AmazonConnect {
    /// Finds credentials and makes a client. `quotas` is shared by all contact centres of the process. Connect itself is
    /// not called.
    ///
    /// # Errors
    /// If there are no credentials, or the endpoint is neither encrypted nor on this machine.
    pub async fn connect(config: ConnectConfig, quotas: &Quotas) -> Result<Self, ReachError> {
        Self::over(None, config, quotas).await
    }

    /// The same with every request carried by `http` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn over(
        http: Option<&SharedHttpClient>,
        config: ConnectConfig,
        quotas: &Quotas,
    ) -> Result<Self, ReachError> {
        let client = client::build(&config, http).await?;
        let meter = quotas.meter(&config.account, &config.region, &config.quota).await;
        let (instance_id, instance_arn) = (config.instance_id.clone(), config.instance_arn.clone());
        let caller = Caller { client, meter, instance_id, instance_arn };
        Ok(Self { caller, config, identity_management: OnceCell::new(), own_writes: Mutex::default() })
    }

    /// Tells when we last wrote to whom (by the ledger), for the looks that follow. It replaces what was told before.
    ///
    /// A modification time within five seconds of our own write is our own write, so the details remembered from before
    /// stay true; and for half a minute after it the search index is not believed about that user.
    pub fn set_own_writes(&self, writes: BTreeMap<ConnectUserId, Time>) {
        *self.own_writes.lock().unwrap_or_else(PoisonError::into_inner) = writes;
    }

    /// Calls so far by operation, throttled ones included.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        self.caller.meter.calls()
    }

    /// Throttled calls so far by operation.
    #[must_use]
    pub fn throttled(&self) -> BTreeMap<Operation, u64> {
        self.caller.meter.throttles()
    }

    /// How Connect is configured.
    #[must_use]
    pub fn config(&self) -> &ConnectConfig {
        &self.config
    }

    /// Reaches Connect with the smallest reads that prove credentials, permissions and the instance; the names it found
    /// come along.
    pub async fn check(&self) -> (Vec<CheckLine>, Option<Catalogue>) {
        let mut found = None;
        let mut lines = vec![match inventory::instance(&self.caller).await {
            Ok(instance) => good(instance_line(&instance)),
            Err(error) => bad(&error),
        }];
        if lines.iter().all(|line| line.ok) {
            match inventory::head_count(&self.caller).await {
                Ok((users, catalogue)) => {
                    let users = users.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string());
                    lines.push(good(format!("{users} users")));
                    lines.push(good(format!(
                        "{} routing profiles, {} security profiles, {} hierarchy groups",
                        catalogue.routing_profiles.len(),
                        catalogue.security_profiles.len(),
                        catalogue.hierarchy_groups.len(),
                    )));
                    found = Some(catalogue);
                }
                Err(error) => lines.push(bad(&error)),
            }
        }
        lines.push(good(self.quota_line()));
        (lines, found)
    }

    fn quota_line(&self) -> String {
        let QuotaConfig { share, default, operations } = &self.config.quota;
        format!(
            "quota: {:.0} % of {} requests/s with a burst of {} for each operation, {} operations with rates of their own",
            share * 100.0,
            default.per_second,
            default.burst,
            operations.len(),
        )
    }

    async fn identity_management(&self) -> Result<IdentityManagement, CallError> {
        let ask = || async { Ok(inventory::instance(&self.caller).await?.identity_management) };
        self.identity_management.get_or_try_init(ask).await.copied()
    }
}

fn good(text: String) -> CheckLine {
    CheckLine { ok: true, text, hint: None }
}

fn bad(error: &CallError) -> CheckLine {
    CheckLine { ok: false, text: error.to_string(), hint: Some(error.hint.clone()) }
}

fn instance_line(instance: &Instance) -> String {
    let signs_in = match instance.identity_management {
        IdentityManagement::Saml => "users sign in by SAML",
        IdentityManagement::ConnectManaged => "users and passwords live in Connect",
        IdentityManagement::ExistingDirectory => "users come from AWS Directory Service",
    };
    format!("instance {} is active; {signs_in}", instance.alias.as_deref().unwrap_or(&instance.id))
}

impl Target for AmazonConnect {
    async fn inventory(
        &self,
        look: &Look,
        quick_connects: bool,
        last: Option<&Inventory>,
        at: Time,
    ) -> Result<Inventory, CallError> {
        let own_writes = self.own_writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looking = Looking { caller: &self.caller, own_writes: &own_writes, last, at };
        let inventory = match (look, last) {
            (Look::These { ids, usernames }, Some(last)) => looking.these(last, ids, usernames, quick_connects).await?,
            // There is nothing that some users could be merged into.
            (Look::Everybody, _) | (Look::These { .. }, None) => looking.everybody(quick_connects).await?,
        };
        // Whether it was set before does not matter: the value never changes.
        let _ = self.identity_management.set(inventory.instance.identity_management);
        Ok(inventory)
    }

    async fn details(
        &self,
        ids: &BTreeSet<ConnectUserId>,
        last: &Inventory,
    ) -> Result<BTreeMap<ConnectUserId, Option<ConnectUser>>, CallError> {
        inventory::readable(&self.caller, ids, &Names::of(&last.catalogue)).await
    }

    fn set_own_writes(&self, writes: BTreeMap<ConnectUserId, Time>) {
        AmazonConnect::set_own_writes(self, writes);
    }

    fn cheapest(ids: BTreeSet<ConnectUserId>, usernames: BTreeSet<String>, users: usize) -> Look {
        cheapest(ids, usernames, users)
    }

    async fn perform(&self, change: &Change, stop: &Stop) -> Result<Done, CallError> {
        // Only identities depend on it; asking for it would cost everything else a call it does not need.
        let identity_management = match change.action.operation() {
            Operation::CreateUser | Operation::UpdateUserIdentityInfo => self.identity_management().await?,
            _ => IdentityManagement::ConnectManaged,
        };
        Performing::new(&self.caller, identity_management, change, stop).run().await
    }
}
