//! The commented example file: every key it mentions exists, and it tells the truth about defaults.

use super::*;

#[test]
fn the_example_file_is_right_and_says_what_it_says() {
    let config = read_text(template()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.name, "support-emea");
    assert_eq!(config.state, Path::new("/etc/rollcall/rollcall.db"));
    assert!(config.enabled);
    assert_eq!(config.rules.mappings.len(), 3);
    assert_eq!(config.rules.authority[&Facet::Security], Authority::Connect);
    assert_eq!(config.rules.authority[&Facet::Routing], Authority::Shared);
    assert_eq!(config.rules.leaver.suspend.as_ref().unwrap().for_secs, Some(30 * 24 * 60 * 60));
    assert_eq!(config.examples.len(), 1);
    assert_eq!(config.examples[0].groups, ["Connect-Recording"]);
    let SinkKind::CloudwatchLogs(logs) = &config.reports[0].kind else { panic!("another kind") };
    assert_eq!((logs.group.as_str(), logs.retention_days), ("/rollcall/support-emea", Some(90)));
}

/// What the example's comments call a default is the default: a file without these lines reads the same.
#[test]
fn the_example_file_tells_the_truth_about_defaults() {
    let with = read_text(template()).unwrap();
    let is_default = |line: &&str| line.contains("# default");
    let defaults = template().lines().filter(is_default).count();
    assert!(defaults > 12, "only {defaults} lines speak of a default");
    let text: Vec<&str> = template().lines().filter(|line| !is_default(line)).collect();
    let without = read_text(&text.join("\n")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(with.rules_digest, without.rules_digest);
    assert_eq!(with.limits, without.limits);
    assert_eq!(with.schedule, without.schedule);
    assert_eq!(with.reports, without.reports);
    assert_eq!(with.connect, without.connect);
}

/// The example with every commented table of the given names switched on.
fn with_tables(names: &[&str]) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in template().lines() {
        if let Some(header) = line.strip_prefix("# [") {
            inside = names.iter().any(|name| header.starts_with(&format!("{name}]")));
        } else if !line.starts_with('#') {
            inside = false;
        }
        let line = if inside { line.strip_prefix("# ").unwrap_or(line) } else { line };
        text.push_str(line);
        text.push('\n');
    }
    text
}

const PRECEDENCE: &str = "# precedence  = [\"entra\"]";

/// With both further directories, in an order that is not the file's.
fn of_three_directories() -> String {
    let order = "precedence = [\"partner\", \"entra\", \"okta\"]";
    with_tables(&["source.okta", "source.partner", "notify.ops", "notify.chat", "console"]).replace(PRECEDENCE, order)
}

#[test]
fn the_commented_tables_are_right() {
    let config = read_text(&with_tables(&["report.file"])).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.reports.len(), 2);
    let console = read_text(&with_tables(&["console"])).unwrap_or_else(|problems| panic!("{problems}")).console;
    assert_eq!(console.map(|console| console.address()), Some("https://rollcall.example.com/".to_owned()));
    let config =
        read_text(&with_tables(&["notify.ops", "notify.chat"])).unwrap_or_else(|problems| panic!("{problems}"));
    let [ops, chat] = &config.notifiers[..] else { panic!("{:?}", config.notifiers) };
    let bare =
        read_text(&edit("[notify.ops]\nkind = \"sns\"\ntopic = \"arn:aws:sns:eu-west-2:111122223333:rollcall\""));
    assert_eq!(ops.hears, bare.unwrap().notifiers[0].hears, "what stands in comments is what happens without it");
    assert_eq!((ops.name.as_str(), chat.name.as_str()), ("ops", "chat"));
    let config = read_text(&of_three_directories()).unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<&str> = config.sources.iter().map(|source| source.name().as_str()).collect();
    assert_eq!(names, ["partner", "entra", "okta"]);
    let rule = |name: &str| config.rules.sources.iter().find(|source| source.name.as_str() == name).unwrap();
    assert!(rule("okta").application_profile && !rule("partner").application_profile);
    // What its comments call a default is one.
    let is_default = |line: &&str| line.contains("# default");
    let text: Vec<String> =
        of_three_directories().lines().filter(|line| !is_default(line)).map(str::to_owned).collect();
    let without = read_text(&text.join("\n")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(without.sources, config.sources);
}

/// Keys that stand in a comment are keys: switched on one by one, none of them is unknown.
#[test]
fn every_key_the_example_file_mentions_exists() {
    let base = of_three_directories();
    let mut tried = 0;
    for (at, line) in base.lines().enumerate() {
        let Some(key) = line.strip_prefix("# ").and_then(|line| line.split_once('=')).map(|(key, _)| key.trim()) else {
            continue;
        };
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && key != "CreateUser" {
            continue;
        }
        // The keys of a commented table belong to that table; it has a test of its own.
        if ["kind", "path"].contains(&key) {
            continue;
        }
        tried += 1;
        let lines = base.lines().enumerate();
        let text: String = lines.map(|(i, l)| if i == at { &l[2..] } else { l }).flat_map(|l| [l, "\n"]).collect();
        if let Err(problems) = read_text(&text) {
            let unknown = problems.list.iter().any(|problem| problem.message == "unknown key");
            assert!(!unknown, "line {}: {problems}", at + 1);
        }
    }
    assert!(tried > 25, "only {tried} commented keys were found");
}
