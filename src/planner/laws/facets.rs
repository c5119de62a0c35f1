//! Who decides what is written.

use connectors::PersonKey;
use proptest::prelude::*;

use super::super::testing::{World, render, routing};
use super::hold;
use super::worlds::worlds;
use crate::model::{
    Action, Attribute, AttributeSet, Authority, Change, ConnectUserId, Decision, Facet, FindingCode, Reason, Seen,
    Value,
};

fn sent(change: &Change) -> AttributeSet {
    match &change.action {
        Action::Create(desired) => desired.attributes.clone(),
        Action::Update(update) => update.after.clone(),
        Action::Adopt { .. } | Action::Delete { .. } | Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => {
            AttributeSet::default()
        }
    }
}

#[test]
fn what_connect_decides_is_written_by_leaving_and_returning_only() {
    hold(worlds(), &["taken", "given back", "left as it is"], |world, tally| {
        let plan = world.plan();
        for change in &plan.changes {
            let Action::Update(update) = &change.action else { continue };
            if world.rules.authority[&update.facet] != Authority::Connect {
                continue;
            }
            // The ladder is about profiles; nothing else is taken or given back.
            let profile = matches!(update.facet, Facet::Security | Facet::Routing);
            match &change.because {
                Reason::Left { .. } if profile => tally.saw("taken"),
                Reason::Returned if profile => tally.saw("given back"),
                because => prop_assert!(false, "{} {because:?}: {:?}", update.facet.name(), render(&plan)),
            }
        }
        // Somebody without a rule is wished the basic profile.
        let unlike = |person: &PersonKey| {
            let user = world.seen.connect.users.values().find(|user| user.owner.as_ref() == Some(person));
            let have = user.and_then(|user| user.seen(Attribute::RoutingProfile).known());
            let record = world.seen.directory.people.get(person);
            let unruled = record.is_some_and(|one| one.attributes.get("department").is_none());
            unruled && have == Some(&routing("Care Voice"))
        };
        let alive = |decision: &Decision| matches!(decision, Decision::InSync | Decision::Changes { .. });
        if world.rules.authority[&Facet::Routing] == Authority::Connect
            && plan.decisions.iter().any(|(person, decision)| alive(decision) && unlike(person))
        {
            tally.saw("left as it is");
        }
        Ok(())
    });
}

#[test]
fn nobody_is_sent_an_empty_profile_list_or_what_the_instance_refuses() {
    hold(worlds(), &["create", "write security_profiles", "returned", "left: disabled"], |world, tally| {
        let plan = world.plan();
        tally.saw_plan(&plan);
        for change in &plan.changes {
            for (attribute, value) in sent(change).iter() {
                if let Value::NamedSet(set) = value {
                    prop_assert!(!set.is_empty());
                }
                prop_assert_ne!(attribute, Attribute::Email);
                prop_assert!(attribute != Attribute::RoutingProfile || matches!(value, Value::Named(_)));
            }
            if let Action::Create(desired) = &change.action {
                for attribute in [Attribute::SecurityProfiles, Attribute::RoutingProfile] {
                    prop_assert!(desired.attributes.get(attribute).is_some(), "without {}", attribute.name());
                }
            }
        }
        Ok(())
    });
}

/// Whoever is in agreement, with their user.
fn settled(world: &World) -> Vec<(PersonKey, ConnectUserId)> {
    let plan = world.plan();
    let in_sync = plan.decisions.into_iter().filter(|(_, decision)| matches!(decision, Decision::InSync));
    let user = |person: &PersonKey| {
        world.seen.connect.users.values().find(|user| user.owner.as_ref() == Some(person)).map(|user| user.id.clone())
    };
    in_sync.filter_map(|(person, _)| Some((person.clone(), user(&person)?))).collect()
}

fn writes_routing(world: &World, person: &PersonKey) -> bool {
    let routing = |change: &Change| matches!(&change.action, Action::Update(update) if update.facet == Facet::Routing);
    world.plan().of(person).any(routing)
}

/// Carries plans out until nothing is left to do.
fn settle(world: &mut World) {
    for _ in 0..5 {
        let plan = world.plan();
        if plan.is_empty() {
            break;
        }
        world.apply(&plan);
    }
    // What was found in agreement is remembered by a run without changes, too.
    let plan = world.plan();
    world.apply(&plan);
}

#[test]
fn a_manual_change_under_shared_stays_until_the_wish_changes() {
    hold(worlds(), &["stays", "the wish changed", "corrected where the directory decides"], |mut world, tally| {
        settle(&mut world);
        for (person, user) in settled(&world) {
            let mut world = world.clone();
            let edited = routing("Sales Voice");
            let have = world.seen.connect.users[&user].seen(Attribute::RoutingProfile).clone();
            // Edited to what the rules want would be no change by hand; a reader of nothing knows nothing.
            let sales = ["Sales", "Ventes"].contains(
                &world
                    .seen
                    .directory
                    .people
                    .get(&person)
                    .and_then(|one| one.attributes.get("department"))
                    .unwrap_or(""),
            );
            if matches!(have, Seen::Unread) || have.known() == Some(&edited) || sales {
                continue;
            }
            let set = [(Attribute::RoutingProfile, edited.clone())].into_iter().collect();
            world.seen.connect.users.get_mut(&user).expect("there").apply(&set);
            match world.rules.authority[&Facet::Routing] {
                Authority::Directory => {
                    tally.saw("corrected where the directory decides");
                    prop_assert!(writes_routing(&world, &person), "{:?}", render(&world.plan()));
                }
                Authority::Connect => prop_assert!(!writes_routing(&world, &person), "{:?}", render(&world.plan())),
                Authority::Shared => {
                    tally.saw("stays");
                    let plan = world.plan();
                    prop_assert!(!writes_routing(&world, &person), "{:?}", render(&plan));
                    let told = plan.findings.iter().filter(|finding| finding.person.as_ref() == Some(&person));
                    let told = told.into_iter().any(|finding| finding.code == FindingCode::DriftLeftAlone);
                    prop_assert!(told, "{:?}", render(&plan));
                    world.apply(&plan);
                    prop_assert!(!writes_routing(&world, &person), "the second time: {:?}", render(&world.plan()));
                    // Another department wishes for another profile; the change by hand has had its time.
                    let record = world.seen.directory.people.get_mut(&person).expect("in agreement");
                    let other = if record.attributes.get("department") == Some("Care") { "" } else { "Care" };
                    record.attributes.set("department".into(), other);
                    tally.saw("the wish changed");
                    prop_assert!(writes_routing(&world, &person), "{other}: {:?}", render(&world.plan()));
                }
            }
        }
        Ok(())
    });
}
