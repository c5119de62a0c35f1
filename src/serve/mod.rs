//! The schedule.
mod config;
pub use config::{Every, ScheduleConfig};
