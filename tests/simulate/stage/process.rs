//! The process on the stage: how it starts, makes a run, is halted in the middle, dies, and who else tries to start.
//!
//! Invariant: what a process leaves behind is its state file and nothing else; the next one is built anew from the
//! configuration.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall::assemble::{Assembled, Surroundings, assemble_in};
use rollcall::config;
use rollcall::connect::AmazonConnect;
use rollcall::model::{RunId, Trigger};
use rollcall::reconcile::{Ended, Order, Progress, RunError, Watch};
use rollcall::serve::{RunResult, Service};
use rollcall::store::{RunLease, Turnstile};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Stage;
use crate::door::{Door, Place};
use crate::laws::Violation;
use crate::story::How;
use crate::wire::Wire;
use crate::{clock, neighbour};

/// A living process.
pub(crate) struct Process {
    service: Service<AmazonConnect>,
    lease: RunLease,
}

/// What happens to a process in its next run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Halt {
    Crash,
    Pause { minutes: u32 },
}

/// How a run went.
pub(crate) enum Went {
    /// To its end.
    Ended(Box<Ended>),
    /// It could not be carried out.
    Failed(RunError),
    /// The process died.
    Died,
}

/// Hears what a run says.
#[derive(Default)]
struct Ear {
    behind: Mutex<bool>,
}

