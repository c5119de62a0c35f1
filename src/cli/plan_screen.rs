//! A plan as an administrator reads it: what happens to people, why, how long it takes, and what needs somebody.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::rename_screen;
use super::style::{Style, column, count, number};
use crate::model::{Action, Change, Decision, FindingCode, Plan, Reason, Time};
use crate::planner::fate::{self, Fate, Kind, Told, fates};

/// Lines of people that are shown unless all are asked for.
const A_SCREENFUL: usize = 20;
/// Column of the username, in characters.
pub(super) const NAME_WIDTH: usize = 36;

/// The body of a plan: numbers first, then people, then who is held, then the forecast.
#[must_use]
pub(super) fn plan(plan: &Plan, now: Time, all: bool, style: Style) -> String {
    let mut out = String::new();
    if !plan.first_run.is_empty() {
        adoption_report(&mut out, plan, style);
    }
    if plan.is_empty() {
        let _ = writeln!(out, "  {}", style.good("everybody is in agreement; there is nothing to do"));
    } else {
        numbers(&mut out, plan, style);
        out.push('\n');
        people(&mut out, plan, now, all, style);
    }
    held(&mut out, plan, all, style);
    notes(&mut out, plan, all, style);
    if !plan.is_empty() {
        let _ = writeln!(out, "\n  {}", fate::forecast(plan));
    }
    if let Some(words) = plan.details.words() {
        let _ = writeln!(out, "  {words}; more may follow from them");
    }
    out
}

/// Day one: what a first run finds, before anything is written.
fn adoption_report(out: &mut String, plan: &Plan, style: Style) {
    let sources: Vec<&str> = plan.first_run.iter().map(connectors::SourceName::as_str).collect();
    let mut matched: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &plan.changes {
        if let (Action::Adopt { .. }, Reason::Adopted { by }) = (&change.action, &change.because) {
            *matched.entry(by).or_default() += 1;
        }
    }
    let by: Vec<String> = matched.iter().map(|(by, n)| format!("{} {n}", by.replace('_', " "))).collect();
    let found = |code| plan.findings.iter().filter(|finding| finding.code == code).count();
    let created = plan.changes.iter().filter(|change| matches!(change.action, Action::Create(_))).count();
    let _ = writeln!(out, "  {}", style.bold(format!("adoption report: first run of {}", sources.join(", "))));
    let mut line = |n: usize, what: &str, detail: String| {
        let _ = writeln!(out, "    {:>6} {what:<11} {detail}", number(n as u64));
    };
    if plan.managed > 0 {
        line(plan.managed as usize, "ours", "people whose Connect user carries our owner mark already".to_owned());
    }
    let by = if by.is_empty() { String::new() } else { format!(", by {}", by.join(", ")) };
    line(matched.values().sum(), "matched", format!("people who have a Connect user already{by}"));
    line(
        found(FindingCode::AmbiguousMatch),
        "ambiguous",
        "people with two candidates, or two for one user: held".to_owned(),
    );
    line(found(FindingCode::Foreign), "foreign", "Connect users that no person claims: never touched".to_owned());
    line(created, "new", "people who would get a Connect user".to_owned());
    if plan.details.left() > 0 {
        line(plan.details.left() as usize, "to read", "existing users of whom not everything is known yet".to_owned());
    }
    let others = plan.decisions.values().filter(
        |decision| matches!(decision, Decision::Quarantined(finding) if finding.code != FindingCode::AmbiguousMatch),
    );
    let others = others.count();
    if others > 0 {
        line(others, "held", "other people who wait for somebody: see below".to_owned());
    }
    out.push('\n');
}

