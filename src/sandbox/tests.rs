//! Raw HTTP, for what no client would send, and the sandbox as a whole.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::faults::{Fault, FaultKind};
use super::{Sandbox, Settings};

/// When the stories of the tests begin.
pub(super) fn start_of_story() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// An answer, read to the end of the connection.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// All bytes the service sends back.
async fn bytes(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Sends a request without a signature.
pub(super) async fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let text = bytes(url, method, path, headers, body).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends a request with the look of a signature for `service`.
pub(super) async fn signed(
    url: &str,
    service: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let credential = format!("AKIDEXAMPLE/20260302/eu-central-1/{service}/aws4_request");
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00");
    let mut all = vec![("authorization", authorization.as_str()), ("x-amz-date", "20260302T080000Z")];
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        all.push(("content-type", "application/json"));
    }
    all.extend_from_slice(headers);
    send(url, method, path, &all, body).await
}

#[tokio::test]
async fn a_lost_reply_leaves_not_one_byte() {
    let sandbox = Sandbox::start(Settings::new(start_of_story(), super::company::Company::plain(3))).await.unwrap();
    let fault = Fault { service: "connect".to_owned(), operation: None, skip: 0, times: 1, kind: FaultKind::LostReply };
    sandbox.faults.add(fault);
    let authorization = "AWS4-HMAC-SHA256 Credential=A/1/r/connect/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [("authorization", authorization), ("x-amz-date", "20260302T080000Z")];
    let url = &sandbox.addresses.connect_url;
    assert_eq!(bytes(url, "GET", "/instance", &headers, "").await, "");
    assert!(bytes(url, "GET", "/instance", &headers, "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn scripts_control_the_sandbox() {
    let sandbox = Sandbox::start(Settings::new(start_of_story(), super::company::Company::plain(3))).await.unwrap();
    let connect = &sandbox.connect;
    let (routing, security) = (connect.add_routing_profile("Basic"), connect.add_security_profile("Agent"));
    connect.seed_users(2, &routing, &security);
    let url = sandbox.addresses.control_url.clone();
    let json_type = [("content-type", "application/json")];
    let post = async |path: &str, body: Value| send(&url, "POST", path, &json_type, &body.to_string()).await.status;
    let get = async |path: &str| send(&url, "GET", path, &[], "").await.json();

    assert_eq!(get("/").await["connect_url"], json!(sandbox.addresses.connect_url));
    assert_eq!(get("/connect/users").await.as_array().unwrap().len(), 2);
    let set = json!({ "IdentityInfo": { "FirstName": "Zoë", "LastName": null }, "Tags": { "a": "b" } });
    assert_eq!(post("/connect/edit", json!({ "username": "agent00001", "set": set })).await, 204);
    let edited = connect.user_by_username("agent00001").unwrap();
    assert_eq!((edited.identity_info.first_name.as_deref(), edited.identity_info.last_name), (Some("Zoë"), None));
    assert_eq!(edited.tags["a"], "b");
    assert_eq!(post("/connect/edit", json!({ "username": "agent00002", "delete": true })).await, 204);
    assert_eq!(post("/connect/edit", json!({ "username": "agent00002", "delete": true })).await, 404);
    assert_eq!(get("/connect/journal").await, json!([]));
    assert_eq!(get("/connect/calls").await, json!({}));
    assert_eq!(get("/logs/events").await, json!([]));

    let fault = json!({ "service": "connect", "kind": { "status": { "status": 503, "code": "Slow" } } });
    assert_eq!(post("/faults", fault).await, 204);
    assert_eq!(signed(&sandbox.addresses.connect_url, "connect", "GET", "/instance", &[], "").await.status, 503);
    assert_eq!(send(&url, "DELETE", "/faults", &[], "").await.status, 204);
    assert_eq!(signed(&sandbox.addresses.connect_url, "connect", "GET", "/instance", &[], "").await.status, 200);
    assert_eq!(post("/clock", json!({ "at": "2027-01-01T00:00:00Z" })).await, 200);
    assert!(sandbox.clock.now() >= "2027-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap());

    sandbox.shutdown().await;
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
