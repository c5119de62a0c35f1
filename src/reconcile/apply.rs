//! Carries out an approved plan: one change, one call, one outcome.
//!
//! Changes of one person happen one after the other, in the plan's order; different people happen side by side, in one
//! lane per operation, because Connect counts each operation apart and a run takes as long as its busiest one. Who waits
//! for whom says [`super::order`].
//!
//! Invariant: the intent is in the ledger before the call, the outcome after it.
//! Invariant: a refusal and the person's retry clock are written down together.
//! Invariant: the executor does not choose. What a failure means is in its [`Disposition`]; what a success means for the
//! memory is in [`Remembered::after`].
//! Deliberately absent: retries and waiting for quota (the target's), and anything about what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use connectors::PersonKey;
use futures_util::StreamExt;
use futures_util::future::{try_join, try_join_all};
use futures_util::stream;

use super::order::{Waits, lanes};
use super::progress::Progress;
use super::trial::Trial;
use super::{Run, quarantine, summary};
use crate::model::quarantine::Trouble;
use crate::model::retry::Said;
use crate::model::{
    Action, ApprovedPlan, CallError, Change, ConnectUser, ConnectUserId, Disposition, Done, Inventory, LeaveReason,
    NotAttempted, Observation, Operation, Outcome, Reason, Remembered, Retry, RetryClock, RunSummary, Seen, Target,
    Time, Value,
};
use crate::store::{InventoryPatch, Settlement, StoreError};

/// How many changes of one lane are under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Slots(usize);

impl Slots {
    /// Enough to keep the bucket busy while replies are on their way: a burst, and two seconds' worth of calls.
    #[must_use]
    pub fn for_rate(per_second: f64, burst: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small and positive")]
        let in_flight = (per_second * 2.0).ceil() as usize;
        Self((in_flight + burst as usize).clamp(2, 256))
    }
}

/// What carrying out a plan brought.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) summary: RunSummary,
    /// People all of whose changes succeeded.
    pub(super) agreed: BTreeSet<PersonKey>,
    /// Seconds from the change in the directory to "confirmed in Connect", by person. A leaver's grace is no wait.
    pub(super) waited_secs: BTreeMap<PersonKey, u64>,
    /// What to say of a trial of the configuration that failed.
    pub(super) trial: Option<Trouble>,
}

/// What the lanes share.
struct Job<'a, T> {
    run: &'a Run<'a, T>,
    connect: &'a Inventory,
    memory: &'a BTreeMap<PersonKey, Remembered>,
    /// Who is leaving, since when; what planning has just found out is not in the memory yet.
    leaving: &'a BTreeMap<PersonKey, (Time, LeaveReason)>,
    retries: &'a BTreeMap<PersonKey, Retry>,
    /// People whose plan leaves something out.
    resting: &'a BTreeSet<PersonKey>,
    changed_at: &'a BTreeMap<PersonKey, Time>,
    total: u32,
    stopped: AtomicBool,
    /// The instance is full: no further create can succeed.
    full: AtomicBool,
    trial: Trial,
    /// Of everybody who does not wait for the trial, and of those who do.
    waits: Waits,
    later: Waits,
    applied: Mutex<Applied>,
}

/// Carries out the plan.
///
/// # Errors
/// Only if the ledger cannot be written; then nothing further is called.
pub(super) async fn apply<T: Target>(
    run: &Run<'_, T>,
    approved: &ApprovedPlan,
    seen: &Observation,
    changed_at: &BTreeMap<PersonKey, Time>,
) -> Result<Applied, StoreError> {
    let changes = &approved.plan().changes;
    let trial = Trial::of(approved.plan(), run.centre.trial);
    let (held, others): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| trial.holds(&change.person));
    let job = Job {
        run,
        connect: &seen.connect,
        memory: &seen.memory,
        leaving: &approved.plan().leaving,
        retries: &seen.retries,
        resting: &approved.plan().resting,
        changed_at,
        total: u32::try_from(changes.len()).unwrap_or(u32::MAX),
        stopped: AtomicBool::new(false),
        full: AtomicBool::new(false),
        trial,
        waits: Waits::of(&others),
        later: Waits::of(&held),
        applied: Mutex::new(Applied::default()),
    };
    // The first error ends everything: what another lane waits for may never be done then. A call that is under way is in
    // doubt, as after a crash.
    try_join(job.carry_out(&others), async {
        job.trial.over().await;
        job.carry_out(&held).await
    })
    .await?;
    let trouble = job.trial.trouble(&run.centre.rules_digest);
    let applied = job.applied.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Applied { trial: trouble, ..applied })
}

