//! Against a small stateful CloudWatch Logs at the wire, which keeps the documented limits and can misbehave.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use chrono::TimeDelta;
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::model::{JournalEntry, RunId, RunSummary};
use crate::report::event::tests::{approved, at, long_change};

const GROUP: &str = "/rollcall/support";

#[derive(Debug, Default)]
struct Group {
    retention: Option<i64>,
    streams: BTreeMap<String, Vec<(i64, String)>>,
}

#[derive(Debug, Default)]
struct World {
    groups: BTreeMap<String, Group>,
    /// Milliseconds its clock is ahead of the one in the tests.
    ahead: i64,
    /// How many of the next calls are throttled.
    throttle: u32,
    /// How many of the next `PutLogEvents` are carried out, but answered with a failure.
    lose: u32,
    /// Refuses this operation for want of a permission.
    forbid: Option<&'static str>,
    calls: Vec<String>,
}

type Answer = Result<Json, (u16, &'static str)>;

impl World {
    fn answer(&mut self, operation: &str, input: &Json) -> Answer {
        if self.forbid == Some(operation) {
            return Err((400, "AccessDeniedException"));
        }
        if self.throttle > 0 {
            self.throttle -= 1;
            return Err((400, "ThrottlingException"));
        }
        let name = input["logGroupName"].as_str().unwrap_or_default().to_owned();
        match operation {
            "DescribeLogGroups" => Ok(self.describe(input)),
            "CreateLogGroup" if self.groups.contains_key(&name) => Err((400, "ResourceAlreadyExistsException")),
            "CreateLogGroup" => {
                self.groups.insert(name, Group::default());
                Ok(json!({}))
            }
            "PutRetentionPolicy" => {
                self.group(&name)?.retention = input["retentionInDays"].as_i64();
                Ok(json!({}))
            }
            "CreateLogStream" => {
                let stream = input["logStreamName"].as_str().unwrap().to_owned();
                assert!(!stream.contains([':', '*']) && (1..=512).contains(&stream.chars().count()), "{stream}");
                let group = self.group(&name)?;
                if group.streams.contains_key(&stream) {
                    return Err((400, "ResourceAlreadyExistsException"));
                }
                group.streams.insert(stream, Vec::new());
                Ok(json!({}))
            }
            "PutLogEvents" => {
                let answer = self.put(&name, input)?;
                if self.lose > 0 {
                    self.lose -= 1;
                    return Err((502, ""));
                }
                Ok(answer)
            }
            other => panic!("nobody should call {other}"),
        }
    }

    fn group(&mut self, name: &str) -> Result<&mut Group, (u16, &'static str)> {
        self.groups.get_mut(name).ok_or((400, "ResourceNotFoundException"))
    }

    /// Two groups a page.
    fn describe(&self, input: &Json) -> Json {
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let after = input["nextToken"].as_str().unwrap_or_default();
        let mut fitting =
            self.groups.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after).peekable();
        let mut page = Vec::new();
        for (name, group) in fitting.by_ref().take(2) {
            let mut shown = json!({ "logGroupName": name });
            if let Some(days) = group.retention {
                shown["retentionInDays"] = days.into();
            }
            page.push(shown);
        }
        let mut answer = json!({ "logGroups": page });
        if fitting.peek().is_some() {
            answer["nextToken"] = page[page.len() - 1]["logGroupName"].clone();
        }
        answer
    }

    fn put(&mut self, name: &str, input: &Json) -> Answer {
        let now = at(0).timestamp_millis() + self.ahead;
        let group = self.group(name)?;
        let kept_ms = group.retention.map(|days| days * 86_400_000);
        let stored = group.streams.get_mut(input["logStreamName"].as_str().unwrap());
        let stored = stored.ok_or((400, "ResourceNotFoundException"))?;
        let events: Vec<(i64, String)> = input["logEvents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| (event["timestamp"].as_i64().unwrap(), event["message"].as_str().unwrap().to_owned()))
            .collect();
        let bytes: usize = events.iter().map(|(_, message)| message.len() + 26).sum();
        let ordered = events.windows(2).all(|two| two[0].0 <= two[1].0);
        if !(1..=10_000).contains(&events.len()) || bytes > 1_048_576 || !ordered {
            return Err((400, "InvalidParameterException"));
        }
        if events[events.len() - 1].0 - events[0].0 >= 86_400_000 || events.iter().any(|(_, line)| line.is_empty()) {
            return Err((400, "InvalidParameterException"));
        }
        let too_old = events.partition_point(|(time, _)| *time < now - 14 * 86_400_000);
        let expired = kept_ms.map_or(0, |kept| events.partition_point(|(time, _)| *time < now - kept));
        let too_new = events.partition_point(|(time, _)| *time <= now + 7_200_000);
        let mut info = serde_json::Map::new();
        for (key, index, told) in [
            ("tooOldLogEventEndIndex", too_old, too_old > 0),
            ("expiredLogEventEndIndex", expired, expired > 0),
            ("tooNewLogEventStartIndex", too_new, too_new < events.len()),
        ] {
            if told {
                info.insert(key.to_owned(), index.into());
            }
        }
        let start = too_old.max(expired);
        stored.extend(events.into_iter().take(too_new).skip(start));
        Ok(if info.is_empty() { json!({}) } else { json!({ "rejectedLogEventsInfo": info }) })
    }
}

#[derive(Clone)]
struct FakeLogs(Arc<Mutex<World>>);

impl Respond for FakeLogs {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let target = request.headers["x-amz-target"].to_str().unwrap();
        let operation = target.strip_prefix("Logs_20140328.").unwrap();
        let mut world = self.0.lock().unwrap();
        world.calls.push(operation.to_owned());
        let input = serde_json::from_slice(&request.body).unwrap();
        match world.answer(operation, &input) {
            Ok(answer) => ResponseTemplate::new(200).set_body_raw(answer.to_string(), "application/x-amz-json-1.1"),
            Err((status, "")) => ResponseTemplate::new(status),
            Err((status, code)) => {
                let body = json!({ "__type": code, "message": "as told" }).to_string();
                ResponseTemplate::new(status).set_body_raw(body, "application/x-amz-json-1.1")
            }
        }
    }
}

