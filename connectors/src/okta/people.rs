//! From a record to a person: statuses, what cannot be read, and what a listing told in all.
//!
//! Invariant: a status that nobody has said the meaning of holds its person; it never removes and never adds anybody.
//! Invariant: records without login or status everywhere are a missing permission, and an error; one of many is held.
//! Invariant: of two occurrences of one person the one that Okta changed later counts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::config::{OktaConfig, STATUSES, StatusMeaning};
use super::fault::permission;
use super::wire::UserItem;
use crate::attributes::{self, AttributeName, Attributes};
use crate::directory::{ExternalId, Standing, Unreadable, UserRecord};
use crate::error::{PullError, PullErrorKind};

/// What statuses mean: the table, with what the configuration says otherwise.
#[derive(Debug, Clone)]
pub(super) struct Statuses {
    meanings: BTreeMap<String, StatusMeaning>,
    attribute: AttributeName,
}

impl Statuses {
    pub(super) fn new(config: &OktaConfig) -> Self {
        let usual = STATUSES.iter().map(|(status, meaning)| ((*status).to_owned(), *meaning));
        let own = config.statuses.iter().map(|(status, meaning)| (status.trim().to_ascii_uppercase(), *meaning));
        Self { meanings: usual.chain(own).collect(), attribute: attributes::STATUS.into() }
    }

    fn standing(&self, status: &str) -> Result<Standing, String> {
        let is_word = status.len() <= 40 && status.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let shown = if is_word { format!("status \"{status}\"") } else { "a status that is no word".to_owned() };
        match self.meanings.get(&status.to_ascii_uppercase()) {
            Some(StatusMeaning::Active) => Ok(Standing::Active),
            Some(StatusMeaning::Disabled) => Ok(Standing::Disabled),
            Some(StatusMeaning::Hold) => Err(format!("{shown} holds its people by the configuration")),
            None => Err(format!("{shown} is not known; say in the source's `statuses` what it means")),
        }
    }
}

/// One person, with Okta's own time of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) changed: Option<DateTime<Utc>>,
    pub(super) record: UserRecord,
}

/// Why a record is not a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoilt {
    pub(super) id: Option<ExternalId>,
    pub(super) why: String,
    /// Login or status are missing.
    blank: bool,
}

/// Reads one record.
pub(super) fn read(statuses: &Statuses, item: UserItem) -> Result<Known, Spoilt> {
    let UserItem { id, status, changed, attributes, spare, spoilt, .. } = item;
    let spoilt_by = |id: Option<ExternalId>, why: String, blank: bool| Err(Spoilt { id, why, blank });
    let Some(id) = id else {
        return spoilt_by(None, spoilt.unwrap_or_else(|| "the record has no id".to_owned()), false);
    };
    if let Some(why) = spoilt {
        return spoilt_by(Some(id), why, false);
    }
    let Some(status) = status else { return spoilt_by(Some(id), "`status` is missing".to_owned(), true) };
    if !attributes.iter().any(|(name, _)| name.as_str() == attributes::USERNAME) {
        return spoilt_by(Some(id), "the login is missing".to_owned(), true);
    }
    let standing = match statuses.standing(&status) {
        Ok(standing) => standing,
        Err(why) => return spoilt_by(Some(id), why, false),
    };
    let mut pairs = attributes;
    for (name, value) in spare {
        if !pairs.iter().any(|(have, _)| *have == name) {
            pairs.push((name, Some(value)));
        }
    }
    pairs.push((statuses.attribute.clone(), Some(status)));
    Ok(Known { changed, record: UserRecord { id, attributes: Attributes::from_owned(pairs), standing } })
}

/// Everything a listing told about people.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Everybody who occurred, readable or not.
    pub(super) ids: BTreeSet<ExternalId>,
    pub(super) records: BTreeMap<ExternalId, Known>,
    pub(super) unreadable: Vec<Unreadable>,
    /// The latest change that occurred.
    pub(super) newest: Option<DateTime<Utc>>,
    /// Records without an id.
    pub(super) nameless: u64,
    read: u64,
    blank: u64,
}

impl Told {
    /// Takes in one occurrence; `keep` says whose records are wanted.
    pub(super) fn take(
        &mut self,
        statuses: &Statuses,
        item: UserItem,
        page: u32,
        keep: impl FnOnce(&ExternalId) -> bool,
    ) {
        self.newest = self.newest.max(item.changed);
        match read(statuses, item) {
            Ok(known) => {
                self.read += 1;
                let id = known.record.id.clone();
                self.ids.insert(id.clone());
                if keep(&id) {
                    keep_newer(&mut self.records, known);
                }
            }
            Err(Spoilt { id, why, blank }) => {
                self.blank += u64::from(blank);
                let wanted = match &id {
                    Some(id) => {
                        self.ids.insert(id.clone());
                        keep(id)
                    }
                    None => {
                        self.nameless += 1;
                        true
                    }
                };
                if wanted {
                    self.unreadable.push(Unreadable { id, page, why });
                }
            }
        }
    }

    /// Whether what was told can be the truth: logins that are missing everywhere are hidden, not empty.
    pub(super) fn require_visible(&self, operation: &str) -> Result<(), PullError> {
        if self.read == 0 && self.blank >= 2 {
            let message = "no user shows login and status, which means that they may not be seen";
            return Err(PullError::new(PullErrorKind::Forbidden, operation, message, permission("/users")));
        }
        Ok(())
    }

    /// How many occurred.
    pub(super) fn count(&self) -> u64 {
        self.ids.len() as u64 + self.nameless
    }
}

/// Keeps of two records of one person the one that changed later; of two of the same time the one that came later.
pub(super) fn keep_newer(records: &mut BTreeMap<ExternalId, Known>, known: Known) {
    let older = records.get(&known.record.id).is_some_and(|have| have.changed > known.changed);
    if !older {
        records.insert(known.record.id.clone(), known);
    }
}
