//! Tells people of trouble: at once, then ever more rarely while it lasts, and once when it is over.
//!
//! ```text
//! config   what the administrator says about who is told
//! decide   what is told now: a pure function of what was told, what is, and the time
//! message  how it reads
//! sns      a topic of Amazon SNS
//! webhook  an HTTP endpoint that takes JSON
//! ```
//!
//! One place to add a way of telling: a file beside this one, a variant here and one in [`NotifierKind`].
//!
//! Invariant: a message counts as told only after the far side has confirmed it; until then it is due again.
//! Invariant: one attempt a run, within [`PATIENCE`]. What fails is told by the caller and never fails a run.
//! Invariant: no address, header or key of a webhook is in an error or a log line: who has them may post.
//! Deliberately absent: what was told so far (the caller keeps a [`Book`](crate::model::Book) for each notifier).

mod config;
mod decide;
#[cfg(test)]
mod laws;
mod message;
mod sns;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sns::config::SharedHttpClient;
use connectors::CheckLine;
use connectors::http::Carrier;

pub use config::{NotifierConfig, NotifierKind, SnsConfig, WebhookConfig, WebhookUrl};
pub use decide::{Circumstances, Condition, Hears, decide, delivered, failed};
pub use message::{Message, Over, Trouble, VERSION};

use crate::model::Time;
use sns::Sns;
use webhook::Webhook;

/// Longest time one delivery may take; a run waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who is told of trouble.
#[derive(Debug)]
pub struct Notifier {
    name: String,
    centre: String,
    hears: Hears,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Sns(Box<Sns>),
    Webhook(Box<Webhook>),
}

/// A message could not be delivered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NotifyError {
    /// What happened; without addresses, keys and people.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// The error below, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Notifier {
    /// Prepares a notifier of the contact centre `centre`. Reaches nothing yet.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub async fn build(config: &NotifierConfig, centre: &str) -> Result<Self, NotifyError> {
        Self::over(None, None, config, centre).await
    }

    /// The same with every request to AWS carried by `aws`, and every other by `carrier`, if there are any.
    ///
    /// # Errors
    /// See [`build`](Self::build).
    pub async fn over(
        aws: Option<&SharedHttpClient>,
        carrier: Option<&Arc<dyn Carrier>>,
        config: &NotifierConfig,
        centre: &str,
    ) -> Result<Self, NotifyError> {
        let NotifierConfig { name, hears, kind } = config;
        let way = match kind {
            NotifierKind::Sns(config) => Way::Sns(Box::new(Sns::build(name, config, aws).await?)),
            NotifierKind::Webhook(config) => Way::Webhook(Box::new(Webhook::build(name, config, carrier)?)),
        };
        Ok(Self { name: name.clone(), centre: centre.to_owned(), hears: hears.clone(), way })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of what it is told.
    #[must_use]
    pub fn hears(&self) -> &Hears {
        &self.hears
    }

    /// Delivers a message. `now` is the wall clock. One attempt; where a stored secret was refused and has another value by
    /// now, one more.
    ///
    /// # Errors
    /// If it was not taken, or nobody knows whether it was.
    pub async fn deliver(&self, message: &Message, now: Time) -> Result<(), NotifyError> {
        let delivery = async {
            match &self.way {
                Way::Sns(sns) => sns.deliver(&message.subject(&self.centre), &message.text(&self.centre)).await,
                Way::Webhook(webhook) => webhook.deliver(&message.json(&self.centre), now).await,
            }
        };
        tokio::time::timeout(PATIENCE, delivery).await.unwrap_or_else(|_| {
            Err(NotifyError {
                message: format!("notify.{}: no answer within {} seconds", self.name, PATIENCE.as_secs()),
                hint: "check the network between here and there".to_owned(),
                source: None,
            })
        })
    }

    /// Looks whether a delivery would succeed, as far as that can be seen without one.
    pub async fn check(&self) -> Vec<CheckLine> {
        match &self.way {
            Way::Sns(sns) => sns.check().await,
            Way::Webhook(webhook) => webhook.check().await,
        }
    }
}
