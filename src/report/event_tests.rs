//! The shape of every kind of event, and what each level of privacy shows.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use connectors::PersonKey;
use serde_json::Value as Json;

use super::*;
use crate::model::{Attribute, Facet, FindingCode, LeaveReason, LongestWait, Named, QuickConnectMove, Trigger, Value};
use crate::report::wire::{LEFT_OUT, SHORT_TEXT_CHARS};

const FULL_LENGTH: usize = 1_000_000;
/// Texts that only a person's own record can hold. Whatever level hides them, they must not occur anywhere in an event.
const USERNAMES: [&str; 2] = ["ada.lovelace@example.com", "ada.byron@example.com"];
const VALUES: [&str; 6] =
    ["Augusta", "Lovelace-King", "ada.home@example.net", "+442079460123", "Ada's desk", "Analysts"];

pub(in crate::report) fn at(secs: i64) -> Time {
    DateTime::from_timestamp(1_795_348_800, 0).expect("a valid test time") + TimeDelta::seconds(secs)
}

pub(in crate::report) fn approved(seq: i64, at: Time) -> Row {
    (seq, format!("e{seq}"), at, JournalEntry::Approved { digest: "7f3c9a".into() })
}

/// A change whose event is about `bytes` long.
pub(in crate::report) fn long_change(seq: i64, at: Time, bytes: usize) -> Row {
    let name = Value::text("x".repeat(bytes));
    let after = [(Attribute::FirstName, name)].into_iter().collect();
    (seq, format!("e{seq}"), at, update(Facet::Identity, AttributeSet::default(), after, Outcome::DidNotHappen))
}

fn run() -> RunId {
    RunId(uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001))
}

fn person() -> PersonKey {
    PersonKey::new("entra", "9f86d081")
}

fn identity() -> AttributeSet {
    [
        (Attribute::FirstName, Value::text("Augusta")),
        (Attribute::LastName, Value::text("Lovelace-King")),
        (Attribute::Email, Value::text("ada.home@example.net")),
        (Attribute::Mobile, Value::text("+442079460123")),
    ]
    .into_iter()
    .collect()
}

fn persona() -> AttributeSet {
    let profiles = [Named::new("sp-2", "Supervisor"), Named::new("sp-9", "Agent")];
    let mut all = identity();
    all.set(Attribute::PhoneType, Value::text("SOFT_PHONE"));
    all.set(Attribute::AutoAccept, Value::Flag(false));
    all.set(Attribute::AfterContactWorkSecs, Value::Seconds(30));
    all.set(Attribute::RoutingProfile, Value::Named(Named::new("rp-1", "Care Voice")));
    all.set(Attribute::SecurityProfiles, Value::NamedSet(profiles.into_iter().collect()));
    all.set(Attribute::HierarchyGroup, Value::None);
    all.set(Attribute::Tags, Value::Tags([("team".to_owned(), "Analysts".to_owned())].into()));
    all
}

fn record(action: Action, because: Reason, outcome: Outcome) -> JournalEntry {
    let exists = !matches!(action, Action::Create(_));
    let change = Change {
        seq: 4,
        person: person(),
        label: "ada.lovelace@example.com".into(),
        connect: exists.then(|| ConnectUserId::from("c0ffee")),
        arn: exists.then(|| "arn:aws:connect:eu-west-2:111122223333:instance/i/agent/c0ffee".to_owned()),
        action,
        because,
    };
    JournalEntry::Change(Box::new(ChangeRecord { run: run(), change, outcome }))
}

fn update(facet: Facet, before: AttributeSet, after: AttributeSet, outcome: Outcome) -> JournalEntry {
    let wished = after.clone();
    let update = FacetUpdate { facet, before, wished, after, untag: BTreeSet::new(), stage: Stage::Active };
    let because =
        Reason::Mapped { what: "mobile_phone +442079460999 → +442079460123".into(), rules: vec!["care".into()] };
    record(Action::Update(Box::new(update)), because, outcome)
}

fn done(created: Option<&str>) -> Outcome {
    let created = created.map(ConnectUserId::from);
    Outcome::Done { request_id: Some("req-1".into()), millis: 87, attempts: 2, created }
}

fn create() -> JournalEntry {
    let username = "ada.lovelace@example.com".to_owned();
    let desired = DesiredUser { person: person(), username, attributes: persona(), stage: Stage::Active, wished: None };
    let because = Reason::Joined { rules: vec!["care".into(), "recording".into()] };
    record(Action::Create(Box::new(desired)), because, done(Some("c0ffee")))
}

