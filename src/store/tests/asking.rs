//! Who is missing, who is asked for, and what the answers make of it; and what sources say about themselves.

use connectors::{ExternalId, Presence, Silence};

use super::*;
use crate::store::{PullOutcome, StoreError};

async fn full(store: &Store, content: SnapshotContent, seconds: i64) -> PullOutcome {
    store.apply_listing(None, &entra(), content, &cursor(&format!("c{seconds}")), at(seconds)).await.unwrap()
}

/// A pull of changes with complete member lists: `group member member`.
async fn relist(store: &Store, lists: &[&str], delta: DirectoryDelta, seconds: i64) -> Result<PullOutcome, StoreError> {
    let lists = lists.iter().map(|list| {
        let mut words = list.split_whitespace().map(ExternalId::from);
        (words.next().unwrap(), words.collect())
    });
    store.apply_delta(None, &entra(), delta, lists.collect(), at(seconds)).await
}

/// `id standing groups` of everybody, one a line.
async fn people(store: &Store) -> Vec<String> {
    let view = store.directory_view(&BTreeMap::new(), &[entra()]).await.unwrap();
    let lines = view.people.values().map(|user| {
        let groups: Vec<_> = user.groups.iter().map(|group| group.id.as_str()).collect();
        format!("{} {:?} {}", user.key.id, user.standing, groups.join("+")).trim_end().to_owned()
    });
    lines.collect()
}

