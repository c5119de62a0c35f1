//! Who is a leaver, and the ladder a leaver goes down: grace, suspended, deleted.
//!
//! Invariant: a person merely missing from a listing, or of a source that could not be read, is not a leaver; nothing is
//! concluded and nothing is done.
//! Invariant: only people with a Connect user go down the ladder.
//! Invariant: where there is a suspension, nobody is deleted whom Connect does not show without rights.
//! Deliberately absent: the way back; a returner is an active person, and `diff` restores what the ladder took.

use chrono::TimeDelta;
use connectors::{DirectoryUser, Scope, Standing, attributes};

use super::draft::Step;
use super::mapping::{Broken, Compiled};
use super::rules::{LeaverRules, Rules, SourceRules};
use crate::model::{
    Action, Attribute, AttributeSet, ConnectUser, Decision, Facet, FacetUpdate, LeaveReason, Observation, QuickConnect,
    Reason, Remembered, SourceState, Stage, Time, Value,
};

/// Where a person stands by the directory.
#[derive(Debug, Clone)]
pub(super) enum Presence<'a> {
    /// Active and in scope.
    Here,
    /// A leaver.
    Gone(LeaveReason),
    /// The record could not be read; present, and held.
    Unreadable(&'a str),
    /// Nothing may be concluded.
    Unknown(String),
}

/// Where a person stands by the directory and the scope.
pub(super) fn presence<'a>(person: &'a DirectoryUser, seen: &Observation, rules: &Rules) -> Presence<'a> {
    let source = &person.key.source;
    let configured = rules.sources.iter().find(|rules| &rules.name == source);
    let (Some(rules), Some(view)) = (configured, seen.directory.sources.get(source)) else {
        return Presence::Unknown(format!("source {source} is not in the configuration"));
    };
    if let SourceState::Frozen { why } = &view.state {
        return Presence::Unknown(format!("source {source} could not be read: {why}"));
    }
    let Some(scope) = &view.scope else {
        return Presence::Unknown(format!("source {source} was never read"));
    };
    if let Some(why) = &person.unreadable {
        return Presence::Unreadable(why);
    }
    match person.standing {
        Standing::MissingUnconfirmed => {
            return Presence::Unknown("missing from the last listing, not confirmed yet".to_owned());
        }
        Standing::Disabled => return Presence::Gone(LeaveReason::Disabled),
        Standing::SoftDeleted => return Presence::Gone(LeaveReason::SoftDeleted),
        Standing::Deleted => return Presence::Gone(LeaveReason::Deleted),
        Standing::MissingConfirmed => return Presence::Gone(LeaveReason::Missing),
        Standing::Active => {}
    }
    outside(person, scope, rules).map_or(Presence::Here, Presence::Gone)
}

/// Why somebody is not in the scope of a source, whatever the account's own standing.
fn outside(person: &DirectoryUser, scope: &Scope, rules: &SourceRules) -> Option<LeaveReason> {
    let source = &person.key.source;
    let in_scope = match scope {
        Scope::Everybody => true,
        Scope::Groups(ids) => person.groups.iter().any(|group| &group.source == source && ids.contains(&group.id)),
    };
    let guest = person.attributes.get(attributes::USER_TYPE).is_some_and(|text| text.eq_ignore_ascii_case("guest"));
    match (in_scope, guest && !rules.guests) {
        (false, _) => Some(LeaveReason::OutOfScope),
        (true, true) => Some(LeaveReason::Guest),
        (true, false) => None,
    }
}

/// Why a source has nothing more to say about this person, if so: then the next source's word counts. What is stored
/// counts, also of a source that could not be read: a failure silences nobody.
///
/// A deleted record is gone for good, and a record out of scope is another directory's matter. Whoever is switched off,
/// deleted but restorable, or missing without a word still is this source's leaver. `own` is the stage of the Connect user
/// that is this record's by tag or link: whoever is suspended is not given back by the deletion of the record, and of
/// somebody missing nothing is left only once there is no user.
pub(super) fn silent(
    person: &DirectoryUser,
    seen: &Observation,
    rules: &SourceRules,
    own: Option<Stage>,
) -> Option<LeaveReason> {
    match person.standing {
        Standing::Deleted => (own != Some(Stage::Suspended)).then_some(LeaveReason::Deleted),
        Standing::MissingConfirmed => own.is_none().then_some(LeaveReason::Missing),
        Standing::Disabled | Standing::SoftDeleted | Standing::MissingUnconfirmed => None,
        Standing::Active if person.unreadable.is_some() => None,
        Standing::Active => {
            let scope = seen.directory.sources.get(&person.key.source)?.scope.as_ref()?;
            outside(person, scope, rules)
        }
    }
}

/// What the ladder says for one leaver.
pub(super) enum Rung {
    /// Make these steps now.
    Steps(Vec<Step>),
    /// Nothing now.
    Rest(Decision),
    /// The no-access persona names something that does not exist.
    Broken(Broken),
}

/// One leaver with a Connect user.
pub(super) struct Leaver<'a> {
    pub(super) why: LeaveReason,
    pub(super) since: Time,
    pub(super) user: &'a ConnectUser,
    pub(super) memory: &'a Remembered,
}

