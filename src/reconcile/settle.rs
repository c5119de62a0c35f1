//! What became of a call whose reply was lost.
//!
//! Invariant: an intent without an outcome is settled by looking at Connect, never by guessing. Updates are judged on a
//! detail read (consistent), creates and deletes on the listing of all users (consistent); `SearchUsers` alone, which may
//! lag behind, decides nothing here.

use std::collections::BTreeSet;

use crate::model::{
    Action, Attribute, Change, ConnectUser, ConnectUserId, Facet, Inventory, Outcome, QuickConnect, Seen, Value,
};

/// The users whose details must be read before the doubts can be settled.
pub(super) fn ids_to_read(doubts: &[Change]) -> BTreeSet<ConnectUserId> {
    doubts.iter().filter_map(|change| change.connect.clone()).collect()
}

/// Whether it takes a look at the quick connects, too.
pub(super) fn wants_quick_connects(doubts: &[Change]) -> bool {
    doubts.iter().any(|change| matches!(change.action, Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_)))
}

/// What became of one change, told from a fresh look.
pub(super) fn judge(change: &Change, look: &Inventory) -> Outcome {
    let user = change.connect.as_ref().and_then(|id| look.users.get(id));
    let happened = match &change.action {
        Action::Create(desired) => {
            let created = look
                .users
                .values()
                .find(|user| user.owner.as_ref() == Some(&change.person) && user.username == desired.username);
            return match created {
                Some(user) => Outcome::AlreadySo { request_id: None, created: Some(user.id.clone()) },
                None => Outcome::DidNotHappen,
            };
        }
        Action::Adopt { .. } => user.is_some_and(|user| user.owner.as_ref() == Some(&change.person)),
        Action::Update(update) if update.facet == Facet::Tags => {
            user.is_some_and(|user| tags_agree(user, &update.after.get(Attribute::Tags).cloned(), &update.untag))
        }
        Action::Update(update) => user.is_some_and(|user| {
            update.after.iter().all(|(attribute, value)| user.seen(attribute) == &Seen::Known(value.clone()))
        }),
        Action::DeleteQuickConnect(named) => !look.quick_connects.iter().any(|quick| quick.named.id == named.id),
        Action::MoveQuickConnect(step) => {
            let moved = |quick: &QuickConnect| quick.named.id == step.named.id && Some(&quick.user) == step.to.as_ref();
            look.quick_connects.iter().any(moved)
        }
        Action::Delete { .. } => user.is_none(),
    };
    if happened { Outcome::AlreadySo { request_id: None, created: None } } else { Outcome::DidNotHappen }
}

fn tags_agree(user: &ConnectUser, set: &Option<Value>, gone: &BTreeSet<String>) -> bool {
    let Seen::Known(Value::Tags(have)) = user.seen(Attribute::Tags) else {
        return false;
    };
    let all_set = match set {
        Some(Value::Tags(wanted)) => wanted.iter().all(|(key, value)| have.get(key) == Some(value)),
        _ => true,
    };
    all_set && gone.iter().all(|key| !have.contains_key(key))
}
