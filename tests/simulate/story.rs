//! A story: a setting, and a list of steps that is made before anything happens, so that a failing one can be shortened.
//!
//! A step names people by a number ("the 17th of those who are here"), never by id: it keeps a meaning when earlier steps
//! are left out. One place to add a step: a variant here with its text and its place in [`Maker::step`]; the stage then
//! asks for its arm.

use std::fmt;

use fastrand::Rng;

use crate::setting::{Directories, Setting, Toggle};
use crate::wire::{Service, Spell, Trouble};

/// What kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// As the schedule makes it.
    Plain,
    /// Everything is read and looked at.
    Full,
    /// Stops after the plan.
    Rehearsal,
    /// For one person.
    One(u32),
}

/// What an administrator changes in Connect by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hand {
    Security,
    Routing,
    Hierarchy,
    Tags,
    Name,
    /// Takes the owner mark away.
    Unmark,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time passes.
    Rest {
        minutes: u32,
    },
    Run(How),
    /// Somebody is hired.
    Join {
        department: usize,
    },
    Move {
        who: u32,
        department: usize,
    },
    Title {
        who: u32,
        trainee: bool,
    },
    Disable {
        who: u32,
    },
    Delete {
        who: u32,
    },
    DeleteForGood {
        who: u32,
    },
    /// Out of the agents' group.
    Leave {
        who: u32,
    },
    /// Whoever is away comes back, as far as that can be.
    Return {
        who: u32,
    },
    Rename {
        who: u32,
    },
    /// Deleted for good, and hired again with the same login name under a new id.
    Rehire {
        who: u32,
    },
    /// Many change department at once.
    Storm {
        from: u32,
        count: u32,
        department: usize,
    },
    Lead {
        who: u32,
        is: bool,
    },
    Recording {
        who: u32,
        is: bool,
    },
    Configure(Toggle),
    Edit {
        who: u32,
        hand: Hand,
    },
    /// An administrator deletes a user in Connect.
    RemoveUser {
        who: u32,
    },
    /// An administrator makes a user that nobody in the directory claims.
    Stranger,
    Weather(Spell),
    Calm,
    /// The machine's clock is set forward, or back.
    Jump {
        minutes: i32,
    },
    /// In the next run the process dies at the passage after that many.
    Crash {
        after: u32,
    },
    /// The process ends and starts again.
    Restart,
    /// The process is held up in the next run for that long.
    Pause {
        after: u32,
        minutes: u32,
    },
    /// Another process is started while the next run goes on.
    Twin,
    /// The state file is copied.
    Backup,
    /// The copy takes the state file's place.
    Restore,
    /// The state file is lost.
    Lose,
    /// Another program uses the quota: calls a second, of a thousand.
    Neighbour {
        permille: u32,
    },
}

impl Step {
    /// What kind of step, for the tally.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Rest { .. } => "rest",
            Self::Run(How::Plain) => "run",
            Self::Run(How::Full) => "full run",
            Self::Run(How::Rehearsal) => "rehearsal",
            Self::Run(How::One(_)) => "run for one person",
            Self::Join { .. } => "joiner",
            Self::Move { .. } => "mover",
            Self::Title { .. } => "new title",
            Self::Disable { .. } => "leaver (switched off)",
            Self::Delete { .. } => "leaver (deleted)",
            Self::DeleteForGood { .. } => "leaver (deleted for good)",
            Self::Leave { .. } => "leaver (out of the group)",
            Self::Return { .. } => "returner",
            Self::Rename { .. } => "rename",
            Self::Rehire { .. } => "re-hire",
            Self::Storm { .. } => "group storm",
            Self::Lead { .. } | Self::Recording { .. } => "group change",
            Self::Configure(_) => "configuration change",
            Self::Edit { .. } => "edit by hand",
            Self::RemoveUser { .. } => "user deleted by hand",
            Self::Stranger => "user made by hand",
            Self::Weather(_) => "bad weather",
            Self::Calm => "calm",
            Self::Jump { .. } => "clock jump",
            Self::Crash { .. } => "crash",
            Self::Restart => "restart",
            Self::Pause { .. } => "process held up",
            Self::Twin => "two processes",
            Self::Backup => "copy kept",
            Self::Restore => "old state file",
            Self::Lose => "lost state file",
            Self::Neighbour { .. } => "neighbour on the quota",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        match self {
            Self::Rest { minutes } => write!(f, " of {minutes} min"),
            Self::Run(How::One(who))
            | Self::Disable { who }
            | Self::Delete { who }
            | Self::DeleteForGood { who }
            | Self::Leave { who }
            | Self::Return { who }
            | Self::Rename { who }
            | Self::Rehire { who }
            | Self::RemoveUser { who } => write!(f, ": #{who}"),
            Self::Join { department } => write!(f, ": {}", DEPARTMENTS[*department]),
            Self::Move { who, department } => write!(f, ": #{who} to {}", DEPARTMENTS[*department]),
            Self::Title { who, trainee } => write!(f, ": #{who}, trainee {trainee}"),
            Self::Storm { from, count, department } => {
                write!(f, ": {count} people from #{from} to {}", DEPARTMENTS[*department])
            }
            Self::Lead { who, is } => write!(f, ": #{who} in the leads, {is}"),
            Self::Recording { who, is } => write!(f, ": #{who} in recording, {is}"),
            Self::Configure(toggle) => write!(f, ": {toggle:?}"),
            Self::Edit { who, hand } => write!(f, ": {hand:?} of #{who}"),
            Self::Weather(Spell { service, trouble, permille, strikes }) => {
                write!(f, ": {trouble:?} at {service}, {permille} of 1000 calls, {strikes} at most")
            }
            Self::Jump { minutes } => write!(f, " of {minutes} min"),
            Self::Crash { after } => write!(f, " after {after} passages of the next run"),
            Self::Pause { after, minutes } => write!(f, " for {minutes} min after {after} passages of the next run"),
            Self::Neighbour { permille } => write!(f, ": {permille} calls in 1000 s of each operation"),
            _ => Ok(()),
        }
    }
}

