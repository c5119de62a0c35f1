//! A listing by numbers: `startIndex` and `count` (RFC 7644, 3.4.2.4).
//!
//! Invariant: the next page starts where the records that came end, not where the ones that were asked for would. A careful
//! walk starts it where the *new* ones end: on servers whose pages overlap, nobody is skipped then.
//! Invariant: the listing goes on until an empty page, unless a figure that proved itself in this very listing and a short
//! page both say that everybody has come.

use super::link::PagingError;
use super::tally::{Ended, Sheet, Tally};

/// A walk through one listing. Consumed by each [`turn`](Self::turn).
#[derive(Debug)]
pub struct IndexWalker {
    start: u64,
    careful: bool,
    max_pages: u32,
    tally: Tally,
}

/// What a page led to.
#[derive(Debug)]
pub enum IndexTurn {
    /// There may be another page: [`IndexWalker::start`].
    More(IndexWalker),
    /// The walk is over.
    Ended(Ended),
}

impl IndexWalker {
    /// A walk that starts at this index and may read `max_pages` pages.
    #[must_use]
    pub fn new(first: u64, max_pages: u32) -> Self {
        Self { start: first, careful: false, max_pages, tally: Tally::default() }
    }

    /// The same, advancing by new records only.
    #[must_use]
    pub fn careful(self, careful: bool) -> Self {
        Self { careful, ..self }
    }

    /// The index of the first record to ask for now.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The number of the page to fetch now, counted from 1.
    #[must_use]
    pub fn page(&self) -> u32 {
        self.tally.page() + 1
    }

