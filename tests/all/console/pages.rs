//! What the pages show, and where their links lead.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use rollcall::sandbox::scene::SceneSource;
use rollcall::sandbox::scim::Character;
use serde_json::json;

use super::{Desk, word_of};
use crate::world::World;

/// A page as text: no tags, one space between words.
pub(super) fn text(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.replace("<wbr>", "").chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let out = out.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Addresses that a page leads to, of our own.
pub(super) fn links(html: &str) -> Vec<String> {
    let targets = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.filter(|to| to.starts_with('/')).map(|to| to.replace("&amp;", "&")).collect()
}

#[track_caller]
pub(super) fn says(html: &str, words: &[&str]) {
    let text = text(html);
    for word in words {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

pub(super) fn rows(csv: &str) -> usize {
    csv::Reader::from_reader(csv.as_bytes()).records().inspect(|record| assert!(record.is_ok(), "{record:?}")).count()
}

/// A lifelike company with people who are held, and some days behind it.
pub(super) async fn lifelike() -> Desk {
    let mut world = World::with(
        60,
        |scene| {
            scene.plain = false;
            scene.existing = 10;
            scene.foreign = 2;
        },
        |_| {},
    )
    .await;
    world.sync().await.unwrap();
    let (mover, _) = world.hire("Care");
    world.sync().await.unwrap();
    world.move_to(&mover, "Sales");
    let leaver = world.sandbox.connect.users().into_iter().find_map(|user| {
        let person = user.tags.get("rollcall:person")?.strip_prefix("entra/")?.to_owned();
        (person != mover).then_some(person)
    });
    world.sandbox.tenant.disable(&leaver.unwrap()).unwrap();
    world.sync().await.unwrap();
    Desk::of(world).await
}

#[tokio::test]
async fn today_begins_with_a_sentence_whose_numbers_lead_to_people() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    says(
        &today,
        &[
            "people in agreement.",
            "need somebody.",
            "Last look",
            "Needs somebody",
            "Changed today",
            "From directory to Connect Half within",
            "The longest:",
            "joined",
            "changed",
            "left",
            "Last seven days",
            "Last runs",
        ],
    );
    let decisions = desk.world.store().await.decisions().await.unwrap();
    let held = decisions.values().filter(|d| matches!(d, rollcall::model::Decision::Quarantined(_))).count();
    assert!(held > 1, "a lifelike company has people who are held");
    for (is, n) in [("held", held)] {
        let csv = desk.get(&desk.at(&format!("/people.csv?is={is}")), &cookie).await.ok();
        assert_eq!(rows(&csv), n);
        says(&today, &[&format!("{n} need somebody")]);
    }
    let agree = rows(&desk.get(&desk.at("/people.csv?is=in-agreement"), &cookie).await.ok());
    says(&today, &[&format!("{agree} people in agreement")]);
}

#[tokio::test]
async fn no_link_is_dead_and_no_page_reaches_a_remote() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let before = (desk.world.graph_requests(), desk.world.sandbox.connect.quota().calls());
    let mut waiting: BTreeSet<String> = ["/".to_owned()].into();
    let mut seen = BTreeSet::new();
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    while let Some(path) = waiting.pop_first() {
        let answer = desk.get(&path, &cookie).await;
        let leads = answer.status == StatusCode::SEE_OTHER;
        assert!(leads || answer.status == StatusCode::OK, "{path}: {}", answer.status);
        seen.insert(path.clone());
        let found = if leads { vec![answer.to().to_owned()] } else { links(&answer.body) };
        for to in found.into_iter().map(|to| to.split('#').next().unwrap().to_owned()) {
            // Of each kind of address a few: a hundred people have the same page.
            let kind: String = to.split('?').next().unwrap().split('/').take(5).collect::<Vec<_>>().join("/");
            let many = kinds.entry(kind).or_default();
            if !seen.contains(&to) && *many < 12 {
                *many += 1;
                waiting.insert(to);
            }
        }
    }
    for path in [
        "/today",
        "/plan",
        "/people",
        "/rules",
        "/rules/what-if",
        "/sources",
        "/sources.csv",
        "/connect",
        "/connect/names.csv",
        "/connect/quota.csv",
        "/runs",
        "/changes",
        "/people.csv",
        "/rules.csv",
        "/runs.csv",
    ] {
        assert!(seen.iter().any(|seen| seen.starts_with(&desk.at(path))), "nothing leads to {path}");
    }
    assert_eq!((desk.world.graph_requests(), desk.world.sandbox.connect.quota().calls()), before);
}

#[tokio::test]
async fn a_held_plan_is_approved_on_a_page_of_its_own() {
    let desk =
        Desk::of(World::with(30, |scene| scene.existing = 10, |text| text.first_run_applies = false).await).await;
    desk.world.sync().await.unwrap();
    let held = desk.world.store().await.held().await.unwrap().expect("a first run is held");
    let cookie = desk.sign_in().await;
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    says(&today, &["Waits for approval", &held.message, &format!("Approve {}…", held.digest)]);
    let confirm = desk.get(&desk.at(&format!("/approve?digest={}", held.digest)), &cookie).await.ok();
    says(&confirm, &[&format!("Approve {}?", held.digest), &held.message, "Exactly this plan goes through once"]);
    let word = word_of(&confirm);

    let other = desk.post(&desk.at("/approve"), &cookie, &[("csrf", &word), ("digest", "dead-beef")]).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(desk.world.store().await.approval("dead-beef").await.unwrap(), None);
    assert_eq!(desk.world.store().await.approval(&held.digest).await.unwrap(), None, "looking approves nothing");

    let done = desk.post(&desk.at("/approve"), &cookie, &[("csrf", &word), ("digest", &held.digest)]).await;
    assert_eq!((done.status, done.to()), (StatusCode::SEE_OTHER, desk.at("/today").as_str()));
    says(&desk.get(&desk.at("/today"), &cookie).await.ok(), &["Approved", "Goes through with the next run, until"]);
    let audited = desk.world.store().await.audited(1).await.unwrap();
    assert_eq!(audited[0].action, "approved");
    assert!(audited[0].about.as_ref().unwrap().contains(&held.digest) && audited[0].actor.starts_with("session "));

    let ended = desk.world.sync().await.unwrap();
    assert!(ended.refusal.is_none() && ended.summary.created > 0, "{:?}", ended.summary);
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    assert!(!text(&today).contains("Waits for approval"));
    desk.world.nothing_more_happens().await;
}

#[tokio::test]
async fn a_plan_that_still_grows_has_no_button_and_says_why() {
    let world = World::with(160, |scene| scene.existing = 120, |text| text.first_run_applies = false).await;
    let connect = world.sandbox.connect.clone();
    let reads = || connect.quota().calls().get("DescribeUser").map_or(0, |calls| calls.calls);
    assert!(world.cut_short(|_| reads() > 30).await, "it dies while it reads");
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    for page in ["/today", "/plan"] {
        let page = desk.get(&desk.at(page), &cookie).await.ok();
        says(&page, &["Not weighed yet", " of 120 existing users are read", "There is no button yet"]);
        assert!(!page.contains("<button type=\"submit\">Approve"), "{}", text(&page));
    }
    says(&desk.get(&desk.at("/plan"), &cookie).await.ok(), &["So far, the plan would make", "Adoptions 120"]);

    desk.world.sync().await.unwrap();
    assert!(reads() <= 120 + 10, "what was read is kept");
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    says(&today, &["Waits for approval"]);
    assert!(!text(&today).contains("Not weighed yet"));
}

#[tokio::test]
async fn names_that_are_markup_or_formulas_are_inert() {
    let mut world = World::of(8).await;
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
    let (id, _) = world.hire("Care");
    let patch = json!({"displayName": evil, "department": "=cmd|'/c calc'!A1", "jobTitle": "</td><b>"});
    world.sandbox.tenant.update_user(&id, patch.as_object().cloned().unwrap()).unwrap();
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let person = desk.at(&format!("/people/entra/{id}"));
    for path in [
        desk.at("/people"),
        person,
        desk.at("/people?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        desk.at("/rules"),
        desk.at("/plan?q=%22%3E%3Cimg"),
    ] {
        let page = desk.get(&path, &cookie).await.ok();
        assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("</td><b>"), "{path}");
    }
    says(&desk.get(&desk.at("/people?q=alert"), &cookie).await.ok(), &["<script>alert(1)</script>"]);
    let csv = desk.get(&desk.at("/people.csv?q=alert"), &cookie).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let csv = csv.ok();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let record = reader.records().next().unwrap().unwrap();
    assert_eq!(&record[2], "'=cmd|'/c calc'!A1");
    assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{record:?}");
    let departments = desk.get(&desk.at("/departments.csv"), &cookie).await.ok();
    assert!(departments.lines().all(|line| !line.starts_with("=")), "{departments}");
}

#[tokio::test]
async fn people_are_searched_narrowed_sorted_and_saved_alike() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let csv = async |query: &str| desk.get(&desk.at(&format!("/people.csv{query}")), &cookie).await.ok();
    let column = |csv: &str, at: usize| -> Vec<String> {
        csv::Reader::from_reader(csv.as_bytes()).records().map(|record| record.unwrap()[at].to_owned()).collect()
    };
    let all = csv("").await;
    assert!(rows(&all) > 30);
    let username = column(&all, 0)[3].clone();
    let mailbox = username.split('@').next().unwrap().to_uppercase();
    assert!(column(&csv(&format!("?q={mailbox}")).await, 0).contains(&username), "case does not matter");
    assert_eq!(rows(&csv("?q=nobody-is-called-that").await), 0);
    let page = desk.get(&desk.at("/people?q=nobody-is-called-that"), &cookie).await.ok();
    says(&page, &["Nobody is called nobody-is-called-that"]);

    let mut states = 0;
    for is in ["held", "resting", "changing", "leaving", "not-read", "in-agreement", "shadowed", "out-of-scope"] {
        states += rows(&csv(&format!("?is={is}")).await);
    }
    assert_eq!(states, rows(&all), "everybody is somewhere, and in one place");

    let by = column(&csv("?sort=department").await, 2);
    assert!(by.is_sorted() && !by.is_empty());
    let mut back = column(&csv("?sort=-department").await, 2);
    back.reverse();
    assert!(back.is_sorted());
    for department in ["Care", "care"] {
        let of = csv(&format!("?department={department}")).await;
        assert!(rows(&of) > 0 && column(&of, 2).iter().all(|name| name.eq_ignore_ascii_case("care")), "{of}");
    }
    for odd in ["?page=0", "?page=99999999999", "?page=x", "?is=x", "?sort=x", "?rule=x", "?q=%00%FF", "?q=%27%22%3B--"]
    {
        assert_eq!(desk.get(&desk.at(&format!("/people{odd}")), &cookie).await.status, StatusCode::OK, "{odd}");
    }
}

