//! `rules --what-if FILE`: what changed rules would do to people, over what is stored. Nothing is reached, nothing is written.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::observed::{self, Observed};
use super::plan_screen::NAME_WIDTH;
use super::style::{self, Style, column, count, number};
use super::{Door, Exit};
use crate::config::{self, Changed, Config};
use crate::model::{AttributeSet, Facet, Plan, Time, Value};
use crate::planner::fate;
use crate::planner::rules::RenamePolicy;
use crate::planner::what_if::{Effect, Flow, Move, Shift, UserShift};
use crate::planner::{self, ExampleResult, Refusal, Verdict, WhatIf};

/// Lines of people that are shown unless all are asked for.
const A_SCREENFUL: usize = 20;
/// Lines of everything else.
const A_FEW: usize = 8;

/// `rollcall rules --what-if FILE`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn what_if(door: &Door, file: &Path, all: bool) -> anyhow::Result<Exit> {
    let Observed { config, store: _, seen } = observed::observed(door).await?;
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{} cannot be read: {error}", file.display());
            eprintln!("→ name a file with changed rules: rollcall rules --what-if FILE");
            return Ok(Exit::Failed);
        }
    };
    let changed = match config::rules_with(&config, &text, file) {
        Ok(changed) => changed,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(Exit::Failed);
        }
    };
    let Changed { rules, examples, sections } = &changed;
    let found = planner::what_if(&seen, &config.rules, rules, &|operation| {
        let rate = config.connect.quota.rate(operation);
        (rate.per_second, rate.burst)
    });
    let shown = Shown {
        config: &config,
        file,
        sections,
        examples: planner::check_examples(rules, examples),
        refusal: refusal(&found.then, &config, seen.at),
        rename: rules.rename,
        looked: seen.connect.at,
        found: &found,
        all,
    };
    if door.json {
        println!("{}", shown.json());
    } else {
        print!("{}", shown.screen(super::now(), Style::of_stdout()));
    }
    Ok(Exit::Done)
}

/// What the guard would say.
fn refusal(plan: &Plan, config: &Config, at: Time) -> Option<Refusal> {
    match planner::review(plan.clone(), &config.limits, None, at) {
        Verdict::Refused(_, refusal) => Some(refusal),
        Verdict::Approved(_) | Verdict::NotYet(..) => None,
    }
}

/// What is shown.
struct Shown<'a> {
    config: &'a Config,
    file: &'a Path,
    sections: &'a [String],
    found: &'a WhatIf,
    examples: Vec<ExampleResult>,
    refusal: Option<Refusal>,
    rename: RenamePolicy,
    /// When Connect was looked at.
    looked: Time,
    all: bool,
}

