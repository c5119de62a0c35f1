//! The Connect operations rollcall calls. Each has its own quota bucket per AWS account and Region.
//!
//! Source: Amazon Connect administrator guide, "API throttling quotas": 2 requests a second with a burst of 5, for each
//! operation apart, for all of these.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// One operation of the Amazon Connect API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $($(#[$doc])* $name),+
        }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name as AWS writes it, also in the configuration (`[connect.quota.CreateUser]`).
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }
        }
    };
}

operations! {
    /// Identity management type and status of the instance.
    DescribeInstance,
    /// Ids, usernames and modification times, 1,000 a page.
    ListUsers,
    /// Everything but e-mail and mobile, 500 a page.
    SearchUsers,
    /// One user, everything.
    DescribeUser,
    /// Names of routing profiles, 1,000 a page.
    ListRoutingProfiles,
    /// Names of security profiles, 1,000 a page.
    ListSecurityProfiles,
    /// Hierarchy groups with their paths, 100 a page.
    SearchUserHierarchyGroups,
    /// Quick connects with what they point to, 100 a page.
    SearchQuickConnects,
    /// Creates a user, everything in one call.
    CreateUser,
    /// Deletes a user.
    DeleteUser,
    /// Replaces names, e-mail, mobile.
    UpdateUserIdentityInfo,
    /// Replaces the phone settings.
    UpdateUserPhoneConfig,
    /// Sets the routing profile.
    UpdateUserRoutingProfile,
    /// Replaces the list of security profiles.
    UpdateUserSecurityProfiles,
    /// Sets or clears the hierarchy group.
    UpdateUserHierarchy,
    /// Adds or overwrites tags.
    TagResource,
    /// Removes tags.
    UntagResource,
    /// Deletes a quick connect.
    DeleteQuickConnect,
    /// Points a quick connect to another user.
    UpdateQuickConnectConfig,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
