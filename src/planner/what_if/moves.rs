//! One person under two sets of rules.
//!
//! Invariant: a call counts as the same if the same would be sent; why it is made and what it replaces do not matter.

use connectors::PersonKey;

use super::side::{Asked, Side};
use super::{Effect, Move, Shift, UserShift};
use crate::model::{Action, AttributeSet, Authority, Change, DesiredUser, Facet, FacetUpdate};

/// One observation under two sets of rules.
pub(super) struct Compared<'a> {
    pub(super) before: &'a Side<'a>,
    pub(super) after: &'a Side<'a>,
}

impl Compared<'_> {
    /// What differs for one person; `None` if nothing does.
    pub(super) fn person(&self, person: &PersonKey) -> Option<Move> {
        let Self { before, after } = self;
        let (now, then) = (before.asked.get(person), after.asked.get(person));
        let shifts: Vec<Shift> = Facet::ALL.into_iter().filter_map(|facet| self.facet(person, facet)).collect();
        let rules = |asked: Option<&Asked<'_>>| asked.map(|asked| asked.wish.rule_names()).unwrap_or_default();
        let username = |asked: Option<&Asked<'_>>| asked.and_then(|asked| asked.username).map(str::to_owned);
        let (was_held, is_held) = (before.held(person), after.held(person));
        let one = Move {
            person: person.clone(),
            label: self.label(person),
            department: then.or(now).and_then(|asked| asked.department).map(str::to_owned),
            rules_now: rules(now),
            rules_then: rules(then),
            username: username(now).zip(username(then)).filter(|(now, then)| now != then),
            shifts,
            user: user_shift(before.calls(person), after.calls(person)),
            held: is_held.filter(|_| was_held.is_none()).cloned(),
            released: was_held.is_some() && is_held.is_none(),
        };
        let other_calls = !same_calls(before.calls(person), after.calls(person));
        let Move { person: _, label: _, department: _, rules_now, rules_then, username, shifts, user, held, released } =
            &one;
        let differs = rules_now != rules_then
            || username.is_some()
            || !shifts.is_empty()
            || user.is_some()
            || held.is_some()
            || *released;
        (differs || other_calls).then_some(one)
    }

    /// The username under the other rules, if there is one; else whatever the person is known by.
    fn label(&self, person: &PersonKey) -> String {
        let wished = [self.after, self.before].into_iter().find_map(|side| side.asked.get(person)?.username);
        let called = || [self.after, self.before].into_iter().find_map(|side| side.calls(person).first().copied());
        match wished {
            Some(username) => username.to_owned(),
            None => called().map_or_else(|| person.to_string(), |change| change.label.clone()),
        }
    }

    fn facet(&self, person: &PersonKey, facet: Facet) -> Option<Shift> {
        let wished = |side: &Side<'_>| side.asked.get(person).map(|asked| asked.wish.attributes.of(facet));
        let (now, then) = (wished(self.before).unwrap_or_default(), wished(self.after).unwrap_or_default());
        let only = |these: &AttributeSet, those: &AttributeSet| -> AttributeSet {
            let differing = these.iter().filter(|(attribute, value)| those.get(*attribute) != Some(value));
            differing.map(|(attribute, value)| (attribute, value.clone())).collect()
        };
        let shift = Shift { facet, now: only(&now, &then), then: only(&then, &now), effect: Effect::InPlace };
        let (would, will) = (writes(self.before.calls(person), facet), writes(self.after.calls(person), facet));
        let other_calls = !same_calls(&would, &will);
        (shift.wished() || other_calls).then(|| Shift { effect: self.effect(person, facet, &would, &will), ..shift })
    }

    fn effect(&self, person: &PersonKey, facet: Facet, would: &[&Change], will: &[&Change]) -> Effect {
        let after = self.after;
        let asked = after.asked.get(person);
        let authority = asked.map(|asked| asked.wish.authority(after.rules, facet));
        let created = |change: &&Change| matches!(change.action, Action::Create(_));
        if after.held(person).is_some() {
            Effect::Held
        } else if after.calls(person).iter().any(created) {
            Effect::Given
        } else if !will.is_empty() {
            Effect::Written
        } else if !would.is_empty() && authority != Some(Authority::Connect) {
            Effect::NotWritten
        } else if authority == Some(Authority::Connect) {
            Effect::ConnectDecides
        } else if after.waits(person) {
            Effect::Waits
        } else {
            Effect::InPlace
        }
    }
}

/// The calls that write a facet of a user that is there.
fn writes<'a>(calls: &[&'a Change], facet: Facet) -> Vec<&'a Change> {
    let writes = |change: &&Change| matches!(&change.action, Action::Update(update) if update.facet == facet);
    calls.iter().copied().filter(writes).collect()
}

fn same_calls(these: &[&Change], those: &[&Change]) -> bool {
    these.len() == those.len() && these.iter().zip(those).all(|(one, other)| same_call(one, other))
}

fn same_call(one: &Change, other: &Change) -> bool {
    one.connect == other.connect
        && match (&one.action, &other.action) {
            (Action::Update(one), Action::Update(other)) => {
                let sent = |update: &FacetUpdate| {
                    let FacetUpdate { facet, before: _, wished: _, after, untag, stage } = update.clone();
                    (facet, after, untag, stage)
                };
                sent(one) == sent(other)
            }
            (Action::Create(one), Action::Create(other)) => {
                let sent = |desired: &DesiredUser| {
                    let DesiredUser { person: _, username, attributes, stage, wished: _ } = desired.clone();
                    (username, attributes, stage)
                };
                sent(one) == sent(other)
            }
            (one, other) => one == other,
        }
}

fn user_shift(now: &[&Change], then: &[&Change]) -> Option<UserShift> {
    type Which = fn(&Action) -> bool;
    let kinds: [(Which, UserShift, UserShift); 3] = [
        (|action| matches!(action, Action::Create(_)), UserShift::Created, UserShift::NotCreated),
        (|action| matches!(action, Action::Delete { .. }), UserShift::Deleted, UserShift::NotDeleted),
        (|action| matches!(action, Action::Adopt { .. }), UserShift::Adopted, UserShift::NotAdopted),
    ];
    kinds.into_iter().find_map(|(which, comes, goes)| {
        let has = |calls: &[&Change]| calls.iter().any(|change| which(&change.action));
        match (has(now), has(then)) {
            (false, true) => Some(comes),
            (true, false) => Some(goes),
            (true, true) | (false, false) => None,
        }
    })
}
