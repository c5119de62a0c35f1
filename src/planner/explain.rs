//! Everything about one person: what each rule says, each facet with who decides it, what happens next.
//!
//! Plain data; the command line and the console render it.

use std::collections::BTreeSet;

use connectors::{AttributeName, DirectoryUser, PersonKey, SourceName, attributes};

use super::human::{Human, Humans, Role};
use super::leaver::{self, Presence};
use super::mapping::{Compiled, DEFAULT, Wish};
use super::rule::Facts;
use super::rules::Rules;
use super::{Notes, fields, lint, listed};
use crate::model::{
    Action, Attribute, Authority, Change, ConnectUser, Decision, Facet, Finding, Observation, Operation, Plan, Reason,
    Remembered, RetryClock, Value,
};

/// What one rule says about the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVerdict {
    /// The rule's name; `(default)` for the default persona.
    pub rule: String,
    /// Whether it applies.
    pub applies: bool,
    /// Why, or why not.
    pub why: String,
    /// What it gives.
    pub gives: String,
}

/// One attribute of the directory's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAttribute {
    /// Its name in the configuration.
    pub name: AttributeName,
    /// Its value; several values, one a line.
    pub value: String,
    /// The remote's own name of the field it came from.
    pub field: String,
}

/// Another record of the same human, in another directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherRecord {
    /// Which.
    pub person: PersonKey,
    /// The attribute by which the two are one human.
    pub matched: AttributeName,
    /// Whether that record decides, and why.
    pub why: String,
}

/// One facet of the person's Connect user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetState {
    /// Which.
    pub facet: Facet,
    /// Who decides it.
    pub authority: Authority,
    /// How it stands: `in agreement`, `will change: …`, `left alone: …`.
    pub state: String,
}

/// Everything about one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Who.
    pub person: PersonKey,
    /// The directory's record; `None` if there is none.
    pub directory: Option<DirectoryUser>,
    /// Where the person stands by directory and scope.
    pub presence: String,
    /// The directory's own word for the state of the account (`PASSWORD_EXPIRED`), if it has one.
    pub status: Option<String>,
    /// The attributes of the record by name, without the status.
    pub attributes: Vec<ShownAttribute>,
    /// The record that decides instead of this one, if there is one.
    pub decided_by: Option<OtherRecord>,
    /// The records of other directories that this one decides for.
    pub decides_for: Vec<OtherRecord>,
    /// The Connect user, if there is one.
    pub user: Option<ConnectUser>,
    /// What the record itself names, rules in order, the default persona last.
    pub rules: Vec<RuleVerdict>,
    /// Facets, in the order changes are made; empty without a Connect user.
    pub facets: Vec<FacetState>,
    /// What becomes of the person.
    pub decision: Option<Decision>,
    /// The person's changes in the plan.
    pub changes: Vec<Change>,
    /// The person's findings.
    pub findings: Vec<Finding>,
    /// What Connect refused and is wanted still, by call.
    pub refused: Vec<(Operation, RetryClock)>,
}

/// The remote's own name of an attribute of a source, for [`ShownAttribute::field`].
pub type FieldOf<'a> = dyn Fn(&SourceName, &AttributeName) -> String + 'a;

/// Explains a person by making a plan. Whoever has a plan of this observation already uses [`explain_in`].
#[must_use]
pub fn explain(seen: &Observation, rules: &Rules, person: &PersonKey, field_of: &FieldOf<'_>) -> Explanation {
    let plan = super::plan(seen, rules, &|_| (1.0, 1));
    explain_in(&plan, seen, rules, person, field_of)
}

