//! One entry for each parser of text that comes from outside this process: the configuration, the state file, another
//! process, a person's attributes. The parsers of what a remote sends are `connectors::fuzzing`.
//!
//! Invariant: an entry decides by its input alone; it opens no file and reads no clock and no secret.
//! Invariant: a law is checked with `assert!`, so that an input that breaks it is a crash, found and kept like any other.
//! Deliberately absent: the answers of Amazon Connect and CloudWatch Logs, which the AWS SDK parses.

use std::path::Path;

use crate::config::{Options, parse_with, rules_with, template};
use crate::model::Time;
use crate::serve::next_after;

/// A name, and what to feed.
pub type Target = (&'static str, fn(&[u8]));

/// Every entry of this crate.
pub const TARGETS: &[Target] = &[
    ("configuration", configuration),
    ("changed_rules", changed_rules),
    ("stored_body", crate::store::fuzzing::body),
    ("stored_attributes", crate::store::fuzzing::attributes),
    ("control_question", crate::serve::fuzzing::question),
    ("control_answer", crate::serve::fuzzing::answer),
    ("person_fields", crate::planner::fuzzing::fields),
];

/// A configuration file.
fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, options) = (Path::new("/nowhere/rollcall.toml"), Options { check_secrets: false });
    let read = || parse_with(text, path, options);
    match read() {
        Ok(config) => {
            assert_eq!(config.rules_digest.len(), 64, "a digest is 64 hexadecimal digits");
            // Read in another way: no table may go missing without a word.
            let plain: toml::Table = text.parse().expect("what was read is TOML");
            let tables = |name: &str| plain.get(name).and_then(toml::Value::as_table).map_or(0, toml::Table::len);
            assert!(!config.sources.is_empty(), "a contact centre without a directory");
            assert_eq!(config.sources.len(), tables("source"), "a directory is dropped");
            assert_eq!(config.reports.len(), tables("report"), "a report is dropped");
            let rules = plain.get("mapping").and_then(toml::Value::as_array).map_or(0, Vec::len);
            assert_eq!(config.rules.mappings.len(), rules, "a rule is dropped");
            let _ = next_after(&config.schedule.every, Time::UNIX_EPOCH);
            assert_eq!(Ok(config), read(), "the same text is read in two ways");
        }
        Err(problems) => {
            let lines = text.lines().count() + 1;
            assert!(!problems.list.is_empty(), "refused without a reason");
            assert!(problems.list.iter().all(|problem| problem.line <= lines), "a problem beyond the end of the file");
            assert_eq!(problems.to_string(), read().expect_err("refused a moment ago").to_string());
        }
    }
}

/// Changed rules, as somebody pastes them.
fn changed_rules(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let path = Path::new("/nowhere/next.toml");
    let config = parse_with(template(), path, Options { check_secrets: false }).expect("the template is right");
    match rules_with(&config, text, path) {
        Ok(changed) => {
            assert!(!changed.sections.is_empty(), "read, and nothing is changed");
            let plain: toml::Table = text.parse().expect("what was read is TOML");
            let mappings = plain.get("mapping").and_then(toml::Value::as_array).map(Vec::len);
            let expected = mappings.unwrap_or(config.rules.mappings.len());
            assert_eq!(changed.rules.mappings.len(), expected, "a rule is dropped");
            assert_eq!((&changed.rules.sources, &changed.rules.leaver), (&config.rules.sources, &config.rules.leaver));
            assert_eq!(Ok(changed), rules_with(&config, text, path), "the same text is read in two ways");
        }
        Err(problems) => assert!(!problems.list.is_empty(), "refused without a reason"),
    }
}
