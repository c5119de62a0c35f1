//! `check`: a line for every part, with what to do.

use std::fmt::Write;

use serde_json::json;

use super::style::{Style, column, count};
use super::{Door, Exit};
use crate::checkup;
use crate::config::Config;
use crate::model::Checked;

/// `rollcall check`.
///
/// # Errors
/// If a part cannot even be built.
pub(super) async fn check(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let lines = checkup::look(&config, super::now).await?;
    let problems = lines.iter().filter(|line| !line.ok).count();
    if door.json {
        println!("{}", json!({"contact_centre": config.name, "problems": problems, "lines": lines}));
    } else {
        print!("{}", screen(&config, &lines, problems, Style::of_stdout()));
    }
    Ok(if problems == 0 { Exit::Done } else { Exit::Failed })
}

fn screen(config: &Config, lines: &[Checked], problems: usize, style: Style) -> String {
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
