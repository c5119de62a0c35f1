//! Listings of every kind of server, quirk by quirk.

use serde_json::json;

use super::fake::{Pages, Projects, Total};
use super::*;

/// Pulls in full with nobody known: who came, or why not.
async fn first(
    character: Character,
    users: u32,
    set: impl FnOnce(&mut ScimConfig),
) -> Result<BTreeSet<ExternalId>, String> {
    let rig = Rig::new(character, users, set).await;
    match rig.pull().await {
        Ok(Pull::Full(snapshot)) => Ok(listed(&snapshot)),
        Ok(Pull::Delta(_)) => Err("a delta for nobody".to_owned()),
        Err(error) => Err(error.message),
    }
}

/// Pulls with three people known, somebody among them who is not on the server: who came in a delta that removes nobody.
async fn held(character: Character, users: u32, set: impl FnOnce(&mut ScimConfig)) -> (usize, String) {
    let mut rig = Rig::new(character, users, set).await;
    rig.known = ids([1, 2]).into_iter().chain(["somebody-else".into()]).collect();
    let delta = rig.delta().await;
    assert!(delta.patches.is_empty() && delta.left.is_empty() && delta.relisted.is_empty());
    assert!(!delta.notes.is_empty());
    (delta.records.len(), delta.notes[0].clone())
}

#[tokio::test]
async fn sizes_of_all_kinds_are_read_whole() {
    for users in [0, 1, 2, 3, 4, 5, 6, 9, 10] {
        for page in [1, 2, 3, 100] {
            let character = Character { page, ..Character::default() };
            assert_eq!(first(character, users, |_| {}).await, Ok(ids(1..=users)), "{users} by {page}");
        }
    }
}

#[tokio::test]
async fn quirk_1_a_total_that_is_the_size_of_the_page_is_not_believed() {
    for users in [1, 2, 3, 4, 5] {
        let character = Character { page: 2, total: Total::OfPage, ..Character::default() };
        assert_eq!(first(character, users, |_| {}).await, Ok(ids(1..=users)), "{users}");
    }
}

#[tokio::test]
async fn quirk_2_overlapping_pages_count_people_once() {
    let character = Character { page: 3, overlap: 1, ..Character::default() };
    assert_eq!(first(character, 8, |_| {}).await, Ok(ids(1..=8)));
}

#[tokio::test]
async fn quirk_2_overlap_that_skips_people_is_read_carefully_or_removes_nobody() {
    for (page, users) in [(2, 4), (2, 9), (3, 7), (4, 21)] {
        let character = Character { page, overlap: 1, ..Character::default() };
        assert_eq!(first(character.clone(), users, |_| {}).await, Ok(ids(1..=users)), "{page}, {users}");
        let blind = Character { total: Total::OfPage, ..character };
        let (came, _) = held(blind, users, |_| {}).await;
        assert_eq!(came, users as usize, "{page}, {users}");
    }
}

#[tokio::test]
async fn quirk_3_a_server_that_counts_from_zero_is_found_out() {
    for total in [Total::Real, Total::OfPage, Total::Absent] {
        for users in [1, 2, 3, 4, 7] {
            let character = Character { page: 3, zero_based: true, total, ..Character::default() };
            let got = first(character.clone(), users, |_| {}).await;
            assert_eq!(got, Ok(ids(1..=users)), "{total:?}, {users}");
            assert_eq!(first(character, users, |config| config.first_index = 0).await, Ok(ids(1..=users)));
        }
    }
}

#[tokio::test]
async fn quirk_4_a_start_beyond_the_end_ends_the_listing() {
    for users in [2, 4, 6, 7] {
        let character = Character { page: 2, repeats_last: true, ..Character::default() };
        assert_eq!(first(character, users, |_| {}).await, Ok(ids(1..=users)), "{users}");
    }
}

#[tokio::test]
async fn quirk_4_a_listing_of_one_page_is_read_in_smaller_ones_if_its_end_brings_people() {
    for users in [2, 3, 4, 5, 60] {
        let character = Character { repeats_last: true, ..Character::default() };
        assert_eq!(first(character, users, |_| {}).await, Ok(ids(1..=users)), "{users}");
    }
}

