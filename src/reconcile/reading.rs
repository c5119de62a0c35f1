//! Reads details of existing users, as far as a plan needs them: one call each, so an instance that had users before takes
//! minutes.
//!
//! ```text
//! the guard lets through what needs no details  → a portion, then the run goes on; the next run reads the next portion
//! nothing can be weighed before more is read    → portion after portion, as long as a run of the schedule may take for it
//! a person waits at the terminal                → everything that is needed, unless somebody is to lose access now
//! ```
//!
//! Invariant: what is read is kept at once, [`AT_ONCE`] users at a time: whenever the process ends, only those that were
//! just being read are read again.
//! Invariant: one who cannot be read stops nobody else: leavers lose their access all the same, and once nobody but such is
//! left unread, the plan is weighed without them.
//! Invariant: nobody is read twice in a run, a run stops reading when it is asked to, and no run reads for ever.
//! Deliberately absent: whether a plan can be weighed ([`known_part`]), and whom it needs to know
//! ([`Details`](crate::model::Details)).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::look::Looker;
use super::progress::Progress;
use super::wanted::is_wanted;
use super::{Order, Run, RunError};
use crate::model::{ConnectUserId, Disposition, Look, Observation, Plan, Reason, Target, Trigger};
use crate::planner::guard::{known_part, without_unread};

/// Users that are read while others wait for the run: a minute of calls at the documented quota.
pub(super) const PORTION: usize = 100;
/// Users that are read together and then kept.
const AT_ONCE: usize = 10;
/// How long a run of the schedule reads while its plan cannot be weighed: whoever asks for a run meanwhile waits for it.
const BY_THE_CLOCK: Duration = Duration::from_secs(10 * 60);
/// How long a run by hand reads; half of what a run may take before its plan is made.
const BY_HAND: Duration = Duration::from_secs(3 * 60 * 60);

/// How far a run may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// One portion.
    Portion,
    /// For so long.
    For(Duration),
}

/// What one run reads.
pub(super) struct Reading<'a, T> {
    run: &'a Run<'a, T>,
    asked: BTreeSet<ConnectUserId>,
    /// Those of them that could not be read.
    failed: BTreeSet<ConnectUserId>,
    /// Whether Connect answers for nobody: no more is read in this run.
    rests: bool,
    /// When the first user was asked for, in milliseconds of the run's clock.
    since: Option<u64>,
}

impl<'a, T: Target> Reading<'a, T> {
    /// Nothing is read yet.
    pub(super) fn new(run: &'a Run<'a, T>) -> Self {
        Self { run, asked: BTreeSet::new(), failed: BTreeSet::new(), rests: false, since: None }
    }

    /// Reads the next portion that this plan needs; whether anything was learned that it should be made again for.
    pub(super) async fn read_on(
        &mut self,
        looker: &mut Looker<'_, T>,
        plan: &Plan,
        seen: &mut Observation,
    ) -> Result<bool, RunError> {
        let wanted = self.wanted(plan, seen);
        if wanted.is_empty() || self.rests {
            return Ok(false);
        }
        let Some(until) = self.until(plan) else { return Ok(false) };
        let mut read = 0;
        for some in wanted.chunks(AT_ONCE) {
            if self.rests || *self.run.stop.borrow() || self.run.clock.millis() >= until {
                break;
            }
            self.read(looker, some.iter().cloned().collect(), seen).await?;
            read += some.len();
            let left = u32::try_from(plan.details.unread.len() - read).unwrap_or(u32::MAX);
            self.run.watch.tell(Progress::Details {
                read: plan.details.existing.saturating_sub(left),
                of: plan.details.existing,
            });
        }
        Ok(read > 0)
    }

    /// The plan without those who alone are left unread because they cannot be read: they wait for the next run, and nobody
    /// waits for them.
    pub(super) fn without_unreadable(&self, plan: Plan) -> Plan {
        let unread = &plan.details.unread;
        if unread.is_empty() || !unread.keys().all(|id| self.failed.contains(id)) {
            return plan;
        }
        without_unread(plan)
    }

