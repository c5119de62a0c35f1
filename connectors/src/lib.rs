//! Reads people, departments and groups from company directories.
//!
//! ```text
//! source      the one door: pull, confirm, check · abilities: what a directory can do, in words
//! microsoft   Microsoft Graph: wire structs, links, the rules of its deltas
//! okta        Okta: watermarks, rate-limit buckets, statuses
//! scim        any SCIM 2.0 server: probing, paging, quirks
//! remote      one request of Okta or SCIM: origin, credential, pace, attempts
//! auth        access tokens: cached, single-flight, refreshed early
//! secret      where secrets are read from: environment, private file, a store behind a port
//! http        one careful client: time-outs, body bound, Retry-After, own host only
//! paging      a page walker that is fed by hand; the only maker of the evidence that a list was read to its end
//! directory   the vocabulary: people, groups, memberships, snapshots, deltas
//! fuzzing     one entry for each parser of bytes that a remote sends (only with the feature of that name)
//! ```
//!
//! Invariant: only a listing read to its last page becomes a [`directory::DirectorySnapshot`].
//! Invariant: credentials go to the configured host only, whatever a link or a redirect says.
//! Deliberately absent: Amazon Connect, mapping rules, storage. This crate does not know that they exist.

pub mod abilities;
pub mod attributes;
pub mod auth;
pub mod directory;
pub mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http;
pub mod microsoft;
pub mod okta;
pub mod paging;
pub mod remote;
pub mod scim;
pub mod secret;
pub mod source;

pub use abilities::{Abilities, Changes};
pub use attributes::{AttributeName, Attributes};
pub use directory::{
    Cursor, DirectoryDelta, DirectoryGroup, DirectorySnapshot, DirectoryUser, Edge, ExternalId, GroupKey, MemberList,
    PersonKey, Presence, Pull, Scope, Silence, SnapshotBuilder, SnapshotContent, SourceName, Standing, Unreadable,
    UserPatch, UserRecord,
};
pub use error::{PullError, PullErrorKind};
pub use secret::{SecretError, SecretSource, SecretVault, VaultName, VaultSecret};
pub use source::{CheckLine, PullRequest, Source};
