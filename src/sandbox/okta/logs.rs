//! `GET /api/v1/logs`: polling, and bounded requests.
//!
//! Without `until`, in ascending order, a request polls: events in the order of their persistence, a `next` link always,
//! an empty page when there is nothing new. Otherwise the request is bounded: by `published`, with an end.
//!
//! (Okta reference, `GET /api/v1/logs`; okta-developer-docs, "System Log query".)

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use super::cursor::{self, Place};
use super::expression::{Expression, Held, Rules, Verb};
use super::log::Event;
use super::reply::{Refusal, Reply};
use super::world::World;

const RULES: Rules = Rules { search: false, takes, times: &[] };

fn takes(path: &str, verb: Verb) -> bool {
    let known =
        matches!(path, "uuid" | "eventType" | "severity" | "actor.id" | "target.id" | "target.type" | "outcome.result");
    // What an event may have several of cannot be compared by order.
    known && !(path.starts_with("target.") && matches!(verb, Verb::Gt | Verb::Ge | Verb::Lt | Verb::Le))
}

/// How long events are kept, and how far back `since` may lie.
const KEPT_DAYS: i64 = 90;
const OLDEST_DAYS: i64 = 180;
/// How far back a request looks that does not say.
const USUAL_DAYS: i64 = 7;

/// What only the first request of a poll may say.
const FIRST_ONLY: &[&str] = &["since"];

fn held<'a>(event: &'a Event, path: &str) -> Held<'a> {
    match path {
        "uuid" => Held::Text(Cow::Borrowed(&event.uuid)),
        "eventType" => Held::Text(Cow::Borrowed(&event.kind)),
        "severity" => Held::Text(Cow::Borrowed("INFO")),
        "outcome.result" => Held::Text(Cow::Borrowed(&event.result)),
        "target.id" => Held::Many(event.targets.iter().map(|target| target.id.as_str()).collect()),
        "target.type" => Held::Many(event.targets.iter().map(|target| target.kind).collect()),
        _ => Held::Absent,
    }
}

fn time_of(name: &str, text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let at = DateTime::parse_from_rfc3339(text);
    at.map(|at| Some(at.timestamp_millis())).map_err(|_| Refusal::invalid(&format!("{name}: must be a date-time")))
}

impl World<'_> {
    /// `GET /api/v1/logs`.
    pub(super) fn logs(&self) -> Result<Reply, Refusal> {
        let limit = self.call.limit(100, 0..=1_000)?.min(self.org.settings.caps.logs);
        let descending = match self.call.param("sortOrder").map(str::to_ascii_uppercase).as_deref() {
            None | Some("ASCENDING" | "ASC") => false,
            Some("DESCENDING" | "DESC") => true,
            Some(_) => return Err(Refusal::invalid("sortOrder: must be ASCENDING or DESCENDING")),
        };
        if self.call.param("q").is_some() {
            return Err(Refusal::invalid("q: keywords are not supported by this org, use filter"));
        }
        let filter = self.call.param("filter").map(|text| Expression::read(text, RULES)).transpose()?;
        let now = self.tenant.now();
        let since = time_of("since", self.call.param("since"))?;
        if since.is_some_and(|since| since < (now - TimeDelta::days(OLDEST_DAYS)).timestamp_millis()) {
            return Err(Refusal::invalid("since: must not be more than 180 days ago"));
        }
        let until = time_of("until", self.call.param("until"))?;
        if until.is_none() && !descending {
            return self.poll(filter.as_ref(), since, limit);
        }
        let until = until.unwrap_or_else(|| now.timestamp_millis() + 1);
        let since = since.unwrap_or_else(|| until - TimeDelta::days(USUAL_DAYS).num_milliseconds());
        self.bounded(filter.as_ref(), since, until, limit, descending)
    }

    fn is_kept(&self, event: &Event) -> bool {
        event.published >= (self.tenant.now() - TimeDelta::days(KEPT_DAYS)).timestamp_millis()
    }

    fn poll(&self, filter: Option<&Expression>, since: Option<i64>, limit: usize) -> Result<Reply, Refusal> {
        let listing = self.call.listing(FIRST_ONLY);
        let place = Place::read(self.call.param("after"), &listing)?;
        if place.is_some() && since.is_some() {
            return Err(Refusal::invalid("since and after must not be used together"));
        }
        // A link counts the events read, its time is the generation; what the first request left out stays left out.
        let generation = i64::try_from(self.org.log.generation).unwrap_or(i64::MAX);
        let (from, since) = match &place {
            Some(place) if place.time != generation => return Err(cursor::bad()),
            Some(place) => (place.index, place.text.parse().unwrap_or(i64::MIN)),
            None => {
                let usual = (self.tenant.now() - TimeDelta::days(USUAL_DAYS)).timestamp_millis();
                (0, since.unwrap_or(usual))
            }
        };
        let events = &self.org.log.events;
        let (mut items, mut read) = (Vec::new(), events.len());
        for (at, event) in events.iter().enumerate().skip(from) {
            if items.len() == limit {
                read = at;
                break;
            }
            let fits = filter.is_none_or(|filter| filter.fits(&|path| held(event, path)));
            if fits && event.published >= since && self.is_kept(event) {
                items.push(event.object());
            }
        }
        let next = Place { index: read, time: generation, text: since.to_string() };
        Ok(self.page_without(items, Some(&next), FIRST_ONLY))
    }

    fn bounded(
        &self,
        filter: Option<&Expression>,
        since: i64,
        until: i64,
        limit: usize,
        descending: bool,
    ) -> Result<Reply, Refusal> {
        let place = self.place()?;
        let mut found: Vec<(usize, &Event)> = self.org.log.events.iter().enumerate().collect();
        found.retain(|(_, event)| {
            let fits = filter.is_none_or(|filter| filter.fits(&|path| held(event, path)));
            fits && (since..until).contains(&event.published) && self.is_kept(event)
        });
        found.sort_by_key(|(at, event)| (event.published, *at));
        if descending {
            found.reverse();
        }
        let read = place.map_or(0, |place| place.index);
        let items: Vec<Value> = found.iter().skip(read).take(limit).map(|(_, event)| event.object()).collect();
        let last = Place::index(read + items.len());
        let more = limit > 0 && last.index < found.len();
        Ok(self.page(items, more.then_some(&last)))
    }
}
