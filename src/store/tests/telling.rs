//! The books of the notifiers.

use super::*;
use crate::model::{Book, Episode, Subject};
use crate::store::StoreError;

fn book() -> Book {
    let episode = |over| Episode { since: at(0), last: at(60), times: 3, told: 1, due: at(3_600), over, ends: 2 };
    let subjects = [
        (Subject::Source("entra".into()), episode(None)),
        (Subject::Report("audit".to_owned()), episode(Some(at(90)))),
        (Subject::People, episode(None)),
    ];
    Book {
        at: Some(at(60)),
        subjects: subjects.into_iter().collect(),
        held: BTreeSet::from([person("ada"), person("bob")]),
        failures: 4,
        rests_until: Some(at(120)),
    }
}

#[tokio::test]
async fn a_book_comes_back_as_it_was_written_and_is_each_notifier_s_own() {
    let home = Home::new().await;
    let lease = lease(&home).await;
    assert_eq!(home.notify_book("ops").await.unwrap(), Book::default());
    home.set_notify_book(&lease, "ops", &book()).await.unwrap();
    assert_eq!(home.notify_book("ops").await.unwrap(), book());
    assert_eq!(home.notify_book("chat").await.unwrap(), Book::default());
    let later = Book { failures: 0, rests_until: None, ..book() };
    home.set_notify_book(&lease, "ops", &later).await.unwrap();
    let again = Store::open(&home.path, at(9)).await.unwrap();
    assert_eq!(again.notify_book("ops").await.unwrap(), later);
}

#[tokio::test]
async fn a_process_that_lost_its_lease_tells_nothing() {
    let home = Home::new().await;
    let stale = lease(&home).await.without_lock();
    home.set_notify_book(&stale, "ops", &book()).await.unwrap();
    let _fresh = home.acquire("serve, process 2", at(3_600)).await.unwrap();
    let before = dump(&home.path).await;
    let refused = home.set_notify_book(&stale, "ops", &Book::default()).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
    assert_eq!(dump(&home.path).await, before);
}
