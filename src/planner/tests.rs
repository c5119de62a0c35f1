//! The close calls, as tables.

use super::rules::{AdoptBy, Persona, PhoneSettings, UserTypeExtras};
use super::testing::{World, check, check_with, names, render};
use crate::model::{Action, Attribute, Decision, Facet, IdentityManagement, Value};

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
fn agreement_is_no_change() {
    check("entra/1 ada.king dept=Care", "c-1 ada.king owner=entra/1 route=Care_Voice", "");
}

#[test]
fn the_owner_tag_comes_before_the_link_and_the_link_before_the_adopt_list() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king
         c-2 ada.old owner=entra/1 route=Care_Voice last=King
         memory entra/1 link=c-1",
        "? entra/1 Rename
         ? ada.king Foreign",
    );
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king
         c-2 ada.old route=Care_Voice last=King
         memory entra/1 link=c-2",
        "= c-2 entra/1 [adopted by remembered link]
         ? entra/1 Rename
         ? ada.king Foreign",
    );
}

#[test]
fn existing_users_are_adopted_by_username_mailbox_or_address() {
    check(
        "entra/1 ada.king@example.com dept=Care
         entra/2 bob.low dept=Care
         entra/3 cy.moss@example.com mail=cy@mail.example.com dept=Care
         entra/4 di.nash@example.com dept=Care",
        "c-1 ada.king@example.com route=Care_Voice
         c-2 bob.low@example.com route=Care_Voice
         c-3 moss mail=cy@mail.example.com route=Care_Voice last=Moss
         c-4 di.nash@other.com",
        "~ c-3 identity: Moss → Cy [adopted by email]
         = c-1 entra/1 [adopted by username]
         = c-2 entra/2 [adopted by mailbox_name]
         = c-3 entra/3 [adopted by email]
         + di.nash@example.com Agent / Care Voice [joined]
         ? entra/2 Rename
         ? entra/3 Rename
         ? di.nash@other.com Foreign",
    );
}

#[test]
fn adoption_leaves_what_connect_decides_and_writes_the_rest() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king sec=Admin route=Basic last=Queen",
        "~ c-1 routing: Basic → Care Voice [adopted by username]
         ~ c-1 identity: Queen → King [adopted by username]
         = c-1 entra/1 [adopted by username]",
    );
}

#[test]
fn a_match_that_differs_in_case_is_reported() {
    check("entra/1 ada.king dept=Care", "c-1 Ada.King owner=entra/1 route=Care_Voice", "? entra/1 CaseDiffers");
}

#[test]
fn two_users_for_one_person_are_not_guessed() {
    check("entra/1 ada.king", "c-1 ada.king\n c-2 Ada.King", "! entra/1 AmbiguousMatch");
    check("entra/1 ada.king", "c-1 ada.king owner=entra/1\n c-2 ada.two owner=entra/1", "! entra/1 AmbiguousMatch");
}

#[test]
fn two_people_for_one_user_are_both_held_and_named() {
    let directory = "entra/1 ada.king@one.com dept=Care\n entra/2 ada.king@two.com dept=Care";
    check(directory, "c-1 ada.king", "! entra/1 AmbiguousMatch\n ! entra/2 AmbiguousMatch");
    let plan = World::new(directory, "c-1 ada.king").plan();
    for finding in &plan.findings {
        assert!(finding.message.contains("entra/1 and entra/2"), "{}", finding.message);
    }
}

#[test]
fn two_people_with_one_username_are_both_held() {
    check(
        "entra/1 ada.king dept=Care\n okta/9 ADA.KING dept=Care",
        "c-1 ada.king owner=entra/1 route=Basic",
        "! entra/1 DuplicateUsername\n ! okta/9 DuplicateUsername",
    );
}

#[test]
fn foreign_users_are_listed_and_left_alone() {
    check("", "c-1 joe", "? joe Foreign");
}

#[test]
fn somebody_elses_user_is_not_taken() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king owner=other/5",
        "! entra/1 DuplicateUsername\n . other/5 not observed",
    );
    check_with(
        |w| w.rules.adopt = vec![AdoptBy::OwnerTag],
        "entra/1 ada.king dept=Care",
        "c-1 ada.king",
        "! entra/1 DuplicateUsername\n ? ada.king Foreign",
    );
}

