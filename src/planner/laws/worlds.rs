//! Generated worlds: eight records in three directories, six users, memories, directives and rules, odd in every way that
//! the planner knows.

use proptest::prelude::*;

use super::super::rules::AdoptBy;
use super::super::testing::World;
use super::hold;
use crate::model::{Authority, Facet};

const USERNAMES: [&str; 8] =
    ["ada.king", "ADA.king", "ada.king@x.com", "bob.low", "bob.low@x.com", "cy.moss", "-", "o'neil"];
const DEPARTMENTS: [&str; 6] = ["", "dept=Care", "dept=Sales", "dept=London", "dept=Broken", "dept=Ventes"];
const STANDINGS: [&str; 12] = [
    "",
    "",
    "",
    "",
    "",
    "standing=disabled",
    "standing=deleted",
    "standing=soft_deleted",
    "standing=missing",
    "standing=gone",
    "user_type=Guest",
    "unreadable=bad",
];
const MAILS: [&str; 4] = ["", "mail=one@x.com", "mail=two@x.com mobile=+442079460123", "business_phone=+442079460999"];
const KEYS: [&str; 8] = ["entra/0", "entra/1", "entra/2", "entra/3", "okta/0", "okta/1", "okta/2", "scim/0"];

/// One of several people; most have the name of their place, so that it is the one of the user at the same place.
fn person(place: usize) -> impl Strategy<Value = String> {
    let name = prop_oneof![3 => Just(place), 2 => 0..USERNAMES.len()];
    let groups = prop_oneof![Just("groups=agents"), Just("groups=agents,leads"), Just("groups=leads"), Just("")];
    (name, 0..DEPARTMENTS.len(), groups, 0..STANDINGS.len(), 0..MAILS.len()).prop_map(
        |(name, department, groups, standing, mail)| {
            let [name, department] = [USERNAMES[name], DEPARTMENTS[department]];
            format!("{name} {department} {groups} {} {}", STANDINGS[standing], MAILS[mail])
        },
    )
}

/// Somebody's account is gone, and there is another one with the same name.
const REHIRED: [(&str, &str); 2] =
    [("entra/0", "ada.king standing=deleted"), ("entra/3", "ada.king dept=Care groups=agents")];

pub(super) fn directory() -> impl Strategy<Value = Vec<String>> {
    let people: Vec<_> = (0..KEYS.len()).map(|place| prop::option::weighted(0.7, person(place))).collect();
    let directives = prop::sample::subsequence(
        vec![
            "@entra frozen",
            "@okta frozen",
            "@entra scope=agents",
            "@entra never",
            "@okta profile",
            "@order okta,scim,entra",
            "@moved entra/1 department_changed",
        ],
        0..=2,
    );
    let rehired = prop::bool::weighted(0.2);
    (people, directives, rehired).prop_map(|(people, mut directives, rehired)| {
        // Both are about the scope; told in another order they would be another world.
        if directives.contains(&"@entra never") {
            directives.retain(|directive| *directive != "@entra scope=agents");
        }
        let person = |(key, person): (&&str, Option<String>)| {
            let story = REHIRED.iter().find(|(who, _)| rehired && who == key).map(|(_, story)| (*story).to_owned());
            Some(format!("{key} {}", story.or(person)?))
        };
        let people = KEYS.iter().zip(people).filter_map(person);
        directives.into_iter().map(str::to_owned).chain(people).collect()
    })
}

fn user(place: usize) -> impl Strategy<Value = String> {
    let owner = prop_oneof![
        4 => Just(Some(KEYS[place])),
        1 => prop::sample::select(&KEYS[..]).prop_map(Some),
        2 => Just(None),
    ];
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

pub(super) fn connect() -> impl Strategy<Value = Vec<String>> {
    let users: Vec<_> = (0..6).map(|place| prop::option::weighted(0.75, user(place))).collect();
    let words = vec![
        "link=c-0",
        "link=c-1",
        "link=c-9",
        "suspended=3",
        "suspended=40",
        "absent=3",
        "absent=9",
        "former.sec=Admin",
        "former.sec=No_Access",
        "former.route=Basic",
        "wrote.route=Care_Voice",
        "wrote.tags=tier:2",
        "wrote.hier=EMEA/Paris",
        "wrote.mail=one@x.com",
        "wrote.last=King",
        "wrote.sec=Agent",
        "wrote.route=Basic",
        "stage=deleted",
    ];
    let memory = prop::option::weighted(0.5, prop::sample::subsequence(words, 0..=4));
    let memories = prop::collection::vec((memory, prop::bool::weighted(0.4)), KEYS.len());
    (users, memories).prop_map(|(users, memories)| {
        let users = users.into_iter().enumerate().filter_map(|(n, user)| {
            // Connect has each username once.
            Some(format!("c-{n} {} {}", USERNAMES[n], user?))
        });
        let memory = |(place, (words, linked)): (usize, (Option<Vec<&str>>, bool))| {
            let link = if linked && place < 6 { format!("link=c-{place}") } else { String::new() };
            Some(format!("memory {} {} {link}", KEYS[place], words?.join(" ")))
        };
        let memories = memories.into_iter().enumerate().filter_map(memory);
        users.chain(memories).chain(["quick q-1 c-1", "quick q-0 c-1", "quick q-2 c-0"].map(str::to_owned)).collect()
    })
}

pub(in crate::planner) fn worlds() -> impl Strategy<Value = World> {
    let authority = || prop::sample::select(vec![Authority::Directory, Authority::Connect, Authority::Shared]);
    let adopt = prop::sample::subsequence(vec![AdoptBy::Username, AdoptBy::MailboxName, AdoptBy::Email], 0..=3);
    let authorities = prop::collection::vec(authority(), Facet::ALL.len());
    let desk_phone = prop_oneof![Just(None), Just(Some(true)), Just(Some(false))];
    (directory(), connect(), authorities, adopt, 0..5usize, any::<bool>(), desk_phone).prop_map(
        |(directory, connect, authorities, adopt, leaver, config_changed, desk_phone)| {
            let mut world = World::new(&directory.join("\n"), &connect.join("\n"));
            world.rules.authority = Facet::ALL.into_iter().zip(authorities).collect();
            world.rules.adopt = adopt;
            world.seen.config_changed = config_changed;
            world.rules.default.as_mut().expect("set").phone.desk_phone = desk_phone;
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

/// Every kind of step, reason and decision.
const EVERYTHING: &[&str] = &[
    "create",
    "adopt",
    "delete",
    "delete quick connect",
    "untag",
    "write security_profiles",
    "write routing_profile",
    "write hierarchy",
    "write identity",
    "write phone",
    "write tags",
    "joined",
    "mapped",
    "configuration changed",
    "drift",
    "left: disabled",
    "left: deleted (restorable)",
    "left: deleted",
    "left: out of scope",
    "left: a guest",
    "left: missing from two complete listings",
    "returned",
    "adopted",
    "rebound",
    "handed over",
    "in sync",
    "changes",
    "has left",
    "waiting",
    "not observed",
    "quarantined",
    "shadowed",
];

#[test]
fn every_kind_of_step_reason_and_decision_occurs() {
    hold(worlds(), EVERYTHING, |mut world, tally| {
        for _ in 0..2 {
            let plan = world.plan();
            tally.saw_plan(&plan);
            world.apply(&plan);
        }
        Ok(())
    });
}
