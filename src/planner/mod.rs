//! Decides everything. Does nothing.
//!
//! ```text
//! plan        one observation and the rules → every change with its reason, a decision for everybody
//! human       which records of several directories are one human, and whose word counts
//! leaver      who is here, who is a leaver, and the ladder down
//! correlate   whose Connect user is it?
//! mapping     what the rules want for a person (rule: conditions, fields: attributes, listed: what a record itself names,
//!             fold: equal texts)
//! rename      a changed username: a new user takes the place of the old one
//! diff        wish × Connect × memory × authority → updates
//! validate    what Connect would refuse
//! draft       a plan in the making: order, forecast
//! stakes      what the guard weighs a plan against: who has which profile, the canaries
//! undo        a run taken back · undone: what was taken back, left alone by ordinary plans
//! guard       the brake: budgets, floors, canaries, protected people, the digest that an approval names
//! rest        what Connect refused before and is not tried yet
//! fate        what a plan does to people, in words · outlook: what becomes of one person
//! explain     everything about one person · lint: coverage, unknown names, the rules' own examples · uses: what they name
//! what_if     what other rules would do
//! ```
//!
//! Invariant: the same observation and the same rules give the same plan, byte for byte.
//! Invariant: everybody gets one decision; whoever is held is touched by no change.
//! Invariant: a user is touched only if it carries our owner tag, is remembered as ours, or an adopt rule names it.
//! Invariant: a source that could not be read has no change, and nobody is handed over because of it.
//! Invariant: one human has one deciding record; whoever is shadowed by it is touched by no change.
//! Invariant: nobody gets a user by the word of a source while one that comes before it was never read.
//! Deliberately absent: `async`, errors (broken input is a finding), clocks, randomness, logging.

mod correlate;
mod diff;
mod draft;
pub mod explain;
pub mod fate;
mod fields;
mod fold;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub mod guard;
mod human;
#[cfg(test)]
mod laws;
mod leaver;
pub mod lint;
mod listed;
mod mapping;
pub mod outlook;
mod rename;
mod rest;
pub mod rule;
pub mod rules;
mod stakes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod undo;
mod undone;
pub mod uses;
mod validate;
pub mod what_if;

use connectors::{AttributeName, PersonKey, SourceName};

use crate::model::{
    Action, Authority, ConnectUser, Decision, DesiredUser, Finding, FindingCode, LeaveReason, Observation, Operation,
    Plan, Reason, Remembered, Stage,
};
use correlate::{By, Candidate, Claim, Correlation, correlate};
use diff::{Active, Difference};
use draft::{Draft, Notes, Step, Whom};
use human::{Humans, Role};
use leaver::{Leaver, Presence, Rung};
use mapping::{Compiled, Wish};
use rename::Moving;
use rule::Facts;
use rules::Rules;
use stakes::{Counted, Tally};

pub use draft::forecast;
pub use explain::{Explanation, FieldOf, OtherRecord, ShownAttribute, explain, explain_in, several_records};
pub use fold::fold;
pub use guard::{Refusal, Verdict, digest, review};
pub use lint::{
    Coverage, Covered, ExampleResult, SourceCoverage, check_examples, coverage, coverage_with, missing_names,
};
pub use what_if::{WhatIf, what_if};

/// The quota of an operation: calls a second, and the burst.
pub type Quota<'a> = dyn Fn(Operation) -> (f64, u32) + 'a;

