//! The retry clocks of a person: what Connect refused, how often, and when it is asked again.
//!
//! One stuck person neither stops nor floods: a refused step rests, everything else of the person and everybody else goes
//! on. Each step has a clock of its own; it grows with every refusal and is forgotten with a success.
//!
//! Invariant: a clock is about exactly one wish. Another wish for the same step is tried at once.
//! Invariant: whatever takes access away rests an hour at the most, everything else a day at the most.
//! Invariant: the clocks are a function of what happened and when; nothing in here is random.
//! Deliberately absent: errors that stop the run and calls in doubt. Neither says anything about the person.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Time;
use super::attribute::{Attribute, Value};
use super::operation::Operation;
use super::plan::{Action, Change, FacetUpdate};
use super::reason::Reason;

/// Seconds a refused step rests for the first time.
const FIRST_SECS: u64 = 5 * 60;
/// By how much the rest grows with each refusal.
const GROWTH: u64 = 3;
/// Longest rest, in seconds.
const LONGEST_SECS: u64 = 24 * 60 * 60;
/// Longest rest of a step that takes access away, in seconds. A leaver who keeps access is worse than a call an hour.
const LONGEST_REMOVAL_SECS: u64 = 60 * 60;
/// Longest rest after a failure that passes by itself, in seconds: it may have passed already.
const LONGEST_PASSING_SECS: u64 = 15 * 60;
/// Characters of the digest of a wish.
const WISH_CHARS: usize = 16;

/// What Connect refused for one person and is wanted still, by the call that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The clocks.
    pub clocks: BTreeMap<Operation, RetryClock>,
}

impl Retry {
    /// The clock of a step, if exactly this step was refused before.
    #[must_use]
    pub fn of(&self, change: &Change) -> Option<&RetryClock> {
        self.clocks.get(&change.action.operation()).filter(|clock| clock.wish == wish(change))
    }
}

/// The clock of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryClock {
    /// When it was refused first.
    pub since: Time,
    /// When it was refused last.
    pub last: Time,
    /// How often it was refused in a row.
    pub attempts: u32,
    /// When it is tried again.
    pub until: Time,
    /// Digest of what was to be written, and to whom; without personal values.
    pub wish: String,
    /// Whether the step takes access away.
    pub removal: bool,
    /// The exception's name as Connect said it last.
    pub code: String,
    /// What Connect said; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// Connect's request id.
    pub request_id: Option<String>,
}

/// What Connect said when it refused a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The exception's name.
    pub code: String,
    /// What happened; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// Connect's request id.
    pub request_id: Option<String>,
    /// Whether it passes by itself, so that the next run may try again.
    pub passes: bool,
}

impl RetryClock {
    /// The clock after one more refusal of `change` at `at`. `before` is the clock of the same step, if there was one.
    #[must_use]
    pub fn refused(before: Option<&Self>, change: &Change, said: Said, at: Time) -> Self {
        let Said { code, message, hint, request_id, passes } = said;
        let wish = wish(change);
        let before = before.filter(|clock| clock.wish == wish);
        let attempts = before.map_or(0, |clock| clock.attempts).saturating_add(1);
        let removal = takes_away(change);
        let rest = TimeDelta::seconds(i64::try_from(rest_secs(attempts, removal, passes)).unwrap_or(0));
        Self {
            since: before.map_or(at, |clock| clock.since),
            last: at,
            attempts,
            until: at.checked_add_signed(rest).unwrap_or(at),
            wish,
            removal,
            code,
            message,
            hint,
            request_id,
        }
    }

    /// Whether the step is not to be tried at this moment. A clock that was set back ends every rest: what it measured
    /// means nothing any more.
    #[must_use]
    pub fn rests(&self, at: Time) -> bool {
        self.last <= at && at < self.until
    }
}

/// How long a step rests after so many refusals in a row, in seconds: 5 min, 15 min, 45 min … a day.
fn rest_secs(attempts: u32, removal: bool, passes: bool) -> u64 {
    // What passes by itself is tried once more without a rest.
    let growths = if passes { attempts.checked_sub(2) } else { attempts.checked_sub(1) };
    let Some(growths) = growths else { return 0 };
    let longest = match (removal, passes) {
        (_, true) => LONGEST_PASSING_SECS,
        (true, false) => LONGEST_REMOVAL_SECS,
        (false, false) => LONGEST_SECS,
    };
    GROWTH.saturating_pow(growths).saturating_mul(FIRST_SECS).min(longest)
}

