//! Amazon Connect: one instance, its users and what they refer to, behind the REST interface of the real service.
//!
//! [`ConnectState`] is both the instance behind the HTTP server and the hand of its administrators: what they seed and
//! what they edit by hand, past the API, in the console.
//!
//! Invariant: `DescribeUser` and `ListUsers` show every write at once, `SearchUsers` after [`ConnectSettings::search_lag`].
//!
//! Source: Amazon Connect API reference (operations, constraints, errors) and administrator guide (quotas).
//!
//! Deliberately absent: proficiencies, queues, flows, contacts; verification of signatures.

mod catalogue;
mod paging;
mod quick;
mod refusal;
mod route;
mod search;
mod store;
mod tags;
#[cfg(test)]
mod tests;
mod user;
mod users;
mod validate;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};

pub use catalogue::Group;
pub use quick::{Destination, QuickConnect};
pub use store::{Named, Write};
pub use user::{
    AfterContactWorkConfig, AfterContactWorkConfigPerChannel, AutoAcceptConfig, ChannelConfigs, IdentityInfo,
    PersistentConnectionConfig, PhoneConfig, PhoneNumberConfig, User, VoiceEnhancementConfig,
};

use super::clock::Clock;
use super::faults::Faults;
use super::quota::{Quota, QuotaSettings};
use store::Store;

/// The most tags on a resource.
const MAX_TAGS: usize = 50;

/// Who keeps the identities of an instance. Cannot change after the instance was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdentityManagement {
    /// A SAML identity provider.
    Saml,
    /// Connect itself.
    ConnectManaged,
    /// An AWS Directory Service directory.
    ExistingDirectory,
}

impl IdentityManagement {
    fn as_str(self) -> &'static str {
        match self {
            Self::Saml => "SAML",
            Self::ConnectManaged => "CONNECT_MANAGED",
            Self::ExistingDirectory => "EXISTING_DIRECTORY",
        }
    }
}

/// How the instance is and behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectSettings {
    /// AWS account, 12 digits.
    pub account: String,
    /// AWS Region.
    pub region: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Its alias.
    pub alias: String,
    /// `ACTIVE`, `CREATION_IN_PROGRESS` or `CREATION_FAILED`.
    pub status: String,
    /// Who keeps the identities.
    pub identity: IdentityManagement,
    /// Quota of users.
    pub user_limit: usize,
    /// Quota of quick connects.
    pub quick_connect_limit: usize,
    /// Quota of hierarchy groups, all levels together.
    pub group_limit: usize,
    /// How long a write stays invisible to `SearchUsers`, by tokio's clock.
    pub search_lag: Duration,
    /// Pages get uneven lengths, some are empty with more to come.
    pub short_pages: bool,
    /// Whether tagging a user changes its modification time; the documentation does not say.
    pub tags_touch_modified: bool,
    /// What may be called how often.
    pub quota: QuotaSettings,
    /// Ids follow from it.
    pub seed: u64,
}

impl Default for ConnectSettings {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            instance_id: "5a1d0c2e-7b34-4f6a-9c58-1e2f3a4b5c6d".to_owned(),
            alias: "example-service-desk".to_owned(),
            status: "ACTIVE".to_owned(),
            identity: IdentityManagement::Saml,
            user_limit: 500,
            quick_connect_limit: 100,
            group_limit: 500,
            search_lag: Duration::from_secs(3),
            short_pages: false,
            tags_touch_modified: true,
            quota: QuotaSettings::default(),
            seed: 1,
        }
    }
}

/// The instance. Clones share it.
#[derive(Debug, Clone)]
pub struct ConnectState {
    store: Arc<Mutex<Store>>,
    quota: Quota,
}

impl ConnectState {
    /// An instance without users, profiles and groups.
    #[must_use]
    pub fn new(settings: ConnectSettings, clock: Clock) -> Self {
        let quota = Quota::new(settings.quota.clone());
        Self { store: Arc::new(Mutex::new(Store::new(settings, clock))), quota }
    }

