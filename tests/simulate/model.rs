//! What Connect should look like, worked out from the directories and the rules without the program under test.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rollcall::model::OWNER_TAG;
use rollcall::sandbox::connect::User;
use serde_json::Value as Json;

use crate::clock;
use crate::laws::Violation;
use crate::setting::{Authority, NO_ACCESS};
use crate::stage::Stage;
use crate::story::Hand;
use crate::truth::{Person, Standing};

const AGREES: &str = "the world agrees with the rules once the troubles stop";

/// Whether the world is as it should be.
pub(crate) fn agrees(stage: &mut Stage) -> Result<(), Violation> {
    let users = stage.sandbox.connect.users();
    let mut owned: BTreeMap<&str, Vec<&User>> = BTreeMap::new();
    for user in &users {
        if let Some(owner) = user.tags.get(OWNER_TAG) {
            owned.entry(owner).or_default().push(user);
        }
    }
    let mut deciders = BTreeSet::new();
    for person in stage.truth.people.values().filter(|person| person.is_here()) {
        let Some((key, decider)) = stage.truth.decider(&person.login) else { continue };
        deciders.insert(key.clone());
        if !decider.is_here() {
            // Whoever the first directory has switched off is a leaver, whatever the others say.
            continue;
        }
        match owned.get(key.as_str()).map(Vec::as_slice) {
            Some([user]) => everything_agrees(stage, key, decider, user)?,
            Some([]) | None => {
                let decision = stage.decided.get(key);
                return Err(Violation::of(AGREES, format!("{key} ({}) has no user: {decision:?}", decider.login)));
            }
            Some(_) => return Err(Violation::of(AGREES, format!("{key} has several users"))),
        }
    }
    for (owner, users) in owned.iter().filter(|(owner, _)| !deciders.contains(**owner)) {
        let known = stage.truth.people.get(*owner);
        if known.is_some_and(Person::is_here) {
            continue;
        }
        let gone = known.is_none_or(|person| person.standing != Standing::Here);
        for user in users {
            let ladder = i64::from(stage.rules.grace_hours) + i64::from(stage.rules.suspend_hours.unwrap_or(0));
            let since = stage.truth.gone_since(owner, &user.username);
            let due = since.is_none_or(|since| clock::truth() - since > TimeDelta::hours(ladder + 1));
            if gone && stage.rules.delete && due {
                let decision = stage.decided.get(*owner);
                return Err(Violation::of(
                    AGREES,
                    format!("{owner} left and {} is still there: {decision:?}", user.username),
                ));
            }
            if gone && stage.rules.suspend_hours.is_some() && stage.laws.security(user) != BTreeSet::from([NO_ACCESS]) {
                return Err(Violation::of(AGREES, format!("{owner} left and {} still has rights", user.username)));
            }
        }
    }
    stage.laws.checks(AGREES);
    Ok(())
}

/// Whether a user is what the rules make of a person.
pub(crate) fn everything_agrees(stage: &Stage, key: &str, person: &Person, user: &User) -> Result<(), Violation> {
    let differs = |what: &str, is: String, wish: String| {
        Err(Violation::of(AGREES, format!("{key} ({}): {what} is {is}, should be {wish}", user.username)))
    };
    let by_hand = |hand| stage.laws.touched.contains(&(user.id.clone(), hand));
    let wish = stage.rules.persona(person);
    let free = |authority, hand| match authority {
        Authority::Directory => false,
        // Whatever somebody made of it; and what was there before counts as that.
        Authority::Shared => by_hand(hand) || stage.laws.was_forgotten(),
        Authority::Connect => true,
    };
    let (security, routing) = (stage.laws.security(user), stage.laws.routing(user));
    // An old state file does not know that somebody was suspended; without `directory` that looks like somebody's hand.
    let excused = stage.laws.was_forgotten() && stage.rules.security != Authority::Directory;
    let locked_out = security == BTreeSet::from([NO_ACCESS]) && !excused;
    if locked_out || (!free(stage.rules.security, Hand::Security) && security != wish.security) {
        return differs("security", format!("{security:?}"), format!("{:?}", wish.security));
    }
    if !free(stage.rules.routing, Hand::Routing) && routing != wish.routing {
        return differs("routing", routing.to_owned(), wish.routing.to_owned());
    }
    let groups = stage.sandbox.connect.groups();
    let leaf = |id: &String| groups.iter().find(|group| group.id == *id).map_or("?", |group| group.name.as_str());
    let (hierarchy, wished) =
        (user.hierarchy_group_id.as_ref().map(leaf), wish.hierarchy.and_then(|path| path.last()).copied());
    // Who is in no group by the rules may be put into one by hand, or stay in one that a lost memory put them into.
    let unruled = wished.is_none() && (by_hand(Hand::Hierarchy) || stage.laws.was_forgotten());
    if hierarchy != wished && !unruled {
        return differs("hierarchy", format!("{hierarchy:?}"), format!("{wished:?}"));
    }
    let (tier, supervisor) = (user.tags.get("tier").map(String::as_str), wish.supervisor);
    let kept = !supervisor && stage.laws.was_forgotten();
    if (tier == Some("2")) != supervisor && !kept {
        return differs("tag `tier`", format!("{tier:?}"), format!("supervisor: {supervisor}"));
    }
    let properties = stage.truth.books[person.source].tenant.properties(&person.id);
    let name = properties.get("givenName").and_then(Json::as_str);
    if user.identity_info.first_name.as_deref() != name {
        return differs("first name", format!("{:?}", user.identity_info.first_name), format!("{name:?}"));
    }
    Ok(())
}
