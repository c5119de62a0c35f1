//! What a point read says about people: the answer to "are they really gone?".
//!
//! Invariant: an explicit answer outweighs every listing.
//! Invariant: one person who is there after all voids what listings said about everybody else who is missing: a listing that
//! was wrong about some is no witness about the others, now or when it comes again.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{ExternalId, Presence, Scope, SourceName, Standing};

use super::Store;
use super::error::StoreError;
use super::person::{Draft, Person, in_scope};
use super::step::Step;
use crate::model::Time;

/// What the answers showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfirmOutcome {
    /// People a listing did not have and the directory knows as active and in scope: that listing was wrong. They are
    /// restored.
    pub contradicted: Vec<ExternalId>,
    /// People who are gone by the directory's own word.
    pub gone: u32,
    /// People about whom the answers prove nothing, and why; they are held.
    pub unproven: Vec<(ExternalId, String)>,
}

impl Store {
    /// Stores what the directory said about single people. Whoever is gone is marked deleted; whoever is here gets the
    /// record just read. Ids that were not stored before (known by an owner tag only) are added either way.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn confirm(
        &self,
        source: &SourceName,
        answers: &BTreeMap<ExternalId, Presence>,
        at: Time,
    ) -> Result<ConfirmOutcome, StoreError> {
        let mut writer = self.writer().await?;
        let mut tx = writer.begin().await?;
        let mut step = Step::start(&mut tx, source, at).await?;
        let scope = step.scope.take();
        let asked: BTreeSet<&ExternalId> = answers.keys().collect();
        let mut drafts = step.load(&mut tx, Some(&asked)).await?;
        let mut outcome = ConfirmOutcome::default();
        for (id, draft) in &mut drafts {
            draft.keep();
            match answers.get(id) {
                Some(Presence::Gone) => {
                    outcome.gone += 1;
                    bury(draft);
                }
                Some(Presence::Here { record, groups }) => {
                    let was_missing = draft.old.as_ref().is_some_and(Person::is_missing);
                    let listed_wrongly = match (&scope, groups) {
                        (Some(Scope::Everybody), _) => true,
                        // Whoever came back since is in a group of the scope by what is stored, too.
                        (Some(scope @ Scope::Groups(_)), Some(groups)) => {
                            in_scope(Some(scope), groups) && !in_scope(Some(scope), &draft.before)
                        }
                        (Some(Scope::Groups(_)), None) | (None, _) => false,
                    };
                    if was_missing && listed_wrongly && record.standing == Standing::Active {
                        outcome.contradicted.push(id.clone());
                    }
                    draft.new = Some(Person::of(record)?);
                    if let Some(groups) = groups {
                        draft.after = groups.iter().map(|group| step.names.id(group.as_str())).collect();
                    }
                }
                Some(Presence::Unproven(why)) => {
                    outcome.unproven.push((id.clone(), why.clone()));
                    if let Some(person) = &mut draft.new {
                        person.doubt();
                    }
                }
                Some(Presence::Unreadable(why)) => draft.garble(why),
                None => {}
            }
        }
        step.write(&mut tx, drafts, (scope.as_ref(), scope.as_ref())).await?;
        if !outcome.contradicted.is_empty() {
            step.void_absences(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Gone, with the last known attributes: a report still wants to say who it was.
fn bury(draft: &mut Draft) {
    let attributes = draft.old.as_ref().map(|old| old.attributes.clone());
    let mut person = Person::stub(Standing::Deleted);
    if let Some(attributes) = attributes {
        person.attributes = attributes;
    }
    draft.new = Some(person);
}
