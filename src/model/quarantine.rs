//! A contact centre, or one of its directories, whose configuration is broken: it is asked ever more rarely.
//!
//! What waiting cannot mend (credentials refused, a permission missing, no such instance) is not tried at every tick.
//! Whoever asks by hand is always served, and a success ends it.
//!
//! Invariant: only the same trouble several times in a row leads into quarantine. What may pass by itself (no answer,
//! throttling, a failing server) neither leads there nor leads out.
//! Deliberately absent: what is trouble; whoever called the remote system knows.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Time;

/// Failures in a row that lead into quarantine.
const TOLERATED: u32 = 3;
/// Minutes until a contact centre in quarantine is tried again, by the number of tries there; then the last.
const PROBES_MINUTES: [i64; 3] = [15, 30, 60];
/// Minutes until a directory that refused us is asked again, by the number of refusals; then the last.
const ASKS_MINUTES: [i64; 4] = [5, 15, 45, 60];

/// Something that waiting cannot mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind: equal for two failures exactly if they have the same cause as far as anybody can tell.
    pub class: String,
    /// What happened; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

/// The same trouble, some times in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// What it is.
    pub trouble: Trouble,
    /// When it was met first.
    pub since: Time,
    /// When it was met last.
    pub last: Time,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again by itself.
    pub until: Time,
}

impl Quarantine {
    /// A contact centre whose run met trouble once more.
    #[must_use]
    pub fn of_centre(before: Option<&Self>, trouble: Trouble, at: Time) -> Self {
        let after = Self::once_more(before, trouble, at);
        let minutes = after.failures.checked_sub(TOLERATED).map_or(0, |tries| nth(&PROBES_MINUTES, tries));
        Self { until: at + TimeDelta::minutes(minutes), ..after }
    }

    /// A directory that refused us once more.
    #[must_use]
    pub fn of_source(before: Option<&Self>, trouble: Trouble, at: Time) -> Self {
        let after = Self::once_more(before, trouble, at);
        let minutes = nth(&ASKS_MINUTES, after.failures - 1);
        Self { until: at + TimeDelta::minutes(minutes), ..after }
    }

    fn once_more(before: Option<&Self>, trouble: Trouble, at: Time) -> Self {
        let before = before.filter(|before| before.trouble.class == trouble.class);
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        Self { since: before.map_or(at, |before| before.since), last: at, failures, until: at, trouble }
    }

    /// Whether it happened often enough that a contact centre is in quarantine.
    #[must_use]
    pub fn entered(&self) -> bool {
        self.failures >= TOLERATED
    }

    /// Whether it is not to be tried at this moment. A clock that was set back ends every rest.
    #[must_use]
    pub fn rests(&self, at: Time) -> bool {
        self.last <= at && at < self.until
    }

    /// The same after a failure that says nothing about the trouble: it stays, and the next try is as far away as before.
    #[must_use]
    pub fn postponed(&self, at: Time) -> Self {
        Self { last: at, until: at + (self.until - self.last), ..self.clone() }
    }
}

fn nth(minutes: &[i64], at: u32) -> i64 {
    let last = minutes.len() - 1;
    minutes[usize::try_from(at).map_or(last, |at| at.min(last))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Time {
        Time::from_timestamp(1_772_323_200 + 60 * minutes, 0).expect("a time")
    }

    fn trouble(class: &str) -> Trouble {
        Trouble { class: class.to_owned(), message: String::new(), hint: String::new() }
    }

    /// Minutes to wait after each trouble in a row, and whether that is quarantine.
    fn told(troubles: &[&str], next: fn(Option<&Quarantine>, Trouble, Time) -> Quarantine) -> Vec<(i64, bool)> {
        let mut state = None;
        let each = troubles.iter().zip(0..).map(|(class, minute)| {
            let after = next(state.as_ref(), trouble(class), at(minute));
            let told = ((after.until - at(minute)).num_minutes(), after.entered());
            state = Some(after);
            told
        });
        each.collect()
    }

    #[test]
    fn the_same_trouble_three_times_in_a_row_is_quarantine_and_probes_grow_rare() {
        let of_centre = |troubles| told(troubles, Quarantine::of_centre);
        let (no, yes) = (false, true);
        assert_eq!(of_centre(&["a"; 6]), [(0, no), (0, no), (15, yes), (30, yes), (60, yes), (60, yes)]);
        assert_eq!(of_centre(&["a", "a", "b", "a", "a", "a"]).last(), Some(&(15, yes)));
        assert!(of_centre(&["a", "a", "b", "b"]).iter().all(|(_, entered)| !entered));
        let minutes: Vec<i64> = told(&["a"; 6], Quarantine::of_source).into_iter().map(|(wait, _)| wait).collect();
        assert_eq!(minutes, [5, 15, 45, 60, 60, 60]);
    }

    #[test]
    fn a_rest_ends_with_its_time_or_with_a_clock_that_was_set_back() {
        let one = Quarantine::of_source(None, trouble("a"), at(0));
        assert!(one.rests(at(0)) && one.rests(at(4)) && !one.rests(at(5)) && !one.rests(at(-1)));
        let later = one.postponed(at(5));
        assert_eq!((later.since, later.failures, later.until), (at(0), 1, at(10)));
    }
}
