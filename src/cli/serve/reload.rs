//! SIGHUP: every file is read anew. A good one takes effect after the run that is going on, a broken one changes nothing.
//!
//! Invariant: a file is read, checked and built completely before anything of it is in force; until then, and if anything
//! is wrong with it, the one before stays.
//! Invariant: no value of a file is in a log line.

use std::time::Duration;

use super::Centre;
use crate::config::{self, Config};
use crate::model::InForce;

/// How long the parts of one contact centre may take to be built: credentials may come from another program.
const BUILDING: Duration = Duration::from_secs(30);

/// Reads every file anew.
pub(super) async fn reload(centres: &[Centre]) {
    tracing::info!("reading the configuration anew");
    for centre in centres {
        let before = centre.blueprint.config();
        let file = before.path.display();
        match read(&before) {
            Ok(config) if config.digest == before.digest => {
                tracing::info!(centre = before.name, "{file} has not changed");
                // Its secrets, certificates or credentials may have; building it again reads them again.
                replace(centre, config).await;
            }
            Ok(config) => replace(centre, config).await,
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(centre = before.name, "{file}: {problem}");
                }
                let short = InForce::short(&before.digest);
                tracing::error!(
                    centre = before.name,
                    configuration = short,
                    "{file} is refused ({} problems); configuration {short} stays in force; see: rollcall --config {file} check",
                    problems.len()
                );
            }
        }
    }
}

/// The file as it is now; everything that is wrong with it, without values.
fn read(before: &Config) -> Result<Config, Vec<String>> {
    let config = config::load(&before.path)
        .map_err(|problems| problems.list.iter().map(config::Problem::without_values).collect::<Vec<_>>())?;
    let fixed = [
        ("name", config.name != before.name),
        ("state", config.state != before.state),
        ("[connect] instance", config.connect.instance_arn != before.connect.instance_arn),
    ];
    let changed: Vec<String> = fixed
        .iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("{key}: cannot change while it is served; restart the service"))
        .collect();
    if changed.is_empty() { Ok(config) } else { Err(changed) }
}

async fn replace(centre: &Centre, config: Config) {
    let Centre { blueprint, serving } = centre;
    let (name, file) = (config.name.clone(), config.path.display().to_string());
    let Some(store) = serving.store() else {
        // It is down: the next start is by the new file.
        blueprint.replace(config);
        serving.poke();
        return;
    };
    match tokio::time::timeout(BUILDING, Box::pin(blueprint.parts_by(&config, store))).await {
        Ok(Ok(service)) => {
            tracing::info!(centre = name, "{file} is read; it takes effect after the run that is going on, if one is");
            blueprint.replace(config);
            serving.renew(service);
        }
        Ok(Err(error)) => {
            let error = crate::reconcile::chain(error.as_ref());
            tracing::error!(centre = name, "{file} is refused, the configuration before stays in force: {error}");
        }
        Err(_) => {
            tracing::error!(
                centre = name,
                "{file} is refused, the configuration before stays in force: its parts were not built within {} s",
                BUILDING.as_secs()
            );
        }
    }
}
