//! What a seed decides before a story begins: the directories, the instance, the rules.
//!
//! The rules are kept here in our own words, so that what somebody should have is worked out without the program under
//! test ([`Rules::persona`]).

use std::collections::BTreeSet;
use std::fmt;

use fastrand::Rng;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{self, ConfigText, PartnerSettings, SceneSettings, SceneSource};
use rollcall::sandbox::scim::Character;

use crate::truth::Person;

/// The characters of SCIM servers that a whole company can be read from, and that say who is switched off.
const CHARACTERS: &[Character] = &[
    Character::Strict,
    Character::Sloppy,
    Character::CursorOnly,
    Character::FilterIgnoring,
    Character::CaseMangling,
    Character::OverlappingPages,
    Character::BeyondEnd,
    Character::MembersOmitted,
    Character::MembersByUserName,
    Character::OddIds,
    Character::Shuffling,
];

/// Which directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directories {
    Entra { everybody: bool },
    Okta,
    Scim(Character),
    EntraAndPartner(Character),
}

impl Directories {
    pub(crate) fn sources(self) -> Vec<SceneSource> {
        match self {
            Self::Entra { .. } => vec![SceneSource::Entra],
            Self::Okta => vec![SceneSource::Okta { app: false }],
            Self::Scim(character) => vec![SceneSource::Scim { character }],
            Self::EntraAndPartner(character) => vec![SceneSource::Entra, SceneSource::Partner { character }],
        }
    }

    pub(crate) fn everybody(self) -> bool {
        matches!(self, Self::Entra { everybody: true })
    }
}

/// Who decides a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    Directory,
    Connect,
    Shared,
}

impl Authority {
    fn word(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Connect => "connect",
            Self::Shared => "shared",
        }
    }
}

/// What can be changed in the configuration while a story goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Toggle {
    /// Support gets another routing profile.
    Support,
    /// Leads get another security profile.
    Leads,
    /// Recording gets another security profile.
    Recording,
    /// The guard is strict.
    Guard,
    /// How often everybody in Connect is looked at.
    Audit,
}

impl Toggle {
    pub(crate) const ALL: [Self; 5] = [Self::Support, Self::Leads, Self::Recording, Self::Guard, Self::Audit];
}

/// The configuration as the administrator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) security: Authority,
    pub(crate) routing: Authority,
    pub(crate) grace_hours: u32,
    /// Hours between suspension and deletion; no suspension without.
    pub(crate) suspend_hours: Option<u32>,
    pub(crate) delete: bool,
    pub(crate) on: BTreeSet<Toggle>,
}

/// What somebody should have in Connect, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Persona {
    pub(crate) security: BTreeSet<&'static str>,
    pub(crate) routing: &'static str,
    pub(crate) hierarchy: Option<&'static [&'static str]>,
    pub(crate) supervisor: bool,
}

pub(crate) const NO_ACCESS: &str = "No Access";
pub(crate) const HOLDING: &str = "Holding";

impl Rules {
    /// What the rules of the scene give this person.
    pub(crate) fn persona(&self, person: &Person) -> Persona {
        let is = |toggle| self.on.contains(&toggle);
        let mut security = BTreeSet::new();
        let (routing, hierarchy): (_, Option<&'static [&'static str]>) = match person.department.as_str() {
            "Care" => (Some("Care Voice"), Some(&["EMEA", "London", "Care"])),
            "Sales" => (Some("Sales Voice"), Some(&["EMEA", "London", "Sales"])),
            "Support" if is(Toggle::Support) => (Some("Billing Voice"), Some(&["EMEA", "Berlin", "Support"])),
            "Support" => (Some("Support Voice"), Some(&["EMEA", "Berlin", "Support"])),
            "Customer Success" => (Some("Success Voice"), None),
            _ => (None, None),
        };
        // Every department's rule gives it, and so does the default persona, which stands in where no rule sets a routing
        // profile.
        security.insert("Agent");
        if person.lead {
            security.insert(if is(Toggle::Leads) { "Supervisor" } else { "CallCenterManager" });
        }
        if person.recording && !person.title.starts_with("Train") {
            security.insert(if is(Toggle::Recording) { "QualityAnalyst" } else { "RecordingAccess" });
        }
        Persona { security, routing: routing.unwrap_or("Basic Routing Profile"), hierarchy, supervisor: person.lead }
    }
}

/// Everything a seed decides before the story begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) directories: Directories,
    pub(crate) people: usize,
    pub(crate) existing: usize,
    pub(crate) foreign: usize,
    pub(crate) search_lag_secs: u64,
    pub(crate) short_pages: bool,
    pub(crate) tags_touch_modified: bool,
    pub(crate) rules: Rules,
}

