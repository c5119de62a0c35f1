//! Whole contact centres in virtual time: one seed, one story of some weeks, exactly repeatable.
//!
//! ```text
//! setting   what a seed decides before the story: directories, instance, rules
//! story     the list of steps
//! stage     the world: sandbox, process, state file; a run and what comes after it
//! steps     what each step does to the world
//! door      what every step of a process passes: where it can die; the turnstile before the state file
//! wire      the way to the remote systems, and what goes wrong on it
//! neighbour another program on the same quota
//! clock     the machine's clock, which may be wrong
//! truth     who really is here
//! laws      what must hold after every run
//! model     what Connect should look like in the end
//! logs      what is never in a log line
//! shrink    the shortest story that breaks the same law
//! tally     numbers
//! first_day the first day of an instance that had users before
//! day       one bad day of 500 people, beside its calm twin
//! ```
//!
//! `scripts/simulate --seeds N [--from S]`, or `--seed X [--only STEPS] [--verbose]` for one of
//! them. The test harness sees some hundred
//! seeds in a few tests, one thread each.

#![expect(clippy::print_stdout, reason = "the table is printed")]
#![recursion_limit = "256"]

mod clock;
mod day;
mod door;
mod first_day;
mod laws;
mod logs;
mod model;
mod neighbour;
mod notes;
mod setting;
mod shrink;
mod stage;
mod steps;
mod story;
mod tally;
mod truth;
mod wire;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use story::Story;
use tally::Tally;

/// Seeds of one test of the harness, and how many such tests there are.
const SEEDS_PER_TEST: u64 = 25;
const TESTS: u64 = 8;
/// Seeds that are played twice and compared.
const REPEATED: u64 = 4;

fn main() -> ExitCode {
    logs::listen();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has("--list") {
        return list(has("--ignored"));
    }
    if has("--day") {
        return day::day();
    }
    if let Some(seed) = value("--seed") {
        let only = arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
        let only = only.map(|text| text.split(',').filter_map(|place| place.parse().ok()).collect());
        return one(seed, only, has("--verbose"), !has("--whole"));
    }
    if let Some(seeds) = value("--seeds") {
        return many(value("--from").unwrap_or(0), seeds, 2);
    }
    let named: Vec<String> =
        tests().into_iter().filter(|name| arguments.iter().any(|a| name.contains(a.as_str()))).collect();
    let wanted = if arguments.iter().any(|argument| !argument.starts_with("--")) { named } else { tests() };
    let failed = wanted.iter().filter(|name| test(name) != ExitCode::SUCCESS).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The names of the tests, as a harness wants them.
fn tests() -> Vec<String> {
    let seeds = (0..TESTS).map(|at| format!("seeds_from_{}", at * SEEDS_PER_TEST));
    let others = std::iter::once("the_same_seed_is_the_same_story").chain(first_day::TESTS);
    seeds.chain(others.map(str::to_owned)).collect()
}

fn list(ignored: bool) -> ExitCode {
    for name in tests().iter().filter(|_| !ignored) {
        println!("{name}: test");
    }
    ExitCode::SUCCESS
}

fn test(name: &str) -> ExitCode {
    match name.strip_prefix("seeds_from_").and_then(|from| from.parse().ok()) {
        Some(from) => many(from, SEEDS_PER_TEST, 1),
        None if first_day::TESTS.contains(&name) => first_day::test(name),
        None => repeated(),
    }
}

/// The same seed twice gives the same notes, byte for byte.
fn repeated() -> ExitCode {
    for seed in 1_000..1_000 + REPEATED {
        let (first, second) = (stage::play(&Story::of(seed)).1, stage::play(&Story::of(seed)).1);
        if let Some(at) = first.iter().zip(&second).position(|(one, other)| one != other) {
            println!("seed {seed} differs at line {at}:\n{}\n{}", first[at], second[at]);
            return ExitCode::FAILURE;
        }
        if first.len() != second.len() {
            println!("seed {seed} has {} lines, and then {}", first.len(), second.len());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One story, told.
fn one(seed: u64, only: Option<Vec<usize>>, verbose: bool, shorten: bool) -> ExitCode {
    let whole = Story::of(seed);
    let story = only.as_ref().map_or_else(|| whole.clone(), |places| whole.only(places));
    let shorten = shorten && only.is_none();
    println!("seed {seed}: {}", story.setting);
    let (result, lines) = stage::play(&story);
    if verbose {
        lines.iter().for_each(|line| println!("{line}"));
    }
    match result {
        Ok(tally) => {
            println!("{tally}");
            ExitCode::SUCCESS
        }
        Err((violation, last)) => {
            println!("{}", failure(&story, &violation, last, shorten));
            ExitCode::FAILURE
        }
    }
}

/// Many stories, some at a time.
fn many(from: u64, seeds: u64, threads: usize) -> ExitCode {
    let began = Instant::now();
    let next = AtomicU64::new(from);
    let failed = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        break;
                    }
                    let story = Story::of(seed);
                    match stage::play(&story).0 {
                        Ok(tally) => total.lock().expect("nobody panics with it").add(&tally),
                        Err((violation, last)) => {
                            failed.store(true, Ordering::Relaxed);
                            println!("{}", failure(&story, &violation, last, true));
                        }
                    }
                }
            });
        }
    });
    println!(
        "{}\nwall time: {:.1} s",
        total.into_inner().expect("nobody panics with it"),
        began.elapsed().as_secs_f64()
    );
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A broken law, with the shortest story that breaks it.
fn failure(story: &Story, violation: &laws::Violation, last: usize, shorten: bool) -> String {
    let seed = story.setting.seed;
    let (places, found) = match shorten {
        true => shrink::shortest(story, violation, last),
        false => ((0..=last.min(story.steps.len() - 1)).collect(), violation.clone()),
    };
    let mut text = format!(
        "seed {seed} broke a law: {}\n  {}\n{}\nthe shortest story ({} of {} steps):\n",
        found.law,
        found.text,
        story.setting,
        places.len(),
        story.steps.len()
    );
    for place in &places {
        text.push_str(&format!("  {place:>3}. {}\n", story.steps[*place]));
    }
    let places: Vec<String> = places.iter().map(usize::to_string).collect();
    text.push_str(&format!("once more: scripts/simulate --seed {seed} --only {} --verbose\n", places.join(",")));
    text
}
