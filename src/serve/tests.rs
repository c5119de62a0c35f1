//! Contact centres without directories, on a target that does as it is told, while tokio's clock is paused.
//!
//! SQLite works on a thread of its own, and a paused clock goes on to the next timer whenever nothing else is to be done.
//! [`Still`] keeps it where it is while SQLite works.

mod kept;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Std};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::control::{Asked, Line};
use super::handle::Desk;
use super::rounds::{Outside, Parting, rounds};
use super::*;
use crate::model::{
    CallError, Catalogue, Change, ConnectUser, ConnectUserId, Done, IdentityManagement, Instance, Inventory, Look,
    Operation,
};
use crate::planner::rules::{FieldMapping, LeaverRules, Limits, RenamePolicy, Rules};
use crate::reconcile::RunCounts;
use crate::report::metrics::Metrics;
use crate::store::{Store, Turn, Turnstile};

const QUICK: u8 = 0;
const HANGS: u8 = 1;
const PANICS: u8 = 2;
/// Longer than any test of a healthy service takes, in the clock that is paused.
const LONG: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What the target does when it is looked at, and how often it was.
#[derive(Debug, Default)]
struct Mood {
    is: AtomicU8,
    looks: AtomicUsize,
}

impl Mood {
    fn set(&self, mood: u8) {
        self.is.store(mood, Ordering::SeqCst);
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    async fn looked(&self, times: usize) {
        let wait = async {
            while self.looks() < times {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("the target is looked at");
    }
}

struct Fake(Arc<Mood>);

impl Target for Fake {
    async fn inventory(&self, _: &Look, _: bool, _: Option<&Inventory>, at: Time) -> Result<Inventory, CallError> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        match self.0.is.load(Ordering::SeqCst) {
            PANICS => panic!("the target panics"),
            HANGS => std::future::pending().await,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        let (arn, identity_management) = ("arn:i".into(), IdentityManagement::Saml);
        let instance = Instance { id: "i".into(), arn, alias: None, identity_management };
        let (catalogue, users, quick_connects) = (Catalogue::default(), BTreeMap::new(), Vec::new());
        Ok(Inventory { at, instance, catalogue, users, quick_connects })
    }

    async fn details(
        &self,
        _: &BTreeSet<ConnectUserId>,
        _: &Inventory,
    ) -> Result<BTreeMap<ConnectUserId, Option<ConnectUser>>, CallError> {
        Ok(BTreeMap::new())
    }

    fn set_own_writes(&self, _: BTreeMap<ConnectUserId, Time>) {}

    fn cheapest(_: BTreeSet<ConnectUserId>, _: BTreeSet<String>, _: usize) -> Look {
        Look::Everybody
    }

    async fn perform(&self, _: &Change, _: &Stop) -> Result<Done, CallError> {
        Ok(Done { created: None, request_id: None, attempts: 1, latency: Duration::ZERO })
    }
}

/// A turn on the state file is a task that blocks: while there is one, the paused clock stands still.
#[derive(Debug)]
struct Still;

impl Turnstile for Still {
    fn turn(&self) -> Pin<Box<dyn Future<Output = Turn> + Send + '_>> {
        Box::pin(async {
            let (held, given_back) = std::sync::mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || given_back.recv());
            Turn::new(held)
        })
    }
}

async fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open_behind(Some(Arc::new(Still)), &folder.join("rollcall.db"), now()).await
}

