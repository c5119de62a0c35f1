//! Cursors: opaque to clients, signed, of unreserved characters only.
//!
//! Invariant: a cursor belongs to one listing: another filter, order, selection or kind beside it is refused.
//!
//! (RFC 9865, 2.)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Kind;
use super::query::Query;
use super::reply::Refusal;

/// Where a listing stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    kind: Kind,
    print: u64,
    pub(super) count: usize,
    /// In a listing without order, the index of the resource to go on with, which survives that others go; else the
    /// place in the order.
    pub(super) next: usize,
    at: i64,
    generation: u32,
}

/// What decides about a cursor beside the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) key: &'a str,
    pub(super) now: DateTime<Utc>,
    pub(super) life_secs: u32,
    /// Cursors of earlier generations have been ended by hand.
    pub(super) generation: u32,
}

impl Cursor {
    /// The first of a listing, or the one given.
    pub(super) fn of(kind: Kind, query: &Query, count: usize, rules: Rules<'_>) -> Result<Self, Refusal> {
        let (at, generation) = (rules.now.timestamp(), rules.generation);
        let fresh = Self { kind, print: query.print(), count, next: 0, at, generation };
        let given = query.cursor.as_deref().unwrap_or_default();
        if given.is_empty() {
            return Ok(fresh);
        }
        let Some(cursor) = unsigned(rules.key, given) else {
            return Err(Refusal::bad("invalidCursor", "The cursor is not one of ours."));
        };
        if cursor.kind != kind || cursor.print != fresh.print {
            return Err(Refusal::bad("invalidCursor", "The cursor belongs to another query."));
        }
        if cursor.count != count {
            return Err(Refusal::bad("invalidCount", "count must stay the same from page to page."));
        }
        if cursor.generation != generation || at - cursor.at >= i64::from(rules.life_secs) {
            return Err(Refusal::bad("expiredCursor", "The cursor has expired."));
        }
        Ok(Self { at, ..cursor })
    }

    /// The cursor of another place in the same listing.
    pub(super) fn onward(&self, next: usize, key: &str) -> String {
        let text = serde_json::to_vec(&Self { next, ..self.clone() }).unwrap_or_default();
        format!("{}{}", seal(key, &text), URL_SAFE_NO_PAD.encode(text))
    }
}

fn seal(key: &str, text: &[u8]) -> String {
    let digest = Sha256::new().chain_update(key).chain_update(text).finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

fn unsigned(key: &str, token: &str) -> Option<Cursor> {
    // Nine bytes are twelve characters.
    let (mark, text) = token.split_at_checked(12)?;
    let text = URL_SAFE_NO_PAD.decode(text).ok()?;
    if seal(key, &text) != mark {
        return None;
    }
    serde_json::from_slice(&text).ok()
}
