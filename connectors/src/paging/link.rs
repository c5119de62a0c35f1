//! A listing whose pages carry the link of the next one.
//!
//! Invariant: every walk ends: pages are bounded, and a link that was followed before is refused.
//! Invariant: a link is taken as it is, whole; only its origin is looked at, which must be the one of the first link.
//! Deliberately absent: building links. A paging token is opaque; nobody takes one apart.

use std::collections::BTreeSet;

use url::Url;

use super::{last_page_seen, same_origin};
use crate::directory::LastPageSeen;

/// How a listing says that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The last page carries no next link.
    NoLink,
    /// The last page carries a delta link; a page with neither link is broken, and so is one with both.
    DeltaLink,
}

/// The links of one page, as received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Links<'a> {
    /// The next page of this listing.
    pub next: Option<&'a str>,
    /// Where the next round starts.
    pub delta: Option<&'a str>,
}

/// A walk through one listing. Consumed by each [`turn`](Self::turn), so that no page can be turned twice.
#[derive(Debug)]
pub struct Walker {
    current: Url,
    followed: BTreeSet<String>,
    page: u32,
    max_pages: u32,
    ending: Ending,
}

/// What a page led to.
#[derive(Debug)]
pub enum Turn {
    /// There is another page: [`Walker::current`].
    More(Walker),
    /// This was the last page.
    Done(End),
}

/// The end of a listing.
#[derive(Debug)]
pub struct End {
    /// Evidence that the last page was seen.
    pub proof: LastPageSeen,
    /// The delta link of the last page, if this listing has one.
    pub delta: Option<Url>,
    /// How many pages there were.
    pub pages: u32,
}

/// A page that cannot be followed. Links are not shown: they carry tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingError {
    /// The link leads to another scheme, host or port.
    #[error("page {page} links to another host than the configured one")]
    Foreign {
        /// The page, counted from 1.
        page: u32,
    },
    /// The link was followed before in this walk.
    #[error("page {page} links back to a page that was read before")]
    Repeated {
        /// The page, counted from 1.
        page: u32,
    },
    /// There are more pages than the bound.
    #[error("the listing has more than {max} pages")]
    TooManyPages {
        /// The bound.
        max: u32,
    },
    /// A page with a next link and a delta link.
    #[error("page {page} carries both a next link and a delta link")]
    BothLinks {
        /// The page, counted from 1.
        page: u32,
    },
    /// A page of a delta listing with neither link.
    #[error("page {page} carries neither a next link nor a delta link")]
    NoLink {
        /// The page, counted from 1.
        page: u32,
    },
    /// The text is not an absolute link.
    #[error("page {page} carries a link that is not a URL")]
    NotALink {
        /// The page, counted from 1.
        page: u32,
    },
}

impl Walker {
    /// A walk that starts at `first` and may read `max_pages` pages.
    #[must_use]
    pub fn new(first: Url, ending: Ending, max_pages: u32) -> Self {
        let followed = BTreeSet::from([first.as_str().to_owned()]);
        Self { current: first, followed, page: 1, max_pages, ending }
    }

    /// The link of the page to fetch now.
    #[must_use]
    pub fn current(&self) -> &Url {
        &self.current
    }

    /// The number of the page to fetch now, counted from 1.
    #[must_use]
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Shows the links of the page that was fetched from [`current`](Self::current).
    ///
    /// # Errors
    /// See [`PagingError`]. The walk is over then and proves nothing.
    pub fn turn(mut self, links: Links<'_>) -> Result<Turn, PagingError> {
        let page = self.page;
        match (links.next, links.delta, self.ending) {
            (Some(_), Some(_), _) => Err(PagingError::BothLinks { page }),
            (Some(next), None, _) => {
                let next = self.own_link(next)?;
                if !self.followed.insert(next.as_str().to_owned()) {
                    return Err(PagingError::Repeated { page });
                }
                if page >= self.max_pages {
                    return Err(PagingError::TooManyPages { max: self.max_pages });
                }
                self.current = next;
                self.page += 1;
                Ok(Turn::More(self))
            }
            (None, Some(delta), _) => {
                let delta = Some(self.own_link(delta)?);
                Ok(Turn::Done(End { proof: last_page_seen(), delta, pages: page }))
            }
            (None, None, Ending::DeltaLink) => Err(PagingError::NoLink { page }),
            (None, None, Ending::NoLink) => Ok(Turn::Done(End { proof: last_page_seen(), delta: None, pages: page })),
        }
    }

