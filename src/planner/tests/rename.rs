//! A changed username under `rename = "recreate"`: every state that a run may find.

use crate::model::{Action, Attribute, AttributeSet, Plan, Reason};
use crate::planner::guard::{Verdict, digest, review};
use crate::planner::rules::RenamePolicy;
use crate::planner::testing::{World, check, check_with, limits, now, render, routing};

fn recreate(world: &mut World) {
    world.rules.rename = RenamePolicy::Recreate;
}

#[track_caller]
fn renames(directory: &str, connect: &str, plan: &str) {
    check_with(recreate, directory, connect, plan);
}

const OLD: &str = "c-1 ada.byron owner=entra/1 route=Care_Voice last=King
    memory entra/1 link=c-1 name=ada.byron wrote.route=Care_Voice";

#[test]
fn the_old_user_alone_becomes_a_create_moves_and_a_delete() {
    renames(
        "entra/1 ada.king dept=Care",
        &format!("{OLD}\n quick q-1 c-1\n quick q-2 c-1\n quick q-3 c-9"),
        "+ ada.king Agent / Care Voice [renamed from ada.byron]
         > q-1 of c-1 to the new user [renamed from ada.byron]
         > q-2 of c-1 to the new user [renamed from ada.byron]
         - c-1 [renamed from ada.byron]",
    );
}

#[test]
fn both_users_become_moves_and_a_delete_and_the_new_one_alone_becomes_nothing() {
    let both = "c-1 ada.byron owner=entra/1 route=Care_Voice last=King
        c-2 ada.king owner=entra/1 route=Care_Voice
        quick q-1 c-1
        quick q-2 c-2";
    let rest = "> q-1 of c-1 to c-2 [renamed from ada.byron]\n - c-1 [renamed from ada.byron]";
    let directory = "entra/1 ada.king dept=Care";
    // The create is known; only the tag is (a lost memory); the create is not known (an old one).
    for memory in ["link=c-2 name=ada.king retiring=c-1", "", "link=c-1 name=ada.byron"] {
        renames(directory, &format!("{both}\n memory entra/1 {memory}"), rest);
    }
    renames(directory, "c-2 ada.king owner=entra/1 route=Care_Voice\n memory entra/1 link=c-2 retiring=c-1", "");
}

#[test]
fn a_second_user_that_is_not_provably_ours_is_not_guessed() {
    let directory = "entra/1 ada.king dept=Care";
    let both = "c-1 ada.king owner=entra/1\n c-2 ada.copy owner=entra/1";
    // Somebody copied a user with its tags.
    renames(directory, &format!("{both}\n memory entra/1 link=c-1 name=ada.king"), "! entra/1 AmbiguousMatch");
    // Neither has the wished username, and nobody remembers.
    renames("entra/1 ada.three dept=Care", both, "! entra/1 AmbiguousMatch");
    // Both have, but for case.
    renames(directory, "c-1 ada.king owner=entra/1\n c-2 Ada.King owner=entra/1", "! entra/1 AmbiguousMatch");
    // A proven one beside one that is not.
    let three = format!("{both}\n c-3 ada.byron owner=entra/1\n memory entra/1 link=c-1 name=ada.king retiring=c-3");
    renames(directory, &three, "! entra/1 AmbiguousMatch");
    // And without the policy, as ever.
    check(directory, &format!("{both}\n memory entra/1 link=c-1 retiring=c-2"), "! entra/1 AmbiguousMatch");
}

#[test]
fn a_name_that_changes_again_on_the_way_leaves_one_user() {
    renames(
        "entra/1 ada.third dept=Care",
        "c-1 ada.byron owner=entra/1 route=Care_Voice
         c-2 ada.king owner=entra/1 route=Care_Voice
         quick q-1 c-1
         memory entra/1 link=c-2 name=ada.king retiring=c-1",
        "+ ada.third Agent / Care Voice [renamed from ada.king]
         - c-2 [renamed from ada.king]
         > q-1 of c-1 to the new user [renamed from ada.byron]
         - c-1 [renamed from ada.byron]",
    );
}

fn created(plan: &Plan) -> (AttributeSet, AttributeSet) {
    let desired = plan.changes.iter().find_map(|change| match &change.action {
        Action::Create(desired) => Some(desired),
        _ => None,
    });
    let desired = desired.expect("a create");
    (desired.attributes.clone(), desired.wished.clone().expect("the wish"))
}

