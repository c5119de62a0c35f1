//! The rules of a file as a text that may be handed back.

use super::*;
use crate::config::{rules_of, rules_with};

/// Every way to write a section, among sections that are none of the rules.
const FILE: &str = r#"
name = "emea" # the contact centre
authority.security_profiles = "connect" # [old.source] client_secret = "hunter2"
[source.entra]
kind = "microsoft"
tenant = "contoso.example"
client_id = "app"
client_secret = { env = "ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET" }
# [source.old]
# client_secret = "hunter2"

[[mapping]]
# hunter2
name              = "care # not a comment"
departments       = [
    "Care", # hunter2
    "Customer \"Care\"",
]
security_profiles = ["Agent"]
routing_profile   = 'Care # Voice'
desk_phone        = true
[mapping.tags]
tier = "2"
[connect]
instance = "arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012"
[[mapping]]
name = "leads"
when = { all = [ { group = "Leads" }, # hunter2
    { not = { attribute = "title", starts_with = "Temp" } } ] }
security_profiles = ["Lead"]
user_type = "supervisor"
[user_type.supervisor]
security_profiles = ["Supervisor"]
tags.level = "1"
[default]
security_profiles = ["Agent"]
routing_profile = """Basic"""
[attributes]
username = "mail"
[[example]]
given  = { department = "Care" }
expect = { routing_profile = "Care # Voice" }
# [notify.old]
# url = "https://hooks.example.com/hunter2"
"#;

fn handed_back(text: &str) {
    let config = read_text(text).unwrap_or_else(|problems| panic!("{problems}"));
    let excerpt = rules_of(text).unwrap();
    let changed = rules_with(&config, &excerpt, Path::new("next.toml"))
        .unwrap_or_else(|problems| panic!("{problems}\n{excerpt}"));
    assert_eq!(changed.rules.spoken(), config.rules.spoken(), "{excerpt}");
    let examples = |examples: &[Example]| -> Vec<Example> {
        examples.iter().map(|example| Example { line: 0, ..example.clone() }).collect()
    };
    assert_eq!(examples(&changed.examples), examples(&config.examples), "{excerpt}");
    assert_eq!(rules_of(&excerpt).as_ref(), Some(&excerpt), "an excerpt of an excerpt is the same");
}

#[test]
fn handed_back_it_changes_nothing() {
    handed_back(FILE);
    handed_back(&FILE.replace('\n', "\r\n"));
    handed_back(SMALLEST);
}

#[test]
fn it_holds_no_comment_and_no_other_section() {
    let excerpt = rules_of(FILE).unwrap();
    for word in ["hunter2", "client_secret", "tenant", "instance", "emea", "a comment\" #"] {
        assert!(!excerpt.contains(word), "{word} is in\n{excerpt}");
    }
    for kept in [
        "authority.security_profiles = \"connect\"",
        "name              = \"care # not a comment\"",
        "departments       = [\"Care\", \"Customer \\\"Care\\\"\"]",
        "[user_type.supervisor]",
        "tags.level = \"1\"",
        "routing_profile = \"\"\"Basic\"\"\"",
    ] {
        assert!(excerpt.lines().any(|line| line == kept), "no {kept} in\n{excerpt}");
    }
}

#[test]
fn what_is_no_toml_has_none() {
    assert_eq!(rules_of("[[mapping]\nname ="), None);
    assert_eq!(rules_of("name = \"emea\"\n"), Some(String::new()));
}
