//! People, groups and memberships as a directory tells them: the vocabulary every connector speaks.
//!
//! Invariant: a person is identified by [`PersonKey`] (source and immutable id) and by nothing else, for ever.
//! Invariant: a [`DirectorySnapshot`] can only be made by [`SnapshotBuilder::complete`], which a connector calls after it
//! has seen the last page of every listing. Whoever holds one may believe that what is not in it was not listed.
//! Deliberately absent: anything about Amazon Connect, rules or storage, and every vendor's wire format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::attributes::{AttributeName, Attributes};

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_newtype! {
    /// The name the administrator gave a source in the configuration (`[source.entra]` → `entra`).
    SourceName
}

text_newtype! {
    /// The immutable id a directory gives a person or a group (Graph: object id). Opaque.
    ExternalId
}

/// A person, known for ever by source and immutable id. Written `entra/9f3e…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// The directory that knows this person.
    pub source: SourceName,
    /// The directory's immutable id.
    pub id: ExternalId,
}

/// A group, known by source and immutable id. Written `entra/0b77…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The directory that knows this group.
    pub source: SourceName,
    /// The directory's immutable id.
    pub id: ExternalId,
}

/// The text is not `source/id`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form source/id")]
pub struct KeySyntax(String);

macro_rules! key {
    ($name:ident) => {
        impl $name {
            /// The key of `id` in `source`.
            #[must_use]
            pub fn new(source: impl Into<SourceName>, id: impl Into<ExternalId>) -> Self {
                Self { source: source.into(), id: id.into() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.source, self.id)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = KeySyntax;

            fn from_str(text: &str) -> Result<Self, KeySyntax> {
                match text.split_once('/') {
                    Some((source, id)) if !source.is_empty() && !id.is_empty() => Ok(Self::new(source, id)),
                    _ => Err(KeySyntax(text.to_owned())),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
key!(PersonKey);
key!(GroupKey);

/// What the directory says about the account itself, apart from any scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Enabled.
    Active,
    /// The account exists and is switched off.
    Disabled,
    /// Deleted, still restorable (an explicit tombstone said so, or a point read).
    SoftDeleted,
    /// Gone for good (an explicit tombstone said so, or a point read).
    Deleted,
    /// Absent from a complete listing, without a tombstone, and nobody has confirmed it yet. **Not** a leaver.
    MissingUnconfirmed,
    /// Absent from two complete listings in a row, without a tombstone.
    MissingConfirmed,
}

/// One directory user with everything known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    /// Who.
    pub key: PersonKey,
    /// What the directory says of this person; empty strings never occur.
    pub attributes: Attributes,
    /// Groups this person is a member of, as far as they are followed (scope and rules).
    pub groups: BTreeSet<GroupKey>,
    /// Whether the account is enabled.
    pub standing: Standing,
    /// The directory told us something about this person that could not be read. Present, never absent.
    pub unreadable: Option<String>,
}

impl DirectoryUser {
    /// The value of an attribute, including the derived `mailbox_name` (the username before `@`).
    #[must_use]
    pub fn attribute(&self, name: &AttributeName) -> Option<&str> {
        if name.as_str() == crate::attributes::MAILBOX_NAME {
            let username = self.attributes.get(crate::attributes::USERNAME)?;
            return Some(username.split_once('@').map_or(username, |(mailbox, _)| mailbox));
        }
        self.attributes.get(name.as_str())
    }
}

/// A directory group that is followed because the scope or a rule names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryGroup {
    /// The directory's id.
    pub id: ExternalId,
    /// Its display name, if the directory gave one.
    pub name: Option<String>,
}

/// Whom a source is responsible for, with group names already resolved to ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole directory.
    Everybody,
    /// Members of at least one of these groups.
    Groups(BTreeSet<ExternalId>),
}

/// One user as a complete record: an attribute that is not in it has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The directory's id.
    pub id: ExternalId,
    /// All attributes with a value.
    pub attributes: Attributes,
    /// What the directory says about the account.
    pub standing: Standing,
}

/// One user as a change: an attribute that is not in it is unchanged, `None` clears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPatch {
    /// The directory's id.
    pub id: ExternalId,
    /// Changed attributes.
    pub attributes: BTreeMap<AttributeName, Option<Box<str>>>,
    /// The new standing, if this change speaks about it.
    pub standing: Option<Standing>,
}

/// One membership edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The group.
    pub group: ExternalId,
    /// The member.
    pub member: ExternalId,
}

/// A record that could not be read. With an id, the person is present and held; without one, nobody may be called
/// absent on the strength of this pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The person, if at least the id could be read.
    pub id: Option<ExternalId>,
    /// The page it was on, counted from 1.
    pub page: u32,
    /// What was wrong with it, without personal values.
    pub why: String,
}

/// Where the next incremental pull starts. Opaque to everybody but the connector that made it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Wraps a connector's own text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The connector's own text, to be stored as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    // Delta links can carry tenant data; a log line needs only to know that there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// What one pull brought.
#[derive(Debug)]
pub enum Pull {
    /// Everybody in scope; who is not in it was not listed.
    Full(DirectorySnapshot),
    /// What changed since the cursor that was given.
    Delta(DirectoryDelta),
}

