//! `status`: who holds the state file, how the last run ended, what waits for somebody.

use std::collections::BTreeMap;
use std::fmt::Write;

use connectors::{PersonKey, SourceName};
use serde_json::json;

use super::style::{self, Style, column, count, number};
use super::{Door, Exit, approve, explain, pause};
use crate::config::{Config, SourceConfig};
use crate::model::{Decision, Finding, FindingCode, InForce, Pause, Quarantine, Retry, RunSummary, Time};
use crate::store::{Held, Patient, RunRow, Store};

/// Findings that are listed before "and so many more".
const A_FEW: usize = 10;

/// `rollcall status`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn status(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let store = Store::open_read_only(&config.state).await?;
    let known = Known::read(&store, &config).await?;
    if door.json {
        println!("{}", known.json(&config));
        return Ok(Exit::Done);
    }
    let style = Style::of_stdout();
    let mut out = format!("{}  {}\n\n", style.bold(&config.name), door.config.display());
    known.standing(&config, &mut out, style);
    known.open_matters(&mut out, style);
    needs(&mut out, &known.quarantined, style);
    stuck(&mut out, &known.retries, &known.findings, known.now, style);
    print!("{out}");
    Ok(Exit::Done)
}

/// What the state file says, read once, for both ways to tell it.
struct Known {
    now: Time,
    last: Option<RunRow>,
    held: Option<Held>,
    /// Until when the held plan is approved.
    approved: Option<Time>,
    people: u64,
    /// Who waits for somebody.
    quarantined: Vec<Finding>,
    /// Leavers on the way out.
    waiting: usize,
    /// Calls whose effect is not known.
    doubts: usize,
    /// People whom `undo` keeps as they are.
    kept: usize,
    retries: BTreeMap<PersonKey, Retry>,
    findings: Vec<Finding>,
    quarantine: Option<Quarantine>,
    /// Notifiers that could not be told lately, and how often in a row.
    untold: BTreeMap<String, u32>,
    /// The pause, if one holds.
    paused: Option<Pause>,
    /// What a service works by, while one is up.
    in_force: Option<InForce>,
    /// Who works on the state file, and since when.
    holder: Option<(String, Time)>,
}

impl Known {
    async fn read(store: &Store, config: &Config) -> anyhow::Result<Self> {
        let held = store.held().await?;
        let approved = match &held {
            Some(held) => store.approval(&held.digest).await?.map(|at| approve::runs_out(config, at)),
            None => None,
        };
        let mut untold = BTreeMap::new();
        for notifier in &config.notifiers {
            let failures = store.notify_book(&notifier.name).await?.failures;
            untold.extend((failures > 0).then(|| (notifier.name.clone(), failures)));
        }
        let decisions = store.decisions().await?;
        let waiting = decisions.values().filter(|decision| matches!(decision, Decision::Waiting { .. })).count();
        let quarantined = decisions.into_values().filter_map(|decision| match decision {
            Decision::Quarantined(finding) => Some(finding),
            _ => None,
        });
        let now = super::now();
        let holder = if store.is_held() { store.holder().await? } else { None };
        let served = holder.as_ref().is_some_and(|(holder, _)| holder.starts_with("rollcall serve"));
        Ok(Self {
            now,
            last: store.runs(1).await?.into_iter().next(),
            held,
            approved,
            people: store.people_count().await?,
            quarantined: quarantined.collect(),
            waiting,
            doubts: store.open_intents().await?.len(),
            kept: store.undone().await?.len(),
            retries: store.retries().await?,
            findings: store.findings().await?,
            quarantine: store.quarantine(Patient::Centre).await?.filter(Quarantine::entered),
            untold,
            paused: store.paused().await?.filter(|pause| pause.holds(now)),
            in_force: if served { store.in_force().await? } else { None },
            holder,
        })
    }

    /// What the last run told, if it came to its end.
    fn summary(&self) -> Option<&RunSummary> {
        self.last.as_ref().and_then(|run| run.summary.as_ref())
    }

    fn json(&self, config: &Config) -> serde_json::Value {
        let last = self.last.as_ref();
        let last = last.map(|run| json!({"run": run.run, "started": run.started, "summary": run.summary}));
        let held = self.held.as_ref();
        let held =
            held.map(|held| json!({"digest": held.digest, "message": held.message, "approved_until": self.approved}));
        json!({
            "contact_centre": config.name,
            "sources": config.sources.iter().map(|source| source.name().as_str()).collect::<Vec<_>>(),
            "enabled": config.enabled,
            "paused": self.paused,
            "configuration": json!({"file": config.digest, "in_force": self.in_force}),
            "people": self.people,
            "last_run": last,
            "held_plan": held,
            "frozen": self.summary().map(|summary| &summary.frozen).cloned().unwrap_or_default(),
            "quarantined": self.quarantined,
            "refused": self.retries,
            "quarantine": self.quarantine,
            "untold": self.untold,
            "waiting": self.waiting,
            "kept_undone": self.kept,
            "in_doubt": self.doubts,
            "worked_on_by": self.holder.as_ref().map(|(holder, _)| holder),
        })
    }

