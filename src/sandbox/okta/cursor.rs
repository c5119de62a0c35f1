//! What stands in `after`: where a listing goes on, sealed so that a client that builds its own is found out.
//!
//! Invariant: a cursor carries everything its listing needs, and works for that listing alone; the org remembers nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::reply::Refusal;

/// The last one that was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Its index.
    #[serde(rename = "i")]
    pub(super) index: usize,
    /// Its time, in listings that are ordered by one.
    #[serde(rename = "t")]
    pub(super) time: i64,
    /// What it was sorted by, in listings ordered by a text.
    #[serde(rename = "s")]
    pub(super) text: String,
}

impl Place {
    pub(super) fn index(index: usize) -> Self {
        Self { index, ..Self::default() }
    }

    /// As it stands in the link of this listing.
    pub(super) fn sealed(&self, listing: &str) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        format!("{}{}", mark(listing, &text), URL_SAFE_NO_PAD.encode(text))
    }

    /// Where the listing goes on; none is its beginning.
    pub(super) fn read(after: Option<&str>, listing: &str) -> Result<Option<Self>, Refusal> {
        after.map(|after| Self::opened(after, listing).ok_or_else(bad)).transpose()
    }

    fn opened(after: &str, listing: &str) -> Option<Self> {
        // Nine bytes are twelve characters.
        let (seal, text) = after.split_at_checked(12)?;
        let text = URL_SAFE_NO_PAD.decode(text).ok()?;
        if mark(listing, &text) != seal {
            return None;
        }
        serde_json::from_slice(&text).ok()
    }
}

/// What a cursor of somebody's own making reads.
pub(super) fn bad() -> Refusal {
    Refusal::invalid("after: the cursor is not valid")
}

fn mark(listing: &str, text: &[u8]) -> String {
    let digest = Sha256::new().chain_update("sandbox").chain_update(listing).chain_update(text).finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
}
