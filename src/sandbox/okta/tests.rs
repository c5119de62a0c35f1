//! The router in process, driven the way a client drives the real service.

mod access;
mod apps;
mod bad_days;
mod groups;
mod logs;
mod users;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{OktaOrg, Role};
use crate::sandbox::company::{Belongs, Company, Person, Team};
use crate::sandbox::faults::{Fault, FaultKind, Faults};
use crate::sandbox::tenant::Tenant;

const ROOT: &str = "https://example.okta.test";
const TOKEN: &str = "00token";
/// The moment the org begins.
const BEGAN: &str = "2027-01-15T08:00:00.000Z";

/// An org with an API token.
struct Lab {
    tenant: Tenant,
    okta: OktaOrg,
    faults: Faults,
    router: Router,
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Lab {
    fn new(company: Company) -> Self {
        let tenant = Tenant::new(company, DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap());
        let okta = OktaOrg::new(tenant.clone());
        okta.add_api_token(TOKEN);
        okta.configure(|settings| settings.limits.users = 100_000);
        let faults = Faults::default();
        let router = okta.router(faults.clone(), format!("{ROOT}/"));
        Self { tenant, okta, faults, router }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Follows a path under `/api/v1` or an absolute link.
    async fn get_with(&self, link: &str, headers: &[(&str, &str)]) -> Answer {
        let link = link.replace(' ', "%20").replace('"', "%22");
        let path = link.strip_prefix(ROOT).map_or_else(|| format!("/api/v1{link}"), str::to_owned);
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, link: &str) -> Answer {
        self.get_with(link, &[("authorization", &format!("SSWS {TOKEN}"))]).await
    }

    /// All objects from a link to the end of its pages, and the sizes of the pages.
    async fn walk(&self, link: &str) -> (Vec<Value>, Vec<usize>) {
        let (mut items, mut sizes, mut link) = (Vec::new(), Vec::new(), link.to_owned());
        for _ in 0..1_000 {
            let answer = self.get(&link).await;
            let page = answer.items();
            sizes.push(page.len());
            items.extend(page.iter().cloned());
            match answer.next() {
                Some(next) => link = next,
                None => return (items, sizes),
            }
        }
        panic!("the listing does not end");
    }

    /// The tenant's id of the user with this index.
    fn user(&self, index: usize) -> String {
        self.tenant.lock().store.users[index].id.clone()
    }

    /// Okta's.
    fn okta(&self, index: usize) -> String {
        self.okta.okta_id(&self.user(index)).unwrap()
    }

    fn group(&self, name: &str) -> String {
        self.tenant.group_id(name).unwrap()
    }

    fn okta_group(&self, name: &str) -> String {
        self.okta.okta_group_id(&self.group(name)).unwrap()
    }

    fn update(&self, index: usize, patch: Value) {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        self.tenant.update_user(&self.user(index), patch).unwrap();
    }

    fn hire(&self, login: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let properties = json!({ "userPrincipalName": login, "displayName": login, "accountEnabled": true });
        let Value::Object(properties) = properties else { unreachable!() };
        self.tenant.add_user(Person { id: id.clone(), properties }).unwrap();
        id
    }

    fn pass(&self, seconds: u64) {
        self.tenant.advance(Duration::from_secs(seconds));
    }

    fn strike(&self, operation: &str, kind: FaultKind) {
        let operation = Some(operation.to_owned());
        self.faults.add(Fault { service: "okta".to_owned(), operation, skip: 0, times: 1, kind });
    }
}

impl Answer {
    #[track_caller]
    fn items(&self) -> &Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body.as_array().expect("a list")
    }

    #[track_caller]
    fn ids(&self) -> Vec<&str> {
        ids(self.items())
    }

    fn links(&self) -> Vec<&str> {
        self.headers.get_all("link").iter().filter_map(|link| link.to_str().ok()).collect()
    }

    fn next(&self) -> Option<String> {
        let next = self.links().into_iter().find_map(|link| link.strip_suffix("; rel=\"next\""))?;
        Some(next.trim_start_matches('<').trim_end_matches('>').to_owned())
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, &self.body["errorCode"]), (status, &json!(code)), "{}", self.body);
        assert_eq!(self.body["errorLink"], code);
        assert!(self.body["errorId"].is_string() && self.body["errorCauses"] == json!([]));
        assert!(self.headers.contains_key("x-rate-limit-limit"));
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["id"].as_str()).collect()
}

/// A company of plain people and the given groups of them, by index.
fn company(people: usize, groups: &[(&str, std::ops::Range<usize>)]) -> Company {
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