fn answers(of: impl IntoIterator<Item = (&'static str, Presence)>) -> BTreeMap<ExternalId, Presence> {
    of.into_iter().map(|(id, presence)| (id.into(), presence)).collect()
}

fn here(id: &str, groups: Option<&[&str]>) -> Presence {
    let groups = groups.map(|groups| groups.iter().copied().map(ExternalId::from).collect());
    Presence::Here { record: worker(id, "Care"), groups }
}

async fn three(home: &Home) {
    full(home, listing(["a", "b", "c"].map(|id| worker(id, "Care"))), 1).await;
}

#[tokio::test]
async fn a_member_list_replaces_what_was_known_of_its_group() {
    let home = Home::new().await;
    three(&home).await;
    let joiner = DirectoryDelta { records: vec![worker("d", "Sales")], ..delta("c2") };
    let outcome = relist(&home, &["g-agents a b d", "g-extra a c"], joiner, 2).await.unwrap();
    assert_eq!((outcome.joined, outcome.left, outcome.people), (1, 0, 3));
    assert_eq!(outcome.missing, ["c".into()], "in no group of the scope any more: to be asked for");
    assert_eq!(
        people(&home).await,
        ["a Active g-agents+g-extra", "b Active g-agents", "c MissingUnconfirmed g-extra", "d Active g-agents"]
    );
    assert_eq!(home.cursor(&entra()).await.unwrap(), Some(cursor("c2")));
}

#[tokio::test]
async fn whoever_stays_in_another_group_of_the_scope_is_not_missing() {
    let home = Home::new().await;
    let both = Scope::Groups(BTreeSet::from(["g-agents".into(), "g-leads".into()]));
    let mut content = listing([worker("a", "Care"), worker("b", "Care")]);
    content.scope = Some(both);
    content.edges.insert(edge("g-leads", "a"));
    full(&home, content, 1).await;
    let outcome = relist(&home, &["g-agents b"], delta("c2"), 2).await.unwrap();
    assert_eq!((outcome.missing, outcome.changed), (vec![], 1));
    assert_eq!(people(&home).await, ["a Active g-leads", "b Active g-agents"]);
}

#[tokio::test]
async fn whoever_left_a_member_list_is_missing_until_a_point_read_says_more() {
    let home = Home::new().await;
    three(&home).await;
    relist(&home, &["g-agents a"], delta("c2"), 2).await.unwrap();
    assert_eq!(people(&home).await, ["a Active g-agents", "b MissingUnconfirmed", "c MissingUnconfirmed"]);
    // The same list again is no second witness: it is one list that was read twice.
    let outcome = relist(&home, &["g-agents a"], delta("c3"), 3).await.unwrap();
    assert_eq!(outcome.missing, ["b".into(), "c".into()]);
    let outcome = home
        .confirm(&entra(), &answers([("b", here("b", Some(&[]))), ("c", here("c", Some(&["g-extra"])))]), at(4))
        .await
        .unwrap();
    assert_eq!((outcome.contradicted, outcome.gone, outcome.unproven), (vec![], 0, vec![]), "out of scope, as listed");
    assert_eq!(people(&home).await, ["a Active g-agents", "b Active", "c Active g-extra"]);
    let outcome = relist(&home, &["g-agents a"], delta("c5"), 5).await.unwrap();
    assert_eq!(outcome.missing, []);
}

#[tokio::test]
async fn a_member_list_that_a_point_read_contradicts_was_wrong() {
    let home = Home::new().await;
    three(&home).await;
    relist(&home, &["g-agents a"], delta("c2"), 2).await.unwrap();
    let found = answers([("b", here("b", Some(&["g-agents"]))), ("c", Presence::Gone)]);
    let outcome = home.confirm(&entra(), &found, at(3)).await.unwrap();
    assert_eq!((outcome.contradicted, outcome.gone), (vec!["b".into()], 1));
    assert_eq!(people(&home).await, ["a Active g-agents", "b Active g-agents", "c Deleted"]);
}

#[tokio::test]
async fn whoever_came_back_before_being_asked_for_contradicts_nothing() {
    let home = Home::new().await;
    three(&home).await;
    relist(&home, &["g-agents a c"], delta("c2"), 2).await.unwrap();
    let outcome = relist(&home, &["g-agents a b c"], delta("c3"), 3).await.unwrap();
    assert_eq!(outcome.missing, ["b".into()]);
    let outcome = home.confirm(&entra(), &answers([("b", here("b", Some(&["g-agents"])))]), at(4)).await.unwrap();
    assert_eq!(outcome.contradicted, []);
    assert_eq!(people(&home).await[1], "b Active g-agents");
}

#[tokio::test]
async fn a_member_list_with_an_unreadable_member_takes_nobody_out() {
    let home = Home::new().await;
    three(&home).await;
    let unreadable = connectors::Unreadable { id: None, page: 1, why: "id is a number".into() };
    let blind = DirectoryDelta { unreadable: vec![unreadable], ..delta("c2") };
    let outcome = relist(&home, &["g-agents a"], blind, 2).await.unwrap();
    assert_eq!(outcome.missing, []);
    assert_eq!(people(&home).await, ["a Active g-agents", "b Active g-agents", "c Active g-agents"]);
}

#[tokio::test]
async fn a_member_list_without_anybody_is_refused() {
    let home = Home::new().await;
    three(&home).await;
    let before = dump(&home.path).await;
    let refused = relist(&home, &["g-agents"], delta("c2"), 2).await;
    assert!(matches!(refused, Err(StoreError::EmptiedOut { before: 3, .. })), "{refused:?}");
    assert_eq!(dump(&home.path).await, before);
}

#[tokio::test]
async fn a_narrow_reader_never_makes_a_leaver_by_silence() {
    let home = Home::new().await;
    let narrow = |ids: &[&str]| SnapshotContent {
        silence: Silence::MustBeAsked,
        ..listing(ids.iter().map(|id| worker(id, "Care")).collect::<Vec<_>>())
    };
    full(&home, narrow(&["a", "b"]), 1).await;
    for seconds in 2..6 {
        let outcome = full(&home, narrow(&["a"]), seconds).await;
        assert_eq!(outcome.missing, ["b".into()], "asked again as long as nobody has answered");
        assert_eq!(people(&home).await[1], "b MissingUnconfirmed");
    }
    home.confirm(&entra(), &answers([("b", Presence::Gone)]), at(7)).await.unwrap();
    assert_eq!(people(&home).await[1], "b Deleted");
}

#[tokio::test]
async fn an_answer_that_proves_nothing_holds() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 1).await;
    full(&home, listing([worker("a", "Care")]), 2).await;
    let nothing = || Presence::Unproven("404 under a narrow role".to_owned());
    let outcome = home.confirm(&entra(), &answers([("b", nothing()), ("tag", nothing())]), at(3)).await.unwrap();
    assert_eq!(outcome.unproven.len(), 2);
    assert_eq!(outcome.unproven[0], ("b".into(), "404 under a narrow role".to_owned()));
    assert_eq!((outcome.gone, outcome.contradicted), (0, vec![]));
    assert_eq!(people(&home).await, ["a Active g-agents", "b MissingUnconfirmed"], "a stranger is not made up");
    // Two listings that agree made a leaver; an answer that proves nothing puts that in doubt again.
    full(&home, listing([worker("a", "Care")]), 4).await;
    assert_eq!(people(&home).await[1], "b MissingConfirmed");
    home.confirm(&entra(), &answers([("b", nothing())]), at(5)).await.unwrap();
    assert_eq!(people(&home).await[1], "b MissingUnconfirmed");
}

