//! `undo`: takes a run back, or lets the rules apply again where one was.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::style::{self, Style, column, count, number};
use super::{Door, Exit, UndoArgs, plan_screen, sync, sync_screen};
use crate::config::Config;
use crate::model::{Finding, FindingCode, Outcome, Plan, RunSummary, Time};
use crate::planner::fate;
use crate::planner::guard::Refusal;
use crate::serve::control::{Ask, Ending};
use crate::store::{RunRow, Store};

/// Lines of people, and of reasons, that are shown unless all are asked for.
const A_SCREENFUL: usize = 20;
/// Runs that are named where a text means several.
const A_FEW: u32 = 10;

/// `rollcall undo RUN`, `rollcall undo --release RUN|PERSON`.
///
/// # Errors
/// If the state file cannot be used, or the run could not be carried out.
pub(super) async fn undo(door: &Door, args: &UndoArgs) -> anyhow::Result<Exit> {
    let UndoArgs { run, user, dry_run, approve, release, all } = args.clone();
    let config = door.load()?;
    if let Some(what) = release {
        return self::release(door, &config, &what).await;
    }
    let store = Store::open_read_only(&config.state).await?;
    let wanted = run.unwrap_or_default();
    let found = store.runs_like(&wanted, A_FEW).await?;
    let [taken] = &found[..] else {
        return Ok(no_run(&wanted, &found));
    };
    let tried = |outcome: &Outcome| outcome.succeeded() || !outcome.is_final();
    if !store.run_changes(taken.run).await?.iter().any(|(_, outcome, _)| tried(outcome)) {
        eprintln!("run {} changed nothing; there is nothing to take back", taken.run);
        return Ok(Exit::Done);
    }
    drop(store);
    let ask = Ask { rehearse: dry_run, user, approve, undo: Some(taken.run), ..Ask::default() };
    let (_, ending) = sync::one_run(door, &ask).await?;
    if door.json {
        println!("{}", serde_json::to_string(&ending)?);
    } else {
        let style = Style::of_stdout();
        match &ending {
            Ending::Failed { message, hint, .. } => eprintln!("  {}\n  → {hint}", style.bad(message)),
            Ending::Ran { plan, refusal, not_yet, summary } => {
                let shown = Shown { taken, plan, refusal: refusal.as_deref(), summary, dry_run, all };
                print!("{}", shown.screen(super::now(), style));
                if let Some(not_yet) = not_yet {
                    eprintln!("{}", sync::waits(not_yet, style));
                }
            }
        }
    }
    Ok(match &ending {
        Ending::Failed { .. } => Exit::Failed,
        Ending::Ran { refusal: Some(_), .. } => Exit::Refused,
        Ending::Ran { summary, .. } if summary.partly() => Exit::Partly,
        Ending::Ran { .. } => Exit::Done,
    })
}

fn no_run(wanted: &str, found: &[RunRow]) -> Exit {
    if found.is_empty() {
        eprintln!("there is no run {wanted}; nothing was done");
        eprintln!("→ list the runs with: rollcall history");
        return Exit::Failed;
    }
    eprintln!("{} runs begin with {wanted}; nothing was done", count_of(found));
    for run in found {
        eprintln!("  {}  {}", run.run, style::moment(run.started));
    }
    eprintln!("→ give more of the id");
    Exit::Failed
}

fn count_of(found: &[RunRow]) -> String {
    let many = found.len() == A_FEW as usize;
    format!("{}{}", if many { "at least " } else { "" }, found.len())
}

/// `rollcall undo --release`. A run is asked for first: its ids look like nobody's name.
async fn release(door: &Door, config: &Config, what: &str) -> anyhow::Result<Exit> {
    let store = Store::open(&config.state, super::now()).await?;
    let runs = store.runs_like(what, A_FEW).await?;
    let released = match &runs[..] {
        [run] => store.release_run(run.run).await?,
        [] => match &store.find_person(what).await?[..] {
            [] => {
                eprintln!("there is no run and nobody called {what}; nothing was released");
                eprintln!("→ see who is kept with: rollcall status");
                return Ok(Exit::Failed);
            }
            [person] => u32::from(store.release_person(person).await?),
            several => {
                eprintln!("{} people are called {what}; nothing was released", several.len());
                several.iter().take(A_FEW as usize).for_each(|person| eprintln!("  {person}"));
                eprintln!("→ give the key");
                return Ok(Exit::Failed);
            }
        },
        several => return Ok(no_run(what, several)),
    };
    if door.json {
        println!("{}", json!({ "released": released }));
    } else if released == 0 {
        eprintln!("nobody is kept because of {what}; nothing was released");
    } else {
        eprintln!("released {}; the rules apply again", count(released as usize, "person", "people"));
        eprintln!("→ see what follows with: rollcall plan");
    }
    Ok(Exit::Done)
}

/// What is shown of a run that was taken back.
struct Shown<'a> {
    taken: &'a RunRow,
    plan: &'a Plan,
    refusal: Option<&'a Refusal>,
    summary: &'a RunSummary,
    dry_run: bool,
    all: bool,
}

