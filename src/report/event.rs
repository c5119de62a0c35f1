//! The versioned format of an event: one JSON object on one line for each journal entry.
//!
//! Invariant: the same entry always gives the same bytes; keys stand in a fixed order, and a key that has nothing to say is
//! `null`, not missing. Within one version keys are added, never renamed, removed or given another meaning.
//! Invariant: everything an entry holds is taken apart completely here, so that a new field does not compile until
//! somebody has decided what an event says of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::SecondsFormat;

use super::config::Privacy;
use super::emf;
use super::privacy::{Hidden, WITHHELD, sentence, shows_message, sides};
use super::sink::Row;
use super::wire::{Body, ChangeBody, Event, FinishedBody, FrozenBody, OutcomeBody, ReasonBody};
use crate::model::{
    Action, AttributeSet, Change, ChangeRecord, ConnectUserId, DesiredUser, FacetUpdate, Finding, FrozenSource,
    JournalEntry, NotAttempted, Operation, Outcome, QuickConnectMove, Reason, RunId, RunSummary, Stage, Time,
};

/// Version of the format, in every event as `v`.
pub const VERSION: u32 = 1;

/// The event of one journal entry as one line of JSON, without a line end and at most `max_bytes` long.
///
/// An event that would be longer first loses the values of `before` and `after`, then the length of its texts and lists,
/// in the end everything but its head; each is marked by `"shortened":true`. `max_bytes` is at least a few hundred.
#[must_use]
pub fn line(row: &Row, centre: &str, privacy: Privacy, max_bytes: usize) -> String {
    told(row, centre, privacy, max_bytes, false)
}

/// The same for a log group of CloudWatch: the event of a finished run holds metrics, too.
pub(super) fn line_with_metrics(row: &Row, centre: &str, privacy: Privacy, max_bytes: usize) -> String {
    told(row, centre, privacy, max_bytes, true)
}

fn told(row: &Row, centre: &str, privacy: Privacy, max_bytes: usize, metrics: bool) -> String {
    let (_seq, event_id, at, entry) = row;
    let metrics = |body: &Body<'_>| match (entry, body) {
        // What is left out cannot be a metric.
        (JournalEntry::RunFinished { summary, .. }, Body::RunFinished(_)) if metrics => Some(emf::of(summary, *at)),
        _ => None,
    };
    let head = |shortened, body| Event {
        v: VERSION,
        event_id,
        at: moment(*at),
        contact_centre: centre,
        shortened: if shortened { Some(true) } else { None },
        metrics: metrics(&body),
        body,
    };
    let whole = head(false, body(entry, privacy)).to_json();
    if whole.len() <= max_bytes {
        return whole;
    }
    let mut short = body(entry, privacy);
    short.leave_out_values();
    let without_values = head(true, short).to_json();
    if without_values.len() <= max_bytes {
        return without_values;
    }
    let mut shorter = body(entry, privacy);
    shorter.leave_out_values();
    shorter.cut_texts();
    let cut = head(true, shorter).to_json();
    if cut.len() <= max_bytes { cut } else { head(true, Body::LeftOut { kind: body(entry, privacy).kind() }).to_json() }
}

fn moment(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn body(entry: &JournalEntry, privacy: Privacy) -> Body<'_> {
    match entry {
        JournalEntry::RunStarted { run, trigger } => Body::RunStarted { run: *run, trigger: *trigger },
        JournalEntry::Change(record) => Body::Change(Box::new(change(record, privacy))),
        JournalEntry::Finding { run, finding } => self::finding(*run, finding, privacy),
        JournalEntry::SourceFailed { run, source, message, hint } => {
            Body::SourceFailed { run: *run, source, message: message.into(), hint: hint.into() }
        }
        // A refusal may quote protected people as the configuration names them.
        JournalEntry::Refused { run, digest, message } => {
            let message = if privacy.shows_usernames() { message } else { "the guard refused the plan" };
            Body::Refused { run: *run, digest, message: message.into() }
        }
        JournalEntry::Approved { digest } => Body::Approved { digest },
        JournalEntry::QuarantineEntered { run, failures, message, hint } => {
            let (message, hint) = (message.into(), hint.into());
            Body::QuarantineEntered { run: *run, failures: *failures, message, hint }
        }
        JournalEntry::QuarantineLeft { run, since } => Body::QuarantineLeft { run: *run, since: moment(*since) },
        JournalEntry::RunFinished { run, summary, next } => {
            Body::RunFinished(Box::new(finished(*run, summary, *next, privacy)))
        }
    }
}

