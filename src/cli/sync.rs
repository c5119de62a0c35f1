//! `plan` and `sync now`: one run, here or by the running service.

use connectors::SourceName;
use tokio::sync::watch;

use super::style::{Style, number};
use super::sync_screen::{self, Screen};
use super::{Door, Exit, PlanArgs, SyncArgs, plan_screen, plan_sources, signals};
use crate::assemble::{self, Assembled};
use crate::planner::guard::{NotYet, Refusal};
use crate::reconcile::{Progress, Quiet, Watch};
use crate::serve::control::{self, Ask, Ending};

/// `rollcall plan`.
///
/// # Errors
/// If the run could not be carried out.
pub(super) async fn plan(door: &Door, args: &PlanArgs) -> anyhow::Result<Exit> {
    let PlanArgs { full, user, detailed_exit_code, all } = args.clone();
    let ask = Ask { rehearse: true, full, user, ..Ask::default() };
    let (order, ending) = one_run(door, &ask).await?;
    show(door, &ending, Some(&order), all);
    Ok(match &ending {
        Ending::Failed { .. } => Exit::Failed,
        Ending::Ran { refusal: Some(_), .. } => Exit::Refused,
        Ending::Ran { not_yet: Some(_), .. } => Exit::Partly,
        Ending::Ran { summary, .. } if !summary.frozen.is_empty() => Exit::Partly,
        Ending::Ran { plan, .. } if detailed_exit_code && !plan.is_empty() => Exit::Pending,
        Ending::Ran { .. } => Exit::Done,
    })
}

/// `rollcall sync now`.
///
/// # Errors
/// If the run could not be carried out.
pub(super) async fn now(door: &Door, args: &SyncArgs) -> anyhow::Result<Exit> {
    let SyncArgs { full, source, user, approve, while_paused } = args.clone();
    let source = source.as_deref().map(Into::into);
    let ask = Ask { full, source, user, approve, while_paused, ..Ask::default() };
    let (_, ending) = one_run(door, &ask).await?;
    show(door, &ending, None, false);
    Ok(match &ending {
        Ending::Failed { .. } => Exit::Failed,
        Ending::Ran { refusal: Some(_), .. } => Exit::Refused,
        Ending::Ran { summary, .. } if summary.partly() => Exit::Partly,
        Ending::Ran { .. } => Exit::Done,
    })
}

/// One run, by the service that holds the state file or here, and the sources in the order of precedence.
pub(super) async fn one_run(door: &Door, ask: &Ask) -> anyhow::Result<(Vec<SourceName>, Ending)> {
    let config = door.load()?;
    let order = config.sources.iter().map(|source| source.name().clone()).collect();
    if let Some(source) = &ask.source
        && !config.sources.iter().any(|known| known.name() == source)
    {
        anyhow::bail!("there is no [source.{source}] in {}", door.config.display());
    }
    // Taking back is what somebody wants who has just switched it off.
    if !config.enabled && !ask.rehearse && ask.undo.is_none() {
        anyhow::bail!("`{}` is switched off (enabled = false); nothing was done", config.name);
    }
    let screen: Box<dyn Watch> = if door.json { Box::new(Quiet) } else { Box::new(Screen::new()) };
    if let Some(ending) = control::ask(&config.state, ask, |progress: Progress| screen.tell(progress)).await? {
        return Ok((order, ending));
    }
    let Assembled { service, lease } = assemble::assemble(&config, super::now, "by hand").await?;
    if let Some(refused) = service.refuses(ask).await? {
        service.centre.store.release(lease).await?;
        return Ok((order, refused));
    }
    let (stop_sender, stop) = watch::channel(false);
    let asked = ask.order();
    let result = tokio::select! {
        result = service.run_once(&lease, &asked, &stop, screen.as_ref()) => result,
        () = signals::asked_twice(stop_sender) => {
            eprintln!("stopped at once; what was under way is in doubt, the next run settles it by looking");
            return Err(Exit::Partly.into());
        }
    };
    service.centre.store.release(lease).await?;
    Ok((order, Ending::answering(ask, result)))
}

fn show(door: &Door, ending: &Ending, whole_plan: Option<&[SourceName]>, all: bool) {
    if door.json {
        println!("{}", serde_json::to_string(ending).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
        return;
    }
    let style = Style::of_stdout();
    match ending {
        Ending::Failed { told: true, .. } => {
            eprintln!("\n  {}", style.bad("no directory could be read; nothing was changed"));
        }
        Ending::Failed { message, hint, told: false } => {
            eprintln!("  {}", style.bad(message));
            eprintln!("  → {hint}");
        }
        Ending::Ran { plan, refusal, not_yet, summary } => {
            let rehearsal = whole_plan.is_some();
            if let Some(order) = whole_plan {
                print!("\n{}", plan_sources::sources(order, plan, summary, style));
                println!("{}", plan_screen::plan(plan, super::now(), all, style));
            }
            match (refusal, not_yet) {
                (Some(refusal), _) => eprintln!("{}", refused(refusal, rehearsal, style)),
                (None, Some(not_yet)) => eprintln!("{}", waits(not_yet, style)),
                (None, None) if rehearsal && plan.is_empty() => {}
                (None, None) if rehearsal => println!("  Nothing was written. Apply with: rollcall sync now"),
                (None, None) => {
                    println!("\n{}", sync_screen::ending(summary, style));
                    if let Some(words) = plan.details.words() {
                        println!("  {words}; the next runs read them");
                    }
                    if let Some(line) = plan_screen::attention(plan, style) {
                        println!("{line}");
                    }
                }
            }
            for line in sync_screen::frozen(summary, style) {
                println!("{line}");
            }
        }
    }
}

/// A plan that nobody is asked about yet.
pub(super) fn waits(not_yet: &NotYet, style: Style) -> String {
    let NotYet { message, hint, .. } = not_yet;
    format!(
        "  {}: {message}\n  nothing was written, and nothing is to be approved yet: the plan grows while they are read\n\n  → {hint}",
        style.change("not weighed yet")
    )
}

/// A refusal: what, why, the numbers, and the one thing to do.
pub(super) fn refused(refusal: &Refusal, rehearsal: bool, style: Style) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    if rehearsal {
        let _ = writeln!(out, "  {}: {}", style.bad("the guard would refuse this"), refusal.message);
    }
    for line in &refusal.why {
        let _ = writeln!(out, "  {} {line}", super::style::column("why", 9));
    }
    let largest: Vec<String> = refusal
        .largest
        .iter()
        .map(|(department, before, after)| format!("{department} {} → {}", number(*before), number(*after)))
        .collect();
    if !largest.is_empty() {
        let _ = writeln!(out, "  {} {}", super::style::column("largest", 9), largest.join(" · "));
    }
    let _ = writeln!(out, "  nothing was written; joins and changes of the others are held too\n");
    let _ = write!(out, "  → {}", refusal.hint);
    if refusal.approvable {
        let _ = write!(out, "\n      (lets exactly this plan through, once)");
    }
    out
}
