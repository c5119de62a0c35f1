//! A small Amazon Connect for the tests of this folder: users behind the REST paths, with faults on demand.
//!
//! It keeps state like the real one: an index that lags, pages, milliseconds in searches, tags by ARN.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{AmazonConnect, ConnectConfig, QuotaConfig, Quotas, Rate};

pub(super) const INSTANCE: &str = "i-1";
pub(super) const INSTANCE_ARN: &str = "arn:aws:connect:eu-west-2:111122223333:instance/i-1";

/// The instance of the fake, with a quota that never waits.
pub(super) fn config(url: &str) -> ConnectConfig {
    ConnectConfig {
        instance_arn: INSTANCE_ARN.to_owned(),
        instance_id: INSTANCE.to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-2".to_owned(),
        profile: None,
        assume_role: None,
        endpoint_url: Some(url.parse().unwrap()),
        tls: connectors::http::Tls::default(),
        quota: QuotaConfig {
            share: 1.0,
            default: Rate { per_second: 100_000.0, burst: 10_000 },
            operations: BTreeMap::new(),
        },
    }
}

/// What the next call of an operation meets.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// An error answer.
    Status(u16, &'static str, &'static str),
    /// Carried out, and the reply is unreadable.
    LostReply,
    /// The token of the next page is always the same one.
    LoopingToken,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// As `DescribeUser` gives them.
    pub(super) users: BTreeMap<String, Value>,
    /// Users the search index does not know yet.
    pub(super) not_indexed: BTreeSet<String>,
    /// Users the search index still knows.
    pub(super) ghosts: BTreeMap<String, Value>,
    pub(super) quick_connects: BTreeMap<String, Value>,
    pub(super) identity_management: Option<&'static str>,
    pub(super) status: Option<&'static str>,
    /// Most items on a page, if less than asked for.
    pub(super) page: Option<usize>,
    /// Seconds since the epoch.
    pub(super) now: i64,
    /// By operation; `u32` times.
    pub(super) faults: BTreeMap<&'static str, (u32, Fault)>,
    /// Operation and body of every call.
    pub(super) calls: Vec<(&'static str, Value)>,
}

impl State {
    pub(super) fn user(&mut self, id: &str, username: &str) -> &mut Value {
        let user = json!({
            "Id": id,
            "Arn": format!("{INSTANCE_ARN}/agent/{id}"),
            "Username": username,
            "IdentityInfo": {"FirstName": "First", "LastName": "Last", "SecondaryEmail": format!("{id}@example.com")},
            "PhoneConfig": {"PhoneType": "SOFT_PHONE", "AutoAccept": false, "AfterContactWorkTimeLimit": 120},
            "SecurityProfileIds": ["sp-1"],
            "RoutingProfileId": "rp-1",
            "Tags": {},
            "LastModifiedTime": self.now,
        });
        self.users.insert(id.to_owned(), user);
        self.users.get_mut(id).unwrap()
    }

    pub(super) fn calls_of(&self, operation: &str) -> usize {
        self.calls.iter().filter(|(called, _)| *called == operation).count()
    }
}

/// The server and its state.
pub(super) struct Fake {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State { now: 1_800_000_000, ..State::default() }));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Responder(Arc::clone(&state))).mount(&server).await;
        Self { server, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) async fn connect(&self) -> AmazonConnect {
        AmazonConnect::connect(config(&self.server.uri()), &Quotas::new()).await.unwrap()
    }
}

struct Responder(Arc<Mutex<State>>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let path = request.url.path().to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let operation = operation(request.method.as_str(), &parts);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        state.calls.push((operation, body.clone()));
        let request_id = format!("req-{}", state.calls.len());
        let fault = state.faults.get_mut(operation).and_then(|(times, fault)| {
            (*times > 0).then(|| {
                *times -= 1;
                fault.clone()
            })
        });
        let answer = match fault {
            Some(Fault::Status(status, code, message)) => error(status, code, message),
            Some(Fault::LostReply) => {
                state.serve(operation, &parts, request, &body);
                ResponseTemplate::new(200).set_body_string("<html>gateway</html>")
            }
            Some(Fault::LoopingToken) => ResponseTemplate::new(200).set_body_json(json!({"NextToken": "again"})),
            None => state.serve(operation, &parts, request, &body),
        };
        answer.insert_header("x-amzn-RequestId", request_id.as_str())
    }
}

