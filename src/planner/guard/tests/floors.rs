//! What may not run dry, at both sides of each bound.

use super::super::super::rules::Emptied;
use super::super::super::testing::routing;
use super::*;
use crate::model::{Attribute, Seen};

/// `of` people in Care with its routing profile; the first `gone` leave, the next `moved` go to Sales.
fn care(of: u32, gone: u32, moved: u32) -> World {
    directory_decides(groups(&[
        people(0, gone, "dept=Care standing=disabled", "route=Care_Voice"),
        people(gone, gone + moved, "dept=Sales", "route=Care_Voice"),
        people(gone + moved, of, "dept=Care", "route=Care_Voice"),
        people(1_000, 1_010, "dept=London", "route=Basic hier=EMEA/London"),
    ]))
}

#[test]
fn people_who_leave_one_routing_profile_are_limited() {
    let limits = Limits { max_leaving_profile: fraction(0.5), ..lax() };
    for (of, gone, moved, passes) in [
        (10, 5, 0, true),
        (10, 6, 0, false),
        (10, 0, 5, true),
        (10, 0, 6, false),
        (10, 3, 3, false),
        // A small team that is rearranged.
        (4, 0, 4, true),
        (5, 0, 5, false),
    ] {
        let found = refusal(care(of, gone, moved).plan(), &limits, None);
        assert_eq!(found.is_none(), passes, "{gone} gone and {moved} moved of {of}: {found:?}");
    }
    let by_count = Limits { max_leaving_profile: count(2), ..lax() };
    check(&care(10, 1, 1), &by_count, &[]);
    check(&care(10, 2, 1), &by_count, &["3 of 10 people would leave routing profile \"Care Voice\" (30 %, limit 2)"]);
    let refused = refusal(care(10, 1, 2).plan(), &by_count, None).expect("refused");
    assert_eq!(refused.why.last().map(String::as_str), Some("from \"Care Voice\": 2 to \"Sales Voice\", 1 removed"));
}

#[test]
fn suspended_people_have_left_their_routing_profile_already() {
    // A suspension that leaves the routing profile alone; after 40 days the users are deleted.
    let memory: String = (0..8).map(|n| format!("memory entra/{n} link=c-{n} suspended=40 absent=40\n")).collect();
    let (told, users) = people(0, 8, "dept=Care standing=disabled", "sec=No_Access route=Care_Voice");
    let rest = people(8, 10, "dept=Care", "route=Care_Voice");
    let mut world = groups(&[(told, users + &memory), rest]);
    world.rules.leaver.suspend.as_mut().expect("set").routing_profile = None;
    assert_eq!(world.plan().changes.len(), 8);
    let limits = Limits {
        max_leaving_profile: count(0),
        max_emptied: Emptied { count: 0, from: 2 },
        never_below: [("Care Voice".to_owned(), 2), ("No Access".to_owned(), 8)].into(),
        ..lax()
    };
    check(&world, &limits, &[]);
    let more = Limits { never_below: [("Care Voice".to_owned(), 3)].into(), ..limits };
    check(&world, &more, &[]);
}

#[test]
fn a_mass_move_names_the_largest_profiles_and_counts_the_others() {
    let from = ["Basic", "Care_Voice", "Sales_Voice", "Holding"];
    let of = |n: usize| {
        people(n as u32 * 10, n as u32 * 10 + 5 + n as u32, "standing=disabled", &format!("route={}", from[n]))
    };
    let world = groups(&[of(0), of(1), of(2), of(3)]);
    let limits = Limits { max_leaving_profile: fraction(0.5), ..lax() };
    check(
        &world,
        &limits,
        &[
            "8 of 8 people would leave routing profile \"Holding\" (100 %, limit 50 %)",
            "7 of 7 people would leave routing profile \"Sales Voice\" (100 %, limit 50 %)",
            "6 of 6 people would leave routing profile \"Care Voice\" (100 %, limit 50 %), and so in 1 more routing profiles",
        ],
    );
}

#[test]
fn a_department_that_loses_everybody_is_refused() {
    for (of, gone, limit, passes) in [
        (5, 5, Emptied { count: 0, from: 5 }, false),
        (5, 4, Emptied { count: 0, from: 5 }, true),
        (4, 4, Emptied { count: 0, from: 5 }, true),
        (5, 5, Emptied { count: 1, from: 5 }, true),
        (5, 5, Emptied { count: 0, from: 6 }, true),
        (1, 1, Emptied { count: 0, from: 1 }, false),
    ] {
        let limits = Limits { max_emptied: limit, ..lax() };
        let found = refusal(care(of, gone, 0).plan(), &limits, None);
        assert_eq!(found.is_none(), passes, "{gone} of {of}: {found:?}");
    }
    let none = Limits { max_emptied: Emptied { count: 1, from: 2 }, ..lax() };
    let of = |n: u32| people(n * 10, n * 10 + n + 1, &format!("dept=D{n} standing=disabled"), "");
    let world = groups(&[of(0), of(1), of(2), of(3), of(4)]);
    check(
        &world,
        &none,
        &["4 departments would lose everybody: D4 5 → 0, D3 4 → 0, D2 3 → 0, 1 more (limit 1, counted from 2 people)"],
    );
}

