//! Several directories: who is one human, whose word counts, and what becomes of the Connect user when that changes.

use crate::model::{Action, Decision, FindingCode, Reason};
use crate::planner::testing::{World, check, check_with, render};

const OWNED_BY_OKTA: &str = "c-1 ada.king owner=okta/9 route=Care_Voice
     memory okta/9 link=c-1 wrote.route=Care_Voice";

/// The plan, and then a second one that must be empty.
#[track_caller]
fn settles(directory: &str, connect: &str, plan: &str) {
    check(directory, connect, plan);
    let mut world = World::new(directory, connect);
    let plan = world.plan();
    world.apply(&plan);
    let second = world.plan();
    assert!(second.is_empty(), "{:#?}", render(&second));
}

#[test]
fn the_first_directory_decides_and_the_other_record_is_shadowed() {
    settles(
        "entra/1 ada.king dept=Care\n okta/9 ADA.King dept=Sales",
        "",
        "+ ada.king Agent / Care Voice [joined]\n . okta/9 shadowed by entra/1 (username)",
    );
    settles(
        "@order okta,entra,scim\n entra/1 ada.king dept=Care\n okta/9 ADA.King dept=Sales",
        "",
        "+ ADA.King Agent / Sales Voice [joined]\n . entra/1 shadowed by okta/9 (username)",
    );
    let plan = World::new("entra/1 ada.king dept=Care\n okta/9 ada.king", "").plan();
    let found: Vec<_> = plan.findings.iter().map(|finding| (finding.code, finding.code.quarantines())).collect();
    assert_eq!(found, [(FindingCode::Shadowed, false)]);
    assert_eq!(plan.findings[0].message, "the same human as entra/1 by username; entra comes first and decides");
}

#[test]
fn records_are_matched_by_username_first_and_then_by_mail() {
    check(
        "entra/1 ada.king dept=Care mail=ada@x.com
         okta/8 ada.king mail=other@x.com
         okta/9 a.king mail=ada@x.com dept=Sales
         scim/7 king mail=ADA@x.com",
        "",
        "+ ada.king Agent / Care Voice [joined]
         + a.king Agent / Sales Voice [joined]
         . okta/8 shadowed by entra/1 (username)
         . scim/7 shadowed by entra/1 (mail)",
    );
    check_with(
        |w| w.rules.same_person = vec!["employee_id".into()],
        "entra/1 ada.king dept=Care employee_id=E1\n okta/9 a.lovelace dept=Sales employee_id=e1",
        "",
        "+ ada.king Agent / Care Voice [joined]\n . okta/9 shadowed by entra/1 (employee_id)",
    );
    check_with(
        |w| w.rules.same_person = Vec::new(),
        "entra/1 ada.king dept=Care\n okta/9 ada.king",
        "",
        "! entra/1 DuplicateUsername\n ! okta/9 DuplicateUsername",
    );
}

#[test]
fn three_directories_are_one_human_through_a_third() {
    check(
        "entra/1 ada.king dept=Care\n okta/9 ada.king mail=a@x.com\n scim/5 king mail=a@x.com",
        "",
        "+ ada.king Agent / Care Voice [joined]
         . okta/9 shadowed by entra/1 (username)
         . scim/5 shadowed by entra/1 (mail)",
    );
}

#[test]
fn an_ambiguous_value_links_nobody() {
    check(
        "entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care mail=team@x.com
         entra/3 cy.moss dept=Care mail=team@x.com\n okta/9 di.nash dept=Care mail=team@x.com",
        "",
        "+ ada.king Agent / Care Voice [joined]
         + bob.low Agent / Care Voice [joined]
         + cy.moss Agent / Care Voice [joined]
         + di.nash Agent / Care Voice [joined]",
    );
    check(
        "entra/1 ada.king\n entra/2 ada.king\n okta/9 ada.king",
        "",
        "! entra/1 DuplicateUsername\n ! entra/2 DuplicateUsername\n ! okta/9 DuplicateUsername",
    );
}

