//! Secrets that are stored in AWS: read late, kept for minutes, read again when they are refused, told by name only.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectors::{PullError, PullRequest, SecretError, SecretVault, VaultName};
use rollcall::assemble;
use rollcall::aws::Reach;
use rollcall::config;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::scene::{CLIENT_ID, CLIENT_SECRET, SceneSource};
use rollcall::sandbox::scim::{Character, Credential};
use rollcall::sandbox::secrets::{Content, Lock};
use rollcall::sandbox::tenant::App;
use rollcall::secrets::{AWS_PARAMETER, AWS_SECRET, AwsVault};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::process::Command;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::world::{World, now};

/// What must not be seen anywhere.
const VALUE: &str = "hunter2-and-more";

fn reach(endpoint: &str) -> Reach {
    Reach {
        region: "eu-central-1".to_owned(),
        profile: None,
        assume_role: None,
        endpoint_url: Some(endpoint.parse().unwrap()),
        tls: connectors::http::Tls::default(),
    }
}

fn vault(sandbox: &Sandbox) -> AwsVault {
    AwsVault::new(reach(&sandbox.addresses.secrets_url))
}

fn name(store: &'static str, name: &str, key: Option<&str>) -> VaultName {
    VaultName { store, name: name.to_owned(), key: key.map(str::to_owned) }
}

async fn get(vault: &AwsVault, name: &VaultName) -> Result<String, SecretError> {
    vault.fetch(name, None).await.map(|secret| secret.expose_secret().to_owned())
}

fn asked(sandbox: &Sandbox, operation: &str) -> u64 {
    sandbox.secrets.quota().calls().get(operation).map_or(0, |calls| calls.calls)
}

