//! The decision: an ordered list of changes with reasons, a decision for everybody, findings, and the forecast.
//!
//! Invariant: nothing is left to decide while a plan is carried out; names are ids, limits are checked.
//! Invariant: an [`ApprovedPlan`] is made by [`ApprovedPlan::by_guard`] only, which only the guard calls (a test reads
//! the sources for that).

use std::collections::{BTreeMap, BTreeSet};

use connectors::{AttributeName, PersonKey, SourceName};
use serde::{Deserialize, Serialize};

use super::Time;
use super::attribute::{AttributeSet, Facet, Named};
use super::details::Details;
use super::operation::Operation;
use super::reason::{LeaveReason, Reason};
use super::rename::QuickConnectMove;
use super::stakes::Stakes;
use super::undone::Undone;
use super::user::{ConnectUserId, DesiredUser, Stage};

/// One facet of one user, as one call writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetUpdate {
    /// Which.
    pub facet: Facet,
    /// What Connect had; unread attributes are missing.
    pub before: AttributeSet,
    /// What the rules want, sparse; this is what the memory keeps.
    pub wished: AttributeSet,
    /// What is sent: complete for the facet, because Connect may clear what is left out. For tags, the keys to set.
    pub after: AttributeSet,
    /// Tag keys to remove. A change either sets tags or removes them, never both (two operations).
    pub untag: BTreeSet<String>,
    /// The stage the person is in once this and its sibling updates are done.
    pub stage: Stage,
}

/// What to do. One action is one API call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Create a user with everything, the owner tag included.
    Create(Box<DesiredUser>),
    /// Put our owner tag on a user that existed before.
    Adopt {
        /// The username it has in Connect.
        username: String,
    },
    /// Write one facet.
    Update(Box<FacetUpdate>),
    /// Delete a quick connect of a user that is about to be deleted (it would dangle). Done before the user goes, so that
    /// a crash in between leaves nothing behind that nobody looks for.
    DeleteQuickConnect(Named),
    /// Point a quick connect of a renamed person's old user to the new one. Done before the old user goes.
    MoveQuickConnect(Box<QuickConnectMove>),
    /// Delete the user.
    Delete {
        /// The username it has in Connect.
        username: String,
        /// What it had, for the report and for a returner.
        before: AttributeSet,
    },
}

impl Action {
    /// The operation that carries it out.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create(_) => Operation::CreateUser,
            Self::Adopt { .. } => Operation::TagResource,
            Self::DeleteQuickConnect(_) => Operation::DeleteQuickConnect,
            Self::MoveQuickConnect(_) => Operation::UpdateQuickConnectConfig,
            Self::Delete { .. } => Operation::DeleteUser,
            Self::Update(update) => match update.facet {
                Facet::Identity => Operation::UpdateUserIdentityInfo,
                Facet::Phone => Operation::UpdateUserPhoneConfig,
                Facet::Routing => Operation::UpdateUserRoutingProfile,
                Facet::Security => Operation::UpdateUserSecurityProfiles,
                Facet::Hierarchy => Operation::UpdateUserHierarchy,
                Facet::Tags if update.untag.is_empty() => Operation::TagResource,
                Facet::Tags => Operation::UntagResource,
            },
        }
    }
}

/// One step of a plan: one API call for one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the plan, from 0.
    pub seq: u32,
    /// Whom it is for.
    pub person: PersonKey,
    /// How the person is called on screens: the username, or the key where there is none.
    pub label: String,
    /// The Connect user; `None` for a create.
    pub connect: Option<ConnectUserId>,
    /// The ARN of the Connect user; `None` for a create.
    pub arn: Option<String>,
    /// What to do.
    pub action: Action,
    /// Why.
    pub because: Reason,
}

/// What becomes of a person in this run. Everybody gets one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Connect agrees with the rules.
    InSync,
    /// Some changes; see [`Plan::of`].
    Changes {
        /// How many.
        count: u32,
    },
    /// Not ours to give a user: never was in scope, or has left and nothing is left to do.
    OutOfScope {
        /// Why.
        why: LeaveReason,
    },
    /// A leaver whose next step comes later.
    Waiting {
        /// When the next step is due.
        until: Time,
        /// The step.
        next: Stage,
        /// Why the person is a leaver.
        why: LeaveReason,
    },
    /// The source could not be read, or the person's absence is not confirmed: nothing may be concluded.
    NotObserved {
        /// Why, for a person.
        why: String,
    },
    /// Held until somebody looks.
    Quarantined(Finding),
    /// Connect refused all that is to be done; it is tried again later.
    Resting {
        /// When something of it is tried again.
        until: Time,
        /// How often it was refused in a row.
        attempts: u32,
        /// What Connect said; without personal values.
        why: String,
    },
    /// The same human as a record of a source that comes first; that record decides, and this one is not asked.
    Shadowed {
        /// The record that decides.
        by: PersonKey,
        /// The attribute by which the two are one human.
        matched: AttributeName,
    },
}

