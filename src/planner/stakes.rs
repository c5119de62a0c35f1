//! Counts what is at stake: who has which profile, who is in which department, who is touched, and the canaries.
//!
//! Invariant: one step for each person and each of their profiles; the instance's size never multiplies with the
//! directory's.
//! Invariant: whoever is suspended counts nowhere but in the department: a profile kept through a suspension is used by
//! nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use connectors::{AttributeName, PersonKey, attributes};

use super::correlate::{By, Candidate};
use super::fold::fold;
use super::leaver::Presence;
use super::rules::Rules;
use crate::model::{
    Attribute, Canary, ConnectUser, Decision, Holding, Observation, ProfileUse, ResourceId, SourceState, Stage, Stakes,
    Value,
};

/// How a person without one is counted.
const NO_DEPARTMENT: &str = "(no department)";

/// Users and managed users by profile.
#[derive(Default)]
struct Uses<'a>(HashMap<&'a ResourceId, (u32, u32)>);

impl<'a> Uses<'a> {
    fn add(&mut self, profile: &'a ResourceId, managed: bool) {
        let (users, of_them_managed) = self.0.entry(profile).or_default();
        *users += 1;
        *of_them_managed += u32::from(managed);
    }

    fn by_name(&self, catalogue: &BTreeMap<String, ResourceId>) -> BTreeMap<String, ProfileUse> {
        let of = |(name, id): (&String, &ResourceId)| {
            let (users, managed) = self.0.get(id).copied().unwrap_or_default();
            (name.clone(), ProfileUse { id: id.clone(), users, managed })
        };
        catalogue.iter().map(of).collect()
    }
}

/// The stakes while they are being counted.
#[derive(Default)]
pub(super) struct Tally<'a> {
    stakes: Stakes,
    security: Uses<'a>,
    routing: Uses<'a>,
}

/// Somebody and their user.
pub(super) struct Counted<'a> {
    pub(super) user: &'a ConnectUser,
    pub(super) by: By<'a>,
    pub(super) suspended: bool,
    /// Whether the plan has a change for this person.
    pub(super) touched: bool,
}

impl<'a> Tally<'a> {
    /// Counts one person with a Connect user.
    pub(super) fn count(&mut self, person: &Candidate<'a>, rules: &Rules, counted: &Counted<'a>) {
        let Counted { user, by, suspended, touched } = *counted;
        let managed = !matches!(by, By::Rule(_));
        let department = person.user.attribute(&rules.fields.department).unwrap_or(NO_DEPARTMENT);
        if managed {
            self.head(department, suspended);
        }
        let (routing, security) = profiles(user);
        if !suspended {
            routing.into_iter().for_each(|id| self.routing.add(id, managed));
            security.iter().flatten().for_each(|id| self.security.add(id, managed));
        }
        if touched {
            let holding = Holding {
                username: user.username.clone(),
                department: department.to_owned(),
                managed,
                suspended,
                routing: routing.cloned(),
                security: security.map(|ids| ids.into_iter().cloned().collect()),
            };
            self.stakes.touched.insert(person.user.key.clone(), holding);
        }
    }

    fn head(&mut self, department: &str, suspended: bool) {
        let departments = &mut self.stakes.departments;
        // Looked up first: a key is made once for each department, not once for each person.
        if !departments.contains_key(department) {
            departments.insert(department.to_owned(), Default::default());
        }
        if let Some(heads) = departments.get_mut(department) {
            heads.managed += 1;
            heads.active += u32::from(!suspended);
        }
    }

