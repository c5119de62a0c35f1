//! What rounds cost, in requests: two thousand people, ten followed groups, pages of a hundred.

use connectors::SecretSource;
use connectors::Source;
use connectors::http::HttpLimits;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scim::Character;
use serde_json::json;

use crate::contract::kinds::{self, Kind};
use crate::contract::rig::Rig;

const TEAMS: usize = 10;

fn ten_teams(sandbox: &Sandbox, secret: &SecretSource, limits: HttpLimits) -> Source {
    kinds::scim(sandbox, secret, limits, |config| {
        config.scope_groups = Some((0..TEAMS).map(|team| format!("Team {team}")).collect());
    })
}

fn team(number: usize) -> String {
    format!("0b000000-0000-4000-8000-0000000a{number:04}")
}

fn requests(rig: &Rig) -> u64 {
    rig.sandbox.scim.requests().values().sum()
}

/// Requests of a first full round, a second one, an idle one, and one with five changes and a joiner.
async fn rounds(character: Character) -> [u64; 4] {
    let rig = Rig::of(&Kind { source: ten_teams, ..kinds::scim_groups() }, 2_000).await;
    rig.sandbox.scim.set_character(character);
    let tenant = &rig.sandbox.tenant;
    let people: Vec<String> = tenant.users().into_iter().map(|user| user.id).collect();
    for number in 0..TEAMS {
        tenant.add_group(&team(number), &format!("Team {number}")).unwrap();
        for id in people.iter().skip(number * 150).take(150) {
            tenant.add_member(&team(number), id).unwrap();
        }
    }
    // Everybody was made long ago; since then somebody has changed.
    rig.sandbox.clock.advance(std::time::Duration::from_secs(3_600));
    let title = json!({ "jobTitle": "Lead" });
    tenant.update_user(&people[1], title.as_object().cloned().unwrap()).unwrap();
    let mut costs = [0; 4];
    for (at, full) in [true, true, false, false].into_iter().enumerate() {
        if at == 3 {
            for (number, id) in people.iter().take(5).enumerate() {
                let patch = json!({ "department": format!("Elsewhere {number}") });
                tenant.update_user(id, patch.as_object().cloned().unwrap()).unwrap();
            }
            tenant.add_member(&team(1), &people[1_900]).unwrap();
        }
        let before = requests(&rig);
        let known = rig.round(full).await.unwrap();
        costs[at] = requests(&rig) - before;
        assert!(known.gone.len() < 200 && known.held.is_empty(), "{}", known.gone.len());
    }
    costs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_cost_no_more_than_written() {
    let costs = [
        ("by cursor", rounds(Character::Strict).await, [30, 21, 11, 13]),
        ("by index", rounds(Character::NoDiscovery).await, [32, 23, 14, 16]),
        ("no filter", rounds(Character::FilterIgnoring).await, [28, 23, 23, 23]),
        ("members alone", rounds(Character::MembersOmitted).await, [42, 33, 14, 16]),
        ("groups on users", rounds(Character::GroupsOnUsersOnly).await, [37, 33, 33, 33]),
    ];
    let dearer = |got: &[u64; 4], most: &[u64; 4]| got.iter().zip(most).any(|(got, most)| got > most);
    let wrong: Vec<_> = costs.iter().filter(|(_, got, most)| dearer(got, most)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
