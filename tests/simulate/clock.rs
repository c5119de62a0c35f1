//! The machine's clock of one simulation: what is true, and how far the machine is off.
//!
//! A thread lives one simulation at a time, so the clock is the thread's.

use std::cell::Cell;

use chrono::TimeDelta;
use rollcall::model::Time;
use tokio::time::Instant;

#[derive(Clone, Copy)]
struct Base {
    at: Time,
    since: Instant,
    off: TimeDelta,
}

thread_local! {
    static BASE: Cell<Option<Base>> = const { Cell::new(None) };
}

/// Sets the clock; it runs on with tokio's.
pub(crate) fn start(at: Time) {
    BASE.set(Some(Base { at, since: Instant::now(), off: TimeDelta::zero() }));
}

fn base() -> Base {
    BASE.get().expect("a simulation starts its clock first")
}

/// What time it really is.
pub(crate) fn truth() -> Time {
    let base = base();
    base.at + TimeDelta::from_std(base.since.elapsed()).unwrap_or_default()
}

/// What the machine shows.
pub(crate) fn now() -> Time {
    truth() + base().off
}

/// How far the machine is off.
pub(crate) fn off() -> TimeDelta {
    base().off
}

/// Sets the machine's clock forward, or back.
pub(crate) fn jump(by: TimeDelta) {
    let base = base();
    BASE.set(Some(Base { off: base.off + by, ..base }));
}
