//! A plan while it is being made: collects steps, decisions and findings, then puts them in order.
//!
//! Invariant: access is taken before it is given, a freed username is free before it is wanted, and a user is ours before
//! it is changed: leavers' updates, deletes, adopts, security profiles taken, other updates, creates, renames; inside that
//! by person, then by facet. A rename stands together: its delete comes after its create.
//! Invariant: everybody who is taken in gets exactly one decision.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::Quota;
use super::rest::{self, Rests};
use super::rules::Rules;
use crate::model::retry::takes_away;
use crate::model::{
    Action, AttributeSet, Change, ConnectUser, ConnectUserId, Decision, Details, Finding, FindingCode, Forecast,
    LeaveReason, Observation, Operation, Plan, Reason, Stage, Stakes, Time, Undone,
};

/// Findings about one person, as they come up.
pub(super) struct Notes<'a> {
    person: &'a PersonKey,
    label: &'a str,
    found: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(person: &'a PersonKey, label: &'a str) -> Self {
        Self { person, label, found: Vec::new() }
    }

    /// Notes something.
    pub(super) fn note(&mut self, code: FindingCode, message: String, hint: String) {
        let Self { person, label, found } = self;
        let person = Some((*person).clone());
        found.push(Finding { code, person, label: (*label).to_owned(), message, hint });
    }

    /// The first finding that holds the person, if there is one.
    pub(super) fn held(&self) -> Option<&Finding> {
        self.found.iter().find(|finding| finding.code.quarantines())
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.found
    }
}

/// One action with its reason, before it has its place in the plan.
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) because: Reason,
}

/// Where a step belongs in the order of a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    LeaverUpdate,
    Delete,
    Adopt,
    Take,
    Update,
    Create,
    Rename,
}

impl Turn {
    fn of(change: &Change) -> Self {
        match (&change.action, &change.because) {
            (_, Reason::Renamed { .. }) => Self::Rename,
            (Action::Update(_), Reason::Left { .. }) => Self::LeaverUpdate,
            (Action::Update(update), Reason::Undone { .. }) if update.stage == Stage::Suspended => Self::LeaverUpdate,
            (Action::Delete { .. } | Action::DeleteQuickConnect(_), _) => Self::Delete,
            (Action::Adopt { .. }, _) => Self::Adopt,
            (Action::Update(_), _) if takes_away(change) => Self::Take,
            (Action::Update(_), _) => Self::Update,
            (Action::Create(_), _) => Self::Create,
            (Action::MoveQuickConnect(_), _) => Self::Rename,
        }
    }
}

/// Whom steps are for.
pub(super) struct Whom<'a> {
    pub(super) person: &'a PersonKey,
    pub(super) label: &'a str,
    pub(super) user: Option<&'a ConnectUser>,
}

