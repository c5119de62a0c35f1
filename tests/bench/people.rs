//! Many people pulled, stored and planned.

use rollcall::sandbox::okta::RateLimits;
use rollcall::sandbox::scene::{self, ConfigText, SceneSettings, SceneSource};
use rollcall::sandbox::scim::Character;
use rollcall::sandbox::{QuotaSettings, Sandbox};

use super::{floor, process};

/// A kind of source to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Microsoft,
    Okta,
    Scim,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Microsoft, Self::Okta, Self::Scim];

    fn scene(self) -> SceneSource {
        match self {
            Self::Microsoft => SceneSource::Entra,
            Self::Okta => SceneSource::Okta { app: false },
            Self::Scim => SceneSource::Scim { character: Character::Strict },
        }
    }

    async fn fetch_and_parse(self, sandbox: &Sandbox, people: usize) -> f64 {
        match self {
            Self::Microsoft => floor::graph(sandbox, people).await,
            Self::Okta => floor::okta(sandbox, people).await,
            Self::Scim => floor::scim(sandbox, people).await,
        }
    }
}

/// Measures and prints.
pub(crate) async fn measure(kind: Kind, people: usize) {
    let mut settings = SceneSettings::new(chrono::Utc::now(), people);
    settings.plain = true;
    settings.connect.quota = QuotaSettings::unlimited();
    settings.connect.user_limit = people * 2;
    let sandbox = scene::start(settings).await.expect("the sandbox starts");
    let folder = tempfile::tempdir().expect("a folder");
    // 100,000 people are 500 pages; an org's minute has fewer, and waiting for the next one is no work.
    let many = u32::MAX;
    let limits = RateLimits { users: many, groups: many, other: many, ..RateLimits::default() };
    sandbox.okta.configure(|settings| settings.limits = limits);
    let text = ConfigText {
        sources: vec![kind.scene()],
        quota: Some((10_000.0, 10_000, 1.0)),
        everybody: true,
        first_run_applies: true,
        guard: Some("max_changed = { fraction = 1.0 }".to_owned()),
        ..ConfigText::default()
    };
    super::day::write(folder.path(), &scene::configuration(&sandbox, &sandbox.tenant, &text));
    let mut floors = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..3 {
        floors.push(kind.fetch_and_parse(&sandbox, people).await);
        for name in ["rollcall.db", "rollcall.db-wal", "rollcall.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        let took = process::rollcall(folder.path(), &["plan"]).await;
        assert!(took.status.success(), "plan failed: {}", took.stderr);
        runs.push((took.wall.as_secs_f64(), took.peak_mib));
    }
    floors.sort_by(f64::total_cmp);
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (floor, (wall, peak)) = (floors[1], runs[1]);
    println!("{people} people from {kind:?}, medians of 3:");
    println!("  fetch and parse with reqwest and serde   {floor:7.2} s");
    println!("  rollcall plan: pull, store and plan      {wall:7.2} s   peak {peak:.0} MiB");
    println!("  ratio                                    {:7.2}", wall / floor);
    sandbox.shutdown().await;
}
