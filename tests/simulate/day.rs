//! One bad day of 500 people, beside its twin on which nothing goes wrong.
//!
//! Real quotas (2 requests a second, bursts of 5, for each operation). On the bad day Connect and the directory throttle 20 %
//! of all calls, fail 5 % and lose 2 % of their replies, and another program of the account uses half of the quota.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use rollcall::model::{OWNER_TAG, Time};
use tokio::time::sleep;

use crate::laws::Violation;
use crate::model;
use crate::setting::{Authority, Directories, Rules, Setting};
use crate::stage::{Stage, on_stage};
use crate::story::{DEPARTMENTS, How, Step};
use crate::wire::{Service, Spell, Trouble};
use crate::{clock, setting};

const PEOPLE: usize = 500;
/// Minutes between two runs.
const EVERY: u32 = 10;
const JOINERS: u32 = 25;
const MOVERS: u32 = 40;
const LEAVERS: u32 = 15;
const RENAMES: u32 = 5;

/// What a day came to.
#[derive(Debug, Default)]
struct Figures {
    calls: u64,
    first_calls: u64,
    events: usize,
    waited: Vec<TimeDelta>,
    runs: u32,
    troubles: BTreeMap<Trouble, u64>,
    /// Runs after the day until a run did nothing.
    after: u32,
}

/// Lives both days and prints what they came to.
pub(crate) fn day() -> ExitCode {
    let (calm, bad) = (live(false), live(true));
    match (calm, bad) {
        (Ok(calm), Ok(bad)) => {
            tell(&calm, &bad);
            ExitCode::SUCCESS
        }
        (Err(violation), _) | (_, Err(violation)) => {
            println!("the day broke a law: {}\n  {}", violation.law, violation.text);
            ExitCode::FAILURE
        }
    }
}

fn tell(calm: &Figures, bad: &Figures) {
    let longest = |figures: &Figures| figures.waited.iter().max().map_or(0, TimeDelta::num_seconds);
    let median = |figures: &Figures| {
        let mut waited = figures.waited.clone();
        waited.sort_unstable();
        waited.get(waited.len() / 2).map_or(0, TimeDelta::num_seconds)
    };
    println!("one day of {PEOPLE} people: {} things happened to people, a run every {EVERY} minutes\n", bad.events);
    println!("{:<58} {:>12} {:>12}", "", "calm", "bad day");
    let row = |what: &str, calm: String, bad: String| println!("{what:<58} {calm:>12} {bad:>12}");
    #[expect(clippy::cast_precision_loss, reason = "counts of one day")]
    let times = |n: u64| format!("{:.2}", n as f64 / calm.calls as f64);
    row("runs", calm.runs.to_string(), bad.runs.to_string());
    row("calls to Connect on the first day, before it", calm.first_calls.to_string(), bad.first_calls.to_string());
    row("calls to Connect", calm.calls.to_string(), bad.calls.to_string());
    row("calls made over calls needed", times(calm.calls), times(bad.calls));
    row("median wait from the directory to Connect, s", median(calm).to_string(), median(bad).to_string());
    row("longest wait of anybody, s", longest(calm).to_string(), longest(bad).to_string());
    row("runs after the day until nothing was left to do", calm.after.to_string(), bad.after.to_string());
    for (trouble, count) in &bad.troubles {
        row(&format!("{trouble:?}"), "0".to_owned(), count.to_string());
    }
}

fn live(bad: bool) -> Result<Figures, Violation> {
    let rules = Rules {
        security: Authority::Directory,
        routing: Authority::Directory,
        grace_hours: 0,
        suspend_hours: Some(72),
        delete: true,
        on: Default::default(),
    };
    let setting = Setting {
        seed: 20,
        directories: Directories::Entra { everybody: true },
        people: PEOPLE,
        existing: 0,
        foreign: 5,
        search_lag_secs: 3,
        short_pages: false,
        tags_touch_modified: true,
        rules,
    };
    on_stage(&setting, async |stage| {
        let mut figures = Figures::default();
        // Everybody is in Connect before the day begins.
        for _ in 0..3 {
            stage.run(How::Full).await?;
        }
        figures.first_calls = stage.calls();
        if bad {
            trouble(stage);
        }
        the_day(stage, &mut figures).await?;
        figures.calls = stage.calls() - figures.first_calls;
        figures.troubles = stage.troubles();
        stage.calm();
        for after in 0..10 {
            let before = stage.sandbox.connect.journal().len();
            stage.run(How::Full).await?;
            if stage.sandbox.connect.journal().len() == before {
                figures.after = after;
                break;
            }
            sleep(Duration::from_secs(3600)).await;
        }
        model::agrees(stage)?;
        Ok(figures)
    })
}

