//! The laws, each judged on what the remote systems' own journals say and on who really is here.
//!
//! One place to add a law: a function here that gives a [`Violation`], called from [`Laws::see_writes`] (each write to
//! Connect), [`Laws::judge_run`] (each run) or [`Laws::compare_reports`] (each run that was delivered).
//!
//! What the clock may do to grace. Grace is measured by the machine's clock, so a jump forward takes off grace what it jumps,
//! and nothing else may take anything off: a removal comes no earlier than grace minus all forward jumps since the person
//! left. A jump backward may only make it later.
//!
//! What a lost or old state file may do. The outbox is in it: changes that were not delivered when it was lost are never
//! told (they are `excused`). An old file holds who was away when it was copied; whoever was is away since then.

mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::TimeDelta;
use rollcall::model::{Decision, OWNER_TAG, Reason, Time};
use rollcall::planner::guard;
use rollcall::planner::rules::Limits;
use rollcall::reconcile::Ended;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::connect::{User, Write};

use self::reports::Reports;
use crate::setting::{Authority, HOLDING, NO_ACCESS, Persona, Rules};
use crate::story::{Hand, How};
use crate::truth::{Person, Truth};

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) law: &'static str,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn of(law: &'static str, text: String) -> Self {
        Self { law, text }
    }
}

const OURS: &str = "only users with our mark, or claimed by an adopt rule, are touched";
const ABSENCE: &str = "nobody is removed without proven absence longer than the grace";
const CONNECT: &str = "a facet under `connect` is never written after creation";
const SHARED: &str = "a change by hand under `shared` stays until the wish changes";
const PROFILES: &str = "never an empty list of security profiles";
const TWICE: &str = "nobody has two users";
const DECISION: &str = "one decision for everybody";
const DIGEST: &str = "the digest is of what is guarded";

/// A change by hand of a facet under `shared`, made while Connect and the rules agreed.
#[derive(Debug, Clone)]
struct ByHand {
    person: String,
    wish: Persona,
}

/// Profile names by id.
#[derive(Debug)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(sandbox: &Sandbox) -> Self {
        let connect = &sandbox.connect;
        let profiles =
            ["Agent", "CallCenterManager", "QualityAnalyst", "Supervisor", "RecordingAccess", NO_ACCESS, "Admin"];
        let routings = [
            "Basic Routing Profile",
            "Care Voice",
            "Sales Voice",
            "Support Voice",
            "Billing Voice",
            "Success Voice",
            HOLDING,
        ];
        let security =
            profiles.iter().filter_map(|name| Some((connect.security_profile_id(name)?, (*name).to_owned())));
        let routing = routings.iter().filter_map(|name| Some((connect.routing_profile_id(name)?, (*name).to_owned())));
        Self(security.chain(routing).collect())
    }

    fn name(&self, id: &str) -> &str {
        self.0.get(id).map_or("?", String::as_str)
    }

    fn security(&self, user: &User) -> BTreeSet<&str> {
        user.security_profile_ids.iter().map(|id| self.name(id)).collect()
    }

    fn routing(&self, user: &User) -> &str {
        self.name(&user.routing_profile_id)
    }
}