fn operation(method: &str, parts: &[&str]) -> &'static str {
    match (method, parts) {
        ("GET", ["instance", _]) => "DescribeInstance",
        ("GET", ["routing-profiles-summary", _]) => "ListRoutingProfiles",
        ("GET", ["security-profiles-summary", _]) => "ListSecurityProfiles",
        ("POST", ["search-user-hierarchy-groups"]) => "SearchUserHierarchyGroups",
        ("POST", ["search-users"]) => "SearchUsers",
        ("POST", ["search-quick-connects"]) => "SearchQuickConnects",
        ("GET", ["users-summary", _]) => "ListUsers",
        ("GET", ["users", _, _]) => "DescribeUser",
        ("PUT", ["users", _]) => "CreateUser",
        ("DELETE", ["users", _, _]) => "DeleteUser",
        ("POST", ["users", _, _, "identity-info"]) => "UpdateUserIdentityInfo",
        ("POST", ["users", _, _, "phone-config"]) => "UpdateUserPhoneConfig",
        ("POST", ["users", _, _, "routing-profile"]) => "UpdateUserRoutingProfile",
        ("POST", ["users", _, _, "security-profiles"]) => "UpdateUserSecurityProfiles",
        ("POST", ["users", _, _, "hierarchy"]) => "UpdateUserHierarchy",
        ("POST", ["tags", _]) => "TagResource",
        ("DELETE", ["tags", _]) => "UntagResource",
        ("DELETE", ["quick-connects", _, _]) => "DeleteQuickConnect",
        ("POST", ["quick-connects", _, _, "config"]) => "UpdateQuickConnectConfig",
        _ => panic!("the fake does not know {method} {parts:?}"),
    }
}

fn error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    let answer = ResponseTemplate::new(status);
    match code {
        "" => answer.set_body_string(message),
        code => answer.insert_header("x-amzn-ErrorType", code).set_body_json(json!({"Message": message})),
    }
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn not_found() -> ResponseTemplate {
    error(404, "ResourceNotFoundException", "not found")
}

impl State {
    fn serve(&mut self, operation: &str, parts: &[&str], request: &Request, body: &Value) -> ResponseTemplate {
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        match operation {
            "DescribeInstance" => ok(json!({"Instance": {
                "Id": INSTANCE, "Arn": INSTANCE_ARN, "InstanceAlias": "emea",
                "IdentityManagementType": self.identity_management.unwrap_or("SAML"),
                "InstanceStatus": self.status.unwrap_or("ACTIVE"),
            }})),
            "ListRoutingProfiles" => ok(
                json!({"RoutingProfileSummaryList": [{"Id": "rp-1", "Name": "Basic"}, {"Id": "rp-2", "Name": "Care"}]}),
            ),
            "ListSecurityProfiles" => ok(
                json!({"SecurityProfileSummaryList": [{"Id": "sp-1", "Name": "Agent"}, {"Id": "sp-2", "Name": "Admin"}]}),
            ),
            "SearchUserHierarchyGroups" => ok(json!({"UserHierarchyGroups": [
                {"Id": "g-1", "Name": "EMEA", "LevelId": "1",
                 "HierarchyPath": {"LevelOne": {"Id": "g-1", "Name": "EMEA"}}},
            ]})),
            "ListUsers" => {
                let users = self.users.values().map(|user| {
                    let field = |name: &str| user[name].clone();
                    json!({"Id": field("Id"), "Arn": field("Arn"), "Username": field("Username"),
                           "LastModifiedTime": field("LastModifiedTime")})
                });
                let asked = query.get("maxResults").map_or(100, |size| size.parse().unwrap());
                self.paged("UserSummaryList", users.collect(), asked, query.get("nextToken").cloned())
            }
            "SearchUsers" => self.search_users(body),
            "SearchQuickConnects" => {
                let items = self.quick_connects.values().cloned().collect();
                self.paged("QuickConnects", items, size(body), token(body))
            }
            "CreateUser" => self.create_user(body),
            "TagResource" | "UntagResource" => self.tag(operation, parts[1], request, body),
            "UpdateQuickConnectConfig" => match self.quick_connects.get_mut(parts[2]) {
                Some(quick) => {
                    quick["QuickConnectConfig"] = body["QuickConnectConfig"].clone();
                    ResponseTemplate::new(200)
                }
                None => not_found(),
            },
            "DeleteQuickConnect" => match self.quick_connects.remove(parts[2]) {
                Some(_) => ResponseTemplate::new(200),
                None => not_found(),
            },
            _ => self.user_call(operation, parts[2], body),
        }
    }

