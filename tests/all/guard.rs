//! The guard, end to end: what it holds reaches nobody, and what lets it through does so once.

use chrono::TimeDelta;
use rollcall::model::{RunId, Trigger};
use rollcall::reconcile::{Ended, Order};
use rollcall::store::Store;

use crate::process::output;
use crate::world::{World, now};

/// What the guard said.
fn refused(ended: &Ended) -> &str {
    ended.refusal.as_ref().map(|refusal| refusal.message.as_str()).unwrap_or_else(|| panic!("the guard let it through"))
}

async fn writable(world: &World) -> Store {
    Store::open(&world.state_path(), now()).await.unwrap()
}

/// Forty people, fifteen of whom the directory then loses; these.
async fn half_lost() -> (World, Vec<String>) {
    let world = World::with(40, |_| {}, |text| text.leaver = Some("delete = true".to_owned())).await;
    world.sync().await.unwrap();
    let agents = world.agents();
    let people =
        world.sandbox.tenant.users().into_iter().filter(|user| world.user(&user.user_principal_name).is_some());
    let lost: Vec<String> = people.take(15).map(|user| user.id).collect();
    for id in &lost {
        world.sandbox.tenant.remove_member(&agents, id).unwrap();
    }
    (world, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_ran_out_refuses_and_says_so_until_it_is_given_again() {
    let (world, _) = half_lost().await;
    let digest = world.sync().await.unwrap().refusal.expect("too many would go").digest;
    let long_ago = now() - TimeDelta::hours(25);
    writable(&world).await.approve(&digest, long_ago).await.unwrap();

    let ended = world.sync().await.unwrap();
    assert!(refused(&ended).contains("has expired: an approval holds 24 h; approve again"), "{}", refused(&ended));
    assert_eq!(world.deletes(), 0);
    let (_, status, _) = output(&world, &["status"]).await;
    assert!(status.contains("the approval ran out") && status.contains("has expired"), "{status}");

    let (code, _, told) = output(&world, &["approve", &digest.to_uppercase()]).await;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains(&format!("approved {digest} again: ")) && told.contains("once, until "), "{told}");
    let (_, status, _) = output(&world, &["status"]).await;
    assert!(status.contains("approved until") && !status.contains("the approval ran out"), "{status}");

    let ended = world.sync().await.unwrap();
    assert!(ended.refusal.is_none(), "{:?}", ended.refusal);
    assert!(world.deletes() > 10);
    let store = world.store().await;
    assert_eq!((store.approval(&digest).await.unwrap(), store.held().await.unwrap()), (None, None), "used up");
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_approval_is_used_up_by_the_run_that_relies_on_it() {
    let (world, lost) = half_lost().await;
    let digest = world.sync().await.unwrap().refusal.expect("too many would go").digest;
    let store = writable(&world).await;
    store.approve(&digest, now()).await.unwrap();
    store.approve("feed-f00d", now() - TimeDelta::days(30)).await.unwrap();
    let agents = world.agents();
    for id in &lost {
        world.sandbox.tenant.add_member(&agents, id).unwrap();
    }
    // Another plan, that needs no approval, does not use it up, and takes those along that have run out.
    world.nothing_more_happens().await;
    assert_eq!(store.approval("feed-f00d").await.unwrap(), None);
    assert!(store.approval(&digest).await.unwrap().is_some());
    for id in &lost {
        world.sandbox.tenant.remove_member(&agents, id).unwrap();
    }
    assert!(world.sync().await.unwrap().refusal.is_none());
    assert_eq!(store.approval(&digest).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_for_one_person_leaves_the_held_plan_and_says_how_to_approve_its_own() {
    let (mut strict, _) = half_lost().await;
    let ended = strict.sync().await.unwrap();
    let held = ended.refusal.expect("too many would go").digest;
    strict.text.guard = Some("max_removed = { count = 0 }".to_owned());
    strict.write_config();
    let user = ended.plan.changes[0].label.clone();
    let order = || Order { user: Some(user.clone()), ..Order::new(RunId::fresh(), Trigger::Hand) };
    let ended = strict.run(order()).await.unwrap();
    let refusal = ended.refusal.expect("one is more than none");
    assert_eq!(
        refusal.hint,
        format!("if this is intended: rollcall sync now --user {user} --approve {}", refusal.digest)
    );
    assert_eq!(strict.store().await.held().await.unwrap().unwrap().digest, held);
    let ended = strict.run(Order { approve: Some(refusal.digest), ..order() }).await.unwrap();
    assert!(ended.refusal.is_none() && strict.deletes() == 1);
    let (code, _, told) = output(&strict, &["plan"]).await;
    assert_eq!(code, 3);
    assert!(told.contains("rollcall sync now --approve "), "a rehearsal holds nothing: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wave_of_joiners_with_a_privileged_profile_is_held() {
    const BOARD: &str = "[[mapping]]\nname = \"board\"\ndepartments = [\"Board\"]\nsecurity_profiles = [\"Admin\"]\n";
    let mut world = World::with(
        12,
        |_| {},
        |text| {
            text.more = BOARD.to_owned();
            text.guard = Some("privileged = [\"Admin\"]\nmax_raised = { count = 2 }".to_owned());
        },
    )
    .await;
    world.sync().await.unwrap();
    let users = world.sandbox.connect.users().len();
    let logins: Vec<String> = (0..3).map(|_| world.hire("Board").1).collect();
    let ended = world.sync().await.unwrap();
    let expected = "3 people would receive a privileged profile: Admin 3, 3 of them joiners";
    assert!(refused(&ended).starts_with(expected), "{}", refused(&ended));
    assert_eq!(world.sandbox.connect.users().len(), users);
    // One more of them is another plan; an ordinary joiner is not.
    let digest = ended.refusal.unwrap().digest;
    world.hire("Care");
    assert_eq!(world.sync().await.unwrap().refusal.expect("still too many").digest, digest);
    writable(&world).await.approve(&digest, now()).await.unwrap();
    assert!(world.sync().await.unwrap().refusal.is_none());
    let admin = world.security("Admin");
    assert!(logins.iter().all(|login| world.user(login).unwrap().security_profile_ids.contains(&admin)));
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_canary_holds_a_single_leaver_and_no_joiner() {
    let mut world = World::of(12).await;
    let (canary, login) = world.hire("Care");
    let (leaver, _) = world.hire("Care");
    world.sync().await.unwrap();
    world.text.guard = Some(format!("canaries = [\"{login}\"]"));
    world.write_config();
    world.nothing_more_happens().await;

    world.sandbox.tenant.remove_member(&world.agents(), &canary).unwrap();
    let (_, joiner) = world.hire("Sales");
    world.sandbox.tenant.disable(&leaver).unwrap();
    let before = world.sandbox.connect.journal().len();
    let ended = world.sync().await.unwrap();
    let expected = format!("canary {login} is missing (out of scope): the directory may not have told everything");
    assert_eq!(refused(&ended), expected);
    assert_eq!(world.sandbox.connect.journal().len(), before);

    world.sandbox.tenant.add_member(&world.agents(), &canary).unwrap();
    let ended = world.sync().await.unwrap();
    assert!(ended.refusal.is_none(), "{:?}", ended.refusal);
    assert!(world.user(&joiner).is_some());
    world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_names_of_the_guard_that_do_not_exist() {
    let world = World::with(
        6,
        |_| {},
        |text| text.guard = Some("privileged = [\"Admn\"]\nnever_below = { \"Care Voice\" = 1 }".to_owned()),
    )
    .await;
    let (code, screen, _) = output(&world, &["check"]).await;
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("[guard] privileged names the security profile \"Admn\""), "{screen}");
    assert!(screen.contains("did you mean \"Admin\"?") && !screen.contains("never_below"), "{screen}");
}
