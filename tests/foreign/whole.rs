//! The whole program on SCIM servers of other people's making: from a configuration file to the users of a contact centre.
//!
//! The directory is a foreign server, Connect is the sandbox's. One group of the directory is in scope; people join it, move,
//! are switched off, leave it and are deleted.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use connectors::SourceName;
use rollcall::assemble::{self, Assembled};
use rollcall::config;
use rollcall::model::{RunId, Time, Trigger};
use rollcall::reconcile::{Ended, Order, Quiet};
use rollcall::sandbox::connect::User;
use rollcall::sandbox::scene::{self, CLIENT_SECRET, ConfigText, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;
use url::Url;

use crate::admin::{Admin, ENTERPRISE, TOKEN, django, scim2, scim2_by_cursor, scimmy};
use crate::server::Server;

/// People in the directory, and how many of them are in the group: several pages of both.
const PEOPLE: usize = 270;
const AGENTS: usize = 255;
const PAGE: usize = 40;
/// The first of them are leads.
const LEADS: usize = 5;

/// Who does what. The numbers of people say their departments: 9 is of Support, as every third is.
const MOVER: usize = 9;
const DISABLED: usize = 10;
const DELETED: usize = 11;
const DROPPED: usize = 12;

#[expect(clippy::disallowed_methods, reason = "a server of somebody else's goes by the real time")]
pub(crate) fn now() -> Time {
    chrono::Utc::now()
}

/// What becomes of a leaver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaver {
    Suspended,
    Deleted,
}

/// A contact centre whose directory is somebody else's server.
struct Centre {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Centre {
    async fn of(directory: &Url, leaver: Leaver) -> Self {
        let mut settings = SceneSettings::new(now(), 1);
        settings.plain = true;
        settings.connect.quota = QuotaSettings::unlimited();
        settings.connect.user_limit = 5_000;
        settings.connect.search_lag = std::time::Duration::ZERO;
        let sandbox = scene::start(settings).await.unwrap();
        let text = ConfigText {
            quota: Some((10_000.0, 10_000, 1.0)),
            first_run_applies: true,
            leaver: (leaver == Leaver::Deleted).then(|| "delete = true".to_owned()),
            ..ConfigText::default()
        };
        let text = scene::configuration(&sandbox, &sandbox.tenant, &text);
        let (head, rest) = text.split_once("[source.entra]").unwrap();
        let (_, tail) = rest.split_once("[connect]").unwrap();
        let source = format!(
            "[source.hr]\nkind = \"scim\"\nbase_url = \"{directory}\"\nbearer = {{ file = \"token\" }}\n\
             groups = [\"CC Agents\"]\npage_size = {PAGE}\n\n[connect]"
        );
        let centre = Self { sandbox, folder: tempfile::tempdir().unwrap() };
        std::fs::write(centre.config_path(), format!("{head}{source}{tail}")).unwrap();
        for (name, secret) in [("token", TOKEN), ("client-secret", CLIENT_SECRET)] {
            let path = centre.folder.path().join(name);
            std::fs::write(&path, secret).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        centre
    }

    fn config_path(&self) -> std::path::PathBuf {
        self.folder.path().join("rollcall.toml")
    }

    /// One run, as `sync now` makes it; `full` looks at everything.
    async fn sync(&self, full: bool) -> Ended {
        let config = config::load(&self.config_path()).unwrap_or_else(|problems| panic!("{problems}"));
        let Assembled { service, lease } = assemble::assemble(&config, now, "test").await.unwrap();
        let (_sender, stop) = watch::channel(false);
        let order = Order { full, ..Order::new(RunId::fresh(), Trigger::Hand) };
        let ended = service.run_once(&lease, &order, &stop, &Quiet).await.unwrap();
        service.centre.store.release(lease).await.unwrap();
        let summary = &ended.summary;
        assert_eq!((summary.failed, summary.in_doubt, summary.quarantined), (0, 0, 0), "{summary:?}");
        let requests = summary.directory_requests[&SourceName::from("hr")];
        println!(
            "  {}: {requests} directory requests, {} created, {} updated, {} suspended, {} deleted",
            if full { "full" } else { "sync" },
            summary.created,
            summary.updated,
            summary.suspended,
            summary.deleted
        );
        ended
    }

    /// The real binary's `rollcall check`.
    async fn check(&self, group: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        let output = command.arg("--config").arg(self.config_path()).arg("check").output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        println!("{said}");
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("group `CC Agents` ({group}) has {AGENTS} people")), "{said}");
        assert!(!said.contains(TOKEN));
    }

    /// The user of somebody in the directory, by our mark.
    fn user(&self, id: &str) -> Option<User> {
        let mark = format!("hr/{id}");
        let mut users = self.sandbox.connect.users().into_iter();
        users.find(|user| user.tags.get("rollcall:person") == Some(&mark))
    }

