//! The door: verbs, screens, exit codes.
//!
//! Data goes to standard output, everything else to standard error; `--json` on every verb that prints data.
//! One place to add a verb: a variant of [`Verb`], its arm in [`run`], its screen.
//!
//! Invariant: the exit code is decided in one visible expression per verb, see [`Exit`].

#[macro_use]
mod print;

mod approve;
mod check;
mod demo;
mod explain;
mod history;
pub mod logging;
mod observed;
mod pause;
mod plan_screen;
mod plan_sources;
pub mod policy;
mod rename_screen;
mod rules;
mod sandbox;
mod serve;
mod signals;
mod status;
mod style;
mod sync;
mod sync_screen;
mod token;
mod undo;
mod what_if;

use std::path::PathBuf;

use chrono::Utc;
use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config};
use crate::model::Time;

/// How a verb ended, as the process says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Changes are pending (`plan --detailed-exit-code`).
    Pending = 2,
    /// Refused by the guard.
    Refused = 3,
    /// Partly applied, or people in quarantine.
    Partly = 4,
    /// Wrong usage.
    Usage = 64,
}

/// Keeps the users of an Amazon Connect contact centre in agreement with the company directory.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file of the contact centre. `serve` takes several.
    #[arg(long, global = true, env = "ROLLCALL_CONFIG", default_value = "rollcall.toml", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Print data as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Live through a first sync and a working day on made-up remote systems; needs no account.
    Demo(demo::DemoArgs),
    /// Run made-up remote systems on loopback and print a configuration for them.
    Sandbox(sandbox::SandboxArgs),
    /// Write a commented configuration.
    Init,
    /// Check the file, then reach each remote system.
    Check {
        /// Print the least that must be granted for this configuration (IAM policy, directory permissions); reach nothing.
        #[arg(long)]
        policy: bool,
    },
    /// Look and plan; nothing is written but the snapshot.
    Plan(PlanArgs),
    /// Bring Connect into agreement.
    #[command(subcommand)]
    Sync(SyncVerb),
    /// Let a held plan through in the next run.
    Approve {
        /// The digest the guard named.
        digest: String,
    },
    /// Run by the clock until stopped. SIGHUP reads the configuration anew. Several --config FILE: several contact centres.
    Serve,
    /// Let nothing run by the clock, for a time or until `resume`.
    Pause {
        /// How long, such as "90s", "2h", "3d"; absent: until `resume`.
        #[arg(long = "for", value_name = "DURATION", value_parser = pause::lasts)]
        lasts: Option<std::time::Duration>,
    },
    /// End a pause.
    Resume,
    /// What is held, what waits, how the last run ended.
    Status,
    /// The last runs, or what one of them changed.
    History {
        /// The run; absent = the last twenty.
        run: Option<String>,
    },
    /// Take back what a run changed: former values are written back, as far as nobody has changed them since.
    Undo(UndoArgs),
    /// Everything about one person: directory, rules, Connect, what happens next.
    Explain {
        /// Username, e-mail or key (`source/id`).
        person: String,
    },
    /// How many people each rule gives what, and departments without a rule; or what changed rules would do.
    Rules(RulesArgs),
    /// The secret that opens the console.
    #[command(subcommand)]
    Token(TokenVerb),
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a new one and print it, once. The old one and every session end.
    Rotate,
}

#[derive(Debug, Subcommand)]
enum SyncVerb {
    /// One run, now. A running service does it and is followed.
    Now(SyncArgs),
}

/// What `plan` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct PlanArgs {
    /// Read everybody anew, and look at all of Connect.
    #[arg(long)]
    pub full: bool,
    /// Only this person.
    #[arg(long, value_name = "PERSON")]
    pub user: Option<String>,
    /// Exit 2 if there is something to do.
    #[arg(long)]
    pub detailed_exit_code: bool,
    /// Show everybody, not only a screenful.
    #[arg(long)]
    pub all: bool,
}

/// What `sync now` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct SyncArgs {
    /// Read everybody anew, and look at all of Connect.
    #[arg(long)]
    pub full: bool,
    /// Only this source; people of the others are left as they are.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only this person.
    #[arg(long, value_name = "PERSON")]
    pub user: Option<String>,
    /// Approve this digest.
    #[arg(long, value_name = "DIGEST")]
    pub approve: Option<String>,
    /// Also while it is paused.
    #[arg(long)]
    pub while_paused: bool,
}

/// What `undo` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct UndoArgs {
    /// The run to take back: its id, or how it begins.
    #[arg(required_unless_present = "release")]
    pub run: Option<String>,
    /// Only this person.
    #[arg(long, value_name = "PERSON")]
    pub user: Option<String>,
    /// Show what would be given back; nothing is written.
    #[arg(long)]
    pub dry_run: bool,
    /// Approve this digest.
    #[arg(long, value_name = "DIGEST")]
    pub approve: Option<String>,
    /// Let the rules apply again: to everybody of whom this run was taken back, or to this person.
    #[arg(long, value_name = "RUN|PERSON", conflicts_with_all = ["run", "user", "dry_run", "approve"])]
    pub release: Option<String>,
    /// Show everybody, not only a screenful.
    #[arg(long)]
    pub all: bool,
}

