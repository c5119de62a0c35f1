//! A working day: 50 joiners, 25 movers, 10 leavers on 2,000 adopted Connect users, at the documented quota.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall::sandbox::company::Company;
use rollcall::sandbox::scene::{self, AGENTS, CLIENT_SECRET, ConfigText, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use serde_json::json;

use super::process;

const USERS: usize = 2_000;
const JOINERS: usize = 50;
const MOVERS: usize = 25;
const LEAVERS: usize = 10;
/// The documented quota of every operation.
const PER_SECOND: f64 = 2.0;
const BURST: u64 = 5;

/// Writes a configuration and its secret.
pub(crate) fn write(folder: &Path, configuration: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.join("rollcall.toml"), configuration).expect("a configuration");
    let secret = folder.join("client-secret");
    std::fs::write(&secret, CLIENT_SECRET).expect("a secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a private secret");
}

/// Measures and prints.
pub(crate) async fn measure() {
    let mut settings = SceneSettings::new(chrono::Utc::now(), 2_400);
    settings.plain = true;
    settings.existing = USERS;
    settings.connect.user_limit = 5_000;
    settings.connect.quota = QuotaSettings::unlimited();
    let sandbox = scene::start(settings).await.expect("the sandbox starts");
    let folder = tempfile::tempdir().expect("a folder");
    set_up(&sandbox, folder.path()).await;
    let day = a_day(&sandbox);
    println!("{USERS} Connect users are adopted; {day}");
    sandbox.connect.quota().set(QuotaSettings::default());
    let before = counts(&sandbox);
    let took = process::rollcall(folder.path(), &["sync", "now"]).await;
    assert!(took.status.success(), "sync failed: {}", took.stderr);
    report(&before, &counts(&sandbox), took.wall.as_secs_f64());
    idle(&sandbox, folder.path()).await;
    sandbox.shutdown().await;
}

/// Everybody in scope is adopted or created, and in agreement, before the day begins.
async fn set_up(sandbox: &Sandbox, folder: &Path) {
    let leaver = Some("grace  = \"0d\"\ndelete = true".to_owned());
    let generous = ConfigText {
        quota: Some((10_000.0, 10_000, 1.0)),
        first_run_applies: true,
        leaver: leaver.clone(),
        guard: Some("max_changed = { fraction = 1.0 }".to_owned()),
        ..ConfigText::default()
    };
    // Only those who have a Connect user are agents yet.
    let agents = sandbox.tenant.group_id(AGENTS).expect("the agents' group");
    let usernames: std::collections::BTreeSet<_> =
        sandbox.connect.users().into_iter().map(|user| user.username).collect();
    for user in sandbox.tenant.users() {
        let mailbox = user.user_principal_name.split('@').next().unwrap_or_default().to_owned();
        if !usernames.contains(&user.user_principal_name) && !usernames.contains(&mailbox) {
            let _ = sandbox.tenant.remove_member(&agents, &user.id);
        }
    }
    write(folder, &scene::configuration(sandbox, &sandbox.tenant, &generous));
    // E-mail addresses and numbers of existing users are read some at a time; at rest is when nothing is left to read.
    for run in 0.. {
        assert!(run < 60, "2,000 users should be at rest by now");
        let before = counts(sandbox);
        let took = process::rollcall(folder, &["sync", "now"]).await;
        assert!(took.status.code().is_some_and(|code| code == 0 || code == 4), "set-up failed: {}", took.stderr);
        if counts(sandbox) == before {
            break;
        }
    }
    let documented = ConfigText { quota: Some((PER_SECOND, 5, 1.0)), ..generous };
    write(folder, &scene::configuration(sandbox, &sandbox.tenant, &documented));
    // The rules are the same; one run under the new file, so that the day begins at rest.
    let took = process::rollcall(folder, &["sync", "now"]).await;
    assert!(took.status.success(), "set-up failed: {}", took.stderr);
}

fn a_day(sandbox: &Sandbox) -> String {
    let tenant = &sandbox.tenant;
    let agents = tenant.group_id(AGENTS).expect("the agents' group");
    let recording = tenant.group_id("Connect-Recording").expect("the recording group");
    for number in 0..JOINERS {
        let mut person = Company::newcomer(17, 20_000 + number);
        person.properties.insert("department".to_owned(), json!("Care"));
        let id = person.id.clone();
        tenant.add_user(person).expect("a joiner");
        tenant.add_member(&agents, &id).expect("a member");
    }
    let plain = sandbox.connect.security_profile_id("RecordingAccess").expect("a profile");
    let managed: BTreeMap<String, Vec<String>> = sandbox
        .connect
        .users()
        .into_iter()
        .filter_map(|user| {
            let owner = user.tags.get("rollcall:person")?.strip_prefix("entra/")?.to_owned();
            Some((owner, user.security_profile_ids))
        })
        .collect();
    let mut movers = 0;
    let mut leavers = 0;
    for (id, profiles) in managed {
        if leavers < LEAVERS {
            tenant.soft_delete(&id).expect("a leaver");
            leavers += 1;
        } else if movers < MOVERS && !profiles.contains(&plain) {
            let title = json!({"jobTitle": "Agent"});
            // Somebody with another title would be a mover of another kind; only the group decides here.
            if tenant.update_user(&id, title.as_object().cloned().unwrap_or_default()).is_ok()
                && tenant.add_member(&recording, &id).is_ok()
            {
                movers += 1;
            }
        }
    }
    assert_eq!((movers, leavers), (MOVERS, LEAVERS));
    format!("the day: {JOINERS} joiners, {MOVERS} movers, {LEAVERS} leavers")
}

fn counts(sandbox: &Sandbox) -> BTreeMap<String, (u64, u64)> {
    sandbox.connect.quota().calls().into_iter().map(|(name, calls)| (name, (calls.calls, calls.throttled))).collect()
}

fn report(before: &BTreeMap<String, (u64, u64)>, after: &BTreeMap<String, (u64, u64)>, wall: f64) {
    let (mut total, mut throttled, mut least, mut busiest) = (0, 0, 0.0_f64, "");
    for (name, (calls, refused)) in after {
        let (calls_before, refused_before) = before.get(name).copied().unwrap_or_default();
        let (calls, refused) = (calls - calls_before, refused - refused_before);
        if calls == 0 {
            continue;
        }
        println!("  {name:28} {calls:5} calls");
        total += calls;
        throttled += refused;
        let secs = calls.saturating_sub(BURST) as f64 / PER_SECOND;
        if secs > least {
            (least, busiest) = (secs, name);
        }
    }
    println!("  {:28} {total:5} calls, {throttled} throttled", "in all");
    println!("  wall time {wall:.2} s, least possible {least:.2} s ({busiest}), ratio {:.3}", wall / least);
}

async fn idle(sandbox: &Sandbox, folder: &Path) {
    // Sign-in is another service.
    let graph_requests =
        || -> u64 { sandbox.tenant.requests().iter().filter(|(name, _)| *name != "POST /token").map(|(_, n)| n).sum() };
    let (graph, connect) = (graph_requests(), counts(sandbox));
    let took = process::rollcall(folder, &["sync", "now"]).await;
    assert!(took.status.success(), "the idle cycle failed: {}", took.stderr);
    let requests = graph_requests() - graph;
    let calls: u64 = counts(sandbox).iter().map(|(name, (n, _))| n - connect.get(name).map_or(0, |(n, _)| *n)).sum();
    println!("  an idle cycle: {requests} Graph requests, {calls} Connect requests, {:.2} s", took.wall.as_secs_f64());
}
