//! Token buckets, one per operation, and what was called how often.
//!
//! Source: Amazon Connect administrator guide, "API throttling quotas": every operation has its own bucket per account and
//! Region, 2 requests a second with a burst of 5 unless listed otherwise; a refused request takes no token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Requests a second.
    pub per_second: f64,
    /// Size of the bucket; it starts full.
    pub burst: f64,
}

impl Bucket {
    /// What the documentation grants every operation of Connect that is not listed.
    pub const CONNECT_DEFAULT: Self = Self { per_second: 2.0, burst: 5.0 };
}

/// What an account may call.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaSettings {
    /// Every operation that is not listed; absent = unlimited.
    pub default: Option<Bucket>,
    /// Single operations by name; absent value = unlimited.
    pub operations: BTreeMap<String, Option<Bucket>>,
}

impl QuotaSettings {
    /// Nothing is ever throttled.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { default: None, operations: BTreeMap::new() }
    }
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { default: Some(Bucket::CONNECT_DEFAULT), operations: BTreeMap::new() }
    }
}

/// What happened to one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Requests that arrived, throttled ones included.
    pub calls: u64,
    /// Requests the bucket refused. Faults are not counted here.
    pub throttled: u64,
}

/// The buckets of an account. Clones share them, and so do instances that were told to [share](Quota::share) them.
#[derive(Debug, Clone)]
pub struct Quota(Arc<Mutex<Arc<Mutex<Buckets>>>>);

#[derive(Debug)]
struct Buckets {
    settings: QuotaSettings,
    levels: BTreeMap<String, Level>,
    calls: BTreeMap<String, Calls>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Quota {
    /// Full buckets.
    #[must_use]
    pub fn new(settings: QuotaSettings) -> Self {
        let buckets = Buckets { settings, levels: BTreeMap::new(), calls: BTreeMap::new() };
        Self(Arc::new(Mutex::new(Arc::new(Mutex::new(buckets)))))
    }

    /// From now on this instance is of the other one's account: they have the same buckets.
    pub fn share(&self, other: &Self) {
        let buckets = other.buckets();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = buckets;
    }

    fn buckets(&self) -> Arc<Mutex<Buckets>> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Grants other rates from now on; all buckets are full again.
    pub fn set(&self, settings: QuotaSettings) {
        let buckets = self.buckets();
        let mut inner = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        inner.settings = settings;
        inner.levels.clear();
    }

    /// Counts a request that arrived.
    pub(super) fn count(&self, operation: &str) {
        let buckets = self.buckets();
        let mut inner = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        inner.calls.entry(operation.to_owned()).or_default().calls += 1;
    }

    /// Takes a token. Refused: the how-manieth refusal of this operation it is, from 1.
    pub(super) fn admit(&self, operation: &str) -> Result<(), u64> {
        let buckets = self.buckets();
        let mut inner = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = inner.settings.operations.get(operation).copied().unwrap_or(inner.settings.default) else {
            return Ok(());
        };
        let now = Instant::now();
        let level = inner.levels.entry(operation.to_owned()).or_insert(Level { tokens: bucket.burst, at: now });
        let gained = now.duration_since(level.at).as_secs_f64() * bucket.per_second;
        level.tokens = (level.tokens + gained).min(bucket.burst);
        level.at = now;
        if level.tokens >= 1.0 {
            level.tokens -= 1.0;
            return Ok(());
        }
        let calls = inner.calls.entry(operation.to_owned()).or_default();
        calls.throttled += 1;
        Err(calls.throttled)
    }

    /// The counts so far, by operation.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.buckets().lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    /// Starts counting anew; the buckets keep their level.
    pub fn reset_calls(&self) {
        self.buckets().lock().unwrap_or_else(PoisonError::into_inner).calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_refills_and_never_overflows() {
        let quota = Quota::new(QuotaSettings::default());
        let burst = |quota: &Quota| (0..20).filter(|_| quota.admit("CreateUser").is_ok()).count();
        assert_eq!(burst(&quota), 5);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(burst(&quota), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(burst(&quota), 5, "idle time is not saved beyond the burst");
        assert_eq!(quota.calls()["CreateUser"].throttled, 15 + 18 + 15);
    }

    #[tokio::test(start_paused = true)]
    async fn operations_do_not_share_a_bucket() {
        let one = Bucket { per_second: 1.0, burst: 1.0 };
        let operations = BTreeMap::from([("A".to_owned(), Some(one)), ("B".to_owned(), None)]);
        let quota = Quota::new(QuotaSettings { default: Some(one), operations });
        assert!(quota.admit("A").is_ok());
        assert_eq!(quota.admit("A"), Err(1));
        assert_eq!(quota.admit("A"), Err(2));
        assert!((0..1000).all(|_| quota.admit("B").is_ok()), "an absent bucket is no limit");
        assert!(quota.admit("C").is_ok());
    }
}
