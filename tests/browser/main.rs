//! The console as a person meets it: the real service, a real Chromium, the sandbox as the remote systems.
//!
//! ```text
//! stage     a contact centre, its service as a process, its token · past: the days behind it
//! browser   Chromium and its driver, what a person does with them · seen: what is on a page, and whether it is sound
//! story     one sitting at the console, step by step · plainly: the same without scripts
//! screens   every page there is: a picture in light, dark and on a phone, and its milliseconds · crawl: which there are
//! ```
//!
//! `scripts/browser` installs the browser and runs this; a plain `cargo test` leaves it out, as it needs more than a Rust
//! toolchain.
//!
//! | New | The place |
//! | --- | --- |
//! | step of the sitting | a function in `story.rs`, called in [`story`]'s test |
//! | page of the console | nothing, once a link or a form leads there: [`screens`] finds it |
//! | what every page must have | a line in `seen.js` |

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "the table of milliseconds is a result, beside passing")]

mod browser;
mod crawl;
mod past;
mod plainly;
mod screens;
mod seen;
mod stage;
mod story;
#[allow(dead_code, reason = "another binary's, which needs more of it")]
#[path = "../all/world.rs"]
mod world;
