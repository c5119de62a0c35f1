//! Bad days of an Okta org: a role that shrinks, a log that is closed, an index that lags, names that change.
//!
//! What every kind of source must survive is in [`crate::contract`]; here is what only Okta does.

use std::collections::BTreeSet;

use rollcall::reconcile::RunError;
use rollcall::sandbox::company::Company;
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::okta::Role;
use rollcall::sandbox::scene::{AGENTS, SceneSource};

use crate::contract::kinds::{self, Kind};
use crate::contract::rig::{ALWAYS, Known, Rig};
use crate::world::World;

/// A group that no source follows.
const ASIDE: &str = "0a51de00-0000-4000-8000-000000000001";

fn every_scope() -> [(&'static str, Kind); 3] {
    [("everybody", kinds::okta_everybody()), ("groups", kinds::okta_groups()), ("app", kinds::okta_app())]
}

/// A role that shows nobody but the first few agents.
fn narrow(rig: &Rig) {
    let agents = rig.sandbox.tenant.members(&rig.agents(), false);
    rig.sandbox.tenant.add_group(ASIDE, "Aside").unwrap();
    for member in agents.iter().take(5) {
        rig.sandbox.tenant.add_member(ASIDE, member).unwrap();
    }
    show(rig, Role::Groups([ASIDE.to_owned()].into()));
}

fn show(rig: &Rig, role: Role) {
    rig.sandbox.okta.configure(|settings| settings.role = role);
}

/// Somebody new in the agents' group.
fn hire(rig: &Rig, number: usize) -> String {
    let person = Company::newcomer(5, 7_000 + number);
    let id = person.id.clone();
    rig.sandbox.tenant.add_user(person).unwrap();
    rig.sandbox.tenant.add_member(&rig.agents(), &id).unwrap();
    id
}

fn login(rig: &Rig, id: &str) -> String {
    rig.sandbox.tenant.users().into_iter().find(|user| user.id == id).unwrap().user_principal_name
}

/// Agents who are present, in the order of their ids.
fn agents(rig: &Rig) -> Vec<String> {
    let members: BTreeSet<String> = rig.sandbox.tenant.members(&rig.agents(), true).into_iter().collect();
    let users = rig.sandbox.tenant.users().into_iter().filter(|user| user.account_enabled);
    users.map(|user| user.id).filter(|id| members.contains(id)).collect()
}

fn close_the_log(rig: &Rig) {
    let kind = FaultKind::Status { status: 403, code: "E0000006".into(), message: "no".into(), retry_after: None };
    rig.sandbox.faults.add(Fault {
        service: "okta".to_owned(),
        operation: Some("GET /api/v1/logs".to_owned()),
        skip: 0,
        times: ALWAYS,
        kind,
    });
}

/// Everybody is known as they are, at the latest by the second whole listing: the first may find that the one before was
/// wrong.
async fn is_well(rig: &Rig, case: &str) {
    let known = match rig.round(true).await {
        Ok(known) => known,
        Err(_) => rig.round(true).await.unwrap_or_else(|refused| panic!("{case}: {refused}")),
    };
    assert_eq!(known.here, rig.present(), "{case}");
    assert!(known.held.is_empty(), "{case}: {:?}", known.held);
}

/// The operation whose pages say who is there.
fn pages(rig: &Rig) -> u64 {
    rig.kind.listings.iter().filter_map(|name| rig.sandbox.okta.requests().get(*name).copied()).sum()
}

/// A round in the middle of whose listing something happens.
async fn amid(rig: &Rig, full: bool, happening: impl FnOnce()) -> Result<Known, String> {
    let before = pages(rig);
    rig.fault(2, 1, &FaultKind::Delay { millis: 300 });
    let mut happening = Some(happening);
    let mut round = std::pin::pin!(rig.round(full));
    loop {
        tokio::select! {
            biased;
            result = &mut round => {
                assert!(happening.is_none(), "the listing had no third page");
                return result;
            }
            () = tokio::task::yield_now(), if happening.is_some() => {
                if pages(rig) >= before + 3 {
                    happening.take().unwrap()();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_shrinks_removes_nobody_and_costs_nothing_once_it_is_back() {
    for (name, kind) in every_scope() {
        for order in [[false, true, true], [true, true, false], [true, false, true]] {
            let case = format!("{name}, {order:?}");
            let rig = Rig::new(&kind).await;
            let before = rig.round(true).await.unwrap();
            narrow(&rig);
            for full in order {
                let _ = rig.round(full).await;
                assert_eq!(rig.known().await.gone, before.gone, "{case}");
            }
            show(&rig, Role::Full);
            is_well(&rig, &case).await;
            assert_eq!(rig.known().await.gone, before.gone, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_shrinks_while_pages_are_read_removes_nobody() {
    for (name, kind) in every_scope() {
        let rig = Rig::new(&kind).await;
        rig.small_pages();
        let before = rig.round(true).await.unwrap();
        let _ = amid(&rig, true, || narrow(&rig)).await;
        assert_eq!(rig.known().await.gone, before.gone, "{name}");
        for full in [false, true] {
            let _ = rig.round(full).await;
            assert_eq!(rig.known().await.gone, before.gone, "{name}");
        }
        show(&rig, Role::Full);
        is_well(&rig, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_come_and_go_while_pages_are_read_are_known_after_the_next_round() {
    for (name, kind) in every_scope() {
        let rig = Rig::new(&kind).await;
        rig.small_pages();
        rig.round(true).await.unwrap();
        for round in 0..3 {
            rig.sandbox.tenant.advance(std::time::Duration::from_secs(600));
            hire(&rig, round);
            let here = agents(&rig);
            let happens = || {
                rig.sandbox.tenant.remove_member(&rig.agents(), &here[0]).unwrap();
                rig.sandbox.tenant.remove_member(&rig.agents(), here.last().unwrap()).unwrap();
                rig.sandbox.tenant.disable(&here[3]).unwrap();
                hire(&rig, 100 + round);
            };
            if amid(&rig, true, happens).await.is_err() {
                continue;
            }
            let known = rig.round(false).await.unwrap();
            assert_eq!(known.here, rig.present(), "{name}, {round}");
        }
        is_well(&rig, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_file_that_is_lost_under_a_narrow_role_removes_nobody() {
    for app in [false, true] {
        let mut world = World::with(
            40,
            |_| {},
            |text| {
                text.sources = vec![SceneSource::Okta { app }];
                text.leaver = Some("delete = true".to_owned());
                text.guard = Some("max_removed = { fraction = 1.0 }\nmax_changed = { fraction = 1.0 }".to_owned());
            },
        )
        .await;
        world.text.more = String::new();
        world.sync().await.unwrap();
        let managed = world.managed();
        assert!(managed > 20, "{managed}");
        let few: Vec<String> = world.sandbox.tenant.members(&world.agents(), false).into_iter().take(5).collect();
        world.sandbox.tenant.add_group(ASIDE, "Aside").unwrap();
        for member in &few {
            world.sandbox.tenant.add_member(ASIDE, member).unwrap();
        }
        world.sandbox.okta.configure(|settings| settings.role = Role::Groups([ASIDE.to_owned()].into()));
        world.lose_state();
        for _ in 0..2 {
            match world.sync_full().await {
                Ok(ended) => assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes),
                Err(RunError::NoDirectory { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((world.deletes(), world.managed()), (0, managed), "app {app}");
        world.sandbox.okta.configure(|settings| settings.role = Role::Full);
        world.nothing_more_happens().await;
        assert_eq!(world.managed(), managed);
    }
}

/// Whoever is hidden by a narrow role stays; that must not keep everybody who leaves later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_noticed_although_very_many_others_are_missing_without_proof() {
    let rig = Rig::of(&kinds::okta_everybody(), 400).await;
    rig.round(true).await.unwrap();
    let few = agents(&rig);
    rig.sandbox.tenant.add_group(ASIDE, "Aside").unwrap();
    for member in few.iter().take(20) {
        rig.sandbox.tenant.add_member(ASIDE, member).unwrap();
    }
    show(&rig, Role::Groups([ASIDE.to_owned()].into()));
    let before = rig.round(true).await.unwrap();
    assert!(before.held.len() > 200, "{}", before.held.len());
    let leaver = login(&rig, &few[0]);
    rig.sandbox.tenant.hard_delete(&few[0]).unwrap();
    rig.sandbox.tenant.advance(std::time::Duration::from_secs(3_600));
    let after = rig.round_later(true).await.unwrap();
    assert!(after.gone.contains(&leaver), "still held");
    assert_eq!(after.gone.len(), before.gone.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_mean_what_they_say_in_every_scope_and_in_every_kind_of_round() {
    for (name, kind) in every_scope() {
        for full in [true, false] {
            let rig = Rig::new(&kind).await;
            let start = rig.round(true).await.unwrap();
            let people = agents(&rig);
            let table = [
                ("LOCKED_OUT", "here"),
                ("PASSWORD_EXPIRED", "here"),
                ("RECOVERY", "here"),
                ("STAGED", "gone"),
                ("PROVISIONED", "gone"),
                ("SUSPENDED", "gone"),
                ("DEPROVISIONED", "gone"),
                ("ACTIVATING", "held"),
                ("FROZEN_SOLID", "held"),
            ];
            for (at, (status, _)) in table.iter().enumerate() {
                rig.sandbox.okta.set_status(&people[at], status).unwrap();
            }
            let known = rig.round(full).await.unwrap();
            for (at, (status, expected)) in table.iter().enumerate() {
                let who = login(&rig, &people[at]);
                let list = match *expected {
                    "here" => &known.here,
                    "gone" => &known.gone,
                    _ => &known.held,
                };
                assert!(list.contains(&who), "{name}, full {full}: {status} should be {expected}");
            }
            for id in people.iter().take(table.len()) {
                rig.sandbox.okta.clear_status(id).unwrap();
            }
            assert_eq!(rig.round(full).await.unwrap(), start, "{name}, full {full}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hard_delete_is_told_by_the_log_at_once_and_without_it_by_the_next_listing() {
    for (name, kind) in every_scope() {
        for (closed, expired) in [(false, false), (false, true), (true, false)] {
            let case = format!("{name}, closed {closed}, expired {expired}");
            let rig = Rig::new(&kind).await;
            if closed {
                close_the_log(&rig);
            }
            let before = rig.round(true).await.unwrap();
            if expired {
                rig.round(false).await.unwrap();
                rig.sandbox.okta.expire_log_links();
            }
            let one = agents(&rig)[2].clone();
            let who = login(&rig, &one);
            rig.sandbox.tenant.hard_delete(&one).unwrap();
            let known = rig.round(false).await.unwrap();
            if !closed {
                assert!(known.gone.contains(&who), "{case}");
            }
            let known = rig.round(true).await.unwrap();
            assert!(known.gone.contains(&who), "{case}");
            assert_eq!(known.gone.len(), before.gone.len() + 1, "{case}");
            assert_eq!(known.here, rig.present(), "{case}");
        }
    }
}

/// The org's clocks have whole seconds; two changes of a group in one second carry one time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_changes_with_one_time_are_both_seen_without_the_log() {
    for many in [false, true] {
        let kind = if many { kinds::okta_many_groups() } else { kinds::okta_groups() };
        let rig = Rig::new(&kind).await;
        close_the_log(&rig);
        rig.round(true).await.unwrap();
        rig.sandbox.tenant.advance(std::time::Duration::from_secs(600));
        hire(&rig, 1);
        assert_eq!(rig.round(false).await.unwrap().here, rig.present());
        let gone = agents(&rig)[4].clone();
        hire(&rig, 2);
        rig.sandbox.tenant.remove_member(&rig.agents(), &gone).unwrap();
        assert_eq!(rig.round(false).await.unwrap().here, rig.present(), "many groups {many}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_lags_a_minute_is_caught_up_with() {
    let more = ("many groups", kinds::okta_many_groups());
    for (name, kind) in every_scope().into_iter().chain([more]) {
        for log in [true, false] {
            let case = format!("{name}, log {log}");
            let rig = Rig::new(&kind).await;
            if !log {
                close_the_log(&rig);
            }
            rig.round(true).await.unwrap();
            rig.sandbox.tenant.advance(std::time::Duration::from_secs(600));
            rig.sandbox.okta.configure(|settings| settings.index_lag_millis = 60_000);
            let people = agents(&rig);
            hire(&rig, 1);
            rig.sandbox.tenant.disable(&people[1]).unwrap();
            rig.sandbox.tenant.remove_member(&rig.agents(), &people[2]).unwrap();
            rig.round(false).await.unwrap();
            rig.sandbox.tenant.advance(std::time::Duration::from_secs(30));
            rig.sandbox.tenant.disable(&people[5]).unwrap();
            hire(&rig, 2);
            rig.round(false).await.unwrap();
            rig.sandbox.tenant.advance(std::time::Duration::from_secs(61));
            let known = rig.round(false).await.unwrap();
            assert_eq!(known.here, rig.present(), "{case}");
            assert!(known.held.is_empty(), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_whose_application_is_taken_away_leaves_and_a_new_label_changes_nothing() {
    let rig = Rig::new(&kinds::okta_app()).await;
    let before = rig.round(true).await.unwrap();
    let one = agents(&rig)[0].clone();
    let who = login(&rig, &one);
    rig.sandbox.tenant.remove_member(&rig.agents(), &one).unwrap();
    let known = rig.round(false).await.unwrap();
    assert!(known.gone.contains(&who) && known.gone.len() == before.gone.len() + 1);
    rig.sandbox.okta.configure(|settings| settings.app.label = "Renamed".to_owned());
    hire(&rig, 1);
    assert_eq!(rig.round(false).await.unwrap().here, rig.present());
    let gone = rig.known().await.gone;
    let refused = rig.round(true).await.unwrap_err();
    assert!(refused.contains("Amazon Connect") && refused.contains("label"), "{refused}");
    assert_eq!(rig.known().await.gone, gone);
    rig.sandbox.okta.configure(|settings| settings.app.label = "Amazon Connect".to_owned());
    // Taken from everybody: nobody where there were people is no news but an error.
    rig.sandbox.okta.configure(|settings| settings.app.groups.clear());
    for full in [false, true, true] {
        rig.round(full).await.unwrap_err();
        assert_eq!(rig.known().await.gone, gone);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_renamed_doubled_or_deleted_holds_its_people() {
    for kind in [kinds::okta_groups(), kinds::okta_many_groups()] {
        let rig = Rig::new(&kind).await;
        let before = rig.round(true).await.unwrap();
        rig.sandbox.tenant.rename_group(&rig.agents(), "Renamed").unwrap();
        assert_eq!(rig.round(false).await.unwrap(), before, "known by its id");
        let refused = rig.round(true).await.unwrap_err();
        assert!(refused.contains(&format!("no group named `{AGENTS}`")), "{refused}");
        let renamed = rig.sandbox.tenant.group_id("Renamed").unwrap();
        rig.sandbox.tenant.rename_group(&renamed, AGENTS).unwrap();
        rig.sandbox.tenant.add_group(ASIDE, AGENTS).unwrap();
        let refused = rig.round(true).await.unwrap_err();
        assert!(refused.contains("2 groups are named"), "{refused}");
        assert_eq!(rig.round(false).await.unwrap(), before);
        rig.sandbox.tenant.delete_group(ASIDE).unwrap();
        assert_eq!(rig.round(true).await.unwrap(), before);
        rig.sandbox.tenant.delete_group(&renamed).unwrap();
        for full in [false, true, true] {
            rig.round(full).await.unwrap_err();
            assert_eq!(rig.known().await, before);
        }
    }
}
