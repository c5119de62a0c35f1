//! Both ways of telling against the sandbox at the wire: what arrives, what a bad day does, and what an error says of it.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use connectors::http::{Carried, Carrier, Cause, Parcel, Tls};
use connectors::secret::Fetched;
use connectors::{SecretSource, SecretVault, VaultName, VaultSecret};
use rollcall::aws::Reach;
use rollcall::model::{Subject, SubjectKind, Time};
use rollcall::reconcile::chain;
use rollcall::report::notify::{
    Hears, Message, Notifier, NotifierConfig, NotifierKind, NotifyError, SnsConfig, Trouble, WebhookConfig, WebhookUrl,
};
use rollcall::sandbox::company::Company;
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::{Sandbox, Settings};
use secrecy::SecretString;
use serde_json::Value;

const KEYS: [&str; 3] = ["key-in-the-address", "Bearer key-in-the-header", "key-of-the-signature"];

fn at() -> Time {
    Time::from_timestamp(1_772_323_200, 0).unwrap()
}

async fn start() -> Sandbox {
    Sandbox::start(Settings::new(at(), Company::plain(3))).await.unwrap()
}

fn message() -> Message {
    let trouble = Trouble {
        subject: Subject::Source("entra".into()),
        what: "GET /users: answered with status 403".to_owned(),
        hint: "give the credential the right to read users".to_owned(),
        people: Vec::new(),
        since: at(),
        last: at(),
        times: 1,
        number: 1,
    };
    Message { at: at(), troubles: vec![trouble], over: Vec::new() }
}

async fn notifier(kind: NotifierKind) -> Notifier {
    let hears = Hears { on: BTreeSet::from(SubjectKind::ALL), newly_held: 5 };
    Notifier::build(&NotifierConfig { name: "ops".to_owned(), hears, kind }, "support-emea").await.unwrap()
}

async fn sns(sandbox: &Sandbox, topic: &str) -> Notifier {
    let reach = Reach {
        region: "eu-central-1".to_owned(),
        profile: None,
        assume_role: None,
        endpoint_url: Some(sandbox.addresses.sns_url.parse().unwrap()),
        tls: Tls::default(),
    };
    notifier(NotifierKind::Sns(SnsConfig { topic: topic.to_owned(), reach })).await
}

/// Gives each secret the value it has now.
#[derive(Debug, Default)]
struct Shelf {
    rotated: Mutex<bool>,
    asked_again: AtomicUsize,
    address: String,
}

impl SecretVault for Shelf {
    fn fetch<'a>(&'a self, name: &'a VaultName, refused: Option<&'a SecretString>) -> Fetched<'a> {
        if refused.is_some() {
            self.asked_again.fetch_add(1, Ordering::SeqCst);
        }
        let value = match name.name.as_str() {
            "url" => self.address.clone(),
            "authorization" if *self.rotated.lock().unwrap() && refused.is_some() => "Bearer the-next-one".to_owned(),
            "authorization" => KEYS[1].to_owned(),
            _ => KEYS[2].to_owned(),
        };
        Box::pin(async move { Ok(SecretString::from(value)) })
    }
}

fn stored(shelf: &Arc<Shelf>, name: &str) -> SecretSource {
    let name = VaultName { store: "shelf", name: name.to_owned(), key: None };
    let mut secret = SecretSource::Vault(VaultSecret::new(name));
    let vault: Arc<dyn SecretVault> = shelf.clone();
    secret.bind(&vault);
    secret
}

/// An endpoint of which everything is secret, and where the secrets are.
async fn webhook(address: &str) -> (Notifier, Arc<Shelf>) {
    let shelf = Arc::new(Shelf { address: format!("{address}/hooks/{}?sig=1", KEYS[0]), ..Shelf::default() });
    let config = WebhookConfig {
        url: WebhookUrl::Secret(stored(&shelf, "url")),
        authorization: Some(stored(&shelf, "authorization")),
        signing_key: Some(stored(&shelf, "signing_key")),
        tls: Tls::default(),
    };
    (notifier(NotifierKind::Webhook(Box::new(config))).await, shelf)
}

fn fault(sandbox: &Sandbox, service: &str, kind: FaultKind) {
    sandbox.faults.add(Fault { service: service.to_owned(), operation: None, skip: 0, times: 1, kind });
}

fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: String::new(), retry_after: None }
}

