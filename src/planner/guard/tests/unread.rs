//! Plans that grow while existing users are read.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::super::rules::RenamePolicy;
use super::super::super::testing::render;
use super::*;
use crate::model::{Action, Attribute, ConnectUser, Decision, Seen, Value};

/// What is let through of a plan, as text, or why it is not weighed yet.
fn goes(world: &World, limits: &Limits) -> Result<Vec<String>, String> {
    let plan = match review(world.plan(), limits, None, now()) {
        Verdict::Approved(approved) => approved.into_plan(),
        Verdict::Refused(_, refusal) => panic!("refused: {}", refusal.message),
        Verdict::NotYet(_, not_yet) => return Err(not_yet.message),
    };
    Ok(render(&plan).into_iter().filter(|line| !line.starts_with(['?', '.'])).collect())
}

/// Ten managed people with an address each: the first `unread` of whom nobody has read, the next `differing` with another
/// address in Connect.
fn managed(unread: u32, differing: u32) -> World {
    let directory: String = (0..10).map(|n| format!("entra/{n} p.p{n} dept=Care mail=p{n}@x.com\n")).collect();
    let connect = (0..10).map(|n| {
        let details = match n {
            n if n < unread => "details=unread".to_owned(),
            n if n < unread + differing => "mail=old@x.com".to_owned(),
            n => format!("mail=p{n}@x.com"),
        };
        format!("c-{n} p.p{n} owner=entra/{n} route=Care_Voice {details}\n")
    });
    World::new(&directory, &connect.collect::<String>())
}

fn changes(most: u32) -> Limits {
    Limits { max_changed: count(most), ..lax() }
}

#[test]
fn what_nobody_has_read_counts_as_changed_and_the_others_of_the_reading_wait_with_it() {
    let identity = |n: u32| format!("~ c-{n} identity: old@x.com → p{n}@x.com [mapped]");
    let told = |world: &World, most| goes(world, &changes(most)).expect("nothing waits for a first run");
    assert_eq!(told(&managed(0, 2), 2), [identity(0), identity(1)], "all is read");
    assert_eq!(told(&managed(3, 2), 5), [identity(3), identity(4)], "also if all that is unread is different");
    assert_eq!(
        told(&managed(3, 2), 4),
        [""; 0],
        "portion by portion they would pass a limit that they exceed together"
    );
    assert_eq!(told(&managed(3, 0), 0), [""; 0], "nothing is known to be different");

    // Also what was written before is one question with the others.
    let mut world = managed(3, 2);
    let written = "memory entra/3 link=c-3 wrote.mail=old@x.com wrote.mobile=";
    world.seen.memory = World::new("", written).seen.memory;
    assert_eq!(told(&world, 4), [""; 0]);
}

