//! AWS Secrets Manager and the Parameter Store of Systems Manager, behind one address: reading, with versions and refusals.
//!
//! Sources: Secrets Manager API reference, `GetSecretValue`; Systems Manager API reference, `GetParameter`, and its user guide
//! ("Working with parameter versions"). Both speak AWS JSON 1.1 and are told apart by `X-Amz-Target`.
//!
//! Invariant: both are regional. What is signed for another Region does not find what lies here.
//! Deliberately absent: writing over the wire, listing, staging labels that are set by hand, policies beyond allowed or not.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response};
use serde_json::Value;

use super::aws_json::{self, Refusal, ensure_signed, reply, sent, text};
use super::clock::Clock;
use super::faults::Faults;
use super::quota::{Bucket, Quota, QuotaSettings};
use super::wire::{signed_region, strike};

/// The two services behind the address, and what they call themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Service {
    SecretsManager,
    ParameterStore,
}

/// What a secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A secret's text.
    Text(String),
    /// A secret's bytes.
    Binary(Vec<u8>),
    /// A parameter that is encrypted.
    SecureString(String),
    /// A parameter that is not.
    PlainString(String),
}

/// Why an entry cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// No policy allows it.
    NotAllowed,
    /// It is allowed, and its key is not.
    KeyNotAllowed,
    /// Its key is disabled or gone.
    KeyBroken,
    /// Marked for deletion (secrets only).
    Deleted,
}

#[derive(Debug)]
struct Entry {
    /// All that it ever held; the last one is current.
    versions: Vec<Version>,
    lock: Option<Lock>,
}

#[derive(Debug)]
struct Version {
    id: String,
    created: i64,
    content: Content,
}

#[derive(Debug)]
struct Store {
    region: String,
    account: String,
    clock: Clock,
    entries: BTreeMap<(Service, String), Entry>,
}

/// Both services. Clones share them.
#[derive(Debug, Clone)]
pub struct SecretsState {
    store: Arc<Mutex<Store>>,
    quota: Quota,
}

impl SecretsState {
    /// Services without anything in them, at the documented rates: `GetSecretValue` 10,000 and `GetParameter` 40 requests a
    /// second.
    #[must_use]
    pub fn new(region: &str, account: &str, clock: Clock) -> Self {
        let bucket = |rate| Some(Bucket { per_second: rate, burst: rate });
        let rates = [("GetSecretValue", 10_000.0), ("GetParameter", 40.0)];
        let quota = Quota::new(QuotaSettings {
            default: bucket(40.0),
            operations: rates.into_iter().map(|(name, rate)| (name.to_owned(), bucket(rate))).collect(),
        });
        let store = Store { region: region.to_owned(), account: account.to_owned(), clock, entries: BTreeMap::new() };
        Self { store: Arc::new(Mutex::new(store)), quota }
    }

    /// The HTTP service.
    pub fn router(&self, faults: Faults) -> Router {
        Router::new().fallback(serve).with_state((self.clone(), faults))
    }

    /// Buckets and counts of calls.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Stores a secret or a parameter, by what it holds; an older value stays as an earlier version.
    pub fn put(&self, name: &str, content: Content) {
        self.with(|store| {
            let service = match content {
                Content::Text(_) | Content::Binary(_) => Service::SecretsManager,
                Content::SecureString(_) | Content::PlainString(_) => Service::ParameterStore,
            };
            let created = store.clock.now().timestamp();
            let key = (service, name.to_owned());
            let entry = store.entries.entry(key).or_insert_with(|| Entry { versions: Vec::new(), lock: None });
            entry.versions.push(Version { id: uuid::Uuid::new_v4().to_string(), created, content });
        });
    }

    /// Lets nobody read an entry any more, or everybody again.
    pub fn lock(&self, name: &str, lock: Option<Lock>) {
        self.with(|store| {
            let entries = store.entries.iter_mut().filter(|((_, known), _)| known == name);
            entries.for_each(|(_, entry)| entry.lock = lock);
        });
    }

    /// The ARN of a secret, with the six characters AWS puts behind its name.
    #[must_use]
    pub fn secret_arn(&self, name: &str) -> String {
        self.with(|store| store.arn(Service::SecretsManager, name))
    }

    /// The ARN of a parameter.
    #[must_use]
    pub fn parameter_arn(&self, name: &str) -> String {
        self.with(|store| store.arn(Service::ParameterStore, name))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    fn arn(&self, service: Service, name: &str) -> String {
        let Self { region, account, .. } = self;
        match service {
            Service::SecretsManager => format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-Ab12Cd"),
            Service::ParameterStore => {
                format!("arn:aws:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
            }
        }
    }

    /// By name, by ARN, and for secrets by an ARN without the six characters.
    fn find(&self, service: Service, wanted: &str) -> Option<(&str, &Entry)> {
        let found = self.entries.iter().find(|((known, name), _)| {
            let arn = self.arn(*known, name);
            let partial = arn.strip_suffix("-Ab12Cd");
            *known == service && (name == wanted || arn == wanted || partial == Some(wanted))
        });
        found.map(|((_, name), entry)| (name.as_str(), entry))
    }
}

type Handler = fn(&Store, &Value) -> Result<Value, Refusal>;

const OPERATIONS: &[(&str, &str, Handler)] = &[
    ("secretsmanager.GetSecretValue", "secretsmanager", read::secret),
    ("AmazonSSM.GetParameter", "ssm", read::parameter),
];

async fn serve(
    State((state, faults)): State<(SecretsState, Faults)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    sent(answer(&state, &faults, &method, &headers, &body).await)
}

async fn answer(
    state: &SecretsState,
    faults: &Faults,
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Refusal> {
    let known =
        OPERATIONS.iter().find(|(target, ..)| *target == text(headers, "x-amz-target") && *method == Method::POST);
    let (target, service, handler) = known.ok_or_else(|| Refusal::new("UnknownOperationException", ""))?;
    ensure_signed(headers, service)?;
    let operation = target.rsplit('.').next().unwrap_or_default();
    state.quota.count(operation);
    let fault = strike(faults, "secrets", operation).await?;
    state.quota.admit(operation).map_err(|_| Refusal::new("ThrottlingException", "Rate exceeded"))?;
    let body = aws_json::read(headers, body)?;
    let here = state.with(|store| signed_region(headers) == Some(store.region.as_str()));
    let result =
        if here { state.with(|store| handler(store, &body))? } else { return Err(read::elsewhere(operation)) };
    Ok(reply(fault.as_ref(), result, None))
}
