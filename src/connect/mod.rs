//! Amazon Connect.
mod config;
pub use config::{ConnectConfig, QuotaConfig, Rate};
