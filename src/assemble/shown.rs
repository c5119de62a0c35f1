//! What the console shows of a configuration: values and closures, none of which holds a secret or reaches a remote.

use std::sync::Arc;

use crate::config::{self, Config, Problem};
use crate::console::{Parts, Wrong};

/// The parts as pages show them.
pub(super) fn parts(config: &Config) -> Parts {
    let config = Arc::new(config.clone());
    let file = config.path.clone();
    let text = move || config::rules_of(&std::fs::read_to_string(&file).ok()?);
    let rules = Arc::clone(&config);
    Parts {
        file: config.path.clone(),
        rules_text: Arc::new(text),
        rules_with: Arc::new(move |text| {
            config::rules_with(&rules, text, &rules.path)
                .map_err(|problems| problems.list.into_iter().map(wrong).collect())
        }),
        trial: config.trial,
    }
}

fn wrong(problem: Problem) -> Wrong {
    let Problem { line, place, message, hint } = problem;
    Wrong { line, place, message, hint }
}