fn change(record: &ChangeRecord, privacy: Privacy) -> ChangeBody<'_> {
    let ChangeRecord { run, change, outcome } = record;
    let Change { seq, person, label, connect, arn: _, action, because } = change;
    let parts = Parts::of(action);
    let username = parts.username.or_else(|| (*label != person.to_string()).then_some(label.as_str()));
    let hidden = hidden_in(change, &parts, username, privacy);
    let (before, after) = match (parts.before, parts.after) {
        (None, None) => (None, None),
        (before, after) => {
            let nothing = AttributeSet::default();
            let (left, right) = sides(before.unwrap_or(&nothing), after.unwrap_or(&nothing), privacy);
            (before.map(|_| left), after.map(|_| right))
        }
    };
    let (reason, rules) = reason(because, privacy);
    let (outcome, created) = self::outcome(outcome, &hidden);
    ChangeBody {
        run: *run,
        seq: *seq,
        person,
        username: username.filter(|_| privacy.shows_usernames()).map(Cow::from),
        connect_user: connect.as_ref().or(created),
        action: parts.name,
        operation: action.operation(),
        facet: parts.facet,
        stage: parts.stage,
        quick_connect: parts.quick_connect.map(|(id, name)| if privacy.shows_values() { name } else { id }.into()),
        moved_to: parts.moved_to,
        before,
        after,
        untagged: parts.untagged.into_iter().map(Cow::from).collect(),
        reason,
        rules: rules.iter().map(Cow::from).collect(),
        outcome,
    }
}

/// What an action consists of, as far as an event tells it.
#[derive(Default)]
struct Parts<'a> {
    name: &'static str,
    username: Option<&'a str>,
    facet: Option<&'static str>,
    stage: Option<Stage>,
    /// Id and name. The name often is the person's.
    quick_connect: Option<(&'a str, &'a str)>,
    moved_to: Option<&'a ConnectUserId>,
    before: Option<&'a AttributeSet>,
    after: Option<&'a AttributeSet>,
    untagged: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(action: &'a Action) -> Self {
        match action {
            Action::Create(desired) => {
                // The person of the wish is the person of the change.
                let DesiredUser { person: _, username, attributes, stage, wished: _ } = &**desired;
                let (username, after, stage) = (Some(username.as_str()), Some(attributes), Some(*stage));
                Self { name: "create", username, after, stage, ..Self::default() }
            }
            Action::Adopt { username } => Self { name: "adopt", username: Some(username), ..Self::default() },
            Action::Update(update) => {
                // `wished` is the sparse part of `after` that the memory keeps; it tells a reader nothing more.
                let FacetUpdate { facet, before, wished: _, after, untag, stage } = &**update;
                Self {
                    name: "update",
                    facet: Some(facet.name()),
                    stage: Some(*stage),
                    before: Some(before),
                    after: Some(after),
                    untagged: untag.iter().map(String::as_str).collect(),
                    ..Self::default()
                }
            }
            Action::DeleteQuickConnect(quick_connect) => {
                let named = (quick_connect.id.as_str(), &*quick_connect.name);
                Self { name: "delete_quick_connect", quick_connect: Some(named), ..Self::default() }
            }
            Action::MoveQuickConnect(step) => {
                // The flow stays; it is sent because the call replaces the whole configuration.
                let QuickConnectMove { named, flow: _, to } = &**step;
                let quick_connect = Some((named.id.as_str(), &*named.name));
                Self { name: "move_quick_connect", quick_connect, moved_to: to.as_ref(), ..Self::default() }
            }
            Action::Delete { username, before } => {
                Self { name: "delete", username: Some(username), before: Some(before), ..Self::default() }
            }
        }
    }
}

