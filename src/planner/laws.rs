//! What must hold for every world: laws over generated directories, users, memories and rules.

use std::collections::BTreeSet;

use connectors::PersonKey;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::digest;
use super::fold::fold;
use super::rules::AdoptBy;
use super::testing::{World, now, render};
use crate::model::{
    Action, Attribute, AttributeSet, Authority, Change, Decision, Facet, Plan, Reason, SourceState, Value,
};

const USERNAMES: [&str; 8] =
    ["ada.king", "ADA.king", "ada.king@x.com", "bob.low", "bob.low@x.com", "cy.moss", "-", "o'neil"];
const DEPARTMENTS: [&str; 6] = ["", "dept=Care", "dept=Sales", "dept=London", "dept=Broken", "dept=Ventes"];
const STANDINGS: [&str; 8] = [
    "",
    "",
    "",
    "standing=disabled",
    "standing=deleted",
    "standing=soft_deleted",
    "standing=missing",
    "unreadable=bad",
];
const MAILS: [&str; 3] = ["", "mail=one@x.com", "mail=two@x.com mobile=+442079460123"];
const KEYS: [&str; 8] = ["entra/0", "entra/1", "entra/2", "entra/3", "okta/0", "okta/1", "okta/2", "scim/0"];

fn person() -> impl Strategy<Value = String> {
    let groups = prop_oneof![Just("groups=agents"), Just("groups=agents,leads"), Just("groups=leads"), Just("")];
    (0..USERNAMES.len(), 0..DEPARTMENTS.len(), groups, 0..STANDINGS.len(), 0..MAILS.len()).prop_map(
        |(name, department, groups, standing, mail)| {
            let [name, department] = [USERNAMES[name], DEPARTMENTS[department]];
            format!("{name} {department} {groups} {} {}", STANDINGS[standing], MAILS[mail])
        },
    )
}

fn directory() -> impl Strategy<Value = Vec<String>> {
    let people = prop::collection::vec(prop::option::weighted(0.7, person()), KEYS.len());
    let directives = prop::sample::subsequence(
        vec![
            "@entra frozen",
            "@okta frozen",
            "@entra scope=agents",
            "@entra never",
            "@okta profile",
            "@order okta,scim,entra",
        ],
        0..=3,
    );
    (people, directives).prop_map(|(people, mut directives)| {
        // Both are about the scope; told in another order they would be another world.
        if directives.contains(&"@entra never") {
            directives.retain(|directive| *directive != "@entra scope=agents");
        }
        let people = KEYS.iter().zip(people).filter_map(|(key, person)| Some(format!("{key} {}", person?)));
        directives.into_iter().map(str::to_owned).chain(people).collect()
    })
}

fn user() -> impl Strategy<Value = String> {
    let owner = prop::option::weighted(0.5, prop::sample::select(&KEYS[..]));
    let profiles = prop::sample::select(vec!["", "sec=No_Access route=Holding", "sec=Admin", "route=Care_Voice"]);
    let rest = prop::sample::select(vec![
        "",
        "tags=tier:2",
        "tags=theirs:1",
        "details=unread",
        "hier=EMEA/Paris",
        "mail=one@x.com",
        "last=Other",
    ]);
    (owner, profiles, rest).prop_map(|(owner, profiles, rest)| {
        let owner = owner.map(|key| format!("owner={key}")).unwrap_or_default();
        format!("{owner} {profiles} {rest}")
    })
}

