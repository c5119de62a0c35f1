//! A whole contact centre for tests: the sandbox on loopback, a configuration, a state file in a folder of its own.
//!
//! Tests talk to the sandbox's state; the code under test talks HTTP.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use rollcall::assemble::{self, Assembled};
use rollcall::config::{self, Config};
use rollcall::model::{RunId, Time, Trigger};
use rollcall::reconcile::{Ended, Order, Progress, Quiet, RunError, Watch};
use rollcall::sandbox::company::Company;
use rollcall::sandbox::connect::User;
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::scene::{self, AGENTS, CLIENT_SECRET, ConfigText, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use rollcall::store::Store;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;

/// Counts changes whose outcome is in the ledger.
struct Settled(AtomicUsize);

impl Watch for Settled {
    fn tell(&self, progress: Progress) {
        if matches!(progress, Progress::Applied { .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Where and when a test lives.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
    pub(crate) text: ConfigText,
    hired: usize,
}

#[expect(clippy::disallowed_methods, reason = "a test is its own edge")]
pub(crate) fn now() -> Time {
    chrono::Utc::now()
}

impl World {
    /// A contact centre of clean people, without quota, whose first run needs no approval.
    pub(crate) async fn of(people: usize) -> Self {
        Self::with(people, |_| {}, |_| {}).await
    }

    pub(crate) async fn with(
        people: usize,
        scenery: impl FnOnce(&mut SceneSettings),
        text: impl FnOnce(&mut ConfigText),
    ) -> Self {
        let mut settings = SceneSettings::new(now(), people);
        settings.plain = true;
        settings.connect.quota = QuotaSettings::unlimited();
        settings.connect.user_limit = 5_000;
        settings.connect.search_lag = std::time::Duration::ZERO;
        scenery(&mut settings);
        let sandbox = scene::start(settings).await.unwrap();
        let mut config =
            ConfigText { quota: Some((10_000.0, 10_000, 1.0)), first_run_applies: true, ..ConfigText::default() };
        text(&mut config);
        let world = Self { sandbox, folder: tempfile::tempdir().unwrap(), text: config, hired: 0 };
        world.write_config();
        world
    }

    /// Writes the configuration anew, after `text` was changed.
    pub(crate) fn write_config(&self) {
        use std::os::unix::fs::PermissionsExt;
        let configuration = scene::configuration(&self.sandbox, &self.sandbox.tenant, &self.text);
        std::fs::write(self.config_path(), configuration).unwrap();
        let secret = self.folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("rollcall.toml")
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.folder.path().join("rollcall.db")
    }

    /// The state file is lost, with everything that belongs to it.
    pub(crate) fn lose_state(&self) {
        for file in state_files(self.folder.path()) {
            let _ = std::fs::remove_file(file);
        }
    }

    pub(crate) fn config(&self) -> Config {
        config::load(&self.config_path()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// One run, as `sync now` makes it.
    pub(crate) async fn sync(&self) -> Result<Ended, RunError> {
        self.run(Order::new(RunId::fresh(), Trigger::Hand)).await
    }

    /// One run that looks at everything.
    pub(crate) async fn sync_full(&self) -> Result<Ended, RunError> {
        self.run(Order { full: true, ..Order::new(RunId::fresh(), Trigger::Hand) }).await
    }

    pub(crate) async fn run(&self, order: Order) -> Result<Ended, RunError> {
        let Assembled { service, lease } = assemble::assemble(&self.config(), now, "test").await.unwrap();
        let (_sender, stop) = watch::channel(false);
        let result = service.run_once(&lease, &order, &stop, &Quiet).await;
        service.centre.store.release(lease).await.unwrap();
        result
    }

    /// A run that ends in the middle, as by `kill -9`: it is dropped once `when` says so, of the changes that were settled
    /// so far. The state file stays. Whether it came to that.
    pub(crate) async fn cut_short(&self, mut when: impl FnMut(usize) -> bool) -> bool {
        let Assembled { service, lease } = assemble::assemble(&self.config(), now, "test").await.unwrap();
        let (_sender, stop) = watch::channel(false);
        let settled = Settled(AtomicUsize::new(0));
        let order = Order::new(RunId::fresh(), Trigger::Hand);
        let mut run = Box::pin(service.run_once(&lease, &order, &stop, &settled));
        std::future::poll_fn(|context| match run.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if when(settled.0.load(Ordering::SeqCst)) => Poll::Ready(true),
            Poll::Pending => {
                // Whoever asks at every chance meets every moment, also those in which the run only waits.
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }

    /// Runs until nothing is left to do; how many runs that took.
    pub(crate) async fn settle(&self) -> usize {
        for runs in 1..=5 {
            if self.sync().await.unwrap().plan.is_empty() {
                return runs;
            }
        }
        panic!("five runs did not come to an end");
    }

    /// A run that must do nothing to Connect; the second run of every story.
    pub(crate) async fn nothing_more_happens(&self) {
        let before = self.sandbox.connect.journal().len();
        let ended = self.sync_full().await.unwrap();
        assert!(ended.plan.is_empty(), "a second run still plans {:#?}", ended.plan.changes);
        assert_eq!(self.sandbox.connect.journal().len(), before);
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open_read_only(&self.state_path()).await.unwrap()
    }

    /// Hires somebody into the agents' group; gives id and login.
    pub(crate) fn hire(&mut self, department: &str) -> (String, String) {
        self.hired += 1;
        let mut person = Company::newcomer(3, 9_000 + self.hired);
        person.properties.insert("department".to_owned(), json!(department));
        let login = person.properties["userPrincipalName"].as_str().unwrap().to_owned();
        let id = person.id.clone();
        self.sandbox.tenant.add_user(person).unwrap();
        self.sandbox.tenant.add_member(&self.agents(), &id).unwrap();
        (id, login)
    }

    pub(crate) fn agents(&self) -> String {
        self.sandbox.tenant.group_id(AGENTS).unwrap()
    }

    pub(crate) fn move_to(&self, id: &str, department: &str) {
        let patch = json!({"department": department});
        self.sandbox.tenant.update_user(id, patch.as_object().cloned().unwrap()).unwrap();
    }

    pub(crate) fn fault(&self, service: &str, operation: &str, skip: u32, times: u32, kind: FaultKind) {
        self.sandbox.faults.add(Fault {
            service: service.to_owned(),
            operation: Some(operation.to_owned()),
            skip,
            times,
            kind,
        });
    }

    pub(crate) fn user(&self, login: &str) -> Option<User> {
        self.sandbox.connect.user_by_username(login)
    }

    pub(crate) fn routing_of(&self, login: &str) -> String {
        self.user(login).unwrap_or_else(|| panic!("{login} has no user")).routing_profile_id
    }

    pub(crate) fn routing(&self, name: &str) -> String {
        self.sandbox.connect.routing_profile_id(name).unwrap()
    }

    pub(crate) fn security(&self, name: &str) -> String {
        self.sandbox.connect.security_profile_id(name).unwrap()
    }

    /// Somebody edits a user by hand, some time after our own writes.
    pub(crate) fn edit(&self, username: &str, change: impl FnOnce(&mut User)) {
        self.sandbox.clock.advance(std::time::Duration::from_secs(10));
        assert!(self.sandbox.connect.edit_user(username, change));
    }

    /// Requests to Microsoft Graph; sign-in is another service.
    pub(crate) fn graph_requests(&self) -> u64 {
        let requests = self.sandbox.tenant.requests();
        requests.iter().filter(|(name, _)| *name != "POST /token").map(|(_, n)| n).sum()
    }

    /// Deletes in Connect's own journal.
    pub(crate) fn deletes(&self) -> usize {
        self.sandbox.connect.journal().iter().filter(|write| write.operation == "DeleteUser").count()
    }

    /// Users with our mark.
    pub(crate) fn managed(&self) -> usize {
        self.sandbox.connect.users().iter().filter(|user| user.tags.contains_key("rollcall:person")).count()
    }
}

/// The state file in a folder and what SQLite keeps beside it, once nobody in this process has them open. Its threads close
/// their files a little after a connection is dropped, and would take the log of the next file with them.
pub(crate) fn state_files(folder: &Path) -> [PathBuf; 3] {
    let files = ["rollcall.db", "rollcall.db-wal", "rollcall.db-shm"].map(|name| folder.join(name));
    let is_ours = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.and_then(|entry| std::fs::read_link(entry.path())).is_ok_and(|target| files.contains(&target))
    };
    for _ in 0..1_000_000 {
        if !std::fs::read_dir("/proc/self/fd").is_ok_and(|mut open| open.any(is_ours)) {
            return files;
        }
        std::thread::yield_now();
    }
    panic!("the state file in {} is still open", folder.display());
}
