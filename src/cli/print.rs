//! The way to the screen: every word of the command line passes here.
//!
//! Names, departments and messages come from other systems; written as they are, a control sequence among them could retitle
//! the terminal, move the cursor over other lines or fill the clipboard. [`harmless`] shows such characters instead.
//!
//! Invariant: nothing but text, line ends and the few colours of [`super::style`] reaches a stream. The macros below have the
//! names of the standard ones, so a new screen cannot forget it (and `clippy` refuses the standard ones).
//! Invariant: a reader that closes the stream early (`| head`) is no error.

use std::fmt::Arguments;
use std::io::Write as _;

/// To standard output.
pub(super) fn to_stdout(text: Arguments<'_>) {
    let _ = std::io::stdout().write_all(harmless(&text.to_string()).as_bytes());
}

/// To standard error.
pub(super) fn to_stderr(text: Arguments<'_>) {
    let _ = std::io::stderr().write_all(harmless(&text.to_string()).as_bytes());
}

/// Colours as [`super::style`] makes them.
const COLOURS: &[&str] = &["0", "1", "2", "31", "32", "33"];

/// The text with control characters and changes of the writing direction as `\u001b`, which is JSON's own way as well.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(colour) = colour(rest) {
            out.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        match c {
            '\n' => out.push(c),
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The length of the colour that the text begins with.
fn colour(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\x1b[")?;
    let (code, _) = inner.split_once('m')?;
    COLOURS.contains(&code).then_some(code.len() + 3)
}

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::to_stdout(format_args!($($text)*)) };
}
macro_rules! println {
    () => { $crate::cli::print::to_stdout(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::print::to_stdout(format_args!("{}\n", format_args!($($text)*))) };
}
macro_rules! eprintln {
    () => { $crate::cli::print::to_stderr(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::print::to_stderr(format_args!("{}\n", format_args!($($text)*))) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_sent() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected);
        check("Ada · Γιώργος · 李\n", "Ada · Γιώργος · 李\n");
        check("\x1b[31mbad\x1b[0m", "\x1b[31mbad\x1b[0m");
        check("\x1b]0;owned\x07", "\\u001b]0;owned\\u0007");
        check("\x1b[2J\x1b[1;1H", "\\u001b[2J\\u001b[1;1H");
        check("Care\r\u{9b}2K\u{7f}\t", "Care\\u000d\\u009b2K\\u007f\\u0009");
        check("ada\u{202e}nimda", "ada\\u202enimda");
        check("\x1b[", "\\u001b[");
    }

    #[test]
    fn json_stays_the_same_data() {
        let value = serde_json::json!({ "label": "a\u{9b}\u{7f}\u{202e}\"b" });
        let back: serde_json::Value = serde_json::from_str(&harmless(&value.to_string())).unwrap();
        assert_eq!(back, value);
    }
}
