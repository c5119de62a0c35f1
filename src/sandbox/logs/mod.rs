//! CloudWatch Logs: groups, streams and events behind the JSON 1.1 interface of the real service.
//!
//! Source: Amazon CloudWatch Logs API reference (operations, limits of `PutLogEvents`) and user guide (quotas).
//!
//! Deliberately absent: filter patterns other than plain terms, encryption, classes of groups, metrics.

mod groups;
mod put;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::aws_json::{self, Refusal, ensure_signed, reply, sent, text};
use super::clock::Clock;
use super::faults::Faults;
use super::quota::{Bucket, Quota, QuotaSettings};
use super::wire::strike;

/// How the service behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct LogsSettings {
    /// AWS account, 12 digits.
    pub account: String,
    /// AWS Region.
    pub region: String,
    /// What may be called how often.
    pub quota: QuotaSettings,
}

impl Default for LogsSettings {
    /// The documented rates; where they depend on the Region, the lowest.
    fn default() -> Self {
        let rates = [
            ("CreateLogGroup", 10.0),
            ("PutRetentionPolicy", 5.0),
            ("DescribeLogGroups", 10.0),
            ("CreateLogStream", 50.0),
            ("DescribeLogStreams", 25.0),
            ("PutLogEvents", 5000.0),
            ("GetLogEvents", 10.0),
            ("FilterLogEvents", 5.0),
        ];
        let bucket = |rate| Some(Bucket { per_second: rate, burst: rate });
        Self {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            quota: QuotaSettings {
                default: bucket(5.0),
                operations: rates.into_iter().map(|(name, rate)| (name.to_owned(), bucket(rate))).collect(),
            },
        }
    }
}

/// An event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEvent {
    /// Group it is in.
    pub group: String,
    /// Stream it is in.
    pub stream: String,
    /// Milliseconds since 1970, given by the sender.
    pub timestamp: i64,
    /// Milliseconds since 1970, when it arrived.
    pub ingested: i64,
    /// The text.
    pub message: String,
}

#[derive(Debug)]
struct Group {
    created: i64,
    retention_days: Option<i64>,
    streams: BTreeMap<String, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    created: i64,
    events: Vec<Event>,
}

#[derive(Debug, Clone)]
struct Event {
    /// Order of arrival in the whole service, from 0.
    serial: u64,
    timestamp: i64,
    ingested: i64,
    message: String,
}

#[derive(Debug)]
struct Store {
    settings: LogsSettings,
    clock: Clock,
    groups: BTreeMap<String, Group>,
    serial: u64,
}

impl Store {
    fn now_millis(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    fn group(&mut self, name: &str) -> Result<&mut Group, Refusal> {
        self.groups.get_mut(name).ok_or_else(|| not_found("The specified log group does not exist."))
    }

    fn arn(&self, group: &str) -> String {
        let LogsSettings { account, region, .. } = &self.settings;
        format!("arn:aws:logs:{region}:{account}:log-group:{group}")
    }
}

/// The service. Clones share it.
#[derive(Debug, Clone)]
pub struct LogsState {
    store: Arc<Mutex<Store>>,
    quota: Quota,
}

impl LogsState {
    /// A service without groups.
    #[must_use]
    pub fn new(settings: LogsSettings, clock: Clock) -> Self {
        let quota = Quota::new(settings.quota.clone());
        let store = Store { settings, clock, groups: BTreeMap::new(), serial: 0 };
        Self { store: Arc::new(Mutex::new(store)), quota }
    }

    /// The HTTP service.
    pub fn router(&self, faults: Faults) -> Router {
        // A batch of 1 MiB of text may take up to six times that as escaped JSON.
        let limit = DefaultBodyLimit::max(8 * 1024 * 1024);
        Router::new().fallback(serve).layer(limit).with_state(Service { state: self.clone(), faults })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Buckets and counts of calls.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// All events in the order of arrival.
    #[must_use]
    pub fn events(&self) -> Vec<LogEvent> {
        let mut all: Vec<(u64, LogEvent)> = self.with(|store| {
            let mut all = Vec::new();
            for (group, Group { streams, .. }) in &store.groups {
                for (stream, Stream { events, .. }) in streams {
                    for Event { serial, timestamp, ingested, message } in events.iter().cloned() {
                        let (group, stream) = (group.clone(), stream.clone());
                        all.push((serial, LogEvent { group, stream, timestamp, ingested, message }));
                    }
                }
            }
            all
        });
        all.sort_by_key(|(serial, _)| *serial);
        all.into_iter().map(|(_, event)| event).collect()
    }

    /// Days a group keeps its events; absent: for ever, or no such group.
    #[must_use]
    pub fn retention_days(&self, group: &str) -> Option<i64> {
        self.with(|store| store.groups.get(group).and_then(|group| group.retention_days))
    }
}

fn parameter(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn not_found(message: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", message)
}

fn exists(what: &str) -> Refusal {
    Refusal::new("ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

type Handler = fn(&mut Store, &Value) -> Result<Value, Refusal>;

const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateLogGroup", groups::create_group),
    ("PutRetentionPolicy", groups::put_retention),
    ("DescribeLogGroups", groups::describe_groups),
    ("CreateLogStream", groups::create_stream),
    ("DescribeLogStreams", groups::describe_streams),
    ("PutLogEvents", put::put_events),
    ("GetLogEvents", read::get_events),
    ("FilterLogEvents", read::filter_events),
];

fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn ensure(holds: bool, message: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(parameter(message)) }
}

#[derive(Debug, Clone)]
struct Service {
    state: LogsState,
    faults: Faults,
}

async fn serve(State(service): State<Service>, method: Method, headers: HeaderMap, body: Bytes) -> Response<Body> {
    sent(answer(&service, &method, &headers, &body).await)
}

async fn answer(
    service: &Service,
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Refusal> {
    ensure_signed(headers, "logs")?;
    let target = text(headers, "x-amz-target").strip_prefix("Logs_20140328.").unwrap_or("");
    let known = OPERATIONS.iter().find(|(name, _)| *name == target && *method == Method::POST);
    let (operation, handler) = known.ok_or_else(|| Refusal::new("UnknownOperationException", ""))?;
    service.state.quota.count(operation);
    let fault = strike(&service.faults, "logs", operation).await?;
    service.state.quota.admit(operation).map_err(|_| Refusal::new("ThrottlingException", "Rate exceeded"))?;
    let body = aws_json::read(headers, body)?;
    let led_here = body.get("nextToken").and_then(Value::as_str);
    let result = service.state.with(|store| handler(store, &body))?;
    Ok(reply(fault.as_ref(), result, led_here))
}
