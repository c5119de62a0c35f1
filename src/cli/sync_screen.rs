//! What a run says, on a terminal: a line per stage, a bar while it applies, one sentence at the end.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::{self, Style, count, number};
use crate::model::{LongestWait, Operation, Outcome, Quarantine, RunId, RunSummary, Trigger};
use crate::reconcile::{PlanCounts, Progress, Watch};

/// Prints progress to standard error; standard output is for data.
#[derive(Debug)]
pub(super) struct Screen {
    style: Style,
    bar: Mutex<Option<ProgressBar>>,
}

impl Screen {
    /// A screen for people.
    #[must_use]
    pub(super) fn new() -> Self {
        Self { style: Style::of_stderr(), bar: Mutex::new(None) }
    }

    fn line(&self, stage: &str, text: &str) {
        let line = format!("  {} {text}", style::column(stage, 9));
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match bar.as_ref() {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    fn start_bar(&self, stage: &str, steps: u32) {
        if steps == 0 {
            return;
        }
        let bar = ProgressBar::new(u64::from(steps));
        bar.set_draw_target(ProgressDrawTarget::stderr());
        let stage = style::column(stage, 9);
        if let Ok(look) =
            ProgressStyle::with_template(&format!("  {stage} {{bar:30}} {{pos}}/{{len}}  {{msg}}  {{eta}} left"))
        {
            bar.set_style(look.progress_chars("█▉░"));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(bar);
    }

    /// Existing users are read in detail: minutes, with many of them.
    fn details(&self, read: u32, of: u32) {
        if self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none() {
            self.start_bar("details", of);
        }
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = bar.as_ref() {
            bar.set_message("existing users read");
            bar.set_position(u64::from(read));
        }
    }

    fn end_bar(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn started(&self, centre: String, run: RunId, trigger: Trigger) {
        let by = match trigger {
            Trigger::Hand => "by hand",
            Trigger::Schedule => "by the schedule",
            Trigger::Undo => "by hand, to take another run back",
        };
        eprintln!("{}  run {} {by}\n", self.style.bold(centre), self.style.dim(run));
    }

    fn applied(&self, operation: Operation, outcome: &Outcome) {
        if let Outcome::Failed { code, message, hint, .. } = outcome {
            self.line("", &self.style.bad(format!("{operation}: {code}: {message} → {hint}")));
        }
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = bar.as_ref() {
            bar.set_message(operation.name());
            bar.inc(1);
        }
    }

    fn quarantined(&self, quarantine: Quarantine) {
        let Quarantine { trouble, since, failures, until, last } = quarantine;
        let since = style::relative(since, last);
        let text = format!("met {failures} times since {since}: {}", trouble.message);
        self.line("", &self.style.bad(format!("in quarantine, {text}")));
        let next = format!("the schedule tries again {}", style::relative(until, last));
        self.line("", &format!("→ {}; {next}, you may at any time: rollcall sync now", trouble.hint));
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch for Screen {
    fn tell(&self, progress: Progress) {
        let style = self.style;
        match progress {
            Progress::Started { centre, run, trigger } => self.started(centre, run, trigger),
            Progress::SourceRead { source, seen } => {
                let how = if seen.full { "all of them" } else { "what changed" };
                let text = format!(
                    "{source} {} people, {} changed (read {how}: {}, {})",
                    number(seen.people),
                    number(seen.changed),
                    count(seen.requests as usize, "request", "requests"),
                    style::millis(seen.millis)
                );
                self.line("observe", &text);
            }
            Progress::SourceFailed { source, message, hint } => {
                self.line("observe", &style.bad(format!("source {source} could not be read: {message}")));
                self.line("", "nothing follows from that: nobody of this source is changed or removed");
                if !hint.is_empty() {
                    self.line("", &format!("→ {hint}"));
                }
            }
            Progress::Looked { users, everybody, millis } => {
                let whom = if everybody { "looked at everybody" } else { "looked at those who matter" };
                self.line("connect", &format!("{} users ({whom}, {})", number(users), style::millis(millis)));
            }
            Progress::Details { read, of } => self.details(read, of),
            Progress::Settled { happened, did_not } => {
                self.line("settle", &format!("calls in doubt: {happened} had happened, {did_not} had not"));
            }
            Progress::Planned { counts } => {
                self.end_bar();
                self.line("plan", &one_line(counts));
                self.start_bar("apply", counts.calls);
            }
            Progress::Passed { approved } => {
                let text = match approved {
                    Some(digest) => format!("passed: {digest} was approved by hand"),
                    None => "passed".to_owned(),
                };
                self.line("guard", &text);
            }
            Progress::Refused { message, .. } => {
                self.end_bar();
                self.line("guard", &format!("{}: {message}", style.bad("REFUSED")));
            }
            Progress::NotYet { message } => {
                self.end_bar();
                self.line("guard", &format!("{}: {message}", style.change("not yet")));
            }
            Progress::Applied { operation, outcome, .. } => self.applied(operation, &outcome),
            Progress::SinkBehind { sink, rejected, message } => {
                let why = message.unwrap_or_else(|| format!("{rejected} events were rejected"));
                self.line("report", &format!("sink {sink}: {why} (it catches up with the next run)"));
            }
            Progress::Untold { notifier, message, hint } => {
                self.line("notify", &style.bad(format!("{notifier} could not be told: {message}")));
                self.line("", &format!("→ {hint}; it is tried again after the next runs"));
            }
            Progress::Quarantined { quarantine } => self.quarantined(*quarantine),
            Progress::Lifted => self.line("", &style.good("out of quarantine: the schedule runs as usual")),
            Progress::Finished { .. } => self.end_bar(),
        }
    }
}

/// A plan in one line.
fn one_line(counts: PlanCounts) -> String {
    let PlanCounts { joins, adopts, changes, leaves, renames, held, shadowed, calls: _ } = counts;
    let parts = [
        (joins, "join"),
        (adopts, "adopt"),
        (changes, "change"),
        (leaves, "leave"),
        (renames, "rename"),
        (held, "held"),
        (shadowed, "decided by another source"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(" · ") }
}

/// Sources that could not be read: said last, because nothing else on the screen is about their people.
pub(super) fn frozen(summary: &RunSummary, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (source, why) in &summary.frozen {
        lines.push(format!("  {} source {source} could not be read: {}", style.bad("!"), why.message));
        lines.push("      its people are left as they are; those of the other sources went on".to_owned());
        if !why.hint.is_empty() {
            lines.push(format!("      → {}", why.hint));
        }
    }
    lines
}

/// The last lines of a run.
#[must_use]
pub(super) fn ending(summary: &RunSummary, style: Style) -> String {
    let done = summary.created + summary.adopted + summary.updated + summary.deleted;
    let calls: u32 = summary.calls.values().sum();
    let requests: u32 = summary.directory_requests.values().sum();
    let mut text = if done + summary.failed + summary.in_doubt + summary.not_attempted == 0 {
        format!("  {}", style.good("in agreement; nothing was changed"))
    } else {
        format!(
            "  {} done, {} failed, {} in doubt, {} held",
            number(done),
            number(summary.failed),
            number(summary.in_doubt),
            number(summary.quarantined)
        )
    };
    text.push_str(&format!("   {}", style::millis(summary.millis)));
    if summary.apply_millis > 0 && summary.least_millis > 0 {
        text.push_str(&format!(
            " (applying {}, least possible {})",
            style::millis(summary.apply_millis),
            style::millis(summary.least_millis)
        ));
    }
    let throttled: u32 = summary.throttled.values().sum();
    text.push_str(&format!(
        "\n  {} to the directory, {} to Connect{}",
        count(requests as usize, "request", "requests"),
        count(calls as usize, "call", "calls"),
        if throttled > 0 { format!(", {throttled} throttled") } else { String::new() }
    ));
    if let Some((p50, p95)) = summary.propagation_p50_p95_secs {
        text.push_str(&format!(
            "\n  from directory to Connect: half within {}, all but a few within {}",
            style::millis(p50 * 1_000),
            style::millis(p95 * 1_000)
        ));
    }
    if let Some(LongestWait { person, secs }) = &summary.propagation_longest {
        text.push_str(&format!("; longest {} ({person})", style::millis(secs * 1_000)));
    }
    text
}
