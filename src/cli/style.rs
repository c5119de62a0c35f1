//! How screens look: colour only on a terminal, columns that line up. Numbers, spans and moments are
//! said as [`words`](crate::model::words) says them.
//!
//! Invariant: every sign works without colour.

use std::fmt::Display;
use std::io::IsTerminal;

pub(super) use crate::model::words::{count, millis, moment, number, relative};
use crate::planner::outlook::{Said, Tone};

/// Where a screen goes and what it may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether colour may be used.
    colour: bool,
}

impl Style {
    /// Without colour, for tests.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { colour: false }
    }

    /// For standard output as it is.
    #[must_use]
    pub(super) fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// For standard error as it is.
    #[must_use]
    pub(super) fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    #[expect(clippy::disallowed_methods, reason = "NO_COLOR is for the door and nobody else")]
    fn of(terminal: bool) -> Self {
        let no_colour = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
        Self { colour: terminal && !no_colour }
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// Something good.
    #[must_use]
    pub(super) fn good(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// Something that changes.
    #[must_use]
    pub(super) fn change(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    /// Something that needs somebody.
    #[must_use]
    pub(super) fn bad(self, text: impl Display) -> String {
        self.paint("31", text)
    }

    /// Something less important.
    #[must_use]
    pub(super) fn dim(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// A line in the colour of how it is meant.
    #[must_use]
    pub(super) fn said(self, said: &Said) -> String {
        match said.tone {
            Tone::Plain => said.text.clone(),
            Tone::Good => self.good(&said.text),
            Tone::Bad => self.bad(&said.text),
        }
    }

    /// A heading.
    #[must_use]
    pub(super) fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }
}

/// Pads or shortens to a number of columns; wide characters count two.
#[must_use]
pub(super) fn column(text: &str, width: usize) -> String {
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        let wide = if is_wide(c) { 2 } else { 1 };
        if used + wide > width.saturating_sub(1) && text_width(text) > width {
            out.push('…');
            used += 1;
            break;
        }
        out.push(c);
        used += wide;
    }
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}

/// Columns a text takes on a terminal.
#[must_use]
pub(super) fn text_width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// East Asian wide characters, as far as names and departments have them.
fn is_wide(c: char) -> bool {
    matches!(c as u32, 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_characters() {
        assert_eq!(column("李.wei", 8), "李.wei  ");
        assert_eq!(column("abcdefgh", 5), "abcd…");
    }
}
