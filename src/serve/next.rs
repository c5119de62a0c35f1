//! When the schedule ticks: a pure function of the schedule and a moment.
//!
//! What a cron expression means where the clocks are changed (croner's reading, the one of Vixie cron): a time of day that
//! there is not comes at the first moment after the gap, once; a time of day that comes twice is meant the first time;
//! whatever is said with `*` or a step goes on evenly through both.
//!
//! Invariant: the next tick is later than the moment that is asked about. Whoever asks for the tick after the last one
//! never gets a moment that has passed, so nobody spins.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::config::Every;
use crate::model::Time;

/// No zone has ever put its clocks back by more.
const LONGEST_FOLD: TimeDelta = TimeDelta::hours(3);
/// Most occurrences that are looked through around a repeated hour: an expression of every second, in the whole window.
const MOST_OCCURRENCES: usize = 60_000;
/// Occurrences from which the shortest time between two is told: a day of every five minutes, a year of weekly ones.
const SAMPLE: usize = 300;

/// When the schedule ticks next after `at`; `None` if never again.
#[must_use]
pub fn next_after(every: &Every, at: Time) -> Option<Time> {
    match every {
        Every::Interval { secs } => at.checked_add_signed(seconds(*secs)),
        Every::Cron { expression, zone } => next_local(&Cron::from_str(&with_seconds(expression)).ok()?, *zone, at),
    }
}

/// The `ticks`-th tick after `at`.
#[must_use]
pub fn nth_after(every: &Every, at: Time, ticks: u32) -> Option<Time> {
    (0..ticks).try_fold(at, |at, _| next_after(every, at))
}

/// The shortest time between two ticks, in seconds, as far as some hundred of them tell; `None` if there are none.
#[must_use]
pub fn shortest_gap_secs(every: &Every) -> Option<u64> {
    let Every::Cron { .. } = every else {
        let Every::Interval { secs } = every else { return None };
        return Some(*secs);
    };
    // Any day does: the configuration must not be right today and wrong tomorrow.
    let start = NaiveDate::from_ymd_opt(2026, 1, 1)?.and_time(NaiveTime::MIN).and_utc();
    let mut last = next_after(every, start)?;
    let mut shortest = u64::MAX;
    for _ in 0..SAMPLE {
        let Some(next) = next_after(every, last) else { break };
        shortest = shortest.min((next - last).num_seconds().unsigned_abs());
        last = next;
    }
    Some(shortest)
}

pub(super) fn seconds(secs: u64) -> TimeDelta {
    i64::try_from(secs).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX)
}

fn next_local(cron: &Cron, zone: Tz, at: Time) -> Option<Time> {
    let offset = |at: Time| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let simple = cron.find_next_occurrence(&at.with_timezone(&zone), false).ok()?.with_timezone(&Utc);
    let before = at.checked_sub_signed(LONGEST_FOLD)?;
    let until = simple.max(at).checked_add_signed(LONGEST_FOLD)?;
    // Where no clock is put back between then and then, local time and time go the same way.
    let put_back = offset(before) > offset(at) || offset(at) > offset(until);
    if simple > at && !put_back {
        return Some(simple);
    }
    // Occurrences come in the order of their local time; those of a repeated hour are sorted here.
    let mut best: Option<Time> = None;
    let occurrences = cron.iter_after(before.with_timezone(&zone)).map(|moment| moment.with_timezone(&Utc));
    for moment in occurrences.take(MOST_OCCURRENCES) {
        if moment > at {
            best = Some(best.map_or(moment, |best| best.min(moment)));
        }
        if best.is_some_and(|best| moment > best + LONGEST_FOLD) {
            break;
        }
    }
    best
}

