//! Other rules: unchanged ones move nobody, changed ones do what a plan under them says.

use std::collections::BTreeSet;

use connectors::PersonKey;
use proptest::prelude::*;

use super::super::plan;
use super::super::rules::{Persona, PhoneSettings, Rules, UserTypeExtras};
use super::super::testing::{World, persona};
use super::super::what_if::{Effect, Shift, WhatIf, what_if};
use super::hold;
use super::worlds::{connect, directory, worlds};
use crate::model::{Action, Authority, Change, Decision, Facet, Observation, Plan};

const QUOTA: fn(crate::model::Operation) -> (f64, u32) = |_| (2.0, 5);

fn ask(world: &World, other: &Rules) -> WhatIf {
    what_if(&world.seen, &world.rules, other, &QUOTA)
}

/// One thing that somebody may change in the rules.
fn edit(which: usize, rules: &mut Rules) {
    // Another edit may have taken the rule away.
    let mapping = |rules: &mut Rules, name: &str, gives: Persona| {
        rules.mappings.iter_mut().filter(|mapping| mapping.name == name).for_each(|one| one.gives = gives.clone());
    };
    match which {
        0 => rules.mappings.reverse(),
        1 => rules.mappings.retain(|mapping| mapping.name != "care"),
        2 => mapping(rules, "care", persona(&["Agent", "Recording"], Some("Sales Voice"))),
        3 => mapping(rules, "sales", persona(&["Agnet"], Some("Sales Voice"))),
        4 => mapping(rules, "broken", persona(&["Agent"], Some("Basic"))),
        5 => rules.default = None,
        6 => rules.default = Some(persona(&["Lead"], Some("Holding"))),
        7 => rules.authority = Facet::ALL.into_iter().map(|facet| (facet, Authority::Directory)).collect(),
        8 => rules.authority = Facet::ALL.into_iter().map(|facet| (facet, Authority::Connect)).collect(),
        9 => rules.fields.username = "mail".into(),
        10 => rules.fields.department = "title".into(),
        11 => rules.departments_are_security_profiles = true,
        12 => {
            let phone = PhoneSettings { auto_accept: Some(true), ..PhoneSettings::default() };
            let extras = UserTypeExtras { security_profiles: vec!["Lead".to_owned()], phone, ..Default::default() };
            rules.user_types.insert("agent".to_owned(), extras);
            let gives = Persona { user_type: Some("agent".to_owned()), ..persona(&["Agent"], Some("Care Voice")) };
            mapping(rules, "care", gives);
        }
        _ => mapping(rules, "leads", Persona { hierarchy: Some("EMEA/Paris".to_owned()), ..Persona::default() }),
    }
}

const EDITS: usize = 14;

fn edits() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..EDITS, 1..=3)
}

fn edited(rules: &Rules, edits: &[usize]) -> Rules {
    let mut other = rules.clone();
    edits.iter().for_each(|which| edit(*which, &mut other));
    other
}

#[test]
fn unchanged_rules_move_nobody() {
    hold(worlds(), &["create", "quarantined", "waiting"], |world, tally| {
        // Where a rule stands in its file changes nothing about it.
        let mut other = world.rules.clone();
        other.mappings.iter_mut().for_each(|mapping| mapping.line += 40);
        let found = ask(&world, &other);
        tally.saw_plan(&found.now);
        prop_assert_eq!(&found.moves, &[]);
        prop_assert!(found.flows.is_empty() && found.facets.is_empty() && found.departments.is_empty());
        prop_assert_eq!(&found.now.changes, &found.then.changes);
        Ok(())
    });
}

#[test]
fn what_would_be_is_what_a_plan_under_the_other_rules_says() {
    let must = ["create", "delete", "adopt", "quarantined", "configuration changed", "shadowed"];
    hold((worlds(), edits()), &must, |(world, edits), tally| {
        let other = edited(&world.rules, &edits);
        let config_changed = world.seen.config_changed || other.spoken() != world.rules.spoken();
        let seen = Observation { config_changed, ..world.seen.clone() };
        let found = ask(&world, &other);
        tally.saw_plan(&found.then);
        prop_assert_eq!(&found.then, &plan(&seen, &other, &QUOTA));
        prop_assert_eq!(&found.now, &world.plan());
        Ok(())
    });
}

