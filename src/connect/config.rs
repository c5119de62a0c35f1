//! What the administrator says about the Connect instance and its quota.
//!
//! Source of the defaults: Amazon Connect administrator guide, "API throttling quotas": 2 requests a second, burst 5, per
//! operation, AWS account and Region.

use std::collections::BTreeMap;

use connectors::http::Tls;
use url::Url;

use crate::model::Operation;

/// The instance and how to reach it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectConfig {
    /// ARN of the instance.
    pub instance_arn: String,
    /// Its id, the last part of the ARN.
    pub instance_id: String,
    /// AWS account, from the ARN. Buckets are shared per account, Region and operation.
    pub account: String,
    /// AWS Region, from the ARN unless configured.
    pub region: String,
    /// Named AWS profile.
    pub profile: Option<String>,
    /// ARN of a role to assume.
    pub assume_role: Option<String>,
    /// Another endpoint: the sandbox. Plain `http` for loopback only.
    pub endpoint_url: Option<Url>,
    /// Who is trusted.
    pub tls: Tls,
    /// Quota.
    pub quota: QuotaConfig,
}

/// The part of the quota rollcall may use.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaConfig {
    /// Part of rate and burst, above 0 up to 1; the rest stays free for live contact flows.
    pub share: f64,
    /// Rate of every operation that is not listed.
    pub default: Rate,
    /// Rates of single operations.
    pub operations: BTreeMap<Operation, Rate>,
}

/// A token bucket as AWS documents it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second.
    pub per_second: f64,
    /// Size of the bucket, at least 1.
    pub burst: u32,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self { share: 0.8, default: Rate { per_second: 2.0, burst: 5 }, operations: BTreeMap::new() }
    }
}

impl QuotaConfig {
    /// The bucket rollcall uses for an operation: the share of the rate, and of the burst (never below 1).
    #[must_use]
    pub fn rate(&self, operation: Operation) -> Rate {
        let full = self.operations.get(&operation).copied().unwrap_or(self.default);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by burst, which is a u32")]
        let burst = (f64::from(full.burst) * self.share).floor() as u32;
        Rate { per_second: full.per_second * self.share, burst: burst.max(1) }
    }
}