impl Shown<'_> {
    fn json(&self) -> serde_json::Value {
        let WhatIf { people, moves, flows, facets, departments, problems, now, then } = self.found;
        let problems: Vec<_> = problems.iter().map(|row| json!({"message": row.message, "hint": row.hint})).collect();
        let examples: Vec<_> =
            self.examples.iter().map(|row| json!({"line": row.line, "differs": row.differs})).collect();
        json!({
            "contact_centre": self.config.name, "replaced": self.sections, "connect_seen": self.looked, "people": people,
            "moves": moves, "flows": flows, "facets": facets, "departments": departments, "problems": problems,
            "examples": examples, "forecast_now": now.forecast, "forecast_then": then.forecast,
            "guard_refuses": self.refusal.as_ref().map(|refusal| &refusal.message),
        })
    }

    /// Numbers first, then people, then calls and time.
    fn screen(&self, now: Time, style: Style) -> String {
        let found = self.found;
        let mut out = format!(
            "{}  {} in place of {}\n  {}\n\n",
            style.bold(&self.config.name),
            self.file.display(),
            self.sections.join(", "),
            style.dim(format!("over what is stored; Connect as it was {}", style::relative(self.looked, now)))
        );
        self.numbers(&mut out, style);
        self.flows(&mut out, style);
        self.facets(&mut out, style);
        self.departments(&mut out);
        self.problems(&mut out, style);
        self.held(&mut out, style);
        self.people(&mut out, style);
        self.forecast(&mut out, style);
        let to_do = if found.moves.is_empty() {
            let _ = writeln!(out, "  {}", style.good("nobody would be treated otherwise"));
            String::new()
        } else {
            format!(" To have it so: put it into {}", self.config.path.display())
        };
        let _ = writeln!(out, "\n  Nothing was written.{to_do}");
        out
    }

    fn numbers(&self, out: &mut String, style: Style) {
        let WhatIf { people, moves, .. } = self.found;
        if moves.is_empty() {
            return;
        }
        let people = count(*people as usize, "person", "people");
        let _ = writeln!(out, "  {} of {people} in scope would be treated otherwise", number(moves.len() as u64));
        let mut users: BTreeMap<UserShift, usize> = BTreeMap::new();
        for shift in moves.iter().filter_map(|one| one.user) {
            *users.entry(shift).or_default() += 1;
        }
        let mut line = |sign: String, n: usize, what: &str| {
            if n > 0 {
                let _ = writeln!(out, "  {sign} {:>6} {what}", number(n as u64));
            }
        };
        for (shift, n) in users {
            let (sign, what) = user_shift(shift, style);
            line(sign, n, what);
        }
        line(style.bad("!"), moves.iter().filter(|one| one.held.is_some()).count(), "would be held: see below");
        line(style.good("✓"), moves.iter().filter(|one| one.released).count(), "are held now and would not be");
    }

    fn flows(&self, out: &mut String, style: Style) {
        let flows = &self.found.flows;
        if flows.is_empty() {
            return;
        }
        let head = format!("\n  {}   {}people", column("rule now", 26), column("rule then", 30));
        let _ = writeln!(out, "{}", style.dim(head));
        let shown = if self.all { flows.len() } else { A_FEW };
        for Flow { now, then, people } in flows.iter().take(shown) {
            let otherwise = if now == then { "   gives something else" } else { "" };
            let (now, then) = (column(&rules(now), 26), column(&rules(then), 28));
            let _ = writeln!(out, "  {now} → {then}  {:>6}{otherwise}", number(*people));
        }
        more(out, flows.len(), shown, "");
    }

    fn facets(&self, out: &mut String, style: Style) {
        let WhatIf { facets, moves, .. } = self.found;
        let names = moves.iter().filter(|one| one.username.is_some()).count();
        if facets.is_empty() && names == 0 {
            return;
        }
        let _ = writeln!(out, "\n  {}", style.dim(format!("{} wished otherwise   written", column("facet", 10))));
        for row in facets {
            let of = |effect| row.effects.get(&effect).copied().unwrap_or(0);
            let written = of(Effect::Written) + of(Effect::Given);
            let why: Vec<String> = row.effects.iter().filter_map(|(effect, n)| why(*effect, *n, row.facet)).collect();
            let (wished, written) = (number(row.wished), number(written));
            let line = format!("  {} {wished:>16}   {written:>7}   {}", column(row.facet.short(), 10), why.join(" · "));
            let _ = writeln!(out, "{}", line.trim_end());
        }
        if names > 0 {
            let what = match self.rename {
                RenamePolicy::Report => "Connect cannot rename: users that are there keep their names",
                RenamePolicy::Recreate => "Connect cannot rename: a new user takes the place of each that is there",
            };
            let _ = writeln!(out, "  {} {:>16}             {what}", column("username", 10), number(names as u64));
        }
    }

    fn departments(&self, out: &mut String) {
        let departments = &self.found.departments;
        if departments.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  departments");
        let shown = if self.all { departments.len() } else { A_FEW };
        for row in departments.iter().take(shown) {
            let people = |n: u32, one, many| (n > 0).then(|| count(n as usize, one, many));
            let parts = [
                people(row.gets, "person gets a rule", "people get a rule"),
                people(row.loses, "person loses the rule", "people lose their rule"),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let name = column(row.department.as_deref().unwrap_or("(no department)"), 24);
            let _ = writeln!(out, "    {name} {}", parts.join(" · "));
        }
        more(out, departments.len(), shown, "");
    }

    fn problems(&self, out: &mut String, style: Style) {
        let replaced = self.sections.iter().any(|section| section == "[[example]]");
        let file = if replaced { self.file } else { &self.config.path };
        let failing = self.examples.iter().flat_map(|example| {
            example.differs.iter().map(|differs| {
                let message = format!("example at line {} of {}: {differs}", example.line, file.display());
                (message, "change the rule, or the example if the rule is right".to_owned())
            })
        });
        let wrong = self.found.problems.iter().map(|problem| (problem.message.clone(), problem.hint.clone()));
        for (at, (message, hint)) in wrong.chain(failing).enumerate() {
            let _ = writeln!(out, "{}  {} {message}\n      → {hint}", if at == 0 { "\n" } else { "" }, style.bad("!"));
        }
    }

    fn held(&self, out: &mut String, style: Style) {
        let held: Vec<_> = self.found.moves.iter().filter_map(|one| one.held.as_ref()).collect();
        if held.is_empty() {
            return;
        }
        out.push('\n');
        let shown = if self.all { held.len() } else { A_FEW };
        for finding in held.iter().take(shown) {
            let _ = writeln!(out, "  {} {} {}", style.bad("!"), column(&finding.label, NAME_WIDTH), finding.message);
            let _ = writeln!(out, "    {} → {}", column("", NAME_WIDTH), finding.hint);
        }
        more(out, held.len(), shown, " held");
    }

    fn people(&self, out: &mut String, style: Style) {
        let moves: Vec<&Move> = self.found.moves.iter().filter(|one| one.held.is_none()).collect();
        if moves.is_empty() {
            return;
        }
        out.push('\n');
        let shown = if self.all { moves.len() } else { A_SCREENFUL };
        for one in moves.iter().take(shown) {
            let _ = writeln!(out, "{}", person(one, &self.found.then, style));
        }
        more(out, moves.len(), shown, "");
    }

    fn forecast(&self, out: &mut String, style: Style) {
        let WhatIf { now, then, moves, .. } = self.found;
        if moves.is_empty() {
            return;
        }
        let waiting = match now.changes.len() {
            0 => String::new(),
            n => format!("; with the rules as they are: {}", count(n, "call", "calls")),
        };
        let _ = writeln!(out, "\n  {}{waiting}", fate::forecast(then));
        if let Some(refusal) = &self.refusal {
            let _ = writeln!(out, "  {}: {}", style.bad("the guard would refuse such a plan"), refusal.message);
        } else if self.config.trial > 0 && !then.is_empty() {
            let people = count(self.config.trial as usize, "person", "people");
            let _ = writeln!(out, "  a run would try the changed rules on {people} first ([apply] trial)");
        }
    }
}

