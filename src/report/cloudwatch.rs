//! Amazon CloudWatch Logs: one log group, one stream per contact centre and UTC day.
//!
//! Invariant: every attempt is ours. The SDK's own retries are off; throttling, 5xx and lost replies are tried again a
//! bounded number of times, so a batch may be stored twice and is never left out.
//! Invariant: events that CloudWatch Logs drops while the call succeeds are noticed (`rejectedLogEventsInfo`), stored under
//! the present time, and named if even that is too old. A clock of ours that is ahead holds the outbox up, it loses nothing.
//! Sources: CloudWatch Logs API reference, `PutLogEvents`, `CreateLogStream`, `DescribeLogGroups`, `PutRetentionPolicy`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{Builder, SharedHttpClient};
use aws_sdk_cloudwatchlogs::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::RequestId as _;
use aws_sdk_cloudwatchlogs::types::{InputLogEvent, RejectedLogEventsInfo};
use chrono::NaiveDate;
use connectors::CheckLine;

use super::batch::{self, Batch, Limits, MAX_EVENT_BYTES, Stamped};
use super::config::{CloudwatchConfig, Privacy};
use super::event;
use super::sink::{Delivered, Row, SinkError};
use crate::aws::{self, Reach};
use crate::model::Time;

/// Attempts of one call.
const MAX_ATTEMPTS: u32 = 6;
/// Wait before the second attempt; doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Pages of `DescribeLogGroups` (50 groups each) that are read to find one by its whole name as the prefix.
const MAX_PAGES: usize = 20;
/// Longest name of a stream; `:` and `*` must not be in it.
const MAX_STREAM_CHARS: usize = 512;
/// Why an event of the future is dropped.
const TOO_NEW: &str = "more than 2 hours ahead of the clock of CloudWatch Logs";

/// A log group in CloudWatch Logs.
#[derive(Debug)]
pub struct CloudwatchLogs {
    name: String,
    privacy: Privacy,
    centre: String,
    group: String,
    retention_days: Option<u32>,
    metrics: bool,
    client: Client,
    first_wait: Duration,
    /// The group exists and keeps events as long as configured, as far as we know.
    group_ready: bool,
    /// The last stream that was found or made.
    stream_ready: Option<String>,
}

/// What a failed call means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Throttled, 5xx, or no reply: try again.
    Again,
    /// The group or stream is not there.
    Missing,
    /// What was to be created is there.
    Exists,
    /// Trying again does not help.
    Final,
}

#[derive(Debug)]
struct Failure {
    meaning: Meaning,
    error: SinkError,
}

