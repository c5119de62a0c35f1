//! How screens look: colour only on a terminal, durations as people say them, columns that line up.
//!
//! Invariant: every sign works without colour.

use std::fmt::Display;
use std::io::IsTerminal;

use crate::model::Time;

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

    /// A heading.
    #[must_use]
    pub(super) fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }
}

/// A number with thousands separators: `1,204`.
#[must_use]
pub(super) fn number(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 person`, `3 people`.
#[must_use]
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n as u64), if n == 1 { one } else { many })
}

/// Milliseconds as people say them: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub(super) fn millis(ms: u64) -> String {
    let secs = ms / 1_000;
    match secs {
        0..10 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        10..60 => format!("{} s", (ms + 500) / 1_000),
        60..3_600 => pair(secs / 60, "min", secs % 60, "s"),
        3_600..86_400 => pair(secs / 3_600, "h", secs % 3_600 / 60, "min"),
        _ => pair(secs / 86_400, if secs < 172_800 { "day" } else { "days" }, secs % 86_400 / 3_600, "h"),
    }
}

fn pair(first: u64, first_unit: &str, second: u64, second_unit: &str) -> String {
    if second == 0 { format!("{first} {first_unit}") } else { format!("{first} {first_unit} {second} {second_unit}") }
}

/// How far a moment is: `in 40 s`, `3 days ago`, `just now`.
#[must_use]
pub(super) fn relative(at: Time, now: Time) -> String {
    let secs = (at - now).num_seconds();
    let (amount, unit) = match secs.unsigned_abs() {
        0..5 => return "just now".to_owned(),
        s @ 5..90 => (s, "s"),
        s @ 90..5_400 => ((s + 30) / 60, "min"),
        s @ 5_400..129_600 => ((s + 1_800) / 3_600, "hours"),
        s => ((s + 43_200) / 86_400, "days"),
    };
    if secs < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}

/// A moment: `2026-05-04 09:12 UTC`.
#[must_use]
pub(super) fn moment(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
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
    fn durations_read_as_people_say_them() {
        let table = [
            (0, "0.0 s"),
            (440, "0.4 s"),
            (9_940, "9.9 s"),
            (12_400, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (86_400_000, "1 day"),
            (180_000_000, "2 days 2 h"),
        ];
        for (ms, text) in table {
            assert_eq!(millis(ms), text);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now: Time = "2026-05-04T09:12:00Z".parse().unwrap();
        let table =
            [(0, "just now"), (40, "in 40 s"), (-120, "2 min ago"), (-259_200, "3 days ago"), (7_200, "in 2 hours")];
        for (secs, text) in table {
            assert_eq!(relative(now + chrono::Duration::seconds(secs), now), text);
        }
    }

    #[test]
    fn columns_line_up_with_wide_characters() {
        assert_eq!(column("李.wei", 8), "李.wei  ");
        assert_eq!(column("abcdefgh", 5), "abcd…");
        assert_eq!(number(1_204_000_u64), "1,204,000");
    }
}
