//! All entries, by name. What an entry checks is said where it is: `connectors::fuzzing` and `rollcall::fuzzing`.
//!
//! ```text
//! src/main.rs       one target under libFuzzer; `scripts/fuzz` builds it with coverage and runs each target in turn
//! tests/corpus.rs   every file of the corpus through its entry; an ordinary test
//! corpus/TARGET/    seeds, and every input that once broke a law
//! ```

/// What is fed.
pub type Entry = fn(&[u8]);

/// Every target.
pub fn targets() -> impl Iterator<Item = (&'static str, Entry)> {
    connectors::fuzzing::TARGETS.iter().chain(rollcall::fuzzing::TARGETS).copied()
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Entry> {
    targets().find(|(have, _)| *have == name).map(|(_, entry)| entry)
}
