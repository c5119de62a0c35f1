//! The stage: a whole contact centre and everything around it, in one thread, in virtual time, without a socket.
//!
//! [`play`] lets a story happen on it. Each run is followed by the laws; after the last step the troubles stop, and the
//! world has to agree with the model within a bounded number of runs.

mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use chrono::TimeDelta;
use fastrand::Rng;
use rollcall::model::{Change, Decision, Reason, RunSummary, Time};
use rollcall::reconcile::{Ended, RunError};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{self, CLIENT_SECRET};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) use self::process::{Halt, Process, Went};
use crate::door::Door;
use crate::laws::{Laws, Violation};
use crate::notes::Notes;
use crate::setting::{Rules, Setting};
use crate::story::{How, Step, Story};
use crate::tally::Tally;
use crate::truth::Truth;
use crate::wire::{Trouble, Weather};
use crate::{clock, logs};

/// Runs after the troubles have stopped within which the world has to agree.
const RUNS_TO_AGREE: u32 = 14;

/// Where a story plays.
pub(crate) struct Stage {
    pub(crate) setting: Setting,
    pub(crate) rules: Rules,
    pub(crate) sandbox: Sandbox,
    pub(crate) truth: Truth,
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) laws: Laws,
    pub(crate) tally: Tally,
    pub(crate) notes: Notes,
    pub(crate) folder: TempDir,
    /// The state file is in a folder of this number: a new one for each that is lost or restored.
    pub(crate) generation: u32,
    pub(crate) backup: Option<PathBuf>,
    pub(crate) rng: Rng,
    pub(crate) hired: usize,
    pub(crate) door: Door,
    pub(crate) process: Option<Process>,
    pub(crate) halt: Option<Halt>,
    pub(crate) twin: bool,
    /// Calls of somebody else, in 1000 s, of each operation.
    pub(crate) neighbour: u32,
    /// What people were decided about in the last whole run that was carried out.
    pub(crate) decided: BTreeMap<String, Decision>,
    approve: Option<String>,
    /// How the last run ended that came to its end; none if it failed or died.
    pub(crate) last: Option<RunSummary>,
    /// A directory gave an empty page where there was none since everybody was read last: what it hid nobody can know.
    hidden: bool,
    routers: Arc<BTreeMap<u16, Router>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    last_call: Instant,
}

/// Lets a story happen. The notes are of everything that happened, to its end or to the law that was broken.
pub(crate) fn play(story: &Story) -> (Result<Tally, (Violation, usize)>, Vec<String>) {
    on_stage(&story.setting, async |stage| {
        let result = Box::pin(stage.tell(&story.steps)).await;
        (result.map(|()| stage.tally.clone()), stage.notes.lines())
    })
}

/// Something that happens on a stage of its own.
pub(crate) fn on_stage<T>(setting: &Setting, what: impl AsyncFnOnce(&mut Stage) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread");
    fastrand::seed(setting.seed);
    logs::forget();
    runtime.block_on(async {
        let mut stage = Stage::new(setting);
        let result = what(&mut stage).await;
        stage.end();
        result
    })
}

impl Stage {
    fn new(setting: &Setting) -> Self {
        let at: Time = "2026-03-02T06:00:00Z".parse().expect("a moment");
        clock::start(at);
        let notes = Notes::new();
        let (sandbox, routers) = scene::indoors(setting.scene(at));
        let mut truth = Truth::new(&sandbox, &setting.directories.sources(), setting.directories.everybody());
        truth.look(at);
        let shared = std::path::Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder of its own");
        write_private(&folder.path().join("client-secret"), CLIENT_SECRET);
        let turn = Arc::default();
        Self {
            rules: setting.rules.clone(),
            weather: Arc::new(Mutex::new(Weather::new(setting.seed))),
            laws: Laws::new(&sandbox),
            tally: Tally::default(),
            door: Door::new(Arc::clone(&turn), notes.clone()),
            generation: 0,
            backup: None,
            rng: Rng::with_seed(setting.seed ^ 0xace),
            hired: 0,
            process: None,
            halt: None,
            twin: false,
            neighbour: 0,
            decided: BTreeMap::new(),
            approve: None,
            last: None,
            hidden: false,
            routers: Arc::new(routers),
            turn,
            last_call: Instant::now(),
            setting: setting.clone(),
            sandbox,
            truth,
            notes,
            folder,
        }
    }

