//! The demo that stays, as a process of its own: its console, people who come and go, and its end.

use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long the story may take, or anything to happen after it. It takes a minute where nobody else is at work.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the end may take: 2 s are promised to a person, and a busy machine gets some more.
const END: Duration = Duration::from_secs(6);

/// What the demo shows at its end.
struct Shown {
    address: String,
    token: String,
}

/// Starts the demo and waits until it has shown where everything is.
async fn stays(folder: &std::path::Path) -> (Child, Shown) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    demo.arg("demo").env("TMPDIR", folder).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut demo = demo.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let (mut shown, mut told) = (Shown { address: String::new(), token: String::new() }, String::new());
    let told_all = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["The", "console", address] => address.clone_into(&mut shown.address),
                ["its", "token", token, ..] => token.clone_into(&mut shown.token),
                _ if line.contains("Ctrl-C ends all of it") => return,
                _ => {}
            }
            told.push_str(&line);
            told.push('\n');
        }
        panic!("the demo ended before it stayed:\n{told}");
    };
    tokio::time::timeout(PATIENCE, told_all).await.expect("the story comes to its end");
    // Whatever else it prints is read, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (demo, shown)
}

/// A session of the console, as a browser has one.
async fn sign_in(http: &reqwest::Client, Shown { address, token }: &Shown) -> String {
    let origin = address.trim_end_matches('/');
    let login = http.post(format!("{address}login")).header(ORIGIN, origin).form(&[("token", token)]);
    let answer = login.send().await.unwrap();
    assert_eq!(answer.status(), 303, "the token that was shown opens the console");
    answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_stays_with_a_console_and_ends_when_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut demo, shown) = stays(folder.path()).await;
    assert!(shown.address.starts_with("http://127.0.0.1:") && shown.token.len() > 20, "{}", shown.address);
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let address = &shown.address;
    let cookie = sign_in(&http, &shown).await;
    let page = http.get(format!("{address}c/support-emea/today")).header(COOKIE, &cookie).send().await.unwrap();
    let page = page.error_for_status().unwrap().text().await.unwrap();
    assert!(page.contains("in agreement") && page.contains("Last runs"), "{page}");

    // Somebody is hired in the made-up directory, and a run of the schedule sees it.
    let joined = async {
        let mut look = tokio::time::interval(Duration::from_millis(500));
        loop {
            look.tick().await;
            let runs = http.get(format!("{address}api/centres/support-emea/runs")).bearer_auth(&shown.token);
            let runs: Value = runs.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
            let by_the_clock = |run: &&Value| run["trigger"] == "schedule" && run["summary"]["created"] != 0;
            if runs["runs"].as_array().unwrap().iter().any(|run| by_the_clock(&run) && !run["summary"].is_null()) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, joined).await.expect("somebody joins");

    // A page that listens holds nobody up.
    let listening = http.get(format!("{address}c/support-emea/live")).header(COOKIE, &cookie).send().await.unwrap();
    let mut listening = listening.error_for_status().unwrap();
    assert!(listening.chunk().await.unwrap().is_some());
    let pid = demo.id().unwrap().to_string();
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let status = tokio::time::timeout(END, demo.wait()).await.expect("it ends at once").unwrap();
    assert_eq!(status.code(), Some(0), "after {:?}", asked.elapsed());
    let state = std::fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    let kept = state.map(|entry| entry.path().join("rollcall.db")).any(|file| file.exists());
    assert!(kept, "what the demo made can be looked at afterwards");
}
