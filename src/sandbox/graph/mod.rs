//! Microsoft Graph v1.0 as a directory reader meets it: users, groups, members, delta rounds, batches.
//!
//! One way through for every request, whether it came alone or as part of a batch: count, fault, token, resource units,
//! permission, answer. Requests the real service refuses are refused here, with its codes.
//!
//! Invariant: links are absolute, their tokens signed; a changed token, or a parameter beside one, is refused.
//! Deliberately absent: writes, presence, app roles, `$search`, `$orderby`, `$expand` (refused, not ignored, on plain
//! listings).
//!
//! (Microsoft Learn: "Use delta query", "List users", "List group members", "group: delta", "Combine multiple HTTP
//! requests using JSON batching", "Microsoft Graph service-specific throttling limits", "Advanced query capabilities".)

mod batch;
mod call;
mod cursor;
mod fault;
mod filter;
mod group_delta;
mod groups;
mod members;
mod render;
#[cfg(test)]
mod tests;
mod user_delta;
mod users;

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::routing::any;
use serde_json::{Value, json};

use super::faults::{FaultKind, Faults};
use super::tenant::access::Grant;
use super::tenant::{State as TenantState, Tenant};
use call::{Call, Operation};

/// A mark on a response: the server should drop the connection instead of sending it. A server that does not look for
/// it sends a body that breaks off, which a client cannot tell from a lost connection either.
#[derive(Debug, Clone, Copy)]
pub struct CloseConnection;

/// A body that ends in an error.
pub(in crate::sandbox) fn broken_body() -> Body {
    Body::from_stream(futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("the reply is lost")) }))
}

/// Everything under `/v1.0`. `base_url` is the root clients call, without `/v1.0` and without a slash at its end; links
/// are made of it, and access tokens must have been asked for it (or for `https://graph.microsoft.com`).
pub fn router(tenant: Tenant, faults: Faults, base_url: String) -> Router {
    let service = Service { tenant, faults, base_url: base_url.trim_end_matches('/').to_owned() };
    Router::new().route("/v1.0/{*path}", any(serve)).with_state(service)
}

#[derive(Clone)]
struct Service {
    tenant: Tenant,
    faults: Faults,
    base_url: String,
}

/// The largest body read: a batch of twenty reads is far below it.
const BODY_LIMIT: usize = 4 << 20;

async fn serve(State(service): State<Service>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let target = target.strip_prefix("/v1.0").unwrap_or(target);
    let headers =
        head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = Call::read(head.method.as_str(), target, headers.collect(), body);
    let reply = match call.operation {
        Operation::Batch => service.batch(&call).await,
        _ => service.single(&call).await,
    };
    reply.into_response()
}

impl Service {
    /// One request that is not a batch.
    async fn single(&self, call: &Call) -> Reply {
        let name = call.operation.name();
        let fault = self.meet_fault(name).await;
        let reply = match fault {
            Some(FaultKind::Status { status, code, message, retry_after }) => {
                return self.finish(call, Reply::stated(self, call, status, &code, message, retry_after));
            }
            fault => {
                let mut state = self.tenant.lock();
                let empty = fault == Some(FaultKind::EmptyPage);
                let reply = self.answer(&mut state, call, empty).unwrap_or_else(Reply::from);
                drop(state);
                fault::mark(reply, fault, call, &self.base_url)
            }
        };
        self.finish(call, reply)
    }