fn refused_update() -> JournalEntry {
    let mut before = identity();
    before.set(Attribute::FirstName, Value::text("Ada"));
    before.set(Attribute::Mobile, Value::None);
    let mut after = identity();
    after.set(Attribute::Email, Value::None);
    let outcome = Outcome::Failed {
        code: "InvalidParameterException".into(),
        message: "+442079460123 of ada.lovelace@example.com is not a number".into(),
        hint: "correct the number in the directory".into(),
        request_id: Some("req-2".into()),
    };
    update(Facet::Identity, before, after, outcome)
}

fn delete() -> JournalEntry {
    let action = Action::Delete { username: "ada.lovelace@example.com".into(), before: persona() };
    record(action, Reason::Left { why: LeaveReason::Disabled, since: at(-86_400) }, done(None))
}

fn untag() -> JournalEntry {
    let update = FacetUpdate {
        facet: Facet::Tags,
        before: [(Attribute::Tags, Value::Tags([("team".to_owned(), "Analysts".to_owned())].into()))]
            .into_iter()
            .collect(),
        wished: AttributeSet::default(),
        after: AttributeSet::default(),
        untag: ["team".to_owned()].into(),
        stage: Stage::Suspended,
    };
    let outcome = Outcome::InDoubt { message: "no reply".into() };
    record(Action::Update(Box::new(update)), Reason::Drift, outcome)
}

fn finding(code: FindingCode, person: Option<PersonKey>) -> JournalEntry {
    let finding = Finding {
        code,
        person,
        label: "ada.lovelace@example.com".into(),
        message: match shows_message(code, Privacy::Usernames) {
            true => "ada.lovelace@example.com needs a look".into(),
            false => "Augusta Lovelace-King has +442079460123 and ada.home@example.net".into(),
        },
        hint: "look at ada.lovelace@example.com".into(),
    };
    JournalEntry::Finding { run: run(), finding }
}

fn finished(result: &str, message: &str) -> JournalEntry {
    let summary = RunSummary {
        result: result.into(),
        message: message.into(),
        created: 1,
        adopted: 2,
        updated: 3,
        suspended: 4,
        deleted: 5,
        failed: 6,
        in_doubt: 7,
        not_attempted: 8,
        quarantined: 9,
        resting: 11,
        shadowed: 10,
        unread: 12,
        frozen: [(
            "okta".into(),
            FrozenSource { message: "GET /api/v1/users: 503".into(), hint: "wait for Okta".into() },
        )]
        .into(),
        people: [("entra".into(), 1200)].into(),
        directory_requests: [("entra".into(), 3)].into(),
        calls: [(Operation::CreateUser, 1), (Operation::SearchUsers, 3)].into(),
        throttled: [(Operation::CreateUser, 1)].into(),
        millis: 4321,
        apply_millis: 4000,
        least_millis: 3900,
        propagation_p50_p95_secs: Some((61, 118)),
        propagation_longest: Some(LongestWait { person: person(), secs: 131 }),
    };
    JournalEntry::RunFinished { run: run(), summary: Box::new(summary), next: Some(at(120)) }
}