#[test]
fn a_profile_keeps_its_fewest_users() {
    let floor = |n| Limits { never_below: [("care voice".to_owned(), n)].into(), ..lax() };
    for (of, gone, moved, fewest, passes) in [
        (5, 2, 0, 3, true),
        (5, 3, 0, 3, false),
        (5, 0, 2, 3, true),
        (5, 0, 3, 3, false),
        (5, 1, 1, 3, true),
        (5, 1, 2, 3, false),
        // Below it already: nothing is held as long as nobody is taken away.
        (2, 0, 0, 3, true),
        (2, 1, 0, 3, false),
        (0, 0, 0, 1, true),
    ] {
        let found = refusal(care(of, gone, moved).plan(), &floor(fewest), None);
        assert_eq!(found.is_none(), passes, "{gone} gone and {moved} moved of {of}, {fewest}: {found:?}");
    }
    check(&care(5, 1, 2), &floor(3), &["routing profile \"Care Voice\" would have 2 users, never below 3 (now 5)"]);
}

#[test]
fn what_a_plan_gives_is_not_set_against_what_it_takes() {
    // Two go, two others and a joiner come: at the moment in between there are three.
    let world = directory_decides(groups(&[
        people(0, 2, "dept=Care standing=disabled", "route=Care_Voice"),
        people(2, 5, "dept=Care", "route=Care_Voice"),
        people(5, 7, "dept=Care", "route=Basic"),
        (people(7, 8, "dept=Care", "").0, String::new()),
    ]));
    assert_eq!(world.plan().changes.iter().filter(|change| change.connect.is_none()).count(), 1);
    let floor = |n| Limits { never_below: [("Care Voice".to_owned(), n)].into(), ..lax() };
    check(&world, &floor(3), &[]);
    check(&world, &floor(4), &["routing profile \"Care Voice\" would have 3 users, never below 4 (now 5)"]);
}

#[test]
fn security_profiles_have_a_floor_too() {
    let world = directory_decides(groups(&[
        people(0, 1, "dept=Care standing=disabled", "sec=Admin route=Care_Voice"),
        people(1, 2, "dept=Care", "sec=Admin,Agent route=Care_Voice"),
        people(2, 4, "dept=Care groups=leads", "sec=Agent,Lead route=Care_Voice tags=tier:2"),
    ]));
    let floor = |name: &str, n| Limits { never_below: [(name.to_owned(), n)].into(), ..lax() };
    check(&world, &floor("Admin", 1), &["security profile \"Admin\" would have 0 users, never below 1 (now 2)"]);
    check(&world, &floor("Lead", 2), &[]);
    check(&world, &floor("Agent", 3), &[]);
    check(&world, &floor("Nobody", 3), &[]);
}

#[test]
fn users_that_nobody_claims_do_not_count_and_adopted_ones_do() {
    // Three bots have the profile too; two people who are about to be adopted lose it.
    let told = people(0, 2, "dept=Sales", "").0;
    let users: String = (0..2).map(|n| format!("c-{n} p.p{n} route=Care_Voice\n")).collect();
    let bots: String = (0..3).map(|n| format!("c-9{n} bot.b{n} route=Care_Voice\n")).collect();
    let world = directory_decides(World::new(&told, &(users + &bots)));
    let limits = Limits { never_below: [("Care Voice".to_owned(), 1)].into(), ..lax() };
    check(&world, &limits, &["routing profile \"Care Voice\" would have 0 users, never below 1 (now 2)"]);
}

#[test]
fn a_profile_that_was_not_read_counts_as_one_that_is_lost() {
    let mut world = care(4, 1, 0);
    let limits = Limits { never_below: [("Care Voice".to_owned(), 4)].into(), ..lax() };
    check(&world, &limits, &["routing profile \"Care Voice\" would have 3 users, never below 4 (now 4)"]);
    let first = world.seen.connect.users.values_mut().next().expect("a user");
    first.attributes.insert(Attribute::RoutingProfile, Seen::Unread);
    check(
        &world,
        &limits,
        &["routing profile \"Care Voice\" would have 3 users, never below 4 (now 3, 1 more not read)"],
    );
    let other = world.seen.connect.users.values_mut().next().expect("a user");
    other.apply(&[(Attribute::RoutingProfile, routing("Basic"))].into_iter().collect());
    check(&world, &limits, &[]);
}
