//! The rules as data: what the configuration says, ready for the planner. Names are still names; the planner resolves
//! them against the catalogue of every look.
//!
//! Deliberately absent: anything read from a file. `config` and `assemble` fill this in.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{AttributeName, SourceName, attributes};

use crate::model::{Authority, Facet};

/// Everything that decides what a person gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Per source, in the order of precedence.
    pub sources: Vec<SourceRules>,
    /// Two records of different sources with an equal value of one of these are one human, the first attribute that
    /// agrees counting most; case, width and spaces do not matter. Empty: nobody is known to two sources.
    pub same_person: Vec<AttributeName>,
    /// Which directory attribute feeds which field.
    pub fields: FieldMapping,
    /// The default persona, named `(default)` on screens.
    pub default: Option<Persona>,
    /// The mappings, in order.
    pub mappings: Vec<Mapping>,
    /// Extras of user types, by name.
    pub user_types: BTreeMap<String, UserTypeExtras>,
    /// A department is a list of security profile names, separated by commas.
    pub departments_are_security_profiles: bool,
    /// Who decides which facet; complete.
    pub authority: BTreeMap<Facet, Authority>,
    /// How existing users are matched, in order.
    pub adopt: Vec<AdoptBy>,
    /// What becomes of leavers.
    pub leaver: LeaverRules,
    /// What to do about a changed username.
    pub rename: RenamePolicy,
    /// Most users the instance may have, if configured; Connect's default quota is 500.
    pub user_limit: Option<u32>,
    /// People (usernames, addresses or keys) who exist only to prove that a listing is whole. They give nobody anything;
    /// the planner tells the guard how each was seen.
    pub canaries: BTreeSet<String>,
}

impl Rules {
    /// What tells that two records are one human, unless the configuration says otherwise.
    pub const SAME_PERSON: [&str; 2] = [attributes::USERNAME, attributes::MAIL];

    /// What the rules say, without where it is written; two rules that say the same are equal in this.
    #[must_use]
    pub fn spoken(&self) -> Self {
        let mut rules = self.clone();
        for mapping in &mut rules.mappings {
            mapping.line = 0;
        }
        // They give nobody anything: a change because of the directory is not one because of the configuration.
        rules.canaries.clear();
        rules
    }

    /// The place of a source in the order of precedence; `None` if it is not configured.
    #[must_use]
    pub fn rank(&self, source: &SourceName) -> Option<usize> {
        self.sources.iter().position(|rules| &rules.name == source)
    }
}

/// What holds for one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRules {
    /// Its name.
    pub name: SourceName,
    /// Whether guests are in scope.
    pub guests: bool,
    /// `first_run = "apply"`: the first run needs no approval.
    pub first_run_applies: bool,
    /// Its people carry an application profile whose entitlements are security profiles and whose first role is the
    /// routing profile at creation.
    pub application_profile: bool,
}

/// Which directory attribute feeds which field of a Connect user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMapping {
    /// The Connect username; mandatory.
    pub username: AttributeName,
    /// First that has a value; mandatory.
    pub given_name: Vec<AttributeName>,
    /// First that has a value; mandatory.
    pub family_name: Vec<AttributeName>,
    /// First that has a value. Goes to `Email`, on SAML instances to `SecondaryEmail`. Empty: not managed.
    pub email: Vec<AttributeName>,
    /// What the rules call the department.
    pub department: AttributeName,
    /// First that is a valid number; goes to `Mobile`. Empty: not managed.
    pub phone: Vec<AttributeName>,
    /// Region (ISO 3166-1, `GB`) for numbers without a country code.
    pub phone_region: Option<String>,
    /// First that is a valid number; goes to the desk phone number of personas with a desk phone.
    pub desk_phone: Vec<AttributeName>,
}

impl FieldMapping {
    /// Every attribute that feeds a field.
    pub fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let Self { username, given_name, family_name, email, department, phone, phone_region: _, desk_phone } = self;
        let lists = [given_name, family_name, email, phone, desk_phone].into_iter().flatten();
        [username, department].into_iter().chain(lists)
    }
}

/// What a rule gives. Everything is optional; a union over the matching rules makes the persona.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Persona {
    /// Names; added to what other rules give.
    pub security_profiles: Vec<String>,
    /// Name; the first rule that sets one wins.
    pub routing_profile: Option<String>,
    /// `agent`, `supervisor`, `manager` or any configured type; the first rule that sets one wins.
    pub user_type: Option<String>,
    /// Path, levels joined by `/`; the first rule that sets one wins.
    pub hierarchy: Option<String>,
    /// Tags; the first rule that sets a key wins.
    pub tags: BTreeMap<String, String>,
    /// Phone settings; the first rule that sets each wins.
    pub phone: PhoneSettings,
}

/// Phone settings of a persona, as a rule or user type sets them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhoneSettings {
    /// `true`: desk phone with the person's own number; `false`: soft phone.
    pub desk_phone: Option<bool>,
    /// Contacts are accepted without a click.
    pub auto_accept: Option<bool>,
    /// Seconds after a contact before the next.
    pub after_contact_work_secs: Option<u32>,
    /// The line stays open between calls.
    pub persistent_connection: Option<bool>,
}

/// One `[[mapping]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// The line it starts at in the configuration, for messages.
    pub line: usize,
    /// When it applies.
    pub when: Condition,
    /// What it gives.
    pub gives: Persona,
}

/// When a mapping applies. One place to add a condition: a variant here, its arm in `rule.rs` and its text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// The department is one of these; case, width and spaces do not matter.
    Department(Vec<String>),
    /// Member of the group with this name or id.
    Group(String),
    /// An attribute compares with a text; case, width and spaces do not matter.
    Attribute {
        /// Which.
        name: AttributeName,
        /// How.
        test: TextTest,
    },
    /// All of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
}