    fn own_link(&self, link: &str) -> Result<Url, PagingError> {
        let link = Url::parse(link).map_err(|_| PagingError::NotALink { page: self.page })?;
        if same_origin(&self.current, &link) { Ok(link) } else { Err(PagingError::Foreign { page: self.page }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "https://graph.example.com/v1.0/users/delta";

    fn walker(ending: Ending, max_pages: u32) -> Walker {
        Walker::new(Url::parse(ROOT).unwrap(), ending, max_pages)
    }

    /// Walks over the pages and says how it ended: the number of pages, or the error.
    fn check(ending: Ending, max_pages: u32, pages: &[Links<'_>]) -> Result<u32, PagingError> {
        let mut walk = walker(ending, max_pages);
        for links in pages {
            match walk.turn(*links)? {
                Turn::More(next) => walk = next,
                Turn::Done(end) => return Ok(end.pages),
            }
        }
        panic!("the walk wants page {} after the last one", walk.page());
    }

    fn next(link: &str) -> Links<'_> {
        Links { next: Some(link), delta: None }
    }

    #[test]
    fn every_broken_page_is_refused() {
        use Ending::{DeltaLink, NoLink};
        let end = Links::default();
        let delta = Links { next: None, delta: Some("https://graph.example.com/v1.0/users/delta?d=1") };
        let second = next("https://graph.example.com/v1.0/users/delta?p=2");
        let both = Links { next: second.next, delta: delta.delta };
        type Row<'a> = (&'static str, Ending, &'a [Links<'a>], Result<u32, PagingError>);
        let table: &[Row<'_>] = &[
            ("one page", NoLink, &[end], Ok(1)),
            ("two pages", NoLink, &[second, end], Ok(2)),
            ("a delta round", DeltaLink, &[second, delta], Ok(2)),
            ("neither link", DeltaLink, &[second, end], Err(PagingError::NoLink { page: 2 })),
            ("both links", DeltaLink, &[both], Err(PagingError::BothLinks { page: 1 })),
            ("loop to the start", NoLink, &[next(ROOT)], Err(PagingError::Repeated { page: 1 })),
            ("loop", NoLink, &[second, second], Err(PagingError::Repeated { page: 2 })),
            ("not a link", NoLink, &[next("/v1.0/users?p=2")], Err(PagingError::NotALink { page: 1 })),
            ("other host", NoLink, &[next("https://evil.example.com/")], Err(PagingError::Foreign { page: 1 })),
            ("other port", NoLink, &[next("https://graph.example.com:8443/")], Err(PagingError::Foreign { page: 1 })),
            ("other scheme", NoLink, &[next("http://graph.example.com/")], Err(PagingError::Foreign { page: 1 })),
            ("user part", NoLink, &[next("https://u:p@graph.example.com/")], Err(PagingError::Foreign { page: 1 })),
            ("no host", NoLink, &[next("data:text/plain,x")], Err(PagingError::Foreign { page: 1 })),
        ];
        for (name, ending, pages, expected) in table {
            assert_eq!(check(*ending, 10, pages), *expected, "{name}");
        }
    }

    proptest! {
        /// However many pages there are, the walk reads all of them or says that it did not.
        #[test]
        fn a_walk_reads_every_page_or_fails(pages in 1_u32..60, max in 1_u32..60) {
            let links: Vec<String> = (2..=pages).map(|page| format!("{ROOT}?p={page}")).collect();
            let mut shown: Vec<Links<'_>> = links.iter().map(|link| next(link)).collect();
            shown.push(Links::default());
            let expected = if pages <= max { Ok(pages) } else { Err(PagingError::TooManyPages { max }) };
            prop_assert_eq!(check(Ending::NoLink, max, &shown), expected);
        }

        /// A server that sends us round in circles is noticed within one circle.
        #[test]
        fn any_circle_is_found(circle in 1_u32..20) {
            let mut walk = walker(Ending::NoLink, u32::MAX);
            let mut turns = 0;
            let error = loop {
                let link = format!("{ROOT}?p={}", turns % circle);
                turns += 1;
                match walk.turn(next(&link)) {
                    Ok(Turn::More(more)) => walk = more,
                    Ok(Turn::Done(_)) => panic!("a next link is not an end"),
                    Err(error) => break error,
                }
            };
            prop_assert_eq!(error, PagingError::Repeated { page: circle + 1 });
            prop_assert_eq!(turns, circle + 1);
        }

        /// No text a server can send as a link makes us leave the host or panic.
        #[test]
        fn only_own_links_are_followed(link in "\\PC{0,60}") {
            if let Ok(Turn::More(walk)) = walker(Ending::NoLink, 5).turn(next(&link)) {
                prop_assert_eq!(walk.current().host_str(), Some("graph.example.com"));
                prop_assert_eq!(walk.current().scheme(), "https");
            }
        }
    }
}
