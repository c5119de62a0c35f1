//! What was asked for here: runs that wait for their turn, go on, or have ended.
//!
//! Invariant: a run goes on whether or not somebody still looks; only so many are remembered.
//! Invariant: the plan of a run is not kept here; its numbers are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::SourceName;
use tokio::sync::{broadcast, mpsc, watch};

use crate::model::{RunId, RunSummary, Time};
use crate::planner::guard::{NotYet, Refusal};
use crate::reconcile::{PlanCounts, Progress};
use crate::serve::control::{Ask, Ending, Line};
use crate::serve::{Handle, HandleError};

/// Questions that are remembered.
const MOST: usize = 64;
/// Lines that are kept for somebody who follows a run and is slow.
const LINES: usize = 1_024;

/// What a run says.
pub(super) type Lines = broadcast::Receiver<Arc<Progress>>;

/// What a run was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Everybody,
    Source(SourceName),
    OnePerson,
    Undo(RunId),
    Plan,
}

impl What {
    /// What is asked, as far as it may be written down: nobody is named.
    pub(super) fn of(ask: &Ask) -> Self {
        match ask {
            Ask { undo: Some(run), .. } => Self::Undo(*run),
            Ask { rehearse: true, .. } => Self::Plan,
            Ask { user: Some(_), .. } => Self::OnePerson,
            Ask { source: Some(source), .. } => Self::Source(source.clone()),
            Ask { .. } => Self::Everybody,
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Everybody => "a run".to_owned(),
            Self::Source(source) => format!("a run of source {source}"),
            Self::OnePerson => "a run for one person".to_owned(),
            Self::Undo(run) => format!("taking run {run} back"),
            Self::Plan => "a plan".to_owned(),
        }
    }
}

/// How far it is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Others come first.
    Waiting,
    Running(RunId),
    Ended(Arc<End>),
}

/// How it ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    Ran {
        run: Option<RunId>,
        counts: PlanCounts,
        refusal: Option<Box<Refusal>>,
        not_yet: Option<Box<NotYet>>,
        summary: Box<RunSummary>,
    },
    Failed {
        message: String,
        hint: String,
    },
}

impl End {
    fn of(ending: Ending, run: Option<RunId>) -> Self {
        match ending {
            Ending::Ran { plan, refusal, not_yet, summary } => {
                Self::Ran { run, counts: PlanCounts::of(&plan), refusal, not_yet, summary }
            }
            Ending::Failed { message, hint, told: _ } => Self::Failed { message, hint },
        }
    }

    fn gone() -> Self {
        Self::Failed {
            message: "the service ended before the run did".to_owned(),
            hint: "see what it did under Runs, once the service is up".to_owned(),
        }
    }
}

/// One run that was asked for.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: String,
    pub(super) centre: String,
    pub(super) what: What,
    pub(super) at: Time,
    state: watch::Sender<State>,
    lines: broadcast::Sender<Arc<Progress>>,
}

impl Ticket {
    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// How far it is, whenever that changes.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    async fn listen(self: Arc<Self>, mut lines: mpsc::UnboundedReceiver<Line>) {
        let mut run = None;
        while let Some(line) = lines.recv().await {
            match line {
                Line::Progress(progress) => {
                    if let Progress::Started { run: began, .. } = &*progress {
                        run = Some(*began);
                        self.state.send_replace(State::Running(*began));
                    }
                    // Without a listener there is nobody to tell.
                    let _ = self.lines.send(Arc::new(*progress));
                }
                Line::Ended(ending) => {
                    self.state.send_replace(State::Ended(Arc::new(End::of(ending, run))));
                    return;
                }
            }
        }
        self.state.send_replace(State::Ended(Arc::new(End::gone())));
    }
}

/// Everything that was asked for lately.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<VecDeque<Arc<Ticket>>>);

impl Tickets {
    /// Asks for a run. Everything it says comes by the receiver; it loses lines if nobody reads them.
    ///
    /// # Errors
    /// If the service cannot take the question.
    pub(super) fn ask(
        &self,
        id: String,
        service: &Handle,
        ask: Ask,
        at: Time,
    ) -> Result<(Arc<Ticket>, Lines), HandleError> {
        let (what, centre) = (What::of(&ask), service.centre().to_owned());
        let (lines, heard) = broadcast::channel(LINES);
        let state = watch::Sender::new(State::Waiting);
        let ticket = Arc::new(Ticket { id, centre, what, at, state, lines });
        let answers = service.ask(ask)?;
        tokio::spawn(Arc::clone(&ticket).listen(answers));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(Arc::clone(&ticket));
        if all.len() > MOST {
            all.pop_front();
        }
        Ok((ticket, heard))
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Ticket>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|ticket| ticket.id == id).cloned()
    }
}
