//! One entry for each parser of bytes that a remote sends: no panic, and the laws that hold for whatever comes.
//!
//! ```text
//! an answer    first line the status, then header lines, a blank line, the body
//! a listing    bodies of pages, one after the other, divided by a record separator (0x1E)
//! everything else is one text
//! ```
//!
//! Invariant: an entry decides by its input alone; it opens no connection and reads no clock and no file.
//! Invariant: a law is checked with `assert!`, so that an input that breaks it is a crash, found and kept like any other.
//! Deliberately absent: the fuzzer. `tests/fuzz` feeds the entries, with coverage or from its corpus.

use std::fmt::{self, Debug};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use url::Url;

use crate::error::PullError;
use crate::http::{Answer, retry_after};
use crate::paging::{Ending, Links, Turn, Walker};

/// A name, and what to feed.
pub type Target = (&'static str, fn(&[u8]));

/// Every entry of this crate.
pub const TARGETS: &[Target] = &[
    ("graph_users", crate::microsoft::fuzzing::users),
    ("graph_groups", crate::microsoft::fuzzing::groups),
    ("graph_batch", crate::microsoft::fuzzing::batch),
    ("graph_error", crate::microsoft::fuzzing::error),
    ("graph_cursor", crate::microsoft::fuzzing::cursor),
    ("okta_users", crate::okta::fuzzing::users),
    ("okta_assignments", crate::okta::fuzzing::assignments),
    ("okta_items", crate::okta::fuzzing::items),
    ("okta_answer", crate::okta::fuzzing::answer),
    ("okta_cursor", crate::okta::fuzzing::cursor),
    ("scim_users", crate::scim::fuzzing::users),
    ("scim_groups", crate::scim::fuzzing::groups),
    ("scim_discovery", crate::scim::fuzzing::discovery),
    ("scim_error", crate::scim::fuzzing::error),
    ("scim_path", crate::scim::fuzzing::path),
    ("scim_cursor", crate::scim::fuzzing::cursor),
    ("token_answer", crate::auth::fuzzing::token),
    ("private_key", crate::auth::fuzzing::key),
    ("retry_after", wait),
];

/// Divides the pages of a listing.
const SEPARATOR: u8 = 0x1e;

/// Pages a listing is read to at most.
const MOST_PAGES: u32 = 8;

/// The longest text an error may have.
const LONGEST_ERROR: usize = 1_000;

/// How much longer than the input what is kept of it may be: `1e300` is read as a number of 301 digits.
const MOST_GROWTH: usize = 128;

/// The pages of a listing.
pub(crate) fn pages(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|byte| *byte == SEPARATOR)
}

/// An input as an answer.
pub(crate) fn answer(input: &[u8]) -> Answer {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((input, &b""[..]), |at| (&input[..at], &input[at + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok());
    let mut headers = HeaderMap::new();
    for line in lines.take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    Answer {
        status: status.unwrap_or(StatusCode::BAD_REQUEST),
        headers,
        body: body.to_vec(),
        client_request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
    }
}

/// Law: a text of ours for people has nothing of a body in it. Whatever we write ourselves is plain ASCII on one line; codes
/// and ids are let through only if they are plain words. So an address, a foreign letter or a line break came from outside.
pub(crate) fn require_private(text: &str) {
    let ours = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '@';
    assert!(text.chars().all(ours), "an error text carries what a remote sent: {text:?}");
    assert!(text.len() <= LONGEST_ERROR, "an error text has {} characters", text.len());
}

/// The same for a whole error: what it says, what to do, and its debug form.
pub(crate) fn require_private_error(error: &PullError) {
    require_private(&error.to_string());
    require_private(&error.hint);
    require_private(&format!("{error:?}"));
}

/// Law: what is kept is bounded by what came.
pub(crate) fn require_bounded(input: &[u8], kept: usize) {
    assert!(kept <= (input.len() + 16) * MOST_GROWTH, "{kept} bytes are kept of {}", input.len());
}

/// Law: reading twice gives the same, and a text that stops before its end is never a whole one.
pub(crate) fn require_whole<T: Debug, E: Debug>(body: &[u8], read: impl Fn(&[u8]) -> Result<T, E>) -> Option<T> {
    let first = read(body);
    assert_eq!(format!("{first:?}"), format!("{:?}", read(body)), "the same bytes are read in two ways");
    let whole = first.ok()?;
    let text = body.trim_ascii_end();
    // The last byte is missing; the second half is; and a place in between that differs from body to body.
    let place = body.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    for cut in [text.len().saturating_sub(1), text.len() / 2, place % text.len().max(1)] {
        assert!(read(&text[..cut]).is_err(), "the first {cut} of {} bytes are taken for the whole", text.len());
    }
    Some(whole)
}

/// What the top of a page says, read in another way than the page is: how many records stand in its lists of this name, and
/// whether any link of that name has a value.
#[derive(Debug, Default)]
pub(crate) struct Top {
    pub(crate) records: usize,
    pub(crate) links: usize,
}

pub(crate) fn top(body: &[u8], list: &str, link: &str) -> Top {
    struct Pairs(Vec<(String, Value)>);
    impl<'de> Visitor<'de> for Pairs {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
            while let Some(pair) = map.next_entry()? {
                self.0.push(pair);
            }
            Ok(self)
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Pairs(pairs) = reader.deserialize_map(Pairs(Vec::new())).unwrap_or(Pairs(Vec::new()));
    let mut top = Top::default();
    for (name, value) in pairs {
        top.records += if name == list { value.as_array().map_or(0, Vec::len) } else { 0 };
        top.links += usize::from(name == link && !value.is_null());
    }
    top
}

/// Law: a walk follows links of its own origin only, and ends.
pub(crate) struct Walk {
    root: Url,
    walker: Option<Walker>,
    /// How many pages were shown.
    pub(crate) shown: u32,
}

impl Walk {
    pub(crate) fn new(root: &str, ending: Ending) -> Self {
        let root = Url::parse(root).expect("a root that is written here is an address");
        Self { walker: Some(Walker::new(root.clone(), ending, MOST_PAGES)), root, shown: 0 }
    }

    /// Shows the links of a page. `true` if the listing goes on.
    pub(crate) fn turn(&mut self, links: Links<'_>) -> bool {
        let Some(walker) = self.walker.take() else { return false };
        self.shown += 1;
        match walker.turn(links) {
            Ok(Turn::More(more)) => {
                require_own(&self.root, more.current());
                assert_eq!(Some(more.current()), links.next.and_then(|next| Url::parse(next).ok()).as_ref());
                self.walker = Some(more);
                true
            }
            Ok(Turn::Done(end)) => {
                assert!(links.next.is_none(), "a page with a next link was taken for the last one");
                end.delta.iter().for_each(|delta| require_own(&self.root, delta));
                assert_eq!(end.pages, self.shown);
                false
            }
            Err(error) => {
                require_private(&error.to_string());
                false
            }
        }
    }
}

/// Law: where a credential may go.
pub(crate) fn require_own(root: &Url, link: &Url) {
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    assert_eq!(place(root), place(link), "a credential would leave the origin");
    assert!(link.username().is_empty() && link.password().is_none(), "a link brings a credential of its own");
}

/// `Retry-After`, alone.
fn wait(input: &[u8]) {
    let asked = retry_after(&answer(input).headers);
    assert_eq!(asked, retry_after(&answer(input).headers));
}
