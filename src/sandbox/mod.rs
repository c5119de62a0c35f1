//! The remote systems, on loopback.
pub mod faults;
