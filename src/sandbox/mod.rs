//! The remote systems, on loopback.
pub mod company;
pub mod faults;
pub mod graph;
pub mod login;
pub mod tenant;
