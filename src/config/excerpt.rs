//! The sections of a configuration file that say what people get, as they stand in it: a text that may be changed and handed
//! back to [`rules_with`](super::rules_with).
//!
//! Invariant: read as changed rules, the excerpt changes nothing.
//! Invariant: nothing of any other section is in it, and no comment: a comment may be about anything, a secret that is used no
//! more among it.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys of these sections.
const KEYS: [&str; 6] = ["attributes", "default", "mapping", "user_type", "authority", "example"];

/// These sections of a file's text; `None` if the text is no TOML.
#[must_use]
pub fn rules_of(text: &str) -> Option<String> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return None;
    }
    let mut lines = Lines { text, found: BTreeMap::new() };
    for (key, value) in table.get_ref().iter().filter(|(key, _)| KEYS.contains(&&**key.get_ref())) {
        lines.entry(key.span().start, value);
    }
    let mut excerpt = String::new();
    for line in lines.found.values() {
        if line.starts_with('[') && !excerpt.is_empty() {
            excerpt.push('\n');
        }
        excerpt.push_str(line);
        excerpt.push('\n');
    }
    Some(excerpt)
}

/// Headers and keys by where they stand.
struct Lines<'a> {
    text: &'a str,
    found: BTreeMap<usize, String>,
}

impl<'a> Lines<'a> {
    /// A key that begins at `at`, and everything below it.
    fn entry(&mut self, at: usize, value: &Spanned<DeValue<'a>>) {
        let written = &self.text[value.span()];
        match value.get_ref() {
            DeValue::Table(table) if !written.starts_with('{') => {
                // What is made by a dotted key or by a header further down has none of its own.
                if written.starts_with('[') {
                    self.found.insert(value.span().start, written.to_owned());
                }
                table.iter().for_each(|(key, value)| self.entry(key.span().start, value));
            }
            DeValue::Array(list) if list.iter().any(|item| self.has_header(item)) => {
                list.iter().for_each(|item| self.entry(item.span().start, item));
            }
            _ => {
                // From the beginning of the line: a dotted key begins before its last part.
                let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
                let key = self.text[line..value.span().start].trim_start();
                self.found.insert(line, format!("{key}{}", self.uncommented(value)));
            }
        }
    }

    fn has_header(&self, item: &Spanned<DeValue<'_>>) -> bool {
        item.get_ref().is_table() && self.text[item.span()].starts_with('[')
    }

    /// A value as it is written, without the comments that a list of several lines may hold.
    fn uncommented(&self, value: &Spanned<DeValue<'_>>) -> String {
        let written = &self.text[value.span()];
        match value.get_ref() {
            DeValue::Array(list) if written.contains('#') => {
                let items: Vec<String> = list.iter().map(|item| self.uncommented(item)).collect();
                format!("[{}]", items.join(", "))
            }
            DeValue::Table(table) if written.contains('#') => {
                format!("{{ {} }}", self.pairs("", table).join(", "))
            }
            _ => written.to_owned(),
        }
    }

    /// What stands between the braces of an inline table, dotted keys as such.
    fn pairs(&self, path: &str, table: &DeTable<'_>) -> Vec<String> {
        let pair = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            let key = format!("{path}{}", &self.text[key.span()]);
            match value.get_ref() {
                DeValue::Table(table) if !self.text[value.span()].starts_with('{') => {
                    self.pairs(&format!("{key}."), table)
                }
                _ => vec![format!("{key} = {}", self.uncommented(value))],
            }
        };
        table.iter().flat_map(pair).collect()
    }
}