    /// Nothing of this thread outlives the story.
    fn end(&mut self) {
        self.process = None;
        self.wait_until_closed();
    }

    async fn tell(&mut self, steps: &[Step]) -> Result<(), (Violation, usize)> {
        for (at, step) in steps.iter().enumerate() {
            self.notes.add(|| format!("— {step}"));
            self.tally.step(step);
            self.take(step).await.map_err(|violation| (violation, at))?;
        }
        self.notes.add(|| "— the troubles stop".to_owned());
        Box::pin(self.agree()).await.map_err(|violation| (violation, steps.len()))?;
        let weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        self.tally.end(&weather, clock::truth(), self.laws.checked());
        drop(weather);
        Ok(())
    }

    /// The troubles stop; within some runs the world agrees, and a further run does nothing.
    async fn agree(&mut self) -> Result<(), Violation> {
        self.calm();
        if self.truth.has_empty_book() {
            return Ok(());
        }
        // What a remote system refused a moment ago is not asked for again at once.
        sleep(Duration::from_secs(3700)).await;
        // Whoever left while the clock was ahead is counted from then.
        let ahead = clock::off().num_hours().unsigned_abs();
        let right = -clock::off();
        clock::jump(right);
        self.laws.jumped(clock::truth(), right);
        let hours = u64::from(self.rules.grace_hours) + u64::from(self.rules.suspend_hours.unwrap_or(0));
        let rest = Duration::from_secs((hours + ahead + self.laws.farthest_jump_hours()) * 3600 / 4 + 2 * 3600);
        for _ in 0..RUNS_TO_AGREE {
            self.run(How::Full).await?;
            sleep(rest).await;
        }
        let before = self.sandbox.connect.journal().len();
        self.run(How::Full).await?;
        if self.sandbox.connect.journal().len() != before {
            let write =
                self.sandbox.connect.journal().pop().map(|write| format!("{} of {}", write.operation, write.resource));
            return Err(Violation::of("a further run does nothing", write.unwrap_or_default()));
        }
        crate::model::agrees(self)
    }

    /// A run, and the laws after it.
    pub(crate) async fn run(&mut self, how: How) -> Result<(), Violation> {
        let calm = self.weather().is_calm();
        let alone = self.neighbour == 0 && !self.twin && self.halt.is_none();
        let throttled = self.throttled();
        let fresh = self.process.is_none() && self.last_call.elapsed() < Duration::from_secs(10);
        let hidden = self.hiding();
        let went = self.go(how).await?;
        let hides = self.hiding() != hidden;
        let all_read = how == How::Full && matches!(went, Went::Ended(_));
        self.hidden = hides || (self.hidden && !all_read);
        self.last_call = Instant::now();
        self.tally.run(&went);
        self.last = match &went {
            Went::Ended(ended) => Some(ended.summary.clone()),
            Went::Failed(_) | Went::Died => None,
        };
        self.truth.hidden = self.hidden;
        self.laws.see_writes(&self.sandbox, &self.truth, &self.rules)?;
        let throttles = self.throttled() - throttled;
        // One that was late on its way may come together with the next one.
        if alone && !fresh && throttles > 1 && self.process.is_some() {
            return Err(Violation::of("never more calls than the quota allows", format!("{throttles} refused")));
        }
        self.laws.checks("never more calls than the quota allows");
        logs::scan()?;
        self.laws.checks("no secret and no personal value in a log line");
        match went {
            Went::Ended(ended) => self.after(how, *ended)?,
            // Troubles of the runs before, each of which had a reason; soon it is tried again.
            Went::Failed(RunError::Quarantined(rest)) if rest.until - rest.last <= TimeDelta::hours(1) => {
                self.notes.add(|| format!("in quarantine: {}", rest.trouble.message));
            }
            // A directory whose last person has left is not believed, as long as that is so.
            Went::Failed(RunError::NoDirectory { message, .. })
                if self.truth.has_empty_book() && message.contains("and now has none") =>
            {
                self.notes.add(|| "failed: nobody is left in a directory".to_owned());
            }
            Went::Failed(error) if calm && alone => {
                let text = rollcall::reconcile::chain(&error);
                return Err(Violation::of("a run fails for a reason", text));
            }
            Went::Failed(error) => self.notes.add(|| format!("failed: {}", rollcall::reconcile::chain(&error))),
            Went::Died => {}
        }
        Ok(())
    }