/// What would make Connect agree with the rules.
///
/// *Flow:* where everybody stands → whose Connect user is whose → for each person the wish, the difference or the next
/// rung down → order and forecast.
///
/// *Caveat:* the observation may be old; a plan that would change something is made again on a fresh look.
#[must_use = "a plan changes nothing until it is reviewed and applied"]
pub fn plan(seen: &Observation, rules: &Rules, quota: &Quota<'_>) -> Plan {
    let identity = seen.connect.instance.identity_management;
    let compiled = Compiled::new(rules, &seen.connect.catalogue, &seen.directory, identity);
    let people = candidates(seen, rules);
    let humans = Humans::of(seen, rules, &people);
    let Correlation { claims, claimed, mut renames, overtaken } = correlate(seen, rules, &people, &humans);
    let mut planning = Planning {
        seen,
        compiled: &compiled,
        draft: Draft::new(),
        tally: Tally::default(),
        unmapped: Default::default(),
    };
    for (at, (person, claim)) in people.iter().zip(claims).enumerate() {
        match humans.role(at) {
            Role::Shadowed { by, matched } => planning.shadowed(person, &people[by].user.key, matched, claim),
            Role::Decides | Role::Silent { .. } => {
                planning.person(person, claim, &renames.remove(&at).unwrap_or_default());
            }
        }
    }
    planning.strangers();
    planning.draft.owners_unknown.extend(overtaken.into_iter().cloned());
    for user in seen.connect.users.values().filter(|user| user.owner.is_none() && !claimed.contains(&user.id)) {
        planning.draft.findings.push(Finding {
            code: FindingCode::Foreign,
            person: None,
            label: user.username.clone(),
            message: "no person claims this Connect user; it is left alone".to_owned(),
            hint: "nothing to do, unless it belongs to somebody: then match the usernames".to_owned(),
        });
    }
    planning.unmapped_departments();
    let Planning { mut draft, tally, .. } = planning;
    draft.stakes = tally.finish(seen, rules, &people, &draft.decisions);
    draft.finish(seen, rules, quota)
}

/// Everybody in the directory view, by key.
fn candidates<'a>(seen: &'a Observation, rules: &Rules) -> Vec<Candidate<'a>> {
    let people = seen.directory.people.values();
    people
        .map(|user| Candidate {
            user,
            presence: leaver::presence(user, seen, rules),
            username: fields::username(user, &rules.fields),
        })
        .collect()
}

struct Planning<'a> {
    seen: &'a Observation,
    compiled: &'a Compiled<'a>,
    draft: Draft,
    tally: Tally<'a>,
    /// People on the default persona, by their department.
    unmapped: std::collections::BTreeMap<Option<&'a str>, u32>,
}

impl<'a> Planning<'a> {
    fn person(&mut self, person: &Candidate<'a>, claim: Claim<'a>, moving: &Moving<'a>) {
        let key = &person.user.key;
        let label = person.label();
        let mut notes = Notes::new(key, &label);
        self.count_managed(key, &claim, moving);
        let mine = if let Claim::Mine { user, by } = &claim { Some((*user, *by)) } else { None };
        match &person.presence {
            Presence::Unknown(why) => self.draft.decide(key, Decision::NotObserved { why: why.clone() }),
            Presence::Unreadable(why) => notes.note(
                FindingCode::UnreadableRecord,
                format!("the directory's record could not be read: {why}"),
                format!("look at this record in {}", key.source),
            ),
            Presence::Gone(why) => match claim {
                Claim::Held { code, message, hint } => notes.note(code, message, hint),
                Claim::Wait { why } => self.draft.decide(key, Decision::NotObserved { why }),
                Claim::Nobody => self.draft.decide(key, Decision::OutOfScope { why: why.clone() }),
                Claim::Mine { user, by } => {
                    let whom = Whom { person: key, label: &label, user: Some(user) };
                    self.gone(&whom, user, by, why, &mut notes);
                    self.retire_of_leaver(&whom, moving, &notes);
                }
            },
            Presence::Here => match claim {
                Claim::Wait { why } => self.draft.decide(key, Decision::NotObserved { why }),
                claim => self.active(person, claim, moving, &mut notes),
            },
        }
        self.draft.hold(notes);
        if let Some((user, by)) = mine {
            let memory = self.memory(by.former().unwrap_or(key));
            let suspended = memory.is_some_and(|memory| memory.stage == Stage::Suspended);
            let touched = matches!(self.draft.decisions.get(key), Some(Decision::Changes { .. }));
            self.tally.count(person, self.compiled.rules, &Counted { user, by, suspended, touched });
        }
    }