    fn user_call(&mut self, operation: &str, id: &str, body: &Value) -> ResponseTemplate {
        let now = self.now;
        let Some(user) = self.users.get_mut(id) else { return not_found() };
        match operation {
            "DescribeUser" => return ok(json!({"User": user})),
            "DeleteUser" => {
                self.users.remove(id);
                return ResponseTemplate::new(200);
            }
            "UpdateUserIdentityInfo" => user["IdentityInfo"] = body["IdentityInfo"].clone(),
            "UpdateUserPhoneConfig" => user["PhoneConfig"] = body["PhoneConfig"].clone(),
            "UpdateUserRoutingProfile" => user["RoutingProfileId"] = body["RoutingProfileId"].clone(),
            "UpdateUserSecurityProfiles" => user["SecurityProfileIds"] = body["SecurityProfileIds"].clone(),
            "UpdateUserHierarchy" => user["HierarchyGroupId"] = body["HierarchyGroupId"].clone(),
            _ => unreachable!("{operation}"),
        }
        user["LastModifiedTime"] = json!(now);
        ResponseTemplate::new(200)
    }

    fn create_user(&mut self, body: &Value) -> ResponseTemplate {
        if self.users.values().any(|user| user["Username"] == body["Username"]) {
            return error(409, "DuplicateResourceException", "Username is taken");
        }
        let secrets = [&body["IdentityInfo"]["Email"], &body["Password"]];
        let wanted = self.identity_management == Some("CONNECT_MANAGED");
        if secrets.iter().any(|secret| secret.is_string() != wanted) {
            return error(400, "InvalidParameterException", "Email and Password do not fit this instance");
        }
        let id = format!("new-{}", self.users.len() + 1);
        let arn = format!("{INSTANCE_ARN}/agent/{id}");
        let mut user = body.clone();
        user["Id"] = json!(id);
        user["Arn"] = json!(arn);
        user["LastModifiedTime"] = json!(self.now);
        self.users.insert(id.clone(), user);
        ok(json!({"UserId": id, "UserArn": arn}))
    }

    fn tag(&mut self, operation: &str, arn: &str, request: &Request, body: &Value) -> ResponseTemplate {
        let id = arn.rsplit("%2F").next().unwrap();
        let Some(user) = self.users.get_mut(id) else { return not_found() };
        let tags = user["Tags"].as_object_mut().unwrap();
        if operation == "TagResource" {
            tags.extend(body["tags"].as_object().unwrap().clone());
        }
        for (name, key) in request.url.query_pairs() {
            assert_eq!(name, "tagKeys");
            tags.remove(&*key);
        }
        ResponseTemplate::new(200)
    }

    fn search_users(&mut self, body: &Value) -> ResponseTemplate {
        let wanted: Option<Vec<&Value>> = body["SearchCriteria"]["OrConditions"].as_array().map(|conditions| {
            assert!(conditions.iter().all(|c| c["StringCondition"]["ComparisonType"] == "EXACT"));
            conditions.iter().map(|condition| &condition["StringCondition"]["Value"]).collect()
        });
        let indexed = self.users.iter().filter(|(id, _)| !self.not_indexed.contains(*id)).chain(&self.ghosts);
        let users = indexed
            .map(|(_, user)| user)
            .filter(|user| wanted.as_ref().is_none_or(|wanted| wanted.contains(&&user["Username"])));
        let users = users.cloned().map(|mut user| {
            let user_ = user.as_object_mut().unwrap();
            user_.remove("LastModifiedTime");
            if let Some(info) = user_.get_mut("IdentityInfo").and_then(Value::as_object_mut) {
                info.retain(|name, _| name == "FirstName" || name == "LastName");
            }
            if let Some(limit) =
                user_.get_mut("PhoneConfig").and_then(|phone| phone.get_mut("AfterContactWorkTimeLimit"))
            {
                *limit = json!(limit.as_i64().unwrap() * 1_000);
            }
            user
        });
        self.paged("Users", users.collect(), size(body), token(body))
    }

    fn paged(&self, list: &str, items: Vec<Value>, asked: usize, token: Option<String>) -> ResponseTemplate {
        let from: usize = token.map_or(0, |token| token.parse().unwrap());
        let until = items.len().min(from + asked.min(self.page.unwrap_or(usize::MAX)));
        let mut body = json!({"ApproximateTotalCount": items.len()});
        body[list] = json!(items[from..until]);
        if until < items.len() {
            body["NextToken"] = json!(until.to_string());
        }
        ok(body)
    }
}

fn size(body: &Value) -> usize {
    usize::try_from(body["MaxResults"].as_u64().unwrap_or(100)).unwrap()
}

fn token(body: &Value) -> Option<String> {
    body["NextToken"].as_str().map(str::to_owned)
}
