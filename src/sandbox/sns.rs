//! Simple Notification Service: topics, what was published to them, behind the Query interface of the real service.
//!
//! Sources: SNS API reference, `Publish`, `GetTopicAttributes`, "Common errors"; Smithy 1.0 specification, "AWS Query
//! protocol"; AWS General Reference, "Amazon SNS endpoints and quotas" (rates: where they depend on the Region, the lowest).
//!
//! Invariant: it is regional. A topic of another Region is none here.
//! Deliberately absent: delivery to subscribers, FIFO topics, message structures and attributes, batches, encryption.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;

use super::faults::{FaultKind, Faults};
use super::quota::{Bucket, Quota, QuotaSettings};
use super::wire::{
    Demanded, Unsigned, lost, redirect, refused, request_id, signed_for, signed_region, strike, with_type,
};

/// Longest message in bytes: API reference, `Publish`, `Message`.
const MOST_MESSAGE_BYTES: usize = 262_144;
/// "Less than 100 characters long": API reference, `Publish`, `Subject`.
const MOST_SUBJECT_CHARS: usize = 99;
const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const XML: &str = "text/xml";

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Its id.
    pub id: String,
    /// ARN of the topic.
    pub topic: String,
    /// The subject.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
}

#[derive(Debug, Default)]
struct Topic {
    confirmed: u32,
    pending: u32,
    /// No policy allows anything on it.
    locked: bool,
}

#[derive(Debug)]
struct Store {
    region: String,
    account: String,
    topics: BTreeMap<String, Topic>,
    published: Vec<Published>,
}

/// The service. Clones share it.
#[derive(Debug, Clone)]
pub struct SnsState {
    store: Arc<Mutex<Store>>,
    quota: Quota,
}

impl SnsState {
    /// A service without topics, at the documented rates.
    #[must_use]
    pub fn new(region: &str, account: &str) -> Self {
        let bucket = |rate| Some(Bucket { per_second: rate, burst: rate });
        let rates = [("Publish", 300.0), ("GetTopicAttributes", 30.0)];
        let quota = Quota::new(QuotaSettings {
            default: bucket(30.0),
            operations: rates.into_iter().map(|(name, rate)| (name.to_owned(), bucket(rate))).collect(),
        });
        let (region, account) = (region.to_owned(), account.to_owned());
        let store = Store { region, account, topics: BTreeMap::new(), published: Vec::new() };
        Self { store: Arc::new(Mutex::new(store)), quota }
    }

    /// The HTTP service.
    pub fn router(&self, faults: Faults) -> Router {
        // A message may take three times its length as a form.
        let limit = DefaultBodyLimit::max(4 * 1024 * 1024);
        Router::new().fallback(serve).layer(limit).with_state((self.clone(), faults))
    }

    /// Buckets and counts of calls.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Makes a topic with so many confirmed subscriptions; gives its ARN.
    pub fn create_topic(&self, name: &str, confirmed: u32) -> String {
        self.with(|store| {
            let arn = format!("arn:aws:sns:{}:{}:{name}", store.region, store.account);
            store.topics.insert(arn.clone(), Topic { confirmed, ..Topic::default() });
            arn
        })
    }

    /// Takes a topic away.
    pub fn delete_topic(&self, arn: &str) {
        self.with(|store| store.topics.remove(arn));
    }

    /// Somebody who has subscribed and not confirmed yet.
    pub fn subscribe(&self, arn: &str) {
        self.with(|store| {
            if let Some(topic) = store.topics.get_mut(arn) {
                topic.pending += 1;
            }
        });
    }

    /// Lets nobody do anything with a topic any more, or everybody again.
    pub fn lock(&self, arn: &str, locked: bool) {
        self.with(|store| {
            if let Some(topic) = store.topics.get_mut(arn) {
                topic.locked = locked;
            }
        });
    }

