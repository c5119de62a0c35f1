//! How many requests a source makes for N people, K groups and C changes; printed with `--no-capture`.
//!
//! Signing in is not counted: a token serves an hour.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use connectors::okta::OktaScope;
use connectors::{Cursor, ExternalId, Pull, PullRequest, SecretSource, Source};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{self, CLIENT_SECRET, SceneSettings};
use rollcall::sandbox::scim::Character;
use serde_json::json;
use tempfile::TempDir;

use crate::contract::kinds;
use crate::contract::rig::limits;
use crate::world::now;

const PEOPLE: usize = 2_000;
const GROUPS: usize = 10;
/// Members of each group; nobody is in two.
const MEMBERS: usize = 150;
const CHANGES: usize = 30;

struct Org {
    sandbox: Sandbox,
    secret: SecretSource,
    _folder: TempDir,
}

impl Org {
    async fn new() -> Self {
        let mut settings = SceneSettings::new(now(), PEOPLE);
        settings.plain = true;
        let sandbox = scene::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        kinds::okta_org(&sandbox);
        kinds::scim_server(&sandbox, Character::Strict);
        let users = sandbox.tenant.users();
        for number in 0..GROUPS {
            let group = format!("0a0a0a0a-0000-4000-8000-{number:012}");
            sandbox.tenant.add_group(&group, &name(number)).unwrap();
            for user in &users[number * MEMBERS..(number + 1) * MEMBERS] {
                sandbox.tenant.add_member(&group, &user.id).unwrap();
            }
        }
        // What was done a minute ago is not news any more; watermarks overlap by five minutes.
        sandbox.tenant.advance(std::time::Duration::from_secs(3_600));
        Self { sandbox, secret: SecretSource::File(secret), _folder: folder }
    }

    fn requests(&self) -> u64 {
        let graph = self.sandbox.tenant.requests();
        let graph: u64 = graph.iter().filter(|(name, _)| *name != "POST /token").map(|(_, n)| n).sum();
        let sum = |counts: std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
        graph + sum(self.sandbox.okta.requests()) + sum(self.sandbox.scim.requests())
    }

    /// Departments of that many members of the first group, and one joiner to it.
    fn change(&self) {
        let users = self.sandbox.tenant.users();
        for user in users.iter().take(CHANGES) {
            let patch = json!({"department": "Moved"});
            self.sandbox.tenant.update_user(&user.id, patch.as_object().cloned().unwrap()).unwrap();
        }
        let group = self.sandbox.tenant.group_id(&name(0)).unwrap();
        self.sandbox.tenant.add_member(&group, &users[PEOPLE - 1].id).unwrap();
    }
}

fn name(number: usize) -> String {
    format!("Queue {number:02}")
}

fn names() -> Vec<String> {
    (0..GROUPS).map(name).collect()
}

/// Requests of a first full pull, another full one, an idle poll, and one after the changes.
async fn count(org: &Org, source: &Source) -> [u64; 4] {
    let mut known = BTreeSet::new();
    let mut cursor: Option<Cursor> = None;
    let mut counts = [0; 4];
    for (step, taken) in counts.iter_mut().enumerate() {
        let before = org.requests();
        if step == 3 {
            org.change();
        }
        let from = cursor.as_ref().filter(|_| step > 1);
        let pull = source.pull(PullRequest { cursor: from, known: &known, at: now() }).await.unwrap();
        *taken = org.requests() - before;
        cursor = Some(match pull {
            Pull::Full(snapshot) => {
                let (content, cursor) = snapshot.into_parts();
                known = content.users.keys().cloned().collect::<BTreeSet<ExternalId>>();
                cursor
            }
            Pull::Delta(delta) => delta.cursor,
        });
    }
    counts
}

/// `first full, another full, idle, C changes and a joiner`.
#[expect(clippy::print_stdout, reason = "figures are shown to whoever asks for them")]
async fn check(what: &str, expected: [u64; 4], source: impl FnOnce(&Org) -> Source) {
    let org = Org::new().await;
    let source = source(&org);
    let counts = count(&org, &source).await;
    println!(
        "{what:<44} first full {:3}   full {:3}   idle {:3}   {CHANGES} changes and a joiner {:3}",
        counts[0], counts[1], counts[2], counts[3]
    );
    assert_eq!(counts, expected, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_every_kind_of_source() {
    println!("N = {PEOPLE} people, K = {GROUPS} groups of {MEMBERS}, C = {CHANGES} changed people");
    check("microsoft, everybody", [10, 10, 1, 1], |org| kinds::microsoft(&org.sandbox, &org.secret, limits(), |_| {}))
        .await;
    check("microsoft, K groups", [24, 24, 2, 4], |org| {
        kinds::microsoft(&org.sandbox, &org.secret, limits(), |config| config.scope_groups = Some(names()))
    })
    .await;
    check("okta, everybody", [12, 12, 2, 2], |org| {
        kinds::okta(&org.sandbox, &org.secret, limits(), OktaScope::Everybody)
    })
    .await;
    check("okta, K groups", [22, 22, 3, 4], |org| {
        kinds::okta(&org.sandbox, &org.secret, limits(), OktaScope::Groups(names()))
    })
    .await;
    check("okta, application", [6, 6, 4, 4], |org| {
        kinds::okta(&org.sandbox, &org.secret, limits(), OktaScope::App("Amazon Connect".to_owned()))
    })
    .await;
    check("scim, everybody", [27, 20, 1, 1], |org| kinds::scim(&org.sandbox, &org.secret, limits(), |_| {})).await;
    check("scim, K groups", [30, 21, 11, 12], |org| {
        kinds::scim(&org.sandbox, &org.secret, limits(), |config| config.scope_groups = Some(names()))
    })
    .await;
    check("scim, everybody, no filter that works", [26, 21, 21, 21], |org| {
        kinds::scim_server(&org.sandbox, Character::FilterIgnoring);
        kinds::scim(&org.sandbox, &org.secret, limits(), |_| {})
    })
    .await;
}
