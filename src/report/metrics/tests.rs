//! What is counted, and the text of it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use connectors::PersonKey;

use super::*;
use crate::model::{FrozenSource, LongestWait};

fn at(secs: i64) -> Time {
    "2026-05-04T09:12:00Z".parse::<Time>().expect("a time") + TimeDelta::seconds(secs)
}

fn summary(result: &str) -> RunSummary {
    RunSummary {
        result: result.to_owned(),
        created: 2,
        updated: 3,
        failed: 1,
        quarantined: 4,
        resting: 5,
        people: [("entra".into(), 1_200)].into(),
        frozen: [("okta".into(), FrozenSource { message: "503".into(), hint: "wait".into() })].into(),
        directory_requests: [("entra".into(), 3), ("okta".into(), 1)].into(),
        calls: [(Operation::CreateUser, 3), (Operation::SearchUsers, 1)].into(),
        throttled: [(Operation::CreateUser, 1)].into(),
        millis: 4_321,
        apply_millis: 4_000,
        propagation_p50_p95_secs: Some((61, 118)),
        propagation_longest: Some(LongestWait { person: PersonKey::new("entra", "9f86d081"), secs: 131 }),
        ..RunSummary::default()
    }
}

fn starting(centre: &str) -> Metrics {
    Metrics::starting(centre, at(0), [(Operation::CreateUser, 1.6)])
}

fn ended(metrics: &mut Metrics, summary: &RunSummary, secs: i64) {
    metrics.observe(RunEnd { summary, rehearsal: false, everybody: true, quarantine: None, at: at(secs) });
}

/// The value of one series, by its name and labels as written.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

const CENTRE: &str = r#"contact_centre="support""#;

#[test]
fn the_text_is_what_monitoring_relies_on() {
    let mut metrics = starting("support-emea");
    ended(&mut metrics, &summary("partly"), 60);
    ended(&mut metrics, &summary("refused"), 120);
    metrics.observe_sink("audit", Some(at(100)));
    metrics.observe_sink("file", None);
    insta::assert_snapshot!("exposition", exposition(&[&metrics], at(180)));
}

#[test]
fn totals_grow_with_every_run_and_how_it_stands_is_of_the_last() {
    let mut metrics = starting("support");
    for secs in [60, 120, 180] {
        ended(&mut metrics, &summary("done"), secs);
    }
    let text = exposition(&[&metrics], at(200));
    let of = |name: &str, labels: &str| value(&text, &format!("rollcall_{name}{{{CENTRE}{labels}}}"));
    assert_eq!(of("runs_total", r#",result="done""#), Some(3.0));
    assert_eq!(of("runs_total", r#",result="failed""#), Some(0.0), "a series is there before it is needed");
    assert_eq!(of("users_created_total", ""), Some(6.0));
    assert_eq!(of("connect_calls_total", r#",operation="CreateUser""#), Some(9.0));
    assert_eq!(of("people_held", ""), Some(4.0));
    assert_eq!(of("source_frozen", r#",source="okta""#), Some(1.0));
    assert_eq!(of("staleness_seconds", ""), Some(20.0));
}

#[test]
fn a_failing_contact_centre_grows_stale_and_keeps_its_last_waits() {
    let mut metrics = starting("support");
    metrics.remember(&summary("done"), true, at(-600));
    let failed = RunSummary { result: "failed".to_owned(), ..RunSummary::default() };
    ended(&mut metrics, &failed, 60);
    ended(&mut metrics, &summary("refused"), 90);
    let text = exposition(&[&metrics], at(100));
    let of = |name: &str, labels: &str| value(&text, &format!("rollcall_{name}{{{CENTRE}{labels}}}"));
    assert_eq!(of("staleness_seconds", ""), Some(700.0));
    assert_eq!(of("runs_total", r#",result="done""#), Some(0.0), "a run of a former process is not counted");
    assert_eq!(of("runs_total", r#",result="failed""#), Some(1.0));
    assert_eq!(of("propagation_longest_seconds", ""), Some(131.0));
    assert_eq!((of("people_held", ""), of("people", r#",source="entra""#)), (Some(4.0), Some(1_200.0)));
    let never = exposition(&[&starting("support")], at(30));
    assert_eq!(value(&never, &format!("rollcall_staleness_seconds{{{CENTRE}}}")), Some(30.0));
    assert!(!never.contains("last_run"), "{never}");
}

#[test]
fn a_run_for_one_person_says_nothing_about_the_others() {
    let mut metrics = starting("support");
    ended(&mut metrics, &summary("partly"), 60);
    let for_one = RunSummary { quarantined: 0, ..summary("done") };
    metrics.observe(RunEnd { summary: &for_one, rehearsal: false, everybody: false, quarantine: None, at: at(120) });
    let text = exposition(&[&metrics], at(180));
    let of = |name: &str, labels: &str| value(&text, &format!("rollcall_{name}{{{CENTRE}{labels}}}"));
    assert_eq!((of("people_held", ""), of("staleness_seconds", "")), (Some(4.0), Some(120.0)));
    assert_eq!(of("runs_total", r#",result="done""#), Some(1.0), "it is a run all the same");
}

#[test]
fn a_rehearsal_counts_its_calls_and_nothing_else() {
    let mut metrics = starting("support");
    let rehearsal = summary("planned");
    let end = RunEnd { summary: &rehearsal, rehearsal: true, everybody: true, quarantine: Some(true), at: at(60) };
    metrics.observe(end);
    let text = exposition(&[&metrics], at(60));
    let of = |name: &str, labels: &str| value(&text, &format!("rollcall_{name}{{{CENTRE}{labels}}}"));
    assert_eq!(of("connect_calls_total", r#",operation="CreateUser""#), Some(3.0));
    assert_eq!(of("users_created_total", ""), Some(0.0));
    assert_eq!(of("quarantine", ""), Some(1.0));
    assert!(RESULTS.iter().all(|result| of("runs_total", &format!(",result=\"{result}\"")) == Some(0.0)), "{text}");
}

#[test]
fn the_text_keeps_the_format_and_names_nobody() {
    let (mut one, mut other) = (starting("support"), starting("sales"));
    ended(&mut one, &summary("done"), 60);
    ended(&mut other, &summary("a word of a later version"), 60);
    one.observe_sink("audit", Some(at(0)));
    let text = exposition(&[&one, &other], at(60));
    assert!(!text.contains("9f86d081"), "a person is named");
    assert!(text.ends_with("# EOF\n"));
    let mut typed = BTreeSet::new();
    let mut series = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(typed.insert(name.to_owned()), "{name} is told twice");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
        }
        if line.starts_with('#') {
            continue;
        }
        let (told, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(series.insert(told.to_owned()), "{told} is told twice");
        let (name, labels) = told.strip_suffix('}').unwrap().split_once('{').unwrap();
        let known = name.strip_suffix("_total").unwrap_or(name);
        assert!(name.starts_with("rollcall_") && typed.contains(known), "{name}");
        for label in labels.split(',') {
            let (label, _) = label.split_once('=').unwrap();
            assert!(["contact_centre", "operation", "result", "source", "sink"].contains(&label), "{label}");
        }
    }
    for centre in ["support", "sales"] {
        assert!(text.contains(&format!("contact_centre=\"{centre}\"")), "{centre}");
    }
    assert!(series.contains("rollcall_runs_total{contact_centre=\"sales\",result=\"failed\"}"), "no label from a text");
}