impl Ear {
    /// Whether a sink is behind.
    fn heard(&self) -> bool {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Ear {
    fn tell(&self, progress: Progress) {
        if matches!(progress, Progress::SinkBehind { .. }) {
            *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
    }
}

impl Stage {
    /// Starts a process if there is none, and lets it make one run.
    pub(super) async fn go(&mut self, how: How) -> Result<Went, Violation> {
        let order = self.order(how);
        if self.process.is_none() {
            match self.start().await? {
                Some(process) => self.process = Some(process),
                None => return Ok(Went::Died),
            }
        }
        let process = self.process.take().expect("just started");
        let ear = Ear::default();
        let (result, held) = self.live(&process, &order, &ear).await;
        (self.halt, self.twin) = (None, false);
        self.door.open();
        if held == Some(false) {
            return Err(Violation::of(
                "one process at a time",
                "a second process took the lease of a living one".into(),
            ));
        }
        let result = match result {
            Ok(result) => result,
            Err(place) => {
                self.notes.add(|| format!("dies {place}"));
                *self.tally.crashes.entry(place.to_string()).or_default() += 1;
                self.approve = None;
                drop(process);
                self.wait_until_closed();
                return Ok(Went::Died);
            }
        };
        self.process = Some(process);
        if result.is_ok() && how != How::Rehearsal && !ear.heard() {
            self.laws.see_writes(&self.sandbox, &self.truth, &self.rules)?;
            self.laws.compare_reports(&self.sandbox, &self.folder.path().join("report.jsonl"))?;
        }
        Ok(match result {
            Ok(ended) => Went::Ended(Box::new(ended)),
            Err(error) => Went::Failed(error),
        })
    }

    /// One run of a process, to its end or to the place where it dies; and whether another process that tried to start
    /// meanwhile was turned away.
    async fn live(&self, process: &Process, order: &Order, ear: &Ear) -> (Result<RunResult, Place>, Option<bool>) {
        let (_stop, stopped) = watch::channel(false);
        let held = Mutex::new(None);
        let others = async {
            tokio::join!(neighbour::calls(Arc::clone(&self.routers), self.neighbour), self.second(self.twin, &held));
            std::future::pending::<()>().await;
        };
        let mut others = std::pin::pin!(others);
        let mut run = std::pin::pin!(process.service.run_once(&process.lease, order, &stopped, ear));
        let result = loop {
            tokio::select! {
                biased;
                result = &mut run => break Ok(result),
                place = self.door.shut() => match self.halt {
                    Some(Halt::Pause { minutes }) => {
                        // What is on its way comes to its end; nothing new begins.
                        tokio::select! {
                            biased;
                            // A call that ran out of time may have been the last thing it did.
                            result = &mut run => break Ok(result),
                            () = sleep(Duration::from_secs(u64::from(minutes) * 60)) => {}
                        }
                        *held.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.is_held().await);
                        self.door.open();
                    }
                    Some(Halt::Crash) | None => break Err(place),
                },
                () = &mut others => {}
            }
        };
        let held = *held.lock().unwrap_or_else(PoisonError::into_inner);
        (result, held)
    }

    fn order(&mut self, how: How) -> Order {
        let millis = u64::try_from(clock::now().timestamp_millis()).unwrap_or_default();
        let random = self.rng.u128(..).to_be_bytes();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &std::array::from_fn(|at| random[at])).into_uuid();
        let order = Order::new(RunId(id), Trigger::Schedule);
        match how {
            How::Plain => Order { approve: self.approve.take(), ..order },
            How::Full => Order { full: true, approve: self.approve.take(), ..order },
            How::Rehearsal => Order { rehearse: true, ..order },
            How::One(who) => {
                let here: Vec<_> = self.truth.here().map(|(key, _)| key.clone()).collect();
                let user = (!here.is_empty()).then(|| here[who as usize % here.len()].clone());
                Order { user, ..order }
            }
        }
    }

    fn surroundings(&self, door: &Door) -> Surroundings {
        let wire = Wire {
            routers: Arc::clone(&self.routers),
            faults: self.sandbox.faults.clone(),
            weather: Arc::clone(&self.weather),
            door: door.clone(),
            notes: self.notes.clone(),
        };
        Surroundings {
            directories: Some(Arc::new(wire.clone())),
            aws: Some(rollcall_http(wire)),
            turnstile: Some(Arc::new(door.clone()) as Arc<dyn Turnstile>),
        }
    }

    /// A new process; `None` if it dies on the way.
    async fn start(&mut self) -> Result<Option<Process>, Violation> {
        self.notes.add(|| "a process starts".to_owned());
        let config = self.config();
        let surroundings = self.surroundings(&self.door);
        let assembled = tokio::select! {
            biased;
            assembled = Box::pin(assemble_in(&config, clock::now, "simulation", &surroundings)) => Some(assembled),
            place = self.door.shut() => {
                self.notes.add(|| format!("dies {place}, while it starts"));
                *self.tally.crashes.entry("while it starts".to_owned()).or_default() += 1;
                None
            }
        };
        match assembled {
            Some(Ok(Assembled { service, lease })) => Ok(Some(Process { service, lease })),
            Some(Err(error)) => Err(Violation::of("a process starts", format!("{error:#}"))),
            None => {
                self.halt = None;
                self.door.open();
                self.wait_until_closed();
                Ok(None)
            }
        }
    }

    /// Ends the process; the next run starts another one.
    pub(crate) fn stop(&mut self) {
        if let Some(Process { service, lease }) = self.process.take() {
            drop((service, lease));
            self.wait_until_closed();
        }
    }

    pub(super) fn config(&self) -> config::Config {
        let state = format!("{}/rollcall.db", self.generation);
        let path = self.folder.path().join("rollcall.toml");
        let _ = std::fs::create_dir(self.state_path().parent().expect("a folder of a generation"));
        std::fs::write(&path, self.setting.configuration(&self.sandbox, &self.rules, &state)).expect("a configuration");
        config::load(&path).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Where the state file is.
    pub(crate) fn state_path(&self) -> PathBuf {
        self.folder.path().join(self.generation.to_string()).join("rollcall.db")
    }

    /// Another process on the same state file: whether it is turned away.
    async fn is_held(&self) -> bool {
        let door = Door::new(Arc::clone(&self.turn), self.notes.clone());
        let surroundings = self.surroundings(&door);
        let assembled = Box::pin(assemble_in(&self.config(), clock::now, "twin", &surroundings)).await;
        self.notes.add(|| format!("a second process is turned away: {}", assembled.is_err()));
        assembled.is_err()
    }

    async fn second(&self, twin: bool, found: &Mutex<Option<bool>>) {
        if twin {
            sleep(Duration::from_millis(40)).await;
            let held = self.is_held().await;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        }
    }

    /// A turn of the stage's own, for what it does to the state file itself.
    pub(crate) fn own_door(&self) -> Door {
        Door::new(Arc::clone(&self.turn), self.notes.clone())
    }

    /// SQLite's threads close their files a little after their connection is dropped; what the next process finds must not
    /// depend on it.
    pub(crate) fn wait_until_closed(&self) {
        let folder = self.folder.path();
        let is_ours = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.and_then(|entry| std::fs::read_link(entry.path())).is_ok_and(|target| target.starts_with(folder))
        };
        while std::fs::read_dir("/proc/self/fd").is_ok_and(|mut open| open.any(is_ours)) {
            std::thread::yield_now();
        }
    }
}

fn rollcall_http(wire: Wire) -> aws_sdk_connect::config::SharedHttpClient {
    aws_sdk_connect::config::SharedHttpClient::new(wire)
}
