//! Laws over characters: whatever a server is like, nobody who exists is missing from a snapshot.

use proptest::prelude::*;

use super::fake::{Filters, Names, Pages, Projects, Shows, Total};
use super::*;

fn character() -> impl Strategy<Value = Character> {
    let paging = (
        1_usize..7,
        prop::sample::select(vec![Total::Real, Total::OfPage, Total::Absent]),
        prop::sample::select(vec![Pages::Index, Pages::Cursor, Pages::Both]),
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
        0_usize..2,
        0_u32..3,
    );
    let rest = (
        prop::sample::select(vec![Filters::Work, Filters::AreIgnored, Filters::FindNothing, Filters::AreRefused(501)]),
        prop::sample::select(vec![
            Projects::Works,
            Projects::Refused,
            Projects::DropsExtension,
            Projects::DropsUserName,
        ]),
        prop::sample::select(vec![Shows::InLists, Shows::Alone, Shows::Never]),
        prop::sample::select(vec![Names::Id, Names::UserName, Names::Reference]),
        any::<[bool; 3]>(),
        prop::option::of((2_u32..4, (1_u32..14).prop_map(|number| format!("u{number}")))),
    );
    (paging, rest).prop_map(|(paging, rest)| {
        let (page, total, pages, announces_cursor, ignores_start, repeats_last, zero_based, overlap, expiries) = paging;
        let (filters, projects, shows, names, [user_groups, discovery, tags], leaves_before) = rest;
        Character {
            page,
            total,
            pages,
            announces_cursor,
            ignores_start,
            repeats_last,
            zero_based,
            // Both at once cancel out but for the last record, without a trace; no server is known that does both.
            overlap: if zero_based { 0 } else { overlap.min(page - 1) },
            expiries,
            filters,
            projects,
            shows,
            names,
            cut: None,
            user_groups,
            discovery,
            tags,
            reads_singly: true,
            leaves_before,
            busy: false,
            deaf_tags: false,
            too_many: None,
        }
    })
}

/// Two pulls of a server of this character, with somebody coming and somebody leaving in between.
async fn follow(character: Character, people: u32, scoped: bool) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(character.clone(), people, |config| {
        config.incremental = true;
        if scoped {
            config.scope_groups = Some(vec!["Agents".to_owned()]);
        }
    })
    .await;
    let agents: Vec<String> = names((1..=people).filter(|number| number % 2 == 1));
    rig.fake.world().group("g1", "Agents", agents);
    rig.known = ids(1..=people);
    for round in 0..2 {
        let pulled = rig.pull().await;
        let world = rig.fake.world();
        let exists = |id: &ExternalId| {
            let agent = world.groups[0].2.iter().any(|member| member == id.as_str());
            world.users.iter().any(|(have, _)| have == id.as_str()) && (!scoped || agent)
        };
        let everybody: BTreeSet<ExternalId> =
            world.users.iter().map(|(id, _)| id.as_str().into()).filter(exists).collect();
        match pulled {
            Ok(Pull::Full(snapshot)) => {
                let missing: Vec<_> = everybody.difference(&listed(&snapshot)).cloned().collect();
                prop_assert!(missing.is_empty(), "round {}: {:?} are missing", round, missing);
                for user in snapshot.content().users.values() {
                    prop_assert_eq!(user.attributes.get("department"), Some("Care"));
                }
                drop(world);
                rig.cursor = Some(snapshot.into_parts().1);
            }
            Ok(Pull::Delta(delta)) => {
                prop_assert!(delta.left.is_empty() && delta.patches.is_empty());
                for (_, list) in delta.relisted {
                    let members = list.into_members();
                    let agents: BTreeSet<ExternalId> = world.groups[0].2.iter().map(|id| id.as_str().into()).collect();
                    prop_assert_eq!(members, agents);
                }
                drop(world);
                rig.cursor = Some(delta.cursor);
            }
            Err(_) => drop(world),
        }
        let mut world = rig.fake.world();
        world.put("u99", serde_json::json!({}));
        world.leave("u2");
        world.leave("u5");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_who_exists_is_missing_from_a_snapshot(character in character(), people in 1_u32..14, scoped: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(character, people, scoped))?;
    }
}

/// A hundred thousand people, read in pages of a thousand without keeping any.
#[tokio::test]
async fn a_hundred_thousand_people_are_one_listing() {
    let rig =
        Rig::new(Character { page: 0, discovery: false, ..Character::default() }, 0, |config| config.page_size = 1_000)
            .await;
    for page in 0..100_u32 {
        let record = |number: u32| format!(r#"{{"id":"p{number}","userName":"p{number}","active":true}}"#);
        let records: Vec<String> = (page * 1_000..(page + 1) * 1_000).map(record).collect();
        let body = format!(r#"{{"totalResults":100000,"Resources":[{}]}}"#, records.join(","));
        let answer = wiremock::ResponseTemplate::new(200).set_body_raw(body, "application/json");
        rig.fake.world().fault(&format!("count=1000&startIndex={}", page * 1_000 + 1), 1, answer);
    }
    let Pull::Full(snapshot) = rig.pull().await.unwrap() else { panic!() };
    assert_eq!(snapshot.content().users.len(), 100_000);
}