fn connect() -> impl Strategy<Value = Vec<String>> {
    let users = prop::collection::vec(prop::option::weighted(0.6, user()), 6);
    let words = vec![
        "link=c-0",
        "link=c-1",
        "link=c-9",
        "suspended=3",
        "suspended=40",
        "absent=3",
        "former.sec=Admin",
        "former.sec=No_Access",
        "former.route=Basic",
        "wrote.route=Care_Voice",
        "wrote.tags=tier:2",
        "wrote.hier=EMEA/Paris",
        "wrote.mail=one@x.com",
        "wrote.last=King",
        "stage=deleted",
    ];
    let memory = prop::option::weighted(0.5, prop::sample::subsequence(words, 0..=4));
    let memories = prop::collection::vec(memory, KEYS.len());
    (users, memories).prop_map(|(users, memories)| {
        let users = users.into_iter().enumerate().filter_map(|(n, user)| {
            // Connect has each username once.
            Some(format!("c-{n} {} {}", USERNAMES[n], user?))
        });
        let memories =
            KEYS.iter().zip(memories).filter_map(|(key, words)| Some(format!("memory {key} {}", words?.join(" "))));
        users.chain(memories).chain(["quick q-1 c-1".to_owned()]).collect()
    })
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let authority = || prop::sample::select(vec![Authority::Directory, Authority::Connect, Authority::Shared]);
    let adopt = prop::sample::subsequence(vec![AdoptBy::Username, AdoptBy::MailboxName, AdoptBy::Email], 0..=3);
    let authorities = prop::collection::vec(authority(), Facet::ALL.len());
    (directory(), connect(), authorities, adopt, 0..5usize, any::<bool>()).prop_map(
        |(directory, connect, authorities, adopt, leaver, config_changed)| {
            let mut world = World::new(&directory.join("\n"), &connect.join("\n"));
            world.rules.authority = Facet::ALL.into_iter().zip(authorities).collect();
            world.rules.adopt = adopt;
            world.seen.config_changed = config_changed;
            let ladder = &mut world.rules.leaver;
            match leaver {
                0 => ladder.suspend = None,
                1 => (ladder.suspend, ladder.delete) = (None, false),
                2 => ladder.grace_secs = 5 * 86_400,
                3 => ladder.suspend.as_mut().expect("set").routing_profile = None,
                _ => {}
            }
            world
        },
    )
}

fn frozen(world: &World, change: &Change) -> bool {
    !matches!(world.seen.directory.sources[&change.person.source].state, SourceState::Fresh)
}

fn sent(change: &Change) -> AttributeSet {
    match &change.action {
        Action::Create(desired) => desired.attributes.clone(),
        Action::Update(update) => update.after.clone(),
        Action::Adopt { .. } | Action::Delete { .. } | Action::DeleteQuickConnect(_) => AttributeSet::default(),
    }
}

/// Whether the user is the person's by our mark, by memory, by an adopt rule, or by re-hire.
fn ours(world: &World, plan: &Plan, change: &Change) -> bool {
    let Some(id) = &change.connect else { return true };
    let adopts = |reason: &Reason| matches!(reason, Reason::Adopted { .. });
    let rebinds = |reason: &Reason| reason.taken_from().is_some();
    let mut adoptions = plan.of(&change.person).filter(|change| matches!(change.action, Action::Adopt { .. }));
    match &world.seen.connect.users[id].owner {
        Some(owner) if *owner == change.person => true,
        Some(_) => adoptions.any(|change| rebinds(&change.because)),
        None => {
            let linked = world.seen.memory.get(&change.person).is_some_and(|memory| memory.link.as_ref() == Some(id));
            linked || adoptions.any(|change| adopts(&change.because) || rebinds(&change.because))
        }
    }
}

/// Whether exactly one record in each of the two sources has this username, the same in both.
fn same_username(world: &World, one: &PersonKey, other: &PersonKey) -> bool {
    let people = &world.seen.directory.people;
    let name = |key: &PersonKey| people[key].attributes.get("username").map(|name| fold(name).into_owned());
    let alone =
        |key: &PersonKey| people.keys().filter(|who| who.source == key.source && name(who) == name(key)).count() == 1;
    name(one).is_some() && name(one) == name(other) && alone(one) && alone(other)
}

