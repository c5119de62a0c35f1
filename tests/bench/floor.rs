//! The floor under a pull: the same pages fetched with reqwest and parsed with serde, and nothing done with them.

use std::time::Instant;

use reqwest::Client;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{CLIENT_ID, CLIENT_SECRET};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What the mapping needs of a user; the same properties rollcall selects.
const SELECT: &str = "id,userPrincipalName,accountEnabled,givenName,surname,userType,displayName,department,mail,\
                      businessPhones,mobilePhone,jobTitle";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct GraphUser {
    id: String,
    user_principal_name: Option<String>,
    account_enabled: Option<bool>,
    given_name: Option<String>,
    surname: Option<String>,
    user_type: Option<String>,
    display_name: Option<String>,
    department: Option<String>,
    mail: Option<String>,
    #[serde(default)]
    business_phones: Vec<String>,
    mobile_phone: Option<String>,
    job_title: Option<String>,
}

#[derive(Deserialize)]
struct GraphPage {
    value: Vec<GraphUser>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct OktaUser {
    id: String,
    status: String,
    last_updated: String,
    profile: OktaProfile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct OktaProfile {
    login: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    display_name: Option<String>,
    title: Option<String>,
    department: Option<String>,
    primary_phone: Option<String>,
    mobile_phone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct ScimUser {
    id: String,
    user_name: String,
    active: Option<bool>,
    display_name: Option<String>,
    title: Option<String>,
    name: Option<ScimName>,
    #[serde(default)]
    emails: Vec<ScimValue>,
    #[serde(default)]
    phone_numbers: Vec<ScimValue>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    enterprise: Option<ScimEnterprise>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct ScimName {
    given_name: Option<String>,
    family_name: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct ScimValue {
    value: String,
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct ScimEnterprise {
    department: Option<String>,
}

#[derive(Deserialize)]
struct ScimPage {
    #[serde(rename = "Resources", default)]
    resources: Vec<ScimUser>,
}

/// A page, and the address in its `Link: rel="next"`.
async fn page<T: DeserializeOwned>(client: &Client, url: &str, authorization: &str) -> (T, Option<String>) {
    let answer = client.get(url).header("authorization", authorization).send().await.expect("a page");
    assert!(answer.status().is_success(), "{}", answer.status());
    let links = answer.headers().get_all("link").iter().filter_map(|link| link.to_str().ok());
    let next = links.filter(|link| link.contains("rel=\"next\"")).find_map(|link| {
        let (address, _) = link.split_once('<')?.1.split_once('>')?;
        Some(address.to_owned())
    });
    let body = answer.bytes().await.expect("a body");
    (serde_json::from_slice(&body).expect("a page"), next)
}

fn client() -> Client {
    Client::builder().gzip(true).no_proxy().build().expect("a client")
}

/// Seconds for everybody by `/users/delta`.
pub(crate) async fn graph(sandbox: &Sandbox, people: usize) -> f64 {
    let started = Instant::now();
    let client = client();
    let login = format!("{}/{}/oauth2/v2.0/token", sandbox.addresses.login_url, sandbox.tenant.tenant_id());
    let scope = format!("{}/.default", sandbox.addresses.graph_url);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("scope", &scope),
    ];
    let answer = client.post(&login).form(&form).send().await.expect("a token");
    let Token { access_token } = answer.json().await.expect("a token");
    let mut url = Some(format!("{}/v1.0/users/delta?$select={SELECT}", sandbox.addresses.graph_url));
    let mut seen = 0;
    while let Some(at) = url {
        let (page, _) = page::<GraphPage>(&client, &at, &format!("Bearer {access_token}")).await;
        seen += page.value.len();
        url = page.next;
    }
    assert_eq!(seen, people);
    started.elapsed().as_secs_f64()
}

/// Seconds for everybody by `GET /api/v1/users`.
pub(crate) async fn okta(sandbox: &Sandbox, people: usize) -> f64 {
    let started = Instant::now();
    let client = client();
    let query = "search=lastUpdated%20ge%20%221970-01-01T00:00:00.000Z%22&sortBy=lastUpdated&sortOrder=asc&limit=200";
    let mut url = Some(format!("{}/api/v1/users?{query}", sandbox.addresses.okta_url));
    let mut seen = 0;
    while let Some(at) = url {
        let (users, next) = page::<Vec<OktaUser>>(&client, &at, &format!("SSWS {CLIENT_SECRET}")).await;
        seen += users.len();
        url = next;
    }
    assert_eq!(seen, people);
    started.elapsed().as_secs_f64()
}

/// Seconds for everybody by `GET /Users`.
pub(crate) async fn scim(sandbox: &Sandbox, people: usize) -> f64 {
    let started = Instant::now();
    let client = client();
    let mut seen = 0;
    loop {
        let url = format!("{}/Users?startIndex={}&count=100", sandbox.addresses.scim_url, seen + 1);
        let (page, _) = page::<ScimPage>(&client, &url, &format!("Bearer {CLIENT_SECRET}")).await;
        if page.resources.is_empty() {
            break;
        }
        seen += page.resources.len();
    }
    assert_eq!(seen, people);
    started.elapsed().as_secs_f64()
}
