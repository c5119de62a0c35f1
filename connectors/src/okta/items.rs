//! Groups, applications and log events as they come.
//!
//! Forms: Okta reference, "Group", "Application", "LogEvent".

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::wire::time;

/// One group.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupItem {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
    #[serde(default)]
    last_membership_updated: Option<String>,
    #[serde(default)]
    profile: Option<GroupProfile>,
    #[serde(rename = "_embedded", default)]
    embedded: Option<GroupEmbedded>,
}

#[derive(Debug, Default, Deserialize)]
struct GroupProfile {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct GroupEmbedded {
    #[serde(default)]
    stats: Option<GroupStats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupStats {
    #[serde(default)]
    users_count: Option<u64>,
}

impl GroupItem {
    pub(super) fn name(&self) -> Option<&str> {
        self.profile.as_ref()?.name.as_deref()
    }

    /// When the list of members last changed.
    pub(super) fn members_changed(&self) -> Option<DateTime<Utc>> {
        self.last_membership_updated.as_deref().and_then(time)
    }

    /// The later of the two clocks a group has.
    pub(super) fn changed(&self) -> Option<DateTime<Utc>> {
        self.last_updated.as_deref().and_then(time).max(self.members_changed())
    }

    /// How many members it has by the org's own count (`expand=stats`), where it was told.
    pub(super) fn count(&self) -> Option<u64> {
        self.embedded.as_ref()?.stats.as_ref()?.users_count
    }
}

/// One application.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AppItem {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// One event of the System Log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogEvent {
    pub(super) uuid: String,
    published: String,
    pub(super) event_type: String,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    target: Option<Vec<Target>>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(default)]
    result: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

impl LogEvent {
    pub(super) fn published(&self) -> Option<DateTime<Utc>> {
        time(&self.published)
    }

    pub(super) fn succeeded(&self) -> bool {
        self.outcome.as_ref().and_then(|outcome| outcome.result.as_deref()) == Some("SUCCESS")
    }

    /// Ids of the targets of a type; their position says nothing.
    pub(super) fn targets(&self, kind: &str) -> impl Iterator<Item = &str> {
        let is = move |target: &&Target| target.kind.as_deref() == Some(kind);
        self.target.iter().flatten().filter(is).filter_map(|target| target.id.as_deref()).filter(|id| !id.is_empty())
    }
}