#[test]
fn a_former_record_does_not_make_a_username_ambiguous() {
    check(
        "entra/1 ada.king standing=deleted\n entra/2 ada.king dept=Care\n okta/9 ada.king",
        "c-1 ada.king owner=entra/1 route=Care_Voice",
        "= c-1 entra/2 [rebound from entra/1]
         . entra/1 out of scope: deleted
         . okta/9 shadowed by entra/2 (username)",
    );
}

#[test]
fn a_leaver_of_the_first_directory_loses_access_whatever_the_second_says() {
    for standing in ["disabled", "soft_deleted", "gone"] {
        let plan = World::new(
            &format!("entra/1 ada.king standing={standing}\n okta/9 ada.king dept=Care"),
            "c-1 ada.king owner=entra/1",
        )
        .plan();
        assert_eq!(plan.changes.len(), 2, "{:?}", render(&plan));
        assert!(plan.changes.iter().all(|change| matches!(change.because, Reason::Left { .. })));
        assert!(matches!(plan.decisions[&"okta/9".parse().unwrap()], Decision::Shadowed { .. }));
    }
    check(
        "entra/1 ada.king standing=disabled\n okta/9 ada.king dept=Care",
        "",
        ". entra/1 out of scope: disabled\n . okta/9 shadowed by entra/1 (username)",
    );
}

#[test]
fn whoever_only_went_missing_from_the_first_directory_stays_its_own() {
    check(
        "entra/1 ada.king standing=missing\n okta/9 ada.king dept=Sales",
        "c-1 ada.king owner=entra/1",
        ". entra/1 not observed\n . okta/9 shadowed by entra/1 (username)",
    );
    // Once the user is gone, nothing is left of a record that two listings did not have.
    check(
        "entra/1 ada.king standing=gone\n okta/9 ada.king dept=Sales",
        "memory entra/1 stage=deleted",
        "+ ada.king Agent / Sales Voice [joined]\n . entra/1 out of scope: missing from two complete listings",
    );
}

#[test]
fn of_several_former_records_the_one_with_the_user_is_taken_over() {
    settles(
        "entra/1 ada.king standing=deleted\n entra/2 ada.king dept=Care standing=deleted\n okta/9 ada.king dept=Care",
        "c-1 ada.king owner=entra/2 route=Care_Voice\n memory entra/2 link=c-1 wrote.route=Care_Voice",
        "= c-1 okta/9 [handed over from entra/2]\n . entra/1 out of scope: deleted\n . entra/2 out of scope: deleted",
    );
}

#[test]
fn the_next_directory_takes_over_when_the_first_says_nothing_more() {
    let connect = "c-1 ada.king owner=entra/1 route=Care_Voice\n memory entra/1 link=c-1 wrote.route=Care_Voice";
    settles(
        "entra/1 ada.king dept=Care standing=deleted\n okta/9 ada.king dept=Care",
        connect,
        "= c-1 okta/9 [handed over from entra/1]\n . entra/1 out of scope: deleted",
    );
    settles(
        "@entra scope=agents\n entra/1 ada.king dept=Care\n okta/9 ada.king dept=Care",
        connect,
        "= c-1 okta/9 [handed over from entra/1]\n . entra/1 out of scope: out of scope",
    );
    settles(
        "entra/1 ada.king dept=Care user_type=Guest\n okta/9 ada.king dept=Care",
        connect,
        "= c-1 okta/9 [handed over from entra/1]\n . entra/1 out of scope: a guest",
    );
    check(
        "entra/1 ada.king standing=deleted\n okta/9 ada.king standing=deleted",
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding\n memory entra/1 link=c-1 suspended=40",
        "- c-1 [left: deleted]\n . okta/9 out of scope: deleted",
    );
}

