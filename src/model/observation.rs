//! Everything a plan is made of.

use std::collections::BTreeMap;

use connectors::{DirectoryGroup, DirectoryUser, GroupKey, PersonKey, Scope, SourceName};

use super::Time;
use super::inventory::Inventory;
use super::quarantine::Quarantine;
use super::retry::Retry;
use super::undone::Undone;
use super::user::Remembered;

/// Whether a source may be believed in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// Pulled in this run.
    Fresh,
    /// Could not be pulled: its people are frozen for this run.
    Frozen {
        /// Why, for a person.
        why: String,
    },
}

/// One source as the run sees it.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Whether it may be believed.
    pub state: SourceState,
    /// Whom it is responsible for; `None` if it was never pulled.
    pub scope: Option<Scope>,
    /// Whether this source has been applied before (its memory is not empty).
    pub established: bool,
}

/// All directories together, as stored after the pulls of this run.
#[derive(Debug, Clone, Default)]
pub struct DirectoryView {
    /// The sources.
    pub sources: BTreeMap<SourceName, SourceView>,
    /// Everybody that is stored, in scope or not.
    pub people: BTreeMap<PersonKey, DirectoryUser>,
    /// The followed groups.
    pub groups: BTreeMap<GroupKey, DirectoryGroup>,
    /// People whose record changed since the configuration last changed or since their last change was applied, with what
    /// changed, readable (`department Care → Sales`).
    pub moved: BTreeMap<PersonKey, String>,
}

/// Everything a plan is made of. Same observation, same rules, same plan.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Now.
    pub at: Time,
    /// The directories.
    pub directory: DirectoryView,
    /// Connect, as last looked at.
    pub connect: Inventory,
    /// Our memory, by person.
    pub memory: BTreeMap<PersonKey, Remembered>,
    /// What was taken back, by person.
    pub undone: BTreeMap<PersonKey, Undone>,
    /// What Connect refused before, by person. Empty if everything is to be tried, whatever was refused.
    pub retries: BTreeMap<PersonKey, Retry>,
    /// The trial of these rules that failed, while it rests: nobody is changed because of them.
    pub trial: Option<Quarantine>,
    /// Whether the rules are not those of the last applied run.
    pub config_changed: bool,
}
