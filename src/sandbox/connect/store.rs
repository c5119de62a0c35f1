//! What an instance holds, and the journal of what was written through the API.
//!
//! Invariant: every write goes through [`Store::commit`] or [`Store::remove`], which keep the names, the search index and
//! the journal in step.
//! Invariant: modification times strictly grow, however close two writes are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio::time::Instant;

use super::ConnectSettings;
use super::catalogue::Group;
use super::quick::QuickConnect;
use super::route::Call;
use super::user::User;
use crate::sandbox::clock::Clock;

/// A routing or security profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Given by the service.
    pub id: String,
    /// As shown in the console.
    pub name: String,
    /// Created.
    pub last_modified: DateTime<Utc>,
}

/// A committed write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Write {
    /// From 1, without gaps.
    pub seq: u64,
    /// By the clock of the sandbox.
    pub at: DateTime<Utc>,
    /// `CreateUser`.
    pub operation: String,
    /// Id of what was changed: a user, a quick connect, a hierarchy group.
    pub resource: String,
    /// If it was a user: its name.
    pub username: Option<String>,
    /// The `x-amzn-RequestId` of the answer, also of one that was lost.
    pub request_id: String,
    /// The user as it was; `None` if it was not there, or if it was no user.
    #[serde(skip)]
    pub before: Option<Arc<User>>,
    /// The user as it is; `None` if it is not there any more, or if it was no user.
    #[serde(skip)]
    pub after: Option<Arc<User>>,
}

/// The state of an instance.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) settings: ConnectSettings,
    pub(super) users: BTreeMap<String, Arc<User>>,
    pub(super) names: BTreeMap<String, String>,
    pub(super) routing_profiles: BTreeMap<String, Named>,
    pub(super) security_profiles: BTreeMap<String, Named>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) quick_connects: BTreeMap<String, QuickConnect>,
    pub(super) journal: Vec<Write>,
    /// Pages served so far: feeds the tokens and the uneven page lengths.
    pub(super) pages: u64,
    clock: Clock,
    index: BTreeMap<String, Arc<User>>,
    unindexed: VecDeque<(Instant, String, Option<Arc<User>>)>,
    last_stamp: DateTime<Utc>,
    ids: fastrand::Rng,
}

impl Store {
    pub(super) fn new(settings: ConnectSettings, clock: Clock) -> Self {
        let ids = fastrand::Rng::with_seed(settings.seed);
        Self {
            settings,
            users: BTreeMap::new(),
            names: BTreeMap::new(),
            routing_profiles: BTreeMap::new(),
            security_profiles: BTreeMap::new(),
            groups: BTreeMap::new(),
            quick_connects: BTreeMap::new(),
            journal: Vec::new(),
            pages: 0,
            last_stamp: clock.now() - TimeDelta::days(30),
            clock,
            index: BTreeMap::new(),
            unindexed: VecDeque::new(),
            ids,
        }
    }

    /// A new id; the same seed gives the same ids.
    pub(super) fn new_id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.ids.u128(..).to_be_bytes()).into_uuid().to_string()
    }

    /// A modification time.
    pub(super) fn stamp(&mut self) -> DateTime<Utc> {
        self.last_stamp = self.clock.now().max(self.last_stamp + TimeDelta::milliseconds(1));
        self.last_stamp
    }

    /// Stores a user; searches see it after the lag.
    pub(super) fn put(&mut self, user: User) -> Arc<User> {
        let user = Arc::new(user);
        if let Some(previous) = self.users.insert(user.id.clone(), Arc::clone(&user)) {
            self.names.remove(&previous.username);
        }
        self.names.insert(user.username.clone(), user.id.clone());
        self.unindexed.push_back((Instant::now(), user.id.clone(), Some(Arc::clone(&user))));
        user
    }

    /// Forgets a user; searches still find it during the lag.
    pub(super) fn forget(&mut self, id: &str) -> Option<Arc<User>> {
        let user = self.users.remove(id)?;
        self.names.remove(&user.username);
        self.unindexed.push_back((Instant::now(), id.to_owned(), None));
        Some(user)
    }

    /// Stores what an operation made of a user, and notes it. `touch`: the modification time changes.
    pub(super) fn commit(&mut self, call: &Call, mut user: User, touch: bool) -> Arc<User> {
        if touch {
            user.last_modified = self.stamp();
        }
        let before = self.users.get(&user.id).cloned();
        let user = self.put(user);
        self.write(call, &user.id, before, Some(Arc::clone(&user)));
        user
    }

    /// Removes a user, and notes it.
    pub(super) fn remove(&mut self, call: &Call, id: &str) -> Option<Arc<User>> {
        let user = self.forget(id)?;
        self.write(call, id, Some(Arc::clone(&user)), None);
        Some(user)
    }

    /// Notes a write to something that is no user.
    pub(super) fn note(&mut self, call: &Call, resource: &str) {
        self.write(call, resource, None, None);
    }

    fn write(&mut self, call: &Call, resource: &str, before: Option<Arc<User>>, after: Option<Arc<User>>) {
        let username = after.as_ref().or(before.as_ref()).map(|user| user.username.clone());
        self.journal.push(Write {
            seq: self.journal.len() as u64 + 1,
            at: self.clock.now(),
            operation: call.operation.to_owned(),
            resource: resource.to_owned(),
            username,
            request_id: call.request_id.clone(),
            before,
            after,
        });
    }

    /// The users as searches see them: as they were one lag ago.
    pub(super) fn searchable(&mut self) -> &BTreeMap<String, Arc<User>> {
        let now = Instant::now();
        while let Some((at, _, _)) = self.unindexed.front()
            && now.duration_since(*at) >= self.settings.search_lag
            && let Some((_, id, user)) = self.unindexed.pop_front()
        {
            match user {
                Some(user) => self.index.insert(id, user),
                None => self.index.remove(&id),
            };
        }
        &self.index
    }

    /// Lets searches see the last write at once.
    pub(super) fn index_last(&mut self) {
        if let Some((_, id, Some(user))) = self.unindexed.pop_back() {
            self.unindexed.retain(|(_, other, _)| *other != id);
            self.index.insert(id, user);
        }
    }

    /// Lets searches see everything at once, whatever the lag.
    pub(super) fn settle(&mut self) {
        self.unindexed.clear();
        self.index.clone_from(&self.users);
    }

    /// `arn:aws:connect:<region>:<account>:instance/<instance>`.
    pub(super) fn instance_arn(&self) -> String {
        let ConnectSettings { region, account, instance_id, .. } = &self.settings;
        format!("arn:aws:connect:{region}:{account}:instance/{instance_id}")
    }

    /// The ARN of something in the instance; `kind` is `agent`, `routing-profile`, `agent-group`, ...
    pub(super) fn arn(&self, kind: &str, id: &str) -> String {
        format!("{}/{kind}/{id}", self.instance_arn())
    }
}
