//! Other rules: who moves from which rule to which, what is written, who is held.

use super::super::rules::{Condition, Persona, Rules, TextTest};
use super::super::testing::{World, names, persona};
use super::super::what_if::{Effect, Move, WhatIf, what_if, words};
use crate::model::{AttributeSet, Authority, Facet};

const AGENTS: &str = "
    entra/1 ada.king dept=Care
    entra/2 bob.low dept=Sales
    entra/3 cy.moss dept=Ventes
    entra/4 dee.ray dept=Care groups=leads
";
const USERS: &str = "
    c-1 ada.king owner=entra/1 sec=Agent route=Care_Voice
    memory entra/1 link=c-1 wrote.sec=Agent wrote.route=Care_Voice
    c-2 bob.low owner=entra/2 sec=Agent route=Sales_Voice
    memory entra/2 link=c-2 wrote.sec=Agent wrote.route=Sales_Voice
    c-3 cy.moss owner=entra/3 sec=Agent route=Basic
    memory entra/3 link=c-3 wrote.sec=Agent wrote.route=Basic
    c-4 dee.ray owner=entra/4 sec=Agent,Lead route=Care_Voice tags=tier:2
    memory entra/4 link=c-4 wrote.sec=Agent,Lead wrote.route=Care_Voice wrote.tags=tier:2
";

fn text(set: &AttributeSet) -> String {
    let values: Vec<String> = set.iter().map(|(_, value)| value.to_string()).collect();
    let text = values.join(", ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}

fn line(one: &Move) -> Vec<String> {
    let rules = |rules: &[String]| if rules.is_empty() { "-".to_owned() } else { rules.join("+") };
    let mut lines = vec![format!("{} {} → {}", one.label, rules(&one.rules_now), rules(&one.rules_then))];
    for shift in &one.shifts {
        let (now, then) = (text(&shift.now), text(&shift.then));
        lines.push(format!("  {} {now} → {then} [{:?}]", shift.facet.short(), shift.effect));
    }
    lines.extend(one.username.iter().map(|(now, then)| format!("  username {now} → {then}")));
    lines.extend(one.user.map(|user| format!("  {user:?}")));
    lines.extend(one.held.iter().map(|finding| format!("  ! {}", finding.message)));
    lines.extend(one.released.then(|| "  released".to_owned()));
    lines
}

fn asked(world: &World, change: impl FnOnce(&mut Rules)) -> WhatIf {
    let mut other = world.rules.clone();
    change(&mut other);
    what_if(&world.seen, &world.rules, &other, &|_| (2.0, 5))
}

/// The moves as text.
#[track_caller]
fn check(world: &World, change: impl FnOnce(&mut Rules), expected: &str) -> WhatIf {
    let found = asked(world, change);
    let lines: Vec<String> = found.moves.iter().flat_map(line).collect();
    let expected: Vec<&str> =
        expected.lines().map(|line| line.strip_prefix("        ").unwrap_or(line)).filter(|l| !l.is_empty()).collect();
    assert_eq!(lines, expected);
    found
}

fn gives<'r>(rules: &'r mut Rules, name: &str) -> &'r mut Persona {
    &mut rules.mappings.iter_mut().find(|mapping| mapping.name == name).expect("a rule").gives
}

fn departments<'r>(rules: &'r mut Rules, name: &str) -> &'r mut Condition {
    &mut rules.mappings.iter_mut().find(|mapping| mapping.name == name).expect("a rule").when
}

#[test]
fn another_routing_profile_is_written_and_connect_keeps_what_it_decides() {
    let world = World::new(AGENTS, USERS);
    let found = check(
        &world,
        |rules| *gives(rules, "care") = persona(&["Agent", "Recording"], Some("Sales Voice")),
        "
        ada.king care → care
          security Agent → Agent, Recording [ConnectDecides]
          routing Care Voice → Sales Voice [Written]
        dee.ray care+leads → care+leads
          security Agent, Lead → Agent, Lead, Recording [ConnectDecides]
          routing Care Voice → Sales Voice [Written]",
    );
    assert_eq!(found.people, 4);
    assert_eq!(found.then.forecast.calls.values().sum::<u32>(), 2);
    let sum: Vec<_> = found.facets.iter().map(|row| (row.facet, row.wished, row.effects.clone())).collect();
    assert_eq!(
        sum,
        [
            (Facet::Security, 2, [(Effect::ConnectDecides, 2)].into()),
            (Facet::Routing, 2, [(Effect::Written, 2)].into()),
        ]
    );
}

