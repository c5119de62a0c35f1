//! One request: which operation it is, and the way through to its answer.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as AxumState};
use axum::http::{HeaderMap, Response, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::listing;
use super::manners::Discovery;
use super::path::Selection;
use super::query::Query;
use super::reply::{JSON, Refusal, Reply};
use super::settings::RetryAfter;
use super::{Kind, Own, ScimServer, access, discovery, fault, shape};
use crate::sandbox::faults::{FaultKind, Faults};
use crate::sandbox::tenant::State;

/// The largest body read: a search is far below it.
const BODY_LIMIT: usize = 1 << 20;

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    Token,
    Config,
    Types(Option<String>),
    Schemas(Option<String>),
    List(Kind),
    Search(Kind),
    One(Kind, String),
    /// A method this server does not have, on something it has.
    Unsupported,
    Unknown,
}

impl Operation {
    fn of(method: &str, path: &str, prefix: &str) -> Self {
        if path == "/oauth/token" {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else {
            return Self::Unknown;
        };
        let segments: Vec<String> = rest.split('/').map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let operation = match segments.as_slice() {
            ["ServiceProviderConfig"] => Self::Config,
            ["ResourceTypes"] => Self::Types(None),
            ["ResourceTypes", name] => Self::Types(Some((*name).to_owned())),
            ["Schemas"] => Self::Schemas(None),
            ["Schemas", urn] => Self::Schemas(Some((*urn).to_owned())),
            ["Users"] => Self::List(Kind::User),
            ["Groups"] => Self::List(Kind::Group),
            ["Users", ".search"] => Self::Search(Kind::User),
            ["Groups", ".search"] => Self::Search(Kind::Group),
            ["Users", id] if !id.is_empty() => Self::One(Kind::User, (*id).to_owned()),
            ["Groups", id] if !id.is_empty() => Self::One(Kind::Group, (*id).to_owned()),
            ["Me" | "Bulk" | ".search"] => Self::Unsupported,
            _ => Self::Unknown,
        };
        let wanted = if matches!(operation, Self::Search(_)) { "POST" } else { "GET" };
        if operation != Self::Unknown && method != wanted { Self::Unsupported } else { operation }
    }

    fn name(&self) -> String {
        match self {
            Self::Token => "POST /oauth/token".to_owned(),
            Self::Config => "GET /ServiceProviderConfig".to_owned(),
            Self::Types(_) => "GET /ResourceTypes".to_owned(),
            Self::Schemas(_) => "GET /Schemas".to_owned(),
            Self::List(kind) => format!("GET /{}s", kind.name()),
            Self::Search(kind) => format!("POST /{}s/.search", kind.name()),
            Self::One(kind, _) => format!("GET /{}s/{{id}}", kind.name()),
            Self::Unsupported => "unsupported".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// Percent-decoded; a plus sign in a path is a plus sign.
fn decoded(segment: &str) -> String {
    let (bytes, mut plain, mut at) = (segment.as_bytes(), Vec::with_capacity(segment.len()), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| segment.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A request, read.
struct Call {
    method: String,
    target: String,
    operation: Operation,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The server behind its address.
#[derive(Debug, Clone)]
pub(super) struct Service {
    server: ScimServer,
    faults: Faults,
    root: String,
    /// The path of the root.
    prefix: String,
}

impl Service {
    pub(super) fn new(server: ScimServer, faults: Faults, root: &str) -> Self {
        let root = root.trim_end_matches('/').to_owned();
        let behind = root.split_once("://").map_or(root.as_str(), |(_, behind)| behind);
        let prefix = behind.find('/').map_or("", |at| &behind[at..]).to_owned();
        Self { server, faults, root, prefix }
    }

    pub(super) fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    async fn answer(&self, call: &Call) -> Reply {
        let name = call.operation.name();
        *self.server.lock().requests.entry(name.clone()).or_default() += 1;
        let fault = self.faults.take("scim", &name);
        if let Some(FaultKind::Delay { millis }) = fault {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        let mut own = self.server.lock();
        let state = self.server.tenant.lock();
        own.book.catch_up(&state.store);
        let is_token = call.operation == Operation::Token;
        let reply = match &fault {
            Some(FaultKind::Status { status, code, message, retry_after }) => {
                let reply = if is_token {
                    access::oauth_error(*status, code, message)
                } else {
                    let kind = (!code.is_empty()).then(|| code.clone());
                    Reply::refused(Refusal { kind, ..Refusal::new(*status, message.clone()) }, &own.settings.manners)
                };
                retry_after.iter().fold(reply, |reply, after| reply.with("retry-after", after.as_str()))
            }
            fault => {
                let looping = *fault == Some(FaultKind::LoopingLink);
                let reply = self.right_answer(&mut own, &state, call, looping);
                fault::mark(reply, fault.as_ref(), &call.target)
            }
        };
        finish(reply, &own, state.now(), is_token)
    }

    fn right_answer(&self, own: &mut Own, state: &State, call: &Call, looping: bool) -> Reply {
        let Own { settings, tokens, .. } = own;
        if call.operation == Operation::Token {
            return tokens.answer(settings, &call.method, &call.headers, &call.body, state.now());
        }
        match self.scim_answer(own, state, call, looping) {
            Ok(reply) => reply,
            Err(refusal) => Reply::refused(refusal, &own.settings.manners),
        }
    }

    fn scim_answer(&self, own: &mut Own, state: &State, call: &Call, looping: bool) -> Result<Reply, Refusal> {
        if call.operation != Operation::Config {
            own.tokens.admit(&own.settings, &call.headers, state.now())?;
        }
        charge(own, state.now())?;
        let ok = |body| Ok(Reply::new(200, body));
        match &call.operation {
            Operation::Config => {
                discoverable(own)?;
                ok(discovery::config(&own.settings, &self.root))
            }
            Operation::Types(one) => self.definitions(own, call, discovery::types(&self.root), one.as_deref()),
            Operation::Schemas(one) => self.definitions(own, call, discovery::schemas(&self.root), one.as_deref()),
            Operation::List(kind) => {
                let query = Query::of_url(&call.query)?;
                ok(listing::list(own, state, &self.root, *kind, &query, looping)?)
            }
            Operation::Search(kind) => {
                if !own.settings.manners.search {
                    return Err(Refusal::new(501, "Searches by POST are not supported."));
                }
                let kinds = ["application/scim+json", "application/json"];
                let sent = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let sent = sent.and_then(|sent| sent.split(';').next()).unwrap_or_default().trim();
                if !kinds.iter().any(|kind| kind.eq_ignore_ascii_case(sent)) {
                    return Err(Refusal::new(415, "The body must be application/scim+json."));
                }
                let query = Query::of_search(&call.body)?;
                ok(listing::list(own, state, &self.root, *kind, &query, looping)?)
            }
            Operation::One(kind, id) => self.one(own, state, call, *kind, id),
            Operation::Unsupported => Err(Refusal::new(501, "The server does not support this operation.")),
            Operation::Unknown | Operation::Token => Err(Refusal::new(404, "There is no such endpoint.")),
        }
    }

    fn definitions(&self, own: &Own, call: &Call, list: Value, one: Option<&str>) -> Result<Reply, Refusal> {
        discoverable(own)?;
        if Query::of_url(&call.query)?.filter.is_some() {
            return Err(Refusal::new(403, "Filters are not permitted here."));
        }
        let body = match one {
            Some(id) => discovery::one(&list, id).ok_or_else(|| not_found(id))?,
            None => list,
        };
        Ok(Reply::new(200, body))
    }

    fn one(&self, own: &Own, state: &State, call: &Call, kind: Kind, id: &str) -> Result<Reply, Refusal> {
        let (scene, manners) = (own.scene(state, &self.root), &own.settings.manners);
        let index = scene.find(kind, id).ok_or_else(|| not_found(id))?;
        let selection = Query::of_url(&call.query)?.selection();
        let selection = if manners.selection { selection } else { Selection::All };
        let reply = if manners.etags {
            let version = scene.version(kind, index);
            let reply = Reply::new(200, Value::Null).with("etag", version.clone());
            if is_known(&call.headers, &version) {
                return Ok(Reply { status: 304, ..reply });
            }
            reply
        } else {
            Reply::new(200, Value::Null)
        };
        let mut resource = scene.resource(kind, index, &selection, false);
        shape::resource(&mut resource, index, manners);
        Ok(Reply { body: Value::Object(resource), ..reply }.with("content-location", scene.location(kind, index)))
    }
}

async fn serve(AxumState(service): AxumState<Service>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let method = head.method.as_str().to_owned();
    let operation = Operation::of(&method, head.uri.path(), &service.prefix);
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default().to_vec();
    let call = Call { method, target, operation, query, headers: head.headers, body };
    service.answer(&call).await.into_response()
}

fn not_found(id: &str) -> Refusal {
    Refusal::new(404, format!("Resource {id} not found."))
}

/// Whether the server speaks of itself at all.
fn discoverable(own: &Own) -> Result<(), Refusal> {
    match own.settings.manners.discovery {
        Discovery::Served => Ok(()),
        Discovery::Missing => Err(Refusal::new(404, "There is no such endpoint.")),
        Discovery::NotImplemented => Err(Refusal::new(501, "Discovery is not implemented.")),
    }
}

/// Whether the client has this version already. The comparison is the weak one (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, version: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(version))
}

fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Takes one request of the rate; a refused one takes nothing.
fn charge(own: &mut Own, now: DateTime<Utc>) -> Result<(), Refusal> {
    let Some(rate) = own.settings.rate else { return Ok(()) };
    let full = f64::from(rate.per_second);
    let (left, at) = own.bucket.unwrap_or((full, now));
    let left = (left + (now - at).as_seconds_f64().max(0.0) * full).min(full);
    if left >= 1.0 {
        own.bucket = Some((left - 1.0, now));
        return Ok(());
    }
    own.bucket = Some((left, now));
    let refusal = Refusal::new(429, "Too many requests.");
    Err(match rate.retry_after {
        RetryAfter::Seconds => refusal.header("retry-after", "1"),
        // Dates have whole seconds: the next one but one is surely a second away.
        RetryAfter::Date => refusal.header("retry-after", http_date(now + TimeDelta::seconds(2))),
        RetryAfter::Absent => refusal,
    })
}

/// The habits that concern whole bodies, and what every answer carries.
fn finish(mut reply: Reply, own: &Own, now: DateTime<Utc>, is_token: bool) -> Reply {
    let manners = &own.settings.manners;
    if !is_token {
        shape::body(&mut reply.body, manners);
        if manners.plain_json {
            reply.media_type = JSON;
        }
    }
    reply.with("date", http_date(now))
}
