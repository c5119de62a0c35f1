//! SCIM servers that other people wrote, read through the one door every directory is read through.
//!
//! Each server is started on loopback, filled over its own SCIM API, and then pulled: everybody, again, and after people
//! joined, moved and left. What was put in is counted against what comes out.
//!
//! `tests/foreign/servers/install-scim` installs them: `scim2-server` (Python) and `scimmy-routers` (Node).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use connectors::attributes::{BUSINESS_PHONE, DEPARTMENT, EMPLOYEE_ID, MAIL, USERNAME};
use connectors::scim::{AbsentActive, MembershipFrom, Paging, Scim, ScimConfig, ScimCredential};
use connectors::{
    AttributeName, Attributes, Cursor, DirectoryDelta, Edge, ExternalId, Presence, Pull, PullRequest, SecretSource,
    Source, SourceName, Standing, UserPatch, UserRecord,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// People in the directory; more than five pages of the size that is asked for.
const PEOPLE: usize = 260;
/// Resources to ask for a page.
const PAGE: u32 = 47;
/// Longest wait for a server to start.
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "only-for-this-test";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/servers")
}

/// A server that runs as long as this lives.
struct Server {
    _process: Child,
    base: Url,
}

/// Starts a server and waits until it says where it listens.
async fn started(mut command: Command) -> Server {
    let program = command.as_std().get_program().to_owned();
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn();
    let mut process =
        spawned.unwrap_or_else(|error| panic!("{program:?}: {error}; run tests/foreign/servers/install-scim"));
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let told = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(at) = line.find("http://") {
                return line[at..].trim().to_owned();
            }
        }
        panic!("{program:?} ended without saying where it listens; run tests/foreign/servers/install-scim");
    };
    let base = tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{program:?} does not start"));
    Server { _process: process, base: base.parse().unwrap() }
}

async fn scimmy(most: u32, filters: &str) -> Server {
    let mut command = Command::new("node");
    command.arg(servers().join("scimmy/server.mjs")).args([TOKEN, &most.to_string(), filters]);
    started(command).await
}

async fn scim2(provider: Option<&str>) -> Server {
    // The server cannot choose a port by itself.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(servers().join("scim2/.venv/bin/scim2-server"));
    command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]);
    if let Some(provider) = provider {
        command.arg("--service-provider-config").arg(servers().join("scim2").join(provider));
    }
    started(command).await
}

/// The administrator of the directory: writes over the server's own SCIM API.
struct Admin {
    http: reqwest::Client,
    base: Url,
}

impl Admin {
    fn new(base: &Url) -> Self {
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), base: base.clone() }
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Option<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), &url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status}: {text}");
        serde_json::from_str(&text).ok()
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let made = self.send(reqwest::Method::POST, path, Some(body)).await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    async fn hire(&self, number: usize) -> String {
        self.create("/Users", person(number)).await
    }

    async fn found(&self, name: &str, members: &[String]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": members,
        });
        self.create("/Groups", group).await
    }

    async fn patch(&self, path: &str, operation: Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        self.send(reqwest::Method::PATCH, path, Some(body)).await;
    }

    async fn replace(&self, path: &str, body: Value) {
        self.send(reqwest::Method::PUT, path, Some(body)).await;
    }

    async fn delete(&self, path: &str) {
        self.send(reqwest::Method::DELETE, path, None).await;
    }
}

fn person(number: usize) -> Value {
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

fn department(number: usize) -> &'static str {
    ["Support", "Sales", "Billing"][number % 3]
}

/// What one way of reading one server is expected to show.
struct Case {
    membership: MembershipFrom,
    paging: Paging,
    incremental: bool,
    /// Members of this group only.
    scope: Option<&'static str>,
}

impl Default for Case {
    fn default() -> Self {
        Self { membership: MembershipFrom::Auto, paging: Paging::Auto, incremental: true, scope: None }
    }
}

#[expect(clippy::disallowed_methods, reason = "the servers date their records by the real clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn source(base: &Url, case: &Case, secret: &Path) -> Source {
    let wanted = [DEPARTMENT, MAIL, BUSINESS_PHONE, EMPLOYEE_ID];
    let config = ScimConfig {
        name: SourceName::from("hr"),
        base_url: base.clone(),
        credential: ScimCredential::Bearer(SecretSource::File(secret.to_owned())),
        extra_headers: BTreeMap::new(),
        scope_groups: case.scope.map(|name| vec![name.to_owned()]),
        rule_groups: BTreeSet::from(["CC Berlin".to_owned(), "CC Hamburg".to_owned()]),
        wanted: wanted.into_iter().map(AttributeName::from).collect(),
        fields: BTreeMap::new(),
        page_size: PAGE,
        paging: case.paging,
        first_index: 1,
        membership: case.membership,
        nested: false,
        absent_active: AbsentActive::Auto,
        incremental: case.incremental,
        extension_aliases: Vec::new(),
        users_path: None,
        groups_path: None,
        max_response_bytes: 32 << 20,
    };
    Source::Scim(Box::new(Scim::new(config, now).unwrap()))
}