    /// Everything, once everybody has a decision.
    pub(super) fn finish(
        self,
        seen: &Observation,
        rules: &Rules,
        people: &[Candidate<'_>],
        decisions: &BTreeMap<PersonKey, Decision>,
    ) -> Stakes {
        let catalogue = &seen.connect.catalogue;
        Stakes {
            security_profiles: self.security.by_name(&catalogue.security_profiles),
            routing_profiles: self.routing.by_name(&catalogue.routing_profiles),
            canaries: canaries(seen, rules, people, decisions),
            ..self.stakes
        }
    }
}

/// What is at stake where no directory was asked and only users with our owner tag are touched: a run taken back. Canaries
/// say nothing then.
pub(super) fn of_owned(seen: &Observation, rules: &Rules, touched: &BTreeSet<PersonKey>) -> Stakes {
    let mut tally = Tally::default();
    for user in seen.connect.users.values() {
        let Some(person) = user.owner.as_ref().and_then(|owner| seen.directory.people.get(owner)) else { continue };
        let candidate = Candidate {
            user: person,
            presence: super::leaver::presence(person, seen, rules),
            username: super::fields::username(person, &rules.fields),
        };
        let suspended = seen.memory.get(&person.key).is_some_and(|memory| memory.stage == Stage::Suspended);
        let touched = touched.contains(&person.key);
        tally.count(&candidate, rules, &Counted { user, by: By::OwnerTag, suspended, touched });
    }
    let catalogue = &seen.connect.catalogue;
    Stakes {
        security_profiles: tally.security.by_name(&catalogue.security_profiles),
        routing_profiles: tally.routing.by_name(&catalogue.routing_profiles),
        ..tally.stakes
    }
}

/// What was read of the profiles of a user.
fn profiles(user: &ConnectUser) -> (Option<&ResourceId>, Option<Vec<&ResourceId>>) {
    let routing = match user.seen(Attribute::RoutingProfile).known() {
        Some(Value::Named(named)) => Some(&named.id),
        _ => None,
    };
    let security = match user.seen(Attribute::SecurityProfiles).known() {
        Some(Value::NamedSet(set)) => Some(set.iter().map(|named| &named.id).collect()),
        Some(Value::None) => Some(Vec::new()),
        _ => None,
    };
    (routing, security)
}

/// How each canary was seen.
fn canaries(
    seen: &Observation,
    rules: &Rules,
    people: &[Candidate<'_>],
    decisions: &BTreeMap<PersonKey, Decision>,
) -> BTreeMap<String, Canary> {
    let mut found: BTreeMap<&str, Canary> = BTreeMap::new();
    if rules.canaries.is_empty() {
        return BTreeMap::new();
    }
    let keys: HashMap<PersonKey, &str> =
        rules.canaries.iter().filter_map(|text| Some((text.parse().ok()?, text.as_str()))).collect();
    let mut names: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for text in &rules.canaries {
        names.entry(fold(text).into_owned()).or_default().insert(text);
    }
    let called: [AttributeName; 2] = [attributes::USERNAME.into(), attributes::MAIL.into()];
    for person in people {
        let words = called.iter().filter_map(|name| person.user.attribute(name)).chain(person.username);
        let mut texts: HashSet<&str> = words.filter_map(|word| names.get(&*fold(word))).flatten().copied().collect();
        texts.extend(keys.get(&person.user.key));
        for text in texts {
            let canary = sight(person, seen, decisions.get(&person.user.key));
            found.entry(text).and_modify(|other| merge(other, &canary)).or_insert(canary);
        }
    }
    let of = |text: &String| found.remove(text.as_str()).unwrap_or_else(|| unknown(text, seen, rules));
    rules.canaries.iter().cloned().zip(rules.canaries.iter().map(of)).collect()
}

/// Several records by one name: one of them that works here is enough, and otherwise what is known counts.
fn merge(one: &mut Canary, other: &Canary) {
    let rank = |canary: &Canary| match canary {
        Canary::Seen => 2,
        Canary::Silent { .. } => 1,
        Canary::NotAsked => 0,
    };
    if rank(other) > rank(one) {
        one.clone_from(other);
    }
}

/// How one record was seen.
fn sight(person: &Candidate<'_>, seen: &Observation, decision: Option<&Decision>) -> Canary {
    let silent = |why: &str| Canary::Silent { why: why.to_owned() };
    match (&person.presence, decision) {
        (Presence::Here, Some(Decision::Quarantined(finding))) => silent(&format!("held: {}", finding.message)),
        (Presence::Here, _) => Canary::Seen,
        (Presence::Gone(why), _) => silent(&why.to_string()),
        (Presence::Unreadable(_), _) => silent("the directory's record could not be read"),
        (Presence::Unknown(why), _) if was_read(seen, &person.user.key.source) => silent(why),
        (Presence::Unknown(_), _) => Canary::NotAsked,
    }
}

/// A canary that no record is called by. A name may be a person of any directory, so all of them must have been read.
fn unknown(text: &str, seen: &Observation, rules: &Rules) -> Canary {
    let of_source = text.parse::<PersonKey>().ok().filter(|key| rules.rank(&key.source).is_some());
    let (asked, whose) = match of_source {
        Some(key) => (was_read(seen, &key.source), format!("source {}", key.source)),
        None => (rules.sources.iter().all(|source| was_read(seen, &source.name)), "any directory".to_owned()),
    };
    if asked { Canary::Silent { why: format!("no such person in {whose}") } } else { Canary::NotAsked }
}

fn was_read(seen: &Observation, source: &connectors::SourceName) -> bool {
    let view = seen.directory.sources.get(source);
    view.is_some_and(|view| view.state == SourceState::Fresh && view.scope.is_some())
}
