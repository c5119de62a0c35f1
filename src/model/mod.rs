//! The vocabulary of the house: plain data, and one port ([`Target`]).
//!
//! ```text
//! attribute   the one table of Connect attributes, and the values they take
//! user        one person, three views: desired, seen in Connect, remembered
//! details     what of existing users is still to be read
//! inventory   what a look at Connect brought: users, names, the instance
//! operation   the Connect operations, each with its quota bucket
//! reason      why something is planned
//! rename      a changed username: what its steps carry
//! plan        changes with reasons, a decision for everybody, findings, the forecast
//! stakes      what the guard weighs a plan against
//! outcome     what one call did
//! quarantine  trouble with the configuration that lasts
//! retry       what was refused for whom, and when it is tried again
//! service     what a service remembers: a pause, and which configuration is in force
//! journal     what happened, in order: ledger and outbox
//! notify      what somebody may be told of, and what a notifier has told so far
//! observation everything a plan is made of
//! undone      what an administrator has taken back, until the wish is another one
//! checked     what a check of the parts says
//! words       how numbers, spans of time and moments are said
//! target      the port to the system that is kept in agreement
//! ```
//!
//! Invariant: one representation on all three sides, so that the difference is a loop over one table.
//! Deliberately absent: `async` (but in the port), SQL, AWS, tracing, clocks.

pub mod attribute;
pub mod checked;
pub mod details;
pub mod inventory;
pub mod journal;
pub mod notify;
pub mod observation;
pub mod operation;
pub mod outcome;
pub mod plan;
pub mod quarantine;
pub mod reason;
pub mod rename;
pub mod retry;
pub mod service;
pub mod stakes;
pub mod target;
pub mod undone;
pub mod user;
pub mod words;

pub use attribute::{ATTRIBUTES, Attribute, AttributeSet, Authority, Facet, Named, OWNER_TAG, ResourceId, Value};
pub use checked::Checked;
pub use details::{Details, Unread};
pub use inventory::{Catalogue, IdentityManagement, Instance, Inventory, QuickConnect};
pub use journal::{ChangeRecord, FrozenSource, JournalEntry, LongestWait, RunId, RunSummary, Trigger};
pub use notify::{Book, Episode, Subject, SubjectKind};
pub use observation::{DirectoryView, Observation, SourceState, SourceView};
pub use operation::Operation;
pub use outcome::{CallError, Disposition, Done, NotAttempted, Outcome};
pub use plan::{Action, ApprovedPlan, Change, Decision, FacetUpdate, Finding, FindingCode, Forecast, Plan};
pub use quarantine::{Quarantine, Trouble};
pub use reason::{LeaveReason, Reason};
pub use rename::QuickConnectMove;
pub use retry::{Retry, RetryClock};
pub use service::{InForce, Pause};
pub use stakes::{Canary, Headcount, Holding, ProfileUse, Stakes};
pub use target::{Look, Stop, Target};
pub use undone::{Undone, UndoneLeave, UndoneWish};
pub use user::{ConnectUser, ConnectUserId, DesiredUser, Remembered, Seen, Stage};

/// A moment, always UTC. Read from a clock in `serve` and `cli` only; everywhere else it comes in as a value.
pub type Time = chrono::DateTime<chrono::Utc>;
