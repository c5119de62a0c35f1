//! Pulls against a tenant that remembers: [`tenant::Fake`].

mod faults;
mod fixtures;
mod follow;
mod tenant;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::directory::{Cursor, DirectoryDelta, DirectorySnapshot};
use crate::http::RetryRules;
use crate::secret::SecretSource;
use tenant::Fake;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_446_500, 0).unwrap()
}

/// A client secret in a private file, gone with the test.
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

/// A source over a fake tenant, with the people a store would know.
struct Rig {
    fake: Fake,
    source: Microsoft,
    known: BTreeSet<ExternalId>,
    cursor: Option<Cursor>,
    _secret: Secret,
}

/// What is read from the tenant.
#[derive(Default)]
struct Reads<'a> {
    scope: Option<&'a [&'a str]>,
    rules: &'a [&'a str],
    nested: bool,
}

impl Rig {
    async fn new(fake: Fake, reads: Reads<'_>) -> Self {
        let secret = Secret::new();
        let root = Url::parse(&fake.server.uri()).unwrap();
        let config = MicrosoftConfig {
            name: "entra".into(),
            tenant: "example.com".into(),
            client_id: "client".into(),
            credential: Credential::Secret(SecretSource::File(secret.0.clone())),
            graph_url: root.clone(),
            login_url: root,
            scope_groups: reads.scope.map(|groups| groups.iter().map(|name| (*name).to_owned()).collect()),
            rule_groups: reads.rules.iter().map(|name| (*name).to_owned()).collect(),
            nested: reads.nested,
            wanted: ["department", "mobile_phone", "title"].into_iter().map(Into::into).collect(),
        };
        let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
        let source = Microsoft::with_limits(config, now, HttpLimits { retry, ..HttpLimits::default() }).unwrap();
        Self { fake, source, known: BTreeSet::new(), cursor: None, _secret: secret }
    }

    async fn pull_at(&self, at: DateTime<Utc>) -> Result<Pull, PullError> {
        self.source.pull(PullRequest { cursor: self.cursor.as_ref(), known: &self.known, at }).await
    }

    async fn pull(&self) -> Result<Pull, PullError> {
        self.pull_at(now() + TimeDelta::hours(1)).await
    }

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
}

/// Ten people; 1 to 5 are in the group "Agents", 4 to 7 in "O'Neill's rule".
async fn company() -> Fake {
    let fake = Fake::start().await;
    let mut tenant = fake.tenant();
    for number in 1..=10 {
        tenant.put(number, serde_json::json!({"department": "Care", "mobilePhone": null}));
    }
    tenant.group(1, "Agents");
    tenant.group(2, "O'Neill's rule");
    for member in 1..=5 {
        tenant.join(1, member);
    }
    for member in 4..=7 {
        tenant.join(2, member);
    }
    drop(tenant);
    fake
}

/// A schedule runs pulls in tasks of their own.
#[test]
fn a_pull_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn pulls(source: &Microsoft, request: PullRequest<'_>, ids: &[ExternalId]) {
        is_send(source.pull(request));
        is_send(source.confirm(ids));
        is_send(source.check());
    }
    let _ = pulls;
}
