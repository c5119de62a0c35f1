//! A changed username. Connect cannot rename: a new user is created, quick connects are pointed to it, the old one is deleted.
//!
//! Invariant: the executor does not choose. A step that needs the id of the user that an earlier step of the same plan
//! creates names it as "the created one", and gets the id from that step's confirmed outcome and from nowhere else.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::attribute::{Named, ResourceId};
use super::plan::{Action, Change};
use super::user::ConnectUserId;

/// A quick connect that is pointed to the new user of a renamed person, by `UpdateQuickConnectConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickConnectMove {
    /// Id and name.
    pub named: Named,
    /// The transfer flow it goes through. The call replaces the whole configuration, so the flow is sent with it.
    pub flow: ResourceId,
    /// The user it shall point to; `None`: the one that an earlier change of the same person creates.
    pub to: Option<ConnectUserId>,
}

impl Change {
    /// The change with the id of the user that an earlier change of the same person has created, if it waits for one.
    #[must_use]
    pub fn aimed_at(&self, created: Option<&ConnectUserId>) -> Cow<'_, Self> {
        match (&self.action, created) {
            (Action::MoveQuickConnect(step), Some(created)) if step.to.is_none() => {
                let step = QuickConnectMove { to: Some(created.clone()), ..(**step).clone() };
                Cow::Owned(Self { action: Action::MoveQuickConnect(Box::new(step)), ..self.clone() })
            }
            _ => Cow::Borrowed(self),
        }
    }
}
