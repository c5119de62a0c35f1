//! What pulls and point reads make of the snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use connectors::{Presence, Unreadable, UserPatch};

use super::*;
use crate::model::{DirectoryView, SourceState};
use crate::store::{PullOutcome, StoreError};

async fn full(store: &Store, content: SnapshotContent, seconds: i64) -> Result<PullOutcome, StoreError> {
    store.apply_listing(None, &entra(), content, &cursor(&format!("c{seconds}")), at(seconds)).await
}

async fn pull(store: &Store, delta: DirectoryDelta, seconds: i64) -> Result<PullOutcome, StoreError> {
    store.apply_pull(None, &entra(), connectors::Pull::Delta(delta), at(seconds)).await
}

async fn view(store: &Store) -> DirectoryView {
    store.directory_view(&BTreeMap::new(), &[entra()]).await.unwrap()
}

/// `id standing department groups` of everybody, one a line.
async fn people(store: &Store) -> String {
    let people = view(store).await.people;
    let lines = people.values().map(|user| {
        let groups: Vec<_> = user.groups.iter().map(|group| group.id.as_str()).collect();
        let department = user.attributes.get("department").unwrap_or("-");
        let unreadable = user.unreadable.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{} {:?} {department} {}{unreadable}", user.key.id, user.standing, groups.join("+"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn unreadable(id: Option<&str>) -> Unreadable {
    Unreadable { id: id.map(Into::into), page: 3, why: "id is a number".into() }
}

fn patch(id: &str, pairs: &[(&str, Option<&str>)], standing: Option<Standing>) -> UserPatch {
    let attributes = pairs.iter().map(|(name, value)| ((*name).into(), value.map(Into::into))).collect();
    UserPatch { id: id.into(), attributes, standing }
}

#[tokio::test]
async fn a_listing_is_stored_with_cursor_scope_and_groups() {
    let home = Home::new().await;
    let outcome = full(&home, listing([worker("a", "Care"), worker("b", "Sales")]), 1).await.unwrap();
    assert_eq!(outcome, PullOutcome { joined: 2, people: 2, requests: 1, ..PullOutcome::default() });
    assert_eq!(people(&home).await, "a Active Care g-agents\nb Active Sales g-agents");
    assert_eq!(home.cursor(&entra()).await.unwrap(), Some(cursor("c1")));
    assert_eq!(home.last_full(&entra()).await.unwrap(), Some(at(1)));
    assert_eq!(home.known(&entra()).await.unwrap(), BTreeSet::from(["a".into(), "b".into()]));
    assert_eq!(home.people_count().await.unwrap(), 2);
    let frozen = BTreeMap::from([(entra(), "throttled".to_owned())]);
    let view = home.directory_view(&frozen, &[entra(), "okta".into()]).await.unwrap();
    assert_eq!(view.sources[&entra()].state, SourceState::Frozen { why: "throttled".into() });
    assert_eq!(view.sources[&entra()].scope, Some(agents()));
    assert_eq!(view.sources[&SourceName::from("okta")].scope, None);
    assert_eq!(view.groups.values().next().unwrap().name.as_deref(), Some("Agents"));
    assert_eq!(view.moved[&person("a")], "new in the directory");
    assert_eq!(home.cursor(&"okta".into()).await.unwrap(), None);
    assert_eq!(home.last_full(&"okta".into()).await.unwrap(), None);
}

#[tokio::test]
async fn unchanged_people_are_not_written_again() {
    let home = Home::new().await;
    let everybody = || listing((0..2_000).map(|n| worker(&format!("p{n:04}"), "Care")));
    let statements = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&statements);
    home.writer().await.unwrap().hook = Some(Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }));
    full(&home, everybody(), 1).await.unwrap();
    let first = statements.swap(0, Ordering::Relaxed);
    let outcome = full(&home, everybody(), 2).await.unwrap();
    let second = statements.load(Ordering::Relaxed);
    assert_eq!((outcome.joined, outcome.changed, outcome.left, outcome.people), (0, 0, 0, 2_000));
    assert!(first < 25, "{first} statements for 2,000 people");
    // Each batch has a statement for people and one for memberships; none of them is left.
    assert!(second + 8 <= first, "{second} statements for nothing new, {first} at first");
}

