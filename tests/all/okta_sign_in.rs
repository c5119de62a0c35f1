//! Okta with a service app: a signed assertion, a token that is bound to a key, and what an administrator may forget.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use connectors::error::PullErrorKind;
use connectors::okta::{Okta, OktaConfig, OktaCredential, OktaScope};
use connectors::{AttributeName, Pull, PullError, PullRequest, SecretSource, Silence, Source};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::okta::{Role, ServiceApp};
use rollcall::sandbox::scene::{self, AGENTS, SceneSettings};
use tempfile::TempDir;
use url::Url;

use crate::world::now;

const CLIENT: &str = "0oa1rC00000009sK5d7X";
/// A pair of keys of the sandbox's own tests, and the private half of another pair.
const KEY: &str = include_str!("../../src/sandbox/okta/tests/fixture-ec.pem");
const OTHER_KEY: &str = include_str!("../../connectors/src/auth/testdata/test-only-p256.pem");
const SCOPES: &[&str] = &["okta.users.read", "okta.groups.read", "okta.logs.read"];

/// An org, and the files of whoever signs in to it.
struct Desk {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Desk {
    /// An org whose service app has these scopes.
    async fn new(app: ServiceApp, scopes: &[&str]) -> Self {
        let mut settings = SceneSettings::new(now(), 40);
        settings.plain = true;
        let sandbox = scene::start(settings).await.unwrap();
        sandbox.okta.set_service_app(app.key("k1", KEY).scopes(scopes));
        sandbox.okta.configure(|settings| settings.api_nonce = true);
        Self { sandbox, folder: tempfile::tempdir().unwrap() }
    }

    /// The source that signs in with this key under this id.
    fn source(&self, key: &str, key_id: &str, dpop: bool) -> Source {
        let path = self.folder.path().join("okta.pem");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = OktaConfig {
            name: "okta".into(),
            org_url: Url::parse(&self.sandbox.addresses.okta_url).unwrap(),
            credential: OktaCredential::Service {
                client_id: CLIENT.to_owned(),
                private_key: SecretSource::File(path),
                key_id: Some(key_id.to_owned()),
                dpop,
            },
            scope: OktaScope::Groups(vec![AGENTS.to_owned()]),
            rule_groups: BTreeSet::new(),
            wanted: BTreeSet::from([AttributeName::from("department")]),
            fields: BTreeMap::new(),
            statuses: BTreeMap::new(),
            rate_share: 0.8,
        };
        Source::Okta(Box::new(Okta::new(config, now).unwrap()))
    }

    fn requests(&self, name: &str) -> u64 {
        self.sandbox.okta.requests().get(name).copied().unwrap_or_default()
    }