/// What a reader knows after some pulls.
#[derive(Default)]
struct Known {
    users: BTreeMap<ExternalId, (Attributes, Standing)>,
    edges: BTreeSet<Edge>,
    cursor: Option<Cursor>,
}

impl Known {
    /// Pulls and takes in what comes; says of what kind it was and how many requests it took.
    async fn pull(&mut self, source: &Source, at: DateTime<Utc>) -> (&'static str, u32) {
        let known: BTreeSet<ExternalId> = self.users.keys().cloned().collect();
        let request = PullRequest { cursor: self.cursor.as_ref(), known: &known, at };
        let pulled = source.pull(request).await.unwrap_or_else(|error| panic!("{error}: {}", error.hint));
        match pulled {
            Pull::Full(snapshot) => {
                let (content, cursor) = snapshot.into_parts();
                assert!(content.unreadable.is_empty(), "{:?}", content.unreadable);
                println!("  notes: {:?}", content.notes);
                self.users = content.users.into_values().map(known_user).collect();
                self.edges = content.edges;
                self.cursor = Some(cursor);
                ("full", content.requests)
            }
            Pull::Delta(delta) => ("delta", self.take(delta)),
        }
    }

    fn take(&mut self, delta: DirectoryDelta) -> u32 {
        assert!(delta.unreadable.is_empty(), "{:?}", delta.unreadable);
        for UserPatch { id, attributes, standing } in delta.patches {
            let user = self.users.get_mut(&id).expect("a patch is of somebody known");
            for (name, value) in attributes {
                user.0.set(name, value.as_deref().unwrap_or_default());
            }
            user.1 = standing.unwrap_or(user.1);
        }
        self.users.extend(delta.records.into_iter().map(known_user));
        self.edges.extend(delta.joined);
        self.edges.retain(|edge| !delta.left.contains(edge));
        for (group, members) in delta.relisted {
            self.edges.retain(|edge| edge.group != group);
            let member = |member| Edge { group: group.clone(), member };
            self.edges.extend(members.into_members().into_iter().map(member));
        }
        self.cursor = Some(delta.cursor);
        delta.requests
    }

    fn value(&self, id: &str, name: &str) -> Option<&str> {
        self.users.get(&ExternalId::from(id))?.0.get(name)
    }

    fn standing(&self, id: &str) -> Option<Standing> {
        self.users.get(&ExternalId::from(id)).map(|(_, standing)| *standing)
    }

    /// The members of a group who are known people.
    fn members(&self, group: &str) -> BTreeSet<String> {
        let of_group = self.edges.iter().filter(|edge| edge.group.as_str() == group);
        of_group.filter(|edge| self.users.contains_key(&edge.member)).map(|edge| edge.member.to_string()).collect()
    }
}

fn known_user(record: UserRecord) -> (ExternalId, (Attributes, Standing)) {
    let UserRecord { id, attributes, standing } = record;
    (id, (attributes, standing))
}

