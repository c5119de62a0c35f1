//! Builds the Amazon Connect client from what the administrator configured.
//!
//! Invariant: the SDK makes one attempt per call. Its own retries would spend quota behind the bucket's back, and turn a
//! lost reply of `CreateUser` into a `DuplicateResourceException`.
//! Invariant: plain `http` goes to loopback only, and a loopback endpoint never sees real credentials.
//!
//! Credentials come from the ordinary AWS chain: environment, profile (SSO and credential processes included), web
//! identity, container, instance role; then the role to assume, if one is configured.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_connect::Client;
use aws_sdk_connect::config::{Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient};
use url::{Host, Url};

use super::config::ConnectConfig;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one attempt, connection included. A page of 500 users takes a second or two.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time a reply may stall before it counts as lost.
const STALL_GRACE: Duration = Duration::from_secs(20);

/// Connect cannot be reached as configured.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is not encrypted and not on this machine.
    #[error("endpoint_url is plain http and not on loopback")]
    PlainHttp,
    /// No AWS credentials were found, or they could not be had.
    #[error("no AWS credentials{}", .role.as_deref().map(|role| format!(" for the role {role}")).unwrap_or_default())]
    NoCredentials {
        /// The role that was to be assumed.
        role: Option<String>,
        /// What the chain said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::PlainHttp => "use https, or an endpoint on 127.0.0.1".to_owned(),
            Self::NoCredentials { role: Some(_), .. } => {
                "check that the role's trust policy names the identity rollcall runs as, and that this identity may call \
                 sts:AssumeRole"
                    .to_owned()
            }
            Self::NoCredentials { role: None, .. } => {
                "set `profile` under [connect], AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on a machine with an \
                 instance or task role; `aws sts get-caller-identity` shows what the chain finds"
                    .to_owned()
            }
        }
    }
}

/// The client for one instance, with credentials that have been had once. `http` carries its requests instead of the
/// network.
pub(super) async fn build(config: &ConnectConfig, http: Option<&SharedHttpClient>) -> Result<Client, ClientError> {
    let loopback = config.endpoint_url.as_ref().is_some_and(is_loopback);
    if config.endpoint_url.as_ref().is_some_and(|url| url.scheme() == "http") && !loopback {
        return Err(ClientError::PlainHttp);
    }
    let shared = shared_config(config, loopback, http).await;
    let mut connect = aws_sdk_connect::config::Builder::from(&shared)
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        )
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build());
    connect.set_endpoint_url(config.endpoint_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()));
    if !loopback {
        let provider = credentials(config, &shared).await?;
        connect = connect.credentials_provider(provider);
    }
    Ok(Client::from_conf(connect.build()))
}

async fn shared_config(config: &ConnectConfig, loopback: bool, http: Option<&SharedHttpClient>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(config.region.clone()));
    if let Some(http) = http {
        loader = loader.http_client(http.clone());
    }
    if let Ok(name) = AppName::new(env!("CARGO_PKG_NAME")) {
        loader = loader.app_name(name);
    }
    if loopback {
        // The sandbox checks no signature, and a program on this machine that pretends to be Connect must learn nothing.
        loader = loader.credentials_provider(Credentials::new("sandbox", "sandbox", None, None, "loopback"));
    } else if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// Fails early: a missing credential found by the first call of a run would look like a failure of that call.
async fn credentials(config: &ConnectConfig, shared: &SdkConfig) -> Result<SharedCredentialsProvider, ClientError> {
    let role = config.assume_role.clone();
    let provider = match (&role, shared.credentials_provider()) {
        (Some(role), _) => {
            let assume = AssumeRoleProvider::builder(role)
                .session_name(env!("CARGO_PKG_NAME"))
                .region(Region::new(config.region.clone()))
                .configure(shared);
            SharedCredentialsProvider::new(assume.build().await)
        }
        (None, Some(provider)) => provider,
        (None, None) => {
            let source = "the credential chain is empty".into();
            return Err(ClientError::NoCredentials { role, source });
        }
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(provider),
        Err(source) => Err(ClientError::NoCredentials { role, source: Box::new(source) }),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_only() {
        let check = |url: &str, expected: bool| assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        check("http://127.0.0.1:8080", true);
        check("http://127.9.9.9", true);
        check("http://[::1]:1", true);
        check("http://localhost:1", true);
        check("http://localhost.example.com", false);
        check("http://10.0.0.1", false);
        check("https://connect.eu-west-2.amazonaws.com", false);
    }

    #[tokio::test]
    async fn plain_http_elsewhere_is_refused() {
        let mut config = super::super::fake::config("http://127.0.0.1:1");
        config.endpoint_url = Some("http://connect.example.com".parse().unwrap());
        let error = build(&config, None).await.expect_err("plain http");
        assert!(matches!(error, ClientError::PlainHttp), "{error}");
        assert!(error.hint().contains("https"));
    }
}
