//! Leases, runs, the journal, held plans.

use super::*;
use crate::model::{ChangeRecord, JournalEntry, NotAttempted, Remembered, RunSummary, Trigger};
use crate::store::{InventoryPatch, Settlement, StoreError};

fn settlement<'a>(change: &'a Change, outcome: &'a Outcome, seconds: i64) -> Settlement<'a> {
    Settlement { run: run(1), change, outcome, remembered: None, inventory: InventoryPatch::None, at: at(seconds) }
}

/// `event_id person` of every line after `after`.
async fn lines(store: &Store, after: i64) -> Vec<String> {
    let rows = store.journal(after, 100).await.unwrap();
    rows.iter().map(|row| row.event_id.replace(&run(1).to_string(), "R1").replace(&run(2).to_string(), "R2")).collect()
}

#[tokio::test]
async fn one_lease_at_a_time_and_a_takeover_fences_the_former_holder() {
    let home = Home::new().await;
    let first = home.acquire("serve, process 1", at(0)).await.unwrap();
    let refused = home.acquire("by hand, process 2", at(59)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Held { holder, since } if holder == "serve, process 1" && *since == at(0)));
    assert!(home.is_held());
    let first = first.without_lock();
    assert!(!home.is_held(), "a lock goes with its process");
    let second = home.acquire("by hand, process 2", at(60)).await.unwrap();
    assert!(second.fencing() > first.fencing());
    assert!(matches!(
        home.finish_run(&first, run(1), &RunSummary::default(), None, at(61)).await,
        Err(StoreError::LeaseLost)
    ));
    home.release(first).await.unwrap();
    assert_eq!(home.holder().await.unwrap().unwrap().0, "by hand, process 2", "not theirs to release");
    let fencing = second.fencing();
    home.release(second).await.unwrap();
    assert_eq!(home.holder().await.unwrap(), None);
    assert!(home.acquire("serve, process 3", at(62)).await.unwrap().fencing() > fencing);
}

#[tokio::test]
async fn every_change_reaches_the_journal_once_and_only_when_it_is_final() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    assert_eq!(home.begin_run(&lease, run(1), Trigger::Hand, at(1)).await.unwrap(), []);
    let (made, doubted, skipped) = (create(0, "ada"), create(1, "bob"), delete(2, "cy"));
    home.intend(&lease, run(1), &made, at(2)).await.unwrap();
    home.intend(&lease, run(1), &doubted, at(2)).await.unwrap();
    let open = home.open_intents().await.unwrap();
    assert_eq!(open.iter().map(|intent| &intent.change).collect::<Vec<_>>(), [&made, &doubted]);
    assert_eq!((open[0].run, open[0].at), (run(1), at(2)));
    home.settle(&lease, settlement(&made, &done(Some("c-ada")), 3)).await.unwrap();
    let in_doubt = Outcome::InDoubt { message: "timeout".into() };
    home.settle(&lease, settlement(&doubted, &in_doubt, 3)).await.unwrap();
    let skip = Outcome::NotAttempted { why: NotAttempted::Shutdown };
    home.settle(&lease, settlement(&skipped, &skip, 4)).await.unwrap();
    assert_eq!(home.open_intents().await.unwrap().len(), 1);
    assert_eq!(lines(&home, 0).await, ["R1:started", "R1:change:0", "R1:change:2"]);
    let happened = Outcome::AlreadySo { request_id: None, created: Some("c-bob".into()) };
    for _ in 0..2 {
        home.settle(&lease, settlement(&doubted, &happened, 5)).await.unwrap();
    }
    home.settle(&lease, settlement(&doubted, &in_doubt, 6)).await.unwrap();
    assert_eq!(home.open_intents().await.unwrap(), []);
    assert_eq!(lines(&home, 3).await, ["R1:change:1"]);
    let rows = home.journal(0, 100).await.unwrap();
    let expected = ChangeRecord { run: run(1), change: made.clone(), outcome: done(Some("c-ada")) };
    assert_eq!(rows[1].entry, JournalEntry::Change(Box::new(expected)));
    assert_eq!((rows[1].at, home.journal(0, 1).await.unwrap().len()), (at(3), 1));
    let stranger = create(9, "dee");
    let unknown = home.settle(&lease, settlement(&stranger, &done(None), 7)).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "an outcome needs an intent");
    let changes = home.run_changes(run(1)).await.unwrap();
    assert_eq!(changes, [(made, done(Some("c-ada")), at(3)), (doubted, happened, at(5)), (skipped, skip, at(4))]);
    let history = home.person_history(&person("ada"), 10).await.unwrap();
    assert_eq!(history.iter().map(|row| row.seq).collect::<Vec<_>>(), [rows[1].seq]);
}