fn names(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

/// Fills a server, reads it, changes it in every way, and reads it again.
async fn run(title: &str, server: Server, case: Case) {
    let admin = Admin::new(&server.base);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, TOKEN).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();

    let mut ids = Vec::new();
    for number in 0..PEOPLE {
        ids.push(admin.hire(number).await);
    }
    let berlin = admin.found("CC Berlin", &ids[..130]).await;
    let hamburg = admin.found("CC Hamburg", &ids[130..180]).await;
    admin.found("Nobody's rule", &ids[..10]).await;

    println!("{title}");
    let source = source(&server.base, &case, &secret);
    for line in source.check().await {
        println!(
            "  {} {}{}",
            if line.ok { "ok " } else { "NOT" },
            line.text,
            line.hint.map_or(String::new(), |hint| format!(" ({hint})"))
        );
        assert!(line.ok);
    }

    let mut known = Known::default();
    let at = now();
    let (kind, requests) = known.pull(&source, at).await;
    println!("  first pull: {kind}, {requests} requests, {} people", known.users.len());
    let everybody = case.scope.is_none();
    assert_eq!(kind, "full");
    assert_eq!(known.users.len(), if everybody { PEOPLE } else { 130 });
    assert_eq!(known.members(&berlin), names(&ids[..130]));
    if everybody {
        assert_eq!(known.members(&hamburg), names(&ids[130..180]));
        let pages = u32::try_from(PEOPLE).unwrap().div_ceil(PAGE);
        assert!(requests > pages, "{requests} requests cannot have been {pages} pages and the groups");
    }
    for (number, id) in ids.iter().enumerate().filter(|(number, _)| everybody || *number < 130) {
        assert_eq!(known.value(id, USERNAME), Some(&*format!("Person.{number}@Example.com")));
        assert_eq!(known.value(id, MAIL), Some(&*format!("person.{number}@example.com")));
        assert_eq!(known.value(id, DEPARTMENT), Some(department(number)));
        assert_eq!(known.value(id, EMPLOYEE_ID), Some(&*format!("{number:05}")));
        assert_eq!(known.value(id, BUSINESS_PHONE), Some(&*format!("+49 30 1{number:04}")));
        assert_eq!(known.standing(id), Some(Standing::Active));
    }

    let (kind, requests) = known.pull(&source, at + TimeDelta::minutes(5)).await;
    println!("  nothing changed: {kind}, {requests} requests");
    assert_eq!(known.users.len(), if everybody { PEOPLE } else { 130 });
    assert_eq!(known.members(&berlin), names(&ids[..130]));

    let joiner = admin.hire(PEOPLE).await;
    admin
        .patch(&format!("/Groups/{berlin}"), json!({"op": "add", "path": "members", "value": [{"value": joiner}]}))
        .await;
    let [mover, disabled, deleted, dropped, replaced] = [&ids[1], &ids[3], &ids[4], &ids[5], &ids[6]];
    let path = format!("{ENTERPRISE}:department");
    admin.patch(&format!("/Users/{mover}"), json!({"op": "replace", "path": path, "value": "Retention"})).await;
    admin.patch(&format!("/Users/{disabled}"), json!({"op": "replace", "path": "active", "value": false})).await;
    admin.delete(&format!("/Users/{deleted}")).await;
    admin
        .patch(
            &format!("/Groups/{berlin}"),
            json!({"op": "remove", "path": format!("members[value eq \"{dropped}\"]")}),
        )
        .await;
    let mut whole = person(6);
    whole["emails"] = json!([{"type": "work", "value": "new@example.com"}]);
    whole["phoneNumbers"] = json!([]);
    admin.replace(&format!("/Users/{replaced}"), whole).await;

    let mut berliners = names(&ids[..130]);
    berliners.insert(joiner.clone());
    berliners.remove(dropped);
    // The first of them may come as changes; the second is a day later, when everybody is read again.
    for (turn, later) in [("changes", TimeDelta::minutes(10)), ("the next day", TimeDelta::hours(30))] {
        let (kind, requests) = known.pull(&source, at + later).await;
        println!("  {turn}: {kind}, {requests} requests, {} people", known.users.len());
        assert_eq!(known.value(&joiner, DEPARTMENT), Some(department(PEOPLE)));
        assert_eq!(known.value(mover, DEPARTMENT), Some("Retention"));
        assert_eq!(known.standing(disabled), Some(Standing::Disabled));
        assert_eq!(known.value(replaced, MAIL), Some("new@example.com"));
        assert_eq!(known.value(replaced, BUSINESS_PHONE), None);
        if kind == "full" {
            assert_eq!(known.standing(deleted), None, "a complete listing does not name who was deleted");
            berliners.remove(deleted);
            let left = if everybody { PEOPLE } else { berliners.len() };
            assert_eq!(known.users.len(), left);
            assert_eq!(known.members(&berlin), berliners);
        } else {
            // Whether a server takes somebody deleted out of its groups is its own affair.
            let mut members = known.members(&berlin);
            members.remove(deleted);
            let mut expected = berliners.clone();
            expected.remove(deleted);
            assert_eq!(members, expected);
        }
    }
    assert_eq!(known.standing(deleted), None, "a deletion is noticed within a day");

    let asked: Vec<ExternalId> = [deleted, mover].map(|id| ExternalId::from(id.as_str())).into();
    let answers = source.confirm(&asked).await.unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[&asked[0]], Presence::Gone);
    let Presence::Here { record, .. } = &answers[&asked[1]] else { panic!("{:?}", answers[&asked[1]]) };
    assert_eq!(record.attributes.get(DEPARTMENT), Some("Retention"));
}

#[tokio::test]
async fn scim2_server_by_index() {
    run("scim2-server, by index", scim2(None).await, Case::default()).await;
}

#[tokio::test]
async fn scim2_server_by_cursor() {
    run("scim2-server, by cursor", scim2(Some("cursor.json")).await, Case::default()).await;
}

#[tokio::test]
async fn scim2_server_without_increments() {
    let case = Case { incremental: false, membership: MembershipFrom::GroupMembers, ..Case::default() };
    run("scim2-server, everybody every time", scim2(None).await, case).await;
}

#[tokio::test]
async fn scimmy_with_filters() {
    run("SCIMMY, with filters", scimmy(0, "filters").await, Case::default()).await;
}

#[tokio::test]
async fn scimmy_that_ignores_filters_and_shortens_pages() {
    run("SCIMMY, short pages, filters ignored", scimmy(20, "no-filters").await, Case::default()).await;
}

#[tokio::test]
async fn scimmy_by_the_groups_of_its_users() {
    let case = Case { membership: MembershipFrom::UserGroups, ..Case::default() };
    run("SCIMMY, by the groups of its users", scimmy(0, "filters").await, case).await;
}

#[tokio::test]
async fn scimmy_one_group_only() {
    let case = Case { scope: Some("CC Berlin"), ..Case::default() };
    run("SCIMMY, one group", scimmy(0, "filters").await, case).await;
}

#[tokio::test]
async fn scim2_server_one_group_only() {
    let case = Case { scope: Some("CC Berlin"), ..Case::default() };
    run("scim2-server, one group", scim2(Some("cursor.json")).await, case).await;
}