#[test]
fn a_suspended_leaver_is_not_given_back_because_the_record_is_deleted() {
    let directory = "entra/1 ada.king standing=deleted\n okta/9 ada.king dept=Care";
    let away = |days: u32| {
        format!(
            "c-1 ada.king owner=entra/1 sec=No_Access route=Holding
             memory entra/1 link=c-1 suspended={days} former.sec=Agent former.route=Basic"
        )
    };
    check(directory, &away(3), ". entra/1 waits 27 days until Deleted\n . okta/9 shadowed by entra/1 (username)");
    let mut world = World::new(directory, &away(40));
    let plan = world.plan();
    assert_eq!(render(&plan), ["- c-1 [left: deleted]", ". okta/9 shadowed by entra/1 (username)"]);
    world.apply(&plan);
    assert_eq!(
        render(&world.plan()),
        ["+ ada.king Agent / Care Voice [joined]", ". entra/1 out of scope: deleted"],
        "nothing is left of the first"
    );
}

#[test]
fn the_first_directory_takes_over_when_it_gets_to_know_somebody() {
    settles(
        "entra/1 ada.king dept=Care\n okta/9 ada.king dept=Care",
        OWNED_BY_OKTA,
        "= c-1 entra/1 [handed over from okta/9]\n . okta/9 shadowed by entra/1 (username)",
    );
    settles(
        "entra/1 ada.king dept=Sales\n okta/9 ada.king dept=Care",
        OWNED_BY_OKTA,
        "= c-1 entra/1 [handed over from okta/9]
         ~ c-1 routing: Care Voice → Sales Voice [handed over from okta/9]
         . okta/9 shadowed by entra/1 (username)",
    );
    // What was changed by hand under `shared` stays left alone: the memory goes along.
    check(
        "entra/1 ada.king dept=Care\n okta/9 ada.king dept=Care",
        "c-1 ada.king owner=okta/9 route=Basic\n memory okta/9 link=c-1 wrote.route=Care_Voice",
        "= c-1 entra/1 [handed over from okta/9]
         . okta/9 shadowed by entra/1 (username)
         ? entra/1 DriftLeftAlone",
    );
}

#[test]
fn a_leaver_who_is_handed_over_is_bound_first_and_goes_down_the_ladder_then() {
    let mut world = World::new("entra/1 ada.king standing=disabled\n okta/9 ada.king dept=Care", OWNED_BY_OKTA);
    let plan = world.plan();
    assert_eq!(render(&plan), ["= c-1 entra/1 [handed over from okta/9]", ". okta/9 shadowed by entra/1 (username)"]);
    assert_eq!(plan.leaving.keys().map(ToString::to_string).collect::<Vec<_>>(), ["entra/1"]);
    world.apply(&plan);
    assert_eq!(
        render(&world.plan()),
        [
            "~ c-1 security: Agent → No Access [left: disabled]",
            "~ c-1 routing: Care Voice → Holding [left: disabled]",
            ". okta/9 shadowed by entra/1 (username)"
        ]
    );
}

#[test]
fn whoever_is_held_in_the_first_directory_is_not_replaced_by_the_second() {
    for held in ["dept=Broken", "dept=Care unreadable=bad"] {
        let plan = World::new(&format!("entra/1 ada.king {held}\n okta/9 ada.king dept=Care"), OWNED_BY_OKTA).plan();
        assert!(plan.is_empty(), "{:?}", render(&plan));
        assert!(matches!(plan.decisions[&"entra/1".parse().unwrap()], Decision::Quarantined(_)));
        assert!(matches!(plan.decisions[&"okta/9".parse().unwrap()], Decision::Shadowed { .. }));
    }
}

#[test]
fn two_connect_users_of_one_human_are_named_and_the_second_is_left_alone() {
    let plan = World::new(
        "entra/1 ada.king standing=disabled\n okta/9 a.king dept=Care mail=a@x.com\n entra/2 bob.low dept=Care",
        "",
    );
    assert!(!plan.plan().is_empty(), "nobody is linked without a common value");
    check(
        "entra/1 ada.king dept=Care mail=a@x.com\n okta/9 a.king dept=Care mail=a@x.com",
        "c-1 ada.king owner=entra/1 route=Care_Voice mail=a@x.com\n c-2 a.king owner=okta/9 route=Basic",
        "! okta/9 AmbiguousMatch",
    );
    // What the first says reaches the first's user only; the second is loud, not forgotten.
    check(
        "entra/1 ada.king mail=a@x.com standing=disabled\n okta/9 a.king dept=Care mail=a@x.com",
        "c-1 ada.king owner=entra/1\n c-2 a.king owner=okta/9 route=Basic",
        "~ c-1 security: Agent → No Access [left: disabled]
         ~ c-1 routing: Basic → Holding [left: disabled]
         ! okta/9 AmbiguousMatch",
    );
}

