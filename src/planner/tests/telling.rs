//! What is told: one person's whole story, the rules over everybody, and the rules' own examples.

use connectors::PersonKey;

use crate::planner::rules::{Example, Persona};
use crate::planner::testing::{World, persona};
use crate::planner::{Explanation, check_examples, coverage, explain};

fn explained(world: &World, person: &str) -> Explanation {
    let person: PersonKey = person.parse().unwrap();
    explain(&world.seen, &world.rules, &person, &|source, name| format!("{source}:{name}"))
}

#[test]
fn a_shadowed_person_is_told_who_decides_and_why() {
    let world = World::new("entra/1 ada.king dept=Care\n okta/9 ada.king", "");
    let shadowed = explained(&world, "okta/9").decided_by.unwrap();
    assert_eq!((shadowed.person.to_string(), shadowed.matched.as_str()), ("entra/1".to_owned(), "username"));
    assert_eq!(shadowed.why, "entra comes first and decides");
    let deciding = explained(&world, "entra/1");
    assert_eq!(deciding.decided_by, None);
    assert_eq!(deciding.decides_for.len(), 1);
    assert_eq!(deciding.decides_for[0].why, "okta comes later");
    let world = World::new("entra/1 ada.king standing=deleted\n okta/9 ada.king dept=Care", "");
    assert_eq!(
        explained(&world, "entra/1").decided_by.unwrap().why,
        "okta decides, because entra says no more than: deleted"
    );
    assert_eq!(explained(&world, "okta/9").decides_for[0].why, "entra says: deleted");
}

#[test]
fn every_attribute_is_told_with_the_field_it_came_from() {
    let world = World::new("@okta profile\n okta/9 ada.king dept=Care status=SUSPENDED entitlements=Lead|Agent", "");
    let told = explained(&world, "okta/9");
    assert_eq!(told.status.as_deref(), Some("SUSPENDED"));
    let lines: Vec<String> =
        told.attributes.iter().map(|shown| format!("{} {} {}", shown.name, shown.value, shown.field)).collect();
    assert_eq!(
        lines,
        [
            "department Care okta:department",
            "entitlements Lead\nAgent okta:entitlements",
            "family_name King okta:family_name",
            "given_name Ada okta:given_name",
            "username ada.king okta:username",
        ]
    );
    let profile: Vec<_> =
        told.rules.iter().take(3).map(|rule| (rule.rule.as_str(), rule.applies, rule.gives.as_str())).collect();
    assert_eq!(
        profile,
        [
            ("(entitlements)", true, "+ Lead, Agent"),
            ("(roles)", false, "nothing"),
            ("care", true, "Agent · Care Voice"),
        ]
    );
    assert!(
        explained(&World::new("okta/9 ada.king", ""), "okta/9").rules.iter().all(|rule| !rule.rule.contains("roles"))
    );
}

#[test]
fn coverage_counts_each_human_once_and_by_source() {
    let world = World::new(
        "entra/1 ada.king dept=Care\n okta/1 ada.king dept=Ventes\n okta/2 bob.low dept=Care\n okta/3 cy.moss dept=Ventes
         entra/4 di.nash dept=Ventes",
        "",
    );
    let coverage = coverage(&world.seen, &world.rules);
    let sources: Vec<_> =
        coverage.sources.iter().map(|row| format!("{} {} {}", row.source, row.people, row.shadowed)).collect();
    assert_eq!(sources, ["entra 2 0", "okta 2 1", "scim 0 0"]);
    let care = coverage.rules.iter().find(|row| row.rule == "care").unwrap();
    assert_eq!(care.people, 2);
    assert_eq!(care.by_source, [("entra".into(), 1), ("okta".into(), 1)].into());
    assert_eq!(coverage.departments.len(), 1);
    assert_eq!(coverage.departments[0].people, 2);
    assert_eq!(coverage.departments[0].by_source, [("entra".into(), 1), ("okta".into(), 1)].into());
}

#[test]
fn examples_may_give_a_source_and_an_application_profile() {
    let world = World::new("@okta profile", "");
    let example = |source: Option<&str>, expect: Persona| Example {
        line: 7,
        source: source.map(Into::into),
        given: [("entitlements".into(), "Lead,Admin".to_owned()), ("roles".into(), "Sales Voice".to_owned())].into(),
        groups: Vec::new(),
        expect,
    };
    let profile = || persona(&["Lead", "Admin"], Some("Sales Voice"));
    let results = check_examples(
        &world.rules,
        &[
            example(None, profile()),
            example(Some("okta"), profile()),
            example(Some("entra"), persona(&["Agent"], Some("Basic"))),
            example(Some("hr"), profile()),
        ],
    );
    let differs: Vec<_> = results.iter().map(|result| result.differs.join("; ")).collect();
    assert_eq!(differs, ["", "", "", "source hr is not configured"]);
}
