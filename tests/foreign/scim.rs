//! SCIM servers that other people wrote, read through the one door every directory is read through.
//!
//! Each server is started on loopback, filled over its own SCIM API, and then pulled: everybody, again, and after people
//! joined, moved and left. What was put in is counted against what comes out.
//!
//! | behaviour | `scim2-server` (Python) | `scimmy-routers` (Node) | `django-scim2` (Python) |
//! |---|---|---|---|
//! | pages | by index, or by cursor only | by index; beyond the end it starts again | by index |
//! | `attributes=` | works | brings less than asked for: whole records are read | overlooked: whole records come |
//! | `meta.lastModified ge` | filters | filters, if the application does | 200 and nobody, as with every attribute it does not know |
//! | `meta.lastModified` | moves with every write | moves with every write | stays as it was at creation |
//! | tags of groups (ETag) | yes | no | no |
//! | whoever was deleted | stays in their groups | stays in their groups | leaves their groups |
//! | members of a group | in lists | in lists | in lists, without `type`; a group's id may be a user's as well |
//! | endpoints in `ResourceTypes` | below the base | below the base | with the path of the base |
//! | writing | by the standard | by the standard | members by `add` only, and by Entra ID's form of `remove` |
//!
//! What follows from it: a listing that starts again is whole once a total was greater than a page; a filter counts only
//! if the far past finds everybody; a group whose listing cannot be known to be whole is looked for by its name, as one that
//! is alone on a server that starts again looks like a page that cannot be turned.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use connectors::attributes::{BUSINESS_PHONE, DEPARTMENT, EMPLOYEE_ID, MAIL, USERNAME};
use connectors::scim::{AbsentActive, MembershipFrom, Paging, Scim, ScimConfig, ScimCredential};
use connectors::{
    AttributeName, Attributes, Cursor, DirectoryDelta, Edge, ExternalId, Presence, Pull, PullRequest, SecretSource,
    Source, SourceName, Standing, UserPatch, UserRecord,
};
use serde_json::json;
use url::Url;

use crate::admin::{Admin, ENTERPRISE, TOKEN, department, django, person, scim2, scim2_by_cursor, scimmy};
use crate::server::Server;

/// One way of reading one server.
struct Case {
    /// People in the directory; more than five pages of them.
    people: usize,
    /// Resources to ask for a page.
    page: u32,
    membership: MembershipFrom,
    paging: Paging,
    incremental: bool,
    /// Members of this group only.
    scope: Option<&'static str>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            people: 260,
            page: 47,
            membership: MembershipFrom::Auto,
            paging: Paging::Auto,
            incremental: true,
            scope: None,
        }
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
        page_size: case.page,
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
    /// Forgets where the last pull ended, as whoever runs pulls does once a day: deletions leave no trace in changes.
    fn sweep(&mut self) {
        self.cursor = None;
    }

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

/// A server with a company in it.
struct Company {
    admin: Admin,
    /// Everybody who was there at the start, in order.
    ids: Vec<String>,
    berlin: String,
    hamburg: String,
    /// Whether everybody is read, or the members of one group.
    everybody: bool,
}

/// How many of the first people are in the group `CC Berlin`.
const BERLINERS: usize = 130;

impl Company {
    async fn of(server: &Server, case: &Case) -> Self {
        let admin = Admin::new(&server.origin());
        let mut ids = Vec::new();
        for number in 0..case.people {
            ids.push(admin.hire(number).await);
        }
        let berlin = admin.found("CC Berlin", &ids[..BERLINERS]).await;
        let hamburg = admin.found("CC Hamburg", &ids[BERLINERS..180]).await;
        admin.found("Nobody's rule", &ids[..10]).await;
        Self { admin, ids, berlin, hamburg, everybody: case.scope.is_none() }
    }

    /// How many of them are to be read.
    fn read(&self) -> usize {
        if self.everybody { self.ids.len() } else { BERLINERS }
    }