/// A complete listing. See the module's invariant.
#[derive(Debug)]
pub struct DirectorySnapshot {
    content: SnapshotContent,
    cursor: Cursor,
}

/// What a complete listing holds.
#[derive(Debug, Default)]
pub struct SnapshotContent {
    /// Everybody that was listed, by id.
    pub users: BTreeMap<ExternalId, UserRecord>,
    /// The followed groups.
    pub groups: Vec<DirectoryGroup>,
    /// The members of the followed groups; may name people that are not in `users` (for example of other types).
    pub edges: BTreeSet<Edge>,
    /// Records that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Whom the source is responsible for; `None` only while building.
    pub scope: Option<Scope>,
    /// What silence about a person means in this listing.
    pub silence: Silence,
    /// What an administrator should know about this pull, each with what to do; without personal values.
    pub notes: Vec<String>,
    /// Requests it took.
    pub requests: u32,
}

/// What it means that a complete listing does not name somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Silence {
    /// Absent from two complete listings in a row counts as absent, when there are too many to be asked for one by one.
    #[default]
    Counts,
    /// The reader may see a part of the directory only (a narrow administrator role): whoever is not listed stays
    /// unconfirmed until a point read says something about them.
    MustBeAsked,
}

impl DirectorySnapshot {
    /// What was listed, and the cursor that was taken before the listing started.
    #[must_use]
    pub fn into_parts(self) -> (SnapshotContent, Cursor) {
        (self.content, self.cursor)
    }

    /// What was listed.
    #[must_use]
    pub fn content(&self) -> &SnapshotContent {
        &self.content
    }
}

/// Collects a listing. Dropping it proves nothing; only [`complete`](Self::complete) does.
#[derive(Debug, Default)]
pub struct SnapshotBuilder {
    /// What has been seen so far.
    pub content: SnapshotContent,
}

/// Evidence that a paged listing was read to its last page. Made by the page walker only.
#[derive(Debug)]
pub struct LastPageSeen(());

impl LastPageSeen {
    pub(crate) fn witnessed() -> Self {
        Self(())
    }
}

impl SnapshotBuilder {
    /// Turns a collection into a snapshot. `proofs` holds one piece of evidence per listing that was read.
    #[must_use]
    pub fn complete(self, scope: Scope, cursor: Cursor, proofs: Vec<LastPageSeen>) -> DirectorySnapshot {
        assert!(!proofs.is_empty(), "a snapshot needs at least one listing that was read to its end");
        let mut content = self.content;
        content.scope = Some(scope);
        DirectorySnapshot { content, cursor }
    }
}

/// What changed since a cursor.
#[derive(Debug)]
pub struct DirectoryDelta {
    /// Changed people, in the order they came; the later one wins.
    pub patches: Vec<UserPatch>,
    /// People that became known in this round (joiners to a group), as complete records; applied after the patches.
    pub records: Vec<UserRecord>,
    /// Edges that appeared.
    pub joined: BTreeSet<Edge>,
    /// Edges that disappeared.
    pub left: BTreeSet<Edge>,
    /// Complete member lists, read to their last page; each replaces what was known of its group. Whoever is thereby in no
    /// group of the scope any more counts as missing until asked for by id.
    pub relisted: BTreeMap<ExternalId, MemberList>,
    /// Groups whose name changed or that came along.
    pub groups: Vec<DirectoryGroup>,
    /// When these records were changed last, by the directory's own word and clock; nobody, if it does not tell. Memberships do
    /// not count.
    pub modified: BTreeMap<ExternalId, DateTime<Utc>>,
    /// Records that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What an administrator should know about this pull, each with what to do; without personal values.
    pub notes: Vec<String>,
    /// Where the next pull starts.
    pub cursor: Cursor,
    /// Requests it took.
    pub requests: u32,
}

/// All members of one group. Complete by construction.
#[derive(Debug)]
pub struct MemberList(BTreeSet<ExternalId>);

impl MemberList {
    /// The members, with the evidence that the listing was read to its end.
    #[must_use]
    pub fn complete(members: BTreeSet<ExternalId>, _proof: LastPageSeen) -> Self {
        Self(members)
    }

    /// Who is in the group.
    #[must_use]
    pub fn into_members(self) -> BTreeSet<ExternalId> {
        self.0
    }
}

/// The answer to "is this person really gone?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The directory knows this person.
    Here {
        /// The complete record as just read.
        record: UserRecord,
        /// The followed groups the person is in by the same word; `None` if the answer does not speak of groups.
        groups: Option<BTreeSet<ExternalId>>,
    },
    /// The directory says that there is no such person, and its word can be relied on.
    Gone,
    /// The directory knows this person, and what it says cannot be read; why, without personal values.
    Unreadable(String),
    /// The answer proves nothing (a 404 that a narrow administrator role gives as well): the person is held. Why, without
    /// personal values.
    Unproven(String),
}
