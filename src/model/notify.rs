//! Who is told of trouble: what a message may be about, and what a notifier has told of it so far.
//!
//! Invariant: a [`Book`] is plain data; restarting the program between two runs changes nothing that is told.
//! Deliberately absent: when something is told (`report::notify` decides), texts, and personal values: people are keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use connectors::{PersonKey, SourceName};
use serde::{Deserialize, Serialize};

use super::Time;

/// The kinds of trouble that somebody may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A run failed.
    Run,
    /// A source cannot be read.
    Source,
    /// A plan that the guard refused waits for approval.
    Approval,
    /// The contact centre is in quarantine.
    Quarantine,
    /// More people are held than before.
    People,
    /// A report is behind for long.
    Report,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Run, Self::Source, Self::Approval, Self::Quarantine, Self::People, Self::Report];

    /// The configuration's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Source => "source",
            Self::Approval => "approval",
            Self::Quarantine => "quarantine",
            Self::People => "people",
            Self::Report => "report",
        }
    }
}

/// What a message is about. Trouble with one subject is told, remembered and ended apart from that with every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// The last run.
    Run,
    /// One source.
    Source(SourceName),
    /// The plan that is held.
    Approval,
    /// The contact centre.
    Quarantine,
    /// People who are held.
    People,
    /// One report, by its configured name.
    Report(String),
}

impl Subject {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Run => SubjectKind::Run,
            Self::Source(_) => SubjectKind::Source,
            Self::Approval => SubjectKind::Approval,
            Self::Quarantine => SubjectKind::Quarantine,
            Self::People => SubjectKind::People,
            Self::Report(_) => SubjectKind::Report,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.kind().word();
        match self {
            Self::Source(name) => write!(f, "{word}/{name}"),
            Self::Report(name) => write!(f, "{word}/{name}"),
            Self::Run | Self::Approval | Self::Quarantine | Self::People => f.write_str(word),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

/// A text that names no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a subject")]
pub struct NoSubject;

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        Ok(match text.split_once('/') {
            Some(("source", name)) if !name.is_empty() => Self::Source(name.into()),
            Some(("report", name)) if !name.is_empty() => Self::Report(name.to_owned()),
            Some(_) => return Err(NoSubject),
            None => match text {
                "run" => Self::Run,
                "approval" => Self::Approval,
                "quarantine" => Self::Quarantine,
                "people" => Self::People,
                _ => return Err(NoSubject),
            },
        })
    }
}

impl TryFrom<String> for Subject {
    type Error = NoSubject;

    fn try_from(text: String) -> Result<Self, NoSubject> {
        text.parse()
    }
}

/// One stretch of trouble with one subject, as one notifier has told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// When it began.
    pub since: Time,
    /// When it was met last.
    pub last: Time,
    /// In how many runs it was met.
    pub times: u32,
    /// Messages about it that were delivered; none again once its end was.
    pub told: u32,
    /// Nothing more is said about it before this moment.
    pub due: Time,
    /// Since when it is over, if it is.
    pub over: Option<Time>,
    /// How often its end was told lately. What comes back again and again is told ever more rarely.
    pub ends: u32,
}

/// Everything one notifier has to remember between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// When it was last looked into. A clock that shows less was set back.
    pub at: Option<Time>,
    /// Trouble, by what it is about.
    pub subjects: BTreeMap<Subject, Episode>,
    /// Who was held before the trouble with people began, or at the last look if there is none.
    pub held: BTreeSet<PersonKey>,
    /// Deliveries in a row that failed.
    pub failures: u32,
    /// The next delivery is not tried before this moment.
    pub rests_until: Option<Time>,
}

impl Book {
    /// Whether it says the same, whenever it was looked into.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        // Every field is named: a new one must be considered here before this compiles again.
        let Self { at: _, subjects, held, failures, rests_until } = self;
        *subjects == other.subjects
            && *held == other.held
            && *failures == other.failures
            && *rests_until == other.rests_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        let all = [
            Subject::Run,
            Subject::Source("entra".into()),
            Subject::Approval,
            Subject::Quarantine,
            Subject::People,
            Subject::Report("a/b".to_owned()),
        ];
        for subject in all {
            assert_eq!(subject.to_string().parse(), Ok(subject.clone()));
            assert!(SubjectKind::ALL.contains(&subject.kind()));
        }
        for text in ["", "runs", "source", "source/", "people/x", "/run"] {
            assert_eq!(text.parse::<Subject>(), Err(NoSubject), "{text}");
        }
    }
}