#[test]
fn what_is_known_already_and_what_is_read_later_pass_no_limit_together() {
    // Five are known to be routed elsewhere, four are unread; five changes are allowed.
    let mut world = managed(4, 0);
    world.rules.authority.insert(Facet::Routing, Authority::Directory);
    for n in 5..10 {
        let user = world.seen.connect.users.get_mut(&format!("c-{n}").as_str().into()).unwrap();
        let basic = World::new("", "c-1 x route=Basic").seen.connect.users[&"c-1".into()].clone();
        let basic = basic.seen(Attribute::RoutingProfile).clone();
        user.attributes.insert(Attribute::RoutingProfile, basic);
    }
    assert_eq!(goes(&world, &changes(5)), Ok(Vec::new()));
    let told = goes(&world, &changes(9)).expect("all of it fits");
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn adopting_in_portions_raises_no_more_people_than_the_limit() {
    let directory: String = (0..6).map(|n| format!("entra/{n} p.p{n} groups=leads mail=p{n}@x.com\n")).collect();
    let connect: String = (0..6).map(|n| format!("c-{n} p.p{n} details=unread\n")).collect();
    let limits = Limits { privileged: set(["Lead"]), max_raised: count(2), ..lax() };
    let mut world = World::new(&directory, &connect);
    world.rules.authority.insert(Facet::Security, Authority::Directory);
    let plan = world.plan();
    let raises = |plan: &Plan| raised(plan, &limits).len();
    assert_eq!(raises(&plan), 6, "{:#?}", render(&plan));
    for _ in 0..3 {
        assert_eq!(goes(&world, &limits), Ok(Vec::new()), "two at a time would be six in the end");
        read(&mut world, 2);
    }
    assert!(refusal(world.plan(), &limits, None).is_some(), "one question");
}

#[test]
fn leavers_wait_neither_for_the_first_run_of_another_source_nor_for_changes_that_are_too_many() {
    let leaves = |told: Result<Vec<String>, String>| {
        let told = told.expect("leavers do not wait");
        assert!(!told.is_empty() && told.iter().all(|line| line.contains("[left: disabled]")), "{told:?}");
    };
    let mut first = World::new(
        "@okta new\n entra/1 ada.king standing=disabled\n okta/2 bob.low mail=b@x.com",
        "c-1 ada.king owner=entra/1 route=Care_Voice\n c-2 bob.low details=unread",
    );
    leaves(goes(&first, &limits()));
    let gone = "entra/1".parse().unwrap();
    first.seen.directory.people.remove(&gone);
    first.seen.connect.users.remove(&"c-1".into());
    assert!(goes(&first, &limits()).is_err(), "and without a leaver all of it waits");

    let mut many = managed(3, 2);
    let key = "entra/9".parse().unwrap();
    many.seen.directory.people.get_mut(&key).unwrap().standing = connectors::Standing::Disabled;
    leaves(goes(&many, &Limits { max_changed: count(1), ..lax() }));
}

#[test]
fn leavers_and_joiners_do_not_wait_for_it_and_whoever_waits_is_told_so() {
    let mut world = managed(3, 2);
    let more =
        World::new("entra/20 new.comer dept=Care\n entra/21 bob.low standing=disabled", "c-21 bob.low owner=entra/21");
    world.seen.directory.people.extend(more.seen.directory.people);
    world.seen.connect.users.extend(more.seen.connect.users);
    let Verdict::Approved(approved) = review(world.plan(), &changes(4), None, now()) else { panic!("they fit") };
    let plan = approved.into_plan();
    let people: Vec<String> = plan.changes.iter().map(|change| change.person.to_string()).collect();
    assert_eq!(people, ["entra/21", "entra/21", "entra/20"]);
    let why = |n: &str| plan.decisions.get(&n.parse().unwrap());
    assert!(matches!(why("entra/3"), Some(Decision::NotObserved { .. })), "{:?}", why("entra/3"));
    assert!(matches!(why("entra/21"), Some(Decision::Changes { count: 2 })), "{:?}", why("entra/21"));
    assert_eq!(known_part(plan.clone(), &changes(4)).0, plan, "what is left out is left out once");
}

#[test]
fn a_plan_that_is_too_much_as_it_is_names_no_digest_before_all_is_read() {
    let mut world = managed(1, 0);
    for n in 1..10 {
        let key = format!("entra/{n}").parse().unwrap();
        world.seen.directory.people.get_mut(&key).unwrap().standing = connectors::Standing::Disabled;
    }
    let told = goes(&world, &limits()).expect_err("nine of ten would go");
    assert_eq!(told, "0 of 1 existing users are read; the plan is weighed once all are, in about 0.0 s");
    read(&mut world, 1);
    assert!(refusal(world.plan(), &limits(), None).is_some(), "now it can be approved");

    // What no approval lets through is told at once.
    let mut world = managed(1, 0);
    let key = "entra/9".parse().unwrap();
    world.seen.directory.people.get_mut(&key).unwrap().standing = connectors::Standing::Disabled;
    let protects = Limits { protected: set(["entra/9"]), ..limits() };
    assert!(!refusal(world.plan(), &protects, None).expect("protected").approvable);
}

#[test]
fn nobody_is_adopted_before_the_user_is_read_and_a_first_run_waits_as_a_whole() {
    let directory = "entra/1 ada.king mail=a@x.com\n entra/2 bob.low mail=b@x.com\n entra/3 cy.moss";
    let connect = "c-1 ada.king details=unread\n c-2 bob.low mail=b@x.com";
    let world = World::new(directory, connect);
    assert_eq!(
        goes(&world, &limits()),
        Ok(vec!["= c-2 entra/2 [adopted by username]".into(), "+ cy.moss Agent / Basic [joined]".into()])
    );

    let first = format!("@entra new\n {directory}");
    let told = goes(&World::new(&first, connect), &limits()).expect_err("somebody is to look");
    assert_eq!(told, "1 of 2 existing users are read; the plan is weighed once all are, in about 0.0 s");
    let mut applies = World::new(&first, connect);
    applies.rules.sources[0].first_run_applies = true;
    assert_eq!(goes(&applies, &limits()), goes(&world, &limits()), "nobody is asked: the next runs do the rest");
    let mut whole = World::new(&first, connect);
    read(&mut whole, 10);
    assert!(
        refusal(whole.plan(), &limits(), None)
            .expect("a first run")
            .message
            .contains("2 existing users would be adopted")
    );
}

#[test]
fn the_first_run_with_a_new_state_file_is_one_question_as_well() {
    let mut world = managed(3, 2);
    for source in world.seen.directory.sources.values_mut() {
        source.established = false;
    }
    assert!(
        goes(&world, &limits()).is_err(),
        "an empty part would be its first run, and nobody be asked about the rest"
    );
    read(&mut world, 10);
    let asked = refusal(world.plan(), &limits(), None).expect("somebody is to look");
    assert!(asked.message.contains("first run of entra"), "{}", asked.message);
}

#[test]
fn whoever_is_to_get_another_user_counts_as_removed_before_the_old_one_is_read() {
    let people: String = (0..4).map(|n| format!("entra/{n} p{n}.new dept=Care\n")).collect();
    let users = |details: &str| {
        let users = (0..4).map(|n| {
            let details = if n < 3 { details } else { "" };
            format!("c-{n} p{n}.old owner=entra/{n} last=New route=Care_Voice {details}\n memory entra/{n} link=c-{n} name=p{n}.old\n")
        });
        users.collect::<String>()
    };
    let mut world = World::new(&people, &users("details=unread"));
    world.rules.rename = RenamePolicy::Recreate;
    let removals = |most| Limits { max_removed: count(most), ..lax() };
    assert_eq!(goes(&world, &removals(3)), Ok(Vec::new()), "one is known, three are not");
    let all = goes(&world, &removals(4)).expect("four are allowed");
    assert!(all.iter().any(|line| line.starts_with("+ p3.new")), "{all:?}");
    let mut read = World::new(&people, &users(""));
    read.rules.rename = RenamePolicy::Recreate;
    assert!(refusal(read.plan(), &removals(3), None).is_some(), "now it is one question");
}

/// Somebody reads the next users: those with an even number have another address than the directory.
fn read(world: &mut World, most: usize) {
    let unread = |user: &&mut ConnectUser| user.seen(Attribute::Mobile) == &Seen::Unread;
    for user in world.seen.connect.users.values_mut().filter(unread).take(most) {
        let number: u32 = user.id.as_str().trim_start_matches("c-").parse().unwrap();
        let address = if number.is_multiple_of(2) { "old@x.com".to_owned() } else { format!("p{number}@x.com") };
        user.attributes.insert(Attribute::SecondaryEmail, Seen::Known(Value::Text(address)));
        user.attributes.insert(Attribute::Email, Seen::Known(Value::None));
        user.attributes.insert(Attribute::Mobile, Seen::Known(Value::None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn reading_in_portions_changes_no_more_people_than_the_limit_and_asks_once(
        unread in 0..=10_u32, portion in 1..=10_usize, most in 0..=10_u32
    ) {
        let (mut world, limits) = (managed(unread, 0), changes(most));
        let mut changed = std::collections::BTreeSet::new();
        let mut asked = Vec::new();
        for _ in 0..=12 {
            let plan = world.plan();
            let whole = plan.details.unread.is_empty();
            match review(plan, &limits, None, now()) {
                Verdict::Approved(approved) => {
                    let updates = approved.plan().changes.iter().filter(|change| matches!(change.action, Action::Update(_)));
                    changed.extend(updates.map(|change| change.person.clone()));
                    world.apply(approved.plan());
                }
                Verdict::Refused(_, refusal) => {
                    prop_assert!(whole, "asked before all was read");
                    asked.push(refusal.digest);
                }
                Verdict::NotYet(..) => prop_assert!(false, "nothing here waits as a whole"),
            }
            read(&mut world, portion);
        }
        asked.dedup();
        let differing = unread.div_ceil(2) as usize;
        prop_assert!(changed.len() <= most as usize, "{} people were changed", changed.len());
        // Portions may have been let through while all that was left would have fitted as well.
        let done = changed.len() == differing;
        prop_assert_eq!(asked.len(), usize::from(!done), "one question, if any");
    }
}
