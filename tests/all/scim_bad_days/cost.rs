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
async fn rounds_cost_what_is_written() {
    let costs = [
        ("by cursor", rounds(Character::Strict).await, [0; 4]),
        ("by index", rounds(Character::NoDiscovery).await, [0; 4]),
        ("no filter", rounds(Character::FilterIgnoring).await, [0; 4]),
        ("members alone", rounds(Character::MembersOmitted).await, [0; 4]),
        ("groups on users", rounds(Character::GroupsOnUsersOnly).await, [0; 4]),
    ];
    let wrong: Vec<_> = costs.iter().filter(|(_, got, expected)| got != expected).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_a_hundred_thousand() {
    for everybody in [true, false] {
        let kind = if everybody { kinds::scim_cursors() } else { Kind { source: ten_teams, ..kinds::scim_groups() } };
        let rig = Rig::of(&kind, 100_000).await;
        if !everybody {
            let tenant = &rig.sandbox.tenant;
            let people: Vec<String> = tenant.users().into_iter().map(|user| user.id).collect();
            for number in 0..TEAMS {
                tenant.add_group(&team(number), &format!("Team {number}")).unwrap();
                for id in people.iter().skip(number * 150).take(203) {
                    tenant.add_member(&team(number), id).unwrap();
                }
            }
        }
        std::fs::write("/proc/self/clear_refs", "5").ok();
        let (rss, before) = (memory("VmRSS"), requests(&rig));
        let pulled = rig.pull_only().await;
        eprintln!(
            "everybody {everybody}: {pulled}; {} requests; rss {rss} MB, peak {} MB, then {} MB",
            requests(&rig) - before,
            memory("VmHWM"),
            memory("VmRSS")
        );
    }
}
