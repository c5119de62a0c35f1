//! Whose Connect user is it?

use crate::model::Decision;
use crate::planner::rules::AdoptBy;
use crate::planner::testing::{World, check, check_with, render};

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
        "= c-1 entra/1 [adopted by username]
         = c-2 entra/2 [adopted by mailbox_name]
         = c-3 entra/3 [adopted by email]
         ~ c-3 identity: Moss → Cy [adopted by email]
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
        "= c-1 entra/1 [adopted by username]
         ~ c-1 routing: Basic → Care Voice [adopted by username]
         ~ c-1 identity: Queen → King [adopted by username]",
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
        "entra/1 ada.king dept=Care\n entra/9 ADA.KING dept=Care",
        "c-1 ada.king owner=entra/1 route=Basic",
        "! entra/1 DuplicateUsername\n ! entra/9 DuplicateUsername",
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
        "! entra/1 DuplicateUsername\n . other/5 not observed\n ? other SourceNote",
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
fn a_rehire_is_rebound_only_when_the_former_record_is_proven_gone() {
    let new = "entra/2 ada.king dept=Care\n";
    let connect = "c-1 ada.king owner=entra/1 route=Care_Voice";
    let gone = [
        ("deleted", "deleted"),
        ("soft_deleted", "deleted (restorable)"),
        ("gone", "missing from two complete listings"),
    ];
    for (standing, why) in gone {
        check(
            &format!("{new} entra/1 ada.king standing={standing}"),
            connect,
            &format!("= c-1 entra/2 [rebound from entra/1]\n . entra/1 out of scope: {why}"),
        );
    }
    check(
        &format!("{new} entra/1 ada.king standing=missing"),
        connect,
        ". entra/1 not observed\n ! entra/2 DuplicateUsername",
    );
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
fn whoever_left_and_is_overtaken_by_a_namesake_is_asked_for() {
    let asked = |former: &str| {
        let world = World::new(&format!("{former}\n entra/2 ada.king dept=Care"), "c-1 ada.king owner=entra/1");
        world.plan().owners_unknown.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(asked("entra/1 ada.king standing=disabled"), ["entra/1"]);
    assert!(asked("entra/1 ada.king standing=deleted").is_empty(), "that is known");
    assert!(asked("entra/1 ada.king").is_empty(), "works here");
    assert!(asked("entra/1 ada.queen standing=disabled").len() == 1, "Connect has the name, not the former record");
}

#[test]
fn of_two_who_remember_a_user_without_a_mark_the_one_who_is_here_has_it() {
    // An old state file remembers the former record, a look before the mark was taken away by hand the new one.
    let memory = "memory entra/1 link=c-1\n memory entra/2 link=c-1";
    for standing in ["deleted", "soft_deleted", "gone"] {
        let world = World::new(
            &format!("entra/2 ada.king dept=Care\n entra/1 ada.king standing={standing}"),
            &format!("c-1 ada.king route=Care_Voice\n {memory}"),
        );
        assert_eq!(render(&world.plan())[0], "= c-1 entra/2 [adopted by remembered link]", "{standing}");
    }
    for standing in ["disabled", "missing"] {
        let world = World::new(
            &format!("entra/2 ada.king dept=Care\n entra/1 ada.other standing={standing}"),
            &format!("c-1 ada.king route=Care_Voice\n {memory}"),
        );
        let lines = render(&world.plan());
        assert!(lines.iter().any(|line| line == "! entra/2 AmbiguousMatch"), "{standing}: {lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with(['=', '+', '~', '-'])), "{standing}: {lines:?}");
    }
}

#[test]
fn a_rehire_of_a_suspended_person_gets_the_access_back() {
    check(
        "entra/1 ada.king standing=deleted\n entra/2 ada.king dept=Care",
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
         memory entra/1 link=c-1 suspended=3 former.sec=Admin former.route=Basic",
        "= c-1 entra/2 [rebound from entra/1]
         ~ c-1 security: No Access → Admin [returned]
         ~ c-1 routing: Holding → Care Voice [returned]
         . entra/1 out of scope: deleted",
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
fn a_lost_memory_finds_its_own_people_by_the_owner_tag() {
    let plan = World::new("entra/1 ada.king dept=Care", "c-1 ada.king owner=entra/1 route=Care_Voice").plan();
    assert!(plan.is_empty());
    assert_eq!(plan.links.len(), 1);
    assert_eq!(plan.managed, 1);
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
fn whoever_matches_one_of_several_contested_users_is_held_too() {
    check(
        "entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care mail=a@x.com",
        "c-1 ada.king mail=a@x.com\n c-2 joe.doe mail=a@x.com",
        "! entra/1 AmbiguousMatch\n ! entra/2 AmbiguousMatch",
    );
}