#[tokio::test]
async fn rule_3_a_server_that_ignores_the_start_removes_nobody() {
    let character = Character { page: 2, ignores_start: true, ..Character::default() };
    let why = first(character.clone(), 5, |_| {}).await.unwrap_err();
    assert!(why.contains("not known to be whole"), "{why}");
    let (came, note) = held(character, 5, |_| {}).await;
    assert_eq!(came, 2);
    assert!(note.contains("does not page"), "{note}");
}

#[tokio::test]
async fn an_incomplete_pull_leads_to_a_full_one() {
    let character = Character { page: 2, ignores_start: true, ..Character::default() };
    let mut rig = Rig::new(character, 5, |config| config.incremental = true).await;
    rig.known = ids(1..=5);
    rig.delta().await;
    rig.fake.world().character.ignores_start = false;
    let snapshot = rig.full().await;
    assert_eq!(listed(&snapshot), ids(1..=5));
}

#[tokio::test]
async fn quirk_5_nobody_at_all_is_an_error_where_people_were() {
    let mut rig = Rig::new(Character::default(), 1, |_| {}).await;
    rig.start().await;
    rig.fake.world().leave("u1");
    assert_eq!(rig.error().await.kind, PullErrorKind::Implausible);
}

#[tokio::test]
async fn quirk_15_a_page_size_that_is_lowered_in_silence_is_followed() {
    let character = Character { page: 20, ..Character::default() };
    assert_eq!(first(character, 105, |config| config.page_size = 1000).await, Ok(ids(1..=105)));
}

#[tokio::test]
async fn quirk_20_a_page_that_is_too_big_is_asked_for_in_pieces() {
    let character = Character { too_many: Some(30), ..Character::default() };
    assert_eq!(first(character, 105, |_| {}).await, Ok(ids(1..=105)));
    // One record of many kilobytes, because its groups embed everything.
    let mut rig =
        Rig::new(Character { user_groups: false, projects: Projects::Refused, ..Character::default() }, 3, |config| {
            config.max_response_bytes = 20_000;
        })
        .await;
    let embedded: Vec<_> = (0..2_000).map(|n| json!({"value": format!("g{n}"), "display": "big"})).collect();
    rig.fake.world().put("u2", json!({ "groups": embedded }));
    assert_eq!(listed(&rig.full().await), ids(1..=3));
    assert!(rig.asked().iter().any(|address| address.contains("excludedAttributes=groups")));
}

#[tokio::test]
async fn quirk_22_a_redirect_is_explained_and_never_followed() {
    let rig = Rig::new(Character::default(), 3, |_| {}).await;
    let elsewhere =
        wiremock::ResponseTemplate::new(301).insert_header("location", "https://new.example.com/scim/Users?x=ada");
    rig.fake.world().fault("", 9, elsewhere);
    let error = rig.error().await;
    assert_eq!(error.kind, PullErrorKind::ForeignLink);
    assert!(error.message.contains("https://new.example.com"), "{error}");
    assert!(!error.message.contains("ada") && error.hint.contains("base_url"), "{error}");
    assert_eq!((error.operation.as_str(), rig.asked().len()), ("GET /Users", 3), "discovery and one look at the users");
}

#[tokio::test]
async fn quirk_23_two_users_of_one_name_are_two_people() {
    let rig = Rig::new(Character::default(), 3, |_| {}).await;
    rig.fake.world().put("u2", json!({"userName": "U1@example.com"}));
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(listed(&snapshot), ids(1..=3));
    let notes = &snapshot.content().notes;
    assert!(notes[0].contains("usernames") && !notes[0].contains('@'), "{notes:?}");
}

