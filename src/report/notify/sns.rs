//! A topic of Amazon SNS, whose subscribers (e-mail addresses, functions, queues) are told.
//!
//! Invariant: one attempt per message; the SDK's own retries are off.
//! Invariant: only a whole answer confirms a message. The SDK reads the id of a message out of half an answer as well.
//! Sources: SNS API reference, `Publish` (size of a message, subject), `GetTopicAttributes`, "Common errors".
//!
//! Deliberately absent: message attributes, FIFO topics (e-mail addresses cannot subscribe to them).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_sns::Client;
use aws_sdk_sns::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sns::config::{Builder, ConfigBag, Intercept, RuntimeComponents, SharedHttpClient};
use aws_sdk_sns::error::{BoxError, ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::RequestId as _;
use connectors::CheckLine;

use super::NotifyError;
use super::config::SnsConfig;
use crate::aws;

/// A topic.
#[derive(Debug)]
pub(super) struct Sns {
    name: String,
    topic: String,
    client: Client,
}

impl Sns {
    pub(super) async fn build(
        name: &str,
        config: &SnsConfig,
        http: Option<&SharedHttpClient>,
    ) -> Result<Self, NotifyError> {
        let SnsConfig { topic, reach } = config;
        // Missing credentials are found when there is something to tell: a notifier never stops a run.
        let shared = aws::prepare(reach).await.map_err(|error| NotifyError {
            message: format!("notify.{name}: {error}"),
            hint: error.hint(),
            source: None,
        })?;
        let mut client = Builder::from(&shared);
        if let Some(http) = http {
            client = client.http_client(http.clone());
        }
        Ok(Self { name: name.to_owned(), topic: topic.clone(), client: Client::from_conf(client.build()) })
    }

    pub(super) async fn deliver(&self, subject: &str, text: &str) -> Result<(), NotifyError> {
        let whole = Whole::default();
        let call = self.client.publish().topic_arn(&self.topic).subject(subject).message(text);
        let call = call.customize().interceptor(whole.clone());
        let answer = call.send().await.map_err(|error| self.judge("Publish", error))?;
        let wrong = |what: &str| NotifyError {
            message: format!("notify.{}: Publish: {what}", self.name),
            hint: "check endpoint_url, and any proxy between here and AWS".to_owned(),
            source: None,
        };
        // Whatever answers 200 without the id of a message is not the service.
        if answer.message_id().is_none_or(str::is_empty) {
            return Err(wrong("an answer without the id of a message"));
        }
        if whole.is_whole() { Ok(()) } else { Err(wrong("the answer ends before its end")) }
    }

    /// Whether the topic is there and somebody listens. Nothing is published.
    pub(super) async fn check(&self) -> Vec<CheckLine> {
        let topic = self.topic.rsplit(':').next().unwrap_or_default();
        let answer = self.client.get_topic_attributes().topic_arn(&self.topic).send().await;
        let attributes = match answer {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) => {
                let NotifyError { message, hint, source: _ } = self.judge("GetTopicAttributes", error);
                return vec![CheckLine { ok: false, text: message, hint: Some(hint) }];
            }
        };
        let number = |name: &str| attributes.get(name).and_then(|text| text.parse::<u64>().ok());
        let (confirmed, pending) = (number("SubscriptionsConfirmed"), number("SubscriptionsPending").unwrap_or(0));
        let waiting = if pending > 0 { format!(", {pending} not confirmed yet") } else { String::new() };
        let (ok, text, hint) = match confirmed {
            Some(0) => (
                false,
                format!("topic {topic} has no confirmed subscription{waiting}: nobody would be told"),
                Some("subscribe an address to the topic, and confirm it by the link it is sent".to_owned()),
            ),
            Some(n) => (true, format!("topic {topic}, confirmed subscriptions: {n}{waiting}"), None),
            None => (true, format!("topic {topic}"), None),
        };
        vec![CheckLine { ok, text: format!("notify.{}: {text}", self.name), hint }]
    }

    fn judge<E>(&self, operation: &str, error: SdkError<E>) -> NotifyError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(ToOwned::to_owned);
        // Before anything was sent: no credentials, or a request that cannot be built.
        let nothing_sent = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::DispatchFailure(failure) => {
                failure.is_other() && failure.as_connector_error().and_then(ConnectorError::as_other).is_none()
            }
            _ => false,
        };
        let what = code.clone().unwrap_or_else(|| match status {
            Some(status) => format!("status {status}"),
            None if nothing_sent => "the request could not be made".to_owned(),
            None => "no reply".to_owned(),
        });
        let request = error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
        let topic = &self.topic;
        let hint = match code.as_deref() {
            Some("AuthorizationError" | "AccessDenied" | "AccessDeniedException") => {
                format!("allow sns:{operation} on {topic} for this AWS identity")
            }
            Some("NotFound") => format!("create the topic {topic}, or correct `topic`"),
            Some("KMSAccessDenied" | "KMSDisabled" | "KMSInvalidState" | "KMSNotFound" | "KMSOptInRequired") => {
                "allow kms:GenerateDataKey and kms:Decrypt on the key of the topic, and see that it is enabled"
                    .to_owned()
            }
            Some("InvalidClientTokenId" | "ExpiredToken" | "SignatureDoesNotMatch" | "InvalidSecurity") => {
                "renew the AWS credentials".to_owned()
            }
            _ if nothing_sent => {
                "check the AWS credentials (environment, profile, container or instance role)".to_owned()
            }
            _ if status.is_none() => "check the network, the Region of the topic and endpoint_url".to_owned(),
            _ if matches!(status, Some(429 | 500..)) || code.as_deref().is_some_and(|code| code.contains("Thrott")) => {
                "nothing; a later run tells it again".to_owned()
            }
            _ => "see the cause".to_owned(),
        };
        let message = format!("notify.{}: {operation}: {what}{request}", self.name);
        NotifyError { message, hint, source: Some(error.into()) }
    }
}

/// Whether the answer to `Publish` had an end.
#[derive(Debug, Clone, Default)]
struct Whole(Arc<AtomicBool>);

impl Whole {
    fn is_whole(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "whole answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        self.0.store(body.trim_ascii_end().ends_with(b"</PublishResponse>"), Ordering::Release);
        Ok(())
    }
}