struct Fake {
    server: MockServer,
    logs: FakeLogs,
}

impl Fake {
    async fn start() -> Self {
        let logs = FakeLogs(Arc::default());
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(logs.clone()).mount(&server).await;
        Self { server, logs }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.logs.0.lock().unwrap()
    }

    fn sink(&self, retention_days: Option<u32>) -> CloudwatchLogs {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-2"))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .endpoint_url(self.server.uri());
        CloudwatchLogs {
            name: "audit".into(),
            privacy: Privacy::Full,
            centre: "support:emea".into(),
            group: GROUP.into(),
            retention_days,
            metrics: true,
            client: Client::from_conf(config.build()),
            first_wait: Duration::from_micros(1),
            group_ready: false,
            stream_ready: None,
        }
    }

    /// Every stored line.
    fn lines(&self) -> Vec<String> {
        let world = self.world();
        let streams = world.groups.get(GROUP).into_iter().flat_map(|group| group.streams.values());
        streams.flatten().map(|(_, line)| line.clone()).collect()
    }

    /// Everything that is stored, as (stream, timestamp, event id).
    fn stored(&self) -> Vec<(String, i64, String)> {
        let world = self.world();
        let streams = world.groups.get(GROUP).into_iter().flat_map(|group| &group.streams);
        let events = streams.flat_map(|(stream, events)| events.iter().map(move |event| (stream, event)));
        let id = |line: &str| serde_json::from_str::<Json>(line).unwrap()["event_id"].as_str().unwrap().to_owned();
        events.map(|(stream, (time, line))| (stream.clone(), *time, id(line))).collect()
    }

    fn ids(&self) -> BTreeSet<String> {
        self.stored().into_iter().map(|(_, _, id)| id).collect()
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world().calls)
    }
}

fn ids(range: std::ops::RangeInclusive<i64>) -> BTreeSet<String> {
    range.map(|seq| format!("e{seq}")).collect()
}

