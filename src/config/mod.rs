//! The configuration file, read into the values the parts are built from.
//!
//! ```text
//! section     tables and keys: whatever nobody asks for is a problem
//! value       one value: text, numbers, durations, lists, addresses, secrets
//! problem     what is wrong, all at once, each with line, place and one thing to do
//! several     several files in one process
//! source · connect · tls · attributes · persona · mapping · policy · guard · schedule · report · notify · console
//! example
//!             one section of the file each
//! changed     some sections of the rules replaced by those of another text · excerpt: those sections as they stand in a file
//! ```
//!
//! One file is one contact centre. `config/rollcall.example.toml` is the reference of all keys; a test reads it.
//!
//! Invariant: a [`Config`] exists only if there was no problem at all.
//! Invariant: nothing is guessed: an unknown key, word or unit is a problem, never ignored.
//! Deliberately absent: decisions, and everything that needs a network: whether names exist is asked at every run.

mod attributes;
mod aws;
mod changed;
mod connect;
mod console;
mod example;
mod excerpt;
mod guard;
mod mapping;
mod notify;
mod persona;
mod policy;
mod problem;
mod report;
mod schedule;
mod section;
mod several;
mod source;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::path::{Path, PathBuf};

use connectors::VaultName;
use connectors::http::Tls;
use sha2::{Digest, Sha256};
use toml::de::DeTable;
use url::Url;

pub use self::changed::rules_with;
pub use self::excerpt::rules_of;
pub use self::problem::{Problem, Problems};
use self::section::{Context, Item, Section};
pub use self::several::load_all;
pub use self::source::SourceConfig;
pub use self::value::duration_secs;
use crate::aws::Reach;
use crate::connect::ConnectConfig;
use crate::console::ConsoleConfig;
use crate::planner::rules::{Example, Limits, Rules, SourceRules};
use crate::report::SinkConfig;
use crate::report::notify::NotifierConfig;
use crate::serve::ScheduleConfig;

/// One contact centre as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// Name of the contact centre.
    pub name: String,
    /// The SQLite file; a relative path counts from the configuration file's folder.
    pub state: PathBuf,
    /// Whether rollcall does anything for this contact centre.
    pub enabled: bool,
    /// The directories, in order of precedence.
    pub sources: Vec<SourceConfig>,
    /// The instance and its quota.
    pub connect: ConnectConfig,
    /// How the stores of secrets are reached.
    pub secrets: Reach,
    /// Whose certificates are trusted, by the directories as by AWS.
    pub tls: Tls,
    /// Everything that decides what a person gets.
    pub rules: Rules,
    /// What the guard allows.
    pub limits: Limits,
    /// When to look.
    pub schedule: ScheduleConfig,
    /// People on whom a changed configuration is tried first; 0: it is not.
    pub trial: u32,
    /// Where reports go.
    pub reports: Vec<SinkConfig>,
    /// The web pages; absent: there are none.
    pub console: Option<ConsoleConfig>,
    /// Who is told of trouble.
    pub notifiers: Vec<NotifierConfig>,
    /// The rules' own tests.
    pub examples: Vec<Example>,
    /// SHA-256 of [`Config::rules`] without line numbers and canaries, in hex. Changes exactly if what the rules say changes.
    pub rules_digest: String,
    /// SHA-256 of the file, in hex, as `sha256sum` prints it.
    pub digest: String,
}

/// How strictly a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether every referenced secret must be readable now.
    pub check_secrets: bool,
}

impl Config {
    /// What the secrets are called that are in a store, each with who needs it: `source entra`, `notify ops`.
    #[must_use]
    pub fn stored_secrets(&self) -> Vec<(String, VaultName)> {
        let of_sources = self.sources.iter().flat_map(|source| {
            source.stored_secrets().into_iter().map(move |name| (format!("source {}", source.name()), name))
        });
        let of_notifiers = self.notifiers.iter().flat_map(|notifier| {
            notifier.stored_secrets().into_iter().map(move |name| (format!("notify {}", notifier.name), name))
        });
        of_sources.chain(of_notifiers).collect()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { check_secrets: true }
    }
}

/// The commented file that `rollcall init` writes: the reference of all keys.
#[must_use]
pub fn template() -> &'static str {
    include_str!("../../config/rollcall.example.toml")
}

/// Reads a file.
///
/// # Errors
/// Every problem of the file at once; or that it cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path),
        Err(error) => {
            let hint = match error.kind() {
                std::io::ErrorKind::NotFound => "write one with rollcall init, or name another with --config",
                std::io::ErrorKind::InvalidData => "save it as UTF-8",
                _ => "check that this user may read it",
            };
            let message = format!("cannot be read: {error}");
            let problem = Problem { line: 0, place: String::new(), message, hint: Some(hint.to_owned()) };
            Err(Problems { path: path.to_owned(), list: vec![problem] })
        }
    }
}

/// Reads a text as if it stood at `path`, secrets included.
///
/// # Errors
/// Every problem at once.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    parse_with(text, path, Options::default())
}

/// Reads a text as if it stood at `path`.
///
/// # Errors
/// Every problem at once.
pub fn parse_with(text: &str, path: &Path, options: Options) -> Result<Config, Problems> {
    parsed(text, path, options, |root| read(root, path)).map(|config| Config { digest: hex(text), ..config })
}

