//! How a contact centre stands, and whether that is well: for a console, for probes, for systemd.
//!
//! Invariant: [`health`] is a function of a standing and a moment. It asks nobody, so a probe costs nothing and cannot hang.

use chrono::TimeDelta;
use connectors::SourceName;
use serde::Serialize;

use super::live::SoFar;
use crate::model::{InForce, Pause, Quarantine, Time};

/// Ticks without a success after which a contact centre is stale.
pub(super) const STALE_TICKS: u32 = 3;
/// What a run may take beyond its tick before the lack of its success is told.
pub(super) const STALE_MARGIN: TimeDelta = TimeDelta::minutes(2);
/// Seconds without a sign of life after which a contact centre hangs. Planning for a million people takes a minute or two
/// in which nothing else of it happens.
pub const HUNG_SECS: u64 = 10 * 60;

/// What a contact centre is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Phase {
    /// Its parts are being built, its state file is being opened.
    Starting,
    /// It waits for its next tick.
    Waiting,
    /// A run is going on.
    Running(SoFar),
    /// It could not start, or had to be ended; it is tried again.
    Down {
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
        /// When it is tried again.
        again: Time,
    },
    /// What is in flight finishes; nothing new starts.
    Stopping,
}

/// How the last run of this process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// When.
    pub at: Time,
    /// `done`, `nothing_to_do`, `partly`, `reading`, `refused`, `failed`, or `abandoned`.
    pub result: String,
    /// One sentence; without personal values, except that a refusal names protected people as they are configured.
    pub message: String,
}

/// A source that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// Which.
    pub source: SourceName,
    /// Since when, as far as this process knows.
    pub since: Time,
    /// What happened; without personal values.
    pub message: String,
    /// One thing to do.
    pub hint: String,
    /// From when on that is stale.
    pub stale_from: Option<Time>,
}

/// How a contact centre stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name.
    pub centre: String,
    /// What it is doing.
    pub phase: Phase,
    /// Since when this process serves it.
    pub serving_since: Time,
    /// The switch of the configuration file.
    pub enabled: bool,
    /// The pause, if one holds.
    pub paused: Option<Pause>,
    /// When the next tick is due.
    pub next: Option<Time>,
    /// How the last run ended.
    pub last: Option<LastRun>,
    /// When a run last succeeded, wholly or in part; also before this process.
    pub succeeded: Option<Time>,
    /// From when on the lack of a success is stale.
    pub stale_from: Option<Time>,
    /// The quarantine, if it is in one.
    pub quarantine: Option<Quarantine>,
    /// Why the last run could not use the state file, and one thing to do.
    pub unwritable: Option<(String, String)>,
    /// Sources that the last run could not read.
    pub frozen: Vec<Frozen>,
    /// The configuration that is in force.
    pub configuration: Option<InForce>,
    /// Seconds since the last sign of life.
    pub silent_secs: u64,
}

/// Something to know about a contact centre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// Nothing has moved for too long; only another process helps.
    Hung {
        /// Seconds since the last sign of life.
        silent_secs: u64,
    },
    /// It has not started yet.
    Starting,
    /// It could not start.
    Down {
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// It is being stopped.
    Stopping,
    /// No run has succeeded for too long.
    Stale {
        /// When one last did.
        succeeded: Option<Time>,
    },
    /// The last run could not use the state file: what cannot be written down is not done.
    Unwritable {
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// A source cannot be read: its people are left as they are.
    Frozen {
        /// Which.
        source: SourceName,
        /// Since when.
        since: Time,
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
        /// Whether that lasts too long to be left to itself.
        stale: bool,
    },
    /// The same trouble with the configuration again and again: the schedule only probes.
    Quarantined {
        /// What it is.
        message: String,
        /// One thing to do.
        hint: String,
    },
    /// Somebody wants it so.
    Paused {
        /// Until when, if it ends by itself.
        until: Option<Time>,
    },
    /// The file wants it so.
    SwitchedOff,
}

impl Reason {
    /// It as a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hung { .. } => "hung",
            Self::Starting => "starting",
            Self::Down { .. } => "down",
            Self::Stopping => "stopping",
            Self::Stale { .. } => "stale",
            Self::Unwritable { .. } => "unwritable",
            Self::Frozen { .. } => "frozen",
            Self::Quarantined { .. } => "quarantined",
            Self::Paused { .. } => "paused",
            Self::SwitchedOff => "switched_off",
        }
    }

    /// Whether it is a reason to call somebody: what somebody wanted is none, and what may pass by itself is none yet.
    #[must_use]
    pub fn unready(&self) -> bool {
        !matches!(self, Self::Paused { .. } | Self::SwitchedOff | Self::Frozen { stale: false, .. })
    }
}

/// Whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The process can go on. If not, only another one can.
    pub live: bool,
    /// It keeps Connect in agreement, or somebody wanted that it does not.
    pub ready: bool,
    /// Everything there is to know, the gravest first.
    pub reasons: Vec<Reason>,
}

/// Whether a contact centre is well at a moment.
#[must_use]
pub fn health(standing: &Standing, now: Time) -> Health {
    let Standing { phase, enabled, paused, succeeded, stale_from, quarantine, silent_secs, .. } = standing;
    let Standing { unwritable, frozen, .. } = standing;
    let mut reasons = Vec::new();
    let live = *silent_secs < HUNG_SECS;
    if !live {
        reasons.push(Reason::Hung { silent_secs: *silent_secs });
    }
    match phase {
        Phase::Starting => reasons.push(Reason::Starting),
        Phase::Down { message, hint, again: _ } => {
            reasons.push(Reason::Down { message: message.clone(), hint: hint.clone() });
        }
        Phase::Stopping => reasons.push(Reason::Stopping),
        Phase::Waiting | Phase::Running(_) => {}
    }
    let paused = paused.filter(|pause| pause.holds(now));
    let wanted = *enabled && paused.is_none();
    // A run may take hours, and is bounded; whoever has just begun is not late.
    let busy = matches!(phase, Phase::Running(_));
    if wanted && !busy && stale_from.is_some_and(|from| now >= from) {
        reasons.push(Reason::Stale { succeeded: *succeeded });
    }
    if let Some((message, hint)) = unwritable.clone() {
        reasons.push(Reason::Unwritable { message, hint });
    }
    for Frozen { source, since, message, hint, stale_from } in frozen.iter().cloned() {
        let stale = wanted && stale_from.is_some_and(|from| now >= from);
        reasons.push(Reason::Frozen { source, since, message, hint, stale });
    }
    if let Some(quarantine) = quarantine {
        let (message, hint) = (quarantine.trouble.message.clone(), quarantine.trouble.hint.clone());
        reasons.push(Reason::Quarantined { message, hint });
    }
    if let Some(pause) = paused {
        reasons.push(Reason::Paused { until: pause.until });
    }
    if !enabled {
        reasons.push(Reason::SwitchedOff);
    }
    Health { live, ready: !reasons.iter().any(Reason::unready), reasons }
}

