//! Every step of a simulated process passes its door: a call to a remote system, its answer, a step on the state file.
//!
//! A passage is where a process can die or be held up. The door is also the turnstile before the state file, which makes the
//! order of everything follow from the seed:
//!
//! SQLite works on threads of its own, so the moment a statement ends is an accident. While one is under way nothing else
//! may run, and tokio's paused clock may not jump, although the runtime is idle. So a turn begins when everything else is
//! at rest: a timer of a paused clock fires only when nothing is left to do, and what fires together with it is let run to
//! its end. A task of the blocking pool that waits for the end of the turn keeps the clock where it is (tokio does not
//! advance a paused clock while a blocking task is outstanding).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall::store::{Turn, Turnstile};
use tokio::sync::watch;

use crate::notes::Notes;
use crate::wire::Service;

/// Where a process is when it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Before a step on the state file.
    State,
    /// Before a request leaves.
    Asking(Service),
    /// After a remote system has answered, before the process has the answer.
    Answered(Service),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State => f.write_str("before a step on the state file"),
            Self::Asking(service) => write!(f, "before a request to {service}"),
            Self::Answered(service) => write!(f, "before the answer of {service}"),
        }
    }
}

/// Times everything ready is let run before a turn begins. A chain of wake-ups within the process is a few links long.
const ROUNDS: usize = 8;

/// The door of one process. Clones are the same door; the turn is shared by all processes of a simulation.
#[derive(Clone)]
pub(crate) struct Door {
    turn: Arc<tokio::sync::Mutex<()>>,
    passages: Arc<Mutex<Passages>>,
    open: Arc<watch::Sender<bool>>,
    notes: Notes,
}

#[derive(Default)]
struct Passages {
    so_far: u64,
    shuts_at: Option<u64>,
    shut_at: Option<Place>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    pub(crate) fn new(turn: Arc<tokio::sync::Mutex<()>>, notes: Notes) -> Self {
        Self { turn, passages: Arc::default(), open: Arc::new(watch::Sender::new(true)), notes }
    }

    fn passages(&self) -> std::sync::MutexGuard<'_, Passages> {
        self.passages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts at the passage after that many others from now.
    pub(crate) fn shut_after(&self, others: u64) {
        let mut passages = self.passages();
        passages.shuts_at = Some(passages.so_far + others + 1);
        passages.shut_at = None;
    }

    /// Does not shut, and is open.
    pub(crate) fn open(&self) {
        let mut passages = self.passages();
        (passages.shuts_at, passages.shut_at) = (None, None);
        self.open.send_replace(true);
    }

    /// Waits until it is shut, and says where.
    pub(crate) async fn shut(&self) -> Place {
        let mut open = self.open.subscribe();
        loop {
            // The door lives as long as whoever waits before it.
            let _ = open.wait_for(|open| !open).await;
            if let Some(place) = self.passages().shut_at {
                return place;
            }
        }
    }

    /// Passes, once the door is open.
    pub(crate) async fn pass(&self, place: Place) {
        {
            let mut passages = self.passages();
            passages.so_far += 1;
            if passages.shuts_at == Some(passages.so_far) {
                (passages.shuts_at, passages.shut_at) = (None, Some(place));
                self.notes.add(|| format!("stops {place}"));
                self.open.send_replace(false);
            }
        }
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Turnstile for Door {
    fn turn(&self) -> Pin<Box<dyn Future<Output = Turn> + Send + '_>> {
        Box::pin(async {
            self.pass(Place::State).await;
            let turn = Arc::clone(&self.turn).lock_owned().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            let (over, waits) = std::sync::mpsc::channel::<()>();
            // It ends when the turn does: nobody ever sends.
            drop(tokio::task::spawn_blocking(move || waits.recv()));
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
            }
            Turn::new((over, turn))
        })
    }
}