    /// The plan that waits for an approval, which the next run brings along.
    pub(crate) fn asked(&self) -> Option<&str> {
        self.approve.as_deref()
    }

    /// What goes wrong.
    pub(crate) fn weather(&self) -> std::sync::MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests to Connect so far.
    pub(crate) fn calls(&self) -> u64 {
        self.weather().calls
    }

    /// Troubles so far.
    pub(crate) fn troubles(&self) -> BTreeMap<Trouble, u64> {
        self.weather().struck.clone()
    }

    /// Troubles that hide people so far: an empty page, and pages that come again in place of others.
    fn hiding(&self) -> u64 {
        let struck = self.troubles();
        [Trouble::EmptyPage, Trouble::LoopingLink].iter().filter_map(|trouble| struck.get(trouble)).sum()
    }

    /// Nothing goes wrong any more.
    pub(crate) fn calm(&mut self) {
        self.weather().calm();
        (self.halt, self.neighbour, self.twin) = (None, 0, false);
        self.door.open();
    }

    fn throttled(&self) -> u64 {
        self.sandbox.connect.quota().calls().values().map(|calls| calls.throttled).sum()
    }

    fn after(&mut self, how: How, ended: Ended) -> Result<(), Violation> {
        let summary = &ended.summary;
        self.notes.add(|| {
            format!(
                "{}: {} changes, {} failed, {}",
                summary.result,
                ended.plan.changes.len(),
                summary.failed,
                summary.message
            )
        });
        let told = ended.plan.decisions.iter().filter(|(_, decision)| !matches!(decision, Decision::InSync));
        for (person, decision) in told {
            self.notes.add(|| format!("    {person}: {decision:?}"));
        }
        if !self.hidden && ended.summary.frozen.is_empty() {
            self.truth.seen();
        }
        if !self.hidden {
            let limits = self.config().limits;
            self.laws.judge_run(&self.truth, &ended, how, &limits)?;
        }
        if how == How::Rehearsal {
            return Ok(());
        }
        if ended.refusal.is_none() && !matches!(how, How::One(_)) {
            let decided = ended.plan.decisions.iter();
            self.decided = decided.map(|(key, decision)| (key.to_string(), decision.clone())).collect();
        }
        if let Some(refusal) = &ended.refusal {
            let users = self.sandbox.connect.users();
            // By the name that the user has, which the directory may have changed since.
            let gone = |change: &Change| {
                let user = users.iter().find(|user| change.connect.as_ref().is_some_and(|id| id.as_str() == user.id));
                let name = user.map_or(change.label.as_str(), |user| &user.username);
                self.truth.gone_since(&change.person.to_string(), name).is_some()
            };
            let mut leaving = ended.plan.changes.iter().filter(|change| matches!(change.because, Reason::Left { .. }));
            let honest = leaving.all(gone);
            if honest && refusal.approvable {
                self.approve = Some(refusal.digest.clone());
            }
        }
        Ok(())
    }

    /// The clock of the machine is set.
    pub(crate) fn jump(&mut self, minutes: i32) {
        let by = TimeDelta::minutes(i64::from(minutes));
        clock::jump(by);
        self.laws.jumped(clock::truth(), by);
    }
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a secret");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a private secret");
}
