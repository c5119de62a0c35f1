//! What a directory can do, for people who ask: how its changes are read, how it pages, what its silence means.
//!
//! Invariant: told from the configuration and from what the last pull has found out (its cursor). Nothing is asked.
//! Deliberately absent: anything a pull depends on.

use crate::directory::Silence;

/// What a directory can do, as far as its configuration and its last pull say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// How changes are read.
    pub changes: Changes,
    /// How listings are paged; `None` before that was found out.
    pub paging: Option<String>,
    /// What it means that a complete listing does not name somebody; `None` before one was read.
    pub silence: Option<Silence>,
}

/// How changes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// By themselves, in this way; everybody is read on a clock of its own.
    Alone(String),
    /// With everybody, at every pull; why.
    WithEverybody(String),
    /// That is found out by the first pull.
    Unknown,
}
