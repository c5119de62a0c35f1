//! A plan as an administrator reads it: what happens to people, why, how long it takes, and what needs somebody.

use std::collections::BTreeMap;
use std::fmt::Write;

use connectors::PersonKey;

use super::plan_reason::reason;
use super::rename_screen;
use super::style::{self, Style, column, count, number};
use crate::model::{
    Action, Attribute, AttributeSet, Change, Decision, Facet, FacetUpdate, FindingCode, Plan, Reason, Time, Value,
};

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
        let _ = writeln!(out, "\n  {}", forecast(plan));
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
    let of = |kind| fates.get(&kind).map_or(&[] as &[Fate<'_>], Vec::as_slice);
    let held = plan.decisions.values().filter(|d| matches!(d, Decision::Quarantined(_))).count();
    let line = |out: &mut String, sign: String, n: usize, what: &str, detail: String| {
        if n > 0 {
            let _ = writeln!(out, "  {sign} {:>6} {what:<9} {detail}", number(n as u64));
        }
    };
    line(out, style.good("+"), of(Kind::Join).len(), "join", by_rule(of(Kind::Join)));
    line(out, style.change("~"), of(Kind::Change).len(), "change", by_facet(of(Kind::Change)));
    line(out, style.bad("-"), of(Kind::Leave).len(), "leave", leave_detail(of(Kind::Leave)));
    let renamed = of(Kind::Rename);
    let costs = rename_screen::costs(renamed.iter().flat_map(|fate| fate.changes.iter().copied()));
    line(out, style.change(">"), renamed.len(), "rename", costs);
    let adopted = of(Kind::Adopt);
    line(out, style.good("="), adopted.len(), "adopt", adopt_detail(adopted));
    line(out, style.bad("!"), held, "held", "see below".to_owned());
    line(out, style.bad("!"), plan.resting.len(), "rest", "refused by Connect before; tried again later".to_owned());
}

fn by_facet(fates: &[Fate<'_>]) -> String {
    let mut facets: BTreeMap<Facet, usize> = BTreeMap::new();
    for change in fates.iter().flat_map(|fate| &fate.changes) {
        if let Action::Update(update) = &change.action {
            *facets.entry(update.facet).or_default() += 1;
        }
    }
    let mut parts: Vec<(usize, Facet)> = facets.into_iter().map(|(facet, n)| (n, facet)).collect();
    parts.sort_by_key(|(n, facet)| (std::cmp::Reverse(*n), *facet));
    parts.iter().map(|(n, facet)| format!("{} {n}", facet.short())).collect::<Vec<_>>().join(" · ")
}

fn adopt_detail(fates: &[Fate<'_>]) -> String {
    let as_they_are = fates.iter().filter(|fate| fate.changes.len() == 1).count();
    let facets = by_facet(fates);
    match (as_they_are, facets.is_empty()) {
        (_, true) => "they get our owner mark and stay as they are".to_owned(),
        (0, false) => format!("they get our owner mark and their persona: {facets}"),
        (n, false) => format!("{n} as they are, the others get their persona: {facets}"),
    }
}

fn by_rule(joins: &[Fate<'_>]) -> String {
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for change in joins.iter().flat_map(|fate| &fate.changes) {
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

fn leave_detail(leaving: &[Fate<'_>]) -> String {
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    let mut deleted = 0;
    for fate in leaving {
        if let Reason::Left { why: reason, .. } = &fate.changes[0].because {
            *why.entry(reason.to_string()).or_default() += 1;
        }
        if fate.changes.iter().any(|change| deletes(change)) {
            deleted += 1;
        }
    }
    let why: Vec<String> = why.into_iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let what = match (leaving.len() - deleted, deleted) {
        (s, 0) => format!("{s} suspended"),
        (0, d) => format!("{d} deleted"),
        (s, d) => format!("{s} suspended, {d} deleted"),
    };
    format!("{} → {what}", why.join(", "))
}

/// A leaver's user; what a rename deletes is another matter.
fn deletes(change: &Change) -> bool {
    matches!(change.action, Action::Delete { .. }) && matches!(change.because, Reason::Left { .. })
}

/// What happens to one person, all changes together.
struct Fate<'a> {
    kind: Kind,
    changes: Vec<&'a Change>,
}

/// In the order of the screen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Join,
    Change,
    Leave,
    Rename,
    Adopt,
}

/// Everybody the plan touches, each once, in the plan's order within a kind.
fn fates(plan: &Plan) -> BTreeMap<Kind, Vec<Fate<'_>>> {
    let mut order = Vec::new();
    let mut people: BTreeMap<&PersonKey, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        let changes = people.entry(&change.person).or_default();
        if changes.is_empty() {
            order.push(&change.person);
        }
        changes.push(change);
    }
    let mut fates: BTreeMap<Kind, Vec<Fate<'_>>> = BTreeMap::new();
    for changes in order.into_iter().filter_map(|person| people.remove(person)) {
        let has = |which: fn(&Change) -> bool| changes.iter().any(|change| which(change));
        let kind = if has(|change| matches!(change.because, Reason::Left { .. })) {
            Kind::Leave
        } else if has(|change| matches!(change.because, Reason::Renamed { .. })) {
            Kind::Rename
        } else if has(|change| matches!(change.action, Action::Create(_))) {
            Kind::Join
        } else if has(|change| matches!(change.action, Action::Adopt { .. })) {
            Kind::Adopt
        } else {
            Kind::Change
        };
        fates.entry(kind).or_default().push(Fate { kind, changes });
    }
    fates
}

fn people(out: &mut String, plan: &Plan, now: Time, all: bool, style: Style) {
    let fates = fates(plan);
    // Each kind gets its part of the screen, so that fifty joins do not hide three leavers.
    let shown = if all { usize::MAX } else { A_SCREENFUL / fates.len().max(1) };
    let mut hidden = 0;
    for fates in fates.values() {
        for fate in fates.iter().take(shown) {
            let _ = writeln!(out, "{}", fate.line(now, style));
        }
        hidden += fates.len().saturating_sub(shown);
    }
    if hidden > 0 {
        let _ = writeln!(out, "  …and {} more (--all)", number(hidden as u64));
    }
}

impl Fate<'_> {
    fn line(&self, now: Time, style: Style) -> String {
        let Self { kind, changes } = self;
        let updates = || {
            changes.iter().filter_map(|change| match &change.action {
                Action::Update(update) => Some(&**update),
                _ => None,
            })
        };
        let differences = || updates().map(|update| (update.facet.short(), difference(update)));
        let (sign, what, detail) = match kind {
            Kind::Join => return person(changes[0], now, style),
            Kind::Rename => return rename_screen::block(changes, now, style),
            Kind::Leave => {
                let deleted = changes.iter().find_map(|change| match &change.action {
                    Action::Delete { before, .. } if deletes(change) => Some(persona(before)),
                    _ => None,
                });
                let mut before = AttributeSet::default();
                updates().for_each(|update| before.extend(&update.before));
                let what = if deleted.is_some() { "deleted" } else { "suspended" };
                (style.bad("-"), what.to_owned(), format!("was {}", deleted.unwrap_or_else(|| persona(&before))))
            }
            Kind::Adopt => {
                let parts: Vec<String> = differences().map(|(_, text)| text).collect();
                let detail = if parts.is_empty() { "as it is".to_owned() } else { parts.join(" · ") };
                (style.good("="), "adopt".to_owned(), detail)
            }
            Kind::Change => {
                let facets: Vec<&str> = differences().map(|(facet, _)| facet).collect();
                let parts: Vec<String> = differences().map(|(_, text)| text).collect();
                let what = if let [one] = facets[..] { one.to_owned() } else { format!("{} facets", facets.len()) };
                (style.change("~"), what, parts.join(" · "))
            }
        };
        line(&sign, &changes[0].label, &what, &detail, &reason(&changes[0].because, now), style)
    }
}

/// One change as one line.
#[must_use]
pub(super) fn person(change: &Change, now: Time, style: Style) -> String {
    let renamed = matches!(change.because, Reason::Renamed { .. });
    let (sign, what, detail) = match &change.action {
        Action::Create(desired) if renamed => (style.good("+"), "renamed".to_owned(), persona(&desired.attributes)),
        Action::Create(desired) => (style.good("+"), "join".to_owned(), persona(&desired.attributes)),
        Action::Adopt { username } => (style.good("="), "adopt".to_owned(), format!("Connect user {username}")),
        Action::Update(update) if matches!(change.because, Reason::Left { .. }) => {
            (style.bad("-"), "suspended".to_owned(), format!("was {}", persona(&update.before)))
        }
        Action::Update(update) => (style.change("~"), update.facet.short().to_owned(), difference(update)),
        Action::MoveQuickConnect(step) => {
            (style.change(">"), "moved".to_owned(), format!("quick connect {}", step.named.name))
        }
        Action::Delete { before, .. } => {
            let what = if renamed { "retired" } else { "deleted" };
            (style.bad("-"), what.to_owned(), format!("was {}", persona(before)))
        }
        Action::DeleteQuickConnect(named) => {
            (style.bad("-"), "deleted".to_owned(), format!("quick connect {}", named.name))
        }
    };
    line(&sign, &change.label, &what, &detail, &reason(&change.because, now), style)
}

fn line(sign: &str, label: &str, what: &str, detail: &str, why: &str, style: Style) -> String {
    let (label, what, detail) = (column(label, NAME_WIDTH), column(what, 9), column(detail, 44));
    format!("  {sign} {label} {what} {detail}  {}", style.dim(why)).trim_end().to_owned()
}

pub(super) fn persona(attributes: &AttributeSet) -> String {
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
            format!("{people} whose username in Connect is not the directory's; it stays for now (--all says why)")
        }
        FindingCode::CaseDiffers => format!("{people} matched by a username that differs in case"),
        FindingCode::DriftLeftAlone => format!("{people} changed by hand in Connect; left alone as configured"),
        FindingCode::Foreign => {
            format!("{} that no person claims; never touched", count(n, "Connect user", "Connect users"))
        }
        FindingCode::DetailsUnread => format!("{people} whose e-mail or mobile in Connect is still to be read"),
        FindingCode::FieldLeftOut => format!("{people} with a field that Connect would refuse; left out"),
        FindingCode::CallFailed => format!("{people} for whom Connect refused something; tried again ever more rarely"),
        FindingCode::Shadowed => format!("{people} known to several directories; the first one decides"),
        FindingCode::SourceNote => format!("{} said by the directories themselves", count(n, "thing", "things")),
        FindingCode::Unproven => format!("{people} missing, and the directory's answer proves nothing"),
        FindingCode::NotUndone => format!("{people} with something that was not taken back"),
        FindingCode::KeptUndone => format!("{people} kept as they are, because a run was taken back"),
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
