//! The service, driven by the client AWS publishes.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use crate::sandbox::faults::{Fault, FaultKind};
use crate::sandbox::{Bucket, QuotaSettings, Sandbox, Settings, tests as raw};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn start() -> (Sandbox, Client) {
    let mut settings = Settings::new(raw::start_of_story(), crate::sandbox::company::Company::plain(3));
    settings.logs.quota = QuotaSettings::unlimited();
    let sandbox = Sandbox::start(settings).await.unwrap();
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(&sandbox.addresses.logs_url)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    (sandbox, Client::from_conf(config))
}

async fn with_stream() -> (Sandbox, Client) {
    let (sandbox, client) = start().await;
    client.create_log_group().log_group_name("g").send().await.unwrap();
    client.create_log_stream().log_group_name("g").log_stream_name("s").send().await.unwrap();
    (sandbox, client)
}

fn event(timestamp: i64, message: impl Into<String>) -> InputLogEvent {
    InputLogEvent::builder().timestamp(timestamp).message(message).build().unwrap()
}

fn put(
    client: &Client,
    events: Vec<InputLogEvent>,
) -> aws_sdk_cloudwatchlogs::operation::put_log_events::builders::PutLogEventsFluentBuilder {
    client.put_log_events().log_group_name("g").log_stream_name("s").set_log_events(Some(events))
}

#[tokio::test]
async fn groups_streams_and_retention() {
    let (sandbox, client) = start().await;
    let code = |result: Option<&str>| result.unwrap().to_owned();
    let group = |name: &str| client.create_log_group().log_group_name(name).send();
    group("/rollcall/audit").await.unwrap();
    assert_eq!(code(group("/rollcall/audit").await.unwrap_err().code()), "ResourceAlreadyExistsException");
    for bad in ["aws/x", "a b", ""] {
        assert_eq!(code(group(bad).await.unwrap_err().code()), "InvalidParameterException", "{bad:?}");
    }
    let retain = |days| client.put_retention_policy().log_group_name("/rollcall/audit").retention_in_days(days).send();
    assert_eq!(code(retain(91).await.unwrap_err().code()), "InvalidParameterException");
    retain(90).await.unwrap();
    assert_eq!(sandbox.logs.retention_days("/rollcall/audit"), Some(90));
    let groups =
        client.describe_log_groups().log_group_name_prefix("/rollcall").send().await.unwrap().log_groups.unwrap();
    assert_eq!((groups.len(), groups[0].retention_in_days), (1, Some(90)));

    let stream =
        |group: &str, name: &str| client.create_log_stream().log_group_name(group).log_stream_name(name).send();
    stream("/rollcall/audit", "2026/03/02").await.unwrap();
    assert_eq!(
        code(stream("/rollcall/audit", "2026/03/02").await.unwrap_err().code()),
        "ResourceAlreadyExistsException"
    );
    assert_eq!(code(stream("/rollcall/audit", "a:b").await.unwrap_err().code()), "InvalidParameterException");
    assert_eq!(code(stream("other", "s").await.unwrap_err().code()), "ResourceNotFoundException");
    let streams =
        client.describe_log_streams().log_group_name("/rollcall/audit").send().await.unwrap().log_streams.unwrap();
    assert_eq!(streams[0].log_stream_name.as_deref(), Some("2026/03/02"));
}

