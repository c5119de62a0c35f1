//! From an HTTP request to an operation: paths and methods, signature, faults, quota.
//!
//! Source of paths, methods and parameter names: Amazon Connect API reference, the request syntax of each operation.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use super::refusal::Refusal;
use super::store::Store;
use super::{ConnectState, catalogue, quick, search, tags, users};
use crate::sandbox::faults::Faults;
use crate::sandbox::wire::{Unsigned, request_id, signed_for, strike, twist};

/// A request that was understood.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    /// What the path carries after the instance: a user id, a resource ARN.
    pub(super) id: String,
    /// Object of a request with a body, null without one.
    pub(super) body: Value,
    pub(super) request_id: String,
    query: Vec<(String, String)>,
}

impl Call {
    /// The body as a typed request.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.body).map_err(|error| Refusal::request(format!("The request body is not valid: {error}")))
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a repeated query parameter.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

type Handler = fn(&mut Store, &Call) -> Result<Value, Refusal>;

/// `{i}` is the instance, `{id}` anything else. Operations whose body names the instance are the `POST /search-*`.
const ROUTES: &[(&str, &str, &str, Handler)] = &[
    ("GET", "instance", "ListInstances", catalogue::list_instances),
    ("GET", "instance/{i}", "DescribeInstance", catalogue::describe_instance),
    ("GET", "users-summary/{i}", "ListUsers", users::list),
    ("POST", "search-users", "SearchUsers", search::users),
    ("GET", "users/{i}/{id}", "DescribeUser", users::describe),
    ("PUT", "users/{i}", "CreateUser", users::create),
    ("DELETE", "users/{i}/{id}", "DeleteUser", users::delete),
    ("POST", "users/{i}/{id}/identity-info", "UpdateUserIdentityInfo", users::update_identity),
    ("POST", "users/{i}/{id}/phone-config", "UpdateUserPhoneConfig", users::update_phone),
    ("POST", "users/{i}/{id}/config", "UpdateUserConfig", users::update_config),
    ("POST", "users/{i}/{id}/routing-profile", "UpdateUserRoutingProfile", users::update_routing),
    ("POST", "users/{i}/{id}/security-profiles", "UpdateUserSecurityProfiles", users::update_security),
    ("POST", "users/{i}/{id}/hierarchy", "UpdateUserHierarchy", users::update_hierarchy),
    ("POST", "tags/{id}", "TagResource", tags::tag),
    ("DELETE", "tags/{id}", "UntagResource", tags::untag),
    ("GET", "tags/{id}", "ListTagsForResource", tags::list),
    ("GET", "routing-profiles-summary/{i}", "ListRoutingProfiles", catalogue::list_routing_profiles),
    ("GET", "security-profiles-summary/{i}", "ListSecurityProfiles", catalogue::list_security_profiles),
    ("POST", "search-user-hierarchy-groups", "SearchUserHierarchyGroups", search::hierarchy_groups),
    ("PUT", "user-hierarchy-groups/{i}", "CreateUserHierarchyGroup", catalogue::create_group),
    ("POST", "search-quick-connects", "SearchQuickConnects", search::quick_connects),
    ("GET", "quick-connects/{i}", "ListQuickConnects", quick::list),
    ("PUT", "quick-connects/{i}", "CreateQuickConnect", quick::create),
    ("POST", "quick-connects/{i}/{id}/config", "UpdateQuickConnectConfig", quick::update_config),
    ("DELETE", "quick-connects/{i}/{id}", "DeleteQuickConnect", quick::delete),
];

struct Matched {
    operation: &'static str,
    handler: Handler,
    instance: Option<String>,
    id: String,
}

fn find(method: &Method, path: &str) -> Option<Matched> {
    let given: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    ROUTES.iter().find_map(|(wanted, pattern, operation, handler)| {
        let mut matched = Matched { operation, handler: *handler, instance: None, id: String::new() };
        let parts: Vec<&str> = pattern.split('/').collect();
        if method.as_str() != *wanted || parts.len() != given.len() {
            return None;
        }
        for (part, text) in parts.iter().zip(&given) {
            match *part {
                "{i}" => matched.instance = Some(decoded(text)),
                "{id}" => matched.id = decoded(text),
                literal if literal == *text => {}
                _ => return None,
            }
        }
        Some(matched)
    })
}

/// Percent-decodes one path segment, in which `+` stands for itself.
fn decoded(segment: &str) -> String {
    let pair = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(text, _)| text.into_owned())
}