    /// Whom this contact centre has, how its last run ended, who works on it, whether it runs at all.
    fn standing(&self, config: &Config, out: &mut String, style: Style) {
        let now = self.now;
        let mut line = |what: &str, text: String| row(out, what, &text);
        line("people", people_line(self.people, self.summary().map(|summary| &summary.people)));
        line("last run", self.last.as_ref().map_or("none yet → rollcall plan".to_owned(), |run| run_line(run, now)));
        if config.sources.len() > 1 {
            let of = |source: &SourceConfig| format!("{} ({})", source.name(), source.product());
            line("sources", config.sources.iter().map(of).collect::<Vec<_>>().join(", then "));
        }
        for (source, why) in self.summary().iter().flat_map(|summary| &summary.frozen) {
            line("", style.bad(format!("source {source} could not be read in the last run: {}", why.message)));
            line("", format!("→ {}", why.hint));
        }
        let by = |(holder, since): &(String, Time)| format!("{holder}, {}", style::relative(*since, now));
        line("worked on", format!("by {}", self.holder.as_ref().map_or("nobody".to_owned(), by)));
        if let Some(InForce { digest, since }) = &self.in_force {
            let short = InForce::short(digest);
            line("by", format!("configuration {short}, in force since {}", style::relative(*since, now)));
            if *digest != config.digest {
                line("", style.bad("the file has been changed since → systemctl reload, or SIGHUP to the process"));
            }
        }
        if !config.enabled {
            line("switch", style.bad("off (enabled = false): nothing runs by the clock"));
        }
        if let Some(pause) = &self.paused {
            line("switch", style.bad(format!("{}: nothing runs by the clock", pause::until(pause, now))));
            line("", "→ go on with: rollcall resume; one run in between: rollcall sync now --while-paused".to_owned());
        }
    }

    /// What is not as it should be, or not yet.
    fn open_matters(&self, out: &mut String, style: Style) {
        let now = self.now;
        let mut line = |what: &str, text: String| row(out, what, &text);
        if let Some(quarantine) = &self.quarantine {
            let Quarantine { trouble, since, failures, until, last: _ } = quarantine;
            let since = style::relative(*since, now);
            line("quarantine", style.bad(format!("met {failures} times since {since}: {}", trouble.message)));
            let next = if *until <= now { "at its next tick".to_owned() } else { style::relative(*until, now) };
            line("", format!("→ {}, then: rollcall sync now (the schedule tries again {next})", trouble.hint));
        }
        if let Some(summary) = self.summary().filter(|summary| summary.result == "reading") {
            line("reading", summary.message.clone());
            line("", "nobody is asked to approve anything before; the runs read on by themselves".to_owned());
            line("", "→ read all of them now, with progress: rollcall sync now".to_owned());
        }
        if let Some(held) = &self.held {
            line("held", style.bad(&held.message));
            line("", held_line(&held.digest, self.approved, now));
        }
        for (notifier, failures) in &self.untold {
            let times = count(*failures as usize, "time", "times in a row");
            line("notify", style.bad(format!("{notifier} could not be told of trouble, {times}")));
            line("", "→ see why with: rollcall check; it is tried again by later runs".to_owned());
        }
        if self.doubts > 0 {
            line("in doubt", format!("{}, settled by the next run", count(self.doubts, "call", "calls")));
        }
        if self.waiting > 0 {
            line("waiting", format!("{} on the way out", count(self.waiting, "leaver", "leavers")));
        }
        if self.kept > 0 {
            let people = count(self.kept, "person", "people");
            line("taken back", format!("{people} kept as they are by undo, against the rules"));
            let hint = "→ see why with: rollcall explain PERSON; let the rules apply with: rollcall undo --release";
            line("", hint.to_owned());
        }
    }
}

/// One line: what it is about, and what there is to say.
fn row(out: &mut String, what: &str, text: &str) {
    let _ = writeln!(out, "  {} {text}", column(what, 10));
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
fn needs(out: &mut String, quarantined: &[Finding], style: Style) {
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
        Some(summary) => format!("{when}  {}", summary.words()),
    }
}
