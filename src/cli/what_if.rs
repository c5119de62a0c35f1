//! `rules --what-if FILE`: what changed rules would do to people, over what is stored. Nothing is reached, nothing is written.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::observed::{self, Observed};
use super::plan_screen::NAME_WIDTH;
use super::style::{self, Style, column, number};
use super::{Door, Exit};
use crate::config::{self, Config};
use crate::model::Time;
use crate::planner::lint::Problem;
use crate::planner::what_if::words::{self, DepartmentLine, FacetLine, FlowLine, Number, PersonLine};
use crate::planner::what_if::{Changed, Move};
use crate::planner::{self, ExampleResult, Refusal, WhatIf};

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
    let Changed { rules, examples, sections: _ } = &changed;
    let found = planner::what_if(&seen, &config.rules, rules, &|operation| {
        let rate = config.connect.quota.rate(operation);
        (rate.per_second, rate.burst)
    });
    let shown = Shown {
        config: &config,
        file,
        changed: &changed,
        examples: planner::check_examples(rules, examples),
        refusal: planner::guard::refusal(&found.then, &config.limits),
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

/// What is shown.
struct Shown<'a> {
    config: &'a Config,
    file: &'a Path,
    changed: &'a Changed,
    found: &'a WhatIf,
    examples: Vec<ExampleResult>,
    refusal: Option<Refusal>,
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
            "contact_centre": self.config.name, "replaced": self.changed.sections, "connect_seen": self.looked, "people": people,
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
            self.changed.sections.join(", "),
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
            let _ = writeln!(out, "  {}", style.good(words::lead(found)));
            String::new()
        } else {
            format!(" To have it so: put it into {}", self.config.path.display())
        };
        let _ = writeln!(out, "\n  Nothing was written.{to_do}");
        out
    }

    fn numbers(&self, out: &mut String, style: Style) {
        if self.found.moves.is_empty() {
            return;
        }
        let _ = writeln!(out, "  {}", words::lead(self.found));
        for Number { sign, people, what } in words::numbers(self.found) {
            let _ = writeln!(out, "  {} {:>6} {what}", signed(sign, style), number(people as u64));
        }
    }

    fn flows(&self, out: &mut String, style: Style) {
        let flows = words::flows(self.found);
        if flows.is_empty() {
            return;
        }
        let head = format!("\n  {}   {}people", column("rule now", 26), column("rule then", 30));
        let _ = writeln!(out, "{}", style.dim(head));
        let shown = if self.all { flows.len() } else { A_FEW };
        for FlowLine { now, then, people, gives } in flows.iter().take(shown) {
            let (now, then) = (column(now, 26), column(then, 28));
            let line = format!("  {now} → {then}  {:>6}   {gives}", number(*people));
            let _ = writeln!(out, "{}", line.trim_end());
        }
        more(out, flows.len(), shown, "");
    }

    fn facets(&self, out: &mut String, style: Style) {
        let facets = words::facets(self.found, self.changed.rules.rename);
        if facets.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  {}", style.dim(format!("{} wished otherwise   written", column("facet", 10))));
        for FacetLine { facet, wished, written, why } in &facets {
            let written = written.map(number).unwrap_or_default();
            let line = format!("  {} {:>16}   {written:>7}   {why}", column(facet, 10), number(*wished));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }

    fn departments(&self, out: &mut String) {
        let departments = words::departments(self.found);
        if departments.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  departments");
        let shown = if self.all { departments.len() } else { A_FEW };
        for DepartmentLine { department, what } in departments.iter().take(shown) {
            let _ = writeln!(out, "    {} {what}", column(department, 24));
        }
        more(out, departments.len(), shown, "");
    }

    fn problems(&self, out: &mut String, style: Style) {
        let file = if self.changed.has_examples() { self.file } else { &self.config.path };
        let problems = words::problems(self.found, &self.examples, &file.display().to_string());
        for (at, Problem { message, hint }) in problems.iter().enumerate() {
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
            let PersonLine { sign, label, by, what } = words::person(one, &self.found.then);
            let (label, by) = (column(&label, NAME_WIDTH), column(&by, 28));
            let _ = writeln!(out, "{}", format!("  {} {label} {by}  {what}", signed(sign, style)).trim_end());
        }
        more(out, moves.len(), shown, "");
    }

    fn forecast(&self, out: &mut String, style: Style) {
        if self.found.moves.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  {}", words::forecast(self.found));
        if let Some(brake) = words::brake(self.found, self.refusal.as_ref(), self.config.trial) {
            let _ = writeln!(out, "  {}", style.said(&brake));
        }
    }
}

/// A sign in its colour.
fn signed(sign: char, style: Style) -> String {
    match sign {
        '+' | '=' | '✓' => style.good(sign),
        '-' | '!' => style.bad(sign),
        _ => style.change(sign),
    }
}

fn more(out: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let _ = writeln!(out, "  …and {} more{what} (--all)", number((all - shown) as u64));
    }
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
