//! A look at every part: the file by itself, then every remote system with the smallest read that proves it; a line each,
//! with what to do.
//!
//! ```text
//! console   where the pages are, and whether anybody can sign in
//! ```
//!
//! Invariant: nothing is changed anywhere, and no secret is in a line.
//! Deliberately absent: how the lines are shown. The command line prints them, the console has a card for them.

mod console;

use std::sync::Arc;

use connectors::{CheckLine, SecretVault};

use crate::assemble::{self, Surroundings};
use crate::config::Config;
use crate::connect::{AmazonConnect, Quotas};
use crate::console::CheckNow;
use crate::model::words::count;
use crate::model::{Checked, IdentityManagement, Time};
use crate::planner::guard::unknown_names;
use crate::planner::{check_examples, missing_names};
use crate::report::Sink;

/// A line for everything that was looked at.
///
/// # Errors
/// If a directory cannot even be built.
pub async fn look(config: &Config, now: fn() -> Time) -> anyhow::Result<Vec<Checked>> {
    let mut lines = vec![configuration(config)];
    lines.extend(examples(config));
    let vault = assemble::vault(config);
    lines.extend(secrets(config, vault.as_ref()).await);
    for source in assemble::sources_with(config, now, &vault)? {
        let place = format!("source {}", source.name());
        lines.extend(placed(&place, source.check().await));
    }
    lines.extend(connect(config).await);
    lines.extend(reports(config).await);
    lines.extend(notifiers(config, &vault).await);
    lines.extend(console::look(config, now()).await);
    Ok(lines)
}

/// The same whenever it is asked for, for the console.
#[must_use]
pub fn on_demand(config: Arc<Config>, now: fn() -> Time) -> CheckNow {
    Arc::new(move || {
        let config = Arc::clone(&config);
        Box::pin(async move {
            look(&config, now).await.unwrap_or_else(|error| {
                let text = crate::reconcile::chain(error.as_ref());
                vec![Checked::bad("configuration", text, "correct the configuration, then: rollcall check")]
            })
        })
    })
}

/// Lines of a part, with its place before them instead of in them.
fn placed(place: &str, lines: Vec<CheckLine>) -> impl Iterator<Item = Checked> {
    lines.into_iter().map(move |CheckLine { ok, text, hint }| {
        let inside = format!("{}: ", place.replacen(' ', ".", 1));
        Checked { place: place.to_owned(), ok, text: text.trim_start_matches(&inside).to_owned(), hint }
    })
}

fn configuration(config: &Config) -> Checked {
    let text = format!(
        "{}, {}, {}, {}",
        count(config.sources.len(), "source", "sources"),
        count(config.rules.mappings.len(), "mapping", "mappings"),
        count(config.reports.len(), "report", "reports"),
        count(config.notifiers.len(), "notifier", "notifiers")
    );
    let names: Vec<&str> = config.sources.iter().map(|source| source.name().as_str()).collect();
    let order = if names.len() > 1 { format!("; precedence {}", names.join(" before ")) } else { String::new() };
    Checked::good("configuration", text + &order)
}

/// The rules' own tests.
fn examples(config: &Config) -> Vec<Checked> {
    let results = check_examples(&config.rules, &config.examples);
    if results.is_empty() {
        return Vec::new();
    }
    let passed = results.iter().filter(|result| result.passes()).count();
    let summed = Checked::good("examples", format!("{passed} of {} pass", results.len()));
    let mut lines = vec![Checked { ok: passed == results.len(), ..summed }];
    for result in results {
        for difference in result.differs {
            let hint = "change the rule, or the example if the rule is right";
            lines.push(Checked::bad("examples", format!("line {}: {difference}", result.line), hint));
        }
    }
    lines
}

/// What is stored in AWS is read once, so that a missing permission has a line of its own; whoever needs it then uses what
/// was read.
async fn secrets(config: &Config, vault: &dyn SecretVault) -> Vec<Checked> {
    let mut lines = Vec::new();
    for (place, name) in config.stored_secrets() {
        lines.push(match vault.fetch(&name, None).await {
            Ok(_) => Checked::good(&place, format!("{name} was read")),
            Err(error) => Checked::bad(&place, error.to_string(), error.hint()),
        });
    }
    lines
}

async fn connect(config: &Config) -> Vec<Checked> {
    let target = match AmazonConnect::connect(config.connect.clone(), &Quotas::new()).await {
        Ok(target) => target,
        Err(error) => return vec![Checked::bad("connect", crate::reconcile::chain(&error), error.hint())],
    };
    let (checked, catalogue) = target.check().await;
    let mut lines: Vec<Checked> = placed("connect", checked).collect();
    if let Some(catalogue) = catalogue {
        let mut unknown = missing_names(&config.rules, &catalogue, IdentityManagement::Saml);
        unknown.extend(unknown_names(&config.limits, &catalogue));
        if unknown.is_empty() {
            lines.push(Checked::good("names", "every name in the rules and the guard exists in Connect"));
        }
        lines.extend(unknown.into_iter().map(|finding| Checked::bad("names", finding.message, finding.hint)));
    }
    lines
}

async fn reports(config: &Config) -> Vec<Checked> {
    let mut lines = Vec::new();
    for sink in &config.reports {
        let place = format!("report {}", sink.name);
        match Sink::build(sink, &config.name).await {
            Ok(sink) => lines.extend(placed(&place, sink.check().await)),
            Err(error) => lines.push(Checked::bad(&place, error.to_string(), error.hint)),
        }
    }
    lines
}

/// Who is told of trouble: whether that would succeed, as far as it can be seen without telling anything.
async fn notifiers(config: &Config, vault: &Arc<dyn SecretVault>) -> Vec<Checked> {
    let mut lines = Vec::new();
    for notifier in &config.notifiers {
        let place = format!("notify {}", notifier.name);
        match assemble::notifier(notifier, &config.name, vault, &Surroundings::default()).await {
            Ok(built) => lines.extend(placed(&place, built.check().await)),
            Err(error) => lines.push(Checked::bad(&place, error.to_string(), error.hint)),
        }
    }
    lines
}