/// Whether a step takes access away from somebody: a leaver's step, a deletion, or security profiles taken and none given.
#[must_use]
pub fn takes_away(change: &Change) -> bool {
    matches!(change.because, Reason::Left { .. })
        || match &change.action {
            Action::Delete { .. } | Action::DeleteQuickConnect(_) => true,
            Action::Update(update) => security(update) == Security::Taken,
            Action::Create(_) | Action::Adopt { .. } | Action::MoveQuickConnect(_) => false,
        }
}

/// What an update does to the security profiles of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Leaves them as they are.
    Untouched,
    /// Takes some and gives none.
    Taken,
    /// Gives some, whatever it takes. Also where nobody knows what the user had.
    Given,
}

/// What an update does to the security profiles of a user.
#[must_use]
pub fn security(update: &FacetUpdate) -> Security {
    let of = |value: Option<&Value>| match value {
        Some(Value::NamedSet(set)) => Some(set.iter().map(|named| named.id.clone()).collect::<Vec<_>>()),
        _ => None,
    };
    let Some(after) = of(update.after.get(Attribute::SecurityProfiles)) else { return Security::Untouched };
    let before = of(update.before.get(Attribute::SecurityProfiles)).unwrap_or_default();
    if after.iter().any(|profile| !before.contains(profile)) {
        Security::Given
    } else if before.len() > after.len() {
        Security::Taken
    } else {
        Security::Untouched
    }
}

