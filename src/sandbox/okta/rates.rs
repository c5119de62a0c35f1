//! Rate limits: one window of a minute per bucket, by the tenant's clock, and a ceiling of requests at the same time.
//!
//! Deliberately absent: the share of a bucket a single token may use.
//!
//! (Okta documentation, "Rate limits", "Review 429 rate limit response codes" and "Concurrent rate limits".)

use std::collections::BTreeMap;

use super::call::Operation;
use super::reply::{Headers, Refusal};
use super::settings::RateLimits;

/// Length of a window. It begins with the first request, not with the minute.
const WINDOW_MILLIS: i64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    Users,
    User,
    Groups,
    Group,
    Apps,
    App,
    Logs,
    Other,
}

impl Bucket {
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Users => Self::Users,
            Operation::User(_) => Self::User,
            Operation::Groups => Self::Groups,
            Operation::Group(_) => Self::Group,
            Operation::App(_) => Self::App,
            Operation::Apps | Operation::AppUsers(_) | Operation::AppUser(..) | Operation::AppGroups(_) => Self::Apps,
            Operation::Logs => Self::Logs,
            Operation::UserGroups(_) | Operation::GroupUsers(_) | Operation::Token => Self::Other,
            Operation::WrongMethod | Operation::Unknown => Self::Other,
        }
    }

    fn limit(self, limits: &RateLimits) -> u32 {
        match self {
            Self::Users => limits.users,
            Self::User => limits.user,
            Self::Groups => limits.groups,
            Self::Group => limits.group,
            Self::Apps => limits.apps,
            Self::App => limits.app,
            Self::Logs => limits.logs,
            Self::Other => limits.other,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: i64,
    used: u32,
}

/// The buckets of the org.
#[derive(Debug, Default)]
pub(super) struct Rates {
    windows: BTreeMap<Bucket, Window>,
    /// Requests being answered.
    pub(super) running: usize,
}

/// Where a bucket stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    limit: u32,
    remaining: u32,
    /// Epoch seconds.
    reset: i64,
    /// Whether the request was within the limit.
    pub(super) fits: bool,
}

impl Standing {
    pub(super) fn headers(self) -> Headers {
        let Self { limit, remaining, reset, fits: _ } = self;
        vec![
            ("x-rate-limit-limit", limit.to_string()),
            ("x-rate-limit-remaining", remaining.to_string()),
            ("x-rate-limit-reset", reset.to_string()),
        ]
    }

    /// The same when too many requests are running at once: both numbers read 0 and the end is a guess.
    pub(super) fn crowded(self, now: i64) -> Self {
        Self { limit: 0, remaining: 0, reset: now / 1000 + 1, fits: false }
    }

    /// The same after the bucket is said to be empty.
    pub(super) fn spent(self) -> Self {
        Self { remaining: 0, fits: false, ..self }
    }
}

impl Rates {
    /// Takes one request from the bucket of the operation; `now` in milliseconds.
    pub(super) fn charge(&mut self, operation: &Operation, limits: &RateLimits, now: i64) -> Standing {
        let bucket = Bucket::of(operation);
        let limit = bucket.limit(limits);
        let window = self.windows.entry(bucket).or_insert(Window { ends: now + WINDOW_MILLIS, used: 0 });
        if now >= window.ends {
            *window = Window { ends: now + WINDOW_MILLIS, used: 0 };
        }
        let fits = window.used < limit;
        if fits {
            window.used += 1;
        }
        // Rounded up: who waits for the second that is named finds a new window.
        let reset = window.ends.div_euclid(1000) + i64::from(window.ends.rem_euclid(1000) > 0);
        Standing { limit, remaining: limit.saturating_sub(window.used), reset, fits }
    }
}

/// What a request reads that came too early.
pub(super) fn refusal() -> Refusal {
    Refusal::new(429, "E0000047", "API call exceeded rate limit due to too many requests.")
}
