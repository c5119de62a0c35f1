//! What is written anywhere while rollcall works: no secret anywhere, personal values only where they belong.
//!
//! The real binary lives through a first load, a joiner, a mover, a leaver, refusals that quote what was sent, and a
//! directory that fails, with everything logged that can be (`ROLLCALL_LOG=trace`). Then all of it is read: both streams of
//! every process, the reports at every level of privacy, CloudWatch Logs, every file it made.
//!
//! | where | secrets and tokens | personal values |
//! | --- | --- | --- |
//! | log lines | none | none |
//! | reports, `keys`; messages of trouble | none | none |
//! | reports, `usernames` | none | usernames only |
//! | reports, `full`; screens; the state file | none | yes |

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::scene::CLIENT_SECRET;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::world::World;

/// The secrets of a webhook: the file each is in, what it holds, and what of it must be found nowhere else.
const HOOK: [(&str, &str, &str); 3] = [
    ("hook-address", "@/hooks/hook-path-0f9a2c77?sig=hook-query-3b1d", "hook-path-0f9a2c77"),
    ("hook-authorization", "Bearer hook-header-71c2e6aa", "hook-header-71c2e6aa"),
    ("hook-signing-key", "hook-signing-55d19e04", "hook-signing-55d19e04"),
];

/// A webhook all of whose secrets are in private files; everything is told.
fn with_webhook(world: &mut World) {
    use std::os::unix::fs::PermissionsExt;
    for (name, content, _) in HOOK {
        let path = world.folder.path().join(name);
        std::fs::write(&path, content.replace('@', &world.sandbox.addresses.webhook_url)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let [address, authorization, key] = HOOK.map(|(name, ..)| format!("{{ file = \"{name}\" }}"));
    world.text.more.push_str(&format!(
        "\n[notify.chat]\nkind = \"webhook\"\nurl = {address}\nauthorization = {authorization}\nsigning_key = {key}\n\
         newly_held = 0\n"
    ));
    world.write_config();
}

/// Texts to look for, each with what it is.
#[derive(Default)]
struct Needles(BTreeSet<(String, &'static str)>);

impl Needles {
    fn add(&mut self, what: &'static str, text: &str) {
        // Shorter ones are found by accident.
        if text.len() >= 4 {
            self.0.insert((text.to_owned(), what));
        }
    }
}

/// How much was read, and what was found that must not be there.
#[derive(Default)]
struct Scan {
    bytes: usize,
    places: usize,
    hits: Vec<String>,
}

impl Scan {
    fn read(&mut self, place: &str, text: &[u8], needles: &[&Needles]) {
        self.bytes += text.len();
        self.places += 1;
        let text = String::from_utf8_lossy(text);
        for (needle, what) in needles.iter().flat_map(|needles| &needles.0) {
            let found = text.match_indices(needle.as_str()).find(|(at, _)| is_a_word(&text, *at, needle.len()));
            if let Some((at, _)) = found {
                let from = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                let line: String = text[from..].chars().take(240).collect();
                self.hits.push(format!("{place}: {what} in {line}"));
            }
        }
    }
}

/// Whether a text stands by itself there: a surname is also a part of other words.
fn is_a_word(text: &str, at: usize, len: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !joins(text[..at].chars().next_back()) && !joins(text[at + len..].chars().next())
}

/// One process, everything logged; its stdout and stderr.
async fn run(world: &World, arguments: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).args(arguments).env("ROLLCALL_LOG", "trace").kill_on_drop(true);
    let Output { stdout, stderr, .. } = command.output().await.unwrap();
    (stdout, stderr)
}

/// The lines of a stream that were logged; the others are screens.
fn logged(stderr: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(stderr);
    let is_logged = |line: &&str| line.get(..2) == Some("20") && line.get(10..11) == Some("T");
    text.lines().filter(is_logged).flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

async fn serve_once(world: &World) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("--config").arg(world.config_path()).arg("serve").env("ROLLCALL_LOG", "trace").kill_on_drop(true);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stream = child.stderr.take().unwrap();
    let mut text = Vec::new();
    let read = async {
        while !["run ended", "run failed"].iter().any(|end| String::from_utf8_lossy(&text).contains(end)) {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "the service ended");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("a run in time");
    child.kill().await.unwrap();
    text
}

/// Refusals that quote what was sent, and pages that break off inside a person.
fn bad_day(world: &World, somebody: &str) {
    let refused = |code: &str| FaultKind::Status {
        status: 400,
        code: code.to_owned(),
        message: format!("1 validation error detected: Value '{somebody}' failed to satisfy constraint"),
        retry_after: None,
    };
    world.fault("connect", "CreateUser", 0, 1, refused("InvalidParameterException"));
    world.fault("connect", "UpdateUserRoutingProfile", 0, 1, refused("InvalidParameterException"));
    world.fault("graph", "GET /users/delta", 0, 1, FaultKind::Truncated);
    world.fault("graph", "GET /groups/delta", 0, 1, refused("Request_BadRequest"));
    world.fault("logs", "PutLogEvents", 0, 1, refused("InvalidParameterException"));
    world.fault("webhook", "POST", 0, 1, FaultKind::LostReply);
}

async fn needles(world: &World) -> (Needles, Needles, Needles) {
    let (mut secrets, mut usernames, mut personal) = (Needles::default(), Needles::default(), Needles::default());
    secrets.add("the client secret", CLIENT_SECRET);
    secrets.add("the client secret in base64", &base64::engine::general_purpose::STANDARD.encode(CLIENT_SECRET));
    for (_, _, needle) in HOOK {
        secrets.add("a secret of the webhook", needle);
    }
    secrets.add("a secret of the webhook", "hook-query-3b1d");
    for token in world.sandbox.tenant.tokens() {
        secrets.add("an access token", &token);
    }
    let logins = world.sandbox.tenant.users().into_iter().map(|user| {
        personal.add("a name", &user.display_name);
        user.user_principal_name
    });
    let logins: Vec<String> = logins.collect();
    for user in world.sandbox.connect.users() {
        let identity = &user.identity_info;
        for text in [&identity.first_name, &identity.last_name, &identity.email, &identity.mobile].into_iter().flatten()
        {
            if !logins.contains(text) {
                personal.add("an attribute", text);
            }
        }
        personal.add("a phone number", user.phone_config.desk_phone_number.as_deref().unwrap_or_default());
        usernames.add("a username", &user.username);
    }
    logins.iter().for_each(|login| usernames.add("a username", login));
    (secrets, usernames, personal)
}

fn is_secret(entry: &std::fs::DirEntry) -> bool {
    let name = entry.file_name();
    name == "client-secret" || HOOK.iter().any(|(secret, ..)| name == *secret)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file() && !is_secret(entry));
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_written_anywhere_and_nobody_is_named_where_keys_are_meant() {
    let more = ["keys", "full"].map(|level| {
        format!("\n[report.{level}]\nkind = \"json_lines\"\npath = \"{level}.jsonl\"\nprivacy = \"{level}\"\n")
    });
    let scenery = |scene: &mut rollcall::sandbox::scene::SceneSettings| {
        scene.plain = false;
        scene.existing = 8;
    };
    let mut world = World::with(120, scenery, |text| text.more = more.concat()).await;
    with_webhook(&mut world);
    let somebody = world.sandbox.tenant.users()[7].user_principal_name.clone();
    let mut streams = Vec::new();
    streams.push(("check", run(&world, &["check"]).await));
    bad_day(&world, &somebody);
    streams.push(("sync now", run(&world, &["sync", "now"]).await));
    let (id, login) = world.hire("Sales");
    streams.push(("sync now, a joiner", run(&world, &["sync", "now"]).await));
    world.move_to(&id, "Care");
    bad_day(&world, &login);
    streams.push(("plan", run(&world, &["plan"]).await));
    streams.push(("serve", (Vec::new(), serve_once(&world).await)));
    world.sandbox.tenant.disable(&id).unwrap();
    streams.push(("sync now, a leaver", run(&world, &["sync", "now", "--full"]).await));
    streams.push(("explain", run(&world, &["explain", &login]).await));
    streams.push(("history", run(&world, &["history"]).await));
    streams.push(("status", run(&world, &["status", "--json"]).await));

    let (secrets, usernames, personal) = needles(&world).await;
    let mut scan = Scan::default();
    let mut lines = 0;
    for (verb, (stdout, stderr)) in &streams {
        let log = logged(stderr);
        lines += log.iter().filter(|byte| **byte == b'\n').count();
        scan.read(&format!("{verb}, log"), &log, &[&secrets, &usernames, &personal]);
        scan.read(&format!("{verb}, stdout"), stdout, &[&secrets]);
        scan.read(&format!("{verb}, stderr"), stderr, &[&secrets]);
    }
    assert!(lines > 100, "the scan must have something to read: {lines} log lines");
    for (name, text) in files(world.folder.path()) {
        match &*name {
            "keys.jsonl" => scan.read(&name, &text, &[&secrets, &usernames, &personal]),
            "report.jsonl" => scan.read(&name, &text, &[&secrets, &personal]),
            _ => scan.read(&name, &text, &[&secrets]),
        }
    }
    // Where they belong they are found: the search works, and the refusals were quoted to us.
    for (name, needles) in [("report.jsonl", &usernames), ("full.jsonl", &personal)] {
        let mut control = Scan::default();
        control.read(name, &std::fs::read(world.folder.path().join(name)).unwrap(), &[needles]);
        assert!(control.hits.len() > 30, "{name}: {} hits", control.hits.len());
    }
    let refused = std::fs::read_to_string(world.folder.path().join("keys.jsonl")).unwrap();
    assert!(refused.contains("InvalidParameterException"), "nothing was refused");
    for event in world.sandbox.logs.events() {
        scan.read("CloudWatch Logs", event.message.as_bytes(), &[&secrets, &personal]);
    }
    let failed = |stream: &[u8]| String::from_utf8_lossy(stream).contains("notify.chat: the webhook: no whole answer");
    assert!(streams.iter().any(|(_, (_, stderr))| failed(stderr)), "no delivery failed");
    let posts = world.sandbox.webhook.posts();
    assert!(posts.len() > 1 && posts.iter().any(|post| post.body.contains("\"people\":[\"entra/")), "{posts:?}");
    for post in posts {
        assert_eq!(post.headers["authorization"], HOOK[1].1);
        scan.read("a message", post.body.as_bytes(), &[&secrets, &usernames, &personal]);
    }
    let Scan { bytes, places, hits } = scan;
    assert!(usernames.0.len() > 100 && personal.0.len() > 100, "there must be something to look for");
    println!("{bytes} bytes in {places} places, {lines} log lines, {} hits", hits.len());
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}
