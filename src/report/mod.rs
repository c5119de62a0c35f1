//! Reports.
mod config;
pub use config::{CloudwatchConfig, Privacy, RETENTION_DAYS, SinkConfig, SinkKind};
