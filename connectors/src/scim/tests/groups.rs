//! Who is in which group, on servers that tell it in different places and by different names.

use serde_json::json;

use super::fake::{Filters, Names, Shows};
use super::*;
use crate::directory::{Edge, Scope, Standing};

/// Ten users; three to seven are in "Agents", six to nine in "Leads".
async fn company(character: Character, set: impl FnOnce(&mut ScimConfig)) -> Rig {
    let rig = Rig::new(character, 10, |config| {
        config.scope_groups = Some(vec!["Agents".to_owned()]);
        config.rule_groups = BTreeSet::from(["Leads".to_owned()]);
        set(config);
    })
    .await;
    rig.fake.world().group("g1", "Agents", names(3..=7));
    rig.fake.world().group("g2", "Leads", names(6..=9));
    rig.fake.world().group("g3", "Others", names(1..=2));
    rig
}

/// A group of `people` among a few more, on a server of this character.
async fn crowd(character: Character, people: u32, membership: MembershipFrom) -> Result<usize, PullError> {
    let rig = Rig::new(character, people + 20, |config| {
        config.scope_groups = Some(vec!["g1".to_owned()]);
        config.membership = membership;
    })
    .await;
    rig.fake.world().group("g1", "Agents", names(1..=people));
    match rig.pull().await? {
        Pull::Full(snapshot) => Ok(listed(&snapshot).len()),
        Pull::Delta(delta) => panic!("{delta:?}"),
    }
}

fn members(snapshot: &DirectorySnapshot, group: &str) -> BTreeSet<ExternalId> {
    let of_group = |edge: &&Edge| edge.group.as_str() == group;
    snapshot.content().edges.iter().filter(of_group).map(|edge| edge.member.clone()).collect()
}

