//! The limits of `PutLogEvents` as a pure function: a list of events in, batches that CloudWatch Logs accepts out.
//!
//! Invariant: batches are consecutive stretches of the journal, so a confirmed batch moves the cursor to its last entry;
//! inside a batch events stand in the order of their timestamps, ties in the order of the journal.
//! Invariant: a batch holds events of one UTC day only. That gives every batch one log stream and keeps the limit of 24
//! hours per batch.
//! Source: CloudWatch Logs API reference, `PutLogEvents`.

use chrono::{NaiveDate, TimeDelta};

use crate::model::Time;

/// Most events of one batch.
pub(super) const MAX_EVENTS: usize = 10_000;
/// Most bytes of one batch: the UTF-8 lengths of its messages and [`EVENT_OVERHEAD_BYTES`] for each.
pub(super) const MAX_BATCH_BYTES: usize = 1_048_576;
/// Bytes every event counts beside its message.
pub(super) const EVENT_OVERHEAD_BYTES: usize = 26;
/// Longest message: alone it fills a batch.
pub(super) const MAX_EVENT_BYTES: usize = MAX_BATCH_BYTES - EVENT_OVERHEAD_BYTES;
/// Older events are dropped while the call succeeds.
const MAX_AGE: TimeDelta = TimeDelta::days(14);
/// Events further in the future are dropped while the call succeeds.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(2);
/// Distance kept from both, because CloudWatch Logs decides by its own clock and some time after us.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// Bounds of a batch; [`Limits::CLOUDWATCH`] but in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most events.
    pub(super) events: usize,
    /// Most bytes, overhead included.
    pub(super) bytes: usize,
}

impl Limits {
    /// What CloudWatch Logs accepts.
    pub(super) const CLOUDWATCH: Self = Self { events: MAX_EVENTS, bytes: MAX_BATCH_BYTES };
}

/// One event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamped {
    /// Its place in the journal.
    pub(super) seq: i64,
    /// Its id, for a message about it.
    pub(super) event_id: String,
    /// The timestamp it is stored under.
    pub(super) stamp: Time,
    /// The event.
    pub(super) line: String,
}

/// What one call sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The UTC day of all its events.
    pub(super) day: NaiveDate,
    /// Once this batch is stored, everything up to here is.
    pub(super) through: i64,
    /// In order of their timestamps.
    pub(super) events: Vec<Stamped>,
}

/// The timestamp an event is stored under: its own time, or the present where CloudWatch Logs would drop it without an
/// error. The event itself always says when it really was.
pub(super) fn stamp(at: Time, now: Time, retention_days: Option<u32>) -> Time {
    let retention = retention_days.map_or(MAX_AGE, |days| TimeDelta::days(i64::from(days)));
    let oldest = MAX_AGE.min(retention) - MARGIN;
    if now - at >= oldest || at - now >= MAX_AHEAD - MARGIN { now } else { at }
}

/// Cuts events, given in the order of the journal, into batches.
pub(super) fn batches(events: Vec<Stamped>, limits: Limits) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let day = event.stamp.date_naive();
        let size = event.line.len() + EVENT_OVERHEAD_BYTES;
        match batches.last_mut() {
            Some(open) if open.day == day && open.events.len() < limits.events && bytes + size <= limits.bytes => {
                bytes += size;
                open.through = event.seq;
                open.events.push(event);
            }
            _ => {
                bytes = size;
                batches.push(Batch { day, through: event.seq, events: vec![event] });
            }
        }
    }
    for batch in &mut batches {
        batch.events.sort_by_key(|event| event.stamp);
    }
    batches
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days};
    use proptest::prelude::*;

    use super::*;

    fn moment(secs: i64) -> Time {
        DateTime::from_timestamp(1_795_000_000 + secs, 0).expect("a valid test time")
    }

    fn event(seq: usize, secs: i64, length: usize) -> Stamped {
        let line = format!("{seq}:").repeat(length);
        Stamped { seq: i64::try_from(seq).expect("small"), event_id: seq.to_string(), stamp: moment(secs), line }
    }

    proptest! {
        #[test]
        fn every_batch_keeps_the_limits_and_nothing_is_lost(
            shape in prop::collection::vec((0_i64..400_000, 1_usize..40), 0..120),
            limit in 1_usize..20,
            bytes in 300_usize..2_000,
        ) {
            let events: Vec<_> = shape.iter().enumerate().map(|(at, (secs, len))| event(at, *secs, *len)).collect();
            let batches = batches(events.clone(), Limits { events: limit, bytes });

            let mut through = -1;
            let mut seen = Vec::new();
            for batch in &batches {
                prop_assert!(!batch.events.is_empty() && batch.events.len() <= limit);
                let total: usize = batch.events.iter().map(|e| e.line.len() + EVENT_OVERHEAD_BYTES).sum();
                prop_assert!(total <= bytes, "{total} bytes in one batch");
                prop_assert!(batch.events.windows(2).all(|two| (two[0].stamp, two[0].seq) < (two[1].stamp, two[1].seq)));
                let (first, last) = (batch.events[0].stamp, batch.events[batch.events.len() - 1].stamp);
                prop_assert!(last - first < TimeDelta::hours(24));
                prop_assert!(batch.events.iter().all(|e| e.stamp.date_naive() == batch.day));
                // The cursor law: all of the journal up to `through` is in this batch or an earlier one.
                let mut seqs: Vec<i64> = batch.events.iter().map(|e| e.seq).collect();
                seqs.sort_unstable();
                prop_assert_eq!(seqs, (through + 1..=batch.through).collect::<Vec<_>>());
                through = batch.through;
                seen.extend(batch.events.iter().cloned());
            }
            seen.sort_by_key(|e| e.seq);
            prop_assert_eq!(seen, events);
        }

        #[test]
        fn no_timestamp_is_one_that_would_be_dropped(secs in -3_000_000_i64..3_000_000, days in prop::option::of(1_u32..30)) {
            let now = moment(0);
            let stamp = stamp(moment(secs), now, days);
            prop_assert!(stamp == now || stamp == moment(secs));
            prop_assert!(now - stamp < MAX_AGE && stamp - now < MAX_AHEAD);
            prop_assert!(days.is_none_or(|days| now - stamp < TimeDelta::days(days.into())));
            // Nothing is restamped without need.
            let recent = secs.abs() < 3_600;
            prop_assert!(!recent || stamp == moment(secs));
        }
    }

    #[test]
    fn a_full_batch_is_exactly_full() {
        let full = event(0, 0, 1).line.len() + EVENT_OVERHEAD_BYTES;
        let pair = || vec![event(0, 0, 1), event(1, 0, 1)];
        assert_eq!(batches(pair(), Limits { events: 9, bytes: 2 * full }).len(), 1);
        assert_eq!(batches(pair(), Limits { events: 9, bytes: 2 * full - 1 }).len(), 2);
        assert_eq!(Limits::CLOUDWATCH.bytes, MAX_EVENT_BYTES + EVENT_OVERHEAD_BYTES);
    }

    #[test]
    fn midnight_starts_another_batch() {
        let midnight = moment(0).date_naive() + Days::new(1);
        let midnight = midnight.and_hms_opt(0, 0, 0).expect("midnight exists").and_utc();
        let mut pair = vec![event(0, 0, 1), event(1, 0, 1)];
        pair[0].stamp = midnight - TimeDelta::milliseconds(1);
        pair[1].stamp = midnight;
        let days: Vec<_> = batches(pair, Limits::CLOUDWATCH).iter().map(|batch| batch.day).collect();
        assert_eq!(days, [moment(0).date_naive(), midnight.date_naive()]);
    }
}
