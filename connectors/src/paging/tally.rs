//! What the pages of a listing add up to: distinct ids against the totals the server gave.
//!
//! A total counts as a witness only when it was once greater than the page it came with: some servers write the size of
//! the page there. Without such a witness pages prove nothing alone, because people may have shifted between them; a
//! second reading that shows exactly the same ids does.
//!
//! Invariant: whatever does not add up is a [`Doubt`], never an end.

use std::collections::HashSet;

use super::last_page_seen;
use crate::directory::{ExternalId, LastPageSeen};

/// Figures at which servers stop counting are multiples of this.
const ROUND: u64 = 50;

/// One page, as received.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    /// The ids of its records, in order, as often as they came.
    pub ids: &'a [ExternalId],
    /// `totalResults`, if the page says it.
    pub total: Option<u64>,
}

/// Why a listing that came to its end is not known to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A page brought nobody new: the server does not page.
    NotPaging {
        /// The page, counted from 1.
        page: u32,
    },
    /// The listing holds more or fewer records than the server says it has.
    Miscounted {
        /// Distinct ids that came.
        distinct: u64,
        /// The server's figure.
        total: u64,
    },
    /// The server's figure changed on the way: people were added or removed, and others shifted.
    Moved,
    /// Pages overlapped, and no figure says whether anybody fell between two of them.
    Overlapping,
    /// No figure that could be trusted.
    Unwitnessed,
}

/// How a walk ended.
#[derive(Debug)]
pub enum Verdict {
    /// Everybody was listed.
    Whole(LastPageSeen),
    /// Perhaps not.
    Doubtful(Doubt),
}

/// The end of a walk.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub verdict: Verdict,
    /// The distinct ids that came.
    pub ids: HashSet<ExternalId>,
    /// The server's last figure, if it was shown to be one of the whole listing.
    pub total: Option<u64>,
    /// The most records one page had.
    pub largest: u64,
    /// Whether anybody came more than once.
    pub overlapped: bool,
    /// How many pages there were.
    pub pages: u32,
}

/// Two readings without a trusted figure, of which each went to its end page by page: if they show the same ids, that is
/// everybody. Pages that overlap are no witness: whoever skips records does so twice.
#[must_use]
pub fn agreed(one: &Ended, other: &Ended) -> Option<LastPageSeen> {
    let to_the_end = |ended: &Ended| matches!(ended.verdict, Verdict::Doubtful(Doubt::Unwitnessed) | Verdict::Whole(_));
    (to_the_end(one) && to_the_end(other) && one.ids == other.ids).then(last_page_seen)
}

/// Two readings to the end of a listing that moved meanwhile: people were added or removed, as on any large server at work.
/// Together they show as many as the server's last figure says. Somebody may still have slipped through both, so silence
/// about a person proves nothing.
#[must_use]
pub fn moving(one: &Ended, other: &Ended) -> Option<LastPageSeen> {
    let moved = |ended: &Ended| matches!(ended.verdict, Verdict::Doubtful(Doubt::Moved));
    let to_the_end =
        |ended: &Ended| matches!(ended.verdict, Verdict::Doubtful(Doubt::Moved | Doubt::Miscounted { .. }));
    let counted = other.total.is_some_and(|total| count(one.ids.union(&other.ids).count()) >= total);
    let steady = !one.overlapped && !other.overlapped;
    let fits = (moved(one) || moved(other)) && to_the_end(one) && to_the_end(other);
    (fits && counted && steady).then(last_page_seen)
}

/// The sums of a walk so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ids: HashSet<ExternalId>,
    pages: u32,
    largest: u64,
    total: Option<u64>,
    witnessed: bool,
    moved: bool,
    overlap: bool,
}

/// What one page added.
pub(super) struct Added {
    pub(super) received: u64,
    pub(super) fresh: u64,
}

fn count(of: usize) -> u64 {
    of.try_into().unwrap_or(u64::MAX)
}

impl Tally {
    pub(super) fn add(&mut self, sheet: Sheet<'_>) -> Added {
        let Sheet { ids, total } = sheet;
        let received = count(ids.len());
        let before = self.distinct();
        self.ids.extend(ids.iter().cloned());
        let fresh = self.distinct() - before;
        self.pages += 1;
        self.largest = self.largest.max(received);
        self.overlap |= fresh < received;
        // Some servers say 0 beyond the end; that is about the page.
        if let Some(total) = total.filter(|total| received > 0 || *total > 0) {
            self.moved |= self.total.is_some_and(|before| before != total);
            self.witnessed |= total > received;
            self.total = Some(total);
        }
        Added { received, fresh }
    }

    pub(super) fn page(&self) -> u32 {
        self.pages
    }

    pub(super) fn distinct(&self) -> u64 {
        count(self.ids.len())
    }

    /// Whether a figure that can be trusted says that everybody has come. A round one needs a page shorter than the others
    /// beside it, as some servers stop counting at a round number.
    pub(super) fn is_full(&self, received: u64) -> bool {
        let says_all = self.witnessed && !self.moved && self.total == Some(self.distinct());
        says_all && (received < self.largest || !self.distinct().is_multiple_of(ROUND))
    }

    /// The end by an empty page.
    pub(super) fn at_empty_page(self) -> Ended {
        let distinct = self.distinct();
        let doubt = match self.total {
            Some(_) if self.witnessed && self.moved => Some(Doubt::Moved),
            Some(total) if self.witnessed && total != distinct => Some(Doubt::Miscounted { distinct, total }),
            Some(_) if self.witnessed => None,
            _ if self.overlap => Some(Doubt::Overlapping),
            // Even one page: somebody may have left it, and others moved up, before the empty one was asked for.
            _ if distinct > 0 => Some(Doubt::Unwitnessed),
            _ => None,
        };
        self.ended(doubt)
    }

    /// The end by the server's own word: a page that names no next one. That says where the end is, not that nobody
    /// shifted before it: many tokens are numbers in disguise.
    pub(super) fn at_last_cursor(self) -> Ended {
        let distinct = self.distinct();
        let doubt = match self.total {
            Some(_) if self.witnessed && self.moved => Some(Doubt::Moved),
            Some(total) if self.witnessed && total != distinct => Some(Doubt::Miscounted { distinct, total }),
            Some(_) if self.witnessed => None,
            _ if self.pages > 1 => Some(Doubt::Unwitnessed),
            _ => None,
        };
        self.ended(doubt)
    }

    pub(super) fn whole(self) -> Ended {
        self.ended(None)
    }

    pub(super) fn stuck(self) -> Ended {
        let page = self.pages;
        self.ended(Some(Doubt::NotPaging { page }))
    }

    /// The end by a page that was asked for by number and brought nobody new. Beyond their end some servers start again;
    /// a server that does not page at all never gets as far as a figure that was greater than its page.
    pub(super) fn at_known_page(self) -> Ended {
        if self.witnessed && !self.moved && self.total == Some(self.distinct()) { self.whole() } else { self.stuck() }
    }

    fn ended(self, doubt: Option<Doubt>) -> Ended {
        let Self { ids, pages, largest, total, witnessed, overlap: overlapped, .. } = self;
        let verdict = doubt.map_or_else(|| Verdict::Whole(last_page_seen()), Verdict::Doubtful);
        Ended { verdict, ids, total: total.filter(|_| witnessed), largest, overlapped, pages }
    }
}
