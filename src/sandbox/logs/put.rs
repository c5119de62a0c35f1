//! `PutLogEvents` and its limits.
//!
//! Source: Amazon CloudWatch Logs API reference, PutLogEvents.

use serde::Deserialize;
use serde_json::{Value, json};

use super::groups::{group_name, stream_name};
use super::{Event, Refusal, Store, ensure, not_found, parse};

const MAX_EVENTS: usize = 10_000;
const MAX_BATCH_BYTES: usize = 1_048_576;
const EVENT_OVERHEAD_BYTES: usize = 26;
const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRequest {
    #[serde(default)]
    log_group_name: String,
    #[serde(default)]
    log_stream_name: String,
    #[serde(default)]
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

/// Accepts what is neither too old nor too new, and says what it dropped.
pub(super) fn put_events(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let PutRequest { log_group_name, log_stream_name, log_events } = parse(body)?;
    group_name(&log_group_name)?;
    stream_name(&log_stream_name)?;
    let now = store.now_millis();
    let mut serial = store.serial;
    let group = store.group(&log_group_name)?;
    let retention = group.retention_days;
    let stream = group.streams.get_mut(&log_stream_name);
    let stream = stream.ok_or_else(|| not_found("The specified log stream does not exist."))?;
    check_batch(&log_events)?;

    let older_than = |oldest: i64| log_events.partition_point(|event| event.timestamp < oldest);
    let too_old = older_than(now - 14 * DAY_MILLIS);
    let expired = retention.map_or(0, |days| older_than(now - days * DAY_MILLIS));
    let too_new = log_events.partition_point(|event| event.timestamp <= now + 2 * HOUR_MILLIS);
    let (start, total) = (too_old.max(expired), log_events.len());
    let valid = &log_events[start.min(too_new)..too_new];
    if let (Some(first), Some(last)) = (valid.first(), valid.last()) {
        let span = last.timestamp - first.timestamp;
        ensure(
            span <= DAY_MILLIS,
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        )?;
    }

    for InputEvent { timestamp, message } in valid {
        let at = stream.events.partition_point(|known| known.timestamp <= *timestamp);
        stream.events.insert(at, Event { serial, timestamp: *timestamp, ingested: now, message: message.clone() });
        serial += 1;
    }
    store.serial = serial;

    let mut answer = json!({ "nextSequenceToken": format!("{serial:056}") });
    let mut rejected = serde_json::Map::new();
    if too_new < total {
        rejected.insert("tooNewLogEventStartIndex".to_owned(), json!(too_new));
    }
    if too_old > 0 {
        rejected.insert("tooOldLogEventEndIndex".to_owned(), json!(too_old));
    }
    if expired > 0 {
        rejected.insert("expiredLogEventEndIndex".to_owned(), json!(expired));
    }
    if !rejected.is_empty() {
        answer["rejectedLogEventsInfo"] = Value::Object(rejected);
    }
    Ok(answer)
}

fn check_batch(events: &[InputEvent]) -> Result<(), Refusal> {
    ensure((1..=MAX_EVENTS).contains(&events.len()), "logEvents must have 1 to 10000 entries")?;
    ensure(events.iter().all(|event| !event.message.is_empty()), "A log event message must not be empty")?;
    ensure(events.iter().all(|event| event.timestamp >= 0), "A timestamp must not be negative")?;
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES).sum();
    ensure(bytes <= MAX_BATCH_BYTES, "Upload too large: more than 1048576 bytes, with 26 for each event")?;
    ensure(
        events.is_sorted_by_key(|event| event.timestamp),
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
}
