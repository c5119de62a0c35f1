//! Reading tables of the file: every key is asked for by name, and whatever nobody asked for is reported.
//!
//! ```text
//! Context   the text, its folder, and the problems found so far
//! Section   one table; hands out items and sub-tables by key
//! Item      one value with its place (typed readers: see `value`)
//! ```
//!
//! Invariant: a [`Section`] that goes away has reported every key that nobody asked for. It happens in `Drop`, so that no
//! reader can forget it.
//! Invariant: a reader returns `None` either because a key is absent or because a problem was recorded; it never stops
//! at the first problem.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, UNKNOWN_KEY, nearest};

/// What all readers of one file share.
pub(super) struct Context<'a> {
    text: &'a str,
    folder: &'a Path,
    /// Whether referenced secrets must be readable now.
    pub(super) check_secrets: bool,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(text: &'a str, folder: &'a Path, check_secrets: bool) -> Self {
        Self { text, folder, check_secrets, problems: RefCell::default() }
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
    }

    /// A path in the file means a path beside the file, wherever rollcall was started.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// All problems in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// One value and where it stands.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) context: &'a Context<'a>,
    header: String,
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    pub(super) fn line(&self) -> usize {
        self.context.line(self.value.span().start)
    }

    /// Whether the table was written under its own `[header]`.
    fn has_header(&self) -> bool {
        self.context.text.as_bytes().get(self.value.span().start) == Some(&b'[') && self.value.get_ref().is_table()
    }

    /// The last key of the place, for hints that show a line to write.
    pub(super) fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Reports a problem without showing the value.
    pub(super) fn problem(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let place = join(&self.header, " ", &self.path);
        self.context.report(Problem { line: self.line(), place, message: message.into(), hint: hint.into() });
    }

    /// Reports that the value is not what was expected, and shows it. Not for anything that may be a secret.
    pub(super) fn unexpected(&self, expected: &str, hint: impl Into<Option<String>>) {
        let place = match self.written() {
            Some(written) => format!("{} = {written}", join(&self.header, " ", &self.path)),
            None => join(&self.header, " ", &self.path),
        };
        let message = format!("expected {expected}");
        self.context.report(Problem { line: self.line(), place, message, hint: hint.into() });
    }

    /// The value as it was written, if it is short enough to be shown.
    fn written(&self) -> Option<&'a str> {
        let written = self.context.text.get(self.value.span())?;
        let short = written.chars().count() <= 40 && !written.contains('\n') && !self.has_header();
        short.then_some(written)
    }

    /// The elements, if it is a list.
    pub(super) fn items(&self) -> Option<Vec<Item<'a>>> {
        let DeValue::Array(list) = self.value() else { return None };
        let item = |(at, value)| Item { path: format!("{}[{}]", self.path, at + 1), value, ..self.clone() };
        Some(list.iter().enumerate().map(item).collect())
    }

    /// The table, or a problem.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value() else {
            self.unexpected("a table", None);
            return None;
        };
        let own = self.has_header();
        let (header, path) =
            if own { (self.own_header(table), String::new()) } else { (self.header.clone(), self.path.clone()) };
        Some(Section::new(self.context, header, path, self.line(), Some(table)))
    }

    /// The header as it was written; an entry of a list of tables is told apart by its `name`.
    fn own_header(&self, table: &DeTable<'a>) -> String {
        let written = self.context.text.get(self.value.span()).unwrap_or_default();
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        match name {
            Some(name) if written.starts_with("[[") => format!("{written} {name:?}"),
            _ => written.to_owned(),
        }
    }
}

/// One table.
pub(super) struct Section<'a> {
    pub(super) context: &'a Context<'a>,
    header: String,
    path: String,
    line: usize,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
    refused: RefCell<Vec<&'static str>>,
    all_known: Cell<bool>,
    rest_ignored: Cell<bool>,
}

impl<'a> Section<'a> {
    fn new(
        context: &'a Context<'a>,
        header: String,
        path: String,
        line: usize,
        table: Option<&'a DeTable<'a>>,
    ) -> Self {
        let (asked, refused, all_known) = (RefCell::default(), RefCell::default(), Cell::new(false));
        let rest_ignored = Cell::new(false);
        Self { context, header, path, line, table, asked, refused, all_known, rest_ignored }
    }

    /// The whole file.
    pub(super) fn root(context: &'a Context<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(context, String::new(), String::new(), 0, Some(table))
    }

