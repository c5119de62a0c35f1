//! The text that Prometheus reads: OpenMetrics 1.0, made anew from the values at each question.
//!
//! Names follow the Prometheus conventions: base units in the name (`_seconds`), `_total` for what only grows.
//! Source: prometheus.io, "Metric and label naming"; OpenMetrics 1.0, "Text format".

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Last, Metrics, RESULTS, Waited};
use crate::model::{RunSummary, Time};

/// What a server answers as `Content-Type` with this text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The contact centres of a process as text. `now` is the moment of the question: ages are counted from it.
#[must_use]
pub fn exposition(centres: &[&Metrics], now: Time) -> String {
    let mut registry = Registry::with_prefix("rollcall");
    let centres = centres.iter().map(|metrics| (*metrics).clone()).collect();
    registry.register_collector(Box::new(Known { centres, now }));
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    encode(&mut text, &registry).unwrap_or_default();
    text
}

#[derive(Debug)]
struct Known {
    centres: Vec<Metrics>,
    now: Time,
}

/// One series: its labels besides the contact centre, and its value.
type Series = (Vec<(&'static str, String)>, f64);

/// One name with everything that is told under it.
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    of: fn(&Metrics, Time) -> Vec<Series>,
}

impl Collector for Known {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        for Family { name, help, unit, kind, of } in families() {
            let series: Vec<(&str, Series)> = self
                .centres
                .iter()
                .flat_map(|metrics| of(metrics, self.now).into_iter().map(|one| (metrics.centre.as_str(), one)))
                .collect();
            if series.is_empty() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for (centre, (labels, value)) in series {
                let centre = ("contact_centre", centre.to_owned());
                let labels: Vec<(&str, String)> = std::iter::once(centre).chain(labels).collect();
                let encoder = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => ConstCounter::new(value).encode(encoder)?,
                    _ => ConstGauge::new(value).encode(encoder)?,
                }
            }
        }
        Ok(())
    }
}

fn counter(name: &'static str, help: &'static str, of: fn(&Metrics, Time) -> Vec<Series>) -> Family {
    Family { name, help, unit: None, kind: MetricType::Counter, of }
}

fn gauge(name: &'static str, help: &'static str, of: fn(&Metrics, Time) -> Vec<Series>) -> Family {
    Family { name, help, unit: None, kind: MetricType::Gauge, of }
}

fn seconds(name: &'static str, help: &'static str, of: fn(&Metrics, Time) -> Vec<Series>) -> Family {
    Family { unit: Some(Unit::Seconds), ..gauge(name, help, of) }
}

fn families() -> Vec<Family> {
    let mut families = standing();
    families.extend(times());
    families.extend(totals());
    families
}

/// How it stands.
fn standing() -> Vec<Family> {
    vec![
        gauge("people", "People seen in a directory by the last run that read it", |metrics, _| {
            let people = metrics.people.iter();
            people.map(|(source, n)| (vec![("source", source.to_string())], f64::from(*n))).collect()
        }),
        gauge("people_held", "People who are held until somebody looks", |metrics, _| {
            planned(metrics, |summary| summary.quarantined)
        }),
        gauge("people_resting", "People for whom something rests that Connect refused", |metrics, _| {
            planned(metrics, |summary| summary.resting)
        }),
        gauge("people_shadowed", "People whose record of another source decides", |metrics, _| {
            planned(metrics, |summary| summary.shadowed)
        }),
        gauge(
            "users_unread",
            "Existing Connect users that are to be read before everything is decided",
            |metrics, _| planned(metrics, |summary| summary.unread),
        ),
        gauge("source_frozen", "1 for a source that the last run could not read", |metrics, _| {
            of_last(metrics, |last| {
                let read = metrics.people.keys().filter(|name| !last.summary.frozen.contains_key(*name));
                let frozen = last.summary.frozen.keys().map(|name| (name, 1.0));
                let all = read.map(|name| (name, 0.0)).chain(frozen);
                all.map(|(name, value)| (vec![("source", name.to_string())], value)).collect()
            })
        }),
        gauge(
            "quarantine",
            "1 while the contact centre is in quarantine and the schedule only probes",
            |metrics, _| one(if metrics.quarantine { 1.0 } else { 0.0 }),
        ),
        gauge("connect_quota_per_second", "Calls to Connect a second that rollcall may make", |metrics, _| {
            let quota = metrics.quota.iter();
            quota.map(|(operation, rate)| (vec![("operation", operation.name().to_owned())], *rate)).collect()
        }),
    ]
}

