//! Entries for what the state file holds: a damaged value is an error, never a panic and never another value.

use std::error::Error;
use std::fmt::Debug;

use connectors::Scope;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{Interner, attributes_text, decode, encode, standing, standing_text};
use super::error::StoreError;
use super::memory::key;
use super::runs::run_id;
use crate::model::{
    Book, Catalogue, Change, ConnectUser, Decision, Finding, Instance, JournalEntry, Outcome, Plan, QuickConnect,
    Remembered, RunSummary, Trigger,
};

/// Law: no message, to its last cause, quotes what the file holds.
fn require_private(error: &StoreError) {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        let text = format!("{error} {error:?}");
        assert!(
            text.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '@'),
            "an error quotes a value: {text}"
        );
        next = error.source();
    }
}

/// Law: what is read is written so that it is read as the same.
fn stable<T: Serialize + DeserializeOwned + Debug>(text: &str) {
    match decode::<T>("a value", text) {
        Ok(value) => {
            let written = encode(&value).expect("what was read can be written");
            let again = decode::<T>("a value", &written).expect("what was written can be read");
            assert_eq!(format!("{value:?}"), format!("{again:?}"));
            let cut = written.len() - 1;
            assert!(
                !written.ends_with(['}', ']', '"']) || decode::<T>("a value", &written[..cut]).is_err(),
                "a torn value is taken for a whole one"
            );
        }
        Err(error) => require_private(&error),
    }
}

/// A body in JSON, of any kind there is.
pub(crate) fn body(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    stable::<ConnectUser>(text);
    stable::<QuickConnect>(text);
    stable::<Instance>(text);
    stable::<Catalogue>(text);
    stable::<Scope>(text);
    stable::<Vec<String>>(text);
    stable::<JournalEntry>(text);
    stable::<Trigger>(text);
    stable::<RunSummary>(text);
    stable::<Outcome>(text);
    stable::<Change>(text);
    stable::<Finding>(text);
    stable::<Decision>(text);
    stable::<Remembered>(text);
    stable::<Plan>(text);
    stable::<Book>(text);
}

/// The attributes of a person, a standing, a run's id, a person's key.
pub(crate) fn attributes(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Interner::default().attributes(text) {
        Ok(attributes) => {
            let written = attributes_text(&attributes).expect("texts can be written");
            let again = Interner::default().attributes(&written).expect("what was written can be read");
            assert_eq!(again, attributes);
            let cut = &text.trim_ascii_end()[..text.trim_ascii_end().len() - 1];
            assert!(Interner::default().attributes(cut).is_err(), "a torn value is taken for a whole one");
            assert!(Interner::default().attributes(&format!("{text}x")).is_err(), "a value with rubbish behind it");
        }
        Err(error) => require_private(&error),
    }
    match standing(text) {
        Ok(told) => assert_eq!(standing_text(told), text),
        Err(error) => require_private(&error),
    }
    for error in [run_id(text).err(), key(text).err()].into_iter().flatten() {
        require_private(&error);
    }
}