/// Time goes on for the program's own clock; what is on the wire is not hurried by it.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_secret_is_read_from_either_store_by_name_and_by_arn() {
    let World { sandbox, .. } = World::of(1).await;
    let text = |text: &str| Content::Text(text.to_owned());
    sandbox.secrets.put("whole", text("s3cret\n"));
    sandbox.secrets.put("object", text(r#"{"user":"u","okta":"s3cret","n":1}"#));
    sandbox.secrets.put("bytes", Content::Binary(b"s3cret".to_vec()));
    sandbox.secrets.put("/rollcall/okta", Content::SecureString("old".to_owned()));
    sandbox.secrets.put("/rollcall/okta", Content::SecureString("s3cret".to_owned()));
    let vault = vault(&sandbox);
    for name in [
        name(AWS_SECRET, "whole", None),
        name(AWS_SECRET, &sandbox.secrets.secret_arn("whole"), None),
        name(AWS_SECRET, "object", Some("okta")),
        name(AWS_SECRET, "bytes", None),
        name(AWS_PARAMETER, "/rollcall/okta", None),
        name(AWS_PARAMETER, "/rollcall/okta:2", None),
        name(AWS_PARAMETER, &sandbox.secrets.parameter_arn("/rollcall/okta"), None),
    ] {
        assert_eq!(get(&vault, &name).await.unwrap_or_else(|error| panic!("{name}: {error}")), "s3cret", "{name}");
    }
    assert_eq!(get(&vault, &name(AWS_PARAMETER, "/rollcall/okta:1", None)).await.unwrap(), "old");
}

#[tokio::test]
async fn a_value_is_kept_for_five_minutes_and_read_again_when_it_is_refused() {
    let World { sandbox, .. } = World::of(1).await;
    sandbox.secrets.put("s", Content::Text("one".to_owned()));
    let (vault, name) = (Arc::new(vault(&sandbox)), name(AWS_SECRET, "s", None));
    for _ in 0..10 {
        assert_eq!(get(&vault, &name).await.unwrap(), "one");
    }
    assert_eq!(asked(&sandbox, "GetSecretValue"), 1);
    sandbox.secrets.put("s", Content::Text("two".to_owned()));
    later(299).await;
    assert_eq!(get(&vault, &name).await.unwrap(), "one");

    // Twenty requests are refused at once: one question.
    let refused = SecretString::from("one");
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (vault, name, refused) = (Arc::clone(&vault), name.clone(), refused.clone());
            tokio::spawn(async move { vault.fetch(&name, Some(&refused)).await.unwrap().expose_secret().to_owned() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "two");
    }
    assert_eq!(asked(&sandbox, "GetSecretValue"), 2);
    // The new one is refused as well: nothing is asked in the same moment, and one question later.
    let refused = SecretString::from("two");
    for (wait, expected) in [(0, 2), (0, 2), (3, 3), (0, 3)] {
        later(wait).await;
        assert_eq!(vault.fetch(&name, Some(&refused)).await.unwrap().expose_secret(), "two");
        assert_eq!(asked(&sandbox, "GetSecretValue"), expected);
    }
    later(301).await;
    assert_eq!(get(&vault, &name).await.unwrap(), "two");
    assert_eq!(asked(&sandbox, "GetSecretValue"), 4);
}

#[tokio::test]
async fn a_failure_says_which_secret_why_and_what_to_do_and_never_what_is_in_it() {
    let World { sandbox, .. } = World::of(1).await;
    let secrets = &sandbox.secrets;
    secrets.put("s", Content::Text(format!("{{\"k\":\"{VALUE}\",\"n\":{{\"k\":\"{VALUE}\"}}}}")));
    secrets.put("t", Content::Text(VALUE.to_owned()));
    secrets.put("b", Content::Binary([b"\xff".as_slice(), VALUE.as_bytes()].concat()));
    secrets.put("p", Content::SecureString(VALUE.to_owned()));
    secrets.put("open", Content::PlainString(VALUE.to_owned()));
    let check = async |name: VaultName, lock: Option<Lock>, words: &[&str], hint: &str| {
        secrets.lock(&name.name, lock);
        let error = get(&vault(&sandbox), &name).await.unwrap_err();
        secrets.lock(&name.name, None);
        let shown = format!("{error} | {error:?} | {}", error.hint());
        assert!(error.to_string().starts_with(&format!("{name} cannot be read: ")), "{shown}");
        for word in words {
            assert!(error.to_string().contains(word), "no `{word}`: {shown}");
        }
        assert!(error.hint().contains(hint), "no `{hint}`: {shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    };
    let secret = |id: &str, key| name(AWS_SECRET, id, key);
    let parameter = |id: &str| name(AWS_PARAMETER, id, None);
    check(secret("none", None), None, &["GetSecretValue: ResourceNotFoundException", "request "], "eu-central-1").await;
    check(secret("t", None), Some(Lock::NotAllowed), &["AccessDeniedException"], "secretsmanager:GetSecretValue").await;
    check(secret("t", None), Some(Lock::KeyNotAllowed), &["AccessDeniedException", "key"], "kms:Decrypt").await;
    check(secret("t", None), Some(Lock::KeyBroken), &["DecryptionFailure"], "kms:Decrypt").await;
    check(secret("t", None), Some(Lock::Deleted), &["InvalidRequestException"], "deletion").await;
    check(parameter("none"), None, &["GetParameter: ParameterNotFound", "request "], "eu-central-1").await;
    check(parameter("p:7"), None, &["ParameterVersionNotFound"], "name").await;
    check(parameter("p"), Some(Lock::NotAllowed), &["AccessDeniedException"], "ssm:GetParameter").await;
    check(parameter("p"), Some(Lock::KeyNotAllowed), &["AccessDeniedException", "key"], "kms:Decrypt").await;
    check(parameter("p"), Some(Lock::KeyBroken), &["InvalidKeyId"], "kms:Decrypt").await;
    check(parameter("open"), None, &["plain text"], "SecureString").await;
    check(secret("t", Some("k")), None, &["no JSON object"], "key").await;
    check(secret("s", Some("other")), None, &["no such key"], "key").await;
    check(secret("s", Some("n")), None, &["no text"], "text").await;
    check(secret("b", None), None, &["binary"], "text").await;
    // The secret's ARN names another Region, where it is not.
    let arn = secrets.secret_arn("t").replace("eu-central-1", "eu-west-2");
    check(secret(&arn, None), None, &["ResourceNotFoundException"], "eu-west-2").await;
}

#[tokio::test]
async fn a_busy_store_is_asked_again_a_bounded_number_of_times() {
    let world = World::of(1).await;
    world.sandbox.secrets.put("s", Content::Text("x".to_owned()));
    let busy = |code: &str, status| FaultKind::Status {
        status,
        code: code.to_owned(),
        message: String::new(),
        retry_after: None,
    };
    let name = name(AWS_SECRET, "s", None);
    world.fault("secrets", "GetSecretValue", 0, 1, busy("ThrottlingException", 400));
    world.fault("secrets", "GetSecretValue", 0, 1, busy("InternalServiceError", 500));
    world.fault("secrets", "GetSecretValue", 0, 1, FaultKind::LostReply);
    assert_eq!(get(&vault(&world.sandbox), &name).await.unwrap(), "x");
    assert_eq!(asked(&world.sandbox, "GetSecretValue"), 4);
    world.fault("secrets", "GetSecretValue", 0, 100, busy("ThrottlingException", 400));
    let vault = vault(&world.sandbox);
    let error = get(&vault, &name).await.unwrap_err();
    assert!(error.hint().contains("wait"), "{error} {}", error.hint());
    // Whoever else needs it in this moment is told the same, without a question.
    assert!(get(&vault, &name).await.is_err());
    assert_eq!(asked(&world.sandbox, "GetSecretValue"), 8);
}

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<u8>>>);

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that any library logs on the way, down to the finest level.
#[tokio::test]
async fn no_log_line_of_any_level_holds_the_value() {
    let World { sandbox, .. } = World::of(1).await;
    sandbox.secrets.put("s", Content::Text(VALUE.to_owned()));
    sandbox.secrets.put("o", Content::Text(format!("{{\"k\":\"{VALUE}\"}}")));
    sandbox.secrets.put("b", Content::Binary(VALUE.as_bytes().to_vec()));
    sandbox.secrets.put("p", Content::SecureString(VALUE.to_owned()));
    let ear = Ear::default();
    let writer = ear.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let vault = vault(&sandbox);
    for name in [
        name(AWS_SECRET, "s", None),
        name(AWS_SECRET, "o", Some("k")),
        name(AWS_SECRET, "b", None),
        name(AWS_PARAMETER, "p", None),
    ] {
        assert_eq!(get(&vault, &name).await.unwrap(), VALUE);
    }
    drop(guard);
    let heard = String::from_utf8(ear.0.lock().unwrap().clone()).unwrap();
    assert!(heard.contains("GetSecretValue") && heard.contains("TRACE"), "the ear is deaf: {heard}");
    let numbers = format!("{:?}", VALUE.as_bytes()).trim_matches(['[', ']']).to_owned();
    for form in [VALUE.to_owned(), STANDARD.encode(VALUE), numbers] {
        let at = heard.find(&form);
        assert!(at.is_none(), "{}", &heard[at.unwrap_or_default().saturating_sub(300)..][..400]);
    }
}

/// `rollcall check` of the real binary: a line for the secret, good or bad.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_whether_a_stored_secret_can_be_read() {
    let world = world(SceneSource::Entra).await;
    let lines = async || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        let output = command.arg("--config").arg(world.config_path()).args(["check", "--json"]).output().await.unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(!shown.contains(CLIENT_SECRET), "{shown}");
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        value["lines"].as_array().unwrap().clone()
    };
    let line = json!({
        "place": "source entra", "ok": true, "text": "aws_secret `rollcall/directory`, key `k` was read", "hint": null,
    });
    assert!(lines().await.contains(&line));
    world.sandbox.secrets.lock("rollcall/directory", Some(Lock::NotAllowed));
    let bad = lines().await;
    let line = bad.iter().find(|line| line["ok"] == false).unwrap();
    assert!(line["text"].as_str().unwrap().contains("AccessDeniedException"), "{line}");
    assert!(line["hint"].as_str().unwrap().contains("secretsmanager:GetSecretValue"), "{line}");
}