    /// The line it starts at.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    fn find(&self, key: &str) -> Option<Item<'a>> {
        let value = self.table?.get(key)?;
        Some(self.item(key, value))
    }

    fn item(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Item<'a> {
        Item { context: self.context, header: self.header.clone(), path: join(&self.path, ".", key), value }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.ask(key);
        self.find(key)
    }

    fn ask(&self, key: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
    }

    /// The value of a key, read by one of the typed readers.
    pub(super) fn optional<T>(&self, key: &'static str, read: impl FnOnce(&Item<'a>) -> Option<T>) -> Option<T> {
        read(&self.get(key)?)
    }

    /// The same for a key that must be there; `example` is a value to write.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Item<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(item) => read(&item),
            None => {
                self.missing(key, format!("for example {key} = {example}"));
                None
            }
        }
    }

    /// Reports a key that must be there, unless a misspelling of it is: that one is reported by itself.
    pub(super) fn missing(&self, key: &'static str, hint: impl Into<String>) {
        let mut written = self.table.into_iter().flatten().map(|(word, _)| word.get_ref());
        if !written.any(|word| nearest(word, [key]).is_some()) {
            self.problem(key, "missing", hint.into());
        }
    }

    /// A key of a later version.
    pub(super) fn not_yet(&self, key: &'static str, instead: &str) {
        self.refuse(key, "not supported yet in this version", instead);
    }

    /// A key that is well known and does not belong here.
    pub(super) fn refuse(&self, key: &'static str, message: &str, instead: &str) {
        self.refused.borrow_mut().push(key);
        if let Some(item) = self.find(key) {
            item.problem(message, instead.to_owned());
            if let Some(section) = item.value().as_table().and_then(|_| item.section()) {
                section.all_known.set(true);
            }
        }
    }

    /// A table below this one; an empty one if it is absent, so that defaults have one home.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        self.optional(key, Item::section).unwrap_or_else(|| {
            let header = format!("[{}{key}]", self.header_prefix());
            Section::new(self.context, header, String::new(), 0, None)
        })
    }

    fn header_prefix(&self) -> String {
        let inner = self.header.trim_matches(['[', ']']);
        if inner.is_empty() { String::new() } else { format!("{inner}.") }
    }

    /// The tables of a list (`[[mapping]]`), in order.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(item) = self.get(key) else { return Vec::new() };
        let Some(items) = item.items() else {
            item.unexpected(&format!("a list of tables, [[{key}]]"), None);
            return Vec::new();
        };
        items.iter().filter_map(Item::section).collect()
    }

    /// Everything in a table whose keys the administrator chooses, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(String, Item<'a>)> {
        self.all_known.set(true);
        let mut keys: Vec<_> = self.table.into_iter().flatten().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        keys.into_iter().map(|(key, value)| (key.get_ref().to_string(), self.item(key.get_ref(), value))).collect()
    }

    /// Of several keys that exclude each other, the one that is there. More than one is a problem.
    pub(super) fn at_most_one(&self, keys: &[&'static str]) -> Option<&'static str> {
        let here: Vec<_> = keys.iter().filter(|key| self.find(key).is_some()).copied().collect();
        keys.iter().for_each(|key| self.ask(key));
        if let [_, second, ..] = here[..] {
            self.problem(second, format!("does not go together with {}", here[0]), "keep one of them".to_owned());
        }
        here.first().copied()
    }

    /// Whether nothing stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_none_or(DeTable::is_empty)
    }

    /// Makes the remaining keys no problem: what they would mean depends on something that is wrong already. A misspelling
    /// of a key that was asked for is that wrong thing itself, and stays one.
    pub(super) fn ignore_rest(&self) {
        self.rest_ignored.set(true);
    }

    /// Reports a problem of a key (or of the section, for an empty key).
    pub(super) fn problem(&self, key: &str, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let line = self.find(key).map_or(self.line, |item| item.line());
        let place = join(&self.header, " ", &join(&self.path, ".", key));
        self.context.report(Problem { line, place, message: message.into(), hint: hint.into() });
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.all_known.get() {
            return;
        }
        let asked = self.asked.borrow();
        let refused = self.refused.borrow();
        for key in self.table.into_iter().flatten().map(|(key, _)| key) {
            let word: &str = key.get_ref();
            if asked.contains(&word) || refused.contains(&word) {
                continue;
            }
            let hint = match nearest(word, asked.iter().copied()) {
                Some(known) => format!("did you mean {known}?"),
                None if self.rest_ignored.get() => continue,
                None => format!("known here: {}", asked.join(", ")),
            };
            let place = join(&self.header, " ", &join(&self.path, ".", word));
            let line = self.context.line(key.span().start);
            self.context.report(Problem { line, place, message: UNKNOWN_KEY.to_owned(), hint: Some(hint) });
        }
    }
}

fn join(left: &str, between: &str, right: &str) -> String {
    if left.is_empty() || right.is_empty() { format!("{left}{right}") } else { format!("{left}{between}{right}") }
}