    /// Everything that was published, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Published> {
        self.with(|store| store.published.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    fn topic(&self, fields: &Fields) -> Result<(String, &Topic), Refusal> {
        let arn = fields.get("TopicArn").cloned().unwrap_or_default();
        let here = format!("arn:aws:sns:{}:", self.region);
        if !arn.starts_with(&here) {
            return Err(invalid("TopicArn"));
        }
        let topic = self.topics.get(&arn).ok_or_else(|| Refusal::new(404, "NotFound", "Topic does not exist"))?;
        if topic.locked {
            let message = format!("User is not authorized to perform this operation on resource: {arn}");
            return Err(Refusal::new(403, "AuthorizationError", &message));
        }
        Ok((arn, topic))
    }
}

type Fields = BTreeMap<String, String>;
type Handler = fn(&mut Store, &Fields) -> Result<String, Refusal>;

const OPERATIONS: &[(&str, Handler)] = &[("Publish", publish), ("GetTopicAttributes", attributes)];

fn publish(store: &mut Store, fields: &Fields) -> Result<String, Refusal> {
    let (topic, _) = store.topic(fields)?;
    let message = fields.get("Message").cloned().unwrap_or_default();
    if message.is_empty() {
        return Err(Refusal::new(400, "InvalidParameter", "Invalid parameter: Empty message"));
    }
    if message.len() > MOST_MESSAGE_BYTES {
        return Err(Refusal::new(400, "InvalidParameter", "Invalid parameter: Message too long"));
    }
    let subject = fields.get("Subject").cloned();
    let fits = |text: &String| {
        let count = text.chars().count();
        (1..=MOST_SUBJECT_CHARS).contains(&count) && !text.chars().any(char::is_control)
    };
    if !subject.as_ref().is_none_or(fits) {
        return Err(invalid("Subject"));
    }
    let id = super::fresh_id().to_string();
    store.published.push(Published { id: id.clone(), topic, subject, message });
    Ok(format!("<MessageId>{id}</MessageId>"))
}

fn attributes(store: &mut Store, fields: &Fields) -> Result<String, Refusal> {
    let (arn, Topic { confirmed, pending, locked: _ }) = store.topic(fields)?;
    let pairs = [
        ("TopicArn", arn),
        ("Owner", store.account.clone()),
        ("SubscriptionsConfirmed", confirmed.to_string()),
        ("SubscriptionsPending", pending.to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
    ];
    let mut entries = String::new();
    for (key, value) in pairs {
        let _ = write!(entries, "<entry><key>{key}</key><value>{}</value></entry>", escaped(&value));
    }
    Ok(format!("<Attributes>{entries}</Attributes>"))
}

/// An error, in the shape of the protocol.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: String,
    message: String,
    retry_after: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), retry_after: None }
    }

    fn into_response(self, id: &str) -> Response<Body> {
        let Self { status, code, message, retry_after } = self;
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{id}</RequestId></ErrorResponse>",
            escaped(&code),
            escaped(&message)
        );
        refused(status, XML, body, retry_after)
    }
}

impl From<Demanded> for Refusal {
    fn from(demanded: Demanded) -> Self {
        let Demanded { status, code, message, retry_after } = demanded;
        Self { status, code, message, retry_after }
    }
}

fn invalid(parameter: &str) -> Refusal {
    Refusal::new(400, "InvalidParameter", &format!("Invalid parameter: {parameter}"))
}

async fn serve(
    State((state, faults)): State<(SnsState, Faults)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let id = request_id();
    let answer = answer(&state, &faults, &id, &method, &headers, &body).await;
    let mut response = answer.unwrap_or_else(|refusal| refusal.into_response(&id));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

async fn answer(
    state: &SnsState,
    faults: &Faults,
    id: &str,
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Refusal> {
    signed_for(headers, "sns").map_err(|reason| match reason {
        Unsigned::Missing => Refusal::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        Unsigned::Wrong => Refusal::new(403, "SignatureDoesNotMatch", "Credential should be scoped to correct service"),
    })?;
    let fields: Fields = url::form_urlencoded::parse(body).into_owned().collect();
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let version = fields.get("Version").is_some_and(|version| version == "2010-03-31");
    let action = fields.get("Action").map(String::as_str).unwrap_or_default();
    let known = OPERATIONS.iter().find(|(name, _)| *name == action && *method == Method::POST && is_form && version);
    let (operation, handler) =
        known.ok_or_else(|| Refusal::new(400, "InvalidAction", "The action is not valid for this endpoint"))?;
    state.quota.count(operation);
    let fault = strike(faults, "sns", operation).await?;
    state.quota.admit(operation).map_err(|_| Refusal::new(400, "Throttling", "Rate exceeded"))?;
    if !state.with(|store| signed_region(headers) == Some(store.region.as_str())) {
        return Err(Refusal::new(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region"));
    }
    let result = state.with(|store| handler(store, &fields))?;
    let xml = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    Ok(match fault {
        Some(FaultKind::LostReply) => lost(),
        Some(FaultKind::Redirect) => redirect(),
        Some(FaultKind::Html) => with_type(
            StatusCode::OK,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><body></body></html>".to_owned(),
        ),
        Some(FaultKind::Truncated) => with_type(StatusCode::OK, XML, xml[..xml.len() / 2].to_owned()),
        _ => with_type(StatusCode::OK, XML, xml),
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
