//! `GetLogEvents` and `FilterLogEvents`.
//!
//! Source: Amazon CloudWatch Logs API reference. A page has at most 10,000 events and 1 MB.

use serde::Deserialize;
use serde_json::{Value, json};

use super::groups::{group_name, stream_name};
use super::{Event, Refusal, Store, ensure, not_found, parameter, parse};

const MAX_EVENTS: i64 = 10_000;
const MAX_PAGE_BYTES: usize = 1_048_576;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ReadRequest {
    log_group_name: String,
    log_stream_name: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    filter_pattern: Option<String>,
}

impl ReadRequest {
    fn limit(&self) -> Result<usize, Refusal> {
        let limit = self.limit.unwrap_or(MAX_EVENTS);
        ensure((1..=MAX_EVENTS).contains(&limit), "limit must be between 1 and 10000")?;
        Ok(usize::try_from(limit).unwrap_or(1))
    }

    /// The start is inclusive, the end is not.
    fn within(&self, event: &Event) -> bool {
        self.start_time.is_none_or(|start| event.timestamp >= start)
            && self.end_time.is_none_or(|end| event.timestamp < end)
    }
}

fn bad_token() -> Refusal {
    parameter("The specified nextToken is invalid.")
}

/// How many events from the start of `events` fit into a page.
fn fitting<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Event| {
        bytes += event.message.len() + 26;
        bytes <= MAX_PAGE_BYTES
    };
    events.take(limit).take_while(fits).count()
}

/// One stream, forwards and backwards; a token that comes back unchanged is the end.
pub(super) fn get_events(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let request: ReadRequest = parse(body)?;
    let limit = request.limit()?;
    group_name(&request.log_group_name)?;
    let name = request.log_stream_name.clone().unwrap_or_default();
    stream_name(&name)?;
    let group = store.group(&request.log_group_name)?;
    let stream = group.streams.get(&name);
    let stream = stream.ok_or_else(|| not_found("The specified log stream does not exist."))?;
    let events: Vec<&Event> = stream.events.iter().filter(|event| request.within(event)).collect();
    let from_head = request.start_from_head.unwrap_or(false);
    let (forwards, at) = match &request.next_token {
        None => (from_head, if from_head { 0 } else { events.len() }),
        Some(token) => {
            let (direction, position) = token.split_once('/').ok_or_else(bad_token)?;
            let position: usize = position.parse().map_err(|_| bad_token())?;
            match direction {
                "f" => (true, position.min(events.len())),
                "b" => (false, position.min(events.len())),
                _ => return Err(bad_token()),
            }
        }
    };
    let (start, end) = if forwards {
        (at, at + fitting(events[at..].iter().copied(), limit))
    } else {
        (at - fitting(events[..at].iter().rev().copied(), limit), at)
    };
    let shown = |event: &&Event| {
        let Event { serial: _, timestamp, ingested, message } = event;
        json!({ "timestamp": timestamp, "ingestionTime": ingested, "message": message })
    };
    Ok(json!({
        "events": events[start..end].iter().map(shown).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{end:056}"),
        "nextBackwardToken": format!("b/{start:056}"),
    }))
}

/// A group's events in the order of their timestamps; ends without a token.
pub(super) fn filter_events(store: &mut Store, body: &Value) -> Result<Value, Refusal> {
    let request: ReadRequest = parse(body)?;
    let limit = request.limit()?;
    group_name(&request.log_group_name)?;
    let terms = terms(request.filter_pattern.as_deref().unwrap_or(""))?;
    let names = request.log_stream_names.as_deref();
    ensure(names.is_none_or(|names| (1..=100).contains(&names.len())), "logStreamNames must have 1 to 100 entries")?;
    let prefix = request.log_stream_name_prefix.as_deref();
    ensure(names.is_none() || prefix.is_none(), "logStreamNames and logStreamNamePrefix exclude each other")?;
    let start: u64 = match request.next_token.as_deref() {
        None => 0,
        Some(token) => token.strip_prefix("filter-").and_then(|text| text.parse().ok()).ok_or_else(bad_token)?,
    };
    let group = store.group(&request.log_group_name)?;
    let mut found: Vec<(&str, &Event)> = Vec::new();
    for (name, stream) in &group.streams {
        let wanted =
            names.is_none_or(|names| names.contains(name)) && prefix.is_none_or(|prefix| name.starts_with(prefix));
        if wanted {
            let matching =
                |event: &&Event| request.within(event) && terms.iter().all(|term| event.message.contains(term));
            found.extend(stream.events.iter().filter(matching).map(|event| (name.as_str(), event)));
        }
    }
    found.sort_by_key(|(_, event)| (event.timestamp, event.serial));
    let start = usize::try_from(start).map_err(|_| bad_token())?.min(found.len());
    let end = start + fitting(found[start..].iter().map(|(_, event)| *event), limit);
    let shown = |(stream, event): &(&str, &Event)| {
        let Event { serial, timestamp, ingested, message } = event;
        json!({
            "logStreamName": stream, "timestamp": timestamp, "ingestionTime": ingested, "message": message,
            "eventId": format!("{serial:056}"),
        })
    };
    let mut answer =
        json!({ "events": found[start..end].iter().map(shown).collect::<Vec<_>>(), "searchedLogStreams": [] });
    if end < found.len() {
        answer["nextToken"] = json!(format!("filter-{end}"));
    }
    Ok(answer)
}

/// Plain and quoted terms, all of which must occur.
fn terms(pattern: &str) -> Result<Vec<String>, Refusal> {
    ensure(pattern.chars().count() <= 1024, "filterPattern has at most 1024 characters")?;
    let special = pattern.trim_start().starts_with(['{', '[', '%', '-', '?']);
    ensure(!special, "Only plain terms are understood as a filterPattern here")?;
    let quoted = pattern.split('"').enumerate();
    let terms = quoted.flat_map(|(at, part)| {
        let whole = at % 2 == 1;
        let parts: Vec<&str> = if whole { vec![part] } else { part.split_whitespace().collect() };
        parts.into_iter().map(str::to_owned)
    });
    Ok(terms.filter(|term| !term.is_empty()).collect())
}
