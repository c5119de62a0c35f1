//! Everybody in one list that is searched from memory: 100,000 people in some milliseconds, whatever is asked.
//!
//! Invariant: made anew from each plan, never changed; as large as the directory, about 300 bytes a person.
//! Deliberately absent: fuzzy matching. Who types a part of a name, in whatever case and with whatever accents, finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connectors::{DirectoryUser, PersonKey, SourceName, attributes};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::model::{Decision, Observation, Plan};
use crate::planner::rules::FieldMapping;
use crate::planner::{self, Covered};

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Is {
    Held,
    Resting,
    Changing,
    Leaving,
    NotRead,
    InAgreement,
    Shadowed,
    OutOfScope,
}

impl Is {
    pub(super) const ALL: [Self; 8] = [
        Self::Held,
        Self::Resting,
        Self::Changing,
        Self::Leaving,
        Self::NotRead,
        Self::InAgreement,
        Self::Shadowed,
        Self::OutOfScope,
    ];

    fn of(decision: Option<&Decision>) -> Self {
        match decision {
            Some(Decision::Quarantined(_)) => Self::Held,
            Some(Decision::Resting { .. }) => Self::Resting,
            Some(Decision::Changes { .. }) => Self::Changing,
            Some(Decision::Waiting { .. }) => Self::Leaving,
            Some(Decision::NotObserved { .. }) | None => Self::NotRead,
            Some(Decision::InSync) => Self::InAgreement,
            Some(Decision::Shadowed { .. }) => Self::Shadowed,
            Some(Decision::OutOfScope { .. }) => Self::OutOfScope,
        }
    }

    /// As it stands in an address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Resting => "resting",
            Self::Changing => "changing",
            Self::Leaving => "leaving",
            Self::NotRead => "not-read",
            Self::InAgreement => "in-agreement",
            Self::Shadowed => "shadowed",
            Self::OutOfScope => "out-of-scope",
        }
    }

    /// As people read it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Resting => "refused by Connect",
            Self::Changing => "changes in the next run",
            Self::Leaving => "on the way out",
            Self::NotRead => "nothing may be concluded",
            Self::InAgreement => "in agreement",
            Self::Shadowed => "decided by another source",
            Self::OutOfScope => "no user wanted",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|is| is.name() == name)
    }
}

/// One person.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: PersonKey,
    /// The username, or the key where there is none.
    pub(super) label: Box<str>,
    /// The name people go by; may be empty.
    pub(super) name: Box<str>,
    pub(super) department: Arc<str>,
    pub(super) is: Is,
    /// Rules that apply, by their place in the index.
    rules: Box<[u16]>,
    /// Whether no rule speaks of the department.
    unmapped: bool,
    /// Everything that a search looks at, folded.
    text: Box<str>,
}

/// By which column people are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Username,
    Name,
    Department,
    State,
}

impl Sort {
    /// By the name of its column.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "username" => Some(Self::Username),
            "name" => Some(Self::Name),
            "department" => Some(Self::Department),
            "state" => Some(Self::State),
            _ => None,
        }
    }
}

/// Who is looked for. Whatever is absent does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Words that all must occur in username, name, address, department or key.
    pub(super) words: String,
    pub(super) is: Option<Is>,
    pub(super) rule: Option<String>,
    /// A department; empty: people without one.
    pub(super) department: Option<String>,
    /// Only people whose department has no rule.
    pub(super) unmapped: bool,
    pub(super) source: Option<String>,
    pub(super) sort: Sort,
    pub(super) descending: bool,
}

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Vec<Row>,
    by_name: Box<[u32]>,
    by_department: Box<[u32]>,
    by_state: Box<[u32]>,
    rules: Vec<String>,
    counts: BTreeMap<Is, u32>,
}

/// What the rules give whom, taken down while they are counted.
#[derive(Debug, Default)]
pub(super) struct Given {
    rules: Vec<String>,
    people: BTreeMap<PersonKey, (Box<[u16]>, bool)>,
}

impl Given {
    pub(super) fn take(&mut self, covered: Covered<'_>) {
        let mut place = |name: &str| {
            let known = self.rules.iter().position(|rule| rule == name);
            let at = known.unwrap_or_else(|| {
                self.rules.push(name.to_owned());
                self.rules.len() - 1
            });
            u16::try_from(at).unwrap_or(u16::MAX)
        };
        let rules = covered.rules.iter().map(|rule| place(rule)).collect();
        self.people.insert(covered.person.clone(), (rules, covered.unmapped.is_some()));
    }
}

impl Index {
    pub(super) fn of(seen: &Observation, plan: &Plan, mut given: Given, fields: &FieldMapping) -> Self {
        let mut departments: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let mut rows = Vec::with_capacity(plan.decisions.len());
        let known = seen.directory.people.keys();
        for key in known.chain(plan.decisions.keys().filter(|key| !seen.directory.people.contains_key(*key))) {
            let record = seen.directory.people.get(key);
            let place = record.and_then(|user| user.attribute(&fields.department)).unwrap_or_default();
            let shared = departments.entry(place.to_owned()).or_insert_with(|| place.into()).clone();
            let (rules, unmapped) = given.people.remove(key).unwrap_or_default();
            let is = Is::of(plan.decisions.get(key));
            let label = record.and_then(|user| user.attribute(&fields.username));
            let label = label.map_or_else(|| key.to_string(), str::to_owned);
            rows.push(Row { is, rules, unmapped, ..Row::new(key, record, label, shared) });
        }
        rows.sort_unstable_by(|a, b| a.label.cmp(&b.label).then_with(|| a.key.cmp(&b.key)));
        let order = |by: fn(&Row) -> (Is, &str)| {
            let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
            // Stable: equals stay in the order of their usernames.
            order.sort_by_key(|at| by(&rows[*at as usize]));
            order.into_boxed_slice()
        };
        let by_name = order(|row| (Is::Held, &row.name));
        let by_department = order(|row| (Is::Held, &row.department));
        let by_state = order(|row| (row.is, ""));
        let mut counts = BTreeMap::new();
        rows.iter().for_each(|row| *counts.entry(row.is).or_default() += 1);
        Self { rows, by_name, by_department, by_state, rules: given.rules, counts }
    }

