//! One message: a subject line, a few plain lines, and the same as fields.
//!
//! Invariant: every text that comes from elsewhere is cut and stripped of control characters; people are keys.
//! Invariant: a message has a bound: at most [`MOST_TOLD`] troubles and ends, each of a few short lines.
//! Deliberately absent: markup. The signs `<` and `>` are replaced, because receivers of chat systems read commands in them.

use std::fmt::Write;

use chrono::TimeDelta;
use connectors::PersonKey;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::model::{Subject, Time};

/// Version of the fields.
pub const VERSION: u32 = 1;
/// Troubles, and ends, that are written out in one message.
const MOST_TOLD: usize = 50;
/// Longest text from elsewhere.
const MOST_CHARS: usize = 600;
/// Longest name or key from elsewhere.
const MOST_NAME_CHARS: usize = 80;
/// "Less than 100 characters long": SNS API reference, `Publish`, `Subject`.
const MOST_SUBJECT_CHARS: usize = 99;

/// What is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: Time,
    /// What is there.
    pub troubles: Vec<Trouble>,
    /// What was told and is over.
    pub over: Vec<Over>,
}

/// Trouble that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub what: String,
    /// One thing to do.
    pub hint: String,
    /// People it is about; some, if they are many.
    pub people: Vec<PersonKey>,
    /// When it began.
    pub since: Time,
    /// When it was met last.
    pub last: Time,
    /// In how many runs it was met.
    pub times: u32,
    /// Which message about it this is, from 1.
    pub number: u32,
}

/// Trouble that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// What it was about.
    pub subject: Subject,
    /// When it began.
    pub since: Time,
    /// Since when it is over.
    pub until: Time,
    /// In how many runs it was met.
    pub times: u32,
}

impl Message {
    /// The line above it: no line end, no control character, less than 100 characters.
    #[must_use]
    pub fn subject(&self, centre: &str) -> String {
        let title = |subject: &Subject| title(subject);
        let line = match (&self.troubles[..], &self.over[..]) {
            ([only], []) => title(&only.subject),
            ([], [only]) => format!("over: {}", title(&only.subject)),
            ([], over) => format!("{} troubles are over", over.len()),
            (troubles, []) => format!("{} troubles: {}", troubles.len(), title(&troubles[0].subject)),
            ([only], over) => format!("{}; {} over", title(&only.subject), over.len()),
            (troubles, over) => format!("{} troubles, {} over", troubles.len(), over.len()),
        };
        let line = plain(&format!("rollcall {centre}: {line}"), usize::MAX);
        if line.chars().count() <= MOST_SUBJECT_CHARS {
            return line;
        }
        line.chars().take(MOST_SUBJECT_CHARS - 1).chain(['…']).collect()
    }

