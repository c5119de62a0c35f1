//! What a store sees when it follows the org.

use serde_json::Value;

use super::*;
use crate::attributes::DEPARTMENT;
use crate::directory::{DirectoryGroup, Edge, Standing, UserRecord};

fn ids(records: &[UserRecord]) -> Vec<ExternalId> {
    records.iter().map(|record| record.id.clone()).collect()
}

#[tokio::test]
async fn nothing_new_is_nothing() {
    for scope in [OktaScope::Everybody, groups(&["Agents"])] {
        let mut rig = Rig::new(company().await, scope, &[RULE]);
        rig.start().await;
        for _ in 0..3 {
            let delta = rig.delta().await;
            assert!(delta.patches.is_empty() && delta.relisted.is_empty() && delta.groups.is_empty());
            assert!(delta.joined.is_empty() && delta.left.is_empty() && delta.notes.is_empty(), "{:?}", delta.notes);
            rig.fake.world().tick(60);
        }
    }
}

#[tokio::test]
async fn changes_come_as_what_they_are() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[RULE]);
    rig.start().await;
    {
        let mut world = rig.fake.world();
        world.put(1, json!({"department": "Sales", "title": "Lead"}));
        world.put(9, json!({"department": "elsewhere"}));
        world.status(2, "SUSPENDED");
        world.leave(1, 4);
        world.join(1, 8);
        world.rename(2, "Renamed");
        world.delete(3);
    }
    let delta = rig.delta().await;
    assert_eq!(ids(&delta.records), [1, 2, 5, 8].map(person), "the members as listed, and no stranger");
    assert_eq!(delta.records[0].attributes.get(DEPARTMENT), Some("Sales"));
    assert_eq!((delta.records[1].standing, delta.records[3].standing), (Standing::Disabled, Standing::Active));
    let patched: Vec<_> = delta.patches.iter().map(|patch| (patch.id.clone(), patch.standing)).collect();
    assert_eq!(patched, [(person(3), Some(Standing::Deleted))]);
    let members: Vec<_> = delta.relisted.into_iter().map(|(id, list)| (id, list.into_members())).collect();
    assert_eq!(members, [(group_id(1).into(), BTreeSet::from([1, 2, 5, 8].map(person)))]);
    assert_eq!(delta.groups, [DirectoryGroup { id: group_id(2).into(), name: Some("Renamed".into()) }]);
    rig.fake.world().tick(600);
    let delta = rig.delta().await;
    assert!(delta.patches.is_empty() && delta.relisted.is_empty() && delta.groups.is_empty());
}

#[tokio::test]
async fn a_cleared_property_is_gone_from_the_record() {
    let mut rig = Rig::new(company().await, OktaScope::Everybody, &[]);
    rig.start().await;
    rig.fake.world().put(1, json!({"department": null}));
    let delta = rig.delta().await;
    let one = delta.records.iter().find(|record| record.id == person(1)).unwrap();
    assert_eq!(one.attributes.get(DEPARTMENT), None);
}

/// Whatever falls between the reading of a clock and the end of a listing is seen by the next pull.
#[tokio::test]
async fn a_change_during_a_pull_is_seen_by_the_next_one() {
    let parts = ["/groups?", "/groups/", "/users?", "/logs?"];
    for part in parts {
        for first in [true, false] {
            if part == "/groups?" && !first {
                // A single group is asked for by its id.
                continue;
            }
            let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
            if !first {
                rig.start().await;
                rig.fake.world().join(1, 9);
                rig.fake.world().put(2, json!({"department": "Sales"}));
            }
            rig.fake.world().happens(part, |world| {
                world.join(1, 7);
                world.leave(1, 5);
                world.put(1, json!({"department": "Moved"}));
                world.delete(3);
            });
            let mut mirror = Mirror::default();
            for _ in 0..3 {
                let pull = rig.pull().await.unwrap();
                rig.cursor = Some(mirror.apply(pull));
                rig.known = mirror.users.keys().cloned().collect();
                rig.fake.world().tick(120);
            }
            assert!(rig.fake.world().all_happened(), "{part}");
            let expected = truth(&rig, true);
            if first {
                assert_eq!(mirror.present(true), expected, "{part}");
            } else {
                // The mirror started with a delta: it knows those that were told.
                let present = mirror.present(true);
                assert!(present.iter().all(|(id, told)| expected.get(id) == Some(told)), "{part}: {present:?}");
                assert!(present.contains_key(&id(7)) && !present.contains_key(&id(5)), "{part}: {present:?}");
            }
        }
    }
}

/// What a store would hold, by the documented meaning of pulls; whoever is missing is asked for.
#[derive(Default)]
struct Mirror {
    users: BTreeMap<ExternalId, (BTreeMap<String, String>, Standing)>,
    edges: BTreeSet<Edge>,
}