/// One of every kind of event, and of every action, outcome and finding.
fn every_entry() -> Vec<(&'static str, JournalEntry)> {
    let source_failed = JournalEntry::SourceFailed {
        run: run(),
        source: "entra".into(),
        message: "GET /users/delta: 503".into(),
        hint: "wait for Microsoft Graph".into(),
    };
    let refused = JournalEntry::Refused {
        run: run(),
        digest: "7f3c9a".into(),
        message: "would remove the protected ada.lovelace@example.com".into(),
    };
    let quarantine_entered = JournalEntry::QuarantineEntered {
        run: run(),
        failures: 3,
        message: "ListUsers: AccessDeniedException: not allowed".into(),
        hint: "allow connect:ListUsers".into(),
    };
    let quick_connect = Action::DeleteQuickConnect(Named::new("qc-1", "Ada's desk"));
    let left = Reason::Left { why: LeaveReason::Deleted, since: at(-60) };
    let not_attempted = Outcome::NotAttempted { why: NotAttempted::RunStopped };
    let adopt = Action::Adopt { username: "ada.lovelace@example.com".into() };
    let already = Outcome::AlreadySo { request_id: None, created: None };
    let mut all = vec![
        ("run_started", JournalEntry::RunStarted { run: run(), trigger: Trigger::Schedule }),
        ("create", create()),
        ("adopt", record(adopt, Reason::Adopted { by: "username".into() }, already)),
        ("update_refused", refused_update()),
        ("untag_in_doubt", untag()),
        ("delete", delete()),
        ("delete_quick_connect", record(quick_connect, left, not_attempted)),
        ("move_quick_connect", moved_quick_connect()),
        ("finding_username", finding(FindingCode::DuplicateUsername, Some(person()))),
        ("finding_value", finding(FindingCode::BadPhone, Some(person()))),
        ("finding_foreign", finding(FindingCode::Foreign, None)),
        ("source_failed", source_failed),
        ("refused", refused),
        ("approved", JournalEntry::Approved { digest: "7f3c9a".into() }),
        ("quarantine_entered", quarantine_entered),
        ("quarantine_left", JournalEntry::QuarantineLeft { run: run(), since: at(-60) }),
        ("run_finished", finished("done", "everybody agrees")),
        ("run_finished_refused", finished("refused", "would remove the protected ada.lovelace@example.com")),
    ];
    for because in [
        Reason::ConfigChanged { rules: vec!["care".into()] },
        Reason::Returned,
        Reason::Rebound { from: PersonKey::new("entra", "000old") },
        Reason::HandedOver { from: PersonKey::new("okta", "00u1") },
        Reason::Undone { run: run(), was: Stage::Active },
    ] {
        let adopt = Action::Adopt { username: "ada.lovelace@example.com".into() };
        all.push(("reason", record(adopt, because, Outcome::DidNotHappen)));
    }
    all
}

/// A renamed person; a failure quotes the former username.
fn moved_quick_connect() -> JournalEntry {
    let to = "ada.lovelace@example.com".to_owned();
    let because = Reason::Renamed { user: "c-0".into(), from: "ada.byron@example.com".into(), to };
    let named = Named::new("qc-1", "Ada's desk");
    let step = QuickConnectMove { named, flow: "flow-1".into(), to: Some("c-1".into()) };
    let failed = Outcome::Failed {
        code: "ResourceNotFoundException".into(),
        message: "nothing leads to ada.byron@example.com".into(),
        hint: "look again".into(),
        request_id: None,
    };
    record(Action::MoveQuickConnect(Box::new(step)), because, failed)
}

fn text(entry: JournalEntry, privacy: Privacy) -> String {
    line(&(12, "0199-12".into(), at(0), entry), "support-emea", privacy, FULL_LENGTH)
}