#[tokio::test]
async fn quirk_13_members_are_found_wherever_they_are_shown() {
    for (shows, user_groups) in [
        (Shows::InLists, true),
        (Shows::InLists, false),
        (Shows::Alone, true),
        (Shows::Alone, false),
        (Shows::Never, true),
    ] {
        for names in [Names::Id, Names::UserName, Names::Reference] {
            let character = Character { shows, user_groups, names, ..Character::default() };
            let mut rig = company(character, |_| {}).await;
            for round in 0..2 {
                let snapshot = rig.full().await;
                let what = format!("{shows:?} {user_groups} {names:?} {round}");
                assert_eq!(listed(&snapshot), ids(3..=7), "{what}");
                assert_eq!(members(&snapshot, "g1"), ids(3..=7), "{what}");
                assert_eq!(members(&snapshot, "g2"), ids(6..=9), "{what}");
                assert_eq!(snapshot.content().scope, Some(Scope::Groups(["g1".into()].into())), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn memberships_nobody_shows_are_an_error_and_not_an_empty_group() {
    let character = Character { shows: Shows::Never, user_groups: false, ..Character::default() };
    let rig = company(character.clone(), |_| {}).await;
    assert_eq!(rig.error().await.kind, PullErrorKind::Implausible);
    let everybody = company(character, |config| config.scope_groups = None).await;
    let Pull::Full(snapshot) = everybody.pull().await.unwrap() else { panic!() };
    assert!(snapshot.content().notes[0].contains("no membership"), "{:?}", snapshot.content().notes);
}

#[tokio::test]
async fn members_that_are_nobody_are_an_error_and_not_an_empty_group() {
    let character = Character { user_groups: false, ..Character::default() };
    let rig = company(character.clone(), |_| {}).await;
    rig.fake.world().set_members("g1", ["x1".to_owned(), "x2".to_owned()]);
    rig.fake.world().set_members("g2", ["x3".to_owned()]);
    let error = rig.error().await;
    assert!(error.message.contains("none of them"), "{error}");
    // Some of them, and the others are told.
    rig.fake.world().set_members("g1", ["u1".to_owned(), "x2".to_owned()]);
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(listed(&snapshot), ids([1]));
    assert!(snapshot.content().notes[0].starts_with("2 members"), "{:?}", snapshot.content().notes);
}

#[tokio::test]
async fn quirk_14_a_member_list_that_was_cut_is_refused() {
    use MembershipFrom::{Auto, GroupMembers, UserGroups};
    let cut = Character { cut: Some(100), ..Character::default() };
    for membership in [Auto, GroupMembers] {
        let error = crowd(cut.clone(), 120, membership).await.unwrap_err();
        assert!(error.message.contains("exactly 100"), "{error}");
        assert!(error.hint.contains("user.groups"), "{error}");
    }
    assert_eq!(crowd(cut, 120, UserGroups).await.unwrap(), 120);
    let unwitnessed = Character { cut: Some(100), user_groups: false, ..Character::default() };
    let error = crowd(unwitnessed.clone(), 120, Auto).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Implausible, "{error}");
    assert_eq!(crowd(Character::default(), 100, Auto).await.unwrap(), 100, "really a hundred");
    assert_eq!(crowd(Character::default(), 101, Auto).await.unwrap(), 101);
}

#[tokio::test]
async fn quirk_14_a_list_that_may_be_cut_removes_nobody() {
    let character = Character { cut: Some(100), user_groups: false, ..Character::default() };
    let mut rig = Rig::new(character, 140, |config| config.scope_groups = Some(vec!["g1".to_owned()])).await;
    rig.fake.world().group("g1", "Agents", names(1..=90));
    rig.start().await;
    rig.fake.world().set_members("g1", names(1..=120));
    let delta = rig.delta().await;
    assert_eq!((delta.joined.len(), delta.left.len(), delta.relisted.len()), (100, 0, 0));
    assert!(delta.notes.iter().any(|note| note.contains("exactly 100")), "{:?}", delta.notes);
}

#[tokio::test]
async fn a_name_must_mean_one_group() {
    let unknown = company(Character::default(), |config| config.scope_groups = Some(vec!["Nobody".to_owned()])).await;
    assert_eq!(unknown.error().await.kind, PullErrorKind::NotFound);
    let twice = company(Character::default(), |_| {}).await;
    twice.fake.world().group("g9", "agents", names(1..=1));
    assert!(twice.pull().await.is_ok(), "the exact name counts");
    twice.fake.world().group("g8", "Agents", names(1..=1));
    let error = twice.error().await;
    assert!(error.message.contains("2 groups are called"), "{error}");
    let by_id = company(Character::default(), |config| config.scope_groups = Some(vec!["g1".to_owned()])).await;
    by_id.fake.world().group("g8", "g1", names(1..=1));
    let Pull::Full(snapshot) = by_id.pull().await.unwrap() else { panic!() };
    assert_eq!(listed(&snapshot), ids(3..=7), "an id is an id");
    let empty = company(Character::default(), |config| config.scope_groups = Some(Vec::new())).await;
    assert_eq!(empty.error().await.kind, PullErrorKind::Refused);
}

#[tokio::test]
async fn groups_in_groups_count_if_they_should_and_circles_end() {
    for (shows, nested, expected) in
        [(Shows::InLists, false, 3..=7), (Shows::InLists, true, 3..=9), (Shows::Alone, true, 3..=9)]
    {
        let character = Character { shows, user_groups: false, ..Character::default() };
        let rig = company(character, |config| config.nested = nested).await;
        let inner = names(3..=7).into_iter().chain(["g2".to_owned()]);
        rig.fake.world().set_members("g1", inner);
        let inner = names(6..=9).into_iter().chain(["g1".to_owned()]);
        rig.fake.world().set_members("g2", inner);
        let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
        assert_eq!(listed(&snapshot), ids(expected), "{shows:?} {nested}");
    }
}

#[tokio::test]
async fn groups_that_cannot_be_listed_are_named_by_their_people() {
    let rig = company(Character::default(), |_| {}).await;
    rig.fake.world().fault("Groups", 99, wiremock::ResponseTemplate::new(403));
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!((listed(&snapshot), members(&snapshot, "g2")), (ids(3..=7), ids(6..=9)));
}

#[tokio::test]
async fn many_groups_are_found_by_name_where_that_works() {
    for filters in [Filters::Work, Filters::AreIgnored] {
        let character = Character { filters, page: 10, ..Character::default() };
        let rig = company(character, |_| {}).await;
        for number in 100..400 {
            rig.fake.world().group(&format!("g{number}"), &format!("Other {number}"), []);
        }
        let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
        assert_eq!((listed(&snapshot), members(&snapshot, "g2")), (ids(3..=7), ids(6..=9)), "{filters:?}");
        let lists = rig.asked().iter().filter(|address| address.starts_with("Groups?")).count();
        assert_eq!(lists < 10, filters == Filters::Work, "{filters:?}: {lists}");
    }
}

/// SCIMMY starts again beyond its end: a group that is alone there looks like a first page that cannot be turned.
#[tokio::test]
async fn the_only_group_of_a_server_that_starts_again_is_found_by_name() {
    for (filters, expected) in [(Filters::Work, None), (Filters::AreIgnored, Some(PullErrorKind::Implausible))] {
        let character = Character { repeats_last: true, page: 4, filters, ..Character::default() };
        let rig = Rig::new(character, 10, |config| config.scope_groups = Some(vec!["Agents".to_owned()])).await;
        rig.fake.world().group("g1", "Agents", names(3..=7));
        match rig.pull().await {
            Ok(Pull::Full(snapshot)) => assert_eq!((listed(&snapshot), None), (ids(3..=7), expected), "{filters:?}"),
            Ok(Pull::Delta(delta)) => panic!("{delta:?}"),
            Err(error) => assert_eq!(Some(error.kind), expected, "{error}"),
        }
    }
}

#[tokio::test]
async fn few_members_of_a_huge_server_are_read_one_by_one() {
    let mut rig = Rig::new(Character { page: 10, ..Character::default() }, 1_000, |config| {
        config.page_size = 10;
        config.scope_groups = Some(vec!["Agents".to_owned()]);
    })
    .await;
    rig.fake.world().group("g1", "Agents", names([7, 500, 999]));
    assert_eq!(listed(&rig.full().await), ids([7, 500, 999]));
    rig.asked();
    let snapshot = rig.full().await;
    assert_eq!(listed(&snapshot), ids([7, 500, 999]));
    assert_eq!(snapshot.content().requests, 2 + 1 + 3, "the groups, a look at the total, and the members");
    // A server without single reads is listed.
    rig.fake.world().character.reads_singly = false;
    assert_eq!(listed(&rig.full().await), ids([7, 500, 999]));
}

#[tokio::test]
async fn whoever_is_asked_for_is_here_with_groups_or_gone() {
    for (shows, user_groups) in [(Shows::InLists, true), (Shows::Alone, false), (Shows::Never, true)] {
        let mut rig = company(Character { shows, user_groups, ..Character::default() }, |_| {}).await;
        rig.full().await;
        rig.fake.world().leave("u4");
        rig.fake.world().put("u5", json!({"active": "False"}));
        let asked: Vec<ExternalId> = ["u4", "u5", "u6", "u10"].into_iter().map(Into::into).collect();
        let answers = rig.source.confirm(&asked).await.unwrap();
        let got: Vec<_> = (answers.into_values())
            .map(|answer| match answer {
                Presence::Here { record, groups } => {
                    let groups = groups.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    format!("{:?} {groups}", record.standing)
                }
                Presence::Gone => "gone".to_owned(),
                Presence::Unproven(why) | Presence::Unreadable(why) => why,
            })
            .collect();
        let active = format!("{:?}", Standing::Active);
        assert_eq!(got, [format!("{active} "), "gone".to_owned(), "Disabled g1".to_owned(), format!("{active} g1 g2")]);
    }
}

#[tokio::test]
async fn a_404_counts_only_where_somebody_else_is_found() {
    let mut rig = Rig::new(Character { reads_singly: false, ..Character::default() }, 3, |_| {}).await;
    rig.full().await;
    let answers = rig.source.confirm(&["u9".into()]).await.unwrap();
    assert!(matches!(answers[&"u9".into()], Presence::Unproven(_)), "{answers:?}");
    rig.fake.world().character.reads_singly = true;
    let fresh = Rig::new(Character::default(), 3, |_| {}).await;
    for rig in [&rig, &fresh] {
        let answers = rig.source.confirm(&["u9".into()]).await.unwrap();
        assert_eq!(answers[&"u9".into()], Presence::Gone);
    }
}

#[tokio::test]
async fn a_group_that_is_gone_and_still_a_member_is_no_fault() {
    let rig = company(Character { user_groups: false, ..Character::default() }, |config| config.nested = true).await;
    rig.fake.world().set_members("g1", names(3..=7).into_iter().chain(["g99".to_owned()]));
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(listed(&snapshot), ids(3..=7));
}

#[tokio::test]
async fn names_are_compared_without_case_in_every_script() {
    let character = Character { reads_singly: false, user_groups: false, ..Character::default() };
    let rig =
        company(character, |config| config.scope_groups = Some(vec!["äGENTEN".to_owned(), "Agents".to_owned()])).await;
    rig.fake.world().group("g5", "Ägenten", names([1, 2]));
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(members(&snapshot, "g5"), ids([1, 2]));
}