#[tokio::test]
async fn notes_stay_until_the_source_is_listed_anew() {
    let home = Home::new().await;
    let noted = |notes: &[&str]| notes.iter().map(|note| (*note).to_owned()).collect::<Vec<_>>();
    assert_eq!(home.source_notes(&entra()).await.unwrap(), noted(&[]));
    let content = SnapshotContent { notes: noted(&["narrow role"]), ..listing([worker("a", "Care")]) };
    assert_eq!(full(&home, content, 1).await.notes, noted(&["narrow role"]));
    relist(&home, &[], delta("c2"), 2).await.unwrap();
    for seconds in 3..5 {
        let more = DirectoryDelta { notes: noted(&["clock is off", "narrow role"]), ..delta("c3") };
        relist(&home, &[], more, seconds).await.unwrap();
        assert_eq!(home.source_notes(&entra()).await.unwrap(), noted(&["narrow role", "clock is off"]));
    }
    assert_eq!(home.source_notes(&"okta".into()).await.unwrap(), noted(&[]));
    full(&home, listing([worker("a", "Care")]), 5).await;
    assert_eq!(home.source_notes(&entra()).await.unwrap(), noted(&[]));
}

#[test]
fn of_very_many_who_are_missing_for_long_a_sample_is_asked_for_behind_the_later_ones() {
    let crowd = |letter: &str, count: usize| (0..count).map(|at| format!("{letter}{at}").into()).collect::<Vec<_>>();
    let check = |sizes: &[usize], expected: &[usize]| {
        let missing_by_pull: Vec<Vec<_>> =
            sizes.iter().zip(["a", "b", "c", "d"]).map(|(n, of)| crowd(of, *n)).collect();
        let outcome = PullOutcome { missing_by_pull: missing_by_pull.clone(), ..PullOutcome::default() };
        let asked = outcome.to_ask(200);
        let of = |crowd: &Vec<ExternalId>| crowd.iter().filter(|id| asked.contains(id)).count();
        assert_eq!(missing_by_pull.iter().map(of).collect::<Vec<_>>(), expected, "{sizes:?}");
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len(), "nobody twice");
        assert!(asked.len() <= 200);
    };
    check(&[], &[]);
    check(&[200], &[200]);
    check(&[201], &[20]);
    check(&[2, 5_000, 3], &[2, 20, 3]);
    check(&[150, 100, 50, 1], &[150, 0, 50, 0]);
    check(&[170, 500], &[170, 20]);
    check(&[190, 500], &[190, 10]);
    let crowd = PullOutcome { missing_by_pull: vec![crowd("a", 1_000)], ..PullOutcome::default() };
    let asked = crowd.to_ask(200);
    assert_eq!((asked[0].as_str(), asked[19].as_str()), ("a0", "a950"), "spread over all of them");
}

#[tokio::test]
async fn one_who_is_there_after_all_voids_the_absence_of_the_others() {
    let home = Home::new().await;
    three(&home).await;
    let short = || listing([worker("a", "Care")]);
    full(&home, short(), 2).await;
    full(&home, short(), 3).await;
    assert_eq!(people(&home).await, ["a Active g-agents", "b MissingConfirmed", "c MissingConfirmed"]);
    let found = answers([("b", here("b", Some(&["g-agents"])))]);
    assert_eq!(home.confirm(&entra(), &found, at(4)).await.unwrap().contradicted, ["b".into()]);
    assert_eq!(people(&home).await, ["a Active g-agents", "b Active g-agents", "c MissingUnconfirmed"]);
    // The listing that was wrong comes again: of those it was wrong about it is the first one.
    full(&home, short(), 5).await;
    assert_eq!(people(&home).await, ["a Active g-agents", "b MissingUnconfirmed", "c MissingUnconfirmed"]);
    full(&home, short(), 6).await;
    assert_eq!(people(&home).await, ["a Active g-agents", "b MissingConfirmed", "c MissingConfirmed"]);
}