fn trouble(stage: &mut Stage) {
    for service in [Service::Connect, Service::Graph] {
        for (trouble, permille) in [(Trouble::Throttled, 200), (Trouble::Failing, 50), (Trouble::LostReply, 20)] {
            stage.weather().add(Spell { service, trouble, permille, strikes: u32::MAX });
        }
    }
    // One call a second, of the two that are granted.
    stage.neighbour = 1000;
}

/// Things happen to people between the runs of a day; how long each waits is found in Connect's own journal.
async fn the_day(stage: &mut Stage, figures: &mut Figures) -> Result<(), Violation> {
    let mut rng = Rng::with_seed(7);
    let mut todo: Vec<Step> = Vec::new();
    for number in 0..JOINERS + MOVERS + LEAVERS + RENAMES {
        let (who, department) = (rng.u32(..), rng.usize(0..DEPARTMENTS.len()));
        todo.push(match number {
            n if n < JOINERS => Step::Join { department },
            n if n < JOINERS + MOVERS => Step::Move { who, department },
            n if n < JOINERS + MOVERS + LEAVERS => Step::Disable { who },
            _ => Step::Rename { who },
        });
    }
    rng.shuffle(&mut todo);
    let ticks = 24 * 60 / EVERY;
    let mut waiting: BTreeMap<String, Time> = BTreeMap::new();
    for tick in 0..ticks {
        let due = todo.len() * (tick as usize + 1) / ticks as usize;
        let before = todo.len() * tick as usize / ticks as usize;
        for step in &todo[before..due] {
            sleep(Duration::from_secs(rng.u64(1..60))).await;
            let wishes = wishes(stage);
            stage.take(step).await?;
            figures.events += 1;
            for (key, wish) in self::wishes(stage) {
                if wishes.get(&key) != Some(&wish) {
                    waiting.entry(key).or_insert_with(clock::truth);
                }
            }
        }
        stage.run(How::Plain).await?;
        figures.runs += 1;
        settle(stage, &mut waiting, figures);
        sleep(Duration::from_secs(u64::from(EVERY) * 60)).await;
    }
    // Whoever still waits, waits until the end of the day at least.
    figures.waited.extend(waiting.values().map(|since| clock::truth() - *since));
    Ok(())
}

/// What everybody should have: a persona, or nothing.
fn wishes(stage: &Stage) -> BTreeMap<String, Option<setting::Persona>> {
    let people = stage.truth.people.iter();
    people.map(|(key, person)| (key.clone(), person.is_here().then(|| stage.rules.persona(person)))).collect()
}

/// Takes those off the list whose user is as it should be.
fn settle(stage: &Stage, waiting: &mut BTreeMap<String, Time>, figures: &mut Figures) {
    let journal = stage.sandbox.connect.journal();
    let users = stage.sandbox.connect.users();
    waiting.retain(|key, since| {
        let user = users.iter().find(|user| user.tags.get(OWNER_TAG) == Some(key));
        let person = &stage.truth.people[key];
        let done = match user {
            Some(user) if person.is_here() => model::everything_agrees(stage, key, person, user).is_ok(),
            Some(user) => stage.laws.security(user).contains(setting::NO_ACCESS),
            None => !person.is_here(),
        };
        let last = journal.iter().rev().find(|write| user.is_some_and(|user| write.resource == user.id));
        if done {
            figures.waited.push(last.map_or_else(clock::truth, |write| write.at).max(*since) - *since);
        }
        !done
    });
}