/// Five-field expressions mean second 0.
fn with_seconds(expression: &str) -> String {
    if expression.split_whitespace().count() == 5 { format!("0 {expression}") } else { expression.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Every {
        Every::Cron { expression: expression.to_owned(), zone: zone.parse().unwrap() }
    }

    /// The ticks after a moment, in UTC.
    #[track_caller]
    fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
        let every = cron(expression, zone);
        let mut moment = at(after);
        for next in expected {
            moment = next_after(&every, moment).unwrap();
            assert_eq!(moment, at(next), "{expression} {zone} after {after}");
        }
    }

    #[test]
    fn the_next_tick_is_told_in_utc() {
        let now = at("2026-05-04T09:12:00Z");
        assert_eq!(next_after(&Every::Interval { secs: 120 }, now), Some(at("2026-05-04T09:14:00Z")));
        check("*/5 * * * *", "UTC", "2026-05-04T09:12:00Z", &["2026-05-04T09:15:00Z"]);
        check("30 0 6 * * *", "UTC", "2026-05-04T09:12:00Z", &["2026-05-05T06:00:30Z"]);
        check("0 6 * * *", "Europe/London", "2026-05-04T09:12:00Z", &["2026-05-05T05:00:00Z"]);
        check("0 6 * * *", "Asia/Kolkata", "2026-05-04T09:12:00Z", &["2026-05-05T00:30:00Z"]);
        check("0 6 * * *", "America/New_York", "2026-12-04T09:12:00Z", &["2026-12-04T11:00:00Z"]);
    }

    #[test]
    fn a_time_of_day_stays_the_same_time_of_day_across_a_change_of_clocks() {
        let spring = ["2026-03-28T06:00:00Z", "2026-03-29T05:00:00Z", "2026-03-30T05:00:00Z"];
        check("0 6 * * *", "Europe/London", "2026-03-27T12:00:00Z", &spring);
        let autumn = ["2026-10-24T05:00:00Z", "2026-10-25T06:00:00Z", "2026-10-26T06:00:00Z"];
        check("0 6 * * *", "Europe/London", "2026-10-23T12:00:00Z", &autumn);
    }

    #[test]
    fn a_time_that_there_is_not_comes_once_after_the_gap() {
        let days = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        check("30 1 * * *", "Europe/London", "2026-03-27T12:00:00Z", &days);
        let even = ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"];
        check("*/30 * * * *", "Europe/London", "2026-03-29T00:00:00Z", &even);
    }

    #[test]
    fn a_time_that_comes_twice_is_meant_once_and_steps_go_on_evenly() {
        let days = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        check("30 1 * * *", "Europe/London", "2026-10-23T12:00:00Z", &days);
        // Asked in the middle of the second time round.
        check("30 1 * * *", "Europe/London", "2026-10-25T01:10:00Z", &["2026-10-26T01:30:00Z"]);
        let even = ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"];
        check("*/30 * * * *", "Europe/London", "2026-10-25T00:00:00Z", &even);
        check("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", &["2026-04-04T14:30:00Z"]);
    }

    #[test]
    fn the_next_tick_is_always_later_and_nowhere_far() {
        for zone in ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"] {
            for expression in ["*/7 * * * *", "15,45 1-3 * * *", "0 2 * * *", "*/20 * * * * *"] {
                let every = cron(expression, zone);
                // Every quarter of an hour of the two nights on which most of these clocks are changed, and one more.
                for day in ["2026-03-29", "2026-10-25", "2026-11-01", "2026-04-04"] {
                    let midnight = at(&format!("{day}T00:00:00Z"));
                    for quarter in 0..96 {
                        let moment = midnight + TimeDelta::minutes(15 * quarter);
                        let next = next_after(&every, moment).unwrap();
                        assert!(next > moment && next - moment <= TimeDelta::hours(26), "{expression} {zone} {moment}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_shortest_gap_is_told_and_a_day_that_never_comes_is_known() {
        let check = |expression: &str, expected| assert_eq!(shortest_gap_secs(&cron(expression, "UTC")), expected);
        check("*/5 * * * *", Some(300));
        check("0,1 6 * * *", Some(60));
        check("0 6 * * MON-FRI", Some(86_400));
        check("0 0 30 2 *", None);
        assert_eq!(shortest_gap_secs(&Every::Interval { secs: 90 }), Some(90));
    }

    #[test]
    fn the_nth_tick_counts_from_a_moment() {
        let weekday = cron("0 6 * * MON-FRI", "UTC");
        assert_eq!(nth_after(&weekday, at("2026-05-08T07:00:00Z"), 3), Some(at("2026-05-13T06:00:00Z")));
    }
}