fn user_shift(shift: UserShift, style: Style) -> (String, &'static str) {
    match shift {
        UserShift::Created => (style.good("+"), "would get a Connect user"),
        UserShift::NotCreated => (style.bad("-"), "would get a Connect user now, and would not"),
        UserShift::Deleted => (style.bad("-"), "would lose their Connect user"),
        UserShift::NotDeleted => (style.good("+"), "would lose their Connect user now, and would not"),
        UserShift::Adopted => (style.good("="), "would be adopted"),
        UserShift::NotAdopted => (style.bad("-"), "would be adopted now, and would not"),
    }
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

fn more(out: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let _ = writeln!(out, "  …and {} more{what} (--all)", number((all - shown) as u64));
    }
}

fn rules(names: &[String]) -> String {
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

/// One person as one line.
fn person(one: &Move, then: &Plan, style: Style) -> String {
    let Move { person, label, rules_now, rules_then, username, shifts, user, released, .. } = one;
    let mut parts: Vec<String> = shifts.iter().map(|shift| facet(shift, one, then)).collect();
    parts.extend(username.iter().map(|(now, then)| format!("username {now} → {then}")));
    parts.extend(user.map(|user| user_shift(user, style).1.to_owned()));
    parts.extend(released.then(|| "held no more".to_owned()));
    if parts.is_empty() && rules_now == rules_then {
        parts.push(count(then.of(person).count(), "other call", "other calls"));
    }
    let sign = user.map_or_else(|| style.change("~"), |user| user_shift(user, style).0);
    let by = if rules_now == rules_then {
        rules(rules_now)
    } else {
        format!("{} → {}", rules(rules_now), rules(rules_then))
    };
    format!("  {sign} {} {}  {}", column(label, NAME_WIDTH), column(&by, 28), parts.join(" · ")).trim_end().to_owned()
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
            let text = |set: &Value| if set.to_string().is_empty() { "nothing".to_owned() } else { set.to_string() };
            format!("{} → {}", text(&Value::NamedSet(before.clone())), text(&Value::NamedSet(after.clone())))
        }
        (before, after) => fate::between(attribute, before, after),
    });
    differs.chain(gone).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
