//! Canaries and protected people.

use super::*;
use crate::model::Action;

/// Ten managed people, the first of whom leaves, and one more by the name of `canary.bird`.
fn with_canary(canary: &str, more: &str) -> World {
    let (told, users) = people(0, 10, "dept=Care", "route=Care_Voice");
    let told = told.replacen("dept=Care", "dept=Care standing=disabled", 1);
    World::new(&format!("{told}{canary}\n{more}"), &format!("{users}c-99 canary.bird owner=entra/99 route=Care_Voice"))
}

/// What is told about the canaries of a world in which somebody leaves.
#[track_caller]
fn sings(canary: &str, more: &str, called: &[&str], expected: &[&str]) {
    let mut world = with_canary(canary, more);
    world.rules.canaries = called.iter().map(|text| (*text).to_owned()).collect();
    let told = told(&world, &lax());
    let expected: Vec<String> =
        expected.iter().map(|text| format!("canary {text}: the directory may not have told everything")).collect();
    assert_eq!(told, expected, "{canary} {more}");
}

#[test]
fn a_canary_that_is_not_there_holds_every_plan_that_touches_somebody() {
    let bird = "entra/99 canary.bird dept=Care mail=bird@x.com";
    for called in ["Canary.BIRD", "entra/99", "bird@x.com"] {
        sings(bird, "", &[called], &[]);
        sings(&format!("{bird} standing=disabled"), "", &[called], &[&format!("{called} is missing (disabled)")]);
        sings(&format!("{bird} standing=deleted"), "", &[called], &[&format!("{called} is missing (deleted)")]);
        let missing = format!("{called} is missing (missing from the last listing, not confirmed yet)");
        sings(&format!("{bird} standing=missing"), "", &[called], &[&missing]);
        let bad = format!("{called} is missing (the directory's record could not be read)");
        sings(&format!("{bird} unreadable=bad"), "", &[called], &[&bad]);
    }
    sings("", "", &["entra/99"], &["entra/99 is missing (no such person in source entra)"]);
    sings("", "", &["bird@x.com"], &["bird@x.com is missing (no such person in any directory)"]);
    sings("", "", &["mars/99"], &["mars/99 is missing (no such person in any directory)"]);
    let mut world = with_canary("entra/99 canary.bird dept=Broken", "");
    world.rules.canaries = set(["entra/99"]);
    let told = told(&world, &lax());
    assert!(told.len() == 1 && told[0].starts_with("canary entra/99 is missing (held: "), "{told:?}");
    sings(
        &format!("{bird} groups=other"),
        "@entra scope=agents",
        &["entra/99"],
        &["entra/99 is missing (out of scope)"],
    );
}

/// What is sent away names nobody: the numbers are those of the message, without the names.
#[test]
fn the_numbers_of_a_refusal_name_nobody() {
    let mut world = directory_decides(with_canary("entra/99 canary.bird standing=disabled", ""));
    world.rules.canaries = set(["canary.bird"]);
    let limits = Limits { protected: set(["entra/0", "entra/1"]), max_removed: count(0), ..lax() };
    let refused = refusal(world.plan(), &limits, None).unwrap();
    assert!(refused.message.contains("canary.bird is missing"), "{}", refused.message);
    assert!(refused.message.contains("protected people would be removed: entra/"), "{}", refused.message);
    let numbers: Vec<&str> = refused.numbers.split("; ").collect();
    assert!(numbers.contains(&"protected people would be removed: 1 of them"), "{numbers:?}");
    assert!(numbers.contains(&"a canary is missing: the directory may not have told everything"), "{numbers:?}");
    assert_eq!(numbers.len(), refused.message.split("; ").count());
    assert!(numbers.iter().any(|one| one.contains("managed people would be removed")), "{numbers:?}");
    assert!(!refused.numbers.contains("canary.bird") && !refused.numbers.contains("entra/"), "{}", refused.numbers);
}