fn numbers(out: &mut String, plan: &Plan, style: Style) {
    let fates = fates(plan);
    let held = plan.decisions.values().filter(|d| matches!(d, Decision::Quarantined(_))).count();
    let line = |out: &mut String, sign: String, n: usize, what: &str, detail: String| {
        if n > 0 {
            let _ = writeln!(out, "  {sign} {:>6} {what:<9} {detail}", number(n as u64));
        }
    };
    for (kind, what) in [
        (Kind::Join, "join"),
        (Kind::Change, "change"),
        (Kind::Leave, "leave"),
        (Kind::Rename, "rename"),
        (Kind::Adopt, "adopt"),
    ] {
        let of = fates.get(&kind).map_or(&[] as &[Fate<'_>], Vec::as_slice);
        line(out, painted(kind.sign(), style), of.len(), what, fate::summed(kind, of));
    }
    line(out, style.bad("!"), held, "held", "see below".to_owned());
    line(out, style.bad("!"), plan.resting.len(), "rest", "refused by Connect before; tried again later".to_owned());
}

/// A sign in its colour.
pub(super) fn painted(sign: char, style: Style) -> String {
    match sign {
        '+' | '=' => style.good(sign),
        '-' => style.bad(sign),
        other => style.change(other),
    }
}

fn people(out: &mut String, plan: &Plan, now: Time, all: bool, style: Style) {
    let fates = fates(plan);
    // Each kind gets its part of the screen, so that fifty joins do not hide three leavers.
    let shown = if all { usize::MAX } else { A_SCREENFUL / fates.len().max(1) };
    let mut hidden = 0;
    for fates in fates.values() {
        for fate in fates.iter().take(shown) {
            let _ = writeln!(out, "{}", whole(fate, now, style));
        }
        hidden += fates.len().saturating_sub(shown);
    }
    if hidden > 0 {
        let _ = writeln!(out, "  …and {} more (--all)", number(hidden as u64));
    }
}

/// All that happens to one person.
fn whole(fate: &Fate<'_>, now: Time, style: Style) -> String {
    match fate.kind {
        Kind::Rename => rename_screen::block(&fate.changes, now, style),
        Kind::Join | Kind::Change | Kind::Leave | Kind::Adopt => line(&fate.told(now), style),
    }
}

/// One change as one line.
#[must_use]
pub(super) fn person(change: &Change, now: Time, style: Style) -> String {
    line(&fate::told(change, now), style)
}

fn line(told: &Told, style: Style) -> String {
    let Told { sign, label, what, detail, why } = told;
    let (label, what, detail) = (column(label, NAME_WIDTH), column(what, 9), column(detail, 44));
    format!("  {} {label} {what} {detail}  {}", painted(*sign, style), style.dim(why)).trim_end().to_owned()
}

/// Who is held, in one line.
#[must_use]
pub(super) fn attention(plan: &Plan, style: Style) -> Option<String> {
    let held = plan.decisions.values().filter(|d| matches!(d, Decision::Quarantined(_))).count();
    let people = |n: usize, what: &str| (n > 0).then(|| format!("{} {what}", count(n, "person is", "people are")));
    let parts = [people(held, "held"), people(plan.resting.len(), "refused something by Connect, which rests")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("  {} {} → rollcall status", style.bad("!"), parts.join(", ")))
}

fn held(out: &mut String, plan: &Plan, all: bool, style: Style) {
    let held: Vec<_> = plan
        .decisions
        .values()
        .filter_map(|decision| match decision {
            Decision::Quarantined(finding) => Some(finding),
            _ => None,
        })
        .collect();
    if held.is_empty() {
        return;
    }
    out.push('\n');
    let shown = if all { held.len() } else { 6 };
    for finding in held.iter().take(shown) {
        let _ = writeln!(out, "  {} {} {}", style.bad("!"), column(&finding.label, NAME_WIDTH), finding.message);
        let _ = writeln!(out, "    {} → {}", column("", NAME_WIDTH), finding.hint);
    }
    if held.len() > shown {
        let _ = writeln!(out, "  …and {} more held (--all)", number((held.len() - shown) as u64));
    }
}

/// Findings that hold nobody, by kind: what was left out, what drifted, what nobody claims.
fn notes(out: &mut String, plan: &Plan, all: bool, style: Style) {
    let mut kinds: BTreeMap<FindingCode, Vec<&crate::model::Finding>> = BTreeMap::new();
    for finding in plan.findings.iter().filter(|finding| !finding.code.quarantines()) {
        kinds.entry(finding.code).or_default().push(finding);
    }
    if kinds.is_empty() {
        return;
    }
    out.push('\n');
    for (code, findings) in kinds {
        let more = if code == FindingCode::Rename { " (--all says why)" } else { "" };
        let _ = writeln!(out, "  {} {}{more}", style.dim("i"), fate::noted(code, findings.len()));
        if all {
            for finding in findings {
                let _ = writeln!(
                    out,
                    "      {} {}  → {}",
                    column(&finding.label, NAME_WIDTH),
                    finding.message,
                    finding.hint
                );
            }
        }
    }
}