    /// Everything that was put in came out.
    fn compare(&self, known: &Known) {
        assert_eq!(known.users.len(), self.read());
        assert_eq!(known.members(&self.berlin), names(&self.ids[..BERLINERS]));
        if self.everybody {
            assert_eq!(known.members(&self.hamburg), names(&self.ids[BERLINERS..180]));
        }
        for (number, id) in self.ids.iter().enumerate().take(self.read()) {
            assert_eq!(known.value(id, USERNAME), Some(&*format!("Person.{number}@Example.com")));
            assert_eq!(known.value(id, MAIL), Some(&*format!("person.{number}@example.com")));
            assert_eq!(known.value(id, DEPARTMENT), Some(department(number)));
            assert_eq!(known.value(id, EMPLOYEE_ID), Some(&*format!("{number:05}")));
            assert_eq!(known.value(id, BUSINESS_PHONE), Some(&*format!("+49 30 1{number:04}")));
            assert_eq!(known.standing(id), Some(Standing::Active));
        }
    }

    /// One of each: somebody joins, moves, is switched off, is deleted, leaves a group, is written anew. Gives the joiner.
    async fn change(&self) -> String {
        let Self { admin, ids, berlin, .. } = self;
        let joiner = admin.hire(ids.len()).await;
        admin.join(berlin, std::slice::from_ref(&joiner)).await;
        admin.set(&ids[MOVER], &format!("{ENTERPRISE}:department"), json!("Retention")).await;
        admin.set(&ids[DISABLED], "active", json!(false)).await;
        admin.delete(&format!("/Users/{}", ids[DELETED])).await;
        admin.drop(berlin, &ids[DROPPED]).await;
        let mut whole = person(REWRITTEN);
        whole["emails"] = json!([{"type": "work", "value": "new@example.com"}]);
        whole["phoneNumbers"] = json!([]);
        admin.replace(&format!("/Users/{}", ids[REWRITTEN]), whole).await;
        joiner
    }

    /// The changes came out, as far as a pull of this kind can know.
    fn compare_changes(&self, known: &Known, joiner: &str, kind: &str) {
        let ids = &self.ids;
        assert_eq!(known.value(joiner, DEPARTMENT), Some(department(ids.len())));
        assert_eq!(known.value(&ids[MOVER], DEPARTMENT), Some("Retention"));
        assert_eq!(known.standing(&ids[DISABLED]), Some(Standing::Disabled));
        assert_eq!(known.value(&ids[REWRITTEN], MAIL), Some("new@example.com"));
        assert_eq!(known.value(&ids[REWRITTEN], BUSINESS_PHONE), None);
        let mut berliners = names(&ids[..BERLINERS]);
        berliners.insert(joiner.to_owned());
        berliners.remove(&ids[DROPPED]);
        // scim2-server and SCIMMY leave those who were deleted in their groups; only a whole listing tells.
        if kind == "full" {
            berliners.remove(&ids[DELETED]);
            assert_eq!(known.standing(&ids[DELETED]), None, "a complete listing does not name who was deleted");
            assert_eq!(known.users.len(), if self.everybody { ids.len() } else { berliners.len() });
        }
        assert_eq!(known.members(&self.berlin), berliners);
    }
}

const MOVER: usize = 1;
const DISABLED: usize = 3;
const DELETED: usize = 4;
const DROPPED: usize = 5;
const REWRITTEN: usize = 6;

