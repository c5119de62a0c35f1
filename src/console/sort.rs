//! Tables that are sorted by a click on the head of a column: what is asked for, the heads, and the order of the rows.
//!
//! Invariant: rows are put in order where they are, before they are cut into pages; a page and its file agree.
//! Invariant: what names no column asks for the table's own order.

use std::borrow::Cow;

use maud::{Markup, html};

use super::index::fold;

/// A column that a table can be sorted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// As it stands in an address.
    name: &'static str,
    title: &'static str,
    class: &'static str,
    /// Whether the first click brings the most, or the latest, to the top.
    most_first: bool,
}

impl Column {
    /// A column of texts.
    pub(super) const fn text(name: &'static str, title: &'static str, class: &'static str) -> Self {
        Self { name, title, class, most_first: false }
    }

    /// A column of numbers.
    pub(super) const fn number(name: &'static str, title: &'static str) -> Self {
        Self { name, title, class: "count", most_first: true }
    }

    /// A column of moments.
    pub(super) const fn time(name: &'static str, title: &'static str, class: &'static str) -> Self {
        Self { name, title, class, most_first: true }
    }
}

/// In which order a table is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sorting {
    by: &'static str,
    descending: bool,
    /// The table's own order, which needs no word in an address.
    own: (&'static str, bool),
}

impl Sorting {
    /// What is asked for (`people`, `-people`), else the table's own order: a column, or nothing for another one.
    pub(super) fn asked(asked: Option<&str>, columns: &[Column], own: &'static str) -> Self {
        let parted = |text: &str| match text.strip_prefix('-') {
            Some(by) => (by.to_owned(), true),
            None => (text.to_owned(), false),
        };
        let own = match own.strip_prefix('-') {
            Some(by) => (by, true),
            None => (own, false),
        };
        let (by, descending) = asked.map(parted).unwrap_or_default();
        match columns.iter().find(|column| column.name == by) {
            Some(column) => Self { by: column.name, descending, own },
            None => Self { by: own.0, descending: own.1, own },
        }
    }

    /// By which column; empty for an order that is no column's.
    pub(super) fn by(&self) -> &'static str {
        self.by
    }

    /// Whether the other way round.
    pub(super) fn descending(&self) -> bool {
        self.descending
    }

    /// Whether it is the table's own order.
    pub(super) fn is_own(&self) -> bool {
        (self.by, self.descending) == self.own
    }

    /// As it stands in an address; empty for the table's own order.
    pub(super) fn text(&self) -> String {
        let sign = if self.descending { "-" } else { "" };
        if self.is_own() { String::new() } else { format!("{sign}{}", self.by) }
    }

    /// The head of a column; `url` leads to the same table in another order.
    pub(super) fn head(&self, column: &Column, url: &dyn Fn(&str) -> String) -> Markup {
        let Column { name, title, class, most_first } = *column;
        let here = self.by == name;
        let turned = if here { !self.descending } else { most_first };
        let to = if turned { format!("-{name}") } else { name.to_owned() };
        let order = here.then_some(if self.descending { "descending" } else { "ascending" });
        html! {
            th.(class) scope="col" aria-sort=[order] {
                a href=(url(&to)) { (title) @if here { span aria-hidden="true" { @if self.descending { " ↓" } @else { " ↑" } } } }
            }
        }
    }

    /// Puts rows in order; equal ones stay as they are. Rows of no column's order stay as well.
    pub(super) fn arrange<T, K: Ord>(&self, rows: &mut [T], key: impl Fn(&T, &'static str) -> K) {
        if self.by.is_empty() {
            return;
        }
        if self.descending {
            rows.sort_by_cached_key(|row| std::cmp::Reverse(key(row, self.by)));
        } else {
            rows.sort_by_cached_key(|row| key(row, self.by));
        }
    }
}

/// What a row is put in order by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'a> {
    /// Numbers and moments.
    Number(i64),
    /// Texts that are folded already.
    Folded(&'a str),
    /// Texts, without case and accents.
    Text(Cow<'a, str>),
}

impl Key<'_> {
    /// A number.
    pub(super) fn number(n: impl TryInto<i64>) -> Self {
        Self::Number(n.try_into().unwrap_or(i64::MAX))
    }

    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Cow::Owned(fold(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] = [Column::text("rule", "Rule", "who"), Column::number("people", "People")];

    fn order(asked: &str, own: &'static str) -> String {
        let sorting = Sorting::asked(Some(asked), &COLUMNS, own);
        let mut rows = [("b", 2), ("A", 10), ("á", 2)];
        sorting.arrange(&mut rows, |row, by| match by {
            "people" => Key::number(row.1),
            _ => Key::text(row.0),
        });
        rows.map(|(name, _)| name).concat()
    }

    #[test]
    fn rows_are_put_in_order_and_equals_stay() {
        for (asked, own, expected) in [
            ("rule", "", "Aáb"),
            ("-rule", "", "bAá"),
            ("people", "", "báA"),
            ("-people", "", "Abá"),
            ("", "", "bAá"),
            ("", "-people", "Abá"),
            ("colour", "rule", "Aáb"),
            ("--rule", "rule", "Aáb"),
        ] {
            assert_eq!(order(asked, own), expected, "{asked} {own}");
        }
    }

    #[test]
    fn a_click_turns_the_order_and_numbers_begin_with_the_most() {
        let to = |asked: &str, column: usize| {
            let sorting = Sorting::asked(Some(asked), &COLUMNS, "rule");
            sorting.head(&COLUMNS[column], &|sort| format!("?sort={sort}")).into_string()
        };
        assert!(to("", 0).contains("?sort=-rule") && to("", 0).contains("ascending"));
        assert!(to("", 1).contains("?sort=-people") && !to("", 1).contains("aria-sort"));
        assert!(to("-people", 1).contains("?sort=people") && to("-people", 1).contains("descending"));
        assert_eq!(Sorting::asked(Some("rule"), &COLUMNS, "rule").text(), "");
        assert_eq!(Sorting::asked(Some("-people"), &COLUMNS, "rule").text(), "-people");
    }
}
