//! Which rule names what in Connect: for whoever asks what hangs on a profile.
//!
//! Deliberately absent: names that people bring themselves (entitlements, departments that are profiles).

use std::collections::BTreeMap;

use super::mapping::DEFAULT;
use super::rules::{Limits, Persona, Rules, Suspend, UserTypeExtras};

/// Places that name something, by its name as it is written there.
pub type Places<'a> = BTreeMap<&'a str, Vec<String>>;

/// Everything in Connect that the rules and the guard name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses<'a> {
    /// Security profiles.
    pub security_profiles: Places<'a>,
    /// Routing profiles.
    pub routing_profiles: Places<'a>,
    /// Hierarchy groups, by path.
    pub hierarchy_groups: Places<'a>,
}

/// Which rule names what.
#[must_use]
pub fn uses<'a>(rules: &'a Rules, limits: &'a Limits) -> Uses<'a> {
    let mut uses = Uses::default();
    for mapping in &rules.mappings {
        uses.persona(&format!("rule {}", mapping.name), &mapping.gives);
    }
    if let Some(persona) = &rules.default {
        uses.persona(DEFAULT, persona);
    }
    for (name, UserTypeExtras { security_profiles, tags: _, phone: _ }) in &rules.user_types {
        note(&mut uses.security_profiles, &format!("user type {name}"), security_profiles);
    }
    if let Some(Suspend { security_profiles, routing_profile, for_secs: _ }) = &rules.leaver.suspend {
        note(&mut uses.security_profiles, "leavers", security_profiles);
        note(&mut uses.routing_profiles, "leavers", routing_profile);
    }
    note(&mut uses.security_profiles, "guard: privileged", &limits.privileged);
    for name in limits.never_below.keys() {
        // The guard does not say which kind it means; it holds for whichever has the name.
        note(&mut uses.security_profiles, "guard: never below", [name]);
        note(&mut uses.routing_profiles, "guard: never below", [name]);
    }
    uses
}

impl<'a> Uses<'a> {
    fn persona(&mut self, place: &str, persona: &'a Persona) {
        let Persona { security_profiles, routing_profile, user_type: _, hierarchy, tags: _, phone: _ } = persona;
        note(&mut self.security_profiles, place, security_profiles);
        note(&mut self.routing_profiles, place, routing_profile);
        note(&mut self.hierarchy_groups, place, hierarchy);
    }
}

fn note<'a>(places: &mut Places<'a>, place: &str, names: impl IntoIterator<Item = &'a String>) {
    for name in names {
        places.entry(name).or_default().push(place.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn every_place_that_names_something_is_told() {
        let mut world = World::new("", "");
        world.rules.default.as_mut().expect("a default persona").hierarchy = Some("EMEA/London".to_owned());
        let limits = Limits {
            privileged: ["Lead".to_owned()].into(),
            never_below: [("Care Voice".to_owned(), 3)].into(),
            ..Limits::default()
        };
        let uses = uses(&world.rules, &limits);
        let of = |places: &Places<'_>, name: &str| places.get(name).cloned().unwrap_or_default().join(", ");
        let agent = of(&uses.security_profiles, "Agent");
        assert!(agent.contains("rule care") && agent.contains(DEFAULT), "{agent}");
        assert!(of(&uses.security_profiles, "Lead").ends_with("guard: privileged"));
        assert_eq!(of(&uses.routing_profiles, "Care Voice"), "rule care, guard: never below");
        assert_eq!(of(&uses.hierarchy_groups, "EMEA/London"), format!("rule london, {DEFAULT}"));
        let suspend = world.rules.leaver.suspend.as_ref().expect("leavers are suspended");
        assert!(of(&uses.security_profiles, &suspend.security_profiles[0]).contains("leavers"));
    }
}