/// Explains a person from a plan that was made of this observation.
#[must_use]
pub fn explain_in(
    plan: &Plan,
    seen: &Observation,
    rules: &Rules,
    person: &PersonKey,
    field_of: &FieldOf<'_>,
) -> Explanation {
    let identity = seen.connect.instance.identity_management;
    let compiled = Compiled::new(rules, &seen.connect.catalogue, &seen.directory, identity);
    let changes: Vec<Change> = plan.of(person).cloned().collect();
    let user = user_of(plan, seen, person, &changes);
    let wanted = plan.refused.get(person);
    let clocks = seen.retries.get(person).into_iter().flat_map(|retry| &retry.clocks);
    let clocks = clocks.filter(|(operation, _)| wanted.is_some_and(|wanted| wanted.contains(*operation)));
    let mut explanation = Explanation {
        person: person.clone(),
        directory: None,
        presence: "not in the directory".to_owned(),
        status: None,
        attributes: Vec::new(),
        decided_by: None,
        decides_for: Vec::new(),
        user: user.cloned(),
        rules: Vec::new(),
        facets: Vec::new(),
        decision: plan.decisions.get(person).cloned(),
        changes,
        findings: plan.findings.iter().filter(|finding| finding.person.as_ref() == Some(person)).cloned().collect(),
        refused: clocks.map(|(operation, clock)| (*operation, clock.clone())).collect(),
    };
    let Some(record) = seen.directory.people.get(person) else { return explanation };
    let presence = leaver::presence(record, seen, rules);
    let label = fields::username(record, &rules.fields).map_or_else(|| person.to_string(), str::to_owned);
    explanation.status = record.attributes.get(attributes::STATUS).map(str::to_owned);
    explanation.attributes = shown(record, field_of);
    others(seen, rules, &mut explanation);
    let facts = Facts::new(record, &rules.fields.department);
    let wish = compiled.wish(&facts, &mut Notes::new(person, &label));
    explanation.directory = Some(record.clone());
    explanation.presence = match presence {
        Presence::Here => "active, in scope".to_owned(),
        Presence::Gone(why) => format!("leaver: {why}"),
        Presence::Unreadable(why) => format!("unreadable: {why}"),
        Presence::Unknown(why) => why,
    };
    explanation.rules = verdicts(&compiled, &facts, &wish);
    if let Some(user) = user {
        let fresh = Remembered::default();
        let memory = seen.memory.get(person).unwrap_or(&fresh);
        let view = View { rules, wish: &wish, user, memory, changes: &explanation.changes };
        explanation.facets = Facet::ALL.into_iter().map(|facet| view.facet(facet)).collect();
    }
    explanation
}

fn shown(record: &DirectoryUser, field_of: &FieldOf<'_>) -> Vec<ShownAttribute> {
    let all = record.attributes.iter().filter(|(name, _)| name.as_str() != attributes::STATUS);
    all.map(|(name, value)| ShownAttribute {
        name: name.clone(),
        value: value.to_owned(),
        field: field_of(&record.key.source, name),
    })
    .collect()
}

/// The records of other directories of the same human.
fn others(seen: &Observation, rules: &Rules, explanation: &mut Explanation) {
    let people = super::candidates(seen, rules);
    let humans = Humans::of(seen, rules, &people);
    let Ok(place) = people.binary_search_by(|candidate| candidate.user.key.cmp(&explanation.person)) else { return };
    let other = |at: usize, matched: &AttributeName, why: String| OtherRecord {
        person: people[at].user.key.clone(),
        matched: matched.clone(),
        why,
    };
    explanation.decided_by = match humans.role(place) {
        Role::Decides => None,
        Role::Shadowed { by, matched } => {
            let source = &people[by].user.key.source;
            Some(other(by, matched, format!("{source} comes first and decides")))
        }
        Role::Silent { by, matched, why } => {
            let (source, own) = (&people[by].user.key.source, &explanation.person.source);
            Some(other(by, matched, format!("{source} decides, because {own} says no more than: {why}")))
        }
    };
    let human = humans.several.iter().find(|human| human.decides == place);
    for &at in human.iter().flat_map(|human| &human.others) {
        let source = &people[at].user.key.source;
        explanation.decides_for.extend(match humans.role(at) {
            Role::Decides => None,
            Role::Shadowed { matched, .. } => Some(other(at, matched, format!("{source} comes later"))),
            Role::Silent { matched, why, .. } => Some(other(at, matched, format!("{source} says: {why}"))),
        });
    }
}

