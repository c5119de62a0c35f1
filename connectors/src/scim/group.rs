//! One group as it came, and references between users and groups (RFC 7643, 4.1.2 `groups` and 4.2 `members`).
//!
//! References are read one by one into what is kept of them: a member list can hold a whole company.
//!
//! Invariant: an entry of a member list is never left out; one that names nobody stays as a reference without a value,
//! and whoever reads the list decides what an unknown member means.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lenient::{Loose, Name};
use super::user::Identity;
use super::wire::{Entry, Item};
use crate::directory::ExternalId;

/// One group.
#[derive(Debug)]
pub(super) struct GroupItem {
    pub(super) id: ExternalId,
    pub(super) name: Option<String>,
    /// `None` is "not said": the attribute is missing or `null`. An empty list was sent as one, which on some servers
    /// means the same.
    pub(super) members: Option<Vec<MemberRef>>,
    /// `meta.version`, also if it is a number.
    pub(super) version: Option<String>,
}

/// A group a user is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GroupRef {
    /// The group's id.
    pub(super) value: Option<String>,
    /// `$ref`; may be relative.
    pub(super) reference: Option<String>,
    /// The group's name.
    pub(super) display: Option<String>,
    /// Whether the membership is the user's own, as opposed to one through another group.
    pub(super) direct: Option<bool>,
}

/// A member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemberRef {
    /// The member's id.
    pub(super) value: Option<String>,
    /// What it is, if the server says so in a word of the standard.
    pub(super) kind: Option<MemberKind>,
    /// `$ref`; may be relative.
    pub(super) reference: Option<String>,
    /// The member's name.
    pub(super) display: Option<String>,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    /// A person.
    User,
    /// A group in this group.
    Group,
}

/// Reads a [`GroupItem`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups;

impl<'de> Entry<'de> for Groups {
    type Of = GroupItem;

    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<Item<GroupItem>, A::Error> {
        let (mut identity, mut name, mut members) = (Identity::default(), None, None::<Vec<MemberRef>>);
        let (mut version, mut spoilt) = (None, None);
        while let Some(Name(key)) = map.next_key()? {
            let is = |known: &str| key.eq_ignore_ascii_case(known);
            if is("id") {
                identity.note(&map.next_value()?);
            } else if is("displayName") {
                match map.next_value::<Loose<'de>>()? {
                    Loose::List(_) | Loose::Object(_) => spoilt = Some("displayName"),
                    told => name = told.text().map(std::borrow::Cow::into_owned).or(name),
                }
            } else if is("members") {
                match map.next_value_seed(References::<MemberRef>::new())? {
                    Ok(Some(read)) => members.get_or_insert_default().extend(read),
                    Ok(None) => {}
                    Err(()) => spoilt = Some("members"),
                }
            } else if is("meta") {
                let meta = map.next_value::<Loose<'de>>()?;
                version = meta.get("version").and_then(Loose::text).map(std::borrow::Cow::into_owned).or(version);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let id = match identity.settle() {
            Ok(id) => id,
            Err(why) => return Ok(Item::Unreadable { id: None, why }),
        };
        if let Some(part) = spoilt {
            return Ok(Item::Unreadable { id: Some(id), why: format!("`{part}` is of the wrong type") });
        }
        Ok(Item::Read(GroupItem { id, name, members, version }))
    }
}

/// What a reference consists of, whatever it refers to.
#[derive(Debug, Default)]
pub(super) struct Parts {
    value: Option<String>,
    reference: Option<String>,
    display: Option<String>,
    kind: Option<Kind>,
}

/// The words of `type` that mean something.
#[derive(Debug, Clone, Copy)]
enum Kind {
    User,
    Group,
    Direct,
    Indirect,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        let known =
            [("user", Self::User), ("group", Self::Group), ("direct", Self::Direct), ("indirect", Self::Indirect)];
        known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
    }
}

impl From<Parts> for GroupRef {
    fn from(parts: Parts) -> Self {
        let Parts { value, reference, display, kind } = parts;
        let direct = match kind {
            Some(Kind::Direct) => Some(true),
            Some(Kind::Indirect) => Some(false),
            _ => None,
        };
        Self { value, reference, display, direct }
    }
}

impl From<Parts> for MemberRef {
    fn from(parts: Parts) -> Self {
        let Parts { value, reference, display, kind } = parts;
        let kind = match kind {
            Some(Kind::User) => Some(MemberKind::User),
            Some(Kind::Group) => Some(MemberKind::Group),
            _ => None,
        };
        Self { value, kind, reference, display }
    }
}

/// Reads a list of references: `Ok(None)` is `null`, `Err` is something that holds no references. One alone counts as a
/// list of one, and a text as its value.
pub(super) struct References<T>(PhantomData<T>);

impl<T> References<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: From<Parts>> DeserializeSeed<'de> for References<T> {
    type Value = Result<Option<Vec<T>>, ()>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: From<Parts>> References<T> {
    fn single(parts: Parts) -> Result<Option<Vec<T>>, ()> {
        Ok(Some(vec![parts.into()]))
    }
}

impl<'de, T: From<Parts>> Visitor<'de> for References<T> {
    type Value = Result<Option<Vec<T>>, ()>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("references")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(parts) = seq.next_element_seed(Reference)? {
            list.push(parts.into());
        }
        list.shrink_to_fit();
        Ok(Ok(Some(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Reference.visit_map(map).map(Self::single)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let parts = named(&Loose::Text(text.into()));
        Ok(if parts.value.is_some() { Self::single(parts) } else { Ok(None) })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err(()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Err(()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Err(()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Err(()))
    }
}

fn named(told: &Loose<'_>) -> Parts {
    Parts { value: told.identity().map(std::borrow::Cow::into_owned), ..Parts::default() }
}

/// Reads one reference; something that refers to nobody has no parts.
struct Reference;

impl<'de> DeserializeSeed<'de> for Reference {
    type Value = Parts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reference {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let mut parts = Parts::default();
        while let Some(Name(name)) = map.next_key()? {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("value") {
                let told = map.next_value::<Loose<'de>>()?;
                parts.value = told.identity().map(std::borrow::Cow::into_owned).or(parts.value);
            } else if is("$ref") {
                parts.reference = text(&map.next_value()?).or(parts.reference);
            } else if is("display") {
                parts.display = text(&map.next_value()?).or(parts.display);
            } else if is("type") {
                let told = map.next_value::<Loose<'de>>()?;
                parts.kind = told.text().and_then(|word| Kind::of(&word)).or(parts.kind);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(parts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parts, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Parts::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Parts, E> {
        Ok(named(&Loose::Text(text.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Parts, E> {
        Ok(named(&Loose::Signed(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Parts, E> {
        Ok(named(&Loose::Unsigned(number)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Parts, E> {
        Ok(Parts::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Parts, E> {
        Ok(Parts::default())
    }

    fn visit_unit<E>(self) -> Result<Parts, E> {
        Ok(Parts::default())
    }
}

fn text(told: &Loose<'_>) -> Option<String> {
    told.text().map(std::borrow::Cow::into_owned)
}
