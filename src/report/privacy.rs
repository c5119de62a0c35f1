//! How much of a person an event shows: the one place that decides it.
//!
//! Invariant: under [`Privacy::Keys`] no username and no text value leaves, under [`Privacy::Usernames`] no text value.
//! Free texts that were written for screens are shown only where the level covers everything they may contain, and are
//! withheld as a whole if they contain something that is known to be hidden.
//! Names of profiles, hierarchy groups, rules and tag keys are the configuration's, not a person's: always shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::config::Privacy;
use crate::model::attribute::Shape;
use crate::model::{Attribute, AttributeSet, FindingCode, Value};

/// Stands for a free text that must not be shown.
pub(super) const WITHHELD: &str = "withheld: may name a person";
/// Hidden texts shorter than this are looked for as whole words; a first name `Al` must not withhold every `also`.
const SHORT_CHARS: usize = 3;

impl Privacy {
    /// Whether usernames are shown.
    pub(super) fn shows_usernames(self) -> bool {
        match self {
            Self::Keys => false,
            Self::Usernames | Self::Full => true,
        }
    }

    /// Whether values of text attributes are shown.
    pub(super) fn shows_values(self) -> bool {
        match self {
            Self::Keys | Self::Usernames => false,
            Self::Full => true,
        }
    }
}

/// Attribute name to value, as an event shows it.
pub(super) type Shown = BTreeMap<&'static str, Json>;

/// The two sides of a change. A hidden value is a marker: `set` before; `set`, `changed`, `unchanged` or `cleared` after.
pub(super) fn sides(before: &AttributeSet, after: &AttributeSet, privacy: Privacy) -> (Shown, Shown) {
    let shown = |attribute: Attribute, value: &Value, marker: &dyn Fn() -> Json| {
        if privacy.shows_values() || !is_personal(attribute, value) { plain(value) } else { marker() }
    };
    let left = before.iter().map(|(a, v)| (a.name(), shown(a, v, &|| mark(None, v)))).collect();
    let right = after.iter().map(|(a, v)| (a.name(), shown(a, v, &|| mark(Some(before.get(a)), v)))).collect();
    (left, right)
}

/// Whether a value says something about a person that a key or a profile name does not.
fn is_personal(attribute: Attribute, value: &Value) -> bool {
    match attribute.row().shape {
        Shape::Text { .. } | Shape::EmailAddress | Shape::E164 | Shape::TagMap => true,
        Shape::PhoneType | Shape::Flag | Shape::Seconds { .. } | Shape::Named | Shape::NamedSet => {
            matches!(value, Value::Tags(_))
        }
    }
}

/// A value as JSON: names, not ids.
fn plain(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Text(text) => Json::from(text.as_str()),
        Value::Flag(flag) => Json::from(*flag),
        Value::Seconds(secs) => Json::from(*secs),
        Value::Named(named) => Json::from(&*named.name),
        Value::NamedSet(set) => {
            let mut names: Vec<&str> = set.iter().map(|named| &*named.name).collect();
            names.sort_unstable();
            Json::from(names)
        }
        Value::Tags(tags) => tags.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect(),
    }
}

/// The marker for a hidden value. `before` is `None` on the left side, `Some(None)` where the former value is not known.
fn mark(before: Option<Option<&Value>>, value: &Value) -> Json {
    if let Value::Tags(tags) = value {
        let former = match before {
            Some(Some(Value::Tags(former))) => Some(former),
            _ => None,
        };
        let marked = tags.iter().map(|(key, value)| {
            let word = match former.and_then(|former| former.get(key)) {
                Some(same) if same == value => "unchanged",
                Some(_) => "changed",
                None => "set",
            };
            (key.clone(), Json::from(word))
        });
        return Json::Object(marked.collect::<Map<_, _>>());
    }
    match (before, value) {
        (None, Value::None) => Json::Null,
        (Some(None | Some(Value::None)), Value::None) => Json::from("unchanged"),
        (Some(Some(_)), Value::None) => Json::from("cleared"),
        (Some(Some(same)), _) if same == value => Json::from("unchanged"),
        (Some(Some(former)), _) if *former != Value::None => Json::from("changed"),
        _ => Json::from("set"),
    }
}

/// The texts of one entry that its level hides.
#[derive(Default)]
pub(super) struct Hidden {
    texts: Vec<String>,
    /// A username that is shown. It often holds a name or is the address, and does not count as either.
    shown: Option<String>,
}