fn hidden_in(change: &Change, parts: &Parts<'_>, username: Option<&str>, privacy: Privacy) -> Hidden {
    let mut hidden = Hidden::default();
    if privacy.shows_usernames() {
        username.into_iter().for_each(|username| hidden.show(username));
    } else {
        if let Reason::Renamed { user: _, from, to } = &change.because {
            hidden.add(from);
            hidden.add(to);
        }
        username.into_iter().for_each(|username| hidden.add(username));
        if change.label != change.person.to_string() {
            hidden.add(&change.label);
        }
    }
    if !privacy.shows_values() {
        [parts.before, parts.after].into_iter().flatten().for_each(|set| hidden.add_values(set));
        parts.quick_connect.into_iter().for_each(|(_, name)| hidden.add(name));
    }
    hidden
}

fn reason(because: &Reason, privacy: Privacy) -> (ReasonBody<'_>, &[String]) {
    let (code, text, rules): (_, Cow<'_, str>, &[String]) = match because {
        Reason::Joined { rules } => ("joined", "came into scope".into(), rules),
        // What changed is told in the directory's own values.
        Reason::Mapped { what, rules } if privacy.shows_values() && !what.is_empty() => ("mapped", what.into(), rules),
        Reason::Mapped { what: _, rules } => ("mapped", "the directory changed".into(), rules),
        Reason::ConfigChanged { rules } => ("config_changed", "the configuration changed".into(), rules),
        Reason::Drift => ("drift", "Connect differs from what was last written".into(), &[]),
        Reason::Left { why, since } => ("left", format!("{why}, first seen {}", moment(*since)).into(), &[]),
        Reason::Returned => ("returned", "was a leaver and is back".into(), &[]),
        Reason::Adopted { by } => ("adopted", format!("matched by {by}").into(), &[]),
        Reason::Rebound { from } => ("rebound", format!("same username under a new id, before {from}").into(), &[]),
        Reason::HandedOver { from } => {
            ("handed_over", format!("another directory decides about this person now, before {from}").into(), &[])
        }
        Reason::Renamed { user, from, to } if privacy.shows_usernames() => {
            ("renamed", format!("the username changed from {from} (Connect user {user}) to {to}").into(), &[])
        }
        Reason::Renamed { user, .. } => {
            ("renamed", format!("the username changed; Connect user {user} is replaced").into(), &[])
        }
        Reason::Undone { run, was: _ } => ("undone", format!("an administrator takes back run {run}").into(), &[]),
    };
    (ReasonBody { code, text }, rules)
}

