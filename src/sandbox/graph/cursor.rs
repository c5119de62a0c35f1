//! What stands in a page or delta token, signed so that a client that builds its own is found out.
//!
//! Invariant: a token carries everything its round needs; the server remembers nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Context, Refusal};
use crate::sandbox::tenant::{DeadToken, State};

/// Which kind of link a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Link {
    /// The next page of a plain listing.
    Page,
    /// The next page of a delta round.
    Round,
    /// The next delta round.
    Delta,
}

/// Where a listing or round stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The path the link is for.
    path: String,
    link: Link,
    /// `$select` of the first request, as sent.
    pub(super) select: Option<String>,
    /// `$filter` of the first request, as sent.
    pub(super) filter: Option<String>,
    pub(super) top: usize,
    /// Whether the first request was an advanced query, so that all must be.
    pub(super) advanced: bool,
    /// Whether this round lists what is there (else what changed).
    pub(super) initial: bool,
    /// Where to go on: an index, a position in the log, the number of a membership.
    pub(super) at: usize,
    /// Where to go on inside of the group at `at`.
    pub(super) inside: u64,
    /// Version of the tenant when the round began (initial) or at which it will end.
    pub(super) version: usize,
    generation: u32,
    issued: i64,
}

impl Cursor {
    /// The beginning of a listing or round, as the call asks for it.
    fn first(state: &State, ctx: &Context<'_>, link: Link, top: usize) -> Self {
        let option = |name| ctx.call.option(name).map(str::to_owned);
        Self {
            path: ctx.call.path.clone(),
            link,
            select: option("$select"),
            filter: option("$filter"),
            top,
            advanced: ctx.call.is_eventual() && ctx.call.wants_count(),
            initial: true,
            at: 0,
            inside: 0,
            version: state.store.version(),
            generation: state.generation,
            issued: state.now().timestamp(),
        }
    }

    /// Where a plain listing stands, and whether this is its first page.
    pub(super) fn of_listing(state: &State, ctx: &Context<'_>) -> Result<(Self, bool), Refusal> {
        let Some(token) = ctx.call.option("$skiptoken") else {
            return Ok((Self::first(state, ctx, Link::Page, ctx.call.top()?.min(state.settings.plain_page)), true));
        };
        let cursor = Self::read(state, ctx, "$skiptoken", token)?;
        if cursor.link != Link::Page {
            return Err(bad_token("$skiptoken"));
        }
        if state.now().timestamp() - cursor.issued >= i64::from(state.settings.page_life_secs) {
            return Err(Refusal::new(400, "Directory_ExpiredPageToken", "The specified page token value has expired."));
        }
        if cursor.advanced && !ctx.call.is_eventual() {
            return Err(Refusal::unsupported("The ConsistencyLevel header must be sent with every page of the query."));
        }
        Ok((cursor, false))
    }

    /// Where a delta round stands, or `None` for `$deltatoken=latest`, with the cursor that goes into its delta link.
    pub(super) fn of_round(state: &State, ctx: &Context<'_>) -> Result<(Self, bool), Refusal> {
        if let Some(token) = ctx.call.option("$skiptoken") {
            let cursor = Self::read(state, ctx, "$skiptoken", token)?;
            return if cursor.link == Link::Round { Ok((cursor, false)) } else { Err(bad_token("$skiptoken")) };
        }
        match ctx.call.option("$deltatoken") {
            None | Some("") => Ok((Self::first(state, ctx, Link::Round, 0), false)),
            Some("latest") => Ok((Self::first(state, ctx, Link::Round, 0), true)),
            Some(token) => {
                let mut cursor = Self::read(state, ctx, "$deltatoken", token)?;
                if cursor.link != Link::Delta {
                    return Err(bad_token("$deltatoken"));
                }
                cursor.version = state.store.version();
                Ok((cursor, false))
            }
        }
    }

    fn read(state: &State, ctx: &Context<'_>, option: &str, token: &str) -> Result<Self, Refusal> {
        if ctx.call.has_others_than(option) {
            let message = format!("Query parameters beside '{option}' must not be added to a link.");
            return Err(Refusal::new(400, "Request_BadRequest", message));
        }
        let cursor = unsigned(&state.tenant_id, token).ok_or_else(|| bad_token(option))?;
        if cursor.path != ctx.call.path {
            return Err(bad_token(option));
        }
        if cursor.link != Link::Page {
            let age = state.now().timestamp() - cursor.issued;
            if cursor.generation != state.generation {
                return Err(dead(state.dead, ctx));
            }
            if age >= i64::from(state.settings.delta_life_secs) {
                return Err(dead(DeadToken::SyncStateNotFound, ctx));
            }
        }
        Ok(cursor)
    }