/// The records of everybody who has several, for those who explain one of them without everybody else.
#[must_use]
pub fn several_records(seen: &Observation, rules: &Rules) -> Vec<BTreeSet<PersonKey>> {
    let people = super::candidates(seen, rules);
    let humans = Humans::of(seen, rules, &people);
    let records =
        |human: &Human| human.others.iter().chain([&human.decides]).map(|at| people[*at].user.key.clone()).collect();
    humans.several.iter().map(records).collect()
}

fn user_of<'a>(plan: &Plan, seen: &'a Observation, person: &PersonKey, changes: &[Change]) -> Option<&'a ConnectUser> {
    let users = &seen.connect.users;
    let linked = seen.memory.get(person).and_then(|memory| memory.link.as_ref());
    let unless_taken = |user: &&ConnectUser| user.owner.as_ref().is_none_or(|owner| owner == person);
    let ids = plan.links.get(person).into_iter().chain(changes.iter().filter_map(|change| change.connect.as_ref()));
    ids.filter_map(|id| users.get(id)).next().or_else(|| linked.and_then(|id| users.get(id)).filter(unless_taken))
}

fn verdicts(compiled: &Compiled<'_>, facts: &Facts<'_>, wish: &Wish<'_>) -> Vec<RuleVerdict> {
    let mut verdicts = profile_verdicts(compiled, facts, wish);
    verdicts.extend(compiled.mappings.iter().zip(&compiled.rules.mappings).map(|(prepared, mapping)| RuleVerdict {
        rule: mapping.name.clone(),
        applies: prepared.when.holds(facts),
        why: prepared.when.why(facts),
        gives: lint::gives(&mapping.gives),
    }));
    if let Some(default) = &compiled.rules.default {
        let applies = wish.rules.contains(&DEFAULT);
        let why = if applies { "no other rule gives a routing profile" } else { "another rule gives the persona" };
        let (rule, why) = (DEFAULT.to_owned(), why.to_owned());
        verdicts.push(RuleVerdict { rule, applies, why, gives: lint::gives(default) });
    }
    verdicts
}

/// What the application profile gives; nothing for people without one.
fn profile_verdicts(compiled: &Compiled<'_>, facts: &Facts<'_>, wish: &Wish<'_>) -> Vec<RuleVerdict> {
    let mut verdicts = Vec::new();
    if !listed::has_profile(compiled.rules, facts) {
        return verdicts;
    }
    let entitlements = facts.user.attributes.get(attributes::ENTITLEMENTS);
    let names: Vec<&str> = entitlements.into_iter().flat_map(listed::entitlements).map(str::trim).collect();
    verdicts.push(RuleVerdict {
        rule: listed::LISTED_ENTITLEMENTS.to_owned(),
        applies: entitlements.is_some(),
        why: if entitlements.is_some() { "entitlements of the application profile" } else { "no entitlements" }
            .to_owned(),
        gives: if names.is_empty() { "nothing".to_owned() } else { format!("+ {}", names.join(", ")) },
    });
    let (role, applies) = (listed::role(facts), wish.rules.contains(&listed::ROLES));
    let why = match (role, applies) {
        (None, _) => "no roles",
        (Some(_), true) => "the first role, written at creation; Connect's from then on",
        (Some(_), false) => "a rule gives the routing profile",
    };
    let gives = role.unwrap_or("nothing").to_owned();
    verdicts.push(RuleVerdict { rule: listed::ROLES.to_owned(), applies, why: why.to_owned(), gives });
    verdicts
}

struct View<'a> {
    rules: &'a Rules,
    wish: &'a Wish<'a>,
    user: &'a ConnectUser,
    memory: &'a Remembered,
    changes: &'a [Change],
}