    /// Whose users there are.
    fn marks(&self) -> BTreeSet<String> {
        let users = self.sandbox.connect.users().into_iter();
        users.filter_map(|user| Some(user.tags.get("rollcall:person")?.strip_prefix("hr/")?.to_owned())).collect()
    }

    fn has_routing(&self, id: &str, name: &str) -> bool {
        let user = self.user(id).unwrap_or_else(|| panic!("{id} has no user"));
        Some(user.routing_profile_id) == self.sandbox.connect.routing_profile_id(name)
    }

    /// Nobody's user is left as it was: taken away, or without rights.
    fn has_left(&self, id: &str, leaver: Leaver) -> bool {
        match (leaver, self.user(id)) {
            (Leaver::Deleted, user) => user.is_none(),
            (Leaver::Suspended, user) => {
                let none = self.sandbox.connect.security_profile_id("No Access").unwrap();
                user.is_some_and(|user| user.security_profile_ids == [none])
            }
        }
    }

    /// A run of this kind finds nothing to do, and does nothing.
    async fn nothing_happens(&self, full: bool) {
        let before = self.sandbox.connect.journal().len();
        let ended = self.sync(full).await;
        assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
        assert_eq!(self.sandbox.connect.journal().len(), before);
    }
}

/// The story of everybody.
async fn run(title: &str, server: Server, leaver: Leaver) {
    println!("{title}");
    let admin = Admin::new(&server.origin());
    let mut ids = Vec::new();
    for number in 0..PEOPLE {
        ids.push(admin.hire(number).await);
    }
    let group = admin.found("CC Agents", &ids[..AGENTS]).await;
    // Two that the rules speak of.
    admin.found("Connect-Leads", &ids[..LEADS]).await;
    admin.found("Connect-Recording", &ids[AGENTS..]).await;
    let centre = Centre::of(&server.origin(), leaver).await;
    centre.check(&group).await;

    let ended = centre.sync(false).await;
    assert_eq!(ended.summary.created as usize, AGENTS);
    assert_eq!(centre.marks(), ids[..AGENTS].iter().cloned().collect());
    assert!(ended.summary.directory_requests[&SourceName::from("hr")] as usize > AGENTS / PAGE);
    for (at, routing) in [(MOVER, "Support Voice"), (DISABLED, "Sales Voice"), (DELETED, "Basic Routing Profile")] {
        assert!(centre.has_routing(&ids[at], routing), "{at}");
        let user = centre.user(&ids[at]).unwrap();
        assert_eq!(user.username, format!("Person.{at}@Example.com"));
        assert_eq!(user.identity_info.first_name, Some(format!("Given {at}")));
        assert_eq!(user.identity_info.last_name, Some(format!("Family {at}")));
    }
    let lead = centre.sandbox.connect.security_profile_id("CallCenterManager").unwrap();
    for (at, id) in ids[..AGENTS].iter().enumerate() {
        assert_eq!(centre.user(id).unwrap().security_profile_ids.contains(&lead), at < LEADS, "{at}");
    }
    centre.nothing_happens(false).await;

    let joiner = admin.hire(PEOPLE + 1).await;
    admin.join(&group, std::slice::from_ref(&joiner)).await;
    admin.set(&ids[MOVER], &format!("{ENTERPRISE}:department"), json!("Sales")).await;
    admin.set(&ids[DISABLED], "active", json!(false)).await;
    admin.drop(&group, &ids[DROPPED]).await;
    let ended = centre.sync(false).await;
    assert_eq!(ended.summary.created, 1);
    assert!(centre.user(&joiner).is_some());
    assert!(centre.has_routing(&ids[MOVER], "Sales Voice"));
    assert!(centre.has_left(&ids[DISABLED], leaver) && centre.has_left(&ids[DROPPED], leaver));

    admin.delete(&format!("/Users/{}", ids[DELETED])).await;
    centre.sync(true).await;
    assert!(centre.has_left(&ids[DELETED], leaver));

    // Back again: the same user, or a new one.
    admin.set(&ids[DISABLED], "active", json!(true)).await;
    centre.sync(false).await;
    assert!(centre.has_routing(&ids[DISABLED], "Sales Voice"));

    let users = AGENTS + 1 - if leaver == Leaver::Deleted { 2 } else { 0 };
    assert_eq!(centre.marks().len(), users);
    for full in [false, true] {
        centre.nothing_happens(full).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_server_by_index_fills_a_contact_centre() {
    run("scim2-server, by index", scim2().await, Leaver::Suspended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_server_by_cursor_fills_a_contact_centre() {
    run("scim2-server, by cursor", scim2_by_cursor().await, Leaver::Deleted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scimmy_fills_a_contact_centre() {
    run("SCIMMY, short pages", scimmy(30, true).await, Leaver::Deleted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn django_scim2_fills_a_contact_centre() {
    run("django-scim2", django().await, Leaver::Suspended).await;
}
