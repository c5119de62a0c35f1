//! A check of every part, begun on a page; and what `rollcall check` says of the console itself.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use rollcall::console::{self, Centre, CheckNow};
use rollcall::model::Checked;
use rollcall::sandbox::faults::FaultKind;
use serde_json::Value;

use super::pages::{says, text};
use super::{Desk, bound, later, local, now, rotate, word_of};
use crate::process::output;
use crate::world::World;

async fn checked(desk: &Desk, cookie: &str, back: &str) -> super::Answer {
    let word = word_of(&desk.get(&desk.at(&format!("/{back}")), cookie).await.ok());
    desk.post(&desk.at("/check"), cookie, &[("csrf", &word), ("back", back)]).await
}

#[tokio::test]
async fn a_check_says_what_the_terminal_says_with_the_time() {
    let world = World::of(8).await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let asked = desk.world.graph_requests();
    let before = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&before, &["Check Reaches each remote system", "at most every 30 seconds"]);
    assert_eq!(desk.world.graph_requests(), asked, "looking reaches nothing");

    let answer = checked(&desk, &cookie, "connect").await;
    assert_eq!(
        (answer.status, answer.to()),
        (StatusCode::SEE_OTHER, format!("{}#check", desk.at("/connect")).as_str())
    );
    assert!(desk.world.graph_requests() > asked);
    let rows = desk.world.store().await.audited(1).await.unwrap();
    assert_eq!((rows[0].action.as_str(), rows[0].about.as_deref()), ("checked the parts", Some("support-emea")));
    let (code, json, _) = output(&desk.world, &["check", "--json"]).await;
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    later(Duration::from_secs(120));
    for back in ["/sources", "/connect"] {
        let page = desk.get(&desk.at(back), &cookie).await.ok();
        says(&page, &["Checked 2 min ago : no problems ."]);
        for line in json["lines"].as_array().unwrap() {
            let shown = format!("{} {}", line["place"].as_str().unwrap(), line["text"].as_str().unwrap());
            assert!(text(&page).contains(&shown), "no `{shown}` in {}", text(&page));
        }
    }

    let broken =
        FaultKind::Status { status: 403, code: "Forbidden".to_owned(), message: String::new(), retry_after: None };
    for operation in ["GET /users", "GET /groups", "GET /groups/{id}", "GET /users/delta"] {
        desk.world.fault("graph", operation, 0, 50, broken.clone());
    }
    assert_eq!(checked(&desk, &cookie, "sources").await.to(), format!("{}#check", desk.at("/sources")));
    let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&page, &["Checked just now :", "problem", "source entra", "→"]);
    assert!(!text(&page).contains("no problems"));
}

#[tokio::test]
async fn one_at_a_time_and_one_in_half_a_minute() {
    let world = World::of(6).await;
    let (token, centre) = (rotate(&world).await, super::centre(&world).await);
    let (counted, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let (calls, gate) = (Arc::clone(&counted), Arc::clone(&held));
    let check: CheckNow = Arc::new(move || {
        calls.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire_owned().await.unwrap().forget();
            vec![Checked::good("here", "<b>it was looked at</b>")]
        }
        .boxed()
    });
    let pages = console::pages(local(), bound(), vec![Centre { check: Some(check), ..centre }], now).unwrap();
    let desk = Desk { world, pages, token };
    let cookie = desk.sign_in().await;
    let count = || counted.load(Ordering::SeqCst);

    let others = async {
        while count() == 0 {
            tokio::task::yield_now().await;
        }
        let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
        says(&page, &["One is under way, begun just now; reload the page."]);
        let second = checked(&desk, &cookie, "connect");
        let release = async { held.add_permits(1) };
        let (second, ()) = tokio::join!(second, release);
        assert_eq!(second.status, StatusCode::SEE_OTHER);
    };
    let (first, ()) = tokio::join!(checked(&desk, &cookie, "sources"), others);
    assert_eq!((first.status, count()), (StatusCode::SEE_OTHER, 1), "one is under way");
    let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&page, &["no problems", "here <b>it was looked at</b>"]);
    assert!(!page.contains("<b>it was"), "what a remote says is text");

    held.add_permits(10);
    later(Duration::from_secs(31));
    assert_eq!(checked(&desk, &cookie, "sources").await.status, StatusCode::SEE_OTHER);
    assert_eq!(count(), 2);
    for _ in 0..5 {
        assert_eq!(checked(&desk, &cookie, "sources").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(count(), 2, "half a minute is not over");
    later(Duration::from_secs(31));
    checked(&desk, &cookie, "sources").await;
    assert_eq!(count(), 3);
    let audited = desk.world.store().await.audited(50).await.unwrap();
    assert_eq!(audited.iter().filter(|row| row.action == "checked the parts").count(), 3, "what began");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_learns_of_the_console() {
    let mut world = World::of(6).await;
    let line = async |world: &World| {
        let (code, json, _) = output(world, &["check", "--json"]).await;
        let json: Value = serde_json::from_str(&json).unwrap();
        let lines = json["lines"].as_array().unwrap().clone();
        let of_console = lines.into_iter().find(|line| line["place"] == "console");
        of_console.map(|line| {
            assert_eq!(code == 0, line["ok"] == true, "{line}");
            (line["ok"] == true, line["text"].as_str().unwrap().to_owned(), line["hint"].as_str().map(str::to_owned))
        })
    };
    assert_eq!(line(&world).await, None, "none is configured");
    let configured = |world: &mut World, text: &str| {
        world.text.more = format!("[console]\n{text}\n");
        world.write_config();
    };
    configured(&mut world, "listen = \"127.0.0.1:7655\"");
    let (ok, text, _) = line(&world).await.unwrap();
    assert!(ok && text == "http://127.0.0.1:7655/, no token yet: rollcall token rotate makes one", "{text}");
    rotate(&world).await;
    assert_eq!(line(&world).await.unwrap().1, "http://127.0.0.1:7655/, token made just now");

    let key = world.folder.path().join("console.key");
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/testdata/test-only-localhost.pem");
    std::fs::copy(certificate, &key).unwrap();
    let mode = |mode: u32| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let tls = |certificate: &str| {
        format!(
            "listen = \"0.0.0.0:7655\"\npublic_host = \"rollcall.example.com\"\n\
             tls = {{ certificate = \"{certificate}\", key = {{ file = \"console.key\" }} }}"
        )
    };
    configured(&mut world, &tls(certificate));
    assert_eq!(line(&world).await.unwrap().1, "https://rollcall.example.com/, token made just now");
    configured(&mut world, &tls("/nowhere.pem"));
    let (ok, text, hint) = line(&world).await.unwrap();
    assert!(!ok && text.starts_with("/nowhere.pem cannot be used:"), "{text}");
    assert!(hint.unwrap().contains("[console] tls"));
    world.lose_state();
    configured(&mut world, &tls(certificate));
    let (ok, text, hint) = line(&world).await.unwrap();
    assert!(!ok && text.contains("is not opened on 0.0.0.0:7655 before a token was made"), "{text}");
    assert_eq!(hint.unwrap(), "make one with: rollcall token rotate");
    // Others could read the key: the file is refused as a whole, before anything is checked.
    mode(0o644);
    let (code, _, stderr) = output(&world, &["check"]).await;
    assert!(code == 1 && stderr.contains("console.key can be read by others"), "{stderr}");
}