thread_local! {
    static EPOCH: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn now() -> Time {
    let epoch = EPOCH.get().unwrap_or_else(|| {
        let now = Instant::now();
        EPOCH.set(Some(now));
        now
    });
    Time::from_timestamp(1_767_225_600, 0).unwrap() + epoch.elapsed()
}

fn no_rules() -> Rules {
    let fields = FieldMapping {
        username: "username".into(),
        given_name: Vec::new(),
        family_name: Vec::new(),
        email: Vec::new(),
        department: "department".into(),
        phone: Vec::new(),
        phone_region: None,
        desk_phone: Vec::new(),
    };
    Rules {
        sources: Vec::new(),
        same_person: Vec::new(),
        fields,
        default: None,
        mappings: Vec::new(),
        user_types: BTreeMap::new(),
        departments_are_security_profiles: false,
        authority: BTreeMap::new(),
        adopt: Vec::new(),
        leaver: LeaverRules { grace_secs: 0, suspend: None, delete: false, undo_holds_secs: 0 },
        rename: RenamePolicy::Report,
        user_limit: None,
        canaries: BTreeSet::new(),
    }
}

fn service(store: Store, mood: &Arc<Mood>, enabled: bool, digest: &str) -> Service<Fake> {
    let centre = Centre {
        name: "test".to_owned(),
        store,
        sources: Vec::new(),
        target: Fake(Arc::clone(mood)),
        rules: no_rules(),
        rules_digest: String::new(),
        limits: Limits::default(),
        quota: |_, _: Operation| (2.0, 5),
        counters: |_| RunCounts::default(),
        audit_every_secs: 0,
        full_every_secs: 86_400,
        trial: 0,
    };
    let every = Every::Interval { secs: 600 };
    let schedule =
        ScheduleConfig { every, jitter_millis: 0, stop_within_secs: 30, full_every_secs: 86_400, audit_every_secs: 0 };
    let metrics = Arc::new(std::sync::Mutex::new(Metrics::starting("test", now(), [])));
    let (sinks, tellers, digest) = (Mutex::default(), Mutex::default(), digest.to_owned());
    Service { centre, sinks, tellers, schedule, metrics, enabled, digest, now }
}

/// Never rings; the clock is looked at.
struct Silent;

impl Bell for Silent {
    async fn set(&mut self, _: Duration) {}

    async fn rung(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// A contact centre, and everything around it.
struct Home {
    mood: Arc<Mood>,
    store: Store,
    desk: Arc<Desk>,
    handle: Handle,
    stop: watch::Sender<bool>,
    renewals: mpsc::UnboundedSender<Service<Fake>>,
    inside: Option<(mpsc::Receiver<Asked>, mpsc::UnboundedReceiver<Service<Fake>>)>,
    folder: TempDir,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await.unwrap();
        let desk = Arc::new(Desk::new("test", now));
        let (ask_sender, asks) = mpsc::channel(4);
        let (renewals, renewed) = mpsc::unbounded_channel();
        let handle = Handle::new(Arc::clone(&desk), ask_sender);
        let (mood, stop, inside) = (Arc::default(), watch::Sender::new(false), Some((asks, renewed)));
        Self { mood, store, desk, handle, stop, renewals, inside, folder }
    }

    /// Makes rounds while something happens outside, which ends with the word to stop.
    async fn during(&mut self, enabled: bool, outside: impl AsyncFnOnce(&Self)) -> Parting {
        let (mut asks, mut renewals) = self.inside.take().unwrap();
        let lease = self.store.acquire("test", now()).await.unwrap();
        let service = service(self.store.clone(), &self.mood, enabled, "one");
        let mut ticks = Ticks::start(&service.schedule, Silent, now, fastrand::Rng::with_seed(1));
        let stop = self.stop.subscribe();
        let mut around = Outside { desk: &self.desk, asks: &mut asks, renewals: &mut renewals, stop: &stop };
        let happens = async {
            outside(self).await;
            self.stop.send_replace(true);
        };
        let rounds = rounds(service, &lease, &mut ticks, &mut around);
        tokio::pin!(rounds);
        tokio::select! {
            parting = &mut rounds => parting,
            () = happens => rounds.await,
        }
    }

    /// Asks for a run; how that ended.
    async fn ask(&self, ask: Ask) -> Ending {
        let mut lines = self.handle.ask(ask).unwrap();
        loop {
            if let Line::Ended(ending) = lines.recv().await.expect("an ending") {
                return ending;
            }
        }
    }
}

fn refused(ending: &Ending) -> Option<&str> {
    match ending {
        Ending::Failed { message, .. } => Some(message),
        Ending::Ran { .. } => None,
    }
}

#[tokio::test(start_paused = true)]
async fn runs_by_the_clock_until_told_to_stop_and_tells_how_it_stands() {
    let mut home = Home::new().await;
    let parting = home
        .during(true, async |home| {
            let mut follower = home.handle.follow();
            home.mood.looked(3).await;
            let Some(News::Told(line)) = follower.next().await else { panic!("nothing is heard") };
            assert!(matches!(*line, Progress::Started { .. }), "{line:?}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            let standing = home.handle.standing();
            assert_eq!((&standing.phase, standing.enabled, standing.paused), (&Phase::Waiting, true, None));
            assert!(standing.next.unwrap() > now() && standing.succeeded.is_some() && standing.silent_secs <= 10);
            assert_eq!(standing.configuration.unwrap().digest, "one");
            assert!(home.handle.health().ready);
        })
        .await;
    assert_eq!(parting, Parting::Stopped { abandoned: false });
    assert_eq!(home.store.in_force().await.unwrap().unwrap().digest, "one");
}

#[tokio::test(start_paused = true)]
async fn while_paused_nothing_runs_by_the_clock_and_one_run_makes_up_for_it_afterwards() {
    let mut home = Home::new().await;
    home.during(true, async |home| {
        home.mood.looked(1).await;
        home.handle.pause(Some(Duration::from_secs(5 * 600))).await.unwrap();
        let before = home.mood.looks();
        tokio::time::sleep(Duration::from_secs(4 * 600)).await;
        assert_eq!(home.mood.looks(), before, "paused");
        assert!(home.handle.standing().paused.is_some() && home.handle.health().ready);

        let by_hand = home.ask(Ask::default()).await;
        assert!(refused(&by_hand).is_some_and(|message| message.contains("is paused until")), "{by_hand:?}");
        let rehearsal = home.ask(Ask { rehearse: true, ..Ask::default() }).await;
        assert_eq!(refused(&rehearsal), None);
        let all_the_same = home.ask(Ask { while_paused: true, ..Ask::default() }).await;
        assert_eq!(refused(&all_the_same), None);

        let before = home.mood.looks();
        let start = Instant::now();
        assert!(home.handle.resume().await.unwrap().is_some());
        home.mood.looked(before + 1).await;
        assert!(start.elapsed() < Duration::from_secs(60), "what ticked meanwhile is made up for at once");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_another_process_is_seen_and_ends_by_itself() {
    let mut home = Home::new().await;
    home.during(true, async |home| {
        home.mood.looked(1).await;
        let other = open(home.folder.path()).await.unwrap();
        other.pause(&starting(now(), Some(Duration::from_secs(7 * 600)))).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let before = home.mood.looks();
        tokio::time::sleep(Duration::from_secs(4 * 600)).await;
        assert_eq!(home.mood.looks(), before);
        home.mood.looked(before + 2).await;
        assert!(home.handle.standing().paused.is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_stays_up_and_a_new_configuration_switches_it_on() {
    let mut home = Home::new().await;
    let parting = home
        .during(false, async |home| {
            tokio::time::sleep(Duration::from_secs(3 * 600)).await;
            assert_eq!(home.mood.looks(), 0);
            assert!(!home.handle.standing().enabled && home.handle.health().ready);
            let by_hand = home.ask(Ask { while_paused: true, ..Ask::default() }).await;
            assert!(refused(&by_hand).is_some_and(|message| message.contains("switched off")), "{by_hand:?}");
            let start = Instant::now();
            let renewed = service(home.store.clone(), &home.mood, true, "two");
            home.renewals.send(renewed).unwrap_or_else(|_| panic!("it listens"));
            home.mood.looked(1).await;
            assert!(start.elapsed() < Duration::from_secs(60), "the tick that was kept comes at once");
            assert_eq!(home.handle.standing().configuration.unwrap().digest, "two");
        })
        .await;
    assert_eq!(parting, Parting::Stopped { abandoned: false });
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_waits_for_the_end_of_the_run() {
    let mut home = Home::new().await;
    home.mood.set(HANGS);
    let parting = home
        .during(true, async |home| {
            home.mood.looked(1).await;
            let renewed = service(home.store.clone(), &home.mood, true, "two");
            home.renewals.send(renewed).unwrap_or_else(|_| panic!("it listens"));
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let standing = home.handle.standing();
            assert!(matches!(standing.phase, Phase::Running(_)), "{standing:?}");
            assert_eq!(standing.configuration.unwrap().digest, "one");
        })
        .await;
    assert_eq!(parting, Parting::Stopped { abandoned: false });
}

/// What monitoring reads of a contact centre, the lines with this word.
fn metric(home: &Home, word: &str) -> Vec<String> {
    let text = metrics(&[&home.handle], now());
    text.lines().filter(|line| line.contains(word) && !line.starts_with('#')).map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_outlives_a_new_configuration_and_its_rates_are_the_new_ones() {
    let runs = |home: &Home| metric(home, "rollcall_runs_total{contact_centre=\"test\",result=\"nothing_to_do\"}");
    let mut home = Home::new().await;
    home.during(true, async |home| {
        home.mood.looked(3).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let counted = runs(home);
        assert!(counted[0].ends_with(" 3.0"), "{counted:?}");
        assert!(metric(home, "CreateUser").is_empty());
        let renewed = service(home.store.clone(), &home.mood, true, "two");
        let rates = [(Operation::CreateUser, 1.5)];
        *renewed.metrics.lock().unwrap() = Metrics::starting("test", now(), rates);
        home.renewals.send(renewed).unwrap_or_else(|_| panic!("it listens"));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(home.handle.standing().configuration.unwrap().digest, "two");
        assert_eq!(runs(home), counted);
        assert!(metric(home, "CreateUser")[0].ends_with(" 1.5"), "{:?}", metric(home, "CreateUser"));
        home.mood.looked(4).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(runs(home)[0].ends_with(" 4.0"), "{:?}", runs(home));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_gives_signs_of_life_and_is_abandoned_at_its_bound() {
    let mut home = Home::new().await;
    home.mood.set(HANGS);
    let start = Instant::now();
    let parting = home
        .during(true, async |home| {
            home.mood.looked(1).await;
            tokio::time::sleep(Duration::from_secs(5 * 3_600)).await;
            assert!(home.handle.standing().silent_secs <= 10, "a run that takes long does not hang");
            tokio::time::sleep(LONG).await;
        })
        .await;
    assert_eq!(parting, Parting::Abandoned);
    let taken = start.elapsed();
    assert!(taken >= Duration::from_secs(6 * 3_600) && taken < Duration::from_secs(7 * 3_600), "{taken:?}");
    assert_eq!(home.handle.standing().last.unwrap().result, "abandoned");
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_connect_is_looked_at_needs_no_grace() {
    let mut home = Home::new().await;
    home.mood.set(HANGS);
    let told = Std::new(None);
    let parting = home
        .during(true, async |home| {
            home.mood.looked(1).await;
            *told.lock().unwrap() = Some(Instant::now());
        })
        .await;
    assert_eq!(parting, Parting::Stopped { abandoned: false });
    let taken = told.lock().unwrap().unwrap().elapsed();
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    let run = home.store.runs(1).await.unwrap().remove(0);
    assert_eq!(run.summary.unwrap().result, "interrupted");
    assert!(home.handle.standing().succeeded.is_none(), "it is no success");
}
