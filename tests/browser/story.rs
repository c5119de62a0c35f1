//! One sitting at the console: somebody signs in, finds a plan that the guard holds, lets it through, looks people up, and
//! leaves.
//!
//! Every step is a function that begins and ends signed in and on any page, but for the first and the last ones.

use std::collections::BTreeSet;

use rollcall::sandbox::scene::CLIENT_SECRET;
use serde_json::json;

use crate::browser::{Browser, PATIENCE};
use crate::seen;
use crate::stage::{self, CONSOLE, Service};
use crate::world::World;

/// The name of somebody whom a careless page would run.
const MARKUP: &str = "<b>Bobby</b><script>alert(1)</script><img src=x onerror=alert(2)>";
/// How many leave at once: more than the guard lets go.
const LEAVERS: usize = 5;

/// A lifelike company in agreement with its contact centre, and then a morning on which more people leave than the guard
/// lets go, while two are hired, one of them [`MARKUP`].
struct Company {
    world: World,
    /// Login names of those who leave.
    leavers: Vec<String>,
    /// Id and login name of somebody in Sales who was hired.
    hired: (String, String),
    /// The same of the one with the name, in Care.
    markup: (String, String),
}

impl Company {
    async fn on_a_bad_morning() -> Self {
        let mut world = World::with(
            80,
            |scene| {
                scene.plain = false;
                scene.existing = 12;
                scene.foreign = 2;
            },
            |text| {
                text.guard = Some("max_removed = { count = 3 }".to_owned());
                CONSOLE.clone_into(&mut text.more);
            },
        )
        .await;
        world.sync().await.unwrap();
        let (hired, markup) = (world.hire("Sales"), world.hire("Care"));
        let patch = json!({"displayName": MARKUP, "jobTitle": "</td><h1>Boss</h1>"});
        world.sandbox.tenant.update_user(&markup.0, patch.as_object().cloned().unwrap()).unwrap();
        let mut leavers = Vec::new();
        for user in world.sandbox.connect.users() {
            let Some(person) = user.tags.get("rollcall:person").and_then(|key| key.strip_prefix("entra/")) else {
                continue;
            };
            if leavers.len() < LEAVERS {
                world.sandbox.tenant.disable(person).unwrap();
                leavers.push(user.username);
            }
        }
        assert_eq!(leavers.len(), LEAVERS);
        // Slow enough to be watched, and by itself only in the beginning.
        world.text.quota = Some((2.0, 1, 1.0));
        world.write_config();
        stage::every(&world, "1h");
        Self { world, leavers, hired, markup }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sitting_at_the_console() {
    let company = Company::on_a_bad_morning().await;
    let service = Service::start(&company.world).await;
    let token = stage::rotate(&company.world).await;
    let browser = Browser::open(&service.origin).await;

    signs_in(&browser, &token).await;
    let (digest, numbers) = finds_a_held_plan(&browser).await;
    lets_it_through(&browser, &digest, &numbers).await;
    watches_it_apply(&browser, &company).await;
    finds_a_person(&browser, &company).await;
    reads_markup_as_text(&browser, &company).await;
    syncs_one_person(&browser, &company).await;
    asks_what_other_rules_would_do(&browser, &company).await;
    takes_a_run_back(&browser, &company).await;
    pauses_and_goes_on(&browser).await;
    goes_by_the_keyboard(&browser).await;
    signs_out(&browser).await;
    a_new_token_ends_what_the_old_one_began(&browser, &company, &token).await;

    browser.close().await;
    service.stop().await;
}

/// What is wrong is said and nothing else; what is right leads to where one wanted to go.
async fn signs_in(browser: &Browser, token: &str) {
    browser.goto("/c/support-emea/people?q=ada").await;
    assert!(browser.at().await.starts_with("/login?next="), "{}", browser.at().await);
    seen::is_sound(browser).await;
    stage::sign_in(browser, CLIENT_SECRET).await;
    browser.says(&["That is not the token.", "rollcall token rotate"]).await;
    seen::is_sound_though_refused(browser, 403).await;
    stage::sign_in(browser, token).await;
    browser.says(&["People", "Sign out"]).await;
    assert_eq!(browser.at().await, "/c/support-emea/people?q=ada");
    seen::is_sound(browser).await;
}

/// *Today* and *Plan* say that it waits, and why. Its digest, and its numbers as a sentence.
async fn finds_a_held_plan(browser: &Browser) -> (String, String) {
    browser.click("Today").await;
    browser.comes_to_say(&["Waits for approval", "people in agreement"]).await;
    let numbers = browser.text_of(".card.held .message").await;
    assert!(numbers.contains(&LEAVERS.to_string()), "{numbers}");
    let digest = browser.text_of(".card.held button").await;
    let digest = digest.trim_start_matches("Approve ").trim_end_matches('…').to_owned();
    seen::is_sound(browser).await;
    browser.click("Plan").await;
    browser.says(&["Waits for approval", &numbers, &format!("{LEAVERS} leaves"), "2 joins"]).await;
    seen::is_sound(browser).await;
    (digest, numbers)
}

/// A page of its own repeats the numbers before anything is approved.
async fn lets_it_through(browser: &Browser, digest: &str, numbers: &str) {
    browser.click("Today").await;
    browser.click(&format!("Approve {digest}…")).await;
    browser.says(&[&format!("Approve {digest}?"), numbers, "Exactly this plan goes through once"]).await;
    seen::is_sound(browser).await;
    browser.click("Do nothing").await;
    browser.says(&["Waits for approval"]).await;
    browser.click(&format!("Approve {digest}…")).await;
    browser.click("Approve, and run now").await;
}

/// The line on top counts as it goes, and the page says by itself what came of it.
async fn watches_it_apply(browser: &Browser, company: &Company) {
    let counted = follows_to_the_end(browser).await;
    let calls = counted.iter().filter(|line| line.contains("by hand is going on") && line.contains(" calls"));
    assert!(calls.count() > 2, "{counted:#?}");
    browser.says(&["2 created", "Next look"]).await;
    browser.click("Today").await;
    browser.says(&[&format!("{LEAVERS} people left"), &company.hired.1]).await;
    let holding = company.world.routing("Holding");
    let suspended = |world: &World| company.leavers.iter().all(|login| world.routing_of(login) == holding);
    assert!(suspended(&company.world));
    browser.does_not_say("Waits for approval").await;
    seen::is_sound(browser).await;
}

/// By a word of the name to the page that explains everything about one person.
async fn finds_a_person(browser: &Browser, company: &Company) {
    browser.click("People").await;
    let (_, hired) = &company.hired;
    let mailbox = hired.split('@').next().unwrap();
    browser.fill("#q", &mailbox.to_uppercase()).await;
    browser.enter().await;
    browser.says(&["1 person", hired]).await;
    seen::is_sound(browser).await;
    browser.click(hired).await;
    browser.says(&["Directory", "Rules", "sales YES", "Sales Voice", "Facets", "in agreement", "History"]).await;
    assert_eq!(&browser.text_of("h1").await, hired);
    browser.click("Attributes").await;
    browser.says(&["Attribute Value From", "userPrincipalName"]).await;
    seen::is_sound(browser).await;
}

/// A name is a name, whatever is in it.
async fn reads_markup_as_text(browser: &Browser, company: &Company) {
    browser.goto("/c/support-emea/people?q=bobby").await;
    browser.says(&[MARKUP]).await;
    browser.click(&company.markup.1).await;
    browser.says(&[MARKUP, "</td><h1>Boss</h1>", "Directory"]).await;
    for css in ["main img", "main script", "main b b"] {
        assert!(!browser.has(css).await, "{css}");
    }
    seen::is_sound(browser).await;
}

/// Two people move in the directory; one of them is wanted in the contact centre at once.
async fn syncs_one_person(browser: &Browser, company: &Company) {
    let Company { world, hired, markup, .. } = company;
    world.move_to(&hired.0, "Care");
    world.move_to(&markup.0, "Sales");
    browser.goto(&format!("/c/support-emea/people/entra/{}", hired.0)).await;
    browser.says(&["sales YES"]).await;
    browser.click("Sync this person now").await;
    follows_to_the_end(browser).await;
    seen::is_sound(browser).await;
    for (login, of) in [(&hired.1, "Care Voice"), (&markup.1, "Care Voice")] {
        assert_eq!(world.routing_of(login), world.routing(of), "{login}");
    }
    browser.goto(&format!("/c/support-emea/people/entra/{}", hired.0)).await;
    browser.says(&["care YES", "Sales Voice → Care Voice"]).await;
    seen::is_sound(browser).await;
}

/// Other rules are tried on everybody, and nobody is touched; a mistake is told with its line.
async fn asks_what_other_rules_would_do(browser: &Browser, company: &Company) {
    browser.click("Rules").await;
    browser.click("What would other rules do?").await;
    browser.says(&["What if", "nothing is reached, nothing is written"]).await;
    seen::is_sound(browser).await;
    stage::changes_the_text(browser, "routing_profile", "routing_typo").await;
    browser.click("What would it do?").await;
    browser.says(&["problem", "line", "routing_typo", "routing_profile"]).await;
    seen::is_sound_though_refused(browser, 422).await;
    stage::changes_the_text(browser, "routing_typo", "routing_profile").await;
    stage::changes_the_text(browser, "Care Voice", "Holding").await;
    browser.click("What would it do?").await;
    let would = format!("{} care routing Care Voice → Holding", company.hired.1);
    browser.says(&["would be treated otherwise", &would, "Nothing was written."]).await;
    seen::is_sound(browser).await;
    assert_eq!(company.world.routing_of(&company.hired.1), company.world.routing("Care Voice"), "it was a question");
}

/// It was too early: what the last run wrote gets its former value, after the numbers were repeated.
async fn takes_a_run_back(browser: &Browser, company: &Company) {
    let Company { world, hired, .. } = company;
    browser.click("Runs").await;
    seen::is_sound(browser).await;
    browser.click_on("table.runs td a").await;
    browser.says(&["Run of", &hired.1, "Sales Voice → Care Voice"]).await;
    browser.click("Take this run back…").await;
    browser.says(&["back?", "2 facets written: each gets its former value"]).await;
    seen::is_sound(browser).await;
    browser.click("Do nothing").await;
    assert_eq!(world.routing_of(&hired.1), world.routing("Care Voice"));
    browser.click("Take this run back…").await;
    browser.click("Take it back").await;
    follows_to_the_end(browser).await;
    seen::is_sound(browser).await;
    assert_eq!(world.routing_of(&hired.1), world.routing("Sales Voice"));
}

/// Nothing goes by the clock for an hour, and every page says so; then it does again.
async fn pauses_and_goes_on(browser: &Browser) {
    browser.click("Today").await;
    browser.click("Pause…").await;
    browser.says(&["Pause support-emea?"]).await;
    seen::is_sound(browser).await;
    browser.click("Pause").await;
    browser.says(&["Paused until", "Go on…"]).await;
    seen::is_sound(browser).await;
    browser.click("Rules").await;
    browser.says(&["Paused until", "Who gets what"]).await;
    browser.click("Today").await;
    browser.click("Go on…").await;
    browser.click("Go on now").await;
    browser.says(&["Pause…", "Next look"]).await;
    browser.does_not_say("Paused until").await;
}

/// Stays on the page of what was asked for and touches nothing, until it says what came of it. What the line on top said
/// meanwhile.
async fn follows_to_the_end(browser: &Browser) -> BTreeSet<String> {
    let at = browser.comes_to("/c/support-emea/asked/").await;
    browser.ask("window.untouched = true").await;
    let mut said = BTreeSet::new();
    let to_the_end = async {
        while !browser.text().await.contains("What it changed, before and after") {
            said.insert(browser.text_of("#live").await);
        }
    };
    if tokio::time::timeout(PATIENCE, to_the_end).await.is_err() {
        panic!("{at} does not say what came of it: {}", browser.text().await);
    }
    let untouched = browser.ask("return window.untouched === true").await;
    assert_eq!(untouched, true, "the page was not loaded anew");
    said
}

/// Nobody needs a mouse.
async fn goes_by_the_keyboard(browser: &Browser) {
    const FOCUS: &str = "const e = document.activeElement; const at = e.getBoundingClientRect();
        return {is: e.id || e.className || e.tagName, seen: at.left >= 0 && at.top >= 0 && at.width > 1}";
    browser.goto("/c/support-emea/people").await;
    browser.tab().await;
    let first = browser.ask(FOCUS).await;
    assert_eq!(first, json!({"is": "skip", "seen": true}), "the first stop leads past the navigation");
    browser.enter().await;
    assert_eq!(browser.ask(FOCUS).await["is"], "main");
    browser.tab().await;
    assert_eq!(browser.ask(FOCUS).await, json!({"is": "q", "seen": true}), "the next stop is the first of the content");

    browser.goto("/c/support-emea/people?q=ada").await;
    browser.press('/').await;
    assert_eq!(browser.ask(FOCUS).await["is"], "q");
    browser.press('/').await;
    let typed = browser.ask("return document.activeElement.value").await;
    assert_eq!(typed, "/", "the first one was a command and marked what was there, the second one is text");
    seen::is_sound(browser).await;
}

/// Afterwards nothing is shown, neither by a link nor by going back.
async fn signs_out(browser: &Browser) {
    browser.click("Sign out").await;
    browser.says(&["Token", "Sign in"]).await;
    assert_eq!(browser.at().await, "/login");
    browser.ask("history.back()").await;
    browser.goto("/c/support-emea/today").await;
    assert!(browser.at().await.starts_with("/login?next="), "{}", browser.at().await);
}

/// An administrator makes a new token while somebody is signed in with the old one.
async fn a_new_token_ends_what_the_old_one_began(browser: &Browser, company: &Company, old: &str) {
    stage::sign_in(browser, old).await;
    browser.says(&["people in agreement"]).await;
    let new = stage::rotate(&company.world).await;
    browser.click("Rules").await;
    browser.says(&["Token", "Sign in"]).await;
    stage::sign_in(browser, old).await;
    browser.says(&["That is not the token."]).await;
    stage::sign_in(browser, &new).await;
    browser.says(&["Who gets what"]).await;
    assert_eq!(browser.at().await, "/c/support-emea/rules");
}