#[test]
fn a_department_gets_a_rule_and_another_loses_its_own() {
    let world = World::new(AGENTS, USERS);
    let found = check(
        &world,
        |rules| {
            *departments(rules, "sales") = Condition::Department(names(&["Ventes"]));
        },
        "
        bob.low sales → (default)
          routing Sales Voice → Basic [Written]
        cy.moss (default) → sales
          routing Basic → Sales Voice [Written]",
    );
    let rows: Vec<_> =
        found.departments.iter().map(|row| (row.department.as_deref().unwrap_or("-"), row.gets, row.loses)).collect();
    assert_eq!(rows, [("Sales", 0, 1), ("Ventes", 1, 0)]);
    let flows: Vec<String> = found.flows.iter().map(|f| format!("{:?} {:?} {}", f.now, f.then, f.people)).collect();
    assert_eq!(flows, [r#"["(default)"] ["sales"] 1"#, r#"["sales"] ["(default)"] 1"#]);
    let gives: Vec<String> = words::flows(&found).into_iter().map(|flow| flow.gives).collect();
    assert_eq!(gives, ["Agent · Basic → Agent · Sales Voice", "Agent · Sales Voice → Agent · Basic"]);
}

#[test]
fn a_name_that_does_not_exist_holds_people_and_a_corrected_one_releases_them() {
    let world = World::new("entra/1 ada.king dept=Sales\nentra/2 bob.low dept=Broken", "");
    check(
        &world,
        |rules| {
            *gives(rules, "sales") = persona(&["Agnet"], Some("Sales Voice"));
            *gives(rules, "broken") = persona(&["Lead"], Some("Basic"));
        },
        "
        ada.king sales → sales
          security Agent → nothing [Held]
          NotCreated
          ! rule \"sales\" (line 10): security profile \"Agnet\" does not exist
        bob.low broken → broken
          security nothing → Lead [Given]
          Created
          released",
    );
}

#[test]
fn another_authority_writes_what_was_left_to_connect() {
    let users = USERS.replace("owner=entra/1 sec=Agent", "owner=entra/1 sec=Admin");
    let world = World::new(AGENTS, &users);
    let found = check(
        &world,
        |rules| {
            rules.authority.insert(Facet::Security, Authority::Directory);
        },
        "
        ada.king care → care
          security nothing → nothing [Written]",
    );
    assert!(found.flows.is_empty(), "the wish is the same");
    check(
        &world,
        |rules| {
            rules.authority.insert(Facet::Routing, Authority::Connect);
        },
        "",
    );
}

#[test]
fn what_connect_has_already_writes_nothing() {
    let users = USERS.replace("sec=Agent route=Care_Voice\n", "sec=Agent route=Sales_Voice\n");
    let world = World::new(AGENTS, &users);
    check(
        &world,
        |rules| gives(rules, "care").routing_profile = Some("Sales Voice".to_owned()),
        "
        ada.king care → care
          routing Care Voice → Sales Voice [InPlace]
        dee.ray care+leads → care+leads
          routing Care Voice → Sales Voice [Written]",
    );
}

#[test]
fn another_username_is_told() {
    let world = World::new("entra/1 ada.king dept=Care mail=ada@x.com", "");
    check(
        &world,
        |rules| rules.fields.username = "mail".into(),
        "
        ada@x.com care → care
          username ada.king → ada@x.com",
    );
}

#[test]
fn what_was_never_read_is_said() {
    let world = World::new(AGENTS, USERS);
    let messages = |change: fn(&mut Rules)| -> Vec<String> {
        asked(&world, change).problems.into_iter().map(|problem| problem.message).collect()
    };
    let before = messages(|_| {});
    let new = |change: fn(&mut Rules)| -> Vec<String> {
        messages(change).into_iter().filter(|message| !before.contains(message)).collect()
    };
    assert_eq!(
        new(|rules| *departments(rules, "sales") = Condition::Group("Connect-Sales".to_owned())),
        ["group \"Connect-Sales\" was not read so far: whoever is in it is not counted here"]
    );
    let title = |name: &str| {
        Condition::Not(Box::new(Condition::Attribute {
            name: name.into(),
            test: TextTest::StartsWith("Temp".to_owned()),
        }))
    };
    let asked = asked(&world, |rules| *departments(rules, "sales") = title("title"));
    let told: Vec<_> = asked.problems.iter().filter(|problem| !before.contains(&problem.message)).collect();
    assert_eq!(told[0].message, "attribute title was not read so far: it counts as empty here");
    // Somebody has it, so it was read.
    assert!(new(|rules| *departments(rules, "sales") = Condition::Group("leads".to_owned())).is_empty());
}