    /// The lines.
    #[must_use]
    pub fn text(&self, centre: &str) -> String {
        let mut out = self.subject(centre);
        out.push('\n');
        for trouble in self.troubles.iter().take(MOST_TOLD) {
            let Trouble { subject, what, hint, people, since, last, times, number: _ } = trouble;
            let _ = write!(out, "\n! {}\n  {}\n", title(subject), plain(what, MOST_CHARS));
            for person in people {
                let _ = writeln!(out, "  {}", plain(&person.to_string(), MOST_NAME_CHARS));
            }
            let runs = if *times == 1 { "1 run".to_owned() } else { format!("{times} runs") };
            let _ = writeln!(out, "  since {} ({}), met in {runs}", moment(*since), lasted(*last - *since));
            let _ = writeln!(out, "  → {}", plain(hint, MOST_CHARS));
        }
        for Over { subject, since, until, times } in self.over.iter().take(MOST_TOLD) {
            let runs = if *times == 1 { "1 run".to_owned() } else { format!("{times} runs") };
            let (from, to) = (moment(*since), moment(*until));
            let _ = write!(out, "\n= over: {}\n  it lasted from {from} to {to}, met in {runs}\n", title(subject));
        }
        let more = self.troubles.len().saturating_sub(MOST_TOLD) + self.over.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            let _ = writeln!(out, "\n…and {more} more: rollcall status");
        }
        if !self.troubles.is_empty() {
            out.push_str("\nWhile it lasts this is told again after 1 hour, 6 hours, 24 hours, then daily.\n");
        }
        out
    }

    /// Text and fields, versioned.
    #[must_use]
    pub fn json(&self, centre: &str) -> Json {
        let trouble = |one: &Trouble| {
            let Trouble { subject, what, hint, people, since, last, times, number } = one;
            json!({
                "id": id(subject, *since, &format!("trouble {number}")), "kind": subject.kind().word(),
                "subject": subject, "title": title(subject), "what": plain(what, MOST_CHARS),
                "hint": plain(hint, MOST_CHARS), "people": people, "since": rfc3339(*since), "last": rfc3339(*last),
                "runs": times, "message": number,
            })
        };
        let over = |one: &Over| {
            let Over { subject, since, until, times } = one;
            json!({
                "id": id(subject, *since, "over"), "kind": subject.kind().word(), "subject": subject,
                "title": title(subject), "since": rfc3339(*since), "until": rfc3339(*until), "runs": times,
            })
        };
        json!({
            "v": VERSION,
            "contact_centre": centre,
            "at": rfc3339(self.at),
            "subject": self.subject(centre),
            "text": self.text(centre),
            "troubles": self.troubles.iter().take(MOST_TOLD).map(trouble).collect::<Vec<_>>(),
            "over": self.over.iter().take(MOST_TOLD).map(over).collect::<Vec<_>>(),
        })
    }
}

