//! Law: whatever listings, deltas and answers come in whatever order, the snapshot is what a plain map would be.

use connectors::{Presence, Pull, UserPatch};
use proptest::prelude::*;

use super::*;
use crate::store::StoreError;

#[derive(Debug, Clone)]
enum Event {
    /// id → department, whether in the group of the scope.
    Full(BTreeMap<u8, (u8, bool)>),
    /// id → department; id → standing; id → joins or leaves.
    Delta(BTreeMap<u8, Option<u8>>, BTreeMap<u8, bool>, BTreeMap<u8, (u8, bool)>),
    /// id → here with this department, or gone.
    Confirm(BTreeMap<u8, Option<u8>>),
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    department: Option<u8>,
    standing: Standing,
    member: bool,
}

type Model = BTreeMap<u8, Known>;

fn event() -> impl Strategy<Value = Event> {
    let id = 0_u8..6;
    let department = 0_u8..3;
    let rows = prop::collection::btree_map(id.clone(), (department.clone(), prop::bool::weighted(0.8)), 0..6);
    let patches = prop::collection::btree_map(id.clone(), prop::option::of(department.clone()), 0..3);
    let switched = prop::collection::btree_map(id.clone(), any::<bool>(), 0..2);
    let moves = prop::collection::btree_map(id.clone(), (department.clone(), any::<bool>()), 0..3);
    let answers = prop::collection::btree_map(id, prop::option::of(department), 0..3);
    prop_oneof![
        rows.prop_map(Event::Full),
        (patches, switched, moves).prop_map(|(patches, switched, moves)| Event::Delta(patches, switched, moves)),
        answers.prop_map(Event::Confirm),
    ]
}

fn name(id: u8) -> String {
    format!("p{id}")
}

fn department(number: u8) -> String {
    format!("Department {number}")
}

fn in_scope(model: &Model) -> usize {
    model.values().filter(|known| known.member && known.standing == Standing::Active).count()
}

/// The law itself, as plainly as it can be said. `None` if the event is refused.
fn expected(before: &Model, event: &Event) -> Option<Model> {
    let mut model = before.clone();
    match event {
        Event::Full(rows) => {
            for (id, known) in &mut model {
                let missing = matches!(known.standing, Standing::MissingUnconfirmed | Standing::MissingConfirmed);
                let deleted = known.standing == Standing::Deleted;
                if !rows.contains_key(id) && !deleted && (known.member || missing) {
                    known.standing = if missing { Standing::MissingConfirmed } else { Standing::MissingUnconfirmed };
                }
                known.member = false;
            }
            for (id, (department, member)) in rows {
                let known = Known { department: Some(*department), standing: Standing::Active, member: *member };
                model.insert(*id, known);
            }
        }
        Event::Delta(patches, switched, moves) => {
            for (id, department) in patches {
                if let Some(known) = model.get_mut(id) {
                    known.department = *department;
                    if known.standing == Standing::MissingConfirmed {
                        known.standing = Standing::MissingUnconfirmed;
                    }
                }
            }
            for (id, active) in switched {
                if let Some(known) = model.get_mut(id) {
                    known.standing = if *active { Standing::Active } else { Standing::Deleted };
                }
            }
            for (id, (department, joins)) in moves {
                if *joins {
                    let known = Known { department: Some(*department), standing: Standing::Active, member: true };
                    model.insert(*id, known);
                } else if let Some(known) = model.get_mut(id) {
                    known.member = false;
                }
            }
        }
        Event::Confirm(answers) => {
            for (id, answer) in answers {
                let old = model.get(id);
                let member = old.is_some_and(|known| known.member);
                let known = match answer {
                    Some(department) => Known { department: Some(*department), standing: Standing::Active, member },
                    None => {
                        let department = old.and_then(|known| known.department);
                        Known { department, standing: Standing::Deleted, member }
                    }
                };
                model.insert(*id, known);
            }
            return Some(model);
        }
    }
    if let Event::Full(rows) = event {
        let looked_for = |known: &Known| known.standing == Standing::MissingUnconfirmed;
        let here = |known: &Known| known.member && known.standing == Standing::Active;
        let mut known = before.iter().filter(|(_, known)| here(known) || looked_for(known));
        let (several, none) = (known.clone().count() >= 5, known.all(|(id, _)| !rows.contains_key(id)));
        if several && none && !rows.is_empty() {
            return None;
        }
    }
    (in_scope(before) == 0 || in_scope(&model) > 0).then_some(model)
}