/// Fills a server, reads it, changes it in every way, and reads it again.
async fn run(title: &str, server: Server, case: Case) {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(TOKEN.as_bytes()).unwrap();
    let company = Company::of(&server, &case).await;

    println!("{title}");
    let source = source(&server.origin(), &case, secret.path());
    for line in source.check().await {
        let hint = line.hint.map_or(String::new(), |hint| format!(" ({hint})"));
        println!("  {} {}{hint}", if line.ok { "ok " } else { "NOT" }, line.text);
        assert!(line.ok);
    }

    let mut known = Known::default();
    let at = now();
    let (kind, requests) = known.pull(&source, at).await;
    println!("  first pull: {kind}, {requests} requests, {} people", known.users.len());
    assert_eq!(kind, "full");
    let pages = u32::try_from(company.read()).unwrap().div_ceil(case.page);
    assert!(requests > pages, "{requests} requests cannot have been {pages} pages and the groups");
    company.compare(&known);

    let (kind, requests) = known.pull(&source, at + TimeDelta::minutes(5)).await;
    println!("  nothing changed: {kind}, {requests} requests");
    company.compare(&known);

    let joiner = company.change().await;
    let (kind, requests) = known.pull(&source, at + TimeDelta::minutes(10)).await;
    println!("  changes: {kind}, {requests} requests, {} people", known.users.len());
    company.compare_changes(&known, &joiner, kind);

    known.sweep();
    let (kind, requests) = known.pull(&source, at + TimeDelta::hours(25)).await;
    println!("  everybody again: {kind}, {requests} requests, {} people", known.users.len());
    assert_eq!(kind, "full");
    company.compare_changes(&known, &joiner, kind);

    let asked: Vec<ExternalId> = [DELETED, MOVER].map(|number| ExternalId::from(company.ids[number].as_str())).into();
    let answers = source.confirm(&asked).await.unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[&asked[0]], Presence::Gone);
    let Presence::Here { record, .. } = &answers[&asked[1]] else { panic!("{:?}", answers[&asked[1]]) };
    assert_eq!(record.attributes.get(DEPARTMENT), Some("Retention"));
}

#[tokio::test]
async fn scim2_server_by_index() {
    run("scim2-server, by index", scim2().await, Case::default()).await;
}

#[tokio::test]
async fn scim2_server_by_cursor() {
    run("scim2-server, by cursor", scim2_by_cursor().await, Case::default()).await;
}

#[tokio::test]
async fn scim2_server_without_increments() {
    let case = Case { incremental: false, membership: MembershipFrom::GroupMembers, ..Case::default() };
    run("scim2-server, everybody every time", scim2().await, case).await;
}

#[tokio::test]
async fn scimmy_with_filters() {
    run("SCIMMY, with filters", scimmy(0, true).await, Case::default()).await;
}

#[tokio::test]
async fn scimmy_that_ignores_filters_and_shortens_pages() {
    run("SCIMMY, short pages, filters ignored", scimmy(20, false).await, Case::default()).await;
}

/// Beyond its last record this server starts again, and a total that is a round number is not believed alone.
#[tokio::test]
async fn scimmy_with_a_round_number_of_people() {
    let case = Case { people: 250, page: 50, ..Case::default() };
    run("SCIMMY, 250 people by 50", scimmy(0, true).await, case).await;
}

#[tokio::test]
async fn scimmy_by_the_groups_of_its_users() {
    let case = Case { membership: MembershipFrom::UserGroups, ..Case::default() };
    run("SCIMMY, by the groups of its users", scimmy(0, true).await, case).await;
}

#[tokio::test]
async fn scimmy_one_group_only() {
    let case = Case { scope: Some("CC Berlin"), ..Case::default() };
    run("SCIMMY, one group", scimmy(0, true).await, case).await;
}

#[tokio::test]
async fn scim2_server_one_group_only() {
    let case = Case { scope: Some("CC Berlin"), ..Case::default() };
    run("scim2-server, one group", scim2_by_cursor().await, case).await;
}

#[tokio::test]
async fn django_scim2_everybody() {
    run("django-scim2", django().await, Case::default()).await;
}

#[tokio::test]
async fn django_scim2_by_the_groups_of_its_users() {
    let case = Case { membership: MembershipFrom::UserGroups, ..Case::default() };
    run("django-scim2, by the groups of its users", django().await, case).await;
}

#[tokio::test]
async fn django_scim2_one_group_only() {
    let case = Case { scope: Some("CC Berlin"), ..Case::default() };
    run("django-scim2, one group", django().await, case).await;
}
