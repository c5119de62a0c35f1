//! Pulls against an org that remembers: [`fake::Fake`].

mod counts;
mod fake;
mod faults;
mod fixtures;
mod follow;
mod limited;
mod rates;
mod scopes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use url::Url;

use super::*;
use crate::directory::{Cursor, DirectoryDelta, DirectorySnapshot};
use crate::http::RetryRules;
use crate::secret::SecretSource;
use fake::{Fake, app_id, group_id, id};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_446_500, 0).unwrap()
}

/// A secret in a private file, gone with the test.
struct Secret(PathBuf);

impl Secret {
    fn new(text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("rollcall-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A source over a fake org, with the people a store would know.
struct Rig {
    fake: Fake,
    source: Okta,
    known: BTreeSet<ExternalId>,
    cursor: Option<Cursor>,
    secret: Secret,
}

fn groups(names: &[&str]) -> OktaScope {
    OktaScope::Groups(names.iter().map(|name| (*name).to_owned()).collect())
}

fn config(fake: &Fake, secret: &Secret, scope: OktaScope, rules: &[&str]) -> OktaConfig {
    OktaConfig {
        name: "okta".into(),
        org_url: Url::parse(&fake.server.uri()).unwrap(),
        credential: OktaCredential::Token(SecretSource::File(secret.0.clone())),
        scope,
        rule_groups: rules.iter().map(|name| (*name).to_owned()).collect(),
        wanted: ["department", "mobile_phone", "title"].into_iter().map(Into::into).collect(),
        fields: BTreeMap::new(),
        statuses: BTreeMap::new(),
        rate_share: 0.5,
    }
}

fn limits() -> HttpLimits {
    let retry = RetryRules { first_pause: Duration::from_millis(1), ..RetryRules::default() };
    HttpLimits { retry, ..HttpLimits::default() }
}

impl Rig {
    fn new(fake: Fake, scope: OktaScope, rules: &[&str]) -> Self {
        Self::with(fake, scope, rules, |_| {})
    }

    fn with(fake: Fake, scope: OktaScope, rules: &[&str], change: impl FnOnce(&mut OktaConfig)) -> Self {
        let secret = Secret::new("not-a-secret");
        let mut config = config(&fake, &secret, scope, rules);
        change(&mut config);
        let source = Okta::with_limits(config, now, limits()).unwrap();
        Self { fake, source, known: BTreeSet::new(), cursor: None, secret }
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
                self.known.extend(snapshot.content().users.keys().cloned());
                snapshot
            }
            Pull::Delta(delta) => panic!("not a full pull: {delta:?}"),
        }
    }

    /// A full pull whose cursor is kept; half an hour later by the org's clock.
    async fn start(&mut self) {
        self.cursor = Some(self.full().await.into_parts().1);
        self.fake.world().tick(1_800);
    }

    async fn delta(&mut self) -> DirectoryDelta {
        match self.pull().await.unwrap() {
            Pull::Delta(delta) => {
                self.cursor = Some(delta.cursor.clone());
                self.known.extend(delta.records.iter().map(|record| record.id.clone()));
                delta
            }
            Pull::Full(snapshot) => panic!("not a delta: {snapshot:?}"),
        }
    }

    /// The addresses asked since the last call.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.fake.world().seen)
    }
}

fn person(number: u32) -> ExternalId {
    id(number).into()
}

/// Ten people; 1 to 5 are in the group "Agents", 4 to 7 in "O\"Neill's rule"; 1 to 3 are assigned to "Contact centre".
async fn company() -> Fake {
    let fake = Fake::start().await;
    {
        let mut world = fake.world();
        for number in 1..=10 {
            world.put(number, json!({"department": "Care", "mobilePhone": null}));
        }
        world.group(1, "Agents");
        world.group(2, RULE);
        (1..=5).for_each(|member| world.join(1, member));
        (4..=7).for_each(|member| world.join(2, member));
        world.app(1, "Contact centre");
        for member in 1..=3 {
            world.assign(1, member, json!({"Entitlements": ["Agent", "QA", "Agent"], "roles": "Tier2"}));
        }
        // What was set up long ago is not news.
        world.tick(86_400);
    }
    fake
}

const RULE: &str = "O\"Neill's \\ rule";

/// A schedule runs pulls in tasks of their own.
#[test]
fn a_pull_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn pulls(source: &Okta, request: PullRequest<'_>, ids: &[ExternalId]) {
        is_send(source.pull(request));
        is_send(source.confirm(ids));
        is_send(source.check());
    }
    let _ = pulls;
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    let fake = Fake::start().await;
    let secret = Secret::new("not-a-secret");
    let check = |change: &dyn Fn(&mut OktaConfig)| {
        let mut config = config(&fake, &secret, OktaScope::Everybody, &[]);
        change(&mut config);
        Okta::new(config, now).map(|_| ()).map_err(|error| error.kind)
    };
    let url = |text: &str| Url::parse(text).unwrap();
    assert_eq!(check(&|_| {}), Ok(()));
    assert_eq!(check(&|config| config.org_url = url("https://example.okta.com")), Ok(()));
    let roots = ["http://example.okta.com", "https://example-admin.okta.com", "https://example.okta.com/api/v1"];
    for root in roots.into_iter().chain(["https://u:p@example.okta.com", "https://example.okta.com/?a=b"]) {
        assert_eq!(check(&|config| config.org_url = url(root)), Err(PullErrorKind::Refused), "{root}");
    }
    for share in [0.0, -1.0, 1.1, f64::NAN] {
        assert_eq!(check(&|config| config.rate_share = share), Err(PullErrorKind::Refused), "{share}");
    }
    let field = |name: &str, field: &str| (AttributeName::from(name), field.to_owned());
    assert_eq!(
        check(&|config| config.fields.extend([field("title", "appuser profile.x")])),
        Err(PullErrorKind::Refused)
    );
    assert_eq!(check(&|config| config.fields.extend([field("title", "")])), Err(PullErrorKind::Refused));
}