    /// Counts the call and takes the fault that strikes it; a delay is served here.
    async fn meet_fault(&self, name: &str) -> Option<FaultKind> {
        *self.tenant.lock().requests.entry(name.to_owned()).or_default() += 1;
        let fault = self.faults.take("graph", name);
        if let Some(FaultKind::Delay { millis }) = fault {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        fault
    }

    fn answer(&self, state: &mut TenantState, call: &Call, empty: bool) -> Result<Reply, Refusal> {
        let grant = self.authorize(state, call)?;
        let cost = call.cost();
        charge(state, &grant, cost)?;
        call.check_options()?;
        let ctx = Context { grant: &grant, base_url: &self.base_url, call, empty };
        let body = match &call.operation {
            Operation::Users => ctx.list_users(state),
            Operation::User(key) => ctx.user(state, key),
            Operation::UserDelta => ctx.user_delta(state),
            Operation::DeletedUsers => ctx.deleted_users(state),
            Operation::Groups => ctx.list_groups(state),
            Operation::Group(id) => ctx.group(state, id),
            Operation::GroupDelta => ctx.group_delta(state),
            Operation::Members { group, transitive, cast } => ctx.members(state, group, *transitive, cast.as_deref()),
            Operation::MemberOf { user, transitive } => ctx.member_of(state, user, *transitive),
            Operation::GetByIds => ctx.get_by_ids(state),
            Operation::Batch => Err(Refusal::new(400, "BadRequest", "A batch cannot be part of a batch.")),
            Operation::WrongMethod => Err(Refusal::new(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
            )),
            Operation::Unknown(segment) => {
                let message = format!("Resource not found for the segment '{segment}'.");
                Err(Refusal::new(400, "BadRequest", message))
            }
        }?;
        Ok(Reply { headers: vec![("x-ms-resource-unit", cost.to_string())], ..Reply::json(200, body) })
    }

    /// What the bearer token stands for.
    fn authorize(&self, state: &TenantState, call: &Call) -> Result<Grant, Refusal> {
        let refuse = |message: &str| Refusal::new(401, "InvalidAuthenticationToken", message);
        let token = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if token.is_empty() {
            return Err(refuse("Access token is empty."));
        }
        let grant = state.access.tokens.get(token).ok_or_else(|| refuse("Access token validation failure."))?;
        if grant.expires <= state.now() {
            return Err(refuse("Lifetime validation failed, the token is expired."));
        }
        if grant.audience != self.base_url && grant.audience != "https://graph.microsoft.com" {
            return Err(refuse("Access token validation failure. Invalid audience."));
        }
        Ok(grant.clone())
    }

    /// Adds what every answer carries.
    fn finish(&self, call: &Call, mut reply: Reply) -> Reply {
        let id = crate::sandbox::fresh_id().to_string();
        let client = call.header("client-request-id").unwrap_or(&id).to_owned();
        let now = self.tenant.lock().now();
        if let Some(error) = reply.body.get_mut("error").and_then(Value::as_object_mut) {
            let date = now.format("%Y-%m-%dT%H:%M:%S").to_string();
            let inner = json!({ "date": date, "request-id": id, "client-request-id": client });
            error.insert("innerError".to_owned(), inner);
        }
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        reply.headers.extend([("request-id", id), ("client-request-id", client), ("date", date)]);
        reply
    }
}

/// Takes the resource units of a call from the app's bucket.
fn charge(state: &mut TenantState, grant: &Grant, cost: u32) -> Result<(), Refusal> {
    let Some(limit) = state.units_per_10s() else { return Ok(()) };
    let now = state.now();
    let Err(wait) = state.access.charge(&grant.client_id, cost, limit, now) else { return Ok(()) };
    let scope = format!("Tenant_Application/ReadWrite/{}/{}", grant.client_id, state.tenant_id);
    let refusal = Refusal::new(429, "TooManyRequests", "Please retry again later.");
    Err(refusal
        .header("retry-after", format!("{wait:.3}"))
        .header("x-ms-throttle-scope", scope)
        .header("x-ms-throttle-information", "ResourceUnitLimitExceeded".to_owned()))
}

/// What a handler knows beside the tenant.
struct Context<'a> {
    grant: &'a Grant,
    base_url: &'a str,
    call: &'a Call,
    /// Whether a fault hides everything a delta round would show.
    empty: bool,
}

impl Context<'_> {
    fn may(&self, permission: &str) -> bool {
        self.grant.permissions.contains(permission)
    }

    /// Any one of the permissions, the least first.
    fn require(&self, permissions: &[&str]) -> Result<(), Refusal> {
        if permissions.iter().any(|permission| self.may(permission)) {
            return Ok(());
        }
        Err(Refusal::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."))
    }

    fn may_read_users(&self) -> bool {
        self.may("User.Read.All") || self.may("Directory.Read.All")
    }

    fn context(&self, of: &str) -> Value {
        json!(format!("{}/v1.0/$metadata#{of}", self.base_url))
    }
}

/// An error answer.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: String,
    message: String,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), headers: Vec::new() }
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The query is understood, and not supported.
    fn unsupported(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    fn not_found(id: &str) -> Self {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(404, "Request_ResourceNotFound", message)
    }
}

/// An answer before it is bytes.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
    /// How a fault disfigures it on the wire.
    form: Form,
}

/// How a body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Truncated,
    Html,
    Lost,
}

const HTML: &str = "<!DOCTYPE html><html><body><h1>Our services aren't available right now</h1></body></html>";

impl Reply {
    fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, form: Form::Json }
    }

    /// An error a test asked for.
    fn stated(
        service: &Service,
        call: &Call,
        status: u16,
        code: &str,
        message: String,
        retry_after: Option<String>,
    ) -> Self {
        let mut refusal = Refusal::new(status, code, message);
        if let Some(after) = retry_after {
            refusal = refusal.header("retry-after", after);
        }
        if status == 410 {
            refusal = refusal.header("location", format!("{}/v1.0{}?$deltatoken=", service.base_url, call.path));
        }
        Self::from(refusal)
    }

    fn into_response(self) -> Response<Body> {
        let Self { status, headers, body, form } = self;
        let (kind, body) = match form {
            Form::Json => (JSON, Body::from(body.to_string())),
            Form::Truncated => (JSON, Body::from(fault::half(&body.to_string()))),
            Form::Html => ("text/html", Body::from(HTML)),
            Form::Lost => (JSON, broken_body()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        if form == Form::Lost {
            response.extensions_mut().insert(CloseConnection);
        }
        response
    }
}

const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message, headers } = refusal;
        Self { headers, ..Self::json(status, json!({ "error": { "code": code, "message": message } })) }
    }
}
