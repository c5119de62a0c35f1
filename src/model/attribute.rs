//! The one table of Connect attributes that rollcall can manage, and the values they take.
//!
//! Configuration names, validation, the difference, reports and the codec all read [`ATTRIBUTES`]. To manage one more
//! attribute, add its variant and its row; the compiler then asks for its arms in `connect/codec.rs`, and a test there
//! walks the table.
//!
//! Invariant: every attribute belongs to exactly one [`Facet`], the part of a user that one API call writes.
//! Source of the limits: Amazon Connect API reference, `UserIdentityInfo`, `UserPhoneConfig`, `CreateUser`, `TagResource`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The tag that says whose user this is; its value is `source/immutable-id`.
pub const OWNER_TAG: &str = "rollcall:person";
/// Security profiles a user may have: 1 to this many (`CreateUser`, `SecurityProfileIds`).
pub const MAX_SECURITY_PROFILES: usize = 10;
/// Tags a resource may have (`TagResource`).
pub const MAX_TAGS: usize = 50;

/// The part of a Connect user that one API call writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Names, e-mail addresses, mobile number: `UpdateUserIdentityInfo`.
    Identity,
    /// Soft phone or desk phone and its settings: `UpdateUserPhoneConfig`.
    Phone,
    /// The routing profile: `UpdateUserRoutingProfile`.
    #[serde(rename = "routing_profile")]
    Routing,
    /// The security profiles: `UpdateUserSecurityProfiles`.
    #[serde(rename = "security_profiles")]
    Security,
    /// The hierarchy group: `UpdateUserHierarchy`.
    Hierarchy,
    /// Tags we set: `TagResource` and `UntagResource`.
    Tags,
}

impl Facet {
    /// All of them, in the order changes are made.
    pub const ALL: [Self; 6] =
        [Self::Security, Self::Routing, Self::Hierarchy, Self::Identity, Self::Phone, Self::Tags];

    /// The name in the configuration's `[authority]` and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Phone => "phone",
            Self::Routing => "routing_profile",
            Self::Security => "security_profiles",
            Self::Hierarchy => "hierarchy",
            Self::Tags => "tags",
        }
    }

    /// The short word on screens.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Phone => "phone",
            Self::Routing => "routing",
            Self::Security => "security",
            Self::Hierarchy => "hierarchy",
            Self::Tags => "tags",
        }
    }

    /// The attributes of this facet, in table order.
    pub fn attributes(self) -> impl Iterator<Item = Attribute> {
        ATTRIBUTES.iter().filter(move |row| row.facet == self).map(|row| row.attribute)
    }
}

/// Who decides a facet after creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Differences are written; drift is corrected.
    Directory,
    /// Written at creation only ("manage in Amazon Connect").
    Connect,
    /// Written when the wish changes; a manual change in between stays.
    Shared,
}

/// An attribute of a Connect user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table below says what each one is")]
pub enum Attribute {
    FirstName,
    LastName,
    Email,
    SecondaryEmail,
    Mobile,
    PhoneType,
    DeskPhoneNumber,
    AutoAccept,
    AfterContactWorkSecs,
    PersistentConnection,
    RoutingProfile,
    SecurityProfiles,
    HierarchyGroup,
    Tags,
}

/// What a value of an attribute looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text in NFC of at most this many characters.
    Text {
        /// Most characters.
        max_chars: usize,
    },
    /// An e-mail address.
    EmailAddress,
    /// A telephone number in E.164.
    E164,
    /// `SOFT_PHONE` or `DESK_PHONE`.
    PhoneType,
    /// Yes or no.
    Flag,
    /// Whole seconds up to this many.
    Seconds {
        /// Most seconds.
        max: u32,
    },
    /// One thing that has a name in Connect.
    Named,
    /// Between one and ten things that have a name in Connect.
    NamedSet,
    /// Tag keys and values.
    TagMap,
}

/// One attribute: everything that is known about it.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub attribute: Attribute,
    /// Its name in configuration, reports and screens.
    pub name: &'static str,
    /// The call that writes it.
    pub facet: Facet,
    /// What a value looks like.
    pub shape: Shape,
    /// Whether `SearchUsers` returns it; if not, it takes a `DescribeUser`.
    pub in_search: bool,
}

/// Every attribute of a Connect user that rollcall can manage, sorted by [`Attribute`].
pub static ATTRIBUTES: &[Row] = &[
    row(Attribute::FirstName, "first_name", Facet::Identity, Shape::Text { max_chars: 255 }, true),
    row(Attribute::LastName, "last_name", Facet::Identity, Shape::Text { max_chars: 256 }, true),
    row(Attribute::Email, "email", Facet::Identity, Shape::EmailAddress, false),
    row(Attribute::SecondaryEmail, "secondary_email", Facet::Identity, Shape::EmailAddress, false),
    row(Attribute::Mobile, "mobile", Facet::Identity, Shape::E164, false),
    row(Attribute::PhoneType, "phone_type", Facet::Phone, Shape::PhoneType, true),
    row(Attribute::DeskPhoneNumber, "desk_phone_number", Facet::Phone, Shape::E164, true),
    row(Attribute::AutoAccept, "auto_accept", Facet::Phone, Shape::Flag, true),
    row(Attribute::AfterContactWorkSecs, "after_contact_work", Facet::Phone, Shape::Seconds { max: 2_000_000 }, true),
    row(Attribute::PersistentConnection, "persistent_connection", Facet::Phone, Shape::Flag, true),
    row(Attribute::RoutingProfile, "routing_profile", Facet::Routing, Shape::Named, true),
    row(Attribute::SecurityProfiles, "security_profiles", Facet::Security, Shape::NamedSet, true),
    row(Attribute::HierarchyGroup, "hierarchy", Facet::Hierarchy, Shape::Named, true),
    row(Attribute::Tags, "tags", Facet::Tags, Shape::TagMap, true),
];

