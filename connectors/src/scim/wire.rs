//! Answers of a SCIM server, from bytes to values, without a tree in between.
//!
//! Form of a list: RFC 7644, 3.4.2; with cursors RFC 9865, 2. Names are matched without regard to case, numbers may be
//! text, and whatever nobody asked for is skipped without being kept.
//!
//! Invariant: a body that is not a list is an error with its reason, never an empty list. A list says so by `Resources`
//! or by a readable `totalResults`.
//! Invariant: an entry that cannot be read is one unreadable entry; it is never left out.
//! Invariant: no reason carries a value from the body.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::Fields;
use super::group::{GroupItem, Groups};
use super::lenient::{Loose, Name};
use super::user::{UserItem, Users};
use crate::directory::ExternalId;

/// One page of a list.
#[derive(Debug)]
pub(super) struct ListPage<T> {
    pub(super) resources: Vec<Item<T>>,
    pub(super) total: Option<u64>,
    pub(super) start_index: Option<u64>,
    pub(super) items_per_page: Option<u64>,
    pub(super) next_cursor: Option<String>,
}

/// One entry of a list.
#[derive(Debug)]
pub(super) enum Item<T> {
    /// Read.
    Read(T),
    /// There is somebody, and what the server says about them cannot be read.
    Unreadable {
        /// Who, if at least that could be read.
        id: Option<ExternalId>,
        /// What is wrong, without values.
        why: String,
    },
}

/// Why a body with a good status is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// Nothing at all.
    #[error("the body is empty")]
    Empty,
    /// A web page.
    #[error("the body is a web page, not JSON")]
    WebPage,
    /// JSON that stops.
    #[error("the body ends in the middle (line {line}, column {column})")]
    CutOff {
        /// From 1.
        line: usize,
        /// From 0.
        column: usize,
    },
    /// Not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 0.
        column: usize,
    },
    /// JSON of another kind.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A report of an error, whatever the status says.
    #[error("the body is an error report")]
    ErrorReport,
    /// The standard before this one.
    #[error("the server speaks SCIM 1.1, not SCIM 2.0")]
    Version1,
    /// One resource where a list is due.
    #[error("the body is a single resource, not a list")]
    Single,
    /// A list where one resource is due.
    #[error("the body is a list, not a single resource")]
    List,
    /// An object that is no list.
    #[error("the body has neither `Resources` nor a readable `totalResults`")]
    NoList,
    /// A part of the list that cannot be read, so that nothing can be said about its end.
    #[error("`{0}` of the list is not of the form that SCIM describes")]
    Malformed(&'static str),
}

/// The body is not a list.
pub(super) type NotAList = Unfit;
/// The body is not a single resource.
pub(super) type NotAResource = Unfit;

/// Reads a page of users.
pub(super) fn users(body: &[u8], fields: &Fields) -> Result<ListPage<UserItem>, NotAList> {
    list(body, Users(fields))
}

/// Reads a page of groups.
pub(super) fn groups(body: &[u8]) -> Result<ListPage<GroupItem>, NotAList> {
    list(body, Groups)
}

/// Reads one user.
pub(super) fn one_user(body: &[u8], fields: &Fields) -> Result<Item<UserItem>, NotAResource> {
    one(body, Users(fields))
}

/// Reads one group.
pub(super) fn one_group(body: &[u8]) -> Result<Item<GroupItem>, NotAResource> {
    one(body, Groups)
}

/// What the names at the top of a body say about it.
#[derive(Debug, Default)]
struct Shape {
    error: bool,
    version1: bool,
    list_schema: bool,
    resources: bool,
    identity: bool,
    status: bool,
    detail: bool,
}

impl Shape {
    fn note<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("schemas") {
            for schema in map.next_value::<Loose<'de>>()?.entries().iter().filter_map(Loose::text) {
                let starts = |front: &str| schema.get(..front.len()).is_some_and(|it| it.eq_ignore_ascii_case(front));
                self.error |= schema.eq_ignore_ascii_case("urn:ietf:params:scim:api:messages:2.0:Error");
                self.list_schema |= schema.eq_ignore_ascii_case("urn:ietf:params:scim:api:messages:2.0:ListResponse");
                self.version1 |= starts("urn:scim:schemas:core:1.");
            }
            return Ok(());
        }
        self.identity |= is("id");
        self.status |= is("status") || is("errors");
        self.detail |= is("detail") || is("scimType") || is("errors");
        map.next_value::<IgnoredAny>().map(|_| ())
    }

    /// The reason why it is not what it should be, if the names say one. SCIM 1.1 wrote errors as `{"Errors": […]}`.
    fn unfit(&self) -> Option<Unfit> {
        if self.error || (self.status && self.detail && !self.resources && !self.identity) {
            Some(Unfit::ErrorReport)
        } else if self.version1 {
            Some(Unfit::Version1)
        } else {
            None
        }
    }
}

/// Says what kind of text it is that JSON could not be read from. Messages of the reader can quote values: not kept.
fn unreadable(body: &[u8], error: &serde_json::Error) -> Unfit {
    let (line, column) = (error.line(), error.column());
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Unfit::Empty,
        Some(b'<') => Unfit::WebPage,
        _ if error.is_eof() => Unfit::CutOff { line, column },
        _ if error.is_data() => Unfit::NotAnObject,
        _ => Unfit::NotJson { line, column },
    }
}

