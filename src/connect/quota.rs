//! The API quota: one token bucket per (account, Region, operation), shared by everything in the process.
//!
//! Invariant: every attempt of every call takes a cell of its bucket first, in the order the callers came (FIFO).
//! Invariant: waits follow tokio's clock, so a run of hours is tested in milliseconds, exactly.
//! Deliberately absent: retries of calls (`call.rs`) and knowledge of what a call does.
//!
//! AWS counts per account and Region whatever instance or process calls, so others can use up cells this bucket believes
//! it has. Then Connect throttles, and the bucket gives way: its rate is halved (down to a sixteenth) and a pause is
//! kept; the rate recovers by time, evenly, within a minute.
//!
//! Source: Amazon Connect administrator guide, "API throttling quotas".

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use tokio::time::Instant;

use super::config::{QuotaConfig, Rate};
use crate::model::{Forecast, Operation};

/// The slowest a throttled bucket becomes, as a part of its configured rate.
const SLOWEST: f64 = 1.0 / 16.0;
/// Time in which a bucket at nothing would be back at its full rate.
const RECOVERY: Duration = Duration::from_secs(60);
/// The pause after the first throttled call in a row; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How much later than the bucket allows a call goes out, once the burst is used up. The far side's bucket begins with the
/// arrival of the first call, which may take longer (a new connection) than that of a later one; without a margin the
/// later one would be refused.
const MARGIN: Duration = Duration::from_millis(100);

/// tokio's clock for governor: time since the limiter was made.
#[derive(Debug, Clone)]
struct TokioClock {
    epoch: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

type Limiter = governor::RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// The time one cell takes to come back.
fn period(rate: Rate) -> Duration {
    // A rate of nothing would be an endless wait; configuration refuses it, and this floor keeps the arithmetic finite.
    Duration::from_secs_f64(1.0 / rate.per_second.max(0.001))
}

fn limiter(rate: Rate) -> Limiter {
    let quota = governor::Quota::with_period(period(rate)).expect("a period of 1/rate seconds is never zero");
    let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
    governor::RateLimiter::direct_with_clock(quota.allow_burst(burst), TokioClock { epoch: Instant::now() })
}

/// What only one waiter at a time may hold: the head of the queue.
#[derive(Debug)]
struct Lane {
    limiter: Limiter,
    rate: Rate,
    last: Option<Instant>,
    /// What each contact centre that is still there may use.
    claims: Vec<Weak<Rate>>,
}

impl Lane {
    /// Two contact centres of one account can be configured differently; the more careful one counts, as long as it is
    /// there.
    fn be_careful(&mut self) {
        self.claims.retain(|claim| claim.strong_count() > 0);
        let least = self.claims.iter().filter_map(Weak::upgrade).map(|claim| *claim).reduce(|one, other| Rate {
            per_second: one.per_second.min(other.per_second),
            burst: one.burst.min(other.burst),
        });
        let Some(rate) = least.filter(|rate| *rate != self.rate) else { return };
        (self.limiter, self.rate) = (limiter(rate), rate);
        if self.last.is_some() {
            // The far side's bucket may be empty: a burst was perhaps just used.
            let _ = self.limiter.check_n(NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN));
        }
    }
}

/// How throttling slows a bucket down.
#[derive(Debug)]
struct Pressure {
    /// Part of the configured rate at `since`; 1 when nothing throttles.
    factor: f64,
    since: Instant,
    not_before: Instant,
    in_a_row: u32,
}

impl Pressure {
    fn factor(&self, now: Instant) -> f64 {
        let recovered = now.saturating_duration_since(self.since).as_secs_f64() / RECOVERY.as_secs_f64();
        (self.factor + recovered).min(1.0)
    }

    /// The earliest moment for the next call, as far as throttling is concerned.
    fn gate(&self, last: Option<Instant>, period: Duration, now: Instant) -> Instant {
        let factor = self.factor(now);
        match last {
            Some(last) if factor < 1.0 => self.not_before.max(last + period.div_f64(factor)),
            _ => self.not_before,
        }
    }