    /// The members of the agents' group by the tenant's own state, as Okta names them: its groups
    /// hold everybody who is in a group of theirs.
    fn agents(&self) -> BTreeSet<String> {
        let group = self.sandbox.tenant.group_id(AGENTS).unwrap();
        let members = self.sandbox.tenant.members(&group, true);
        members.iter().filter_map(|id| self.sandbox.okta.okta_id(id)).collect()
    }
}

fn dpop_app() -> ServiceApp {
    ServiceApp::new(CLIENT).dpop()
}

/// What a first pull brought: ids, notes, what silence means.
async fn pull(source: &Source) -> Result<(BTreeSet<String>, Vec<String>, Silence), PullError> {
    let known = BTreeSet::new();
    let pulled = source.pull(PullRequest { cursor: None, known: &known, at: now() }).await?;
    let Pull::Full(snapshot) = pulled else { panic!("a first pull is a full one") };
    let (content, _) = snapshot.into_parts();
    let ids = content.users.keys().map(ToString::to_string).collect();
    Ok((ids, content.notes.clone(), content.silence))
}

#[tokio::test]
async fn a_bound_token_reads_everybody() {
    for dpop in [true, false] {
        let desk = Desk::new(dpop_app(), SCOPES).await;
        let source = desk.source(KEY, "k1", dpop);
        let (ids, notes, silence) = pull(&source).await.unwrap();
        assert_eq!(ids, desk.agents());
        assert!(!ids.is_empty() && notes.is_empty(), "{notes:?}");
        assert_eq!(silence, Silence::MustBeAsked);
        // The first proof has no nonce and is asked for one; after that, one token does for everything. Whoever starts
        // without a proof is told that one is missing.
        let tokens = if dpop { 2 } else { 3 };
        assert_eq!(desk.requests("POST /oauth2/v1/token"), tokens, "dpop = {dpop}");

        // Void nonces and tokens cost requests, nothing else.
        desk.sandbox.okta.expire_nonces();
        pull(&source).await.unwrap();
        desk.sandbox.okta.revoke_tokens();
        assert_eq!(pull(&source).await.unwrap().0, ids);
        assert!(source.check().await.iter().all(|line| line.ok));
    }
}

#[tokio::test]
async fn a_token_that_is_not_bound_reads_everybody() {
    let desk = Desk::new(ServiceApp::new(CLIENT), SCOPES).await;
    let (ids, notes, _) = pull(&desk.source(KEY, "k1", false)).await.unwrap();
    assert_eq!((ids, notes.len()), (desk.agents(), 0));
    assert_eq!(desk.requests("POST /oauth2/v1/token"), 1);
}

#[tokio::test]
async fn without_the_scope_of_the_system_log_its_hints_are_done_without() {
    let desk = Desk::new(dpop_app(), &SCOPES[..2]).await;
    let source = desk.source(KEY, "k1", true);
    let (ids, notes, _) = pull(&source).await.unwrap();
    assert_eq!(ids, desk.agents());
    assert!(notes.iter().any(|note| note.contains("System Log") && note.contains("okta.logs.read")), "{notes:?}");
    assert_eq!(desk.requests("GET /api/v1/logs"), 0);
    let lines = source.check().await;
    let line = lines.iter().find(|line| line.text.contains("System Log")).unwrap();
    assert!(line.ok && line.hint.as_ref().is_some_and(|hint| hint.contains("okta.logs.read")), "{line:?}");
}

#[tokio::test]
async fn without_a_scope_that_is_needed_nobody_is_read() {
    let desk = Desk::new(dpop_app(), &["okta.users.read", "okta.logs.read"]).await;
    let error = pull(&desk.source(KEY, "k1", true)).await.unwrap_err();
    assert!(error.to_string().contains("invalid_scope") && error.hint.contains("grant"), "{error}: {}", error.hint);
}

#[tokio::test]
async fn a_narrow_role_shows_its_groups_and_makes_silence_prove_nothing() {
    let desk = Desk::new(dpop_app(), SCOPES).await;
    let agents = desk.sandbox.tenant.group_id(AGENTS).unwrap();
    desk.sandbox.okta.configure(|settings| settings.role = Role::Groups([agents].into()));
    let source = desk.source(KEY, "k1", true);
    let (ids, notes, silence) = pull(&source).await.unwrap();
    assert_eq!((ids, silence), (desk.agents(), Silence::MustBeAsked));
    assert!(notes.iter().any(|note| note.contains("role is limited")), "{notes:?}");
    desk.sandbox.okta.configure(|settings| settings.role = Role::Nobody);
    let error = pull(&source).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Forbidden);
    assert!(error.hint.contains("role"), "{}", error.hint);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_hint_says_which() {
    let desk = Desk::new(dpop_app(), SCOPES).await;
    for (key, key_id, message, hint) in [
        (OTHER_KEY, "k1", "not the registered key's", "key_id and the private key belong together"),
        (KEY, "k2", "no key with this id", "key_id"),
    ] {
        let error = pull(&desk.source(key, key_id, true)).await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::Unauthorized, "{error}");
        assert!(error.to_string().contains(message) && error.hint.contains(hint), "{error}: {}", error.hint);
        assert!(!format!("{error:?}").contains("eyJ"), "an assertion is shown");
    }
}
