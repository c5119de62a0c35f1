//! What a look at Connect brought: the users, the names rules speak of, the instance itself.
//!
//! Invariant: an inventory is always possibly old. The store keeps the last one, brought up to date with our own
//! confirmed writes; a plan that would change something is made again on a fresh look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;
use super::attribute::{Named, ResourceId};
use super::user::{ConnectUser, ConnectUserId};

/// How users of an instance sign in. Fixed when the instance is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdentityManagement {
    /// SAML 2.0: no password, no `Email`; the address goes into `SecondaryEmail`. Usernames up to 64 characters.
    Saml,
    /// Users and passwords live in Connect. Usernames up to 20 characters.
    ConnectManaged,
    /// AWS Directory Service; names and e-mail cannot be written.
    ExistingDirectory,
}

/// The instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its alias, if it has one.
    pub alias: Option<String>,
    /// How users sign in.
    pub identity_management: IdentityManagement,
}

/// The names rules speak of, resolved anew with each look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Security profiles by name.
    pub security_profiles: BTreeMap<String, ResourceId>,
    /// Routing profiles by name.
    pub routing_profiles: BTreeMap<String, ResourceId>,
    /// Hierarchy groups by path, levels joined by `/`.
    pub hierarchy_groups: BTreeMap<String, ResourceId>,
}

/// A quick connect that points to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickConnect {
    /// Id and name.
    pub named: Named,
    /// The user it points to.
    pub user: ConnectUserId,
    /// The transfer flow it goes through; empty in a look from before flows were remembered, which no plan is made on.
    #[serde(default)]
    pub flow: ResourceId,
}

/// What a look at Connect brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// When it was taken (a partial look keeps the time of the last whole one).
    pub at: Time,
    /// The instance.
    pub instance: Instance,
    /// The names.
    pub catalogue: Catalogue,
    /// Everybody, by id.
    pub users: BTreeMap<ConnectUserId, ConnectUser>,
    /// Quick connects that point to users; empty unless the look asked for them.
    pub quick_connects: Vec<QuickConnect>,
}