fn whole(record: &UserRecord) -> (BTreeMap<String, String>, Standing) {
    let attributes = record.attributes.iter().map(|(name, value)| (name.to_string(), value.to_owned()));
    (attributes.collect(), record.standing)
}

impl Mirror {
    fn apply(&mut self, pull: Pull) -> Cursor {
        match pull {
            Pull::Full(snapshot) => {
                let (content, cursor) = snapshot.into_parts();
                self.users = content.users.iter().map(|(id, record)| (id.clone(), whole(record))).collect();
                self.edges = content.edges;
                cursor
            }
            Pull::Delta(delta) => {
                for patch in delta.patches {
                    assert!(patch.attributes.is_empty(), "records replace");
                    if let (Some((_, standing)), Some(told)) = (self.users.get_mut(&patch.id), patch.standing) {
                        *standing = told;
                    }
                }
                self.users.extend(delta.records.iter().map(|record| (record.id.clone(), whole(record))));
                for (group, list) in delta.relisted {
                    self.edges.retain(|edge| edge.group != group);
                    let members = list.into_members().into_iter();
                    self.edges.extend(members.map(|member| Edge { group: group.clone(), member }));
                }
                self.edges.extend(delta.joined);
                delta.cursor
            }
        }
    }

    /// Everybody who is there and in scope, with department.
    fn present(&self, scoped: bool) -> BTreeMap<String, (Option<String>, Standing)> {
        let alive =
            self.users.iter().filter(|(_, (_, standing))| matches!(standing, Standing::Active | Standing::Disabled));
        let in_scope = alive.filter(|(id, _)| {
            let edge = Edge { group: group_id(1).into(), member: (*id).clone() };
            !scoped || self.edges.contains(&edge)
        });
        in_scope
            .map(|(id, (attributes, standing))| (id.to_string(), (attributes.get(DEPARTMENT).cloned(), *standing)))
            .collect()
    }
}

fn truth(rig: &Rig, scoped: bool) -> BTreeMap<String, (Option<String>, Standing)> {
    let world = rig.fake.world();
    let agents = &world.groups[&group_id(1)].members;
    let shown = |user: &Value| {
        let active = matches!(user["status"].as_str(), Some("ACTIVE" | "LOCKED_OUT"));
        let standing = if active { Standing::Active } else { Standing::Disabled };
        (user["profile"]["department"].as_str().map(str::to_owned), standing)
    };
    world
        .users
        .iter()
        .filter(|(id, _)| !scoped || agents.contains(*id))
        .map(|(id, user)| (id.clone(), shown(user)))
        .collect()
}

/// However the org changes, whoever follows it ends where a full reading would.
#[tokio::test]
async fn following_is_as_good_as_reading_anew() {
    for (seed, scoped, stuck) in
        [(1, true, false), (2, false, false), (3, true, false), (4, true, true), (5, false, false), (6, true, true)]
    {
        let mut dice = fastrand::Rng::with_seed(seed);
        let scope = if scoped { groups(&["Agents"]) } else { OktaScope::Everybody };
        let mut rig = Rig::new(company().await, scope, &[RULE]);
        // With clocks that do not move, only the log tells that a group has changed.
        rig.fake.world().stuck_clocks = stuck;
        let mut mirror = Mirror::default();
        for step in 0..25 {
            for _ in 0..dice.usize(0..4) {
                let (number, group) = (dice.u32(1..14), dice.u32(1..3));
                let mut world = rig.fake.world();
                world.tick(i64::from(dice.u32(0..400)));
                let there = world.users.contains_key(&id(number));
                match dice.u32(0..7) {
                    0 | 1 => world.put(number, json!({"department": format!("D{step}")})),
                    2 if there => world.put(number, json!({"department": null})),
                    3 if there => world.status(number, ["SUSPENDED", "LOCKED_OUT", "ACTIVE"][dice.usize(0..3)]),
                    4 if world.users.len() > 5 => world.delete(number),
                    5 if there => world.join(group, number),
                    6 => world.leave(group, number),
                    _ => {}
                }
            }
            rig.known = mirror.users.keys().cloned().collect();
            let pull = rig.pull().await.unwrap();
            assert_eq!(matches!(pull, Pull::Full(_)), step == 0);
            rig.cursor = Some(mirror.apply(pull));
            assert_eq!(mirror.present(scoped), truth(&rig, scoped), "seed {seed}, step {step}");
            rig.fake.world().tick(60);
        }
    }
}

