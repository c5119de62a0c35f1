//! When and where Connect is looked at.
//!
//! The store remembers the last look, brought up to date with our own confirmed writes. A plan is made on that first; only
//! if it would change something, or the audit is due, Connect is looked at: the affected few or everybody, whichever is
//! fewer calls. Then the plan is made again on what was seen. An idle run makes no call.
//!
//! Invariant: no plan reaches the guard that was not made on a look of this run, unless it is empty.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{PersonKey, SourceName};

use super::observe::{self, Observed};
use super::progress::Progress;
use super::reading::Reading;
use super::{Run, RunError, settle};
use crate::model::{
    Action, Change, ConnectUserId, Finding, FindingCode, Inventory, Look, Observation, Outcome, Plan, Target, Time,
};
use crate::planner;
use crate::planner::rules::RenamePolicy;
use crate::store::{InventoryPatch, OpenIntent, Settlement};

/// Most times a run plans again because a look taught it something.
const MOST_ROUNDS: usize = 6;
/// Where the store keeps when everybody was last looked at.
pub(super) const AUDITED: &str = "audited_at";
/// Where the store keeps the digest of the rules of the last applied run.
pub(super) const RULES: &str = "rules_digest";

/// What this run has looked at.
#[derive(Debug, Default)]
struct Looked {
    everybody: bool,
    ids: BTreeSet<ConnectUserId>,
    usernames: BTreeSet<String>,
    owners: bool,
}

impl Looked {
    fn covers(&self, plan: &Plan) -> bool {
        self.everybody
            || plan.changes.iter().all(|change| match (&change.connect, &change.action) {
                (Some(id), _) => self.ids.contains(id),
                (None, Action::Create(desired)) => self.usernames.contains(&desired.username),
                (None, _) => false,
            })
    }
}

/// Plans, looking at Connect as far as the plan depends on it.
pub(super) async fn plan_on_a_fresh_look<T: Target>(
    run: &Run<'_, T>,
    observed: Observed,
) -> Result<(Observation, Plan), RunError> {
    let Run { centre, clock, .. } = run;
    let Observed { directory, sources: _, frozen, mut unproven, notes } = observed;
    let frozen = frozen.into_iter().map(|(source, frozen)| (source, frozen.message)).collect();
    let mut looker = Looker::new(run);
    let connect = looker.first_look().await?;
    let memory = centre.store.memory().await?;
    let undone = centre.store.undone().await?;
    let retries = if run.order.tries_all() { BTreeMap::new() } else { centre.store.retries().await? };
    let trial = run.trial_rests().await?;
    let rules_before = centre.store.meta_get(RULES).await?;
    let config_changed = rules_before.is_some_and(|before| before != centre.rules_digest);
    let mut seen = Observation { at: clock.now(), directory, connect, memory, undone, retries, trial, config_changed };
    let mut plan = planner::plan(&seen, &centre.rules, &|operation| run.quota(operation));
    let (mut reading, mut rounds) = (Reading::new(run), 0);
    loop {
        if rounds < MOST_ROUNDS && looker.learn_more(&plan, &mut seen, &frozen).await? {
            rounds += 1;
        } else if !reading.read_on(&mut looker, &plan, &mut seen).await? {
            break;
        }
        plan = planner::plan(&seen, &centre.rules, &|operation| run.quota(operation));
    }
    plan = reading.without_unreadable(plan);
    unproven.append(&mut looker.unproven);
    plan.findings.extend(unproven.iter().map(|(person, why)| observe::not_proven(person, why, &seen.directory)));
    plan.findings.extend(notes);
    plan.findings.extend(forgotten(plan.links.len()));
    Ok((seen, plan))
}

/// What it means that users carry our mark and the state file does not know them.
fn forgotten(users: usize) -> Option<Finding> {
    (users > 0).then(|| Finding {
        code: FindingCode::SourceNote,
        person: None,
        label: "state file".to_owned(),
        message: format!(
            "{users} Connect users carry our mark and were not remembered: the state file is new, or an older copy; they are \
             remembered again, and nobody is removed for it"
        ),
        hint: "nothing to do if the file was lost or restored; else look for a second rollcall on this contact centre"
            .to_owned(),
    })
}

pub(super) struct Looker<'a, T> {
    run: &'a Run<'a, T>,
    looked: Looked,
    /// Whether a look includes the quick connects.
    quick_connects: bool,
    /// People about whom a directory's answer proved nothing, and why.
    unproven: BTreeMap<PersonKey, String>,
}

impl<'a, T: Target> Looker<'a, T> {
    /// Somebody who has not looked yet.
    pub(super) fn new(run: &'a Run<'a, T>) -> Self {
        // Quick connects dangle when their user is deleted; without deletions nobody needs to know them.
        let rules = &run.centre.rules;
        let quick_connects = rules.leaver.delete || rules.rename == RenamePolicy::Recreate;
        Self { run, looked: Looked::default(), quick_connects, unproven: BTreeMap::new() }
    }

    /// Whether this run has looked at everybody.
    pub(super) fn saw_everybody(&self) -> bool {
        self.looked.everybody
    }

    /// Whether this run has looked at anybody.
    pub(super) fn looked(&self) -> bool {
        self.looked.everybody || !self.looked.ids.is_empty() || !self.looked.usernames.is_empty()
    }

    /// Takes note of users that were read without a look.
    pub(super) fn saw(&mut self, ids: BTreeSet<ConnectUserId>) {
        self.looked.ids.extend(ids);
    }

