//! Habits that change between two rounds.

use std::collections::BTreeSet;

use rollcall::sandbox::company::Company;
use rollcall::sandbox::scim::{ActiveForm, Character, Filters, IndexPaging, Manners, Members, Totals};

use crate::contract::kinds::{self, Kind};
use crate::contract::rig::Rig;

async fn server(kind: &Kind, people: usize, character: Character) -> Rig {
    let rig = Rig::of(kind, people).await;
    rig.sandbox.scim.set_character(character);
    rig.small_pages();
    let known = rig.round(true).await.unwrap();
    assert_eq!(known.here, rig.present());
    rig
}

fn alter(rig: &Rig, change: impl FnOnce(&mut Manners)) {
    rig.sandbox.scim.configure(|settings| change(&mut settings.manners));
}

/// A habit changes: nobody is gone, whatever the rounds say. With the old habit everybody is here again.
async fn nobody_is_lost(kind: &Kind, from: Character, what: &str, change: fn(&mut Manners)) {
    let rig = server(kind, 45, from).await;
    let name = format!("{from:?}, everybody {}: {what}", kind.everybody);
    alter(&rig, change);
    for full in [false, false, true, true, false] {
        let round = rig.round(full).await;
        let known = rig.known().await;
        assert_eq!(known.gone, BTreeSet::new(), "{name}: full {full}: {:?}", round.err());
    }
    rig.sandbox.scim.set_character(from);
    let known = rig.round(true).await.unwrap();
    assert_eq!((known.here, known.gone), (rig.present(), BTreeSet::new()), "{name}: afterwards");
}

type Habit = (&'static str, fn(&mut Manners));

const HABITS: &[Habit] = &[
    ("filters are ignored", |manners| manners.filters = Filters::Ignored),
    ("filters are refused", |manners| manners.filters = Filters::Refused),
    ("filters find nobody", |manners| manners.filters = Filters::NoDates),
    ("cursors end", |manners| manners.cursors = false),
    ("startIndex is refused", |manners| manners.index = IndexPaging::Refused),
    ("startIndex is ignored", |manners| manners.index = IndexPaging::FirstPage),
    ("totals are of the page", |manners| manners.totals = Totals::OfPage),
    ("counted from 0", |manners| manners.zero_based = true),
    ("pages overlap", |manners| manners.overlap = 3),
    ("shuffled", |manners| manners.shuffled = true),
    ("members are cut", |manners| manners.members = Members::Cut(20)),
    ("members are cut to a few", |manners| manners.members = Members::Cut(2)),
    ("members are not shown", |manners| manners.members = Members::Never),
    ("members are by userName", |manners| manners.members_by_user_name = true),
    ("users show no groups", |manners| manners.user_groups = false),
    ("ids change their form", |manners| manners.odd_ids = true),
    ("no selection", |manners| manners.selection = false),
    ("no tags", |manners| manners.etags = false),
    ("numbers are texts", |manners| manners.text_numbers = true),
    ("active is text", |manners| manners.active = ActiveForm::Text),
    ("names in other case", |manners| manners.mangled_case = true),
];

async fn all_habits(kind: &Kind, from: Character) {
    let mut problems = Vec::new();
    for (what, change) in HABITS {
        let kind = *kind;
        if let Err(panic) = super::apart(move || async move { nobody_is_lost(&kind, from, what, *change).await }).await
        {
            let panic = panic.into_panic();
            problems.push(panic.downcast_ref::<String>().cloned().unwrap_or_default());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_everybody_is_lost_by_a_new_habit() {
    all_habits(&kinds::scim_cursors(), Character::Strict).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_a_group_is_lost_by_a_new_habit() {
    all_habits(&kinds::scim_groups(), Character::Strict).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_a_group_is_lost_by_a_new_habit_of_an_index_server() {
    all_habits(&kinds::scim_groups(), Character::BeyondEnd).await;
}

/// Fills the agents' group to exactly so many.
fn fill(rig: &Rig, to: usize) {
    let tenant = &rig.sandbox.tenant;
    let have = tenant.members(&rig.agents(), false).len();
    if have > to {
        for id in tenant.members(&rig.agents(), false).into_iter().skip(to) {
            tenant.remove_member(&rig.agents(), &id).unwrap();
        }
    }
    for number in have..to {
        let person = Company::newcomer(9, 500 + number);
        let id = person.id.clone();
        tenant.add_user(person).unwrap();
        tenant.add_member(&rig.agents(), &id).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_exactly_a_hundred_works() {
    let rig = Rig::of(&kinds::scim_groups(), 150).await;
    rig.sandbox.scim.set_character(Character::MembersOmitted);
    fill(&rig, 100);
    for full in [true, false, true] {
        let known = rig.round(full).await.unwrap();
        assert_eq!((known.here.len() >= 95, &known.here), (true, &rig.present()));
        assert_eq!(known.held, BTreeSet::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_cut_later_removes_nobody() {
    for user_groups in [true, false] {
        let rig = Rig::of(&kinds::scim_groups(), 200).await;
        rig.sandbox.scim.set_character(Character::BeyondEnd);
        alter(&rig, |manners| manners.user_groups = user_groups);
        fill(&rig, 150);
        let known = rig.round(true).await.unwrap();
        assert_eq!(known.here, rig.present());
        for length in [100, 50, 60, 1, 0] {
            let members = if length == 0 { Members::Never } else { Members::Cut(length) };
            alter(&rig, |manners| manners.members = members);
            for full in [false, true, true, false] {
                let round = rig.round(full).await;
                let known = rig.known().await;
                let name = format!("user_groups {user_groups}, {length}, full {full}");
                // Half a list that nobody contradicts is a smaller group.
                if user_groups || length == 100 || length == 0 {
                    assert_eq!(known.gone, BTreeSet::new(), "{name}: {:?}", round.err());
                }
            }
            alter(&rig, |manners| manners.members = Members::All);
            rig.round(true).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_was_made_anew_is_found_again() {
    let rig = server(&kinds::scim_groups(), 45, Character::Strict).await;
    let tenant = &rig.sandbox.tenant;
    let members = tenant.members(&rig.agents(), false);
    let name = rollcall::sandbox::scene::AGENTS;
    tenant.delete_group(&rig.agents()).unwrap();
    let refused = rig.round(false).await.unwrap_err();
    assert!(refused.contains("no group is called"), "{refused}");
    assert_eq!(rig.known().await.gone, BTreeSet::new());
    tenant.add_group("0b000000-0000-4000-8000-00000000abcd", name).unwrap();
    for id in &members {
        tenant.add_member("0b000000-0000-4000-8000-00000000abcd", id).unwrap();
    }
    let known = rig.round(false).await.unwrap();
    assert_eq!((known.here, known.gone), (rig.present(), BTreeSet::new()));
}
