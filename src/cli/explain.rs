//! `explain`: everything about one person, over what is stored.

use std::collections::BTreeSet;
use std::fmt::Write;

use connectors::{PersonKey, attributes};
use serde_json::json;

use super::observed::{self, Observed};
use super::style::{self, Style, column};
use super::{Door, Exit, pause, plan_screen};
use crate::assemble;
use crate::model::{Decision, JournalEntry, Observation, Operation, Pause, RetryClock, Time};
use crate::planner::{self, Explanation, OtherRecord, outlook};
use crate::store::JournalRow;

/// Journal entries that are shown.
const HISTORY: u32 = 8;

/// `rollcall explain PERSON`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn explain(door: &Door, person: &str) -> anyhow::Result<Exit> {
    let Observed { config, store, seen } = observed::observed(door).await?;
    let mut found = store.find_person(person).await?;
    if let [_, _, ..] = found[..] {
        // Records of one human have one login name: the one that decides is meant.
        let decisions = store.decisions().await?;
        let decides = |key: &PersonKey| match decisions.get(key) {
            Some(Decision::Shadowed { by, .. }) => by.clone(),
            _ => key.clone(),
        };
        let humans: BTreeSet<PersonKey> = found.iter().map(decides).collect();
        found = humans.into_iter().collect();
    }
    let key = match &found[..] {
        [key] => key,
        [] => {
            eprintln!("nobody is called {person}");
            eprintln!("→ give a username, an e-mail address or a key such as entra/9f3e…");
            return Ok(Exit::Failed);
        }
        several => {
            eprintln!("{} people are called that:", several.len());
            for key in several.iter().take(10) {
                eprintln!("  {key}");
            }
            return Ok(Exit::Failed);
        }
    };
    // Built from the configuration only; nothing is reached. What cannot be built is named as the rules name it.
    let sources = assemble::sources(&config, super::now).unwrap_or_default();
    let explanation = planner::explain(&seen, &config.rules, key, &|source, attribute| {
        let source = sources.iter().find(|known| known.name() == source);
        source.map_or_else(|| attribute.to_string(), |source| source.field_of(attribute))
    });
    let past = store.person_history(key, HISTORY).await?;
    let halted = halted(config.enabled, store.paused().await?, super::now());
    if door.json {
        println!("{}", as_json(&explanation, halted.as_deref()));
    } else {
        print!("{}", screen(&explanation, &seen, &past, halted.as_deref(), super::now(), Style::of_stdout()));
    }
    Ok(Exit::Done)
}

fn as_json(explanation: &Explanation, halted: Option<&str>) -> serde_json::Value {
    let rules: Vec<_> = explanation
        .rules
        .iter()
        .map(|rule| json!({"rule": rule.rule, "applies": rule.applies, "why": rule.why, "gives": rule.gives}))
        .collect();
    let facets: Vec<_> = explanation
        .facets
        .iter()
        .map(|facet| json!({"facet": facet.facet, "authority": facet.authority, "state": facet.state}))
        .collect();
    let attributes: Vec<_> = explanation
        .attributes
        .iter()
        .map(|shown| json!({"name": shown.name, "value": shown.value, "field": shown.field}))
        .collect();
    let other = |other: &OtherRecord| json!({"person": other.person, "matched": other.matched, "why": other.why});
    json!({
        "person": explanation.person, "presence": explanation.presence, "status": explanation.status,
        "attributes": attributes, "decided_by": explanation.decided_by.as_ref().map(other),
        "decides_for": explanation.decides_for.iter().map(other).collect::<Vec<_>>(),
        "rules": rules, "facets": facets,
        "connect_user": explanation.user.as_ref().map(|user| json!({"id": user.id, "username": user.username})),
        "refused": explanation.refused.iter().map(|(operation, clock)| json!({"operation": operation, "clock": clock})).collect::<Vec<_>>(),
        "decision": explanation.decision, "changes": explanation.changes, "findings": explanation.findings,
        "halted": halted,
    })
}

