//! What an approval names: the digest of the guarded part of a plan.
//!
//! Guarded is every change of an existing user, every create that gives a privileged profile or takes the place of a renamed
//! user, and every canary that is missing: whoever approves has seen these, and nothing else can go through by the same approval.
//!
//! Invariant: ids only. Names of profiles, labels, the wording of reasons, times, and unguarded creates are not part of it;
//! a plan that does the same has the same digest.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::super::rules::Limits;
use super::counted::removes;
use super::privilege::Privileged;
use crate::model::{Action, Attribute, AttributeSet, Canary, Change, Plan, Reason, Value};

/// The digest of what the guard guards under these limits.
#[must_use]
pub fn digest(plan: &Plan, limits: &Limits) -> String {
    let privileged = Privileged::of(&limits.privileged, &plan.stakes);
    let mut hash = Sha256::new();
    for change in &plan.changes {
        let Some(action) = guarded(change, &privileged) else { continue };
        let line = json!([change.person, change.connect, removes(change), action]);
        hash.update(line.to_string());
        hash.update("\n");
    }
    for (text, _) in plan.stakes.canaries.iter().filter(|(_, canary)| matches!(canary, Canary::Silent { .. })) {
        hash.update(json!(["canary", text]).to_string());
        hash.update("\n");
    }
    let mut hex = String::with_capacity(9);
    for (at, byte) in hash.finalize().iter().take(4).enumerate() {
        let dash = if at == 2 { "-" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(hex, "{dash}{byte:02x}");
    }
    hex
}

fn guarded(change: &Change, privileged: &Privileged<'_>) -> Option<Json> {
    match &change.action {
        // A rename is a removal with a create before it, and both are guarded.
        Action::Create(desired) if matches!(change.because, Reason::Renamed { .. }) => {
            Some(json!(["recreate", desired.username, ids_only(&desired.attributes)]))
        }
        // Only the sign-in and the power it gets: a joiner's new telephone number does not void an approval.
        Action::Create(desired) if !privileged.among(&desired.attributes).is_empty() => {
            let power = desired.attributes.get(Attribute::SecurityProfiles).map(value);
            Some(json!(["create", desired.username, power]))
        }
        Action::Create(_) => None,
        Action::Adopt { username: _ } => Some(json!("adopt")),
        Action::Update(update) => {
            Some(json!(["update", update.facet, update.stage, ids_only(&update.after), update.untag]))
        }
        Action::DeleteQuickConnect(named) => Some(json!(["delete_quick_connect", named.id])),
        Action::MoveQuickConnect(step) => Some(json!(["move_quick_connect", step.named.id, step.to])),
        Action::Delete { username: _, before: _ } => Some(json!("delete")),
    }
}

fn ids_only(set: &AttributeSet) -> Json {
    set.iter().map(|(attribute, v)| (attribute.name().to_owned(), value(v))).collect::<serde_json::Map<_, _>>().into()
}

fn value(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Text(text) => json!(["text", text]),
        Value::Flag(flag) => json!(flag),
        Value::Seconds(secs) => json!(secs),
        Value::Named(named) => json!(["id", named.id]),
        Value::NamedSet(set) => json!(set.iter().map(|named| &named.id).collect::<Vec<_>>()),
        Value::Tags(tags) => json!(tags),
    }
}