#[test]
fn a_canary_of_a_directory_that_was_not_read_says_nothing() {
    let bird = "okta/99 canary.bird dept=Care";
    for state in ["@okta frozen", "@okta never"] {
        sings(&format!("{bird} standing=disabled"), state, &["okta/99", "canary.bird"], &[]);
        sings("", state, &["okta/99", "canary.bird"], &[]);
    }
    sings("", "@okta frozen", &["entra/99"], &["entra/99 is missing (no such person in source entra)"]);
}

#[test]
fn one_record_by_a_name_that_works_here_is_enough() {
    let two = "entra/98 canary.bird standing=deleted\nentra/99 canary.bird dept=Care";
    sings(two, "", &["canary.bird"], &[]);
    sings(two, "", &["entra/98"], &["entra/98 is missing (deleted)"]);
    let shadowed = "okta/99 canary.bird dept=Care";
    sings("entra/99 canary.bird dept=Care", shadowed, &["okta/99"], &[]);
}

#[test]
fn joiners_do_not_wait_for_a_canary_and_an_approval_names_it() {
    let mut world = World::new("entra/1 ada.king dept=Care", "");
    world.rules.canaries = set(["entra/99"]);
    assert!(matches!(world.plan().changes[0].action, Action::Create(_)));
    check(&world, &lax(), &[]);
    let mut world = with_canary("", "");
    let before = digest(&world.plan(), &lax());
    world.rules.canaries = set(["entra/99"]);
    let refused = refusal(world.plan(), &lax(), None).expect("refused");
    assert!(refused.approvable && refused.hint.contains("look into the directory first"), "{}", refused.hint);
    assert_ne!(refused.digest, before, "whoever approved the plan without it has not seen it");
    let approval = |digest: &str| Approval { digest: digest.to_owned(), at: now() };
    assert!(refusal(world.plan(), &lax(), Some(&approval(&before))).is_some());
    assert!(refusal(world.plan(), &lax(), Some(&approval(&refused.digest))).is_none());
}

#[test]
fn protected_people_are_not_removed_even_if_approved() {
    // By the directory's name, by Connect's, by key; the first is suspended, the second deleted.
    let (mut told, mut users) = people(2, 10, "dept=Care", "route=Care_Voice");
    told.push_str(
        "entra/0 Ada.King@x.com dept=Care standing=disabled\nentra/1 Bob.Low@x.com dept=Care standing=disabled",
    );
    users.push_str(
        "c-0 ada.king owner=entra/0\nc-1 bob.low owner=entra/1\nmemory entra/1 link=c-1 suspended=40 absent=40",
    );
    let world = World::new(&told, &users);
    for protected in ["ADA.KING@X.com", "Ada.king", "entra/0", "bob.low@x.com", "bob.low", "ENTRA/1"] {
        let limits = Limits { protected: set([protected]), ..lax() };
        let approval = Approval { digest: digest(&world.plan(), &limits), at: now() };
        for approval in [None, Some(&approval)] {
            let refused = refusal(world.plan(), &limits, approval).expect("protected");
            assert!(!refused.approvable, "{refused:?}");
            assert_eq!(refused.message, format!("protected people would be removed: {protected}"));
        }
    }
    for nobody in ["p.p2", "entra/2", "ada", "c-0"] {
        check(&world, &Limits { protected: set([nobody]), ..lax() }, &[]);
    }
}

#[test]
fn protected_people_lose_a_security_profile_by_approval_only() {
    let world = directory_decides(groups(&[
        people(0, 1, "dept=Care", "sec=Admin,Lead,Agent route=Care_Voice"),
        people(1, 2, "dept=Care groups=leads", "sec=Agent route=Care_Voice tags=tier:2"),
        people(2, 3, "dept=Sales", "sec=Agent route=Care_Voice"),
    ]));
    let limits = Limits { protected: set(["p.p0", "p.p1", "p.p2"]), ..lax() };
    check(&world, &limits, &["protected people would lose a security profile: p.p0 (Admin, Lead)"]);
    let approval = Approval { digest: digest(&world.plan(), &limits), at: now() };
    assert!(refusal(world.plan(), &limits, Some(&approval)).is_none());
}
