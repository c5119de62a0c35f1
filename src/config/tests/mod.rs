//! Files in, problems or values out.
//!
//! ```text
//! file · example · rules · changed · excerpt · guard · surroundings · notify · console   everything but the directories
//! microsoft · okta · scim · several       the directories
//! secrets                                 references to secrets, and who is trusted
//! ```

mod changed;
mod console;
mod example;
mod excerpt;
mod file;
mod guard;
mod microsoft;
mod notify;
mod okta;
mod rules;
mod scim;
mod secrets;
mod several;
mod surroundings;

use std::fmt::Write as _;

use connectors::SecretSource;
use connectors::microsoft::Credential;

use super::*;
use crate::model::{Authority, Facet, Operation};
use crate::planner::rules::{AdoptBy, Condition, Emptied, Limit, TextTest};
use crate::report::{Privacy, SinkKind};
use crate::serve::Every;

/// The smallest file that is right; `check` puts snippets behind it.
const SMALLEST: &str = r#"
name = "small"
[source.entra]
kind = "microsoft"
tenant = "contoso.example"
client_id = "app"
client_secret = { env = "ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET" }
[connect]
instance = "arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012"
[default]
security_profiles = ["Agent"]
routing_profile = "Basic"
"#;

fn read_text(text: &str) -> Result<Config, Problems> {
    parse_with(text, Path::new("/etc/rollcall/rollcall.toml"), Options { check_secrets: false })
}

fn smallest_with(change: &str) -> Config {
    base_with(SMALLEST, change)
}

fn base_with(base: &str, change: &str) -> Config {
    let text = edit_in(base, change);
    read_text(&text).unwrap_or_else(|problems| panic!("{change}\n{problems}"))
}

fn edit(change: &str) -> String {
    edit_in(SMALLEST, change)
}

/// The smallest file with another directory in place of Entra ID.
fn smallest_of(source: &str) -> String {
    let (before, rest) = SMALLEST.split_once("[source.entra]").unwrap();
    let (_, after) = rest.split_once("[connect]").unwrap();
    format!("{before}{source}[connect]{after}")
}

/// `key = value` lines before the first header replace or join the file's keys of the section named in `@section`;
/// everything else goes to the end.
fn edit_in(base: &str, change: &str) -> String {
    let Some((section, lines)) = change.strip_prefix('@').and_then(|rest| rest.split_once('\n')) else {
        return format!("{base}{change}\n");
    };
    let mut text = String::new();
    let replaced: Vec<&str> =
        lines.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim()).collect();
    let mut inside = section.is_empty();
    if inside {
        text.push_str(lines);
        text.push('\n');
    }
    for line in base.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            inside = line == section;
        } else if inside && replaced.contains(&key) {
            continue;
        }
        writeln!(text, "{line}").unwrap();
        if !section.is_empty() && line == section {
            writeln!(text, "{lines}").unwrap();
        }
    }
    text
}

/// Problems as `place: message → hint`, one a line; line numbers have tests of their own.
fn check(change: &str, expected: &[&str]) {
    check_in(SMALLEST, change, expected);
}

fn check_in(base: &str, change: &str, expected: &[&str]) {
    let found: Vec<String> = match read_text(&edit_in(base, change)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .list
            .into_iter()
            .map(|Problem { line: _, place, message, hint }| {
                let hint = hint.map(|hint| format!(" → {hint}")).unwrap_or_default();
                format!("{place}: {message}{hint}")
            })
            .collect(),
    };
    assert_eq!(found, expected, "\n{change}");
}
