//! Users of one round, merged: several occurrences of a person become one change or one record.
//!
//! Invariant: a key that is present overwrites (`null` clears), an absent key leaves alone; the later occurrence wins.
//! Invariant: a user whose mandatory properties read `null` stops the pull: it means "not allowed to see".
//! Invariant: what cannot be decided from the round (a person both present and removed, or without `accountEnabled`) is
//! settled by reading that person.

use std::collections::BTreeMap;

use super::wire::{Told, UserItem};
use crate::attributes::{AttributeName, Attributes, USERNAME};
use crate::directory::{ExternalId, Standing, Unreadable, UserPatch, UserRecord};
use crate::error::{PullError, PullErrorKind};

/// Everything a round or a listing told about users.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) drafts: BTreeMap<ExternalId, Draft>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// What is known of one person so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    attributes: Vec<(AttributeName, Option<Box<str>>)>,
    enabled: Option<bool>,
    removed: Option<Standing>,
    /// Whether the person occurred without `@removed`.
    present: bool,
    /// The page of the first occurrence.
    page: u32,
}

/// Mandatory properties that read `null`: the application may not see them.
pub(super) fn not_allowed(operation: &str) -> PullError {
    PullError::new(
        PullErrorKind::Forbidden,
        operation,
        "a user's userPrincipalName or accountEnabled reads null, which means that the application may not see it",
        "grant the application permission User.Read.All, then admin consent",
    )
}

impl Round {
    /// Takes in one occurrence.
    pub(super) fn take(&mut self, operation: &str, item: UserItem, page: u32) -> Result<(), PullError> {
        let UserItem { id, enabled, username, removed, attributes, spoilt } = item;
        if removed.is_none() && (enabled == Told::Null || username == Told::Null) {
            return Err(not_allowed(operation));
        }
        let why = match (&id, spoilt) {
            (_, Some(why)) => Some(why),
            (None, None) => Some("the record has no id".to_owned()),
            (Some(_), None) => None,
        };
        if let Some(why) = why {
            self.unreadable.push(Unreadable { id, page, why });
            return Ok(());
        }
        let Some(id) = id else { return Ok(()) };
        let draft = self.drafts.entry(id).or_insert_with(|| Draft { page, ..Draft::default() });
        match removed {
            Some(removed) => draft.removed = Some(removed.standing()),
            None => {
                draft.present = true;
                if draft.attributes.is_empty() {
                    draft.attributes = attributes;
                } else {
                    draft.attributes.extend(attributes);
                }
                if let Told::Value(enabled) = enabled {
                    draft.enabled = Some(enabled);
                }
            }
        }
        Ok(())
    }
}

fn standing(enabled: bool) -> Standing {
    if enabled { Standing::Active } else { Standing::Disabled }
}

impl Draft {
    /// What the round says without doubt about somebody being removed.
    pub(super) fn gone(&self) -> Option<Standing> {
        self.removed.filter(|_| !self.present)
    }

    /// Whether the round says both that this person is there and that it is not.
    pub(super) fn is_contradictory(&self) -> bool {
        self.present && self.removed.is_some()
    }

    /// What `@removed` said, if it was there.
    pub(super) fn removed(&self) -> Option<Standing> {
        self.removed
    }

    /// Whether only reading the person can tell: both present and removed, or present without a word on the account
    /// (which may be a restore).
    pub(super) fn in_doubt(&self) -> bool {
        self.present && (self.removed.is_some() || self.enabled.is_none())
    }

    /// Whether it can stand for the whole person.
    pub(super) fn is_whole(&self) -> bool {
        let username = self.attributes.iter().rev().find(|(name, _)| name.as_str() == USERNAME);
        !self.in_doubt() && self.present && username.is_some_and(|(_, value)| value.is_some())
    }

    /// The complete record of a person who was not known before; an unreadable one if it is not complete.
    pub(super) fn into_record(self, id: ExternalId) -> Result<UserRecord, Unreadable> {
        let page = self.page;
        let attributes = Attributes::from_owned(self.attributes);
        match self.enabled {
            Some(enabled) if attributes.get(USERNAME).is_some() => {
                Ok(UserRecord { id, attributes, standing: standing(enabled) })
            }
            Some(_) => Err(Unreadable { id: Some(id), page, why: "`userPrincipalName` is missing".to_owned() }),
            None => Err(Unreadable { id: Some(id), page, why: "`accountEnabled` is missing".to_owned() }),
        }
    }

    /// The change of a person who is known.
    pub(super) fn into_patch(self, id: ExternalId) -> UserPatch {
        let standing = self.gone().or(self.enabled.filter(|_| self.removed.is_none()).map(standing));
        UserPatch { id, attributes: self.attributes.into_iter().collect(), standing }
    }
}

/// One person read by id.
pub(super) fn into_record(
    operation: &str,
    id: &ExternalId,
    item: UserItem,
) -> Result<Result<UserRecord, String>, PullError> {
    let mut round = Round::default();
    if item.id.as_ref().is_some_and(|have| have != id) {
        let hint = "try again; report it if it persists";
        return Err(PullError::new(PullErrorKind::Protocol, operation, "the answer is about somebody else", hint));
    }
    round.take(operation, item, 1)?;
    if let Some(unreadable) = round.unreadable.pop() {
        return Ok(Err(unreadable.why));
    }
    let draft = round.drafts.remove(id).unwrap_or_default();
    if let Some(standing) = draft.gone() {
        return Ok(Ok(UserRecord { id: id.clone(), attributes: Attributes::default(), standing }));
    }
    Ok(draft.into_record(id.clone()).map_err(|unreadable| unreadable.why))
}