impl<T: Target> Job<'_, T> {
    /// These changes, side by side in lanes.
    async fn carry_out(&self, changes: &[&Change]) -> Result<(), StoreError> {
        let lanes = lanes(changes).into_iter().map(|(operation, chains)| {
            let (per_second, burst) = self.run.quota(operation);
            async move {
                let mut results = stream::iter(chains)
                    .map(|chain| self.person(chain))
                    .buffer_unordered(Slots::for_rate(per_second, burst).0);
                while let Some(result) = results.next().await {
                    result?;
                }
                Ok::<(), StoreError>(())
            }
        });
        try_join_all(lanes).await?;
        Ok(())
    }

    fn waits(&self, person: &PersonKey) -> &Waits {
        if self.trial.holds(person) { &self.later } else { &self.waits }
    }

    /// All changes of one person, one after the other.
    async fn person(&self, chain: Vec<&Change>) -> Result<(), StoreError> {
        let person = &chain[0].person;
        // Who has another record's user now (re-hired, or handed over) goes on with what is remembered of that record.
        let remembered_as = chain.iter().find_map(|change| change.because.taken_from()).unwrap_or(person);
        let mut memory = self.memory.get(remembered_as).cloned().unwrap_or_default();
        // A run that is taken back says nothing about who is leaving.
        if self.run.order.undo.is_none() {
            memory.absent_since = self.leaving.get(person).map(|(since, _)| *since);
        }
        let mut user = chain[0].connect.as_ref().and_then(|id| self.connect.users.get(id)).cloned();
        let mut blocked = None;
        let mut succeeded = true;
        let mut created: Option<ConnectUserId> = None;
        let leaves = chain.iter().any(|change| matches!(change.because, Reason::Left { .. }));
        for planned in chain {
            // The new user of a renamed person has its id only now.
            let change = &*planned.aimed_at(created.as_ref());
            let (outcome, refused) = match blocked.or_else(|| self.reason_not_to(change)) {
                Some(why) => (Outcome::NotAttempted { why }, None),
                None => self.attempt(change).await?,
            };
            if blocked.is_none() {
                blocked = blocks(change, &outcome);
            }
            succeeded &= outcome.succeeded();
            self.trial.tried(change, &outcome);
            self.record(change, &outcome, refused.as_ref(), &mut memory, &mut user).await?;
            created = outcome.created().cloned().or(created);
        }
        self.trial.through(person);
        if succeeded && !self.resting.contains(person) {
            let mut applied = self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            applied.agreed.insert(person.clone());
            if let Some(since) = self.changed_at.get(person) {
                let waited = u64::try_from((self.run.clock.now() - *since).num_seconds()).unwrap_or(0);
                let grace = if leaves { self.run.centre.rules.leaver.grace_secs } else { 0 };
                applied.waited_secs.insert(person.clone(), waited.saturating_sub(grace));
            }
        }
        Ok(())
    }

    fn reason_not_to(&self, change: &Change) -> Option<NotAttempted> {
        if *self.run.stop.borrow() {
            return Some(NotAttempted::Shutdown);
        }
        if self.trial.failed() && self.trial.holds(&change.person) {
            return Some(NotAttempted::TrialFailed);
        }
        let full = self.full.load(Ordering::Acquire) && matches!(change.action, Action::Create(_));
        (full || self.stopped.load(Ordering::Acquire)).then_some(NotAttempted::RunStopped)
    }

    /// One call, with the intent before it; what became of it, and the retry clock that a refusal sets.
    async fn attempt(&self, change: &Change) -> Result<(Outcome, Option<RetryClock>), StoreError> {
        self.waits(&change.person).turn_of(change).await;
        if let Some(why) = self.reason_not_to(change) {
            // The run was stopped while this one waited.
            return Ok((Outcome::NotAttempted { why }, None));
        }
        self.run.centre.store.intend(self.run.lease, self.run.order.run, change, self.run.clock.now()).await?;
        Ok(match self.run.centre.target.perform(change, self.run.stop).await {
            Ok(Done { created, request_id, attempts, latency }) => {
                let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
                (Outcome::Done { request_id, millis, attempts, created: created.map(|(id, _)| id) }, None)
            }
            Err(error) => {
                self.run.met(quarantine::of_call(&error));
                let clock = self.clock(change, &error);
                (self.failed(error), clock)
            }
        })
    }

    /// The retry clock that a refusal sets. A full instance says nothing about the person.
    fn clock(&self, change: &Change, error: &CallError) -> Option<RetryClock> {
        let CallError { operation, disposition, code, message, hint, request_id } = error;
        let passes = match disposition {
            Disposition::SkipPerson => false,
            Disposition::NextRun => true,
            Disposition::AlreadySo
            | Disposition::InDoubt
            | Disposition::NotSent
            | Disposition::StopRun
            | Disposition::Misconfigured => return None,
        };
        if is_full(*operation, code) {
            return None;
        }
        let (code, message, hint) = (code.clone(), message.clone(), hint.clone());
        let said = Said { code, message, hint, request_id: request_id.clone(), passes };
        let before = self.retries.get(&change.person).and_then(|retry| retry.of(change));
        Some(RetryClock::refused(before, change, said, self.run.clock.now()))
    }

    fn failed(&self, error: CallError) -> Outcome {
        let CallError { operation, disposition, code, message, hint, request_id } = error;
        match disposition {
            Disposition::AlreadySo => Outcome::AlreadySo { request_id, created: None },
            Disposition::InDoubt => Outcome::InDoubt { message },
            Disposition::NotSent => Outcome::NotAttempted { why: NotAttempted::Shutdown },
            Disposition::SkipPerson | Disposition::NextRun | Disposition::StopRun | Disposition::Misconfigured => {
                if matches!(disposition, Disposition::StopRun | Disposition::Misconfigured) {
                    self.stopped.store(true, Ordering::Release);
                }
                if is_full(operation, &code) {
                    self.full.store(true, Ordering::Release);
                }
                Outcome::Failed { code, message, hint, request_id }
            }
        }
    }

    /// The outcome into the ledger, with what it means for the memory and for the remembered look.
    async fn record(
        &self,
        change: &Change,
        outcome: &Outcome,
        refused: Option<&RetryClock>,
        memory: &mut Remembered,
        user: &mut Option<ConnectUser>,
    ) -> Result<(), StoreError> {
        let mut patch = InventoryPatch::None;
        let now = self.run.clock.now();
        if outcome.succeeded() {
            let created = outcome.created();
            if let (Some(from), true) = (change.because.taken_from(), matches!(change.action, Action::Adopt { .. }))
                && self.memory.contains_key(from)
            {
                self.run.centre.store.rebind(self.run.lease, from, &change.person).await?;
            }
            *memory = memory.after(change, created, now);
            patch = patched(change, created, user, &self.connect.instance.arn);
        }
        let remembered = outcome.succeeded().then_some((&change.person, &*memory));
        let settlement = Settlement { run: self.run.order.run, change, outcome, remembered, inventory: patch, at: now };
        self.run.centre.store.settle_refused(self.run.lease, settlement, refused).await?;
        self.waits(&change.person).done(change);
        {
            let mut applied = self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            summary::count(&mut applied.summary, change, outcome);
        }
        self.run.watch.tell(Progress::Applied {
            seq: change.seq,
            total: self.total,
            operation: change.action.operation(),
            outcome: outcome.clone(),
        });
        Ok(())
    }
}