#[tokio::test]
async fn a_delta_merges_patches_replaces_records_and_moves_memberships() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Sales"), worker("c", "Care")]), 1).await.unwrap();
    home.clear_moved(&["a", "b", "c"].map(person).into()).await.unwrap();
    let outcome = pull(
        &home,
        DirectoryDelta {
            patches: vec![
                patch("a", &[("department", Some("Sales")), ("mail", Some("ADA@example.com"))], None),
                patch("a", &[("username", None)], None),
                patch("b", &[], Some(Standing::Disabled)),
                patch("stranger", &[("department", Some("Care"))], None),
            ],
            records: vec![worker("d", "Care")],
            joined: BTreeSet::from([edge("g-agents", "d"), edge("g-extra", "a"), edge("g-agents", "printer")]),
            left: BTreeSet::from([edge("g-agents", "c")]),
            groups: vec![DirectoryGroup { id: "g-extra".into(), name: Some("Extra".into()) }],
            ..delta("c2")
        },
        2,
    )
    .await
    .unwrap();
    assert_eq!(
        people(&home).await,
        "a Active Sales g-agents+g-extra\nb Disabled Sales g-agents\nc Active Care \nd Active Care g-agents"
    );
    assert_eq!((outcome.joined, outcome.changed, outcome.left, outcome.people), (1, 1, 2, 2));
    let view = view(&home).await;
    assert_eq!(view.people[&person("a")].attributes.get("username"), None);
    let moved: Vec<_> = view.moved.iter().map(|(key, what)| format!("{key}: {what}")).collect();
    assert_eq!(
        moved,
        [
            "entra/a: department Care → Sales; mail changed; username changed; joined group Extra",
            "entra/b: disabled",
            "entra/c: left group Agents",
            "entra/d: new in the directory",
        ]
    );
    assert_eq!(home.moved_since().await.unwrap()[&person("a")], at(2));
    home.clear_moved(&BTreeSet::from([person("a")])).await.unwrap();
    assert!(!home.moved_since().await.unwrap().contains_key(&person("a")));
    assert_eq!(home.cursor(&entra()).await.unwrap(), Some(cursor("c2")));
    assert_eq!(home.last_full(&entra()).await.unwrap(), Some(at(1)));
}

#[tokio::test]
async fn who_is_not_listed_is_missing_first_and_confirmed_by_a_second_listing() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 1).await.unwrap();
    let outcome = full(&home, listing([worker("a", "Care")]), 2).await.unwrap();
    assert_eq!((outcome.missing, outcome.left), (vec!["b".into()], 0));
    assert_eq!(people(&home).await, "a Active Care g-agents\nb MissingUnconfirmed Care ");
    let outcome = pull(&home, delta("c3"), 3).await.unwrap();
    assert_eq!(outcome.missing, ["b".into()], "asked again as long as nobody has answered");
    let outcome = full(&home, listing([worker("a", "Care")]), 4).await.unwrap();
    assert_eq!(outcome.missing, []);
    assert_eq!(people(&home).await, "a Active Care g-agents\nb MissingConfirmed Care ");
    // The directory speaks about somebody who was believed to be gone: back to asking.
    let spoken = DirectoryDelta { patches: vec![patch("b", &[("department", Some("Sales"))], None)], ..delta("c5") };
    assert_eq!(pull(&home, spoken, 5).await.unwrap().missing, ["b".into()]);
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 6).await.unwrap();
    assert_eq!(people(&home).await, "a Active Care g-agents\nb Active Care g-agents");
}

#[tokio::test]
async fn a_point_read_settles_who_is_missing() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care"), worker("c", "Care")]), 1).await.unwrap();
    full(&home, listing([worker("a", "Care")]), 2).await.unwrap();
    let answers = BTreeMap::from([
        ("b".into(), Presence::Gone),
        ("c".into(), Presence::Here { record: worker("c", "Sales"), groups: None }),
        ("by-tag".into(), Presence::Here { record: worker("by-tag", "Care"), groups: None }),
        ("by-tag-gone".into(), Presence::Gone),
    ]);
    let outcome = home.confirm(&entra(), &answers, at(3)).await.unwrap();
    assert_eq!((outcome.contradicted, outcome.gone), (vec![], 2), "out of scope is no contradiction");
    let expected =
        "a Active Care g-agents\nb Deleted Care \nby-tag Active Care \nby-tag-gone Deleted - \nc Active Sales ";
    assert_eq!(people(&home).await, expected);
    // Who is known to be out of scope is not expected in a listing of the scope.
    let outcome = full(&home, listing([worker("a", "Care")]), 4).await.unwrap();
    assert_eq!(outcome.missing, []);
    assert_eq!(people(&home).await, expected);
}

#[tokio::test]
async fn a_listing_of_everybody_that_a_point_read_contradicts_was_wrong() {
    let home = Home::new().await;
    let everybody = |users: Vec<UserRecord>| SnapshotContent { scope: Some(Scope::Everybody), ..listing(users) };
    full(&home, everybody(vec![worker("a", "Care"), worker("b", "Care")]), 1).await.unwrap();
    full(&home, everybody(vec![worker("a", "Care")]), 2).await.unwrap();
    let answers = BTreeMap::from([("b".into(), Presence::Here { record: worker("b", "Care"), groups: None })]);
    assert_eq!(home.confirm(&entra(), &answers, at(3)).await.unwrap().contradicted, ["b".into()]);
    assert_eq!(people(&home).await, "a Active Care g-agents\nb Active Care ");
}

