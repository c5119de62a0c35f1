//! Directories on SCIM servers of other people's making: the servers, and the administrator who writes over their own API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::server::{Server, source};

/// What every server here takes as bearer token.
pub(crate) const TOKEN: &str = "only-for-this-test";
/// The enterprise extension (RFC 7643, 4.3).
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// `scimmy-routers`. At most so many resources a page (0 for its own rule); whether filters are applied.
pub(crate) async fn scimmy(most: u32, filters: bool) -> Server {
    let filters = if filters { "filters" } else { "no-filters" };
    Server::node("scimmy.mjs", &[TOKEN, &most.to_string(), filters]).await
}

/// `scim2-server`, which pages by index.
pub(crate) async fn scim2() -> Server {
    Server::python("scim2.py", &["--bearer-token", TOKEN]).await
}

/// `scim2-server`, which pages by cursor only.
pub(crate) async fn scim2_by_cursor() -> Server {
    let config = source("scim2-cursor.json");
    let config = config.to_str().expect("the path of the sources is text");
    Server::python("scim2.py", &["--bearer-token", TOKEN, "--service-provider-config", config]).await
}

/// `django-scim2`.
pub(crate) async fn django() -> Server {
    Server::python("django_scim2.py", &[TOKEN]).await
}

/// The administrator of the directory: writes over the server's own SCIM API.
pub(crate) struct Admin {
    http: reqwest::Client,
    base: Url,
}

impl Admin {
    pub(crate) fn new(base: &Url) -> Self {
        // Node closes a connection that rests for five seconds; a write that meets it then fails.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { http, base: base.clone() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let (status, text) = self.answer(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status}: {text}");
        serde_json::from_str(&text).ok()
    }

    async fn answer(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let made = self.send(Method::POST, path, Some(body)).await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Person number so-and-so; gives the id.
    pub(crate) async fn hire(&self, number: usize) -> String {
        self.create("/Users", person(number)).await
    }

    /// A group of these people.
    pub(crate) async fn found(&self, name: &str, members: &[String]) -> String {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        let id = self.create("/Groups", json!({"schemas": [schema], "displayName": name})).await;
        // django-scim2 overlooks members who are named when a group is made.
        self.join(&id, members).await;
        id
    }

    pub(crate) async fn join(&self, group: &str, members: &[String]) {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        self.patch(&format!("/Groups/{group}"), json!({"op": "add", "path": "members", "value": members})).await;
    }

    /// Takes somebody out of a group.
    pub(crate) async fn drop(&self, group: &str, member: &str) {
        let path = format!("/Groups/{group}");
        let standard = json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")});
        let (status, text) = self.answer(Method::PATCH, &path, Some(patch(&standard))).await;
        if status == StatusCode::NOT_IMPLEMENTED {
            // django-scim2 knows only the form that Entra ID sends.
            self.patch(&path, json!({"op": "remove", "path": "members", "value": [{"value": member}]})).await;
        } else {
            assert!(status.is_success(), "{status}: {text}");
        }
    }

    /// Changes one attribute of somebody.
    pub(crate) async fn set(&self, user: &str, path: &str, value: Value) {
        self.patch(&format!("/Users/{user}"), json!({"op": "replace", "path": path, "value": value})).await;
    }

    async fn patch(&self, path: &str, operation: Value) {
        self.send(Method::PATCH, path, Some(patch(&operation))).await;
    }

    /// Writes a whole record.
    pub(crate) async fn replace(&self, path: &str, body: Value) {
        self.send(Method::PUT, path, Some(body)).await;
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.send(Method::DELETE, path, None).await;
    }
}

fn patch(operation: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]})
}

/// Person number so-and-so.
pub(crate) fn person(number: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": format!("Person.{number}@Example.com"),
        "name": {"givenName": format!("Given {number}"), "familyName": format!("Family {number}")},
        "displayName": format!("Person {number}"),
        "active": true,
        "emails": [
            {"type": "home", "value": format!("home.{number}@example.net")},
            {"type": "work", "value": format!("person.{number}@example.com"), "primary": true},
        ],
        "phoneNumbers": [{"type": "work", "value": format!("+49 30 1{number:04}")}],
        ENTERPRISE: {"department": department(number), "employeeNumber": format!("{number:05}")},
    })
}

pub(crate) fn department(number: usize) -> &'static str {
    ["Support", "Sales", "Billing"][number % 3]
}
