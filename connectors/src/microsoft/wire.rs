//! Pages of Graph, read in one go from bytes to what we keep, without a tree in between.
//!
//! A user arrives with the properties that were selected, so the reader is told the fields and puts each value where it
//! belongs. A value of the wrong type spoils its record and nothing else.
//!
//! Invariant: absent, `null` and a value are three different things, from here to the store.
//! Invariant: a list or a link that is said twice is an error; one of the two would be lost.
//! Invariant: text that is not JSON, or JSON that is not a page, is an error; an empty page has an empty `value`.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::DeserializeSeed};

use super::fields::{Field, Fields, Take};
use super::scalar::{First, Inside, Scalar};
use crate::attributes::{AttributeName, USERNAME};
use crate::directory::{ExternalId, Standing};

/// One page of anything.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) next: Option<String>,
    pub(super) delta: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) items: Vec<T>,
}

/// Reads a page whose items are read by `seed`.
pub(super) fn page<'de, S>(body: &'de [u8], seed: S) -> serde_json::Result<Page<S::Value>>
where
    S: DeserializeSeed<'de> + Copy,
{
    let mut reader = serde_json::Deserializer::from_slice(body);
    let page = reader.deserialize_map(PageVisitor(seed))?;
    reader.end()?;
    Ok(page)
}

/// Reads the answers of a batch.
pub(super) fn batch<'de, S>(body: &'de [u8], seed: S) -> serde_json::Result<Vec<S::Value>>
where
    S: DeserializeSeed<'de> + Copy,
{
    let mut reader = serde_json::Deserializer::from_slice(body);
    let answers = reader.deserialize_map(BatchVisitor(seed))?;
    reader.end()?;
    Ok(answers)
}

struct BatchVisitor<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for BatchVisitor<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answers of a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut answers = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "responses" && answers.is_some() {
                return Err(Error::duplicate_field("responses"));
            } else if key == "responses" {
                answers = Some(map.next_value_seed(List(self.0))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        answers.ok_or_else(|| Error::missing_field("responses"))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum PageKey {
    #[serde(rename = "@odata.nextLink")]
    Next,
    #[serde(rename = "@odata.deltaLink")]
    Delta,
    #[serde(rename = "@odata.count")]
    Count,
    #[serde(rename = "value")]
    Value,
    #[serde(other)]
    Other,
}

struct PageVisitor<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for PageVisitor<S> {
    type Value = Page<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut next, mut delta, mut count, mut items) = (None, None, None, None);
        while let Some(key) = map.next_key()? {
            match key {
                // Said twice, people or the rest of the list would be lost with the one that is overwritten.
                PageKey::Next if next.is_some() => return Err(Error::duplicate_field("@odata.nextLink")),
                PageKey::Delta if delta.is_some() => return Err(Error::duplicate_field("@odata.deltaLink")),
                PageKey::Value if items.is_some() => return Err(Error::duplicate_field("value")),
                PageKey::Next => next = map.next_value()?,
                PageKey::Delta => delta = map.next_value()?,
                PageKey::Count => count = map.next_value()?,
                PageKey::Value => items = Some(map.next_value_seed(List(self.0))?),
                PageKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let items = items.ok_or_else(|| Error::missing_field("value"))?;
        Ok(Page { next, delta, count, items })
    }
}

struct List<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for List<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for List<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::with_capacity(256);
        while let Some(item) = seq.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Reads any type that needs to be told nothing.
#[derive(Debug)]
pub(super) struct Plain<T>(std::marker::PhantomData<T>);

impl<T> Plain<T> {
    pub(super) fn new() -> Self {
        Self(std::marker::PhantomData)
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

/// A key that may be absent, `null`, or have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Told<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

/// `@removed`: for a user, the account is gone; for a member, the membership is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Removed {
    #[serde(default)]
    reason: Option<String>,
}

impl Removed {
    /// What it says about an account. Only the word `deleted` means gone for good.
    pub(super) fn standing(&self) -> Standing {
        if self.reason.as_deref() == Some("deleted") { Standing::Deleted } else { Standing::SoftDeleted }
    }
}

/// One user as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UserItem {
    pub(super) id: Option<ExternalId>,
    pub(super) enabled: Told<bool>,
    pub(super) username: Told<()>,
    pub(super) removed: Option<Removed>,
    /// In the order they came; `None` was a `null`.
    pub(super) attributes: Vec<(AttributeName, Option<Box<str>>)>,
    /// What could not be read.
    pub(super) spoilt: Option<String>,
}

/// Reads a [`UserItem`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Users<'f>(pub(super) &'f Fields);

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = UserItem;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<UserItem, D::Error> {
        deserializer.deserialize_any(self)
    }
}

enum Slot<'f> {
    Id,
    Enabled,
    Removed,
    Field(&'f Field),
    Other,
}

struct SlotOf<'f>(&'f Fields);