/// All laws, and what they have to remember.
#[derive(Debug)]
pub(crate) struct Laws {
    checked: BTreeMap<&'static str, u64>,
    /// Writes in Connect's journal that were judged.
    journal: usize,
    names: Names,
    reports: Reports,
    by_hand: BTreeMap<(String, &'static str), ByHand>,
    /// Users and facets that were ever changed by hand.
    pub(crate) touched: BTreeSet<(String, Hand)>,
    marked: BTreeSet<String>,
    suspended: BTreeMap<String, Time>,
    jumps: Vec<(Time, TimeDelta)>,
    /// Who was away when the state file was copied, and since when.
    copied: BTreeMap<String, Time>,
    /// The same of a copy that is in use again.
    remembered: BTreeMap<String, Time>,
    forgotten: bool,
    /// Who was suspended when the state file was copied.
    suspended_in_copy: Vec<String>,
    /// The same of a copy that is in use again, by the operations that give back.
    away_in_copy: BTreeSet<(String, String)>,
}

impl Laws {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            checked: BTreeMap::new(),
            journal: 0,
            names: Names::of(sandbox),
            reports: Reports::default(),
            by_hand: BTreeMap::new(),
            touched: BTreeSet::new(),
            marked: BTreeSet::new(),
            suspended: BTreeMap::new(),
            jumps: Vec::new(),
            copied: BTreeMap::new(),
            remembered: BTreeMap::new(),
            forgotten: false,
            suspended_in_copy: Vec::new(),
            away_in_copy: BTreeSet::new(),
        }
    }

    pub(crate) fn checks(&mut self, law: &'static str) {
        *self.checked.entry(law).or_default() += 1;
    }

    /// How often each law was checked.
    pub(crate) fn checked(&self) -> &BTreeMap<&'static str, u64> {
        &self.checked
    }

    /// The names of somebody's security profiles.
    pub(crate) fn security(&self, user: &User) -> BTreeSet<&str> {
        self.names.security(user)
    }

    /// The name of somebody's routing profile.
    pub(crate) fn routing(&self, user: &User) -> &str {
        self.names.routing(user)
    }

    /// Compares what the sinks have with what was written, after a run whose reports were delivered.
    pub(crate) fn compare_reports(&mut self, sandbox: &Sandbox, file: &Path) -> Result<(), Violation> {
        let (law, times) = self.reports.compare(sandbox, file, &self.names)?;
        *self.checked.entry(law).or_default() += times;
        Ok(())
    }

    fn is_suspended(&self, user: &User) -> bool {
        self.security(user) == BTreeSet::from([NO_ACCESS])
    }

    pub(crate) fn jumped(&mut self, at: Time, by: TimeDelta) {
        self.jumps.push((at, by));
    }

    /// The farthest the clock was ever ahead or behind, in hours.
    pub(crate) fn farthest_jump_hours(&self) -> u64 {
        self.jumps.iter().map(|(_, by)| by.num_hours().unsigned_abs() + 1).sum()
    }

    /// What jumps forward since a moment may have taken off a period.
    fn forward_since(&self, since: Time) -> TimeDelta {
        let jumps = self.jumps.iter().filter(|(at, by)| *at >= since && *by > TimeDelta::zero());
        jumps.fold(TimeDelta::zero(), |sum, (_, by)| sum + *by)
    }

    /// The world after a step: what was changed by hand is protected no longer once the wish is another one.
    pub(crate) fn see_world(&mut self, truth: &Truth, rules: &Rules) {
        self.by_hand.retain(|_, edit| {
            truth.people.get(&edit.person).is_some_and(|person| person.is_here() && rules.persona(person) == edit.wish)
        });
    }

    /// Judges what was written to Connect since the last time.
    pub(crate) fn see_writes(&mut self, sandbox: &Sandbox, truth: &Truth, rules: &Rules) -> Result<(), Violation> {
        let journal = sandbox.connect.journal();
        for write in journal.into_iter().skip(self.journal) {
            self.only_ours(&write, truth)?;
            self.absence_is_proven(&write, truth, rules)?;
            self.authority_of_connect(&write, rules)?;
            self.changes_by_hand_stay(&write)?;
            self.never_no_profile(&write)?;
            if let Some(after) = &write.after {
                if after.tags.contains_key(OWNER_TAG) {
                    self.marked.insert(after.id.clone());
                }
                match self.is_suspended(after) {
                    true => _ = self.suspended.entry(after.id.clone()).or_insert(write.at),
                    false => _ = self.suspended.remove(&after.id),
                }
            }
            self.journal += 1;
            let changes =
                write.before.as_deref().zip(write.after.as_deref()).is_none_or(|(before, after)| differ(before, after));
            self.reports.written(write, changes);
        }
        self.checks(TWICE);
        let mut owners = BTreeSet::new();
        for user in sandbox.connect.users() {
            if let Some(owner) = user.tags.get(OWNER_TAG)
                && !owners.insert(owner.clone())
            {
                return Err(Violation::of(TWICE, format!("{owner} has a second one, {}", user.username)));
            }
        }
        Ok(())
    }

    fn only_ours(&mut self, write: &Write, truth: &Truth) -> Result<(), Violation> {
        self.checks(OURS);
        let Some(before) = &write.before else { return Ok(()) };
        if before.tags.contains_key(OWNER_TAG) {
            return Ok(());
        }
        // Whom an adopt rule claims is brought into agreement first and marked last. Whose mark was taken away by hand is
        // remembered, and marked again.
        let claimed = truth.here().any(|(_, person)| person.goes_by(&before.username));
        if claimed && write.operation != "DeleteUser" {
            return Ok(());
        }
        if self.marked.contains(&before.id) {
            return Ok(());
        }
        Err(Violation::of(OURS, format!("{} of {} ({})", write.operation, before.username, write.resource)))
    }

    fn absence_is_proven(&mut self, write: &Write, truth: &Truth, rules: &Rules) -> Result<(), Violation> {
        let Some(before) = &write.before else { return Ok(()) };
        let suspends = write.after.as_ref().is_some_and(|after| self.is_suspended(after) && !self.is_suspended(before));
        let deletes = write.operation == "DeleteUser";
        if !suspends && !deletes {
            return Ok(());
        }
        self.checks(ABSENCE);
        let owner = before.tags.get(OWNER_TAG).map(String::as_str).unwrap_or_default();
        let who = format!("{} ({owner}), {} at {}", before.username, write.operation, write.at);
        let Some(since) = truth.gone_since(owner, &before.username) else {
            return Err(Violation::of(ABSENCE, format!("{who}: is here")));
        };
        let since = self.remembered.get(owner).map_or(since, |copied| since.min(*copied));
        let away = write.at - since + self.forward_since(since);
        if away < TimeDelta::hours(i64::from(rules.grace_hours)) {
            return Err(Violation::of(ABSENCE, format!("{who}: away since {since}")));
        }
        let Some(hours) = rules.suspend_hours.filter(|_| deletes) else { return Ok(()) };
        let Some(suspended) = self.suspended.get(&before.id).copied() else {
            return Err(Violation::of(ABSENCE, format!("{who}: was not suspended before")));
        };
        if write.at - suspended + self.forward_since(suspended) < TimeDelta::hours(i64::from(hours)) {
            return Err(Violation::of(ABSENCE, format!("{who}: suspended since {suspended}")));
        }
        Ok(())
    }

    fn authority_of_connect(&mut self, write: &Write, rules: &Rules) -> Result<(), Violation> {
        let (Some(before), Some(after)) = (&write.before, &write.after) else { return Ok(()) };
        self.checks(CONNECT);
        // A suspension takes what it takes, and gives it back.
        let security = write.operation == "UpdateUserSecurityProfiles" && rules.security == Authority::Connect;
        let routing = write.operation == "UpdateUserRoutingProfile" && rules.routing == Authority::Connect;
        // A state file of a time when somebody was suspended gives back once more what it took.
        let once_more =
            differ(before, after) && self.away_in_copy.remove(&(before.id.clone(), write.operation.clone()));
        if once_more || !differ(before, after) {
            return Ok(());
        }
        let ladder = |user: &User| (security && self.is_suspended(user)) || (routing && self.routing(user) == HOLDING);
        if (security || routing) && !ladder(before) && !ladder(after) {
            return Err(Violation::of(CONNECT, format!("{} of {}", write.operation, before.username)));
        }
        Ok(())
    }

    fn changes_by_hand_stay(&mut self, write: &Write) -> Result<(), Violation> {
        self.checks(SHARED);
        let edit = match write.operation.as_str() {
            "UpdateUserSecurityProfiles" => self.by_hand.get(&(write.resource.clone(), "security")),
            "UpdateUserRoutingProfile" => self.by_hand.get(&(write.resource.clone(), "routing")),
            _ => None,
        };
        match edit {
            Some(edit) => {
                Err(Violation::of(SHARED, format!("{} of {} ({})", write.operation, write.resource, edit.person)))
            }
            None => Ok(()),
        }
    }

    fn never_no_profile(&mut self, write: &Write) -> Result<(), Violation> {
        self.checks(PROFILES);
        match &write.after {
            Some(after) if after.security_profile_ids.is_empty() => {
                Err(Violation::of(PROFILES, format!("{} of {}", write.operation, after.username)))
            }
            _ => Ok(()),
        }
    }

    /// An administrator is about to change a user by hand.
    pub(crate) fn edited_by_hand(
        &mut self,
        truth: &Truth,
        rules: &Rules,
        decided: &BTreeMap<String, Decision>,
        user: &User,
        hand: Hand,
    ) {
        self.touched.insert((user.id.clone(), hand));
        self.reports.excuse_untold_of(&user.id);
        let Some(owner) = user.tags.get(OWNER_TAG) else { return };
        let Some(person) = truth.people.get(owner).filter(|person| person.is_here()) else { return };
        let wish = rules.persona(person);
        // Only what was agreed on before can be told from a wish that was never fulfilled.
        let agreed = decided.get(owner) == Some(&Decision::InSync);
        let facet = match hand {
            Hand::Security if rules.security == Authority::Shared && self.security(user) == wish.security => "security",
            Hand::Routing if rules.routing == Authority::Shared && self.routing(user) == wish.routing => "routing",
            _ => return,
        };
        if agreed {
            self.by_hand.insert((user.id.clone(), facet), ByHand { person: owner.clone(), wish });
        }
    }

    /// An administrator deletes a user by hand.
    pub(crate) fn removed_by_hand(&mut self, id: &str) {
        self.reports.excuse_untold_of(id);
        self.by_hand.retain(|(user, _), _| user != id);
    }

    /// The state file is gone, and the outbox with it.
    pub(crate) fn lost_memory(&mut self) {
        self.reports.excuse_undelivered();
        self.by_hand.clear();
        self.remembered.clear();
        self.away_in_copy.clear();
        self.forgotten = true;
    }

    /// Whether the state file was ever lost, or put back to an old one.
    pub(crate) fn was_forgotten(&self) -> bool {
        self.forgotten
    }

    pub(crate) fn copied(&mut self, truth: &Truth) {
        // The file also holds those as away whose return no run has seen yet.
        let since = |key: &String, person: &Person| match person.is_here() {
            true => truth.away_as_seen(key),
            false => truth.gone_since(key, &person.login),
        };
        let away = truth.people.iter().filter_map(|(key, person)| Some((key.clone(), since(key, person)?)));
        self.copied = away.collect();
        self.suspended_in_copy = self.suspended.keys().cloned().collect();
    }

    pub(crate) fn restored(&mut self) {
        self.remembered.clone_from(&self.copied);
        for operation in ["UpdateUserSecurityProfiles", "UpdateUserRoutingProfile"] {
            let away = self.suspended_in_copy.iter().map(|id| (id.clone(), operation.to_owned()));
            self.away_in_copy.extend(away);
        }
    }

    /// Judges a run that came to its end.
    pub(crate) fn judge_run(
        &mut self,
        truth: &Truth,
        ended: &Ended,
        how: How,
        limits: &Limits,
    ) -> Result<(), Violation> {
        self.checks(DIGEST);
        if let Some(refusal) = &ended.refusal {
            let digest = guard::digest(&ended.plan, limits);
            if refusal.approvable && digest != refusal.digest {
                return Err(Violation::of(DIGEST, format!("{digest} and {}", refusal.digest)));
            }
        }
        self.checks(DECISION);
        if matches!(how, How::One(_)) {
            return Ok(());
        }
        let everybody: BTreeSet<String> = ended.plan.decisions.keys().map(ToString::to_string).collect();
        for (key, person) in truth.here() {
            let frozen = ended.summary.frozen.keys().any(|name| name.as_str() == truth.books[person.source].name);
            if !frozen && !everybody.contains(key) {
                return Err(Violation::of(DECISION, format!("{key} has none")));
            }
        }
        let removed = ended.plan.changes.iter().filter(|change| matches!(change.because, Reason::Left { .. }));
        for change in removed {
            if !matches!(ended.plan.decisions.get(&change.person), Some(Decision::Changes { .. })) {
                return Err(Violation::of(DECISION, format!("{} is removed without one", change.person)));
            }
        }
        Ok(())
    }
}

/// Whether a user is another one than before, whenever it was written.
fn differ(before: &User, after: &User) -> bool {
    User { last_modified: after.last_modified, ..before.clone() } != *after
}
