//! What people who look are told: sessions, days, pages of changes, one person whole.

use super::*;
use crate::model::{Facet, FacetUpdate, JournalEntry, LeaveReason, Remembered, Trigger};
use crate::store::{AuditRow, By, DayCount, InventoryPatch, Order, Part, SessionRow, Settlement, Span};

const DAY_SECS: i64 = 24 * 60 * 60;
const ALL: Part = Part { offset: 0, limit: 100 };

#[tokio::test]
async fn a_new_token_ends_every_session_and_an_old_one_begins_none() {
    let home = Home::new().await;
    let (old, new, session) = ([1; 32], [2; 32], [9; 32]);
    assert_eq!(home.console_token().await.unwrap(), None);
    assert!(!home.begin_session(&session, &old, at(0), at(1)).await.unwrap(), "there is no token yet");
    home.set_console_token(&old, at(1)).await.unwrap();
    assert!(home.begin_session(&session, &old, at(0), at(2)).await.unwrap());
    assert_eq!(home.session(&session).await.unwrap(), Some(SessionRow { begun: at(2), used: at(2) }));
    home.use_session(&session, at(5)).await.unwrap();
    home.use_session(&session, at(4)).await.unwrap();
    assert_eq!(home.session(&session).await.unwrap().unwrap().used, at(5), "use does not go back");

    home.set_console_token(&new, at(6)).await.unwrap();
    assert_eq!(home.console_token().await.unwrap(), Some((new, at(6))));
    assert_eq!(home.session(&session).await.unwrap(), None);
    home.use_session(&session, at(7)).await.unwrap();
    assert_eq!(home.session(&session).await.unwrap(), None, "an ended session stays ended");
    assert!(!home.begin_session(&session, &old, at(0), at(8)).await.unwrap());
    assert!(home.begin_session(&session, &new, at(0), at(8)).await.unwrap());
    home.end_session(&session).await.unwrap();
    assert_eq!(home.session(&session).await.unwrap(), None);
}

