//! Where the next pull starts, and what has been found out about the server.
//!
//! Invariant: a cursor made for other settings is not used; the next pull is a full one and probes anew.
//! Invariant: what was found out is forgotten after a week: servers are upgraded.
//! Invariant: a cursor without a watermark leads to a full pull.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::ScimConfig;
use crate::directory::{Cursor, ExternalId, Scope};

/// Raised when the form or the meaning of a cursor changes.
const VERSION: u32 = 2;

/// How long what was found out about a server is believed.
const GOOD_FOR: TimeDelta = TimeDelta::days(7);

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// `startIndex`.
    Index,
    /// `cursor`.
    Cursor,
}

/// Which side tells memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    /// `members` of the groups.
    Members,
    /// `groups` of the users.
    Users,
}

/// What a member list names people by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Join {
    /// `value` is the person's id.
    Id,
    /// `value` is the person's `userName`.
    Username,
    /// The end of `$ref` is the person's id.
    Reference,
}

/// Whether `meta.lastModified` can be filtered on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Filter {
    /// Three probes said yes.
    Proven,
    /// Why not.
    Useless(String),
}

/// What the server says about itself. Hints, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announced {
    /// Whether it says anything at all.
    pub(super) said: bool,
    pub(super) cursor: Option<bool>,
    pub(super) index: Option<bool>,
    pub(super) sort: Option<bool>,
    pub(super) filter: Option<bool>,
    pub(super) etag: Option<bool>,
    pub(super) max_page: Option<u64>,
    pub(super) schemes: Vec<String>,
}

/// What has been found out about the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learned {
    pub(super) at: DateTime<Utc>,
    pub(super) users_path: String,
    pub(super) groups_path: String,
    pub(super) announced: Announced,
    /// Whether `attributes=` brings everything that was asked for.
    pub(super) projection: Option<bool>,
    /// Whether `sortBy` may be sent.
    pub(super) sort: bool,
    /// How pages were asked for in the last whole listing of users, and with which figures.
    pub(super) paging: Option<(Method, u32, u32)>,
    /// Which side was last found to be complete.
    pub(super) side: Option<Side>,
    pub(super) join: Option<Join>,
    /// Whether lists of groups show their members.
    pub(super) lists_members: Option<bool>,
    pub(super) filter: Option<Filter>,
    /// Whether a group can be asked for with `If-None-Match`.
    pub(super) tags: Option<bool>,
    /// Whether anybody says `active: true`.
    pub(super) active_said: bool,
    /// People of each followed group at the last full pull.
    pub(super) sizes: BTreeMap<ExternalId, usize>,
}

/// So many may leave a group at once, and a tenth of it, before a second witness is asked: the users' own `groups`.
const FEW: usize = 2;

/// Whether a group lost so many that its list alone is not believed.
pub(super) fn lost_many(before: usize, now: usize) -> bool {
    let lost = before.saturating_sub(now);
    lost > FEW && lost * 10 > before
}

/// From where a poll goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watermark {
    /// The highest `meta.lastModified` that was seen, by the server's clock.
    pub(super) newest: DateTime<Utc>,
    /// Who had it: must come back in the next poll.
    pub(super) who: ExternalId,
}

impl Watermark {
    /// The last change of `who`. Never later than now: a record that is ahead of its server's clock would hide what
    /// others change until then.
    pub(super) fn of(newest: DateTime<Utc>, who: &ExternalId, at: DateTime<Utc>) -> Self {
        Self { newest: newest.min(at), who: who.clone() }
    }
}

/// A followed group, with the tag of the member list that was read last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tagged {
    pub(super) name: Option<String>,
    pub(super) tag: Option<String>,
    /// People in it. A list that has become much shorter is judged by a full pull.
    pub(super) people: usize,
    /// Over the entries of the list, to find a tag that stays although they change.
    pub(super) digest: Option<String>,
}

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    fingerprint: String,
    pub(super) learned: Learned,
    pub(super) scope: Scope,
    pub(super) groups: BTreeMap<ExternalId, Tagged>,
    /// Absent where the next pull has to be a full one.
    pub(super) watermark: Option<Watermark>,
    /// Counts polls: each reads another group without its tag.
    pub(super) turn: usize,
}

/// Over the entries of a member list.
pub(super) fn digest(members: &BTreeSet<ExternalId>) -> String {
    let ids: Vec<&str> = members.iter().map(ExternalId::as_str).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(serde_json::json!(ids).to_string()))
}

/// Over everything in the configuration that changes what is read, or how.
pub(super) fn fingerprint(config: &ScimConfig) -> String {
    // Named one by one: a new setting must be thought about here.
    let ScimConfig {
        name: _,
        base_url,
        credential: _,
        extra_headers: _,
        scope_groups,
        rule_groups,
        wanted,
        fields,
        page_size,
        paging,
        first_index,
        membership,
        nested,
        absent_active,
        incremental,
        extension_aliases,
        users_path,
        groups_path,
        max_response_bytes: _,
    } = config;
    let scope_groups: Option<BTreeSet<&String>> = scope_groups.as_ref().map(|groups| groups.iter().collect());
    let fields: BTreeMap<&str, &String> = fields.iter().map(|(name, field)| (name.as_str(), field)).collect();
    let text = serde_json::json!([
        base_url.as_str(),
        scope_groups,
        rule_groups,
        wanted,
        fields,
        [page_size, first_index],
        format!("{paging:?} {membership:?} {absent_active:?}"),
        [nested, incremental],
        extension_aliases,
        [users_path, groups_path],
    ]);
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.to_string()))
}

impl Learned {
    /// Whether it is still to be believed.
    pub(super) fn is_fresh(&self, at: DateTime<Utc>) -> bool {
        let age = at.signed_duration_since(self.at);
        age <= GOOD_FOR && age >= -GOOD_FOR
    }
}

impl State {
    pub(super) fn new(fingerprint: &str, learned: Learned, scope: Scope) -> Self {
        let fingerprint = fingerprint.to_owned();
        Self { version: VERSION, fingerprint, learned, scope, groups: BTreeMap::new(), watermark: None, turn: 0 }
    }

    /// What a cursor holds, if it can be used at `at`.
    pub(super) fn read(cursor: &Cursor, fingerprint: &str, at: DateTime<Utc>) -> Option<Self> {
        Self::of(cursor, fingerprint).filter(|state| state.learned.is_fresh(at))
    }

    /// What a cursor holds, if it was made for these settings.
    pub(super) fn of(cursor: &Cursor, fingerprint: &str) -> Option<Self> {
        let state: Self = serde_json::from_str(cursor.as_str()).ok()?;
        (state.version == VERSION && state.fingerprint == fingerprint).then_some(state)
    }

    pub(super) fn write(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).expect("a tree of texts is JSON"))
    }
}
