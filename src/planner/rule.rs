//! Conditions: whether a mapping applies to a person, the condition as text, and why it does or does not hold.
//!
//! Conditions are prepared once per plan (folded texts, groups by key) and then asked for everybody.
//!
//! Invariant: `why` speaks about the same evaluation as `holds`; both walk the same prepared condition.

use std::borrow::Cow;
use std::collections::BTreeSet;

use connectors::attributes::SEPARATOR;
use connectors::{AttributeName, DirectoryUser, GroupKey};

use super::fold::fold;
use super::rules::{Condition, TextTest};
use crate::model::DirectoryView;

/// What conditions ask about one person, folded once.
pub(super) struct Facts<'a> {
    /// The person.
    pub(super) user: &'a DirectoryUser,
    /// The department as the directory has it.
    pub(super) department: Option<&'a str>,
    folded_department: Option<Cow<'a, str>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(user: &'a DirectoryUser, department: &AttributeName) -> Self {
        let department = user.attribute(department);
        Self { user, department, folded_department: department.map(fold) }
    }
}

/// A prepared condition.
pub(super) enum Test<'a> {
    Always,
    Department { spelled: &'a [String], folded: BTreeSet<String> },
    Group { spelled: &'a str, keys: BTreeSet<&'a GroupKey> },
    Attribute { name: &'a AttributeName, test: TextForm },
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

/// A prepared comparison: the folded texts, and its wording.
pub(super) struct TextForm {
    folded: Folded,
    text: String,
}

enum Folded {
    Equals(BTreeSet<String>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Present(bool),
}

impl<'a> Test<'a> {
    /// Prepares a condition. A group that nobody follows holds for nobody; the lint names it.
    pub(super) fn new(condition: &'a Condition, directory: &'a DirectoryView) -> Self {
        let all = |list: &'a [Condition]| list.iter().map(|inner| Self::new(inner, directory)).collect();
        match condition {
            Condition::Always => Self::Always,
            Condition::Department(spelled) => {
                Self::Department { spelled, folded: spelled.iter().map(|text| fold(text).into_owned()).collect() }
            }
            Condition::Group(spelled) => Self::Group { spelled, keys: group_keys(spelled, directory) },
            Condition::Attribute { name, test } => Self::Attribute { name, test: TextForm::new(test) },
            Condition::All(list) => Self::All(all(list)),
            Condition::Any(list) => Self::Any(all(list)),
            Condition::Not(inner) => Self::Not(Box::new(Self::new(inner, directory))),
        }
    }

    /// Whether the condition holds for this person.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Department { folded, .. } => {
                facts.folded_department.as_ref().is_some_and(|have| folded.contains(have.as_ref()))
            }
            Self::Group { keys, .. } => keys.iter().any(|key| facts.user.groups.contains(*key)),
            Self::Attribute { name, test } => test.holds(facts.user.attribute(name)),
            Self::All(list) => list.iter().all(|inner| inner.holds(facts)),
            Self::Any(list) => list.iter().any(|inner| inner.holds(facts)),
            Self::Not(inner) => !inner.holds(facts),
        }
    }

    /// Why it holds, or why it does not.
    pub(super) fn why(&self, facts: &Facts<'_>) -> String {
        match self {
            Self::Always => "applies to everybody".to_owned(),
            Self::Department { spelled, .. } => match facts.department {
                None => "no department".to_owned(),
                Some(have) if self.holds(facts) => format!("department \"{have}\""),
                Some(have) => format!("department is \"{have}\", not {}", either(spelled)),
            },
            Self::Group { spelled, keys } => match (keys.is_empty(), self.holds(facts)) {
                (true, _) => format!("no group {spelled} is known"),
                (false, true) => format!("group {spelled}"),
                (false, false) => format!("not in group {spelled}"),
            },
            Self::Attribute { name, test } => match facts.user.attribute(name) {
                None => format!("no {name}"),
                Some(have) if test.holds(Some(have)) => format!("{name} \"{}\" {}", one_line(have), test.text),
                Some(have) => format!("{name} is \"{}\", the rule wants: {}", one_line(have), test.text),
            },
            Self::All(list) => match list.iter().find(|inner| !inner.holds(facts)) {
                Some(failing) => failing.why(facts),
                None => joined(list.iter().map(|inner| inner.why(facts)), " and "),
            },
            Self::Any(list) => match list.iter().find(|inner| inner.holds(facts)) {
                Some(holding) => holding.why(facts),
                None => joined(list.iter().map(|inner| inner.why(facts)), "; "),
            },
            Self::Not(inner) if inner.holds(facts) => format!("excluded: {}", inner.why(facts)),
            Self::Not(inner) => inner.why(facts),
        }
    }
}