/// The same for the same statement: a receiver that got it twice, because its answer was lost, can tell.
fn id(subject: &Subject, since: Time, what: &str) -> String {
    let digest = Sha256::digest(format!("{subject} {} {what}", since.timestamp_millis()));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What it is about, as a line says it.
fn title(subject: &Subject) -> String {
    match subject {
        Subject::Run => "a run failed".to_owned(),
        Subject::Source(name) => format!("source {} cannot be read", plain(name.as_str(), MOST_NAME_CHARS)),
        Subject::Approval => "a plan waits for approval".to_owned(),
        Subject::Quarantine => "in quarantine".to_owned(),
        Subject::People => "more people are held".to_owned(),
        Subject::Report(name) => format!("report {} is behind", plain(name, MOST_NAME_CHARS)),
    }
}

/// Text from elsewhere: one line, no markup, not long.
fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| match c {
        '<' => '‹',
        '>' => '›',
        c if c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
        {
            ' '
        }
        c => c,
    };
    let mut out: String = text.chars().take(most).map(shown).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

fn moment(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn rfc3339(at: Time) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A length of time as people say it.
fn lasted(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours(), time.num_minutes());
    let (number, unit) = match (days, hours, minutes) {
        (2.., _, _) => (days, "day"),
        (_, 1.., _) => (hours, "hour"),
        (_, _, 1..) => (minutes, "minute"),
        _ => return "just now".to_owned(),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Time {
        Time::from_timestamp(1_772_323_200 + 60 * minutes, 0).expect("a time")
    }

    fn trouble(subject: Subject) -> Trouble {
        let people = if subject == Subject::People { vec![PersonKey::new("entra", "7")] } else { Vec::new() };
        Trouble {
            subject,
            what: "GET /users: answered with status 403".to_owned(),
            hint: "give the credential the right to read users".to_owned(),
            people,
            since: at(0),
            last: at(360),
            times: 180,
            number: 3,
        }
    }

    fn over(subject: Subject) -> Over {
        Over { subject, since: at(0), until: at(90), times: 1 }
    }

    #[test]
    fn a_message_reads_like_this() {
        let message = Message {
            at: at(360),
            troubles: vec![trouble(Subject::Source("entra".into())), trouble(Subject::People)],
            over: vec![over(Subject::Approval)],
        };
        insta::assert_snapshot!(message.text("support-emea"), @r"
        rollcall support-emea: 2 troubles, 1 over

        ! source entra cannot be read
          GET /users: answered with status 403
          since 2026-03-01 00:00 UTC (6 hours), met in 180 runs
          → give the credential the right to read users

        ! more people are held
          GET /users: answered with status 403
          entra/7
          since 2026-03-01 00:00 UTC (6 hours), met in 180 runs
          → give the credential the right to read users

        = over: a plan waits for approval
          it lasted from 2026-03-01 00:00 UTC to 2026-03-01 01:30 UTC, met in 1 run

        While it lasts this is told again after 1 hour, 6 hours, 24 hours, then daily.
        ");
        let json = message.json("support-emea");
        assert_eq!(json["troubles"][1]["id"].as_str().map(str::len), Some(16));
        let fields = serde_json::json!({
            "id": json["troubles"][1]["id"], "kind": "people", "subject": "people", "title": "more people are held",
            "what": "GET /users: answered with status 403", "hint": "give the credential the right to read users",
            "people": ["entra/7"], "since": "2026-03-01T00:00:00.000Z", "last": "2026-03-01T06:00:00.000Z",
            "runs": 180, "message": 3,
        });
        assert_eq!(json["troubles"][1], fields);
        let over = &json["over"][0];
        assert_eq!((&over["subject"], &over["until"]), (&"approval".into(), &"2026-03-01T01:30:00.000Z".into()));
        assert_eq!((&json["v"], &json["text"]), (&VERSION.into(), &message.text("support-emea").into()));
    }

    #[test]
    fn the_line_above_fits_into_a_subject_whatever_the_names() {
        let long = "support\u{7}\r\n\u{202e}".repeat(40);
        for subject in [Subject::Source("entra".into()), Subject::Report("é<!here>".repeat(90)), Subject::Quarantine] {
            let one = trouble(subject.clone());
            for (troubles, over) in [
                (vec![one.clone()], Vec::new()),
                (Vec::new(), vec![over(subject.clone())]),
                (Vec::new(), vec![over(subject.clone()), over(Subject::Run)]),
                (vec![one.clone(), one.clone()], Vec::new()),
                (vec![one.clone()], vec![over(Subject::Run)]),
                (vec![one.clone(), one.clone()], vec![over(Subject::Run)]),
            ] {
                let message = Message { at: at(0), troubles, over };
                for centre in ["emea", &long] {
                    let line = message.subject(centre);
                    assert!(line.starts_with("rollcall ") && line.chars().count() < 100, "{line}");
                    assert!(!line.chars().any(|c| c.is_control() || c == '<'), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn whatever_comes_from_elsewhere_a_message_is_short_and_gives_no_commands() {
        let what = "<!channel> see <https://evil.example|here>\u{202e}\n".repeat(10_000);
        let troubles = (0..500).map(|number| Trouble {
            what: what.clone(),
            hint: what.clone(),
            people: vec![PersonKey::new("entra", what.as_str()); 20],
            ..trouble(Subject::Source(format!("s{number}").as_str().into()))
        });
        let message = Message { at: at(0), troubles: troubles.collect(), over: Vec::new() };
        let text = message.text("emea");
        assert!(text.len() < 256 * 1024, "{} bytes", text.len());
        assert!(!text.contains(['<', '>', '\u{202e}']) && text.contains("…and 450 more"));
    }

    #[test]
    fn the_same_statement_has_the_same_id() {
        let of = |message: &Message| message.json("emea")["troubles"][0]["id"].clone();
        let first = Message { at: at(1), troubles: vec![trouble(Subject::Run)], over: Vec::new() };
        let mut again = first.clone();
        (again.at, again.troubles[0].times) = (at(2), 181);
        assert_eq!(of(&first), of(&again));
        again.troubles[0].number += 1;
        assert_ne!(of(&first), of(&again));
    }
}
