//! Measurements, each beside a named floor. Run by `scripts/bench`, in release.
//!
//! `people N [KIND]`: N people pulled, stored and planned by `rollcall plan`, beside fetching and parsing the same pages
//! with reqwest and serde; from every kind of source, or one (`microsoft`, `okta`, `scim`). `day`: a working day on 2,000 adopted Connect users at the documented quota, beside the least time
//! the token buckets allow. `console N`: the milliseconds of each page of the console over N people.

#![expect(clippy::print_stdout, reason = "figures are printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement is its own edge: it reads the clock")]
#![recursion_limit = "256"]

mod console;
mod day;
mod floor;
mod people;
mod process;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    match arguments.next().as_deref() {
        Some("people") => {
            let people = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
            let only = arguments.next().map(|name| name.to_ascii_lowercase());
            for kind in people::Kind::ALL {
                if only.as_ref().is_none_or(|only| format!("{kind:?}").to_ascii_lowercase() == *only) {
                    people::measure(kind, people).await;
                }
            }
        }
        Some("day") => day::measure().await,
        Some("console") => {
            console::measure(arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000)).await;
        }
        // `cargo test --benches` and the like only see that it builds.
        _ => println!("usage: scripts/bench people [N] | day | console [N]"),
    }
}
