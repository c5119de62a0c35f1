//! Memory, findings, decisions, the inventory, and finding people.

use super::*;
use crate::model::{Decision, Finding, FindingCode, JournalEntry, LeaveReason, Remembered, Trigger};
use crate::store::StoreError;

#[tokio::test]
async fn leaving_is_replaced_for_everybody_and_links_are_added() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let links = BTreeMap::from([(person("a"), "c-a".into()), (person("b"), "c-b".into())]);
    home.set_links(&lease, &links).await.unwrap();
    let leaving = BTreeMap::from([
        (person("a"), (at(1), LeaveReason::Disabled)),
        (person("x"), (at(2), LeaveReason::OutOfScope)),
    ]);
    for _ in 0..2 {
        home.set_leaving(&lease, &leaving, &BTreeSet::new()).await.unwrap();
    }
    let unobserved = BTreeSet::from([person("a"), person("x")]);
    home.set_leaving(&lease, &BTreeMap::new(), &unobserved).await.unwrap();
    let linked = |id: &str, since| Remembered { link: Some(id.into()), absent_since: since, ..Remembered::default() };
    let expected = BTreeMap::from([
        (person("a"), linked("c-a", Some(at(1)))),
        (person("b"), linked("c-b", None)),
        (person("x"), Remembered { absent_since: Some(at(2)), ..Remembered::default() }),
    ]);
    assert_eq!(home.memory().await.unwrap(), expected);
    home.set_leaving(&lease, &BTreeMap::new(), &BTreeSet::new()).await.unwrap();
    home.rebind(&lease, &person("a"), &person("new")).await.unwrap();
    let expected = BTreeMap::from([(person("new"), linked("c-a", None)), (person("b"), linked("c-b", None))]);
    assert_eq!(home.memory().await.unwrap(), expected);
    let unknown = home.rebind(&lease, &person("a"), &person("new")).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })));
    assert_eq!(home.memory().await.unwrap(), expected);
}

#[tokio::test]
async fn a_finding_is_news_once_and_again_after_it_was_gone() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Schedule, at(1)).await.unwrap();
    let finding = |id: &str, label: &str| Finding {
        code: FindingCode::BadPhone,
        person: Some(person(id)),
        label: label.into(),
        message: "not a number".into(),
        hint: "correct it".into(),
    };
    let foreign = Finding { person: None, code: FindingCode::Foreign, ..finding("-", "ops") };
    for (seconds, found, news) in [
        (1, vec![finding("a", "ada"), foreign.clone(), foreign.clone()], 2),
        (2, vec![finding("a", "ada.king"), foreign], 0),
        (3, vec![], 0),
        (4, vec![finding("a", "ada")], 1),
    ] {
        let before = home.journal(0, 100).await.unwrap().len();
        home.record_findings(&lease, run(1), &found, at(seconds)).await.unwrap();
        let rows = home.journal(0, 100).await.unwrap().split_off(before);
        assert_eq!(rows.len(), news, "at {seconds}");
        assert!(rows.iter().all(|row| matches!(row.entry, JournalEntry::Finding { .. })));
        let labels: BTreeSet<_> = home.findings().await.unwrap().into_iter().map(|finding| finding.label).collect();
        assert_eq!(labels, found.into_iter().map(|finding| finding.label).collect());
    }
}

#[tokio::test]
async fn only_decisions_that_say_something_are_kept() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let waiting = Decision::Waiting { until: at(9), next: Stage::Suspended, why: LeaveReason::Disabled };
    let first = BTreeMap::from([
        (person("a"), Decision::InSync),
        (person("b"), Decision::Changes { count: 2 }),
        (person("c"), waiting.clone()),
    ]);
    home.record_decisions(&lease, run(1), &first).await.unwrap();
    let second = BTreeMap::from([(person("b"), Decision::InSync), (person("c"), waiting.clone())]);
    home.record_decisions(&lease, run(2), &second).await.unwrap();
    assert_eq!(home.decisions().await.unwrap(), BTreeMap::from([(person("c"), waiting)]));
    assert_eq!(home.meta_get("decided_by").await.unwrap(), Some(run(2).to_string()));
}

