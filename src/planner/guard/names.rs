//! Names in the limits that Connect does not have. A limit on a profile that is not there guards nothing, so it is told
//! when the configuration is checked.

use super::super::fold::{fold, nearest};
use super::super::lint::Problem;
use super::super::rules::Limits;
use crate::model::Catalogue;

/// Names of `[guard]` that Connect does not have.
#[must_use]
pub fn unknown_names(limits: &Limits, catalogue: &Catalogue) -> Vec<Problem> {
    let Catalogue { security_profiles, routing_profiles, hierarchy_groups: _ } = catalogue;
    let security = || security_profiles.keys().map(String::as_str);
    let any = || security().chain(routing_profiles.keys().map(String::as_str));
    let mut found = Vec::new();
    for name in limits.privileged.iter().filter(|name| security().all(|known| fold(known) != fold(name))) {
        found.push(problem("privileged", "security profile", name, nearest(name, security())));
    }
    for name in limits.never_below.keys().filter(|name| any().all(|known| fold(known) != fold(name))) {
        found.push(problem("never_below", "security or routing profile", name, nearest(name, any())));
    }
    found
}

fn problem(key: &str, kind: &str, name: &str, near: Option<&str>) -> Problem {
    Problem {
        message: format!("[guard] {key} names the {kind} \"{name}\", which does not exist; it guards nothing"),
        hint: match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write the name as Connect has it".to_owned(),
        },
    }
}
