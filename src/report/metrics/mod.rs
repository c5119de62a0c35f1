//! What a monitoring system may ask about a contact centre: totals since the process started, and how it stands now.
//!
//! ```text
//! exposition   all of it as text for Prometheus
//! ```
//!
//! [`Metrics`] is a plain value that is told how each run ended and knows nothing else; the text is a function of it and of the
//! moment. Whoever serves the text keeps the value.
//!
//! Invariant: no label is about a person. Labels are `contact_centre`, `operation`, `result`, `source` and `sink`, each from a
//! list that is as long as the program or the configuration, so that the number of series is bounded.
//! Deliberately absent: HTTP, a global registry, the clock.

mod exposition;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use connectors::SourceName;

pub use exposition::{CONTENT_TYPE, exposition};

use crate::model::{Operation, RunSummary, Time};

/// The words that a run's result may be.
const RESULTS: [&str; 6] = ["done", "nothing_to_do", "partly", "reading", "refused", "failed"];

/// How one run ended, as far as metrics tell it.
#[derive(Debug, Clone, Copy)]
pub struct RunEnd<'a> {
    /// The run in numbers.
    pub summary: &'a RunSummary,
    /// Whether nothing was written: then only its requests and calls count.
    pub rehearsal: bool,
    /// Whether it was about everybody. A run for one person, or one that takes another back, says nothing about the others.
    pub everybody: bool,
    /// Whether the contact centre is in quarantine after it; `None`: as before.
    pub quarantine: Option<bool>,
    /// When it ended.
    pub at: Time,
}

/// Everything that is known of one contact centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    centre: String,
    /// Since when totals are counted.
    started: Time,
    /// Calls a second that rollcall may make, by operation.
    quota: BTreeMap<Operation, f64>,
    totals: Totals,
    last: Option<Last>,
    /// The last run that came to a plan for everybody: a run that failed knows of nobody.
    planned: Option<RunSummary>,
    /// People by source, of the last run that read it.
    people: BTreeMap<SourceName, u32>,
    /// Until when somebody's wait is told: the last run in which somebody waited.
    waited: Option<Waited>,
    last_success: Option<Time>,
    quarantine: bool,
    /// Since when what a sink has not taken yet is waiting, by sink.
    waiting: BTreeMap<String, Option<Time>>,
}

/// Counted since the start.
#[derive(Debug, Clone, Default, PartialEq)]
struct Totals {
    runs: BTreeMap<&'static str, u64>,
    created: u64,
    adopted: u64,
    updated: u64,
    suspended: u64,
    deleted: u64,
    failed: u64,
    in_doubt: u64,
    not_attempted: u64,
    calls: BTreeMap<Operation, u64>,
    throttled: BTreeMap<Operation, u64>,
    requests: BTreeMap<SourceName, u64>,
}

/// The last run that was no rehearsal.
#[derive(Debug, Clone, PartialEq)]
struct Last {
    at: Time,
    summary: RunSummary,
}

/// How long people waited, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waited {
    p50: u64,
    p95: u64,
    longest: u64,
}

impl Metrics {
    /// Of a contact centre of which nothing is known yet. `quota` is calls a second that rollcall may make.
    #[must_use]
    pub fn starting(centre: &str, at: Time, quota: impl IntoIterator<Item = (Operation, f64)>) -> Self {
        Self {
            centre: centre.to_owned(),
            started: at,
            quota: quota.into_iter().collect(),
            totals: Totals::default(),
            last: None,
            planned: None,
            people: BTreeMap::new(),
            waited: None,
            last_success: None,
            quarantine: false,
            waiting: BTreeMap::new(),
        }
    }

    /// Goes on under another configuration, for which `fresh` was made: the rates are its, and sinks are heard of anew by
    /// the next run. What was counted goes on.
    pub fn renew(&mut self, fresh: &Self) {
        self.quota.clone_from(&fresh.quota);
        self.waiting.clear();
    }

    /// Takes in a run of a former process, oldest first: how things stand, not the totals, which begin with this process.
    pub fn remember(&mut self, summary: &RunSummary, everybody: bool, at: Time) {
        if everybody && summary.carried_out() {
            self.last_success = Some(at);
        }
        if everybody && (summary.carried_out() || summary.result == "refused") {
            self.planned = Some(summary.clone());
        }
        self.people.extend(summary.people.iter().map(|(source, n)| (source.clone(), *n)));
        self.waited = Waited::of(summary).or(self.waited);
        self.last = Some(Last { at, summary: summary.clone() });
    }

    /// Takes in how a run ended. Called once for each.
    pub fn observe(&mut self, end: RunEnd<'_>) {
        let RunEnd { summary, rehearsal, everybody, quarantine, at } = end;
        self.totals.count_calls(summary);
        self.quarantine = quarantine.unwrap_or(self.quarantine);
        if !rehearsal {
            self.totals.count_run(summary);
            self.remember(summary, everybody, at);
        }
    }

    /// Takes in whether the contact centre is in quarantine, where no run says so.
    pub fn observe_quarantine(&mut self, quarantine: bool) {
        self.quarantine = quarantine;
    }

    /// Takes in how far a sink is: since when what it has not taken waits; `None`: it has everything.
    pub fn observe_sink(&mut self, sink: &str, waiting_since: Option<Time>) {
        self.waiting.insert(sink.to_owned(), waiting_since);
    }
}

impl Totals {
    fn count_calls(&mut self, summary: &RunSummary) {
        let sums = [(&summary.calls, &mut self.calls), (&summary.throttled, &mut self.throttled)];
        for (of_run, sum) in sums {
            for (operation, n) in of_run {
                *sum.entry(*operation).or_default() += u64::from(*n);
            }
        }
        for (source, n) in &summary.directory_requests {
            *self.requests.entry(source.clone()).or_default() += u64::from(*n);
        }
    }

    fn count_run(&mut self, summary: &RunSummary) {
        // A word of a later version counts as a failure: nothing is dropped, and no label comes from a text.
        let result = RESULTS.into_iter().find(|word| *word == summary.result).unwrap_or("failed");
        *self.runs.entry(result).or_default() += 1;
        let sums = [
            (&mut self.created, summary.created),
            (&mut self.adopted, summary.adopted),
            (&mut self.updated, summary.updated),
            (&mut self.suspended, summary.suspended),
            (&mut self.deleted, summary.deleted),
            (&mut self.failed, summary.failed),
            (&mut self.in_doubt, summary.in_doubt),
            (&mut self.not_attempted, summary.not_attempted),
        ];
        for (sum, n) in sums {
            *sum += u64::from(n);
        }
    }
}

impl Waited {
    fn of(summary: &RunSummary) -> Option<Self> {
        let (p50, p95) = summary.propagation_p50_p95_secs?;
        let longest = summary.propagation_longest.as_ref().map_or(p95, |longest| longest.secs);
        Some(Self { p50, p95, longest })
    }
}
