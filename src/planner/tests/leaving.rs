//! Leavers, returners, and people about whom nothing may be concluded.

use crate::planner::testing::{World, check, check_with, names, now, render};

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

/// A state file that was brought back remembers the suspension before the last one.
#[test]
fn a_suspension_counts_from_the_last_time_the_user_was_written() {
    let connect =
        "c-1 ada.king owner=entra/1 sec=No_Access route=Holding\n memory entra/1 link=c-1 absent=40 suspended=40";
    let written = |days: i64| {
        move |w: &mut World| {
            let suspend = w.rules.leaver.suspend.as_mut().expect("there is one");
            suspend.for_secs = Some(30 * 86_400);
            let user = w.seen.connect.users.get_mut(&"c-1".into()).expect("a user");
            user.modified_at = Some(now() - chrono::TimeDelta::days(days));
        }
    };
    let directory = "entra/1 ada.king standing=disabled";
    check_with(written(10), directory, connect, ". entra/1 waits 20 days until Deleted");
    let gone = render(&{
        let mut world = World::new(directory, connect);
        written(40)(&mut world);
        world.plan()
    });
    assert!(gone.iter().any(|line| line.starts_with("- c-1")), "{gone:?}");
}

/// A clock that was ahead when somebody left, and is right again.
#[test]
fn grace_that_begins_in_the_future_begins_now() {
    let grace = |w: &mut World| w.rules.leaver.grace_secs = 5 * 86_400;
    let connect = "c-1 ada.king owner=entra/1
 memory entra/1 link=c-1 absent=-365";
    check_with(grace, "entra/1 ada.king standing=disabled", connect, ". entra/1 waits 5 days until Suspended");
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
    // A state file from before the person came back: whoever has rights is suspended first, however long ago that was.
    check(
        directory,
        "c-1 ada.king owner=entra/1 sec=Agent route=Holding\n memory entra/1 link=c-1 absent=40 suspended=40",
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
         = c-2 entra/2 [adopted by username]
         ~ c-2 routing: Basic → Care Voice [adopted by username]
         ~ c-5 routing: Basic → Care Voice [mapped]
         + ada.king Agent / Care Voice [joined]",
    );
}
