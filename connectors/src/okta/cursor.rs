//! Where the next pull starts: watermarks of Okta's own clock, with everything they depend on.
//!
//! Invariant: a cursor made for another org, scope or selection of fields is not used; the next pull is a full one.
//! Invariant: a watermark is a time that an answer of Okta showed, and it is read with an overlap.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::{OktaConfig, OktaScope};
use super::fields::Fields;
use super::log::LogMark;
use crate::directory::{Cursor, DirectoryGroup, ExternalId, Scope};

/// Raised when the form or the meaning of a cursor changes.
const VERSION: u32 = 1;

/// A pull that is further back than this is no base to go on from.
const GOOD_FOR: TimeDelta = TimeDelta::days(7);

/// How far before a watermark is read again. The search index was documented as usually less than a second behind.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// How long before a listing a membership clock must have stood still for the listing to hold every change that carries its
/// time: the clock and the header `Date` have whole seconds (Okta reference, "Group", `lastMembershipUpdated`).
const SETTLED: TimeDelta = TimeDelta::seconds(2);

/// How many people are waited for at most after the log said that they were deleted.
const MOST_AWAITED: usize = 200;

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Over everything in the configuration that the watermarks depend on.
    fingerprint: String,
    issued_at: DateTime<Utc>,
    pub(super) followed: Followed,
    /// Whether the built-in group of everybody could be seen, and with it that nobody is hidden.
    pub(super) everyone: bool,
    /// The latest change of a user that was seen.
    pub(super) users: DateTime<Utc>,
    /// The latest change of a group that was seen.
    pub(super) groups: DateTime<Utc>,
    /// Where the System Log is read on; `None` if it may not be read, or is not needed.
    pub(super) log: Option<LogMark>,
    /// People whom the log says deleted, while a point read still found them.
    pub(super) awaited: BTreeSet<ExternalId>,
}

/// Whom this source is about, with names resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Followed {
    pub(super) scope: Scope,
    /// The application, if it is the scope.
    pub(super) app: Option<AppMark>,
    /// The groups of the scope and of the rules.
    pub(super) groups: BTreeMap<ExternalId, GroupMark>,
}

/// An application as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AppMark {
    pub(super) id: ExternalId,
    pub(super) label: Option<String>,
}

/// A group as it was last listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupMark {
    pub(super) name: Option<String>,
    /// Its membership clock, read before the listing.
    pub(super) changed: Option<DateTime<Utc>>,
    /// The org's time before the listing.
    pub(super) listed_at: Option<DateTime<Utc>>,
    /// How often in a row the listing was shorter than the org's own count.
    pub(super) short: u8,
}

impl GroupMark {
    /// Whether a membership clock that stands at `now` may tell of a change that the last listing does not hold. A second
    /// change within the second of the first does not move the clock.
    pub(super) fn may_be_behind(&self, now: DateTime<Utc>) -> bool {
        let Self { changed, listed_at, .. } = self;
        let settled = now.checked_add_signed(SETTLED).unwrap_or(now);
        changed.is_none_or(|before| now > before) || listed_at.is_none_or(|listed_at| listed_at < settled)
    }
}

/// Over everything in the configuration that a watermark depends on.
pub(super) fn fingerprint(config: &OktaConfig, fields: &Fields) -> String {
    // Named one by one: a new setting must be thought about here.
    let OktaConfig {
        name: _,
        org_url,
        credential: _,
        scope,
        rule_groups,
        wanted: _,
        fields: _,
        statuses,
        rate_share: _,
    } = config;
    let scope = match scope {
        OktaScope::Everybody => serde_json::json!("everybody"),
        OktaScope::Groups(groups) => serde_json::json!({ "groups": groups.iter().collect::<BTreeSet<_>>() }),
        OktaScope::App(app) => serde_json::json!({ "app": app }),
    };
    let statuses: BTreeMap<&String, String> = statuses.iter().map(|(word, is)| (word, format!("{is:?}"))).collect();
    let text = serde_json::json!([org_url.as_str(), scope, rule_groups, fields.text(), statuses]);
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.to_string()))
}

/// A time in the form that expressions take.
pub(super) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl State {
    /// A state whose watermarks are at `org_time`.
    pub(super) fn new(
        fingerprint: String,
        issued_at: DateTime<Utc>,
        followed: Followed,
        org_time: DateTime<Utc>,
    ) -> Self {
        Self {
            version: VERSION,
            fingerprint,
            issued_at,
            followed,
            everyone: false,
            users: org_time,
            groups: org_time,
            log: None,
            awaited: BTreeSet::new(),
        }
    }

    /// What a cursor holds, if it was made for this configuration.
    pub(super) fn read(cursor: &Cursor, fingerprint: &str) -> Option<Self> {
        let state: Self = serde_json::from_str(cursor.as_str()).ok()?;
        (state.version == VERSION && state.fingerprint == fingerprint).then_some(state)
    }

    /// Whether changes can be followed from here.
    pub(super) fn is_fresh(&self, at: DateTime<Utc>) -> bool {
        at.signed_duration_since(self.issued_at) <= GOOD_FOR
    }

    pub(super) fn write(mut self) -> Cursor {
        while self.awaited.len() > MOST_AWAITED {
            self.awaited.pop_last();
        }
        Cursor::new(serde_json::to_string(&self).expect("a tree of texts is JSON"))
    }

    /// The same for the next round.
    pub(super) fn renewed(self, issued_at: DateTime<Utc>) -> Self {
        Self { issued_at, ..self }
    }

    /// From when on users are asked for.
    pub(super) fn users_since(&self) -> String {
        stamp(earlier(self.users))
    }

    /// From when on groups are asked for.
    pub(super) fn groups_since(&self) -> String {
        stamp(earlier(self.groups))
    }
}

/// The overlap before a watermark.
pub(super) fn earlier(time: DateTime<Utc>) -> DateTime<Utc> {
    time.checked_sub_signed(OVERLAP).unwrap_or(time)
}

/// Moves a watermark forward to what an answer showed, and never beyond the org's own now: one record from the future would
/// hide every change until then.
pub(super) fn advance(mark: &mut DateTime<Utc>, seen: Option<DateTime<Utc>>, org_time: DateTime<Utc>) {
    // The `Date` that `org_time` comes from has whole seconds only.
    let latest = org_time.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(org_time);
    if let Some(seen) = seen {
        *mark = (*mark).max(seen.min(latest));
    }
}

impl Followed {
    /// The groups whose members are in scope; `None` is everybody.
    pub(super) fn scope_groups(&self) -> Option<&BTreeSet<ExternalId>> {
        match &self.scope {
            Scope::Everybody => None,
            Scope::Groups(groups) => Some(groups),
        }
    }

    /// Whether membership in this group puts somebody into the scope.
    pub(super) fn is_scope(&self, group: &ExternalId) -> bool {
        self.scope_groups().is_some_and(|groups| groups.contains(group))
    }

    /// The groups for a pull; an application is one.
    pub(super) fn directory_groups(&self) -> Vec<DirectoryGroup> {
        let app = self.app.iter().map(|app| DirectoryGroup { id: app.id.clone(), name: app.label.clone() });
        let groups = self.groups.iter();
        app.chain(groups.map(|(id, mark)| DirectoryGroup { id: id.clone(), name: mark.name.clone() })).collect()
    }
}
