//! Pages with opaque tokens.
//!
//! Invariant: a token works for the operation that gave it and for no other; no two pages give the same token, so only a
//! fault makes a loop.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use super::route::Call;
use super::store::Store;

/// Where a page starts and how long it gets.
#[derive(Debug)]
pub(super) struct PageRequest {
    operation: &'static str,
    after: Option<String>,
    size: usize,
    turn: u64,
}

impl PageRequest {
    /// Reads `MaxResults` (1 to `most`, else `default`) and `NextToken` from the query of a GET, the body of a POST.
    pub(super) fn read(call: &Call, store: &mut Store, default: usize, most: usize) -> Result<Self, Refusal> {
        let (wanted, token) = if call.body.is_object() {
            let token = call.body.get("NextToken").filter(|value| !value.is_null());
            let token = match token.map(|value| value.as_str().ok_or_else(wrong_token)) {
                Some(text) => Some(text?.to_owned()),
                None => None,
            };
            (call.body.get("MaxResults").filter(|value| !value.is_null()).map(Value::as_u64), token)
        } else {
            let wanted = call.query("maxResults").map(|text| text.parse::<u64>().ok());
            (wanted, call.query("nextToken").map(str::to_owned))
        };
        let size = match wanted {
            None => default,
            Some(number) => number
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| Refusal::parameter(format!("MaxResults must be between 1 and {most}")))?,
        };
        let after = token.map(|token| open(call.operation, &token)).transpose()?.flatten();
        store.pages += 1;
        let size = if store.settings.short_pages { shortened(size, store.pages) } else { size };
        Ok(Self { operation: call.operation, after, size, turn: store.pages })
    }

    /// The page of `map` (in the order of its keys) and the token of the next one, if there is anything left.
    pub(super) fn cut<T>(
        &self,
        map: &BTreeMap<String, T>,
        wanted: impl Fn(&T) -> bool,
        show: impl Fn(&T) -> Value,
    ) -> (Vec<Value>, Option<String>) {
        let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = map.range::<String, _>((start, Bound::Unbounded)).filter(|(_, entry)| wanted(entry)).peekable();
        let mut last = self.after.clone();
        let mut page = Vec::new();
        while page.len() < self.size
            && let Some((key, entry)) = rest.next()
        {
            page.push(show(entry));
            last = Some(key.clone());
        }
        let token = rest.peek().map(|_| seal(self.operation, self.turn, last.as_deref()));
        (page, token)
    }
}

/// Uneven lengths, an empty page among them: only the missing token ends a listing.
fn shortened(size: usize, turn: u64) -> usize {
    match turn % 4 {
        1 => size.div_ceil(3),
        2 => 0,
        3 => 1,
        _ => size,
    }
}

fn seal(operation: &str, turn: u64, last: Option<&str>) -> String {
    let plain = format!("{operation}\n{turn}\n{}", last.unwrap_or(""));
    URL_SAFE_NO_PAD.encode(format!("{}\n{plain}", checksum(&plain)))
}

fn open(operation: &str, token: &str) -> Result<Option<String>, Refusal> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(wrong_token)?;
    let (sum, plain) = text.split_once('\n').ok_or_else(wrong_token)?;
    let mut parts = plain.splitn(3, '\n');
    let (of, _turn, last) = (parts.next(), parts.next(), parts.next().ok_or_else(wrong_token)?);
    if sum != checksum(plain) || of != Some(operation) {
        return Err(wrong_token());
    }
    Ok(Some(last.to_owned()).filter(|last| !last.is_empty()))
}

fn checksum(plain: &str) -> String {
    Sha256::digest(plain).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn wrong_token() -> Refusal {
    Refusal::parameter("NextToken is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_where_it_was_given() {
        let token = seal("ListUsers", 3, Some("b"));
        assert_eq!(open("ListUsers", &token), Ok(Some("b".to_owned())));
        assert_eq!(open("SearchUsers", &token), Err(wrong_token()));
        assert_eq!(open("ListUsers", &token[1..]), Err(wrong_token()));
        assert_eq!(open("ListUsers", "next"), Err(wrong_token()));
        assert_ne!(token, seal("ListUsers", 4, Some("b")));
    }
}