    fn throttled(&mut self, now: Instant) {
        // Calls that were under way together are throttled together; they are one sign, not many.
        if now < self.not_before {
            return;
        }
        self.factor = (self.factor(now) / 2.0).max(SLOWEST);
        self.since = now;
        let pause = FIRST_PAUSE.saturating_mul(1 << self.in_a_row.min(10)).min(LONGEST_PAUSE);
        self.not_before = now + pause;
        self.in_a_row += 1;
    }
}

/// One operation's token bucket.
#[derive(Debug)]
struct Bucket {
    lane: tokio::sync::Mutex<Lane>,
    pressure: Mutex<Pressure>,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        let now = Instant::now();
        Self {
            lane: tokio::sync::Mutex::new(Lane { limiter: limiter(rate), rate, last: None, claims: Vec::new() }),
            pressure: Mutex::new(Pressure { factor: 1.0, since: now, not_before: now, in_a_row: 0 }),
        }
    }

    fn pressure(&self) -> MutexGuard<'_, Pressure> {
        self.pressure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one cell. tokio's mutex queues its waiters in order, so the head of the queue sleeps and the others wait
    /// for it; nobody overtakes and nobody wakes in vain.
    async fn take(&self) {
        let mut lane = self.lane.lock().await;
        lane.be_careful();
        let mut waited = false;
        loop {
            let now = Instant::now();
            let gate = self.pressure().gate(lane.last, period(lane.rate), now);
            if gate > now {
                tokio::time::sleep_until(gate).await;
                continue;
            }
            let wait = match lane.limiter.check() {
                Ok(()) => {
                    if waited {
                        // While the head of the queue sleeps, the others wait: the margin moves the whole series.
                        tokio::time::sleep(MARGIN.min(period(lane.rate) / 4)).await;
                    }
                    lane.last = Some(Instant::now());
                    return;
                }
                Err(not_until) => not_until.wait_time_from(lane.limiter.clock().now()),
            };
            waited = true;
            tokio::time::sleep(wait).await;
        }
    }

    /// A contact centre may use so much, for as long as the claim lives.
    async fn claim(&self, rate: Rate) -> Arc<Rate> {
        let claim = Arc::new(rate);
        let mut lane = self.lane.lock().await;
        lane.claims.push(Arc::downgrade(&claim));
        lane.be_careful();
        claim
    }
}

/// All buckets of the process. One value is shared by every contact centre.
#[derive(Debug, Default)]
pub struct Quotas {
    buckets: Mutex<BTreeMap<(String, String, Operation), Arc<Bucket>>>,
}

impl Quotas {
    /// No bucket yet; each starts full when it is first asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The buckets of an account in a Region, with counters of their own for one contact centre.
    pub(super) async fn meter(&self, account: &str, region: &str, config: &QuotaConfig) -> Meter {
        let (mut buckets, mut claims) = (BTreeMap::new(), Vec::new());
        for operation in Operation::ALL {
            let rate = config.rate(*operation);
            let bucket = {
                let mut shared = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
                let key = (account.to_owned(), region.to_owned(), *operation);
                Arc::clone(shared.entry(key).or_insert_with(|| Arc::new(Bucket::new(rate))))
            };
            claims.push(bucket.claim(rate).await);
            buckets.insert(*operation, bucket);
        }
        Meter { buckets, _claims: claims, counts: Mutex::default() }
    }
}

/// One contact centre's way through the shared buckets, with its own counts.
#[derive(Debug)]
pub(super) struct Meter {
    buckets: BTreeMap<Operation, Arc<Bucket>>,
    /// Held, not read: what this contact centre may use.
    _claims: Vec<Arc<Rate>>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<Operation, u64>,
    throttled: BTreeMap<Operation, u64>,
}

