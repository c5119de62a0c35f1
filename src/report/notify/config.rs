//! What the administrator says about who is told of trouble.

use std::collections::BTreeSet;
use std::fmt;

use connectors::http::Tls;
use connectors::{SecretSource, VaultName};
use url::Url;

use super::decide::Hears;
use crate::aws::Reach;

/// One `[notify.*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierConfig {
    /// The configured name.
    pub name: String,
    /// Of what it is told.
    pub hears: Hears,
    /// How.
    pub kind: NotifierKind,
}

/// How somebody is told. One place to add a way: a file in this folder and a variant here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifierKind {
    /// A topic of Amazon SNS.
    Sns(SnsConfig),
    /// An HTTP endpoint that takes JSON.
    Webhook(Box<WebhookConfig>),
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsConfig {
    /// Its ARN.
    pub topic: String,
    /// How AWS is reached; the Region is the topic's.
    pub reach: Reach,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where to.
    pub url: WebhookUrl,
    /// The value of the `Authorization` header.
    pub authorization: Option<SecretSource>,
    /// The key of the signature.
    pub signing_key: Option<SecretSource>,
    /// Who is trusted.
    pub tls: Tls,
}

/// An address that may carry a key.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookUrl {
    /// As it stands in the file.
    Plain(Url),
    /// Kept where secrets are.
    Secret(SecretSource),
}

impl fmt::Debug for WebhookUrl {
    // Whoever has the whole address may post.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(url) => write!(f, "Plain({})", url.host_str().unwrap_or_default()),
            Self::Secret(source) => f.debug_tuple("Secret").field(source).finish(),
        }
    }
}

impl NotifierConfig {
    /// Every secret it needs.
    pub fn secrets_mut(&mut self) -> Vec<&mut SecretSource> {
        match &mut self.kind {
            NotifierKind::Sns(_) => Vec::new(),
            NotifierKind::Webhook(webhook) => {
                let WebhookConfig { url, authorization, signing_key, tls: _ } = webhook.as_mut();
                let url = match url {
                    WebhookUrl::Plain(_) => None,
                    WebhookUrl::Secret(secret) => Some(secret),
                };
                [url, authorization.as_mut(), signing_key.as_mut()].into_iter().flatten().collect()
            }
        }
    }

    /// What those of its secrets that are in a store are called there.
    #[must_use]
    pub fn stored_secrets(&self) -> BTreeSet<VaultName> {
        let mut config = self.clone();
        config.secrets_mut().into_iter().filter_map(|secret| secret.in_vault().cloned()).collect()
    }
}