#[tokio::test]
async fn quirk_24_ids_with_any_character_are_read_and_confirmed() {
    let fake = Fake::start(Character::default()).await;
    let odd = ["cn=Ada/ou=Care", "ada example", "ada@example.com", "50%", "ä+ö&x=1#y?"];
    for id in odd {
        fake.world().put(id, json!({"userName": format!("user of {id}")}));
    }
    let mut rig = Rig::over(fake, |_| {});
    let people = listed(&rig.full().await);
    assert_eq!(people, odd.iter().map(|id| (*id).into()).collect());
    let answers = rig.source.confirm(&people.into_iter().collect::<Vec<_>>()).await.unwrap();
    assert!(answers.values().all(|answer| matches!(answer, Presence::Here { .. })), "{answers:?}");
    let error = rig.source.confirm(&["..".into()]).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Protocol);
}

#[tokio::test]
async fn quirk_25_paths_come_from_resource_types_or_from_the_configuration() {
    for (endpoint, users_path) in
        [("/People", None), ("https://other.example.com/Users", Some("People")), ("/scim/v2/People/", None)]
    {
        let rig = Rig::new(Character::default(), 3, |config| config.users_path = users_path.map(str::to_owned)).await;
        let types = json!({"Resources": [
            {"name": "User", "endpoint": endpoint, "schema": "urn:ietf:params:scim:schemas:core:2.0:User"},
        ]});
        rig.fake.world().fault("ResourceTypes", 1, wiremock::ResponseTemplate::new(200).set_body_json(types));
        let error = rig.error().await;
        assert_eq!((error.kind, error.operation.as_str()), (PullErrorKind::NotFound, "GET /People"), "{endpoint}");
    }
}

#[tokio::test]
async fn discovery_that_is_missing_or_forbidden_or_garbage_is_no_fault() {
    let answers = [
        wiremock::ResponseTemplate::new(403),
        wiremock::ResponseTemplate::new(501),
        wiremock::ResponseTemplate::new(200).set_body_string("<html>hello</html>"),
        wiremock::ResponseTemplate::new(200).set_body_json(json!([1, 2])),
    ];
    for answer in answers {
        let mut rig = Rig::new(Character::default(), 3, |_| {}).await;
        rig.fake.world().fault("ServiceProviderConfig", 9, answer.clone());
        rig.fake.world().fault("ResourceTypes", 9, answer);
        assert_eq!(listed(&rig.full().await), ids(1..=3));
    }
    assert_eq!(first(Character { discovery: false, ..Character::default() }, 3, |_| {}).await, Ok(ids(1..=3)));
}

#[tokio::test]
async fn scim_1_1_is_refused_with_a_word() {
    let rig = Rig::new(Character::default(), 3, |_| {}).await;
    let old = json!({"Resources": [{"name": "User", "endpoint": "/Users", "schema": "urn:scim:schemas:core:1.0"}]});
    rig.fake.world().fault("ResourceTypes", 1, wiremock::ResponseTemplate::new(200).set_body_json(old));
    let error = rig.error().await;
    assert!(error.message.contains("SCIM 1.1"), "{error}");
}

#[tokio::test]
async fn cursors_are_followed_whoever_speaks_of_them() {
    let table = [
        ("announced", Character { pages: Pages::Both, announces_cursor: true, ..Character::default() }, Paging::Auto),
        ("only cursors", Character { pages: Pages::Cursor, ..Character::default() }, Paging::Auto),
        ("configured", Character { pages: Pages::Both, ..Character::default() }, Paging::Cursor),
        ("announced and not there", Character { announces_cursor: true, ..Character::default() }, Paging::Auto),
        ("start ignored", Character { pages: Pages::Both, ignores_start: true, ..Character::default() }, Paging::Auto),
        ("no totals", Character { pages: Pages::Cursor, total: Total::Absent, ..Character::default() }, Paging::Auto),
    ];
    for (name, character, paging) in table {
        let character = Character { page: 2, ..character };
        for users in [0, 1, 2, 5] {
            // One page looks like one of a server that ignores everything.
            let one_page = users == 1 || (users == 2 && character.ignores_start);
            if one_page && !character.announces_cursor && paging == Paging::Auto {
                continue;
            }
            let got = first(character.clone(), users, |config| config.paging = paging).await;
            assert_eq!(got, Ok(ids(1..=users)), "{name}, {users}");
        }
    }
}