fn outcome<'a>(outcome: &'a Outcome, hidden: &Hidden) -> (OutcomeBody<'a>, Option<&'a ConnectUserId>) {
    let nothing = OutcomeBody::default();
    match outcome {
        Outcome::Done { request_id, millis, attempts, created } => {
            let (millis, attempts) = (Some(*millis), Some(*attempts));
            let done = OutcomeBody { outcome: "done", request_id: request_id.as_deref(), millis, attempts, ..nothing };
            (done, created.as_ref())
        }
        Outcome::AlreadySo { request_id, created } => {
            let already = OutcomeBody { outcome: "already_so", request_id: request_id.as_deref(), ..nothing };
            (already, created.as_ref())
        }
        Outcome::Failed { code, message, hint, request_id } => {
            let failed = OutcomeBody {
                outcome: "failed",
                error: Some(code.into()),
                message: Some(hidden.filter(message).into()),
                hint: Some(hidden.filter(hint).into()),
                request_id: request_id.as_deref(),
                ..nothing
            };
            (failed, None)
        }
        Outcome::InDoubt { message } => {
            let message = Some(hidden.filter(message).into());
            (OutcomeBody { outcome: "in_doubt", message, ..nothing }, None)
        }
        Outcome::DidNotHappen => (OutcomeBody { outcome: "did_not_happen", ..nothing }, None),
        Outcome::NotAttempted { why } => {
            let message = Some(Cow::from(match why {
                NotAttempted::EarlierChangeFailed => "an earlier change of the same person failed",
                NotAttempted::RunStopped => "the run was stopped by an error that nothing could survive",
                NotAttempted::Shutdown => "the process was asked to stop",
                NotAttempted::TrialFailed => "the changed configuration was tried on others first and was refused",
            }));
            (OutcomeBody { outcome: "not_attempted", message, ..nothing }, None)
        }
    }
}

fn finding(run: RunId, finding: &Finding, privacy: Privacy) -> Body<'_> {
    let Finding { code, person, label, message, hint } = finding;
    let is_key = person.as_ref().is_some_and(|person| person.to_string() == *label);
    let (message, hint) = if shows_message(*code, privacy) {
        (Cow::from(message), Cow::from(hint))
    } else {
        let look = match person {
            Some(person) => format!("`rollcall explain {person}` tells more").into(),
            None => "`rollcall plan` tells more".into(),
        };
        (sentence(*code).into(), look)
    };
    Body::Finding {
        run,
        code: *code,
        quarantines: code.quarantines(),
        person: person.as_ref(),
        label: (privacy.shows_usernames() || is_key).then_some(label.into()),
        message,
        hint,
    }
}

fn finished(run: RunId, summary: &RunSummary, next: Option<Time>, privacy: Privacy) -> FinishedBody<'_> {
    let RunSummary {
        result,
        message,
        created,
        adopted,
        updated,
        suspended,
        deleted,
        failed,
        in_doubt,
        not_attempted,
        quarantined,
        resting,
        shadowed,
        unread,
        frozen,
        people,
        directory_requests,
        calls,
        throttled,
        millis,
        apply_millis,
        least_millis,
        propagation_p50_p95_secs,
        propagation_longest,
    } = summary;
    let by_name = |counts: &BTreeMap<Operation, u32>| counts.iter().map(|(o, count)| (o.name(), *count)).collect();
    // A refusal may quote protected people; what a run failed of never names anybody.
    let told = privacy.shows_usernames() || matches!(result.as_str(), "done" | "nothing_to_do" | "reading" | "failed");
    FinishedBody {
        run,
        result,
        message: if told { message.into() } else { WITHHELD.into() },
        created: *created,
        adopted: *adopted,
        updated: *updated,
        suspended: *suspended,
        deleted: *deleted,
        failed: *failed,
        in_doubt: *in_doubt,
        not_attempted: *not_attempted,
        quarantined: *quarantined,
        resting: *resting,
        shadowed: *shadowed,
        unread: *unread,
        frozen: frozen
            .iter()
            .map(|(source, FrozenSource { message, hint })| FrozenBody {
                source,
                message: message.into(),
                hint: hint.into(),
            })
            .collect(),
        people,
        directory_requests,
        calls: by_name(calls),
        throttled: by_name(throttled),
        millis: *millis,
        apply_millis: *apply_millis,
        least_millis: *least_millis,
        propagation_p50_secs: propagation_p50_p95_secs.map(|(p50, _)| p50),
        propagation_p95_secs: propagation_p50_p95_secs.map(|(_, p95)| p95),
        propagation_longest_secs: propagation_longest.as_ref().map(|longest| longest.secs),
        propagation_longest_person: propagation_longest.as_ref().map(|longest| &longest.person),
        next_run: next.map(moment),
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
pub(super) mod tests;
