//! `check`: the file by itself, then every remote system with the smallest read that proves it; a line each, with what to do.

use std::fmt::Write;
use std::sync::Arc;

use connectors::SecretVault;
use serde_json::json;

use super::style::{Style, column, count};
use super::{Door, Exit};
use crate::assemble::{self, Surroundings};
use crate::config::Config;
use crate::connect::{AmazonConnect, Quotas};
use crate::model::IdentityManagement;
use crate::planner::guard::unknown_names;
use crate::planner::{check_examples, missing_names};
use crate::report::Sink;

/// One line of the screen.
struct Line {
    place: String,
    ok: bool,
    text: String,
    hint: Option<String>,
}

/// `rollcall check`.
///
/// # Errors
/// If a part cannot even be built.
pub(super) async fn check(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let mut lines = vec![configuration(&config)];
    lines.extend(examples(&config));
    let vault = assemble::vault(&config);
    lines.extend(secrets(&config, vault.as_ref()).await);
    for source in assemble::sources_with(&config, super::now, &vault)? {
        let place = format!("source {}", source.name());
        for line in source.check().await {
            lines.push(Line { place: place.clone(), ok: line.ok, text: line.text, hint: line.hint });
        }
    }
    lines.extend(connect(&config).await);
    for sink in &config.reports {
        let name = sink.name.clone();
        let place = format!("report {name}");
        match Sink::build(sink, &config.name).await {
            Ok(sink) => {
                for line in sink.check().await {
                    // The place says it already.
                    let text = line.text.trim_start_matches(&format!("report.{name}: ")).to_owned();
                    lines.push(Line { place: place.clone(), ok: line.ok, text, hint: line.hint });
                }
            }
            Err(error) => {
                lines.push(Line { place, ok: false, text: error.to_string(), hint: Some(error.hint) });
            }
        }
    }
    lines.extend(notifiers(&config, &vault).await);
    let problems = lines.iter().filter(|line| !line.ok).count();
    if door.json {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| json!({"place": line.place, "ok": line.ok, "text": line.text, "hint": line.hint}))
            .collect();
        println!("{}", json!({"contact_centre": config.name, "problems": problems, "lines": lines}));
    } else {
        print!("{}", screen(&config, &lines, problems, Style::of_stdout()));
    }
    Ok(if problems == 0 { Exit::Done } else { Exit::Failed })
}

fn configuration(config: &Config) -> Line {
    let text = format!(
        "{}, {}, {}, {}",
        count(config.sources.len(), "source", "sources"),
        count(config.rules.mappings.len(), "mapping", "mappings"),
        count(config.reports.len(), "report", "reports"),
        count(config.notifiers.len(), "notifier", "notifiers")
    );
    let names: Vec<&str> = config.sources.iter().map(|source| source.name().as_str()).collect();
    let order = if names.len() > 1 { format!("; precedence {}", names.join(" before ")) } else { String::new() };
    Line { place: "configuration".to_owned(), ok: true, text: text + &order, hint: None }
}

/// What is stored in AWS is read once, so that a missing permission has a line of its own; whoever needs it then uses what
/// was read.
async fn secrets(config: &Config, vault: &dyn SecretVault) -> Vec<Line> {
    let mut lines = Vec::new();
    for (place, name) in config.stored_secrets() {
        lines.push(match vault.fetch(&name, None).await {
            Ok(_) => Line { place, ok: true, text: format!("{name} was read"), hint: None },
            Err(error) => Line { place, ok: false, text: error.to_string(), hint: Some(error.hint()) },
        });
    }
    lines
}

/// Who is told of trouble: whether that would succeed, as far as it can be seen without telling anything.
async fn notifiers(config: &Config, vault: &Arc<dyn SecretVault>) -> Vec<Line> {
    let mut lines = Vec::new();
    for notifier in &config.notifiers {
        let name = &notifier.name;
        let place = format!("notify {name}");
        match assemble::notifier(notifier, &config.name, vault, &Surroundings::default()).await {
            Ok(built) => lines.extend(built.check().await.into_iter().map(|line| {
                // The place says it already.
                let text = line.text.trim_start_matches(&format!("notify.{name}: ")).to_owned();
                Line { place: place.clone(), ok: line.ok, text, hint: line.hint }
            })),
            Err(error) => lines.push(Line { place, ok: false, text: error.to_string(), hint: Some(error.hint) }),
        }
    }
    lines
}

/// The rules' own tests.
fn examples(config: &Config) -> Vec<Line> {
    let results = check_examples(&config.rules, &config.examples);
    if results.is_empty() {
        return Vec::new();
    }
    let passed = results.iter().filter(|result| result.passes()).count();
    let place = "examples".to_owned();
    let mut lines = vec![Line {
        place: place.clone(),
        ok: passed == results.len(),
        text: format!("{passed} of {} pass", results.len()),
        hint: None,
    }];
    for result in results {
        for difference in result.differs {
            lines.push(Line {
                place: place.clone(),
                ok: false,
                text: format!("line {}: {difference}", result.line),
                hint: Some("change the rule, or the example if the rule is right".to_owned()),
            });
        }
    }
    lines
}

async fn connect(config: &Config) -> Vec<Line> {
    let place = "connect".to_owned();
    let target = match AmazonConnect::connect(config.connect.clone(), &Quotas::new()).await {
        Ok(target) => target,
        Err(error) => {
            let hint = Some(error.hint());
            return vec![Line { place, ok: false, text: crate::reconcile::chain(&error), hint }];
        }
    };
    let mut lines = Vec::new();
    let (checked, catalogue) = target.check().await;
    for line in checked {
        lines.push(Line { place: place.clone(), ok: line.ok, text: line.text, hint: line.hint });
    }
    if let Some(catalogue) = catalogue {
        let mut unknown = missing_names(&config.rules, &catalogue, IdentityManagement::Saml);
        unknown.extend(unknown_names(&config.limits, &catalogue));
        let place = "names".to_owned();
        if unknown.is_empty() {
            let text = "every name in the rules and the guard exists in Connect".to_owned();
            lines.push(Line { place: place.clone(), ok: true, text, hint: None });
        }
        for finding in unknown {
            lines.push(Line { place: place.clone(), ok: false, text: finding.message, hint: Some(finding.hint) });
        }
    }
    lines
}

fn screen(config: &Config, lines: &[Line], problems: usize, style: Style) -> String {
    let mut out = format!("{}  {}\n\n", style.bold(&config.name), config.path.display());
    let mut last = "";
    for line in lines {
        let shown = if line.place == last { "" } else { &line.place };
        let ok = if line.ok { style.good("ok     ") } else { style.bad("problem") };
        let _ = writeln!(out, "  {} {ok}  {}", column(shown, 16), line.text);
        if let (false, Some(hint)) = (line.ok, &line.hint) {
            let _ = writeln!(out, "  {}          → {hint}", column("", 16));
        }
        last = &line.place;
    }
    let end = if problems == 0 { style.good("no problems") } else { style.bad(count(problems, "problem", "problems")) };
    let _ = writeln!(out, "\n{end}");
    out
}