#[tokio::test]
async fn an_expired_cursor_starts_the_listing_again() {
    let character = Character { page: 2, pages: Pages::Cursor, expiries: 3, ..Character::default() };
    assert_eq!(first(character.clone(), 5, |_| {}).await, Ok(ids(1..=5)));
    let why = first(Character { expiries: 9, ..character }, 5, |_| {}).await.unwrap_err();
    assert!(why.contains("ExpiredCursor"), "{why}");
}

#[tokio::test]
async fn somebody_who_leaves_between_pages_takes_nobody_along() {
    for total in [Total::Real, Total::OfPage, Total::Absent] {
        for before in 2..=4 {
            let character =
                Character { page: 2, total, leaves_before: Some((before, "u1".to_owned())), ..Character::default() };
            let rig = Rig::new(character, 8, |_| {}).await;
            if let Ok(Pull::Full(snapshot)) = rig.pull().await {
                assert!(ids(2..=8).is_subset(&listed(&snapshot)), "{total:?}, {before}: {:?}", listed(&snapshot));
            }
        }
    }
    let character = Character { page: 2, leaves_before: Some((2, "u1".to_owned())), ..Character::default() };
    assert_eq!(first(character, 8, |_| {}).await, Ok(ids(2..=8)), "with a total, the second reading settles it");
}

#[tokio::test]
async fn a_server_at_work_is_read_and_silence_proves_nothing() {
    let character = Character { page: 20, busy: true, ..Character::default() };
    let mut rig = Rig::new(character, 100, |_| {}).await;
    for _ in 0..2 {
        let snapshot = rig.full().await;
        assert!(ids(1..=100).is_subset(&listed(&snapshot)));
        assert_eq!(snapshot.content().silence, Silence::MustBeAsked);
    }
}

#[tokio::test]
async fn attributes_that_vanish_by_a_projection_are_not_lost() {
    for projects in
        [Projects::Works, Projects::Ignored, Projects::Refused, Projects::DropsExtension, Projects::DropsUserName]
    {
        let mut rig = Rig::new(Character { projects, ..Character::default() }, 3, |_| {}).await;
        let snapshot = rig.full().await;
        assert_eq!(listed(&snapshot), ids(1..=3), "{projects:?}");
        for user in snapshot.content().users.values() {
            assert_eq!(user.attributes.get("department"), Some("Care"), "{projects:?}");
        }
        rig.asked();
        rig.full().await;
        let projected = rig.asked().iter().any(|address| address.contains("attributes="));
        assert_eq!(projected, matches!(projects, Projects::Works | Projects::Ignored), "{projects:?}");
    }
}

#[tokio::test]
async fn a_record_without_an_id_fails_and_one_with_it_is_held() {
    let rig = Rig::new(Character::default(), 3, |_| {}).await;
    rig.fake.world().put("u2", json!({"userName": null}));
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(listed(&snapshot), ids([1, 3]));
    assert_eq!(snapshot.content().unreadable[0].id, Some("u2".into()));
    rig.fake.world().put("u3", json!({"id": null}));
    let error = rig.error().await;
    assert_eq!(error.kind, PullErrorKind::Protocol);
    assert!(!error.to_string().contains('@'), "{error}");
}

#[tokio::test]
async fn requests_are_as_few_as_they_can_be() {
    let mut rig = Rig::new(Character::default(), 2_000, |config| {
        config.rule_groups = BTreeSet::from(["CC 1".to_owned(), "CC 2".to_owned(), "CC 3".to_owned()]);
    })
    .await;
    for group in 1..=3 {
        rig.fake.world().group(&format!("g{group}"), &format!("CC {group}"), names(group..group + 50));
    }
    rig.start().await;
    let first = rig.full().await;
    assert_eq!(first.content().requests, 21 + 2, "two thousand people and three groups");
    assert_eq!(rig.asked().len(), 23);
    rig.fake.world().leave("u2000");
    assert_eq!(rig.full().await.content().requests, 20 + 2, "a short last page and a true total save a request");
}