#[test]
fn whoever_does_not_move_is_treated_as_before() {
    hold((worlds(), edits()), &["stays", "moves"], |(world, edits), tally| {
        let found = ask(&world, &edited(&world.rules, &edits));
        let moving: BTreeSet<&PersonKey> = found.moves.iter().map(|one| &one.person).collect();
        let sent = |change: &Change| match &change.action {
            Action::Update(update) => (change.connect.clone(), Some(update.after.clone()), change.action.operation()),
            action => (change.connect.clone(), None, action.operation()),
        };
        let held = |plan: &Plan, person| matches!(plan.decisions.get(person), Some(Decision::Quarantined(_)));
        for person in world.seen.directory.people.keys() {
            if moving.contains(person) {
                tally.saw("moves");
                continue;
            }
            tally.saw("stays");
            let (now, then) = (found.now.of(person).map(sent), found.then.of(person).map(sent));
            prop_assert!(now.eq(then), "{} has other calls and does not move", person);
            prop_assert_eq!(held(&found.now, person), held(&found.then, person));
        }
        Ok(())
    });
}

#[test]
fn every_effect_is_what_the_plan_does_and_all_sums_agree() {
    let must =
        ["Written", "Given", "NotWritten", "ConnectDecides", "InPlace", "Held", "Waits", "held", "released", "gets"];
    hold((worlds(), edits()), &must, |(world, edits), tally| {
        let other = edited(&world.rules, &edits);
        let found = ask(&world, &other);
        for one in &found.moves {
            for shift in &one.shifts {
                tally.saw(format!("{:?}", shift.effect));
                let writes = found
                    .then
                    .of(&one.person)
                    .any(|change| matches!(&change.action, Action::Update(update) if update.facet == shift.facet));
                prop_assert_eq!(writes, shift.effect == Effect::Written, "{} {:?}", one.person, shift);
                let held = matches!(found.then.decisions.get(&one.person), Some(Decision::Quarantined(_)));
                prop_assert_eq!(held, shift.effect == Effect::Held);
            }
            one.held.iter().for_each(|_| tally.saw("held"));
            if one.released {
                tally.saw("released");
            }
        }
        let otherwise =
            found.moves.iter().filter(|one| one.rules_now != one.rules_then || one.shifts.iter().any(Shift::wished));
        prop_assert_eq!(found.flows.iter().map(|flow| flow.people as usize).sum::<usize>(), otherwise.count());
        for row in &found.facets {
            let of = found.moves.iter().flat_map(|one| &one.shifts).filter(|shift| shift.facet == row.facet).count();
            prop_assert_eq!(row.effects.values().sum::<u32>() as usize, of);
        }
        for row in &found.departments {
            prop_assert!(row.gets + row.loses <= found.people);
            tally.saw("gets");
        }
        Ok(())
    });
}

#[test]
fn the_order_in_which_the_world_is_told_does_not_matter() {
    let lines = (directory(), connect()).prop_flat_map(|(directory, connect)| {
        let shuffled = (Just(directory.clone()).prop_shuffle(), Just(connect.clone()).prop_shuffle());
        (Just((directory, connect)), shuffled, edits())
    });
    hold(lines, &["moves"], |((directory, users), (retold, again), edits), tally| {
        let (one, two) =
            (World::new(&directory.join("\n"), &users.join("\n")), World::new(&retold.join("\n"), &again.join("\n")));
        let found = ask(&one, &edited(&one.rules, &edits));
        found.moves.iter().for_each(|_| tally.saw("moves"));
        prop_assert_eq!(&found, &ask(&two, &edited(&two.rules, &edits)));
        Ok(())
    });
}
