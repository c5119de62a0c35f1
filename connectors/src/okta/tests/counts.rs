//! What a pull costs, to the request.

use super::*;

/// `people` in ten groups of equal size, 150 each where there are 1,500; everybody is assigned to the application.
async fn large(people: u32) -> Fake {
    let fake = Fake::start().await;
    {
        let mut world = fake.world();
        world.page_size = 1_000;
        world.app(1, "Contact centre");
        for group in 1..=10 {
            world.group(group, &format!("CC {group}"));
        }
        for number in 1..=people {
            world.put(number, json!({}));
            world.join(1 + number % 10, number);
            world.assign(1, number, json!({}));
        }
        world.tick(86_400);
    }
    fake
}

const TEN: [&str; 10] = ["CC 1", "CC 2", "CC 3", "CC 4", "CC 5", "CC 6", "CC 7", "CC 8", "CC 9", "CC 10"];

/// Of a full pull: whether the log may be read, and whether the role shows everybody.
const OVERHEAD: u32 = 2;

#[tokio::test]
async fn ten_groups_of_fifteen_hundred() {
    let mut rig = Rig::new(large(1_500).await, groups(&TEN), &[]);
    let (content, cursor) = rig.full().await.into_parts();
    rig.cursor = Some(cursor);
    // Ten clocks, and 150 people a group are one page each.
    assert_eq!((content.users.len(), content.requests), (1_500, 10 + 10 + OVERHEAD));
    assert_eq!(content.requests as usize, rig.seen().len());
    for _ in 0..3 {
        rig.fake.world().tick(60);
        assert_eq!(rig.delta().await.requests, 3, "clocks, users, log");
    }
    {
        let mut world = rig.fake.world();
        (2_000..2_100).for_each(|number| world.put(number, json!({})));
        (2_000..2_100).for_each(|number| world.join(3, number));
        (1..=350).for_each(|number| world.put(number, json!({"department": "Sales"})));
    }
    // Two pages of the one group that changed; 450 changed people are three pages instead of one.
    assert_eq!(rig.delta().await.requests, 3 + 2 + 2);
    rig.fake.world().tick(600);
    assert_eq!(rig.delta().await.requests, 3 + 1, "300 of them changed within the overlap and are read once more");
}

#[tokio::test]
async fn few_groups_are_asked_for_one_by_one() {
    for (count, requests) in [(1, 3), (5, 7), (6, 3)] {
        let mut rig = Rig::new(large(60).await, groups(&TEN[..count]), &[]);
        rig.start().await;
        assert_eq!(rig.delta().await.requests, requests, "{count} groups");
    }
}

#[tokio::test]
async fn an_application_of_fifteen_hundred() {
    let mut rig = Rig::new(large(1_500).await, OktaScope::App("Contact centre".into()), &[]);
    let (content, cursor) = rig.full().await.into_parts();
    // The label is looked up and the role is asked for once; then it is the list alone.
    assert_eq!((content.users.len(), content.requests), (1_500, 3 + 2));
    rig.cursor = Some(cursor);
    for _ in 0..2 {
        let (content, cursor) = rig.full().await.into_parts();
        assert_eq!(content.requests, 3);
        rig.cursor = Some(cursor);
    }
    rig.fake.world().unassign(1, 7);
    let (content, cursor) = rig.full().await.into_parts();
    assert_eq!(
        (content.users.len(), content.requests),
        (1_499, 3 + 1),
        "somebody is missing: is the role still whole?"
    );
    rig.cursor = Some(cursor);
    rig.fake.world().assign(1, 7, json!({}));
    assert_eq!(rig.full().await.content().requests, 3);
}

#[tokio::test]
async fn everybody_of_two_thousand() {
    let mut rig = Rig::new(large(2_000).await, OktaScope::Everybody, &[]);
    let (content, cursor) = rig.full().await.into_parts();
    assert_eq!((content.users.len(), content.requests), (2_000, 10 + OVERHEAD));
    rig.cursor = Some(cursor);
    rig.fake.world().tick(600);
    assert_eq!(rig.delta().await.requests, 1 + 1, "users and log");
    (1..=450).for_each(|number| rig.fake.world().put(number, json!({"department": "Sales"})));
    let delta = rig.delta().await;
    assert_eq!(delta.requests, 3 + 1);
    assert!(delta.records.len() >= 450);
}
