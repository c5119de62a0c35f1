//! The directories on a page: where they are, how they stand, what they can do.

use rollcall::sandbox::scene::{CLIENT_SECRET, PartnerSettings, SceneSource};
use rollcall::sandbox::scim::Character;

use super::pages::{links, rows, says, text};
use super::{Desk, later};
use crate::several::with_second;
use crate::world::World;

async fn reading(source: SceneSource) -> String {
    let world = World::with(12, |_| {}, |text| text.sources = vec![source]).await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    desk.get(&desk.at("/sources"), &cookie).await.ok()
}

#[tokio::test]
async fn each_kind_of_directory_says_what_it_can_do() {
    let alone = "Changes read alone: ";
    for (source, words) in [
        (
            SceneSource::Entra,
            ["entra Microsoft Entra ID", "delta links of users and groups", "Pages by link", "Silence proves absence"],
        ),
        (
            SceneSource::Okta { app: true },
            [
                "okta Okta",
                "everybody is read at every pull: the assignments of an application",
                "people assigned to the application",
                "Silence proves nothing",
            ],
        ),
        (SceneSource::Okta { app: false }, ["okta Okta", alone, "clocks of users and groups", "by an API token"]),
        (
            SceneSource::Scim { character: Character::Strict },
            ["SCIM 2.0", alone, "a filter on meta.lastModified", "Silence proves absence"],
        ),
        (
            SceneSource::Scim { character: Character::FilterIgnoring },
            ["SCIM 2.0", "everybody is read at every pull", "it is ignored", "records at most"],
        ),
    ] {
        let page = reading(source).await;
        says(&page, &words);
        says(&page, &["members of Amazon-Connect-Agents"][..usize::from(source != SceneSource::Okta { app: true })]);
        says(&page, &["Last read", "In full", "just now", "everybody anew every 1 day", "127.0.0.1:"]);
        for secret in [CLIENT_SECRET, "client-secret", "client_secret", "api_token", "bearer"] {
            assert!(!page.contains(secret), "{secret} is on the page");
        }
    }
}

#[tokio::test]
async fn numbers_lead_to_the_people_of_the_source_and_two_have_an_order() {
    let world = World::with(
        20,
        |scene| scene.partner = Some(PartnerSettings { people: 6, shared: 4 }),
        |text| text.sources = vec![SceneSource::Entra, SceneSource::Partner { character: Character::Strict }],
    )
    .await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    later(std::time::Duration::from_secs(3 * 3_600));
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&page, &["decides before partner", "decides after entra", "3 hours ago", "decided by another source"]);
    let mut found = 0;
    for link in links(&page).into_iter().filter(|link| link.contains("/people?source=")) {
        let csv = desk.get(&link.replacen("/people?", "/people.csv?", 1), &cookie).await.ok();
        let shown = rows(&csv);
        assert!(shown > 0, "{link}");
        let number = page.split(&link.replace('&', "&amp;")).nth(1).unwrap();
        let number = text(&format!("<a{}", number.split("</a>").next().unwrap()));
        assert_eq!(number.split(' ').next().unwrap(), shown.to_string(), "{link}");
        found += 1;
    }
    assert!(found > 4, "{page}");

    let csv = desk.get(&desk.at("/sources.csv?sort=-people"), &cookie).await.ok();
    let names = |csv: &str| -> Vec<String> {
        csv::Reader::from_reader(csv.as_bytes()).records().map(|record| record.unwrap()[0].to_owned()).collect()
    };
    assert_eq!(names(&csv), ["entra", "partner"]);
    assert_eq!(names(&desk.get(&desk.at("/sources.csv?sort=people"), &cookie).await.ok()), ["partner", "entra"]);
    assert_eq!(names(&desk.get(&desk.at("/sources.csv?q=scim"), &cookie).await.ok()), ["partner"]);
    says(&desk.get(&desk.at("/sources?q=nowhere"), &cookie).await.ok(), &["No source is about nowhere"]);
}

#[tokio::test]
async fn one_that_could_not_be_read_says_why_and_what_to_do() {
    let world = World::of(10).await;
    with_second(&world, "spare", false, true);
    let ended = world.sync().await.unwrap();
    let why = &ended.summary.frozen[&"spare".into()];
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&page, &["spare Microsoft Entra ID 0 never never could not be read"]);
    says(&page, &["Could not be read in the last run:", &why.message, &format!("→ {}", why.hint)]);
    says(&page, &["Refused 1 time", "the schedule asks again in 5 min"]);
    says(&desk.get(&desk.at("/sources.csv?sort=state"), &cookie).await.ok(), &["could not be read"]);
}

#[tokio::test]
async fn before_the_first_look_it_says_what_is_configured() {
    let desk = Desk::of(World::of(6).await).await;
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/sources"), &cookie).await.ok();
    says(&page, &["never read", "People nobody stored", "members of Amazon-Connect-Agents", "delta links"]);
}