impl Shown<'_> {
    /// What is given back, what is not and why, how it ended, what follows.
    fn screen(&self, now: Time, style: Style) -> String {
        let Self { taken, plan, refusal, summary, dry_run, all } = self;
        let mut out = format!("\n  takes back run {} of {}\n\n", taken.run, style::moment(taken.started));
        if plan.is_empty() {
            let _ =
                writeln!(out, "  {}", style.good("nothing to give back: everything is as it was, or stays as it is"));
        }
        let shown = if *all { usize::MAX } else { A_SCREENFUL };
        for change in plan.changes.iter().take(shown) {
            let _ = writeln!(out, "{}", plan_screen::person(change, now, style));
        }
        if plan.changes.len() > shown {
            let _ = writeln!(out, "  …and {} more (--all)", number((plan.changes.len() - shown) as u64));
        }
        self.left(&mut out, shown, style);
        if !plan.is_empty() {
            let _ = writeln!(out, "\n  {}", fate::forecast(plan));
        }
        match refusal {
            Some(refusal) => {
                let _ = writeln!(out, "\n{}", sync::refused(refusal, *dry_run, style));
            }
            None if *dry_run => {
                let _ = writeln!(out, "\n  Nothing was written. Take it back with: rollcall undo {}", taken.run);
            }
            None => {
                let _ = writeln!(out, "\n{}", sync_screen::ending(summary, style));
                if !plan.undone.is_empty() {
                    let _ = writeln!(
                        out,
                        "  the rules leave this alone until they want something else\n  → let them apply again with: rollcall \
                         undo --release {}",
                        taken.run
                    );
                }
            }
        }
        out
    }

    /// What is not given back, the same reason said once.
    fn left(&self, out: &mut String, shown: usize, style: Style) {
        let left = self.plan.findings.iter().filter(|finding| finding.code == FindingCode::NotUndone);
        let mut reasons: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
        for finding in left {
            reasons.entry((&finding.message, &finding.hint)).or_default().push(finding);
        }
        if !reasons.is_empty() {
            let _ = writeln!(out, "\n  {} not taken back", style.bad("!"));
        }
        let hidden = reasons.len().saturating_sub(shown);
        for ((message, hint), people) in reasons.into_iter().take(shown) {
            let who = match &people[..] {
                [one] => one.label.clone(),
                several => count(several.len(), "person", "people"),
            };
            let _ = writeln!(out, "    {} {message}\n    {} → {hint}", column(&who, 34), column("", 34));
        }
        if hidden > 0 {
            let _ = writeln!(out, "    …and {hidden} more reasons (--all)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Action, Attribute, AttributeSet, Change, Facet, FacetUpdate, Forecast, Named, Reason, RunId, Stage, Trigger,
        Undone, Value,
    };

    fn at(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn routing(name: &str) -> AttributeSet {
        [(Attribute::RoutingProfile, Value::Named(Named::new(name, name)))].into_iter().collect()
    }

    fn change(label: &str, because: Reason) -> Change {
        let update = FacetUpdate {
            facet: Facet::Routing,
            before: routing("Holding"),
            wished: routing("Care Voice"),
            after: routing("Care Voice"),
            untag: Default::default(),
            stage: Stage::Active,
        };
        Change {
            seq: 0,
            person: "entra/1".parse().expect("a key"),
            label: label.to_owned(),
            connect: Some("c-1".into()),
            arn: None,
            action: Action::Update(Box::new(update)),
            because,
        }
    }

    fn not_undone(label: &str, message: &str, hint: &str) -> Finding {
        let (message, hint) = (message.to_owned(), hint.to_owned());
        Finding { code: FindingCode::NotUndone, person: None, label: label.to_owned(), message, hint }
    }

    fn plan(taken: RunId) -> Plan {
        let because = Reason::Undone { run: taken, was: Stage::Active };
        let since = "routing was changed since, in Connect, by hand; left as it is";
        let created = "was created by this run; undo deletes no users";
        let (look, ladder) = ("see what it was: rollcall history RUN", "take them out of scope");
        // By way of its stored form: what a plan holds besides does not matter here.
        let stored = json!({
            "at": "2026-05-04T09:12:00Z", "changes": [], "decisions": {}, "findings": [], "leaving": {}, "links": {},
            "forecast": Forecast::default(), "owners_unknown": [], "managed": 20, "first_run": [],
        });
        let mut plan: Plan = serde_json::from_value(stored).expect("a plan");
        plan.changes = vec![change("ada.king@contoso.com", because.clone()), change("ben.okoro@contoso.com", because)];
        plan.findings = vec![
            not_undone("kim.oneil@contoso.com", since, look),
            not_undone("lee.new@contoso.com", created, ladder),
            not_undone("mia.new@contoso.com", created, ladder),
        ];
        plan.undone = BTreeMap::from([("entra/1".parse().expect("a key"), Undone::default())]);
        plan
    }

    #[test]
    fn the_plan_is_shown_before_and_the_result_after() {
        let now = at("2026-05-04T09:12:00Z");
        let run = RunId(uuid::Uuid::from_u128(7));
        let taken = RunRow {
            run,
            trigger: Trigger::Schedule,
            started: at("2026-05-04T08:00:00Z"),
            finished: None,
            summary: None,
        };
        let summary = RunSummary { result: "done".to_owned(), updated: 2, millis: 1_200, ..RunSummary::default() };
        let plan = plan(run);
        let style = Style::plain();
        let shown =
            |dry_run| Shown { taken: &taken, plan: &plan, refusal: None, summary: &summary, dry_run, all: false };
        let screens = format!(
            "$ undo --dry-run\n{}\n$ undo\n{}",
            shown(true).screen(now, style),
            shown(false).screen(now, style)
        );
        insta::assert_snapshot!("undo", screens);
    }
}