#[tokio::test]
async fn whoever_is_there_and_cannot_be_read_is_held_and_not_missing() {
    let home = Home::new().await;
    three(&home).await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 2).await;
    home.confirm(&entra(), &answers([("c", Presence::Unreadable("department is a number".into()))]), at(3))
        .await
        .unwrap();
    let view = home.directory_view(&BTreeMap::new(), &[entra()]).await.unwrap();
    let held = &view.people[&person("c")];
    assert_eq!((held.standing, held.unreadable.as_deref()), (Standing::Active, Some("department is a number")));
}

#[tokio::test]
async fn whoever_could_not_be_read_is_asked_for_again_wherever_they_were() {
    let home = Home::new().await;
    three(&home).await;
    let without = || listing([worker("a", "Care"), worker("b", "Care")]);
    let garbled = || answers([("c", Presence::Unreadable("the record has no id".into()))]);
    home.confirm(&entra(), &answers([("c", here("c", Some(&[])))]), at(2)).await.unwrap();
    home.confirm(&entra(), &garbled(), at(3)).await.unwrap();
    let outcome = full(&home, without(), 4).await;
    assert_eq!(outcome.to_ask(10), ["c".into()], "out of scope, and not known");
    home.confirm(&entra(), &garbled(), at(5)).await.unwrap();
    assert_eq!(full(&home, without(), 6).await.to_ask(10), ["c".into()]);
    home.confirm(&entra(), &answers([("c", Presence::Gone)]), at(7)).await.unwrap();
    assert_eq!(people(&home).await, ["a Active g-agents", "b Active g-agents", "c Deleted"]);
    assert!(full(&home, without(), 8).await.to_ask(10).is_empty());
}

/// A full listing of workers and, in the same group, of people with other names under ids of theirs.
fn tenant(ids: std::ops::Range<u32>, others: std::ops::Range<u32>) -> SnapshotContent {
    let human = |id: u32, name: &str| {
        let login = format!("{name}{id}@example.com");
        record(
            &format!("p{id}"),
            &[("username", &login), ("given_name", name), ("family_name", &format!("{name} {id}"))],
        )
    };
    listing(ids.map(|id| human(id, "ada")).chain(others.map(|id| human(id, "bob"))))
}

#[tokio::test]
async fn a_listing_of_another_directory_is_refused_and_nothing_of_it_is_stored() {
    let home = Home::new().await;
    full(&home, tenant(0..20, 0..0), 1).await;
    let before = dump(&home.path).await;
    let refused = |content: SnapshotContent| {
        let home = &home;
        async move { home.apply_listing(None, &entra(), content, &cursor("x"), at(2)).await.err() }
    };
    let strangers = refused(tenant(100..103, 0..0)).await.unwrap();
    assert!(matches!(strangers, StoreError::Strangers { before: 20, listed: 3, .. }), "{strangers:?}");
    assert!(strangers.to_string().contains("20 people") && strangers.hint().contains("credentials"));
    let same_ids = refused(tenant(17..20, 0..17)).await.unwrap();
    assert!(matches!(same_ids, StoreError::OtherPeople { before: 20, others: 17, .. }), "{same_ids:?}");
    let fewer = refused(tenant(0..3, 3..8)).await.unwrap();
    assert!(matches!(fewer, StoreError::OtherPeople { others: 5, .. }), "{fewer:?}");
    assert_eq!(dump(&home.path).await, before);
    // One who stays shows that it is the same directory; a few accounts may be handed on.
    assert!(refused(tenant(0..1, 0..0)).await.is_none());
    let home = Home::new().await;
    full(&home, tenant(0..20, 0..0), 1).await;
    full(&home, tenant(4..20, 0..4), 2).await;
}

#[tokio::test]
async fn changes_that_make_others_of_most_people_are_refused() {
    let home = Home::new().await;
    full(&home, tenant(0..9, 0..0), 1).await;
    let changed =
        |count: u32| DirectoryDelta { records: tenant(0..0, 0..count).users.into_values().collect(), ..delta("d") };
    let refused = home.apply_pull(None, &entra(), connectors::Pull::Delta(changed(6)), at(2)).await;
    assert!(matches!(refused, Err(StoreError::OtherPeople { before: 9, others: 6, .. })), "{refused:?}");
    assert!(home.apply_pull(None, &entra(), connectors::Pull::Delta(changed(4)), at(3)).await.is_ok());
}
