//! An HTTP endpoint that takes a JSON object by `POST`. Any answer of 2xx confirms it.
//!
//! | header | value |
//! | --- | --- |
//! | `Authorization` | the configured secret, as it is |
//! | `X-Rollcall-Timestamp` | seconds since 1970 |
//! | `X-Rollcall-Signature` | `v1=` and, in hex, HMAC-SHA256 over timestamp, `.` and body, by the configured key |
//!
//! Invariant: what is sent goes to the configured address only, encrypted beyond this machine; a redirect is a failure.
//! Invariant: secrets are read when there is something to tell, and once more when they are refused.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use connectors::http::{
    Answer, Carrier, HeaderMap, HeaderName, HeaderValue, HttpClient, HttpLimits, Meter, Method, Outgoing,
    TransportError, require_safe,
};
use connectors::{CheckLine, SecretError, SecretSource};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use url::Url;

use super::NotifyError;
use super::config::{WebhookConfig, WebhookUrl};
use crate::model::Time;

const TIMESTAMP: HeaderName = HeaderName::from_static("x-rollcall-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-rollcall-signature");

/// An endpoint.
#[derive(Debug)]
pub(super) struct Webhook {
    name: String,
    config: WebhookConfig,
    client: HttpClient,
}

/// What a request is made with, as it was read now.
struct Secrets {
    url: Option<SecretString>,
    authorization: Option<SecretString>,
    signing_key: Option<SecretString>,
}

impl Webhook {
    pub(super) fn build(
        name: &str,
        config: &WebhookConfig,
        carrier: Option<&Arc<dyn Carrier>>,
    ) -> Result<Self, NotifyError> {
        let limits = HttpLimits {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            total: Duration::from_secs(15),
            // Nobody reads it.
            body_bytes: 1 << 20,
            tls: config.tls.clone(),
            ..HttpLimits::default()
        };
        let client = HttpClient::over(carrier, limits).map_err(|error| NotifyError {
            message: format!("notify.{name}: {error}"),
            hint: "check ca_file under [tls]".to_owned(),
            source: Some(error.into()),
        })?;
        Ok(Self { name: name.to_owned(), config: config.clone(), client })
    }

    pub(super) async fn deliver(&self, message: &Json, now: Time) -> Result<(), NotifyError> {
        let body = message.to_string();
        let secrets = self.secrets(None).await?;
        let mut answer = self.post(&secrets, &body, now).await?;
        if matches!(answer.status.as_u16(), 401 | 403) {
            let again = self.secrets(Some(&secrets)).await?;
            if !again.same(&secrets) {
                answer = self.post(&again, &body, now).await?;
            }
        }
        if answer.status.is_success() {
            return Ok(());
        }
        let hint = match answer.status.as_u16() {
            401 | 403 => "check authorization and signing_key, and that the address is still meant for this",
            404 | 410 => "the address is not valid any more: make a new one at the receiver, and set url to it",
            300..400 => "set url to where it leads; rollcall follows no redirect",
            400 | 413 | 415 | 422 => "the receiver does not take this form of JSON: see its documentation",
            429 | 500.. => "nothing; a later run tells it again",
            _ => "see what the receiver says",
        };
        Err(self.error(format!("answered with status {}", answer.status.as_u16()), hint))
    }

