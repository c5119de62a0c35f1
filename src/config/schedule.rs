//! `[schedule]`: the clocks of a contact centre.

use chrono_tz::{TZ_VARIANTS, Tz};
use croner::parser::{CronParser, Seconds, Year};

use super::problem::nearest;
use super::section::{Item, Section};
use crate::serve::{Every, ScheduleConfig, shortest_gap_secs};

const MINUTE_SECS: u64 = 60;
const HOUR_SECS: u64 = 60 * MINUTE_SECS;
/// How long a run may take to end after it was asked to stop, unless the file says otherwise. systemd waits 90 s.
const STOP_WITHIN_SECS: u64 = 30;

const FIELDS: &str = "a cron expression of five or six fields such as \"*/5 * * * *\"";
const ZONE: &str = "the IANA name of a time zone such as \"Europe/London\"";

pub(super) fn read(section: &Section<'_>) -> ScheduleConfig {
    let chosen = section.at_most_one(&["every", "cron"]);
    let zone = section.optional("time_zone", zone);
    let every = match chosen {
        Some("cron") => section
            .optional("cron", |item| item.parsed(FIELDS, cron))
            .map(|expression| Every::Cron { expression, zone: zone.unwrap_or(Tz::UTC) }),
        Some(_) => section.optional("every", Item::period).map(|secs| Every::Interval { secs }),
        None => None,
    };
    if chosen != Some("cron") && section.get("time_zone").is_some() {
        section.problem(
            "time_zone",
            "says in which local time cron is meant; there is no cron",
            "remove it".to_owned(),
        );
    }
    let jitter_secs = section.optional("jitter", Item::duration).unwrap_or(0);
    let every = every.unwrap_or(Every::Interval { secs: 2 * MINUTE_SECS });
    check(section, &every, jitter_secs);
    ScheduleConfig {
        every,
        jitter_millis: jitter_secs.saturating_mul(1_000),
        stop_within_secs: section.optional("stop_within", Item::period).unwrap_or(STOP_WITHIN_SECS),
        full_every_secs: section.optional("full_every", Item::period).unwrap_or(24 * HOUR_SECS),
        audit_every_secs: section.optional("audit_every", Item::period).unwrap_or(15 * MINUTE_SECS),
    }
}

/// A tick that is late by more than the time to the next one would be two ticks in one.
fn check(section: &Section<'_>, every: &Every, jitter_secs: u64) {
    match shortest_gap_secs(every) {
        None => section.problem("cron", "never comes: there is no such day", None),
        Some(gap) if jitter_secs >= gap => {
            let hint = format!("at most \"{}s\"", gap.saturating_sub(1));
            section.problem("jitter", "must be less than the time between two runs", hint);
        }
        Some(_) => {}
    }
}

fn cron(text: &str) -> Option<String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).ok().map(|_| text.to_owned())
}

fn zone(item: &Item<'_>) -> Option<Tz> {
    let text = item.text()?;
    let known = text.parse().ok();
    if known.is_none() {
        let near = nearest_zone(&text).map(|name| format!("did you mean {name:?}?"));
        item.unexpected(ZONE, near);
    }
    known
}

/// The name that is meant: nearly written, or only by its city.
fn nearest_zone(text: &str) -> Option<&'static str> {
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
    let written = text.trim().replace(' ', "_");
    nearest(&written, names()).or_else(|| {
        let near = nearest(&written, names().map(city))?;
        names().find(|name| city(name) == near)
    })
}
