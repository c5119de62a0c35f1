//! JSON as servers really write it: names in any case, numbers and truth values as text, dates of every taste.
//!
//! Invariant: nothing here fails. What cannot be understood is "no value" or says that it is of the wrong kind; whether
//! that matters is the caller's to judge.
//! Invariant: a number that JSON readers round is never taken for an identity.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// Any JSON value, borrowed from the body where that is possible.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Loose<'de> {
    Null,
    Truth(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'de, str>),
    List(Vec<Loose<'de>>),
    /// In the order they came; names may repeat and differ in case only.
    Object(Vec<(Cow<'de, str>, Loose<'de>)>),
}

impl<'de> Loose<'de> {
    /// The value of a name, without regard to case; `null` is no value.
    pub(super) fn get(&self, name: &str) -> Option<&Loose<'de>> {
        let Self::Object(pairs) = self else { return None };
        pairs
            .iter()
            .find(|(have, value)| have.eq_ignore_ascii_case(name) && *value != Self::Null)
            .map(|(_, value)| value)
    }

    /// A single value as trimmed text; `None` for nothing, blanks, lists and objects.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        let text: Cow<'_, str> = match self {
            Self::Text(text) => text.trim().into(),
            Self::Truth(truth) => if *truth { "true" } else { "false" }.into(),
            Self::Signed(number) => number.to_string().into(),
            Self::Unsigned(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Null | Self::List(_) | Self::Object(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// An identity: text that is taken as it is, or a whole number. A float may have been rounded into another's id.
    pub(super) fn identity(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => (!text.trim().is_empty()).then_some(Cow::Borrowed(&**text)),
            Self::Signed(_) | Self::Unsigned(_) => self.text(),
            _ => None,
        }
    }

    /// A count, also as text; `None` for anything that is not a whole number from 0.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            // Below 2^53 a float without a fraction is exact.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in the guard")]
            Self::Float(number) if number.fract() == 0.0 && (0.0..9e15).contains(number) => Some(*number as u64),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A truth value, also as text or as 0 and 1.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            Self::Unsigned(1) | Self::Signed(1) => Some(true),
            Self::Unsigned(0) | Self::Signed(0) => Some(false),
            Self::Text(text) => {
                let is = |words: [&str; 2]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
                if is(["true", "1"]) {
                    Some(true)
                } else if is(["false", "0"]) {
                    Some(false)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// The entries of a value that may come once or many times: nothing, one, or a list of them.
    pub(super) fn entries(&self) -> &[Loose<'de>] {
        match self {
            Self::Null => &[],
            Self::List(list) => list,
            single => std::slice::from_ref(single),
        }
    }
}

/// A point in time. Without a zone it is UTC; whatever else cannot be read is no date.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date.to_utc());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"] {
        if let Ok(date) = DateTime::parse_from_str(text, form) {
            return Some(date.to_utc());
        }
    }
    let zoneless = text.strip_suffix(['Z', 'z']).map_or(text, str::trim_end);
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(date) = NaiveDateTime::parse_from_str(zoneless, form) {
            return Some(date.and_utc());
        }
    }
    NaiveDate::parse_from_str(zoneless, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN).and_utc())
}

/// `tel:+49-30-123-4567;ext=9` → `+49301234567;ext=9` (RFC 3966); any other text stays as it was typed.
pub(super) fn dialled(text: &str) -> Cow<'_, str> {
    let Some((scheme, number)) = text.split_once(':') else { return text.into() };
    if !scheme.trim().eq_ignore_ascii_case("tel") {
        return text.into();
    }
    let mut parts = number.split(';');
    let mut plain: String = parts.next().unwrap_or_default().chars().filter(|c| !"-.() ".contains(*c)).collect();
    // Of the parameters only the extension is dialled.
    if let Some(extension) = parts.find(|part| part.trim().to_ascii_lowercase().starts_with("ext=")) {
        plain.push(';');
        plain.push_str(extension.trim());
    }
    plain.into()
}

impl<'de> Deserialize<'de> for Loose<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

/// A name of an object, borrowed where that is possible.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Signed(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Unsigned(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            pairs.push((name, map.next_value()?));
        }
        Ok(Loose::Object(pairs))
    }
}
