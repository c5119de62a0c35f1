//! `rules`: how many people each rule gives what, departments without a rule, and what is wrong with the rules. Over the
//! stored snapshot; nothing is reached.

use std::fmt::Write;

use serde_json::json;

use super::observed::{self, Observed};
use super::style::{Style, column, count, number};
use super::{Door, Exit};
use crate::planner::{Coverage, coverage};

/// `rollcall rules`.
///
/// # Errors
/// If the state file cannot be read.
#[expect(clippy::print_stdout, reason = "this is the screen")]
pub(super) async fn rules(door: &Door) -> anyhow::Result<Exit> {
    let Observed { config, seen, .. } = observed::observed(door).await?;
    let coverage = coverage(&seen, &config.rules);
    if door.json {
        let rules: Vec<_> = coverage
            .rules
            .iter()
            .map(|row| json!({"rule": row.rule, "when": row.when, "people": row.people, "gives": row.gives}))
            .collect();
        let departments: Vec<_> = coverage
            .departments
            .iter()
            .map(|row| json!({"department": row.department, "people": row.people, "nearest": row.nearest}))
            .collect();
        let problems: Vec<_> =
            coverage.problems.iter().map(|row| json!({"message": row.message, "hint": row.hint})).collect();
        println!("{}", json!({"rules": rules, "departments_without_a_rule": departments, "problems": problems}));
    } else {
        print!("{}", screen(&coverage, Style::of_stdout()));
    }
    Ok(if coverage.problems.is_empty() { Exit::Done } else { Exit::Partly })
}

fn screen(coverage: &Coverage, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "  {}", style.dim(format!("{}  people   gives", column("rule", 16))));
    for row in &coverage.rules {
        let people = format!("{:>6}", number(row.people));
        let people = if row.people == 0 { style.bad(people) } else { people };
        let _ = writeln!(out, "  {}  {people}   {}", column(&row.rule, 16), row.gives);
    }
    if !coverage.departments.is_empty() {
        let _ = writeln!(out, "\n  departments without a rule");
        for row in &coverage.departments {
            let name = row.department.as_deref().unwrap_or("(no department)");
            let near = row.nearest.as_ref().map(|(name, rule)| format!("nearest: \"{name}\" (rule \"{rule}\")"));
            let people = count(row.people as usize, "person", "people");
            let line = format!("    {}  {}   {}", column(name, 22), column(&people, 12), near.unwrap_or_default());
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    if !coverage.problems.is_empty() {
        out.push('\n');
        for problem in &coverage.problems {
            let _ = writeln!(out, "  {} {}\n      → {}", style.bad("!"), problem.message, problem.hint);
        }
    }
    out
}