#[tokio::test]
async fn the_numbers_of_the_rules_are_the_people_they_lead_to() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let rules = desk.get(&desk.at("/rules.csv"), &cookie).await.ok();
    let mut people = 0;
    for record in csv::Reader::from_reader(rules.as_bytes()).records().map(Result::unwrap) {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("rule", &record[0]).finish();
        let found = desk.get(&desk.at(&format!("/people.csv?{query}")), &cookie).await.ok();
        assert_eq!(rows(&found).to_string(), record[1], "{}", &record[0]);
        people += rows(&found);
    }
    assert!(people > 0);
    let page = desk.get(&desk.at("/rules"), &cookie).await.ok();
    says(&page, &["Who gets what", "Departments without a rule"]);
    for link in links(&page).into_iter().filter(|link| link.contains("unmapped=1")) {
        let found = desk.get(&link.replacen("/people?", "/people.csv?", 1), &cookie).await.ok();
        assert!(rows(&found) > 0, "{link}");
    }
}

#[tokio::test]
async fn a_person_reads_like_explain() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let user =
        desk.world.sandbox.connect.users().into_iter().find(|user| user.tags.contains_key("rollcall:person")).unwrap();
    let key = user.tags["rollcall:person"].clone();
    let page = desk.get(&desk.at(&format!("/people/{key}")), &cookie).await.ok();
    let (code, explained, _) = crate::process::output(&desk.world, &["explain", &key]).await;
    assert_eq!(code, 0);
    let shown = text(&page);
    // A request id is there for whoever points at the outcome.
    let lines = explained.lines().map(|line| line.split(" (request ").next().unwrap_or(line));
    for line in lines.filter(|line| !line.trim().is_empty()) {
        // The page has its own columns, headings and ways to say when; every other word of the terminal is on it.
        for word in line.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)) {
            let heading = ["directory", "attributes", "rules", "facets", "history", "next", "notes", "UTC", "ago"];
            assert!(heading.contains(&word) || shown.contains(word), "no `{word}` of `{line}` in:\n{shown}");
        }
    }
    let missing = desk.get(&desk.at("/people/entra/nobody"), &cookie).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_run_shows_before_and_after() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let runs = desk.world.store().await.runs(10).await.unwrap();
    let last = &runs[0];
    let changes = desk.world.store().await.run_changes(last.run).await.unwrap();
    let page = desk.get(&desk.at(&format!("/runs/{}", last.run)), &cookie).await.ok();
    says(&page, &["Before → after", "Care Voice → Sales Voice", "suspended", "done"]);
    let csv = desk.get(&desk.at(&format!("/runs/{}/changes.csv", last.run)), &cookie).await.ok();
    assert_eq!(rows(&csv), changes.len());
    let label = changes[0].0.label.split('@').next().unwrap().to_owned();
    let narrowed = desk.get(&desk.at(&format!("/runs/{}/changes.csv?q={label}", last.run)), &cookie).await.ok();
    assert!(rows(&narrowed) > 0 && rows(&narrowed) < changes.len(), "{narrowed}");
    assert_eq!(rows(&desk.get(&desk.at("/runs.csv"), &cookie).await.ok()), runs.len());
    for odd in ["/runs/x", "/runs/0", "/runs/%25"] {
        assert_eq!(desk.get(&desk.at(odd), &cookie).await.status, StatusCode::NOT_FOUND, "{odd}");
    }
}

