//! `status`: who holds the state file, how the last run ended, what waits for somebody.

use std::collections::BTreeMap;
use std::fmt::Write;

use connectors::{PersonKey, SourceName};
use serde_json::json;

use super::style::{self, Style, column, count, number};
use super::{Door, Exit, approve, explain};
use crate::model::{Decision, Finding, FindingCode, Quarantine, Retry, Time};
use crate::store::{Patient, RunRow, Store};

/// Findings that are listed before "and so many more".
const A_FEW: usize = 10;

/// `rollcall status`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn status(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let store = Store::open_read_only(&config.state).await?;
    let now = super::now();
    let last = store.runs(1).await?.into_iter().next();
    let held = store.held().await?;
    let approved = match &held {
        Some(held) => store.approval(&held.digest).await?.map(|at| approve::runs_out(&config, at)),
        None => None,
    };
    let decisions = store.decisions().await?;
    let people = store.people_count().await?;
    let quarantined: Vec<_> = decisions
        .values()
        .filter_map(|decision| match decision {
            Decision::Quarantined(finding) => Some(finding),
            _ => None,
        })
        .collect();
    let waiting = decisions.values().filter(|decision| matches!(decision, Decision::Waiting { .. })).count();
    let doubts = store.open_intents().await?.len();
    let kept = store.undone().await?.len();
    let retries = store.retries().await?;
    let quarantine = store.quarantine(Patient::Centre).await?.filter(Quarantine::entered);
    let holder = if store.is_held() { store.holder().await? } else { None };
    if door.json {
        let frozen = last.as_ref().and_then(|run| run.summary.as_ref()).map(|summary| &summary.frozen);
        let last = last.as_ref().map(|run| json!({"run": run.run, "started": run.started, "summary": run.summary}));
        println!(
            "{}",
            json!({
                "contact_centre": config.name,
                "sources": config.sources.iter().map(|source| source.name().as_str()).collect::<Vec<_>>(),
                "enabled": config.enabled, "people": people, "last_run": last,
                "held_plan": held.as_ref().map(|held| json!({"digest": held.digest, "message": held.message, "approved_until": approved})),
                "frozen": frozen.cloned().unwrap_or_default(), "quarantined": quarantined, "refused": retries, "quarantine": quarantine, "waiting": waiting, "kept_undone": kept, "in_doubt": doubts,
                "worked_on_by": holder.map(|(holder, _)| holder),
            })
        );
        return Ok(Exit::Done);
    }
    let style = Style::of_stdout();
    let mut out = format!("{}  {}\n\n", style.bold(&config.name), door.config.display());
    let mut line = |what: &str, text: String| {
        let _ = writeln!(out, "  {} {text}", column(what, 10));
    };
    let in_scope = last.as_ref().and_then(|run| run.summary.as_ref()).map(|summary| &summary.people);
    line("people", people_line(people, in_scope));
    line("last run", last.as_ref().map_or("none yet → rollcall plan".to_owned(), |run| run_line(run, now)));
    let by = holder.map_or("nobody".to_owned(), |(holder, since)| format!("{holder}, {}", style::relative(since, now)));
    if config.sources.len() > 1 {
        let of = |source: &crate::config::SourceConfig| format!("{} ({})", source.name(), source.product());
        line("sources", config.sources.iter().map(of).collect::<Vec<_>>().join(", then "));
    }
    for (source, why) in last.iter().filter_map(|run| run.summary.as_ref()).flat_map(|summary| &summary.frozen) {
        line("", style.bad(format!("source {source} could not be read in the last run: {}", why.message)));
        line("", format!("→ {}", why.hint));
    }
    line("worked on", format!("by {by}"));
    if !config.enabled {
        line("switch", style.bad("off (enabled = false): nothing runs by the clock"));
    }
    if let Some(quarantine) = &quarantine {
        let Quarantine { trouble, since, failures, until, last: _ } = quarantine;
        let since = style::relative(*since, now);
        line("quarantine", style.bad(format!("met {failures} times since {since}: {}", trouble.message)));
        let next = if *until <= now { "at its next tick".to_owned() } else { style::relative(*until, now) };
        line("", format!("→ {}, then: rollcall sync now (the schedule tries again {next})", trouble.hint));
    }
    if let Some(held) = &held {
        line("held", style.bad(&held.message));
        line("", held_line(&held.digest, approved, now));
    }
    if doubts > 0 {
        line("in doubt", format!("{}, settled by the next run", count(doubts, "call", "calls")));
    }
    if waiting > 0 {
        line("waiting", format!("{} on the way out", count(waiting, "leaver", "leavers")));
    }
    if kept > 0 {
        line("taken back", format!("{} kept as they are by undo, against the rules", count(kept, "person", "people")));
        line(
            "",
            "→ see why with: rollcall explain PERSON; let the rules apply with: rollcall undo --release".to_owned(),
        );
    }
    needs(&mut out, &quarantined, style);
    stuck(&mut out, &retries, &store.findings().await?, now, style);
    print!("{out}");
    Ok(Exit::Done)
}

