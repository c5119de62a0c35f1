//! What the state file means: the plan that would be made of it, who is where, what the rules cover. Derived once for each
//! state of the file, kept in memory, and shared by every page.
//!
//! ```text
//! mark differs from the last one → read everything, plan, index → swap
//! ```
//!
//! Invariant: one derivation at a time, and at most two of them in memory: the one that is shown and the one that is made.
//! Invariant: a page never waits longer than [`Centre::patience`] for a newer one while there is an older one to show.
//! Deliberately absent: everything remote, and every write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use connectors::{AttributeName, PersonKey, SourceName};
use tokio::sync::watch;

use super::check::CheckNow;
use super::index::{Given, Index};
use super::parts::Parts;
use super::planned::Planned;
use super::today::first_day;
use crate::model::{Observation, Operation, Plan, Stakes, Time};
use crate::planner::guard::{self, NotYet, Refusal, Verdict};
use crate::planner::rules::{Limits, Rules};
use crate::planner::{self, Coverage};
use crate::serve::Handle;
use crate::store::{DayCount, Mark, Store, StoreError};

/// [`Centre::patience`] of a service: small contact centres are always told the newest, in large ones nobody waits.
pub const PATIENCE: Duration = Duration::from_millis(40);

/// The name of the setting that says by which rules was planned last.
const RULES_DIGEST: &str = "rules_digest";

/// Calls a second and burst of an operation.
pub type QuotaOf = Arc<dyn Fn(Operation) -> (f64, u32) + Send + Sync>;
/// The remote's own name of an attribute of a source.
pub type FieldNames = Arc<dyn Fn(&SourceName, &AttributeName) -> String + Send + Sync>;

/// One contact centre as the console sees it: a state file, and the rules as values.
#[derive(Clone)]
pub struct Centre {
    /// Its name; a part of every address.
    pub name: String,
    /// Where pages look. A handle of its own, so that looking never waits for a run.
    pub look: Store,
    /// Where sessions, approvals and the audit are written.
    pub keep: Store,
    /// What decides what a person gets.
    pub rules: Rules,
    /// Digest of the rules, to notice a changed configuration.
    pub rules_digest: String,
    /// What the guard allows.
    pub limits: Limits,
    /// How long a page waits for what is newer than what it has.
    pub patience: Duration,
    /// For the forecast.
    pub quota: QuotaOf,
    /// For the page of a person.
    pub field_of: FieldNames,
    /// The service that keeps it in agreement: what is asked for here is done there. Absent: pages only show.
    pub service: Option<Handle>,
    /// What the configuration says beyond the rules.
    pub parts: Parts,
    /// Looks at every part when somebody asks for it; absent: nobody can.
    pub check: Option<CheckNow>,
}

impl std::fmt::Debug for Centre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Centre({})", self.name)
    }
}

impl Centre {
    pub(super) fn sources(&self) -> Vec<SourceName> {
        self.rules.sources.iter().map(|source| source.name.clone()).collect()
    }
}

/// Somebody who would receive privileged profiles.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) person: PersonKey,
    pub(super) label: String,
    /// Which.
    pub(super) profiles: String,
}

/// What was derived from one state of the file.
#[derive(Debug)]
pub(super) struct Known {
    mark: Mark,
    /// The plan that would be made now.
    pub(super) plan: Plan,
    /// What an approval of it would name.
    pub(super) digest: String,
    /// What the guard says against it, if it does.
    pub(super) refusal: Option<Refusal>,
    /// Why the guard cannot say anything yet, if that is so.
    pub(super) not_yet: Option<NotYet>,
    /// Who would receive a privileged profile.
    pub(super) raised: Vec<Raised>,
    pub(super) coverage: Coverage,
    pub(super) index: Index,
    /// What the plan says about whom, to be searched.
    pub(super) planned: Planned,
    /// To how many people something happened in the last days.
    pub(super) days: Vec<DayCount>,
    /// Sources that could not be read in the last run, and why.
    pub(super) frozen: BTreeMap<SourceName, String>,
    /// The records of everybody who has several.
    several: Vec<BTreeSet<PersonKey>>,
}

impl Known {
    /// All records of the human of this one.
    pub(super) fn records(&self, person: &PersonKey) -> BTreeSet<PersonKey> {
        let several = self.several.iter().find(|records| records.contains(person));
        several.cloned().unwrap_or_else(|| BTreeSet::from([person.clone()]))
    }
}

/// What is known now.
#[derive(Debug, Clone, Default)]
struct State {
    known: Option<Arc<Known>>,
    /// The mark for which there was nothing to derive: Connect was never looked at.
    nothing_at: Option<Mark>,
    busy: bool,
    /// Why the last derivation failed.
    failed: Option<Unknown>,
}

/// What is known of one contact centre, kept up to date when it is asked for.
#[derive(Debug)]
pub(super) struct Cache {
    centre: Arc<Centre>,
    state: watch::Sender<State>,
}

/// Nothing can be told.
#[derive(Debug, Clone)]
pub(super) enum Unknown {
    /// Connect was never looked at.
    NotLooked,
    /// The state file cannot be read.
    Unreadable(Arc<StoreError>),
    /// The derivation ended early; a fault of ours.
    Broken,
}

impl From<StoreError> for Unknown {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}

impl Cache {
    pub(super) fn new(centre: Arc<Centre>) -> Self {
        Self { centre, state: watch::Sender::default() }
    }

    /// What the state file means now, however long that takes.
    pub(super) async fn newest(&self, now: Time) -> Result<Arc<Known>, Unknown> {
        loop {
            let mark = self.centre.look.mark().await?;
            if let Some(known) = self.current(mark)? {
                return Ok(known);
            }
            self.derive(mark, now);
            let done = self.state.subscribe().wait_for(|state| !state.busy).await.is_ok();
            if let Some(failed) = self.state.borrow().failed.clone() {
                return Err(failed);
            }
            if !done {
                return Err(Unknown::Broken);
            }
        }
    }

