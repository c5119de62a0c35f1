//! Page walkers that are fed by hand: they decide what to ask for next and when a listing has been read to its end.
//!
//! ```text
//! link     the next page is a link in the last one (Graph, Okta)
//! index    the next page is a number: where to start (SCIM, RFC 7644)
//! cursor   the next page is a token (SCIM, RFC 9865)
//! tally    what the pages of a numbered or token listing add up to
//! ```
//!
//! They do no IO. Whoever fetches pages shows each one; the walker answers with the next or with how it ended.
//!
//! Invariant: [`LastPageSeen`] is made here and nowhere else, and only from a page that ends its listing.
//! Invariant: every walk ends: pages are bounded, and whatever goes round in circles is noticed.
//! Deliberately absent: what a record is. A walker sees links, numbers and ids.

mod cursor;
mod index;
mod link;
mod tally;

use url::{Origin, Url};

use crate::directory::LastPageSeen;

pub use cursor::{CursorTurn, CursorWalker};
pub use index::{IndexTurn, IndexWalker};
pub use link::{End, Ending, Links, PagingError, Turn, Walker};
pub use tally::{Doubt, Ended, Sheet, Verdict, agreed, moving};

/// Whether `link` has the scheme, host and port of `root`, and no user name or password of its own.
#[must_use]
pub fn same_origin(root: &Url, link: &Url) -> bool {
    let origin = root.origin();
    matches!(origin, Origin::Tuple(..))
        && origin == link.origin()
        && link.username().is_empty()
        && link.password().is_none()
}

/// The one place where the evidence is made; the walkers below are the only ones who can call it.
fn last_page_seen() -> LastPageSeen {
    LastPageSeen::witnessed()
}