#[tokio::test]
async fn group_retention_and_stream_are_made_once() {
    let fake = Fake::start().await;
    let mut sink = fake.sink(Some(90));
    let done = sink.deliver(&[approved(1, at(-2)), approved(2, at(-1))], at(0)).await.unwrap();
    assert_eq!((done.through, done.restamped, done.rejected.len()), (Some(2), 0, 0));
    assert!(done.stopped.is_none());
    let first = ["DescribeLogGroups", "CreateLogGroup", "PutRetentionPolicy", "CreateLogStream", "PutLogEvents"];
    assert_eq!(fake.calls(), first);
    assert_eq!(fake.world().groups[GROUP].retention, Some(90));
    assert_eq!(fake.stored()[0].0, "support_emea/2026-11-22");

    sink.deliver(&[approved(3, at(0))], at(0)).await.unwrap();
    assert_eq!(fake.calls(), ["PutLogEvents"]);
    // Another process later: everything is there already, among groups with similar names.
    for name in ["/rollcall/support-2", "/rollcall/support-3", "/rollcall/support.4"] {
        fake.world().groups.insert(name.into(), Group::default());
    }
    fake.sink(Some(90)).deliver(&[approved(4, at(0))], at(0)).await.unwrap();
    assert_eq!(fake.calls(), ["DescribeLogGroups", "CreateLogStream", "PutLogEvents"]);
    assert_eq!(fake.ids(), ids(1..=4));
}

#[tokio::test]
async fn the_end_of_a_run_brings_metrics_unless_they_are_switched_off() {
    for wanted in [true, false] {
        let fake = Fake::start().await;
        let mut sink = CloudwatchLogs { metrics: wanted, ..fake.sink(None) };
        let summary = Box::new(RunSummary { result: "done".into(), created: 3, ..RunSummary::default() });
        let run = RunId(uuid::Uuid::from_u128(7));
        let finished = (2, "e2".to_owned(), at(-1), JournalEntry::RunFinished { run, summary, next: None });
        sink.deliver(&[approved(1, at(-2)), finished], at(0)).await.unwrap();
        let with: Vec<bool> = fake.lines().iter().map(|line| line.contains("\"_aws\":{\"Timestamp\":")).collect();
        assert_eq!(with, [false, wanted]);
    }
}

#[tokio::test]
async fn retention_is_set_only_where_it_differs_and_is_configured() {
    for (configured, before, after) in [(Some(30), Some(90), Some(30)), (None, Some(7), Some(7)), (None, None, None)] {
        let fake = Fake::start().await;
        fake.world().groups.insert(GROUP.into(), Group { retention: before, ..Group::default() });
        fake.sink(configured).deliver(&[approved(1, at(0))], at(0)).await.unwrap();
        assert_eq!(fake.world().groups[GROUP].retention, after);
        assert_eq!(fake.calls().contains(&"PutRetentionPolicy".to_owned()), configured.is_some());
    }
}

