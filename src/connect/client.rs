//! Builds the Amazon Connect client from what the administrator configured.
//!
//! Invariant: the SDK makes one attempt per call ([`crate::aws`]): its own retries would turn a lost reply of `CreateUser`
//! into a `DuplicateResourceException`.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_connect::Client;
use aws_sdk_connect::config::SharedHttpClient;

use super::config::ConnectConfig;
use crate::aws::{self, Reach, ReachError};

/// Time a reply may stall before it counts as lost.
const STALL_GRACE: Duration = Duration::from_secs(20);

/// The client for one instance, with credentials that have been had once. `http` carries its requests instead of the network.
pub(super) async fn build(config: &ConnectConfig, http: Option<&SharedHttpClient>) -> Result<Client, ReachError> {
    let reach = Reach {
        region: config.region.clone(),
        profile: config.profile.clone(),
        assume_role: config.assume_role.clone(),
        endpoint_url: config.endpoint_url.clone(),
        tls: config.tls.clone(),
    };
    let mut connect = aws_sdk_connect::config::Builder::from(&aws::open(&reach).await?)
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build());
    if let Some(http) = http {
        connect = connect.http_client(http.clone());
    }
    Ok(Client::from_conf(connect.build()))
}
