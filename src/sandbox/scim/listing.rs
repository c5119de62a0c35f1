//! Listings: who fits, in which order, and which page of them.
//!
//! Invariant: without filter and order a page costs its own size; a filter or an order is worked out once for as long as
//! nothing changes.
//!
//! (RFC 7644, 3.4.2; RFC 9865, 2.)

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cursor::{Cursor, Rules};
use super::filter::{self, Served, instant};
use super::manners::{Filters, IndexPaging, Totals};
use super::path::{self, Path, Selection};
use super::query::Query;
use super::render::Scene;
use super::reply::Refusal;
use super::shape;
use super::{Kind, Own};
use crate::sandbox::tenant::State;

pub(super) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The last filter or order that was worked out.
#[derive(Debug)]
pub(super) struct Worked {
    key: WorkedKey,
    order: Arc<Vec<usize>>,
}

#[cfg(test)]
impl Worked {
    pub(super) fn order(&self) -> Arc<Vec<usize>> {
        self.order.clone()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct WorkedKey {
    kind: Kind,
    filter: Option<String>,
    sort: Option<(String, bool)>,
    version: usize,
    revision: u64,
}

/// A page before it is JSON.
struct Page {
    items: Vec<usize>,
    total: usize,
    /// Of index pages.
    start: Option<i64>,
    next: Option<String>,
}

/// The page of a listing; `looping` asks for a server that does not get on.
pub(super) fn list(
    own: &mut Own,
    state: &State,
    root: &str,
    kind: Kind,
    query: &Query,
    looping: bool,
) -> Result<Value, Refusal> {
    own.served += 1;
    let order = order(own, state, root, kind, query)?;
    let manners = &own.settings.manners;
    let by_default = manners.cursors && manners.index != IndexPaging::Served;
    let by_cursor = manners.cursors && (query.cursor.is_some() || by_default);
    if query.cursor.is_some() && query.start.is_some() && manners.cursors {
        return Err(Refusal::bad("invalidValue", "cursor and startIndex exclude each other."));
    }
    if manners.index == IndexPaging::Refused && query.start.is_some() {
        return Err(Refusal::bad("invalidValue", "startIndex is not supported; use cursor."));
    }
    let asked = query.count.map(|count| usize::try_from(count).unwrap_or(0));
    let count = asked.unwrap_or(usize::MAX).min(own.settings.max_page);
    let page = if by_cursor {
        if query.count.is_some_and(|count| count < 0) {
            return Err(Refusal::bad("invalidCount", "count must not be negative."));
        }
        let rules = Rules {
            key: &state.tenant_id,
            now: state.now(),
            life_secs: own.settings.cursor_life_secs,
            generation: own.generation,
        };
        let sorted = query.sort_by.is_some() && manners.sort;
        let mut page = by_cursor_page(&Cursor::of(kind, query, count, rules)?, &order, sorted, looping, rules);
        if looping && query.cursor.as_deref().is_some_and(|cursor| !cursor.is_empty()) {
            page.next.clone_from(&query.cursor);
        }
        page
    } else {
        by_index_page(own, &order, query, count, looping)
    };
    Ok(body(own, state, root, kind, query, by_cursor, page))
}

fn by_cursor_page(cursor: &Cursor, order: &[usize], sorted: bool, looping: bool, rules: Rules<'_>) -> Page {
    let from = if sorted { cursor.next } else { order.partition_point(|index| *index < cursor.next) };
    let from = from.min(order.len());
    let end = (from + cursor.count).min(order.len());
    let next = (end < order.len()).then(|| if sorted { end } else { order[end] });
    let next = if looping { Some(cursor.next) } else { next };
    // Without a page there is nothing to go on from.
    let next = next.filter(|_| cursor.count > 0).map(|next| cursor.onward(next, rules.key));
    Page { items: order[from..end].to_vec(), total: order.len(), start: None, next }
}

fn by_index_page(own: &Own, order: &[usize], query: &Query, count: usize, looping: bool) -> Page {
    let manners = &own.settings.manners;
    let first = i64::from(!manners.zero_based);
    let start = query.start.unwrap_or(first).max(first);
    let mut from = usize::try_from(start - first).unwrap_or(usize::MAX);
    if manners.index == IndexPaging::FirstPage {
        from = 0;
    }
    if manners.beyond_end && from >= order.len() {
        from = order.len().saturating_sub(count);
    }
    from = from.saturating_sub(manners.overlap);
    if looping {
        from = from.saturating_sub(count);
    }
    let from = from.min(order.len());
    let end = from.saturating_add(count).min(order.len());
    Page { items: order[from..end].to_vec(), total: order.len(), start: Some(start), next: None }
}

fn body(own: &Own, state: &State, root: &str, kind: Kind, query: &Query, by_cursor: bool, page: Page) -> Value {
    let (scene, manners) = (own.scene(state, root), &own.settings.manners);
    let selection = if manners.selection { query.selection() } else { Selection::All };
    let Page { items, total, start, next } = page;
    let resources: Vec<Value> = items
        .iter()
        .map(|index| {
            let mut resource = scene.resource(kind, *index, &selection, true);
            shape::resource(&mut resource, *index, manners);
            Value::Object(resource)
        })
        .collect();
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("schemas", json!([LIST]));
    match manners.totals {
        Totals::NotWithCursors if by_cursor && query.count != Some(0) => {}
        Totals::OfPage => drop(set("totalResults", json!(resources.len()))),
        Totals::All | Totals::NotWithCursors => drop(set("totalResults", json!(total))),
    }
    set("itemsPerPage", json!(resources.len()));
    if let Some(start) = start {
        set("startIndex", json!(start));
    }
    if let Some(next) = next {
        set("nextCursor", json!(next));
    }
    if !(resources.is_empty() && manners.no_empty_resources) {
        set("Resources", Value::Array(resources));
    }
    Value::Object(body)
}

/// Everybody who fits, in order.
fn order(own: &mut Own, state: &State, root: &str, kind: Kind, query: &Query) -> Result<Arc<Vec<usize>>, Refusal> {
    let manners = own.settings.manners.clone();
    let filter = query.filter.clone().filter(|_| manners.filters != Filters::Ignored);
    let sort = query.sort_by.clone().filter(|_| manners.sort).map(|by| (by, query.descending));
    let all = match kind {
        Kind::User => own.book.users.clone(),
        Kind::Group => own.book.groups.clone(),
    };
    let order = if filter.is_none() && sort.is_none() {
        all
    } else {
        let (version, revision) = (state.store.version(), own.revision);
        let key = WorkedKey { kind, filter, sort, version, revision };
        match own.worked.as_ref().filter(|worked| worked.key == key) {
            Some(worked) => worked.order.clone(),
            None => {
                let order = Arc::new(work(&own.scene(state, root), &key, &all)?);
                own.worked = Some(Worked { key, order: order.clone() });
                order
            }
        }
    };
    if !manners.shuffled {
        return Ok(order);
    }
    let mut order = order.to_vec();
    order.sort_by_cached_key(|index| {
        let mut hasher = DefaultHasher::new();
        (own.served, index).hash(&mut hasher);
        hasher.finish()
    });
    Ok(Arc::new(order))
}

fn work(scene: &Scene<'_>, key: &WorkedKey, all: &[usize]) -> Result<Vec<usize>, Refusal> {
    let manners = scene.manners;
    let mut fitting = all.to_vec();
    if let Some(text) = &key.filter {
        if manners.filters == Filters::Refused {
            return Err(Refusal::new(501, "Filters are not supported."));
        }
        let bad = |detail: String| Refusal::bad("invalidFilter", format!("The filter cannot be read: {detail}."));
        let filter = filter::read(text, manners.text_dates).map_err(bad)?;
        match filter.served(manners.filters).map_err(|detail| Refusal::bad("invalidFilter", detail))? {
            Served::Nothing => fitting.clear(),
            Served::By(filter) => {
                fitting.retain(|index| filter.fits(&|name, below| scene.lookup(key.kind, *index, name, below)));
            }
        }
    }
    if let Some((by, descending)) = &key.sort {
        let path = Path::read(by).ok_or_else(|| Refusal::bad("invalidPath", "sortBy is not an attribute."))?;
        fitting.sort_by_cached_key(|index| sort_key(scene, key.kind, *index, &path));
        if *descending {
            fitting.reverse();
        }
    }
    Ok(fitting)
}

/// Values before no value; texts without case; of several the primary one, else the first.
#[derive(PartialEq, Eq)]
struct SortKey(Option<String>);

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(left), Some(right)) => left.cmp(right),
            (left, right) => left.is_none().cmp(&right.is_none()),
        }
    }
}

fn sort_key(scene: &Scene<'_>, kind: Kind, index: usize, path: &Path) -> SortKey {
    let Some(mut value) = scene.lookup(kind, index, path.top(), path.below()) else { return SortKey(None) };
    if let Some(items) = value.as_array() {
        let primary = items.iter().find(|item| path::member(item, "primary") == Some(&Value::Bool(true)));
        value = primary.or_else(|| items.first()).cloned().unwrap_or(Value::Null);
    }
    let mut found = Vec::new();
    path::walk(&value, path.below(), &mut found);
    SortKey(found.first().map(|value| match value {
        Value::String(text) if instant(text).is_some() => text.clone(),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }))
}
