//! How AWS is reached: Region, credentials, trust, time-outs. Every AWS client of the program is made from what is made here.
//!
//! Invariant: the SDK makes one attempt per call. Its own retries would spend quota behind the caller's back, and turn a
//! lost reply of a create into a refusal.
//! Invariant: plain `http` goes to loopback only; a loopback endpoint never sees real credentials, and no proxy stands before
//! it.
//! Invariant: certificates are verified by the same [`Tls`] as those of the directories. The SDK's HTTP client follows no
//! redirect: a 3xx is an error of the call, so a signed request goes to the endpoint it was signed for and nowhere else.
//!
//! Credentials come from the ordinary AWS chain: environment, profile (SSO and credential processes included), web
//! identity, container, instance role; then the role to assume, if one is configured. The services of that chain are
//! reached with the same trust. `HTTPS_PROXY` and `NO_PROXY` are followed.
//!
//! Deliberately absent: what is asked of AWS. Each room makes the client of its own service.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_connect::config::{Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectors::http::{Roots, Tls, is_loopback};
use url::Url;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one attempt, connection included. A page of 500 users takes a second or two.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where AWS is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Region.
    pub region: String,
    /// Named AWS profile.
    pub profile: Option<String>,
    /// ARN of a role to assume.
    pub assume_role: Option<String>,
    /// Another endpoint: the sandbox. Plain `http` for loopback only.
    pub endpoint_url: Option<Url>,
    /// Who is trusted.
    pub tls: Tls,
}

/// AWS cannot be reached as configured.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The endpoint is not encrypted and not on this machine.
    #[error("endpoint_url is plain http and not on loopback")]
    PlainHttp,
    /// The roots of trust cannot be used.
    #[error("the certificates of [tls] cannot be used")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
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

impl ReachError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::PlainHttp => "use https, or an endpoint on 127.0.0.1".to_owned(),
            Self::Tls(_) => "check ca_file under [tls]".to_owned(),
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

/// What clients are made from, with credentials that have been had once: a missing one that the first call of a run finds
/// would look like a failure of that call.
///
/// # Errors
/// See [`ReachError`].
pub async fn open(reach: &Reach) -> Result<SdkConfig, ReachError> {
    let loaded = load(reach).await?;
    if reach.endpoint_url.as_ref().is_some_and(is_loopback) {
        return Ok(finish(reach, loaded));
    }
    let provider = credentials(reach, &loaded).await?;
    Ok(finish(reach, loaded.into_builder().credentials_provider(provider).build()))
}

/// The same without looking for credentials, and without the role: for what may fail by itself later.
///
/// # Errors
/// See [`ReachError`].
pub async fn prepare(reach: &Reach) -> Result<SdkConfig, ReachError> {
    Ok(finish(reach, load(reach).await?))
}

async fn load(reach: &Reach) -> Result<SdkConfig, ReachError> {
    let loopback = reach.endpoint_url.as_ref().is_some_and(is_loopback);
    if reach.endpoint_url.as_ref().is_some_and(|url| url.scheme() != "https") && !loopback {
        return Err(ReachError::PlainHttp);
    }
    let client = http_client(&reach.tls, loopback)?;
    let region = Region::new(reach.region.clone());
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(client);
    if let Ok(name) = AppName::new(env!("CARGO_PKG_NAME")) {
        loader = loader.app_name(name);
    }
    if loopback {
        // The sandbox checks no signature, and a program on this machine that pretends to be AWS must learn nothing.
        loader = loader.credentials_provider(Credentials::new("sandbox", "sandbox", None, None, "loopback"));
    } else if let Some(profile) = &reach.profile {
        loader = loader.profile_name(profile);
    }
    Ok(loader.load().await)
}

/// What concerns the service alone: the services of the credential chain keep their endpoints, time-outs and retries.
fn finish(reach: &Reach, loaded: SdkConfig) -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut shared = loaded.into_builder();
    shared.set_retry_config(Some(RetryConfig::disabled()));
    shared.set_timeout_config(Some(timeouts));
    shared.set_endpoint_url(reach.endpoint_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()));
    shared.build()
}

async fn credentials(reach: &Reach, shared: &SdkConfig) -> Result<SharedCredentialsProvider, ReachError> {
    let role = reach.assume_role.clone();
    let provider = match (&role, shared.credentials_provider()) {
        (Some(role), _) => {
            let assume = AssumeRoleProvider::builder(role)
                .session_name(env!("CARGO_PKG_NAME"))
                .region(Region::new(reach.region.clone()))
                .configure(shared);
            SharedCredentialsProvider::new(assume.build().await)
        }
        (None, Some(provider)) => provider,
        (None, None) => {
            let source = "the credential chain is empty".into();
            return Err(ReachError::NoCredentials { role, source });
        }
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(provider),
        Err(source) => Err(ReachError::NoCredentials { role, source: Box::new(source) }),
    }
}

/// The SDK's own client with our roots of trust; it speaks TLS 1.2 and 1.3.
fn http_client(tls: &Tls, loopback: bool) -> Result<SharedHttpClient, ReachError> {
    let mut store = TrustStore::empty().with_native_roots(tls.roots() == Roots::System);
    for certificate in tls.certificates() {
        store.add_pem_certificate(pem(certificate));
    }
    let context =
        TlsContext::builder().with_trust_store(store).build().map_err(|error| ReachError::Tls(Box::new(error)))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let proxy = if loopback { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.set_proxy_config(Some(proxy));
        connector.build()
    }))
}

/// The SDK takes certificates as PEM only.
fn pem(der: &[u8]) -> Vec<u8> {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let base64 = STANDARD.encode(der);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(endpoint: &str) -> Reach {
        Reach {
            region: "eu-west-2".to_owned(),
            profile: None,
            assume_role: None,
            endpoint_url: Some(endpoint.parse().unwrap()),
            tls: Tls::default(),
        }
    }

    #[tokio::test]
    async fn plain_http_elsewhere_is_refused() {
        for elsewhere in
            ["http://connect.example.com", "http://10.0.0.1", "http://localhost.example.com", "ftp://127.0.0.2.example"]
        {
            let error = open(&reach(elsewhere)).await.expect_err(elsewhere);
            assert!(matches!(error, ReachError::PlainHttp), "{error}");
            assert!(error.hint().contains("https"));
        }
    }

    #[tokio::test]
    async fn a_loopback_endpoint_gets_no_real_credentials() {
        for here in
            ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1", "http://localhost:1", "https://localhost:1"]
        {
            let with_role = Reach { assume_role: Some("arn:aws:iam::111122223333:role/r".to_owned()), ..reach(here) };
            let shared = open(&with_role).await.unwrap();
            let credentials = shared.credentials_provider().unwrap().provide_credentials().await.unwrap();
            assert_eq!(
                (credentials.access_key_id(), credentials.secret_access_key()),
                ("sandbox", "sandbox"),
                "{here}"
            );
            assert!(shared.retry_config().is_some_and(|retry| retry.max_attempts() == 1));
        }
    }

    #[test]
    fn every_bundled_root_can_be_used() {
        let tls = Tls::new(Roots::Bundled, None).unwrap();
        assert!(http_client(&tls, false).is_ok());
        let first = tls.certificates().next().unwrap();
        assert!(Tls::new(Roots::System, Some(std::str::from_utf8(&pem(first)).unwrap())).is_ok());
    }
}