    /// The remembered look, or a whole one where that is due. Settles what is in doubt.
    pub(super) async fn first_look(&mut self) -> Result<Inventory, RunError> {
        let store = &self.run.centre.store;
        let remembered = store.inventory().await?;
        let doubts = store.open_intents().await?;
        let audited: Option<Time> = store.meta_get(AUDITED).await?.and_then(|text| text.parse().ok());
        let every = i64::try_from(self.run.centre.audit_every_secs).unwrap_or(i64::MAX);
        let changes: Vec<Change> = doubts.iter().map(|doubt| doubt.change.clone()).collect();
        self.quick_connects |= settle::wants_quick_connects(&changes);
        let audit_due = audited.is_none_or(|at| (self.run.clock.now() - at).num_seconds() >= every);
        match remembered {
            Some(remembered) if !self.run.order.full && doubts.is_empty() && !audit_due => Ok(remembered),
            remembered => {
                let mut fresh = self.look(&Look::Everybody, remembered.as_ref()).await?;
                if !doubts.is_empty() {
                    fresh = self.settle(doubts, fresh).await?;
                }
                Ok(fresh)
            }
        }
    }

    /// Looks, and remembers what was seen.
    pub(super) async fn look(&mut self, look: &Look, last: Option<&Inventory>) -> Result<Inventory, RunError> {
        let started = self.run.clock.millis();
        self.run.centre.target.set_own_writes(self.run.centre.store.own_writes().await?);
        let looking = self.run.centre.target.inventory(look, self.quick_connects, last, self.run.clock.now());
        let inventory = self.run.looking(looking).await??;
        self.run.centre.store.save_inventory(Some(self.run.lease), &inventory).await?;
        match look {
            Look::Everybody => {
                self.looked.everybody = true;
                self.run.centre.store.meta_set(AUDITED, &self.run.clock.now().to_rfc3339()).await?;
            }
            Look::These { ids, usernames } => {
                self.looked.ids.extend(ids.iter().cloned());
                self.looked.usernames.extend(usernames.iter().cloned());
            }
        }
        self.run.watch.tell(Progress::Looked {
            users: u32::try_from(inventory.users.len()).unwrap_or(u32::MAX),
            everybody: matches!(look, Look::Everybody),
            millis: self.run.clock.millis() - started,
        });
        Ok(inventory)
    }

    /// Whether something was learned that the plan should be made again for.
    async fn learn_more(
        &mut self,
        plan: &Plan,
        seen: &mut Observation,
        frozen: &BTreeMap<SourceName, String>,
    ) -> Result<bool, RunError> {
        if !plan.is_empty() && !self.looked.covers(plan) {
            let look = if self.looked.ids.is_empty() && self.looked.usernames.is_empty() {
                self.cheapest(plan, seen)
            } else {
                Look::Everybody
            };
            seen.connect = self.look(&look, Some(&seen.connect)).await?;
            return Ok(true);
        }
        if !plan.owners_unknown.is_empty() && !self.looked.owners {
            self.looked.owners = true;
            let knows_an_owner = |source: &SourceName| {
                let mut owners = seen.connect.users.values().filter_map(|user| user.owner.as_ref());
                owners.any(|owner| owner.source == *source && seen.directory.people.contains_key(owner))
            };
            let owners = &plan.owners_unknown;
            if observe::ask_about_owners(self.run, owners, knows_an_owner, &mut self.unproven).await? {
                let configured: Vec<_> = self.run.centre.sources.iter().map(|source| source.name().clone()).collect();
                seen.directory = self.run.centre.store.directory_view(frozen, &configured).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn cheapest(&self, plan: &Plan, seen: &Observation) -> Look {
        let mut ids = BTreeSet::new();
        let mut usernames = BTreeSet::new();
        for change in &plan.changes {
            match (&change.connect, &change.action) {
                (Some(id), _) => {
                    ids.insert(id.clone());
                }
                (None, Action::Create(desired)) => {
                    usernames.insert(desired.username.clone());
                }
                (None, _) => {}
            }
        }
        T::cheapest(ids, usernames, seen.connect.users.len())
    }

    /// Settles every call in doubt by looking, and writes down what became of it.
    async fn settle(&mut self, doubts: Vec<OpenIntent>, fresh: Inventory) -> Result<Inventory, RunError> {
        let changes: Vec<Change> = doubts.iter().map(|doubt| doubt.change.clone()).collect();
        let ids = settle::ids_to_read(&changes);
        let mut fresh = fresh;
        if !ids.is_empty() {
            fresh = self.look(&Look::These { ids, usernames: BTreeSet::new() }, Some(&fresh)).await?;
        }
        let memory = self.run.centre.store.memory().await?;
        let (mut happened, mut did_not) = (0, 0);
        for doubt in doubts {
            let outcome = settle::judge(&doubt.change, &fresh);
            let person = &doubt.change.person;
            let former = doubt.change.because.taken_from().filter(|from| memory.contains_key(from));
            let remembered = memory.get(former.unwrap_or(person)).cloned().unwrap_or_default();
            let after = match &outcome {
                Outcome::AlreadySo { created, .. } => {
                    happened += 1;
                    if let (Some(from), Action::Adopt { .. }) = (former, &doubt.change.action) {
                        self.run.centre.store.rebind(self.run.lease, from, person).await?;
                    }
                    Some(remembered.after(&doubt.change, created.as_ref(), self.run.clock.now()))
                }
                _ => {
                    did_not += 1;
                    None
                }
            };
            let memory_row = after.as_ref().map(|after| (person, after));
            let settlement = Settlement {
                run: doubt.run,
                change: &doubt.change,
                outcome: &outcome,
                remembered: memory_row,
                inventory: InventoryPatch::None,
                at: self.run.clock.now(),
            };
            self.run.centre.store.settle(self.run.lease, settlement).await?;
        }
        self.run.watch.tell(Progress::Settled { happened, did_not });
        Ok(fresh)
    }
}