/// What an error says, after making sure that it says nothing it must not.
fn said(result: Result<(), NotifyError>) -> (String, String) {
    let error = result.expect_err("a failure");
    for key in KEYS {
        assert!(!format!("{} {error:?}", chain(&error)).contains(key), "{key} in {error:?}");
    }
    assert!(!error.hint.is_empty());
    (error.to_string(), error.hint)
}

#[tokio::test]
async fn a_topic_gets_a_subject_and_plain_lines() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 1);
    let ops = sns(&sandbox, &topic).await;
    ops.deliver(&message(), at()).await.unwrap();
    let messages = sandbox.sns.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].subject.as_deref(), Some("rollcall support-emea: source entra cannot be read"));
    assert!(messages[0].message.contains("  → give the credential the right to read users"), "{}", messages[0].message);
    assert_eq!(sandbox.sns.quota().calls()["Publish"].calls, 1);
}

#[tokio::test]
async fn a_topic_that_fails_is_tried_once_and_said_with_what_to_do() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 1);
    let ops = sns(&sandbox, &topic).await;
    for (kind, says, arrived) in [
        (status(500, "InternalError"), "InternalError", 0),
        (status(400, "Throttling"), "Throttling", 0),
        (status(503, "ServiceUnavailable"), "ServiceUnavailable", 0),
        (FaultKind::LostReply, "no reply", 1),
        (FaultKind::Html, "status 200", 1),
        (FaultKind::Truncated, "the answer ends before its end", 1),
        (FaultKind::Redirect, "status 302", 1),
    ] {
        let (before, calls) =
            (sandbox.sns.messages().len(), sandbox.sns.quota().calls().get("Publish").map_or(0, |n| n.calls));
        fault(&sandbox, "sns", kind.clone());
        let (text, _) = said(ops.deliver(&message(), at()).await);
        assert!(text.starts_with(&format!("notify.ops: Publish: {says}")), "{kind:?}: {text}");
        assert_eq!(sandbox.sns.messages().len() - before, arrived, "{kind:?}");
        assert_eq!(sandbox.sns.quota().calls()["Publish"].calls - calls, 1, "one attempt");
    }
    sandbox.sns.lock(&topic, true);
    let (text, hint) = said(ops.deliver(&message(), at()).await);
    assert!(text.starts_with("notify.ops: Publish: AuthorizationError (request "), "{text}");
    assert_eq!(hint, format!("allow sns:Publish on {topic} for this AWS identity"));
    sandbox.sns.delete_topic(&topic);
    let (_, hint) = said(ops.deliver(&message(), at()).await);
    assert_eq!(hint, format!("create the topic {topic}, or correct `topic`"));
}

#[tokio::test]
async fn the_check_of_a_topic_publishes_nothing_and_notices_that_nobody_listens() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 2);
    let ops = sns(&sandbox, &topic).await;
    let line = ops.check().await.remove(0);
    assert!(line.ok && line.text == "notify.ops: topic ops, confirmed subscriptions: 2", "{line:?}");
    let deaf = sandbox.sns.create_topic("deaf", 0);
    sandbox.sns.subscribe(&deaf);
    let line = sns(&sandbox, &deaf).await.check().await.remove(0);
    assert!(
        !line.ok && line.text.ends_with("no confirmed subscription, 1 not confirmed yet: nobody would be told"),
        "{line:?}"
    );
    sandbox.sns.lock(&topic, true);
    let line = ops.check().await.remove(0);
    assert_eq!(line.hint, Some(format!("allow sns:GetTopicAttributes on {topic} for this AWS identity")));
    assert!(sandbox.sns.messages().is_empty());
}

#[tokio::test]
async fn a_webhook_gets_json_that_is_signed_and_authorised() {
    let sandbox = start().await;
    sandbox.webhook.demand(KEYS[1]);
    let (ops, _) = webhook(&sandbox.addresses.webhook_url).await;
    ops.deliver(&message(), at()).await.unwrap();
    let posts = sandbox.webhook.posts();
    assert_eq!((posts.len(), posts[0].path.as_str()), (1, "/hooks/key-in-the-address?sig=1"));
    let (headers, body) = (&posts[0].headers, &posts[0].body);
    assert_eq!(headers["content-type"], "application/json");
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEYS[2].as_bytes());
    let signed = format!("{}.{body}", headers["x-rollcall-timestamp"]);
    let code: String = hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(headers["x-rollcall-signature"], format!("v1={code}"));
    assert_eq!(headers["x-rollcall-timestamp"], at().timestamp().to_string());
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["text"], message().text("support-emea"));
    assert_eq!(
        (&body["contact_centre"], &body["troubles"][0]["subject"]),
        (&"support-emea".into(), &"source/entra".into())
    );
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_once_it_is_refused() {
    let sandbox = start().await;
    sandbox.webhook.demand("Bearer the-next-one");
    let (ops, shelf) = webhook(&sandbox.addresses.webhook_url).await;
    let (text, hint) = said(ops.deliver(&message(), at()).await);
    assert_eq!(text, "notify.ops: the webhook: answered with status 401");
    assert!(hint.starts_with("check authorization"), "{hint}");
    *shelf.rotated.lock().unwrap() = true;
    ops.deliver(&message(), at()).await.unwrap();
    assert_eq!((sandbox.webhook.posts().len(), shelf.asked_again.load(Ordering::SeqCst)), (1, 6));
}