/// What kind of finding it is; the stable code in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// A mandatory field has no value.
    MissingField,
    /// The record could not be read.
    UnreadableRecord,
    /// Connect would refuse this username.
    UsernameRefused,
    /// Connect would refuse another value.
    ValueRefused,
    /// A rule names something that does not exist in Connect.
    UnknownName,
    /// More than ten security profiles.
    TooManyProfiles,
    /// No security profile or no routing profile.
    NoPersona,
    /// Two people claim one Connect user, or one person two.
    AmbiguousMatch,
    /// Two people have the same username.
    DuplicateUsername,
    /// The instance's user limit would be exceeded.
    UserLimit,
    /// A protected person would be removed.
    Protected,
    /// A phone number that cannot be normalised; left out.
    BadPhone,
    /// The department matches no rule; the default persona is used.
    UnmappedDepartment,
    /// The username changed in the directory; Connect cannot rename.
    Rename,
    /// Matched by a username that differs in case.
    CaseDiffers,
    /// A manual change under `shared` or `connect` that is left alone.
    DriftLeftAlone,
    /// A Connect user that no person claims.
    Foreign,
    /// Details that `SearchUsers` does not return have not been read yet.
    DetailsUnread,
    /// A call was refused; the person keeps what it had.
    CallFailed,
    /// An optional field was left out because Connect would refuse it.
    FieldLeftOut,
    /// The same human is known to a source that comes first, which decides.
    Shadowed,
    /// Something a source says about itself or about a pull, for its administrator; about no person.
    SourceNote,
    /// The directory was asked about a person who is missing, and its answer proves nothing.
    Unproven,
    /// Something that `undo` could not take back, or left as it is on purpose.
    NotUndone,
    /// Taken back by `undo`, and left alone until the wish is another one.
    KeptUndone,
}

impl FindingCode {
    /// Whether the person is held because of it.
    #[must_use]
    pub fn quarantines(self) -> bool {
        match self {
            Self::MissingField
            | Self::UnreadableRecord
            | Self::UsernameRefused
            | Self::ValueRefused
            | Self::UnknownName
            | Self::TooManyProfiles
            | Self::NoPersona
            | Self::AmbiguousMatch
            | Self::DuplicateUsername
            | Self::UserLimit
            | Self::Protected => true,
            Self::BadPhone
            | Self::UnmappedDepartment
            | Self::Rename
            | Self::CaseDiffers
            | Self::DriftLeftAlone
            | Self::Foreign
            | Self::DetailsUnread
            | Self::CallFailed
            | Self::FieldLeftOut
            | Self::Shadowed
            | Self::SourceNote
            | Self::Unproven
            | Self::NotUndone
            | Self::KeptUndone => false,
        }
    }
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// Whom it is about, if it is about a person.
    pub person: Option<PersonKey>,
    /// How the person or thing is called on screens.
    pub label: String,
    /// What was found.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

/// How many calls a plan takes, and how long at the least under the configured quota.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Calls by operation.
    pub calls: BTreeMap<Operation, u32>,
    /// The busiest operation.
    pub busiest: Option<Operation>,
    /// Least milliseconds the busiest bucket needs, starting full.
    pub least_millis: u64,
}

/// A complete decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The moment it was made for.
    pub at: Time,
    /// What to do, in order: leavers' updates, deletes, adopts, security profiles taken, other updates, creates, renames;
    /// inside that by person, then facet.
    pub changes: Vec<Change>,
    /// What becomes of everybody.
    pub decisions: BTreeMap<PersonKey, Decision>,
    /// What somebody should know; the quarantines are among them.
    pub findings: Vec<Finding>,
    /// Calls and time.
    pub forecast: Forecast,
    /// Everybody who counts as a leaver now, with the first time that was seen and why.
    pub leaving: BTreeMap<PersonKey, (Time, LeaveReason)>,
    /// Links this plan relies on that the memory does not have yet (owner tag found, for example after a lost database).
    pub links: BTreeMap<PersonKey, ConnectUserId>,
    /// What Connect was found to have in agreement with the wish and the memory does not hold yet. To be merged into
    /// [`Remembered::written`](super::Remembered::written) of these people, so that a later change by hand can be told
    /// from a wish that was never fulfilled.
    #[serde(default)]
    pub agreed: BTreeMap<PersonKey, AttributeSet>,
    /// What is held back after this plan because it was taken back, for everybody for whom that changes; empty if nothing
    /// is any more.
    #[serde(default)]
    pub undone: BTreeMap<PersonKey, Undone>,
    /// What the guard weighs the changes against.
    #[serde(default)]
    pub stakes: Stakes,
    /// Steps that Connect refused before and that are wanted still, by person. Their clocks are kept; every other clock is
    /// forgotten.
    #[serde(default)]
    pub refused: BTreeMap<PersonKey, BTreeSet<Operation>>,
    /// People for whom something is wanted and not in this plan, because Connect refused it and its clock has not run out.
    #[serde(default)]
    pub resting: BTreeSet<PersonKey>,
    /// Connect users whose unread details would be needed to decide; read them (bounded) and plan again.
    #[serde(default)]
    pub details: Details,
    /// Owners of Connect users of whom the directory view holds nothing, or what another record has overtaken; ask the
    /// directory about them and plan again.
    pub owners_unknown: BTreeSet<PersonKey>,
    /// Managed Connect users (with our owner tag, an active or suspended person behind it) before this plan.
    pub managed: u32,
    /// Sources whose memory is empty: their first plan wants a look before it is applied.
    pub first_run: BTreeSet<SourceName>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes of one person.
    pub fn of<'a>(&'a self, person: &'a PersonKey) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(move |change| &change.person == person)
    }
}

/// A plan the guard has let through. There is no other way to obtain one.
#[derive(Debug)]
pub struct ApprovedPlan(Plan);

impl ApprovedPlan {
    /// Called by `planner::guard` and nobody else.
    #[must_use]
    pub(crate) fn by_guard(plan: Plan) -> Self {
        Self(plan)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.0
    }

    /// The plan, once it is carried out.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.0
    }
}
