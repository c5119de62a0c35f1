//! Every character of server, in both scopes, through a person's whole story.

use std::collections::BTreeSet;

use rollcall::sandbox::company::Company;
use rollcall::sandbox::scim::Character;
use serde_json::json;

use crate::contract::kinds::{self, Kind};
use crate::contract::rig::{Known, Rig};

/// Runs a story over a server of this character; `Err` is the first round's refusal.
async fn story(kind: &Kind, character: Character) -> Result<(), String> {
    let rig = Rig::new(kind).await;
    rig.sandbox.scim.set_character(character);
    rig.small_pages();
    let name = format!("{character:?}, everybody: {}", kind.everybody);
    let first = rig.round(true).await?;
    assert_eq!(first, all_here(&rig), "{name}: the first round");
    for full in [false, true, false] {
        let round = rig.round(full).await.unwrap_or_else(|refused| panic!("{name}, full {full}: {refused}"));
        assert_eq!(round, first, "{name}: nothing changed, full {full}");
    }
    let round = async |what: &str, full: bool| {
        rig.round(full).await.unwrap_or_else(|refused| panic!("{name}: {what}: {refused}"))
    };
    let tenant = &rig.sandbox.tenant;
    let newcomer = Company::newcomer(5, 77);
    let (id, login) = (newcomer.id.clone(), newcomer.properties["userPrincipalName"].as_str().unwrap().to_owned());
    tenant.add_user(newcomer).unwrap();
    tenant.add_member(&rig.agents(), &id).unwrap();
    assert_eq!(round("joiner", false).await, all_here(&rig), "{name}: joiner");
    let patch = json!({"department": "Elsewhere"});
    tenant.update_user(&id, patch.as_object().cloned().unwrap()).unwrap();
    round("mover", false).await;
    assert_eq!(rig.attribute(&login, "department").await.as_deref(), Some("Elsewhere"), "{name}: mover");
    if character != Character::ActiveOmittedWhenDisabled {
        tenant.disable(&id).unwrap();
        assert!(round("leaver", false).await.gone.contains(&login), "{name}: leaver");
        tenant.enable(&id).unwrap();
        assert_eq!(round("returner", false).await, all_here(&rig), "{name}: returner");
    }
    if !kind.everybody {
        tenant.remove_member(&rig.agents(), &id).unwrap();
        assert!(round("out of the group", false).await.gone.contains(&login), "{name}: out of the group");
        tenant.add_member(&rig.agents(), &id).unwrap();
        assert_eq!(round("back in the group", false).await, all_here(&rig), "{name}: back in the group");
    }
    tenant.hard_delete(&id).unwrap();
    round("deleted", false).await;
    let known = round("deleted", true).await;
    assert!(known.gone.contains(&login), "{name}: deleted: {:?}", known.held);
    assert_eq!(known.here, rig.present(), "{name}: deleted");
    Ok(())
}

fn all_here(rig: &Rig) -> Known {
    Known { here: rig.present(), gone: BTreeSet::new(), held: BTreeSet::new() }
}

const READABLE: [Character; 18] = [
    Character::Strict,
    Character::Sloppy,
    Character::CursorOnly,
    Character::FilterIgnoring,
    Character::FilterNothing,
    Character::CaseMangling,
    Character::PageSizedTotals,
    Character::OverlappingPages,
    Character::BeyondEnd,
    Character::ZeroBased,
    Character::MembersOmitted,
    Character::MembersCut,
    Character::GroupsOnUsersOnly,
    Character::MembersByUserName,
    Character::ActiveOmittedWhenDisabled,
    Character::NoDiscovery,
    Character::OddIds,
    Character::TextDates,
];

async fn all_stories(kind: &Kind) {
    let mut problems = Vec::new();
    for character in READABLE {
        let kind = *kind;
        let told = super::apart(move || async move { story(&kind, character).await }).await;
        match told {
            Ok(Ok(())) => {}
            Ok(Err(refused)) => problems.push(format!("{character:?}: refused: {refused}")),
            Err(panic) => {
                let panic = panic.into_panic();
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                problems.push(format!("{character:?}: {text}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_followed_on_every_server() {
    all_stories(&kinds::scim_cursors()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_followed_on_every_server() {
    all_stories(&kinds::scim_groups()).await;
}

/// These cannot be read whole: the first round says what to do, and stores nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_cannot_be_read_say_what_to_configure() {
    for kind in [kinds::scim_cursors(), kinds::scim_groups()] {
        for character in [Character::IgnoresStartIndex, Character::Shuffling] {
            match story(&kind, character).await {
                Ok(()) => panic!("{character:?} was read"),
                Err(refused) => {
                    let settings = refused.contains("paging") && refused.contains("page_size");
                    assert!(settings || refused.contains("name the group by its id"), "{refused}");
                }
            }
        }
    }
}