    /// The link that goes on where this cursor stands.
    fn link(mut self, state: &State, ctx: &Context<'_>, link: Link) -> String {
        self.link = link;
        self.issued = state.now().timestamp();
        self.generation = state.generation;
        let option = if link == Link::Delta { "$deltatoken" } else { "$skiptoken" };
        format!("{}/v1.0{}?{option}={}", ctx.base_url, self.path, signed(&state.tenant_id, &self))
    }

    /// A page of a plain listing; `more` when it goes on.
    pub(super) fn page(
        self,
        state: &State,
        ctx: &Context<'_>,
        of: &str,
        items: Vec<Value>,
        more: bool,
    ) -> Map<String, Value> {
        let mut body = Map::from_iter([("@odata.context".to_owned(), ctx.context(of))]);
        if more {
            body.insert("@odata.nextLink".to_owned(), json!(self.link(state, ctx, Link::Page)));
        }
        body.insert("value".to_owned(), Value::Array(items));
        body
    }

    /// A page of a delta round: with the link to the next page, or to the next round.
    pub(super) fn round(self, state: &State, ctx: &Context<'_>, of: &str, items: Vec<Value>, more: bool) -> Value {
        let mut body = Map::from_iter([("@odata.context".to_owned(), ctx.context(of))]);
        let (name, link) = if more {
            ("@odata.nextLink", self.link(state, ctx, Link::Round))
        } else {
            // What changed while the round was read stands in the log behind the version it began with.
            let at = if ctx.empty && !self.initial { self.at } else { self.version };
            let next = Self { initial: false, at, inside: 0, ..self };
            ("@odata.deltaLink", next.link(state, ctx, Link::Delta))
        };
        body.insert(name.to_owned(), json!(link));
        body.insert("value".to_owned(), Value::Array(items));
        Value::Object(body)
    }
}

/// The ids a delta round was narrowed to: `id eq '..'` joined by `or`, at most 50.
pub(super) fn filtered_ids(filter: Option<&str>) -> Result<Option<Vec<String>>, Refusal> {
    let Some(filter) = filter else { return Ok(None) };
    let ids: Option<Vec<String>> = filter
        .split(" or ")
        .map(|clause| {
            let clause = clause.trim().trim_start_matches('(').trim_end_matches(')');
            let id = clause.trim().strip_prefix("id eq ")?.trim();
            Some(id.strip_prefix('\'')?.strip_suffix('\'')?.to_ascii_lowercase())
        })
        .collect();
    let ids = ids.ok_or_else(|| Refusal::unsupported("Unsupported Query: delta supports filters on id only."))?;
    if ids.len() > 50 {
        return Err(Refusal::unsupported("Unsupported Query: at most 50 ids can be filtered for."));
    }
    Ok(Some(ids))
}

fn bad_token(option: &str) -> Refusal {
    Refusal::new(400, "Request_BadRequest", format!("Badly formed token: the value of '{option}' is not one of ours."))
}

fn dead(shape: DeadToken, ctx: &Context<'_>) -> Refusal {
    match shape {
        DeadToken::Gone => {
            let path = &ctx.call.path;
            Refusal::new(410, "resyncRequired", "Resync required.")
                .header("location", format!("{}/v1.0{path}?$deltatoken=", ctx.base_url))
        }
        DeadToken::SyncStateNotFound => {
            Refusal::new(400, "syncStateNotFound", "The sync state generation is not found.")
        }
        DeadToken::UnsupportedQuery => Refusal::unsupported("DeltaLink older than 30 days is not supported."),
    }
}

fn seal(key: &str, text: &[u8]) -> String {
    let digest = Sha256::new().chain_update(key).chain_update(text).finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

fn signed(key: &str, cursor: &Cursor) -> String {
    let text = serde_json::to_vec(cursor).unwrap_or_default();
    format!("{}{}", seal(key, &text), URL_SAFE_NO_PAD.encode(text))
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
