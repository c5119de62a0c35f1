//! Takes a run back: reads what it did from the ledger, looks at everybody it touched, plans what gives it back.
//!
//! From there on it is a run like others: guard, lease, ledger, report. What was taken back is remembered before the first
//! change, so that whenever the process ends, no ordinary run writes it all again; taking the run back once more does the
//! rest.
//!
//! Invariant: nothing is planned on an old look, and no directory is asked.
//! Deliberately absent: what is given back and what is left alone (see [`crate::planner::undo`]).

use std::collections::{BTreeMap, BTreeSet};

use connectors::SourceName;

use super::look::Looker;
use super::reading::Reading;
use super::{Run, RunError};
use crate::model::{Action, Finding, JournalEntry, Observation, Plan, RunId, Target};
use crate::planner::guard::Refusal;
use crate::planner::undo::{Taken, undo};
use crate::store::StoreError;

/// The plan that takes a run back, and what it was made on.
pub(super) async fn plan<T: Target>(run: &Run<'_, T>, which: RunId) -> Result<(Observation, Plan), RunError> {
    let store = &run.centre.store;
    let mut looker = Looker::new(run);
    // Settles what is in doubt, so that the ledger says what the run did.
    let connect = looker.first_look().await?;
    let taken = taken(run, which).await?;
    let configured: Vec<SourceName> = run.centre.sources.iter().map(|source| source.name().clone()).collect();
    let mut seen = Observation {
        at: run.clock.now(),
        directory: store.directory_view(&BTreeMap::new(), &configured).await?,
        connect,
        memory: store.memory().await?,
        undone: store.undone().await?,
        // Somebody asks for it by hand: everything is tried.
        retries: BTreeMap::new(),
        trial: None,
        config_changed: false,
    };
    let (mut ids, usernames) = touched(&taken);
    ids.retain(|id| seen.connect.users.contains_key(id));
    if !(looker.saw_everybody() || ids.is_empty() && usernames.is_empty()) {
        let look = T::cheapest(ids, usernames, seen.connect.users.len());
        seen.connect = looker.look(&look, Some(&seen.connect)).await?;
    }
    let made = |seen: &Observation| undo(seen, &run.centre.rules, &taken, &|operation| run.quota(operation));
    let mut plan = made(&seen);
    // As many as the run wrote, so the run's own length bounds it.
    let mut reading = Reading::new(run);
    while reading.read_on(&mut looker, &plan, &mut seen).await? {
        plan = made(&seen);
    }
    Ok((seen, plan))
}

async fn taken<T: Target>(run: &Run<'_, T>, which: RunId) -> Result<Taken, StoreError> {
    let store = &run.centre.store;
    let row = store.runs_like(&which.to_string(), 1).await?.into_iter().next();
    let row = row.ok_or_else(|| StoreError::Unknown { what: format!("run {which}") })?;
    let changes = store.run_changes(which).await?;
    Ok(Taken {
        run: which,
        started: row.started,
        changes: changes.into_iter().map(|(change, outcome, _)| (change, outcome)).collect(),
        later: store.written_after(which).await?,
    })
}

/// The users that the run wrote, and the usernames it set free.
fn touched(taken: &Taken) -> (BTreeSet<crate::model::ConnectUserId>, BTreeSet<String>) {
    let (mut ids, mut usernames) = (BTreeSet::new(), BTreeSet::new());
    for change in taken.done().into_values().flatten() {
        match (&change.action, &change.connect) {
            (Action::Delete { username, .. }, _) => {
                usernames.insert(username.clone());
            }
            (Action::Update(_), Some(id)) => {
                ids.insert(id.clone());
            }
            _ => {}
        }
    }
    (ids, usernames)
}

/// Tells the journal that the guard refused to take the run back.
pub(super) async fn refused<T: Target>(run: &Run<'_, T>, refusal: &Refusal) -> Result<(), StoreError> {
    let Refusal { digest, message, .. } = refusal;
    let entry = JournalEntry::Refused { run: run.order.run, digest: digest.clone(), message: message.clone() };
    run.centre.store.append(run.lease, &[entry], run.clock.now()).await
}

/// What must be known before the first change: what ordinary runs leave alone from now on, and what is not given back.
pub(super) async fn remember<T: Target>(run: &Run<'_, T>, plan: &Plan) -> Result<(), StoreError> {
    let Run { centre, lease, order, clock, .. } = run;
    centre.store.set_undone(lease, &plan.undone).await?;
    let told = |finding: &Finding| JournalEntry::Finding { run: order.run, finding: finding.clone() };
    let entries: Vec<JournalEntry> = plan.findings.iter().map(told).collect();
    centre.store.append(lease, &entries, clock.now()).await
}
