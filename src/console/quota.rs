//! What was called in Connect lately, against what the quota allowed: by the summaries of the runs that ended since.
//!
//! Invariant: what is allowed is the part of the quota that is ours, burst included, over the whole time.
//! Deliberately absent: calls of a run that is going on, and of checks and rehearsals by hand; no summary holds them.

use chrono::TimeDelta;
use maud::{Markup, html};

use super::page::Trouble;
use super::view::View;
use crate::model::Operation;
use crate::model::words::number;
use crate::store::RunRow;

/// The spans that are shown.
const HOUR: TimeDelta = TimeDelta::hours(1);
const DAY: TimeDelta = TimeDelta::hours(24);

/// One operation over a span.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spent {
    /// Calls, throttled ones included.
    pub(super) calls: u64,
    /// Throttled calls.
    pub(super) throttled: u64,
    /// Calls that were allowed.
    pub(super) allowed: f64,
}

impl Spent {
    /// Which part of what was allowed, up to 1 and beyond.
    pub(super) fn part(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a bar has a hundred steps")]
        let calls = self.calls as f64;
        if self.allowed > 0.0 { calls / self.allowed } else { 0.0 }
    }

    /// `12 of 5,764`.
    pub(super) fn words(&self) -> String {
        format!("{} of {}", number(self.calls), number(self.allowed_calls()))
    }

    pub(super) fn allowed_calls(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls; it saturates")]
        let allowed = self.allowed.floor() as u64;
        allowed
    }
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) operation: Operation,
    pub(super) per_second: f64,
    pub(super) burst: u32,
    pub(super) hour: Spent,
    pub(super) day: Spent,
}

/// Every operation, in the order of the API.
pub(super) async fn uses(view: &View) -> Result<Vec<Use>, Trouble> {
    let runs = view.store().runs_since(view.now - DAY).await?;
    Ok(Operation::ALL.iter().map(|operation| of(view, &runs, *operation)).collect())
}

/// The operation of which most of what was allowed in the last hour was used; none if nothing was called.
pub(super) async fn busiest(view: &View) -> Result<Option<Use>, Trouble> {
    let runs = view.store().runs_since(view.now - HOUR).await?;
    let used = Operation::ALL.iter().map(|operation| of(view, &runs, *operation)).filter(|row| row.hour.calls > 0);
    Ok(used.max_by(|a, b| a.hour.part().total_cmp(&b.hour.part())))
}

fn of(view: &View, runs: &[RunRow], operation: Operation) -> Use {
    let (per_second, burst) = (view.centre().quota)(operation);
    let over = |span| spent(view, runs, operation, span, (per_second, burst));
    Use { operation, per_second, burst, hour: over(HOUR), day: over(DAY) }
}

fn spent(view: &View, runs: &[RunRow], operation: Operation, span: TimeDelta, rate: (f64, u32)) -> Spent {
    let (per_second, burst) = rate;
    let ended = |run: &&RunRow| run.finished.is_some_and(|at| at >= view.now - span);
    let of = |calls: &std::collections::BTreeMap<Operation, u32>| calls.get(&operation).copied().map_or(0, u64::from);
    let mut spent = Spent::default();
    for summary in runs.iter().filter(ended).filter_map(|run| run.summary.as_ref()) {
        spent.calls += of(&summary.calls);
        spent.throttled += of(&summary.throttled);
    }
    #[expect(clippy::cast_precision_loss, reason = "a day has 86,400 seconds")]
    let secs = span.num_seconds() as f64;
    spent.allowed = per_second * secs + f64::from(burst);
    spent
}

/// A part of a whole as a thin bar; what is nearly used up is told by its colour as well.
pub(super) fn thin(part: f64) -> Markup {
    const NEARLY: f64 = 0.9;
    let percent = (part * 100.0).clamp(0.0, 100.0);
    // A call that is hardly anything is seen all the same.
    let width = if part > 0.0 { percent.max(1.0) } else { 0.0 };
    html! {
        svg.thin viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={ (format!("{percent:.1}")) " %" } focusable="false" {
            rect.floor x="0" y="0" width="100" height="4" {}
            @if width > 0.0 { rect.part.much[part >= NEARLY] x="0" y="0" width=(format!("{width:.1}")) height="4" {} }
        }
    }
}
