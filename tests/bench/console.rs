//! The pages of the console over a large contact centre: milliseconds of each, beside the promise.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{Request, StatusCode};
use rollcall::model::Time;
use rollcall::sandbox::QuotaSettings;
use rollcall::sandbox::scene::{self, ConfigText, SceneSettings};
use rollcall::store::Store;
use rollcall::{assemble, config, console};
use tower::ServiceExt;

use super::process;

/// What a page may take.
const PROMISE_MILLIS: f64 = 100.0;
const HERE: &str = "127.0.0.1:7655";

fn now() -> Time {
    chrono::Utc::now()
}

/// Measures twice and prints: with everybody about to join, and with everybody in agreement.
pub(crate) async fn measure(people: usize) {
    let mut settings = SceneSettings::new(now(), people);
    settings.plain = true;
    settings.connect.quota = QuotaSettings::unlimited();
    settings.connect.user_limit = people * 2;
    let sandbox = scene::start(settings).await.expect("the sandbox starts");
    let folder = tempfile::tempdir().expect("a folder");
    let text = ConfigText {
        quota: Some((100_000.0, 100_000, 1.0)),
        everybody: true,
        first_run_applies: true,
        ..ConfigText::default()
    };
    super::day::write(folder.path(), &scene::configuration(&sandbox, &sandbox.tenant, &text));
    let took = process::rollcall(folder.path(), &["plan"]).await;
    assert!(took.status.success(), "plan failed: {}", took.stderr);
    println!("{people} people, all of them about to join:");
    pages(folder.path()).await;
    let took = process::rollcall(folder.path(), &["sync", "now"]).await;
    assert!(took.status.success(), "sync failed: {}", took.stderr);
    println!("{people} people in agreement, all of them created today:");
    pages(folder.path()).await;
    sandbox.shutdown().await;
}

async fn pages(folder: &Path) {
    let config = config::load(&folder.join("rollcall.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let keep = Store::open(&config.state, now()).await.expect("a state file");
    let token = console::new_token().expect("random numbers");
    keep.set_console_token(&console::hash(&token), now()).await.expect("a token");
    let run = keep.runs(1).await.expect("runs").pop().map(|run| run.run.to_string());
    let sources = assemble::sources(&config, now).expect("sources");
    let centre = assemble::console_centre(&config, keep, sources).await.expect("a contact centre");
    let home = format!("/c/{}", centre.name);
    let bound: SocketAddr = HERE.parse().expect("an address");
    let listen = console::ConsoleConfig { listen: bound, transport: console::Transport::Plain, public_host: None };
    let router = console::pages(listen, bound, vec![centre], now).expect("a console");
    let cookie = sign_in(&router, &token).await;
    let started = Instant::now();
    let first = get(&router, &format!("{home}/people"), &cookie).await;
    println!("  everything read and planned, once for each run {:8.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let person = first.split("/people/").nth(1).and_then(|rest| rest.split('"').next()).expect("somebody").to_owned();
    let run = run.map(|run| [format!("/runs/{run}"), format!("/runs/{run}?q=ada"), format!("/runs/{run}?page=900")]);
    let paths = [
        "/today",
        "/plan",
        "/plan?q=ada",
        "/plan?group=joins&page=900",
        "/people",
        "/people?q=ada",
        "/people?q=zzzz",
        "/people?q=a+e+i+o",
        "/people?sort=-department&page=900",
        "/people?is=held",
        "/people?rule=care",
        "/rules",
        "/runs",
        "/changes",
        "/changes?fate=join&page=900",
        "/changes?q=ada",
    ];
    let paths = paths.map(str::to_owned).into_iter().chain([format!("/people/{person}")]);
    for path in paths.chain(run.into_iter().flatten()) {
        let mut millis = Vec::new();
        for _ in 0..7 {
            let started = Instant::now();
            get(&router, &format!("{home}{path}"), &cookie).await;
            millis.push(started.elapsed().as_secs_f64() * 1e3);
        }
        millis.sort_by(f64::total_cmp);
        let over = if millis[3] > PROMISE_MILLIS { "   over the promise" } else { "" };
        let shown = path.replace(&person, "…");
        println!("  {shown:<46} {:8.1} ms, at most {:.1}{over}", millis[3], millis[6]);
    }
    what_if(&router, &home, &cookie).await;
    for path in ["/people.csv", "/plan.csv", "/changes.csv"] {
        let started = Instant::now();
        let text = get(&router, &format!("{home}{path}"), &cookie).await;
        let (millis, mib) = (started.elapsed().as_secs_f64() * 1e3, text.len() as f64 / 1024.0 / 1024.0);
        println!("  {path:<46} {millis:8.1} ms, {mib:.1} MiB saved");
    }
}

/// Everybody gets another routing profile: the most that other rules can do.
async fn what_if(router: &Router, home: &str, cookie: &str) {
    const TEXT: &str = "[[mapping]]\nname = \"all\"\nwhen = \"always\"\nsecurity_profiles = [\"Agent\"]\n\
                        routing_profile = \"Holding\"\n";
    let path = format!("{home}/rules/what-if");
    let page = get(router, &path, cookie).await;
    let word = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its word");
    let body =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("csrf", word), ("text", TEXT)]).finish();
    for path in [path.clone(), format!("{path}.csv")] {
        let request = Request::post(&path)
            .header(HOST, HERE)
            .header(ORIGIN, format!("http://{HERE}"))
            .header(COOKIE, cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.clone()))
            .expect("a request");
        let started = Instant::now();
        let answer = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let text = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        let (millis, mib) = (started.elapsed().as_secs_f64() * 1e3, text.len() as f64 / 1024.0 / 1024.0);
        println!("  POST {:<41} {millis:8.1} ms, {mib:.1} MiB", path.replace(home, ""));
    }
}

async fn sign_in(router: &Router, token: &str) -> String {
    let request = Request::post("/login")
        .header(HOST, HERE)
        .header(ORIGIN, format!("http://{HERE}"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("token={token}")))
        .expect("a request");
    let answer = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let cookie = answer.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("text");
    cookie.split(';').next().expect("a pair").to_owned()
}

async fn get(router: &Router, path: &str, cookie: &str) -> String {
    let request = Request::get(path).header(HOST, HERE).header(COOKIE, cookie).body(Body::empty()).expect("a request");
    let request = async { router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}) };
    let answer = tokio::time::timeout(Duration::from_secs(120), request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}
