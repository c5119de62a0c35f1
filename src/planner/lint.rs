//! Rule lint: who gets what from which rule, what matches nobody, which names do not exist, and the rules' own examples.

use std::collections::{BTreeMap, BTreeSet};

use connectors::attributes::{ENTITLEMENTS, ROLES, SEPARATOR};
use connectors::{AttributeName, Attributes, DirectoryGroup, DirectoryUser, GroupKey, PersonKey, SourceName, Standing};

use super::fold::{fold, nearest};
use super::human::Humans;
use super::leaver::Presence;
use super::mapping::{Broken, Compiled, DEFAULT, Gives, Wish};
use super::rule::{self, Facts};
use super::rules::{Example, Mapping, Persona, Rules, SourceRules};
use super::{Notes, listed};
use crate::model::{Attribute, Catalogue, DirectoryView, IdentityManagement, Observation, ResourceId, Value};

/// One rule over everybody in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCoverage {
    /// Its name; `(default)` for the default persona.
    pub rule: String,
    /// When it applies, as text.
    pub when: String,
    /// People it applies to.
    pub people: u32,
    /// The same by source; sources without anybody are missing.
    pub by_source: BTreeMap<SourceName, u32>,
    /// What it gives, as text.
    pub gives: String,
}

/// A department no rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedDepartment {
    /// As most of its people have it; `None`: people without a department.
    pub department: Option<String>,
    /// People in it.
    pub people: u32,
    /// The same by source; worth showing where the sources differ.
    pub by_source: BTreeMap<SourceName, u32>,
    /// The closest department of a rule, and the rule.
    pub nearest: Option<(String, String)>,
}

/// One source over its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCoverage {
    /// Its name.
    pub source: SourceName,
    /// People who are active, in scope and decided by this source.
    pub people: u32,
    /// People who are known to a source that comes first, which decides.
    pub shadowed: u32,
}

/// Something in the rules that somebody should correct.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The rules over everybody in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Sources in the order of precedence.
    pub sources: Vec<SourceCoverage>,
    /// Rules in order, the default persona last.
    pub rules: Vec<RuleCoverage>,
    /// Departments without a rule, largest first.
    pub departments: Vec<UnmappedDepartment>,
    /// Names that do not exist, rules that match nobody.
    pub problems: Vec<Problem>,
}

/// The rules over everybody who is active and in scope.
#[must_use]
pub fn coverage(seen: &Observation, rules: &Rules) -> Coverage {
    coverage_with(seen, rules, &mut |_| {})
}

/// Whom a number of [`Coverage`] is about.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    /// The person.
    pub person: &'a PersonKey,
    /// The rules that apply, in order; `(default)` for the default persona.
    pub rules: &'a [&'a str],
    /// The department as the record has it, if no rule speaks of it: `Some(None)` is a person without a department.
    pub unmapped: Option<Option<&'a str>>,
}

/// The same, telling of everybody who is counted.
#[must_use]
pub fn coverage_with(seen: &Observation, rules: &Rules, told: &mut dyn FnMut(Covered<'_>)) -> Coverage {
    let identity = seen.connect.instance.identity_management;
    let compiled = Compiled::new(rules, &seen.connect.catalogue, &seen.directory, identity);
    let candidates = super::candidates(seen, rules);
    let humans = Humans::of(seen, rules, &candidates);
    let mut sources: BTreeMap<&SourceName, (u32, u32)> = BTreeMap::new();
    let mut people: BTreeMap<&str, BySource> = BTreeMap::new();
    let mut unmapped: BTreeMap<Option<String>, (Option<&str>, BySource)> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let person = candidate.user;
        let counts = sources.entry(&person.key.source).or_default();
        if !humans.acts(at) {
            counts.1 += 1;
            continue;
        }
        if !matches!(candidate.presence, Presence::Here) {
            continue;
        }
        counts.0 += 1;
        let facts = Facts::new(person, &rules.fields.department);
        let wish = compiled.wish(&facts, &mut Notes::new(&person.key, ""));
        for rule in &wish.rules {
            *people.entry(rule).or_default().entry(person.key.source.clone()).or_default() += 1;
        }
        let without = wish.unmapped || wish.rules.is_empty();
        told(Covered { person: &person.key, rules: &wish.rules, unmapped: without.then_some(facts.department) });
        if without {
            let department = facts.department.map(|text| fold(text).into_owned());
            let (_, counts) = unmapped.entry(department).or_insert((facts.department, BySource::new()));
            *counts.entry(person.key.source.clone()).or_default() += 1;
        }
    }
    let rows = rows(rules, &people);
    let mut problems: Vec<Problem> = unknown_names(&compiled).into_iter().collect();
    problems.extend(unknown_groups(rules, &seen.directory));
    let idle = |name: &str| rows.iter().any(|row| row.people == 0 && row.rule == name);
    problems.extend(rules.mappings.iter().filter(|mapping| idle(&mapping.name)).map(matches_nobody));
    let sources = (rules.sources.iter())
        .map(|SourceRules { name, .. }| {
            let (people, shadowed) = sources.get(name).copied().unwrap_or_default();
            SourceCoverage { source: name.clone(), people, shadowed }
        })
        .collect();
    Coverage { sources, rules: rows, departments: departments(rules, unmapped), problems }
}