#[tokio::test]
async fn a_source_that_had_people_and_would_have_none_is_refused() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 1).await.unwrap();
    let before = dump(&home.path).await;
    let nobody = full(&home, listing([]), 2).await;
    assert!(matches!(nobody, Err(StoreError::EmptiedOut { before: 2, .. })), "{nobody:?}");
    let everybody_left =
        DirectoryDelta { left: BTreeSet::from([edge("g-agents", "a"), edge("g-agents", "b")]), ..delta("c3") };
    assert!(matches!(pull(&home, everybody_left, 3).await, Err(StoreError::EmptiedOut { before: 2, .. })));
    assert_eq!(dump(&home.path).await, before);
    let empty = Home::new().await;
    assert_eq!(full(&empty, listing([]), 1).await.unwrap().people, 0, "nobody where nobody was is no news");
}

#[tokio::test]
async fn an_unreadable_record_is_present_and_one_without_an_id_protects_everybody() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care"), worker("b", "Care")]), 1).await.unwrap();
    let mut content = listing([worker("a", "Care")]);
    content.unreadable = vec![unreadable(Some("b")), unreadable(Some("new"))];
    full(&home, content, 2).await.unwrap();
    let expected = "a Active Care g-agents\nb Active Care g-agents (page 3: id is a number)\n\
                    new Active -  (page 3: id is a number)";
    assert_eq!(people(&home).await, expected);
    assert!(!home.known(&entra()).await.unwrap().contains(&"new".into()), "a stub has to be read as a whole");
    let mut content = listing([worker("new", "Care")]);
    content.unreadable = vec![unreadable(None)];
    let outcome = full(&home, content, 3).await.unwrap();
    assert_eq!((outcome.missing, outcome.notes), (vec![], vec!["page 3: id is a number".to_owned()]));
    assert_eq!(
        people(&home).await,
        "a Active Care g-agents\nb Active Care g-agents (page 3: id is a number)\nnew Active Care g-agents"
    );
    let garbled = DirectoryDelta { unreadable: vec![unreadable(Some("a"))], ..delta("c4") };
    pull(&home, garbled, 4).await.unwrap();
    let read_again = DirectoryDelta { records: vec![worker("b", "Sales")], ..delta("c5") };
    pull(&home, read_again, 5).await.unwrap();
    assert_eq!(
        people(&home).await,
        "a Active Care g-agents (page 3: id is a number)\nb Active Sales g-agents\nnew Active Care g-agents"
    );
}

#[tokio::test]
async fn a_group_that_is_followed_no_longer_is_forgotten() {
    let home = Home::new().await;
    let mut content = listing([worker("a", "Care")]);
    content.groups.push(DirectoryGroup { id: "g-extra".into(), name: Some("Extra".into()) });
    content.edges.insert(edge("g-extra", "a"));
    full(&home, content, 1).await.unwrap();
    home.clear_moved(&BTreeSet::from([person("a")])).await.unwrap();
    full(&home, listing([worker("a", "Care")]), 2).await.unwrap();
    let view = view(&home).await;
    assert_eq!(view.groups.len(), 1);
    assert_eq!(view.moved[&person("a")], "left group Extra");
}

/// SQLite never goes below the pages a file has.
async fn limit_pages(store: &Store, pragma: &'static str) {
    let mut writer = store.writer().await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    let _: i64 = sqlx::query_scalar(pragma).fetch_one(tx.conn().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let home = Home::new().await;
    full(&home, listing([worker("a", "Care")]), 1).await.unwrap();
    let before = dump(&home.path).await;
    limit_pages(&home, "PRAGMA max_page_count = 1").await;
    let everybody = || listing((0..2_000).map(|n| worker(&format!("p{n:04}"), "Care")));
    let failed = full(&home, everybody(), 2).await;
    assert!(matches!(failed, Err(StoreError::Full { .. })), "{failed:?}");
    assert!(failed.unwrap_err().hint().contains("disk"));
    assert_eq!(dump(&home.path).await, before);
    home.meta_set("small", "still fits").await.unwrap();
    limit_pages(&home, "PRAGMA max_page_count = 1000000").await;
    assert_eq!(full(&home, everybody(), 3).await.unwrap().people, 2_000);
}

#[tokio::test]
async fn a_wait_begins_when_the_directory_says_the_record_was_changed() {
    let home = Home::new().await;
    let all = || listing(["a", "b", "c", "d", "e"].map(|id| worker(id, "Care")));
    full(&home, all(), 10_000).await.unwrap();
    home.clear_moved(&["a", "b", "c", "d", "e"].map(person).into()).await.unwrap();
    pull(
        &home,
        DirectoryDelta {
            records: ["a", "b", "c", "d"].map(|id| worker(id, "Sales")).into(),
            joined: BTreeSet::from([edge("g-extra", "e")]),
            // Since the last pull; shortly before, seen late; long before; in time to come.
            modified: [("a", 10_030), ("b", 9_900), ("c", 10), ("d", 99_999)]
                .map(|(id, secs)| (id.into(), at(secs)))
                .into(),
            ..delta("c2")
        },
        10_060,
    )
    .await
    .unwrap();
    let since = home.moved_since().await.unwrap();
    let since: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|id| since[&person(id)]).collect();
    assert_eq!(since, [10_030, 9_900, 10_060, 10_060, 10_060].map(at));
}