impl Meter {
    fn bucket(&self, operation: Operation) -> &Bucket {
        self.buckets.get(&operation).expect("`Quotas::meter` makes a bucket for every operation")
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a cell and counts the call that the caller now makes.
    pub(super) async fn pass(&self, operation: Operation) {
        self.bucket(operation).take().await;
        *self.counts().calls.entry(operation).or_default() += 1;
    }

    /// Connect throttled a call: slow the bucket down.
    pub(super) fn throttled(&self, operation: Operation) {
        self.bucket(operation).pressure().throttled(Instant::now());
        *self.counts().throttled.entry(operation).or_default() += 1;
    }

    /// Connect took a call.
    pub(super) fn accepted(&self, operation: Operation) {
        self.bucket(operation).pressure().in_a_row = 0;
    }

    /// Calls so far, throttled ones included.
    pub(super) fn calls(&self) -> BTreeMap<Operation, u64> {
        self.counts().calls.clone()
    }

    /// Throttled calls so far.
    pub(super) fn throttles(&self) -> BTreeMap<Operation, u64> {
        self.counts().throttled.clone()
    }
}

impl QuotaConfig {
    /// Least milliseconds that buckets which start full need for these calls. Operations do not compete: the busiest one
    /// decides.
    #[must_use]
    pub fn least_millis(&self, calls: &BTreeMap<Operation, u32>) -> u64 {
        self.forecast(calls).least_millis
    }

