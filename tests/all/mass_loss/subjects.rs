//! What the scenarios happen to: every kind of source that reads absence in its own way, and two sources at once.

use connectors::http::HttpLimits;
use connectors::okta::OktaScope;
use connectors::{SecretSource, Source};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::SceneSource;
use rollcall::sandbox::scim::Character;

use super::{OF_DELTAS, OF_GROUPS, Why};
use crate::contract::kinds::{self, Kind, kinds_that_read_absence};

/// Sources in their order of precedence, and the one that has the trouble.
pub(super) struct Subject {
    pub(super) kinds: Vec<Kind>,
    pub(super) struck: usize,
}

macro_rules! alone {
    ($($kind:ident)*) => { $(
        pub(super) fn $kind() -> Subject {
            Subject { kinds: vec![kinds::$kind()], struck: 0 }
        }
    )* };
}

kinds_that_read_absence! { alone; }

/// Everybody is in both; the one that decides has the trouble.
pub(super) fn first_of_two() -> Subject {
    Subject { kinds: vec![kinds::microsoft_groups(), kinds::scim_groups()], struck: 0 }
}

/// The same, and the other one has it.
pub(super) fn second_of_two() -> Subject {
    Subject { struck: 1, ..first_of_two() }
}

impl Subject {
    /// The source that has the trouble.
    pub(super) fn struck(&self) -> &Kind {
        &self.kinds[self.struck]
    }

    /// Why a scenario has no meaning for it, by what it is.
    pub(super) fn without_meaning(&self, scenario: &str) -> Option<Why> {
        let Kind { service, everybody, listings, .. } = self.struck();
        let nested = listings.iter().any(|listing| listing.contains("transitiveMembers"));
        if OF_GROUPS.contains(&scenario) && *everybody {
            return Some(Why::NoGroups);
        }
        if OF_DELTAS.contains(&scenario) {
            return match (*service, nested) {
                ("graph", true) => Some(Why::EveryPullIsFull),
                ("graph", false) => None,
                _ => Some(Why::NoDeltaLinks),
            };
        }
        None
    }
}

/// How the configuration names such a source.
pub(super) fn scene_source(kind: &Kind) -> SceneSource {
    match kind.service {
        "graph" => SceneSource::Entra,
        "okta" => SceneSource::Okta { app: false },
        _ => SceneSource::Scim { character: Character::Strict },
    }
}

/// The same kind of source with these groups as its scope.
pub(super) fn of_groups(
    kind: &Kind,
    sandbox: &Sandbox,
    secret: &SecretSource,
    limits: HttpLimits,
    groups: &[&str],
) -> Source {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    match kind.service {
        "graph" => kinds::microsoft(sandbox, secret, limits, |config| {
            config.scope_groups = Some(groups);
            config.nested = kind.nested;
        }),
        "okta" => kinds::okta(sandbox, secret, limits, OktaScope::Groups(groups)),
        _ => kinds::scim(sandbox, secret, limits, |config| config.scope_groups = Some(groups)),
    }
}

/// The operations that read a single person.
pub(super) fn point_reads(kind: &Kind) -> &'static [&'static str] {
    match kind.service {
        "graph" => &["POST /$batch", "GET /users/{id}"],
        "okta" => &["GET /api/v1/users/{id}"],
        _ => &["GET /Users/{id}"],
    }
}