#[tokio::test]
async fn a_long_journal_is_delivered_within_the_limits() {
    let fake = Fake::start().await;
    // More than one batch by number, then by bytes, then by day; one entry in the wrong order of time.
    let mut rows: Vec<Row> = (1..=10_001).map(|seq| approved(seq, at(seq / 100))).collect();
    rows.extend((10_002..=10_006).map(|seq| long_change(seq, at(101), 300_000)));
    rows.push(long_change(10_007, at(102), 2_000_000));
    rows.push(approved(10_008, at(-86_400)));
    let done = fake.sink(None).deliver(&rows, at(0)).await.unwrap();
    assert_eq!((done.through, done.rejected.len()), (Some(10_008), 0));
    assert_eq!(fake.ids(), ids(1..=10_008));
    assert_eq!(fake.stored().len(), 10_008);
    let world = fake.world();
    let streams = &world.groups[GROUP].streams;
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["support_emea/2026-11-21", "support_emea/2026-11-22"]);
    let oversized = streams["support_emea/2026-11-22"].iter().find(|(_, line)| line.contains("\"e10007\"")).unwrap();
    assert!(oversized.1.contains(r#""shortened":true"#) && oversized.1.contains("left out"), "{}", oversized.1);
}

#[tokio::test]
async fn old_events_are_stored_under_the_present_time_and_say_when_they_were() {
    let fake = Fake::start().await;
    let rows = [approved(1, at(-20 * 86_400)), approved(2, at(0)), approved(3, at(86_400))];
    let done = fake.sink(None).deliver(&rows, at(0)).await.unwrap();
    assert_eq!((done.through, done.restamped, done.rejected.len()), (Some(3), 2, 0));
    assert!(fake.stored().iter().all(|(_, time, _)| *time == at(0).timestamp_millis()));
    let world = fake.world();
    let lines = &world.groups[GROUP].streams["support_emea/2026-11-22"];
    assert!(lines[0].1.contains(r#""at":"2026-11-02T12:00:00.000Z""#), "{}", lines[0].1);
}

#[tokio::test]
async fn events_that_were_dropped_without_an_error_are_sent_again() {
    let fake = Fake::start().await;
    // Somebody has set a retention we do not know of.
    fake.world().groups.insert(GROUP.into(), Group { retention: Some(1), ..Group::default() });
    let rows = [approved(1, at(-3 * 86_400)), approved(2, at(-2 * 86_400)), approved(3, at(-10))];
    let done = fake.sink(None).deliver(&rows, at(0)).await.unwrap();
    assert_eq!((done.through, done.restamped, done.rejected.len()), (Some(3), 2, 0));
    assert_eq!(fake.ids(), ids(1..=3));
}

#[tokio::test]
async fn what_is_refused_for_good_is_named_and_does_not_hold_up_the_rest() {
    let fake = Fake::start().await;
    // Our clock is so far behind that even the present is refused.
    fake.world().ahead = TimeDelta::days(30).num_milliseconds();
    let done = fake.sink(None).deliver(&[approved(1, at(-10)), approved(2, at(0))], at(0)).await.unwrap();
    assert_eq!((done.through, done.restamped), (Some(2), 0));
    assert_eq!(done.rejected.len(), 2);
    assert_eq!(done.rejected[0].0, "e1");
    assert!(done.rejected.iter().all(|(_, reason)| reason.contains("older than 14 days")), "{:?}", done.rejected);
}

#[tokio::test]
async fn a_clock_that_is_ahead_holds_up_and_loses_nothing() {
    let fake = Fake::start().await;
    fake.world().ahead = -TimeDelta::days(1).num_milliseconds();
    let rows = [approved(1, at(-10)), approved(2, at(0))];
    let error = fake.sink(None).deliver(&rows, at(0)).await.unwrap_err();
    assert!(error.message.contains("ahead of the clock") && error.hint.contains("set it"), "{error}");
    fake.world().ahead = 0;
    let done = fake.sink(None).deliver(&rows, at(0)).await.unwrap();
    assert_eq!((done.through, done.rejected.len()), (Some(2), 0));
}

#[tokio::test]
async fn throttling_is_waited_out_and_bounded() {
    let fake = Fake::start().await;
    fake.world().throttle = MAX_ATTEMPTS - 1;
    let mut sink = fake.sink(None);
    assert_eq!(sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap().through, Some(1));

    fake.world().throttle = u32::MAX;
    fake.calls();
    let error = sink.deliver(&[approved(2, at(0))], at(0)).await.unwrap_err();
    assert_eq!(fake.calls().len(), MAX_ATTEMPTS as usize);
    assert!(error.message.contains("PutLogEvents: ThrottlingException"), "{error}");
}

#[tokio::test]
async fn a_lost_reply_repeats_the_batch_and_loses_nothing() {
    let fake = Fake::start().await;
    fake.world().lose = 2;
    let done = fake.sink(None).deliver(&[approved(1, at(0)), approved(2, at(0))], at(0)).await.unwrap();
    assert_eq!(done.through, Some(2));
    assert_eq!(fake.stored().len(), 6, "stored three times; readers drop repeated ids");
    assert_eq!(fake.ids(), ids(1..=2));
}

#[tokio::test]
async fn a_deleted_group_is_made_again_once() {
    let fake = Fake::start().await;
    let mut sink = fake.sink(Some(90));
    sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap();
    fake.world().groups.clear();
    assert_eq!(sink.deliver(&[approved(2, at(0))], at(0)).await.unwrap().through, Some(2));
    assert_eq!(fake.ids(), ids(2..=2));
    assert_eq!(fake.world().groups[GROUP].retention, Some(90));

    fake.world().groups.clear();
    fake.world().forbid = Some("CreateLogGroup");
    let error = sink.deliver(&[approved(3, at(0))], at(0)).await.unwrap_err();
    assert!(error.hint.contains("logs:CreateLogGroup"), "{}", error.hint);
}

#[tokio::test]
async fn a_part_that_arrived_moves_the_cursor_that_far() {
    let fake = Fake::start().await;
    let mut sink = fake.sink(None);
    sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap();
    // The second batch needs the stream of another day.
    fake.world().forbid = Some("CreateLogStream");
    let rows = [approved(2, at(0)), approved(3, at(-86_400)), approved(4, at(0))];
    let done = sink.deliver(&rows, at(0)).await.unwrap();
    assert_eq!(done.through, Some(2));
    assert!(done.stopped.unwrap().message.contains("CreateLogStream"));

    fake.world().forbid = None;
    assert_eq!(sink.deliver(&rows[1..], at(0)).await.unwrap().through, Some(4));
    assert_eq!(fake.ids(), ids(1..=4));
}

#[tokio::test]
async fn a_check_writes_nothing_and_says_what_to_do() {
    let fake = Fake::start().await;
    let text = |lines: Vec<CheckLine>| lines[0].text.clone();
    assert!(text(fake.sink(Some(90)).check().await).contains("creates the log group"));
    fake.world().groups.insert(GROUP.into(), Group::default());
    assert!(text(fake.sink(Some(90)).check().await).contains("for ever; the first delivery sets it to for 90 days"));
    fake.world().groups.get_mut(GROUP).unwrap().retention = Some(90);
    assert!(text(fake.sink(Some(90)).check().await).ends_with("keeps events for 90 days"));
    assert!(fake.calls().iter().all(|call| call == "DescribeLogGroups"));

    fake.world().forbid = Some("DescribeLogGroups");
    let lines = fake.sink(Some(90)).check().await;
    assert!(!lines[0].ok && lines[0].hint.as_ref().unwrap().contains("allow logs:DescribeLogGroups"), "{lines:?}");
}

#[tokio::test]
async fn nobody_there_is_an_error_after_a_bounded_number_of_attempts() {
    let fake = Fake::start().await;
    let mut sink = fake.sink(None);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = sink.client.config().to_builder().endpoint_url(format!("http://{free}"));
    sink.client = Client::from_conf(config.build());
    let error = sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap_err();
    assert!(error.message.ends_with("DescribeLogGroups: no reply"), "{error}");
    assert!(error.hint.contains("network"), "{}", error.hint);
}

#[tokio::test]
async fn missing_credentials_are_named_at_once() {
    let fake = Fake::start().await;
    let mut sink = fake.sink(None);
    // An attempt more would take an hour; the test ends only because there is none.
    sink.first_wait = Duration::from_secs(7_200);
    let nobody = aws_config::profile::ProfileFileCredentialsProvider::builder().profile_name("no-such-profile").build();
    let config = sink.client.config().to_builder().credentials_provider(nobody);
    sink.client = Client::from_conf(config.build());
    let error = sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap_err();
    assert!(error.hint.contains("check the AWS credentials"), "{error}: {}", error.hint);
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    for (url, accepted) in [
        ("http://127.0.0.1:4566", true),
        ("http://[::1]:4566", true),
        ("https://logs.example.com", true),
        ("http://logs.example.com", false),
    ] {
        let config = CloudwatchConfig {
            group: GROUP.into(),
            retention_days: Some(90),
            region: "eu-west-2".into(),
            profile: None,
            endpoint_url: Some(url.parse().unwrap()),
            tls: connectors::http::Tls::default(),
            metrics: true,
        };
        let built = CloudwatchLogs::build("audit", Privacy::Keys, &config, "support", None).await;
        assert_eq!(built.is_ok(), accepted, "{url}");
    }
}