#[tokio::test]
async fn a_plan_is_told_by_consequence_and_changes_with_the_directory() {
    let mut desk = lifelike().await;
    let cookie = desk.sign_in().await;
    says(&desk.get(&desk.at("/plan"), &cookie).await.ok(), &["Everybody is in agreement; there is nothing to do."]);
    let (_, login) = desk.world.hire("Sales");
    // Somebody rehearses elsewhere: the snapshot is newer than the last run.
    assert_eq!(crate::process::output(&desk.world, &["plan"]).await.0, 0);
    let plan = desk.get(&desk.at("/plan"), &cookie).await.ok();
    says(&plan, &["The next run would make 1 call", "Joins 1", &login, "by rule: sales 1", "Held"]);
    let narrowed = desk.get(&desk.at("/plan.csv?group=joins&q=sales"), &cookie).await.ok();
    assert_eq!(rows(&narrowed), 1, "{narrowed}");
    says(
        &desk.get(&desk.at("/plan?q=nobody-at-all"), &cookie).await.ok(),
        &["Nothing in the plan is about nobody-at-all"],
    );
}

#[tokio::test]
async fn before_the_first_look_a_page_says_so() {
    let desk = Desk::of(World::of(6).await).await;
    let cookie = desk.sign_in().await;
    says(
        &desk.get(&desk.at("/today"), &cookie).await.ok(),
        &["Nobody has looked at Amazon Connect yet", "rollcall plan"],
    );
    desk.world.sync().await.unwrap();
    says(&desk.get(&desk.at("/today"), &cookie).await.ok(), &["people in agreement"]);
}

#[tokio::test]
async fn records_of_one_human_are_told_together() {
    let world = World::with(
        20,
        |scene| scene.partner = Some(rollcall::sandbox::scene::PartnerSettings { people: 6, shared: 4 }),
        |text| text.sources = vec![SceneSource::Entra, SceneSource::Partner { character: Character::Strict }],
    )
    .await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let decisions = desk.world.store().await.decisions().await.unwrap();
    let (shadowed, by) = decisions
        .iter()
        .find_map(|(person, decision)| match decision {
            rollcall::model::Decision::Shadowed { by, .. } => Some((person.to_string(), by.to_string())),
            _ => None,
        })
        .expect("some are in both directories");
    let page = desk.get(&desk.at(&format!("/people/{shadowed}")), &cookie).await.ok();
    says(&page, &["Same person", &format!("decided by {by}")]);
    let page = desk.get(&desk.at(&format!("/people/{by}")), &cookie).await.ok();
    says(&page, &["Same person", &format!("decides for {shadowed}")]);
    says(&desk.get(&desk.at("/rules"), &cookie).await.ok(), &["Sources", "more decided by entra"]);
}
