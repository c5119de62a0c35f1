//! Pages of Okta, read in one go from bytes to what we keep, without a tree in between.
//!
//! A list is a JSON array; its links are in the headers ([`super::links`]). A value of the wrong type spoils its record and
//! nothing else; groups, applications and log events are small and few, and a page of them that cannot be read is an error.
//!
//! Invariant: text that is not JSON, or JSON that is not a list, is an error; an empty page is an empty list.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::{Field, Fields};
use super::scalar::Value;
use crate::attributes::AttributeName;
use crate::directory::ExternalId;

/// Reads a page whose items are read by `seed`.
pub(super) fn page<'de, S>(body: &'de [u8], seed: S) -> serde_json::Result<Vec<S::Value>>
where
    S: DeserializeSeed<'de> + Copy,
{
    let mut reader = serde_json::Deserializer::from_slice(body);
    let items = reader.deserialize_seq(List(seed))?;
    reader.end()?;
    Ok(items)
}

/// Reads a single object.
pub(super) fn one<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let item = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(item)
}

struct List<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for List<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::with_capacity(200);
        while let Some(item) = seq.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Reads any type that needs to be told nothing.
#[derive(Debug)]
pub(super) struct Plain<T>(PhantomData<fn() -> T>);

impl<T> Plain<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Plain<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Plain<T> {}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Plain<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// One person as it came: a user, or an assignment with the user in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UserItem {
    pub(super) id: Option<ExternalId>,
    pub(super) status: Option<Box<str>>,
    pub(super) changed: Option<DateTime<Utc>>,
    pub(super) attributes: Vec<(AttributeName, Option<Box<str>>)>,
    /// For attributes that have no value otherwise.
    pub(super) spare: Vec<(AttributeName, Box<str>)>,
    /// The id of the user inside an assignment.
    user: Option<ExternalId>,
    /// What could not be read.
    pub(super) spoilt: Option<String>,
}

impl UserItem {
    /// Only the name of the property is kept: its value may be personal.
    fn spoil(&mut self, property: &str) {
        self.spoilt.get_or_insert_with(|| format!("`{property}` is of the wrong type"));
    }

    fn not_an_object(&mut self) {
        self.spoilt.get_or_insert_with(|| "the record is not an object".to_owned());
    }

    fn put(&mut self, prefix: &str, field: &Field, value: Value) {
        let text = match value {
            Value::None => return,
            Value::Wrong => return self.spoil(&format!("{prefix}{}", field.property)),
            Value::Text(text) | Value::Lines(text) => text,
        };
        for becomes in &field.becomes {
            if becomes.spare {
                self.spare.push((becomes.name.clone(), text.clone()));
            } else {
                self.attributes.push((becomes.name.clone(), Some(text.clone())));
            }
        }
    }

    fn id_of(&mut self, value: Value) -> Option<ExternalId> {
        match value {
            Value::Text(text) => return Some(ExternalId::from(&*text)),
            Value::None | Value::Lines(_) | Value::Wrong => self.spoil("id"),
        }
        None
    }
}

/// A time of Okta's.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.to_utc())
}

/// Reads a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Users<'f>(pub(super) &'f Fields);

/// Reads an assignment to an application with its user (`expand=user`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Assignments<'f>(pub(super) &'f Fields);

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = UserItem;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<UserItem, D::Error> {
        let mut item = UserItem::default();
        Object { what: What::User, fields: self.0, item: &mut item }.deserialize(deserializer)?;
        Ok(item)
    }
}

impl<'de> DeserializeSeed<'de> for Assignments<'_> {
    type Value = UserItem;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<UserItem, D::Error> {
        let mut item = UserItem::default();
        Object { what: What::Assignment, fields: self.0, item: &mut item }.deserialize(deserializer)?;
        if item.user.is_some() && item.user != item.id {
            item.spoil("_embedded.user.id");
        }
        Ok(item)
    }
}

/// Which object is being read into an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    User,
    Assignment,
    /// `_embedded` of an assignment.
    Embedded,
    /// The user in it.
    AssignedUser,
    UserProfile,
    AppProfile,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::User | Self::Assignment => "",
            Self::Embedded => "_embedded",
            Self::AssignedUser => "_embedded.user",
            Self::UserProfile => "profile",
            Self::AppProfile => "appuser profile",
        }
    }
}

/// Reads one object into an item.
struct Object<'a, 'f> {
    what: What,
    fields: &'f Fields,
    item: &'a mut UserItem,
}

impl Object<'_, '_> {
    fn wrong(self) {
        if matches!(self.what, What::User | What::Assignment) {
            self.item.not_an_object();
        } else {
            self.item.spoil(self.what.name());
        }
    }
}

/// What a key of an object leads to.
enum Slot<'f> {
    Id,
    Status,
    Changed,
    Inner(What),
    Field(&'static str, &'f Field),
    Other,
}

struct Key<'f>(What, &'f Fields);

impl<'de, 'f> DeserializeSeed<'de> for Key<'f> {
    type Value = Slot<'f>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'f>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'f> Visitor<'_> for Key<'f> {
    type Value = Slot<'f>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Slot<'f>, E> {
        let Self(what, fields) = self;
        Ok(match (what, name) {
            (What::User | What::Assignment | What::AssignedUser, "id") => Slot::Id,
            (What::User | What::AssignedUser, "status") => Slot::Status,
            (What::User | What::AssignedUser, "lastUpdated") => Slot::Changed,
            (What::User | What::AssignedUser, "profile") => Slot::Inner(What::UserProfile),
            (What::Assignment, "profile") => Slot::Inner(What::AppProfile),
            (What::Assignment, "_embedded") => Slot::Inner(What::Embedded),
            (What::Embedded, "user") => Slot::Inner(What::AssignedUser),
            (What::UserProfile, name) => {
                fields.of_user(name).map_or(Slot::Other, |field| Slot::Field("profile.", field))
            }
            (What::AppProfile, name) => {
                fields.of_app(name).map_or(Slot::Other, |field| Slot::Field("appuser profile.", field))
            }
            _ => Slot::Other,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { what, fields, item } = self;
        while let Some(slot) = map.next_key_seed(Key(what, fields))? {
            match slot {
                Slot::Id => {
                    let id = item.id_of(map.next_value()?);
                    if what == What::AssignedUser {
                        item.user = id;
                    } else {
                        item.id = id;
                    }
                }
                Slot::Status => match map.next_value()? {
                    Value::Text(status) => item.status = Some(status),
                    Value::None => {}
                    Value::Lines(_) | Value::Wrong => item.spoil("status"),
                },
                Slot::Changed => {
                    if let Value::Text(text) = map.next_value()? {
                        item.changed = time(&text);
                    }
                }
                Slot::Inner(what) => map.next_value_seed(Object { what, fields, item: &mut *item })?,
                Slot::Field(prefix, field) => item.put(prefix, field, map.next_value()?),
                Slot::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    // Anything that is not an object is a record nobody can read; the page goes on.

    fn visit_unit<E>(self) -> Result<(), E> {
        // A profile that is `null` is one without values.
        if matches!(self.what, What::User | What::Assignment) {
            self.item.not_an_object();
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.wrong();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.wrong();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.wrong();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.wrong();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.wrong();
        Ok(())
    }
}
