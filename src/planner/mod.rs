//! Decides everything. Does nothing.
pub mod rules;
