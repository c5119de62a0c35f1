//! Pulls against a server that remembers: [`fake::Fake`], of many characters.

mod changes;
mod fake;
mod faults;
mod groups;
mod laws;
mod paging;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::*;
use crate::directory::{Cursor, DirectoryDelta, DirectorySnapshot};
use crate::http::RetryRules;
use crate::secret::SecretSource;
use fake::{Character, Fake};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_446_500, 0).unwrap()
}

/// A token in a private file, gone with the test.
struct Secret(PathBuf);

impl Secret {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("rollcall-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, "not-a-secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A source over a fake server, with the people a store would know.
struct Rig {
    fake: Fake,
    source: Scim,
    known: BTreeSet<ExternalId>,
    cursor: Option<Cursor>,
    _secret: Secret,
}

/// The configuration of a test: everybody, a hundred a page, everything found out by itself.
fn config(fake: &Fake, secret: &Secret) -> ScimConfig {
    ScimConfig {
        name: "scim".into(),
        base_url: Url::parse(&fake.world().base).unwrap(),
        credential: ScimCredential::Bearer(SecretSource::File(secret.0.clone())),
        extra_headers: BTreeMap::new(),
        scope_groups: None,
        rule_groups: BTreeSet::new(),
        wanted: ["department"].into_iter().map(Into::into).collect(),
        fields: BTreeMap::new(),
        page_size: 100,
        paging: Paging::Auto,
        first_index: 1,
        membership: MembershipFrom::Auto,
        nested: false,
        absent_active: AbsentActive::Auto,
        incremental: false,
        extension_aliases: Vec::new(),
        users_path: None,
        groups_path: None,
        max_response_bytes: 32 << 20,
    }
}

impl Rig {
    /// A server of this character with this many users `u1`, `u2`, …
    async fn new(character: Character, users: u32, set: impl FnOnce(&mut ScimConfig)) -> Self {
        let fake = Fake::start(character).await;
        for number in 1..=users {
            fake.world().put(&format!("u{number}"), serde_json::json!({}));
        }
        Self::over(fake, set)
    }

    fn over(fake: Fake, set: impl FnOnce(&mut ScimConfig)) -> Self {
        let secret = Secret::new();
        let mut config = config(&fake, &secret);
        set(&mut config);
        let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
        let source = Scim::with_limits(config, now, HttpLimits { retry, ..HttpLimits::default() }).unwrap();
        Self { fake, source, known: BTreeSet::new(), cursor: None, _secret: secret }
    }

    async fn pull(&self) -> Result<Pull, PullError> {
        let at = now() + TimeDelta::hours(1);
        self.source.pull(PullRequest { cursor: self.cursor.as_ref(), known: &self.known, at }).await
    }

    /// A full pull, stored.
    async fn full(&mut self) -> DirectorySnapshot {
        match self.pull().await.unwrap() {
            Pull::Full(snapshot) => {
                self.known = snapshot.content().users.keys().cloned().collect();
                snapshot
            }
            Pull::Delta(delta) => panic!("not a full pull: {delta:?}"),
        }
    }

    async fn start(&mut self) {
        self.cursor = Some(self.full().await.into_parts().1);
        self.fake.world().seen.clear();
    }

    async fn delta(&mut self) -> DirectoryDelta {
        match self.pull().await.unwrap() {
            Pull::Delta(delta) => {
                self.cursor = Some(delta.cursor.clone());
                delta
            }
            Pull::Full(snapshot) => panic!("not a delta: {snapshot:?}"),
        }
    }

    async fn error(&self) -> PullError {
        match self.pull().await {
            Err(error) => error,
            Ok(pull) => panic!("no error: {pull:?}"),
        }
    }

    /// The addresses that were asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.fake.world().seen)
    }
}

fn ids(of: impl IntoIterator<Item = u32>) -> BTreeSet<ExternalId> {
    of.into_iter().map(|number| format!("u{number}").into()).collect()
}

fn names(of: impl IntoIterator<Item = u32>) -> Vec<String> {
    of.into_iter().map(|number| format!("u{number}")).collect()
}

fn listed(snapshot: &DirectorySnapshot) -> BTreeSet<ExternalId> {
    snapshot.content().users.keys().cloned().collect()
}

/// A schedule runs pulls in tasks of their own.
#[test]
fn a_pull_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn pulls(source: &Scim, request: PullRequest<'_>, ids: &[ExternalId]) {
        is_send(source.pull(request));
        is_send(source.confirm(ids));
        is_send(source.check());
    }
    let _ = pulls;
}
