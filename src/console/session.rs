//! Sessions: a random id in a cookie, its hash in the state file, an end when it rests and an end in any case.
//!
//! Invariant: whether a session lives is read from the state file at every request, so that a new token ends all of them at
//! once, also one made by another process.
//! Invariant: looking at pages writes at most once a minute, beside the page: a run that holds the file keeps nobody waiting.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use chrono::TimeDelta;

use super::gate::Who;
use super::{Console, secret};
use crate::model::Time;
use crate::store::{Hash, StoreError};

/// A session that is not used for so long has ended.
const RESTS: TimeDelta = TimeDelta::hours(1);
/// The longest session.
pub(super) const LASTS: TimeDelta = TimeDelta::hours(12);
/// How often it is written down that a session is in use.
const WRITTEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Sessions whose last use is remembered apart from the file.
const MOST: usize = 200;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) hash: Hash,
    /// The word that its forms carry.
    pub(super) csrf: String,
}

/// When each session was used last, and when that was written down.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<HashMap<Hash, (Time, Time)>>);

impl Used {
    /// The last use as far as it is known.
    fn last(&self, hash: &Hash, stored: Time) -> Time {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(hash).map_or(stored, |(last, _)| stored.max(*last))
    }

    /// The last use as far as it is known; now it is used again. Whether that is to be written down.
    fn note(&self, hash: &Hash, stored: Time, now: Time) -> (Time, bool) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() > MOST {
            used.retain(|_, (last, _)| now - *last < RESTS);
        }
        let (last, written) = used.get(hash).copied().unwrap_or((stored, stored));
        let (last, written) = (last.max(stored), written.max(stored));
        let write = now - written >= WRITTEN_EVERY;
        if now - last < RESTS {
            used.insert(*hash, (now, if write { now } else { written }));
        } else {
            used.remove(hash);
        }
        (last, write)
    }
}

/// The name of the cookie. Browsers accept `__Host-` for this very host and https only.
fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-rollcall" } else { "rollcall" }
}

/// The cookie that begins a session.
pub(super) fn cookie(id: &str, secure: bool) -> String {
    let (name, secure) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", LASTS.num_seconds())
}

/// The cookie that ends it.
pub(super) fn no_cookie(secure: bool) -> String {
    let (name, secure) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}")
}

/// The session of a request, if it has one that lives.
///
/// # Errors
/// If the state file cannot be read.
pub(super) async fn of(console: &Console, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
    let Some(id) = id(headers, console.secure()) else { return Ok(None) };
    let hash = secret::hash(&id);
    let access = console.access();
    let Some(row) = access.look.session(&hash).await? else { return Ok(None) };
    let now = console.now();
    let used = console.used();
    let (last, write) =
        if by_itself(headers) { (used.last(&hash, row.used), false) } else { used.note(&hash, row.used, now) };
    if now - last >= RESTS || now - row.begun >= LASTS {
        return Ok(None);
    }
    if write {
        let keep = access.keep.clone();
        tokio::spawn(async move {
            if let Err(error) = keep.use_session(&hash, now).await {
                tracing::warn!(error = %error, "the use of a console session was not written down");
            }
        });
    }
    Ok(Some(Session { hash, csrf: secret::csrf(&id) }))
}

/// Whether a page asks by itself, as it does for what goes on: nobody need sit before it, so a session rests all the same.
fn by_itself(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|dest| dest == "empty")
}

/// Whether a session that looked a moment ago still lives. Being asked is no use of it.
pub(super) async fn lives(console: &Console, who: &Who) -> bool {
    // Whoever shows the token shows it with each request.
    let Some(hash) = who.session else { return true };
    let row = console.access().look.session(&hash).await;
    let now = console.now();
    // A file that cannot be read for a moment signs nobody out.
    row.map_or(true, |row| row.is_some_and(|row| now - row.begun < LASTS))
}

/// The id in the cookie; whatever does not look like one of ours is none.
fn id(headers: &HeaderMap, secure: bool) -> Option<String> {
    let name = cookie_name(secure);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| HeaderValue::to_str(value).ok());
    let mut found = cookies.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let id = found.next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (id.len() == 43 && id.chars().all(plain)).then(|| id.to_owned())
}
