//! The server in process, driven the way a client drives a real one.

mod access;
mod bad_days;
mod characters;
mod filters;
mod paging;
mod resources;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::*;
use crate::sandbox::company::{Belongs, Company, Person, Team};
use crate::sandbox::faults::{Fault, FaultKind, Faults};

const ROOT: &str = "http://scim.test/scim/v2";
const TOKEN: &str = "Bearer opaque";

/// A server that lets a token in.
struct Lab {
    tenant: Tenant,
    server: ScimServer,
    faults: Faults,
    router: Router,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Lab {
    fn new(company: Company) -> Self {
        let tenant = Tenant::new(company, DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap());
        let (server, faults) = (ScimServer::new(tenant.clone()), Faults::default());
        server.accept(Credential::Bearer("opaque".to_owned()));
        let router = server.router(faults.clone(), ROOT.to_owned());
        Self { tenant, server, faults, router }
    }

    /// With people and a group of them all, of this character.
    fn of(people: usize, character: Character) -> Self {
        let lab = Self::new(company(people));
        lab.server.set_character(character);
        lab
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path.replace(' ', "%20").replace('"', "%22"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: head.status.as_u16(), headers: head.headers, text, body }
    }

    /// A path below the root.
    async fn get(&self, path: &str) -> Answer {
        self.send("GET", &format!("/scim/v2{path}"), &[("authorization", TOKEN)], "").await
    }

    /// The ids of a page of users.
    async fn page(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/Users?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        ids(&answer.body)
    }

    fn user(&self, index: usize) -> String {
        self.tenant.users()[index].id.clone()
    }

    fn users(&self) -> Vec<String> {
        self.tenant.users().into_iter().map(|user| user.id).collect()
    }

    fn update(&self, id: &str, patch: Value) {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        self.tenant.update_user(id, patch).unwrap();
    }

    fn strike(&self, operation: &str, kind: FaultKind) {
        let operation = Some(operation.to_owned());
        self.faults.add(Fault { service: "scim".to_owned(), operation, skip: 0, times: 1, kind });
    }
}

impl Answer {
    #[track_caller]
    fn refused(&self, status: u16, kind: Option<&str>) {
        assert_eq!((self.status, self.body["scimType"].as_str()), (status, kind), "{}", self.text);
        assert_eq!(self.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(self.body["status"], json!(status.to_string()));
        assert!(self.body["detail"].is_string());
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn ids(body: &Value) -> Vec<String> {
    let resources = body["Resources"].as_array().into_iter().flatten();
    resources.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Plain people, all in `Everybody`, and `Outer` around it with a device.
fn company(people: usize) -> Company {
    let mut company = Company::plain(people);
    let all: Vec<Belongs> = (0..people).map(Belongs::Person).collect();
    let team = |number: u8, name: &str, members: Vec<Belongs>| Team {
        id: format!("0b000000-0000-4000-8000-{number:012}"),
        name: name.to_owned(),
        members,
    };
    company.groups = vec![team(0, "Everybody", all), team(1, "Outer", vec![Belongs::Group(0), Belongs::Device(0)])];
    company
}

fn keys(item: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = item.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn person(id: &str, properties: Value) -> Person {
    let Value::Object(properties) = properties else { panic!("properties are an object") };
    Person { id: id.to_owned(), properties }
}