/// Names in the rules that do not exist in this catalogue.
#[must_use]
pub fn missing_names(rules: &Rules, catalogue: &Catalogue, identity: IdentityManagement) -> Vec<Problem> {
    let nobody = DirectoryView::default();
    unknown_names(&Compiled::new(rules, catalogue, &nobody, identity)).into_iter().collect()
}

/// People by source.
type BySource = BTreeMap<SourceName, u32>;

fn rows(rules: &Rules, people: &BTreeMap<&str, BySource>) -> Vec<RuleCoverage> {
    let by_source = |name: &str| people.get(name).cloned().unwrap_or_default();
    let count = |name: &str| by_source(name).values().sum();
    let mappings = rules.mappings.iter().map(|mapping| RuleCoverage {
        rule: mapping.name.clone(),
        when: rule::text(&mapping.when),
        people: count(&mapping.name),
        by_source: by_source(&mapping.name),
        gives: gives(&mapping.gives),
    });
    let default = rules.default.iter().map(|persona| RuleCoverage {
        rule: DEFAULT.to_owned(),
        when: "nothing else gives a routing profile".to_owned(),
        people: count(DEFAULT),
        by_source: by_source(DEFAULT),
        gives: gives(persona),
    });
    mappings.chain(default).collect()
}

fn departments(rules: &Rules, unmapped: BTreeMap<Option<String>, (Option<&str>, BySource)>) -> Vec<UnmappedDepartment> {
    let spelled: Vec<(&str, &str)> = rules
        .mappings
        .iter()
        .flat_map(|mapping| rule::departments(&mapping.when).into_iter().map(|name| (name, mapping.name.as_str())))
        .collect();
    let near = |department: &str| {
        let name = nearest(department, spelled.iter().map(|(name, _)| *name))?;
        let (_, rule) = spelled.iter().find(|(spelled, _)| *spelled == name)?;
        Some((name.to_owned(), (*rule).to_owned()))
    };
    let mut departments: Vec<UnmappedDepartment> = unmapped
        .into_values()
        .map(|(department, by_source)| UnmappedDepartment {
            department: department.map(str::to_owned),
            people: by_source.values().sum(),
            by_source,
            nearest: department.and_then(near),
        })
        .collect();
    departments.sort_by_key(|department| std::cmp::Reverse(department.people));
    departments
}

/// A rule that applies to nobody.
pub(super) fn matches_nobody(mapping: &Mapping) -> Problem {
    Problem {
        message: format!("rule \"{}\" matches nobody", mapping.name),
        hint: format!("remove it, or check its condition: {}", rule::text(&mapping.when)),
    }
}