#[tokio::test]
async fn an_interrupted_run_is_closed_by_the_next_with_what_it_had_done() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Schedule, at(1)).await.unwrap();
    for change in [create(0, "ada"), delete(1, "bob"), create(2, "cy")] {
        home.intend(&lease, run(1), &change, at(2)).await.unwrap();
    }
    home.settle(&lease, settlement(&create(0, "ada"), &done(Some("c-ada")), 3)).await.unwrap();
    let failed = Outcome::Failed { code: "X".into(), message: "m".into(), hint: "h".into(), request_id: None };
    home.settle(&lease, settlement(&delete(1, "bob"), &failed, 3)).await.unwrap();
    assert_eq!(home.begin_run(&lease, run(2), Trigger::Hand, at(9)).await.unwrap(), [run(1)]);
    let runs = home.runs(10).await.unwrap();
    assert_eq!(runs.iter().map(|row| row.run).collect::<Vec<_>>(), [run(2), run(1)]);
    assert_eq!((runs[0].finished, runs[0].trigger, runs[0].started), (None, Trigger::Hand, at(9)));
    let summary = runs[1].summary.as_ref().unwrap();
    assert_eq!((summary.result.as_str(), summary.millis), ("interrupted", 8_000));
    assert_eq!((summary.created, summary.failed, summary.in_doubt, summary.deleted), (1, 1, 1, 0));
    assert_eq!(lines(&home, 0).await.split_off(3), ["R1:finished", "R2:started"]);
    let changes = home.run_changes(run(1)).await.unwrap();
    assert!(matches!(changes[2], (_, Outcome::InDoubt { .. }, when) if when == at(2)));
    let summary = RunSummary { result: "done".into(), created: 7, ..RunSummary::default() };
    home.finish_run(&lease, run(2), &summary, Some(at(60)), at(10)).await.unwrap();
    assert_eq!(home.runs(1).await.unwrap()[0].summary, Some(summary.clone()));
    let again = home.finish_run(&lease, run(2), &summary, None, at(11)).await;
    assert!(matches!(again, Err(StoreError::Unknown { .. })), "a run ends once");
}

#[tokio::test]
async fn memory_inventory_and_own_writes_change_with_the_outcome() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Hand, at(1)).await.unwrap();
    let mut before = inventory(&["bob"]);
    before.quick_connects =
        vec![crate::model::QuickConnect { named: named("qc-bob"), user: "c-bob".into(), flow: "f".into() }];
    home.save_inventory(Some(&lease), &before).await.unwrap();
    let made = create(0, "ada");
    home.intend(&lease, run(1), &made, at(2)).await.unwrap();
    let remembered = Remembered::default().after(&made, Some(&"c-ada".into()), at(3));
    let outcome = done(Some("c-ada"));
    let settled = Settlement {
        remembered: Some((&made.person, &remembered)),
        inventory: InventoryPatch::Put(Box::new(connect_user("ada"))),
        ..settlement(&made, &outcome, 3)
    };
    home.settle(&lease, settled).await.unwrap();
    assert_eq!(home.memory().await.unwrap(), BTreeMap::from([(person("ada"), remembered)]));
    assert_eq!(home.own_writes().await.unwrap(), BTreeMap::from([("c-ada".into(), at(3))]));
    let gone = delete(1, "ada");
    let user = inventory(&["ada", "bob"]).users;
    assert_eq!(home.inventory().await.unwrap().unwrap().users, user);
    home.intend(&lease, run(1), &gone, at(4)).await.unwrap();
    let outcome = done(None);
    let settled = Settlement { inventory: InventoryPatch::Remove("c-bob".into()), ..settlement(&gone, &outcome, 5) };
    home.settle(&lease, settled).await.unwrap();
    let left = home.inventory().await.unwrap().unwrap();
    assert_eq!(left, inventory(&["ada"]), "the quick connect went with its user");
    assert!(home.own_writes().await.unwrap().is_empty(), "a deleted user is nobody's");
}

