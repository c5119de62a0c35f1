//! What a plan does to people, in words: one fate for everybody it touches, and each of its parts in a line.
//!
//! Plain data; the command line and the console render it.
//!
//! Invariant: everybody a plan touches has one [`Fate`], the weightiest: who leaves is not listed as changed.
//! Invariant: nothing that is told here is part of a digest, so that wording may change.
//! Deliberately absent: colour, columns, markup.

use std::collections::BTreeMap;

use connectors::PersonKey;

use crate::model::words::{self, count, number};
use crate::model::{
    Action, Attribute, AttributeSet, Change, Facet, FacetUpdate, FindingCode, Operation, Plan, Reason, Time, Value,
};

/// What happens to somebody. In the order of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Gets a Connect user.
    Join,
    /// Something of the Connect user changes.
    Change,
    /// Loses access.
    Leave,
    /// Gets another user in place of the one with the former username.
    Rename,
    /// Has a Connect user that becomes ours.
    Adopt,
}

impl Kind {
    /// The sign that stands before it.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Join => '+',
            Self::Change => '~',
            Self::Leave => '-',
            Self::Rename => '>',
            Self::Adopt => '=',
        }
    }
}

/// What happens to one person, all changes together.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate<'a> {
    /// What, as a whole.
    pub kind: Kind,
    /// The changes, in the plan's order; at least one.
    pub changes: Vec<&'a Change>,
}

/// A fate or a change as one line: sign, person, what, detail, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// See [`Kind::sign`].
    pub sign: char,
    /// The person.
    pub label: String,
    /// In a word: `join`, `routing`, `suspended`.
    pub what: String,
    /// Before and after.
    pub detail: String,
    /// Why.
    pub why: String,
}

/// Everybody the plan touches, each once, in the plan's order within a kind.
#[must_use]
pub fn fates(plan: &Plan) -> BTreeMap<Kind, Vec<Fate<'_>>> {
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

impl Fate<'_> {
    /// As one line.
    #[must_use]
    pub fn told(&self, now: Time) -> Told {
        let Self { kind, changes } = self;
        let updates = || {
            changes.iter().filter_map(|change| match &change.action {
                Action::Update(update) => Some(&**update),
                _ => None,
            })
        };
        let differences = || updates().map(|update| (update.facet.short(), difference(update)));
        let (what, detail) = match kind {
            Kind::Join => return told(changes[0], now),
            Kind::Rename => {
                let from = changes.iter().find_map(|change| match &change.because {
                    Reason::Renamed { from, .. } => Some(from.as_str()),
                    _ => None,
                });
                let calls = count(changes.len(), "call", "calls");
                ("renamed".to_owned(), format!("was {}, {calls}", from.unwrap_or_default()))
            }
            Kind::Leave => {
                let deleted = changes.iter().find_map(|change| match &change.action {
                    Action::Delete { before, .. } if deletes(change) => Some(persona(before)),
                    _ => None,
                });
                let mut before = AttributeSet::default();
                updates().for_each(|update| before.extend(&update.before));
                let what = if deleted.is_some() { "deleted" } else { "suspended" };
                (what.to_owned(), format!("was {}", deleted.unwrap_or_else(|| persona(&before))))
            }
            Kind::Adopt => {
                let parts: Vec<String> = differences().map(|(_, text)| text).collect();
                let detail = if parts.is_empty() { "as it is".to_owned() } else { parts.join(" · ") };
                ("adopt".to_owned(), detail)
            }
            Kind::Change => {
                let facets: Vec<&str> = differences().map(|(facet, _)| facet).collect();
                let parts: Vec<String> = differences().map(|(_, text)| text).collect();
                let what = if let [one] = facets[..] { one.to_owned() } else { format!("{} facets", facets.len()) };
                (what, parts.join(" · "))
            }
        };
        Told { sign: kind.sign(), label: changes[0].label.clone(), what, detail, why: reason(&changes[0].because, now) }
    }
}

/// One change as one line.
#[must_use]
pub fn told(change: &Change, now: Time) -> Told {
    let renamed = matches!(change.because, Reason::Renamed { .. });
    let (sign, what, detail) = match &change.action {
        Action::Create(desired) if renamed => ('+', "renamed", persona(&desired.attributes)),
        Action::Create(desired) => ('+', "join", persona(&desired.attributes)),
        Action::Adopt { username } => ('=', "adopt", format!("Connect user {username}")),
        Action::Update(update) if matches!(change.because, Reason::Left { .. }) => {
            ('-', "suspended", format!("was {}", persona(&update.before)))
        }
        Action::Update(update) => ('~', update.facet.short(), difference(update)),
        Action::MoveQuickConnect(step) => ('>', "moved", format!("quick connect {}", step.named.name)),
        Action::Delete { before, .. } => {
            ('-', if renamed { "retired" } else { "deleted" }, format!("was {}", persona(before)))
        }
        Action::DeleteQuickConnect(named) => ('-', "deleted", format!("quick connect {}", named.name)),
    };
    let (label, what, why) = (change.label.clone(), what.to_owned(), reason(&change.because, now));
    Told { sign, label, what, detail, why }
}