/// Names in prepared rules that do not exist.
pub(super) fn unknown_names(compiled: &Compiled<'_>) -> BTreeSet<Problem> {
    let mappings = compiled.mappings.iter().map(|mapping| &mapping.gives);
    let all = mappings.chain(&compiled.default).chain(compiled.user_types.values()).chain(&compiled.suspended);
    let broken = all.flat_map(|gives: &Gives<'_>| &gives.broken);
    broken.map(|Broken { message, hint }| Problem { message: message.clone(), hint: hint.clone() }).collect()
}

fn unknown_groups(rules: &Rules, directory: &DirectoryView) -> BTreeSet<Problem> {
    let unknown = |group: &&str| rule::group_keys(group, directory).is_empty();
    let of = |mapping| move |group| unknown_group(mapping, group, directory);
    let mappings = rules.mappings.iter();
    mappings.flat_map(|mapping| rule::groups(&mapping.when).into_iter().filter(unknown).map(of(mapping))).collect()
}

/// A group that a rule names and nobody knows.
pub(super) fn unknown_group(mapping: &Mapping, group: &str, directory: &DirectoryView) -> Problem {
    let names = directory.groups.values().filter_map(|group| group.name.as_deref());
    Problem {
        message: format!("rule \"{}\" (line {}): group \"{group}\" is not known", mapping.name, mapping.line),
        hint: match nearest(group, names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "check the group's name in the directory".to_owned(),
        },
    }
}

/// What a persona gives, as text: `Agent · Care Voice · supervisor`, or `+ CallCenterManager` where it only adds.
#[must_use]
pub fn gives(persona: &Persona) -> String {
    let Persona { security_profiles, routing_profile, user_type, hierarchy, tags, phone } = persona;
    let mut parts = Vec::new();
    if !security_profiles.is_empty() {
        let adds = if routing_profile.is_none() { "+ " } else { "" };
        parts.push(format!("{adds}{}", security_profiles.join(", ")));
    }
    parts.extend([routing_profile, user_type, hierarchy].into_iter().flatten().cloned());
    parts.extend(tags.iter().map(|(key, value)| format!("{key}={value}")));
    match phone.desk_phone {
        Some(true) => parts.push("desk phone".to_owned()),
        Some(false) => parts.push("soft phone".to_owned()),
        None => {}
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(" · ") }
}

/// What became of one `[[example]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleResult {
    /// The line it starts at.
    pub line: usize,
    /// What differs, one line each; empty: it passes.
    pub differs: Vec<String>,
}

impl ExampleResult {
    /// Whether it passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.differs.is_empty()
    }
}

/// Runs the rules' own tests, without looking at Connect: every name counts as existing.
#[must_use]
pub fn check_examples(rules: &Rules, examples: &[Example]) -> Vec<ExampleResult> {
    let catalogue = every_name(rules, examples);
    let mut directory = DirectoryView::default();
    for name in examples.iter().flat_map(|example| &example.groups) {
        let key = GroupKey::new("example", name.as_str());
        let group = DirectoryGroup { id: key.id.clone(), name: Some(name.clone()) };
        directory.groups.insert(key, group);
    }
    let compiled = Compiled::new(rules, &catalogue, &directory, IdentityManagement::Saml);
    examples.iter().map(|example| check(&compiled, &directory, example)).collect()
}

fn check(compiled: &Compiled<'_>, directory: &DirectoryView, example: &Example) -> ExampleResult {
    let Example { line, source: _, given, groups, expect } = example;
    let source = match source_of(compiled.rules, example) {
        Ok(source) => source,
        Err(differs) => return ExampleResult { line: *line, differs: vec![differs] },
    };
    let user = DirectoryUser {
        key: PersonKey::new(source, "example"),
        attributes: given.iter().map(|(name, value)| (name.clone(), value.as_str())).collect::<Attributes>(),
        groups: groups.iter().flat_map(|name| rule::group_keys(name, directory)).cloned().collect(),
        standing: Standing::Active,
        unreadable: None,
    };
    let mut notes = Notes::new(&user.key, "example");
    let wish = compiled.wish(&Facts::new(&user, &compiled.rules.fields.department), &mut notes);
    let mut differs = Vec::new();
    compare(&wish, expect, &mut differs);
    ExampleResult { line: *line, differs }
}

/// Where the made-up person comes from.
fn source_of(rules: &Rules, example: &Example) -> Result<SourceName, String> {
    if let Some(source) = &example.source {
        let known = rules.rank(source).is_some();
        return if known { Ok(source.clone()) } else { Err(format!("source {source} is not configured")) };
    }
    let profile = [ENTITLEMENTS, ROLES].iter().any(|name| example.given.contains_key(&AttributeName::from(*name)));
    let fits = |source: &&SourceRules| source.application_profile || !profile;
    let first = rules.sources.iter().find(fits).or(rules.sources.first());
    Ok(first.map_or_else(|| "example".into(), |source| source.name.clone()))
}

