//! Who did what: the page that says so.

use rollcall::store::{AuditRow, Store};

use super::pages::{rows, says, text};
use super::{Desk, now, word_of};
use crate::world::World;

#[tokio::test]
async fn sign_ins_refused_tokens_and_what_was_asked_for_are_shown_and_led_to_from_every_page() {
    let world = World::of(6).await;
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    desk.post("/login", "", &[("token", "rollcall_guess")]).await;
    let cookie = desk.sign_in().await;
    for path in ["/today", "/plan", "/people", "/rules", "/sources", "/connect", "/runs", "/audit"] {
        let page = desk.get(&desk.at(path), &cookie).await.ok();
        assert!(page.contains(&format!("href=\"{}\"", desk.at("/audit"))), "{path} leads there");
    }
    let word = word_of(&desk.get(&desk.at("/sources"), &cookie).await.ok());
    desk.post(&desk.at("/check"), &cookie, &[("csrf", &word), ("back", "sources")]).await;
    let page = desk.get(&desk.at("/audit"), &cookie).await.ok();
    says(&page, &["3 entries", "token refused", "signed in", "checked the parts support-emea"]);
    let (checked, refused) = (text(&page).find("checked the parts"), text(&page).find("token refused"));
    assert!(checked < refused, "the newest first: {}", text(&page));
    for token in [desk.token.as_str(), "rollcall_guess", &cookie["rollcall=".len()..]] {
        assert!(!page.contains(token), "{token}");
    }
    let found = desk.get(&desk.at("/audit?q=REFUSED+somebody"), &cookie).await.ok();
    says(&found, &["1 entry", "token refused"]);
    assert!(!text(&found).contains("checked the parts"));
    says(&desk.get(&desk.at("/audit?q=nobody+ever"), &cookie).await.ok(), &["is about nobody ever"]);
    assert_eq!(rows(&desk.get(&desk.at("/audit.csv?q=signed"), &cookie).await.ok()), 1);
    let csv = desk.get(&desk.at("/audit.csv?sort=what"), &cookie).await.ok();
    let of = |word: &str| csv.find(word).unwrap();
    assert!(of("checked the parts") < of("signed in") && of("signed in") < of("token refused"), "{csv}");
}

#[tokio::test]
async fn a_long_list_is_paged_and_what_somebody_else_wrote_is_text() {
    let desk = Desk::of(World::of(6).await).await;
    let store = Store::open(&desk.world.state_path(), now()).await.unwrap();
    for number in 0..230 {
        let about = Some(format!("<img src=x onerror=alert({number})>"));
        let row = AuditRow { at: now(), actor: "somebody".to_owned(), action: "tried".to_owned(), about };
        store.audit(&row).await.unwrap();
    }
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/audit?page=3"), &cookie).await.ok();
    says(&page, &["231 entries", "page 3 of 3", "onerror=alert(0)"]);
    assert!(!page.contains("<img"), "{page}");
    let found = desk.get(&desk.at("/audit?q=alert(7)"), &cookie).await.ok();
    says(&found, &["1 entry"]);
}
