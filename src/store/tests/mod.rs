//! What the tests of the store share: a file that goes away, short ways to write people and changes, and a dump of every
//! row, so that "nothing happened" can be said about the whole file.

mod asking;
mod crash;
mod law;
mod ledger;
mod looking;
mod opening;
mod pulling;
mod remembering;
mod telling;
mod undone;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use connectors::{
    Attributes, Cursor, DirectoryDelta, DirectoryGroup, Edge, ExternalId, PersonKey, Scope, SnapshotContent,
    SourceName, Standing, UserRecord,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use super::{RunLease, Store, options};
use crate::model::{
    Action, Attribute, AttributeSet, Catalogue, Change, ConnectUser, DesiredUser, IdentityManagement, Instance,
    Inventory, Named, Outcome, Reason, RunId, Seen, Stage, Time, Value,
};

/// A store in a directory of its own.
struct Home {
    store: Store,
    path: PathBuf,
    _directory: TempDir,
}

impl Home {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rollcall.db");
        Self { store: Store::open(&path, at(0)).await.unwrap(), path, _directory: directory }
    }
}

impl std::ops::Deref for Home {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// The moment `seconds` after an agreed one.
fn at(seconds: i64) -> Time {
    Time::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn entra() -> SourceName {
    "entra".into()
}

fn person(id: &str) -> PersonKey {
    PersonKey::new("entra", id)
}

fn run(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

fn record(id: &str, pairs: &[(&str, &str)]) -> UserRecord {
    let attributes: Attributes = pairs.iter().map(|(name, value)| ((*name).into(), *value)).collect();
    UserRecord { id: id.into(), attributes, standing: Standing::Active }
}

/// Somebody in a department, with a username made from the id.
fn worker(id: &str, department: &str) -> UserRecord {
    record(id, &[("username", &format!("{id}@Example.com")), ("department", department)])
}

fn edge(group: &str, member: &str) -> Edge {
    Edge { group: group.into(), member: member.into() }
}

fn agents() -> Scope {
    Scope::Groups(BTreeSet::from(["g-agents".into()]))
}

/// A listing of these people, all of them in the group of the scope.
fn listing(users: impl IntoIterator<Item = UserRecord>) -> SnapshotContent {
    let users: BTreeMap<ExternalId, UserRecord> = users.into_iter().map(|user| (user.id.clone(), user)).collect();
    SnapshotContent {
        edges: users.keys().map(|id| Edge { group: "g-agents".into(), member: id.clone() }).collect(),
        groups: vec![DirectoryGroup { id: "g-agents".into(), name: Some("Agents".into()) }],
        unreadable: Vec::new(),
        scope: Some(agents()),
        requests: 1,
        users,
        ..SnapshotContent::default()
    }
}

fn delta(cursor: &str) -> DirectoryDelta {
    DirectoryDelta {
        patches: Vec::new(),
        records: Vec::new(),
        joined: BTreeSet::new(),
        left: BTreeSet::new(),
        relisted: BTreeMap::new(),
        groups: Vec::new(),
        modified: BTreeMap::new(),
        unreadable: Vec::new(),
        notes: Vec::new(),
        cursor: Cursor::new(cursor.into()),
        requests: 1,
    }
}

fn cursor(text: &str) -> Cursor {
    Cursor::new(text.into())
}

async fn lease(store: &Store) -> RunLease {
    store.acquire("test, process 1", at(0)).await.unwrap()
}

fn named(id: &str) -> Named {
    Named::new(id, id)
}

fn change(seq: u32, id: &str, action: Action) -> Change {
    let connect = (!matches!(action, Action::Create(_))).then(|| format!("c-{id}").as_str().into());
    Change {
        seq,
        person: person(id),
        label: format!("{id}@example.com"),
        arn: None,
        connect,
        action,
        because: Reason::Joined { rules: vec!["care".into()] },
    }
}

fn create(seq: u32, id: &str) -> Change {
    let attributes: AttributeSet = [
        (Attribute::FirstName, Value::text("Ada")),
        (Attribute::RoutingProfile, Value::Named(named("rp-care"))),
        (Attribute::SecurityProfiles, Value::NamedSet(BTreeSet::from([named("sp-agent")]))),
        (Attribute::Mobile, Value::None),
        (Attribute::Tags, Value::Tags(BTreeMap::from([("tier".into(), "2".into())]))),
    ]
    .into_iter()
    .collect();
    let desired = DesiredUser {
        person: person(id),
        username: format!("{id}@example.com"),
        attributes,
        stage: Stage::Active,
        wished: None,
    };
    change(seq, id, Action::Create(Box::new(desired)))
}

fn delete(seq: u32, id: &str) -> Change {
    change(seq, id, Action::Delete { username: format!("{id}@example.com"), before: AttributeSet::default() })
}

fn done(created: Option<&str>) -> Outcome {
    Outcome::Done { request_id: Some("r-1".into()), millis: 80, attempts: 1, created: created.map(Into::into) }
}

fn connect_user(id: &str) -> ConnectUser {
    ConnectUser {
        id: format!("c-{id}").as_str().into(),
        arn: format!("arn:c-{id}"),
        username: format!("{id}@example.com"),
        owner: Some(person(id)),
        attributes: BTreeMap::from([
            (Attribute::FirstName, Seen::Known(Value::text("Ada"))),
            (Attribute::Email, Seen::Unread),
            (Attribute::AutoAccept, Seen::Known(Value::Flag(true))),
            (Attribute::AfterContactWorkSecs, Seen::Known(Value::Seconds(30))),
            (Attribute::HierarchyGroup, Seen::Known(Value::None)),
        ]),
        modified_at: Some(at(1)),
    }
}

fn inventory(users: &[&str]) -> Inventory {
    Inventory {
        at: at(5),
        instance: Instance {
            id: "i".into(),
            arn: "arn:i".into(),
            alias: Some("support".into()),
            identity_management: IdentityManagement::Saml,
        },
        catalogue: Catalogue {
            security_profiles: BTreeMap::from([("Agent".into(), "sp-agent".into())]),
            routing_profiles: BTreeMap::from([("Care".into(), "rp-care".into())]),
            hierarchy_groups: BTreeMap::new(),
        },
        users: users.iter().map(|id| (format!("c-{id}").as_str().into(), connect_user(id))).collect(),
        quick_connects: Vec::new(),
    }
}

/// Every row of every table, sorted.
async fn dump(path: &Path) -> Vec<String> {
    let mut connection = options(path).connect().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'sqlite_sequence')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut rows = Vec::new();
    for table in tables {
        let columns: String = sqlx::query_scalar(
            "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info(?1)",
        )
        .bind(&table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let statement = AssertSqlSafe(format!("SELECT {columns} FROM \"{table}\""));
        let found: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut connection).await.unwrap();
        rows.extend(found.into_iter().map(|row| format!("{table}: {row}")));
    }
    connection.close().await.unwrap();
    rows.sort();
    rows
}