/// When, and how long.
fn times() -> Vec<Family> {
    vec![
        seconds("start_time", "When this process began to count, in Unix time", |metrics, _| {
            one(unix(metrics.started))
        }),
        seconds("last_run_time", "When the last run ended, in Unix time", |metrics, _| {
            of_last(metrics, |last| one(unix(last.at)))
        }),
        seconds("last_run_duration", "How long the last run took", |metrics, _| {
            of_last(metrics, |last| one(millis(last.summary.millis)))
        }),
        seconds("last_apply_duration", "How long the last run took to carry its plan out", |metrics, _| {
            of_last(metrics, |last| one(millis(last.summary.apply_millis)))
        }),
        seconds("last_success_time", "When a run for everybody was last carried out, in Unix time", |metrics, _| {
            metrics.last_success.map(|at| one(unix(at))).unwrap_or_default()
        }),
        seconds(
            "staleness",
            "How long ago a run for everybody was last carried out; since the start, if none was",
            |metrics, now| one(age(metrics.last_success.unwrap_or(metrics.started), now)),
        ),
        seconds(
            "propagation_p50",
            "From the directory to Connect: half of the people of a run waited less",
            |metrics, _| waited(metrics, |waited| waited.p50),
        ),
        seconds(
            "propagation_p95",
            "From the directory to Connect: 95 % of the people of a run waited less",
            |metrics, _| waited(metrics, |waited| waited.p95),
        ),
        seconds("propagation_longest", "From the directory to Connect: the longest wait of a run", |metrics, _| {
            waited(metrics, |waited| waited.longest)
        }),
        seconds("sink_lag", "How long the oldest event waits that a report sink has not taken", |metrics, now| {
            let lag = |since: &Option<Time>| since.map_or(0.0, |since| age(since, now));
            let sinks = metrics.waiting.iter();
            sinks.map(|(sink, since)| (vec![("sink", sink.clone())], lag(since))).collect()
        }),
    ]
}

/// What only grows, since the process started.
fn totals() -> Vec<Family> {
    vec![
        counter("runs", "Runs by result, rehearsals left out", |metrics, _| {
            let of = |result| metrics.totals.runs.get(result).copied().unwrap_or_default();
            RESULTS.map(|result| (vec![("result", result.to_owned())], whole(of(result)))).to_vec()
        }),
        counter("users_created", "Connect users created", |metrics, _| one(whole(metrics.totals.created))),
        counter("users_adopted", "Connect users adopted", |metrics, _| one(whole(metrics.totals.adopted))),
        counter("users_suspended", "Connect users suspended", |metrics, _| one(whole(metrics.totals.suspended))),
        counter("users_deleted", "Connect users deleted", |metrics, _| one(whole(metrics.totals.deleted))),
        counter("facets_written", "Facets of Connect users written", |metrics, _| one(whole(metrics.totals.updated))),
        counter("changes_failed", "Changes that Connect refused", |metrics, _| one(whole(metrics.totals.failed))),
        counter("changes_in_doubt", "Changes whose effect was not known", |metrics, _| {
            one(whole(metrics.totals.in_doubt))
        }),
        counter("changes_not_attempted", "Planned changes that were not attempted", |metrics, _| {
            one(whole(metrics.totals.not_attempted))
        }),
        counter("connect_calls", "Calls to Connect, every attempt counted", |metrics, _| {
            let calls = metrics.totals.calls.iter();
            calls.map(|(operation, n)| (vec![("operation", operation.name().to_owned())], whole(*n))).collect()
        }),
        counter("connect_calls_throttled", "Calls that Connect throttled", |metrics, _| {
            let calls = metrics.totals.throttled.iter();
            calls.map(|(operation, n)| (vec![("operation", operation.name().to_owned())], whole(*n))).collect()
        }),
        counter("directory_requests", "Requests to the directories", |metrics, _| {
            let requests = metrics.totals.requests.iter();
            requests.map(|(source, n)| (vec![("source", source.to_string())], whole(*n))).collect()
        }),
    ]
}

fn of_last(metrics: &Metrics, series: impl Fn(&Last) -> Vec<Series>) -> Vec<Series> {
    metrics.last.as_ref().map(series).unwrap_or_default()
}

/// A number of people of the last run that came to a plan for everybody.
fn planned(metrics: &Metrics, people: fn(&RunSummary) -> u32) -> Vec<Series> {
    metrics.planned.as_ref().map(|summary| one(f64::from(people(summary)))).unwrap_or_default()
}

fn waited(metrics: &Metrics, secs: fn(&Waited) -> u64) -> Vec<Series> {
    metrics.waited.as_ref().map(|waited| one(whole(secs(waited)))).unwrap_or_default()
}

/// A series without further labels.
fn one(value: f64) -> Vec<Series> {
    vec![(Vec::new(), value)]
}

fn unix(at: Time) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    let millis = at.timestamp_millis() as f64;
    millis / 1_000.0
}

fn age(since: Time, now: Time) -> f64 {
    let millis = (now - since).num_milliseconds().max(0);
    self::millis(u64::try_from(millis).unwrap_or_default())
}

fn millis(millis: u64) -> f64 {
    whole(millis) / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9,007,199,254,740,992")]
fn whole(n: u64) -> f64 {
    n as f64
}
