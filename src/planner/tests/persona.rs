//! What the rules want for a person, and what they say about themselves.

use crate::model::{Action, Attribute, Facet, IdentityManagement, Value};
use crate::planner::rules::{Persona, PhoneSettings, UserTypeExtras};
use crate::planner::testing::{World, check, check_with, names};

#[test]
fn a_joiner_is_created_with_the_persona_of_the_department() {
    check(
        "entra/1 ada.king@example.com dept=customer_CARE
         entra/2 bob.low@example.com  dept=Sales groups=leads",
        "",
        "+ ada.king@example.com Agent / Care Voice [joined]
         + bob.low@example.com Agent, Lead / Sales Voice [joined]",
    );
}

#[test]
fn the_default_persona_stands_in_and_is_counted_by_department() {
    check(
        "entra/1 ada.king dept=Ventes
         entra/2 bob.low  dept=Ventes
         entra/3 cy.moss
         entra/4 di.nash groups=leads",
        "",
        "+ ada.king Agent / Basic [joined]
         + bob.low Agent / Basic [joined]
         + cy.moss Agent / Basic [joined]
         + di.nash Agent, Lead / Basic [joined]
         ? (no department) UnmappedDepartment
         ? Ventes UnmappedDepartment",
    );
}

#[test]
fn without_a_default_persona_the_unmapped_are_held() {
    check_with(|w| w.rules.default = None, "entra/1 ada.king dept=Ventes", "", "! entra/1 NoPersona");
}

#[test]
fn a_broken_rule_holds_its_people_and_only_them() {
    check(
        "entra/1 ada.king dept=Broken\n entra/2 bob.low dept=Care",
        "c-1 ada.king owner=entra/1",
        "+ bob.low Agent / Care Voice [joined]\n ! entra/1 UnknownName",
    );
    let plan = World::new("entra/1 ada.king dept=Broken", "").plan();
    assert_eq!(plan.findings[0].hint, "did you mean \"Agent\"?");
}

#[test]
fn more_than_ten_security_profiles_hold_the_person() {
    check_with(
        |w| {
            for at in 0..11 {
                w.seen
                    .connect
                    .catalogue
                    .security_profiles
                    .insert(format!("p{at}"), format!("sec-p{at}").as_str().into());
                w.rules.mappings[0].gives.security_profiles.push(format!("p{at}"));
            }
        },
        "entra/1 ada.king dept=Care",
        "",
        "! entra/1 TooManyProfiles",
    );
}

#[test]
fn a_department_may_be_the_list_of_profiles() {
    check_with(
        |w| w.rules.departments_are_security_profiles = true,
        "entra/1 ada.king dept=Admin,Lead\n entra/2 bob.low dept=Admin,Leed\n entra/3 cy.moss",
        "",
        "+ ada.king Admin, Lead / Basic [joined]
         + cy.moss Agent / Basic [joined]
         ! entra/2 UnknownName
         ? (no department) UnmappedDepartment",
    );
}

#[test]
fn a_user_type_brings_its_extras_and_an_unknown_one_holds() {
    let extras = || UserTypeExtras { security_profiles: names(&["Recording"]), ..UserTypeExtras::default() };
    check_with(
        |w| {
            w.rules.mappings[0].gives.user_type = Some("supervisor".to_owned());
            w.rules.mappings[1].gives.user_type = Some("supervizor".to_owned());
            w.rules.user_types.insert("supervisor".to_owned(), extras());
        },
        "entra/1 ada.king dept=Care\n entra/2 bob.low dept=Sales",
        "",
        "+ ada.king Agent, Recording / Care Voice [joined]\n ! entra/2 UnknownName",
    );
}

#[test]
fn fields_that_connect_would_refuse_are_found_in_the_plan() {
    check(
        "entra/1 kim.o'neil@example.com dept=Care
         entra/2 - dept=Care
         entra/3 ada.king dept=Care mail=broken mobile=12
         entra/4 bob.low dept=Care mobile=020_7946_0123",
        "",
        "+ ada.king Agent / Care Voice [joined]
         + bob.low Agent / Care Voice [joined]
         ! entra/1 UsernameRefused
         ! entra/2 MissingField
         ? entra/3 FieldLeftOut
         ? entra/3 BadPhone",
    );
    let plan = World::new("entra/4 bob.low dept=Care mobile=020_7946_0123", "").plan();
    let Action::Create(desired) = &plan.changes[0].action else { panic!("a create") };
    assert_eq!(desired.attributes.get(Attribute::Mobile), Some(&Value::Text("+442079460123".to_owned())));
}

#[test]
fn a_desk_phone_needs_a_number() {
    let desk = PhoneSettings { desk_phone: Some(true), auto_accept: Some(true), ..PhoneSettings::default() };
    check_with(
        |w| w.rules.mappings[0].gives.phone = desk,
        "entra/1 ada.king dept=Care business_phone=+442079460123\n entra/2 bob.low dept=Care",
        "c-1 ada.king owner=entra/1 route=Care_Voice\n c-2 bob.low owner=entra/2 route=Care_Voice",
        "~ c-1 phone: (none) → DESK_PHONE, (none) → +442079460123, (none) → yes [mapped]
         ~ c-2 phone: (none) → yes [mapped]
         ? entra/2 BadPhone",
    );
}

