//! The first day of an instance that had users before: they are read in minutes, and the plan is put to somebody once.
//!
//! Real quotas (2 requests a second, bursts of 5, a share of 80 %), a run every two minutes, an administrator who approves
//! whatever is asked before the next one.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock;
use crate::laws::Violation;
use crate::setting::{Authority, Directories, Rules, Setting};
use crate::stage::{Stage, on_stage};
use crate::story::{How, Step};

/// Existing users, and how many runs at the most read them before the question is put.
const TABLE: [(usize, u32); 4] = [(0, 0), (100, 0), (101, 0), (1_600, 1)];
/// Too many for one sitting.
const MANY: usize = 10_000;
/// Users that a run of the schedule reads at the least while nothing else can be done: ten minutes of calls, and its burst.
const READ_IN_A_RUN: u64 = 950;
/// Where a process dies, in steps on the wire and on the state file.
const CRASHES: [u32; 3] = [120, 300, 450];
/// Users in Connect then.
const INTERRUPTED: usize = 300;
/// Users that may be read once more after a crash: those that were being read.
const AT_ONCE: u64 = 10;

/// The names of the tests.
pub(crate) const TESTS: [&str; 3] = [
    "the_first_plan_is_put_to_somebody_once",
    "a_crash_in_the_middle_of_reading_loses_nothing_that_was_read",
    "an_instance_of_ten_thousand_users_comes_nearer_with_every_run",
];

/// One of [`TESTS`].
pub(crate) fn test(name: &str) -> ExitCode {
    let result = match name {
        name if name == TESTS[0] => TABLE.iter().try_for_each(|(existing, runs)| {
            on_a_first_day(*existing, async |stage| once(stage, *existing, *runs).await)
        }),
        name if name == TESTS[1] => CRASHES.iter().try_for_each(|after| {
            on_a_first_day(INTERRUPTED, async |stage| interrupted(stage, INTERRUPTED, *after).await)
        }),
        _ => on_a_first_day(MANY, nearer),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Violation { law, text }) => {
            println!("{name}: {law}: {text}");
            ExitCode::FAILURE
        }
    }
}

fn on_a_first_day(
    existing: usize,
    what: impl AsyncFnOnce(&mut Stage) -> Result<(), Violation>,
) -> Result<(), Violation> {
    let rules = Rules {
        security: Authority::Connect,
        routing: Authority::Shared,
        grace_hours: 0,
        suspend_hours: Some(72),
        delete: true,
        on: Default::default(),
    };
    let setting = Setting {
        // An odd one: the first run waits for somebody.
        seed: 21,
        directories: Directories::Entra { everybody: true },
        people: existing * 6 / 5 + 30,
        existing,
        foreign: 3,
        search_lag_secs: 3,
        short_pages: false,
        tags_touch_modified: true,
        rules,
    };
    on_stage(&setting, what)
}

#[track_caller]
fn must(holds: bool, law: &'static str, text: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::of(law, text())) }
}

fn reads(stage: &Stage) -> u64 {
    stage.sandbox.connect.quota().calls().get("DescribeUser").map_or(0, |calls| calls.calls)
}

/// A run of the schedule; the word for how it ended.
async fn run(stage: &mut Stage) -> Result<String, Violation> {
    stage.run(How::Plain).await?;
    let result = stage.last.as_ref().map_or_else(|| "died".to_owned(), |summary| summary.result.clone());
    sleep(Duration::from_secs(120)).await;
    Ok(result)
}

/// Runs until somebody is asked; how many runs that takes, and what they came to.
async fn until_asked(stage: &mut Stage) -> Result<Vec<String>, Violation> {
    let mut results = Vec::new();
    for _ in 0..30 {
        let result = run(stage).await?;
        let over = result != "reading" && result != "died";
        let asked = stage.asked().is_some();
        must(asked == (result == "refused"), "nobody is asked while users are read", || result.clone())?;
        results.push(result);
        if over {
            return Ok(results);
        }
    }
    Err(Violation::of("reading comes to an end", format!("{results:?}")))
}

/// The question was put and answered: the next run does all of it, and the one after it nothing.
async fn answered(stage: &mut Stage) -> Result<(), Violation> {
    let result = run(stage).await?;
    must(result == "done", "one approval is enough", || result.clone())?;
    let (writes, before) = (stage.sandbox.connect.journal().len(), reads(stage));
    let result = run(stage).await?;
    must(
        result == "nothing_to_do" && stage.sandbox.connect.journal().len() == writes,
        "a further run does nothing",
        || result,
    )?;
    must(reads(stage) == before, "a further run reads nobody", || format!("{} reads", reads(stage) - before))?;
    must(stage.asked().is_none(), "the question is put once", || "again".to_owned())?;
    crate::model::agrees(stage)
}

async fn once(stage: &mut Stage, existing: usize, most_reading: u32) -> Result<(), Violation> {
    let there = stage.sandbox.connect.users().len() - stage.setting.foreign;
    must(there == existing, "the scene is as it is meant", || format!("{there} users"))?;
    let began = clock::truth();
    let results = until_asked(stage).await?;
    let reading = results.iter().filter(|result| *result == "reading").count();
    must(reading == most_reading as usize, "runs that only read", || format!("{existing} users: {results:?}"))?;
    must(reads(stage) == existing as u64, "everybody is read once", || {
        format!("{} reads of {existing}", reads(stage))
    })?;
    // 1.6 a second after a burst of 4; two minutes after each run, and a minute for everything else.
    let least = (existing as i64 - 4).max(0) * 10 / 16;
    let rests = results.len() as i64 * 120;
    let took = (clock::truth() - began).num_seconds();
    must((least..least + rests + 60).contains(&took), "reading takes as long as the quota", || format!("{took} s"))?;
    if existing == 0 {
        return must(stage.asked().is_none() && results == ["done"], "nobody is asked", || format!("{results:?}"));
    }
    answered(stage).await
}

/// The process dies in its first run; what was read until then is not read again.
async fn interrupted(stage: &mut Stage, existing: usize, after: u32) -> Result<(), Violation> {
    stage.take(&Step::Crash { after }).await?;
    let died = run(stage).await?;
    let before = reads(stage);
    must(died == "died" && before > 0 && before < existing as u64, "it dies while it reads", || {
        format!("{died}, {before}")
    })?;
    until_asked(stage).await?;
    let twice = reads(stage) - existing as u64;
    must(twice <= AT_ONCE, "nothing that was read is lost", || format!("{twice} read again of {before}"))?;
    answered(stage).await
}

/// Two runs: each reads on where the one before ended.
async fn nearer(stage: &mut Stage) -> Result<(), Violation> {
    let mut read = 0;
    for at in 1..=2 {
        let result = run(stage).await?;
        let now = reads(stage);
        must(result == "reading" && now >= read + READ_IN_A_RUN, "every run reads on", || {
            format!("{result}: {read}, {now}")
        })?;
        read = now;
        let left = stage.last.as_ref().map_or(0, |summary| u64::from(summary.unread));
        must(left + read == MANY as u64, "nobody is read twice", || format!("run {at}: {read} read, {left} left"))?;
        must(stage.asked().is_none(), "nobody is asked while users are read", || format!("run {at}"))?;
    }
    must(stage.sandbox.connect.journal().is_empty(), "nothing is written before somebody was asked", String::new)
}