/// Why the clock starts no run, if that is so.
fn halted(enabled: bool, paused: Option<Pause>, now: Time) -> Option<String> {
    if !enabled {
        return Some("switched off (enabled = false): nothing runs by the clock".to_owned());
    }
    let pause = paused.filter(|pause| pause.holds(now))?;
    Some(format!("{} → go on with: rollcall resume", pause::until(&pause, now)))
}

fn screen(
    explanation: &Explanation,
    seen: &Observation,
    past: &[JournalRow],
    halted: Option<&str>,
    now: Time,
    style: Style,
) -> String {
    let mut out = String::new();
    heading(&mut out, explanation, style);
    directory(&mut out, explanation, seen);
    let gives = outlook::gives(explanation);
    section(
        &mut out,
        "rules",
        explanation.rules.iter().map(|rule| {
            let verdict = if rule.applies { style.good("YES  ") } else { "no   ".to_owned() };
            let gives = if rule.applies { format!("   {gives} {}", rule.gives) } else { String::new() };
            format!("{} {verdict} {}{gives}", column(&rule.rule, 12), rule.why)
        }),
    );
    section(
        &mut out,
        "facets",
        explanation.facets.iter().map(|facet| {
            let authority = outlook::authority(facet.authority);
            format!("{} {} {}", column(facet.facet.short(), 10), column(authority, 10), facet.state)
        }),
    );
    section(
        &mut out,
        "refused",
        explanation.refused.iter().flat_map(|(call, clock)| refused(&explanation.person, *call, clock, now, style)),
    );
    section(&mut out, "notes", explanation.findings.iter().map(|f| format!("{}  → {}", f.message, f.hint)));
    let next = next(explanation, now, style).into_iter();
    section(&mut out, "next", next.chain(halted.map(|why| style.bad(why))));
    section(&mut out, "history", past.iter().filter_map(|row| past_line(row, now, style)));
    out
}

fn heading(out: &mut String, explanation: &Explanation, style: Style) {
    let (name, connect) = (outlook::username(explanation), outlook::connect_user(explanation));
    let _ = writeln!(out, "{}   {}   {connect}\n", style.bold(name), style.dim(&explanation.person));
}

fn directory(out: &mut String, explanation: &Explanation, seen: &Observation) {
    section(out, "directory", outlook::directory(explanation, &seen.directory.groups).into_iter());
    section(
        out,
        "attributes",
        explanation.attributes.iter().map(|shown| {
            let value = shown.value.replace(attributes::SEPARATOR, ", ");
            format!("{} {}  ← {}", column(shown.name.as_str(), 16), column(&value, 32), shown.field)
        }),
    );
    section(out, "same person", outlook::same_person(explanation).into_iter());
}

/// A section of the screen: its name beside the first line, nothing if there are no lines.
fn section(out: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    for (at, line) in lines.enumerate() {
        let _ = writeln!(out, "  {} {line}", column(if at == 0 { name } else { "" }, 11));
    }
}

/// What happens in the next run, and when something happens later.
fn next(explanation: &Explanation, now: Time, style: Style) -> Vec<String> {
    let mut lines: Vec<String> =
        outlook::next(explanation.decision.as_ref(), now).iter().map(|said| style.said(said)).collect();
    lines.extend(
        explanation.changes.iter().map(|change| plan_screen::person(change, now, style).trim_start().to_owned()),
    );
    lines
}

/// What was refused since when, when it is tried again, and what to do.
pub(super) fn refused(person: &PersonKey, call: Operation, clock: &RetryClock, now: Time, style: Style) -> [String; 2] {
    outlook::refused(person, call, clock, now).map(|said| style.said(&said))
}

fn past_line(row: &JournalRow, now: Time, style: Style) -> Option<String> {
    let when = column(&style::moment(row.at), 22);
    match &row.entry {
        JournalEntry::Change(record) => {
            let change = plan_screen::person(&record.change, now, style);
            Some(format!("{when} {}  {}", change.trim_start(), record.outcome.words()))
        }
        JournalEntry::Finding { finding, .. } => Some(format!("{when} ! {}", finding.message)),
        _ => None,
    }
}
