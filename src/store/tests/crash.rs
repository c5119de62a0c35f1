//! A day of steps. Each of them is broken off at every statement, with an error and with a copy of the files as a killed
//! process would leave them; each of them is tried with a lease that was taken over.

use std::fs;
use std::sync::{Arc, Mutex};

use connectors::{Presence, Pull};

use super::*;
use crate::model::retry::Said;
use crate::model::{
    Decision, Finding, FindingCode, JournalEntry, LeaveReason, Quarantine, Remembered, RetryClock, RunSummary, Trigger,
    Trouble,
};
use crate::store::{InventoryPatch, Patient, Settlement, StoreError};

const STEPS: u32 = 29;

async fn snapshot_step(store: &Store, lease: &RunLease, step: u32) -> Result<(), StoreError> {
    let users = |range: std::ops::Range<u32>| listing(range.map(|n| worker(&format!("p{n}"), "Care")));
    match step {
        0 => store.apply_listing(Some(lease), &entra(), users(0..700), &cursor("c0"), at(0)).await.map(drop),
        1 => {
            let delta = DirectoryDelta {
                records: vec![worker("p1", "Sales")],
                left: BTreeSet::from([edge("g-agents", "p2")]),
                joined: BTreeSet::from([edge("g-extra", "p1")]),
                groups: vec![DirectoryGroup { id: "g-extra".into(), name: None }],
                ..delta("c1")
            };
            store.apply_pull(Some(lease), &entra(), Pull::Delta(delta), at(1)).await.map(drop)
        }
        2 => store.apply_listing(Some(lease), &entra(), users(5..700), &cursor("c2"), at(2)).await.map(drop),
        3 => {
            let answers = BTreeMap::from([
                ("p3".into(), Presence::Gone),
                ("p4".into(), Presence::Here { record: worker("p4", "X"), groups: None }),
            ]);
            store.confirm(&entra(), &answers, at(3)).await.map(drop)
        }
        4 => store.clear_moved(&["p1", "p5"].map(person).into()).await,
        _ => store.mark_established(lease, &entra(), at(5)).await,
    }
}

async fn ledger_step(store: &Store, lease: &RunLease, step: u32) -> Result<(), StoreError> {
    let (made, skipped) = (create(0, "p1"), delete(1, "p2"));
    let remembered = Remembered { absent_since: Some(at(9)), ..Remembered::default() };
    match step {
        6 => store.begin_run(lease, run(1), Trigger::Hand, at(6)).await.map(drop),
        7 => store.save_inventory(Some(lease), &inventory(&["p2", "p9"])).await,
        8 => store.intend(lease, run(1), &made, at(8)).await,
        9 => {
            let inventory = InventoryPatch::Put(Box::new(connect_user("p1")));
            let (outcome, remembered) = (done(Some("c-p1")), Some((&made.person, &remembered)));
            let settled =
                Settlement { run: run(1), change: &made, outcome: &outcome, remembered, inventory, at: at(9) };
            store.settle(lease, settled).await
        }
        10 => {
            let outcome = Outcome::NotAttempted { why: crate::model::NotAttempted::RunStopped };
            let inventory = InventoryPatch::RemoveQuickConnect("qc".into());
            let settled = Settlement {
                run: run(1),
                change: &skipped,
                outcome: &outcome,
                remembered: None,
                inventory,
                at: at(10),
            };
            store.settle(lease, settled).await
        }
        11 => store.intend(lease, run(1), &create(2, "p6"), at(11)).await,
        12 => store.begin_run(lease, run(2), Trigger::Schedule, at(12)).await.map(drop),
        13 => store.finish_run(lease, run(2), &RunSummary::default(), None, at(13)).await,
        14 => {
            let (run, message, hint) = (run(2), String::new(), String::new());
            store.append(lease, &[JournalEntry::SourceFailed { run, source: entra(), message, hint }], at(14)).await
        }
        _ => store.advance_sink("audit", 3).await,
    }
}

async fn memory_step(store: &Store, lease: &RunLease, step: u32) -> Result<(), StoreError> {
    let finding = |id: &str| Finding {
        code: FindingCode::BadPhone,
        person: Some(person(id)),
        label: String::new(),
        message: String::new(),
        hint: String::new(),
    };
    match step {
        16 => store.set_links(lease, &BTreeMap::from([(person("p2"), "c-p2".into())])).await,
        17 => {
            let leaving = BTreeMap::from([(person("p2"), (at(17), LeaveReason::Disabled))]);
            store.set_leaving(lease, &leaving, &BTreeSet::new()).await
        }
        18 => store.rebind(lease, &person("p2"), &person("p7")).await,
        19 => store.record_findings(lease, run(2), &[finding("p1"), finding("p2")], at(19)).await,
        20 => {
            let decisions = BTreeMap::from([(person("p1"), Decision::Changes { count: 1 })]);
            store.record_decisions(lease, run(2), &decisions).await
        }
        21 => store.hold_plan(lease, run(2), "d", "too many", at(21)).await,
        22 => store.approve("d", at(22)).await,
        23 => store.consume_approval(lease, "d").await,
        _ => store.clear_held(lease).await,
    }
}

async fn take(store: &Store, lease: &RunLease, step: u32) -> Result<(), StoreError> {
    match step {
        0..6 => snapshot_step(store, lease, step).await,
        6..16 => ledger_step(store, lease, step).await,
        16..25 => memory_step(store, lease, step).await,
        _ => trouble_step(store, lease, step).await,
    }
}