const fn row(attribute: Attribute, name: &'static str, facet: Facet, shape: Shape, in_search: bool) -> Row {
    Row { attribute, name, facet, shape, in_search }
}

impl Attribute {
    /// The row of this attribute.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // The table is sorted by variant (tested below), so the discriminant is the index.
        &ATTRIBUTES[self as usize]
    }

    /// Its name in configuration, reports and screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The call that writes it.
    #[must_use]
    pub fn facet(self) -> Facet {
        self.row().facet
    }
}

/// The id Connect gave a profile, a hierarchy group or a quick connect.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(Arc<str>);

impl ResourceId {
    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ResourceId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A thing in Connect with the name people know it by. Equality and order look at the id only: a renamed profile is the
/// same profile.
#[derive(Clone, Serialize, Deserialize)]
pub struct Named {
    /// Connect's id.
    pub id: ResourceId,
    /// Its name when it was last looked up; hierarchy groups have their whole path, levels joined by `/`.
    pub name: Arc<str>,
}

impl Named {
    /// A thing with its name.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Named {}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(&other.id)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.id)
    }
}

/// The value of one attribute. "No value" is a value of its own where it can be wished for ([`Value::None`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Explicitly nothing: no mobile number, no hierarchy group.
    None,
    /// Text, addresses, numbers, the phone type.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Whole seconds.
    Seconds(u32),
    /// One named thing.
    Named(Named),
    /// Several named things.
    NamedSet(BTreeSet<Named>),
    /// Tags; on the desired side only those that are ours to set.
    Tags(BTreeMap<String, String>),
}

impl Value {
    /// Text, or explicitly nothing where it is empty.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::None } else { Self::Text(text) }
    }
}

impl fmt::Display for Value {
    /// As screens and reports show it: names, not ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("(none)"),
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Seconds(secs) => write!(f, "{secs} s"),
            Self::Named(named) => f.write_str(&named.name),
            Self::NamedSet(set) => {
                let mut names: Vec<&str> = set.iter().map(|named| &*named.name).collect();
                names.sort_unstable();
                f.write_str(&names.join(", "))
            }
            Self::Tags(tags) if tags.is_empty() => f.write_str("(none)"),
            Self::Tags(tags) => {
                for (at, (key, value)) in tags.iter().enumerate() {
                    write!(f, "{}{key}={value}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Value {
    // Text values are personal (names, numbers, addresses); a debug line shows only that there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} chars)", text.chars().count()),
            Self::Tags(tags) => f.debug_set().entries(tags.keys()).finish(),
            other => fmt::Display::fmt(other, f),
        }
    }
}

/// A sparse set of attributes: one that is missing is not managed (desired side) or was never written (memory).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributeSet(BTreeMap<Attribute, Value>);

impl AttributeSet {
    /// The value of one attribute.
    #[must_use]
    pub fn get(&self, attribute: Attribute) -> Option<&Value> {
        self.0.get(&attribute)
    }

    /// Sets one attribute.
    pub fn set(&mut self, attribute: Attribute, value: Value) {
        self.0.insert(attribute, value);
    }

    /// Takes one attribute out.
    pub fn remove(&mut self, attribute: Attribute) -> Option<Value> {
        self.0.remove(&attribute)
    }

    /// All of them, in table order.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &Value)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// Only those of one facet.
    #[must_use]
    pub fn of(&self, facet: Facet) -> Self {
        self.iter().filter(|(a, _)| a.facet() == facet).map(|(a, v)| (a, v.clone())).collect()
    }

    /// Overwrites with everything in `other`.
    pub fn extend(&mut self, other: &Self) {
        for (attribute, value) in other.iter() {
            self.set(attribute, value.clone());
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Attribute, Value)> for AttributeSet {
    fn from_iter<I: IntoIterator<Item = (Attribute, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_variant_and_names_are_unique() {
        for (at, row) in ATTRIBUTES.iter().enumerate() {
            assert_eq!(row.attribute as usize, at, "{} is out of place", row.name);
        }
        let names: BTreeSet<_> = ATTRIBUTES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ATTRIBUTES.len());
    }

    #[test]
    fn debug_shows_no_personal_text() {
        assert_eq!(format!("{:?}", Value::Text("Ada".into())), "Text(3 chars)");
    }
}
