//! A bell and a wall clock that follow tokio's paused one.

use std::cell::Cell;

use super::*;

/// Rings by tokio's clock, early like the real one.
#[derive(Debug, Default)]
struct Paused(Option<Instant>);

impl Bell for Paused {
    async fn set(&mut self, after: Duration) {
        self.0 = Some(Instant::now() + Duration::from_secs(after.as_secs()));
    }

    async fn rung(&mut self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.0 = None;
    }
}

/// Never rings.
#[derive(Debug)]
struct Broken;

impl Bell for Broken {
    async fn set(&mut self, _: Duration) {}

    async fn rung(&mut self) {
        std::future::pending::<()>().await;
    }
}

thread_local! {
    /// What the wall clock shows, and when it was set to that.
    static CLOCK: Cell<Option<(Time, Instant)>> = const { Cell::new(None) };
}

fn start_clock(text: &str) {
    CLOCK.set(Some((text.parse().unwrap(), Instant::now())));
}

fn wall() -> Time {
    let (at, since) = CLOCK.get().unwrap();
    at + since.elapsed()
}

fn set_clock_by(by: TimeDelta) {
    CLOCK.set(Some((wall() + by, Instant::now())));
}

fn schedule(every: Every, jitter_millis: u64) -> ScheduleConfig {
    ScheduleConfig { every, jitter_millis, stop_within_secs: 30, full_every_secs: 86_400, audit_every_secs: 900 }
}

fn interval(secs: u64) -> Every {
    Every::Interval { secs }
}

fn cron(expression: &str, zone: &str) -> Every {
    Every::Cron { expression: expression.to_owned(), zone: zone.parse().unwrap() }
}

fn ticks(every: Every, jitter_millis: u64) -> Ticks<Paused> {
    Ticks::start(&schedule(every, jitter_millis), Paused::default(), wall, fastrand::Rng::with_seed(5))
}

/// The wall clock at the next ticks, to the second.
async fn next(ticks: &mut Ticks<impl Bell>, times: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..times {
        ticks.next().await;
        seen.push(wall().format("%H:%M:%S").to_string());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn the_first_tick_comes_at_once_and_the_others_on_the_beat() {
    start_clock("2026-05-04T09:12:00.400Z");
    let mut every_two_minutes = ticks(interval(120), 0);
    assert_eq!(next(&mut every_two_minutes, 3).await, ["09:12:00", "09:14:00", "09:16:00"]);
    let mut by_cron = ticks(cron("*/5 * * * *", "UTC"), 0);
    assert_eq!(next(&mut by_cron, 3).await, ["09:16:00", "09:20:00", "09:25:00"]);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_nobody_took_are_one_and_the_beat_is_kept() {
    start_clock("2026-05-04T09:00:00Z");
    let mut ticks = ticks(interval(120), 0);
    assert_eq!(next(&mut ticks, 1).await, ["09:00:00"]);
    tokio::time::sleep(Duration::from_secs(7 * 60)).await;
    assert_eq!(next(&mut ticks, 3).await, ["09:07:00", "09:08:00", "09:10:00"]);
}

#[tokio::test(start_paused = true)]
async fn jitter_makes_ticks_late_by_less_than_it_says_and_the_same_seed_does_the_same() {
    start_clock("2026-05-04T09:00:00Z");
    let mut late = Vec::new();
    for _ in 0..2 {
        let start = wall();
        let mut ticks = ticks(interval(60), 10_000);
        ticks.next().await;
        let mut by = Vec::new();
        for tick in 1..=50 {
            ticks.next().await;
            let behind = wall() - start - TimeDelta::seconds(60 * tick);
            assert!(behind >= TimeDelta::zero() && behind < TimeDelta::seconds(10), "{behind}");
            by.push(behind.num_milliseconds());
        }
        late.push(by);
    }
    let mut different = late[0].clone();
    different.dedup();
    assert!(different.len() > 40, "{late:?}");
    assert_eq!(late[0], late[1]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_neither_makes_an_interval_spin_nor_sleep() {
    for by in [TimeDelta::days(1), TimeDelta::days(-1), TimeDelta::minutes(3), TimeDelta::seconds(-40)] {
        start_clock("2026-05-04T09:00:00Z");
        let mut ticks = ticks(interval(120), 0);
        ticks.next().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        set_clock_by(by);
        let start = Instant::now();
        for _ in 0..4 {
            ticks.next().await;
        }
        let taken = start.elapsed();
        assert_eq!(taken.as_secs().div_ceil(10) * 10, 90 + 3 * 120, "{by}: {taken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_moves_cron_with_it_and_what_was_skipped_comes_once() {
    start_clock("2026-05-04T09:01:00Z");
    let mut ticks = ticks(cron("0 * * * *", "UTC"), 0);
    ticks.next().await;
    set_clock_by(TimeDelta::hours(5));
    assert_eq!(next(&mut ticks, 2).await, ["14:01:00", "15:00:00"]);
    set_clock_by(TimeDelta::hours(-5));
    assert_eq!(next(&mut ticks, 2).await, ["11:00:00", "12:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_bell_that_never_rings_makes_a_tick_late_by_a_look() {
    start_clock("2026-05-04T09:00:03Z");
    let mut ticks = Ticks::start(&schedule(interval(60), 0), Broken, wall, fastrand::Rng::with_seed(5));
    ticks.next().await;
    let start = Instant::now();
    ticks.next().await;
    assert!(start.elapsed() <= Duration::from_secs(60) + LOOK);
}

/// Who waits for ticks beside other things drops the wait whenever something else comes, also after the early ring.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_after_the_ring_and_taken_up_again_is_not_late() {
    start_clock("2026-05-04T09:00:00Z");
    let mut ticks = ticks(interval(60), 0);
    ticks.next().await;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let dropped = tokio::time::timeout(Duration::from_millis(59_200), ticks.next()).await;
    assert!(dropped.is_err() && ticks.bell.0.is_none(), "it has rung, and it is not time yet");
    ticks.next().await;
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(61), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn another_schedule_is_followed_from_now_on_and_the_same_one_keeps_its_beat() {
    start_clock("2026-05-04T09:00:00Z");
    let mut ticks = ticks(interval(600), 0);
    ticks.next().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    ticks.follow(&schedule(interval(600), 0));
    assert_eq!(ticks.due().unwrap().format("%H:%M").to_string(), "09:10");
    ticks.follow(&schedule(cron("*/2 * * * *", "UTC"), 0));
    assert_eq!(next(&mut ticks, 2).await, ["09:02:00", "09:04:00"]);
}

#[tokio::test]
async fn the_scheduler_rings_when_it_is_set() {
    let mut bell = Scheduler::start().await.unwrap();
    bell.set(Duration::from_secs(1)).await;
    bell.rung().await;
    bell.set(Duration::ZERO).await;
    bell.rung().await;
}
