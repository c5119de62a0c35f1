//! What may not run dry: the people of one routing profile, the people of one department, the users of a named profile.
//!
//! Invariant: only losses count. Access is taken before it is given, and Connect may refuse to give.
//! Invariant: somebody whose profile was not read counts as losing every profile that has a floor.

use std::collections::BTreeMap;

use super::super::fold::fold;
use super::super::rules::{Emptied, Limit, Limits};
use super::budget::over;
use super::counted::{Counted, Route};
use crate::model::words::number;
use crate::model::{Action, Attribute, Facet, Holding, Plan, ProfileUse, ResourceId, Value};

/// Routing profiles or departments that are told one by one; a mass move would name all of them.
const SHOWN: usize = 3;

/// One routing profile that too many leave.
pub(super) struct Leaving {
    pub(super) message: String,
    /// Where they go.
    pub(super) why: String,
}

/// Routing profiles that too many managed people leave, the largest loss first.
pub(super) fn leaving(plan: &Plan, counted: &Counted<'_>, limit: &Limit) -> Vec<Leaving> {
    let names: BTreeMap<&ResourceId, (&str, u32)> =
        plan.stakes.routing_profiles.iter().map(|(name, used)| (&used.id, (name.as_str(), used.managed))).collect();
    let mut profiles: BTreeMap<&ResourceId, BTreeMap<Route<'_>, usize>> = BTreeMap::new();
    for (person, route) in counted.routes(plan) {
        let held = plan.stakes.touched.get(person).filter(|held| held.managed);
        if let Some(from) = held.and_then(|held| held.routing.as_ref()) {
            *profiles.entry(from).or_default().entry(route).or_default() += 1;
        }
    }
    let mut found: Vec<(usize, Leaving)> = profiles
        .into_iter()
        .filter_map(|(id, routes)| {
            let people: usize = routes.values().sum();
            let (name, of) = names.get(id).copied().unwrap_or((id.as_str(), 0));
            let numbers = over(limit, people, of, Limits::LEAVING_FLOOR)?;
            let told = format!("{} of {}", number(people as u64), number(u64::from(of)));
            let message = format!("{told} people would leave routing profile \"{name}\" ({numbers})");
            Some((people, Leaving { message, why: destinations(name, &routes) }))
        })
        .collect();
    found.sort_by_key(|(people, _)| std::cmp::Reverse(*people));
    let more = found.split_off(found.len().min(SHOWN));
    let mut told: Vec<Leaving> = found.into_iter().map(|(_, leaving)| leaving).collect();
    if let (Some(last), false) = (told.last_mut(), more.is_empty()) {
        last.message.push_str(&format!(", and so in {} more routing profiles", more.len()));
    }
    told
}