#[test]
fn an_owner_nobody_knows_is_asked_for_and_not_removed() {
    let world = World::new("entra/1 ada.king", "c-1 ada.king owner=entra/1\n c-2 joe owner=entra/2\n c-3 x owner=zz/1");
    let plan = world.plan();
    assert!(plan.is_empty());
    assert_eq!(plan.owners_unknown.iter().map(ToString::to_string).collect::<Vec<_>>(), ["entra/2"]);
    assert!(matches!(plan.decisions[&"zz/1".parse().unwrap()], Decision::NotObserved { .. }));
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
    user.apply(&[(Attribute::RoutingProfile, super::testing::routing("Basic"))].into_iter().collect());
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
    assert_eq!(world.plan().details_needed.len(), 1);
    check(
        directory,
        &format!("{unread} memory entra/1 link=c-1 wrote.mail=ada@example.com wrote.mobile="),
        "~ c-1 routing: Basic → Care Voice [mapped]\n ~ c-1 identity: Queen → King, ? → ada@example.com, ? → (none) [mapped]",
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
fn instances_with_a_directory_service_keep_names_to_themselves() {
    check_with(
        |w| w.seen.connect.instance.identity_management = IdentityManagement::ExistingDirectory,
        "entra/1 ada.king dept=Care mobile=+442079460123",
        "c-1 ada.king owner=entra/1 route=Care_Voice last=Queen",
        "~ c-1 identity: (none) → +442079460123 [mapped]",
    );
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
fn each_way_of_leaving_says_so() {
    check(
        "@entra scope=agents
         entra/1 a.a standing=disabled groups=agents
         entra/2 b.b standing=soft_deleted groups=agents
         entra/3 c.c standing=deleted
         entra/4 d.d groups=other
         entra/5 e.e groups=agents type=x userType=Guest
         entra/6 f.f standing=gone",
        "c-1 a.a owner=entra/1 route=Holding
         c-2 b.b owner=entra/2 route=Holding
         c-3 c.c owner=entra/3 route=Holding
         c-4 d.d owner=entra/4 route=Holding
         c-5 e.e owner=entra/5 route=Holding
         c-6 f.f owner=entra/6 route=Holding",
        "~ c-1 security: Agent → No Access [left: disabled]
         ~ c-2 security: Agent → No Access [left: deleted (restorable)]
         ~ c-3 security: Agent → No Access [left: deleted]
         ~ c-4 security: Agent → No Access [left: out of scope]
         ~ c-5 security: Agent → No Access [left: a guest]
         ~ c-6 security: Agent → No Access [left: missing from two complete listings]",
    );
}

#[test]
fn who_never_had_a_user_does_not_leave() {
    check(
        "@entra scope=agents\n entra/1 ada.king\n entra/2 bob.low standing=disabled groups=agents",
        "c-1 ada.king",
        ". entra/1 out of scope: out of scope\n . entra/2 out of scope: disabled\n ? ada.king Foreign",
    );
}

#[test]
fn merely_missing_frozen_and_unreadable_people_are_not_touched() {
    check(
        "entra/1 ada.king standing=missing\n entra/2 bob.low unreadable=bad_json",
        "c-1 ada.king owner=entra/1\n c-2 bob.low owner=entra/2 last=Other",
        ". entra/1 not observed\n ! entra/2 UnreadableRecord",
    );
    check(
        "@entra frozen\n entra/1 ada.king standing=deleted\n entra/2 bob.low\n okta/3 cy.moss dept=Care",
        "c-1 ada.king owner=entra/1",
        "+ cy.moss Agent / Care Voice [joined]\n . entra/1 not observed\n . entra/2 not observed",
    );
}

#[test]
fn grace_counts_from_the_first_time_it_was_seen() {
    let grace = |w: &mut World| w.rules.leaver.grace_secs = 5 * 86_400;
    let directory = "entra/1 ada.king standing=disabled";
    check_with(grace, directory, "c-1 ada.king owner=entra/1", ". entra/1 waits 5 days until Suspended");
    check_with(
        grace,
        directory,
        "c-1 ada.king owner=entra/1\n memory entra/1 link=c-1 absent=3",
        ". entra/1 waits 2 days until Suspended",
    );
    check_with(
        grace,
        directory,
        "c-1 ada.king owner=entra/1\n memory entra/1 link=c-1 absent=5",
        "~ c-1 security: Agent → No Access [left: disabled]\n ~ c-1 routing: Basic → Holding [left: disabled]",
    );
}

#[test]
fn suspended_users_wait_and_then_go_with_their_quick_connects() {
    let directory = "entra/1 ada.king standing=disabled";
    let connect = "c-1 ada.king owner=entra/1 sec=No_Access route=Holding\n quick q-1 c-1\n quick q-2 c-2\n";
    let memory = |days: u32| format!("{connect} memory entra/1 link=c-1 absent=40 suspended={days}");
    check(directory, &memory(10), ". entra/1 waits 20 days until Deleted");
    check(directory, &memory(30), "- q-1 of c-1 [left: disabled]\n - c-1 [left: disabled]");
    check_with(|w| w.rules.leaver.delete = false, directory, &memory(90), ". entra/1 out of scope: disabled");
    check_with(
        |w| w.rules.leaver.suspend.as_mut().unwrap().for_secs = None,
        directory,
        &memory(90),
        ". entra/1 out of scope: disabled",
    );
    check(
        directory,
        "c-1 ada.king owner=entra/1 sec=Agent route=Holding\n memory entra/1 link=c-1 absent=9 suspended=9",
        "~ c-1 security: Agent → No Access [left: disabled]",
    );
}

#[test]
fn without_a_suspension_the_user_is_deleted_or_left_alone() {
    let directory = "entra/1 ada.king standing=deleted";
    check_with(|w| w.rules.leaver.suspend = None, directory, "c-1 ada.king owner=entra/1", "- c-1 [left: deleted]");
    check_with(
        |w| (w.rules.leaver.suspend, w.rules.leaver.delete) = (None, false),
        directory,
        "c-1 ada.king owner=entra/1",
        ". entra/1 out of scope: deleted",
    );
}

#[test]
fn a_no_access_persona_that_does_not_exist_holds_the_leaver() {
    check_with(
        |w| w.rules.leaver.suspend.as_mut().unwrap().security_profiles = names(&["NoAccess"]),
        "entra/1 ada.king standing=disabled",
        "c-1 ada.king owner=entra/1",
        "! entra/1 UnknownName",
    );
}

#[test]
fn a_returner_gets_back_what_connect_decided_and_the_rules_give_the_rest() {
    check(
        "entra/1 ada.king dept=Care",
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 suspended=3 wrote.sec=No_Access wrote.route=Holding former.sec=Admin former.route=Basic",
        "~ c-1 security: No Access → Admin [returned]\n ~ c-1 routing: Holding → Care Voice [returned]",
    );
    // Deleted in the meantime: created again with the former security profiles.
    check(
        "entra/1 ada.king dept=Care",
        "memory entra/1 stage=deleted former.sec=Admin former.route=Basic",
        "+ ada.king Admin / Care Voice [returned]",
    );
    // The former profile does not exist any more, or the memory was lost while the person was away: the persona.
    check(
        "entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care",
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 suspended=3 former.sec=Gone former.route=Basic
         c-2 bob.low owner=entra/2 sec=No_Access route=Holding",
        "~ c-1 security: No Access → Agent [returned]
         ~ c-1 routing: Holding → Care Voice [returned]
         ~ c-2 security: No Access → Agent [returned]
         ~ c-2 routing: Holding → Care Voice [returned]",
    );
}

#[test]
fn a_rehire_is_rebound_only_when_the_former_record_is_explicitly_gone() {
    let new = "entra/2 ada.king dept=Care\n";
    let connect = "c-1 ada.king owner=entra/1 route=Care_Voice";
    for standing in ["deleted", "soft_deleted"] {
        let why = if standing == "deleted" { "deleted" } else { "deleted (restorable)" };
        check(
            &format!("{new} entra/1 ada.king standing={standing}"),
            connect,
            &format!("= c-1 entra/2 [rebound from entra/1]\n . entra/1 out of scope: {why}"),
        );
    }
    check(
        &format!("{new} entra/1 ada.king standing=disabled"),
        connect,
        "~ c-1 security: Agent → No Access [left: disabled]
         ~ c-1 routing: Care Voice → Holding [left: disabled]
         ! entra/2 DuplicateUsername",
    );
    check(&format!("{new} entra/1 ada.king"), connect, "! entra/1 DuplicateUsername\n ! entra/2 DuplicateUsername");
}

#[test]
fn a_rehire_of_a_suspended_person_gets_the_access_back() {
    check(
        "entra/1 ada.king standing=deleted\n entra/2 ada.king dept=Care",
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 suspended=3 former.sec=Admin former.route=Basic",
        "~ c-1 security: No Access → Admin [returned]
         ~ c-1 routing: Holding → Care Voice [returned]
         = c-1 entra/2 [rebound from entra/1]
         . entra/1 out of scope: deleted",
    );
}

#[test]
fn a_user_deleted_by_hand_is_created_again() {
    check(
        "entra/1 ada.king dept=Care",
        "memory entra/1 link=c-1 wrote.route=Care_Voice",
        "+ ada.king Agent / Care Voice [drift]",
    );
}

#[test]
fn a_renamed_person_keeps_the_user_and_everything_else_flows() {
    check(
        "entra/1 ada.king dept=Sales",
        "c-1 ada.lovelace owner=entra/1 route=Care_Voice\n memory entra/1 link=c-1 wrote.route=Care_Voice",
        "~ c-1 routing: Care Voice → Sales Voice [mapped]
         ~ c-1 identity: Lovelace → King [mapped]
         ? entra/1 Rename",
    );
}

#[test]
fn access_is_taken_before_it_is_given() {
    check_with(
        |w| w.rules.leaver.suspend.as_mut().unwrap().routing_profile = None,
        "entra/1 ada.king dept=Care
         entra/2 bob.low dept=Care
         entra/3 cy.moss standing=disabled
         entra/4 di.nash standing=disabled
         entra/5 ed.orr dept=Care",
        "c-2 bob.low
         c-3 cy.moss owner=entra/3
         c-4 di.nash owner=entra/4 sec=No_Access
         memory entra/4 link=c-4 suspended=31
         c-5 ed.orr owner=entra/5",
        "~ c-3 security: Agent → No Access [left: disabled]
         - c-4 [left: disabled]
         ~ c-2 routing: Basic → Care Voice [adopted by username]
         ~ c-5 routing: Basic → Care Voice [mapped]
         = c-2 entra/2 [adopted by username]
         + ada.king Agent / Care Voice [joined]",
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
fn a_lost_memory_finds_its_own_people_by_the_owner_tag() {
    let plan = World::new("entra/1 ada.king dept=Care", "c-1 ada.king owner=entra/1 route=Care_Voice").plan();
    assert!(plan.is_empty());
    assert_eq!(plan.links.len(), 1);
    assert_eq!(plan.managed, 1);
}

#[test]
fn the_forecast_counts_calls_and_the_busiest_bucket() {
    let people: Vec<String> = (0..15).map(|n| format!("entra/{n} p.p{n} dept=Care")).collect();
    let plan = World::new(&people.join("\n"), "").plan();
    assert_eq!(plan.forecast.calls.values().sum::<u32>(), 15);
    assert_eq!(plan.forecast.busiest, Some(crate::model::Operation::CreateUser));
    assert_eq!(plan.forecast.least_millis, 5_000, "15 calls, 5 in the bucket, 2 a second");
}

#[test]
fn conditions_say_why() {
    let mut world = World::new(
        "entra/1 ada.king dept=Sales groups=leads title=Temp_lead",
        "c-1 ada.king owner=entra/1 route=Basic\n memory entra/1 link=c-1 wrote.route=Sales_Voice",
    );
    let temp = super::rules::Condition::Attribute {
        name: "title".into(),
        test: super::rules::TextTest::StartsWith("TEMP".to_owned()),
    };
    let not_temp = super::rules::Condition::Not(Box::new(temp));
    world.rules.mappings.push(super::rules::Mapping {
        name: "recording".to_owned(),
        line: 20,
        when: super::rules::Condition::All(vec![super::rules::Condition::Group("leads".to_owned()), not_temp]),
        gives: super::testing::persona(&["Recording"], None),
    });
    let explanation = super::explain(&world.seen, &world.rules, &"entra/1".parse().unwrap());
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
    let coverage = super::coverage(&world.seen, &world.rules);
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
    let example = |expect: Persona| super::rules::Example {
        line: 7,
        given: [("department".into(), "Customer care".to_owned())].into(),
        groups: names(&["leads"]),
        expect,
    };
    let rules = super::testing::rules();
    let good = example(super::testing::persona(&["Lead", "Agent"], Some("Care Voice")));
    let bad = example(super::testing::persona(&["Agent"], Some("Sales Voice")));
    let results = super::check_examples(&rules, &[good, bad]);
    assert!(results[0].passes(), "{:?}", results[0]);
    assert_eq!(
        results[1].differs,
        [
            "security_profiles: expected Agent, the rules give Agent, Lead",
            "routing_profile: expected Sales Voice, the rules give Care Voice"
        ]
    );
}
