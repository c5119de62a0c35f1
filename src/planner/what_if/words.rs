//! What other rules would do, in words: numbers, flows, facets, departments, people.
//!
//! Plain data; the command line and the console render it.
//!
//! Invariant: one way to say a thing, on a terminal as on a page.
//! Deliberately absent: colour, columns, markup, and how much of it is shown.

use std::collections::BTreeMap;

use super::super::fate;
use super::super::guard::Refusal;
use super::super::lint::{ExampleResult, Problem};
use super::super::outlook::{Said, Tone};
use super::super::rules::RenamePolicy;
use super::{DepartmentShift, Effect, Flow, Move, Shift, UserShift, WhatIf};
use crate::model::words::{count, number};
use crate::model::{AttributeSet, Facet, Plan, Value};

/// A number of people and what would become of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The sign before it.
    pub sign: char,
    /// How many.
    pub people: usize,
    /// What would become of them.
    pub what: &'static str,
}

/// People who are wished something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLine {
    /// The rules now.
    pub now: String,
    /// The rules then.
    pub then: String,
    /// How many people.
    pub people: u32,
    /// The personas, if one text says them: `Agent · Care Voice → Agent · Sales Voice`.
    pub gives: String,
}

/// One facet over everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetLine {
    /// Which; also the username, which is none.
    pub facet: &'static str,
    /// People who are wished something else.
    pub wished: u32,
    /// People for whom something is written; `None` where that is no question.
    pub written: Option<u32>,
    /// What becomes of the others.
    pub why: String,
}

/// A department whose people get a rule or lose theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepartmentLine {
    /// The department.
    pub department: String,
    /// What becomes of its people.
    pub what: String,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLine {
    /// The sign before it.
    pub sign: char,
    /// How the person is called.
    pub label: String,
    /// By which rules.
    pub by: String,
    /// What differs.
    pub what: String,
}

/// Of how many people something differs.
#[must_use]
pub fn lead(found: &WhatIf) -> String {
    let people = count(found.people as usize, "person", "people");
    match found.moves.len() {
        0 => "nobody would be treated otherwise".to_owned(),
        n => format!("{} of {people} in scope would be treated otherwise", number(n as u64)),
    }
}

/// What becomes of whole users, who would be held, who no more.
#[must_use]
pub fn numbers(found: &WhatIf) -> Vec<Number> {
    let mut users: BTreeMap<UserShift, usize> = BTreeMap::new();
    for shift in found.moves.iter().filter_map(|one| one.user) {
        *users.entry(shift).or_default() += 1;
    }
    let mut numbers: Vec<Number> = users
        .into_iter()
        .map(|(shift, people)| {
            let (sign, what) = user_shift(shift);
            Number { sign, people, what }
        })
        .collect();
    let held = found.moves.iter().filter(|one| one.held.is_some()).count();
    numbers.push(Number { sign: '!', people: held, what: "would be held: see below" });
    let released = found.moves.iter().filter(|one| one.released).count();
    numbers.push(Number { sign: '✓', people: released, what: "are held now and would not be" });
    numbers.retain(|row| row.people > 0);
    numbers
}

/// What becomes of a whole user.
fn user_shift(shift: UserShift) -> (char, &'static str) {
    match shift {
        UserShift::Created => ('+', "would get a Connect user"),
        UserShift::NotCreated => ('-', "would get a Connect user now, and would not"),
        UserShift::Deleted => ('-', "would lose their Connect user"),
        UserShift::NotDeleted => ('+', "would lose their Connect user now, and would not"),
        UserShift::Adopted => ('=', "would be adopted"),
        UserShift::NotAdopted => ('-', "would be adopted now, and would not"),
    }
}

/// From which rules to which, most people first.
#[must_use]
pub fn flows(found: &WhatIf) -> Vec<FlowLine> {
    let line = |flow: &Flow| {
        let Flow { now, then, people, personas } = flow;
        let gives = match personas {
            Some((now, then)) if now != then => format!("{} → {}", or_nothing(now), or_nothing(then)),
            _ if now == then => "gives something else".to_owned(),
            _ => String::new(),
        };
        FlowLine { now: rules(now), then: rules(then), people: *people, gives }
    };
    found.flows.iter().map(line).collect()
}