impl Leaver<'_> {
    /// When the suspension that is in force began. A state file that was brought back may know an earlier one, of somebody
    /// who came back since and left again; whatever was written to the user after that began this one, or is waited for once
    /// more.
    fn suspended_since(&self) -> Time {
        let remembered = self.memory.suspended_since.unwrap_or(self.since);
        self.user.modified_at.map_or(remembered, |modified| remembered.max(modified))
    }

    /// The next rung.
    pub(super) fn rung(&self, seen: &Observation, compiled: &Compiled<'_>) -> Rung {
        let LeaverRules { grace_secs, suspend, delete, undo_holds_secs: _ } = &compiled.rules.leaver;
        let suspended = self.memory.stage == Stage::Suspended;
        let first = match (suspend, delete) {
            (Some(_), _) => Stage::Suspended,
            (None, true) => Stage::Deleted,
            (None, false) => return self.over(),
        };
        let grace_ends = later(self.since, *grace_secs);
        // Grace is for the first step; a longer one, configured later, does not undo it.
        if seen.at < grace_ends && !suspended {
            return Rung::Rest(Decision::Waiting { until: grace_ends, next: first, why: self.why.clone() });
        }
        let Some(suspend) = suspend else { return self.delete(seen) };
        let deletion = suspend.for_secs.filter(|_| *delete);
        let due = deletion.map(|secs| later(self.suspended_since(), secs));
        if suspended && due.is_some_and(|due| seen.at >= due) && !self.has_rights(compiled) {
            return self.delete(seen);
        }
        let Some(persona) = &compiled.suspended else { return self.over() };
        if let Some(broken) = persona.broken.first() {
            return Rung::Broken(broken.clone());
        }
        let mut steps = Vec::new();
        // The first time it is written even where it is there already: that is when the stage is remembered.
        self.no_access(Attribute::SecurityProfiles, Value::NamedSet(persona.security.clone()), !suspended, &mut steps);
        if let Some(routing) = &persona.routing {
            self.no_access(Attribute::RoutingProfile, Value::Named(routing.clone()), false, &mut steps);
        }
        match due {
            _ if !steps.is_empty() => Rung::Steps(steps),
            Some(until) => Rung::Rest(Decision::Waiting { until, next: Stage::Deleted, why: self.why.clone() }),
            None => self.over(),
        }
    }

    /// Whether Connect holds other security profiles than the no-access persona's. Then the suspension that is remembered is
    /// over, whoever ended it (an old state file remembers one that was): it is made again before anybody is deleted.
    fn has_rights(&self, compiled: &Compiled<'_>) -> bool {
        let persona = compiled.suspended.as_ref().filter(|persona| persona.broken.is_empty());
        let have = self.user.seen(Attribute::SecurityProfiles).known();
        persona.zip(have).is_some_and(|(persona, have)| *have != Value::NamedSet(persona.security.clone()))
    }

    /// Has left, and nothing is left to do.
    fn over(&self) -> Rung {
        Rung::Rest(Decision::OutOfScope { why: self.why.clone() })
    }

    fn reason(&self) -> Reason {
        Reason::Left { why: self.why.clone(), since: self.since }
    }

    fn no_access(&self, attribute: Attribute, value: Value, always: bool, steps: &mut Vec<Step>) {
        if !always && self.user.seen(attribute).known() == Some(&value) {
            return;
        }
        let facet: Facet = attribute.facet();
        let wished: AttributeSet = [(attribute, value)].into_iter().collect();
        let update = FacetUpdate {
            facet,
            before: self.user.known(facet),
            after: wished.clone(),
            wished,
            untag: Default::default(),
            stage: Stage::Suspended,
        };
        steps.push(Step { action: Action::Update(Box::new(update)), because: self.reason() });
    }

    /// The user's quick connects, then the user.
    fn delete(&self, seen: &Observation) -> Rung {
        let dangling = seen.connect.quick_connects.iter().filter(|quick| quick.user == self.user.id);
        let mut dangling: Vec<&QuickConnect> = dangling.collect();
        // A search gives them in any order; the same plan must come of it, and the same digest.
        dangling.sort_by(|one, other| one.named.id.cmp(&other.named.id));
        let mut steps: Vec<Step> = dangling
            .into_iter()
            .map(|quick| Step { action: Action::DeleteQuickConnect(quick.named.clone()), because: self.reason() })
            .collect();
        let before = Facet::ALL.into_iter().fold(AttributeSet::default(), |mut all, facet| {
            all.extend(&self.user.known(facet));
            all
        });
        let action = Action::Delete { username: self.user.username.clone(), before };
        steps.push(Step { action, because: self.reason() });
        Rung::Steps(steps)
    }
}

/// A moment so many seconds later; the end of time where that is not a date.
pub(super) fn later(from: Time, secs: u64) -> Time {
    i64::try_from(secs)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .and_then(|delta| from.checked_add_signed(delta))
        .unwrap_or(Time::MAX_UTC)
}
