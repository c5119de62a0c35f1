//! The console in a browser whose pages run no script: everything but shortcuts is there.

use crate::browser::Browser;
use crate::seen;
use crate::stage::{self, CONSOLE, Service};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_without_scripts() {
    let mut world = World::with(
        150,
        |scene| scene.existing = 20,
        |text| {
            text.first_run_applies = false;
            CONSOLE.clone_into(&mut text.more);
        },
    )
    .await;
    let (_, login) = world.hire("Sales");
    stage::every(&world, "1s");
    let service = Service::start(&world).await;
    let token = stage::rotate(&world).await;
    let browser = Browser::without_scripts(&service.origin).await;
    browser.goto("/").await;
    stage::sign_in(&browser, &token).await;

    // A first run waits for somebody, and is let through.
    browser.says(&["Waits for approval"]).await;
    browser.click_on(".card.held button").await;
    browser.says(&["Exactly this plan goes through once"]).await;
    browser.click("Approve this plan").await;
    browser.comes_to_say(&["people joined", "people adopted"]).await;
    seen::is_sound(&browser).await;

    // A table is turned, narrowed down and searched.
    browser.click("People").await;
    browser.press('/').await;
    assert_ne!(browser.ask("return document.activeElement.id").await, "q", "scripts are off");
    browser.click("Further →").await;
    browser.says(&["page 2 of 2"]).await;
    browser.click("Department").await;
    browser.says(&["Department ↑"]).await;
    browser.fill("#q", login.split('@').next().unwrap()).await;
    browser.enter().await;
    browser.says(&["1 person"]).await;
    browser.click(&login).await;
    browser.says(&["sales YES", "in agreement"]).await;
    browser.click("Attributes").await;
    browser.says(&["Attribute Value From"]).await;
    seen::is_sound(&browser).await;

    browser.click("Sign out").await;
    browser.says(&["Token", "Sign in"]).await;
    browser.close().await;
    service.stop().await;
}
