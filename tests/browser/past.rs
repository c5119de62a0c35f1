//! Days that lie behind a contact centre: a first run before them, and every day some who come, move and go.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use rollcall::assemble::{self, Assembled};
use rollcall::model::{RunId, Time, Trigger};
use rollcall::reconcile::{Ended, Order, Quiet};
use rollcall::sandbox::scene::AGENTS;
use tokio::sync::watch;

use crate::world::{self, World};

/// How long ago it is for runs made here, in seconds.
static AGO_SECS: AtomicI64 = AtomicI64::new(0);

/// Who comes, moves and goes on each of the last seven days, today last.
const DAYS: [(usize, usize, usize); 7] = [(14, 22, 3), (9, 31, 6), (17, 12, 2), (2, 3, 0), (0, 1, 1), (21, 26, 9), (12, 17, 4)];
/// Where those go who move.
const DEPARTMENTS: [&str; 4] = ["Care", "Sales", "Support", "Customer Success"];

fn then() -> Time {
    world::now() - TimeDelta::seconds(AGO_SECS.load(Ordering::SeqCst))
}

/// Makes the days happen. Afterwards it is now.
pub(crate) async fn happens(world: &mut World) {
    // The first run is older than what pages show of days: a bar of everybody would hide the others.
    ago(world, TimeDelta::days(9));
    run(world).await;
    let mut staff = staff(world).into_iter();
    for (n, (come, move_, go)) in DAYS.into_iter().enumerate() {
        // Not at midnight: whenever the test runs, today's are of today.
        let days = i64::try_from(DAYS.len() - 1 - n).unwrap();
        ago(world, if days == 0 { TimeDelta::zero() } else { TimeDelta::days(days) });
        for at in 0..come {
            world.hire(DEPARTMENTS[at % DEPARTMENTS.len()]);
        }
        for (at, id) in staff.by_ref().take(move_).enumerate() {
            world.move_to(&id, DEPARTMENTS[at % DEPARTMENTS.len()]);
        }
        for id in staff.by_ref().take(go) {
            world.sandbox.tenant.disable(&id).unwrap();
        }
        run(world).await;
    }
}

/// Takes so many people who are agents out of their group, in the directory only.
pub(crate) fn leave_the_group(world: &World, many: usize) {
    let agents = world.agents();
    let mut staff = staff(world);
    // Others than those whom the days are about.
    staff.reverse();
    for id in staff.into_iter().take(many) {
        // Some belong by a group inside the group.
        if world.sandbox.tenant.remove_member(&agents, &id).is_err() {
            world.sandbox.tenant.disable(&id).unwrap();
        }
    }
}

/// Ids of agents with a Connect user of ours, in the order of the directory's group.
fn staff(world: &World) -> Vec<String> {
    let users = world.sandbox.connect.users();
    let ours = users.iter().filter_map(|user| user.tags.get("rollcall:person")?.strip_prefix("entra/"));
    let ours: std::collections::BTreeSet<&str> = ours.collect();
    let agents = world.sandbox.tenant.group_id(AGENTS).unwrap();
    let members = world.sandbox.tenant.members(&agents, false);
    members.into_iter().filter(|id| ours.contains(id.as_str())).collect()
}

fn ago(world: &World, time: TimeDelta) {
    AGO_SECS.store(time.num_seconds(), Ordering::SeqCst);
    world.sandbox.clock.set(then());
}

async fn run(world: &World) -> Ended {
    let Assembled { service, lease } = assemble::assemble(&world.config(), then, "the past").await.unwrap();
    let (_sender, stop) = watch::channel(false);
    let order = Order::new(RunId::fresh(), Trigger::Schedule);
    let ended = service.run_once(&lease, &order, &stop, &Quiet).await.unwrap();
    service.centre.store.release(lease).await.unwrap();
    assert!(ended.refusal.is_none(), "{:?}", ended.refusal);
    ended
}
