//! What a check of the parts says, a line each.

use serde::Serialize;

/// One line of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Which part: `connect`, `source entra`.
    pub place: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was seen.
    pub text: String,
    /// One thing to do, if there is any.
    pub hint: Option<String>,
}

impl Checked {
    /// It is as it should be.
    #[must_use]
    pub fn good(place: &str, text: impl Into<String>) -> Self {
        Self { place: place.to_owned(), ok: true, text: text.into(), hint: None }
    }

    /// It is not.
    #[must_use]
    pub fn bad(place: &str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.to_owned(), ok: false, text: text.into(), hint: Some(hint.into()) }
    }
}
