//! One step at a time, in an order that can be repeated.
//!
//! SQLite works on threads of its own, so the moment a statement ends is an accident of the machine. Who has to repeat a
//! run exactly (a simulation) puts a [`Turnstile`] before every step on the file; everybody else has none, at no cost.
//!
//! Invariant: a step keeps its turn until it is done; no step takes another turn meanwhile.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;

use tokio::sync::MutexGuard;

/// Lets one step at a time through.
pub trait Turnstile: Debug + Send + Sync {
    /// Waits for a turn.
    fn turn(&self) -> Pin<Box<dyn Future<Output = Turn> + Send + '_>>;
}

/// One turn; given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _held: Box<dyn Any + Send>,
}

impl Turn {
    /// A turn that ends with what is `held`.
    pub fn new(held: impl Any + Send) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// Waits for a turn where there is a turnstile.
pub(super) async fn take(turnstile: Option<&dyn Turnstile>) -> Option<Turn> {
    match turnstile {
        Some(turnstile) => Some(turnstile.turn().await),
        None => None,
    }
}

/// A connection, and the turn to use it.
pub(super) struct Taken<'s, T> {
    // Dropped in this order.
    connection: MutexGuard<'s, T>,
    _turn: Option<Turn>,
}

impl<'s, T> Taken<'s, T> {
    pub(super) fn new(connection: MutexGuard<'s, T>, turn: Option<Turn>) -> Self {
        Self { connection, _turn: turn }
    }
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.connection
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.connection
    }
}
