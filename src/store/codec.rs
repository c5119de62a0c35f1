//! Between columns and vocabulary: times, JSON, standings, and the compact attribute text of a person.
//!
//! Invariant: equal values have equal texts, so that "unchanged" is a comparison of bytes.
//! Deliberately absent: SQL.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use connectors::{AttributeName, Attributes, ExternalId, Standing};
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::error::StoreError;
use crate::model::Time;

pub(super) fn millis(at: Time) -> i64 {
    at.timestamp_millis()
}

pub(super) fn time(millis: i64) -> Result<Time, StoreError> {
    Time::from_timestamp_millis(millis).ok_or_else(|| StoreError::corrupt("a time"))
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::Encode)
}

/// `what` names the kind of value for the error; it must not be personal.
pub(super) fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| corrupt(what, source))
}

fn corrupt(what: &str, source: serde_json::Error) -> StoreError {
    StoreError::Corrupt { what: what.to_owned(), source: Some(source.into()) }
}

pub(super) fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Disabled => "disabled",
        Standing::SoftDeleted => "soft_deleted",
        Standing::Deleted => "deleted",
        Standing::MissingUnconfirmed => "missing_unconfirmed",
        Standing::MissingConfirmed => "missing_confirmed",
    }
}

pub(super) fn standing(text: &str) -> Result<Standing, StoreError> {
    Ok(match text {
        "active" => Standing::Active,
        "disabled" => Standing::Disabled,
        "soft_deleted" => Standing::SoftDeleted,
        "deleted" => Standing::Deleted,
        "missing_unconfirmed" => Standing::MissingUnconfirmed,
        "missing_confirmed" => Standing::MissingConfirmed,
        _ => return Err(StoreError::corrupt("a standing")),
    })
}

/// The attributes of a person as one JSON object, keys sorted.
pub(super) fn attributes_text(attributes: &Attributes) -> Result<String, StoreError> {
    struct Sorted<'a>(&'a Attributes);
    impl Serialize for Sorted<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.len()))?;
            for (name, value) in self.0.iter() {
                map.serialize_entry(name.as_str(), value)?;
            }
            map.end()
        }
    }
    encode(&Sorted(attributes))
}

/// Decodes people so that a name that a hundred thousand of them share is stored once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    names: HashMap<Box<str>, AttributeName>,
    ids: HashMap<Arc<str>, ExternalId>,
}

impl Interner {
    pub(super) fn attributes(&mut self, text: &str) -> Result<Attributes, StoreError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        AttributesSeed(&mut self.names)
            .deserialize(&mut deserializer)
            .and_then(|attributes| deserializer.end().map(|()| attributes))
            .map_err(|source| corrupt("attributes of a person", source))
    }

    /// An id that many rows repeat: a group's.
    pub(super) fn id(&mut self, text: &str) -> ExternalId {
        if let Some(known) = self.ids.get(text) {
            return known.clone();
        }
        let id = ExternalId::from(text);
        self.ids.insert(text.into(), id.clone());
        id
    }
}

struct AttributesSeed<'a>(&'a mut HashMap<Box<str>, AttributeName>);

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::default();
        while let Some(Borrowed(key)) = map.next_key()? {
            let Borrowed(value) = map.next_value()?;
            let name = match self.0.get(&*key) {
                Some(name) => name.clone(),
                None => {
                    let name = AttributeName::from(&*key);
                    self.0.insert(key.into(), name.clone());
                    name
                }
            };
            attributes.set(name, &value);
        }
        Ok(attributes)
    }
}

/// Text that stays in the row it was read from unless it holds an escape.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_and_names_are_shared() {
        let given: Attributes =
            [("department".into(), "Care \"EMEA\"\n"), ("extensionAttribute3".into(), "Ω\u{1}")].into_iter().collect();
        let text = attributes_text(&given).unwrap();
        let mut interner = Interner::default();
        assert_eq!(interner.attributes(&text).unwrap(), given);
        assert_eq!(interner.attributes(&text).unwrap(), given);
        assert_eq!(interner.names.len(), 2);
        for damaged in ["[]", "{}x", "{\"department\":\"Care\"}}", "{\"department\":", ""] {
            assert!(interner.attributes(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_not_quoted() {
        for damaged in ["\"ada@example.com\"", "{\"ada@example.com\":1}", "{\"kind\":\"ada@example.com\"}"] {
            let error = decode::<crate::model::Outcome>("an outcome", damaged).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(!format!("{error} {cause} {error:?}").contains("ada"), "{error:?}");
            assert!(cause.starts_with("it is not what was written (line 1, column "), "{cause}");
        }
    }

    #[test]
    fn every_standing_has_a_text() {
        for text in ["active", "disabled", "soft_deleted", "deleted", "missing_unconfirmed", "missing_confirmed"] {
            assert_eq!(standing_text(standing(text).unwrap()), text);
        }
        assert!(standing("gone").is_err());
    }

    #[test]
    fn times_come_back_to_the_millisecond() {
        let at = time(1_764_000_000_123).unwrap();
        assert_eq!(millis(at), 1_764_000_000_123);
        assert!(time(i64::MAX).is_err());
    }
}
