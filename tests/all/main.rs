//! Everything that is tested from outside, in one binary.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![recursion_limit = "256"]

mod console;
mod contract;
mod demo;
mod first_day;
mod guard;
mod house;
mod killed;
mod mass_loss;
mod metrics;
mod notify;
mod okta_bad_days;
mod okta_sign_in;
mod policy;
mod process;
mod redaction;
mod rename;
mod requests;
mod returners;
mod scim_bad_days;
mod serve;
mod several;
mod several_bad_days;
mod spine;
mod stored_secrets;
mod stuck;
mod tls;
mod undo;
mod what_if;
mod world;
