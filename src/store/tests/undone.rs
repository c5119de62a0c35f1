//! What was taken back: remembered, narrowed by ordinary runs, released by people; runs found by how their id begins.

use super::*;
use crate::model::{Facet, FacetUpdate, LeaveReason, Trigger, Undone, UndoneLeave, UndoneWish};
use crate::store::Settlement;

fn wish(number: u128) -> UndoneWish {
    let wish = [(Attribute::LastName, Value::Text(format!("wish {number}")))].into_iter().collect();
    UndoneWish { run: run(number), at: at(1), wish }
}

fn held(numbers: &[u128]) -> Undone {
    let mut undone = Undone::default();
    numbers.iter().for_each(|number| undone.hold(Facet::Identity, wish(*number)));
    undone
}

#[tokio::test]
async fn what_is_released_does_not_come_back_by_a_run_that_saw_it_before() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    let (ada, bob) = (person("ada"), person("bob"));
    let mut leaver = held(&[2]);
    leaver.hold_leave(UndoneLeave { run: run(1), at: at(1), why: LeaveReason::Disabled, since: at(0) });
    let all = BTreeMap::from([(ada.clone(), held(&[1, 2])), (bob.clone(), leaver)]);
    home.set_undone(&lease, &all).await.unwrap();
    assert_eq!(home.undone().await.unwrap(), all);

    assert_eq!(home.release_run(run(1)).await.unwrap(), 2);
    assert_eq!(home.release_run(run(1)).await.unwrap(), 0);
    // Planned before the release: what stays of Ada's is less than before, and has what was released since.
    home.narrow_undone(&lease, &BTreeMap::from([(ada.clone(), held(&[1]))])).await.unwrap();
    assert_eq!(home.undone().await.unwrap(), BTreeMap::from([(bob.clone(), held(&[2]))]));
    assert!(home.release_person(&bob).await.unwrap());
    assert!(!home.release_person(&bob).await.unwrap());
    assert!(home.undone().await.unwrap().is_empty());
}

#[tokio::test]
async fn runs_are_found_by_how_they_begin_and_name_the_last_writer() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    for number in [0x10, 0x20, 0x30] {
        home.begin_run(&lease, run(number), Trigger::Hand, at(1)).await.unwrap();
        let update = FacetUpdate {
            facet: Facet::Identity,
            before: AttributeSet::default(),
            wished: AttributeSet::default(),
            after: AttributeSet::default(),
            untag: BTreeSet::new(),
            stage: Stage::Active,
        };
        let change = Change {
            seq: 0,
            person: person("ada"),
            label: "ada".into(),
            connect: Some("c-1".into()),
            arn: None,
            action: Action::Update(Box::new(update)),
            because: Reason::Drift,
        };
        home.intend(&lease, run(number), &change, at(2)).await.unwrap();
        let outcome =
            if number == 0x30 { Outcome::DidNotHappen } else { Outcome::AlreadySo { request_id: None, created: None } };
        let settlement = Settlement {
            run: run(number),
            change: &change,
            outcome: &outcome,
            remembered: None,
            inventory: crate::store::InventoryPatch::None,
            at: at(3),
        };
        home.settle(&lease, settlement).await.unwrap();
    }
    let ids = |found: Vec<crate::store::RunRow>| found.into_iter().map(|row| row.run).collect::<Vec<_>>();
    assert_eq!(ids(home.runs_like("", 10).await.unwrap()).len(), 3);
    assert_eq!(ids(home.runs_like(&run(0x20).to_string(), 10).await.unwrap()), [run(0x20)]);
    assert_eq!(ids(home.runs_like("f", 10).await.unwrap()), []);
    let after = home.written_after(run(0x10)).await.unwrap();
    assert_eq!(after[&person("ada")][&Facet::Identity], run(0x20), "what did not happen was written by nobody");
    assert!(home.written_after(run(0x20)).await.unwrap().is_empty());
}