    async fn post(&self, secrets: &Secrets, body: &str, now: Time) -> Result<Answer, NotifyError> {
        let url = self.url(secrets)?;
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(authorization) = &secrets.authorization {
            let mut value = HeaderValue::from_str(authorization.expose_secret())
                .map_err(|_| self.error("authorization is no header value", "store one line of visible ASCII there"))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        if let Some(key) = &secrets.signing_key {
            let timestamp = now.timestamp();
            headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
            let signature = HeaderValue::from_str(&signature(key, timestamp, body));
            headers.insert(SIGNATURE, signature.map_err(|_| self.error("cannot be signed", "see signing_key"))?);
        }
        let out = Outgoing { method: Method::POST, url: &url, headers, body: Some(body.as_bytes().to_vec()) };
        self.client.once(&out, &Meter::default()).await.map_err(|error| {
            let hint = match &error {
                TransportError::Untrusted(_) => "use the name in the server's certificate, or set ca_file under [tls]",
                TransportError::Unreachable(_) => "check the network and the host of url",
                TransportError::CutShort(_) | TransportError::TooBig { .. } => {
                    "look at the receiver, or a proxy before it"
                }
            };
            NotifyError { source: Some(Box::new(error)), ..self.error("no whole answer", hint) }
        })
    }

    fn url(&self, secrets: &Secrets) -> Result<Url, NotifyError> {
        let url = match (&self.config.url, &secrets.url) {
            (WebhookUrl::Plain(url), _) => Some(url.clone()),
            (WebhookUrl::Secret(_), text) => {
                text.as_ref().and_then(|text| Url::parse(text.expose_secret().trim()).ok())
            }
        };
        let url = url.filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
        let url = url.ok_or_else(|| self.error("url is no address", "store a whole https address there"))?;
        if require_safe(&url).is_err() {
            return Err(self.error("url is neither https nor on loopback", "use an https address"));
        }
        Ok(url)
    }

    /// What is needed, read now; `refused` is what the far side did not take.
    async fn secrets(&self, refused: Option<&Secrets>) -> Result<Secrets, NotifyError> {
        let WebhookConfig { url, authorization, signing_key, tls: _ } = &self.config;
        let url = match url {
            WebhookUrl::Plain(_) => None,
            WebhookUrl::Secret(secret) => Some(secret),
        };
        let before = |which: fn(&Secrets) -> &Option<SecretString>| refused.and_then(|refused| which(refused).as_ref());
        Ok(Secrets {
            url: self.secret("url", url, before(|all| &all.url)).await?,
            authorization: self
                .secret("authorization", authorization.as_ref(), before(|all| &all.authorization))
                .await?,
            signing_key: self.secret("signing_key", signing_key.as_ref(), before(|all| &all.signing_key)).await?,
        })
    }

    async fn secret(
        &self,
        key: &str,
        source: Option<&SecretSource>,
        refused: Option<&SecretString>,
    ) -> Result<Option<SecretString>, NotifyError> {
        let Some(source) = source else { return Ok(None) };
        let read = match refused {
            None => source.read().await,
            Some(refused) => source.read_again(refused).await,
        };
        read.map(Some).map_err(|error: SecretError| NotifyError {
            message: format!("notify.{}: {key}: {error}", self.name),
            hint: error.hint(),
            source: None,
        })
    }

    /// Whether the address is one and its host has an address, and every secret can be read. Nothing is posted.
    pub(super) async fn check(&self) -> Vec<CheckLine> {
        let line = |error: NotifyError| vec![CheckLine { ok: false, text: error.message, hint: Some(error.hint) }];
        let url = match self.secrets(None).await.and_then(|secrets| self.url(&secrets)) {
            Ok(url) => url,
            Err(error) => return line(error),
        };
        let host = url.host_str().unwrap_or_default();
        // An address that is kept as a secret is not shown, not even a part of it.
        let shown = match self.config.url {
            WebhookUrl::Plain(_) => host,
            WebhookUrl::Secret(_) => "of url",
        };
        let port = url.port_or_known_default().unwrap_or(443);
        let found = tokio::time::timeout(
            Duration::from_secs(5),
            tokio::net::lookup_host((host.trim_matches(['[', ']']), port)),
        );
        let found = found.await.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()));
        if found {
            let text = format!("notify.{}: the host {shown} is known; nothing was posted", self.name);
            return vec![CheckLine { ok: true, text, hint: None }];
        }
        let hint = "check the host's name; where only a proxy can resolve it, the first message will tell";
        line(self.error(format!("the host {shown} is not known here"), hint))
    }

    fn error(&self, message: impl std::fmt::Display, hint: impl Into<String>) -> NotifyError {
        NotifyError {
            message: format!("notify.{}: the webhook: {message}", self.name),
            hint: hint.into(),
            source: None,
        }
    }
}

impl Secrets {
    fn same(&self, other: &Self) -> bool {
        let Self { url, authorization, signing_key } = self;
        let pairs = [(url, &other.url), (authorization, &other.authorization), (signing_key, &other.signing_key)];
        pairs.into_iter().all(|pair| match pair {
            (Some(one), Some(other)) => one.expose_secret() == other.expose_secret(),
            (one, other) => one.is_none() && other.is_none(),
        })
    }
}

/// `v1=` and the code in hex.
fn signature(key: &SecretString, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let code = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    let hex: String = code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn the_signature_is_what_openssl_makes_of_timestamp_dot_body() {
        let made = signature(&SecretString::from("key"), 1_700_000_000, "{\"a\":1}");
        assert_eq!(made, "v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03");
    }
}