impl CloudwatchLogs {
    pub(super) async fn build(
        name: &str,
        privacy: Privacy,
        config: &CloudwatchConfig,
        centre: &str,
        http: Option<&SharedHttpClient>,
    ) -> Result<Self, SinkError> {
        let CloudwatchConfig { group, retention_days, region, profile, endpoint_url, tls, metrics } = config;
        let reach = Reach {
            region: region.clone(),
            profile: profile.clone(),
            assume_role: None,
            endpoint_url: endpoint_url.clone(),
            tls: tls.clone(),
        };
        // Missing credentials are found when there is something to tell: a report never stops a run.
        let shared = aws::prepare(&reach).await.map_err(|error| SinkError {
            message: format!("report.{name}: {error}"),
            hint: error.hint(),
            source: None,
        })?;
        let mut client = Builder::from(&shared);
        if let Some(http) = http {
            client = client.http_client(http.clone());
        }
        Ok(Self {
            name: name.to_owned(),
            privacy,
            centre: centre.to_owned(),
            group: group.clone(),
            retention_days: *retention_days,
            metrics: *metrics,
            client: Client::from_conf(client.build()),
            first_wait: FIRST_WAIT,
            group_ready: false,
            stream_ready: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn deliver(&mut self, rows: &[Row], now: Time) -> Result<Delivered, SinkError> {
        let times: BTreeMap<i64, Time> = rows.iter().map(|(seq, _, at, _)| (*seq, *at)).collect();
        let line = if self.metrics { event::line_with_metrics } else { event::line };
        let events = rows.iter().map(|row| Stamped {
            seq: row.0,
            event_id: row.1.clone(),
            stamp: batch::stamp(row.2, now, self.retention_days),
            line: line(row, &self.centre, self.privacy, MAX_EVENT_BYTES),
        });
        let mut delivered = Delivered::default();
        for batch in batch::batches(events.collect(), Limits::CLOUDWATCH) {
            let (again, rejected) = match self.store(&batch, now).await {
                Ok(stored) => stored,
                Err(failure) if delivered.through.is_none() => return Err(failure.error),
                Err(failure) => {
                    delivered.stopped = Some(failure.error);
                    break;
                }
            };
            let moved = batch.events.iter().filter(|event| times.get(&event.seq) != Some(&event.stamp)).count();
            delivered.restamped += u32::try_from(moved).unwrap_or(u32::MAX) + again;
            delivered.rejected.extend(rejected);
            delivered.through = Some(batch.through);
        }
        Ok(delivered)
    }

    /// Stores a batch; what is dropped for its age goes once more under the present time. Says how many were stored that
    /// way and which were refused for good.
    async fn store(&mut self, batch: &Batch, now: Time) -> Result<(u32, Vec<(String, String)>), Failure> {
        let dropped = self.put(batch.day, &batch.events).await?;
        if dropped.is_empty() {
            return Ok((0, Vec::new()));
        }
        let again: Vec<Stamped> =
            dropped.keys().map(|at| Stamped { stamp: now, ..batch.events[*at].clone() }).collect();
        let refused = self.put(now.date_naive(), &again).await?;
        if refused.values().any(|why| *why == TOO_NEW) {
            // Not for good: once our clock is right they are taken. Until then the outbox keeps them.
            let message = format!("report.{}: CloudWatch Logs refuses the present time as {TOO_NEW}", self.name);
            let hint = "the clock of this machine is ahead; set it, and what waits is delivered".to_owned();
            return Err(Failure { meaning: Meaning::Final, error: SinkError { message, hint, source: None } });
        }
        let stored = u32::try_from(again.len() - refused.len()).unwrap_or(u32::MAX);
        Ok((stored, refused.into_iter().map(|(at, why)| (again[at].event_id.clone(), why.to_owned())).collect()))
    }

    /// Puts events into the stream of a day and says which of them were dropped. A group or stream that somebody has
    /// deleted since is made again, once.
    async fn put(&mut self, day: NaiveDate, events: &[Stamped]) -> Result<BTreeMap<usize, &'static str>, Failure> {
        let stream = self.stream(day);
        match self.try_put(&stream, events).await {
            Err(Failure { meaning: Meaning::Missing, .. }) => {
                self.group_ready = false;
                self.stream_ready = None;
                self.try_put(&stream, events).await
            }
            answer => answer,
        }
    }

    async fn try_put(&mut self, stream: &str, events: &[Stamped]) -> Result<BTreeMap<usize, &'static str>, Failure> {
        self.prepare(stream).await?;
        let input: Vec<InputLogEvent> = events
            .iter()
            .map(|event| {
                let event = InputLogEvent::builder().timestamp(event.stamp.timestamp_millis()).message(&event.line);
                event.build().expect("an event has a timestamp and a message")
            })
            .collect();
        let call = self.client.put_log_events().log_group_name(&self.group).log_stream_name(stream);
        let call = call.set_log_events(Some(input));
        let answer = self.call("PutLogEvents", || call.clone().send()).await?;
        Ok(answer.rejected_log_events_info().map(|info| dropped(info, events.len())).unwrap_or_default())
    }

    /// `<contact centre>/<UTC day>`.
    fn stream(&self, day: NaiveDate) -> String {
        let day = format!("/{day}");
        let centre = self.centre.chars().map(|c| if matches!(c, ':' | '*') { '_' } else { c });
        let mut stream: String = centre.take(MAX_STREAM_CHARS - day.len()).collect();
        stream.push_str(&day);
        stream
    }

    async fn prepare(&mut self, stream: &str) -> Result<(), Failure> {
        if !self.group_ready {
            self.prepare_group().await?;
            self.group_ready = true;
        }
        if self.stream_ready.as_deref() != Some(stream) {
            let call = self.client.create_log_stream().log_group_name(&self.group).log_stream_name(stream);
            made(self.call("CreateLogStream", || call.clone().send()).await)?;
            self.stream_ready = Some(stream.to_owned());
        }
        Ok(())
    }

    async fn prepare_group(&self) -> Result<(), Failure> {
        let kept = match self.find_group().await? {
            Some(kept) => kept,
            None => {
                let call = self.client.create_log_group().log_group_name(&self.group);
                made(self.call("CreateLogGroup", || call.clone().send()).await)?;
                None
            }
        };
        let Some(days) = self.retention_days.filter(|days| kept != Some(*days)) else { return Ok(()) };
        let call = self.client.put_retention_policy().log_group_name(&self.group);
        let call = call.retention_in_days(i32::try_from(days).unwrap_or(i32::MAX));
        self.call("PutRetentionPolicy", || call.clone().send()).await?;
        Ok(())
    }

    /// `None`: there is no such group. `Some(None)`: its events never expire; `Some(Some(days))`: after so many days.
    async fn find_group(&self) -> Result<Option<Option<u32>>, Failure> {
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let call = self.client.describe_log_groups().log_group_name_prefix(&self.group).set_next_token(token);
            let page = self.call("DescribeLogGroups", || call.clone().send()).await?;
            if let Some(group) = page.log_groups().iter().find(|group| group.log_group_name() == Some(&self.group)) {
                return Ok(Some(group.retention_in_days().and_then(|days| u32::try_from(days).ok())));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
        let message = format!("report.{}: DescribeLogGroups: no end after {MAX_PAGES} pages", self.name);
        let hint = format!("choose a group name that fewer groups begin with than {}", self.group);
        Err(Failure { meaning: Meaning::Final, error: SinkError { message, hint, source: None } })
    }

    pub(super) async fn check(&self) -> Vec<CheckLine> {
        let (name, group) = (&self.name, &self.group);
        let days = |days: Option<u32>| days.map_or("for ever".to_owned(), |days| format!("for {days} days"));
        let text = match self.find_group().await {
            Ok(None) => format!("report.{name}: the first delivery creates the log group {group}"),
            Ok(Some(kept)) if self.retention_days.is_none_or(|wanted| kept == Some(wanted)) => {
                format!("report.{name}: log group {group} keeps events {}", days(kept))
            }
            Ok(Some(kept)) => format!(
                "report.{name}: log group {group} keeps events {}; the first delivery sets it to {}",
                days(kept),
                days(self.retention_days)
            ),
            Err(Failure { error: SinkError { message, hint, source: _ }, .. }) => {
                return vec![CheckLine { ok: false, text: message, hint: Some(hint) }];
            }
        };
        vec![CheckLine { ok: true, text, hint: None }]
    }

    /// Makes one call, with further attempts where they can help.
    async fn call<T, E, F, Fut>(&self, operation: &'static str, send: F) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E>>>,
    {
        let mut wait = self.first_wait;
        for attempt in 1.. {
            let failure = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.judge(operation, error),
            };
            if failure.meaning != Meaning::Again || attempt == MAX_ATTEMPTS {
                return Err(failure);
            }
            // Between half and the whole of it, so that several processes do not come back together.
            tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            wait = (wait * 2).min(MAX_WAIT);
        }
        unreachable!("the last attempt returns")
    }

    fn judge<E>(&self, operation: &str, error: SdkError<E>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(ToOwned::to_owned);
        let meaning = meaning(code.as_deref(), status, &error);
        let what = code.clone().unwrap_or_else(|| match status {
            Some(status) => format!("status {status}"),
            None if meaning == Meaning::Final => "the request could not be made".to_owned(),
            None => "no reply".to_owned(),
        });
        let request = error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
        let hint = match code.as_deref() {
            Some("AccessDeniedException" | "AccessDenied") => {
                format!("allow logs:{operation} on log group {} for this AWS identity", self.group)
            }
            Some(
                "UnrecognizedClientException" | "ExpiredTokenException" | "ExpiredToken" | "InvalidSignatureException",
            ) => "renew the AWS credentials".to_owned(),
            Some("LimitExceededException") => "raise the quota of log groups, or name an existing group".to_owned(),
            _ if status.is_none() && meaning == Meaning::Final => {
                "check the AWS credentials (environment, profile, container or instance role)".to_owned()
            }
            _ if status.is_none() => "check the network, the Region and endpoint_url".to_owned(),
            _ if meaning == Meaning::Again => "nothing; the next run delivers again".to_owned(),
            _ => "see the cause".to_owned(),
        };
        let message = format!("report.{}: {operation}: {what}{request}", self.name);
        Failure { meaning, error: SinkError { message, hint, source: Some(error.into()) } }
    }
}

fn meaning<E>(code: Option<&str>, status: Option<u16>, error: &SdkError<E>) -> Meaning {
    match (code, status) {
        (Some("ResourceNotFoundException"), _) => Meaning::Missing,
        (Some("ResourceAlreadyExistsException"), _) => Meaning::Exists,
        // Throttling comes with status 400. OperationAborted: another call works on the same group just now.
        (
            Some(
                "ThrottlingException"
                | "Throttling"
                | "TooManyRequestsException"
                | "ServiceUnavailableException"
                | "OperationAbortedException",
            ),
            _,
        )
        | (_, Some(429 | 500..)) => Meaning::Again,
        (_, Some(200..300)) => Meaning::Again,
        (_, Some(_)) => Meaning::Final,
        (_, None) => match error {
            // Before anything was sent: no credentials, or a request that cannot be built.
            SdkError::ConstructionFailure(_) => Meaning::Final,
            SdkError::DispatchFailure(failure)
                if failure.is_other() && failure.as_connector_error().and_then(ConnectorError::as_other).is_none() =>
            {
                Meaning::Final
            }
            _ => Meaning::Again,
        },
    }
}

/// A create that finds the thing there has done its work.
fn made<T>(answer: Result<T, Failure>) -> Result<(), Failure> {
    match answer {
        Ok(_) | Err(Failure { meaning: Meaning::Exists, .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Which events of a batch of `length` were dropped, and why. Events stand in order of time, so the old ones are a head
/// and the new ones a tail.
fn dropped(info: &RejectedLogEventsInfo, length: usize) -> BTreeMap<usize, &'static str> {
    let place = |index: i32| usize::try_from(index).unwrap_or(0).min(length);
    let mut dropped = BTreeMap::new();
    if let Some(end) = info.expired_log_event_end_index() {
        dropped.extend((0..place(end)).map(|at| (at, "older than the retention period of the log group")));
    }
    if let Some(end) = info.too_old_log_event_end_index() {
        dropped.extend((0..place(end)).map(|at| (at, "older than 14 days by the clock of CloudWatch Logs")));
    }
    if let Some(start) = info.too_new_log_event_start_index() {
        dropped.extend((place(start)..length).map(|at| (at, TOO_NEW)));
    }
    dropped
}

#[cfg(test)]
#[path = "cloudwatch_tests.rs"]
mod tests;
