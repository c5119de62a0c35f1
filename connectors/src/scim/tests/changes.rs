//! Polls by `meta.lastModified`, where the filter was shown to work, and full sweeps where it was not.

use serde_json::json;

use super::fake::{Filters, Names, Shows};
use super::*;
use crate::directory::{Scope, Standing};

/// Ten people, two groups; polls allowed.
async fn company(character: Character, set: impl FnOnce(&mut ScimConfig)) -> Rig {
    let rig = Rig::new(character, 10, |config| {
        config.incremental = true;
        config.rule_groups = BTreeSet::from(["Leads".to_owned()]);
        set(config);
    })
    .await;
    rig.fake.world().group("g1", "Agents", names(3..=7));
    rig.fake.world().group("g2", "Leads", names(6..=9));
    rig
}

#[tokio::test]
async fn an_idle_poll_is_two_requests_and_one_a_group() {
    for (scope, requests) in [(None, 3), (Some(vec!["Agents".to_owned()]), 4)] {
        let mut rig = company(Character::default(), |config| config.scope_groups = scope).await;
        rig.start().await;
        for _ in 0..3 {
            let delta = rig.delta().await;
            assert_eq!(delta.requests, requests, "{:?}", rig.asked());
            assert!(delta.relisted.is_empty() && delta.joined.is_empty() && delta.unreadable.is_empty());
        }
    }
}

