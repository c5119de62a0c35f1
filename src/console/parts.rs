//! What the configuration says, as far as pages show it: handed in as values and closures, by whoever reads the file.
//!
//! Invariant: no secret is in here, and nothing here reaches a remote.

use std::path::PathBuf;
use std::sync::Arc;

use connectors::{Abilities, Cursor, SourceName};

use crate::planner::what_if::Changed;

/// The sections of the configuration file that say what people get, as they stand in it now; `None` if it cannot be read.
pub type RulesText = Arc<dyn Fn() -> Option<String> + Send + Sync>;
/// What the rules would be with this text in place of the same sections, or everything that is wrong with the text.
pub type RulesWith = Arc<dyn Fn(&str) -> Result<Changed, Vec<Wrong>> + Send + Sync>;

/// What a source can do, as far as the configuration and the cursor of its last pull say.
pub type AbilitiesOf = Arc<dyn Fn(&SourceName, Option<&Cursor>) -> Option<Abilities> + Send + Sync>;

/// Something that is wrong with a text of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, counted from 1; 0 if the whole text is meant.
    pub line: usize,
    /// Section and key.
    pub place: String,
    /// What is wrong, or what was expected.
    pub message: String,
    /// One thing to do.
    pub hint: Option<String>,
}

/// What the configuration says of the parts of one contact centre.
#[derive(Clone)]
pub struct Parts {
    /// The file.
    pub file: PathBuf,
    /// The rules as text.
    pub rules_text: RulesText,
    /// Other rules.
    pub rules_with: RulesWith,
    /// People on whom a changed configuration is tried first; 0: it is not.
    pub trial: u32,
    /// The directories, in order of precedence.
    pub sources: Vec<SourcePart>,
    /// What they can do.
    pub abilities: AbilitiesOf,
    /// Seconds after which everybody is read anew.
    pub full_every_secs: u64,
    /// Amazon Connect.
    pub connect: ConnectPart,
    /// Where reports go.
    pub reports: Vec<NamedPart>,
    /// Who is told of trouble.
    pub notifiers: Vec<NamedPart>,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePart {
    /// The configured name.
    pub name: SourceName,
    /// What the directory is called by people.
    pub product: &'static str,
    /// The host or the tenant, and who asks there.
    pub place: String,
    /// Whom it is responsible for.
    pub scope: String,
}

/// The instance and how it is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectPart {
    /// ARN of the instance.
    pub instance: String,
    /// AWS Region.
    pub region: String,
    /// Another endpoint than that of the Region.
    pub endpoint: Option<String>,
    /// Part of the quota that may be used.
    pub share: f64,
    /// Seconds between looks for drift.
    pub audit_every_secs: u64,
}

/// A report, or somebody who is told of trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPart {
    /// The configured name.
    pub name: String,
    /// What it is, in words.
    pub kind: &'static str,
    /// Where it is, and what else is said about it.
    pub place: String,
}
