//! What the configuration says, as far as pages show it: handed in as values and closures, by whoever reads the file.
//!
//! Invariant: no secret is in here, and nothing here reaches a remote.

use std::path::PathBuf;
use std::sync::Arc;

use crate::planner::what_if::Changed;

/// The sections of the configuration file that say what people get, as they stand in it now; `None` if it cannot be read.
pub type RulesText = Arc<dyn Fn() -> Option<String> + Send + Sync>;
/// What the rules would be with this text in place of the same sections, or everything that is wrong with the text.
pub type RulesWith = Arc<dyn Fn(&str) -> Result<Changed, Vec<Wrong>> + Send + Sync>;

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
}