    /// Whom to read next.
    fn wanted(&self, plan: &Plan, seen: &Observation) -> Vec<ConnectUserId> {
        let name = |id| seen.connect.users.get(id).map_or("", |user| &user.username);
        let unread = plan.details.unread.iter().filter(|(id, _)| !self.asked.contains(*id));
        let wanted = unread.filter(|(id, unread)| is_wanted(self.run.order, seen, &unread.person, name(id)));
        wanted.map(|(id, _)| id.clone()).take(PORTION).collect()
    }

    /// Until when this portion may be read; `None` if there was enough of it.
    fn until(&mut self, plan: &Plan) -> Option<u64> {
        let (part, not_yet) = known_part(plan.clone(), &self.run.centre.limits);
        let leaves =
            not_yet.is_none() && part.changes.iter().any(|change| matches!(change.because, Reason::Left { .. }));
        let patience = patience(self.run.order, not_yet.is_some(), leaves);
        let first = self.since.is_none();
        let since = *self.since.get_or_insert(self.run.clock.millis());
        match patience {
            Patience::Portion => first.then_some(u64::MAX),
            Patience::For(time) => Some(since.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))),
        }
    }

    async fn read(
        &mut self,
        looker: &mut Looker<'_, T>,
        ids: BTreeSet<ConnectUserId>,
        seen: &mut Observation,
    ) -> Result<(), RunError> {
        self.asked.extend(ids.iter().cloned());
        if !looker.looked() {
            // The names may have changed since the last look.
            let look = Look::These { ids, usernames: BTreeSet::new() };
            seen.connect = looker.look(&look, Some(&seen.connect)).await?;
            return Ok(());
        }
        let centre = self.run.centre;
        let read = match centre.target.details(&ids, &seen.connect).await {
            Ok(read) => read,
            Err(error) if error.disposition == Disposition::Misconfigured => return Err(error.into()),
            Err(error) => {
                tracing::warn!(hint = error.hint, "details of existing users cannot be read now: {error}");
                self.rests = true;
                BTreeMap::new()
            }
        };
        self.failed.extend(ids.iter().filter(|id| !read.contains_key(*id)).cloned());
        centre.store.save_details(self.run.lease, &read).await?;
        looker.saw(ids);
        for (id, user) in read {
            match user {
                Some(user) => seen.connect.users.insert(id, user),
                None => seen.connect.users.remove(&id),
            };
        }
        Ok(())
    }
}

/// How far a run may read; `not_yet`: whether its plan cannot be weighed before; `leaves`: whether somebody may lose their
/// access before.
fn patience(order: &Order, not_yet: bool, leaves: bool) -> Patience {
    let by_hand = matches!(order.trigger, Trigger::Hand | Trigger::Undo);
    if leaves && !order.rehearse {
        // Nobody keeps access for as long as reading takes.
        Patience::Portion
    } else if by_hand && (!order.rehearse || order.full || order.user.is_some()) {
        Patience::For(BY_HAND)
    } else if !by_hand && not_yet {
        Patience::For(BY_THE_CLOCK)
    } else {
        Patience::Portion
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    #[test]
    fn who_waits_at_a_terminal_gets_everything_and_the_clock_what_it_needs() {
        let of = |trigger, rehearse, full, not_yet| {
            let order = Order { rehearse, full, ..Order::new(RunId(uuid::Uuid::nil()), trigger) };
            patience(&order, not_yet, false)
        };
        for not_yet in [false, true] {
            assert_eq!(of(Trigger::Hand, false, false, not_yet), Patience::For(BY_HAND), "sync now");
            assert_eq!(of(Trigger::Hand, true, false, not_yet), Patience::Portion, "plan");
            assert_eq!(of(Trigger::Hand, true, true, not_yet), Patience::For(BY_HAND), "plan --full");
            assert_eq!(of(Trigger::Undo, false, false, not_yet), Patience::For(BY_HAND), "undo");
        }
        let order = Order::new(RunId(uuid::Uuid::nil()), Trigger::Hand);
        assert_eq!(patience(&order, false, true), Patience::Portion, "somebody is to lose access now");
        assert_eq!(of(Trigger::Schedule, false, false, false), Patience::Portion);
        assert_eq!(of(Trigger::Schedule, false, false, true), Patience::For(BY_THE_CLOCK));
    }
}
