//! A Unix socket beside the state file. Whoever finds the state file taken by a service asks the service for a run and
//! follows it.
//!
//! One question a connection: a JSON line in, JSON lines out, the last one is [`Line::Ended`].
//!
//! Invariant: the socket has the mode 0600, like the state file; who may read the state may ask for a run.
//! Deliberately absent: HTTP; the console brings that.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::SourceName;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::RunResult;
use crate::model::{Plan, RunId, RunSummary, Trigger};
use crate::planner::guard::{NotYet, Refusal};
use crate::reconcile::{Ended, Order, Progress, RunError, chain};

/// Longest question in bytes.
const LONGEST_ASK: u64 = 64 * 1024;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What another process asks the service to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ask {
    /// Plan only.
    pub rehearse: bool,
    /// Pull everything and look at everybody.
    pub full: bool,
    /// Only this source.
    pub source: Option<SourceName>,
    /// Only this person.
    pub user: Option<String>,
    /// Approve this digest.
    pub approve: Option<String>,
    /// Take this run back.
    #[serde(default)]
    pub undo: Option<RunId>,
    /// Also while it is paused.
    #[serde(default)]
    pub while_paused: bool,
}

impl Ask {
    /// Reads a question.
    ///
    /// # Errors
    /// If it is none; where, not what stands there.
    pub fn read(line: &str) -> std::io::Result<Self> {
        serde_json::from_str(line).map_err(|error| unreadable(&error))
    }

    /// The order of the run.
    #[must_use]
    pub fn order(&self) -> Order {
        let Self { rehearse, full, source, user, approve, undo, while_paused: _ } = self.clone();
        let trigger = if undo.is_some() { Trigger::Undo } else { Trigger::Hand };
        Order { rehearse, full, source, user, approve, undo, ..Order::new(RunId::fresh(), trigger) }
    }
}

/// How a run ended, as another process learns it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran.
    Ran {
        /// The last plan.
        plan: Box<Plan>,
        /// Why the guard refused it.
        refusal: Option<Box<Refusal>>,
        /// Why the guard could not weigh it yet.
        #[serde(default)]
        not_yet: Option<Box<NotYet>>,
        /// In numbers.
        summary: Box<RunSummary>,
    },
    /// It could not be carried out.
    Failed {
        /// What happened.
        message: String,
        /// One thing to do.
        hint: String,
        /// Whether the progress has said all of that already.
        told: bool,
    },
}

impl Ending {
    /// The ending of a run that was asked for. A run for one person that met nobody is none: a misspelt name must not look
    /// like an agreement.
    #[must_use]
    pub fn answering(ask: &Ask, result: RunResult) -> Self {
        let met = |ended: &Ended| !ended.plan.decisions.is_empty() || !ended.plan.changes.is_empty();
        match &result {
            Ok(ended) if ask.user.is_some() && ask.undo.is_none() && !met(ended) => Self::Failed {
                message: "nobody is called that; nothing was done".to_owned(),
                hint: "look for the person under People in the console, or give the key: rollcall explain SOURCE/ID"
                    .to_owned(),
                told: false,
            },
            _ => Self::of(result),
        }
    }

    /// The ending of a run.
    #[must_use]
    pub fn of(result: RunResult) -> Self {
        match result {
            Ok(Ended { plan, refusal, not_yet, summary }) => Self::Ran {
                plan: Box::new(plan),
                refusal: refusal.map(Box::new),
                not_yet: not_yet.map(Box::new),
                summary: Box::new(summary),
            },
            Err(error) => {
                let told = matches!(error, RunError::NoDirectory { .. });
                Self::Failed { message: chain(&error), hint: error.hint(), told }
            }
        }
    }
}

/// One line of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The run says something.
    Progress(Box<Progress>),
    /// The run ended; nothing follows.
    Ended(Ending),
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// If it is none; where, not what stands there.
    pub fn read(line: &str) -> std::io::Result<Self> {
        serde_json::from_str(line).map_err(|error| unreadable(&error))
    }
}

/// The reader's own words may quote a person.
fn unreadable(error: &serde_json::Error) -> std::io::Error {
    let message = format!("the line cannot be read (column {})", error.column());
    std::io::Error::new(std::io::ErrorKind::InvalidData, message)
}

/// A question and where the answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub ask: Ask,
    /// Where the lines go.
    pub answers: mpsc::UnboundedSender<Line>,
}

/// Where the socket of a state file is.
#[must_use]
pub fn socket_path(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".sock");
    state.with_file_name(name)
}

/// Listens beside a state file. Call only while holding its lease: a socket that is there already is a dead process's.
///
/// # Errors
/// If the socket cannot be made.
pub fn listen(state: &Path) -> std::io::Result<UnixListener> {
    let path = socket_path(state);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes questions until the service is gone.
pub async fn take_questions(listener: UnixListener, asks: mpsc::Sender<Asked>) {
    while let Ok((stream, _)) = listener.accept().await {
        let asks = asks.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, asks).await {
                tracing::debug!(error = %error, "a control connection ended early");
            }
        });
    }
}

async fn converse(stream: UnixStream, asks: mpsc::Sender<Asked>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(LONGEST_ASK));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let ask = Ask::read(&line)?;
    let (answers, mut lines) = mpsc::unbounded_channel();
    if asks.send(Asked { ask, answers }).await.is_err() {
        return Ok(());
    }
    while let Some(line) = lines.recv().await {
        let last = matches!(line, Line::Ended(_));
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        write.write_all(&text).await?;
        if last {
            break;
        }
    }
    write.shutdown().await
}

/// Asks a running service, handing each thing it says to `told`. `None` if no service listens.
///
/// # Errors
/// If the service goes away in the middle.
pub async fn ask(state: &Path, ask: &Ask, mut told: impl FnMut(Progress)) -> std::io::Result<Option<Ending>> {
    let Ok(stream) = UnixStream::connect(socket_path(state)).await else {
        return Ok(None);
    };
    let (read, mut write) = stream.into_split();
    let mut text = serde_json::to_vec(ask)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        match Line::read(&line)? {
            Line::Progress(progress) => told(*progress),
            Line::Ended(ending) => return Ok(Some(ending)),
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the running service went away before the run ended"))
}