impl Hidden {
    /// Hides one text.
    pub(super) fn add(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.texts.push(text.to_lowercase());
        }
    }

    /// Lets one text through, whatever hidden text it contains.
    pub(super) fn show(&mut self, text: &str) {
        self.shown = Some(text.to_lowercase()).filter(|text| !text.is_empty());
    }

    /// Hides every personal value of a set.
    pub(super) fn add_values(&mut self, set: &AttributeSet) {
        for (attribute, value) in set.iter().filter(|(a, v)| is_personal(*a, v)) {
            match value {
                Value::Text(text) => self.add(text),
                Value::Tags(tags) => tags.values().for_each(|text| self.add(text)),
                Value::Named(_) | Value::NamedSet(_) | Value::None | Value::Flag(_) | Value::Seconds(_) => {
                    debug_assert!(*value == Value::None, "{} holds a value of another shape", attribute.name());
                }
            }
        }
    }

    /// The text, or a marker if it contains something hidden.
    pub(super) fn filter<'a>(&self, text: &'a str) -> &'a str {
        let mut folded = text.to_lowercase();
        if let Some(shown) = &self.shown {
            folded = folded.replace(shown, "\0");
        }
        if self.texts.iter().any(|hidden| occurs(&folded, hidden)) { WITHHELD } else { text }
    }
}

fn occurs(text: &str, hidden: &str) -> bool {
    if hidden.chars().count() >= SHORT_CHARS {
        return text.contains(hidden);
    }
    text.match_indices(hidden).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether the message of a finding may be shown. Messages are written for screens and may name people and their values.
pub(super) fn shows_message(code: FindingCode, privacy: Privacy) -> bool {
    match code {
        FindingCode::MissingField
        | FindingCode::UnreadableRecord
        | FindingCode::UsernameRefused
        | FindingCode::UnknownName
        | FindingCode::TooManyProfiles
        | FindingCode::NoPersona
        | FindingCode::AmbiguousMatch
        | FindingCode::DuplicateUsername
        | FindingCode::UserLimit
        | FindingCode::Protected
        | FindingCode::UnmappedDepartment
        | FindingCode::Rename
        | FindingCode::CaseDiffers
        | FindingCode::Foreign
        | FindingCode::DetailsUnread
        | FindingCode::CallFailed
        | FindingCode::Shadowed
        | FindingCode::SourceNote
        | FindingCode::Unproven
        | FindingCode::NotUndone
        | FindingCode::KeptUndone => privacy.shows_usernames(),
        // These can quote a number, a name or an address.
        FindingCode::ValueRefused | FindingCode::BadPhone | FindingCode::DriftLeftAlone | FindingCode::FieldLeftOut => {
            privacy.shows_values()
        }
    }
}

/// What a finding says when its own message may not be shown.
pub(super) fn sentence(code: FindingCode) -> &'static str {
    match code {
        FindingCode::MissingField => "a mandatory field has no value",
        FindingCode::UnreadableRecord => "the directory record could not be read",
        FindingCode::UsernameRefused => "Connect would refuse the username",
        FindingCode::ValueRefused => "Connect would refuse a value",
        FindingCode::UnknownName => "a rule names something that does not exist in Connect",
        FindingCode::TooManyProfiles => "more than ten security profiles",
        FindingCode::NoPersona => "no security profile or no routing profile",
        FindingCode::AmbiguousMatch => "two people claim one Connect user, or one person two",
        FindingCode::DuplicateUsername => "two people have the same username",
        FindingCode::UserLimit => "the user limit of the instance would be exceeded",
        FindingCode::Protected => "a protected person would be removed",
        FindingCode::BadPhone => "a phone number cannot be normalised and is left out",
        FindingCode::UnmappedDepartment => "the department matches no rule; the default persona is used",
        FindingCode::Rename => "the username changed in the directory; Connect cannot rename",
        FindingCode::CaseDiffers => "the username in Connect differs in case",
        FindingCode::DriftLeftAlone => "a manual change in Connect is left alone",
        FindingCode::Foreign => "a Connect user that no person claims",
        FindingCode::DetailsUnread => "details of the Connect user have not been read yet",
        FindingCode::CallFailed => "a call was refused; the person keeps what it had",
        FindingCode::FieldLeftOut => "an optional field was left out because Connect would refuse it",
        FindingCode::Shadowed => "the same person is known to a source that comes first, which decides",
        FindingCode::SourceNote => "a source has something to say about itself",
        FindingCode::Unproven => "the directory's answer about a missing person proves nothing",
        FindingCode::NotUndone => "something was not taken back",
        FindingCode::KeptUndone => "taken back by an administrator; left alone until the wish is another one",
    }
}