/// What `rules` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct RulesArgs {
    /// What changed rules would do: a file with the sections that would be others. Nothing is reached, nothing is written.
    #[arg(long, value_name = "FILE")]
    pub what_if: Option<PathBuf>,
    /// With --what-if: show everybody, not only a screenful.
    #[arg(long, requires = "what_if")]
    pub all: bool,
}

/// What every verb has at hand.
#[derive(Debug, Clone)]
pub struct Door {
    /// The configuration file.
    pub config: PathBuf,
    /// Whether data is printed as JSON.
    pub json: bool,
}

impl Door {
    /// The configuration; its problems, all at once, are printed here.
    fn load(&self) -> Result<Config, Exit> {
        config::load(&self.config).map_err(|problems| {
            eprintln!("{problems}");
            if !self.config.exists() {
                eprintln!("→ write one with: rollcall init, or try: rollcall demo");
            }
            Exit::Failed
        })
    }
}

/// The wall clock. It is read here and in the service, and handed on as a value.
#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
#[must_use]
pub fn now() -> Time {
    Utc::now()
}

/// Parses the command line and does what it says.
pub async fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let named = arguments.iter().filter(|argument| names_a_file(argument)).count();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let config = match one_file(&cli, named) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let door = Door { config, json: cli.json };
    let result = match cli.verb {
        Verb::Demo(args) => demo::demo(&args).await,
        Verb::Sandbox(args) => sandbox::sandbox(&args).await,
        Verb::Init => init(&door),
        Verb::Check { policy: true } => policy::show(&door),
        Verb::Check { policy: false } => check::check(&door).await,
        Verb::Plan(args) => sync::plan(&door, &args).await,
        Verb::Sync(SyncVerb::Now(args)) => sync::now(&door, &args).await,
        Verb::Approve { digest } => approve::approve(&door, &digest).await,
        Verb::Serve => serve::serve(&cli.config).await,
        Verb::Pause { lasts } => pause::pause(&door, lasts).await,
        Verb::Resume => pause::resume(&door).await,
        Verb::Status => status::status(&door).await,
        Verb::History { run } => history::history(&door, run.as_deref()).await,
        Verb::Undo(args) => undo::undo(&door, &args).await,
        Verb::Explain { person } => explain::explain(&door, &person).await,
        Verb::Rules(RulesArgs { what_if: Some(file), all }) => what_if::what_if(&door, &file, all).await,
        Verb::Rules(RulesArgs { what_if: None, all: _ }) => rules::rules(&door).await,
        Verb::Token(TokenVerb::Rotate) => token::rotate(&door).await,
    };
    result.unwrap_or_else(|error| fail(&error))
}

fn names_a_file(argument: &std::ffi::OsStr) -> bool {
    argument == "--config" || argument.as_encoded_bytes().starts_with(b"--config=")
}

/// The file of the contact centre, or the first of those that `serve` takes. `named` is how often one was named: of those on
/// the two sides of a verb the parser keeps one side only, and nobody is to be left out in silence.
fn one_file(cli: &Cli, named: usize) -> Result<PathBuf, Exit> {
    if named > 0 && named != cli.config.len() {
        eprintln!("--config stands before and after the verb");
        eprintln!("→ put all of them on one side");
        return Err(Exit::Usage);
    }
    match &cli.config[..] {
        [first, ..] if matches!(cli.verb, Verb::Serve) => Ok(first.clone()),
        [one] => Ok(one.clone()),
        several => {
            eprintln!(
                "--config stands there {} times: every verb but serve is about one contact centre",
                several.len()
            );
            eprintln!("→ name the file of the one that is meant");
            Err(Exit::Usage)
        }
    }
}

/// The chain of an error, once, at the edge.
fn fail(error: &anyhow::Error) -> Exit {
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return *exit;
    }
    let style = style::Style::of_stderr();
    eprintln!("{} {}", style.bad("error:"), crate::reconcile::chain(error.as_ref()));
    if let Some(hint) = hint(error) {
        eprintln!("→ {hint}");
    }
    Exit::Failed
}

fn hint(error: &anyhow::Error) -> Option<String> {
    use crate::reconcile::RunError;
    use crate::store::StoreError;
    error.chain().find_map(|error| {
        error
            .downcast_ref::<RunError>()
            .map(RunError::hint)
            .or_else(|| error.downcast_ref::<StoreError>().map(|error| error.hint().to_owned()))
            .or_else(|| error.downcast_ref::<crate::model::CallError>().map(|error| error.hint.clone()))
    })
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}", *self as u8)
    }
}

impl std::error::Error for Exit {}

fn init(door: &Door) -> anyhow::Result<Exit> {
    use std::io::Write;
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).open(&door.config) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            eprintln!("{} is there already; nothing was written", door.config.display());
            eprintln!("→ give another name with --config FILE");
            return Ok(Exit::Failed);
        }
        Err(error) => return Err(error.into()),
    };
    file.write_all(config::template().as_bytes())?;
    eprintln!("wrote {}", door.config.display());
    eprintln!("→ keep the kind of directory you have ([source.…]), fill in what is yours there and in [connect],");
    eprintln!("  then: rollcall check");
    Ok(Exit::Done)
}
