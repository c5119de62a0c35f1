//! Tells what happened: one JSON object per journal entry, delivered to every configured sink.
//!
//! ```text
//! config      what the administrator says about reports
//! event       what an event says of a journal entry
//! wire        its versioned shape, and how it is shortened
//! emf         metrics in the event of a finished run, for CloudWatch
//! privacy     how much of a person an event shows
//! sink        the one door: build, check, deliver
//! batch       the limits of CloudWatch Logs as a pure function
//! cloudwatch  Amazon CloudWatch Logs
//! json_lines  a file or standard output
//! metrics     what a monitoring system may ask, as text for Prometheus
//! notify      tells people of trouble, ever more rarely while it lasts
//! ```
//!
//! Invariant: a sink says how far it got ([`Delivered::through`]) only after the far side has confirmed it. An answer that
//! is lost leads to a repetition; readers drop repeated `event_id`s.
//! Invariant: an event is never dropped in silence: too long → shortened visibly, refused for good → named in
//! [`Delivered::rejected`].
//! Invariant: what [`Privacy`] hides is hidden while an event is made; no sink sees more than it may show.
//! Deliberately absent: cursors and schedules (the caller keeps one cursor per sink), and a reason for a run to fail.
mod batch;
mod cloudwatch;
mod config;
mod emf;
mod event;
mod json_lines;
pub mod metrics;
pub mod notify;
mod privacy;
mod sink;
mod wire;

pub use config::{CloudwatchConfig, Privacy, RETENTION_DAYS, SinkConfig, SinkKind};
pub use event::{VERSION, line};
pub use sink::{Delivered, Row, Sink, SinkError};
