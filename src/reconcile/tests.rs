//! Plans carried out on a target that writes down what is asked of it, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connectors::PersonKey;
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::model::{
    Action, Attribute, AttributeSet, Catalogue, Change, ConnectUser, ConnectUserId, DesiredUser, Disposition, Done,
    Facet, FacetUpdate, Forecast, IdentityManagement, Instance, Inventory, LeaveReason, Look, Named, Observation,
    Reason, Stage, Value,
};
use crate::planner::guard::{Verdict, review};
use crate::planner::rules::{FieldMapping, LeaverRules, Limit, RenamePolicy};

/// How long a call takes, in milliseconds of tokio's clock.
const CALL_MILLIS: u64 = 50;

/// What happens elsewhere during a step.
type Meanwhile = Box<dyn Fn(&str) + Send + Sync>;

/// A target that does nothing but tell.
#[derive(Default)]
struct Fake {
    /// `begin c-1 UpdateUserRoutingProfile`, `end …`, in order.
    told: Mutex<Vec<String>>,
    /// Calls that end with an error, by `c-1 UpdateUserRoutingProfile`.
    refusals: BTreeMap<String, Disposition>,
    /// Called while a call is under way.
    meanwhile: Option<Meanwhile>,
}

fn step(change: &Change) -> String {
    format!("{} {}", change.label, change.action.operation())
}

impl Target for Fake {
    async fn inventory(&self, _: &Look, _: bool, _: Option<&Inventory>, _: Time) -> Result<Inventory, CallError> {
        Ok(inventory())
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

    async fn perform(&self, change: &Change, _: &Stop) -> Result<Done, CallError> {
        let step = step(change);
        self.told.lock().unwrap().push(format!("begin {step}"));
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile(&step);
        }
        tokio::time::sleep(Duration::from_millis(CALL_MILLIS)).await;
        self.told.lock().unwrap().push(format!("end {step}"));
        match self.refusals.get(&step) {
            Some(disposition) => Err(CallError {
                operation: change.action.operation(),
                disposition: *disposition,
                code: "InvalidParameterException".to_owned(),
                message: "no".to_owned(),
                hint: "see to it".to_owned(),
                request_id: Some("r-1".to_owned()),
            }),
            None => {
                let created = matches!(change.action, Action::Create(_)).then(|| ("n-1".into(), "arn".to_owned()));
                Ok(Done { created, request_id: None, attempts: 1, latency: Duration::ZERO })
            }
        }
    }
}

fn inventory() -> Inventory {
    let instance =
        Instance { id: "i".into(), arn: "arn:i".into(), alias: None, identity_management: IdentityManagement::Saml };
    let (catalogue, users, quick_connects) = (Catalogue::default(), BTreeMap::new(), Vec::new());
    Inventory { at: at(0), instance, catalogue, users, quick_connects }
}

