//! Metrics in the event of a finished run, as CloudWatch extracts them from a log group by itself (embedded metric format).
//!
//! Invariant: every name that is said to be a metric is a number at the root of the event; what has no value (nobody waited)
//! is not named.
//! Invariant: the only dimension is the contact centre. Every further one would be a further metric on the bill, and a person
//! is none.
//! Caveat: a repeated delivery repeats its metrics. Nothing here tells CloudWatch to drop a repetition; sums may count a run
//! twice then, and averages and extremes stay right.
//! Source: CloudWatch user guide, "Specification: Embedded metric format" (`_aws`, at most 100 metrics, dimensions are strings at
//! the root); CloudWatch API reference, `MetricDatum` (units).

use serde::Serialize;

use crate::model::{RunSummary, Time};

/// The namespace in CloudWatch.
const NAMESPACE: &str = "rollcall";
/// The root member that is the dimension.
const DIMENSION: &str = "contact_centre";

/// A unit that CloudWatch knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Unit {
    Count,
    Milliseconds,
    Seconds,
}

/// What stands at the root of the event besides what it says anyway.
#[derive(Serialize)]
pub(super) struct Metrics {
    #[serde(rename = "_aws")]
    aws: Aws,
    /// 1 for a run that was carried out, else 0; its sum is the number of them, its average their part.
    run_succeeded: u32,
    /// 1 for a run that failed, else 0.
    run_failed: u32,
    /// 1 for a run that the guard refused, else 0.
    run_refused: u32,
    frozen_sources: usize,
    people_seen: u32,
    directory_requests_made: u32,
    connect_calls: u32,
    connect_calls_throttled: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws {
    /// Milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: Unit,
}

/// The metrics of a run that ended at this moment.
pub(super) fn of(summary: &RunSummary, at: Time) -> Metrics {
    let is = |words: &[&str]| u32::from(words.contains(&summary.result.as_str()));
    Metrics {
        aws: Aws {
            timestamp: at.timestamp_millis(),
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: [[DIMENSION]],
                metrics: definitions(summary).collect(),
            }],
        },
        run_succeeded: u32::from(summary.carried_out()),
        run_failed: is(&["failed"]),
        run_refused: is(&["refused"]),
        frozen_sources: summary.frozen.len(),
        people_seen: summary.people.values().sum(),
        directory_requests_made: summary.directory_requests.values().sum(),
        connect_calls: summary.calls.values().sum(),
        connect_calls_throttled: summary.throttled.values().sum(),
    }
}

/// What is a metric: members of [`Metrics`], and of the event itself.
fn definitions(summary: &RunSummary) -> impl Iterator<Item = Definition> {
    const ALWAYS: &[(&str, Unit)] = &[
        ("run_succeeded", Unit::Count),
        ("run_failed", Unit::Count),
        ("run_refused", Unit::Count),
        ("created", Unit::Count),
        ("adopted", Unit::Count),
        ("updated", Unit::Count),
        ("suspended", Unit::Count),
        ("deleted", Unit::Count),
        ("failed", Unit::Count),
        ("in_doubt", Unit::Count),
        ("not_attempted", Unit::Count),
        ("quarantined", Unit::Count),
        ("resting", Unit::Count),
        ("shadowed", Unit::Count),
        ("unread", Unit::Count),
        ("frozen_sources", Unit::Count),
        ("people_seen", Unit::Count),
        ("directory_requests_made", Unit::Count),
        ("connect_calls", Unit::Count),
        ("connect_calls_throttled", Unit::Count),
        ("millis", Unit::Milliseconds),
        ("apply_millis", Unit::Milliseconds),
    ];
    /// Numbers only where somebody waited.
    const WAITED: &[(&str, Unit)] = &[
        ("propagation_p50_secs", Unit::Seconds),
        ("propagation_p95_secs", Unit::Seconds),
        ("propagation_longest_secs", Unit::Seconds),
    ];
    let waited = summary.propagation_p50_p95_secs.is_some() && summary.propagation_longest.is_some();
    let waited = if waited { WAITED } else { &[] };
    ALWAYS.iter().chain(waited).map(|(name, unit)| Definition { name, unit: *unit })
}