    /// Shows the page that was fetched from [`start`](Self::start).
    ///
    /// # Errors
    /// [`PagingError::TooManyPages`].
    pub fn turn(mut self, sheet: Sheet<'_>) -> Result<IndexTurn, PagingError> {
        let added = self.tally.add(sheet);
        if added.received == 0 {
            return Ok(IndexTurn::Ended(self.tally.at_empty_page()));
        }
        if added.fresh == 0 {
            return Ok(IndexTurn::Ended(self.tally.at_known_page()));
        }
        if self.tally.is_full(added.received) {
            return Ok(IndexTurn::Ended(self.tally.whole()));
        }
        if self.tally.page() >= self.max_pages {
            return Err(PagingError::TooManyPages { max: self.max_pages });
        }
        self.start += if self.careful { added.fresh } else { added.received };
        Ok(IndexTurn::More(self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::ExternalId;
    use crate::paging::{Doubt, Verdict, agreed};

    fn ids(of: &[u32]) -> Vec<ExternalId> {
        of.iter().map(|id| id.to_string().into()).collect()
    }

    /// Walks over pages of ids and totals; `None` in the end if the walk wants another page.
    fn walk(pages: &[(&[u32], Option<u64>)]) -> Option<Ended> {
        let mut walker = IndexWalker::new(1, 1_000);
        for (page, total) in pages {
            match walker.turn(Sheet { ids: &ids(page), total: *total }).unwrap() {
                IndexTurn::More(more) => walker = more,
                IndexTurn::Ended(ended) => return Some(ended),
            }
        }
        None
    }

    fn doubt(ended: &Ended) -> Option<Doubt> {
        match ended.verdict {
            Verdict::Whole(_) => None,
            Verdict::Doubtful(doubt) => Some(doubt),
        }
    }

    #[test]
    fn an_end_is_believed_only_if_it_adds_up() {
        type Pages<'a> = &'a [(&'a [u32], Option<u64>)];
        let table: &[(&str, Pages<'_>, Option<Doubt>)] = &[
            ("nobody", &[(&[], Some(0))], None),
            ("nobody, without a total", &[(&[], None)], None),
            ("nobody, of five", &[(&[], Some(5))], Some(Doubt::Miscounted { distinct: 0, total: 5 })),
            ("one page", &[(&[1, 2], Some(2)), (&[], Some(2))], None),
            ("a short last page", &[(&[1, 2], Some(3)), (&[3], Some(3))], None),
            ("a full last page", &[(&[1, 2], Some(4)), (&[3, 4], Some(4)), (&[], Some(4))], None),
            ("starts again beyond the end", &[(&[1, 2], Some(4)), (&[3, 4], Some(4)), (&[1, 2], Some(4))], None),
            (
                "starts again, one too few",
                &[(&[1, 2], Some(4)), (&[3], Some(4)), (&[1, 2], Some(4))],
                Some(Doubt::NotPaging { page: 3 }),
            ),
            (
                "starts again, small total",
                &[(&[1, 2], Some(2)), (&[1, 2], Some(2))],
                Some(Doubt::NotPaging { page: 2 }),
            ),
            ("one page, and no total", &[(&[1, 2], None), (&[], None)], Some(Doubt::Unwitnessed)),
            ("startIndex ignored", &[(&[1, 2], Some(5)), (&[1, 2], Some(5))], Some(Doubt::NotPaging { page: 2 })),
            ("total of the page", &[(&[1, 2], Some(2)), (&[3], Some(1)), (&[], Some(0))], Some(Doubt::Unwitnessed)),
            ("no totals", &[(&[1, 2], None), (&[3], None), (&[], None)], Some(Doubt::Unwitnessed)),
            ("overlap, no totals", &[(&[1, 2], None), (&[2, 3], None), (&[], None)], Some(Doubt::Overlapping)),
            ("overlap, right total", &[(&[1, 2], Some(3)), (&[2, 3], Some(3)), (&[], Some(3))], None),
            ("somebody left", &[(&[1, 2], Some(4)), (&[4], Some(3)), (&[], Some(3))], Some(Doubt::Moved)),
            (
                "one is missing",
                &[(&[1, 2], Some(4)), (&[3], Some(4)), (&[], Some(4))],
                Some(Doubt::Miscounted { distinct: 3, total: 4 }),
            ),
        ];
        for (name, pages, expected) in table {
            let ended = walk(pages).unwrap_or_else(|| panic!("{name}: the walk wants more"));
            assert_eq!(doubt(&ended), *expected, "{name}");
        }
    }

    #[test]
    fn a_server_that_starts_again_after_a_round_total_has_shown_everybody() {
        let half: Vec<u32> = (0..25).collect();
        let other: Vec<u32> = (25..50).collect();
        let pages: &[(&[u32], Option<u64>)] = &[(&half, Some(50)), (&other, Some(50)), (&half, Some(50))];
        assert_eq!(doubt(&walk(pages).unwrap()), None);
    }

    #[test]
    fn a_round_total_is_where_some_servers_stop_counting() {
        let half: Vec<u32> = (0..25).collect();
        let other: Vec<u32> = (25..50).collect();
        let pages: &[(&[u32], Option<u64>)] = &[(&half, Some(50)), (&other, Some(50))];
        assert!(walk(pages).is_none(), "one more page is asked for");
        let more: &[(&[u32], Option<u64>)] = &[pages[0], pages[1], (&[50], Some(50)), (&[], Some(50))];
        let ended = walk(more).unwrap();
        assert_eq!(doubt(&ended), Some(Doubt::Miscounted { distinct: 51, total: 50 }));
    }

    #[test]
    fn two_readings_without_totals_must_agree() {
        let one = walk(&[(&[1, 2], None), (&[3], None), (&[], None)]).unwrap();
        let same = walk(&[(&[3, 1], None), (&[2], None), (&[], None)]).unwrap();
        let other = walk(&[(&[1, 2], None), (&[4], None), (&[], None)]).unwrap();
        let stuck = walk(&[(&[1, 2, 3], None), (&[1], None)]).unwrap();
        assert!(agreed(&one, &same).is_some());
        assert!(agreed(&one, &other).is_none());
        assert!(agreed(&one, &stuck).is_none());
    }

    #[test]
    fn pages_are_bounded() {
        let walker = IndexWalker::new(1, 1);
        let error = walker.turn(Sheet { ids: &ids(&[1]), total: None }).unwrap_err();
        assert_eq!(error, PagingError::TooManyPages { max: 1 });
    }

    proptest! {
        /// A server that says the truth and keeps its order is read whole, whatever the sizes.
        #[test]
        fn a_true_listing_is_whole(people in 0_u32..200, size in 1_usize..50, says_total: bool) {
            let everybody = ids(&(0..people).collect::<Vec<_>>());
            let total = says_total.then_some(u64::from(people));
            let mut walker = IndexWalker::new(1, 1_000);
            let ended = loop {
                let from = usize::try_from(walker.start() - 1).unwrap().min(everybody.len());
                let to = (from + size).min(everybody.len());
                match walker.turn(Sheet { ids: &everybody[from..to], total }).unwrap() {
                    IndexTurn::More(more) => walker = more,
                    IndexTurn::Ended(ended) => break ended,
                }
            };
            prop_assert_eq!(ended.ids.len(), everybody.len());
            let whole = matches!(ended.verdict, Verdict::Whole(_));
            prop_assert!(whole || (!says_total && matches!(doubt(&ended), Some(Doubt::Unwitnessed))));
        }

        /// Whatever pages come: if fewer people were seen than a true total says, it is not called whole.
        #[test]
        fn a_short_listing_is_never_whole(pages in prop::collection::vec(prop::collection::vec(0_u32..30, 0..6), 1..12)) {
            let mut walker = IndexWalker::new(1, 1_000);
            for page in pages {
                match walker.turn(Sheet { ids: &ids(&page), total: Some(31) }).unwrap() {
                    IndexTurn::More(more) => walker = more,
                    IndexTurn::Ended(ended) => {
                        prop_assert!(doubt(&ended).is_some());
                        return Ok(());
                    }
                }
            }
        }
    }
}