#[tokio::test]
async fn changes_come_as_whole_records_and_whole_lists() {
    for tags in [true, false] {
        let character = Character { tags, ..Character::default() };
        let mut rig = company(character, |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
        rig.start().await;
        {
            let mut world = rig.fake.world();
            world.put("u3", json!({"active": false}));
            world.put("u9", json!({"title": "elsewhere"}));
            world.put("u11", json!({}));
            world.set_members("g1", names([3, 4, 5, 6, 10, 11]));
        }
        let delta = rig.delta().await;
        let records: BTreeMap<_, _> =
            delta.records.iter().map(|record| (record.id.as_str(), record.standing)).collect();
        assert_eq!(records[&"u3"], Standing::Disabled);
        assert!(
            records.contains_key("u10") && records.contains_key("u11") && !records.contains_key("u9"),
            "{records:?}"
        );
        let mut relisted = delta.relisted;
        let agents = relisted.remove(&"g1".into()).unwrap().into_members();
        assert_eq!(agents, ids([3, 4, 5, 6, 10, 11]));
        assert_eq!(relisted.len(), usize::from(!tags), "only what changed, where tags work");
        rig.known.extend(ids([10, 11]));
        assert!(rig.delta().await.relisted.len() == 2 * usize::from(!tags));
    }
}

#[tokio::test]
async fn quirk_16_a_filter_that_is_refused_or_ignored_or_finds_nothing_is_not_used() {
    let refused = [400, 501, 500].map(Filters::AreRefused);
    for filters in [Filters::AreIgnored, Filters::FindNothing, Filters::OnlyEq].into_iter().chain(refused) {
        let mut rig = company(Character { filters, ..Character::default() }, |_| {}).await;
        rig.start().await;
        rig.fake.world().leave("u1");
        let snapshot = rig.full().await;
        assert_eq!(listed(&snapshot), ids(2..=10), "{filters:?}");
    }
}

#[tokio::test]
async fn quirk_16_a_filter_that_stops_working_is_noticed() {
    for filters in [Filters::AreIgnored, Filters::FindNothing, Filters::AreRefused(501)] {
        let mut rig = company(Character::default(), |_| {}).await;
        // Older than the overlap.
        for _ in 0..9 {
            rig.fake.world().put("u10", json!({}));
        }
        rig.start().await;
        rig.delta().await;
        rig.fake.world().character.filters = filters;
        let snapshot = rig.full().await;
        assert_eq!(listed(&snapshot), ids(1..=10), "{filters:?}");
    }
}

#[tokio::test]
async fn the_newest_one_who_is_gone_leads_to_a_full_pull() {
    let mut rig = company(Character::default(), |_| {}).await;
    rig.start().await;
    rig.fake.world().leave("u10");
    assert_eq!(listed(&rig.full().await), ids(1..=9));
}

#[tokio::test]
async fn quirk_17_dates_that_are_compared_as_text_are_found_out() {
    let mut rig = company(Character::default(), |_| {}).await;
    // As text, this is before the second it is in.
    let late = "2026-03-02T10:15:00.1234567+00:00";
    rig.fake.world().put("u10", json!({}));
    let newest = json!({"meta": {"lastModified": late}});
    rig.fake
        .world()
        .users
        .iter_mut()
        .find(|(id, _)| id == "u10")
        .unwrap()
        .1
        .extend(newest.as_object().unwrap().clone());
    let text = wiremock::ResponseTemplate::new(200).set_body_json(json!({"totalResults": 0}));
    rig.fake.world().fault("ge \"2026-03-02T10:15:00Z\"", 9, text);
    rig.start().await;
    assert_eq!(listed(&rig.full().await), ids(1..=10), "not a poll");
}

#[tokio::test]
async fn a_change_in_the_future_does_not_hide_those_of_today() {
    let mut rig = company(Character::default(), |_| {}).await;
    let future = json!({"meta": {"lastModified": "2099-01-01T00:00:00Z"}});
    rig.fake.world().users[0].1.extend(future.as_object().unwrap().clone());
    rig.start().await;
    rig.fake.world().put("u5", json!({"active": false}));
    let delta = rig.delta().await;
    let changed = delta.records.iter().find(|record| record.id.as_str() == "u5").map(|record| record.standing);
    assert_eq!(changed, Some(Standing::Disabled));
}

#[tokio::test]
async fn memberships_of_users_or_by_name_cannot_be_polled() {
    let users = Character { shows: Shows::Never, ..Character::default() };
    let named = Character { names: Names::UserName, ..Character::default() };
    for character in [users, named] {
        let mut rig = company(character, |_| {}).await;
        rig.start().await;
        rig.full().await;
    }
}

#[tokio::test]
async fn a_followed_group_that_is_gone_stops_the_poll() {
    let mut rig = company(Character::default(), |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
    rig.start().await;
    rig.fake.world().groups.remove(0);
    let error = rig.error().await;
    assert_eq!((error.kind, error.operation.as_str()), (PullErrorKind::NotFound, "GET /Groups"));
}

#[tokio::test]
async fn a_cursor_of_other_settings_is_not_used() {
    let mut rig = company(Character::default(), |_| {}).await;
    rig.start().await;
    let mut other = company(Character::default(), |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
    other.cursor.clone_from(&rig.cursor);
    let snapshot = other.full().await;
    assert_eq!(snapshot.content().scope, Some(Scope::Groups(["g1".into()].into())));
    rig.cursor = Some(Cursor::new("not JSON".to_owned()));
    rig.full().await;
}

#[tokio::test]
async fn who_does_not_say_active_is_what_the_configuration_says() {
    use AbsentActive::{Auto, Employed, Hold, Left};
    let table = [
        (Auto, true, Some(Standing::Active)),
        (Auto, false, None),
        (Employed, false, Some(Standing::Active)),
        (Left, true, Some(Standing::Disabled)),
        (Hold, true, None),
    ];
    for (absent, others_say, expected) in table {
        let mut rig = Rig::new(Character::default(), 3, |config| config.absent_active = absent).await;
        for id in ["u1", "u2", "u3"].into_iter().take(if others_say { 1 } else { 3 }) {
            rig.fake.world().put(id, json!({"active": null}));
        }
        let snapshot = rig.full().await;
        let content = snapshot.content();
        let got = content.users.get(&"u1".into()).map(|user| user.standing);
        assert_eq!(got, expected, "{absent:?} {others_say}");
        let held = content.unreadable.iter().any(|one| one.id == Some("u1".into()));
        assert_eq!(held, expected.is_none(), "{absent:?} {others_say}");
    }
}

#[tokio::test]
async fn a_tag_that_stays_although_the_members_change_is_found_out() {
    let character = Character { deaf_tags: true, ..Character::default() };
    let mut rig = company(character, |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
    rig.start().await;
    rig.fake.world().set_members("g2", names([6, 7, 8]));
    let mut changed = 0;
    for _ in 0..2 {
        changed += rig.delta().await.relisted.len();
    }
    assert!(changed > 0, "nobody noticed within as many polls as there are groups");
    rig.fake.world().set_members("g1", names(3..=8));
    let joined = rig.delta().await.relisted.remove(&"g1".into()).unwrap().into_members();
    assert_eq!(joined, ids(3..=8), "tags are not believed any more");
}

#[tokio::test]
async fn a_member_who_is_not_here_yet_is_asked_for_again() {
    let mut rig = company(Character::default(), |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
    rig.start().await;
    rig.fake.world().set_members("g1", names((3..=7).chain([77])));
    for _ in 0..2 {
        assert!(rig.delta().await.records.iter().all(|record| record.id.as_str() != "u77"));
    }
    rig.fake.world().put("u77", json!({}));
    let came = rig.delta().await.records;
    assert!(came.iter().any(|record| record.id.as_str() == "u77"), "{came:?}");
}

#[tokio::test]
async fn a_list_that_lost_most_of_its_people_is_for_a_full_pull() {
    for left in [vec![], names([3]), names([3, 4]), names([71, 72, 73, 74, 75])] {
        let mut rig =
            company(Character::default(), |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
        rig.start().await;
        let shown = left.clone();
        rig.fake.world().set_members("g1", left);
        rig.pull().await.ok();
        let asked = rig.asked();
        assert!(asked.iter().any(|address| address.starts_with("Groups?")), "{shown:?}: {asked:?}");
    }
}

#[tokio::test]
async fn a_group_that_is_not_there_any_more_leads_to_a_full_pull() {
    let mut rig = company(Character::default(), |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
    rig.start().await;
    rig.fake.world().groups.retain(|group| group.0 != "g1");
    assert!(rig.error().await.to_string().contains("no group is called"));
    rig.fake.world().group("g7", "Agents", names(3..=7));
    assert_eq!(listed(&rig.full().await), ids(3..=7));
}

#[tokio::test]
async fn a_record_from_the_future_hides_no_change() {
    let mut rig = company(Character::default(), |_| {}).await;
    let at = now() + TimeDelta::hours(1);
    let date = |at: DateTime<Utc>| json!({"meta": {"lastModified": at.to_rfc3339()}}).as_object().unwrap().clone();
    let change = |rig: &Rig, id: &str, at: DateTime<Utc>| {
        let mut world = rig.fake.world();
        let user = world.users.iter_mut().find(|(own, _)| own == id).unwrap();
        user.1.extend(date(at));
    };
    change(&rig, "u9", at + TimeDelta::minutes(9));
    rig.start().await;
    change(&rig, "u2", at);
    let delta = rig.delta().await;
    assert!(delta.records.iter().any(|record| record.id.as_str() == "u2"), "{:?}", delta.records);
}

#[tokio::test]
async fn strangers_only_are_another_server() {
    let mut rig = company(Character::default(), |config| config.rule_groups.clear()).await;
    rig.start().await;
    for (id, user) in &mut rig.fake.world().users {
        *id = format!("people/{id}");
        user.insert("id".to_owned(), json!(id));
    }
    let error = rig.error().await;
    assert!(error.to_string().contains("their ids have changed"), "{error}");
}