#[tokio::test]
async fn sessions_that_began_too_long_ago_and_too_many_of_them_are_forgotten() {
    let home = Home::new().await;
    let token = [1; 32];
    home.set_console_token(&token, at(0)).await.unwrap();
    let session = |n: u16| {
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        hash
    };
    home.begin_session(&session(0), &token, at(0), at(1)).await.unwrap();
    home.begin_session(&session(1), &token, at(2), at(3)).await.unwrap();
    assert_eq!(home.session(&session(0)).await.unwrap(), None);
    for n in 2..103 {
        home.begin_session(&session(n), &token, at(0), at(i64::from(n) + 2)).await.unwrap();
    }
    assert_eq!(home.session(&session(1)).await.unwrap(), None, "a hundred and two are too many");
    assert!(home.session(&session(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn the_audit_is_told_newest_first() {
    let home = Home::new().await;
    let row = |n: i64| AuditRow { at: at(n), actor: format!("session {n}"), action: "approved".into(), about: None };
    for n in 0..5 {
        home.audit(&row(n)).await.unwrap();
    }
    assert_eq!(home.audited(2).await.unwrap(), [row(4), row(3)]);
}

#[tokio::test]
async fn wrong_tokens_by_the_thousand_push_out_nothing_that_was_done() {
    let home = Home::new().await;
    let row = |action: &str| AuditRow { at: at(1), actor: "somebody".into(), action: action.into(), about: None };
    home.audit(&row("approved")).await.unwrap();
    let flood = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
                 INSERT INTO console_audit (at, actor, action) SELECT i, 'somebody', 'token refused' FROM n";
    let mut writer = home.writer().await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    sqlx::query(flood).execute(tx.conn().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    home.audit(&row("token refused")).await.unwrap();
    let (rows, all) = home.audited_part(Part { offset: 20_000, limit: 10 }).await.unwrap();
    assert_eq!((rows.as_slice(), all), ([row("approved")].as_slice(), 20_001), "the oldest of all is there");
}

fn update(seq: u32, id: &str, because: Reason) -> Change {
    let wished: AttributeSet = [(Attribute::FirstName, Value::text("Ada"))].into_iter().collect();
    let update = FacetUpdate {
        facet: Facet::Identity,
        before: AttributeSet::default(),
        after: wished.clone(),
        wished,
        untag: BTreeSet::new(),
        stage: Stage::Active,
    };
    Change { because, ..change(seq, id, Action::Update(Box::new(update))) }
}

/// A run that carries these changes out, each with what it settles as.
async fn carried_out(home: &Home, number: u128, changes: &[(Change, Outcome)], seconds: i64) {
    let lease = lease(home).await;
    home.begin_run(&lease, run(number), Trigger::Hand, at(seconds)).await.unwrap();
    for (change, outcome) in changes {
        home.intend(&lease, run(number), change, at(seconds)).await.unwrap();
        let (remembered, inventory) = (None, InventoryPatch::None);
        let settlement = Settlement { run: run(number), change, outcome, remembered, inventory, at: at(seconds) };
        home.settle(&lease, settlement).await.unwrap();
    }
    home.release(lease).await.unwrap();
}

#[tokio::test]
async fn what_took_place_is_counted_by_day_and_by_what_it_did_to_people() {
    let home = Home::new().await;
    let left = Reason::Left { why: LeaveReason::Disabled, since: at(0) };
    let renamed = Reason::Renamed { user: "c-1".into(), from: "a".into(), to: "b".into() };
    let adopted = Reason::Adopted { by: "username".into() };
    let failed = Outcome::Failed { code: "x".into(), message: "x".into(), hint: "x".into(), request_id: None };
    let so = Outcome::AlreadySo { request_id: None, created: None };
    let changes = [
        (create(0, "ada"), done(Some("c-ada"))),
        (create(1, "bob"), failed.clone()),
        (update(2, "cy", Reason::Drift), done(None)),
        (update(3, "cy", Reason::Returned), so),
        (update(4, "dee", left.clone()), done(None)),
        (Change { because: left, ..delete(5, "dee") }, done(None)),
        (Change { because: renamed, ..create(6, "eve") }, done(None)),
        (update(7, "fay", adopted), done(None)),
    ];
    carried_out(&home, 1, &changes, 10).await;
    carried_out(&home, 2, &[(create(0, "gus"), done(None)), (create(1, "hal"), done(None))], DAY_SECS + 10).await;
    let days = home.days(at(0)).await.unwrap();
    let count = |day: i64, fate: &str, people: u32| DayCount { day: at(day * DAY_SECS), fate: fate.into(), people };
    let first = [("adopt", 1), ("change", 1), ("join", 1), ("leave", 1), ("rename", 1)];
    let mut expected: Vec<DayCount> = first.into_iter().map(|(fate, people)| count(0, fate, people)).collect();
    expected.push(count(1, "join", 2));
    assert_eq!(days, expected, "each person once, and nobody whose change failed");
    assert_eq!(home.days(at(DAY_SECS)).await.unwrap(), expected[5..]);

    let names = async |span: Span<'_>, part: Part| {
        let (rows, all) = home.happened(span, part).await.unwrap();
        let names: Vec<String> = rows
            .iter()
            .map(|row| match &row.entry {
                JournalEntry::Change(record) => record.change.person.id.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        (names, all)
    };
    let span = Span { fate: None, from: at(0), to: at(DAY_SECS), people: None, order: Order::default() };
    assert_eq!(names(span, ALL).await.0, ["fay", "eve", "dee", "dee", "cy", "cy", "ada"], "newest first");
    for (by, reversed, expected) in [
        (By::Own, true, "ada cy cy dee dee eve fay"),
        (By::Person, false, "ada cy cy dee dee eve fay"),
        (By::Person, true, "fay eve dee dee cy cy ada"),
        (By::Fate, false, "fay cy cy ada dee dee eve"),
        (By::Outcome, false, "cy fay eve dee dee cy ada"),
    ] {
        let order = Order { by, reversed };
        assert_eq!(names(Span { order, ..span }, ALL).await.0.join(" "), expected, "{order:?}");
    }
    let some = Part { offset: 2, limit: 2 };
    assert_eq!(names(Span { fate: Some("leave"), ..span }, some).await, (vec![], 2));
    assert_eq!(names(span, some).await, (vec!["dee".to_owned(), "dee".to_owned()], 7));
    let people = BTreeSet::from([person("cy"), person("gus")]);
    assert_eq!(names(Span { people: Some(&people), ..span }, ALL).await, (vec!["cy".to_owned(), "cy".to_owned()], 2));

    let (part, all) =
        home.run_changes_part(run(1), None, Order::default(), Part { offset: 1, limit: 2 }).await.unwrap();
    assert_eq!((part[0].0.seq, part[0].1.clone(), part.len(), all), (1, failed, 2, 8));
    let (part, all) = home.run_changes_part(run(1), Some(&people), Order::default(), ALL).await.unwrap();
    assert_eq!((part.iter().map(|row| row.0.seq).collect::<Vec<_>>(), all), (vec![2, 3], 2));
    for (by, reversed, expected) in [
        (By::Own, true, [7, 6, 5, 4, 3, 2, 1, 0]),
        (By::Person, true, [7, 6, 4, 5, 2, 3, 1, 0]),
        (By::Outcome, true, [1, 0, 2, 4, 5, 6, 7, 3]),
    ] {
        let (rows, _) = home.run_changes_part(run(1), None, Order { by, reversed }, ALL).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.0.seq).collect::<Vec<_>>(), expected, "{by:?}");
    }
    let (runs, all) = home.runs_part(Part { offset: 1, limit: 5 }).await.unwrap();
    assert_eq!((runs[0].run, runs.len(), all), (run(1), 1, 2));
}

#[tokio::test]
async fn the_mark_moves_with_what_is_pulled_looked_at_and_run() {
    let home = Home::new().await;
    let mut marks = vec![home.mark().await.unwrap()];
    home.apply_listing(None, &entra(), listing([worker("ada", "Care")]), &cursor("c"), at(1)).await.unwrap();
    marks.push(home.mark().await.unwrap());
    home.save_inventory(None, &inventory(&["ada"])).await.unwrap();
    marks.push(home.mark().await.unwrap());
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Hand, at(7)).await.unwrap();
    assert_eq!(home.mark().await.unwrap(), marks[2], "a run that is under way has not changed the whole yet");
    home.finish_run(&lease, run(1), &crate::model::RunSummary::default(), None, at(8)).await.unwrap();
    marks.push(home.mark().await.unwrap());
    assert!(marks.is_sorted() && marks.windows(2).all(|pair| pair[0] != pair[1]), "{marks:?}");
    home.set_console_token(&[1; 32], at(9)).await.unwrap();
    assert_eq!(home.mark().await.unwrap(), marks[3], "what the console writes is none of it");
}

#[tokio::test]
async fn one_person_is_seen_as_among_everybody() {
    let home = Home::new().await;
    let configured = [entra()];
    let frozen = BTreeMap::new();
    let about = async |id: &str, users: &BTreeSet<_>| {
        home.observed_about(&BTreeSet::from([person(id)]), users, &frozen, &configured, at(9)).await.unwrap()
    };
    assert!(about("ada", &BTreeSet::new()).await.is_none(), "Connect was never looked at");
    home.apply_listing(None, &entra(), listing(["ada", "bob"].map(|id| worker(id, "Care"))), &cursor("c"), at(1))
        .await
        .unwrap();
    home.save_inventory(None, &inventory(&["ada", "bob", "cy"])).await.unwrap();
    let made = create(0, "ada");
    let remembered = Remembered { link: Some("c-ada".into()), ..Remembered::default() };
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Hand, at(2)).await.unwrap();
    home.intend(&lease, run(1), &made, at(2)).await.unwrap();
    let settlement = Settlement {
        run: run(1),
        change: &made,
        outcome: &done(Some("c-ada")),
        remembered: Some((&person("ada"), &remembered)),
        inventory: InventoryPatch::None,
        at: at(3),
    };
    home.settle(&lease, settlement).await.unwrap();
    let leaving = BTreeMap::from([(person("ada"), (at(4), LeaveReason::Disabled))]);
    home.set_leaving(&lease, &leaving, &BTreeSet::new()).await.unwrap();

    let view = home.directory_view(&frozen, &configured).await.unwrap();
    let (memory, whole) = (home.memory().await.unwrap(), home.inventory().await.unwrap().unwrap());
    let seen = about("ada", &BTreeSet::from(["c-cy".into()])).await.unwrap();
    assert_eq!(seen.directory.people.keys().collect::<Vec<_>>(), [&person("ada")]);
    assert_eq!(seen.directory.people[&person("ada")], view.people[&person("ada")]);
    assert_eq!(seen.directory.groups, view.groups);
    assert_eq!(seen.memory[&person("ada")], memory[&person("ada")]);
    assert_eq!(seen.memory[&person("ada")].absent_since, Some(at(4)));
    let ids: Vec<&str> = seen.connect.users.keys().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["c-ada", "c-cy"], "the user that is remembered, and the one that was asked for");
    assert_eq!((&seen.connect.catalogue, seen.connect.at), (&whole.catalogue, whole.at));
    assert!(about("nobody", &BTreeSet::new()).await.unwrap().directory.people.is_empty());
}
