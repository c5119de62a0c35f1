//! What monitoring is told of real runs: the metrics of the service, and those in the log group.

use rollcall::assemble::{self, Assembled};
use rollcall::model::{RunId, Trigger};
use rollcall::reconcile::{Order, Quiet};
use rollcall::report::metrics::exposition;
use serde_json::Value;
use tokio::sync::watch;

use crate::world::{World, now};

/// The value of one series.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

#[tokio::test]
async fn the_service_counts_every_run_and_remembers_how_it_stands() {
    let mut world = World::of(10).await;
    world.hire("Care");
    let centre = world.config().name;
    let named = |name: &str, labels: &str| format!("rollcall_{name}{{contact_centre=\"{centre}\"{labels}}}");
    let Assembled { service, lease } = assemble::assemble(&world.config(), now, "test").await.unwrap();
    let (_sender, stop) = watch::channel(false);
    let run = || Order::new(RunId::fresh(), Trigger::Schedule);
    let rehearsal = Order { rehearse: true, ..run() };
    for order in [rehearsal, run(), run()] {
        service.run_once(&lease, &order, &stop, &Quiet).await.unwrap();
    }
    let text = exposition(&[&service.metrics.lock().unwrap()], now());
    let runs = |result: &str| value(&text, &named("runs_total", &format!(",result=\"{result}\""))).unwrap();
    assert_eq!((runs("done"), runs("nothing_to_do"), runs("failed")), (1.0, 1.0, 0.0), "{text}");
    let users = world.sandbox.connect.journal().iter().filter(|call| call.operation == "CreateUser").count();
    assert_eq!(value(&text, &named("users_created_total", "")), Some(users as f64), "{text}");
    assert_eq!(value(&text, &named("connect_calls_total", ",operation=\"CreateUser\"")), Some(users as f64));
    assert_eq!(value(&text, &named("sink_lag_seconds", ",sink=\"audit\"")), Some(0.0));
    assert!(value(&text, &named("propagation_longest_seconds", "")).is_some(), "{text}");
    assert!(value(&text, &named("staleness_seconds", "")).unwrap() < 60.0);
    service.centre.store.release(lease).await.unwrap();

    // Another process: totals begin anew, how it stands does not.
    let Assembled { service, lease } = assemble::assemble(&world.config(), now, "test").await.unwrap();
    let text = exposition(&[&service.metrics.lock().unwrap()], now());
    assert_eq!(value(&text, &named("users_created_total", "")), Some(0.0));
    assert!(value(&text, &named("last_success_time_seconds", "")).is_some(), "{text}");
    assert_eq!(value(&text, &named("people_held", "")), Some(0.0));
    service.centre.store.release(lease).await.unwrap();

    let events: Vec<Value> =
        world.sandbox.logs.events().iter().map(|event| serde_json::from_str(&event.message).unwrap()).collect();
    let (ends, others): (Vec<&Value>, Vec<&Value>) = events.iter().partition(|event| event["event"] == "run_finished");
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|event| event["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "rollcall"), "{ends:#?}");
    assert!(others.iter().all(|event| event.get("_aws").is_none()));
    assert!(ends[0]["propagation_longest_secs"].is_u64() && ends[0]["propagation_longest_person"].is_string());
}
