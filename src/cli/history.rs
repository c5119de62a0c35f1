//! `history`: the last runs, or what one of them changed.

use serde_json::json;

use super::style::{Style, column};
use super::{Door, Exit, plan_screen, status};
use crate::store::Store;

/// Runs that are listed.
const RUNS: u32 = 20;

/// `rollcall history [RUN]`.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn history(door: &Door, run: Option<&str>) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let store = Store::open_read_only(&config.state).await?;
    let now = super::now();
    let style = Style::of_stdout();
    let runs = store.runs(if run.is_some() { 10_000 } else { RUNS }).await?;
    let Some(wanted) = run else {
        if door.json {
            let rows: Vec<_> = runs
                .iter()
                .map(|run| json!({"run": run.run, "trigger": run.trigger, "started": run.started, "finished": run.finished, "summary": run.summary}))
                .collect();
            println!("{}", serde_json::to_string(&rows)?);
            return Ok(Exit::Done);
        }
        println!("{}  the last runs\n", style.bold(&config.name));
        for run in &runs {
            println!("  {}  {}", style.dim(run.run), status::run_line(run, now));
        }
        return Ok(Exit::Done);
    };
    let Some(found) = runs.iter().find(|run| run.run.to_string().starts_with(wanted)) else {
        eprintln!("there is no run {wanted}");
        eprintln!("→ list the runs with: rollcall history");
        return Ok(Exit::Failed);
    };
    let changes = store.run_changes(found.run).await?;
    if door.json {
        let rows: Vec<_> = changes
            .iter()
            .map(|(change, outcome, at)| json!({"at": at, "change": change, "outcome": outcome}))
            .collect();
        println!("{}", serde_json::to_string(&rows)?);
        return Ok(Exit::Done);
    }
    println!("run {}\n  {}\n", found.run, status::run_line(found, now));
    for (change, outcome, _) in &changes {
        println!("{}  {}", column(&plan_screen::person(change, now, style), 110), outcome.words());
    }
    if changes.is_empty() {
        println!("  it changed nothing");
    }
    Ok(Exit::Done)
}
