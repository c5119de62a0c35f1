//! What an administrator has taken back for one person, so that the next ordinary run does not write it all again.
//!
//! A facet that was taken back is left alone as long as the rules want what was taken back. As soon as they want something
//! else, or somebody releases it, it is forgotten. A leaver who was given back is kept for a while only: see
//! [`UndoneLeave`].
//!
//! Invariant: what is remembered here never causes a change; it only holds back changes that would repeat one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;
use super::attribute::{AttributeSet, Facet};
use super::journal::RunId;
use super::reason::LeaveReason;

/// A wish that was carried out and taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneWish {
    /// The run that was taken back.
    pub run: RunId,
    /// When it was taken back.
    pub at: Time,
    /// What the rules wanted, sparse, as [`FacetUpdate::wished`](super::FacetUpdate::wished).
    pub wish: AttributeSet,
}

/// A leaver who was suspended or deleted, and was given back. Kept as long as the person is the same leaver, for at most
/// the configured time; then the ladder goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneLeave {
    /// The run that was taken back.
    pub run: RunId,
    /// When it was taken back.
    pub at: Time,
    /// Why the person was a leaver.
    pub why: LeaveReason,
    /// First seen as one.
    pub since: Time,
}

/// Everything that was taken back for one person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// By facet. Several wishes, where several runs were taken back one after the other.
    #[serde(default)]
    pub facets: BTreeMap<Facet, Vec<UndoneWish>>,
    /// The removal, if one was taken back.
    #[serde(default)]
    pub leaving: Option<UndoneLeave>,
}

impl Undone {
    /// Whether nothing is held back any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facets.is_empty() && self.leaving.is_none()
    }

    /// The entry that holds this wish back, if one does.
    #[must_use]
    pub fn holding(&self, facet: Facet, wish: &AttributeSet) -> Option<&UndoneWish> {
        self.facets.get(&facet)?.iter().find(|undone| undone.wish == *wish)
    }

    /// Holds a wish back. Taking the same run back again changes nothing.
    pub fn hold(&mut self, facet: Facet, undone: UndoneWish) {
        let wishes = self.facets.entry(facet).or_default();
        if !wishes.iter().any(|known| known.run == undone.run && known.wish == undone.wish) {
            wishes.push(undone);
        }
    }

    /// Holds a removal back. Taking the same run back again does not begin its time anew.
    pub fn hold_leave(&mut self, undone: UndoneLeave) {
        let same =
            |known: &UndoneLeave| (known.run, &known.why, known.since) == (undone.run, &undone.why, undone.since);
        if !self.leaving.as_ref().is_some_and(same) {
            self.leaving = Some(undone);
        }
    }

    /// Forgets what was taken back of one run for one facet.
    pub fn release_facet(&mut self, facet: Facet, run: RunId) {
        if let Some(wishes) = self.facets.get_mut(&facet) {
            wishes.retain(|undone| undone.run != run);
        }
        self.facets.retain(|_, wishes| !wishes.is_empty());
    }

    /// Forgets the removal that was taken back of one run.
    pub fn release_leave(&mut self, run: RunId) {
        self.leaving.take_if(|undone| undone.run == run);
    }

    /// Forgets everything that was taken back of one run.
    pub fn release(&mut self, run: RunId) {
        for facet in Facet::ALL {
            self.release_facet(facet, run);
        }
        self.release_leave(run);
    }

    /// Forgets what `kept` does not have.
    pub fn narrow(&mut self, kept: &Self) {
        for (facet, wishes) in &mut self.facets {
            wishes.retain(|undone| kept.facets.get(facet).is_some_and(|kept| kept.contains(undone)));
        }
        self.facets.retain(|_, wishes| !wishes.is_empty());
        self.leaving.take_if(|undone| kept.leaving.as_ref() != Some(undone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attribute, Value};

    fn run(number: u128) -> RunId {
        RunId(uuid::Uuid::from_u128(number))
    }

    fn at(day: u32) -> Time {
        format!("2026-03-{day:02}T00:00:00Z").parse().expect("a time")
    }

    fn wish(name: &str) -> AttributeSet {
        [(Attribute::LastName, Value::Text(name.to_owned()))].into_iter().collect()
    }

    fn undone(number: u128, name: &str, day: u32) -> UndoneWish {
        UndoneWish { run: run(number), at: at(day), wish: wish(name) }
    }

    #[test]
    fn a_wish_is_held_until_it_is_released() {
        let mut held = Undone::default();
        held.hold(Facet::Identity, undone(1, "a", 1));
        held.hold(Facet::Identity, undone(1, "a", 2));
        held.hold(Facet::Identity, undone(2, "b", 3));
        assert_eq!(held.facets[&Facet::Identity].len(), 2, "the same run twice is once");
        assert_eq!(held.holding(Facet::Identity, &wish("a")).map(|undone| undone.at), Some(at(1)));
        assert!(held.holding(Facet::Identity, &wish("b")).is_some());
        assert!(held.holding(Facet::Identity, &wish("c")).is_none());
        assert!(held.holding(Facet::Phone, &wish("a")).is_none());
        held.release(run(1));
        assert!(held.holding(Facet::Identity, &wish("a")).is_none());
        held.release(run(2));
        assert!(held.is_empty());
    }

    #[test]
    fn taking_a_removal_back_twice_does_not_lengthen_it() {
        let leave = |day| UndoneLeave { run: run(1), at: at(day), why: LeaveReason::Disabled, since: at(1) };
        let mut held = Undone::default();
        held.hold_leave(leave(2));
        held.hold_leave(leave(5));
        assert_eq!(held.leaving.as_ref().map(|undone| undone.at), Some(at(2)));
        held.hold_leave(UndoneLeave { run: run(2), ..leave(6) });
        assert_eq!(held.leaving.as_ref().map(|undone| undone.at), Some(at(6)), "another run is another matter");
    }

    #[test]
    fn narrowing_never_adds() {
        let mut stored = Undone::default();
        stored.hold(Facet::Identity, undone(1, "a", 1));
        let mut kept = stored.clone();
        kept.hold(Facet::Phone, undone(1, "b", 1));
        stored.narrow(&kept);
        assert_eq!(stored.facets.len(), 1);
        stored.narrow(&Undone::default());
        assert!(stored.is_empty());
    }
}
