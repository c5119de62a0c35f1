//! One contact centre of the show: its sandbox, its configuration, its weather, its people.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall::sandbox::scene::{SceneSettings, SceneSource, notifier};
use rollcall::sandbox::{Bucket, QuotaSettings};

use crate::figures::Reports;
use crate::people::People;
use crate::service::{Answer, rollcall};
use crate::weather::Weather;
use crate::world::World;

/// What the account may call, and what of it is rollcall's.
const PER_SECOND: f64 = 10.0;
const BURST: u32 = 5;
const SHARE: f64 = 0.8;
/// Accounts of each company, and those who are in Connect already.
const PEOPLE: usize = 60;
const EXISTING: usize = 12;
/// The guard of a small company in which much happens: limits that hold, and leave room for the show.
const GUARD: &str = "max_removed = { count = 20, fraction = 0.30 }\nmax_changed = { fraction = 0.60 }\n\
                     max_leaving_profile = { fraction = 1.0 }\nmax_emptied = { count = 5 }";
/// Leavers are suspended, and deleted while the show still goes on.
const LEAVER: &str = "grace   = \"0d\"\n\
                      suspend = { security_profiles = [\"No Access\"], routing_profile = \"Holding\", for = \"90s\" }\n\
                      delete  = true";

/// A contact centre.
pub(crate) struct Centre {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    pub(crate) weather: Weather,
    pub(crate) people: Arc<People>,
    every: Duration,
}

/// What the configuration file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// What is to be in force at first.
    First,
    /// A word is misspelt.
    Broken,
    /// Customer Success gets another routing profile.
    Other,
}

impl Text {
    /// The routing profile of Customer Success.
    pub(crate) fn success(self) -> &'static str {
        if self == Self::Other { "Billing Voice" } else { "Success Voice" }
    }
}

impl Centre {
    /// The `number`th, with this directory.
    pub(crate) async fn open(number: u32, name: &'static str, source: SceneSource, every: Duration) -> Self {
        let bucket = Bucket { per_second: PER_SECOND, burst: f64::from(BURST) };
        let scenery = |settings: &mut SceneSettings| {
            settings.existing = EXISTING;
            settings.connect.quota = QuotaSettings { default: Some(bucket), ..QuotaSettings::unlimited() };
            settings.connect.instance_id = format!("5a1d0c2e-7b34-4f6a-9c58-1e2f3a4b5c{number:02}");
        };
        let world = World::with(PEOPLE, scenery, |text| {
            text.sources = vec![source];
            text.quota = Some((PER_SECOND, BURST, SHARE));
            text.guard = Some(GUARD.to_owned());
            text.leaver = Some(LEAVER.to_owned());
        });
        let mut world = world.await;
        world.text.more = notifier(&world.sandbox);
        let directory: &[&str] = match source {
            SceneSource::Entra => &["graph", "login"],
            SceneSource::Okta { .. } => &["okta"],
            SceneSource::Scim { .. } | SceneSource::Partner { .. } => &["scim"],
        };
        let seed = u64::from(number) + 1;
        let weather = Weather::over(&world.sandbox.faults, directory, seed);
        let people = Arc::new(People::of(&world.sandbox, source, seed));
        let centre = Self { name, world, weather, people, every };
        centre.write(Text::First);
        centre
    }

    /// Writes the configuration.
    pub(crate) fn write(&self, text: Text) {
        self.world.write_config();
        let mut written = std::fs::read_to_string(self.configuration()).unwrap();
        let mut replace = |from: &str, to: &str| {
            assert!(written.contains(from), "{written}");
            written = written.replace(from, to);
        };
        replace("support-emea", self.name);
        replace("every       = \"2m\"", &format!("every = \"{}s\"", self.every.as_secs()));
        replace("\"Success Voice\"", &format!("{:?}", text.success()));
        if text == Text::Broken {
            replace("\nevery = ", "\nevry = ");
        }
        std::fs::write(self.configuration(), written).unwrap();
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.world.config_path()
    }

    /// Asks with another process.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Answer {
        rollcall(&self.configuration(), arguments).await
    }

    /// Connect and the directory agree; what does not, otherwise.
    pub(crate) fn disagreements(&self, text: Text) -> Vec<String> {
        self.people.disagreements(&self.world.sandbox.connect, text.success())
    }

    /// What became of the reports.
    pub(crate) async fn reports(&self) -> Reports {
        let file = self.world.folder.path().join("report.jsonl");
        Reports::compare(&self.world.store().await, &self.world.sandbox, &file).await
    }
}
