//! What a store sees when it follows the tenant.

use std::collections::BTreeMap;

use serde_json::json;

use super::tenant::{group_id, id};
use super::*;
use crate::attributes::{DEPARTMENT, MOBILE_PHONE};
use crate::directory::{Edge, Scope, Standing};

const AGENTS: Reads<'_> = Reads { scope: Some(&["Agents"]), rules: &["O'Neill's rule"], nested: false };
const EVERYBODY: Reads<'_> = Reads { scope: None, rules: &["O'Neill's rule"], nested: false };
const NESTED: Reads<'_> = Reads { scope: Some(&["Agents"]), rules: &[], nested: true };

fn person(number: u32) -> ExternalId {
    id(number).into()
}

#[tokio::test]
async fn every_way_of_reading_finds_its_people() {
    let everybody: Vec<u32> = (1..=10).collect();
    let nested_everybody = Reads { scope: None, rules: &["Agents"], nested: true };
    let table: [(&str, Reads<'_>, &[u32], usize); 4] = [
        ("named groups", AGENTS, &[1, 2, 3, 4, 5], 9),
        ("whole tenant", EVERYBODY, &everybody, 4),
        ("nested groups", NESTED, &[1, 2, 3, 4, 5], 5),
        ("nested, whole tenant", nested_everybody, &everybody, 5),
    ];
    for (name, reads, expected, edges) in table {
        let scoped = reads.scope.is_some();
        let mut rig = Rig::new(company().await, reads).await;
        let (content, _) = rig.full().await.into_parts();
        let expected: Vec<ExternalId> = expected.iter().map(|number| person(*number)).collect();
        assert_eq!(content.users.keys().cloned().collect::<Vec<_>>(), expected, "{name}");
        assert_eq!(content.edges.len(), edges, "{name}");
        let scope = if scoped { Scope::Groups([group_id(1).into()].into()) } else { Scope::Everybody };
        assert_eq!(content.scope, Some(scope), "{name}");
        let one = &content.users[&person(1)];
        assert_eq!((one.attributes.get(DEPARTMENT), one.standing), (Some("Care"), Standing::Active), "{name}");
        assert_eq!(content.requests as usize, rig.fake.tenant().seen.len(), "{name}");
    }
}

#[tokio::test]
async fn an_idle_poll_is_two_requests_or_one() {
    let whole = Reads::default();
    for (reads, requests) in [(AGENTS, 2), (EVERYBODY, 2), (whole, 1)] {
        let mut rig = Rig::new(company().await, reads).await;
        rig.start().await;
        for _ in 0..3 {
            let delta = rig.delta().await;
            assert_eq!(delta.requests, requests);
            assert!(delta.patches.is_empty() && delta.records.is_empty() && delta.joined.is_empty());
        }
    }
}

#[tokio::test]
async fn more_groups_than_a_filter_holds_are_several_chains() {
    let fake = company().await;
    let ids: Vec<String> = (100..160).map(group_id).collect();
    for number in 100..160 {
        fake.tenant().group(number, "one of many");
        fake.tenant().join(number, 1 + number % 10);
    }
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut rig = Rig::new(fake, Reads { scope: Some(&names), ..Reads::default() }).await;
    let (content, cursor) = rig.full().await.into_parts();
    assert_eq!((content.groups.len(), content.edges.len(), content.users.len()), (60, 60, 10));
    rig.cursor = Some(cursor);
    assert_eq!(rig.delta().await.requests, 3);
}

#[tokio::test]
async fn changes_come_as_what_they_are() {
    let mut rig = Rig::new(company().await, AGENTS).await;
    rig.start().await;
    {
        let mut tenant = rig.fake.tenant();
        tenant.put(1, json!({"department": "Sales"}));
        tenant.put(9, json!({"department": "elsewhere"}));
        tenant.put(2, json!({"accountEnabled": false}));
        tenant.delete(3);
        tenant.leave(1, 4);
        tenant.join(1, 8);
    }
    let delta = rig.delta().await;
    let patched: Vec<_> = delta.patches.iter().map(|patch| (patch.id.clone(), patch.standing)).collect();
    assert_eq!(
        patched,
        [
            (person(1), Some(Standing::Active)),
            (person(2), Some(Standing::Disabled)),
            (person(3), Some(Standing::SoftDeleted)),
        ]
    );
    assert_eq!(delta.patches[0].attributes[&DEPARTMENT.into()].as_deref(), Some("Sales"));
    assert_eq!(delta.patches[0].attributes[&MOBILE_PHONE.into()], None);
    assert!(!delta.patches[0].attributes.contains_key(&"title".into()), "an absent key is unchanged");
    assert_eq!(delta.records.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), [person(8)]);
    assert_eq!(delta.left, [Edge { group: group_id(1).into(), member: person(4) }].into());
    assert_eq!(delta.joined, [Edge { group: group_id(1).into(), member: person(8) }].into());
    rig.fake.tenant().restore(3);
    let delta = rig.delta().await;
    assert_eq!((delta.patches[0].id.clone(), delta.patches[0].standing), (person(3), Some(Standing::Active)));
    assert!(delta.joined.is_empty(), "a restore tells no membership");
}

