//! What the body of a refusal says (RFC 7644, 3.12; RFC 9865, 2.1), as far as a reader acts on it.
//!
//! Invariant: `detail` is never kept; servers put names and whole filters into it.
//! Invariant: any bytes are an answer. The HTTP status is the truth; the body only says more.

use super::lenient::Loose;

/// The body of a refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    /// What kind of refusal, if the server says so in a word of the standard.
    pub(super) scim_type: Option<ScimType>,
    /// The status as the body repeats it; a text in the standard, a number on some servers.
    pub(super) status: Option<u16>,
}

/// The words of `scimType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

/// The words as the standards spell them.
static WORDS: &[(&str, ScimType)] = &[
    ("invalidFilter", ScimType::InvalidFilter),
    ("tooMany", ScimType::TooMany),
    ("uniqueness", ScimType::Uniqueness),
    ("mutability", ScimType::Mutability),
    ("invalidSyntax", ScimType::InvalidSyntax),
    ("invalidPath", ScimType::InvalidPath),
    ("noTarget", ScimType::NoTarget),
    ("invalidValue", ScimType::InvalidValue),
    ("invalidVers", ScimType::InvalidVers),
    ("sensitive", ScimType::Sensitive),
    ("invalidCursor", ScimType::InvalidCursor),
    ("expiredCursor", ScimType::ExpiredCursor),
    ("invalidCount", ScimType::InvalidCount),
];

/// Reads the body of a refusal.
pub(super) fn error(body: &[u8]) -> ErrorBody {
    let Ok(told) = serde_json::from_slice::<Loose<'_>>(body) else { return ErrorBody::default() };
    let word = told.get("scimType").and_then(Loose::text);
    let known = word.and_then(|word| WORDS.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(&word)));
    let status = told.get("status").and_then(Loose::count).and_then(|status| u16::try_from(status).ok());
    ErrorBody { scim_type: known.map(|(_, kind)| *kind), status: status.filter(|status| (100..600).contains(status)) }
}