/// Only what the example sets is compared.
fn compare(wish: &Wish<'_>, expect: &Persona, differs: &mut Vec<String>) {
    let Persona { security_profiles, routing_profile, user_type, hierarchy, tags, phone } = expect;
    let mut same = |what: &str, expected: String, found: Option<String>| {
        if found.as_deref() != Some(&expected) {
            differs
                .push(format!("{what}: expected {expected}, the rules give {}", found.as_deref().unwrap_or("nothing")));
        }
    };
    let found = |attribute| wish.attributes.get(attribute).map(ToString::to_string).filter(|text| !text.is_empty());
    if !security_profiles.is_empty() {
        let names: BTreeSet<&str> = security_profiles.iter().map(String::as_str).collect();
        let expected = names.into_iter().collect::<Vec<_>>().join(", ");
        same("security_profiles", expected, found(Attribute::SecurityProfiles));
    }
    if let Some(name) = routing_profile {
        same("routing_profile", name.clone(), found(Attribute::RoutingProfile));
    }
    if let Some(name) = user_type {
        same("user_type", name.clone(), wish.user_type.map(str::to_owned));
    }
    if let Some(path) = hierarchy {
        same("hierarchy", path.clone(), found(Attribute::HierarchyGroup));
    }
    let given = match wish.attributes.get(Attribute::Tags) {
        Some(Value::Tags(tags)) => tags.clone(),
        _ => BTreeMap::new(),
    };
    for (key, value) in tags {
        same(&format!("tag {key}"), value.clone(), given.get(key).cloned());
    }
    let phone_type = phone.desk_phone.map(|desk| if desk { "DESK_PHONE" } else { "SOFT_PHONE" }.to_owned());
    let flag = |flag: Option<bool>| flag.map(|flag| Value::Flag(flag).to_string());
    for (attribute, expected) in [
        (Attribute::PhoneType, phone_type),
        (Attribute::AutoAccept, flag(phone.auto_accept)),
        (Attribute::AfterContactWorkSecs, phone.after_contact_work_secs.map(|secs| Value::Seconds(secs).to_string())),
        (Attribute::PersistentConnection, flag(phone.persistent_connection)),
    ] {
        if let Some(expected) = expected {
            same(attribute.name(), expected, found(attribute));
        }
    }
}

/// A catalogue in which everything the rules name exists, each thing with its name as its id.
fn every_name(rules: &Rules, examples: &[Example]) -> Catalogue {
    let ids = |names: BTreeSet<&str>| -> BTreeMap<String, ResourceId> {
        names.into_iter().map(|name| (name.to_owned(), ResourceId::from(name))).collect()
    };
    let personas = || rules.mappings.iter().map(|mapping| &mapping.gives).chain(&rules.default);
    let mut security: BTreeSet<&str> = personas().flat_map(|p| &p.security_profiles).map(String::as_str).collect();
    security.extend(rules.user_types.values().flat_map(|extras| &extras.security_profiles).map(String::as_str));
    if rules.departments_are_security_profiles {
        let departments = examples.iter().filter_map(|example| example.given.get(&rules.fields.department));
        security.extend(departments.flat_map(|text| text.split(',')).map(str::trim));
    }
    let given = |name: &str| {
        let name = AttributeName::from(name);
        examples.iter().filter_map(move |example| example.given.get(&name))
    };
    security.extend(given(ENTITLEMENTS).flat_map(|text| listed::entitlements(text)).map(str::trim));
    let mut routing: BTreeSet<&str> = personas().filter_map(|p| p.routing_profile.as_deref()).collect();
    routing.extend(given(ROLES).flat_map(|text| text.split(SEPARATOR)).map(str::trim));
    Catalogue {
        security_profiles: ids(security),
        routing_profiles: ids(routing),
        hierarchy_groups: ids(personas().filter_map(|p| p.hierarchy.as_deref()).collect()),
    }
}
