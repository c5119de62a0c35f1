//! The port to the system that is kept in agreement.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use tokio::sync::watch;

use super::Time;
use super::inventory::Inventory;
use super::outcome::{CallError, Done};
use super::plan::Change;
use super::user::{ConnectUser, ConnectUserId};

/// Asks whoever works to stop: what is in flight finishes, nothing new starts.
pub type Stop = watch::Receiver<bool>;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Everybody, by pages.
    Everybody,
    /// Some: these ids in every detail, and whoever has one of these usernames.
    These {
        /// By id, each a detail read.
        ids: BTreeSet<ConnectUserId>,
        /// By username, many in one search.
        usernames: BTreeSet<String>,
    },
}

/// The system that is kept in agreement. Implemented by `connect` for Amazon Connect; the planner never sees it.
///
/// Invariant: every attempt passes the quota and is counted; throttling is waited out inside.
pub trait Target: Send + Sync {
    /// Looks. `last` is the remembered inventory: a whole look takes from it the details that have provably not changed
    /// (by modification time), a partial one is merged into it. With `quick_connects`, those that point to users come
    /// along (a look before deletes).
    ///
    /// # Errors
    /// If anything that was asked for could not be read to its end; nothing may be concluded then.
    fn inventory(
        &self,
        look: &Look,
        quick_connects: bool,
        last: Option<&Inventory>,
        at: Time,
    ) -> impl Future<Output = Result<Inventory, CallError>> + Send;

    /// Reads these users in every detail, and nothing else of the instance; `None` for those that do not exist (any more).
    /// Who cannot be read now is left out.
    /// `last` is a look of the same run: it knows the names.
    ///
    /// # Errors
    /// If none of them could be read.
    fn details(
        &self,
        ids: &BTreeSet<ConnectUserId>,
        last: &Inventory,
    ) -> impl Future<Output = Result<BTreeMap<ConnectUserId, Option<ConnectUser>>, CallError>> + Send;

    /// Tells when we last wrote to whom (by the ledger), for the looks that follow: a modification time beside our own
    /// write is our own write.
    fn set_own_writes(&self, writes: BTreeMap<ConnectUserId, Time>);

    /// The look at these users that takes the fewest calls: one by one, or everybody by pages. `users` is how many the
    /// instance is known to have.
    fn cheapest(ids: BTreeSet<ConnectUserId>, usernames: BTreeSet<String>, users: usize) -> Look;

    /// Makes one change with one call (and further attempts while throttled). Who waits for quota when a stop is asked for
    /// sends nothing ([`Disposition::NotSent`](super::outcome::Disposition::NotSent)); what is sent comes to its end.
    ///
    /// # Errors
    /// With the disposition that says what it means for the run.
    fn perform(&self, change: &Change, stop: &Stop) -> impl Future<Output = Result<Done, CallError>> + Send;
}