fn at(seconds: i64) -> Time {
    Time::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn profiles(names: &str) -> AttributeSet {
    let set = names.split(' ').map(|name| Named::new(name, name)).collect();
    [(Attribute::SecurityProfiles, Value::NamedSet(set))].into_iter().collect()
}

/// `ada raise` …: changes in the order of the text.
fn changes(text: &str) -> Vec<Change> {
    let update = |facet, before: AttributeSet, after: AttributeSet| {
        let (wished, untag, stage) = (after.clone(), BTreeSet::new(), Stage::Active);
        Action::Update(Box::new(FacetUpdate { facet, before, wished, after, untag, stage }))
    };
    let left = || Reason::Left { why: LeaveReason::Disabled, since: at(0) };
    let of = |person: &str, what: &str| match what {
        "raise" => (update(Facet::Security, profiles("Agent"), profiles("Agent Lead")), Reason::Drift),
        "take" => (update(Facet::Security, profiles("Agent Lead"), profiles("Agent")), Reason::Drift),
        "suspend" => (update(Facet::Security, profiles("Agent"), profiles("None")), left()),
        "name" => (update(Facet::Identity, AttributeSet::default(), AttributeSet::default()), Reason::Drift),
        "config" => {
            let because = Reason::ConfigChanged { rules: Vec::new() };
            (update(Facet::Identity, AttributeSet::default(), AttributeSet::default()), because)
        }
        "adopt" => (Action::Adopt { username: person.to_owned() }, Reason::Adopted { by: "username".to_owned() }),
        "delete" => (Action::Delete { username: person.to_owned(), before: AttributeSet::default() }, left()),
        wanted => {
            let (person, attributes) = (PersonKey::new("entra", person), AttributeSet::default());
            let username = wanted.strip_prefix("create=").unwrap().to_owned();
            let desired = DesiredUser { person, username, attributes, wished: None, stage: Stage::Active };
            (Action::Create(Box::new(desired)), Reason::Joined { rules: Vec::new() })
        }
    };
    let words = text.split(',').map(|line| line.trim().split_once(' ').unwrap());
    let changes = words.enumerate().map(|(seq, (person, what))| {
        let (action, because) = of(person, what);
        let connect = (!matches!(action, Action::Create(_))).then(|| person.into());
        let (seq, label) = (u32::try_from(seq).unwrap(), person.to_owned());
        Change { seq, person: PersonKey::new("entra", person), label, connect, arn: None, action, because }
    });
    changes.collect()
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        at: at(0),
        changes,
        decisions: BTreeMap::new(),
        findings: Vec::new(),
        forecast: Forecast::default(),
        leaving: BTreeMap::new(),
        links: BTreeMap::new(),
        agreed: BTreeMap::new(),
        undone: BTreeMap::new(),
        stakes: Default::default(),
        refused: BTreeMap::new(),
        resting: BTreeSet::new(),
        details: Default::default(),
        owners_unknown: BTreeSet::new(),
        managed: 1_000,
        first_run: BTreeSet::new(),
    }
}

fn no_limits() -> Limits {
    let limit = || Limit { count: None, fraction: Some(1.0) };
    Limits { max_removed: limit(), max_changed: limit(), ..Limits::default() }
}