#[tokio::test]
async fn a_restore_without_a_word_on_the_account_is_read() {
    let mut rig = Rig::new(company().await, AGENTS).await;
    rig.start().await;
    let base = rig.fake.tenant().base().to_owned();
    let page = json!({"value": [{"id": id(3), "mobilePhone": null}],
        "@odata.deltaLink": format!("{base}/v1.0/users/delta?$deltatoken=10")});
    rig.fake.tenant().fault("/users/delta", 1, wiremock::ResponseTemplate::new(200).set_body_json(page));
    let delta = rig.delta().await;
    assert_eq!((delta.records.len(), delta.requests), (1, 3));
    assert_eq!((delta.records[0].id.clone(), delta.records[0].standing), (person(3), Standing::Active));
}

#[tokio::test]
async fn a_member_that_only_one_listing_shows_is_there() {
    let fake = company().await;
    fake.tenant().unindexed.insert(id(2));
    fake.tenant().delete(5);
    let mut rig = Rig::new(fake, AGENTS).await;
    let (content, cursor) = rig.full().await.into_parts();
    assert!(content.users.contains_key(&person(2)), "read one by one");
    assert!(!content.users.contains_key(&person(5)) && content.edges.iter().any(|edge| edge.member == person(5)));
    rig.cursor = Some(cursor);
    rig.fake.tenant().restore(5);
    let delta = rig.delta().await;
    assert_eq!(delta.records.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), [person(5)]);
}

/// What a store would hold, by the documented meaning of pulls.
#[derive(Default)]
struct Mirror {
    users: BTreeMap<ExternalId, (BTreeMap<String, String>, Standing)>,
    edges: BTreeSet<Edge>,
}

impl Mirror {
    fn apply(&mut self, pull: Pull) -> Cursor {
        let whole = |record: &crate::directory::UserRecord| {
            let attributes = record.attributes.iter().map(|(name, value)| (name.to_string(), value.to_owned()));
            (attributes.collect(), record.standing)
        };
        match pull {
            Pull::Full(snapshot) => {
                let (content, cursor) = snapshot.into_parts();
                self.users = content.users.iter().map(|(id, record)| (id.clone(), whole(record))).collect();
                self.edges = content.edges;
                cursor
            }
            Pull::Delta(delta) => {
                for patch in delta.patches {
                    let (attributes, standing) = self.users.get_mut(&patch.id).expect("only known people are patched");
                    for (name, value) in patch.attributes {
                        match value {
                            Some(value) => attributes.insert(name.to_string(), value.into()),
                            None => attributes.remove(name.as_str()),
                        };
                    }
                    *standing = patch.standing.unwrap_or(*standing);
                }
                self.users.extend(delta.records.iter().map(|record| (record.id.clone(), whole(record))));
                self.edges.extend(delta.joined);
                self.edges.retain(|edge| !delta.left.contains(edge));
                delta.cursor
            }
        }
    }

    /// Everybody who is there and in scope, with department.
    fn present(&self, scope: Option<&str>) -> BTreeMap<String, (Option<String>, Standing)> {
        let alive =
            self.users.iter().filter(|(_, (_, standing))| matches!(standing, Standing::Active | Standing::Disabled));
        let in_scope = alive.filter(|(id, _)| {
            scope.is_none_or(|scope| {
                let edge = Edge { group: scope.into(), member: (*id).clone() };
                self.edges.contains(&edge)
            })
        });
        in_scope
            .map(|(id, (attributes, standing))| (id.to_string(), (attributes.get(DEPARTMENT).cloned(), *standing)))
            .collect()
    }
}

