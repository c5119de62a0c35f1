//! What changed rules would do, asked on a page: the same words as on a terminal, nothing reached, nothing written.

use std::sync::{Arc, Mutex, mpsc};

use axum::http::StatusCode;
use rollcall::console::{self, Centre};
use serde_json::Value;

use super::pages::{lifelike, rows, says, text};
use super::{Desk, bound, local, now, rotate, word_of};
use crate::process::output;
use crate::world::World;

/// A rule for Sales that gives something else, one whose profile does not exist, and an example that fails.
const NEXT: &str = "
[[mapping]]
name = \"sales\"
departments = [\"Sales\"]
security_profiles = [\"Agent\"]
routing_profile = \"Holding\"
[[mapping]]
name = \"care\"
departments = [\"Care\"]
security_profiles = [\"Agnet\"]
routing_profile = \"Care Voice\"
[[example]]
given = { department = \"Sales\" }
expect = { routing_profile = \"Sales Voice\" }
";

/// The content of the text field, as a browser would send it back.
fn field(page: &str) -> String {
    let (_, rest) = page.split_once("<textarea").expect("a text field");
    let (_, rest) = rest.split_once('>').unwrap();
    let (text, _) = rest.split_once("</textarea>").unwrap();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

async fn asked(desk: &Desk, cookie: &str, path: &str, text: &str) -> super::Answer {
    let word = word_of(&desk.get(&desk.at("/rules/what-if"), cookie).await.ok());
    desk.post(&desk.at(path), cookie, &[("csrf", &word), ("text", text)]).await
}

#[tokio::test]
async fn the_rules_of_the_file_are_shown_and_handed_back_they_change_nothing() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let rules = desk.get(&desk.at("/rules"), &cookie).await.ok();
    assert!(rules.contains(&format!("href=\"{}\"", desk.at("/rules/what-if"))), "Rules lead there");
    let page = desk.get(&desk.at("/rules/what-if"), &cookie).await.ok();
    let shown = field(&page);
    assert!(shown.contains("[[mapping]]") && shown.contains("[default]") && shown.contains("[authority]"), "{shown}");
    for other in ["client_secret", "client-secret", "tenant", "[source", "[connect", "[report", "[guard", "instance"] {
        assert!(!shown.contains(other), "{other} is in\n{shown}");
    }
    let same = asked(&desk, &cookie, "/rules/what-if", &shown.replace('\n', "\r\n")).await.ok();
    says(&same, &["nobody would be treated otherwise.", "[[mapping]]", "replaced, over what is stored"]);
    assert_eq!(rows(&asked(&desk, &cookie, "/rules/what-if.csv", &shown).await.ok()), 0);
}

#[tokio::test]
async fn a_page_says_what_the_terminal_says_reaches_nothing_and_writes_nothing() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let file = desk.world.folder.path().join("next.toml");
    std::fs::write(&file, NEXT).unwrap();
    let file = file.to_str().unwrap();
    let before = (desk.world.graph_requests(), desk.world.sandbox.connect.quota().calls());
    let store = desk.world.store().await;
    let journal = store.journal(0, 10_000).await.unwrap().len();

    let page = asked(&desk, &cookie, "/rules/what-if", NEXT).await.ok();
    let csv = asked(&desk, &cookie, "/rules/what-if.csv", NEXT).await.ok();
    assert_eq!((desk.world.graph_requests(), desk.world.sandbox.connect.quota().calls()), before);
    assert_eq!(store.journal(0, 10_000).await.unwrap().len(), journal);
    let audit = store.audited(3).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action == "asked what changed rules would do").count(), 2, "{audit:?}");
    assert!(audit.iter().all(|row| !format!("{row:?}").contains("Agnet")), "the text is not kept: {audit:?}");

    assert_eq!(field(&page), NEXT, "what was pasted stays");
    let (code, screen, _) = output(&desk.world, &["rules", "--what-if", file, "--all"]).await;
    assert_eq!(code, 0);
    let shown = text(&page);
    for line in screen.lines().skip(3).filter(|line| !line.starts_with("  facet") && !line.starts_with("  rule now")) {
        // Of examples the page says that they are in its own text; narrow columns are cut off.
        let line = line.replace(file, "this text");
        let words = line.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic) && !word.contains('…'));
        for word in words {
            assert!(shown.contains(word) || word == "departments", "no `{word}` of `{line}` in:\n{shown}");
        }
    }
    says(
        &page,
        &["Agent · Sales Voice → Agent · Holding", "example at line 12 of this text", "did you mean \"Agent\"?"],
    );
    let json: Value =
        serde_json::from_str(&output(&desk.world, &["rules", "--what-if", file, "--json"]).await.1).unwrap();
    let moves = json["moves"].as_array().unwrap().len();
    assert!(moves > 3, "{json:#}");
    assert_eq!(rows(&csv), moves);
    says(&page, &[&format!("{moves} of"), &format!("People {moves}")]);
}

#[tokio::test]
async fn a_broken_text_is_told_with_its_lines_and_stays_where_it_is() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let broken = "[[maping]]\n[default]\nsecurity_profile = [\"<script>alert(1)</script>\"]\nrouting_profile = 7\n\
                  [source.entra]\nclient_secret = { env = \"HOME\" }\n";
    for path in ["/rules/what-if", "/rules/what-if.csv"] {
        let answer = asked(&desk, &cookie, path, broken).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        says(
            &answer.body,
            &[
                "The text has 4 problems",
                "line 1 maping unknown key → did you mean mapping?",
                "line 3 [default] security_profile unknown key → did you mean security_profiles?",
                "line 4 [default] routing_profile",
                "says nothing about what people get",
            ],
        );
        assert!(!answer.body.contains("<script>alert"));
        assert_eq!(field(&answer.body), broken);
    }
    let nothing = asked(&desk, &cookie, "/rules/what-if", "").await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    says(&nothing.body, &["changes nothing"]);
}