#[tokio::test]
async fn batches_beyond_a_limit_are_refused_whole() {
    let (sandbox, client) = with_stream().await;
    let now = raw::start_of_story().timestamp_millis();
    for (case, events, fine) in [
        ("nothing", vec![], false),
        ("too many", vec![event(now, "x"); 10_001], false),
        ("as many as may be", vec![event(now, "x"); 10_000], true),
        ("too big", vec![event(now, "x".repeat(1_048_576 - 25))], false),
        ("as big as may be", vec![event(now, "x".repeat(1_048_576 - 26))], true),
        ("an empty message", vec![event(now, "")], false),
        ("out of order", vec![event(now, "b"), event(now - 1, "a")], false),
        ("a day and a bit", vec![event(now - DAY - 1, "a"), event(now, "b")], false),
        ("a day", vec![event(now - DAY, "a"), event(now, "b")], true),
    ] {
        let before = sandbox.logs.events().len();
        let count = events.len();
        let result = put(&client, events).send().await;
        assert_eq!(result.is_ok(), fine, "{case}");
        assert_eq!(sandbox.logs.events().len() - before, if fine { count } else { 0 }, "{case}");
        if let Err(error) = result {
            assert_eq!(error.code(), Some("InvalidParameterException"), "{case}");
        }
    }
    let elsewhere = put(&client, vec![event(now, "x")]).log_stream_name("other").send().await.unwrap_err();
    assert_eq!(elsewhere.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn events_out_of_time_are_dropped_while_the_call_succeeds() {
    let (sandbox, client) = with_stream().await;
    let now = sandbox.clock.now().timestamp_millis();
    let events = vec![
        event(now - 15 * DAY, "old"),
        event(now, "fine"),
        event(now + 3 * HOUR, "new"),
        event(now + 4 * HOUR, "new"),
    ];
    let info = put(&client, events).send().await.unwrap().rejected_log_events_info.unwrap();
    assert_eq!((info.too_old_log_event_end_index, info.too_new_log_event_start_index), (Some(1), Some(2)));
    assert_eq!(info.expired_log_event_end_index, None);
    client.put_retention_policy().log_group_name("g").retention_in_days(1).send().await.unwrap();
    let info =
        put(&client, vec![event(now - 2 * DAY, "expired")]).send().await.unwrap().rejected_log_events_info.unwrap();
    assert_eq!(info.expired_log_event_end_index, Some(1));
    let kept: Vec<String> = sandbox.logs.events().into_iter().map(|event| event.message).collect();
    assert_eq!(kept, ["fine"]);
}

#[tokio::test]
async fn events_are_read_back_in_order_page_by_page() {
    let (_sandbox, client) = with_stream().await;
    let now = raw::start_of_story().timestamp_millis();
    put(&client, (0..5).map(|n| event(now + n, format!("line {n}"))).collect()).send().await.unwrap();
    put(&client, vec![event(now + 1, "line between")]).send().await.unwrap();
    let expected = ["line 0", "line 1", "line between", "line 2", "line 3", "line 4"];

    let mut read = Vec::new();
    let mut token = None;
    for _ in 0..10 {
        let request = client.get_log_events().log_group_name("g").log_stream_name("s").start_from_head(true).limit(2);
        let page = request.set_next_token(token.clone()).send().await.unwrap();
        read.extend(page.events.unwrap().into_iter().map(|event| event.message.unwrap()));
        if page.next_forward_token == token {
            break;
        }
        token = page.next_forward_token;
    }
    assert_eq!(read, expected);
    let latest = client.get_log_events().log_group_name("g").log_stream_name("s").limit(1).send().await.unwrap();
    assert_eq!(latest.events.unwrap()[0].message.as_deref(), Some("line 4"), "from the tail unless told otherwise");

    let mut pages = client.filter_log_events().log_group_name("g").limit(4).into_paginator().send();
    let mut filtered = Vec::new();
    while let Some(page) = pages.next().await {
        filtered.extend(page.unwrap().events.unwrap().into_iter().map(|event| event.message.unwrap()));
    }
    assert_eq!(filtered, expected);
    let found = client.filter_log_events().log_group_name("g").filter_pattern("\"line between\"").send().await.unwrap();
    assert_eq!(found.events.unwrap().len(), 1);
    let late =
        client.filter_log_events().log_group_name("g").start_time(now + 3).end_time(now + 4).send().await.unwrap();
    assert_eq!(late.events.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_reply_stores_a_batch_that_a_retry_stores_again() {
    let (sandbox, client) = with_stream().await;
    let now = raw::start_of_story().timestamp_millis();
    let operation = Some("PutLogEvents".to_owned());
    sandbox.faults.add(Fault { service: "logs".to_owned(), operation, skip: 0, times: 1, kind: FaultKind::LostReply });
    assert!(put(&client, vec![event(now, "once")]).send().await.unwrap_err().raw_response().is_none());
    put(&client, vec![event(now, "once")]).send().await.unwrap();
    assert_eq!(sandbox.logs.events().len(), 2);

    let bucket = Some(Bucket { per_second: 0.001, burst: 1.0 });
    sandbox.logs.quota().set(QuotaSettings { default: bucket, operations: Default::default() });
    put(&client, vec![event(now, "x")]).send().await.unwrap();
    let throttled = put(&client, vec![event(now, "x")]).send().await.unwrap_err();
    assert_eq!(throttled.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(throttled.code(), Some("ThrottlingException"));
    let url = &sandbox.addresses.logs_url;
    let unsigned = raw::send(url, "POST", "/", &[("x-amz-target", "Logs_20140328.PutLogEvents")], "{}").await;
    assert!(unsigned.body.contains("MissingAuthenticationTokenException"));
}