    /// Somebody about whom the record of another source decides.
    fn shadowed(&mut self, person: &Candidate<'a>, by: &PersonKey, matched: &AttributeName, claim: Claim<'a>) {
        let key = &person.user.key;
        let label = person.label();
        let mut notes = Notes::new(key, &label);
        if let Claim::Held { code, message, hint } = claim {
            notes.note(code, message, hint);
        } else {
            self.draft.decide(key, Decision::Shadowed { by: by.clone(), matched: matched.clone() });
            notes.note(
                FindingCode::Shadowed,
                format!("the same human as {by} by {matched}; {} comes first and decides", by.source),
                format!("nothing to do; if these are two people, correct the {matched} of one of them"),
            );
        }
        self.draft.hold(notes);
    }

    /// A leaver with a Connect user: the next rung down. Whoever has just been handed the user is bound to it first.
    fn gone(&mut self, whom: &Whom<'_>, user: &'a ConnectUser, by: By<'a>, why: &LeaveReason, notes: &mut Notes<'_>) {
        let fresh = Remembered::default();
        let memory = self.memory(by.former().unwrap_or(whom.person)).unwrap_or(&fresh);
        let own = self.memory(whom.person).and_then(|memory| memory.absent_since);
        // Somebody has set the clock back: grace begins now, it does not last until the wrong time comes.
        let since = own.or(memory.absent_since).unwrap_or(self.seen.at).min(self.seen.at);
        self.draft.leaving.insert(whom.person.clone(), (since, why.clone()));
        if let By::HandOver(from) = by {
            let action = Action::Adopt { username: user.username.clone() };
            let because = Reason::HandedOver { from: from.clone() };
            self.draft.take(whom, vec![Step { action, because }]);
        } else {
            self.leaver(whom, &Leaver { why: why.clone(), since, user, memory }, notes);
        }
    }

