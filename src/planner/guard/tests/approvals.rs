//! Digests, expiry, and the first run.

use chrono::TimeDelta;

use super::super::super::testing::persona;
use super::*;

fn approved(digest: &str, ago: TimeDelta) -> Approval {
    Approval { digest: digest.to_owned(), at: now() - ago }
}

#[test]
fn an_approval_lets_exactly_that_plan_through_until_it_expires() {
    let world = site(10, 4);
    let digest = digest(&world.plan(), &limits());
    let after = |ago: TimeDelta| refusal(world.plan(), &limits(), Some(&approved(&digest, ago)));
    assert!(after(TimeDelta::zero()).is_none());
    assert!(after(TimeDelta::hours(24)).is_none());
    let expired = after(TimeDelta::hours(24) + TimeDelta::seconds(1)).expect("too late");
    let numbers = "4 of 10 managed people would be removed (40 %, limit 10 % and 50)";
    let told = "the approval of 2026-02-27 23:59 UTC has expired: an approval holds 24 h; approve again";
    assert_eq!(expired.message, format!("{numbers}; {told}"));
    assert_eq!((expired.digest.as_str(), expired.approvable), (digest.as_str(), true));
    // A clock that was put back a little does not matter; an approval from next year is none.
    assert!(after(TimeDelta::hours(-1)).is_none());
    let ahead = after(TimeDelta::days(-300)).expect("from the future");
    assert!(ahead.message.contains("in the future; correct the clock"), "{}", ahead.message);
}

#[test]
fn an_approval_of_another_plan_says_so() {
    let old = digest(&site(10, 4).plan(), &limits());
    let refused = refusal(site(10, 5).plan(), &limits(), Some(&approved(&old, TimeDelta::zero()))).expect("another");
    assert!(refused.message.ends_with(&format!("{old} was approved, this plan is {}", refused.digest)));
    // A plan that needs no approval does not ask whose it is.
    assert!(refusal(site(30, 1).plan(), &limits(), Some(&approved("dead-beef", TimeDelta::zero()))).is_none());
}

#[test]
fn how_long_an_approval_holds_is_told_as_people_say_it() {
    for (secs, text) in
        [(45, "45 s"), (90, "90 s"), (600, "10 min"), (3_600, "1 h"), (172_800, "48 h"), (604_800, "7 days")]
    {
        let limits = Limits { approval_secs: secs, ..limits() };
        let digest = digest(&site(10, 4).plan(), &limits);
        let late = approved(&digest, TimeDelta::days(400));
        let refused = refusal(site(10, 4).plan(), &limits, Some(&late)).expect("expired");
        assert!(refused.message.contains(&format!("holds {text};")), "{}", refused.message);
    }
}

#[test]
fn a_first_run_that_touches_existing_users_wants_a_look() {
    let directory = "@entra new\n entra/1 ada.king dept=Care\n entra/2 bob.low dept=Care";
    let plan = World::new(directory, "c-1 ada.king route=Care_Voice").plan();
    let approval = approved(&digest(&plan, &limits()), TimeDelta::zero());
    let refused = refusal(plan.clone(), &limits(), None).expect("a look first");
    assert_eq!(
        refused.message,
        "first run of entra: 1 existing users would be adopted, 0 changed, 0 removed, 1 created"
    );
    assert!(refusal(plan, &limits(), Some(&approval)).is_none());
    assert!(refusal(World::new(directory, "c-9 joe").plan(), &limits(), None).is_none(), "nobody is touched");
    let mut world = World::new(directory, "c-1 ada.king route=Care_Voice");
    world.rules.sources[0].first_run_applies = true;
    assert!(refusal(world.plan(), &limits(), None).is_none());
}

#[test]
fn a_joiner_between_refusal_and_approval_voids_it_only_if_it_brings_power() {
    let joined = |department: &str, privileged: &[&str]| {
        let mut world = site(10, 4);
        world.rules.mappings[2].gives = persona(&["Admin"], Some("Basic"));
        let more = World::new(&format!("entra/99 new.comer dept={department}"), "");
        world.seen.directory.people.extend(more.seen.directory.people);
        let privileged = privileged.iter().map(|name| (*name).to_owned()).collect();
        digest(&world.plan(), &Limits { privileged, ..limits() })
    };
    let before = digest(&site(10, 4).plan(), &limits());
    assert_eq!(joined("Care", &[]), before);
    assert_eq!(joined("London", &[]), before);
    assert_eq!(joined("Care", &["Admin"]), before);
    assert_ne!(joined("London", &["Admin"]), before);
}

#[test]
fn names_that_connect_does_not_have_are_told() {
    let catalogue = site(1, 0).seen.connect.catalogue;
    let limits = Limits {
        privileged: set(["admin", "Leed", "Basic"]),
        never_below: [("care voice".to_owned(), 1), ("Lead".to_owned(), 1), ("Sale Voice".to_owned(), 1)].into(),
        ..limits()
    };
    let found: Vec<String> = unknown_names(&limits, &catalogue)
        .into_iter()
        .map(|problem| format!("{} → {}", problem.message, problem.hint))
        .collect();
    let of = |key: &str, kind: &str, name: &str, hint: &str| {
        format!("[guard] {key} names the {kind} \"{name}\", which does not exist; it guards nothing → {hint}")
    };
    assert_eq!(
        found,
        [
            of("privileged", "security profile", "Basic", "write the name as Connect has it"),
            of("privileged", "security profile", "Leed", "did you mean \"Lead\"?"),
            of("never_below", "security or routing profile", "Sale Voice", "did you mean \"Sales Voice\"?"),
        ]
    );
}
