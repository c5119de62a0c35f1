//! Who goes first, and who waits for whom, while different people's changes are under way side by side.
//!
//! What is guaranteed, whatever the lanes do:
//!
//! 1. Changes of one person keep the plan's order.
//! 2. Nobody's change holds up a change that takes access away: it waits for nobody, and in its lane it starts before
//!    everything that takes nothing.
//! 3. Security profiles are given only after every change of the plan that takes security profiles (a leaver's first) has
//!    its outcome, in whatever lanes the two are. People who wait for a trial ([`super::trial`]) are apart: their profiles are
//!    taken after the trial, and given after that.
//! 4. A create that wants a username which a delete of the plan sets free waits for that delete.
//!
//! What is not: a create or another facet of somebody else may be done before a leaver's suspension in another lane. They
//! use another bucket of the quota, so that waiting would delay them and hasten nothing.
//!
//! Invariant: no circle. Whatever is waited for waits for nothing itself and is started before whatever waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::PersonKey;
use tokio::sync::Notify;

use crate::model::retry::{Security, security, takes_away};
use crate::model::{Action, Change, Facet, Operation, Reason};

/// Opens when so many things are done.
#[derive(Default)]
pub(super) struct Latch {
    left: AtomicUsize,
    opened: Notify,
}

impl Latch {
    /// Opens after so many.
    pub(super) fn of(things: usize) -> Self {
        Self { left: AtomicUsize::new(things), opened: Notify::new() }
    }

    /// One of them is done.
    pub(super) fn done(&self) {
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if before == Ok(1) {
            self.opened.notify_waiters();
        }
    }

    /// Waits until all are done.
    pub(super) async fn wait(&self) {
        loop {
            let opened = self.opened.notified();
            if self.left.load(Ordering::Acquire) == 0 {
                return;
            }
            opened.await;
        }
    }
}

/// What changes wait for. Those that wait for a trial have waits of their own, so that nobody else waits for it.
pub(super) struct Waits {
    /// Usernames that a delete sets free.
    freed: BTreeMap<String, Latch>,
    /// Changes that take security profiles.
    taken: Latch,
}

impl Waits {
    /// The waits of changes.
    pub(super) fn of(changes: &[&Change]) -> Self {
        let freed = changes.iter().filter_map(|change| match &change.action {
            Action::Delete { username, .. } => Some((username.to_lowercase(), Latch::of(1))),
            _ => None,
        });
        Self {
            freed: freed.collect(),
            taken: Latch::of(changes.iter().filter(|change| takes_profiles(change)).count()),
        }
    }

    /// Waits until a change may be made.
    pub(super) async fn turn_of(&self, change: &Change) {
        match &change.action {
            Action::Create(desired) => {
                if let Some(freed) = self.freed.get(&desired.username.to_lowercase()) {
                    freed.wait().await;
                }
            }
            _ if gives_profiles(change) => self.taken.wait().await,
            _ => {}
        }
    }

    /// A change has its outcome, whatever it is.
    pub(super) fn done(&self, change: &Change) {
        if let Action::Delete { username, .. } = &change.action
            && let Some(freed) = self.freed.get(&username.to_lowercase())
        {
            freed.done();
        }
        if takes_profiles(change) {
            self.taken.done();
        }
    }
}

fn takes_profiles(change: &Change) -> bool {
    matches!(&change.action, Action::Update(update) if update.facet == Facet::Security) && takes_away(change)
}

fn gives_profiles(change: &Change) -> bool {
    let Action::Update(update) = &change.action else { return false };
    !matches!(change.because, Reason::Left { .. }) && security(update) == Security::Given
}

/// The chains of changes (one per person), by the operation that begins them: who loses something first, who has to wait
/// for them last, otherwise in the plan's order.
pub(super) fn lanes<'a>(changes: &[&'a Change]) -> Vec<(Operation, Vec<Vec<&'a Change>>)> {
    let mut order: Vec<&PersonKey> = Vec::new();
    let mut chains: BTreeMap<&PersonKey, Vec<&Change>> = BTreeMap::new();
    for change in changes.iter().copied() {
        let chain = chains.entry(&change.person).or_default();
        if chain.is_empty() {
            order.push(&change.person);
        }
        chain.push(change);
    }
    let mut lanes: BTreeMap<Operation, Vec<Vec<&'a Change>>> = BTreeMap::new();
    for person in order {
        if let Some(chain) = chains.remove(person) {
            lanes.entry(chain[0].action.operation()).or_default().push(chain);
        }
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|chain| turn(chain));
    }
    let mut lanes: Vec<_> = lanes.into_iter().collect();
    lanes.sort_by_key(|(_, lane)| lane.first().map(|chain| turn(chain)));
    lanes
}

/// When a chain starts: who loses something first, who has to wait for them last.
fn turn(chain: &[&Change]) -> u8 {
    let any = |which: fn(&Change) -> bool| chain.iter().any(|change| which(change));
    match (any(takes_away), any(gives_profiles)) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}
