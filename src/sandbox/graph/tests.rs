//! The routers in process, driven the way a client drives the real service.

mod bad_days;
mod delta;
mod listings;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::sandbox::company::{Company, Person};
use crate::sandbox::faults::{Fault, FaultKind, Faults};
use crate::sandbox::tenant::{App, Tenant, Throttle};
use crate::sandbox::{graph, login};

const BASE: &str = "http://graph.test";
const EVENTUAL: &[(&str, &str)] = &[("ConsistencyLevel", "eventual")];
const ALL: &[&str] = &["User.Read.All", "GroupMember.Read.All"];

/// A tenant, signed in to.
struct Lab {
    tenant: Tenant,
    faults: Faults,
    router: Router,
    token: String,
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Lab {
    async fn new(company: Company) -> Self {
        Self::with(company, ALL).await
    }

    async fn with(company: Company, permissions: &[&str]) -> Self {
        let tenant = Tenant::new(company, DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap());
        tenant.configure(|settings| settings.throttle = Throttle::Off);
        tenant.set_app(App::new("app").secret("secret").permissions(permissions));
        let faults = Faults::default();
        let router = graph::router(tenant.clone(), faults.clone(), BASE.to_owned())
            .merge(login::router(tenant.clone(), faults.clone()));
        let mut lab = Self { tenant, faults, router, token: String::new() };
        lab.sign_in(BASE).await;
        lab
    }

    async fn sign_in(&mut self, resource: &str) {
        let body =
            format!("grant_type=client_credentials&client_id=app&client_secret=secret&scope={resource}/.default");
        let request = Request::post(format!("/{}/oauth2/v2.0/token", self.tenant.tenant_id()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        let answer = self.send(request.unwrap()).await;
        self.token = answer.body["access_token"].as_str().expect("a token").to_owned();
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Follows a path under `/v1.0` or an absolute link.
    async fn get_with(&self, link: &str, headers: &[(&str, &str)]) -> Answer {
        let link = link.replace(' ', "%20");
        let path = link.strip_prefix(BASE).map_or_else(|| format!("/v1.0{link}"), str::to_owned);
        let mut request = Request::get(path).header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, link: &str) -> Answer {
        self.get_with(link, &[]).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(format!("/v1.0{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// All objects from a link to the end of its pages, the sizes of the pages, and the delta link if there is one.
    async fn walk(&self, link: &str, headers: &[(&str, &str)]) -> (Vec<Value>, Vec<usize>, Option<String>) {
        let (mut items, mut sizes, mut link) = (Vec::new(), Vec::new(), link.to_owned());
        for _ in 0..2_000 {
            let answer = self.get_with(&link, headers).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let page = answer.body["value"].as_array().unwrap();
            sizes.push(page.len());
            items.extend(page.iter().cloned());
            let (next, delta) = (answer.body["@odata.nextLink"].as_str(), answer.body["@odata.deltaLink"].as_str());
            assert!(next.is_none() || delta.is_none(), "a page never carries both links");
            match next {
                Some(next) => link = next.to_owned(),
                None => return (items, sizes, delta.map(str::to_owned)),
            }
        }
        panic!("the listing does not end");
    }

    /// A whole delta round.
    async fn round(&self, link: &str) -> (Vec<Value>, String) {
        let (items, _, delta) = self.walk(link, &[]).await;
        (items, delta.expect("a round ends in a delta link"))
    }

    fn user(&self, index: usize) -> String {
        self.tenant.users()[index].id.clone()
    }

    fn update(&self, id: &str, patch: Value) {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        self.tenant.update_user(id, patch).unwrap();
    }

    fn strike(&self, operation: &str, kind: FaultKind) {
        let operation = Some(operation.to_owned());
        self.faults.add(Fault { service: "graph".to_owned(), operation, skip: 0, times: 1, kind });
    }
}

impl Answer {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
        let inner = &self.body["error"]["innerError"];
        assert!(inner["request-id"].is_string() && self.headers.contains_key("request-id"));
    }
}

fn person(id: &str, login: &str) -> Person {
    let properties =
        json!({ "userPrincipalName": login, "displayName": login, "accountEnabled": true, "userType": "Member" });
    let Value::Object(properties) = properties else { unreachable!() };
    Person { id: id.to_owned(), properties }
}

/// A company of plain people and the given groups of them, by index.
fn company(people: usize, groups: &[(&str, std::ops::Range<usize>)]) -> Company {
    use crate::sandbox::company::{Belongs, Team};
    let mut company = Company::plain(people);
    company.groups = groups
        .iter()
        .enumerate()
        .map(|(index, (name, members))| Team {
            id: format!("0b000000-0000-4000-8000-{index:012}"),
            name: (*name).to_owned(),
            members: members.clone().map(Belongs::Person).collect(),
        })
        .collect();
    company
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["id"].as_str()).collect()
}

fn keys(item: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = item.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
