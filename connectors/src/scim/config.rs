//! What the administrator says about a SCIM 2.0 server.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::attributes::AttributeName;
use crate::directory::SourceName;
use crate::secret::SecretSource;

/// How rollcall proves who it is to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScimCredential {
    /// `Authorization: Bearer …`.
    Bearer(SecretSource),
    /// HTTP Basic.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: SecretSource,
    },
    /// A header with nothing but the secret.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        secret: SecretSource,
    },
    /// Tokens by client credentials.
    OAuth {
        /// Token endpoint.
        token_url: Url,
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: SecretSource,
        /// Scopes, if the server wants any.
        scopes: Vec<String>,
        /// Further form parameters (`audience`, `resource`).
        extra: BTreeMap<String, String>,
        /// Whether the secret goes into an `Authorization: Basic` header instead of the form.
        basic: bool,
    },
}

/// How listings are paged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paging {
    /// As the server's discovery says and its answers show.
    #[default]
    Auto,
    /// `startIndex` and `count` (RFC 7644, 3.4.2.4).
    Index,
    /// `cursor` (RFC 9865).
    Cursor,
}

/// Where memberships are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MembershipFrom {
    /// Whichever a probe shows to be complete.
    #[default]
    Auto,
    /// `members` of the groups.
    GroupMembers,
    /// `groups` of the users.
    UserGroups,
}

/// What it means that a user does not say `active`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AbsentActive {
    /// Employed if the server says `active: true` of anybody, else held.
    #[default]
    Auto,
    /// Employed.
    Employed,
    /// Disabled (servers that leave the attribute out once somebody is).
    Left,
    /// The person is held.
    Hold,
}

/// One server and whom to read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimConfig {
    /// The configured name of the source.
    pub name: SourceName,
    /// Base URL, with or without a version segment; taken as given.
    pub base_url: Url,
    /// The credential.
    pub credential: ScimCredential,
    /// Headers every request carries, beside the credential.
    pub extra_headers: BTreeMap<String, String>,
    /// Whom to read: members of these groups (names or ids), or everybody.
    pub scope_groups: Option<Vec<String>>,
    /// Groups (names or ids) that the mapping rules speak of.
    pub rule_groups: BTreeSet<String>,
    /// Attributes to read, beside the mandatory ones.
    pub wanted: BTreeSet<AttributeName>,
    /// Attributes that are read from another field than the usual one, by the remote's own name of it.
    pub fields: BTreeMap<AttributeName, String>,
    /// Resources to ask for a page; the server may send fewer.
    pub page_size: u32,
    /// How listings are paged.
    pub paging: Paging,
    /// Index of the first resource: 1, or 0 on servers that count so.
    pub first_index: u32,
    /// Where memberships are read.
    pub membership: MembershipFrom,
    /// Whether members of nested groups count.
    pub nested: bool,
    /// What it means that a user does not say `active`.
    pub absent_active: AbsentActive,
    /// Whether `meta.lastModified` may be filtered on, once probing has proved that it works.
    pub incremental: bool,
    /// Other names of the enterprise extension, beside the known ones.
    pub extension_aliases: Vec<String>,
    /// Path of the users below the base; `None` is what ResourceTypes says, else `Users`.
    pub users_path: Option<String>,
    /// Path of the groups below the base; `None` is what ResourceTypes says, else `Groups`.
    pub groups_path: Option<String>,
    /// Bytes of one body at most.
    pub max_response_bytes: usize,
}