    /// A source that comes before this one and was never read.
    fn unread_before(&self, source: &SourceName) -> Option<&'a SourceName> {
        let Rules { sources, .. } = self.compiled.rules;
        let before = sources.iter().map(|rules| &rules.name).take_while(|name| *name != source);
        let read = |name: &SourceName| self.seen.directory.sources.get(name).is_some_and(|view| view.scope.is_some());
        before.into_iter().find(|name| !read(name))
    }

    fn memory(&self, person: &PersonKey) -> Option<&'a Remembered> {
        self.seen.memory.get(person)
    }

    fn count_managed(&mut self, key: &PersonKey, claim: &Claim<'a>, moving: &Moving<'a>) {
        let Claim::Mine { user, by } = claim else { return };
        if matches!(by, By::Rule(_)) {
            return;
        }
        self.draft.managed += 1;
        // While a rename is under way, the link to the old user is the proof that it is ours.
        let settled = moving.retiring.is_empty() && *by == By::OwnerTag;
        if settled && self.memory(key).and_then(|memory| memory.link.as_ref()) != Some(&user.id) {
            self.draft.links.insert(key.clone(), user.id.clone());
        }
    }

    fn leaver(&mut self, whom: &Whom<'_>, leaver: &Leaver<'_>, notes: &mut Notes<'_>) {
        let rung = self.undone_leaver(whom, leaver, leaver.rung(self.seen, self.compiled), notes);
        match rung {
            Rung::Steps(steps) => self.draft.take(whom, steps),
            Rung::Rest(decision) => self.draft.decide(whom.person, decision),
            Rung::Broken(broken) => notes.note(FindingCode::UnknownName, broken.message, broken.hint),
        }
    }

    /// Somebody who works here: the wish, and what is missing for it.
    fn active(&mut self, person: &Candidate<'a>, claim: Claim<'a>, moving: &Moving<'a>, notes: &mut Notes<'_>) {
        let key = &person.user.key;
        let new = !matches!(claim, Claim::Mine { by: By::OwnerTag | By::Link | By::Rehire(_) | By::HandOver(_), .. });
        if let (true, Some(first)) = (new, self.unread_before(&key.source)) {
            let why = format!("source {first} comes first and was never read; it may know this person");
            self.draft.decide(key, Decision::NotObserved { why });
            return;
        }
        self.compiled.username(key, person.username, notes);
        let facts = Facts::new(person.user, &self.compiled.rules.fields.department);
        let wish = self.compiled.wish(&facts, notes);
        let unmapped = wish.unmapped;
        let label = person.label();
        match claim {
            Claim::Held { code, message, hint } => notes.note(code, message, hint),
            _ if notes.held().is_some() => {}
            // Decided by whoever asks for the active.
            Claim::Wait { .. } => {}
            Claim::Nobody => self.create(person, wish, notes),
            Claim::Mine { user, by } => {
                self.draft.details.existing += 1;
                let whom = Whom { person: key, label: &label, user: Some(user) };
                let to = self.recreated_as(person, user, by, moving);
                if !to.is_some_and(|to| self.recreate(&whom, to, &wish, moving, notes)) {
                    self.name_notes(person, &user.username, moving.behind, notes);
                    self.update(&whom, &wish, by, notes);
                    self.retire_rest(&whom, moving, notes);
                }
            }
        }
        if unmapped && notes.held().is_none() {
            *self.unmapped.entry(facts.department).or_default() += 1;
        }
    }

    fn create(&mut self, person: &Candidate<'a>, wish: Wish<'_>, notes: &mut Notes<'_>) {
        let key = &person.user.key;
        self.compiled.creatable(&wish, notes);
        let Some(username) = person.username.filter(|_| notes.held().is_none()) else { return };
        let mut attributes = wish.attributes.clone();
        let memory = self.memory(key);
        for attribute in memory.iter().flat_map(|memory| memory.former.iter()).map(|(attribute, _)| attribute) {
            let authority = wish.authority(self.compiled.rules, attribute.facet());
            let former = memory.and_then(|memory| diff::former(self.compiled, memory, attribute));
            if let (Some(former), Authority::Connect) = (former, authority) {
                attributes.set(attribute, former);
            }
        }
        let because = match memory {
            Some(memory) if memory.stage != Stage::Active => Reason::Returned,
            // We made one and it is gone, although nothing here asked for that.
            Some(memory) if memory.link.is_some() => Reason::Drift,
            _ => Reason::Joined { rules: wish.rule_names() },
        };
        let username = username.to_owned();
        let desired = DesiredUser { person: key.clone(), username, attributes, stage: Stage::Active, wished: None };
        let whom = Whom { person: key, label: &person.label(), user: None };
        self.draft.take(&whom, vec![Step { action: Action::Create(Box::new(desired)), because }]);
    }

    /// What one active person's user has against what it should have.
    fn difference(&self, person: &PersonKey, user: &ConnectUser, wish: &Wish<'_>, by: By<'a>) -> Difference {
        let fresh = Remembered::default();
        let own = self.memory(person).unwrap_or(&fresh);
        let former = by.former().map(|former| self.memory(former).unwrap_or(&fresh));
        let past = former.unwrap_or(own);
        // Another record of the same human: what was written for it was written for this one.
        let memory = if matches!(by, By::HandOver(_)) { past } else { own };
        let moved = self.seen.directory.moved.get(person).map(String::as_str);
        let config_changed = self.seen.config_changed;
        Active { compiled: self.compiled, wish, user, by, memory, past, moved, config_changed }.difference()
    }

    fn update(&mut self, whom: &Whom<'_>, wish: &Wish<'_>, by: By<'a>, notes: &mut Notes<'_>) {
        let Some(user) = whom.user else { return };
        if diff::too_many_tags(wish, user) {
            diff::note_too_many_tags(notes);
            return;
        }
        let difference = self.difference(whom.person, user, wish, by);
        if !difference.unread.is_empty() {
            self.draft.details.need(&user.id, whom.person, false);
            notes.note(
                FindingCode::DetailsUnread,
                "e-mail and mobile number in Connect have not been read yet".to_owned(),
                "nothing to do: they are read in this and the next runs".to_owned(),
            );
        }
        for facet in difference.left_alone {
            notes.note(
                FindingCode::DriftLeftAlone,
                format!("{} was changed in Connect and is left alone", facet.short()),
                format!("set [authority] {} = \"directory\" to have it corrected", facet.name()),
            );
        }
        let mut steps = difference.steps;
        if let Some(kept) = self.still_undone(whom.person, &steps, &difference.unread) {
            steps = kept.without(steps);
            self.keep_undone(whom.person, kept, notes);
        }
        let because = match by {
            By::OwnerTag => None,
            By::Link => Some(Reason::Adopted { by: "remembered link".to_owned() }),
            By::Rule(rule) => Some(Reason::Adopted { by: rule.name().to_owned() }),
            By::Rehire(from) => Some(Reason::Rebound { from: from.clone() }),
            By::HandOver(from) => Some(Reason::HandedOver { from: from.clone() }),
        };
        match because {
            // What agrees is kept once the user is ours; the adoption may be refused.
            Some(because) => steps.push(Step { action: Action::Adopt { username: user.username.clone() }, because }),
            None if !difference.agreed.is_empty() => {
                self.draft.agreed.insert(whom.person.clone(), difference.agreed);
            }
            None => {}
        }
        self.draft.take(whom, steps);
    }

    /// People that only an owner tag or our memory knows: nothing may be concluded before the directory was asked.
    fn strangers(&mut self) {
        let directory = &self.seen.directory;
        let rules = self.compiled.rules;
        let fresh = |person: &PersonKey| {
            rules.sources.iter().any(|source| source.name == person.source)
                && directory
                    .sources
                    .get(&person.source)
                    .is_some_and(|view| view.state == crate::model::SourceState::Fresh)
        };
        let remembered = self.seen.memory.iter().filter(|(_, memory)| memory.link.is_some()).map(|(key, _)| key);
        let strange = correlate::strange_owners(self.seen).into_keys();
        let mut unconfigured: std::collections::BTreeMap<&SourceName, std::collections::BTreeSet<&PersonKey>> =
            Default::default();
        for person in strange.chain(remembered).filter(|person| !directory.people.contains_key(*person)) {
            if rules.sources.iter().all(|source| source.name != person.source) {
                unconfigured.entry(&person.source).or_default().insert(person);
            }
            let why = if fresh(person) {
                self.draft.owners_unknown.insert(person.clone());
                "not in the directory view; to be asked for by id"
            } else {
                "its source is not configured, or could not be read"
            };
            self.draft.decide(person, Decision::NotObserved { why: why.to_owned() });
        }
        for person in self.seen.memory.keys().filter(|person| !directory.people.contains_key(*person)) {
            self.draft.decide(person, Decision::NotObserved { why: "known from former times only".to_owned() });
        }
        for (source, people) in unconfigured {
            self.draft.findings.push(Finding {
                code: FindingCode::SourceNote,
                person: None,
                label: source.to_string(),
                message: format!("not in the configuration; nothing happens to its {} Connect users", people.len()),
                hint: format!("put [source.{source}] back, or see to these users in Connect"),
            });
        }
    }

    /// One finding for each department without a rule, not one for each person.
    fn unmapped_departments(&mut self) {
        for (department, people) in std::mem::take(&mut self.unmapped) {
            let who = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
            let (label, message) = match department {
                Some(name) => (name.to_owned(), format!("no rule for this department: the default persona for {who}")),
                None => ("(no department)".to_owned(), format!("no department: the default persona for {who}")),
            };
            self.draft.findings.push(Finding {
                code: FindingCode::UnmappedDepartment,
                person: None,
                label,
                message,
                hint: "add the department to a [[mapping]], if the default persona is not meant".to_owned(),
            });
        }
    }
}
