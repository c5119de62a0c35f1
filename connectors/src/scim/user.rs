//! One user as it came (RFC 7643, 4.1 and 4.3).
//!
//! Invariant: absent, `null` and `[]` are the same: no value.
//! Invariant: a value of the wrong kind makes its person unreadable, who is then held; it never becomes "no value".

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess};

use super::fields::{Fields, Slot};
use super::group::{GroupRef, References};
use super::lenient::{Loose, Name, instant};
use super::path::{Taken, take};
use super::wire::{Entry, Item};
use crate::attributes::Attributes;
use crate::directory::ExternalId;

/// One user.
#[derive(Debug)]
pub(super) struct UserItem {
    pub(super) id: ExternalId,
    pub(super) attributes: Attributes,
    /// `None` is "not said".
    pub(super) active: Option<bool>,
    /// `None` is "not said"; an empty list was sent as one.
    pub(super) groups: Option<Vec<GroupRef>>,
    pub(super) last_modified: Option<DateTime<Utc>>,
}

/// Reads a [`UserItem`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Users<'f>(pub(super) &'f Fields);

/// What is known of the id while an object is read. Names that differ in case only may bring two of them.
#[derive(Debug, Default)]
pub(super) struct Identity {
    id: Option<ExternalId>,
    contradicted: bool,
}

impl Identity {
    pub(super) fn note(&mut self, told: &Loose<'_>) {
        let id = told.identity().map(|id| ExternalId::from(&*id));
        match (&self.id, id) {
            (Some(have), Some(other)) => self.contradicted |= *have != other,
            (None, Some(id)) => self.id = Some(id),
            (_, None) => self.contradicted |= *told != Loose::Null,
        }
    }

    /// The id, or why there is none.
    pub(super) fn settle(self) -> Result<ExternalId, String> {
        match self {
            Self { contradicted: true, .. } => Err("`id` is neither a text nor a whole number, or differs".to_owned()),
            Self { id: Some(id), .. } => Ok(id),
            Self { id: None, .. } => Err("there is no `id`".to_owned()),
        }
    }
}

/// The date in `meta`; all of `meta` is optional.
pub(super) fn last_modified(meta: &Loose<'_>) -> Option<DateTime<Utc>> {
    meta.get("lastModified").and_then(Loose::text).and_then(|text| instant(&text))
}

/// A user while it is read.
#[derive(Debug, Default)]
struct Draft {
    identity: Identity,
    /// By field: how good the place was (0 is the best), and the value.
    values: BTreeMap<usize, (u8, Box<str>)>,
    active: Option<bool>,
    groups: Option<Vec<GroupRef>>,
    last_modified: Option<DateTime<Utc>>,
    spoilt: Option<String>,
}

impl<'de> Entry<'de> for Users<'_> {
    type Of = UserItem;

    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<Item<UserItem>, A::Error> {
        let mut draft = Draft::default();
        while let Some(Name(name)) = map.next_key()? {
            match self.0.slot(&name) {
                Slot::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
                Slot::Groups => match map.next_value_seed(References::<GroupRef>::new())? {
                    Ok(Some(groups)) => draft.groups.get_or_insert_default().extend(groups),
                    Ok(None) => {}
                    Err(()) => draft.spoil("groups"),
                },
                Slot::Container(at) => {
                    if !map.next_value_seed(Extension { fields: self.0, at, draft: &mut draft })? {
                        draft.spoil(&self.0.container_name(at));
                    }
                }
                slot => {
                    let told = map.next_value::<Loose<'de>>()?;
                    match slot {
                        Slot::Id => draft.identity.note(&told),
                        Slot::Active => draft.note_active(&told),
                        Slot::Meta => draft.last_modified = last_modified(&told).or(draft.last_modified),
                        _ => {}
                    }
                    draft.put(self.0, None, &name, &told);
                }
            }
        }
        Ok(draft.finish(self.0))
    }
}

impl Draft {
    /// Only the name is kept: the value may be personal.
    fn spoil(&mut self, name: &str) {
        self.spoilt.get_or_insert_with(|| format!("`{name}` is of the wrong type"));
    }

    fn note_active(&mut self, told: &Loose<'_>) {
        match told.truth() {
            Some(active) => self.active = Some(active),
            None if *told == Loose::Null || *told == Loose::Text("".into()) => {}
            None => self.spoil("active"),
        }
    }

    /// Gives a value to every field that is read from this name.
    fn put(&mut self, fields: &Fields, container: Option<usize>, name: &str, told: &Loose<'_>) {
        for (at, field) in fields.list().iter().enumerate() {
            let Some(rank) = fields.rank(field, container, name) else { continue };
            match take(field, told) {
                Taken::Nothing => {}
                Taken::Wrong => self.spoil(&field.path.head),
                Taken::Value(value) => {
                    if self.values.get(&at).is_none_or(|(have, _)| rank < *have) {
                        self.values.insert(at, (rank, value));
                    }
                }
            }
        }
    }

    fn finish(self, fields: &Fields) -> Item<UserItem> {
        let Self { identity, values, active, groups, last_modified, spoilt } = self;
        let id = match identity.settle() {
            Ok(id) => id,
            Err(why) => return Item::Unreadable { id: None, why },
        };
        if let Some(why) = spoilt {
            return Item::Unreadable { id: Some(id), why };
        }
        let pairs = values.into_iter().map(|(at, (_, value))| (fields.list()[at].attribute.clone(), Some(value)));
        Item::Read(UserItem { id, attributes: Attributes::from_owned(pairs.collect()), active, groups, last_modified })
    }
}

/// Reads an extension's object into the draft; says whether it was one (or nothing).
struct Extension<'a> {
    fields: &'a Fields,
    at: usize,
    draft: &'a mut Draft,
}

impl<'de> DeserializeSeed<'de> for Extension<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        // An extension is small, and of no standard shape on the servers that get it wrong.
        let told = serde::Deserialize::deserialize(deserializer)?;
        match told {
            Loose::Null => Ok(true),
            Loose::Object(pairs) => {
                for (name, value) in &pairs {
                    self.draft.put(self.fields, Some(self.at), name, value);
                }
                Ok(true)
            }
            // PHP writes an empty object as an empty list.
            Loose::List(list) => Ok(list.is_empty()),
            _ => Ok(false),
        }
    }
}