#[tokio::test]
async fn a_webhook_that_fails_is_said_without_its_address() {
    let sandbox = start().await;
    let (ops, _) = webhook(&sandbox.addresses.webhook_url).await;
    for (kind, says, arrived) in [
        (status(500, "x"), "answered with status 500", 0),
        (status(429, "x"), "answered with status 429", 0),
        (status(404, "x"), "answered with status 404", 0),
        (status(403, "x"), "answered with status 403", 0),
        (FaultKind::Redirect, "answered with status 302", 0),
        (FaultKind::LostReply, "no whole answer", 1),
    ] {
        let before = sandbox.webhook.posts().len();
        fault(&sandbox, "webhook", kind.clone());
        let (text, _) = said(ops.deliver(&message(), at()).await);
        assert_eq!(text, format!("notify.ops: the webhook: {says}"), "{kind:?}");
        assert_eq!(sandbox.webhook.posts().len() - before, arrived, "{kind:?}");
    }
    fault(&sandbox, "webhook", FaultKind::Html);
    ops.deliver(&message(), at()).await.unwrap();
    let (gone, _) = webhook("http://127.0.0.1:9").await;
    let (text, hint) = said(gone.deliver(&message(), at()).await);
    assert_eq!(
        (text.as_str(), hint.as_str()),
        ("notify.ops: the webhook: no whole answer", "check the network and the host of url")
    );
    let (elsewhere, _) = webhook("http://hooks.example.com").await;
    let (text, _) = said(elsewhere.deliver(&message(), at()).await);
    assert_eq!(text, "notify.ops: the webhook: url is neither https nor on loopback");
    let (nowhere, _) = webhook("hunter").await;
    assert_eq!(said(nowhere.deliver(&message(), at()).await).0, "notify.ops: the webhook: url is no address");
}

#[tokio::test]
async fn the_check_of_a_webhook_posts_nothing_and_shows_no_secret_address() {
    let sandbox = start().await;
    let (ops, _) = webhook(&sandbox.addresses.webhook_url).await;
    let line = ops.check().await.remove(0);
    assert!(line.ok && line.text == "notify.ops: the host of url is known; nothing was posted", "{line:?}");
    let (nowhere, _) = webhook("https://no-such-host.invalid").await;
    let line = nowhere.check().await.remove(0);
    assert!(!line.ok && line.text == "notify.ops: the webhook: the host of url is not known here", "{line:?}");
    let (bad, _) = webhook("ftp://hooks.example.com").await;
    assert!(!bad.check().await[0].ok);
    assert!(sandbox.webhook.posts().is_empty());
}

/// Never answers.
#[derive(Debug)]
struct Silence;

impl Carrier for Silence {
    fn carry(&self, _: Parcel) -> Pin<Box<dyn Future<Output = Result<Carried, Cause>> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_an_answer() {
    let carrier: Arc<dyn Carrier> = Arc::new(Silence);
    let url = WebhookUrl::Plain("https://hooks.example.com/x".parse().unwrap());
    let config = WebhookConfig { url, authorization: None, signing_key: None, tls: Tls::default() };
    let hears = Hears { on: BTreeSet::from(SubjectKind::ALL), newly_held: 5 };
    let config = NotifierConfig { name: "ops".to_owned(), hears, kind: NotifierKind::Webhook(Box::new(config)) };
    let ops = Notifier::over(None, Some(&carrier), &config, "support-emea").await.unwrap();
    let started = tokio::time::Instant::now();
    let (text, _) = said(ops.deliver(&message(), at()).await);
    assert_eq!(text, "notify.ops: the webhook: no whole answer");
    assert!(started.elapsed() <= Duration::from_secs(20), "{:?}", started.elapsed());
}