impl TextForm {
    fn new(test: &TextTest) -> Self {
        let one = |text: &str| fold(text).into_owned();
        let folded = match test {
            TextTest::Equals(list) => Folded::Equals(list.iter().map(|text| one(text)).collect()),
            TextTest::StartsWith(text) => Folded::StartsWith(one(text)),
            TextTest::EndsWith(text) => Folded::EndsWith(one(text)),
            TextTest::Contains(text) => Folded::Contains(one(text)),
            TextTest::Present(wanted) => Folded::Present(*wanted),
        };
        Self { folded, text: test_text(test) }
    }

    /// Whether it holds for the value; of several values, for any of them.
    fn holds(&self, have: Option<&str>) -> bool {
        match (&self.folded, have) {
            (Folded::Present(wanted), have) => have.is_some() == *wanted,
            (_, None) => false,
            (test, Some(have)) => have.split(SEPARATOR).map(fold).any(|one| match test {
                Folded::Equals(set) => set.contains(one.as_ref()),
                Folded::StartsWith(text) => one.starts_with(text.as_str()),
                Folded::EndsWith(text) => one.ends_with(text.as_str()),
                Folded::Contains(text) => one.contains(text.as_str()),
                Folded::Present(_) => true,
            }),
        }
    }
}

/// A condition as a person reads it.
#[must_use]
pub fn text(condition: &Condition) -> String {
    let list = |list: &[Condition], by: &str| {
        let parts: Vec<String> = list.iter().map(text).collect();
        if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(by)) }
    };
    match condition {
        Condition::Always => "everybody".to_owned(),
        Condition::Department(names) => format!("department {}", either(names)),
        Condition::Group(name) => format!("group {name}"),
        Condition::Attribute { name, test } => format!("{name} {}", test_text(test)),
        Condition::All(parts) => list(parts, " and "),
        Condition::Any(parts) => list(parts, " or "),
        Condition::Not(inner) => format!("not {}", text(inner)),
    }
}

fn test_text(test: &TextTest) -> String {
    match test {
        TextTest::Equals(list) => format!("is {}", joined(list.iter().map(|text| format!("\"{text}\"")), " or ")),
        TextTest::StartsWith(text) => format!("starts with \"{text}\""),
        TextTest::EndsWith(text) => format!("ends with \"{text}\""),
        TextTest::Contains(text) => format!("contains \"{text}\""),
        TextTest::Present(true) => "has a value".to_owned(),
        TextTest::Present(false) => "has no value".to_owned(),
    }
}

/// An attribute's value on one line, several values separated by commas.
#[must_use]
pub fn one_line(value: &str) -> Cow<'_, str> {
    if value.contains(SEPARATOR) { Cow::Owned(value.replace(SEPARATOR, ", ")) } else { Cow::Borrowed(value) }
}

fn either(names: &[String]) -> String {
    names.join(" or ")
}

fn joined(parts: impl Iterator<Item = String>, by: &str) -> String {
    parts.collect::<Vec<_>>().join(by)
}

/// Groups that a rule's text names, by id or by display name.
pub(super) fn group_keys<'a>(spelled: &str, directory: &'a DirectoryView) -> BTreeSet<&'a GroupKey> {
    let wanted = fold(spelled);
    directory
        .groups
        .iter()
        .filter(|(key, group)| {
            key.id.as_str() == spelled || group.name.as_deref().is_some_and(|name| fold(name) == wanted)
        })
        .map(|(key, _)| key)
        .collect()
}

/// The department names a condition asks for, as spelled.
pub(super) fn departments(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::Department(names) => names.iter().map(String::as_str).collect(),
        Condition::All(list) | Condition::Any(list) => list.iter().flat_map(departments).collect(),
        Condition::Not(_) | Condition::Always | Condition::Group(_) | Condition::Attribute { .. } => Vec::new(),
    }
}

/// The group names or ids a condition asks for, as spelled.
#[must_use]
pub fn groups(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::Group(name) => vec![name],
        Condition::All(list) | Condition::Any(list) => list.iter().flat_map(groups).collect(),
        Condition::Not(inner) => groups(inner),
        Condition::Always | Condition::Department(_) | Condition::Attribute { .. } => Vec::new(),
    }
}

/// The attributes a condition compares. The department is not among them: which attribute that is, the fields say.
#[must_use]
pub fn attributes(condition: &Condition) -> Vec<&AttributeName> {
    match condition {
        Condition::Attribute { name, test: _ } => vec![name],
        Condition::All(list) | Condition::Any(list) => list.iter().flat_map(attributes).collect(),
        Condition::Not(inner) => attributes(inner),
        Condition::Always | Condition::Department(_) | Condition::Group(_) => Vec::new(),
    }
}
