//! What is had done from the pages: runs, approvals, undo, pauses, and the line that says what goes on.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{COOKIE, HOST};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use rollcall::model::Trigger;
use tower::ServiceExt;

use super::served::Office;
use super::{Desk, HERE, rotate};
use crate::world::World;

async fn office() -> Office {
    let world = World::of(12).await;
    world.sync().await.unwrap();
    Office::of(world).await.quiet().await
}

async fn audited(office: &Office) -> Vec<String> {
    let rows = office.desk.world.store().await.audited(50).await.unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.action, row.about.unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_asked_for_followed_and_written_down() {
    let mut office = office().await;
    let (_, login) = office.desk.world.hire("Care");
    let refused = office.followed(&office.send("/today", "/sync", &[]).await).await;
    assert!(refused.contains("is paused") && refused.contains("rollcall resume"), "{refused}");
    assert!(office.desk.world.user(&login).is_none());

    let resumed = office.send("/pause", "/resume", &[]).await;
    assert_eq!((resumed.status, office.paused()), (StatusCode::SEE_OTHER, None));
    let ended = office.followed(&office.send("/today", "/sync", &[]).await).await;
    assert!(ended.contains("What it changed, before and after"), "{ended}");
    assert!(office.desk.world.user(&login).is_some());
    let again = office.followed(&office.send("/today", "/sync", &[("full", "1")]).await).await;
    assert!(again.contains("Nothing to do"), "{again}");
    let audit = audited(&office).await;
    assert!(audit.iter().any(|line| line == "asked for support-emea a run"), "{audit:?}");
    assert!(audit.iter().any(|line| line == "ended a pause support-emea"), "{audit:?}");
    office.close().await.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_is_synced_and_nobody_else() {
    let mut office = office().await;
    let (one, one_login) = office.desk.world.hire("Care");
    let (_, other_login) = office.desk.world.hire("Care");
    office.serving.handle.resume().await.unwrap();
    office.until(|standing| standing.paused.is_none()).await;
    // The resumed schedule may run at once; it is not what is asked for here.
    let key = format!("entra/{one}");
    let ended = office.followed(&office.send("/today", "/sync", &[("person", &key)]).await).await;
    assert!(ended.contains("1 created") || ended.contains("Nothing to do"), "{ended}");
    assert!(office.desk.world.user(&one_login).is_some());
    let audit = audited(&office).await;
    assert!(audit.iter().any(|line| line == "asked for support-emea a run for one person"), "{audit:?}");
    assert!(!audit.iter().any(|line| line.contains(&one)), "the audit names nobody: {audit:?}");
    let page = office.page(&format!("/people/{key}")).await;
    assert!(page.contains("Sync this person now") && page.contains(&format!("value=\"{key}\"")), "{page}");
    let nobody = office.followed(&office.send("/today", "/sync", &[("person", "nobody@example.com")]).await).await;
    assert!(nobody.contains("Nothing was done"), "{nobody}");
    let missing = office.send("/today", "/sync", &[("source", "nowhere")]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let _ = other_login;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_plan_is_approved_and_runs_at_once() {
    // The guard of the scene holds a first run.
    let office =
        Office::of(World::with(12, |scene| scene.existing = 4, |text| text.first_run_applies = false).await).await;
    let held = office.desk.world.store().await.held().await.unwrap().expect("a plan is held");
    assert!(office.page("/today").await.contains(&held.digest));
    let ask = office.page(&format!("/approve?digest={}", held.digest)).await;
    assert!(ask.contains("Approve, and run now") && ask.contains("Approve for the next run"), "{ask}");
    let form = [("digest", held.digest.as_str()), ("now", "1")];
    let ended = office.followed(&office.send("/today", "/approve", &form).await).await;
    assert!(ended.contains("created"), "{ended}");
    assert_eq!(office.desk.world.store().await.held().await.unwrap(), None);
    office.close().await.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_taken_back_after_its_numbers_were_repeated() {
    let mut world = World::of(12).await;
    world.sync().await.unwrap();
    let (mover, login) = world.hire("Care");
    world.sync().await.unwrap();
    world.move_to(&mover, "Sales");
    world.sync().await.unwrap();
    let moved = world.store().await.runs(1).await.unwrap().remove(0);
    let office = Office::of(world).await.quiet().await;
    let page = office.page(&format!("/runs/{}", moved.run)).await;
    assert!(page.contains("Take this run back…"), "{page}");
    let ask = office.page(&format!("/runs/{}/undo", moved.run)).await;
    assert!(ask.contains("written: each gets its former value"), "{ask}");
    let path = format!("/runs/{}/undo", moved.run);
    let ended = office.followed(&office.send(&path, &path, &[]).await).await;
    assert!(ended.contains("What it changed"), "{ended}");
    assert_eq!(office.desk.world.routing_of(&login), office.desk.world.routing("Care Voice"));
    let last = office.desk.world.store().await.runs(1).await.unwrap().remove(0);
    assert_eq!(last.trigger, Trigger::Undo);
    let audit = audited(&office).await;
    assert!(audit[0].starts_with(&format!("asked for support-emea taking run {} back", moved.run)), "{audit:?}");
    // What was taken back is not taken back once more from here.
    assert!(!office.page(&format!("/runs/{}", last.run)).await.contains("Take this run back…"));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_asked_for_once_more_and_shown_everywhere() {
    let office = office().await;
    office.serving.handle.resume().await.unwrap();
    let ask = office.page("/pause").await;
    assert!(ask.contains("Pause support-emea?") && ask.contains("a week"), "{ask}");
    assert_eq!(office.send("/pause", "/pause", &[("hours", "4")]).await.status, StatusCode::SEE_OTHER);
    let until = office.paused().and_then(|pause| pause.until).expect("it ends by itself");
    assert!((until - super::now()).num_minutes().abs_diff(240) <= 1);
    for path in ["/today", "/plan", "/people", "/rules", "/runs"] {
        assert!(office.page(path).await.contains("Paused until"), "{path}");
    }
    office.close().await;
}

/// Reads events until one of this name; the others before it.
async fn until_event(events: &mut (impl StreamExt<Item = String> + Unpin), name: &str) -> Vec<String> {
    let mut before = Vec::new();
    let wait = async {
        while let Some(event) = events.next().await {
            let found = event.contains(&format!("event: {name}\n"));
            before.push(event);
            if found {
                return;
            }
        }
        panic!("the stream ended before `{name}`: {before:#?}");
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("in time");
    before
}

/// The events of an address, each as its text.
async fn events(desk: &Desk, path: &str, cookie: &str) -> impl StreamExt<Item = String> + Unpin + use<> {
    let request = Request::get(path).header(HOST, HERE).header(COOKIE, cookie).body(Body::empty()).unwrap();
    let answer = desk.pages.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let parts = answer.into_body().into_data_stream();
    Box::pin(parts.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_followed_live_and_its_end_is_told_when_pages_know_it() {
    let mut office = office().await;
    office.serving.handle.resume().await.unwrap();
    let mut live = events(&office.desk, &office.desk.at("/live"), &office.cookie).await;
    let first = until_event(&mut live, "strip").await.concat();
    assert!(first.contains("Next look") || first.contains("going on"), "{first}");
    let (_, login) = office.desk.world.hire("Care");
    let asked = office.send("/today", "/sync", &[]).await;
    let ended = office.followed(&asked).await;
    until_event(&mut live, "ended").await;
    // Whatever was told last, the page that is asked for then knows the newcomer.
    let mut today = office.page("/today").await;
    if !today.contains(&login[..login.find('@').unwrap()]) {
        until_event(&mut live, "ended").await;
        today = office.page("/today").await;
    }
    assert!(today.contains(&login[..login.find('@').unwrap()]), "{ended}\n{today}");
    office.close().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let office = office().await;
    let mut live = events(&office.desk, &office.desk.at("/live"), &office.cookie).await;
    until_event(&mut live, "strip").await;
    rotate(&office.desk.world).await;
    // The clock of this test runs to the next beat by itself; the service has a runtime of its own.
    tokio::time::pause();
    let rest: Vec<String> = live.collect().await;
    assert!(rest.len() < 5, "{rest:#?}");
    tokio::time::resume();
    office.close().await;
}

#[tokio::test]
async fn pages_without_a_service_only_show() {
    let world = World::of(6).await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    assert!(!today.contains("Look now") && !today.contains("id=\"live\""), "{today}");
    let word = super::word_of(&today);
    for path in ["/sync", "/pause", "/resume"] {
        let answer = desk.post(&desk.at(path), &cookie, &[("csrf", &word)]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.body.contains("rollcall serve"), "{}", answer.body);
    }
    assert_eq!(desk.get(&desk.at("/live"), &cookie).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