fn person_in(id: u8, number: u8) -> UserRecord {
    record(&name(id), &[("department", &department(number))])
}

async fn happen(store: &Store, event: &Event, seconds: i64) -> Result<(), StoreError> {
    match event {
        Event::Full(rows) => {
            let mut content = listing(rows.iter().map(|(id, (number, _))| person_in(*id, *number)));
            content.edges.retain(|edge| rows.iter().any(|(id, row)| row.1 && edge.member.as_str() == name(*id)));
            store.apply_listing(None, &entra(), content, &cursor("f"), at(seconds)).await.map(drop)
        }
        Event::Delta(patches, switched, moves) => {
            let mut content = delta("d");
            for (id, number) in patches {
                let value = number.map(|number| department(number).into());
                let attributes = BTreeMap::from([("department".into(), value)]);
                content.patches.push(UserPatch { id: name(*id).into(), attributes, standing: None });
            }
            for (id, active) in switched {
                let standing = Some(if *active { Standing::Active } else { Standing::Deleted });
                content.patches.push(UserPatch { id: name(*id).into(), attributes: BTreeMap::new(), standing });
            }
            for (id, (number, joins)) in moves {
                let edge = edge("g-agents", &name(*id));
                if *joins {
                    content.joined.insert(edge);
                    content.records.push(person_in(*id, *number));
                } else {
                    content.left.insert(edge);
                }
            }
            store.apply_pull(None, &entra(), Pull::Delta(content), at(seconds)).await.map(drop)
        }
        Event::Confirm(answers) => {
            let answers = answers
                .iter()
                .map(|(id, answer)| {
                    let presence = answer.map_or(Presence::Gone, |number| Presence::Here {
                        record: person_in(*id, number),
                        groups: None,
                    });
                    (name(*id).into(), presence)
                })
                .collect();
            store.confirm(&entra(), &answers, at(seconds)).await.map(drop)
        }
    }
}

async fn stored(store: &Store) -> Model {
    let view = store.directory_view(&BTreeMap::new(), &[entra()]).await.unwrap();
    let people = view.people.into_values().map(|user| {
        let id = user.key.id.as_str()[1..].parse().unwrap();
        let department = user.attributes.get("department").map(|text| text["Department ".len()..].parse().unwrap());
        (id, Known { department, standing: user.standing, member: !user.groups.is_empty() })
    });
    people.collect()
}

async fn check(events: Vec<Event>) {
    let home = Home::new().await;
    // A delta speaks to a scope that a listing has set; an empty one is enough.
    happen(&home, &Event::Full(BTreeMap::new()), 0).await.unwrap();
    let mut model = Model::new();
    for (seconds, event) in events.iter().enumerate() {
        let outcome = happen(&home, event, i64::try_from(seconds).unwrap()).await;
        match expected(&model, event) {
            Some(next) => {
                outcome.unwrap();
                model = next;
            }
            None => {
                let refused = matches!(outcome, Err(StoreError::EmptiedOut { .. } | StoreError::Strangers { .. }));
                assert!(refused, "{outcome:?} after {event:?}");
            }
        }
        assert_eq!(stored(&home).await, model, "after {event:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_snapshot_is_what_a_plain_map_would_be(events in prop::collection::vec(event(), 1..9)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(events));
    }
}