    /// The HTTP service.
    pub fn router(&self, faults: Faults) -> Router {
        Router::new().fallback(route::serve).with_state(route::Service { state: self.clone(), faults })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Buckets and counts of calls.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Changes settings while the service runs; for `quota` use [`Quota::set`].
    pub fn configure(&self, change: impl FnOnce(&mut ConnectSettings)) {
        self.with(|store| change(&mut store.settings));
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> ConnectSettings {
        self.with(|store| store.settings.clone())
    }

    /// ARN of the instance.
    #[must_use]
    pub fn instance_arn(&self) -> String {
        self.with(|store| store.instance_arn())
    }

    /// Adds a routing profile and gives its id.
    pub fn add_routing_profile(&self, name: &str) -> String {
        self.with(|store| {
            let named = Named { id: store.new_id(), name: name.to_owned(), last_modified: store.stamp() };
            let id = named.id.clone();
            store.routing_profiles.insert(id.clone(), named);
            id
        })
    }

    /// Adds a security profile and gives its id.
    pub fn add_security_profile(&self, name: &str) -> String {
        self.with(|store| {
            let named = Named { id: store.new_id(), name: name.to_owned(), last_modified: store.stamp() };
            let id = named.id.clone();
            store.security_profiles.insert(id.clone(), named);
            id
        })
    }

    /// Makes sure of a hierarchy group and of its parents, level one first, and gives its id.
    ///
    /// # Panics
    /// If the path is empty or longer than five levels.
    pub fn add_group(&self, path: &[&str]) -> String {
        assert!((1..=5).contains(&path.len()), "a hierarchy path has one to five levels");
        self.with(|store| {
            let mut parent: Option<String> = None;
            for name in path {
                let known = store.groups.values().find(|group| group.parent == parent && group.name == *name);
                parent = Some(match known {
                    Some(group) => group.id.clone(),
                    None => {
                        let (id, last_modified) = (store.new_id(), store.stamp());
                        let name = (*name).to_owned();
                        let group = Group { id: id.clone(), name, parent, tags: BTreeMap::new(), last_modified };
                        store.groups.insert(id.clone(), group);
                        id
                    }
                });
            }
            parent.unwrap_or_default()
        })
    }

    /// Adds a quick connect, unchecked, and gives its id.
    pub fn add_quick_connect(&self, name: &str, leads_to: Destination) -> String {
        self.with(|store| quick::insert(store, name.to_owned(), None, leads_to, BTreeMap::new()))
    }

    /// Id of a routing profile.
    #[must_use]
    pub fn routing_profile_id(&self, name: &str) -> Option<String> {
        self.with(|store| {
            store.routing_profiles.values().find(|known| known.name == name).map(|known| known.id.clone())
        })
    }

    /// Id of a security profile.
    #[must_use]
    pub fn security_profile_id(&self, name: &str) -> Option<String> {
        self.with(|store| {
            store.security_profiles.values().find(|known| known.name == name).map(|known| known.id.clone())
        })
    }

    /// Stores a user as it is, unchecked, and gives its id. A blank id, ARN or phone type is filled in. Searches see it
    /// at once; it is in no journal.
    pub fn put_user(&self, user: User) -> String {
        self.with(|store| {
            let mut user = user;
            if user.id.is_empty() {
                user.id = store.new_id();
            }
            user.arn = store.arn("agent", &user.id);
            user.phone_config = user.phone_config.completed();
            user.last_modified = store.stamp();
            let id = user.id.clone();
            store.put(user);
            store.index_last();
            id
        })
    }

    /// Adds `count` users `agent00001`, ... with the given profiles.
    pub fn seed_users(&self, count: usize, routing_profile_id: &str, security_profile_id: &str) {
        self.with(|store| {
            for number in 1..=count {
                let id = store.new_id();
                let (arn, last_modified) = (store.arn("agent", &id), store.stamp());
                store.put(User {
                    arn,
                    id,
                    username: format!("agent{number:05}"),
                    identity_info: IdentityInfo {
                        first_name: Some("Agent".to_owned()),
                        last_name: Some(format!("{number:05}")),
                        ..IdentityInfo::default()
                    },
                    phone_config: PhoneConfig::default().completed(),
                    security_profile_ids: vec![security_profile_id.to_owned()],
                    routing_profile_id: routing_profile_id.to_owned(),
                    last_modified,
                    ..User::default()
                });
            }
            store.settle();
        });
    }

    /// A supervisor changes a user in the console: not in the journal, seen by searches after the lag. Gives false if
    /// there is no such user.
    pub fn edit_user(&self, username: &str, change: impl FnOnce(&mut User)) -> bool {
        self.with(|store| {
            let Some(user) = store.names.get(username).and_then(|id| store.users.get(id)) else { return false };
            let mut user = User::clone(user);
            change(&mut user);
            user.last_modified = store.stamp();
            store.put(user);
            true
        })
    }

    /// A supervisor deletes a user in the console. Gives false if there is no such user.
    pub fn remove_user(&self, username: &str) -> bool {
        self.with(|store| {
            let id = store.names.get(username).cloned();
            id.and_then(|id| store.forget(&id)).is_some()
        })
    }

    /// All users in the order of their ids.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.with(|store| store.users.values().map(|user| User::clone(user)).collect())
    }

    /// The user of this very name.
    #[must_use]
    pub fn user_by_username(&self, username: &str) -> Option<User> {
        self.with(|store| store.names.get(username).and_then(|id| store.users.get(id)).map(|user| User::clone(user)))
    }

    /// All quick connects in the order of their ids.
    #[must_use]
    pub fn quick_connects(&self) -> Vec<QuickConnect> {
        self.with(|store| store.quick_connects.values().cloned().collect())
    }

    /// All hierarchy groups in the order of their ids.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.with(|store| store.groups.values().cloned().collect())
    }

    /// Every write that was committed through the API, answered or not, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<Write> {
        self.with(|store| store.journal.clone())
    }

    /// Lets searches catch up, whatever the lag.
    pub fn settle(&self) {
        self.with(Store::settle);
    }
}