/// A line for `systemctl status`; people do not occur in it.
#[must_use]
pub fn one_line(standing: &Standing, now: Time) -> String {
    let Standing { centre, phase, enabled, paused, last, quarantine, frozen, .. } = standing;
    let moment = |at: Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let state = match phase {
        Phase::Starting => "starting".to_owned(),
        Phase::Stopping => "stopping".to_owned(),
        Phase::Down { message, .. } => format!("down: {message}"),
        Phase::Running(so_far) => format!("run {} since {}", so_far.run, moment(so_far.since)),
        Phase::Waiting if !enabled => "switched off".to_owned(),
        Phase::Waiting => match (paused.filter(|pause| pause.holds(now)), quarantine, last) {
            (Some(Pause { until: Some(until), .. }), ..) => format!("paused until {}", moment(until)),
            (Some(_), ..) => "paused".to_owned(),
            (None, Some(quarantine), _) => format!("in quarantine: {}", quarantine.trouble.message),
            (None, None, Some(last)) => {
                let unread: Vec<String> = frozen.iter().map(|frozen| format!(", {} not read", frozen.source)).collect();
                format!("{} at {}{}", last.result.replace('_', " "), moment(last.at), unread.concat())
            }
            (None, None, None) => "no run yet".to_owned(),
        },
    };
    format!("{centre}: {state}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RunId, Trigger, Trouble};

    fn at(text: &str) -> Time {
        format!("2026-05-04T{text}:00Z").parse().unwrap()
    }

    fn well() -> Standing {
        Standing {
            centre: "support-emea".to_owned(),
            phase: Phase::Waiting,
            serving_since: at("06:00"),
            enabled: true,
            paused: None,
            next: Some(at("09:14")),
            last: Some(LastRun { at: at("09:12"), result: "nothing_to_do".to_owned(), message: String::new() }),
            succeeded: Some(at("09:12")),
            stale_from: Some(at("09:20")),
            quarantine: None,
            unwritable: None,
            frozen: Vec::new(),
            configuration: None,
            silent_secs: 2,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Standing), live: bool, ready: bool, reasons: &[&str], line: &str) {
        let mut standing = well();
        change(&mut standing);
        let health = health(&standing, at("09:30"));
        let words: Vec<String> = health
            .reasons
            .iter()
            .map(|reason| serde_json::to_value(reason).unwrap()["reason"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!((health.live, health.ready), (live, ready), "{words:?}");
        assert_eq!(words, reasons);
        assert_eq!(one_line(&standing, at("09:30")), format!("support-emea: {line}"));
    }

    fn quarantine() -> Quarantine {
        let trouble = Trouble { class: "c".into(), message: "credentials refused".into(), hint: "renew them".into() };
        Quarantine { trouble, since: at("08:00"), failures: 4, last: at("09:00"), until: at("10:00") }
    }

    fn running() -> Phase {
        let live = super::super::live::Live::new();
        live.begin(RunId(uuid::Uuid::nil()), Trigger::Schedule, at("09:13"));
        Phase::Running(live.so_far().unwrap())
    }

    #[test]
    fn health_says_what_is_not_well_and_only_that_is_unready() {
        let done = "nothing to do at 2026-05-04 09:12 UTC";
        let fresh = |standing: &mut Standing| standing.stale_from = Some(at("09:31"));
        check(fresh, true, true, &[], done);
        check(|_| {}, true, false, &["stale"], done);
        check(|s| s.stale_from = None, true, true, &[], done);
        let run = "run 00000000-0000-0000-0000-000000000000 since 2026-05-04 09:13 UTC";
        check(|s| s.phase = running(), true, true, &[], run);
        let hung = |s: &mut Standing| (s.phase, s.silent_secs) = (running(), HUNG_SECS);
        check(hung, false, false, &["hung"], run);
        let (message, hint) = ("the state file is taken".to_owned(), "stop it".to_owned());
        let down = |s: &mut Standing| s.phase = Phase::Down { message, hint, again: at("09:31") };
        check(down, true, false, &["down", "stale"], "down: the state file is taken");
        check(|s| s.phase = Phase::Starting, true, false, &["starting", "stale"], "starting");
    }

    #[test]
    fn what_somebody_wanted_is_told_and_is_not_unready() {
        let pause = |until| move |s: &mut Standing| s.paused = Some(Pause { since: at("09:00"), until });
        check(pause(Some(at("11:00"))), true, true, &["paused"], "paused until 2026-05-04 11:00 UTC");
        check(pause(None), true, true, &["paused"], "paused");
        // One that has ended is none.
        let done = "nothing to do at 2026-05-04 09:12 UTC";
        check(pause(Some(at("09:25"))), true, false, &["stale"], done);
        check(|s| s.enabled = false, true, true, &["switched_off"], "switched off");
        let both = |s: &mut Standing| (s.enabled, s.quarantine) = (false, Some(quarantine()));
        check(both, true, false, &["quarantined", "switched_off"], "switched off");
        let rests = |s: &mut Standing| (s.stale_from, s.quarantine) = (None, Some(quarantine()));
        check(rests, true, false, &["quarantined"], "in quarantine: credentials refused");
    }

    #[test]
    fn what_a_run_could_not_use_or_read_is_named_and_a_source_may_come_back_by_itself() {
        let frozen = |stale_from| {
            let (source, message, hint) = ("entra".into(), "status 503".to_owned(), "nothing".to_owned());
            vec![Frozen { source, since: at("09:12"), message, hint, stale_from: Some(stale_from) }]
        };
        let line = "nothing to do at 2026-05-04 09:12 UTC, entra not read";
        check(|s| (s.stale_from, s.frozen) = (None, frozen(at("09:31"))), true, true, &["frozen"], line);
        check(|s| (s.stale_from, s.frozen) = (None, frozen(at("09:30"))), true, false, &["frozen"], line);
        let asleep = |s: &mut Standing| (s.enabled, s.frozen) = (false, frozen(at("09:30")));
        check(asleep, true, true, &["frozen", "switched_off"], "switched off");
        let full = Some(("no space left".to_owned(), "make room".to_owned()));
        let done = "nothing to do at 2026-05-04 09:12 UTC";
        check(|s| (s.stale_from, s.unwritable) = (None, full), true, false, &["unwritable"], done);
    }
}
