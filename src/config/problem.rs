//! What is wrong with a configuration file, as a person wants to read it: all of it at once, in the order of the file.
//!
//! Invariant: no secret is in a message. A value is shown only where it cannot be one.
//! Deliberately absent: severities. Whatever is reported here keeps rollcall from starting.

use std::fmt;
use std::path::PathBuf;

/// Columns wider than this would push the messages of all other lines off the screen.
const WIDEST_PLACE: usize = 48;
/// The message about a key that means nothing where it stands. Its hint names keys of the program, never words of the file.
pub(super) const UNKNOWN_KEY: &str = "unknown key";

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; 0 if the whole file is meant.
    pub line: usize,
    /// Section and key, for example `[source.entra] client_secrt`.
    pub place: String,
    /// What is wrong, or what was expected.
    pub message: String,
    /// One thing to do.
    pub hint: Option<String>,
}

/// Everything that is wrong with a file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub path: PathBuf,
    /// By line.
    pub list: Vec<Problem>,
}

impl Problem {
    /// The same in one line without anything that stands in the file as a value, for a log: values may name people. Of the
    /// hints only those of unknown keys are safe.
    #[must_use]
    pub fn without_values(&self) -> String {
        let Self { line, place, message, hint } = self;
        let key = place.split(" = ").next().unwrap_or_default();
        let hint = hint.as_ref().filter(|_| message == UNKNOWN_KEY).map(|hint| format!("; {hint}")).unwrap_or_default();
        // A message that is about one value begins with it.
        let message = match message.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((_, rest)) => format!("a value{rest}"),
            None => message.clone(),
        };
        let line = if *line == 0 { String::new() } else { format!("line {line}: ") };
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        format!("{line}{key}{message}{hint}")
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, list } = self;
        let noun = if list.len() == 1 { "problem" } else { "problems" };
        writeln!(f, "{} has {} {noun}", path.display(), list.len())?;

        let digits = list.iter().map(|problem| problem.line.to_string().len()).max().unwrap_or(1);
        let width = |problem: &Problem| problem.place.chars().count();
        let column = list.iter().map(width).filter(|width| *width <= WIDEST_PLACE).max().unwrap_or(0);
        for Problem { line, place, message, hint } in list {
            if *line == 0 {
                write!(f, "\n  {:digits$}        ", "")?;
            } else {
                write!(f, "\n  line {line:<digits$}   ")?;
            }
            if !place.is_empty() {
                write!(f, "{place:<column$}  ")?;
            }
            write!(f, "{message}")?;
            if let Some(hint) = hint {
                write!(f, " → {hint}")?;
            }
        }
        Ok(())
    }
}

/// The candidate that a misspelt word most likely means.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let folded = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        // A third of the letters may be wrong; beyond that a suggestion is a guess and misleads.
        .filter(|(distance, candidate)| distance * 3 <= folded.chars().count().max(candidate.chars().count()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_shows_no_value() {
        let problem = |line, place: &str, message: &str| {
            Problem { line, place: place.to_owned(), message: message.to_owned(), hint: Some("use \"ada\"".to_owned()) }
                .without_values()
        };
        assert_eq!(
            problem(7, "[guard] canaries[1] = \"ada\"", "expected a key such as \"entra/9f3e\""),
            "line 7: [guard] canaries[1]: expected a key such as \"entra/9f3e\""
        );
        assert_eq!(
            problem(7, "[guard] canaries[1]", "\"hr/ada\": there is no [source.hr]"),
            "line 7: [guard] canaries[1]: a value: there is no [source.hr]"
        );
        assert_eq!(problem(0, "", "cannot be read"), "cannot be read");
    }

    #[test]
    fn a_log_line_shows_the_nearest_key() {
        let misspelt = Problem {
            line: 3,
            place: "[schedule] evry".to_owned(),
            message: UNKNOWN_KEY.to_owned(),
            hint: Some("did you mean every?".to_owned()),
        };
        assert_eq!(misspelt.without_values(), "line 3: [schedule] evry: unknown key; did you mean every?");
    }

    #[test]
    fn the_nearest_word_is_near_or_none() {
        let check = |word: &str, expected: Option<&str>| {
            assert_eq!(nearest(word, ["tenant", "groups", "env", "client_secret"]), expected, "{word}");
        };
        check("tennant", Some("tenant"));
        check("grop", Some("groups"));
        check("evn", Some("env"));
        check("client-secret", Some("client_secret"));
        check("Client_Secrt", Some("client_secret"));
        check("colour", None);
        check("x", None);
    }
}