impl<'de, 'f> DeserializeSeed<'de> for SlotOf<'f> {
    type Value = Slot<'f>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'f>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'f> Visitor<'_> for SlotOf<'f> {
    type Value = Slot<'f>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Slot<'f>, E> {
        Ok(match name {
            "id" => Slot::Id,
            "accountEnabled" => Slot::Enabled,
            "@removed" => Slot::Removed,
            _ => self.0.find(name).map_or(Slot::Other, Slot::Field),
        })
    }
}

impl<'de> Visitor<'de> for Users<'_> {
    type Value = UserItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UserItem, A::Error> {
        let mut item = UserItem { attributes: Vec::with_capacity(12), ..UserItem::default() };
        while let Some(slot) = map.next_key_seed(SlotOf(self.0))? {
            match slot {
                Slot::Id => match map.next_value()? {
                    Scalar::Text(text) if !text.is_empty() => item.id = Some(ExternalId::from(&*text)),
                    _ => item.spoil("id"),
                },
                Slot::Enabled => match map.next_value()? {
                    Scalar::Truth(enabled) => item.enabled = Told::Value(enabled),
                    Scalar::Null => item.enabled = Told::Null,
                    _ => item.spoil("accountEnabled"),
                },
                Slot::Removed => item.removed = Some(map.next_value()?),
                Slot::Field(field) => item.take(field, &mut map)?,
                Slot::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(item)
    }

    // Anything that is not an object is a record nobody can read; the page goes on.

    fn visit_unit<E>(self) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_bool<E>(self, _: bool) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_i64<E>(self, _: i64) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_u64<E>(self, _: u64) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_f64<E>(self, _: f64) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_str<E>(self, _: &str) -> Result<UserItem, E> {
        Ok(UserItem::not_an_object())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<UserItem, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(UserItem::not_an_object())
    }
}

impl UserItem {
    fn not_an_object() -> Self {
        Self { spoilt: Some("the record is not an object".to_owned()), ..Self::default() }
    }

    /// Only the name of the property is kept: its value may be personal.
    fn spoil(&mut self, property: &str) {
        self.spoilt.get_or_insert_with(|| format!("`{property}` is of the wrong type"));
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, field: &Field, map: &mut A) -> Result<(), A::Error> {
        match &field.take {
            Take::Text(name) => {
                let told = map.next_value()?;
                if name.as_str() == USERNAME {
                    self.username = if matches!(told, Scalar::Null) { Told::Null } else { Told::Value(()) };
                }
                self.put(field, name, told);
            }
            Take::First(name) => {
                let First(told) = map.next_value()?;
                self.put(field, name, told);
            }
            Take::Inside(wanted) => {
                let inner = map.next_value_seed(Inside(wanted))?;
                for (name, told) in inner {
                    self.put(field, &name, told);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, field: &Field, name: &AttributeName, told: Scalar) {
        let value = match told {
            Scalar::Null => None,
            Scalar::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Scalar::Truth(truth) => Some(truth.to_string().into()),
            Scalar::Number(number) => Some(number),
            Scalar::Wrong => return self.spoil(&field.property),
        };
        self.attributes.push((name.clone(), value));
    }
}

/// One group of a delta round, or of a look-up.
#[derive(Debug, Deserialize)]
pub(super) struct GroupItem {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(rename = "displayName", default)]
    pub(super) name: Option<String>,
    #[serde(rename = "members@delta", default)]
    pub(super) members: Option<Vec<MemberItem>>,
    #[serde(rename = "@removed", default)]
    pub(super) removed: Option<Removed>,
}

/// One change of a membership.
#[derive(Debug, Deserialize)]
pub(super) struct MemberItem {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(rename = "@odata.type", default)]
    pub(super) kind: Option<String>,
    #[serde(rename = "@removed", default)]
    pub(super) removed: Option<Removed>,
}

impl MemberItem {
    /// Whether it may be a person. A type that was left out is settled by reading the person.
    pub(super) fn may_be_user(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "#microsoft.graph.user")
    }
}
