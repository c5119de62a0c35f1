//! Everything that is tested from outside, in one binary.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![recursion_limit = "256"]

mod contract;
mod house;
mod mass_loss;
mod okta_bad_days;
mod okta_sign_in;
mod process;
mod requests;
mod scim_bad_days;
mod several;
mod several_bad_days;
mod spine;
mod stuck;
mod world;