fn lines(privacy: Privacy) -> String {
    let each = every_entry().into_iter().map(|(name, entry)| format!("{name}\n{}\n", text(entry, privacy)));
    each.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_format_is_what_readers_rely_on() {
    insta::assert_snapshot!("events_full", lines(Privacy::Full));
    insta::assert_snapshot!("events_usernames", lines(Privacy::Usernames));
    insta::assert_snapshot!("events_keys", lines(Privacy::Keys));
}

#[test]
fn every_event_is_one_line_of_json_with_the_same_head() {
    for privacy in [Privacy::Keys, Privacy::Usernames, Privacy::Full] {
        for (name, entry) in every_entry() {
            let line = text(entry, privacy);
            assert!(!line.contains('\n'), "{name}");
            let event: Json = serde_json::from_str(&line).unwrap();
            assert_eq!(event["v"], VERSION);
            assert_eq!(event["event_id"], "0199-12");
            assert_eq!(event["at"], "2026-11-22T12:00:00.000Z");
            assert_eq!(event["contact_centre"], "support-emea");
            assert!(event["event"].is_string(), "{name}");
        }
    }
}

/// Nothing of `texts` may occur in any event of this level.
fn check_hidden(privacy: Privacy, texts: &[&str]) {
    let mut entries = every_entry();
    for code in ALL_FINDINGS {
        entries.push(("finding", finding(*code, Some(person()))));
        entries.push(("finding", finding(*code, None)));
    }
    for (name, entry) in entries {
        let line = text(entry, privacy);
        for hidden in texts {
            assert!(!line.contains(hidden), "{name} shows {hidden} under {privacy:?}: {line}");
        }
    }
}

#[test]
fn keys_shows_no_username_and_no_value() {
    check_hidden(Privacy::Keys, &[&USERNAMES[..], &VALUES[..]].concat());
}

#[test]
fn usernames_shows_no_value() {
    check_hidden(Privacy::Usernames, &VALUES);
}

#[test]
fn each_level_shows_what_it_is_for() {
    assert!(text(create(), Privacy::Usernames).contains(USERNAMES[0]));
    let full = text(create(), Privacy::Full);
    for shown in VALUES.iter().filter(|value| **value != "Ada's desk") {
        assert!(full.contains(shown), "{shown} in {full}");
    }
    // A profile's name says nothing about the person.
    assert!(text(create(), Privacy::Keys).contains(r#""security_profiles":["Agent","Supervisor"]"#));
}

#[test]
fn a_short_name_does_not_withhold_every_sentence() {
    let mut hidden = Hidden::default();
    hidden.add("Al");
    assert_eq!(hidden.filter("also too long"), "also too long");
    assert_eq!(hidden.filter("the name AL is taken"), WITHHELD);
}

#[test]
fn a_shown_username_is_no_hidden_name() {
    let mut hidden = Hidden::default();
    hidden.add("Lovelace");
    hidden.add("ada.lovelace@example.com");
    let message = "Ada.Lovelace@example.com exists";
    assert_eq!(hidden.filter(message), WITHHELD);
    hidden.show("ada.lovelace@example.com");
    assert_eq!(hidden.filter(message), message);
    assert_eq!(hidden.filter("ada.lovelace@example.com is Ms Lovelace"), WITHHELD);
}

#[test]
fn an_event_that_is_too_long_is_shortened_where_one_can_see_it() {
    let row = long_change(1, at(0), 5_000);
    let whole = line(&row, "support", Privacy::Full, FULL_LENGTH);
    assert!(!whole.contains("shortened"));
    for (max, expected) in
        [(whole.len(), None), (whole.len() - 1, Some(LEFT_OUT)), (300, Some(r#""shortened":true,"event":"change"}"#))]
    {
        let short = line(&row, "support", Privacy::Full, max);
        assert!(short.len() <= max, "{} of {max} bytes", short.len());
        assert_eq!(short.contains(r#""shortened":true"#), expected.is_some());
        assert!(short.contains(expected.unwrap_or("xxxx")), "{short}");
        let event: Json = serde_json::from_str(&short).unwrap();
        assert_eq!((&event["event"], &event["event_id"]), (&Json::from("change"), &Json::from("e1")));
    }
}

#[test]
fn long_texts_are_cut_before_everything_goes() {
    let message = "é".repeat(4_000);
    let entry = JournalEntry::SourceFailed { run: run(), source: "entra".into(), message, hint: "wait".into() };
    let short = line(&(1, "e1".into(), at(0), entry), "support", Privacy::Full, 1_000);
    let event: Json = serde_json::from_str(&short).unwrap();
    let told = event["message"].as_str().unwrap();
    assert_eq!(told.chars().filter(|c| *c == 'é').count(), SHORT_TEXT_CHARS);
    assert_eq!((&event["hint"], &event["shortened"]), (&Json::from("wait"), &Json::from(true)));
}

/// Every code there is.
const ALL_FINDINGS: &[FindingCode] = &[
    FindingCode::MissingField,
    FindingCode::UnreadableRecord,
    FindingCode::UsernameRefused,
    FindingCode::ValueRefused,
    FindingCode::UnknownName,
    FindingCode::TooManyProfiles,
    FindingCode::NoPersona,
    FindingCode::AmbiguousMatch,
    FindingCode::DuplicateUsername,
    FindingCode::UserLimit,
    FindingCode::Protected,
    FindingCode::BadPhone,
    FindingCode::UnmappedDepartment,
    FindingCode::Rename,
    FindingCode::CaseDiffers,
    FindingCode::DriftLeftAlone,
    FindingCode::Foreign,
    FindingCode::DetailsUnread,
    FindingCode::CallFailed,
    FindingCode::FieldLeftOut,
    FindingCode::Shadowed,
    FindingCode::SourceNote,
    FindingCode::Unproven,
    FindingCode::NotUndone,
    FindingCode::KeptUndone,
];

/// What CloudWatch would take for metrics, by the specification: name, unit and value of each.
fn metrics(line: &str) -> Vec<(String, String, f64)> {
    let event: Json = serde_json::from_str(line).unwrap();
    let aws = event["_aws"].as_object().unwrap();
    assert_eq!(aws.keys().collect::<BTreeSet<_>>().len(), 2, "nothing else may stand there: {aws:?}");
    assert_eq!(aws["Timestamp"].as_i64(), Some(at(0).timestamp_millis()));
    let [directive] = &aws["CloudWatchMetrics"].as_array().unwrap()[..] else { panic!("one directive: {aws:?}") };
    assert_eq!(directive["Namespace"], "rollcall");
    assert_eq!(directive["Dimensions"], serde_json::json!([["contact_centre"]]));
    assert!(event["contact_centre"].as_str().is_some_and(|text| (1..=1_024).contains(&text.len())), "{event}");
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()));
    let metric = |metric: &Json| {
        let (name, unit) = (metric["Name"].as_str().unwrap(), metric["Unit"].as_str().unwrap());
        assert!(["Count", "Milliseconds", "Seconds"].contains(&unit), "{unit}");
        let value = event[name].as_f64().unwrap_or_else(|| panic!("{name} is no number at the root: {event}"));
        (name.to_owned(), unit.to_owned(), value)
    };
    let metrics: Vec<_> = metrics.iter().map(metric).collect();
    let names: BTreeSet<&str> = metrics.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names.len(), metrics.len(), "a name stands there twice");
    metrics
}

fn with_metrics(entry: JournalEntry, max_bytes: usize) -> String {
    line_with_metrics(&(12, "0199-12".into(), at(0), entry), "support-emea", Privacy::Keys, max_bytes)
}

#[test]
fn the_end_of_a_run_holds_metrics_for_cloudwatch_and_nothing_else_does() {
    for (name, entry) in every_entry() {
        let plain = text(entry.clone(), Privacy::Keys);
        assert!(!plain.contains("_aws"), "{name}: only CloudWatch reads them");
        let line = with_metrics(entry, FULL_LENGTH);
        if !line.contains("\"event\":\"run_finished\"") {
            assert_eq!(line, plain, "{name}");
            continue;
        }
        let told = metrics(&line);
        let value = |name: &str| told.iter().find(|(told, ..)| told == name).map(|(_, unit, value)| (&**unit, *value));
        assert_eq!(value("created"), Some(("Count", 1.0)));
        assert_eq!(value("connect_calls"), Some(("Count", 4.0)));
        assert_eq!(value("millis"), Some(("Milliseconds", 4_321.0)));
        assert_eq!(value("propagation_longest_secs"), Some(("Seconds", 131.0)));
        let refused = line.contains("\"result\":\"refused\"");
        let ended = ["run_succeeded", "run_refused", "run_failed"].map(|name| value(name).unwrap().1);
        assert_eq!(ended, if refused { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] });
        // Everything else is as for everybody.
        let (mut event, plain): (Json, Json) =
            (serde_json::from_str(&line).unwrap(), serde_json::from_str(&plain).unwrap());
        for (key, value) in plain.as_object().unwrap() {
            assert_eq!(event.as_object_mut().unwrap().remove(key).as_ref(), Some(value), "{key}");
        }
        let more = event.as_object().unwrap().keys().filter(|key| *key != "_aws");
        assert!(more.clone().all(|key| event[key].is_number()), "{event}");
    }
}

#[test]
fn what_has_no_value_is_no_metric() {
    let JournalEntry::RunFinished { run, mut summary, next } = finished("failed", "no directory") else { panic!() };
    (summary.propagation_p50_p95_secs, summary.propagation_longest) = (None, None);
    let told = metrics(&with_metrics(JournalEntry::RunFinished { run, summary, next }, FULL_LENGTH));
    assert!(told.iter().all(|(name, ..)| !name.starts_with("propagation")), "{told:?}");
    assert!(told.contains(&("run_failed".to_owned(), "Count".to_owned(), 1.0)));
}

#[test]
fn metrics_keep_the_limit_and_an_event_without_values_names_none() {
    let long = || finished("failed", &"x".repeat(5_000));
    let whole = with_metrics(long(), FULL_LENGTH).len();
    let short = with_metrics(long(), whole - 1);
    assert!(short.len() < whole && short.contains("\"shortened\":true"));
    metrics(&short);
    let head = with_metrics(long(), 600);
    assert!(head.len() <= 600 && !head.contains("_aws"), "{head}");
}
