//! The one door to every sink: [`Sink`].
//!
//! One place to add a sink: a file beside this one, a variant here and one in [`SinkKind`]; the compiler then asks for its
//! arms.
//!
//! Invariant: a delivery repeats what may already have arrived rather than leave out what may not have. The cursor of a
//! sink only ever moves to [`Delivered::through`].

use aws_sdk_cloudwatchlogs::config::SharedHttpClient;
use connectors::CheckLine;

use super::cloudwatch::CloudwatchLogs;
use super::config::{SinkConfig, SinkKind};
use super::json_lines::JsonLines;
use crate::model::{JournalEntry, Time};

/// One journal entry to deliver: its place in the journal, its id for readers that drop repetitions, when it was written,
/// and the entry.
pub type Row = (i64, String, Time, JournalEntry);

/// Somewhere reports go.
#[derive(Debug)]
pub enum Sink {
    /// Amazon CloudWatch Logs.
    CloudwatchLogs(Box<CloudwatchLogs>),
    /// A file or standard output.
    JsonLines(JsonLines),
}

/// How far a delivery came.
#[derive(Debug, Default)]
pub struct Delivered {
    /// The last place in the journal up to which everything surely arrived; the sink's cursor may move there. `None` only
    /// if there was nothing to deliver.
    pub through: Option<i64>,
    /// Events the far side has refused for good, by `event_id`, with the reason. They count as delivered: they would be
    /// refused again.
    pub rejected: Vec<(String, String)>,
    /// Events that were stored under the time of the delivery, because the far side takes nothing that old (or that far in
    /// the future). The event itself says when it was.
    pub restamped: u32,
    /// Why the rest was not delivered, if a part was.
    pub stopped: Option<SinkError>,
}

/// A report could not be delivered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What happened, for a person; names no people.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// The error below, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Sink {
    /// Prepares a sink for the contact centre `centre`. Reaches nothing yet.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub async fn build(config: &SinkConfig, centre: &str) -> Result<Self, SinkError> {
        Self::over(None, config, centre).await
    }

    /// The same with every request carried by `http` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`build`](Self::build).
    pub async fn over(http: Option<&SharedHttpClient>, config: &SinkConfig, centre: &str) -> Result<Self, SinkError> {
        let SinkConfig { name, privacy, kind } = config;
        Ok(match kind {
            SinkKind::CloudwatchLogs(logs) => {
                Self::CloudwatchLogs(Box::new(CloudwatchLogs::build(name, *privacy, logs, centre, http).await?))
            }
            SinkKind::JsonLines { path } => Self::JsonLines(JsonLines::new(name, *privacy, path, centre)),
        })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CloudwatchLogs(sink) => sink.name(),
            Self::JsonLines(sink) => sink.name(),
        }
    }

    /// Delivers journal entries, given in the order of the journal. `now` is the wall clock.
    ///
    /// # Errors
    /// If nothing was surely delivered. If a part was, the answer says how far, and why it stopped there.
    pub async fn deliver(&mut self, rows: &[Row], now: Time) -> Result<Delivered, SinkError> {
        if rows.is_empty() {
            return Ok(Delivered::default());
        }
        match self {
            Self::CloudwatchLogs(sink) => sink.deliver(rows, now).await,
            Self::JsonLines(sink) => sink.deliver(rows).await,
        }
    }

    /// Looks whether a delivery would succeed, without delivering or creating anything.
    pub async fn check(&self) -> Vec<CheckLine> {
        match self {
            Self::CloudwatchLogs(sink) => sink.check().await,
            Self::JsonLines(sink) => sink.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::report::Privacy;
    use crate::report::event::tests::{approved, at};

    async fn lines(path: std::path::PathBuf) -> Sink {
        let kind = SinkKind::JsonLines { path };
        let config = SinkConfig { name: "audit".into(), privacy: Privacy::Keys, kind };
        Sink::build(&config, "support").await.unwrap()
    }

    #[tokio::test]
    async fn nothing_to_deliver_reaches_nobody_and_moves_no_cursor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut sink = lines(path.clone()).await;
        assert_eq!(sink.name(), "audit");
        assert_eq!(sink.deliver(&[], at(0)).await.unwrap().through, None);
        assert!(!path.exists());
        assert_eq!(sink.deliver(&[approved(7, at(0))], at(0)).await.unwrap().through, Some(7));
    }

    #[tokio::test]
    async fn an_error_says_what_happened_without_repeating_its_cause() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = lines(dir.path().to_owned()).await;
        let error = sink.deliver(&[approved(1, at(0))], at(0)).await.unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(!error.to_string().contains(&cause) && error.to_string().contains("report.audit"), "{error}");
        assert!(!sink.check().await[0].ok);
    }
}
