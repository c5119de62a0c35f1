//! Entries for the parsers of Okta's answers and of our own cursors.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeSeed;
use url::Url;

use super::config::{OktaConfig, OktaCredential, OktaScope};
use super::cursor::State;
use super::fault::Fault;
use super::fields::Fields;
use super::items::{AppItem, GroupItem, LogEvent};
use super::links;
use super::pace::{Buckets, smaller_page};
use super::people::{Statuses, Told};
use super::wire::{self, Assignments, Plain, UserItem, Users};
use crate::directory::Cursor;
use crate::error::PullError;
use crate::fuzzing::{
    Walk, answer as read_answer, require_bounded, require_private, require_private_error, require_whole,
};
use crate::http::GaveUp;
use crate::paging::{Ending, Links};
use crate::remote::Pace;
use crate::secret::SecretSource;

const ROOT: &str = "https://example.okta.com/api/v1/users?limit=200";

fn config(scope: OktaScope) -> OktaConfig {
    let own = [("entitlements", "connectSecurityProfiles"), ("roles", "routingProfile")];
    let fields = if matches!(scope, OktaScope::App(_)) { &own[..] } else { &[] };
    OktaConfig {
        name: "okta".into(),
        org_url: Url::parse("https://example.okta.com").expect("an address"),
        credential: OktaCredential::Token(SecretSource::Env("UNUSED".into())),
        scope,
        rule_groups: BTreeSet::new(),
        wanted: ["department", "mobilePhone", "title", "badge"].into_iter().map(Into::into).collect(),
        fields: fields.iter().map(|(name, field)| ((*name).into(), (*field).to_owned())).collect(),
        statuses: BTreeMap::new(),
        rate_share: 0.5,
    }
}

/// A page of people: what it tells is as many people as it has records.
fn people<'de, S>(input: &'de [u8], statuses: &Statuses, seed: S)
where
    S: for<'a> DeserializeSeed<'a, Value = UserItem> + Copy,
{
    let Some(items) = require_whole(input, |body| wire::page(body, seed)) else { return };
    assert!(items.len() <= input.len(), "more people than bytes");
    let (came, mut told) = (items.len() as u64, Told::default());
    items.into_iter().for_each(|item| told.take(statuses, item, 1, |_| true));
    assert!(told.count() <= came && (told.count() > 0 || came == 0), "{came} records became {} people", told.count());
    let values = |attributes: &crate::Attributes| attributes.iter().map(|(_, value)| value.len()).sum::<usize>();
    require_bounded(input, told.records.values().map(|known| values(&known.record.attributes)).sum());
    told.unreadable.iter().for_each(|unreadable| require_private(&unreadable.why));
    if let Err(error) = told.require_visible("GET /api/v1/users") {
        require_private_error(&error);
    }
}

/// A page of users, and a user alone.
pub(crate) fn users(input: &[u8]) {
    let config = config(OktaScope::Everybody);
    let (fields, statuses) = (Fields::new(&config).expect("these are fields"), Statuses::new(&config));
    people(input, &statuses, Users(&fields));
    // A bare number has prefixes that are numbers; it is nobody either way.
    if input.trim_ascii_start().starts_with(b"{") {
        require_whole(input, |body| wire::one(body, Users(&fields)));
    }
}

/// A page of assignments to an application.
pub(crate) fn assignments(input: &[u8]) {
    let config = config(OktaScope::App("0oa1".to_owned()));
    let (fields, statuses) = (Fields::new(&config).expect("these are fields"), Statuses::new(&config));
    people(input, &statuses, Assignments(&fields));
}

/// A page of groups, of applications, and of the System Log.
pub(crate) fn items(input: &[u8]) {
    if let Some(groups) = require_whole(input, |body| wire::page(body, Plain::<GroupItem>::new())) {
        for group in groups {
            assert!(group.changed() >= group.members_changed());
            assert!(group.name().is_none_or(|name| name.len() <= input.len()));
            let _ = group.count();
        }
    }
    if let Some(apps) = require_whole(input, |body| wire::page(body, Plain::<AppItem>::new())) {
        assert!(apps.len() <= input.len());
    }
    if let Some(events) = require_whole(input, |body| wire::page(body, Plain::<LogEvent>::new())) {
        for event in events {
            let targets = event.targets("User").count() + event.targets("UserGroup").count();
            assert!(targets <= input.len(), "more targets than bytes");
            let _ = (event.succeeded(), event.published());
        }
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// An answer: links, rate limits, errors.
pub(crate) fn answer(input: &[u8]) {
    let answer = read_answer(input);
    match links::next(&answer.headers) {
        Ok(next) => {
            let mut walk = Walk::new(ROOT, Ending::NoLink);
            walk.turn(Links { next: next.as_deref(), delta: None });
            if let Some(smaller) = next.and_then(|next| Url::parse(&next).ok()).and_then(|next| smaller_page(&next)) {
                assert!(
                    smaller_page(&smaller).is_none_or(|least| least != smaller),
                    "pages do not get smaller for ever"
                );
            }
        }
        Err(error) => require_private(&error.to_string()),
    }
    // Its waits are measured on tokio's clock, which is only read.
    let (buckets, url) = (Buckets::new(0.5, noon), Url::parse(ROOT).expect("an address"));
    for _ in 0..6 {
        let _ = buckets.after(&url, &answer);
        let wait = buckets.before(&url);
        assert!(wait.as_secs() <= 86_400, "a wait of {wait:?} before a request");
    }
    let _ = buckets.org_time();
    assert!(buckets.headroom().len() <= 1, "one answer is about one bucket");
    for gave_up in [None, Some(GaveUp::Tries(5))] {
        require_private_error(&PullError::from(Fault::answer("GET /api/v1/users", &answer, gave_up)));
    }
}

/// A stored cursor.
pub(crate) fn cursor(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let cursor = Cursor::new(text.to_owned());
    let Some(state) = State::read(&cursor, "fingerprint") else { return };
    assert!(State::read(&cursor, "another").is_none(), "a cursor of another configuration was taken");
    // These go into queries: whatever was stored, there must be something to ask for.
    assert!(!state.users_since().is_empty() && !state.groups_since().is_empty());
    let _ = state.is_fresh(noon());
    for mark in state.followed.groups.values() {
        let _ = mark.may_be_behind(noon());
    }
    let again = State::read(&state.clone().write(), "fingerprint").expect("what was written can be read");
    assert_eq!(again.followed, state.followed);
}