#[tokio::test]
async fn a_sink_goes_forward_only() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let failed = JournalEntry::SourceFailed { run: run(1), source: entra(), message: "m".into(), hint: "h".into() };
    home.append(&lease, &[failed.clone(), failed], at(1)).await.unwrap();
    assert_eq!(home.sink_cursor("audit").await.unwrap(), 0);
    for (to, expected) in [(2, 2), (1, 2), (3, 3)] {
        home.advance_sink("audit", to).await.unwrap();
        assert_eq!(home.sink_cursor("audit").await.unwrap(), expected);
    }
    let rows = home.journal(0, 10).await.unwrap();
    assert_eq!(rows.len(), 2, "a failure that happens twice is told twice");
    assert_ne!(rows[0].event_id, rows[1].event_id);
}

#[tokio::test]
async fn an_approval_names_a_digest_and_is_used_up() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    home.begin_run(&lease, run(1), Trigger::Schedule, at(1)).await.unwrap();
    for seconds in [2, 3] {
        home.hold_plan(&lease, run(1), "d1", "51 removals", at(seconds)).await.unwrap();
    }
    let held = home.held().await.unwrap().unwrap();
    assert_eq!((held.digest.as_str(), held.message.as_str(), held.run, held.at), ("d1", "51 removals", run(1), at(2)));
    for seconds in [4, 5] {
        home.approve("d1", at(seconds)).await.unwrap();
    }
    let told: Vec<_> =
        lines(&home, 1).await.iter().map(|id| id.split(':').take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(told, ["R1:refused", "approved:d1"], "the same news once");
    assert_eq!(home.approval("d1").await.unwrap(), Some(at(5)), "approving again starts the time anew");
    assert_eq!(home.approval("d2").await.unwrap(), None);
    home.hold_plan(&lease, run(1), "d1", "51 removals, and the approval ran out", at(6)).await.unwrap();
    let held = home.held().await.unwrap().unwrap();
    assert_eq!(
        (held.message.as_str(), held.at),
        ("51 removals, and the approval ran out", at(2)),
        "since then, said now"
    );
    home.approve("d0", at(4)).await.unwrap();
    home.forget_approvals(at(6), Some("d1")).await.unwrap();
    assert_eq!(home.approval("d0").await.unwrap(), None, "has run out");
    assert_eq!(home.approval("d1").await.unwrap(), Some(at(5)), "can still be told to have run out");
    home.forget_approvals(at(5), None).await.unwrap();
    assert_eq!(home.approval("d1").await.unwrap(), Some(at(5)), "given at that very moment");
    home.forget_approvals(at(6), None).await.unwrap();
    assert_eq!(home.approval("d1").await.unwrap(), None);
    home.approve("d1", at(7)).await.unwrap();
    home.consume_approval(&lease, "d1").await.unwrap();
    assert_eq!(home.approval("d1").await.unwrap(), None);
    home.clear_held(&lease).await.unwrap();
    assert_eq!(home.held().await.unwrap(), None);
}
