//! A listing by tokens: `cursor` and `nextCursor` (RFC 9865, 2).
//!
//! Invariant: the listing ends where a page names no next one, and nowhere else; an empty page in the middle is none.
//! Invariant: a token that was used before ends the walk as a doubt.

use std::collections::BTreeSet;

use super::link::PagingError;
use super::tally::{Ended, Sheet, Tally};

/// A walk through one listing. Consumed by each [`turn`](Self::turn).
#[derive(Debug)]
pub struct CursorWalker {
    cursor: String,
    used: BTreeSet<String>,
    max_pages: u32,
    tally: Tally,
}

/// What a page led to.
#[derive(Debug)]
pub enum CursorTurn {
    /// There is another page: [`CursorWalker::cursor`].
    More(CursorWalker),
    /// The walk is over.
    Ended(Ended),
}

impl CursorWalker {
    /// A walk that starts at the first page and may read `max_pages` pages.
    #[must_use]
    pub fn new(max_pages: u32) -> Self {
        Self { cursor: String::new(), used: BTreeSet::new(), max_pages, tally: Tally::default() }
    }

    /// The token of the page to fetch now; empty for the first one.
    #[must_use]
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The number of the page to fetch now, counted from 1.
    #[must_use]
    pub fn page(&self) -> u32 {
        self.tally.page() + 1
    }

    /// Shows the page that was fetched with [`cursor`](Self::cursor), and the token of the next one.
    ///
    /// # Errors
    /// [`PagingError::TooManyPages`].
    pub fn turn(mut self, sheet: Sheet<'_>, next: Option<&str>) -> Result<CursorTurn, PagingError> {
        let added = self.tally.add(sheet);
        let Some(next) = next else {
            return Ok(CursorTurn::Ended(self.tally.at_last_cursor()));
        };
        let stuck = added.received > 0 && added.fresh == 0;
        if stuck || !self.used.insert(next.to_owned()) {
            return Ok(CursorTurn::Ended(self.tally.stuck()));
        }
        if self.tally.page() >= self.max_pages {
            return Err(PagingError::TooManyPages { max: self.max_pages });
        }
        next.clone_into(&mut self.cursor);
        Ok(CursorTurn::More(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ExternalId;
    use crate::paging::{Doubt, Verdict};

    type Row<'a> = (&'a str, &'a [Page<'a>], Option<Option<Doubt>>);
    type Page<'a> = (&'a [&'a str], Option<u64>, Option<&'a str>);

    fn walk(pages: &[Page<'_>]) -> Option<Ended> {
        let mut walker = CursorWalker::new(10);
        for (ids, total, next) in pages {
            let ids: Vec<ExternalId> = ids.iter().map(|id| (*id).into()).collect();
            match walker.turn(Sheet { ids: &ids, total: *total }, *next).unwrap() {
                CursorTurn::More(more) => walker = more,
                CursorTurn::Ended(ended) => return Some(ended),
            }
        }
        None
    }

    #[test]
    fn only_a_page_without_a_next_one_ends_it() {
        let table: &[Row<'_>] = &[
            ("two pages", &[(&["1", "2"], Some(3), Some("a")), (&["3"], Some(3), None)], Some(None)),
            (
                "two pages without a total",
                &[(&["1", "2"], None, Some("a")), (&["3"], None, None)],
                Some(Some(Doubt::Unwitnessed)),
            ),
            ("somebody left", &[(&["1", "2"], Some(4), Some("a")), (&["4"], Some(3), None)], Some(Some(Doubt::Moved))),
            ("an empty page between", &[(&["1"], None, Some("a")), (&[], None, Some("b"))], None),
            ("nobody", &[(&[], None, None)], Some(None)),
            (
                "fewer than said",
                &[(&["1"], Some(3), Some("a")), (&["2"], Some(3), None)],
                Some(Some(Doubt::Miscounted { distinct: 2, total: 3 })),
            ),
            (
                "the same token again",
                &[(&["1"], None, Some("a")), (&["2"], None, Some("a"))],
                Some(Some(Doubt::NotPaging { page: 2 })),
            ),
            (
                "the same people again",
                &[(&["1"], None, Some("a")), (&["1"], None, Some("b"))],
                Some(Some(Doubt::NotPaging { page: 2 })),
            ),
        ];
        for (name, pages, expected) in table {
            let got = walk(pages).map(|ended| match ended.verdict {
                Verdict::Whole(_) => None,
                Verdict::Doubtful(doubt) => Some(doubt),
            });
            assert_eq!(got, *expected, "{name}");
        }
    }
}