/// The departments people are in; the last one is nobody's rule.
pub(crate) const DEPARTMENTS: &[&str] = &["Care", "Sales", "Support", "Customer Success", "Billing"];

/// A setting and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) setting: Setting,
    pub(crate) steps: Vec<Step>,
}

impl Story {
    /// The story of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let setting = Setting::of(seed);
        let mut maker = Maker { rng: Rng::with_seed(seed ^ 0x5eed), directories: setting.directories };
        let days = maker.rng.u32(8..=16);
        let mut steps = vec![Step::Run(How::Plain), Step::Run(How::Plain)];
        for _ in 0..days {
            for _ in 0..maker.rng.u32(2..=4) {
                for _ in 0..maker.rng.u32(0..=4) {
                    let step = maker.step();
                    steps.push(step);
                }
                let minutes = maker.rng.u32(1..=9) * if maker.rng.u32(0..4) == 0 { 3 } else { 60 };
                steps.push(Step::Rest { minutes });
                steps.push(Step::Run(maker.how()));
            }
        }
        Self { setting, steps }
    }

    /// The same with these steps only, by their places.
    pub(crate) fn only(&self, places: &[usize]) -> Self {
        let steps = places.iter().filter_map(|place| self.steps.get(*place).cloned()).collect();
        Self { setting: self.setting.clone(), steps }
    }
}

struct Maker {
    rng: Rng,
    directories: Directories,
}

impl Maker {
    fn how(&mut self) -> How {
        match self.rng.u32(0..20) {
            0..=2 => How::Full,
            3 => How::Rehearsal,
            4 => How::One(self.rng.u32(0..1000)),
            _ => How::Plain,
        }
    }

    fn step(&mut self) -> Step {
        let who = self.rng.u32(0..1000);
        let department = self.rng.usize(0..DEPARTMENTS.len());
        let is = self.rng.bool();
        match self.rng.u32(0..100) {
            0..=9 => Step::Join { department },
            10..=19 => Step::Move { who, department },
            20..=21 => Step::Title { who, trainee: is },
            22..=25 => Step::Disable { who },
            26..=28 => Step::Delete { who },
            29..=30 => Step::DeleteForGood { who },
            31..=34 => Step::Leave { who },
            35..=42 => Step::Return { who },
            43..=44 => Step::Rename { who },
            45..=46 => Step::Rehire { who },
            47..=48 => Step::Storm { from: who, count: self.rng.u32(3..15), department },
            49..=51 => Step::Lead { who, is },
            52..=54 => Step::Recording { who, is },
            55..=57 => Step::Configure(Toggle::ALL[self.rng.usize(0..Toggle::ALL.len())]),
            58..=64 => Step::Edit { who, hand: self.hand() },
            65 => Step::RemoveUser { who },
            66 => Step::Stranger,
            67..=79 => Step::Weather(self.spell()),
            80..=82 => Step::Calm,
            83..=84 => Step::Jump { minutes: self.jump() },
            85..=90 => Step::Crash { after: self.rng.u32(0..if is { 60 } else { 300 }) },
            91 => Step::Restart,
            92 => Step::Pause { after: self.rng.u32(0..100), minutes: self.rng.u32(1..600) },
            93 => Step::Twin,
            94..=95 => Step::Backup,
            96 => Step::Restore,
            97 => Step::Lose,
            _ => Step::Neighbour { permille: [0, 500, 1500][self.rng.usize(0..3)] },
        }
    }

    fn hand(&mut self) -> Hand {
        match self.rng.u32(0..12) {
            0..=3 => Hand::Security,
            4..=7 => Hand::Routing,
            8 => Hand::Hierarchy,
            9 => Hand::Tags,
            10 => Hand::Name,
            _ => Hand::Unmark,
        }
    }

    /// Backwards at most some hours, forwards some days.
    fn jump(&mut self) -> i32 {
        match self.rng.u32(0..3) {
            0 => -self.rng.i32(1..600),
            1 => self.rng.i32(1..600),
            _ => self.rng.i32(600..4000),
        }
    }

    fn spell(&mut self) -> Spell {
        let directory: &[Service] = match self.directories {
            Directories::Entra { .. } => &[Service::Graph, Service::Graph, Service::Login],
            Directories::Okta => &[Service::Okta],
            Directories::Scim(_) => &[Service::Scim],
            Directories::EntraAndPartner(_) => &[Service::Graph, Service::Scim],
        };
        let service = match self.rng.u32(0..10) {
            0..=3 => directory[self.rng.usize(0..directory.len())],
            4..=8 => Service::Connect,
            _ => Service::Logs,
        };
        let everywhere = [
            Trouble::Throttled,
            Trouble::Failing,
            Trouble::Unavailable,
            Trouble::LostRequest,
            Trouble::LostReply,
            Trouble::Slow,
            Trouble::Html,
            Trouble::Truncated,
        ];
        let pages = [Trouble::EmptyPage, Trouble::LoopingLink, Trouble::Redirect];
        let trouble = if matches!(service, Service::Graph | Service::Okta | Service::Scim) && self.rng.bool() {
            pages[self.rng.usize(0..pages.len())]
        } else {
            everywhere[self.rng.usize(0..everywhere.len())]
        };
        let permille = [50, 200, 500, 1000][self.rng.usize(0..4)];
        Spell { service, trouble, permille, strikes: self.rng.u32(1..40) }
    }
}