/// Names of rules; `(none)` where there are none.
fn rules(names: &[String]) -> String {
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// What is wished and what is written, by facet; the username, which Connect cannot change, at the end.
#[must_use]
pub fn facets(found: &WhatIf, rename: RenamePolicy) -> Vec<FacetLine> {
    let mut lines: Vec<FacetLine> = found
        .facets
        .iter()
        .map(|row| {
            let of = |effect| row.effects.get(&effect).copied().unwrap_or(0);
            let why: Vec<String> = row.effects.iter().filter_map(|(effect, n)| why(*effect, *n, row.facet)).collect();
            let written = Some(of(Effect::Written) + of(Effect::Given));
            FacetLine { facet: row.facet.short(), wished: row.wished, written, why: why.join(" · ") }
        })
        .collect();
    let names = found.moves.iter().filter(|one| one.username.is_some()).count();
    if names > 0 {
        let why = match rename {
            RenamePolicy::Report => "Connect cannot rename: users that are there keep their names",
            RenamePolicy::Recreate => "Connect cannot rename: a new user takes the place of each that is there",
        };
        let wished = u32::try_from(names).unwrap_or(u32::MAX);
        lines.push(FacetLine { facet: "username", wished, written: None, why: why.to_owned() });
    }
    lines
}

/// What becomes of wishes that write nothing, or not what one would expect.
fn why(effect: Effect, people: u32, facet: Facet) -> Option<String> {
    let n = number(people);
    match effect {
        Effect::Written => None,
        Effect::Given => Some(format!("{n} with the new user")),
        Effect::NotWritten => Some(format!("{n} written no more")),
        Effect::ConnectDecides => {
            Some(format!("{n} decided in Connect, nothing is written ([authority] {} = \"connect\")", facet.name()))
        }
        Effect::InPlace => Some(format!("{n} in place already, or left alone")),
        Effect::Held => Some(format!("{n} held")),
        Effect::Waits => Some(format!("{n} later")),
    }
}

/// Departments whose people get a rule or lose theirs.
#[must_use]
pub fn departments(found: &WhatIf) -> Vec<DepartmentLine> {
    let line = |row: &DepartmentShift| {
        let people = |n: u32, one, many| (n > 0).then(|| count(n as usize, one, many));
        let parts = [
            people(row.gets, "person gets a rule", "people get a rule"),
            people(row.loses, "person loses the rule", "people lose their rule"),
        ];
        let what = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let department = row.department.clone().unwrap_or_else(|| "(no department)".to_owned());
        DepartmentLine { department, what }
    };
    found.departments.iter().map(line).collect()
}

/// What is wrong with the other rules, and which examples fail; `file` is where the examples stand.
#[must_use]
pub fn problems(found: &WhatIf, examples: &[ExampleResult], file: &str) -> Vec<Problem> {
    let failing = examples.iter().flat_map(|example| {
        example.differs.iter().map(|differs| Problem {
            message: format!("example at line {} of {file}: {differs}", example.line),
            hint: "change the rule, or the example if the rule is right".to_owned(),
        })
    });
    found.problems.iter().cloned().chain(failing).collect()
}

/// One person; of somebody who would be held, why.
#[must_use]
pub fn person(one: &Move, then: &Plan) -> PersonLine {
    let Move { person, label, rules_now, rules_then, username, shifts, user, released, held, .. } = one;
    let parts = match held {
        // Nothing is written then, whatever is wished.
        Some(finding) => vec![format!("would be held: {} → {}", finding.message, finding.hint)],
        None => {
            let mut parts: Vec<String> = shifts.iter().map(|shift| facet(shift, one, then)).collect();
            parts.extend(username.iter().map(|(now, then)| format!("username {now} → {then}")));
            parts.extend(user.map(|user| user_shift(user).1.to_owned()));
            parts.extend(released.then(|| "held no more".to_owned()));
            if parts.is_empty() && rules_now == rules_then {
                parts.push(count(then.of(person).count(), "other call", "other calls"));
            }
            parts
        }
    };
    let sign = match (held, user) {
        (Some(_), _) => '!',
        (None, Some(user)) => user_shift(*user).0,
        (None, None) => '~',
    };
    let by = if rules_now == rules_then {
        rules(rules_now)
    } else {
        format!("{} → {}", rules(rules_now), rules(rules_then))
    };
    PersonLine { sign, label: label.clone(), by, what: parts.join(" · ") }
}

fn facet(shift: &Shift, one: &Move, then: &Plan) -> String {
    let name = shift.facet.short();
    let what = if shift.wished() {
        wishes(&shift.now, &shift.then)
    } else {
        let written = fate::updates(then, &one.person, shift.facet);
        if written.is_empty() { "as it is".to_owned() } else { written.join(", ") }
    };
    let tail = match shift.effect {
        Effect::Written | Effect::Given => "",
        Effect::NotWritten => " (written no more)",
        Effect::ConnectDecides => " (Connect decides: not written)",
        Effect::InPlace => " (not written: in place, or left alone)",
        Effect::Held => " (held)",
        Effect::Waits => " (later)",
    };
    format!("{name} {what}{tail}")
}

fn wishes(now: &AttributeSet, then: &AttributeSet) -> String {
    let gone = now.iter().filter(|(attribute, _)| then.get(*attribute).is_none());
    let gone = gone.map(|(_, value)| format!("{value} → nothing"));
    let differs = then.iter().map(|(attribute, after)| match (now.get(attribute), after) {
        (Some(Value::NamedSet(before)), Value::NamedSet(after)) if before.is_empty() || after.is_empty() => {
            let text = |set: &Value| or_nothing(&set.to_string()).to_owned();
            format!("{} → {}", text(&Value::NamedSet(before.clone())), text(&Value::NamedSet(after.clone())))
        }
        (before, after) => fate::between(attribute, before, after),
    });
    differs.chain(gone).collect::<Vec<_>>().join(", ")
}

/// Calls and time then, and what waits with the rules as they are.
#[must_use]
pub fn forecast(found: &WhatIf) -> String {
    let waiting = match found.now.changes.len() {
        0 => String::new(),
        n => format!("; with the rules as they are: {}", count(n, "call", "calls")),
    };
    format!("{}{waiting}", fate::forecast(&found.then))
}

/// What stands between the changed rules and everybody: the guard's word, else a trial on a few people.
#[must_use]
pub fn brake(found: &WhatIf, refusal: Option<&Refusal>, trial: u32) -> Option<Said> {
    if let Some(Refusal { message, .. }) = refusal {
        return Some(Said::new(Tone::Bad, format!("the guard would refuse such a plan: {message}")));
    }
    (trial > 0 && !found.then.is_empty()).then(|| {
        let people = count(trial as usize, "person", "people");
        Said::new(Tone::Plain, format!("a run would try the changed rules on {people} first ([apply] trial)"))
    })
}
