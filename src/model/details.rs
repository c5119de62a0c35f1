//! What of existing users nobody has read yet, as far as a plan needs it.
//!
//! A search tells everything of a user but e-mail addresses and mobile number ([`Row::in_search`](super::attribute::Row)).
//! These take a read of each user, and reads are rationed: an instance with many users is read in minutes, not at once.

use std::collections::BTreeMap;

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::user::ConnectUserId;
use super::words::{count, millis, number};

/// What a plan would need to know of existing users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Users to be read before everything about their people is decided.
    pub unread: BTreeMap<ConnectUserId, Unread>,
    /// People who work here and have a Connect user; those of `unread` are among them.
    pub existing: u32,
    /// Least milliseconds that reading the unread ones takes.
    pub least_millis: u64,
}

/// A user that is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Whose user it is.
    pub person: PersonKey,
    /// Whether another user is to take its place: a changed username.
    pub replaced: bool,
}

impl Details {
    /// Notes a user that is to be read.
    pub fn need(&mut self, user: &ConnectUserId, person: &PersonKey, replaced: bool) {
        let unread = || Unread { person: person.clone(), replaced };
        self.unread.entry(user.clone()).or_insert_with(unread).replaced |= replaced;
    }

    /// How many are still to be read.
    #[must_use]
    pub fn left(&self) -> u32 {
        u32::try_from(self.unread.len()).unwrap_or(u32::MAX)
    }

    /// Of how many existing users everything is known that the plan needs.
    #[must_use]
    pub fn read(&self) -> u32 {
        self.existing.saturating_sub(self.left())
    }

    /// What is still to be read, and how long that takes; `None` if nothing is.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        (!self.unread.is_empty()).then(|| {
            format!(
                "e-mail and mobile number of {} of {} are still to be read, about {}",
                number(self.left()),
                count(self.existing as usize, "existing user", "existing users"),
                millis(self.least_millis)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_with_the_time_it_takes() {
        let mut details = Details { existing: 1_600, least_millis: 935_000, ..Details::default() };
        assert_eq!((details.words(), details.read()), (None, 1_600));
        for number in 0..1_500 {
            let person = PersonKey::new("entra", number.to_string());
            details.need(&number.to_string().as_str().into(), &person, false);
        }
        assert_eq!((details.left(), details.read()), (1_500, 100));
        let told = "e-mail and mobile number of 1,500 of 1,600 existing users are still to be read, about 15 min 35 s";
        assert_eq!(details.words().as_deref(), Some(told));
    }

    #[test]
    fn a_user_that_is_asked_for_twice_is_read_once_and_stays_replaced() {
        let (mut details, person) = (Details::default(), PersonKey::new("entra", "1"));
        details.need(&"c-1".into(), &person, true);
        details.need(&"c-1".into(), &person, false);
        assert_eq!(details.unread, BTreeMap::from([("c-1".into(), Unread { person, replaced: true })]));
    }
}