    /// The calls with their busiest operation and the least time they take.
    #[must_use]
    pub fn forecast(&self, calls: &BTreeMap<Operation, u32>) -> Forecast {
        let mut forecast = Forecast { calls: calls.clone(), busiest: None, least_millis: 0 };
        let mut most = None;
        for (operation, count) in calls.iter().filter(|(_, count)| **count > 0) {
            let rate = self.rate(*operation);
            let least = period(rate) * count.saturating_sub(rate.burst);
            // Among operations that need no time at all, the one with most calls is the busiest.
            if most.is_none_or(|most| (least, *count) > most) {
                most = Some((least, *count));
                forecast.busiest = Some(*operation);
                forecast.least_millis = u64::try_from(least.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
            }
        }
        forecast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation = Operation::CreateUser;

    fn config(per_second: f64, burst: u32) -> QuotaConfig {
        QuotaConfig { share: 1.0, default: Rate { per_second, burst }, operations: BTreeMap::new() }
    }

    /// `least` milliseconds by the bucket; a series that has to wait takes one margin more.
    async fn check(calls: u32, per_second: f64, burst: u32, least: u64, margin: u64) {
        let meter = Quotas::new().meter("111122223333", "eu-west-2", &config(per_second, burst)).await;
        let start = Instant::now();
        for _ in 0..calls {
            meter.pass(CREATE).await;
        }
        let taken = start.elapsed();
        assert_eq!(taken, Duration::from_millis(least + margin), "{calls} calls at {per_second}/s, burst {burst}");
        let forecast = config(per_second, burst).least_millis(&BTreeMap::from([(CREATE, calls)]));
        assert_eq!(forecast, least, "the forecast is the bucket's own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_takes_exactly_the_time_of_its_bucket_and_one_margin() {
        check(0, 2.0, 5, 0, 0).await;
        check(5, 2.0, 5, 0, 0).await;
        check(6, 2.0, 5, 500, 100).await;
        check(100, 2.0, 5, 47_500, 100).await;
        check(100, 1.6, 4, 60_000, 100).await;
        check(3, 10.0, 1, 200, 25).await;
        check(10_000, 2.0, 5, 4_997_500, 100).await;
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_pass_in_the_order_they_came() {
        let meter = Arc::new(Quotas::new().meter("1", "r", &config(2.0, 1)).await);
        let passed = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..20)
            .map(|at| {
                let (meter, passed) = (Arc::clone(&meter), Arc::clone(&passed));
                tokio::spawn(async move {
                    meter.pass(CREATE).await;
                    passed.lock().unwrap().push(at);
                })
            })
            .collect();
        let start = Instant::now();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::from_millis(19 * 500) + MARGIN);
        assert_eq!(*passed.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn contact_centres_of_one_account_share_and_other_regions_do_not() {
        let quotas = Quotas::new();
        let one = quotas.meter("1", "eu-west-2", &config(2.0, 5)).await;
        let two = quotas.meter("1", "eu-west-2", &config(1.0, 2)).await;
        let far = quotas.meter("1", "us-east-1", &config(2.0, 5)).await;
        let start = Instant::now();
        for _ in 0..2 {
            one.pass(CREATE).await;
            two.pass(CREATE).await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2) + MARGIN, "the more careful configuration counts for both");
        for _ in 0..5 {
            far.pass(CREATE).await;
        }
        for _ in 0..2 {
            one.pass(Operation::DeleteUser).await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2) + MARGIN, "other Regions and operations do not compete");
        assert_eq!(one.calls(), BTreeMap::from([(CREATE, 2), (Operation::DeleteUser, 2)]), "each counts its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_changes_takes_effect_and_never_gives_a_burst_twice() {
        let quotas = Quotas::new();
        let one = quotas.meter("1", "r", &config(2.0, 5)).await;
        for _ in 0..5 {
            one.pass(CREATE).await;
        }
        let start = Instant::now();
        let two = quotas.meter("1", "r", &config(1.0, 5)).await;
        two.pass(CREATE).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1) + MARGIN, "the burst was used");
        drop(two);
        tokio::time::advance(Duration::from_secs(60)).await;
        one.pass(CREATE).await;
        let start = Instant::now();
        for _ in 0..4 {
            one.pass(CREATE).await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2), "whoever was more careful is gone: 2 a second again");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_time_brings_it_back() {
        let meter = Quotas::new().meter("1", "r", &config(2.0, 5)).await;
        meter.pass(CREATE).await;
        meter.throttled(CREATE);
        meter.throttled(CREATE);
        let start = Instant::now();
        meter.pass(CREATE).await;
        let pause = start.elapsed();
        assert!(pause >= FIRST_PAUSE && pause <= Duration::from_secs(1), "{pause:?}: the volley counts once");
        meter.accepted(CREATE);

        let slow = Instant::now();
        meter.pass(CREATE).await;
        let spacing = slow.elapsed();
        assert!(spacing > Duration::from_millis(900) && spacing <= Duration::from_secs(1), "{spacing:?} at half rate");

        tokio::time::advance(RECOVERY).await;
        let full = Instant::now();
        for _ in 0..5 {
            meter.pass(CREATE).await;
        }
        assert_eq!(full.elapsed(), Duration::ZERO, "back at the full rate and burst");
        assert_eq!(meter.throttles(), BTreeMap::from([(CREATE, 2)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_is_always_throttled_never_stops() {
        let meter = Quotas::new().meter("1", "r", &config(2.0, 5)).await;
        for _ in 0..20 {
            let start = Instant::now();
            meter.pass(CREATE).await;
            meter.throttled(CREATE);
            assert!(start.elapsed() <= LONGEST_PAUSE.max(Duration::from_millis(500 * 16)));
        }
    }

    #[test]
    fn the_busiest_operation_decides_the_forecast() {
        let calls = BTreeMap::from([(CREATE, 10), (Operation::DeleteUser, 25), (Operation::TagResource, 0)]);
        let forecast = QuotaConfig::default().forecast(&calls);
        assert_eq!(forecast.busiest, Some(Operation::DeleteUser));
        // 21 cells beyond the burst of 4, at 1.6 a second.
        assert_eq!(forecast.least_millis, 13_125);
        assert_eq!(QuotaConfig::default().forecast(&BTreeMap::new()).busiest, None);
    }
}
