//! The service, driven by the client AWS publishes.

use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::error::ProvideErrorMetadata;

use super::*;
use crate::sandbox::faults::Fault;
use crate::sandbox::{Sandbox, Settings, tests as raw};

async fn start() -> Sandbox {
    Sandbox::start(Settings::new(raw::start_of_story(), crate::sandbox::company::Company::plain(3))).await.unwrap()
}

fn client(sandbox: &Sandbox, region: &str) -> aws_sdk_sns::Client {
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(&sandbox.addresses.sns_url)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_sns::Client::from_conf(config)
}

const HERE: &str = "eu-central-1";

#[tokio::test]
async fn what_is_published_is_kept_and_a_topic_tells_its_subscriptions() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 2);
    sandbox.sns.subscribe(&topic);
    let sns = client(&sandbox, HERE);
    let text = "a & <b>\n→ ü";
    let sent = sns.publish().topic_arn(&topic).subject("S — ü").message(text).send().await.unwrap();
    let messages = sandbox.sns.messages();
    assert_eq!(messages.len(), 1);
    let Published { id, topic: of, subject, message } = messages[0].clone();
    assert_eq!(
        (Some(id.as_str()), of, subject.as_deref(), message.as_str()),
        (sent.message_id(), topic.clone(), Some("S — ü"), text)
    );
    let told = sns.get_topic_attributes().topic_arn(&topic).send().await.unwrap().attributes.unwrap();
    assert_eq!((told["SubscriptionsConfirmed"].as_str(), told["SubscriptionsPending"].as_str()), ("2", "1"));
}

#[tokio::test]
async fn what_the_service_would_refuse_is_refused() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 1);
    let there = topic.replace(HERE, "eu-west-2");
    let check = async |region: &str, topic: &str, subject: &str, message: &str, code: Option<&str>| {
        let call = client(&sandbox, region).publish().topic_arn(topic).subject(subject).message(message);
        let got = call.send().await.err().map(|error| error.code().unwrap_or_default().to_owned());
        assert_eq!(got.as_deref(), code, "{region} {topic} {subject:?}");
    };
    check(HERE, &topic, &"s".repeat(99), &"m".repeat(262_144), None).await;
    check(HERE, &topic, &"s".repeat(100), "m", Some("InvalidParameter")).await;
    check(HERE, &topic, "a\nb", "m", Some("InvalidParameter")).await;
    check(HERE, &topic, "s", "", Some("InvalidParameter")).await;
    check(HERE, &topic, "s", &"ü".repeat(131_073), Some("InvalidParameter")).await;
    check(HERE, &there, "s", "m", Some("InvalidParameter")).await;
    check("eu-west-2", &topic, "s", "m", Some("SignatureDoesNotMatch")).await;
    check(HERE, &format!("{topic}x"), "s", "m", Some("NotFound")).await;
    sandbox.sns.lock(&topic, true);
    check(HERE, &topic, "s", "m", Some("AuthorizationError")).await;
    sandbox.sns.lock(&topic, false);
    sandbox.sns.delete_topic(&topic);
    check(HERE, &topic, "s", "m", Some("NotFound")).await;
}

#[tokio::test]
async fn unsigned_requests_and_unknown_actions_are_refused() {
    let sandbox = start().await;
    let http = reqwest::Client::new();
    let post = async |body: &str, authorization: Option<&str>| {
        let mut request = http.post(&sandbox.addresses.sns_url).body(body.to_owned());
        request = request.header("content-type", "application/x-www-form-urlencoded").header("x-amz-date", "x");
        if let Some(text) = authorization {
            request = request.header("authorization", text);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let scope = |service: &str| {
        format!("AWS4-HMAC-SHA256 Credential=A/20260302/{HERE}/{service}/aws4_request, SignedHeaders=host, Signature=0")
    };
    let body = "Action=Publish&Version=2010-03-31&TopicArn=x&Message=m";
    let (status, text) = post(body, None).await;
    assert!(status == 403 && text.contains("<Code>MissingAuthenticationToken</Code>"), "{text}");
    let (status, text) = post(body, Some(&scope("sqs"))).await;
    assert!(status == 403 && text.contains("<Code>SignatureDoesNotMatch</Code>"), "{text}");
    let (status, text) = post("Action=Fly&Version=2010-03-31", Some(&scope("sns"))).await;
    assert!(status == 400 && text.contains("<Code>InvalidAction</Code>"), "{text}");
}

#[tokio::test]
async fn faults_strike_and_a_lost_reply_was_published() {
    let sandbox = start().await;
    let topic = sandbox.sns.create_topic("ops", 1);
    let sns = client(&sandbox, HERE);
    let publish = async || sns.publish().topic_arn(&topic).message("m").send().await;
    let fault = |kind| {
        let operation = Some("Publish".to_owned());
        sandbox.faults.add(Fault { service: "sns".to_owned(), operation, skip: 0, times: 1, kind });
    };
    let (code, message, retry_after) = ("InternalError".to_owned(), String::new(), None);
    fault(FaultKind::Status { status: 500, code, message, retry_after });
    assert_eq!(publish().await.unwrap_err().code(), Some("InternalError"));
    assert!(sandbox.sns.messages().is_empty());
    for kind in [FaultKind::LostReply, FaultKind::Html, FaultKind::Redirect] {
        let before = sandbox.sns.messages().len();
        fault(kind);
        assert!(publish().await.is_err());
        assert_eq!(sandbox.sns.messages().len(), before + 1);
    }
    assert!(publish().await.is_ok());
}
