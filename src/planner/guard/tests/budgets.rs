//! People removed, changed and raised, at both sides of each bound.

use super::super::super::testing::{persona, routing, security};
use super::*;
use crate::model::{Action, Attribute};

#[test]
fn removals_are_limited_by_fraction_and_by_count() {
    let limits = Limits { max_emptied: lax().max_emptied, max_leaving_profile: fraction(1.0), ..limits() };
    for (of, leaving, passes) in
        [(5, 2, true), (5, 3, false), (30, 3, true), (30, 4, false), (600, 50, true), (600, 51, false)]
    {
        let found = refusal(site(of, leaving).plan(), &limits, None);
        assert_eq!(found.is_none(), passes, "{leaving} of {of}: {found:?}");
    }
}

#[test]
fn a_part_means_what_is_written_and_not_what_a_computer_makes_of_it() {
    for (part, of, leaving, passes) in
        [(0.29, 100, 29, true), (0.29, 100, 30, false), (0.07, 100, 7, true), (0.07, 100, 8, false), (0.0, 9, 2, true)]
    {
        let limits = Limits { max_removed: fraction(part), ..lax() };
        let found = refusal(site(of, leaving).plan(), &limits, None);
        assert_eq!(found.is_none(), passes, "{leaving} of {of} by {part}: {found:?}");
    }
}

#[test]
fn a_refusal_carries_the_numbers() {
    let refusal = refusal(site(10, 4).plan(), &limits(), None).expect("too many");
    assert_eq!(refusal.message, "4 of 10 managed people would be removed (40 %, limit 10 % and 50)");
    assert_eq!(refusal.why, ["4 removed because: disabled"]);
    assert_eq!(refusal.largest, [("Care".to_owned(), 10, 6)]);
    assert_eq!(refusal.hint, format!("if this is intended: rollcall approve {}", refusal.digest));
    assert!(refusal.digest.len() == 9 && refusal.digest.as_bytes()[4] == b'-', "{}", refusal.digest);
}

#[test]
fn everything_that_is_exceeded_is_told_together() {
    let world = groups(&[
        people(0, 6, "dept=Care standing=disabled", "route=Care_Voice"),
        people(6, 14, "dept=Sales", "route=Basic"),
    ]);
    let limits = Limits { never_below: [("Care Voice".to_owned(), 1)].into(), ..limits() };
    check(
        &world,
        &limits,
        &[
            "6 of 14 managed people would be removed (42.9 %, limit 10 % and 50)",
            "8 of 14 managed people would be changed (57.1 %, limit 30 %)",
            "8 of 8 people would leave routing profile \"Basic\" (100 %, limit 50 %)",
            "6 of 6 people would leave routing profile \"Care Voice\" (100 %, limit 50 %)",
            "1 department would lose everybody: Care 6 → 0 (limit 0, counted from 5 people)",
            "routing profile \"Care Voice\" would have 0 users, never below 1 (now 6)",
        ],
    );
    let refused = refusal(world.plan(), &limits, None).expect("refused");
    assert_eq!(
        refused.why,
        [
            "6 removed because: disabled",
            "8 changed: routing 8",
            "from \"Basic\": 8 to \"Sales Voice\"",
            "from \"Care Voice\": 6 removed"
        ]
    );
}

#[test]
fn changes_of_many_are_limited_and_creates_are_not_counted() {
    let mut world = site(10, 0);
    assert!(refusal(site(0, 0).plan(), &limits(), None).is_none());
    for (of, passes) in [(3, true), (4, false)] {
        for user in world.seen.connect.users.values_mut().take(of) {
            user.apply(&[(Attribute::RoutingProfile, routing("Basic"))].into_iter().collect());
        }
        assert_eq!(refusal(world.plan(), &limits(), None).is_none(), passes, "{of} of 10");
    }
    check(&world, &limits(), &["4 of 10 managed people would be changed (40 %, limit 30 %)"]);
    let joiners: Vec<String> = (0..40).map(|n| format!("entra/{n} p.p{n} dept=Care")).collect();
    assert!(refusal(World::new(&joiners.join("\n"), "").plan(), &limits(), None).is_none());
}

#[test]
fn whoever_lost_our_mark_is_managed_all_the_same() {
    let told: String = (0..10).map(|n| format!("entra/{n} p.p{n} dept=Sales\n")).collect();
    let users: String = (0..10).map(|n| format!("c-{n} p.p{n}\nmemory entra/{n} link=c-{n}\n")).collect();
    let limits = Limits { max_changed: fraction(0.3), ..lax() };
    check(&World::new(&told, &users), &limits, &["10 of 10 managed people would be changed (100 %, limit 30 %)"]);
    // The same people, whom only an adopt rule names: they are weighed by the first run.
    let users: String = (0..10).map(|n| format!("c-{n} p.p{n}\n")).collect();
    check(&World::new(&told, &users), &limits, &[]);
}