fn destinations(name: &str, routes: &BTreeMap<Route<'_>, usize>) -> String {
    let mut routes: Vec<(&Route<'_>, &usize)> = routes.iter().collect();
    routes.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let text = |(route, n): &(&Route<'_>, &usize)| match route {
        Route::Removed => format!("{n} removed"),
        Route::To(to) => format!("{n} to \"{to}\""),
    };
    let shown: Vec<String> = routes.iter().take(SHOWN).map(text).collect();
    let more = routes.len().saturating_sub(SHOWN);
    let tail = if more > 0 { format!(", others to {more} more") } else { String::new() };
    format!("from \"{name}\": {}{tail}", shown.join(", "))
}

/// Departments that would lose everybody who is not suspended.
pub(super) fn emptied(plan: &Plan, counted: &Counted<'_>, limit: Emptied) -> Option<String> {
    let Emptied { count, from } = limit;
    let mut emptied: Vec<(&str, u32)> = counted
        .departments(plan, true)
        .into_iter()
        .filter_map(|(name, gone)| {
            let before = plan.stakes.departments.get(name)?.active;
            (gone >= before && before >= from).then_some((name, before))
        })
        .collect();
    let departments = emptied.len();
    if u32::try_from(departments).is_ok_and(|departments| departments <= count) {
        return None;
    }
    emptied.sort_by_key(|(name, people)| (std::cmp::Reverse(*people), *name));
    let shown: Vec<String> = emptied.iter().take(SHOWN).map(|(name, people)| format!("{name} {people} → 0")).collect();
    let more = if departments > SHOWN { format!(", {} more", departments - SHOWN) } else { String::new() };
    let what = if departments == 1 { "1 department".to_owned() } else { format!("{departments} departments") };
    let shown = shown.join(", ");
    Some(format!("{what} would lose everybody: {shown}{more} (limit {count}, counted from {from} people)"))
}

/// Profiles that would have fewer users than they must, because this plan takes some away.
pub(super) fn below(plan: &Plan, counted: &Counted<'_>, floors: &BTreeMap<String, u32>) -> Vec<String> {
    let mut found = Vec::new();
    if floors.is_empty() {
        return found;
    }
    let stakes = &plan.stakes;
    let (routing, security) = losses(plan, counted);
    for (wanted, fewest) in floors {
        for (kind, profiles, lost) in
            [("routing", &stakes.routing_profiles, &routing), ("security", &stakes.security_profiles, &security)]
        {
            for (name, used) in profiles.iter().filter(|(name, _)| fold(name) == fold(wanted)) {
                let gone = lost.of.get(&used.id).copied().unwrap_or(0);
                let after = used.users.saturating_sub(gone);
                if after < *fewest && gone + lost.unread > 0 {
                    found.push(told(kind, name, used, after, *fewest, lost.unread));
                }
            }
        }
    }
    found
}

fn told(kind: &str, name: &str, used: &ProfileUse, after: u32, fewest: u32, unread: u32) -> String {
    let unread = if unread > 0 { format!(", {unread} more not read") } else { String::new() };
    format!("{kind} profile \"{name}\" would have {after} users, never below {fewest} (now {}{unread})", used.users)
}

/// How many lose each profile of one kind.
#[derive(Default)]
struct Lost<'a> {
    of: BTreeMap<&'a ResourceId, u32>,
    /// Those who lose what they have, which was not read.
    unread: u32,
}

/// Who loses which routing and security profiles. Whoever is suspended counted for none.
fn losses<'a>(plan: &'a Plan, counted: &Counted<'_>) -> (Lost<'a>, Lost<'a>) {
    let (mut routing, mut security) = (Lost::default(), Lost::default());
    let held = |person| plan.stakes.touched.get(person);
    for person in counted.routes(plan).into_keys() {
        match held(person).and_then(|held| held.routing.as_ref()) {
            Some(id) => *routing.of.entry(id).or_default() += 1,
            None => routing.unread += 1,
        }
    }
    let works = |held: Option<&Holding>| held.is_none_or(|held| !held.suspended);
    for person in counted.lost().filter(|person| works(held(person))) {
        match held(person).and_then(|held| held.security.as_ref()) {
            Some(ids) => ids.iter().for_each(|id| *security.of.entry(id).or_default() += 1),
            None => security.unread += 1,
        }
    }
    for change in plan.changes.iter().filter(|change| !counted.removed.contains(&change.person)) {
        let Action::Update(update) = &change.action else { continue };
        let (Facet::Security, Some(Value::NamedSet(after))) =
            (update.facet, update.after.get(Attribute::SecurityProfiles))
        else {
            continue;
        };
        match held(&change.person) {
            Some(Holding { suspended: true, .. }) => {}
            Some(Holding { security: Some(ids), .. }) => {
                let gone = ids.iter().filter(|id| after.iter().all(|named| named.id != **id));
                gone.for_each(|id| *security.of.entry(id).or_default() += 1);
            }
            Some(Holding { security: None, .. }) | None => security.unread += 1,
        }
    }
    (routing, security)
}
