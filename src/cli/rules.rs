//! `rules`: how many people each rule gives what, departments without a rule, and what is wrong with the rules. Over the
//! stored snapshot; nothing is reached.

use std::collections::BTreeMap;
use std::fmt::Write;

use connectors::SourceName;
use serde_json::json;

use super::observed::{self, Observed};
use super::style::{Style, column, count, number};
use super::{Door, Exit};
use crate::planner::{Coverage, SourceCoverage, coverage};

/// `rollcall rules`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn rules(door: &Door) -> anyhow::Result<Exit> {
    let Observed { config, seen, .. } = observed::observed(door).await?;
    let coverage = coverage(&seen, &config.rules);
    if door.json {
        let rules: Vec<_> = coverage
            .rules
            .iter()
            .map(|row| {
                json!({"rule": row.rule, "when": row.when, "people": row.people, "by_source": row.by_source, "gives": row.gives})
            })
            .collect();
        let sources: Vec<_> = coverage
            .sources
            .iter()
            .map(|row| json!({"source": row.source, "people": row.people, "shadowed": row.shadowed}))
            .collect();
        let departments: Vec<_> = coverage
            .departments
            .iter()
            .map(|row| {
                json!({"department": row.department, "people": row.people, "by_source": row.by_source, "nearest": row.nearest})
            })
            .collect();
        let problems: Vec<_> =
            coverage.problems.iter().map(|row| json!({"message": row.message, "hint": row.hint})).collect();
        println!(
            "{}",
            json!({"sources": sources, "rules": rules, "departments_without_a_rule": departments, "problems": problems})
        );
    } else {
        print!("{}", screen(&coverage, Style::of_stdout()));
    }
    Ok(if coverage.problems.is_empty() { Exit::Done } else { Exit::Partly })
}

fn screen(coverage: &Coverage, style: Style) -> String {
    let mut out = String::new();
    sources(&mut out, coverage);
    let names: Vec<String> = several(coverage).iter().map(|row| cell(row.source.as_str(), &row.source)).collect();
    let head = format!("{}  people{}   gives", column("rule", 16), names.concat());
    let _ = writeln!(out, "  {}", style.dim(head));
    for row in &coverage.rules {
        let people = format!("{:>6}", number(row.people));
        let people = if row.people == 0 { style.bad(people) } else { people };
        let by = by_source(coverage, &row.by_source);
        let _ = writeln!(out, "  {}  {people}{by}   {}", column(&row.rule, 16), row.gives);
    }
    if !coverage.departments.is_empty() {
        let _ = writeln!(out, "\n  departments without a rule");
        for row in &coverage.departments {
            let name = row.department.as_deref().unwrap_or("(no department)");
            let near = row.nearest.as_ref().map(|(name, rule)| format!("nearest: \"{name}\" (rule \"{rule}\")"));
            let people = count(row.people as usize, "person", "people");
            let from: Vec<String> = match several(coverage) {
                [] => Vec::new(),
                _ => row.by_source.iter().map(|(source, n)| format!("{source} {}", number(*n))).collect(),
            };
            let (name, people) = (column(name, 22), column(&people, 12));
            let from = if from.is_empty() { String::new() } else { format!("   {}", column(&from.join(", "), 24)) };
            let line = format!("    {name}  {people}{from}   {}", near.unwrap_or_default());
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

/// The sources, if there are several: with one, a column of its own would say what the sum says.
fn several(coverage: &Coverage) -> &[SourceCoverage] {
    if coverage.sources.len() > 1 { &coverage.sources } else { &[] }
}

fn sources(out: &mut String, coverage: &Coverage) {
    let mut before: Vec<&str> = Vec::new();
    for row in several(coverage) {
        let people = count(row.people as usize, "person", "people");
        let shadowed = match row.shadowed {
            0 => String::new(),
            n => format!(" · {} more decided by {}", number(n), before.join(" or ")),
        };
        let head = if before.is_empty() { "sources" } else { "" };
        let _ = writeln!(out, "  {} {}  {people}{shadowed}", column(head, 9), column(row.source.as_str(), 12));
        before.push(row.source.as_str());
    }
    if !before.is_empty() {
        out.push('\n');
    }
}

/// A column that is as wide as the name of its source.
fn cell(text: &str, source: &SourceName) -> String {
    let width = source.as_str().chars().count().max(6);
    format!("  {text:>width$}")
}

fn by_source(coverage: &Coverage, people: &BTreeMap<SourceName, u32>) -> String {
    let counts = several(coverage).iter().map(|row| match people.get(&row.source) {
        Some(n) => cell(&number(*n), &row.source),
        None => cell("·", &row.source),
    });
    counts.collect()
}
