//! rollcall against servers that other people wrote: what we believe about protocols, told by somebody else.
//!
//! `scripts/foreign` installs the servers (npm and PyPI packages, pinned in `servers/`) and runs this; a plain `cargo test`
//! leaves it out, as it needs more than a Rust toolchain. Every test starts its own server and ends it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "what each server does is the result of these tests, beside passing")]

mod admin;
mod oauth;
mod openapi;
mod scim;
mod server;
mod whole;
