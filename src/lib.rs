//! rollcall
pub mod config;
pub mod connect;
pub mod model;
pub mod planner;
pub mod report;
pub mod sandbox;
pub mod serve;
pub mod store;