/// Reads a body with a visitor of objects, to its last byte.
pub(super) fn object<'de, V: Visitor<'de>>(body: &'de [u8], visitor: V) -> Result<V::Value, Unfit> {
    // A byte order mark is not JSON (RFC 8259, 8.1), and readers are allowed to ignore it.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = reader.deserialize_map(visitor).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| unreadable(body, &error))
}

fn list<'de, S>(body: &'de [u8], seed: S) -> Result<ListPage<S::Of>, NotAList>
where
    S: Entry<'de>,
{
    let Envelope { shape, page, bad, counted } = object(body, EnvelopeVisitor(seed))?;
    if let Some(unfit) = shape.unfit() {
        return Err(unfit);
    }
    if let Some(part) = bad {
        return Err(Unfit::Malformed(part));
    }
    if !shape.resources && shape.identity && !shape.list_schema {
        return Err(Unfit::Single);
    }
    if !shape.resources && !counted {
        return Err(Unfit::NoList);
    }
    Ok(page)
}

fn one<'de, S: Entry<'de>>(body: &'de [u8], seed: S) -> Result<Item<S::Of>, NotAResource> {
    let shape = object(body, ShapeVisitor)?;
    if let Some(unfit) = shape.unfit() {
        return Err(unfit);
    }
    if shape.resources || shape.list_schema {
        return Err(Unfit::List);
    }
    object(body, ObjectOf(seed))
}

/// How an entry of a list is read. Anything that is not an object is an entry nobody can read.
pub(super) trait Entry<'de>: Copy {
    /// What it becomes.
    type Of;

    /// Reads an object.
    fn read<A: MapAccess<'de>>(self, map: A) -> Result<Item<Self::Of>, A::Error>;
}

/// The visitor of an object that must be one.
struct ObjectOf<S>(S);

impl<'de, S: Entry<'de>> Visitor<'de> for ObjectOf<S> {
    type Value = Item<S::Of>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.read(map)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Shape::default();
        while let Some(Name(name)) = map.next_key()? {
            shape.resources |= name.eq_ignore_ascii_case("Resources");
            shape.note(&name, &mut map)?;
        }
        Ok(shape)
    }
}

struct Envelope<T> {
    shape: Shape,
    page: ListPage<T>,
    bad: Option<&'static str>,
    counted: bool,
}

struct EnvelopeVisitor<S>(S);

impl<'de, S: Entry<'de>> Visitor<'de> for EnvelopeVisitor<S> {
    type Value = Envelope<S::Of>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let page =
            ListPage { resources: Vec::new(), total: None, start_index: None, items_per_page: None, next_cursor: None };
        let mut read = Envelope { shape: Shape::default(), page, bad: None, counted: false };
        while let Some(Name(name)) = map.next_key()? {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("Resources") {
                match map.next_value_seed(Entries(self.0))? {
                    None => {}
                    Some(Ok(_)) if read.shape.resources => read.bad = Some("Resources"),
                    Some(Ok(resources)) => {
                        read.shape.resources = true;
                        read.page.resources = resources;
                    }
                    Some(Err(NoEntries)) => read.bad = Some("Resources"),
                }
            } else if is("totalResults") {
                let (before, total) = (read.page.total, map.next_value::<Loose<'de>>()?.count());
                // Two figures say nothing about the end of the list.
                if before.is_some() && before != total {
                    read.bad = Some("totalResults");
                }
                read.page.total = total;
                read.counted = total.is_some();
            } else if is("startIndex") {
                read.page.start_index = map.next_value::<Loose<'de>>()?.count();
            } else if is("itemsPerPage") {
                read.page.items_per_page = map.next_value::<Loose<'de>>()?.count();
            } else if is("nextCursor") {
                match map.next_value::<Loose<'de>>()? {
                    Loose::Null => {}
                    // Its absence is the end of the list: one that cannot be read must not pass for absent.
                    told => match told.identity() {
                        Some(cursor) => read.page.next_cursor = Some(cursor.into_owned()),
                        None if told == Loose::Text("".into()) => {}
                        None => read.bad = Some("nextCursor"),
                    },
                }
            } else {
                read.shape.note(&name, &mut map)?;
            }
        }
        Ok(read)
    }
}

/// The value is not a list.
struct NoEntries;

/// Reads `Resources`: `None` is `null`.
struct Entries<S>(S);

impl<'de, S: Entry<'de>> DeserializeSeed<'de> for Entries<S> {
    type Value = Option<Result<Vec<Item<S::Of>>, NoEntries>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Visits of simple values that are of the wrong kind here.
macro_rules! refuse_scalars {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

impl<'de, S: Entry<'de>> Visitor<'de> for Entries<S> {
    type Value = Option<Result<Vec<Item<S::Of>>, NoEntries>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of resources")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::with_capacity(128);
        while let Some(item) = seq.next_element_seed(AnyEntry(self.0, PhantomData))? {
            items.push(item);
        }
        Ok(Some(Ok(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Err(NoEntries)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    refuse_scalars!(Some(Err(NoEntries)));
}

struct AnyEntry<'de, S>(S, PhantomData<&'de ()>);

impl<S> AnyEntry<'_, S> {
    fn nobody<T>() -> Item<T> {
        Item::Unreadable { id: None, why: "the entry is not an object".to_owned() }
    }
}

impl<'de, S: Entry<'de>> DeserializeSeed<'de> for AnyEntry<'de, S> {
    type Value = Item<S::Of>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Entry<'de>> Visitor<'de> for AnyEntry<'de, S> {
    type Value = Item<S::Of>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.read(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::nobody())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Self::nobody())
    }

    refuse_scalars!(Self::nobody());
}