    /// The newest that can be had without much waiting.
    pub(super) async fn known(&self, now: Time) -> Result<Arc<Known>, Unknown> {
        let mark = self.centre.look.mark().await?;
        // What is under way may be of an older state of the file; then it is derived once more.
        for _ in 0..2 {
            if let Some(known) = self.current(mark)? {
                return Ok(known);
            }
            self.derive(mark, now);
            if !self.rested().await {
                break;
            }
            if let Some(failed) = self.state.borrow().failed.clone() {
                return Err(failed);
            }
        }
        self.state.borrow().known.clone().ok_or(Unknown::NotLooked)
    }

    /// Waits for what is under way: as long as it takes if there is nothing to show, else not for long. Whether it is done.
    async fn rested(&self) -> bool {
        let mut state = self.state.subscribe();
        let older = state.borrow().known.is_some();
        let done = state.wait_for(|state| !state.busy);
        if older { tokio::time::timeout(self.centre.patience, done).await.is_ok() } else { done.await.is_ok() }
    }

    fn current(&self, mark: Mark) -> Result<Option<Arc<Known>>, Unknown> {
        let state = self.state.borrow();
        if state.nothing_at == Some(mark) {
            return Err(Unknown::NotLooked);
        }
        Ok(state.known.clone().filter(|known| known.mark == mark))
    }

    /// Derives in the background, unless that is under way.
    fn derive(&self, mark: Mark, now: Time) {
        let begun = self.state.send_if_modified(|state| !std::mem::replace(&mut state.busy, true));
        if !begun {
            return;
        }
        let (centre, state) = (self.centre.clone(), self.state.clone());
        tokio::spawn(async move {
            let derived = derive(&centre, mark, now).await;
            state.send_modify(|state| {
                state.busy = false;
                state.failed = None;
                match derived {
                    Ok(Some(known)) => state.known = Some(Arc::new(known)),
                    Ok(None) => state.nothing_at = Some(mark),
                    Err(failed) => state.failed = Some(failed),
                }
            });
        });
    }
}

async fn derive(centre: &Arc<Centre>, mark: Mark, now: Time) -> Result<Option<Known>, Unknown> {
    let Some((seen, frozen)) = observed(centre, now).await? else { return Ok(None) };
    let days = centre.look.days(first_day(now)).await?;
    let centre = centre.clone();
    // Some hundred milliseconds of pure work with many people: not on a thread that answers.
    let work = tokio::task::spawn_blocking(move || conclude(&centre, seen, mark, frozen, days));
    work.await.map(Some).map_err(|_| Unknown::Broken)
}

/// What a plan would be made of now, and why which sources stand still; `None` if Connect was never looked at.
pub(super) async fn observed(
    centre: &Centre,
    now: Time,
) -> Result<Option<(Observation, BTreeMap<SourceName, String>)>, StoreError> {
    let store = &centre.look;
    let Some(connect) = store.inventory().await? else { return Ok(None) };
    let frozen = frozen(store).await?;
    let before = store.meta_get(RULES_DIGEST).await?;
    let seen = Observation {
        at: now,
        directory: store.directory_view(&frozen, &centre.sources()).await?,
        connect,
        memory: store.memory().await?,
        undone: store.undone().await?,
        retries: store.retries().await?,
        trial: None,
        config_changed: before.is_some_and(|before| before != centre.rules_digest),
    };
    Ok(Some((seen, frozen)))
}

/// Sources that the last run could not read. It said so in its summary.
pub(super) async fn frozen(store: &Store) -> Result<BTreeMap<SourceName, String>, StoreError> {
    let last = store.runs(2).await?.into_iter().find_map(|run| run.summary);
    let frozen = last.map(|summary| summary.frozen).unwrap_or_default();
    Ok(frozen.into_iter().map(|(source, why)| (source, why.message)).collect())
}

fn conclude(
    centre: &Centre,
    seen: Observation,
    mark: Mark,
    frozen: BTreeMap<SourceName, String>,
    days: Vec<DayCount>,
) -> Known {
    let Centre { rules, limits, quota, .. } = centre;
    let plan = planner::plan(&seen, rules, &|operation| quota(operation));
    let (mut plan, not_yet) = guard::known_part(plan, limits);
    if not_yet.is_none() {
        plan.forecast = planner::forecast(&plan.changes, &|operation| quota(operation));
    }
    let digest = guard::digest(&plan, limits);
    let mut profiles = guard::raised(&plan, limits);
    let raised: Vec<Raised> = (plan.changes.iter())
        .filter_map(|change| {
            let profiles = profiles.remove(&change.person)?;
            Some(Raised { person: change.person.clone(), label: change.label.clone(), profiles })
        })
        .collect();
    let (mut plan, refusal) = match guard::review(plan, limits, None, seen.at) {
        Verdict::Approved(approved) => (approved.into_plan(), None),
        Verdict::NotYet(plan, _) => (*plan, None),
        Verdict::Refused(plan, refusal) => (*plan, Some(refusal)),
    };
    let mut given = Given::default();
    let coverage = planner::coverage_with(&seen, rules, &mut |covered| given.take(covered));
    let index = Index::of(&seen, &plan, given, &rules.fields);
    let planned = Planned::of(&plan, &raised, &index, seen.at);
    let several = planner::several_records(&seen, rules);
    // What only a run needs is not kept.
    plan.agreed.clear();
    plan.leaving.clear();
    plan.undone.clear();
    plan.stakes = Stakes::default();
    Known { mark, plan, digest, refusal, not_yet, raised, coverage, index, planned, days, frozen, several }
}