#[test]
fn the_new_user_gets_what_others_decided_and_the_memory_keeps_the_wish() {
    let mut world = World::new(
        "entra/1 ada.king dept=Care mail=ada@x.com",
        "c-1 ada.byron owner=entra/1 sec=Admin route=Basic hier=EMEA/Paris tags=theirs:1 mobile=+442079460123 last=Byron
         memory entra/1 link=c-1 name=ada.byron wrote.route=Care_Voice",
    );
    recreate(&mut world);
    world.rules.fields.phone.clear();
    let plan = world.plan();
    let (attributes, wished) = created(&plan);
    let text = |attribute| attributes.get(attribute).map(ToString::to_string).unwrap_or_default();
    assert_eq!(text(Attribute::SecurityProfiles), "Admin", "connect decides");
    assert_eq!(text(Attribute::RoutingProfile), "Basic", "shared: changed by hand, and the wish did not change");
    assert_eq!(text(Attribute::HierarchyGroup), "EMEA/Paris", "nobody manages it");
    assert_eq!(text(Attribute::Tags), "theirs=1");
    assert_eq!(text(Attribute::Mobile), "+442079460123");
    assert_eq!(text(Attribute::LastName), "King", "the directory decides");
    assert_eq!(text(Attribute::SecondaryEmail), "ada@x.com");
    assert_eq!(wished.get(Attribute::RoutingProfile), Some(&routing("Care Voice")));
    world.apply(&plan);
    assert_eq!(render(&world.plan()), ["? entra/1 DriftLeftAlone"], "the supervisor's change survives");
    assert_eq!(world.seen.connect.users.len(), 1);
}

#[test]
fn a_returner_under_another_name_gets_the_former_profiles() {
    renames(
        "entra/1 ada.king dept=Care",
        "c-1 ada.byron owner=entra/1 sec=No_Access route=Holding last=King
         memory entra/1 link=c-1 name=ada.byron suspended=3 former.sec=Admin former.route=Basic wrote.route=Holding",
        "+ ada.king Admin / Care Voice [renamed from ada.byron]
         - c-1 [renamed from ada.byron]",
    );
}

#[test]
fn what_nobody_has_read_is_read_first() {
    let mut world = World::new("entra/1 ada.king dept=Sales", &OLD.replace("last=King", "last=King details=unread"));
    recreate(&mut world);
    let plan = world.plan();
    let sales = "~ c-1 routing: Care Voice → Sales Voice [mapped]";
    assert_eq!(render(&plan), [sales, "? entra/1 Rename", "? entra/1 DetailsUnread"], "everything else keeps flowing");
    assert!(plan.details.unread[&"c-1".into()].replaced);
}

#[test]
fn only_our_own_users_are_created_anew() {
    renames(
        "entra/1 ada.king@x.com dept=Care",
        "c-1 ada.king route=Care_Voice",
        "= c-1 entra/1 [adopted by mailbox_name]\n ? entra/1 Rename",
    );
    renames("entra/1 ada.king dept=Care", "c-1 Ada.King owner=entra/1 route=Care_Voice", "? entra/1 CaseDiffers");
}

#[test]
fn a_name_that_somebody_else_keeps_holds_the_person() {
    let directory = "entra/1 ada.king dept=Care";
    renames(directory, &format!("{OLD}\n c-2 ADA.king"), "! entra/1 DuplicateUsername\n ? ADA.king Foreign");
    renames(
        &format!("{directory}\n entra/2 bob.low standing=disabled"),
        &format!(
            "{OLD}\n c-2 ada.king owner=entra/2 sec=No_Access route=Holding\n memory entra/2 link=c-2 suspended=3"
        ),
        "! entra/1 DuplicateUsername\n . entra/2 waits 27 days until Deleted",
    );
}

#[test]
fn a_chain_goes_link_by_link_and_a_circle_is_held() {
    let chain = "c-1 a.a owner=entra/1 last=B\n c-2 b.b owner=entra/2 last=C
        memory entra/1 link=c-1 name=a.a wrote.route=Basic\n memory entra/2 link=c-2 name=b.b wrote.route=Basic";
    let mut world = World::new("entra/1 b.b\n entra/2 c.c", chain);
    recreate(&mut world);
    let first = world.plan();
    let unmapped = "? (no department) UnmappedDepartment";
    assert_eq!(
        render(&first),
        [
            "~ c-1 identity: A → B [mapped]",
            "+ c.c Agent / Basic [renamed from b.b]",
            "- c-2 [renamed from b.b]",
            "? entra/1 Rename",
            unmapped,
        ]
    );
    world.apply(&first);
    let second = world.plan();
    assert_eq!(render(&second), ["+ b.b Agent / Basic [renamed from a.a]", "- c-1 [renamed from a.a]", unmapped]);
    world.apply(&second);
    assert_eq!(render(&world.plan()), [unmapped]);

    renames("entra/1 b.b\n entra/2 a.a", chain, "! entra/1 DuplicateUsername\n ! entra/2 DuplicateUsername");
    let third = format!("{chain}\n c-3 c.c owner=entra/3\n memory entra/3 link=c-3 name=c.c");
    renames(
        "entra/1 b.b\n entra/2 c.c\n entra/3 a.a",
        &third,
        "! entra/1 DuplicateUsername\n ! entra/2 DuplicateUsername\n ! entra/3 DuplicateUsername",
    );
}

