//! Groups, streams, retention.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Group, Refusal, Store, Stream, ensure, exists, parameter, parse};

const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// `[\.\-_/#A-Za-z0-9]+`, 1 to 512 characters.
pub(super) fn group_name(name: &str) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/' | '#');
    ensure((1..=512).contains(&name.len()) && name.chars().all(allowed), "logGroupName is not valid")
}

/// `[^:*]*`, 1 to 512 characters.
pub(super) fn stream_name(name: &str) -> Result<(), Refusal> {
    let fine = (1..=512).contains(&name.chars().count()) && !name.contains([':', '*']);
    ensure(fine, "logStreamName is not valid")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRequest {
    #[serde(default)]
    log_group_name: String,
    #[serde(default)]
    retention_in_days: Option<i64>,
}

/// `CreateLogGroup`.
pub(super) fn create_group(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let GroupRequest { log_group_name: name, retention_in_days: _ } = parse(body)?;
    group_name(&name)?;
    ensure(!name.starts_with("aws/"), "Log groups starting with aws/ are reserved for AWS")?;
    if store.groups.contains_key(&name) {
        return Err(exists("log group"));
    }
    let created = store.now_millis();
    store.groups.insert(name, Group { created, retention_days: None, streams: Default::default() });
    Ok(Value::Null)
}

/// `PutRetentionPolicy`.
pub(super) fn put_retention(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let GroupRequest { log_group_name: name, retention_in_days } = parse(body)?;
    group_name(&name)?;
    let days = retention_in_days.filter(|days| RETENTION_DAYS.contains(days));
    ensure(days.is_some(), "retentionInDays is not one of the allowed values")?;
    store.group(&name)?.retention_days = days;
    Ok(Value::Null)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ListRequest {
    log_group_name: Option<String>,
    log_group_name_prefix: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

impl ListRequest {
    /// Start and length of the page. Tokens are positions: fine for a service in which nothing is ever removed.
    fn page(&self) -> Result<(usize, usize), Refusal> {
        let limit = self.limit.unwrap_or(50);
        ensure((1..=50).contains(&limit), "limit must be between 1 and 50")?;
        let start = match &self.next_token {
            None => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| parameter("The specified nextToken is invalid."))?,
        };
        Ok((start, usize::try_from(limit).unwrap_or(50)))
    }
}

fn paged(member: &str, all: Vec<Value>, start: usize, length: usize) -> Value {
    let more = start + length < all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(length).collect();
    let mut answer = json!({ member: page });
    if more {
        answer["nextToken"] = json!(format!("page-{}", start + length));
    }
    answer
}

/// `DescribeLogGroups`.
pub(super) fn describe_groups(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let request: ListRequest = parse(body)?;
    let (start, length) = request.page()?;
    let prefix = request.log_group_name_prefix.unwrap_or_default();
    ensure(prefix.is_empty() || group_name(&prefix).is_ok(), "logGroupNamePrefix is not valid")?;
    let mut all = Vec::new();
    for (name, group) in store.groups.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        let Group { created, retention_days, streams } = group;
        let bytes: usize =
            streams.values().flat_map(|stream| &stream.events).map(|event| event.message.len() + 26).sum();
        let arn = store.arn(name);
        let mut entry = json!({
            "logGroupName": name, "creationTime": created, "arn": format!("{arn}:*"), "logGroupArn": arn,
            "storedBytes": bytes, "metricFilterCount": 0, "logGroupClass": "STANDARD",
        });
        if let Some(days) = retention_days {
            entry["retentionInDays"] = json!(days);
        }
        all.push(entry);
    }
    Ok(paged("logGroups", all, start, length))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRequest {
    #[serde(default)]
    log_group_name: String,
    #[serde(default)]
    log_stream_name: String,
}

/// `CreateLogStream`.
pub(super) fn create_stream(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let StreamRequest { log_group_name, log_stream_name } = parse(body)?;
    group_name(&log_group_name)?;
    stream_name(&log_stream_name)?;
    let created = store.now_millis();
    let group = store.group(&log_group_name)?;
    if group.streams.contains_key(&log_stream_name) {
        return Err(exists("log stream"));
    }
    group.streams.insert(log_stream_name, Stream { created, events: Vec::new() });
    Ok(Value::Null)
}

/// `DescribeLogStreams`.
pub(super) fn describe_streams(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let request: ListRequest = parse(body)?;
    let (start, length) = request.page()?;
    let group_name_given = request.log_group_name.unwrap_or_default();
    group_name(&group_name_given)?;
    let by_time = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(_) => return Err(parameter("orderBy is not valid")),
    };
    let prefix = request.log_stream_name_prefix.unwrap_or_default();
    ensure(!by_time || prefix.is_empty(), "Cannot order by LastEventTime with a logStreamNamePrefix.")?;
    let arn = store.arn(&group_name_given);
    let group = store.group(&group_name_given)?;
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
    if by_time {
        streams.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.timestamp));
    }
    if request.descending.unwrap_or(false) {
        streams.reverse();
    }
    let shown = |(name, Stream { created, events }): (&String, &Stream)| {
        let mut entry = json!({
            "logStreamName": name, "creationTime": created, "arn": format!("{arn}:log-stream:{name}"), "storedBytes": 0,
        });
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            entry["firstEventTimestamp"] = json!(first.timestamp);
            entry["lastEventTimestamp"] = json!(last.timestamp);
            entry["lastIngestionTime"] = json!(events.iter().map(|event| event.ingested).max());
        }
        entry
    };
    Ok(paged("logStreams", streams.into_iter().map(shown).collect(), start, length))
}