/// The clocks have whole seconds: a second change within the second of the first does not move them.
#[tokio::test]
async fn two_changes_of_a_group_within_one_second_are_both_seen() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.fake.world().log_permitted = false;
    rig.start().await;
    rig.fake.world().join(1, 8);
    assert_eq!(rig.delta().await.relisted.len(), 1);
    {
        let mut world = rig.fake.world();
        world.stuck_clocks = true;
        world.join(1, 9);
        world.stuck_clocks = false;
        world.tick(60);
    }
    let delta = rig.delta().await;
    assert!(delta.relisted.into_values().next().unwrap().into_members().contains(&person(9)));
    rig.fake.world().tick(60);
    assert!(rig.delta().await.relisted.is_empty(), "once more is enough");
}

/// The log tells of a deletion once, also of somebody who joined in the same round.
#[tokio::test]
async fn somebody_who_joins_and_is_deleted_in_one_round_is_gone() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.start().await;
    rig.fake.world().page_size = 1_000;
    rig.fake.world().join(1, 9);
    rig.fake.world().happens(&format!("/groups/{}/users", group_id(1)), |world| world.delete(9));
    assert!(!rig.fake.world().all_happened());
    let delta = rig.delta().await;
    assert!(rig.fake.world().all_happened());
    assert!(delta.records.iter().all(|record| record.id != person(9)));
    let patched: Vec<_> = delta.patches.iter().map(|patch| patch.id.clone()).collect();
    assert_eq!(patched, [person(9)]);
}

/// The index that a search answers from may be behind; the overlap covers it.
#[tokio::test]
async fn a_search_that_lags_is_caught_up_with() {
    let mut rig = Rig::new(company().await, OktaScope::Everybody, &[]);
    rig.start().await;
    rig.fake.world().put(1, json!({"department": "Sales"}));
    rig.fake.world().tick(100);
    rig.fake.world().put(2, json!({"department": "Sales"}));
    let behind = rig.fake.world().users[&id(1)].clone();
    // The first poll sees the later change only.
    let only = json!([rig.fake.world().users[&id(2)].clone()]);
    rig.fake.world().fault("/users?", 1, wiremock::ResponseTemplate::new(200).set_body_json(only));
    assert_eq!(ids(&rig.delta().await.records), [person(2)]);
    let delta = rig.delta().await;
    let one = delta.records.iter().find(|record| record.id == person(1)).unwrap();
    assert_eq!(one.attributes.get(DEPARTMENT), behind["profile"]["department"].as_str());
}

/// One record from the future must not hide everything until then.
#[tokio::test]
async fn a_watermark_is_never_beyond_the_orgs_own_now() {
    let mut rig = Rig::new(company().await, OktaScope::Everybody, &[]);
    rig.fake.world().users.get_mut(&id(4)).unwrap()["lastUpdated"] = json!("2099-01-01T00:00:00.000Z");
    rig.start().await;
    rig.delta().await;
    rig.fake.world().put(1, json!({"department": "Sales"}));
    let delta = rig.delta().await;
    assert!(delta.records.iter().any(|record| record.id == person(1)));
}

#[tokio::test]
async fn a_cursor_for_something_else_or_too_old_is_not_used() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.start().await;
    let late = now() + TimeDelta::hours(1) + TimeDelta::days(7) + TimeDelta::seconds(1);
    assert!(matches!(rig.pull_at(late).await, Ok(Pull::Full(_))));
    let cursor = rig.cursor.clone();
    type Change = fn(&mut OktaConfig);
    let changes: [(&str, Change, bool); 7] = [
        ("the same", |_| {}, true),
        ("the share", |config| config.rate_share = 0.9, true),
        (
            "rules",
            |config| {
                let _ = config.rule_groups.insert(RULE.to_owned());
            },
            false,
        ),
        (
            "wanted",
            |config| {
                let _ = config.wanted.insert("badge".into());
            },
            false,
        ),
        (
            "fields",
            |config| {
                let _ = config.fields.insert("title".into(), "profile.role".into());
            },
            false,
        ),
        (
            "statuses",
            |config| {
                let _ = config.statuses.insert("STAGED".into(), StatusMeaning::Active);
            },
            false,
        ),
        ("scope", |config| config.scope = OktaScope::Everybody, false),
    ];
    let mut fake = rig.fake;
    for (name, change, usable) in changes {
        let mut other = Rig::with(fake, groups(&["Agents"]), &[], change);
        other.cursor.clone_from(&cursor);
        assert_eq!(matches!(other.pull().await, Ok(Pull::Delta(_))), usable, "{name}");
        other.cursor = Some(Cursor::new("{}".to_owned()));
        assert!(matches!(other.pull().await, Ok(Pull::Full(_))), "{name}");
        fake = other.fake;
    }
}