impl View<'_> {
    fn facet(&self, facet: Facet) -> FacetState {
        let authority = self.wish.authority(self.rules, facet);
        let state = self.planned(facet).unwrap_or_else(|| self.standing(facet, authority));
        FacetState { facet, authority, state }
    }

    fn planned(&self, facet: Facet) -> Option<String> {
        let mut parts = Vec::new();
        for change in self.changes {
            let Action::Update(update) = &change.action else { continue };
            if update.facet != facet {
                continue;
            }
            for (attribute, after) in update.after.iter() {
                let before = update.before.get(attribute);
                if facet == Facet::Tags {
                    parts.push(format!("set {after}"));
                } else if before != Some(after) {
                    let before = before.map_or_else(|| "(unread)".to_owned(), ToString::to_string);
                    parts.push(format!("{before} → {after}"));
                }
            }
            if !update.untag.is_empty() {
                parts.push(format!("remove {}", update.untag.iter().cloned().collect::<Vec<_>>().join(", ")));
            }
            parts.push(reason(&change.because));
        }
        (!parts.is_empty()).then(|| format!("will change: {}", parts.join(", ")))
    }

    fn standing(&self, facet: Facet, authority: Authority) -> String {
        let mut managed = false;
        for (attribute, wished) in self.wish.attributes.iter().filter(|(a, _)| a.facet() == facet) {
            managed = true;
            if let Some(former) = self.memory.former.get(attribute) {
                return format!("suspended: was {former}");
            }
            let ours = self.memory.written.get(attribute);
            match self.user.seen(attribute).known() {
                None if ours == Some(wished) => {}
                None => return "not read yet".to_owned(),
                Some(have) if agrees(attribute, have, wished) => {}
                Some(have) => {
                    return match (authority, ours) {
                        (Authority::Directory, _) => format!("differs: Connect has {have}, the rules want {wished}"),
                        (_, Some(ours)) => format!("left alone: ours was {ours}; Connect has {have}"),
                        (_, None) => format!("left alone: Connect has {have}, the rules would give {wished}"),
                    };
                }
            }
        }
        if managed { "in agreement".to_owned() } else { "not managed".to_owned() }
    }
}

/// Tags of others do not matter.
fn agrees(attribute: Attribute, have: &Value, wished: &Value) -> bool {
    match (attribute, have, wished) {
        (Attribute::Tags, Value::Tags(have), Value::Tags(wished)) => {
            wished.iter().all(|(key, value)| have.get(key) == Some(value))
        }
        _ => have == wished,
    }
}

/// A reason as a person reads it.
#[must_use]
pub fn reason(because: &Reason) -> String {
    let by = |rules: &[String]| match rules {
        [] => String::new(),
        [one] => format!(" (rule \"{one}\")"),
        several => format!(" (rules \"{}\")", several.join("\", \"")),
    };
    match because {
        Reason::Joined { rules } => format!("joined{}", by(rules)),
        Reason::Mapped { what, rules } if what.is_empty() => format!("the rules' outcome changed{}", by(rules)),
        Reason::Mapped { what, rules } => format!("{what}{}", by(rules)),
        Reason::ConfigChanged { rules } => format!("the configuration changed{}", by(rules)),
        Reason::Drift => "drift: changed in Connect".to_owned(),
        Reason::Left { why, .. } => format!("left: {why}"),
        Reason::Returned => "is back".to_owned(),
        Reason::Adopted { by } => format!("adopted by {by}"),
        Reason::Rebound { from } => format!("the same person as {from}, which is gone"),
        Reason::HandedOver { from } => format!("the same person as {from}, which decides no more"),
        Reason::Renamed { user, from, to } => format!("renamed from {from} (Connect user {user}) to {to}"),
        Reason::Undone { run, .. } => format!("takes back run {run}"),
    }
}
