//! Answers that must not remove anybody.

use rollcall::reconcile::RunError;
use rollcall::sandbox::faults::FaultKind;

use crate::world::World;

/// A contact centre that would delete leavers at once, so that a wrong answer would show.
async fn trigger_happy() -> World {
    let world = World::with(
        40,
        |_| {},
        |text| {
            text.leaver = Some("delete = true".to_owned());
            text.guard = Some("max_removed = { fraction = 1.0 }\nmax_changed = { fraction = 1.0 }".to_owned());
        },
    )
    .await;
    world.sync().await.unwrap();
    assert!(world.managed() > 20);
    world
}

fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: "made up".to_owned(), retry_after: None }
}

/// Runs with the fault and without removals; gives the message.
async fn survives(world: &World, service: &str, operation: &str, skip: u32, times: u32, kind: FaultKind) -> String {
    let managed = world.managed();
    world.fault(service, operation, skip, times, kind);
    let result = world.sync_full().await;
    assert_eq!(world.deletes(), 0, "somebody was removed");
    assert_eq!(world.managed(), managed);
    world.sandbox.faults.clear();
    let message = match result {
        Err(error @ RunError::NoDirectory { .. }) => format!("{error} → {}", error.hint()),
        other => panic!("the pull should have failed: {other:?}"),
    };
    world.nothing_more_happens().await;
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_page_removes_nobody() {
    let world = trigger_happy().await;
    // One of two listings is empty: the other one and a read of each person say that they are all there.
    world.fault("graph", "GET /groups/{id}/members", 0, 9, FaultKind::EmptyPage);
    let ended = world.sync_full().await.unwrap();
    assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
    world.sandbox.faults.clear();
    // Both are: nobody where there were people.
    world.fault("graph", "GET /groups/{id}/members", 0, 9, FaultKind::EmptyPage);
    let message = survives(&world, "graph", "GET /groups/delta", 0, 9, FaultKind::EmptyPage).await;
    assert!(message.contains("nobody") || message.contains("0 "), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_the_middle_removes_nobody() {
    let world = trigger_happy().await;
    let message = survives(&world, "graph", "GET /groups/delta", 0, 50, status(500, "generalException")).await;
    assert!(message.contains("/groups/delta"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_cannot_be_read_removes_nobody() {
    let world = trigger_happy().await;
    let message =
        survives(&world, "graph", "GET /groups/{id}/members", 0, 50, status(403, "Authorization_RequestDenied")).await;
    assert!(message.contains("GroupMember.Read.All"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_of_pages_removes_nobody() {
    let world = trigger_happy().await;
    survives(&world, "graph", "GET /groups/delta", 0, 1_000, FaultKind::LoopingLink).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_page_and_a_page_of_html_remove_nobody() {
    let world = trigger_happy().await;
    survives(&world, "graph", "GET /groups/{id}/members", 0, 50, FaultKind::Truncated).await;
    survives(&world, "graph", "GET /groups/{id}/members", 0, 50, FaultKind::Html).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_permissions_seen_as_nulls_remove_nobody() {
    let world = trigger_happy().await;
    let message = survives(&world, "graph", "GET /groups/{id}/members", 0, 50, FaultKind::NullFields).await;
    assert!(message.contains("User.Read.All"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_group_is_an_error_and_not_data() {
    let world = trigger_happy().await;
    let agents = world.agents();
    for user in world.sandbox.tenant.users() {
        let _ = world.sandbox.tenant.remove_member(&agents, &user.id);
    }
    let result = world.sync().await;
    assert!(matches!(result, Err(RunError::NoDirectory { .. })), "{result:?}");
    assert_eq!(world.deletes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_scope_group_is_an_error_and_not_data() {
    let world = trigger_happy().await;
    world.sandbox.tenant.delete_group(&world.agents()).unwrap();
    for result in [world.sync().await, world.sync_full().await] {
        assert!(matches!(result, Err(RunError::NoDirectory { .. })), "{result:?}");
    }
    assert_eq!(world.deletes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_delta_link_leads_to_a_full_pull_and_removes_nobody() {
    use rollcall::sandbox::tenant::DeadToken;
    for shape in [DeadToken::Gone, DeadToken::SyncStateNotFound, DeadToken::UnsupportedQuery] {
        let world = trigger_happy().await;
        world.sandbox.tenant.expire_delta_tokens(shape);
        let ended = world.sync().await.unwrap();
        assert!(ended.plan.is_empty(), "{shape:?}: {:#?}", ended.plan.changes);
        assert_eq!(world.deletes(), 0);
        world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_holds_a_mass_removal_until_exactly_it_is_approved() {
    use rollcall::model::{RunId, Trigger};
    use rollcall::reconcile::Order;
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