#[test]
fn whoever_left_in_the_middle_goes_down_the_ladder_with_one_user() {
    let both = "c-1 ada.byron owner=entra/1\n c-2 ada.king owner=entra/1\n quick q-1 c-1
        memory entra/1 link=c-2 name=ada.king retiring=c-1";
    let directory = "entra/1 ada.king standing=disabled";
    renames(
        directory,
        both,
        "~ c-2 security: Agent → No Access [left: disabled]
         ~ c-2 routing: Basic → Holding [left: disabled]
         > q-1 of c-1 to c-2 [renamed from ada.byron]
         - c-1 [renamed from ada.byron]",
    );
    let delete = |world: &mut World| {
        recreate(world);
        world.rules.leaver.suspend = None;
    };
    check_with(
        delete,
        directory,
        both,
        "- c-2 [left: disabled]\n - q-1 of c-1 [renamed from ada.byron]\n - c-1 [renamed from ada.byron]",
    );
}

#[test]
fn a_full_instance_holds_renames_and_room_for_one_lets_one_through() {
    let directory = "entra/1 ada.king dept=Care\n entra/2 bob.moss dept=Care";
    let connect = "c-1 ada.byron owner=entra/1 last=King route=Care_Voice
        c-2 bob.low owner=entra/2 last=Moss route=Care_Voice\n quick q-1 c-1\n quick q-2 c-2";
    for (limit, plan) in [
        (2, "! entra/1 UserLimit\n ! entra/2 UserLimit"),
        (
            3,
            "+ ada.king Agent / Care Voice [renamed from ada.byron]
             > q-1 of c-1 to the new user [renamed from ada.byron]
             - c-1 [renamed from ada.byron]
             ! entra/2 UserLimit",
        ),
    ] {
        let full = |world: &mut World| {
            recreate(world);
            world.rules.user_limit = Some(limit);
        };
        check_with(full, directory, connect, plan);
    }
}

/// Everybody's username is another one now: the mailbox name instead of the whole one.
fn converted(people: u32) -> World {
    let directory: Vec<String> = (0..people).map(|n| format!("entra/{n} p.p{n} dept=Care")).collect();
    let connect: Vec<String> =
        (0..people).map(|n| format!("c-{n} p.p{n}@x.com owner=entra/{n} route=Care_Voice")).collect();
    World::new(&directory.join("\n"), &connect.join("\n"))
}

#[test]
fn another_form_of_username_is_listed_or_renames_everybody_and_doubles_nobody() {
    let mut world = converted(10);
    let listed = world.plan();
    assert!(listed.is_empty());
    assert_eq!(listed.findings.len(), 10);

    recreate(&mut world);
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 20, "a create and a delete each");
    assert_eq!(plan.forecast.calls.values().copied().collect::<Vec<_>>(), [10, 10]);
    assert!(plan.forecast.least_millis > 0);
    let Verdict::Refused(plan, refusal) = review(plan, &limits(), None, now()) else { panic!("too many") };
    assert_eq!(refusal.message, "10 of 10 managed people would be removed (100 %, limit 10 % and 50)");
    assert_eq!(refusal.why, ["10 removed because: another username, under which a new user is created"]);
    world.apply(&plan);
    assert_eq!(world.seen.connect.users.len(), 10);
    assert!(world.plan().is_empty());
}

#[test]
fn the_digest_of_a_rename_names_the_create_and_where_quick_connects_go() {
    let plan = |connect: &str, directory: &str| {
        let mut world = World::new(directory, connect);
        recreate(&mut world);
        world.plan()
    };
    let (directory, quick) = ("entra/1 ada.king dept=Care", format!("{OLD}\n quick q-1 c-1"));
    let whole = plan(&quick, directory);
    assert_eq!(digest(&whole, &limits()), digest(&plan(&quick, directory), &limits()));
    for other in [plan(&quick, "entra/1 ada.queen dept=Care"), plan(OLD, directory)] {
        assert_ne!(digest(&whole, &limits()), digest(&other, &limits()));
    }
    let mut without = whole.clone();
    without.changes.retain(|change| !matches!(change.action, Action::Create(_)));
    assert_ne!(digest(&whole, &limits()), digest(&without, &limits()), "this create is no joiner's");
    assert!(whole.changes.iter().all(|change| matches!(change.because, Reason::Renamed { .. })));
}