/// Security and routing profiles: `Agent · Care Voice`.
#[must_use]
pub fn persona(attributes: &AttributeSet) -> String {
    let shown: Vec<String> = [Attribute::SecurityProfiles, Attribute::RoutingProfile]
        .iter()
        .filter_map(|attribute| attributes.get(*attribute))
        .map(ToString::to_string)
        .collect();
    shown.join(" · ")
}

/// What a plan writes to one facet of one person, an update each.
#[must_use]
pub fn updates(plan: &Plan, person: &PersonKey, facet: Facet) -> Vec<String> {
    let update = |change: &Change| match &change.action {
        Action::Update(update) if update.facet == facet => Some(difference(update)),
        _ => None,
    };
    plan.of(person).filter_map(update).collect()
}

/// From one value to another, short.
#[must_use]
pub fn between(attribute: Attribute, before: Option<&Value>, after: &Value) -> String {
    match (before, after) {
        (Some(Value::NamedSet(before)), Value::NamedSet(after)) => {
            let added = after.difference(before).map(|named| format!("+ {}", named.name));
            let gone = before.difference(after).map(|named| format!("- {}", named.name));
            added.chain(gone).collect::<Vec<_>>().join(" ")
        }
        (Some(before), after) if matches!(attribute.facet(), Facet::Identity | Facet::Phone) => {
            format!("{} {before} → {after}", attribute.name())
        }
        (Some(before), after) => format!("{before} → {after}"),
        (None, after) => format!("{} → {after}", attribute.name()),
    }
}

/// What one update makes different: `Care Voice → Sales Voice`, `+ CallCenterManager`.
#[must_use]
pub fn difference(update: &FacetUpdate) -> String {
    let mut parts = Vec::new();
    if !update.untag.is_empty() {
        parts.push(format!("remove {}", update.untag.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    for (attribute, after) in update.wished.iter().filter(|_| update.untag.is_empty()) {
        let before = update.before.get(attribute);
        if before != Some(after) {
            parts.push(between(attribute, before, after));
        }
    }
    parts.join(", ")
}

/// Why something is planned, as the last column of a plan says it.
#[must_use]
pub fn reason(because: &Reason, now: Time) -> String {
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
        Reason::Left { why, since } => format!("{why}, seen {}", words::relative(*since, now)),
        Reason::Returned => "is back".to_owned(),
        Reason::Adopted { by } => format!("same {}", by.replace('_', " ")),
        Reason::Rebound { from } => format!("re-hired: was {from}"),
        Reason::HandedOver { from } => format!("handed over: was {from}"),
        Reason::Renamed { from, to, .. } => format!("{from} is {to} now"),
        Reason::Undone { .. } => "taken back".to_owned(),
    }
}

/// A leaver's user; what a rename deletes is another matter.
fn deletes(change: &Change) -> bool {
    matches!(change.action, Action::Delete { .. }) && matches!(change.because, Reason::Left { .. })
}

/// One line about all fates of a kind: by rule, by facet, by reason, by cost.
#[must_use]
pub fn summed(kind: Kind, fates: &[Fate<'_>]) -> String {
    match kind {
        Kind::Join => by_rule(fates),
        Kind::Change => by_facet(fates),
        Kind::Leave => by_reason(fates),
        Kind::Rename => costs(fates.iter().flat_map(|fate| fate.changes.iter().copied())),
        Kind::Adopt => adopted(fates),
    }
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

fn adopted(fates: &[Fate<'_>]) -> String {
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

fn by_reason(leaving: &[Fate<'_>]) -> String {
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

/// What all renames of a plan cost, by operation.
#[must_use]
pub fn costs<'a>(changes: impl Iterator<Item = &'a Change>) -> String {
    let mut calls: BTreeMap<Operation, usize> = BTreeMap::new();
    for change in changes {
        *calls.entry(change.action.operation()).or_default() += 1;
    }
    let parts: Vec<String> = calls.iter().map(|(operation, n)| format!("{operation} {n}")).collect();
    format!("a new user each, and the old one deleted: {}", parts.join(" · "))
}

/// What findings that hold nobody say together, by kind.
#[must_use]
pub fn noted(code: FindingCode, n: usize) -> String {
    let people = count(n, "person", "people");
    match code {
        FindingCode::BadPhone => format!("{people} with a phone number that is none; left out"),
        FindingCode::UnmappedDepartment => format!("{people} whose department has no rule get the default persona"),
        FindingCode::Rename => {
            format!("{people} whose username in Connect is not the directory's; it stays for now")
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

/// Calls and time: `50 calls, at least 12 s (busiest: CreateUser 14)`.
#[must_use]
pub fn forecast(plan: &Plan) -> String {
    let total: u32 = plan.forecast.calls.values().sum();
    let calls = count(total as usize, "call", "calls");
    match plan.forecast.busiest {
        Some(busiest) => format!(
            "{calls}, at least {} (busiest: {busiest} {})",
            words::millis(plan.forecast.least_millis),
            number(plan.forecast.calls.get(&busiest).copied().unwrap_or(0))
        ),
        None => calls,
    }
}
