//! Single values of a user, whatever their JSON type, so that one odd value does not cost a page.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::attributes::AttributeName;

/// A single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    /// Trimmed; may be empty.
    Text(Box<str>),
    Truth(bool),
    /// As its text.
    Number(Box<str>),
    /// A list or an object.
    Wrong,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.trim().into()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.to_string().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.to_string().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Wrong)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Wrong)
    }
}

/// The first value of a list; an empty list is `null`.
pub(super) struct First(pub(super) Scalar);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<First, A::Error> {
        let first = seq.next_element()?.unwrap_or(Scalar::Null);
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }

    fn visit_unit<E>(self) -> Result<First, E> {
        Ok(First(Scalar::Null))
    }

    fn visit_str<E>(self, _: &str) -> Result<First, E> {
        Ok(First(Scalar::Wrong))
    }

    fn visit_bool<E>(self, _: bool) -> Result<First, E> {
        Ok(First(Scalar::Wrong))
    }

    fn visit_i64<E>(self, _: i64) -> Result<First, E> {
        Ok(First(Scalar::Wrong))
    }

    fn visit_u64<E>(self, _: u64) -> Result<First, E> {
        Ok(First(Scalar::Wrong))
    }

    fn visit_f64<E>(self, _: f64) -> Result<First, E> {
        Ok(First(Scalar::Wrong))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<First, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(First(Scalar::Wrong))
    }
}

/// Named values inside an object; `null` in its place clears all of them.
pub(super) struct Inside<'w>(pub(super) &'w [(String, AttributeName)]);

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = Vec<(AttributeName, Scalar)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Inside<'_> {
    fn all(&self, told: &Scalar) -> Vec<(AttributeName, Scalar)> {
        self.0.iter().map(|(_, name)| (name.clone(), told.clone())).collect()
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = Vec<(AttributeName, Scalar)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0.iter().find(|(property, _)| *property == *key) {
                Some((_, name)) => found.push((name.clone(), map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Wrong))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Wrong))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Wrong))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.all(&Scalar::Wrong))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Wrong))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(self.all(&Scalar::Wrong))
    }
}
