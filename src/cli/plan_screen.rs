//! A plan as an administrator reads it: what happens to people, why, how long it takes, and what needs somebody.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::style::{self, Style, column, count, number};
use crate::model::{
    Action, Attribute, AttributeSet, Change, Decision, Facet, FacetUpdate, FindingCode, Plan, Reason, Time, Value,
};

/// Lines of people that are shown unless all are asked for.
const A_SCREENFUL: usize = 20;
/// Column of the username, in characters.
const NAME_WIDTH: usize = 36;

/// The body of a plan: numbers first, then people, then who is held, then the forecast.
#[must_use]
pub(super) fn plan(plan: &Plan, now: Time, all: bool, style: Style) -> String {
    let mut out = String::new();
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
        let _ = writeln!(out, "\n  {}", forecast(plan));
    }
    out
}

fn numbers(out: &mut String, plan: &Plan, style: Style) {
    let joins: Vec<&Change> = plan.changes.iter().filter(|c| matches!(c.action, Action::Create(_))).collect();
    let adopted = plan.changes.iter().filter(|c| matches!(c.action, Action::Adopt { .. })).count();
    let leaving = leavers(plan);
    let mut facets: BTreeMap<Facet, usize> = BTreeMap::new();
    let mut changed = std::collections::BTreeSet::new();
    for change in &plan.changes {
        if let (Action::Update(update), false) = (&change.action, matches!(change.because, Reason::Left { .. })) {
            *facets.entry(update.facet).or_default() += 1;
            changed.insert(&change.person);
        }
    }
    let held = plan.decisions.values().filter(|d| matches!(d, Decision::Quarantined(_))).count();
    let line = |out: &mut String, sign: String, n: usize, what: &str, detail: String| {
        let _ = writeln!(out, "  {sign} {:>6} {what:<9} {detail}", number(n as u64));
    };
    if !joins.is_empty() {
        line(out, style.good("+"), joins.len(), "join", by_rule(&joins));
    }
    if !changed.is_empty() {
        let mut parts: Vec<(usize, Facet)> = facets.into_iter().map(|(facet, n)| (n, facet)).collect();
        parts.sort_by_key(|(n, facet)| (std::cmp::Reverse(*n), *facet));
        let parts: Vec<String> = parts.iter().map(|(n, facet)| format!("{} {n}", facet.short())).collect();
        line(out, style.change("~"), changed.len(), "change", parts.join(" · "));
    }
    if !leaving.is_empty() {
        line(out, style.bad("-"), leaving.len(), "leave", leave_detail(&leaving));
    }
    if adopted > 0 {
        line(out, style.good("="), adopted, "adopt", "Connect users that existed before get our owner mark".to_owned());
    }
    if held > 0 {
        line(out, style.bad("!"), held, "held", "see below".to_owned());
    }
}

/// One change per leaver: the one that tells the story.
fn leavers(plan: &Plan) -> BTreeMap<&connectors::PersonKey, &Change> {
    let mut leaving = BTreeMap::new();
    for change in &plan.changes {
        if matches!(change.because, Reason::Left { .. }) && !matches!(change.action, Action::DeleteQuickConnect(_)) {
            leaving.entry(&change.person).or_insert(change);
        }
    }
    leaving
}

fn by_rule(joins: &[&Change]) -> String {
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for change in joins {
        if let Reason::Joined { rules: gave } = &change.because {
            *rules.entry(gave.first().map_or("(default)", String::as_str)).or_default() += 1;
        }
    }
    let mut rules: Vec<(&str, usize)> = rules.into_iter().collect();
    rules.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
    let shown: Vec<String> = rules.iter().take(5).map(|(name, n)| format!("{name} {}", number(*n as u64))).collect();
    let more = rules.len().saturating_sub(5);
    let tail = if more > 0 { format!(" · {more} more rules") } else { String::new() };
    format!("by rule: {}{tail}", shown.join(" · "))
}

fn leave_detail(leaving: &BTreeMap<&connectors::PersonKey, &Change>) -> String {
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    let (mut suspended, mut deleted) = (0_usize, 0_usize);
    for change in leaving.values() {
        if let Reason::Left { why: reason, .. } = &change.because {
            *why.entry(reason.to_string()).or_default() += 1;
        }
        match &change.action {
            Action::Delete { .. } => deleted += 1,
            _ => suspended += 1,
        }
    }
    let why: Vec<String> = why.into_iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let what = match (suspended, deleted) {
        (s, 0) => format!("{s} suspended"),
        (0, d) => format!("{d} deleted"),
        (s, d) => format!("{s} suspended, {d} deleted"),
    };
    format!("{} → {what}", why.join(", "))
}

fn people(out: &mut String, plan: &Plan, now: Time, all: bool, style: Style) {
    let lines: Vec<String> = plan
        .changes
        .iter()
        .filter(|change| !matches!(change.action, Action::DeleteQuickConnect(_)))
        .map(|change| person(change, now, style))
        .collect();
    let shown = if all { lines.len() } else { A_SCREENFUL };
    // Leavers come first in a plan; on a screen joins are what most people look for, so each kind gets its part.
    for line in lines.iter().take(shown) {
        let _ = writeln!(out, "{line}");
    }
    if lines.len() > shown {
        let _ = writeln!(out, "  …and {} more (--all)", number((lines.len() - shown) as u64));
    }
}