    /// How many people stand so.
    pub(super) fn count(&self, is: Is) -> u32 {
        self.counts.get(&is).copied().unwrap_or(0)
    }

    /// How the people of a source stand.
    pub(super) fn of_source(&self, source: &SourceName) -> BTreeMap<Is, u32> {
        let mut counts = BTreeMap::new();
        let rows = self.rows.iter().filter(|row| row.key.source == *source);
        rows.for_each(|row| *counts.entry(row.is).or_default() += 1);
        counts
    }

    /// What somebody is called: the username, or else the key.
    pub(super) fn label_of(&self, person: &PersonKey) -> String {
        let row = self.rows.iter().find(|row| row.key == *person);
        row.map_or_else(|| person.to_string(), |row| row.label.to_string())
    }

    /// How many people there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Everybody, by username; a place in this order is [`Index::text`]'s.
    pub(super) fn people(&self) -> impl Iterator<Item = &PersonKey> {
        self.rows.iter().map(|row| &row.key)
    }

    /// Everything that a search looks at of the person at a place, folded.
    pub(super) fn text(&self, at: u32) -> &str {
        self.rows.get(at as usize).map_or("", |row| &row.text)
    }

    /// Those who are wanted, in order.
    pub(super) fn find(&self, wanted: &Wanted) -> Vec<&Row> {
        let folded = fold(&wanted.words);
        let words: Vec<&str> = folded.split_whitespace().collect();
        let rule = wanted.rule.as_ref().map(|name| {
            let at = self.rules.iter().position(|rule| rule == name);
            at.and_then(|at| u16::try_from(at).ok())
        });
        let department = wanted.department.as_deref().map(planner::fold);
        let fits = |row: &&Row| {
            wanted.is.is_none_or(|is| row.is == is)
                && (!wanted.unmapped || row.unmapped)
                && rule.is_none_or(|rule| rule.is_some_and(|rule| row.rules.contains(&rule)))
                && wanted.source.as_ref().is_none_or(|source| row.key.source.as_str() == source)
                && department.as_ref().is_none_or(|wanted| planner::fold(&row.department) == *wanted)
                && words.iter().all(|word| row.text.contains(word))
        };
        let by = |order: &[u32]| order.iter().map(|at| &self.rows[*at as usize]).filter(fits).collect::<Vec<_>>();
        let mut found = match wanted.sort {
            Sort::Username => self.rows.iter().filter(fits).collect(),
            Sort::Name => by(&self.by_name),
            Sort::Department => by(&self.by_department),
            Sort::State => by(&self.by_state),
        };
        if wanted.descending {
            found.reverse();
        }
        found
    }

    /// The keys of everybody whom these words are about; at most `most`.
    pub(super) fn keys(&self, words: &str, most: usize) -> BTreeSet<PersonKey> {
        let wanted = Wanted { words: words.to_owned(), ..Wanted::default() };
        self.find(&wanted).into_iter().take(most).map(|row| row.key.clone()).collect()
    }
}

impl Row {
    fn new(key: &PersonKey, record: Option<&DirectoryUser>, label: String, department: Arc<str>) -> Self {
        let of = |name: &str| record.and_then(|user| user.attributes.get(name));
        let name = match (of(attributes::DISPLAY_NAME), of(attributes::GIVEN_NAME), of(attributes::FAMILY_NAME)) {
            (Some(name), _, _) => name.to_owned(),
            (None, given, family) => [given, family].into_iter().flatten().collect::<Vec<_>>().join(" "),
        };
        let mail = of(attributes::MAIL).filter(|mail| *mail != label).unwrap_or_default();
        let text = fold(&format!("{label}\n{name}\n{mail}\n{department}\n{key}"));
        Self {
            key: key.clone(),
            label: label.into(),
            name: name.into(),
            department,
            is: Is::NotRead,
            rules: Box::default(),
            unmapped: false,
            text: text.into(),
        }
    }
}

/// Without case and accents: who types `jose` finds José.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_knows_neither_case_nor_accents() {
        for (typed, stored) in
            [("jose", "José"), ("ÅSA", "åsa"), ("ｗｅｉ", "wei"), ("o'neil", "O'Neil"), ("李", "李 Wei")]
        {
            assert!(fold(stored).contains(&fold(typed)), "{typed} does not find {stored}");
        }
    }

    #[test]
    fn every_state_has_an_address_of_its_own() {
        for is in Is::ALL {
            assert_eq!(Is::named(is.name()), Some(is));
        }
        assert_eq!(Is::named("somewhere"), None);
    }
}
