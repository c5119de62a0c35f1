//! Application profiles: entitlements are security profiles, the first role is the routing profile at creation.

use crate::model::Authority;
use crate::model::Facet;
use crate::planner::testing::{World, check, check_with};

#[test]
fn entitlements_are_security_profiles_beside_what_rules_give() {
    check(
        "@okta profile
         okta/1 ada.king dept=Care entitlements=Admin|Lead
         okta/2 bob.low entitlements=Admin,Lead
         okta/3 cy.moss groups=leads entitlements=Recording
         entra/4 di.nash entitlements=Admin",
        "",
        "+ di.nash Agent / Basic [joined]
         + ada.king Admin, Agent, Lead / Care Voice [joined]
         + bob.low Admin, Lead / Basic [joined]
         + cy.moss Lead, Recording / Basic [joined]
         ? (no department) UnmappedDepartment",
    );
}

#[test]
fn an_unknown_entitlement_holds_with_the_nearest_name() {
    check("@okta profile\n okta/1 ada.king entitlements=Admin|Leed", "", "! okta/1 UnknownName");
    let plan = World::new("@okta profile\n okta/1 ada.king entitlements=Admin|Leed", "").plan();
    assert_eq!(plan.findings[0].hint, "did you mean \"Lead\"?");
    assert_eq!(plan.findings[0].message, "the entitlements: security profile \"Leed\" does not exist");
}

#[test]
fn the_first_role_is_the_routing_profile_at_creation_and_connects_afterwards() {
    check(
        "@okta profile\n okta/1 ada.king roles=Sales_Voice|Basic entitlements=Lead\n okta/2 bob.low roles=Care_Voice",
        "",
        "+ ada.king Lead / Sales Voice [joined]
         + bob.low Agent / Care Voice [joined]
         ? (no department) UnmappedDepartment",
    );
    let by_directory = |w: &mut World| {
        w.rules.authority.insert(Facet::Routing, Authority::Directory);
    };
    check_with(
        by_directory,
        "@okta profile\n okta/1 ada.king roles=Sales_Voice entitlements=Agent",
        "c-1 ada.king owner=okta/1 route=Care_Voice",
        "",
    );
}

#[test]
fn a_rule_outweighs_the_roles_and_the_default_persona_does_not() {
    check(
        "@okta profile\n okta/1 ada.king dept=Care roles=Sales_Voice\n okta/2 bob.low dept=Care roles=Sales_Voice",
        "c-2 bob.low owner=okta/2 route=Basic",
        "~ c-2 routing: Basic → Care Voice [mapped]
         + ada.king Agent / Care Voice [joined]",
    );
    check_with(
        |w| w.rules.default = None,
        "@okta profile\n okta/1 ada.king entitlements=Agent roles=Sales_Voice\n okta/2 bob.low roles=Sales_Voice",
        "",
        "+ ada.king Agent / Sales Voice [joined]\n ! okta/2 NoPersona",
    );
}

#[test]
fn an_unknown_role_holds_whoever_would_be_created_by_it_and_nobody_else() {
    check(
        "@okta profile\n okta/1 ada.king entitlements=Agent roles=Sales_Vice\n okta/2 bob.low entitlements=Agent roles=X",
        "c-2 bob.low owner=okta/2",
        "! okta/1 UnknownName",
    );
}

#[test]
fn a_returner_gets_the_routing_profile_back_that_was_taken() {
    check(
        "@okta profile\n okta/1 ada.king entitlements=Agent roles=Sales_Voice",
        "c-1 ada.king owner=okta/1 sec=No_Access route=Holding
         memory okta/1 link=c-1 suspended=3 former.sec=Agent former.route=Care_Voice",
        "~ c-1 security: No Access → Agent [returned]\n ~ c-1 routing: Holding → Care Voice [returned]",
    );
}

#[test]
fn a_condition_on_several_values_holds_if_it_holds_for_any() {
    use crate::planner::rules::{Condition, TextTest};
    let sales_voice = |test: TextTest| {
        move |w: &mut World| {
            w.rules.mappings[1].when = Condition::Attribute { name: "teams".into(), test };
        }
    };
    for (test, holds) in [
        (TextTest::Equals(vec!["BLUE".to_owned()]), true),
        (TextTest::StartsWith("blu".to_owned()), true),
        (TextTest::EndsWith("ed".to_owned()), true),
        (TextTest::Contains("red blue".to_owned()), false),
        (TextTest::Equals(vec!["green".to_owned()]), false),
    ] {
        let routing = if holds { "Sales Voice" } else { "Basic" };
        let expected = format!("+ ada.king Agent / {routing} [joined]");
        let unmapped = if holds { "" } else { "? (no department) UnmappedDepartment" };
        check_with(sales_voice(test), "okta/1 ada.king teams=Red|Blue", "", &format!("{expected}\n{unmapped}"));
    }
}