/// What is refused, and what is broken.
async fn trouble_step(store: &Store, lease: &RunLease, step: u32) -> Result<(), StoreError> {
    let (code, message, hint) = (String::from("InvalidParameterException"), String::new(), String::new());
    let trouble = Trouble { class: code.clone(), message: message.clone(), hint: hint.clone() };
    let quarantine = Quarantine::of_centre(None, trouble, at(26));
    match step {
        25 => {
            let change = create(2, "p6");
            let said = Said { code, message, hint, request_id: None, passes: false };
            let clock = RetryClock::refused(None, &change, said, at(25));
            let RetryClock { code, message, hint, request_id, .. } = clock.clone();
            let outcome = Outcome::Failed { code, message, hint, request_id };
            let inventory = InventoryPatch::None;
            let settled =
                Settlement { run: run(1), change: &change, outcome: &outcome, remembered: None, inventory, at: at(25) };
            store.settle_refused(lease, settled, Some(&clock)).await
        }
        26 => {
            let entry = JournalEntry::QuarantineEntered { run: run(2), failures: 3, message, hint };
            store.set_quarantine(lease, Patient::Centre, Some(&quarantine), Some(&entry), at(26)).await
        }
        27 => {
            let entry = JournalEntry::QuarantineLeft { run: run(2), since: at(26) };
            store.set_quarantine(lease, Patient::Centre, None, Some(&entry), at(27)).await
        }
        _ => store.keep_retries(lease, &BTreeMap::new(), &BTreeSet::new()).await,
    }
}

fn copy_as_killed(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", from.display()), format!("{}{suffix}", to.display())).unwrap();
    }
    // What the killed process shared in memory is gone with it.
    let _ = fs::remove_file(format!("{}-shm", to.display()));
}

/// Lets `allowed` statements pass, then takes a copy of the files and fails.
async fn break_after(home: &Home, allowed: u32, copy: &Path) {
    let (path, copy) = (home.path.clone(), copy.to_owned());
    let left = Arc::new(Mutex::new(allowed));
    home.store.writer().await.unwrap().hook = Some(Box::new(move || {
        let mut left = left.lock().unwrap();
        if *left == 0 {
            copy_as_killed(&path, &copy);
            return Err(StoreError::corrupt("injected"));
        }
        *left -= 1;
        Ok(())
    }));
}

#[tokio::test]
async fn a_step_that_breaks_off_at_any_statement_has_not_happened() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let mut broken = 0;
    // A file of its own each: whoever had one open may close it late, and with it the log of the next one.
    let copy = |step, allowed| home.path.with_file_name(format!("killed-{step}-{allowed}.db"));
    for step in 0..STEPS {
        let before = dump(&home.path).await;
        let mut allowed = 0;
        loop {
            let killed = copy(step, allowed);
            break_after(&home, allowed, &killed).await;
            match take(&home, &lease, step).await {
                Ok(()) => break,
                Err(StoreError::Corrupt { what, .. }) if what == "injected" => {}
                Err(error) => panic!("step {step}: {error:?}"),
            }
            assert!(
                dump(&home.path).await == before,
                "step {step} broke off at statement {allowed} and left something"
            );
            let reopened = Store::open(&killed, at(0)).await.unwrap();
            drop(reopened);
            assert!(dump(&killed).await == before, "step {step} was killed at statement {allowed} and left something");
            allowed += 1;
        }
        broken += allowed;
        home.store.writer().await.unwrap().hook = None;
        let after = dump(&home.path).await;
        assert!(after != before, "step {step} does something");
        let killed = copy(step, allowed);
        copy_as_killed(&home.path, &killed);
        assert!(dump(&killed).await == after, "step {step} was reported and lost");
    }
    assert!(broken > 3 * STEPS, "{broken} places to break at");
}

#[tokio::test]
async fn a_run_whose_lease_was_taken_over_writes_nothing() {
    let home = Home::new().await;
    let stale = lease(&home).await.without_lock();
    let fresh = home.acquire("serve, process 2", at(3_600)).await.unwrap();
    // These are no part of a run: a rehearsal, a person, a sink.
    let without_lease = [3, 4, 15, 22];
    for step in 0..STEPS {
        if !without_lease.contains(&step) {
            let before = dump(&home.path).await;
            let refused = take(&home, &stale, step).await;
            assert!(matches!(refused, Err(StoreError::LeaseLost)), "step {step}: {refused:?}");
            assert!(dump(&home.path).await == before, "step {step}");
        }
        take(&home, &fresh, step).await.unwrap();
    }
}

#[tokio::test]
async fn a_step_whose_caller_goes_away_has_not_happened() {
    let home = Home::new().await;
    let before = dump(&home.path).await;
    {
        let mut writer = home.store.writer().await.unwrap();
        let mut tx = writer.begin().await.unwrap();
        sqlx::query("INSERT INTO meta (name, value) VALUES ('x', 'y')").execute(tx.conn().unwrap()).await.unwrap();
    }
    home.meta_set("after", "1").await.unwrap();
    let after = dump(&home.path).await;
    assert_eq!(after.len(), before.len() + 1);
}

/// What SQLite does where it cannot write: the transaction is over before the driver knows.
async fn given_up_by_sqlite(home: &Home) {
    let mut writer = home.writer().await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    sqlx::query("INSERT INTO meta (name, value) VALUES ('lost', '1')").execute(tx.conn().unwrap()).await.unwrap();
    sqlx::query("ROLLBACK").execute(tx.conn().unwrap()).await.unwrap();
    tx.commit().await.unwrap_err();
}

#[tokio::test]
async fn a_step_that_sqlite_gave_up_by_itself_stops_no_later_one() {
    let home = Home::new().await;
    given_up_by_sqlite(&home).await;
    given_up_by_sqlite(&home).await;
    home.meta_set("after", "1").await.unwrap();
    assert_eq!(home.meta_get("after").await.unwrap().as_deref(), Some("1"));
    assert_eq!(home.meta_get("lost").await.unwrap(), None);
}