/// Whether Connect said that the instance has as many users as it may.
fn is_full(operation: Operation, code: &str) -> bool {
    operation == Operation::CreateUser && code == "LimitExceededException"
}

/// Whether the rest of a person's changes must not be attempted after this outcome. A facet that Connect refused does not
/// hold back the other facets; a user that could not be adopted, whose state is in doubt, whose quick connect still points
/// to it, or in whose place no other one was created is left alone.
fn blocks(change: &Change, outcome: &Outcome) -> Option<NotAttempted> {
    let blocking = match outcome {
        Outcome::Done { .. } | Outcome::AlreadySo { .. } | Outcome::DidNotHappen => false,
        Outcome::InDoubt { .. } => true,
        Outcome::Failed { .. } => !matches!(change.action, Action::Update(_)),
        Outcome::NotAttempted { why } => return Some(*why),
    };
    blocking.then_some(NotAttempted::EarlierChangeFailed)
}

/// What a confirmed change means for the remembered look.
fn patched(
    change: &Change,
    created: Option<&ConnectUserId>,
    user: &mut Option<ConnectUser>,
    instance_arn: &str,
) -> InventoryPatch {
    match &change.action {
        Action::Create(desired) => {
            let Some(id) = created else {
                return InventoryPatch::None;
            };
            let mut attributes: BTreeMap<_, _> =
                desired.attributes.iter().map(|(a, v)| (a, Seen::Known(v.clone()))).collect();
            attributes.entry(crate::model::Attribute::Tags).or_insert(Seen::Known(Value::Tags(BTreeMap::new())));
            *user = Some(ConnectUser {
                id: id.clone(),
                arn: format!("{instance_arn}/agent/{id}"),
                username: desired.username.clone(),
                owner: Some(change.person.clone()),
                attributes,
                modified_at: None,
            });
        }
        Action::Adopt { .. } => {
            if let Some(user) = user {
                user.owner = Some(change.person.clone());
            }
        }
        Action::Update(update) => {
            if let Some(user) = user {
                user.apply(&update.after);
                user.untag(&update.untag);
            }
        }
        Action::DeleteQuickConnect(named) => return InventoryPatch::RemoveQuickConnect(named.id.clone()),
        Action::MoveQuickConnect(step) => {
            let id = step.named.id.clone();
            return step.to.clone().map_or(InventoryPatch::None, |to| InventoryPatch::MoveQuickConnect(id, to));
        }
        Action::Delete { .. } => {
            return change.connect.clone().map_or(InventoryPatch::None, InventoryPatch::Remove);
        }
    }
    user.clone().map_or(InventoryPatch::None, |user| InventoryPatch::Put(Box::new(user)))
}