/// A signed request goes to the endpoint it was signed for: the AWS client follows no redirect.
#[tokio::test]
async fn a_redirect_of_aws_leads_nowhere() {
    let (here, elsewhere) = (MockServer::start().await, MockServer::start().await);
    for status in [301, 302, 307, 308] {
        let redirect = ResponseTemplate::new(status).insert_header("location", elsewhere.uri().as_str());
        Mock::given(any()).respond_with(redirect).up_to_n_times(1).mount(&here).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&elsewhere).await;
    for _ in 0..4 {
        let vault = AwsVault::new(reach(&here.uri()));
        assert!(get(&vault, &name(AWS_SECRET, "s", None)).await.is_err());
    }
    assert!(!here.received_requests().await.unwrap().is_empty());
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

/// A world whose directories find their secret in AWS.
async fn world(source: SceneSource) -> World {
    let mut world = World::with(20, |_| {}, |text| text.sources = vec![source]).await;
    world.sandbox.secrets.put("rollcall/directory", Content::Text(format!("{{\"k\":\"{CLIENT_SECRET}\"}}")));
    world.text.secret = Some("{ aws_secret = \"rollcall/directory\", key = \"k\" }".to_owned());
    world.write_config();
    world
}

/// The directory takes another secret from now on, and only that.
fn rotate(world: &World, new: &str) {
    let sandbox = &world.sandbox;
    sandbox.secrets.put("rollcall/directory", Content::Text(format!("{{\"k\":\"{new}\"}}")));
    sandbox.tenant.set_app(App::new(CLIENT_ID).secret(new).permissions(&["User.Read.All", "GroupMember.Read.All"]));
    sandbox.okta.add_api_token(new);
    sandbox.okta.revoke_api_token(CLIENT_SECRET);
    sandbox.scim.configure(|settings| settings.credentials = vec![Credential::Bearer(new.to_owned())]);
}

async fn pull(source: &connectors::Source) -> Result<usize, PullError> {
    let known = BTreeSet::new();
    let got = source.pull(PullRequest { cursor: None, known: &known, at: now() }).await?;
    match got {
        connectors::Pull::Full(snapshot) => Ok(snapshot.content().users.len()),
        connectors::Pull::Delta(_) => panic!("a delta without a cursor"),
    }
}

#[tokio::test]
async fn a_rotated_secret_takes_effect_without_a_restart() {
    let strict = Character::Strict;
    for source in [SceneSource::Entra, SceneSource::Okta { app: false }, SceneSource::Scim { character: strict }] {
        let world = world(source).await;
        let config = world.config();
        let vault = assemble::vault(&config);
        let first = assemble::sources_with(&config, now, &vault).unwrap();
        assert!(pull(&first[0]).await.unwrap() > 0);
        assert_eq!(asked(&world.sandbox, "GetSecretValue"), 1, "{source:?}");
        rotate(&world, "the-new-one");
        later(rollcall::secrets::PAUSE.as_secs() + 1).await;
        // Another connection with the same store, as a token of the first one would still be good.
        let second = assemble::sources_with(&config, now, &vault).unwrap();
        assert!(pull(&second[0]).await.unwrap() > 0, "{source:?}");
        assert!(pull(&second[0]).await.unwrap() > 0, "{source:?}");
        assert_eq!(asked(&world.sandbox, "GetSecretValue"), 2, "{source:?}");
        for shown in [format!("{config:#?}"), format!("{:#?}", second[0]), format!("{vault:#?}")] {
            assert!(!shown.contains("the-new-one") && !shown.contains(CLIENT_SECRET), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_stored_secrets_is_a_run_like_any_other() {
    let world = world(SceneSource::Entra).await;
    world.sync().await.unwrap();
    assert!(world.managed() > 0);
    world.nothing_more_happens().await;
    // The store is gone: an error of the pull, and nobody is concluded to be absent.
    world.sandbox.secrets.lock("rollcall/directory", Some(Lock::NotAllowed));
    let managed = world.managed();
    let shown = match world.sync_full().await {
        Ok(ended) => format!("{ended:?}"),
        Err(error) => format!("{error:?}"),
    };
    assert!(shown.contains("AccessDeniedException") && !shown.contains(CLIENT_SECRET), "{shown}");
    assert_eq!((world.managed(), world.deletes()), (managed, 0));
}

#[test]
fn the_scene_reads_its_secrets_from_itself() {
    let text = include_str!("../../src/sandbox/scene.toml");
    assert!(text.contains("[secrets]"), "without it the sandbox would ask AWS");
    assert!(config::template().contains("aws_parameter"));
}
