//! What is written, what is left alone, and what is asked for first.

use crate::model::{Action, Attribute};
use crate::planner::testing::{World, check, render};

#[test]
fn agreement_is_no_change() {
    check("entra/1 ada.king dept=Care", "c-1 ada.king owner=entra/1 route=Care_Voice", "");
}

#[test]
fn directory_facets_are_corrected_and_drift_is_called_drift() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king owner=entra/1 route=Care_Voice last=Queen
         memory entra/1 link=c-1 wrote.last=King",
        "~ c-1 identity: Queen → King [drift]",
    );
}

#[test]
fn a_mover_says_what_moved_and_a_changed_configuration_says_so() {
    let connect = "c-1 ada.king owner=entra/1 route=Care_Voice\n memory entra/1 link=c-1 wrote.route=Care_Voice";
    check(
        "entra/1 ada.king dept=Sales\n @moved entra/1 department_Care_→_Sales\n @config_changed",
        connect,
        "~ c-1 routing: Care Voice → Sales Voice [department Care → Sales]",
    );
    check(
        "entra/1 ada.king dept=Sales\n @config_changed",
        connect,
        "~ c-1 routing: Care Voice → Sales Voice [configuration]",
    );
}

#[test]
fn shared_facets_keep_a_manual_change_until_the_wish_changes() {
    let connect = "c-1 ada.king owner=entra/1 route=Sales_Voice\n memory entra/1 link=c-1 wrote.route=Care_Voice";
    check("entra/1 ada.king dept=Care", connect, "? entra/1 DriftLeftAlone");
    check(
        "entra/1 ada.king",
        connect,
        "~ c-1 routing: Sales Voice → Basic [mapped]\n ? (no department) UnmappedDepartment",
    );
}

#[test]
fn what_agrees_at_first_sight_is_remembered_so_that_a_later_manual_change_stays() {
    let mut world = World::new("entra/1 ada.king dept=Care", "c-1 ada.king owner=entra/1 route=Care_Voice");
    let plan = world.plan();
    assert!(plan.is_empty());
    world.apply(&plan);
    let user = world.seen.connect.users.get_mut(&"c-1".into()).unwrap();
    user.apply(&[(Attribute::RoutingProfile, crate::planner::testing::routing("Basic"))].into_iter().collect());
    assert_eq!(render(&world.plan()), ["? entra/1 DriftLeftAlone"]);
}

#[test]
fn connect_facets_are_never_written_after_creation() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king owner=entra/1 sec=Admin route=Care_Voice\n memory entra/1 link=c-1 wrote.sec=Agent",
        "",
    );
}

#[test]
fn an_identity_update_is_complete() {
    let world = World::new(
        "entra/1 ada.king dept=Care mail=ada@example.com",
        "c-1 ada.king owner=entra/1 route=Care_Voice mail=ada@example.com mobile=+442079460123 last=Queen",
    );
    let mut world = world;
    world.rules.fields.phone = Vec::new();
    let plan = world.plan();
    let Action::Update(update) = &plan.changes[0].action else { panic!("an update") };
    let have: Vec<_> = update.after.iter().map(|(attribute, value)| (attribute, value.to_string())).collect();
    assert_eq!(
        have,
        [
            (Attribute::FirstName, "Ada".to_owned()),
            (Attribute::LastName, "King".to_owned()),
            (Attribute::SecondaryEmail, "ada@example.com".to_owned()),
            (Attribute::Mobile, "+442079460123".to_owned()),
        ],
        "SAML instances refuse Email, the rest must be sent or would be cleared"
    );
    assert_eq!(update.wished.get(Attribute::Mobile), None);
}

#[test]
fn unread_details_are_asked_for_unless_remembered() {
    let directory = "entra/1 ada.king dept=Care mail=ada@example.com";
    let unread = "c-1 ada.king owner=entra/1 details=unread last=Queen route=Basic\n";
    check(directory, unread, "~ c-1 routing: Basic → Care Voice [mapped]\n ? entra/1 DetailsUnread");
    let world = World::new(directory, unread);
    assert_eq!(world.plan().details.left(), 1);
    check(
        directory,
        &format!("{unread} memory entra/1 link=c-1 wrote.mail=ada@example.com wrote.mobile="),
        "~ c-1 routing: Basic → Care Voice [mapped]\n ~ c-1 identity: Queen → King, ? → ada@example.com, ? → (none) [mapped]",
    );
}

#[test]
fn a_hierarchy_group_that_nobody_wishes_any_more_is_cleared_if_it_was_ours() {
    check(
        "entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care\n entra/3 cy.moss dept=London",
        "c-1 ada.king owner=entra/1 route=Care_Voice hier=EMEA/London
         memory entra/1 link=c-1 wrote.hier=EMEA/London
         c-2 bob.low owner=entra/2 route=Care_Voice hier=EMEA/London
         c-3 cy.moss owner=entra/3",
        "~ c-1 hierarchy: EMEA/London → (none) [mapped]
         ~ c-3 hierarchy: (none) → EMEA/London [mapped]",
    );
}

#[test]
fn tags_of_others_stay_and_ours_go_when_nobody_wishes_them() {
    check(
        "entra/1 ada.king dept=Care groups=leads\n entra/2 bob.low dept=Care",
        "c-1 ada.king owner=entra/1 route=Care_Voice sec=Agent,Lead tags=theirs:1,old:1
         memory entra/1 link=c-1 wrote.tags=old:1
         c-2 bob.low owner=entra/2 route=Care_Voice tags=theirs:1,tier:2
         memory entra/2 link=c-2 wrote.tags=tier:2",
        "~ c-1 tags: old=1, theirs=1 → tier=2 [mapped]
         ~ c-1 tags: without old [mapped]
         ~ c-2 tags: without tier [mapped]",
    );
}

#[test]
fn the_forecast_counts_calls_and_the_busiest_bucket() {
    let people: Vec<String> = (0..15).map(|n| format!("entra/{n} p.p{n} dept=Care")).collect();
    let plan = World::new(&people.join("\n"), "").plan();
    assert_eq!(plan.forecast.calls.values().sum::<u32>(), 15);
    assert_eq!(plan.forecast.busiest, Some(crate::model::Operation::CreateUser));
    assert_eq!(plan.forecast.least_millis, 5_000, "15 calls, 5 in the bucket, 2 a second");
}
