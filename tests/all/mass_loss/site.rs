//! A contact centre over some sources, on the most dangerous policy: leavers are deleted at once and the guard is open.
//!
//! The process lives as long as the site, as a service does; a scope that changes makes new sources.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use connectors::http::HttpLimits;
use connectors::{SecretSource, Source};
use rollcall::assemble::{self, Assembled};
use rollcall::config;
use rollcall::model::{FindingCode, RunId, Trigger};
use rollcall::reconcile::{Ended, Order, Quiet, RunError, chain};
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::scene::{self, AGENTS, CLIENT_SECRET, ConfigText, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use tempfile::TempDir;
use tokio::sync::watch;

use super::subjects::{Subject, scene_source};
use crate::contract::kinds::Kind;
use crate::contract::rig::{ALWAYS, limits};
use crate::world::now;

/// Accounts of the company; seven of eight are agents.
const PEOPLE: usize = 66;
/// People a page.
const PAGE: usize = 7;

/// Everything goes: what holds must not be the guard.
pub(super) const OPEN: &str = scene::OPEN_GUARD;

pub(super) struct Site {
    pub(super) sandbox: Sandbox,
    pub(super) subject: Subject,
    /// What was said to the administrator since the first sync: what happened → what to do.
    pub(super) said: Vec<String>,
    /// Logins of the users who are ours, as they must be in the end.
    pub(super) expected: BTreeSet<String>,
    /// Deletions that were meant.
    pub(super) meant: usize,
    folder: TempDir,
    sources: Vec<Arc<Source>>,
    process: Option<Assembled>,
    /// Said in peace as well.
    usual: BTreeSet<String>,
}

pub(super) async fn start(seed: u64, plain: bool) -> Sandbox {
    let mut settings = SceneSettings::new(now(), PEOPLE);
    (settings.seed, settings.plain) = (seed, plain);
    settings.connect.quota = QuotaSettings::unlimited();
    settings.connect.user_limit = 5_000;
    settings.connect.search_lag = std::time::Duration::ZERO;
    scene::start(settings).await.unwrap()
}

impl Site {
    /// After the first sync, with everybody created.
    pub(super) async fn new(subject: Subject) -> Self {
        Self::guarded(subject, Some(OPEN)).await
    }

    /// The same with this `[guard]`; without one, the usual.
    pub(super) async fn guarded(subject: Subject, guard: Option<&str>) -> Self {
        let sandbox = start(7, true).await;
        let folder = tempfile::tempdir().unwrap();
        let text = ConfigText {
            sources: subject.kinds.iter().map(scene_source).collect(),
            quota: Some((10_000.0, 10_000, 1.0)),
            leaver: Some("grace = \"0d\"\ndelete = true".to_owned()),
            guard: guard.map(str::to_owned),
            first_run_applies: true,
            ..ConfigText::default()
        };
        let text = scene::configuration(&sandbox, &sandbox.tenant, &text);
        std::fs::write(folder.path().join("rollcall.toml"), text).unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut site = Self {
            sandbox,
            subject,
            said: Vec::new(),
            expected: BTreeSet::new(),
            meant: 0,
            folder,
            sources: Vec::new(),
            process: None,
            usual: BTreeSet::new(),
        };
        for kind in &site.subject.kinds {
            (kind.prepare)(&site.sandbox);
            (kind.pages)(&site.sandbox, PAGE);
        }
        site.as_configured();
        site.attempt(true).await.unwrap();
        site.expected = site.ours();
        assert!(site.expected.len() > 45, "{}", site.expected.len());
        site.calm().await;
        site.usual = std::mem::take(&mut site.said).into_iter().collect();
        site
    }

    /// The sources as the configuration says.
    pub(super) fn as_configured(&mut self) {
        self.build(limits(), |kind, sandbox, secret, limits| (kind.source)(sandbox, secret, limits));
    }

    /// Another source in the place of the one that has the trouble.
    pub(super) fn build(
        &mut self,
        limits: HttpLimits,
        struck: impl FnOnce(&Kind, &Sandbox, &SecretSource, HttpLimits) -> Source,
    ) {
        let secret = SecretSource::File(self.folder.path().join("client-secret"));
        let mut struck = Some(struck);
        let mut built = Vec::new();
        for (at, kind) in self.subject.kinds.iter().enumerate() {
            let special = struck.take_if(|_| at == self.subject.struck);
            built.push(Arc::new(match special {
                Some(build) => build(kind, &self.sandbox, &secret, limits.clone()),
                None => (kind.source)(&self.sandbox, &secret, limits.clone()),
            }));
        }
        self.sources = built;
    }

    async fn attempt(&mut self, full: bool) -> Result<Ended, RunError> {
        let Assembled { mut service, lease } = match self.process.take() {
            Some(process) => process,
            None => {
                let config = config::load(&self.folder.path().join("rollcall.toml"));
                let config = config.unwrap_or_else(|problems| panic!("{problems}"));
                assemble::assemble(&config, now, "test").await.unwrap()
            }
        };
        service.centre.sources.clone_from(&self.sources);
        let (_sender, stop) = watch::channel(false);
        let order = Order { full, ..Order::new(RunId::fresh(), Trigger::Hand) };
        let result = service.run_once(&lease, &order, &stop, &Quiet).await;
        self.process = Some(Assembled { service, lease });
        result
    }

    /// Ends the process; the next run starts another one.
    pub(super) async fn end(&mut self) {
        if let Some(Assembled { service, lease }) = self.process.take() {
            service.centre.store.release(lease).await.unwrap();
        }
        // SQLite closes on a thread of its own, and takes the log away last; a file put in its place before that would lose
        // its own.
        let log = self.folder.path().join("rollcall.db-wal");
        for _ in 0..1_000_000 {
            if !log.exists() {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.as_configured();
    }

    /// One run, after which nobody may have lost access; remembers what it said.
    pub(super) async fn run(&mut self, full: bool) -> Result<Ended, RunError> {
        let result = self.attempt(full).await;
        match &result {
            Err(error) => self.hear(format!("{} → {}", chain(error), error.hint())),
            Ok(ended) => {
                let frozen = ended.summary.frozen.values();
                let frozen: Vec<String> = frozen.map(|why| format!("{} → {}", why.message, why.hint)).collect();
                let refused = ended.refusal.iter().map(|refusal| format!("{} → {}", refusal.message, refusal.hint));
                let told = |code| !matches!(code, FindingCode::Shadowed | FindingCode::Foreign);
                let findings = ended.plan.findings.iter().filter(|finding| told(finding.code));
                let findings = findings.map(|finding| format!("{} → {}", finding.message, finding.hint));
                let all: Vec<String> = frozen.into_iter().chain(refused).chain(findings).collect();
                all.into_iter().for_each(|text| self.hear(text));
            }
        }
        assert_eq!(self.removals(), self.meant, "full: {full}: somebody lost access; {:?}", self.said);
        result
    }

    /// Full and incremental runs, however they end.
    pub(super) async fn runs(&mut self, kinds: &[bool]) {
        for full in kinds {
            let _ = self.run(*full).await;
        }
    }

    fn hear(&mut self, text: String) {
        if !self.usual.contains(&text) && !self.said.contains(&text) {
            self.said.push(text);
        }
    }

    /// One of these words must have been said; that message is the one to show.
    pub(super) fn must_have_said(&mut self, words: &[&str]) {
        let at = self.said.iter().position(|text| words.iter().any(|word| text.contains(word)));
        let at = at.unwrap_or_else(|| panic!("none of {words:?} in {:#?}", self.said));
        self.said.swap(0, at);
    }

    /// Something goes wrong with these operations of the source that has the trouble.
    pub(super) fn strike(&self, operations: &[&str], skip: u32, fault: &FaultKind) {
        for operation in operations {
            self.sandbox.faults.add(Fault {
                service: self.subject.struck().service.to_owned(),
                operation: Some((*operation).to_owned()),
                skip,
                times: ALWAYS,
                kind: fault.clone(),
            });
        }
    }

    /// The same with its listings.
    pub(super) fn strike_listings(&self, skip: u32, fault: &FaultKind) {
        self.strike(self.subject.struck().listings, skip, fault);
    }

    /// Nothing goes wrong any more.
    pub(super) fn well_again(&self) {
        self.sandbox.faults.clear();
    }

    /// Everybody is as before, and a further run does nothing.
    pub(super) async fn converges(&mut self) {
        for full in [true, false] {
            let ended = self.run(full).await.unwrap_or_else(|error| panic!("{} → {}", chain(&error), error.hint()));
            assert!(ended.summary.frozen.is_empty(), "{:?}", ended.summary.frozen);
        }
        self.calm().await;
    }

    async fn calm(&mut self) {
        let before = self.sandbox.connect.journal().len();
        let ended = self.run(true).await.unwrap();
        assert!(ended.plan.is_empty(), "{:#?}", ended.plan.changes);
        assert_eq!(self.sandbox.connect.journal().len(), before);
        assert_eq!(self.ours(), self.expected);
    }

    /// People who lost access, by Connect's own journal: deleted, or left without a profile that lets them in.
    pub(super) fn removals(&self) -> usize {
        let deleted =
            self.sandbox.connect.journal().into_iter().filter(|write| write.operation == "DeleteUser").count();
        let barred = self.sandbox.connect.security_profile_id("No Access").unwrap();
        let barred =
            self.sandbox.connect.users().iter().filter(|one| one.security_profile_ids.contains(&barred)).count();
        deleted + barred
    }

    /// Logins of the users with our mark.
    pub(super) fn ours(&self) -> BTreeSet<String> {
        let users = self.sandbox.connect.users().into_iter();
        users.filter(|user| user.tags.contains_key("rollcall:person")).map(|user| user.username).collect()
    }

    pub(super) fn agents(&self) -> String {
        self.sandbox.tenant.group_id(AGENTS).unwrap()
    }

    /// The state file with everything that belongs to it, once it is closed.
    pub(super) fn state_files(&self) -> [PathBuf; 3] {
        crate::world::state_files(self.folder.path())
    }
}

/// An error answer of this status.
pub(super) fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: "made up".to_owned(), retry_after: None }
}
