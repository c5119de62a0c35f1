//! What happened, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;
use rollcall::model::Time;

use crate::stage::Went;
use crate::story::Step;
use crate::wire::{Trouble, Weather};

/// Numbers of one story, or of many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) stories: u64,
    pub(crate) minutes: i64,
    pub(crate) steps: BTreeMap<&'static str, u64>,
    pub(crate) runs: BTreeMap<&'static str, u64>,
    pub(crate) troubles: BTreeMap<Trouble, u64>,
    pub(crate) crashes: BTreeMap<String, u64>,
    pub(crate) laws: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn step(&mut self, step: &Step) {
        *self.steps.entry(step.kind()).or_default() += 1;
    }

    pub(crate) fn run(&mut self, went: &Went) {
        let how = match went {
            Went::Ended(ended) => match ended.summary.result.as_str() {
                "done" => "done",
                "nothing_to_do" => "nothing to do",
                "partly" => "partly done",
                "refused" => "refused",
                "reading" => "reading",
                _ => "planned",
            },
            Went::Failed(_) => "failed",
            Went::Died => "died",
        };
        *self.runs.entry(how).or_default() += 1;
    }

    pub(crate) fn end(&mut self, weather: &Weather, at: Time, laws: &BTreeMap<&'static str, u64>) {
        let began: Time = "2026-03-02T06:00:00Z".parse().expect("a moment");
        self.stories = 1;
        self.minutes = (at - began).num_minutes();
        self.troubles.clone_from(&weather.struck);
        self.laws.clone_from(laws);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        fn sum<K: Ord + Clone>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, count) in from {
                *to.entry(key.clone()).or_default() += count;
            }
        }
        let Self { stories, minutes, steps, runs, troubles, crashes, laws } = other;
        self.stories += stories;
        self.minutes += minutes;
        sum(&mut self.steps, steps);
        sum(&mut self.runs, runs);
        sum(&mut self.troubles, troubles);
        sum(&mut self.crashes, crashes);
        sum(&mut self.laws, laws);
    }
}

fn section<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: impl Iterator<Item = (K, u64)>,
) -> fmt::Result {
    let counts: Vec<(String, u64)> = counts.map(|(key, count)| (key.to_string(), count)).collect();
    writeln!(f, "\n{title}: {}", counts.iter().map(|(_, count)| count).sum::<u64>())?;
    for (key, count) in counts {
        writeln!(f, "  {key:<76} {count:>9}")?;
    }
    Ok(())
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = TimeDelta::minutes(self.minutes).num_days();
        writeln!(f, "{} seeds, {days} virtual days", self.stories)?;
        section(f, "runs", self.runs.iter().map(|(k, n)| (*k, *n)))?;
        section(f, "steps", self.steps.iter().filter(|(k, _)| **k != "rest").map(|(k, n)| (*k, *n)))?;
        section(f, "troubles on the wire", self.troubles.iter().map(|(k, n)| (format!("{k:?}"), *n)))?;
        section(f, "crashes", self.crashes.iter().map(|(k, n)| (k, *n)))?;
        section(f, "laws checked", self.laws.iter().map(|(k, n)| (*k, *n)))
    }
}
