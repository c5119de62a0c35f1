//! Reading single people by id, twenty a request.
//!
//! Form and limits: Microsoft Graph, "Combine multiple HTTP requests using JSON batching": at most 20 parts, answers in
//! any order, each part with its own status and its own `Retry-After`.
//!
//! Invariant: every id that was asked for has an answer, or there is an error.
//! Invariant: only a part that says 404 means "gone"; silence, throttling and failures are asked again, then an error.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::json;

use super::fault::{Fault, permission};
use super::fields::Fields;
use super::graph::{Session, encode};
use super::users;
use super::wire::{self, UserItem, Users};
use crate::directory::{ExternalId, UserRecord};
use crate::error::{PullError, PullErrorKind};
use crate::http::retry_after;

/// Parts of one batch.
const PARTS: usize = 20;

const OPERATION: &str = "POST /$batch of GET /users/{id}";

/// What a point read said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Point {
    Here(UserRecord),
    Gone,
    /// Here, but not readable; why.
    Unreadable(String),
}

/// Reads these people.
pub(super) async fn point_read(
    session: &Session<'_>,
    fields: &Fields,
    ids: impl IntoIterator<Item = ExternalId>,
) -> Result<BTreeMap<ExternalId, Point>, Fault> {
    let mut found = BTreeMap::new();
    let ids: Vec<ExternalId> = ids.into_iter().collect();
    for block in ids.chunks(PARTS) {
        read_block(session, fields, block, &mut found).await?;
    }
    Ok(found)
}

async fn read_block(
    session: &Session<'_>,
    fields: &Fields,
    block: &[ExternalId],
    found: &mut BTreeMap<ExternalId, Point>,
) -> Result<(), Fault> {
    let url = session.graph().url("/$batch")?;
    let rules = crate::http::RetryRules::default();
    let mut open: Vec<&ExternalId> = block.iter().collect();
    let mut last_status = None;
    for tries in 1..=rules.tries {
        let parts: Vec<_> = open.iter().enumerate().map(|(at, id)| part(at, id, fields)).collect();
        let body = json!({ "requests": parts }).to_string().into_bytes();
        let (answer, _) = session.send(OPERATION, Method::POST, &url, false, Some(body)).await?;
        let answers = read(&answer.body, fields).map_err(|_| protocol("the answer is not a batch"))?;
        let mut asked = None;
        let mut again = open.clone();
        for Answered { id: at, status, headers, body } in answers {
            let Some(id) = at.parse().ok().and_then(|at: usize| open.get(at).copied()) else {
                return Err(protocol("the batch holds an answer nobody asked for").into());
            };
            match status {
                200 => {
                    let record = users::into_record(OPERATION, id, body)?;
                    found.insert(id.clone(), record.map_or_else(Point::Unreadable, Point::Here));
                }
                404 => {
                    found.insert(id.clone(), Point::Gone);
                }
                403 => {
                    let hint = permission(OPERATION);
                    let message = "a part was answered with status 403";
                    return Err(PullError::new(PullErrorKind::Forbidden, OPERATION, message, hint).into());
                }
                401 | 408 | 429 | 500.. => {
                    last_status = Some(status);
                    asked = asked.max(retry_after(&headers));
                    continue;
                }
                _ => {
                    let message = format!("a part was answered with status {status}");
                    let hint = "report this; the request itself was refused";
                    return Err(PullError::new(PullErrorKind::Refused, OPERATION, message, hint).into());
                }
            }
            again.retain(|open| *open != id);
        }
        open = again;
        if open.is_empty() {
            return Ok(());
        }
        if tries < rules.tries {
            wait(asked, rules.pause(tries, fastrand::f64()), rules.longest_wait).await?;
        }
    }
    Err(unanswered(open.len(), last_status).into())
}

/// Waits as long as the slowest part asked for.
async fn wait(asked: Option<Duration>, pause: Duration, longest: Duration) -> Result<(), PullError> {
    match asked {
        Some(asked) if asked > longest => Err(PullError::new(
            PullErrorKind::Throttled,
            OPERATION,
            format!("a part asks to wait for {} s", asked.as_secs()),
            "wait; something else uses the tenant's Graph quota heavily",
        )),
        asked => {
            tokio::time::sleep(asked.unwrap_or(pause)).await;
            Ok(())
        }
    }
}

fn unanswered(open: usize, last_status: Option<u16>) -> PullError {
    let kind = match last_status {
        Some(429) => PullErrorKind::Throttled,
        Some(401) => PullErrorKind::Unauthorized,
        Some(_) => PullErrorKind::RemoteFailure,
        None => PullErrorKind::Protocol,
    };
    let said = last_status.map_or("without an answer".to_owned(), |status| format!("at status {status}"));
    PullError::new(kind, OPERATION, format!("{open} people are still {said} after the last try"), "try again later")
}

fn part(at: usize, id: &ExternalId, fields: &Fields) -> serde_json::Value {
    let url = format!("/users/{}?$select={}", encode(id.as_str()), fields.select());
    json!({ "id": at.to_string(), "method": "GET", "url": url })
}

fn protocol(message: &str) -> PullError {
    PullError::new(PullErrorKind::Protocol, OPERATION, message, "check proxies that may answer in the place of Graph")
}

/// Reads the answers of a batch.
pub(super) fn read(body: &[u8], fields: &Fields) -> serde_json::Result<Vec<Answered>> {
    wire::batch(body, Part(fields))
}

/// One part's answer.
#[derive(Debug)]
pub(super) struct Answered {
    id: String,
    status: u16,
    headers: HeaderMap,
    body: UserItem,
}

#[cfg(feature = "fuzzing")]
impl Answered {
    /// The wait it asks for, and the person it is about.
    pub(super) fn waits_and_is(self) -> (Option<Duration>, UserItem) {
        (retry_after(&self.headers), self.body)
    }
}

/// Reads an [`Answered`]; an error body reads as a user without anything.
#[derive(Debug, Clone, Copy)]
struct Part<'f>(&'f Fields);

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Answered;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Answered, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Answered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answered, A::Error> {
        let (mut id, mut status, mut headers, mut body) = (None, None, HeaderMap::new(), UserItem::default());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "id" => id = Some(map.next_value()?),
                "status" => status = Some(map.next_value()?),
                "headers" => headers = only_retry_after(map.next_value()?),
                "body" => body = map.next_value_seed(Users(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let missing = serde::de::Error::missing_field;
        let (id, status) = (id.ok_or_else(|| missing("id"))?, status.ok_or_else(|| missing("status"))?);
        Ok(Answered { id, status, headers, body })
    }
}

/// Header names come in any case; the `Date` beside a date is kept as well.
fn only_retry_after(headers: Option<BTreeMap<String, serde_json::Value>>) -> HeaderMap {
    let kept = headers.into_iter().flatten().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let wanted = name == RETRY_AFTER || name == reqwest::header::DATE;
        Some((name, HeaderValue::from_str(&text).ok()?)).filter(|_| wanted)
    });
    kept.collect()
}