/// However the tenant changes, whoever follows its deltas ends where a full reading would.
#[tokio::test]
async fn following_is_as_good_as_reading_anew() {
    for (seed, scoped) in [(1, true), (2, false), (3, true), (4, false), (5, true)] {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut rig = Rig::new(company().await, if scoped { AGENTS } else { EVERYBODY }).await;
        let mut mirror = Mirror::default();
        for step in 0..25 {
            for _ in 0..dice.usize(0..4) {
                let (number, group) = (dice.u32(1..14), dice.u32(1..3));
                let mut tenant = rig.fake.tenant();
                match dice.u32(0..6) {
                    0 if !tenant.deleted.contains_key(&id(number)) => {
                        tenant.put(number, json!({"department": format!("D{step}"), "accountEnabled": dice.bool()}));
                    }
                    1 if tenant.users.contains_key(&id(number)) => tenant.put(number, json!({"department": null})),
                    2 => tenant.delete(number),
                    3 => tenant.restore(number),
                    4 if tenant.users.contains_key(&id(number)) => tenant.join(group, number),
                    5 => tenant.leave(group, number),
                    _ => {}
                }
            }
            rig.known = mirror.users.keys().cloned().collect();
            let pull = rig.pull().await.unwrap();
            assert_eq!(matches!(pull, Pull::Full(_)), step == 0);
            rig.cursor = Some(mirror.apply(pull));
            let tenant = rig.fake.tenant();
            let agents = &tenant.groups[&group_id(1)].1;
            let truth: BTreeMap<_, _> = tenant
                .users
                .iter()
                .filter(|(id, _)| !scoped || agents.contains(*id))
                .map(|(id, user)| {
                    let enabled = user["accountEnabled"].as_bool().unwrap();
                    let standing = if enabled { Standing::Active } else { Standing::Disabled };
                    (id.clone(), (user["department"].as_str().map(str::to_owned), standing))
                })
                .collect();
            let scope = group_id(1);
            let seen = mirror.present(scoped.then_some(scope.as_str()));
            assert_eq!(seen, truth, "seed {seed}, step {step}");
        }
    }
}

#[tokio::test]
async fn people_are_confirmed_in_twenties_and_throttled_parts_are_asked_again() {
    let fake = company().await;
    fake.tenant().fault(&id(2), 2, wiremock::ResponseTemplate::new(429));
    let rig = Rig::new(fake, Reads::default()).await;
    let asked: Vec<ExternalId> = (1..=45).map(person).collect();
    let found = rig.source.confirm(&asked).await.unwrap();
    assert_eq!(found.len(), 45);
    for (number, presence) in (1..).map(person).zip(1..=45).map(|(id, number)| (number, &found[&id])) {
        assert_eq!(matches!(presence, Presence::Here { .. }), number <= 10, "{number}");
    }
    assert_eq!(rig.fake.tenant().seen.len(), 3 + 2);
}

#[tokio::test]
async fn in_group_scope_a_point_read_speaks_of_the_persons_groups() {
    let rig = Rig::new(company().await, AGENTS).await;
    let found = rig.source.confirm(&[person(1), person(9)]).await.unwrap();
    for (number, expected) in [(1, vec![group_id(1).as_str().into()]), (9, vec![])] {
        let Presence::Here { groups, .. } = &found[&person(number)] else { panic!("{number} is here") };
        assert_eq!(*groups, Some(expected.into_iter().collect()), "{number}");
    }
}

#[tokio::test]
async fn a_check_tells_one_line_each() {
    let rig = Rig::new(company().await, Reads { rules: &["Nobody's"], ..AGENTS }).await;
    rig.fake.tenant().inner_groups = 2;
    let lines = rig.source.check().await;
    let bad: Vec<_> = lines.iter().filter(|line| !line.ok && !line.text.contains("clock")).collect();
    assert_eq!(bad.len(), 1, "{lines:?}");
    assert!(bad[0].text.contains("no group named `Nobody's`") && bad[0].hint.is_some());
    assert!(lines.iter().any(|line| line.ok && line.text.contains("`Agents`") && line.text.contains("5 people")));
    let nested = lines.iter().find(|line| line.text.contains("2 other groups")).unwrap();
    assert!(nested.hint.as_ref().is_some_and(|hint| hint.contains("nested = true")));
    rig.fake.tenant().put(1, json!({"userPrincipalName": null}));
    let lines = rig.source.check().await;
    assert!(lines.iter().any(|line| !line.ok && line.hint.as_ref().is_some_and(|hint| hint.contains("User.Read.All"))));
    rig.fake.tenant().refuse_tokens = true;
    assert!(rig.source.check().await.iter().skip(2).all(|line| !line.ok && line.hint.is_some()));
}
