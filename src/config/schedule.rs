//! `[schedule]`: the clocks of a contact centre.

use croner::parser::{CronParser, Seconds, Year};

use super::section::{Item, Section};
use crate::serve::{Every, ScheduleConfig};

const MINUTE_SECS: u64 = 60;
const HOUR_SECS: u64 = 60 * MINUTE_SECS;

pub(super) fn read(section: &Section<'_>) -> ScheduleConfig {
    let every = match section.at_most_one(&["every", "cron"]) {
        Some("cron") => section.optional("cron", |item| item.parsed(FIELDS, cron)).map(Every::Cron),
        Some(_) => section.optional("every", Item::period).map(|secs| Every::Interval { secs }),
        None => None,
    };
    ScheduleConfig {
        every: every.unwrap_or(Every::Interval { secs: 2 * MINUTE_SECS }),
        full_every_secs: section.optional("full_every", Item::period).unwrap_or(24 * HOUR_SECS),
        audit_every_secs: section.optional("audit_every", Item::period).unwrap_or(15 * MINUTE_SECS),
    }
}

const FIELDS: &str = "a cron expression of five or six fields such as \"*/5 * * * *\"";

fn cron(text: &str) -> Option<String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).ok().map(|_| text.to_owned())
}