/// How an attribute compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// Equal to one of these.
    Equals(Vec<String>),
    /// Starts with.
    StartsWith(String),
    /// Ends with.
    EndsWith(String),
    /// Contains.
    Contains(String),
    /// Has (or has not) a value at all.
    Present(bool),
}

/// Optional extras of a user type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserTypeExtras {
    /// Names; added to what the rules give.
    pub security_profiles: Vec<String>,
    /// Tags; what a rule sets wins.
    pub tags: BTreeMap<String, String>,
    /// Phone settings; what a rule sets wins.
    pub phone: PhoneSettings,
}

/// How an existing Connect user is matched to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdoptBy {
    /// Our tag says so. Always first.
    OwnerTag,
    /// Same username.
    Username,
    /// Same name before `@`, either way round.
    MailboxName,
    /// Same e-mail address, where it has been read.
    Email,
}

impl AdoptBy {
    /// The word in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnerTag => "owner_tag",
            Self::Username => "username",
            Self::MailboxName => "mailbox_name",
            Self::Email => "email",
        }
    }
}

/// What becomes of leavers. Grace → suspended → deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaverRules {
    /// Seconds from the first time a person was seen as a leaver to the first step.
    pub grace_secs: u64,
    /// The no-access persona and how many seconds it is kept; `None`: no such step.
    pub suspend: Option<Suspend>,
    /// Whether users are deleted in the end.
    pub delete: bool,
    /// For how many seconds a leaver who was given back by `undo` is kept.
    pub undo_holds_secs: u64,
}

/// The suspended persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspend {
    /// Names, at least one.
    pub security_profiles: Vec<String>,
    /// Name; `None` leaves the routing profile.
    pub routing_profile: Option<String>,
    /// Seconds before the deletion; `None`: for ever.
    pub for_secs: Option<u64>,
}

/// What to do about a changed username. Connect cannot rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenamePolicy {
    /// Everything else keeps flowing; the person is listed.
    Report,
    /// A new user takes the place of the old one; the guard counts it as a removal.
    Recreate,
}

/// What the guard allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most people removed (suspended or deleted) in one plan; the part is of the managed people.
    pub max_removed: Limit,
    /// Most people changed otherwise in one plan; creates are not counted. The part is of the managed people.
    pub max_changed: Limit,
    /// Security profiles (names) that mean power over others.
    pub privileged: BTreeSet<String>,
    /// Most people who receive a privileged profile they do not have now, joiners included. The part is of the managed
    /// people and of those joiners.
    pub max_raised: Limit,
    /// Most people who leave one routing profile, by removal or for another one. The part is of the managed people who
    /// have it.
    pub max_leaving_profile: Limit,
    /// Most departments of some size that lose everybody.
    pub max_emptied: Emptied,
    /// Fewest users of a security or routing profile, by its name. Users of people in a directory count, suspended ones
    /// and those that nobody claims do not; what a plan would give is not set against what it takes.
    pub never_below: BTreeMap<String, u32>,
    /// People (usernames or keys) who must not be removed, approved or not, and lose no security profile unapproved.
    pub protected: BTreeSet<String>,
    /// How long an approval holds, in seconds.
    pub approval_secs: u64,
}

impl Limits {
    /// Fewer people than this leaving a routing profile is a team that was rearranged, whatever part of it they are.
    pub const LEAVING_FLOOR: u32 = 5;
}

impl Default for Limits {
    /// What holds unless the configuration says otherwise.
    fn default() -> Self {
        const DAY_SECS: u64 = 24 * 60 * 60;
        Self {
            max_removed: Limit { count: Some(50), fraction: Some(0.10) },
            max_changed: Limit { count: None, fraction: Some(0.30) },
            privileged: BTreeSet::new(),
            max_raised: Limit { count: Some(5), fraction: None },
            max_leaving_profile: Limit { count: None, fraction: Some(0.50) },
            max_emptied: Emptied::default(),
            never_below: BTreeMap::new(),
            protected: BTreeSet::new(),
            approval_secs: DAY_SECS,
        }
    }
}

/// How many departments may lose everybody in one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emptied {
    /// Most departments.
    pub count: u32,
    /// Only departments of at least so many people who are not suspended.
    pub from: u32,
}

impl Default for Emptied {
    fn default() -> Self {
        Self { count: 0, from: 5 }
    }
}

/// A number of people and a part of the people in question. A plan passes a limit if it stays within the count **or**
/// within the fraction is too lax for a small site and within both too strict for a large one: a plan is refused if it
/// exceeds any bound that is set, except that a fraction never refuses fewer than a floor of people,
/// [`Limit::FRACTION_FLOOR`] unless the limit has one of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limit {
    /// Most people.
    pub count: Option<u32>,
    /// Largest part of the people in question, 0 to 1.
    pub fraction: Option<f64>,
}

impl Eq for Limit {}

impl Limit {
    /// Below this many people a fraction means nothing: one leaver in a site of five is 20 %.
    pub const FRACTION_FLOOR: u32 = 3;
}

/// An approval of exactly one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The digest that was approved.
    pub digest: String,
    /// When.
    pub at: crate::model::Time,
}

/// A rules' own test, run by `rollcall check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The line it starts at.
    pub line: usize,
    /// The source of the made-up person; `None`: the first one that knows what is given (an application profile for
    /// entitlements and roles), the first of all otherwise.
    pub source: Option<SourceName>,
    /// Attributes of the made-up person.
    pub given: BTreeMap<AttributeName, String>,
    /// Groups (names) of the made-up person.
    pub groups: Vec<String>,
    /// What must come out; only what is set is compared.
    pub expect: Persona,
}
