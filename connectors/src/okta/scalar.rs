//! Single values of a record, whatever their JSON type, so that one odd value does not cost a page.
//!
//! Okta profiles hold texts, numbers, truth values and lists of these (Okta reference, "User profile", custom attributes).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::attributes::SEPARATOR;

/// A single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `null`, or blank.
    None,
    /// Trimmed.
    Text(Box<str>),
    /// The values of a list, one a line, in their order, each once.
    Lines(Box<str>),
    /// An object, or a list that holds one.
    Wrong,
}

impl Value {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() { Self::None } else { Self::Text(text.into()) }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::of(text))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::of(if truth { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::of(&number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::of(&number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::of(&number.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut lines: Vec<Box<str>> = Vec::new();
        let mut wrong = false;
        while let Some(Inner(value, is_list)) = seq.next_element()? {
            match value {
                _ if is_list => wrong = true,
                Value::Wrong | Value::Lines(_) => wrong = true,
                Value::None => {}
                Value::Text(text) => {
                    // A value of a list is one line; a break inside it would make two of it.
                    let text = if text.contains(SEPARATOR) { text.replace(SEPARATOR, " ").into() } else { text };
                    if !lines.contains(&text) {
                        lines.push(text);
                    }
                }
            }
        }
        Ok(match lines.as_slice() {
            _ if wrong => Value::Wrong,
            [] => Value::None,
            lines => Value::Lines(lines.join(SEPARATOR.encode_utf8(&mut [0; 4])).into()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Wrong)
    }
}

/// A value inside a list, and whether it is a list itself.
struct Inner(Value, bool);

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InnerVisitor)
    }
}

struct InnerVisitor;

impl<'de> Visitor<'de> for InnerVisitor {
    type Value = Inner;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a list")
    }

    fn visit_unit<E>(self) -> Result<Inner, E> {
        Ok(Inner(Value::None, false))
    }

    fn visit_str<E>(self, text: &str) -> Result<Inner, E> {
        Ok(Inner(Value::of(text), false))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Inner, E> {
        ValueVisitor.visit_bool(truth).map(|value| Inner(value, false))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Inner, E> {
        ValueVisitor.visit_i64(number).map(|value| Inner(value, false))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Inner, E> {
        ValueVisitor.visit_u64(number).map(|value| Inner(value, false))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Inner, E> {
        ValueVisitor.visit_f64(number).map(|value| Inner(value, false))
    }

    // Not read by the visitor of a value: lists in lists in lists would be as deep as somebody likes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inner, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Inner(Value::Wrong, true))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Inner, A::Error> {
        ValueVisitor.visit_map(map).map(|value| Inner(value, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_json_value_is_a_text_or_nothing_or_wrong() {
        for (json, expected) in [
            ("null", None),
            ("\"\"", None),
            ("\" Lead \"", Some("Lead")),
            ("true", Some("true")),
            ("-7", Some("-7")),
            ("7", Some("7")),
            ("1.5", Some("1.5")),
            ("[]", None),
            ("[null, \"\"]", None),
            ("[\"B\", \"A\", \" B \", 3, false]", Some("B\nA\n3\nfalse")),
            ("[\"two\\nlines\"]", Some("two lines")),
        ] {
            let lines = json.starts_with('[');
            let of = |text: &str| if lines { Value::Lines(text.into()) } else { Value::Text(text.into()) };
            assert_eq!(check(json), expected.map_or(Value::None, of), "{json}");
        }
        for json in ["{}", "{\"a\": [1]}", "[{}]", "[[\"a\"]]", "[\"a\", {\"b\": 1}]"] {
            assert_eq!(check(json), Value::Wrong, "{json}");
        }
    }
}
