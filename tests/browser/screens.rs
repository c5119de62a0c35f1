//! Every page of the console over a large contact centre: pictures in `target/screens`, and a table of milliseconds.
//!
//! In a release build there are 100,000 people in the directory, as many as the promise names; a debug build has fewer, and
//! its milliseconds are not those of the promise.

use std::fs;
use std::path::{Path, PathBuf};

use crate::browser::{Browser, Look};
use crate::crawl::{Crawl, Page};
use crate::past;
use crate::seen::{self, Times};
use crate::stage::{self, CONSOLE, Service};
use crate::world::World;

/// Accounts in the directory.
const PEOPLE: usize = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
/// People who leave the agents' group at once, so that a plan is held.
const LEAVERS: usize = 412;
/// What a page may take, in milliseconds, by the promise.
const PROMISE_MILLIS: f64 = 100.0;
/// Where somebody has to look, whatever else the machine does.
const TOO_LONG_MILLIS: f64 = 10.0 * PROMISE_MILLIS;
/// Each page is timed so often, and the middle one counts.
const TIMED: usize = 3;
/// The highest picture, in CSS pixels.
const HIGHEST: u32 = 2_600;

/// A page and what it took.
struct Taken {
    page: Page,
    times: Vec<Times>,
}

impl Taken {
    /// The middle one of some figure, and the largest.
    fn figure(&self, of: impl Fn(&Times) -> f64) -> (f64, f64) {
        let mut all: Vec<f64> = self.times.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[all.len() - 1])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_sound_and_has_its_picture() {
    let started = std::time::Instant::now();
    let world = company().await;
    println!("{PEOPLE} people in the directory, with their days before, after {:.0?}", started.elapsed());
    let service = Service::start(&world).await;
    println!("their service up, after {:.0?}", started.elapsed());
    let token = stage::rotate(&world).await;
    let browser = Browser::open(&service.origin).await;
    let screens = screens();

    let mut taken = vec![Taken { page: page("login", "/login"), times: Vec::new() }];
    look_at(&browser, &mut taken[0], Look::Light, &screens).await;
    stage::sign_in(&browser, &token).await;
    // The run has ended; the newest of it is derived beside the pages, which show what was before for so long.
    browser.comes_to_say(&[&format!("{LEAVERS} change in the next run")]).await;
    let mut crawl = Crawl::from("/c/support-emea/today");
    while let Some(page) = crawl.next() {
        let mut one = Taken { page, times: Vec::new() };
        look_at(&browser, &mut one, Look::Light, &screens).await;
        crawl.look_around(&browser).await;
        taken.push(one);
    }
    assert!(taken.iter().any(|one| one.page.name == "approve-by-digest"), "a plan is held");
    let took = ask_what_if(&browser, Look::Light, &screens).await;
    // The one of README.md, which is kept as docs/console.png.
    browser.goto("/c/support-emea/today").await;
    fs::write(screens.join("readme.png"), browser.picture(Look::Light, 0).await).unwrap();
    for look in [Look::Dark, Look::Phone] {
        browser.look(look).await;
        for one in &mut taken[1..] {
            look_at(&browser, one, look, &screens).await;
        }
        ask_what_if(&browser, look, &screens).await;
        browser.click("Sign out").await;
        look_at(&browser, &mut taken[0], look, &screens).await;
        stage::sign_in(&browser, &token).await;
    }
    tell(&mut taken);
    println!("what other rules would do to everybody: worked out and loaded in {took:.0} ms");
    println!("pictures in {}, after {:.0?}", screens.display(), started.elapsed());
    browser.close().await;
    service.stop().await;
}

/// A lifelike company with a week behind it, and a plan that the guard holds.
async fn company() -> World {
    let mut world = World::with(
        PEOPLE,
        |scene| {
            scene.plain = false;
            // As many as one run reads closely: those who were adopted would go on changing.
            scene.existing = 40;
            scene.foreign = 7;
            scene.connect.user_limit = PEOPLE * 2;
        },
        |text| {
            text.quota = Some((100_000.0, 100_000, 1.0));
            CONSOLE.clone_into(&mut text.more);
        },
    )
    .await;
    past::happens(&mut world).await;
    past::leave_the_group(&world, LEAVERS);
    // One run, and none while pages are timed.
    stage::every(&world, "1h");
    world
}

fn page(name: &str, path: &str) -> Page {
    Page { name: name.to_owned(), path: path.to_owned() }
}

/// Where the pictures go; those of an earlier time are gone.
fn screens() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screens");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Loads a page, as often as it is timed; asserts that it is sound; keeps its picture.
async fn look_at(browser: &Browser, taken: &mut Taken, look: Look, screens: &Path) {
    let Page { name, path } = &taken.page;
    let loads = if taken.times.is_empty() { TIMED } else { 1 };
    for _ in 0..loads {
        browser.goto(path).await;
        taken.times.push(seen::times(browser).await);
    }
    assert_eq!(&browser.at().await, path, "it leads nowhere else");
    assert!(!browser.title().await.is_empty());
    seen::is_sound(browser).await;
    let picture = browser.picture(look, HIGHEST).await;
    fs::write(screens.join(format!("{name}-{}.png", look.name())), picture).unwrap();
}

/// Asks what other rules would do, and keeps the picture of the answer; milliseconds until it was loaded.
async fn ask_what_if(browser: &Browser, look: Look, screens: &Path) -> f64 {
    browser.goto("/c/support-emea/rules/what-if").await;
    stage::changes_the_text(browser, "Care Voice", "Holding").await;
    browser.click("What would it do?").await;
    browser.says(&["would be treated otherwise", "Care Voice → Holding"]).await;
    let took = seen::times(browser).await.loaded;
    seen::is_sound(browser).await;
    let picture = browser.picture(look, HIGHEST).await;
    fs::write(screens.join(format!("rules-what-if-answered-{}.png", look.name())), picture).unwrap();
    took
}

/// The table, and the slowest page.
fn tell(taken: &mut [Taken]) {
    taken.sort_by(|a, b| a.page.name.cmp(&b.page.name));
    println!("{:<44} {:>10} {:>8} {:>10} {:>8}", "page", "answer ms", "at most", "loaded ms", "KiB");
    for one in taken.iter() {
        let ((answer, worst), (loaded, _)) = (one.figure(|t| t.answer), one.figure(|t| t.loaded));
        let over = if answer > PROMISE_MILLIS && !cfg!(debug_assertions) { "   over the promise" } else { "" };
        let kib = one.times[0].bytes as f64 / 1024.0;
        println!("{:<44} {answer:>10.1} {worst:>8.1} {loaded:>10.1} {kib:>8.1}{over}", one.page.name);
    }
    let slowest = taken.iter().max_by(|a, b| a.figure(|t| t.answer).0.total_cmp(&b.figure(|t| t.answer).0)).unwrap();
    let slow = slowest.figure(|t| t.answer).0;
    println!("slowest: {} with {slow:.1} ms, {} pages of {PEOPLE} people", slowest.page.path, taken.len());
    assert!(cfg!(debug_assertions) || slow < TOO_LONG_MILLIS, "{} takes {slow:.0} ms", slowest.page.path);
}