/// What `read` makes of a text, unless there was any problem.
fn parsed<T>(
    text: &str,
    path: &Path,
    options: Options,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<T, Problems> {
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    let folder = path.parent().unwrap_or(Path::new(""));
    let context = Context::new(text, folder, options.check_secrets);
    let value = if syntax_errors.is_empty() {
        read(&Section::root(&context, table.get_ref()))
    } else {
        report_syntax(&context, text, &syntax_errors);
        None
    };
    let mut list = context.into_problems();
    match value {
        Some(value) if list.is_empty() => Ok(value),
        value => {
            if value.is_none() && list.is_empty() {
                let message = "is incomplete".to_owned();
                list.push(Problem { line: 0, place: String::new(), message, hint: None });
            }
            Err(Problems { path: path.to_owned(), list })
        }
    }
}

/// After a syntax error the meaning of what follows is a guess, so nothing else is reported then; one error a line,
/// because the others follow from it.
fn report_syntax(context: &Context<'_>, text: &str, errors: &[toml::de::Error]) {
    let mut last_line = 0;
    for error in errors {
        let line = context.line(error.span().map_or(0, |span| span.start));
        if line == last_line {
            continue;
        }
        last_line = line;
        // Only the key: the value may be a secret.
        let written = text.lines().nth(line - 1).unwrap_or_default().split(['=', '#']).next().unwrap_or_default();
        let place = written.trim().chars().take(40).collect();
        context.report(Problem { line, place, message: error.message().to_owned(), hint: None });
    }
}

fn read(root: &Section<'_>, path: &Path) -> Option<Config> {
    let name = root.required("name", "\"support-emea\"", |item| item.parsed(NAME, centre_name));
    let state = root.optional("state", Item::text).unwrap_or_else(|| "rollcall.db".to_owned());
    let enabled = root.optional("enabled", Item::flag).unwrap_or(true);
    let console = root.optional("console", console::read);

    let tls = tls::tls(&root.section("tls"));
    let connect::Connect { config: connect, user_limit } = connect::read(&root.section("connect"), &tls);
    let secrets_endpoint = tls::endpoint(&root.section("secrets"));
    let attributes::Attributes { fields, departments_are_security_profiles } =
        attributes::read(&root.section("attributes"));
    let (types, user_types) = persona::user_types(&root.section("user_type"));
    let default = root.optional("default", |item| Some(persona::default(&item.section()?, &types)));
    let mappings = mapping::read(root.sections("mapping"), &types);
    let policy::Adopt { by: adopt, first_run_applies, rename } = policy::adopt(&root.section("adopt"));
    let same_person = source::same_person(root);
    let sources = source::read(root, &source::Needs::of(&fields, &mappings, &same_person));
    let guard::Guard { limits, canaries } = guard::read(&root.section("guard"), &source_names(root));
    let rules = Rules {
        sources: sources
            .iter()
            .map(|source| SourceRules {
                name: source.config.name().clone(),
                guests: source.guests,
                first_run_applies,
                application_profile: source.config.has_application_profile(),
            })
            .collect(),
        same_person,
        fields,
        default,
        mappings,
        user_types,
        departments_are_security_profiles,
        authority: policy::authority(&root.section("authority")),
        adopt,
        leaver: policy::leaver(&root.section("leaver")),
        rename,
        user_limit,
        canaries,
    };
    let schedule = schedule::read(&root.section("schedule"));
    let trial = root.section("apply").optional("trial", |item| item.count(0)).unwrap_or(TRIAL);
    let reports = report::read(&root.section("report"), name.as_deref(), connect.as_ref(), &tls);
    let notifiers = notify::read(&root.section("notify"), connect.as_ref(), &tls);
    let examples = example::read(root.sections("example"), &types);
    if root.get("default").is_none() && root.get("mapping").is_none() {
        somebody_gets_something(root, &rules);
    }

    Some(Config {
        path: path.to_owned(),
        name: name?,
        state: root.context.beside(&state),
        enabled,
        sources: sources.into_iter().map(|source| source.config).collect(),
        secrets: connect.as_ref().map(|connect| stores(connect, secrets_endpoint))?,
        connect: connect?,
        tls,
        rules_digest: digest(&rules),
        digest: String::new(),
        rules,
        limits,
        schedule,
        trial,
        reports,
        console,
        notifiers,
        examples,
    })
}

/// Reports rules that give nobody anything.
fn somebody_gets_something(root: &Section<'_>, rules: &Rules) {
    if rules.mappings.is_empty() && rules.default.is_none() && !rules.departments_are_security_profiles {
        root.problem("", "no rule gives anybody anything", "add [default] or [[mapping]]".to_owned());
    }
}

/// The stores of secrets are asked by whoever asks Amazon Connect.
fn stores(connect: &ConnectConfig, endpoint_url: Option<Url>) -> Reach {
    let ConnectConfig { region, profile, assume_role, tls, .. } = connect.clone();
    Reach { region, profile, assume_role, endpoint_url, tls }
}

/// Every `[source.*]` as it is written, those with problems too.
fn source_names(root: &Section<'_>) -> Vec<String> {
    let table = root.get("source").and_then(|item| item.value().as_table());
    table.into_iter().flatten().map(|(name, _)| name.get_ref().to_string()).collect()
}

/// People on whom a changed configuration is tried first, unless the file says otherwise.
const TRIAL: u32 = 5;
const NAME: &str = "letters, digits, - _ and . (at most 64), for example \"support-emea\"";

/// The name becomes a part of the log group's name.
fn centre_name(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!text.is_empty() && text.len() <= 64 && text.chars().all(plain)).then(|| text.to_owned())
}

/// The derived `Debug` form shows every field of every rule in a fixed order, so a field that is added later is in the
/// digest without anybody having to think of it.
fn digest(rules: &Rules) -> String {
    hex(&format!("{:?}", rules.spoken()))
}

fn hex(text: &str) -> String {
    let bytes = Sha256::digest(text);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