/// What becomes of the held plan, with the moment until which it is approved.
fn held_line(digest: &str, approved: Option<Time>, now: Time) -> String {
    match approved {
        Some(until) if now <= until => {
            format!("approved until {}: goes through with the next run → rollcall sync now", style::moment(until))
        }
        Some(until) => format!(
            "the approval ran out {}, on {} → rollcall plan, then again: rollcall approve {digest}",
            style::relative(until, now),
            style::moment(until)
        ),
        None => format!("→ rollcall plan, then: rollcall approve {digest}"),
    }
}

/// Who waits for somebody.
fn needs(out: &mut String, quarantined: &[&Finding], style: Style) {
    let head = column("needs you", 10);
    if quarantined.is_empty() {
        let _ = writeln!(out, "  {head} {}", style.good("nobody"));
        return;
    }
    let _ = writeln!(out, "  {head} {}", style.bad(count(quarantined.len(), "person", "people")));
    for finding in quarantined.iter().take(A_FEW) {
        let _ = writeln!(out, "      {} {}  → {}", column(&finding.label, 36), finding.message, finding.hint);
    }
    if quarantined.len() > A_FEW {
        let _ = writeln!(out, "      …and {} more (rollcall plan --all)", quarantined.len() - A_FEW);
    }
}

/// Whom Connect refuses something: since when, when it is tried again, what to do.
fn stuck(out: &mut String, retries: &BTreeMap<PersonKey, Retry>, findings: &[Finding], now: Time, style: Style) {
    if retries.is_empty() {
        return;
    }
    let removals = retries.values().filter(|retry| retry.clocks.values().any(|clock| clock.removal)).count();
    let mut text = count(retries.len(), "person", "people");
    if removals > 0 {
        text.push_str(&format!(", {removals} of them with access that is to be taken away"));
    }
    let _ = writeln!(out, "  {} {}", column("refused", 10), style.bad(text));
    // Whoever keeps access comes first.
    let mut people: Vec<_> = retries.iter().collect();
    people.sort_by_key(|(_, retry)| !retry.clocks.values().any(|clock| clock.removal));
    for (person, retry) in people.iter().take(A_FEW) {
        let told =
            |finding: &&Finding| finding.code == FindingCode::CallFailed && finding.person.as_ref() == Some(*person);
        let label = findings.iter().find(told).map_or_else(|| person.to_string(), |finding| finding.label.clone());
        for (call, clock) in &retry.clocks {
            let [what, hint] = explain::refused(person, *call, clock, now, style);
            let _ = writeln!(out, "      {} {what}\n      {} {hint}", column(&label, 36), column("", 36));
        }
    }
    if people.len() > A_FEW {
        let _ = writeln!(out, "      …and {} more (rollcall plan --all)", people.len() - A_FEW);
    }
}

/// How many are known, leavers included, and how many of them the last run found in scope, by source.
fn people_line(known: u64, in_scope: Option<&BTreeMap<SourceName, u32>>) -> String {
    let known = format!("{} known", number(known));
    match in_scope {
        Some(people) if people.len() > 1 => {
            let parts: Vec<String> = people.iter().map(|(name, n)| format!("{name} {}", number(*n))).collect();
            format!("{known}, in scope: {}", parts.join(", "))
        }
        Some(people) if people.len() == 1 => format!("{known}, {} in scope", number(people.values().sum::<u32>())),
        _ => known,
    }
}

/// One run in one line.
pub(super) fn run_line(run: &RunRow, now: Time) -> String {
    let when = format!("{} ({})", style::relative(run.started, now), style::moment(run.started));
    match &run.summary {
        None => format!("{when}  not finished"),
        Some(summary) => {
            let mut parts = vec![summary.result.replace('_', " ")];
            let counts = [
                (summary.created, "created"),
                (summary.adopted, "adopted"),
                (summary.updated, "facets written"),
                (summary.deleted, "deleted"),
                (summary.failed, "failed"),
                (summary.in_doubt, "in doubt"),
                (summary.quarantined, "held"),
                (summary.resting, "resting"),
            ];
            parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))));
            if !summary.message.is_empty() {
                parts.push(summary.message.clone());
            }
            format!("{when}  {}", parts.join(" · "))
        }
    }
}