/// `joiners` and `movers` of ten other people become administrators.
fn rising(joiners: u32, movers: u32) -> World {
    let (told, _) = people(100, 100 + joiners, "dept=London", "");
    let mut world = groups(&[
        people(0, movers, "dept=London", "sec=Agent hier=EMEA/London"),
        people(movers, 10, "dept=Care", "route=Care_Voice"),
        (told, String::new()),
    ]);
    let london = world.rules.mappings.iter_mut().find(|mapping| mapping.name == "london").expect("a rule");
    london.gives = persona(&["Agent", "Admin"], Some("Basic"));
    directory_decides(world)
}

#[test]
fn people_who_receive_a_privileged_profile_are_limited_joiners_included() {
    let limits = Limits { privileged: set(["admin", "Lead"]), max_raised: count(3), ..lax() };
    for (joiners, movers, passes) in
        [(0, 3, true), (0, 4, false), (3, 0, true), (4, 0, false), (2, 1, true), (2, 2, false)]
    {
        let found = refusal(rising(joiners, movers).plan(), &limits, None);
        assert_eq!(found.is_none(), passes, "{joiners} joiners, {movers} movers: {found:?}");
    }
    check(
        &rising(3, 2),
        &limits,
        &["5 people would receive a privileged profile: Admin 5, 3 of them joiners (38.5 %, limit 3)"],
    );
    check(&rising(0, 4), &limits, &["4 people would receive a privileged profile: Admin 4 (40 %, limit 3)"]);
    let nothing_is_privileged = Limits { privileged: set([]), ..limits };
    check(&rising(4, 4), &nothing_is_privileged, &[]);
}

#[test]
fn a_part_of_raises_is_of_the_managed_and_those_who_join() {
    let limits = |part| Limits { privileged: set(["Admin"]), max_raised: fraction(part), ..lax() };
    for (joiners, movers, part, passes) in
        [(0, 3, 0.3, true), (0, 4, 0.3, false), (5, 0, 0.34, true), (6, 0, 0.34, false)]
    {
        let found = refusal(rising(joiners, movers).plan(), &limits(part), None);
        assert_eq!(found.is_none(), passes, "{joiners} joiners, {movers} movers, {part}: {found:?}");
    }
    // Whoever wants no limit says so, and a first load of administrators only is no exception.
    let joiners = people(0, 30, "dept=London", "").0;
    let mut world = World::new(&joiners, "");
    world.rules.mappings[2].gives = persona(&["Admin"], Some("Basic"));
    check(&world, &limits(1.0), &[]);
    check(
        &world,
        &limits(0.99),
        &["30 people would receive a privileged profile: Admin 30, 30 of them joiners (100 %, limit 99 %)"],
    );
}

#[test]
fn whoever_has_the_profile_receives_nothing_and_whoever_was_not_read_receives_it() {
    let limits = Limits { privileged: set(["Admin"]), max_raised: count(0), ..lax() };
    let mut world = rising(0, 2);
    for user in world.seen.connect.users.values_mut().take(2) {
        user.apply(&[(Attribute::SecurityProfiles, security(&["Admin", "Recording"]))].into_iter().collect());
    }
    assert_eq!(world.plan().changes.len(), 2, "the profiles differ in others");
    check(&world, &limits, &[]);
    // An update that does not know what it replaces.
    let mut plan = rising(0, 2).plan();
    for change in &mut plan.changes {
        if let Action::Update(update) = &mut change.action {
            update.before = update.after.clone();
        }
    }
    assert!(refusal(plan.clone(), &limits, None).is_none(), "what they have, they do not receive");
    for change in &mut plan.changes {
        if let Action::Update(update) = &mut change.action {
            update.before = Default::default();
        }
    }
    let refused = refusal(plan, &limits, None).expect("may be new");
    assert_eq!(refused.message, "2 people would receive a privileged profile: Admin 2 (20 %, limit 0)");
}

#[test]
fn an_adoption_that_gives_power_counts() {
    let told = people(0, 4, "dept=London", "").0;
    let users: String = (0..4).map(|n| format!("c-{n} p.p{n} sec=Agent\n")).collect();
    let mut world = directory_decides(World::new(&told, &users));
    world.rules.mappings[2].gives = persona(&["Agent", "Admin"], Some("Basic"));
    let limits = Limits { privileged: set(["Admin"]), max_raised: count(3), ..lax() };
    check(&world, &limits, &["4 people would receive a privileged profile: Admin 4 (100 %, limit 3)"]);
}

#[test]
fn a_returner_who_gets_power_back_counts() {
    let memory = |n| format!("memory entra/{n} link=c-{n} suspended=2 former.sec=Admin former.route=Basic\n");
    let (told, users) = people(0, 4, "dept=Care", "sec=No_Access route=Holding");
    let users = users + &(0..4).map(memory).collect::<String>();
    let limits = Limits { privileged: set(["Admin"]), max_raised: count(3), ..lax() };
    check(
        &World::new(&told, &users),
        &limits,
        &["4 people would receive a privileged profile: Admin 4 (100 %, limit 3)"],
    );
}