/// A red run must be red again for whoever looks into it; change the seed to look further.
const SEED: u64 = 20_260_301;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn carrying_a_plan_out_leaves_nothing_to_do(world in worlds()) {
        let mut world = world;
        // A deleted user frees a name that somebody was held for, so more than one round may be needed, but never many.
        let mut rounds = Vec::new();
        for _ in 0..4 {
            let plan = world.plan();
            if plan.is_empty() {
                return Ok(());
            }
            rounds.push(render(&plan));
            world.apply(&plan);
        }
        prop_assert!(world.plan().is_empty(), "{rounds:#?} and then {:#?}", render(&world.plan()));
    }

    #[test]
    fn without_deletions_and_rehires_one_round_is_enough(world in worlds()) {
        let mut world = world;
        let plan = world.plan();
        // A deletion frees a name; a re-hire or a hand-over leaves the former record with whatever else it has.
        let chained = |change: &Change| {
            matches!(change.action, Action::Delete { .. }) || change.because.taken_from().is_some()
        };
        prop_assume!(!plan.changes.iter().any(chained));
        world.apply(&plan);
        prop_assert!(world.plan().is_empty(), "{:#?} and then {:#?}", render(&plan), render(&world.plan()));
    }

    #[test]
    fn everybody_gets_one_decision_and_changes_are_counted(world in worlds()) {
        let plan = world.plan();
        let owners = world.seen.connect.users.values().filter_map(|user| user.owner.clone());
        let everybody: BTreeSet<_> = world.seen.directory.people.keys().cloned()
            .chain(world.seen.memory.keys().cloned()).chain(owners).collect();
        prop_assert_eq!(plan.decisions.keys().cloned().collect::<BTreeSet<_>>(), everybody);
        for (person, decision) in &plan.decisions {
            let count = match decision { Decision::Changes { count } => *count as usize, _ => 0 };
            prop_assert_eq!(plan.of(person).count(), count, "{}: {:?}", person, decision);
        }
        for (at, change) in plan.changes.iter().enumerate() {
            prop_assert_eq!(change.seq as usize, at);
        }
    }

    #[test]
    fn nobody_is_touched_without_mark_memory_or_rule(world in worlds()) {
        let plan = world.plan();
        let mut people_of = std::collections::BTreeMap::new();
        for change in &plan.changes {
            prop_assert!(ours(&world, &plan, change), "{:?}", render(&plan));
            prop_assert!(!frozen(&world, change), "{:?}", render(&plan));
            if let Some(id) = &change.connect {
                prop_assert_eq!(people_of.entry(id.clone()).or_insert(&change.person), &&change.person);
            }
        }
    }

    #[test]
    fn what_connect_decides_is_written_by_leaving_and_returning_only(world in worlds()) {
        for change in &world.plan().changes {
            let Action::Update(update) = &change.action else { continue };
            let by_connect = world.rules.authority[&update.facet] == Authority::Connect;
            let ladder = matches!(change.because, Reason::Left { .. } | Reason::Returned);
            prop_assert!(!by_connect || ladder, "{} {:?}", update.facet.name(), change.because);
        }
    }

    #[test]
    fn nobody_is_sent_an_empty_profile_list_or_what_the_instance_refuses(world in worlds()) {
        for change in &world.plan().changes {
            for (attribute, value) in sent(change).iter() {
                if let Value::NamedSet(set) = value {
                    prop_assert!(!set.is_empty());
                }
                prop_assert_ne!(attribute, Attribute::Email);
                prop_assert!(attribute != Attribute::RoutingProfile || matches!(value, Value::Named(_)));
            }
        }
    }

    #[test]
    fn the_same_world_gives_the_same_plan_in_whatever_order_it_is_told(
        directory in directory().prop_shuffle_pair(), connect in connect()
    ) {
        let (told, retold) = directory;
        let one = World::new(&told.join("\n"), &connect.join("\n"));
        let mut reversed = connect.clone();
        reversed.reverse();
        let other = World::new(&retold.join("\n"), &reversed.join("\n"));
        prop_assert_eq!(one.plan(), one.plan());
        prop_assert_eq!(one.plan(), other.plan());
    }

    #[test]
    fn one_human_gets_one_user_and_whoever_is_shadowed_is_not_touched(world in worlds()) {
        let plan = world.plan();
        let creates: Vec<&PersonKey> =
            plan.changes.iter().filter(|c| matches!(c.action, Action::Create(_))).map(|c| &c.person).collect();
        for one in &creates {
            for other in creates.iter().filter(|other| other.source != one.source) {
                prop_assert!(!same_username(&world, one, other), "{} and {}: {:?}", one, other, render(&plan));
            }
        }
        for (person, decision) in &plan.decisions {
            let Decision::Shadowed { by, .. } = decision else { continue };
            prop_assert_eq!(plan.of(person).count(), 0);
            prop_assert!(!matches!(plan.decisions[by], Decision::Shadowed { .. }), "{} by {}", person, by);
            prop_assert!(world.rules.rank(&by.source) < world.rules.rank(&person.source));
        }
    }

    #[test]
    fn a_failing_directory_changes_nothing_for_the_humans_it_decides_about(world in worlds()) {
        let mut before = world.clone();
        for view in before.seen.directory.sources.values_mut() {
            view.state = SourceState::Fresh;
        }
        let mut after = before.clone();
        let first = before.rules.sources[0].name.clone();
        after.seen.directory.sources.get_mut(&first).expect("a source").state =
            SourceState::Frozen { why: "HTTP 503".to_owned() };
        let (before, plan) = (before.plan(), after.plan());
        for (person, decision) in &before.decisions {
            let Decision::Shadowed { by, .. } = decision else { continue };
            prop_assert_eq!(plan.of(person).count(), 0);
            if by.source == first {
                prop_assert_eq!(&plan.decisions[person], decision);
                prop_assert!(matches!(plan.decisions[by], Decision::NotObserved { .. }), "{:?}", plan.decisions[by]);
                let theirs = |id| [Some(by), Some(person)].contains(&after.seen.connect.users[id].owner.as_ref());
                let touched = plan.changes.iter().filter_map(|change| change.connect.as_ref()).any(theirs);
                prop_assert!(!touched, "{:?}", render(&plan));
            }
        }
        prop_assert!(plan.changes.iter().all(|change| change.person.source != first));
    }

    #[test]
    fn a_hand_over_is_not_taken_back(world in worlds()) {
        let mut world = world;
        let plan = world.plan();
        let handed = |plan: &Plan| -> BTreeSet<_> {
            let changes = plan.changes.iter().filter(|change| matches!(change.because, Reason::HandedOver { .. }));
            changes.filter_map(|change| change.connect.clone()).collect()
        };
        let first = handed(&plan);
        if first.is_empty() {
            return Ok(());
        }
        world.apply(&plan);
        prop_assert!(handed(&world.plan()).is_disjoint(&first), "{:#?} and then {:#?}", render(&plan), render(&world.plan()));
    }

    #[test]
    fn the_digest_moves_exactly_with_what_is_guarded(world in worlds()) {
        let plan = world.plan();
        let before = digest(&plan);
        let mut told = plan.clone();
        told.at = now() + chrono::TimeDelta::hours(1);
        for change in &mut told.changes {
            change.label = "somebody".to_owned();
            if let Reason::Left { since, .. } = &mut change.because {
                *since += chrono::TimeDelta::hours(1);
            }
        }
        told.changes.retain(|change| !matches!(change.action, Action::Create(_)));
        prop_assert_eq!(digest(&told), before.clone());
        if told.changes.pop().is_some() {
            prop_assert_ne!(digest(&told), before);
        }
    }
}

/// The same lines twice: as they are, and backwards.
trait ShufflePair: Strategy<Value = Vec<String>> + Sized {
    fn prop_shuffle_pair(self) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
        self.prop_map(|lines| {
            let mut backwards = lines.clone();
            backwards.reverse();
            (lines, backwards)
        })
    }
}

impl<S: Strategy<Value = Vec<String>>> ShufflePair for S {}