/// One change as one line.
#[must_use]
pub(super) fn person(change: &Change, now: Time, style: Style) -> String {
    let (sign, what, detail) = match &change.action {
        Action::Create(desired) => (style.good("+"), "join".to_owned(), persona(&desired.attributes)),
        Action::Adopt { username } => (style.good("="), "adopt".to_owned(), format!("Connect user {username}")),
        Action::Update(update) if matches!(change.because, Reason::Left { .. }) => {
            (style.bad("-"), "suspended".to_owned(), format!("was {}", persona(&update.before)))
        }
        Action::Update(update) => (style.change("~"), update.facet.short().to_owned(), difference(update)),
        Action::Delete { before, .. } => (style.bad("-"), "deleted".to_owned(), format!("was {}", persona(before))),
        Action::DeleteQuickConnect(named) => (style.bad("-"), "quick connect".to_owned(), named.name.to_string()),
    };
    let why = reason(&change.because, now);
    format!(
        "  {sign} {} {} {}  {}",
        column(&change.label, NAME_WIDTH),
        column(&what, 9),
        column(&detail, 44),
        style.dim(why)
    )
    .trim_end()
    .to_owned()
}

fn persona(attributes: &AttributeSet) -> String {
    let shown: Vec<String> = [Attribute::SecurityProfiles, Attribute::RoutingProfile]
        .iter()
        .filter_map(|attribute| attributes.get(*attribute))
        .map(ToString::to_string)
        .collect();
    shown.join(" · ")
}

fn difference(update: &FacetUpdate) -> String {
    let mut parts = Vec::new();
    if !update.untag.is_empty() {
        parts.push(format!("remove {}", update.untag.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    for (attribute, after) in update.wished.iter().filter(|_| update.untag.is_empty()) {
        let before = update.before.get(attribute);
        if before == Some(after) {
            continue;
        }
        parts.push(match (before, after) {
            (Some(Value::NamedSet(before)), Value::NamedSet(after)) => {
                let added = after.difference(before).map(|named| format!("+ {}", named.name));
                let gone = before.difference(after).map(|named| format!("- {}", named.name));
                added.chain(gone).collect::<Vec<_>>().join(" ")
            }
            (Some(before), after) if update.facet == Facet::Identity || update.facet == Facet::Phone => {
                format!("{} {before} → {after}", attribute.name())
            }
            (Some(before), after) => format!("{before} → {after}"),
            (None, after) => format!("{} → {after}", attribute.name()),
        });
    }
    parts.join(", ")
}

fn reason(because: &Reason, now: Time) -> String {
    let rules = |rules: &[String]| match rules {
        [] => String::new(),
        [one] => format!(" (rule {one})"),
        several => format!(" (rules {})", several.join(", ")),
    };
    match because {
        Reason::Joined { rules } => match &rules[..] {
            [] => "joined".to_owned(),
            names => names.join(", "),
        },
        Reason::Mapped { what, rules: names } if what.is_empty() => format!("the directory differs{}", rules(names)),
        Reason::Mapped { what, rules: names } => format!("{what}{}", rules(names)),
        Reason::ConfigChanged { rules: names } => format!("the configuration changed{}", rules(names)),
        Reason::Drift => "drift: changed in Connect, put back".to_owned(),
        Reason::Left { why, since } => format!("{why}, seen {}", style::relative(*since, now)),
        Reason::Returned => "is back".to_owned(),
        Reason::Adopted { by } => format!("same {}", by.replace('_', " ")),
        Reason::Rebound { from } => format!("re-hired: was {from}"),
    }
}

/// Who is held, and what else somebody should know.
#[must_use]
pub(super) fn attention(plan: &Plan, all: bool, style: Style) -> String {
    let mut out = String::new();
    held(&mut out, plan, all, style);
    notes(&mut out, plan, all, style);
    out
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
        let _ = writeln!(out, "  {} {}", style.dim("i"), kind(code, findings.len()));
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

fn kind(code: FindingCode, n: usize) -> String {
    let people = count(n, "person", "people");
    match code {
        FindingCode::BadPhone => format!("{people} with a phone number that is none; left out"),
        FindingCode::UnmappedDepartment => format!("{people} whose department has no rule get the default persona"),
        FindingCode::Rename => {
            format!("{people} renamed in the directory; Connect cannot rename, the old username stays")
        }
        FindingCode::CaseDiffers => format!("{people} matched by a username that differs in case"),
        FindingCode::DriftLeftAlone => format!("{people} changed by hand in Connect; left alone as configured"),
        FindingCode::Foreign => {
            format!("{} that no person claims; never touched", count(n, "Connect user", "Connect users"))
        }
        FindingCode::DetailsUnread => format!("{people} whose e-mail or mobile in Connect is still to be read"),
        FindingCode::FieldLeftOut => format!("{people} with a field that Connect would refuse; left out"),
        FindingCode::CallFailed => format!("{people} for whom a call failed"),
        other => format!("{people}: {other:?}"),
    }
}

/// Calls and time: `50 calls, about 12 s at 1.6/s (busiest: CreateUser 14)`.
#[must_use]
pub(super) fn forecast(plan: &Plan) -> String {
    let total: u32 = plan.forecast.calls.values().sum();
    let calls = count(total as usize, "call", "calls");
    match plan.forecast.busiest {
        Some(busiest) => format!(
            "{calls}, at least {} (busiest: {busiest} {})",
            style::millis(plan.forecast.least_millis),
            number(plan.forecast.calls.get(&busiest).copied().unwrap_or(0))
        ),
        None => calls,
    }
}