/// Everything a request needs.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) state: ConnectState,
    pub(super) faults: Faults,
}

/// Answers any request; the axum fallback handler.
pub(super) async fn serve(
    State(service): State<Service>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request_id = request_id();
    let mut response = match answer(&service, &method, &uri, &headers, &body, &request_id).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

async fn answer(
    service: &Service,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
    request_id: &str,
) -> Result<Response<Body>, Refusal> {
    signed_for(headers, "connect").map_err(|reason| match reason {
        Unsigned::Missing => Refusal::unsigned(),
        Unsigned::Wrong => Refusal::denied("The request is not signed with Signature Version 4 for connect"),
    })?;
    let Matched { operation, handler, instance, id } =
        find(method, uri.path()).ok_or_else(Refusal::unknown_operation)?;
    service.state.quota().count(operation);
    let fault = strike(&service.faults, "connect", operation).await?;
    service.state.quota().admit(operation).map_err(Refusal::throttled)?;
    let query = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let mut call = Call { operation, id, body: Value::Null, request_id: request_id.to_owned(), query };
    if matches!(*method, Method::POST | Method::PUT) {
        call.body = parsed(headers, body)?;
    }
    let led_here = call.query("nextToken").or_else(|| call.body.get("NextToken").and_then(Value::as_str));
    let led_here = led_here.map(str::to_owned);
    let result = service.state.with(|store| {
        let named = instance.as_deref().or_else(|| call.body.get("InstanceId").and_then(Value::as_str));
        check_instance(store, operation, named)?;
        handler(store, &call)
    })?;
    Ok(twist(fault.as_ref(), result, led_here.as_deref()))
}

fn parsed(headers: &HeaderMap, body: &Bytes) -> Result<Value, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !kind.starts_with("application/json") {
        return Err(Refusal::request("The content type must be application/json"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| Refusal::request("The request body is not JSON"))?;
    if value.is_object() { Ok(value) } else { Err(Refusal::request("The request body is not a JSON object")) }
}

/// Tags name an ARN and `ListInstances` names nothing; every other operation names the instance.
fn check_instance(store: &Store, operation: &str, named: Option<&str>) -> Result<(), Refusal> {
    if operation == "ListInstances" || operation.contains("Resource") {
        return Ok(());
    }
    match named {
        Some(id) if id == store.settings.instance_id => Ok(()),
        Some(id) if (1..=100).contains(&id.len()) => Err(Refusal::not_found("Instance")),
        _ => Err(Refusal::parameter("InstanceId must have 1 to 100 characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_operations() {
        for (method, path, expected) in [
            (Method::GET, "/users-summary/i", Some(("ListUsers", ""))),
            (Method::PUT, "/users/i", Some(("CreateUser", ""))),
            (Method::POST, "/users/i/u%201/hierarchy", Some(("UpdateUserHierarchy", "u 1"))),
            (Method::DELETE, "/tags/arn%3Aaws%3Aconnect%3Ae%3A1%3Ainstance%2Fi%2Fagent%2Fu", {
                Some(("UntagResource", "arn:aws:connect:e:1:instance/i/agent/u"))
            }),
            (Method::GET, "/tags/a+b=c", Some(("ListTagsForResource", "a+b=c"))),
            (Method::GET, "/users/i", None),
            (Method::GET, "/users-summary/i/", None),
            (Method::GET, "/", None),
        ] {
            let found = find(&method, path).map(|matched| (matched.operation, matched.id));
            let found = found.as_ref().map(|(operation, id)| (*operation, id.as_str()));
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
