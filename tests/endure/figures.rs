//! What the state file and the reports of one contact centre say of the time that has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use chrono::TimeDelta;
use rollcall::model::{Operation, RunSummary, Time};
use rollcall::sandbox::Sandbox;
use rollcall::store::{RunRow, Store};
use serde_json::Value;

/// More runs than any show has.
const MOST_RUNS: u32 = 100_000;
/// Rows of the journal at a time.
const ROWS: u32 = 5_000;

/// The runs of a contact centre.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) by_result: BTreeMap<String, usize>,
    /// Pairs of runs that were under way at one time.
    pub(crate) overlaps: usize,
    /// Runs without an end.
    pub(crate) lost: usize,
    /// By how much a run came later than its schedule wanted, at the most.
    pub(crate) latest: Duration,
    pub(crate) throttled: u64,
    pub(crate) calls: u64,
    pub(crate) idle: Idle,
}

/// What runs with nothing to do asked for, one entry a run.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    pub(crate) directory: Vec<u32>,
    pub(crate) connect: Vec<u32>,
}

impl Idle {
    fn add(&mut self, summary: &RunSummary) {
        self.directory.push(summary.directory_requests.values().sum());
        self.connect.push(sum(&summary.calls));
    }

    /// The median and the most of both.
    pub(crate) fn words(&self) -> String {
        let words = |all: &[u32]| format!("{} (most {})", median(all), all.iter().max().copied().unwrap_or(0));
        format!(
            "{} cycles, directory {}, Connect {}",
            self.directory.len(),
            words(&self.directory),
            words(&self.connect)
        )
    }
}

pub(crate) fn median(all: &[u32]) -> u32 {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn sum(of: &BTreeMap<Operation, u32>) -> u32 {
    of.values().sum()
}

/// A time in which nothing was to run.
pub(crate) type Silence = Option<(Time, Time)>;

impl Runs {
    /// Reads those that began in a time; `every` is the interval of the schedule.
    pub(crate) async fn read(store: &Store, every: Duration, span: Range<Time>, silence: Silence) -> Self {
        let mut rows = store.runs(MOST_RUNS).await.unwrap();
        rows.retain(|row| span.contains(&row.started));
        rows.sort_by_key(|row| row.started);
        let mut runs = Self::default();
        for (at, row) in rows.iter().enumerate() {
            let result = row.summary.as_ref().map_or("without an end", |summary| summary.result.as_str());
            *runs.by_result.entry(result.replace('_', " ")).or_default() += 1;
            runs.lost += usize::from(matches!(result, "without an end" | "interrupted"));
            if let Some(summary) = &row.summary {
                runs.throttled += u64::from(sum(&summary.throttled));
                runs.calls += u64::from(sum(&summary.calls));
                if result == "nothing_to_do" {
                    runs.idle.add(summary);
                }
            }
            if let Some(next) = rows.get(at + 1) {
                let finished = row.finished.unwrap_or(Time::MAX_UTC);
                runs.overlaps += usize::from(next.started < finished);
                runs.latest = runs.latest.max(late(row, next, every, silence));
            }
        }
        runs
    }
}

/// How late a run is, after the one before it.
fn late(before: &RunRow, next: &RunRow, every: Duration, silence: Silence) -> Duration {
    let due = before.started + TimeDelta::from_std(every).unwrap_or_default();
    let mut due = due.max(before.finished.unwrap_or(before.started));
    if let Some((from, until)) = silence
        && (from..until).contains(&due)
    {
        due = until;
    }
    (next.started - due).to_std().unwrap_or_default()
}

/// Whether every sink has told what the ledger has, and Connect did: each exactly once.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) events: usize,
    /// Events that a sink has twice, under one id: its answer was lost.
    pub(crate) repeated: usize,
    pub(crate) wrong: Vec<String>,
}

impl Reports {
    pub(crate) async fn compare(store: &Store, sandbox: &Sandbox, file: &std::path::Path) -> Self {
        let mut ledger = BTreeSet::new();
        let mut after = 0;
        loop {
            let rows = store.journal(after, ROWS).await.unwrap();
            let Some(last) = rows.last() else { break };
            after = last.seq;
            ledger.extend(rows.into_iter().map(|row| row.event_id));
        }
        let mut reports = Self { events: ledger.len(), ..Self::default() };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let logged: Vec<String> = sandbox.logs.events().into_iter().map(|event| event.message).collect();
        for (sink, lines) in [("the file", lines), ("CloudWatch Logs", logged)] {
            let events: BTreeMap<String, Value> = lines
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{sink}: {e}: {line}")))
                .map(|event| (event["event_id"].as_str().unwrap_or_default().to_owned(), event))
                .collect();
            if sink == "the file" && lines.len() != events.len() {
                reports.wrong.push(format!("{sink} has {} events twice", lines.len() - events.len()));
            }
            reports.repeated += lines.len() - events.len();
            let missing = ledger.iter().filter(|id| !events.contains_key(*id)).count();
            let invented = events.keys().filter(|id| !ledger.contains(*id)).count();
            if missing + invented > 0 {
                reports
                    .wrong
                    .push(format!("{sink}: {missing} events are missing, {invented} were never in the ledger"));
            }
            reports.wrong.extend(lives(sandbox, &events).into_iter().map(|what| format!("{sink}: {what}")));
        }
        reports
    }
}

/// Users that were made or deleted in Connect and not told so exactly once.
fn lives(sandbox: &Sandbox, events: &BTreeMap<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    let journal = sandbox.connect.journal();
    for operation in ["CreateUser", "DeleteUser"] {
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        let happened = |event: &&Value| {
            event["event"] == "change"
                && event["operation"] == operation
                && matches!(event["outcome"].as_str(), Some("done" | "already_so"))
        };
        for event in events.values().filter(happened) {
            *told.entry(event["connect_user"].as_str().unwrap_or_default()).or_default() += 1;
        }
        for write in journal.iter().filter(|write| write.operation == operation) {
            match told.get(write.resource.as_str()) {
                Some(1) => {}
                times => wrong.push(format!(
                    "{operation} of {:?} is told {} times",
                    write.username,
                    times.copied().unwrap_or_default()
                )),
            }
        }
    }
    wrong
}