/// What is to be written and to whom, as a digest: equal exactly if another try would send the same call.
fn wish(change: &Change) -> String {
    let what = match &change.action {
        Action::Create(desired) => json!(["create", desired.username, desired.attributes]),
        Action::Adopt { username: _ } => json!(["adopt"]),
        Action::Update(update) => {
            let FacetUpdate { facet, after, untag, stage, before: _, wished: _ } = &**update;
            json!(["update", facet, after, untag, stage])
        }
        Action::DeleteQuickConnect(named) => json!(["delete_quick_connect", named.id]),
        // The new user is told by the person: its id is known only once it is there.
        Action::MoveQuickConnect(step) => json!(["move_quick_connect", step.named.id]),
        Action::Delete { .. } => json!(["delete"]),
    };
    let bytes = Sha256::digest(json!([change.person, change.connect, what]).to_string());
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..WISH_CHARS].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use connectors::PersonKey;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{AttributeSet, Facet, LeaveReason, Named, Stage};

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;

    fn at(secs: i64) -> Time {
        Time::from_timestamp(1_772_323_200 + secs, 0).expect("a time")
    }

    fn change(action: Action, because: Reason) -> Change {
        let (person, label) = (PersonKey::new("entra", "1"), "ada".to_owned());
        Change { seq: 0, person, label, connect: Some("c-1".into()), arn: None, action, because }
    }

    fn profiles(names: &str) -> AttributeSet {
        let set = names.split(' ').filter(|name| !name.is_empty()).map(|name| Named::new(name, name)).collect();
        [(Attribute::SecurityProfiles, Value::NamedSet(set))].into_iter().collect()
    }

    fn update(before: &str, after: &str) -> Change {
        let (before, after, untag) = (profiles(before), profiles(after), BTreeSet::new());
        let facet = Facet::Security;
        let update = FacetUpdate { facet, before, wished: after.clone(), after, untag, stage: Stage::Active };
        change(Action::Update(Box::new(update)), Reason::Drift)
    }

    fn said(passes: bool) -> Said {
        let text = || "InvalidParameterException".to_owned();
        Said { code: text(), message: text(), hint: text(), request_id: None, passes }
    }

    /// The rests after each refusal in a row, each tried as soon as the clock lets it.
    fn rests(change: &Change, passes: bool, times: usize) -> Vec<i64> {
        let (mut now, mut clock, mut rests) = (at(0), None, Vec::new());
        for _ in 0..times {
            let next = RetryClock::refused(clock.as_ref(), change, said(passes), now);
            rests.push((next.until - now).num_seconds());
            now = next.until;
            clock = Some(next);
        }
        rests
    }

    #[test]
    fn rests_grow_to_a_day_and_those_of_removals_to_an_hour() {
        let m = |minutes: &[i64]| minutes.iter().map(|n| n * MINUTE).collect::<Vec<_>>();
        let leaver = Reason::Left { why: LeaveReason::Disabled, since: at(0) };
        let suspend = Change { because: leaver, ..update("Agent", "None") };
        let delete = change(Action::Delete { username: "ada".into(), before: AttributeSet::default() }, Reason::Drift);
        let raise = update("Agent", "Agent Lead");
        assert_eq!(rests(&raise, false, 8), m(&[5, 15, 45, 135, 405, 1215, 1440, 1440]));
        for removal in [suspend, delete, update("Agent Lead", "Agent")] {
            assert_eq!(rests(&removal, false, 6), m(&[5, 15, 45, 60, 60, 60]));
            assert_eq!(rests(&removal, true, 5), m(&[0, 5, 15, 15, 15]));
        }
        assert_eq!(rests(&raise, true, 5), m(&[0, 5, 15, 15, 15]), "what passes may have passed already");
    }

    #[test]
    fn a_clock_is_about_one_wish() {
        let (first, other) = (update("Agent", "Lead"), update("Agent", "Admin"));
        let clock = RetryClock::refused(None, &first, said(false), at(0));
        let clock = RetryClock::refused(Some(&clock), &first, said(false), at(300));
        assert_eq!((clock.attempts, clock.since, clock.last), (2, at(0), at(300)));
        let retry = Retry { clocks: BTreeMap::from([(first.action.operation(), clock.clone())]) };
        assert_eq!(retry.of(&first), Some(&clock));
        let drifted = update("Recording", "Lead");
        assert!(retry.of(&drifted).is_some(), "what Connect has does not matter, the call would be the same");
        assert!(retry.of(&other).is_none());
        let another_user = Change { connect: Some("c-2".into()), ..first };
        assert!(retry.of(&another_user).is_none(), "another Connect user is another story");
        let anew = RetryClock::refused(Some(&clock), &other, said(false), at(400));
        assert_eq!((anew.attempts, anew.since), (1, at(400)));
    }

    #[test]
    fn what_updates_do_to_security_profiles() {
        for (before, after, expected) in [
            ("Agent", "Agent", Security::Untouched),
            ("Agent Lead", "Agent", Security::Taken),
            ("Agent", "Agent Lead", Security::Given),
            ("Agent", "Lead", Security::Given),
            ("", "Agent", Security::Given),
        ] {
            let Action::Update(update) = update(before, after).action else { panic!("an update") };
            assert_eq!(security(&update), expected, "{before} → {after}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_ends_the_rest() {
        let clock = RetryClock::refused(None, &update("Agent", "Lead"), said(false), at(0));
        assert!(clock.rests(at(0)) && clock.rests(at(299)));
        assert!(!clock.rests(at(300)) && !clock.rests(at(-1)));
    }

    proptest! {
        /// Runs at any moments: nobody is tried more than six times in any day, removals not more than thirty times, and
        /// never is more than the longest rest between a try and the next.
        #[test]
        fn attempts_a_day_are_bounded(gaps in prop::collection::vec(1..40 * MINUTE, 1..600), removal in any::<bool>()) {
            let change = if removal { update("Agent Lead", "Agent") } else { update("Agent", "Lead") };
            let (mut now, mut clock, mut tries) = (0, None::<RetryClock>, Vec::new());
            for gap in gaps {
                now += gap;
                if clock.as_ref().is_none_or(|clock| !clock.rests(at(now))) {
                    clock = Some(RetryClock::refused(clock.as_ref(), &change, said(false), at(now)));
                    tries.push(now);
                }
                let longest = if removal { HOUR } else { 24 * HOUR };
                let within = clock.as_ref().is_some_and(|clock| (clock.until - at(now)).num_seconds() <= longest);
                prop_assert!(within);
            }
            let most = if removal { 30 } else { 6 };
            for first in &tries {
                let day = tries.iter().filter(|moment| (*first..*first + 24 * HOUR).contains(*moment)).count();
                prop_assert!(day <= most, "{day} tries in a day");
            }
        }
    }
}
