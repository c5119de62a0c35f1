//! Re-hires: the same human under a new directory id, and the user that the former id leaves behind.
//!
//! Invariant: only a former record that is proven gone gives anything up; what is enough to delete the user of a leaver is
//! enough to keep it for whoever has the name now.

use std::collections::HashMap;

use connectors::Standing;

use super::{By, Claim, Work};
use crate::planner::leaver::Presence;

/// Whether a former record of a human is gone for good.
enum Former {
    Gone,
    /// Somebody has to ask for it before anything follows from its silence.
    Overtaken,
    /// It may come back, or its directory is another one.
    Kept,
}

impl Work<'_, '_> {
    /// Same username, new directory id, and the old id is proven gone: the user goes to the new one.
    pub(super) fn rehire(&mut self) {
        let holders = self.holders();
        for at in 0..self.people.len() {
            let (Claim::Nobody, Some(name)) = (&self.claims[at], self.folded(at)) else { continue };
            let Some([user]) = self.by_username.get(&name).map(Vec::as_slice) else { continue };
            let Some(&holder) = holders.get(&user.id) else { continue };
            match self.former(holder, at) {
                Former::Gone if matches!(self.claims[holder], Claim::Mine { .. }) => {
                    self.claims[at] = Claim::Mine { user, by: By::Rehire(self.people[holder].key()) };
                    self.claims[holder] = Claim::Nobody;
                }
                Former::Overtaken => _ = self.overtaken.insert(self.people[holder].key()),
                Former::Gone | Former::Kept => {}
            }
        }
    }

    /// Two records remember one user that has no mark any more, and all but one are proven gone: it is that one's. An old
    /// state file remembers whose the user was before a re-hire.
    pub(super) fn outlive(&mut self) {
        let mut linked = HashMap::<_, Vec<usize>>::new();
        for (at, claim) in self.claims.iter().enumerate() {
            if let Claim::Mine { user, by: By::Link } = claim {
                linked.entry(&user.id).or_default().push(at);
            }
        }
        for people in linked.into_values().filter(|people| people.len() > 1) {
            let here = |at: &usize| matches!(self.people[*at].presence, Presence::Here) && self.humans.acts(*at);
            let (here, others): (Vec<usize>, Vec<usize>) = people.into_iter().partition(here);
            let [survivor] = here[..] else { continue };
            if others.iter().all(|former| matches!(self.former(*former, survivor), Former::Gone)) {
                others.into_iter().for_each(|former| self.claims[former] = Claim::Nobody);
            }
        }
    }

    fn former(&self, former: usize, now: usize) -> Former {
        let acts = self.humans.acts(former);
        let (former, now) = (&self.people[former], &self.people[now]);
        if !matches!(former.presence, Presence::Gone(_)) || !acts {
            return Former::Kept;
        }
        // What another directory may still restore, or find again, is no former record of this one.
        let same_source = former.key().source == now.key().source;
        match former.user.standing {
            Standing::Deleted => Former::Gone,
            Standing::SoftDeleted | Standing::MissingConfirmed if same_source => Former::Gone,
            Standing::Active | Standing::Disabled | Standing::MissingUnconfirmed if same_source => Former::Overtaken,
            _ => Former::Kept,
        }
    }
}
