//! rollcall
pub mod model;
pub mod planner;