impl Setting {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let character = CHARACTERS[rng.usize(0..CHARACTERS.len())];
        let directories = match rng.u32(0..8) {
            0 | 1 => Directories::Entra { everybody: false },
            2 => Directories::Entra { everybody: true },
            3 | 4 => Directories::Okta,
            5 | 6 => Directories::Scim(character),
            _ => Directories::EntraAndPartner(character),
        };
        let authority = |rng: &mut Rng| match rng.u32(0..4) {
            0 | 1 => Authority::Directory,
            2 => Authority::Connect,
            _ => Authority::Shared,
        };
        let rules = Rules {
            security: authority(&mut rng),
            routing: authority(&mut rng),
            grace_hours: [0, 0, 6, 24, 48][rng.usize(0..5)],
            suspend_hours: [None, Some(12), Some(24), Some(72)][rng.usize(0..4)],
            delete: rng.u32(0..6) > 0,
            on: BTreeSet::new(),
        };
        Self {
            seed,
            directories,
            people: rng.usize(8..=40),
            existing: rng.usize(0..6),
            foreign: rng.usize(0..3),
            search_lag_secs: [0, 3, 30][rng.usize(0..3)],
            short_pages: rng.bool(),
            tags_touch_modified: rng.bool(),
            rules,
        }
    }

    pub(crate) fn scene(&self, now: rollcall::model::Time) -> SceneSettings {
        let mut scene = SceneSettings::new(now, self.people);
        scene.seed = self.seed;
        scene.plain = true;
        scene.existing = self.existing;
        scene.foreign = self.foreign;
        scene.connect.seed = self.seed;
        scene.connect.user_limit = 5_000;
        scene.connect.search_lag = std::time::Duration::from_secs(self.search_lag_secs);
        scene.connect.short_pages = self.short_pages;
        scene.connect.tags_touch_modified = self.tags_touch_modified;
        if let Directories::EntraAndPartner(_) = self.directories {
            scene.partner = Some(PartnerSettings { people: self.people / 3 + 2, shared: 4 });
        }
        scene
    }

    /// The configuration file for these rules and this state file.
    pub(crate) fn configuration(&self, sandbox: &Sandbox, rules: &Rules, state: &str) -> String {
        let Rules { security, routing, grace_hours, suspend_hours, delete, on } = rules;
        let suspend = suspend_hours.map_or(String::new(), |hours| {
            let to = format!("security_profiles = [\"{NO_ACCESS}\"], routing_profile = \"{HOLDING}\"");
            format!("suspend = {{ {to}, for = \"{hours}h\" }}\n")
        });
        let guard = if on.contains(&Toggle::Guard) {
            "max_removed = { count = 2, fraction = 0.10 }\nmax_changed = { fraction = 0.20 }"
        } else {
            "max_removed = { count = 50, fraction = 0.50 }\nmax_changed = { fraction = 1.0 }"
        };
        let text = ConfigText {
            sources: self.directories.sources(),
            everybody: self.directories.everybody(),
            leaver: Some(format!("grace = \"{grace_hours}h\"\n{suspend}delete = {delete}")),
            authority: Some(format!(
                "security_profiles = \"{}\"\nrouting_profile = \"{}\"",
                security.word(),
                routing.word()
            )),
            guard: Some(guard.to_owned()),
            first_run_applies: self.seed.is_multiple_of(2),
            ..ConfigText::default()
        };
        let mut file = scene::configuration(sandbox, &sandbox.tenant, &text);
        let mut put = |from: &str, to: &str| {
            assert!(file.contains(from), "the scene's configuration has {from}");
            file = file.replace(from, to);
        };
        put("state = \"rollcall.db\"", &format!("state = \"{state}\""));
        put("path    = \"report.jsonl\"\nprivacy = \"usernames\"", "path    = \"report.jsonl\"\nprivacy = \"full\"");
        if on.contains(&Toggle::Support) {
            put("\"Support Voice\"", "\"Billing Voice\"");
        }
        if on.contains(&Toggle::Leads) {
            put("security_profiles = [\"CallCenterManager\"]", "security_profiles = [\"Supervisor\"]");
            put(
                "expect = { routing_profile = \"Care Voice\", security_profiles = [\"Agent\", \"CallCenterManager\"] }",
                "expect = { routing_profile = \"Care Voice\", security_profiles = [\"Agent\", \"Supervisor\"] }",
            );
        }
        if on.contains(&Toggle::Recording) {
            put("\"RecordingAccess\"", "\"QualityAnalyst\"");
        }
        if on.contains(&Toggle::Audit) {
            put("audit_every = \"15m\"", "audit_every = \"30h\"");
        }
        file
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed: _, directories, people, existing, foreign, search_lag_secs, short_pages, .. } = self;
        let Rules { security, routing, grace_hours, suspend_hours, delete, on: _ } = &self.rules;
        write!(
            f,
            "{directories:?}, {people} people, {existing} of them in Connect before, {foreign} foreign users, \
             search lag {search_lag_secs} s{}; security {}, routing {}; grace {grace_hours} h, suspended {}, {}",
            if *short_pages { ", short pages" } else { "" },
            security.word(),
            routing.word(),
            suspend_hours.map_or("never".to_owned(), |hours| format!("{hours} h")),
            if *delete { "deleted" } else { "never deleted" },
        )
    }
}
