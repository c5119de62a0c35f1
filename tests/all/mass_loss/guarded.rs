//! Mass removals that the directory means, as far as anybody can tell: the guard holds them until exactly they are approved.
//!
//! The other way round than in the rest of this folder: nothing is wrong with what was read, and the guard is the usual one.

use std::collections::BTreeSet;

use rollcall::model::{RunId, Trigger};
use rollcall::reconcile::Order;
use rollcall::sandbox::tenant::UserView;

use super::site::Site;
use super::subjects::{self, Subject, of_groups};
use crate::contract::rig::limits;
use crate::world::World;

/// Agents who have a user, in the order of their creation.
fn agents(site: &Site) -> Vec<UserView> {
    let users = site.sandbox.tenant.users().into_iter();
    users.filter(|user| site.expected.contains(&user.user_principal_name)).collect()
}

/// Incremental and full runs in which the guard refuses; then what happened is undone, and all is well.
async fn held(subject: Subject, happen: impl FnOnce(&mut Site), undo: impl FnOnce(&mut Site)) {
    let mut site = Site::guarded(subject, None).await;
    happen(&mut site);
    for full in [false, true, false, true] {
        let ended = site.run(full).await.unwrap();
        let refusal = ended.refusal.expect("the guard let a mass removal through");
        assert!(
            refusal.message.contains("would be removed") && refusal.hint.contains("rollcall approve"),
            "{refusal:?}"
        );
    }
    undo(&mut site);
    site.converges().await;
}

fn disable(site: &mut Site, disabled: bool) {
    for user in agents(site).iter().skip(1) {
        let tenant = &site.sandbox.tenant;
        if disabled { tenant.disable(&user.id).unwrap() } else { tenant.enable(&user.id).unwrap() }
    }
}

/// Everybody but one is taken out of every group; in deltas these are explicit words.
fn empty_but_one(site: &mut Site, out: bool) {
    let tenant = site.sandbox.tenant.clone();
    let groups = ["Amazon-Connect-Agents", "Connect-Night-Shift"].map(|name| tenant.group_id(name).unwrap());
    let transitive: BTreeSet<String> = tenant.members(&groups[1], false).into_iter().collect();
    for user in agents(site).iter().skip(1) {
        // Whoever is only in the nested group is known by that it was taken from it.
        let group = &groups
            [usize::from(transitive.contains(&user.id) && !tenant.members(&groups[0], false).contains(&user.id))];
        if out {
            tenant.remove_member(group, &user.id).unwrap();
        } else {
            tenant.add_member(&groups[0], &user.id).unwrap();
        }
    }
}

macro_rules! held {
    ($($subject:ident)*; $($in_groups:ident)*) => {
        mod everyone_but_one_disabled_at_once { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $subject() {
                let (happen, undo) = (|site: &mut _| super::disable(site, true), |site: &mut _| super::disable(site, false));
                super::held(super::subjects::$subject(), happen, undo).await;
            }
        )* }
        mod group_emptied_but_for_one { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $in_groups() {
                let (happen, undo) = (|site: &mut _| super::empty_but_one(site, true), |site: &mut _| super::empty_but_one(site, false));
                super::held(super::subjects::$in_groups(), happen, undo).await;
            }
        )* }
        mod scope_narrowed_to_a_few { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $subject() {
                super::held(super::subjects::$subject(), super::narrow, |site: &mut _| site.as_configured()).await;
            }
        )* }
    };
}

/// The configuration names a group in which a few of the agents are.
fn narrow(site: &mut Site) {
    let tenant = site.sandbox.tenant.clone();
    tenant.add_group("0a51de00-0000-4000-8000-000000000004", "Few").unwrap();
    for user in agents(site).iter().take(4) {
        tenant.add_member("0a51de00-0000-4000-8000-000000000004", &user.id).unwrap();
    }
    site.build(limits(), |kind, sandbox, secret, limits| of_groups(kind, sandbox, secret, limits, &["Few"]));
}

held! {
    microsoft_everybody microsoft_groups microsoft_nested okta_everybody okta_groups scim_cursors scim_groups;
    microsoft_groups microsoft_nested okta_groups okta_app scim_groups scim_groups_on_users
}

/// Everybody at once, to the last one: that is no data but an error, whatever the guard says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_disabled_is_an_error_of_the_pull() {
    let mut site = Site::new(subjects::microsoft_everybody()).await;
    let people = site.sandbox.tenant.users();
    people.iter().for_each(|user| site.sandbox.tenant.disable(&user.id).unwrap());
    site.runs(&[false, true]).await;
    site.must_have_said(&["now has none"]);
    people.iter().for_each(|user| site.sandbox.tenant.enable(&user.id).unwrap());
    site.converges().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_held_plan_is_let_through_by_its_approval() {
    let world = World::with(40, |_| {}, |text| text.leaver = Some("delete = true".to_owned())).await;
    world.sync().await.unwrap();
    let agents = world.agents();
    for user in world.sandbox.tenant.users().iter().take(20) {
        let _ = world.sandbox.tenant.remove_member(&agents, &user.id);
    }
    let refused = world.sync().await.unwrap();
    let refusal = refused.refusal.expect("the guard let a mass removal through");
    assert_eq!(world.deletes(), 0);
    let order = Order { approve: Some("dead-beef".into()), ..Order::new(RunId::fresh(), Trigger::Hand) };
    assert!(world.run(order).await.unwrap().refusal.is_some(), "another digest must not do");
    assert_eq!(world.deletes(), 0);
    let order = Order { approve: Some(refusal.digest), ..Order::new(RunId::fresh(), Trigger::Hand) };
    let ended = world.run(order).await.unwrap();
    assert!(ended.refusal.is_none());
    assert!(world.deletes() > 10);
    world.nothing_more_happens().await;
}