#[test]
fn instances_with_a_directory_service_keep_names_to_themselves() {
    check_with(
        |w| w.seen.connect.instance.identity_management = IdentityManagement::ExistingDirectory,
        "entra/1 ada.king dept=Care mobile=+442079460123",
        "c-1 ada.king owner=entra/1 route=Care_Voice last=Queen",
        "~ c-1 identity: (none) → +442079460123 [mapped]",
    );
}

#[test]
fn the_user_limit_holds_the_last_creates() {
    check_with(
        |w| w.rules.user_limit = Some(3),
        "entra/1 a.a dept=Care\n entra/2 b.b dept=Care\n entra/3 c.c dept=Care",
        "c-8 x\n c-9 y",
        "+ a.a Agent / Care Voice [joined]
         ! entra/2 UserLimit
         ! entra/3 UserLimit
         ? x Foreign
         ? y Foreign",
    );
}

#[test]
fn conditions_say_why() {
    let mut world = World::new(
        "entra/1 ada.king dept=Sales groups=leads title=Temp_lead",
        "c-1 ada.king owner=entra/1 route=Basic\n memory entra/1 link=c-1 wrote.route=Sales_Voice",
    );
    let temp = crate::planner::rules::Condition::Attribute {
        name: "title".into(),
        test: crate::planner::rules::TextTest::StartsWith("TEMP".to_owned()),
    };
    let not_temp = crate::planner::rules::Condition::Not(Box::new(temp));
    world.rules.mappings.push(crate::planner::rules::Mapping {
        name: "recording".to_owned(),
        line: 20,
        when: crate::planner::rules::Condition::All(vec![
            crate::planner::rules::Condition::Group("leads".to_owned()),
            not_temp,
        ]),
        gives: crate::planner::testing::persona(&["Recording"], None),
    });
    let explanation =
        crate::planner::explain(&world.seen, &world.rules, &"entra/1".parse().unwrap(), &|_, name| name.to_string());
    let rules: Vec<_> = explanation.rules.iter().map(|r| (r.rule.as_str(), r.applies, r.why.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("care", false, "department is \"Sales\", not Care or Customer Care"),
            ("sales", true, "department \"Sales\""),
            ("london", false, "department is \"Sales\", not London"),
            ("broken", false, "department is \"Sales\", not Broken"),
            ("leads", true, "group leads"),
            ("recording", false, "excluded: title \"Temp lead\" starts with \"TEMP\""),
            ("(default)", false, "another rule gives the persona"),
        ]
    );
    let facets: Vec<_> = explanation.facets.iter().map(|f| (f.facet, f.state.as_str())).collect();
    assert_eq!(
        facets,
        [
            (Facet::Security, "left alone: Connect has Agent, the rules would give Agent, Lead"),
            (Facet::Routing, "left alone: ours was Sales Voice; Connect has Basic"),
            (Facet::Hierarchy, "not managed"),
            (Facet::Identity, "in agreement"),
            (Facet::Phone, "not managed"),
            (Facet::Tags, "will change: set tier=2, the rules' outcome changed (rules \"sales\", \"leads\")"),
        ]
    );
    assert_eq!(explanation.presence, "active, in scope");
}

#[test]
fn lint_counts_people_and_names_what_is_wrong() {
    let world = World::new(
        "entra/1 a.a dept=Care\n entra/2 b.b dept=Customer_Car\n entra/3 c.c dept=customer_car\n entra/4 d.d",
        "",
    );
    let coverage = crate::planner::coverage(&world.seen, &world.rules);
    let rows: Vec<_> = coverage.rules.iter().map(|row| (row.rule.as_str(), row.people, row.gives.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("care", 1, "Agent · Care Voice"),
            ("sales", 0, "Agent · Sales Voice"),
            ("london", 0, "Agent · Basic · EMEA/London"),
            ("broken", 0, "Agnet · Basic"),
            ("leads", 0, "+ Lead · tier=2"),
            ("(default)", 3, "Agent · Basic"),
        ]
    );
    assert_eq!(coverage.departments[0].people, 2);
    assert_eq!(coverage.departments[0].nearest, Some(("Customer Care".to_owned(), "care".to_owned())));
    let messages: Vec<&str> = coverage.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(messages.contains(&"rule \"broken\" (line 10): security profile \"Agnet\" does not exist"), "{messages:?}");
    assert!(messages.contains(&"rule \"leads\" (line 10): group \"leads\" is not known"), "{messages:?}");
    assert!(messages.contains(&"rule \"sales\" matches nobody"), "{messages:?}");
}

#[test]
fn the_rules_own_examples_run_without_connect() {
    let example = |expect: Persona| crate::planner::rules::Example {
        line: 7,
        source: None,
        given: [("department".into(), "Customer care".to_owned())].into(),
        groups: names(&["leads"]),
        expect,
    };
    let rules = crate::planner::testing::rules();
    let good = example(crate::planner::testing::persona(&["Lead", "Agent"], Some("Care Voice")));
    let bad = example(crate::planner::testing::persona(&["Agent"], Some("Sales Voice")));
    let results = crate::planner::check_examples(&rules, &[good, bad]);
    assert!(results[0].passes(), "{:?}", results[0]);
    assert_eq!(
        results[1].differs,
        [
            "security_profiles: expected Agent, the rules give Agent, Lead",
            "routing_profile: expected Sales Voice, the rules give Care Voice"
        ]
    );
}
