//! How fast the org may be asked: its rate-limit headers, read on every answer and respected before the limit is hit.
//!
//! Headers, buckets and the two kinds of 429: Okta reference, "Rate limits" (`X-Rate-Limit-Limit`, `-Remaining`, `-Reset`)
//! and "Concurrency limits". A bucket is a method with its most specific path; everything read here is a GET.
//!
//! Invariant: times are the org's own: a reset is compared with the `Date` of the same answer, never with our clock, unless
//! there is no `Date`.
//! Invariant: what is left to the org's other clients is `1 - share` of each bucket.
//! Deliberately absent: the sizes of the buckets. The headers say them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap};
use tokio::time::Instant;
use url::Url;

use crate::auth::{ClockOffset, WallClock};
use crate::http::{Answer, retry_after};
use crate::remote::Pace;

/// The shortest wait after a 429.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// How often the pause after a concurrency refusal is doubled at most: up to 8 s.
const MOST_DOUBLINGS: u32 = 3;

/// A list is not asked for in smaller pages than this.
pub(super) const SMALLEST_PAGE: u32 = 10;

/// What the answers have said so far.
pub(super) struct Buckets {
    share: f64,
    clock: WallClock,
    offset: ClockOffset,
    seen: Mutex<BTreeMap<&'static str, Bucket>>,
    crowded: AtomicU32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    limit: u32,
    left: u32,
    resets: Instant,
}

/// What one answer says of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    limit: u32,
    left: u32,
    reset: i64,
}

impl Told {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let small = |name: &str| u32::try_from(number(name)?).ok();
        let (limit, left) = (small("x-rate-limit-limit")?, small("x-rate-limit-remaining")?);
        Some(Self { limit, left, reset: number("x-rate-limit-reset")? })
    }

    /// The form a refusal for concurrency has; its reset is only a guess.
    fn is_crowd(self) -> bool {
        self.limit == 0 && self.left == 0
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.locked().iter()).finish()
    }
}

impl Buckets {
    /// Nothing is known yet. `share` is the part of each bucket that may be used.
    pub(super) fn new(share: f64, clock: WallClock) -> Self {
        Self { share, clock, offset: ClockOffset::default(), seen: Mutex::default(), crowded: AtomicU32::new(0) }
    }

    /// How far the org's clock is ahead of ours.
    pub(super) fn clock_offset(&self) -> &ClockOffset {
        &self.offset
    }

    /// Now, by the org's clock; `None` before its first answer.
    pub(super) fn org_time(&self) -> Option<DateTime<Utc>> {
        (self.clock)().checked_add_signed(TimeDelta::try_seconds(self.offset.seconds()?)?)
    }

    /// Each bucket that was used: its name, its limit, what is left.
    pub(super) fn headroom(&self) -> Vec<(&'static str, u32, u32)> {
        self.locked().iter().map(|(name, bucket)| (*name, bucket.limit, bucket.left)).collect()
    }

    /// What is left to others.
    fn floor(&self, limit: u32) -> u32 {
        let floor = f64::from(limit) * (1.0 - self.share) + 1e-9;
        // Between 0 and `limit`, as the share is between 0 and 1; the cast saturates at worst.
        floor as u32
    }

    fn until(&self, reset: i64, headers: &HeaderMap) -> Duration {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        let now = date.map_or_else(|| (self.clock)().timestamp(), |date| date.timestamp());
        Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or(0))
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<&'static str, Bucket>> {
        // No code that holds the lock can panic half-way through a change.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bucket of an address. `/groups/{id}/users` is one of its own: which one the org counts it in is not documented, and
/// its answers say it.
fn bucket(path: &str) -> &'static str {
    let path = path.split_once("/api/v1/").map_or(path, |(_, path)| path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["users"] => "/users",
        ["users", _] => "/users/{id}",
        ["groups"] => "/groups",
        ["groups", _] => "/groups/{id}",
        ["groups", _, "users"] => "/groups/{id}/users",
        ["apps", _] => "/apps/{id}",
        ["apps", ..] => "/apps",
        ["logs"] => "/logs",
        _ => "others",
    }
}

/// The page size an address asks for.
fn page_size(url: &Url) -> Option<u32> {
    url.query_pairs().find(|(name, _)| name == "limit")?.1.parse().ok()
}

/// The same address with half the page size; `None` if it has none, or a smaller one makes no sense.
pub(super) fn smaller_page(url: &Url) -> Option<Url> {
    let size = page_size(url).filter(|size| *size > SMALLEST_PAGE)?;
    let halved = (size / 2).max(SMALLEST_PAGE).to_string();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut smaller = url.clone();
    smaller
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(name, value)| (name, if name == "limit" { &halved } else { value })));
    Some(smaller)
}

impl Pace for Buckets {
    fn before(&self, url: &Url) -> Duration {
        let name = bucket(url.path());
        let mut seen = self.locked();
        let Some(bucket) = seen.get_mut(name) else { return Duration::ZERO };
        let now = Instant::now();
        if now >= bucket.resets {
            // A new window; its first answer says how large it is.
            return Duration::ZERO;
        }
        if bucket.left <= self.floor(bucket.limit) {
            let wait = bucket.resets - now;
            tracing::debug!(bucket = name, left = bucket.left, limit = bucket.limit, ?wait, "the share is used up");
            return wait;
        }
        // Requests that are under way together must not all take the last one.
        bucket.left -= 1;
        Duration::ZERO
    }

    fn after(&self, url: &Url, answer: &Answer) -> Option<Duration> {
        self.offset.measure(&answer.headers, (self.clock)());
        let told = Told::of(&answer.headers);
        if let Some(told) = told.filter(|told| !told.is_crowd()) {
            let resets = Instant::now() + self.until(told.reset, &answer.headers).min(Duration::from_secs(86_400));
            self.locked().insert(bucket(url.path()), Bucket { limit: told.limit, left: told.left, resets });
        }
        if answer.status.as_u16() != 429 {
            self.crowded.store(0, Ordering::Relaxed);
            return None;
        }
        if retry_after(&answer.headers).is_some() {
            return None;
        }
        let told = told?;
        if told.is_crowd() {
            let times = self.crowded.fetch_add(1, Ordering::Relaxed).min(MOST_DOUBLINGS);
            return Some(LEAST_WAIT.saturating_mul(1 << times).mul_f64(0.5 + fastrand::f64() / 2.0));
        }
        // Jitter: whoever waits for the same reset must not come back in the same moment.
        let jitter = Duration::from_secs_f64(fastrand::f64());
        Some(self.until(told.reset, &answer.headers).max(LEAST_WAIT) + jitter)
    }

    /// A list that takes the org too long is asked for in smaller pages instead of again (Okta reference, "List all
    /// users": HTTP 500 means that the query timed out).
    fn settled(&self, url: &Url, answer: &Answer) -> bool {
        answer.status.as_u16() == 500 && page_size(url).is_some_and(|size| size > SMALLEST_PAGE)
    }
}