#[tokio::test]
async fn an_inventory_comes_back_and_only_differences_are_written() {
    let home = Home::new().await;
    assert_eq!(home.inventory().await.unwrap(), None);
    let mut first = inventory(&["a", "b"]);
    first.quick_connects = vec![
        crate::model::QuickConnect { named: named("z"), user: "c-a".into(), flow: "f".into() },
        crate::model::QuickConnect { named: named("a"), user: "c-b".into(), flow: "f".into() },
    ];
    home.save_inventory(None, &first).await.unwrap();
    assert_eq!(home.inventory().await.unwrap(), Some(first));
    let second = inventory(&["b", "c"]);
    home.save_inventory(None, &second).await.unwrap();
    assert_eq!(home.inventory().await.unwrap(), Some(second));
}

#[tokio::test]
async fn people_are_found_by_what_humans_call_them() {
    let home = Home::new().await;
    let users = [
        record("1", &[("username", "Ada@Example.com"), ("mail", "ada.lovelace@example.com")]),
        record("2", &[("username", "ada.king@example.com")]),
        record("3", &[("username", "ÖMER@example.com"), ("mail", "ADA@example.com")]),
    ];
    home.apply_listing(None, &entra(), listing(users), &cursor("c"), at(1)).await.unwrap();
    for (text, expected) in [
        ("entra/1", vec!["1"]),
        ("okta/1", vec![]),
        ("ADA@example.com", vec!["1", "3"]),
        ("ada.lovelace@EXAMPLE.com", vec!["1"]),
        ("Ada", vec!["2", "1"]),
        ("ömer", vec!["3"]),
        ("  ", vec![]),
        ("%", vec![]),
        ("nobody", vec![]),
    ] {
        let found = home.find_person(text).await.unwrap();
        assert_eq!(found, expected.into_iter().map(person).collect::<Vec<_>>(), "{text}");
    }
}

/// Under a paused clock, as runs are tested: no time-out of the store may follow it.
#[tokio::test(start_paused = true)]
async fn a_source_is_established_by_a_run_that_was_carried_out() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let established =
        || async { home.directory_view(&BTreeMap::new(), &[entra()]).await.unwrap().sources[&entra()].established };
    home.apply_listing(Some(&lease), &entra(), listing([worker("a", "Care")]), &cursor("c"), at(1)).await.unwrap();
    assert!(!established().await);
    home.mark_established(&lease, &entra(), at(2)).await.unwrap();
    home.apply_listing(Some(&lease), &entra(), listing([worker("a", "Care")]), &cursor("c"), at(3)).await.unwrap();
    assert!(established().await);
}

#[tokio::test]
async fn a_clock_is_kept_while_its_step_is_wanted_and_forgotten_with_a_success() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Hand, at(1)).await.unwrap();
    let settle = async |seq: u32, id: &str, refused: bool| {
        let change = create(seq, id);
        home.intend(&lease, run(1), &change, at(2)).await.unwrap();
        let text = || String::from("InvalidParameterException");
        let said =
            crate::model::retry::Said { code: text(), message: text(), hint: text(), request_id: None, passes: false };
        let clock = refused.then(|| crate::model::RetryClock::refused(None, &change, said, at(2)));
        let failed = Outcome::Failed { code: text(), message: text(), hint: text(), request_id: None };
        let outcome = if refused { failed } else { done(Some("c")) };
        let (inventory, remembered) = (crate::store::InventoryPatch::None, None);
        let settled = crate::store::Settlement {
            run: run(1),
            change: &change,
            outcome: &outcome,
            remembered,
            inventory,
            at: at(3),
        };
        home.settle_refused(&lease, settled, clock.as_ref()).await.unwrap();
    };
    let people = async || home.retries().await.unwrap().into_keys().map(|key| key.id.to_string()).collect::<Vec<_>>();
    for (seq, id) in [(0, "ada"), (1, "bob"), (2, "cy"), (3, "dee")] {
        settle(seq, id, true).await;
    }
    assert_eq!(people().await, ["ada", "bob", "cy", "dee"]);
    settle(4, "dee", false).await;
    assert_eq!(people().await, ["ada", "bob", "cy"], "a success forgets");
    let wanted = BTreeMap::from([(person("ada"), BTreeSet::from([crate::model::Operation::CreateUser]))]);
    home.keep_retries(&lease, &wanted, &BTreeSet::from([person("bob")])).await.unwrap();
    assert_eq!(people().await, ["ada", "bob"], "wanted, and not observed");
    let reopened = Store::open_read_only(&home.path).await.unwrap();
    assert_eq!(reopened.retries().await.unwrap(), home.retries().await.unwrap(), "a restart forgets nothing");
}
