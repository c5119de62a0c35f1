//! What is at stake in a plan: the numbers of the observation that the guard weighs the changes against.
//!
//! Invariant: made by the planner from the observation the plan is made from; the guard adds nothing to it.
//! Invariant: what could not be seen is missing here, never guessed; the guard takes it for the worse case.
//! Deliberately absent: limits. What is too much is the guard's to say.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::attribute::ResourceId;

/// What the guard weighs a plan against, as far as the changes do not say it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stakes {
    /// The departments of managed people, before this plan.
    pub departments: BTreeMap<String, Headcount>,
    /// Every security profile of the instance, by the name it has now.
    pub security_profiles: BTreeMap<String, ProfileUse>,
    /// Every routing profile of the instance, by the name it has now.
    pub routing_profiles: BTreeMap<String, ProfileUse>,
    /// Everybody whose existing user this plan touches, as they are now.
    pub touched: BTreeMap<PersonKey, Holding>,
    /// The canaries, as they are written in the configuration.
    pub canaries: BTreeMap<String, Canary>,
}

/// People of one department.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headcount {
    /// Managed people.
    pub managed: u32,
    /// Those of them who are not suspended.
    pub active: u32,
}

/// A profile of the instance and how many have it. Suspended people are not counted: they cannot work with it. A user
/// whose profile was not read is not counted either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileUse {
    /// Its id.
    pub id: ResourceId,
    /// Users that belong to somebody in a directory, those that an adopt rule names included.
    pub users: u32,
    /// Those of them who are managed before this plan.
    pub managed: u32,
}

/// What somebody has now whose existing user is about to be touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The username in Connect.
    pub username: String,
    /// The department, as the directory has it.
    pub department: String,
    /// Whether the user is managed before this plan; not so if an adopt rule has only just named it.
    pub managed: bool,
    /// Whether the person is suspended already.
    pub suspended: bool,
    /// The routing profile; `None` if it was not read.
    pub routing: Option<ResourceId>,
    /// The security profiles; `None` if they were not read.
    pub security: Option<BTreeSet<ResourceId>>,
}

/// How one canary was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canary {
    /// Active and in scope.
    Seen,
    /// Its directory was read, and it is not there as somebody who works here.
    Silent {
        /// What is known of it, readable.
        why: String,
    },
    /// Its directory could not be read: nothing follows.
    NotAsked,
}