fn no_rules() -> Rules {
    Rules {
        sources: Vec::new(),
        same_person: Vec::new(),
        fields: FieldMapping {
            username: "username".into(),
            given_name: Vec::new(),
            family_name: Vec::new(),
            email: Vec::new(),
            department: "department".into(),
            phone: Vec::new(),
            phone_region: None,
            desk_phone: Vec::new(),
        },
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

struct Home {
    centre: Centre<Fake>,
    lease: RunLease,
    _folder: TempDir,
}

impl Home {
    async fn new(target: Fake, slots: fn(&Fake, Operation) -> (f64, u32)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("rollcall.db"), at(0)).await.unwrap();
        let lease = store.acquire("test", at(0)).await.unwrap();
        let centre = Centre {
            name: "test".to_owned(),
            store,
            sources: Vec::new(),
            target,
            rules: no_rules(),
            rules_digest: String::new(),
            limits: no_limits(),
            quota: slots,
            counters: |_| RunCounts::default(),
            audit_every_secs: 900,
            full_every_secs: 86_400,
            trial: 2,
        };
        Self { centre, lease, _folder: folder }
    }

    /// Carries out these changes; gives what the target was asked, in order.
    async fn apply(&self, text: &str, seconds: i64) -> Result<Vec<String>, StoreError> {
        let order = Order::new(RunId(uuid::Uuid::from_u128(u128::try_from(seconds).unwrap() + 1)), Trigger::Schedule);
        let (_sender, stop) = watch::channel(false);
        let (lease, clock) = (&self.lease, RunClock::starting(at(seconds)));
        self.centre.store.begin_run(lease, order.run, order.trigger, clock.now()).await?;
        let run = Run {
            centre: &self.centre,
            lease,
            order: &order,
            clock,
            stop: &stop,
            watch: &Quiet,
            trouble: Mutex::new(None),
        };
        let Verdict::Approved(approved) = review(plan(changes(text)), &no_limits(), None, at(seconds)) else {
            panic!("there is no limit");
        };
        let seen = Observation {
            at: at(seconds),
            directory: Default::default(),
            connect: inventory(),
            memory: BTreeMap::new(),
            undone: BTreeMap::new(),
            retries: self.centre.store.retries().await?,
            trial: None,
            config_changed: false,
        };
        apply::apply(&run, &approved, &seen, &BTreeMap::new()).await?;
        self.centre.store.finish_run(lease, order.run, &RunSummary::default(), None, clock.now()).await?;
        Ok(std::mem::take(&mut *self.centre.target.told.lock().unwrap()))
    }
}

fn wide(_: &Fake, _: Operation) -> (f64, u32) {
    (100.0, 100)
}

fn narrow(_: &Fake, _: Operation) -> (f64, u32) {
    (0.1, 1)
}

fn place(told: &[String], what: &str) -> usize {
    told.iter().position(|line| line == what).unwrap_or_else(|| panic!("no `{what}` in {told:#?}"))
}

#[tokio::test(start_paused = true)]
async fn profiles_are_given_only_after_all_that_are_taken_whatever_lane_they_are_in() {
    // The raises begin in three lanes; those who lose something come last in the plan. The narrow lanes hold two at a time.
    let story = "a name, a raise, b name, b raise, c name, c raise, d adopt, d raise, e adopt, e raise, f adopt, f raise, \
                 g raise, h name, i suspend, j take, k adopt, k take, l create=l, m delete";
    for slots in [wide as fn(&Fake, Operation) -> (f64, u32), narrow] {
        let home = Home::new(Fake::default(), slots).await;
        let told = home.apply(story, 0).await.unwrap();
        assert_eq!(told.len(), 2 * changes(story).len());
        let security = |who: &str| format!("{who} UpdateUserSecurityProfiles");
        for taken in ["i", "j", "k"] {
            for given in ["a", "b", "c", "d", "e", "f", "g"] {
                let (end, begin) = (format!("end {}", security(taken)), format!("begin {}", security(given)));
                assert!(place(&told, &end) < place(&told, &begin), "{taken} before {given}: {told:#?}");
            }
        }
        for who in ["d", "e", "f", "k"] {
            let (end, begin) = (format!("end {who} TagResource"), format!("begin {}", security(who)));
            assert!(place(&told, &end) < place(&told, &begin), "ours before it is changed");
        }
        for (who, call) in [("i", "UpdateUserSecurityProfiles"), ("k", "TagResource")] {
            let first = told.iter().find(|line| line.starts_with("begin") && line.ends_with(call));
            assert_eq!(first, Some(&format!("begin {who} {call}")), "who loses something goes first: {told:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_removal_does_not_hold_up_the_others_for_ever() {
    let refusals = BTreeMap::from([("i UpdateUserSecurityProfiles".to_owned(), Disposition::SkipPerson)]);
    let home = Home::new(Fake { refusals, ..Fake::default() }, narrow).await;
    let told = home.apply("a raise, i suspend", 0).await.unwrap();
    assert!(place(&told, "end i UpdateUserSecurityProfiles") < place(&told, "begin a UpdateUserSecurityProfiles"));
}

#[tokio::test(start_paused = true)]
async fn a_create_waits_for_the_username_it_wants() {
    let home = Home::new(Fake::default(), wide).await;
    let told = home.apply("new create=ADA, ada delete", 0).await.unwrap();
    assert!(place(&told, "end ada DeleteUser") < place(&told, "begin new CreateUser"));
}

#[tokio::test]
async fn a_ledger_that_fails_ends_the_run_also_for_whoever_waits() {
    let mut home = Home::new(Fake::default(), wide).await;
    // The lease is taken over while the delete is under way: its outcome cannot be written down.
    let fenced = home.lease.fencing();
    let file = home._folder.path().join("rollcall.db");
    home.centre.target.meanwhile = Some(Box::new(move |step| {
        if step.ends_with("DeleteUser") {
            let file = file.clone();
            let taken = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(take_over(&file, fenced));
            });
            taken.join().unwrap();
        }
    }));
    let ended = tokio::time::timeout(Duration::from_secs(20), home.apply("new create=ada, ada delete", 0)).await;
    let ended = ended.expect("nobody waits for a username that will never be free");
    assert!(matches!(ended, Err(StoreError::LeaseLost)), "{ended:?}");
}

/// Another process writes another fencing number.
async fn take_over(file: &std::path::Path, fenced: i64) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    let taken = sqlx::query("UPDATE lease SET fencing = ?1").bind(fenced + 1);
    taken.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn refusals_set_a_clock_and_a_success_forgets_it() {
    let refusals = [
        ("a", "UpdateUserIdentityInfo", Disposition::SkipPerson),
        ("b", "CreateUser", Disposition::NextRun),
        ("c", "UpdateUserIdentityInfo", Disposition::InDoubt),
    ];
    let refusals = refusals.map(|(who, call, disposition)| (format!("{who} {call}"), disposition)).into();
    let mut home = Home::new(Fake { refusals, ..Fake::default() }, wide).await;
    let story = "a name, a take, b create=b, c name, d name";
    home.apply(story, 0).await.unwrap();
    let retries = home.centre.store.retries().await.unwrap();
    let clock =
        |who: &str, call: Operation| retries.get(&PersonKey::new("entra", who)).map(|retry| &retry.clocks[&call]);
    let a = clock("a", Operation::UpdateUserIdentityInfo).unwrap();
    assert_eq!((a.attempts, a.since, a.until - a.last), (1, a.last, chrono::TimeDelta::minutes(5)));
    assert_eq!((a.code.as_str(), a.request_id.as_deref()), ("InvalidParameterException", Some("r-1")));
    let b = clock("b", Operation::CreateUser).unwrap();
    assert_eq!((b.attempts, b.until), (1, b.last), "what passes is tried by the next run");
    assert_eq!(retries.len(), 2, "what is in doubt says nothing about the person, and d succeeded");

    home.apply(story, 300).await.unwrap();
    let again = &home.centre.store.retries().await.unwrap()[&PersonKey::new("entra", "a")];
    let again = &again.clocks[&Operation::UpdateUserIdentityInfo];
    assert_eq!((again.attempts, again.since, again.until - again.last), (2, a.since, chrono::TimeDelta::minutes(15)));

    home.centre.target.refusals.clear();
    home.apply(story, 1_200).await.unwrap();
    assert!(home.centre.store.retries().await.unwrap().is_empty());
}

/// Nine people whom a changed configuration concerns, a leaver, and somebody else.
const CHANGED: &str = "a config, b config, c config, d config, e config, f config, g config, h config, i config, \
                       j suspend, k raise, l name";

#[tokio::test(start_paused = true)]
async fn a_changed_configuration_is_tried_on_the_first_people_and_the_others_follow() {
    let home = Home::new(Fake::default(), wide).await;
    let told = home.apply(CHANGED, 0).await.unwrap();
    assert_eq!(told.len(), 2 * changes(CHANGED).len());
    for first in ["a", "b"] {
        for later in ["c", "d", "e", "f", "g", "h", "i"] {
            let (end, begin) =
                (format!("end {first} UpdateUserIdentityInfo"), format!("begin {later} UpdateUserIdentityInfo"));
            assert!(place(&told, &end) < place(&told, &begin), "{first} before {later}: {told:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_is_refused_leaves_the_others_as_they_are() {
    let refusals = BTreeMap::from([("b UpdateUserIdentityInfo".to_owned(), Disposition::SkipPerson)]);
    let home = Home::new(Fake { refusals, ..Fake::default() }, wide).await;
    let told = home.apply(CHANGED, 0).await.unwrap();
    let mut begun: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("begin ")?.split(' ').next()).collect();
    begun.sort_unstable();
    assert_eq!(begun, ["a", "b", "j", "k", "l"], "the trial, and whom the configuration does not concern");
    let run = home.centre.store.runs(1).await.unwrap()[0].run;
    let outcomes = home.centre.store.run_changes(run).await.unwrap();
    let waiting = outcomes.iter().filter(|(_, outcome, _)| {
        matches!(outcome, crate::model::Outcome::NotAttempted { why: crate::model::NotAttempted::TrialFailed })
    });
    assert_eq!(waiting.count(), 7);
}

#[tokio::test(start_paused = true)]
async fn few_changes_and_a_trial_of_nobody_wait_for_nothing() {
    let refusals = BTreeMap::from([("a UpdateUserIdentityInfo".to_owned(), Disposition::SkipPerson)]);
    let mut home = Home::new(Fake { refusals, ..Fake::default() }, wide).await;
    let few = "a config, b config, c config, d config, e config, f config, g config, h config";
    assert_eq!(home.apply(few, 0).await.unwrap().len(), 16, "eight people are not worth a trial of two");
    home.centre.trial = 0;
    assert_eq!(home.apply(CHANGED, 10_000).await.unwrap().len(), 24);
}