#[test]
fn a_failing_first_directory_keeps_deciding_and_nothing_happens_to_its_people() {
    for owner in ["entra/1", "okta/9"] {
        check(
            "@entra frozen\n entra/1 ada.king dept=Care\n okta/9 ada.king dept=Sales",
            &format!("c-1 ada.king owner={owner} route=Basic"),
            ". entra/1 not observed\n . okta/9 shadowed by entra/1 (username)",
        );
    }
    // Whom the first had given up before goes on, but for a user that still is the first's.
    check(
        "@entra frozen\n entra/1 ada.king standing=deleted\n okta/9 ada.king dept=Sales",
        "c-1 ada.king owner=okta/9 route=Basic",
        "~ c-1 routing: Basic → Sales Voice [mapped]\n . entra/1 not observed",
    );
    check(
        "@entra frozen\n entra/1 ada.king standing=deleted\n okta/9 ada.king dept=Sales",
        "c-1 ada.king owner=entra/1 route=Basic",
        ". entra/1 not observed\n . okta/9 not observed",
    );
}

#[test]
fn a_failing_second_directory_does_not_keep_the_first_from_deciding() {
    settles(
        "@okta frozen\n entra/1 ada.king dept=Care\n okta/9 ada.king dept=Care\n okta/8 bob.low",
        OWNED_BY_OKTA,
        "= c-1 entra/1 [handed over from okta/9]
         . okta/8 not observed
         . okta/9 shadowed by entra/1 (username)",
    );
}

#[test]
fn nobody_joins_by_the_second_directory_before_the_first_was_read_once() {
    for state in ["@entra never", "@entra never\n @entra frozen"] {
        check(
            &format!("{state}\n okta/1 ada.king dept=Care\n okta/2 bob.low dept=Care\n okta/3 cy.moss dept=Care"),
            "c-2 bob.low owner=okta/2 route=Basic\n c-3 cy.moss",
            "~ c-2 routing: Basic → Care Voice [mapped]
             . okta/1 not observed
             . okta/3 not observed",
        );
    }
    check("@okta never\n entra/1 ada.king dept=Care", "", "+ ada.king Agent / Care Voice [joined]");
    check(
        "@entra never\n okta/9 ada.king dept=Care",
        "c-1 ada.king owner=entra/1",
        ". entra/1 not observed\n . okta/9 not observed",
    );
}

#[test]
fn a_shadowed_record_neither_adopts_nor_blocks_a_username() {
    check(
        "entra/1 ada.lovelace dept=Care mail=a@x.com\n okta/9 ada.king mail=a@x.com\n entra/2 ada.king dept=Care",
        "c-1 ada.king route=Care_Voice",
        "= c-1 entra/2 [adopted by username]
         + ada.lovelace Agent / Care Voice [joined]
         . okta/9 shadowed by entra/2 (username)",
    );
    check(
        "entra/1 ada.lovelace dept=Care mail=a@x.com\n okta/9 ada.king mail=a@x.com",
        "c-1 ada.king",
        "+ ada.lovelace Agent / Care Voice [joined]
         . okta/9 shadowed by entra/1 (mail)
         ? ada.king Foreign",
    );
}

#[test]
fn a_hand_over_counts_as_managed_and_takes_no_second_user() {
    let plan =
        World::new("entra/1 ada.lovelace dept=Care mail=a@x.com\n okta/9 ada.king mail=a@x.com", OWNED_BY_OKTA).plan();
    assert_eq!(plan.managed, 1);
    assert!(!plan.changes.iter().any(|change| matches!(change.action, Action::Create(_))), "{:?}", render(&plan));
}