/// The plan so far.
pub(super) struct Draft {
    turns: BTreeMap<Turn, Vec<Change>>,
    pub(super) decisions: BTreeMap<PersonKey, Decision>,
    pub(super) findings: Vec<Finding>,
    pub(super) leaving: BTreeMap<PersonKey, (Time, LeaveReason)>,
    pub(super) links: BTreeMap<PersonKey, ConnectUserId>,
    pub(super) agreed: BTreeMap<PersonKey, AttributeSet>,
    pub(super) stakes: Stakes,
    pub(super) undone: BTreeMap<PersonKey, Undone>,
    pub(super) details: Details,
    pub(super) owners_unknown: BTreeSet<PersonKey>,
    pub(super) managed: u32,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            turns: BTreeMap::new(),
            decisions: BTreeMap::new(),
            findings: Vec::new(),
            leaving: BTreeMap::new(),
            links: BTreeMap::new(),
            agreed: BTreeMap::new(),
            stakes: Stakes::default(),
            undone: BTreeMap::new(),
            details: Details::default(),
            owners_unknown: BTreeSet::new(),
            managed: 0,
        }
    }

    /// Takes a person's decision; the first one stands, except that whoever has nothing to do may get something.
    pub(super) fn decide(&mut self, person: &PersonKey, decision: Decision) {
        self.decisions.entry(person.clone()).or_insert(decision);
    }

    /// Holds a person with what was noted.
    pub(super) fn hold(&mut self, notes: Notes<'_>) {
        if let Some(finding) = notes.held().cloned() {
            let person = notes.person.clone();
            self.decisions.insert(person, Decision::Quarantined(finding));
        }
        self.findings.extend(notes.into_findings());
    }

    /// Counts a person's steps.
    fn count(&mut self, person: &PersonKey, count: u32) {
        match self.decisions.get_mut(person) {
            None => self.decide(person, if count == 0 { Decision::InSync } else { Decision::Changes { count } }),
            Some(Decision::Changes { count: before }) => *before += count,
            Some(decision @ (Decision::InSync | Decision::Waiting { .. } | Decision::OutOfScope { .. }))
                if count > 0 =>
            {
                *decision = Decision::Changes { count };
            }
            Some(_) => {}
        }
    }

    /// Takes steps for one user of a person. Without any, the person is in agreement.
    pub(super) fn take(&mut self, whom: &Whom<'_>, steps: Vec<Step>) {
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        self.count(whom.person, count);
        for Step { action, because } in steps {
            let change = Change {
                seq: 0,
                person: whom.person.clone(),
                label: whom.label.to_owned(),
                connect: whom.user.map(|user| user.id.clone()),
                arn: whom.user.map(|user| user.arn.clone()),
                action,
                because,
            };
            self.turns.entry(Turn::of(&change)).or_default().push(change);
        }
    }

    /// Whom the steps taken so far are for.
    pub(super) fn touched(&self) -> BTreeSet<PersonKey> {
        self.turns.values().flatten().map(|change| change.person.clone()).collect()
    }

    /// Whether a user of this person is deleted because the person has left.
    pub(super) fn deletes(&self, person: &PersonKey) -> bool {
        let deletes = self.turns.get(&Turn::Delete).into_iter().flatten();
        deletes.rev().any(|change| &change.person == person && matches!(change.action, Action::Delete { .. }))
    }

    /// Leaves out what Connect refused before and is not to be tried yet.
    fn let_rest(&mut self, seen: &Observation) -> Rests {
        let mut rests = Rests::default();
        if let Some(trial) = &seen.trial {
            self.findings.push(rest::of_trial(trial));
        }
        for changes in self.turns.values_mut() {
            rests.take_out(changes, seen);
        }
        for person in rests.resting.keys() {
            if let Some(decision) = self.decisions.get_mut(person)
                && let Some(other) = rests.decide(person, decision)
            {
                *decision = other;
            }
        }
        self.findings.append(&mut rests.findings);
        rests
    }

    /// Holds the creates that the instance has no room for: the last ones in order.
    fn keep_user_limit(&mut self, users: usize, limit: Option<u32>) {
        let Some(limit) = limit else { return };
        let deletes = self.turns.get(&Turn::Delete).map_or(0, |changes| {
            changes.iter().filter(|change| matches!(change.action, Action::Delete { .. })).count()
        });
        let room = (limit as usize).saturating_sub(users - deletes.min(users));
        let creates = self.turns.entry(Turn::Create).or_default();
        for change in creates.split_off(room.min(creates.len())) {
            self.hold_full(change, format!("the instance may have {limit} users and has no room for this one"));
        }
        let users = users + self.turns.get(&Turn::Create).map_or(0, Vec::len);
        self.keep_rename_room(limit, (limit as usize).saturating_sub(users));
    }

    /// Holds the renames that the instance has no room for. They go side by side, so for a moment each has both users; what
    /// deletes of this plan set free comes too late to be counted on.
    fn keep_rename_room(&mut self, limit: u32, room: usize) {
        let steps = self.turns.remove(&Turn::Rename).unwrap_or_default();
        let creates = steps.iter().filter(|change| matches!(change.action, Action::Create(_)));
        let held: BTreeSet<PersonKey> = creates.skip(room).map(|change| change.person.clone()).collect();
        let (held, kept): (Vec<_>, Vec<_>) = steps.into_iter().partition(|change| held.contains(&change.person));
        self.turns.insert(Turn::Rename, kept);
        for change in held.into_iter().filter(|change| matches!(change.action, Action::Create(_))) {
            let message =
                format!("the instance may have {limit} users, and a rename needs room for one more for a moment");
            self.hold_full(change, message);
        }
    }

    fn hold_full(&mut self, change: Change, message: String) {
        let finding = Finding {
            code: FindingCode::UserLimit,
            person: Some(change.person.clone()),
            label: change.label,
            message,
            hint: "ask AWS for a higher quota of users, then raise the configured user limit".to_owned(),
        };
        self.decisions.insert(change.person, Decision::Quarantined(finding.clone()));
        self.findings.push(finding);
    }

    /// Puts everything in order.
    pub(super) fn finish(mut self, seen: &Observation, rules: &Rules, quota: &Quota<'_>) -> Plan {
        // First: a deletion that rests makes no room for anybody.
        let Rests { refused, resting, .. } = self.let_rest(seen);
        self.keep_user_limit(seen.connect.users.len(), rules.user_limit);
        let mut changes: Vec<Change> = self.turns.into_values().flatten().collect();
        for (seq, change) in changes.iter_mut().enumerate() {
            change.seq = u32::try_from(seq).unwrap_or(u32::MAX);
        }
        // Without a user that could be touched, a first run has nothing to be afraid of; that is for the guard to see.
        let first_run = rules
            .sources
            .iter()
            .filter(|source| !source.first_run_applies)
            .filter(|source| seen.directory.sources.get(&source.name).is_some_and(|view| !view.established))
            .map(|source| source.name.clone())
            .collect();
        let forecast = forecast(&changes, quota);
        self.details.least_millis = least_millis(self.details.left(), quota(Operation::DescribeUser));
        Plan {
            at: seen.at,
            changes,
            decisions: self.decisions,
            findings: self.findings,
            forecast,
            leaving: self.leaving,
            links: self.links,
            agreed: self.agreed,
            stakes: self.stakes,
            undone: self.undone,
            refused,
            resting: resting.into_keys().collect(),
            details: self.details,
            owners_unknown: self.owners_unknown,
            managed: self.managed,
            first_run,
        }
    }
}

/// How many calls, and how long the busiest token bucket needs when it starts full.
#[must_use]
pub fn forecast(changes: &[Change], quota: &Quota<'_>) -> Forecast {
    let mut forecast = Forecast::default();
    for change in changes {
        *forecast.calls.entry(change.action.operation()).or_default() += 1;
    }
    for (operation, calls) in &forecast.calls {
        let millis = least_millis(*calls, quota(*operation));
        let busiest_calls = forecast.busiest.map_or(0, |busiest| forecast.calls[&busiest]);
        if (millis, *calls) > (forecast.least_millis, busiest_calls) {
            forecast.busiest = Some(*operation);
            forecast.least_millis = millis;
        }
    }
    forecast
}

/// Least milliseconds that so many calls of one operation take: calls a second, and a burst that is there at the start.
fn least_millis(calls: u32, (per_second, burst): (f64, u32)) -> u64 {
    let waited = f64::from(calls.saturating_sub(burst));
    // A rate of nothing can only be a mistake of the caller; say "for ever" rather than divide by it.
    if waited == 0.0 {
        0
    } else if per_second > 0.0 {
        (waited * 1000.0 / per_second).ceil() as u64
    } else {
        u64::MAX
    }
}
