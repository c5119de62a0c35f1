//! What the plan says about each person, ready to be searched and sorted: 100,000 people in some milliseconds.
//!
//! Invariant: made once with the plan it is about. Equal texts are kept once: most people of a rule are told the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use connectors::PersonKey;

use super::index::{Index, fold};
use super::known::Raised;
use crate::model::{Decision, Plan, Time};
use crate::planner::fate::fates;

/// Everybody the plan is about.
#[derive(Debug, Default)]
pub(super) struct Planned(HashMap<PersonKey, Entry>);

#[derive(Debug)]
struct Entry {
    /// The place in the index, if the person is there.
    row: Option<u32>,
    /// What, detail and why, a line each, folded.
    told: Arc<str>,
}

/// Folds each text once.
#[derive(Default)]
struct Folded {
    known: HashMap<String, Arc<str>>,
    kept: HashSet<Arc<str>>,
}

impl Folded {
    fn text(&mut self, raw: String) -> Arc<str> {
        if let Some(known) = self.known.get(&raw) {
            return known.clone();
        }
        let folded: Arc<str> = fold(&raw).into();
        let folded = match self.kept.get(&folded) {
            Some(kept) => kept.clone(),
            None => {
                self.kept.insert(folded.clone());
                folded
            }
        };
        self.known.insert(raw, folded.clone());
        folded
    }
}

impl Planned {
    pub(super) fn of(plan: &Plan, raised: &[Raised], index: &Index, now: Time) -> Self {
        let mut texts = Folded::default();
        let mut told: HashMap<&PersonKey, String> = HashMap::new();
        for fate in fates(plan).into_values().flatten() {
            let line = fate.told(now);
            told.insert(&fate.changes[0].person, format!("{}\n{}\n{}", line.what, line.detail, line.why));
        }
        for Raised { person, profiles, .. } in raised {
            let text = told.entry(person).or_insert_with(|| "\n\n".to_owned());
            text.push_str(&format!("\nprivileged {profiles}"));
        }
        for (person, decision) in &plan.decisions {
            if let Decision::Quarantined(finding) = decision {
                told.insert(person, format!("held\n{}\n{}", finding.message, finding.hint));
            }
        }
        let mut people: HashMap<PersonKey, Entry> = told
            .into_iter()
            .map(|(person, text)| (person.clone(), Entry { row: None, told: texts.text(text) }))
            .collect();
        for (at, person) in index.people().enumerate() {
            if let Some(entry) = people.get_mut(person) {
                entry.row = u32::try_from(at).ok();
            }
        }
        Self(people)
    }

    /// Whether all these words, folded, are in what is known of a person or in what the plan says about them.
    pub(super) fn says(&self, index: &Index, person: &PersonKey, words: &[&str]) -> bool {
        let Some(Entry { row, told }) = self.0.get(person) else { return words.is_empty() };
        let known = row.map(|at| index.text(at)).unwrap_or_default();
        words.iter().all(|word| told.contains(word) || known.contains(word))
    }

    /// What the plan says about a person, folded: what (0), detail (1) or why (2).
    pub(super) fn line(&self, person: &PersonKey, which: usize) -> &str {
        self.0.get(person).and_then(|entry| entry.told.split('\n').nth(which)).unwrap_or_default()
    }
}