#[tokio::test]
async fn one_is_worked_out_at_a_time() {
    let world = World::of(6).await;
    world.sync().await.unwrap();
    let token = rotate(&world).await;
    let centre = super::centre(&world).await;
    // A reading that begins, says so, and ends when it is told to.
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let (go, goes) = mpsc::channel::<()>();
    let (goes, with) = (Mutex::new(goes), centre.parts.rules_with.clone());
    let slow: console::RulesWith = Arc::new(move |text| {
        begun.send(()).unwrap();
        goes.lock().unwrap().recv().unwrap();
        with(text)
    });
    let parts = console::Parts { rules_with: slow, ..centre.parts.clone() };
    let pages = console::pages(local(), bound(), vec![Centre { parts, ..centre }], now).unwrap();
    let desk = Desk { world, pages, token };
    let cookie = desk.sign_in().await;
    let first = asked(&desk, &cookie, "/rules/what-if", NEXT);
    let others = async {
        begins.recv().await.unwrap();
        for path in ["/rules/what-if", "/rules/what-if.csv"] {
            let second = asked(&desk, &cookie, path, NEXT).await;
            assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(second.headers.contains_key("retry-after"));
            says(&second.body, &["Another one is being worked out.", "try again"]);
            assert_eq!(field(&second.body), NEXT);
        }
        go.send(()).unwrap();
    };
    let (first, ()) = tokio::join!(first, others);
    says(&first.ok(), &["would be treated otherwise"]);
    go.send(()).unwrap();
    says(&asked(&desk, &cookie, "/rules/what-if", NEXT).await.ok(), &["would be treated otherwise"]);
}

#[tokio::test]
async fn a_long_text_is_taken_up_to_its_bound() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    // Comments, so that it stays the same rules; each sign is sent as it is.
    let long = |bytes: usize| format!("{NEXT}#{}", "a".repeat(bytes));
    let answer = asked(&desk, &cookie, "/rules/what-if", &long(200 * 1024)).await;
    says(&answer.ok(), &["would be treated otherwise"]);
    for path in ["/rules/what-if", "/rules/what-if.csv"] {
        assert_eq!(asked(&desk, &cookie, path, &long(256 * 1024)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    let word = word_of(&desk.get(&desk.at("/rules"), &cookie).await.ok());
    let elsewhere = desk.post(&desk.at("/approve"), &cookie, &[("csrf", &word), ("digest", &long(64 * 1024))]).await;
    assert_eq!(elsewhere.status, StatusCode::PAYLOAD_TOO_LARGE);
}
